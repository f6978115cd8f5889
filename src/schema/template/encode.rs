//! The filters that are ours, on both ways of rendering.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::secret::SecretText;

/// A filter that needs no minijinja.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    /// `urlencode`.
    UrlEncode,
    /// `b64encode`.
    Base64Encode,
}

impl Filter {
    /// The filter of that name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "urlencode" => Some(Self::UrlEncode),
            "b64encode" => Some(Self::Base64Encode),
            _ => None,
        }
    }

    /// The most bytes that it makes of `length` bytes.
    pub(super) fn longest(self, length: usize) -> usize {
        match self {
            Self::UrlEncode => length * 3,
            Self::Base64Encode => length.div_ceil(3) * 4,
        }
    }

    fn push(self, text: &str, output: &mut SecretText) {
        match self {
            Self::UrlEncode => push_url_encoded(text, output),
            Self::Base64Encode => push_base64(text, output),
        }
    }
}

/// Appends the text as the filters leave it.
pub(super) fn apply(filters: &[Filter], text: &str, output: &mut SecretText) {
    match filters {
        [] => output.push_str(text),
        [filter] => filter.push(text, output),
        [filter, rest @ ..] => {
            let mut between = SecretText::with_capacity(filter.longest(text.len()));
            filter.push(text, &mut between);
            apply(rest, between.expose(), output);
        }
    }
}

/// Percent-encodes everything outside `A-Za-z0-9-._~` (RFC 3986's unreserved characters). Jinja's own filter leaves
/// `/` alone, with which a password ends the authority of its URL.
fn push_url_encoded(text: &str, output: &mut SecretText) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let mut rest = text;
    while let Some(special) = rest.find(|c: char| !u8::try_from(c).is_ok_and(is_plain)) {
        let (plain, tail) = rest.split_at(special);
        output.push_str(plain);
        let length = tail.chars().next().map_or(0, char::len_utf8);
        for byte in tail.bytes().take(length) {
            output.push('%');
            output.push(char::from(DIGITS[usize::from(byte >> 4)]));
            output.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        rest = &tail[length..];
    }
    output.push_str(rest);
}

/// Standard base64 with padding (RFC 4648, section 4).
fn push_base64(text: &str, output: &mut SecretText) {
    let room = Filter::Base64Encode.longest(text.len());
    let mut encoded = Zeroizing::new(String::with_capacity(room));
    STANDARD.encode_string(text, &mut encoded);
    output.push_str(&encoded);
}
