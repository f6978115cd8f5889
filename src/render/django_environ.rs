//! django-environ's `Env.read_env` (measured on 0.12.0 and 0.14.0): lines and nothing but lines.

use crate::secret::SecretText;

use super::grammar::{Grammar, Limit, has_line_break, is_line_break};
use super::model::{Entry, Model, Newlines, ParseProblem, Reading, Text};
use super::spelling;

pub(super) const MODEL: Model = Model { newlines: Newlines::Universal, read };

pub(super) const LINE_BREAK: Limit =
    Limit { applies: has_line_break, reason: "a line break (django-environ reads one line)" };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::escaped_quotes, spelling::bare],
    models: &[MODEL],
    limits: &[LINE_BREAK],
    ..Grammar::ONE_LINE
};

fn read(text: &str) -> Reading<'_> {
    let mut entries = Vec::new();
    let mut line = 1;
    for piece in text.split_inclusive(is_line_break) {
        let content = piece.strip_suffix(is_line_break).unwrap_or(piece);
        if !content.is_empty() && !content.starts_with('#') {
            let (name, value) = split(content).ok_or(ParseProblem { line, reason: "not NAME=value" })?;
            entries.push(Entry { line, name, value: unquote(value) });
        }
        line += usize::from(piece.ends_with('\n'));
    }
    Ok(entries)
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let fine = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    fine.then_some((name, value))
}

/// Peels single quotes, then double quotes, then both: `'"x"'` is `x`.
fn unquote(value: &str) -> Text<'_> {
    let value = peel(value, '\'').unwrap_or(value);
    match peel(value, '"') {
        Some(body) if body.contains('\\') => Text::Decoded(decode(body)),
        Some(body) => Text::Plain(body),
        None => Text::Plain(value),
    }
}

fn peel(value: &str, quote: char) -> Option<&str> {
    value.strip_prefix(quote)?.strip_suffix(quote)
}

/// Drops backslashes, but for those before `r`, `n` and `t`, and a last one.
fn decode(body: &str) -> SecretText {
    let mut out = SecretText::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(c) = characters.next() {
        let next = (c == '\\').then(|| characters.next()).flatten();
        if next.is_none_or(|next| matches!(next, 'r' | 'n' | 't')) {
            out.push(c);
        }
        if let Some(next) = next {
            out.push(next);
        }
    }
    out
}
