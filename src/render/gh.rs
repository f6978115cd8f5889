//! `gh secret set --env-file`, after the Go library godotenv: 1.4, which reads lines, and 1.5, which does not.
//!
//! Which one a `gh` holds depends on who built it, so a file is written for both.

use crate::schema::LARGEST_GITHUB_VALUE;
use crate::secret::SecretText;

use super::grammar::{Grammar, Limit, Measure};
use super::model::{
    Cursor, Entry, Head, INTERPOLATION, Model, Newlines, ParseProblem, Reading, Text, UNTERMINATED,
};
use super::spelling;

/// The longest line that Go's scanner hands out, in bytes.
const LONGEST_LINE: usize = 65_535;

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, escaped, spelling::bare],
    models: &[
        Model { newlines: Newlines::AsTheyAre, read: read_lines },
        Model { newlines: Newlines::CrLf, read: read_stream },
    ],
    sentinels: &["Z='z'\nY=\"z\"\n"],
    limits: &[
        Limit {
            applies: |value| value.ends_with('\\'),
            reason: "a backslash at the end beside other special text",
        },
        Limit { applies: |value| value.contains('#'), reason: "a `#` beside this mix of quotes" },
    ],
    longest: (LARGEST_GITHUB_VALUE, Measure::Value),
    reserved: |name| {
        let taken = name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("GITHUB_"));
        taken.then_some("GitHub keeps GITHUB_ for itself")
    },
    ..Grammar::MULTILINE
};

/// `"…"` with everything escaped. godotenv 1.5 takes every double quote off the end, the protected ones too, so that
/// one that belongs to the value is kept away from the end: `$0` is a variable that cannot be set, and thus nothing.
fn escaped(name: &str, value: &str, out: &mut SecretText) -> bool {
    spelling::start(name, out);
    out.push('"');
    spelling::replace(value, out, |c| match c {
        '\\' => Some("\\\\"),
        '"' => Some("\\\""),
        '$' => Some("\\$"),
        '\n' => Some("\\n"),
        '\r' => Some("\\r"),
        _ => None,
    });
    out.push_str(if value.ends_with('"') { "$0\"" } else { "\"" });
    true
}

const HEAD: Head = Head { export: true, spaces: true, marks: ".-" };

fn is_go_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// godotenv 1.4.
fn read_lines(text: &str) -> Reading<'_> {
    let mut entries = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let problem = |reason| ParseProblem { line: at + 1, reason };
        if line.len() > LONGEST_LINE {
            return Err(problem("the line is longer than 65535 bytes"));
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let line = cut_comment(line).ok_or_else(|| problem("a `#` that parts of the line are lost at"))?;
        let mut cursor = Cursor::new(line.trim_start());
        let name = cursor.take_head(HEAD).map_err(|found| problem(found.reason))?;
        let value = read_line_value(cursor.rest().trim_matches(' ')).ok_or_else(|| problem(INTERPOLATION))?;
        entries.push(Entry { line: at + 1, name, value });
    }
    Ok(entries)
}

/// The line up to its comment, by counting the quotes between the `#`; nothing where a piece from the middle is lost.
fn cut_comment(line: &str) -> Option<&str> {
    let (mut open, mut kept, mut end, mut lost) = (false, 0, 0, false);
    for (at, piece) in line.split('#').enumerate() {
        let flips = piece.matches('"').count() == 1 || piece.matches('\'').count() == 1;
        let keep = at == 0 || open || flips;
        open ^= flips;
        if keep && lost {
            return None;
        }
        lost |= !keep;
        if keep {
            kept += 1;
            end += piece.len() + usize::from(kept > 1);
        }
    }
    Some(&line[..end])
}

fn read_line_value(value: &str) -> Option<Text<'_>> {
    let peel = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    if value.len() < 2 {
        return Some(Text::Plain(value));
    }
    match (peel('\''), peel('"')) {
        (Some(body), _) => Some(Text::Plain(body)),
        (None, Some(body)) => expand(decode(body)),
        (None, None) => expand(Text::Plain(value)),
    }
}

