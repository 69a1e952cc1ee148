//! The small value types that everything else is made of.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// Text that is shared, never copied: a tool result of megabytes stands once in memory however many places refer to it.
pub type Text = Arc<str>;

/// A point in time in microseconds since the Unix epoch. The rules read no clock: the time is passed in, from the clock of the
/// store, see [`crate::store::handle::StoreHandle::now`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The time that many microseconds later.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// How many microseconds have passed since `earlier`; none when a clock was set back in between.
    #[must_use]
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}

/// A JSON value kept as the very text it came in, so that what was approved, hashed and run is the same to the byte.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Checks that `text` is one JSON value and keeps it.
    ///
    /// # Errors
    /// When `text` is not valid JSON.
    pub fn parse(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self(Arc::from(raw)))
    }

    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// When `value` has no JSON form, such as a map whose keys are not strings.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(|raw| Self(Arc::from(raw)))
    }

    /// Reads a value that is there, be it `null`: only one that is missing is `None`.
    pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Self::deserialize(deserializer).map(Some)
    }

    /// The JSON text.
    #[must_use]
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The value in one fixed form: names in order and no blanks. Numbers stay as they were written, because reading them may lose
    /// digits.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical(&self.0, 0)
    }

    /// Whether both stand for the same value, whatever the order of names.
    #[must_use]
    pub fn is_same_value(&self, other: &Self) -> bool {
        self == other || self.canonical() == other.canonical()
    }

    /// Whether this is a JSON object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

/// Deeper than any reader of JSON follows; what lies below stays as it was written.
const MOST_LEVELS: usize = 128;

fn canonical(raw: &RawValue, level: usize) -> String {
    let text = raw.get();
    let normal = match text.as_bytes().first() {
        _ if level > MOST_LEVELS => None,
        Some(b'{') => canonical_object(text, level),
        Some(b'[') => canonical_list(text, level),
        Some(b'"') => serde_json::from_str(text).ok().map(|text: String| quoted(&text)),
        _ => None,
    };
    normal.unwrap_or_else(|| text.to_owned())
}

fn canonical_object(text: &str, level: usize) -> Option<String> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{}", quoted(name), canonical(value, level + 1)));
    Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")))
}

fn canonical_list(text: &str, level: usize) -> Option<String> {
    let members: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
    let members = members.iter().map(|value| canonical(value, level + 1));
    Some(format!("[{}]", members.collect::<Vec<_>>().join(",")))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.get())
    }
}
