//! Docker Compose v2's `env_file`, after compose-go's package `dotenv` (measured on 2.26.1 and 2.40.3).

use crate::secret::SecretText;

use super::grammar::Grammar;
use super::model::{
    Cursor, Entry, Head, INTERPOLATION, Model, Newlines, ParseProblem, Reading, Text, UNTERMINATED,
};
use super::spelling;

pub(super) const MODEL: Model = Model { newlines: Newlines::AsTheyAre, read };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::escaped],
    models: &[MODEL],
    ..Grammar::MULTILINE
};

fn read(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::after_mark(text);
    let mut entries = Vec::new();
    while cursor.skip_to_statement(char::is_whitespace) {
        let line = cursor.line();
        let name = cursor.take_head(Head { export: true, spaces: true, marks: ".-" })?;
        cursor.take_while(|c| matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'));
        let value = match cursor.peek() {
            Some(quote @ ('\'' | '"')) => read_quoted(&mut cursor, quote)?,
            _ => read_bare(&mut cursor)?,
        };
        entries.push(Entry { line, name, value });
    }
    Ok(entries)
}

fn read_bare<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>, ParseProblem> {
    let line = cursor.take_line();
    let value = line.split_once(" #").map_or(line, |(value, _)| value).trim_end();
    interpolate(Text::Plain(value)).ok_or_else(|| cursor.problem(INTERPOLATION))
}

fn read_quoted<'a>(cursor: &mut Cursor<'a>, quote: char) -> Result<Text<'a>, ParseProblem> {
    let opened = cursor.problem(UNTERMINATED);
    cursor.next();
    let body = cursor.rest();
    let mut escape = false;
    let end = body
        .bytes()
        .position(|byte| {
            let closes = byte == quote as u8 && !escape;
            escape = byte == b'\\' && !escape;
            closes
        })
        .ok_or(opened)?;
    let body = cursor.take(end);
    cursor.next();
    let value = unescape_quote(body, quote);
    let value = if quote == '"' {
        let decoded = decode(value).ok_or_else(|| cursor.problem("an octal escape"))?;
        interpolate(decoded).ok_or_else(|| cursor.problem(INTERPOLATION))?
    } else {
        value
    };
    cursor.end_line(char::is_whitespace)?;
    Ok(value)
}

/// Takes the backslash from before the quote that it protects, and leaves every other one.
fn unescape_quote(body: &str, quote: char) -> Text<'_> {
    if !body.contains('\\') {
        return Text::Plain(body);
    }
    let mut out = SecretText::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(c) = characters.next() {
        match (c == '\\').then(|| characters.next()).flatten() {
            Some(next) if next == quote => out.push(quote),
            Some(next) => {
                out.push('\\');
                out.push(next);
            }
            None => out.push(c),
        }
    }
    Text::Decoded(out)
}

/// Decodes the escapes of double quotes; a protected `$` becomes `$$`, which the interpolation undoes.
fn decode(value: Text<'_>) -> Option<Text<'_>> {
    if !value.as_str().contains('\\') {
        return Some(value);
    }
    let mut out = SecretText::with_capacity(value.as_str().len() + 8);
    let mut characters = value.as_str().chars().peekable();
    while let Some(c) = characters.next() {
        let Some(next) = characters.peek().copied().filter(|_| c == '\\') else {
            out.push(c);
            continue;
        };
        let decoded = match next {
            '0' => return None,
            'a' => "\u{7}",
            'b' => "\u{8}",
            'f' => "\u{c}",
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            'v' => "\u{b}",
            '"' => "\"",
            '\\' => "\\",
            '$' => "$$",
            _ => {
                out.push('\\');
                continue;
            }
        };
        characters.next();
        out.push_str(decoded);
    }
    Some(Text::Decoded(out))
}

/// Undoes `$$`; nothing where a `$` takes a value from the environment.
fn interpolate(value: Text<'_>) -> Option<Text<'_>> {
    if !value.as_str().contains('$') {
        return Some(value);
    }
    let mut out = SecretText::with_capacity(value.as_str().len());
    let mut characters = value.as_str().chars().peekable();
    while let Some(c) = characters.next() {
        match characters.peek().copied().filter(|_| c == '$') {
            Some('$') => {
                characters.next();
            }
            // Go's `(?i)[a-z]` holds the two letters that fold to `s` and `k`.
            Some('{' | '_' | '\u{17f}' | '\u{212a}') => return None,
            Some(next) if next.is_ascii_alphabetic() => return None,
            _ => {}
        }
        out.push(c);
    }
    Some(Text::Decoded(out))
}
