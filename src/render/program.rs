//! What a value must not hold so that the program behind the environment takes it as it is.
//!
//! The checks are those of the real parsers: django-environ 0.14's `Env.get_value` and `Env.db_url_config`, kombu 5.7
//! and redis-py 8.1 over Python's `urllib.parse`, and Flower 2.1's `--basic_auth`.

use crate::schema::Reader;

/// What the value holds that the program cannot take; nothing where it takes the value.
pub(super) fn objection(reader: Reader, value: &str) -> Option<&'static str> {
    match reader {
        Reader::DjangoEnviron => {
            value.starts_with('$').then_some("a leading `$`, which names another variable there")
        }
        Reader::Flower => object_to_flower(value),
        Reader::Url => object_to_url(value),
    }
}

/// The user's name or password, or the password and then further `user:password` with commas between them, which is
/// how one user has two passwords.
fn object_to_flower(value: &str) -> Option<&'static str> {
    let is_user = |part: &str| part.find(':').is_some_and(|at| at > 0 && at + 1 < part.len());
    if !value.split(',').skip(1).all(is_user) {
        return Some("a comma, which separates its users");
    }
    (!value.is_ascii()).then_some("a character beyond ASCII, which makes every login fail")
}

/// An empty value stands for a URL that is not set.
fn object_to_url(url: &str) -> Option<&'static str> {
    if url.is_empty() || url == "sqlite://:memory:" {
        return None;
    }
    if url.chars().any(char::is_control) {
        return Some("a control character, which is dropped from URLs");
    }
    if url.starts_with(char::is_whitespace) || url.ends_with(char::is_whitespace) {
        return Some("a space around a URL");
    }
    if !is_percent_encoded(url) {
        return Some("a `%` in a URL that does not start the encoding of UTF-8 text");
    }
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) else {
        return Some("a text that is no URL");
    };
    if rest.contains('#') {
        return Some("a raw `#` in a URL; write %23");
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    object_to_authority(authority).or_else(|| object_to_tail(url, scheme, tail))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
}

/// `user:password@host:port`, with nothing raw in it that has a meaning in a URL.
fn object_to_authority(authority: &str) -> Option<&'static str> {
    let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    // RFC 3986, section 3.2.1: userinfo = *( unreserved / pct-encoded / sub-delims / ":" ).
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&byte);
    if !credentials.bytes().all(fine) || credentials.matches(':').count() > 1 {
        return Some("a URL whose user or password is not percent-encoded");
    }
    if !hosts.split(',').all(is_host) {
        return Some(
            "a URL whose host or port cannot be told from the rest (is the password percent-encoded?)",
        );
    }
    None
}

/// `host`, `host:port` or `[address]:port`; django-environ takes several with commas between them.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, rest)) => {
            let fine =
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b":.".contains(&b));
            (if fine { "address" } else { "[" }, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    port_fine && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte))
}

fn is_port(port: &str) -> bool {
    port.is_empty() || (port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

fn object_to_tail(url: &str, scheme: &str, tail: &str) -> Option<&'static str> {
    let path = tail.split_once('?').map_or(tail, |(path, _)| path);
    if tail.contains('@') {
        return Some("a raw `@` after the host of a URL (is the password percent-encoded?)");
    }
    if tail.contains(['[', ']']) {
        return Some("a raw `[` or `]` in a URL, which encodes the rest of it a second time");
    }
    if path.contains('+') {
        return Some("a raw `+` in the path of a URL, which becomes a space; write %2B");
    }
    if path.is_empty() && url.contains('%') && scheme != "sqlite" {
        return Some("a URL without a path, which is encoded a second time; end the host with `/`");
    }
    None
}

/// Whether every `%` starts an encoded byte, and the encoded bytes are UTF-8: Python replaces what is not.
fn is_percent_encoded(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let mut bytes = Vec::new();
        rest = &rest[at..];
        while let Some(after) = rest.strip_prefix('%') {
            let Some(byte) = after.get(..2).and_then(decode_byte) else { return false };
            bytes.push(byte);
            rest = &after[2..];
        }
        let fine = std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains('\0'));
        zeroize::Zeroize::zeroize(&mut bytes);
        if !fine {
            return false;
        }
    }
    true
}

fn decode_byte(digits: &str) -> Option<u8> {
    let fine = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    fine.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}
