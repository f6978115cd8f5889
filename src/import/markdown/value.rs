//! What stands in a value's place, read the way Markdown shows it.

use crate::schema::Type;
use crate::secret::SecretValue;

use super::super::model::Reason;
use super::super::placeholder::{is_placeholder_in_data, is_placeholder_on_page};

/// The texts that may be meant, the likeliest first, or why there is none.
pub(super) fn readings(text: &str, kind: Option<&Type>) -> Result<Vec<SecretValue>, Reason> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    if let Some((code, rest)) = code_span(text) {
        return of_code(code, rest);
    }
    if is_placeholder_on_page(text) {
        return Err(Reason::Placeholder);
    }
    let text = unwrap(text, kind);
    if is_placeholder_on_page(text) {
        return Err(Reason::Placeholder);
    }
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    if text.contains('`') && text.contains(char::is_whitespace) {
        return Err(Reason::Description);
    }
    of_prose(text)
}

/// A code span is the value itself; what follows is a remark.
fn of_code(code: &str, rest: &str) -> Result<Vec<SecretValue>, Reason> {
    if code.is_empty() {
        Err(Reason::Empty)
    } else if is_placeholder_in_data(code) {
        Err(Reason::Placeholder)
    } else if rest.contains('`') {
        Err(Reason::Ambiguous)
    } else {
        Ok(vec![SecretValue::new(code.to_owned())])
    }
}

/// Text outside of code may carry a remark in parentheses or stand in quotes that are not meant.
fn of_prose(text: &str) -> Result<Vec<SecretValue>, Reason> {
    let mut texts = vec![text];
    if let Some((before, _)) = text.strip_suffix(')').and_then(|inner| inner.rsplit_once(" (")) {
        if is_placeholder_on_page(before.trim()) {
            return Err(Reason::Placeholder);
        }
        texts.push(before.trim());
    }
    let quotes = [('"', '"'), ('\'', '\''), ('“', '”')];
    texts.extend(quotes.iter().filter_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close)));
    Ok(texts.into_iter().map(|text| SecretValue::new(unescape(text))).collect())
}

/// The content of a code span at the start, and what follows it.
fn code_span(text: &str) -> Option<(&str, &str)> {
    let ticks = text.bytes().take_while(|byte| *byte == b'`').count();
    if ticks == 0 {
        return None;
    }
    let fence = &text[..ticks];
    let inner = &text[ticks..];
    let mut from = 0;
    let end = loop {
        let at = from + inner[from..].find(fence)?;
        let run = inner[at..].bytes().take_while(|byte| *byte == b'`').count();
        if run == ticks {
            break at;
        }
        from = at + run;
    };
    let (code, rest) = (&inner[..end], &inner[end + ticks..]);
    // One space on either side makes room for backticks at the value's own ends.
    let padded = code.strip_prefix(' ').and_then(|code| code.strip_suffix(' '));
    let code = padded.filter(|code| !code.trim().is_empty()).unwrap_or(code);
    (rest.is_empty() || rest.starts_with([' ', '\t', ',', '.', ';'])).then_some((code, rest))
}

/// Takes off bold, links and autolinks.
fn unwrap<'a>(text: &'a str, kind: Option<&Type>) -> &'a str {
    let bold = text.strip_prefix("**").and_then(|inner| inner.strip_suffix("**"));
    let text = bold.filter(|inner| !inner.contains("**") && !inner.is_empty()).unwrap_or(text);
    let angle = text.strip_prefix('<').and_then(|inner| inner.strip_suffix('>'));
    let is_address =
        |inner: &&str| (inner.contains("://") || inner.contains('@')) && !inner.contains([' ', '<', '>']);
    if let Some(inner) = angle.filter(is_address) {
        return inner;
    }
    let link =
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(')')).and_then(|rest| rest.split_once("]("));
    match link {
        Some((_, address)) if kind == Some(&Type::Url) => {
            address.trim_start_matches('<').trim_end_matches('>')
        }
        Some((label, _)) => label,
        None => text,
    }
}

/// Takes off Markdown's backslashes: `\_` is shown as `_`.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let escapes = character == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation);
        let shown = if escapes { characters.next() } else { None };
        plain.push(shown.unwrap_or(character));
    }
    plain
}
