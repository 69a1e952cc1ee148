//! Texts as PostgreSQL takes them: it has no text with a zero character in it, and names that users give may have one.

use std::borrow::Cow;

use haltpoint_engine::Text;

/// Stands before what a zero character, or this very character, became.
const MARK: char = '\u{f8ff}';

/// A text as it is stored. The same text is always stored the same, so that it can be looked for.
pub(crate) fn stored(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut stored = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => stored.extend([MARK, '0']),
            MARK => stored.extend([MARK, '1']),
            other => stored.push(other),
        }
    }
    Cow::Owned(stored)
}

/// As [`stored`], of a text that may not be there.
pub(crate) fn optional<T: AsRef<str>>(text: Option<&T>) -> Option<Cow<'_, str>> {
    text.map(|text| stored(text.as_ref()))
}

/// What was stored.
pub(crate) fn restored(stored: &str) -> Cow<'_, str> {
    if !stored.contains(MARK) {
        return Cow::Borrowed(stored);
    }
    let mut text = String::with_capacity(stored.len());
    let mut characters = stored.chars();
    while let Some(character) = characters.next() {
        match character {
            MARK => match characters.next() {
                Some('0') => text.push('\0'),
                Some('1') => text.push(MARK),
                // No haltpoint wrote that: it is shown as it stands.
                other => text.extend([Some(MARK), other].into_iter().flatten()),
            },
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

/// As [`restored`], as the engine keeps texts.
pub(crate) fn text(stored: &str) -> Text {
    restored(stored).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_comes_back_as_it_was() {
        for text in ["", "plain", "a\0b", "\0\0", "\u{f8ff}", "\u{f8ff}0", "\u{f8ff}\0x"] {
            let stored = stored(text);
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(restored(&stored), text);
        }
    }

    #[test]
    fn two_texts_are_never_stored_the_same() {
        assert_ne!(stored("\0"), stored("\u{f8ff}0"));
    }
}
