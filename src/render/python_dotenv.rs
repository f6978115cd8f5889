//! The Python package python-dotenv with its interpolation on, as is the default (measured on 0.21 to 1.2.4).

use crate::secret::SecretText;

use super::grammar::Grammar;
use super::model::is_python_space;
use super::model::{
    Cursor, Entry, Head, INTERPOLATION, Model, Newlines, ParseProblem, Reading, Text, UNTERMINATED,
};
use super::spelling;

/// What changed between versions.
struct Version {
    closing_quote: fn(&str, u8) -> Option<usize>,
    /// Whether `NAME= # comment` has a comment, or a value that starts with `#`.
    comment_after_gap: bool,
}

const NEW: Version = Version { closing_quote, comment_after_gap: true };
const OLD: Version = Version { closing_quote: old_closing_quote, comment_after_gap: false };

/// 1.2.3 and later: a backslash protects whatever comes after it.
pub(super) const MODEL: Model = Model { newlines: Newlines::Universal, read: |text| read(text, &NEW) };

/// Before 1.2.3: a backslash before a quote always protects the quote, even when it is itself protected.
pub(super) const OLD_MODEL: Model = Model { newlines: Newlines::Universal, read: |text| read(text, &OLD) };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, escaped],
    models: &[MODEL, OLD_MODEL],
    ..Grammar::MULTILINE
};

/// `"…"`, with two tricks: `${:-x}` is the only way to spell `${`, since no backslash stops its expansion, and to
/// keep a last backslash away from the closing quote, since older versions take the two for a protected quote.
fn escaped(name: &str, value: &str, out: &mut SecretText) -> bool {
    spelling::start(name, out);
    out.push('"');
    for (number, piece) in value.split("${").enumerate() {
        if number > 0 {
            out.push_str("${:-$}{");
        }
        spelling::replace(piece, out, |c| match c {
            '\\' => Some("\\\\"),
            '"' => Some("\\\""),
            '\r' => Some("\\r"),
            _ => None,
        });
    }
    out.push_str(if value.ends_with('\\') { "${:-}\"" } else { "\"" });
    true
}

fn read<'a>(text: &'a str, version: &Version) -> Reading<'a> {
    let mut cursor = Cursor::after_mark(text);
    let mut entries = Vec::new();
    while cursor.skip_to_statement(is_python_space) {
        let line = cursor.line();
        let name = cursor.take_head(Head { export: true, spaces: true, marks: ".-" })?;
        let gap = cursor.take_while(|c| c != '\n' && is_python_space(c));
        let value = match cursor.peek() {
            Some('#') if version.comment_after_gap && !gap.is_empty() => Text::Plain(""),
            Some(quote @ ('\'' | '"')) => {
                let opened = cursor.problem(UNTERMINATED);
                cursor.next();
                let end = (version.closing_quote)(cursor.rest(), quote as u8).ok_or(opened)?;
                let body = cursor.take(end);
                cursor.next();
                decode(body, quote)
            }
            _ => Text::Plain(bare(cursor.take_line())),
        };
        cursor.end_line(is_python_space)?;
        let value = interpolate(value).ok_or(ParseProblem { line, reason: INTERPOLATION })?;
        entries.push(Entry { line, name, value });
    }
    Ok(entries)
}

fn closing_quote(body: &str, quote: u8) -> Option<usize> {
    let mut protected = false;
    body.bytes().position(|byte| {
        let closes = byte == quote && !protected;
        protected = byte == b'\\' && !protected;
        closes
    })
}

/// The first quote that no backslash stands before, else the last one that there is.
fn old_closing_quote(body: &str, quote: u8) -> Option<usize> {
    let mut before = 0;
    let first = body.bytes().position(|byte| {
        let closes = byte == quote && before != b'\\';
        before = byte;
        closes
    });
    first.or_else(|| body.bytes().rposition(|byte| byte == quote))
}

/// A bare value ends before blanks and a `#`.
fn bare(line: &str) -> &str {
    let mut blank = false;
    let end = line.char_indices().find(|(_, c)| {
        let comment = blank && *c == '#';
        blank = is_python_space(*c);
        comment
    });
    line[..end.map_or(line.len(), |(at, _)| at)].trim_end_matches(is_python_space)
}

fn decode(body: &str, quote: char) -> Text<'_> {
    if !body.contains('\\') {
        return Text::Plain(body);
    }
    let mut out = SecretText::with_capacity(body.len());
    let mut characters = body.chars().peekable();
    while let Some(c) = characters.next() {
        let escape = characters.peek().copied().filter(|_| c == '\\').and_then(|next| match next {
            '\\' | '\'' => Some(next),
            _ if quote == '\'' => None,
            '"' => Some('"'),
            'a' => Some('\u{7}'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\u{b}'),
            _ => None,
        });
        if escape.is_some() {
            characters.next();
        }
        out.push(escape.unwrap_or(c));
    }
    Text::Decoded(out)
}

/// Expands `${:-default}`, whose empty name no environment has; nothing where a name would be looked up.
fn interpolate(value: Text<'_>) -> Option<Text<'_>> {
    if !value.as_str().contains("${") {
        return Some(value);
    }
    let mut out = SecretText::with_capacity(value.as_str().len());
    let mut rest = value.as_str();
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let (Some(end), colon) = (body.find('}'), body.find(':')) else {
            out.push_str(&rest[at..]);
            return Some(Text::Decoded(out));
        };
        match colon.filter(|colon| *colon < end) {
            Some(0) if body[..end].starts_with(":-") => {
                out.push_str(&body[2..end]);
                rest = &body[end + 1..];
            }
            // `${a:b}` is no interpolation: the name may not hold a colon unless `:-` follows it.
            Some(colon) if !body[colon..].starts_with(":-") => {
                out.push_str("${");
                rest = body;
            }
            None if end == 0 => rest = &body[1..],
            _ => return None,
        }
    }
    out.push_str(rest);
    Some(Text::Decoded(out))
}
