//! A conversation in the one shape that every provider takes: each tool call answered once, in order, right after it.

use std::borrow::Cow;
use std::collections::HashSet;

use haltpoint_engine::Json;
use haltpoint_engine::message::{Message, Role};
use serde_json::{Map, Value, json};

const NO_RESULT: &str = "No result was recorded for this call.";
const NAME_LIMIT: usize = 64;

/// Something that somebody says.
pub(crate) enum Turn<'a> {
    System(&'a str),
    User(&'a str),
    Assistant(Assistant<'a>),
    /// One result for each call of the assistant's turn before, in the order of the calls.
    Results(Vec<CallResult<'a>>),
}

/// What the model said.
pub(crate) struct Assistant<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) calls: Vec<Call<'a>>,
    /// What the present provider and model attached to this message, if they wrote it.
    pub(crate) data: Option<Map<String, Value>>,
}

impl Assistant<'_> {
    /// Whether the model was asked to reason for this message.
    pub(crate) fn reasons(&self) -> bool {
        let reasons = self.data.as_ref().and_then(|data| data.get("reasoning"));
        reasons.and_then(Value::as_bool) == Some(true)
    }

    /// The pieces that the provider sent, under `key`, if the calls among them are still those of the message.
    pub(crate) fn pieces(&self, key: &str, is_call: impl Fn(&Value) -> bool) -> Option<&[Value]> {
        let pieces = self.data.as_ref()?.get(key)?.as_array()?;
        (pieces.iter().filter(|piece| is_call(piece)).count() == self.calls.len()).then_some(pieces.as_slice())
    }
}

/// A call that the model asked for.
pub(crate) struct Call<'a> {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text of an object.
    pub(crate) args: Cow<'a, str>,
}

impl Call<'_> {
    /// The arguments as a JSON object.
    pub(crate) fn object(&self) -> Value {
        serde_json::from_str(&self.args).unwrap_or_else(|_| json!({}))
    }
}

/// What a call came to.
pub(crate) struct CallResult<'a> {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content: &'a str,
    pub(crate) is_error: bool,
}

/// Who a conversation is written for.
pub(crate) struct Reader<'a> {
    pub(crate) provider: &'a str,
    pub(crate) model: &'a str,
    pub(crate) id_style: IdStyle,
}

/// Puts messages in order for one reader, behind those that `ids` has seen.
pub(crate) fn turns_of<'a>(messages: &'a [Message], reader: &Reader<'_>, ids: &mut WireIds) -> Vec<Turn<'a>> {
    let mut turns = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let text = message.content.as_deref().unwrap_or_default();
        match message.role {
            Role::System if text.trim().is_empty() => {}
            Role::System => turns.push(Turn::System(text)),
            Role::User => turns.push(Turn::User(text)),
            Role::Assistant => push_assistant(&mut turns, message, &messages[index + 1..], reader, ids),
            // Taken up with the assistant's turn that asked for it.
            Role::Tool => {}
        }
    }
    turns
}

fn push_assistant<'a>(
    turns: &mut Vec<Turn<'a>>,
    message: &'a Message,
    later: &'a [Message],
    reader: &Reader<'_>,
    ids: &mut WireIds,
) {
    let text = message.content.as_deref().filter(|text| !text.trim().is_empty());
    if text.is_none() && message.tool_calls.is_empty() {
        return;
    }
    let calls: Vec<_> = message
        .tool_calls
        .iter()
        .map(|call| Call {
            id: ids.take(&call.id),
            name: wire_name(&call.name),
            args: object_text(&call.args),
        })
        .collect();
    let results = results(message, later, &calls);
    turns.push(Turn::Assistant(Assistant {
        text,
        calls,
        data: own_data(message, reader),
    }));
    if !results.is_empty() {
        turns.push(Turn::Results(results));
    }
}

fn results<'a>(message: &Message, later: &'a [Message], calls: &[Call<'_>]) -> Vec<CallResult<'a>> {
    let mut given: Vec<_> = later
        .iter()
        .take_while(|message| message.role != Role::Assistant)
        .filter(|message| message.role == Role::Tool)
        .collect();
    let asked = message.tool_calls.iter().zip(calls);
    asked
        .map(|(asked, call)| {
            let place = given
                .iter()
                .position(|result| result.tool_call_id.as_ref() == Some(&asked.id));
            let result = place.map(|place| given.remove(place));
            CallResult {
                id: call.id.clone(),
                name: call.name.clone(),
                content: result.map_or(NO_RESULT, |result| result.content.as_deref().unwrap_or_default()),
                is_error: result.is_none_or(|result| result.is_error),
            }
        })
        .collect()
}

/// What one provider or model signed, another one refuses.
fn own_data(message: &Message, reader: &Reader<'_>) -> Option<Map<String, Value>> {
    let data: Map<String, Value> = serde_json::from_str(message.provider_data.as_ref()?.get()).ok()?;
    let is = |key, value| data.get(key).and_then(Value::as_str) == Some(value);
    (is("provider", reader.provider) && is("model", reader.model)).then_some(data)
}

/// Providers take an object and nothing else; arguments that were none were refused at the time, and are shown as they
/// came.
fn object_text(args: &Json) -> Cow<'_, str> {
    let text = args.get().trim();
    if text.starts_with('{') {
        return Cow::Borrowed(text);
    }
    // Text that a model wrote: the arguments themselves, if it wrote them well.
    let written: Option<String> = serde_json::from_str(text).ok();
    match written.filter(|inner| serde_json::from_str::<Map<String, Value>>(inner).is_ok()) {
        Some(inner) => Cow::Owned(inner),
        None => Cow::Owned(format!("{{\"arguments\":{text}}}")),
    }
}

/// A model may have called a tool by a name that no provider lets through again.
fn wire_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = name
        .chars()
        .take(NAME_LIMIT)
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// The form of tool call ids that a provider takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdStyle {
    /// At most 40 letters, digits, underscores and hyphens: fits all but Mistral.
    Common,
    /// Exactly nine letters and digits.
    Mistral,
}

impl IdStyle {
    fn takes(self, id: &str) -> bool {
        match self {
            Self::Common => {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
                (1..=40).contains(&id.len()) && id.bytes().all(allowed)
            }
            Self::Mistral => id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
        }
    }

    fn write(self, hash: u64) -> String {
        match self {
            Self::Common => format!("call_{hash:016x}"),
            Self::Mistral => format!("{:09x}", hash & 0xf_ffff_ffff),
        }
    }
}

/// Gives each call of a conversation an id that the provider takes and that no other call has. Ids may come from
/// another provider, or repeat from one run of a session to the next. The same conversation always gets the same ids.
pub(crate) struct WireIds {
    style: IdStyle,
    taken: HashSet<String>,
}

impl WireIds {
    pub(crate) fn new(style: IdStyle) -> Self {
        Self {
            style,
            taken: HashSet::new(),
        }
    }

    fn take(&mut self, id: &str) -> String {
        if self.style.takes(id) && self.taken.insert(id.to_owned()) {
            return id.to_owned();
        }
        let mut attempt = 0_u64;
        loop {
            let candidate = self.style.write(stable_hash(id, attempt));
            if self.taken.insert(candidate.clone()) {
                return candidate;
            }
            attempt += 1;
        }
    }
}

/// FNV-1a: the standard library's hashes may differ from one build to the next, and prompt caches live on equal bytes.
fn stable_hash(text: &str, attempt: u64) -> u64 {
    let bytes = text.bytes().chain(attempt.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
