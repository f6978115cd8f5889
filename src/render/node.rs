//! `node --env-file` (measured on Node 20, 22 and 26): no escapes but `\n` in double quotes.

use crate::secret::SecretText;

use super::grammar::{Grammar, Limit, has_carriage_return};
use super::model::{Cursor, Entry, Head, Model, Newlines, ParseProblem, Reading, Text, UNTERMINATED};
use super::spelling;

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::backtick, spelling::bare],
    models: &[Model { newlines: Newlines::NoCarriageReturns, read }],
    limits: &[
        Limit { applies: has_carriage_return, reason: "a carriage return (Node drops it)" },
        Limit {
            applies: |value| value.contains('\'') && value.contains('"') && value.contains('`'),
            reason: "all of ' \" ` at once (it knows no escape)",
        },
    ],
    sentinels: &["Z=\"'\n`\n\"\n", "Z='\"\n`\n'\n"],
    ..Grammar::MULTILINE
};

/// Newer versions trim tabs, Node 20 does not.
const TAB: &str = "a tab around a name or a value, which versions of Node treat differently";

fn read(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::new(text);
    let mut entries = Vec::new();
    while skip_to_statement(&mut cursor)? {
        let line = cursor.line();
        let start = cursor.rest().split_once('=').map_or("", |(start, _)| start);
        let name = cursor.take_head(Head { export: true, spaces: true, marks: ".-" })?;
        let gap = cursor.take_while(|c| c == ' ' || c == '\t');
        if start.contains('\t') || gap.contains('\t') {
            return Err(ParseProblem { line, reason: TAB });
        }
        let value = match cursor.peek() {
            None => Text::Plain(""),
            Some('\n') if gap.is_empty() => Text::Plain(""),
            // Node looks for the value on the next line then.
            Some('\n') => return Err(ParseProblem { line, reason: "blanks instead of a value" }),
            Some(quote @ ('\'' | '"' | '`')) => read_quoted(&mut cursor, quote)?,
            Some(_) => Text::Plain(bare(cursor.take_line()).ok_or(ParseProblem { line, reason: TAB })?),
        };
        entries.push(Entry { line, name, value });
    }
    Ok(entries)
}

/// Node 20 takes a line of nothing but blanks for the start of the next line's name.
fn skip_to_statement(cursor: &mut Cursor<'_>) -> Result<bool, ParseProblem> {
    loop {
        let blanks = cursor.take_while(|c| c == ' ' || c == '\t');
        match cursor.peek() {
            None => return Ok(false),
            Some('\n') if blanks.is_empty() => cursor.take("\n".len()),
            Some('\n') => return Err(cursor.problem("a line of blanks, which becomes part of the next name")),
            Some('#') if blanks.is_empty() => cursor.take_line(),
            Some('#') => return Err(cursor.problem("blanks before a comment, which becomes part of a name")),
            Some(_) => return Ok(true),
        };
    }
}

/// The text before a `#`, without the spaces around it.
fn bare(line: &str) -> Option<&str> {
    let value = line.split_once('#').map_or(line, |(value, _)| value).trim_matches(' ');
    (!value.starts_with('\t') && !value.ends_with('\t')).then_some(value)
}

/// The value ends at the next quote of the same kind, and what follows on that line is dropped.
fn read_quoted<'a>(cursor: &mut Cursor<'a>, quote: char) -> Result<Text<'a>, ParseProblem> {
    // Without one, Node takes the line as it is; versions differ in whether blanks at its end belong to it.
    let end = cursor.rest()[1..].find(quote).ok_or_else(|| cursor.problem(UNTERMINATED))?;
    cursor.next();
    let body = cursor.take(end);
    cursor.take_line();
    if quote == '"' && body.contains("\\n") {
        let mut out = SecretText::with_capacity(body.len());
        for (number, piece) in body.split("\\n").enumerate() {
            out.push_str(if number > 0 { "\n" } else { "" });
            out.push_str(piece);
        }
        return Ok(Text::Decoded(out));
    }
    Ok(Text::Plain(body))
}
