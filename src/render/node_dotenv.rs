//! The npm package dotenv 16 to 18: one regular expression, which no escape leaves.

use crate::secret::SecretText;

use super::grammar::{Grammar, Limit, has_carriage_return};
use super::model::{Cursor, Entry, Head, Model, Newlines, ParseProblem, Reading, Text, is_javascript_space};
use super::spelling;

pub(super) const MODEL: Model = Model { newlines: Newlines::Universal, read };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::backtick, with_returns, spelling::bare],
    models: &[MODEL],
    limits: &[
        Limit {
            applies: has_carriage_return,
            reason: "a carriage return beside a double quote or a written-out \\n (only \"…\\r…\" holds it)",
        },
        Limit {
            applies: |value| value.contains('\'') && value.contains('"') && value.contains('`'),
            reason: "this mix of ' \" ` (it knows no escape)",
        },
    ],
    sentinels: &["Z=\"'\n`\n\"\n", "Z='\"\n`\n'\n"],
    ..Grammar::MULTILINE
};

/// `"…"` with `\r` for a carriage return, the only way to get one past the parser.
fn with_returns(name: &str, value: &str, out: &mut SecretText) -> bool {
    value.contains('\r') && spelling::double_with(name, value, out, |c| (c == '\r').then_some("\\r"))
}

fn read(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::new(text);
    let mut entries = Vec::new();
    while cursor.skip_to_statement(is_javascript_space) {
        let line = cursor.line();
        let name = cursor.take_head(Head { export: true, spaces: true, marks: ".-" })?;
        let quoted = cursor.rest().trim_start_matches(is_javascript_space).starts_with(['\'', '"', '`']);
        cursor.take_while(|c| c != '\n' && is_javascript_space(c));
        let end = match cursor.peek() {
            Some(quote @ ('\'' | '"' | '`')) => find_end(cursor.rest(), quote as u8),
            _ if quoted => return Err(ParseProblem { line, reason: "the value starts on the next line" }),
            _ => None,
        };
        let value = match end {
            Some(end) => cursor.take(end),
            None => cursor.take_while(|c| c != '#' && c != '\n'),
        };
        cursor.take_line();
        let value = unquote(value.trim_matches(is_javascript_space));
        entries.push(Entry {
            line,
            name,
            value: value.ok_or(ParseProblem { line, reason: "a line separator" })?,
        });
    }
    Ok(entries)
}

/// Where a quoted value ends: at the first quote that no backslash stands before, else at one of those before it, the
/// last first; but only where the rest of the line is blank or a comment.
fn find_end(text: &str, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let quotes = || (1..bytes.len()).filter(|at| bytes[*at] == quote);
    let free = quotes().find(|at| bytes[at - 1] != b'\\');
    if let Some(end) = free.filter(|at| is_end(&text[at + 1..])) {
        return Some(end + 1);
    }
    let limit = free.unwrap_or(bytes.len());
    let protected = (1..limit).rev().find(|at| bytes[*at] == quote && is_end(&text[at + 1..]));
    protected.map(|at| at + 1)
}

fn is_end(rest: &str) -> bool {
    let rest = rest.trim_start_matches(|c| !is_terminator(c) && is_javascript_space(c));
    rest.is_empty() || rest.starts_with(|c| c == '#' || is_terminator(c))
}

fn is_terminator(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

/// Takes the quotes off. Those at the ends of inner lines would go too, were the value not in quotes as a whole.
fn unquote(value: &str) -> Option<Text<'_>> {
    let first = value.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'));
    let whole = first.and_then(|quote| value[1..].strip_suffix(quote));
    if whole.is_none() && value.contains(is_terminator) && value.contains(['\'', '"', '`']) {
        return None;
    }
    let body = whole.unwrap_or(value);
    if first != Some('"') || !(body.contains("\\n") || body.contains("\\r")) {
        return Some(Text::Plain(body));
    }
    let mut out = SecretText::with_capacity(body.len());
    let mut rest = body;
    // Line feeds are decoded before carriage returns, but neither makes or breaks an escape of the other.
    while let Some(at) = rest.find("\\n").into_iter().chain(rest.find("\\r")).min() {
        out.push_str(&rest[..at]);
        out.push(if rest[at..].starts_with("\\n") { '\n' } else { '\r' });
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    Some(Text::Decoded(out))
}