/// godotenv 1.5.
fn read_stream(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::new(text);
    let mut entries = Vec::new();
    while cursor.skip_to_statement(char::is_whitespace) {
        let line = cursor.line();
        let problem = |reason| ParseProblem { line, reason };
        let name = cursor.take_head(HEAD)?;
        cursor.take_while(is_go_blank);
        let value = match cursor.peek() {
            Some(quote @ ('\'' | '"')) => {
                cursor.next();
                let body = read_body(&mut cursor, quote).ok_or_else(|| problem(UNTERMINATED))?;
                cursor.end_line(char::is_whitespace)?;
                if quote == '"' { expand(decode(body)) } else { Some(Text::Plain(body)) }
            }
            _ => expand(Text::Plain(read_bare(&mut cursor))),
        };
        entries.push(Entry { line, name, value: value.ok_or_else(|| problem(INTERPOLATION))? });
    }
    Ok(entries)
}

/// The text up to the first quote without a backslash before it, less every quote at both its ends.
fn read_body<'a>(cursor: &mut Cursor<'a>, quote: char) -> Option<&'a str> {
    let mut before = quote;
    let end = cursor.rest().char_indices().find(|(_, c)| {
        let closes = *c == quote && before != '\\';
        before = *c;
        closes
    });
    let body = cursor.take(end?.0);
    cursor.next();
    Some(body.trim_matches(quote))
}

fn read_bare<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    let line = cursor.take_while(|c| c != '\n' && c != '\r');
    let comment = line.rmatch_indices('#').find(|(at, _)| line[..*at].ends_with(is_go_blank));
    line[..comment.map_or(line.len(), |(at, _)| at)].trim_matches(is_go_blank)
}

/// Decodes `\n` and `\r`, then drops the backslash before everything but a `$`.
fn decode(body: &str) -> Text<'_> {
    if !body.contains('\\') {
        return Text::Plain(body);
    }
    let mut once = SecretText::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(c) = characters.next() {
        match (c == '\\').then(|| characters.next()).flatten() {
            Some('n') => once.push('\n'),
            Some('r') => once.push('\r'),
            Some(next) => {
                once.push(c);
                once.push(next);
            }
            None => once.push(c),
        }
    }
    let mut out = SecretText::with_capacity(once.len());
    let mut characters = once.expose().chars().peekable();
    while let Some(c) = characters.next() {
        let protected = characters.peek().copied().filter(|next| c == '\\' && *next != '$');
        if protected.is_some() {
            characters.next();
        }
        out.push(protected.unwrap_or(c));
    }
    Text::Decoded(out)
}

/// Expands what can be expanded without an environment; nothing where a variable would be looked up.
fn expand(value: Text<'_>) -> Option<Text<'_>> {
    if !value.as_str().contains('$') {
        return Some(value);
    }
    let mut out = SecretText::with_capacity(value.as_str().len());
    let mut rest = value.as_str();
    while let Some(at) = rest.find('$') {
        let (before, found) = rest.split_at(at);
        let opening = found[1..].strip_prefix('(').unwrap_or(&found[1..]);
        let opening = opening.strip_prefix('{').unwrap_or(opening);
        let after = opening.trim_start_matches(|c: char| matches!(c, 'A'..='Z' | '0'..='9' | '_'));
        let name = &opening[..opening.len() - after.len()];
        let after = after.strip_prefix('}').unwrap_or(after);
        let matched = &found[..found.len() - after.len()];
        if let Some(before) = before.strip_suffix('\\') {
            out.push_str(before);
            out.push_str(matched);
        } else {
            out.push_str(before);
            match name.bytes().next() {
                None => out.push_str(matched),
                // No variable's name starts with a digit.
                Some(b'0'..=b'9') => {}
                Some(_) => return None,
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Some(Text::Decoded(out))
}
