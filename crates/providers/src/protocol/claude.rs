//! What Anthropic's models take, by their names: how they are asked to think, and how much they may answer.

use serde_json::{Map, Value, json};

use crate::settings::Effort;

/// How far a model's control of its thinking goes; each level has what those before it have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Control {
    /// A budget of tokens.
    Budget,
    /// An effort, up to "high".
    Effort,
    /// Adaptive thinking, and the effort "max".
    Adaptive,
    /// The effort "xhigh".
    Finest,
}

/// A model by its name, such as "claude-opus-4-5-20251101".
pub(super) struct Claude<'a> {
    name: &'a str,
    family: &'a str,
    /// (0, 0) for a name without a version.
    version: (u32, u32),
}

impl<'a> Claude<'a> {
    pub(super) fn new(name: &'a str) -> Self {
        let rest = name.split_once("claude-").map_or("", |(_, rest)| rest);
        let mut parts = rest.split('-');
        let family = parts.next().unwrap_or_default();
        // A longer number is a date.
        let mut numbers = parts.map_while(|part| part.parse().ok().filter(|_| part.len() <= 2));
        let version = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        Self { name, family, version }
    }

    fn is_fable_or_mythos(&self) -> bool {
        self.name.contains("fable") || self.name.contains("mythos")
    }

    fn control(&self) -> Control {
        match (self.family, self.version) {
            _ if self.is_fable_or_mythos() => Control::Finest,
            ("opus", version) if version >= (4, 7) => Control::Finest,
            ("sonnet" | "haiku", version) if version >= (5, 0) => Control::Finest,
            ("opus" | "sonnet", version) if version >= (4, 6) => Control::Adaptive,
            ("opus", version) if version >= (4, 5) => Control::Effort,
            _ => Control::Budget,
        }
    }

    /// Whether the model thinks unless it is told not to. Fable and Mythos always do, and refuse to be told.
    fn thinks_by_itself(&self) -> bool {
        matches!(self.family, "opus" | "sonnet" | "haiku") && self.version >= (5, 0)
    }

    /// Asks for thinking, or for none.
    pub(super) fn insert_thinking(&self, body: &mut Map<String, Value>, effort: Effort) {
        let control = self.control();
        if effort == Effort::None {
            if self.thinks_by_itself() {
                body.insert("thinking".to_owned(), json!({"type": "disabled"}));
            }
            return;
        }
        if control >= Control::Effort {
            body.insert(
                "output_config".to_owned(),
                json!({"effort": effort_word(effort, control)}),
            );
        }
        let thinking = match control {
            Control::Budget => json!({"type": "enabled", "budget_tokens": budget(effort)}),
            Control::Effort => return,
            Control::Adaptive | Control::Finest => json!({"type": "adaptive"}),
        };
        body.insert("thinking".to_owned(), thinking);
    }

    /// The most tokens that the model may answer, which the protocol wants to be told.
    pub(super) fn most_tokens(&self) -> u32 {
        match (self.family, self.version) {
            _ if self.is_fable_or_mythos() => 128_000,
            ("opus", version) if version >= (4, 8) => 128_000,
            ("haiku", version) if version >= (5, 0) => 128_000,
            ("opus", (4, minor)) if minor < 5 => 32_000,
            ("opus", (3, _)) => 4096,
            // claude-3-5-sonnet, claude-3-opus and so on.
            ("3", (5, _)) => 8192,
            ("3", _) if self.name.contains("3-opus") || self.name.contains("3-haiku") => 4096,
            _ => 64_000,
        }
    }
}

fn effort_word(effort: Effort, control: Control) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::XHigh if control >= Control::Finest => "xhigh",
        Effort::Max if control >= Control::Adaptive => "max",
        Effort::High | Effort::XHigh | Effort::Max => "high",
    }
}

fn budget(effort: Effort) -> u32 {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => 1024,
        Effort::Medium => 8000,
        Effort::High | Effort::XHigh | Effort::Max => 24_000,
    }
}
