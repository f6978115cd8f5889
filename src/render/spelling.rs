//! The ways to write an assignment, from the most portable to the ones of a single dialect.

use crate::secret::SecretText;

/// Writes `NAME=value` without its line end; `false` where this way cannot write it.
pub(super) type Spelling = fn(&str, &str, &mut SecretText) -> bool;

/// The value as it is.
pub(super) fn bare(name: &str, value: &str, out: &mut SecretText) -> bool {
    surround(name, "", value, out)
}

/// The value as it is in `'…'`.
pub(super) fn single(name: &str, value: &str, out: &mut SecretText) -> bool {
    surround(name, "'", value, out)
}

/// The value as it is in `"…"`.
pub(super) fn double(name: &str, value: &str, out: &mut SecretText) -> bool {
    surround(name, "\"", value, out)
}

/// The value as it is in backticks.
pub(super) fn backtick(name: &str, value: &str, out: &mut SecretText) -> bool {
    surround(name, "`", value, out)
}

/// `"…"` with a backslash before `\`, `"` and `$`.
pub(super) fn escaped(name: &str, value: &str, out: &mut SecretText) -> bool {
    double_with(name, value, out, |c| match c {
        '\\' => Some("\\\\"),
        '"' => Some("\\\""),
        '$' => Some("\\$"),
        _ => None,
    })
}

/// `"…"` with a backslash before `\` and `"`.
pub(super) fn escaped_quotes(name: &str, value: &str, out: &mut SecretText) -> bool {
    double_with(name, value, out, |c| match c {
        '\\' => Some("\\\\"),
        '"' => Some("\\\""),
        _ => None,
    })
}

/// `"…"` with the replacements that `escape` gives.
pub(super) fn double_with(
    name: &str,
    value: &str,
    out: &mut SecretText,
    escape: impl Fn(char) -> Option<&'static str>,
) -> bool {
    start(name, out);
    out.push('"');
    replace(value, out, escape);
    out.push('"');
    true
}

/// Appends `value` with the replacements that `escape` gives.
pub(super) fn replace(value: &str, out: &mut SecretText, escape: impl Fn(char) -> Option<&'static str>) {
    let mut from = 0;
    for (at, c) in value.char_indices() {
        if let Some(replacement) = escape(c) {
            out.push_str(&value[from..at]);
            out.push_str(replacement);
            from = at + c.len_utf8();
        }
    }
    out.push_str(&value[from..]);
}

/// Appends `NAME=`.
pub(super) fn start(name: &str, out: &mut SecretText) {
    out.push_str(name);
    out.push('=');
}

fn surround(name: &str, quote: &str, value: &str, out: &mut SecretText) -> bool {
    start(name, out);
    out.push_str(quote);
    out.push_str(value);
    out.push_str(quote);
    true
}

/// Whether a value may stand bare in every dialect: measured in all parsers of `Dialect` and some thirty more.
///
/// One look at each byte; most values that programs generate end here.
pub(super) fn is_bare_everywhere(value: &str) -> bool {
    let mut before = b'=';
    value.bytes().enumerate().all(|(at, byte)| {
        // zsh takes `=` at the front, and right after a colon, for the path of a command.
        let fine = BARE[usize::from(byte)] && (byte != b'=' || (at > 0 && before != b':'));
        before = byte;
        fine
    })
}

const BARE: [bool; 256] = {
    let mut table = [false; 256];
    let safe = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!%*+,-./:?@[]^_{}=";
    let mut at = 0;
    while at < safe.len() {
        table[safe[at] as usize] = true;
        at += 1;
    }
    table
};
