//! What of a request must not show: its key, and all of its address but scheme, host and port.

use std::collections::HashSet;
use std::fmt::Write;

use reqwest::Url;
use serde_json::Value;

const MASK: &str = "***";
/// A piece of a secret of so many letters and digits is recognised, in whatever way the rest is written.
const PIECE: usize = 8;
/// Encoded forms have fewer different characters: a longer piece is needed to tell them from other text.
const ENCODED_PIECE: usize = 16;
/// What the name of a header holds whose value is a secret, however short it is.
const TELLING: [&str; 7] = ["auth", "cookie", "credential", "key", "pass", "secret", "token"];
/// Any other header's value of so many characters is taken for a secret, too: gateways name theirs as they like.
const LONG_VALUE: usize = 16;
/// Shorter words would mask ordinary text.
const SHORTEST: usize = 4;

/// The secrets of one request.
#[derive(Default)]
pub(crate) struct Secrets {
    /// As they are sent, where they are long enough to be told from a placeholder such as "none".
    keys: Vec<String>,
    needles: Vec<Needle>,
}

impl Secrets {
    /// The secrets of a request with a key to an address; `usual` is the provider's own address, which is public.
    pub(crate) fn new<'a>(
        key: Option<&'a str>,
        address: &str,
        usual: &str,
        headers: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> Self {
        let headers = headers.into_iter().filter(|(name, value)| is_secret(name, value));
        let keys: Vec<&str> = key
            .into_iter()
            .chain(headers.map(|(_, value)| value.as_str()))
            .collect();
        let mut needles = Vec::new();
        for key in &keys {
            needles.extend(Needle::new(key, PIECE));
            needles.extend(Needle::new(&percent_encoded(key), PIECE));
            needles.extend(
                encodings(key)
                    .iter()
                    .filter_map(|text| Needle::new(text, ENCODED_PIECE)),
            );
        }
        needles.extend(
            hidden_parts(address, usual)
                .iter()
                .filter_map(|part| Needle::new(part, PIECE)),
        );
        Self {
            keys: keys
                .into_iter()
                .filter(|key| key.len() >= PIECE)
                .map(str::to_owned)
                .collect(),
            needles,
        }
    }

    /// The text with each trace of a secret masked, also where it is encoded, spaced out or cut short.
    pub(crate) fn masked(&self, text: &str) -> String {
        let letters: Vec<Letter> = letters_of(text).collect();
        let folded: Vec<char> = letters.iter().map(|letter| letter.folded).collect();
        let mut is_secret = vec![false; letters.len()];
        for needle in &self.needles {
            needle.mark(&folded, &mut is_secret);
        }
        without(text, &letters, &is_secret)
    }

    /// Masks the key in each text of an answer.
    pub(crate) fn mask(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                for key in self.keys.iter() {
                    if text.contains(key.as_str()) {
                        *text = text.replace(key.as_str(), MASK);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.mask(field)),
            _ => {}
        }
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    value.len() >= LONG_VALUE || TELLING.iter().any(|word| name.contains(word))
}

/// A letter or digit of a text, and the bytes that it takes there.
struct Letter {
    begin: usize,
    end: usize,
    folded: char,
}

fn letters_of(text: &str) -> impl Iterator<Item = Letter> {
    text.char_indices()
        .filter(|(_, character)| character.is_alphanumeric())
        .map(|(begin, character)| Letter {
            begin,
            end: begin + character.len_utf8(),
            folded: character.to_ascii_lowercase(),
        })
}

/// All pieces of one secret.
struct Needle {
    length: usize,
    pieces: HashSet<Vec<char>>,
}

impl Needle {
    fn new(secret: &str, piece: usize) -> Option<Self> {
        let folded: Vec<char> = letters_of(secret).map(|letter| letter.folded).collect();
        let length = piece.min(folded.len());
        (length >= SHORTEST).then(|| Self {
            length,
            pieces: folded.windows(length).map(<[char]>::to_vec).collect(),
        })
    }

    fn mark(&self, folded: &[char], is_secret: &mut [bool]) {
        for (place, piece) in folded.windows(self.length).enumerate() {
            if self.pieces.contains(piece) {
                is_secret[place..place + self.length].fill(true);
            }
        }
    }
}

fn without(text: &str, letters: &[Letter], is_secret: &[bool]) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut written = 0;
    let mut was_secret = false;
    for (letter, is_secret) in letters.iter().zip(is_secret) {
        if *is_secret {
            if !was_secret {
                shown.push_str(&text[written..letter.begin]);
                shown.push_str(MASK);
            }
            written = letter.end;
        }
        was_secret = *is_secret;
    }
    shown.push_str(&text[written..]);
    shown
}

/// All but letters, digits and `-._~` as `%2F`.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Base64 at each of its three alignments, hexadecimal, and the escapes of JSON.
fn encodings(key: &str) -> Vec<String> {
    let mut hexadecimal = String::new();
    let mut escaped = String::new();
    for byte in key.bytes() {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    for unit in key.encode_utf16() {
        let _ = write!(escaped, "u{unit:04x}");
    }
    let mut found = vec![hexadecimal, escaped];
    found.extend((0..3).map(|skipped| base64_of_whole_groups(key.as_bytes().get(skipped..).unwrap_or_default())));
    found
}

fn base64_of_whole_groups(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks_exact(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        for shift in [18, 12, 6, 0] {
            text.push(char::from(ALPHABET[(bits >> shift) as usize & 63]));
        }
    }
    text
}

/// Names, passwords, and what stands in the path: some gateways take their token there.
fn hidden_parts(address: &str, usual: &str) -> Vec<String> {
    let (Ok(url), public) = (Url::parse(address), Url::parse(usual).ok()) else {
        return Vec::new();
    };
    let is_public = |segment: &str| {
        let mut known = public.iter().flat_map(Url::path_segments).flatten();
        segment.len() < PIECE || known.any(|known| known == segment)
    };
    let segments = url.path_segments().into_iter().flatten();
    [Some(url.username()), url.password()]
        .into_iter()
        .flatten()
        .chain(segments.filter(|segment| !is_public(segment)))
        .flat_map(|part| [part.to_owned(), percent_decoded(part)])
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
