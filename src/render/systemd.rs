//! systemd's `EnvironmentFile=` (measured on 252 and 262).

use crate::secret::SecretText;

use super::grammar::{Grammar, Limit, has_noncharacter};
use super::model::{
    CONTROL, Cursor, Entry, Head, Model, Newlines, ParseProblem, Reading, Text, UNTERMINATED,
};
use super::spelling;

pub(super) const MODEL: Model = Model { newlines: Newlines::AsTheyAre, read };

pub(super) const NONCHARACTER: Limit =
    Limit { applies: has_noncharacter, reason: "a Unicode noncharacter (systemd refuses the whole file)" };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::escaped],
    models: &[MODEL],
    limits: &[NONCHARACTER],
    ..Grammar::MULTILINE
};

fn read(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::new(text);
    let mut entries = Vec::new();
    loop {
        cursor.take_while(is_blank);
        if matches!(cursor.peek(), Some('#' | ';')) {
            skip_comment(&mut cursor)?;
            continue;
        }
        if cursor.is_done() {
            return Ok(entries);
        }
        let line = cursor.line();
        let name = cursor.take_head(Head { export: false, spaces: true, marks: "" })?;
        let value = read_value(&mut cursor)?;
        if has_noncharacter(value.as_str()) {
            return Err(ParseProblem { line, reason: "a Unicode noncharacter" });
        }
        entries.push(Entry { line, name, value });
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// A comment that ends in a backslash takes the next line with it, up to systemd 253.
fn skip_comment(cursor: &mut Cursor<'_>) -> Result<(), ParseProblem> {
    let comment = cursor.take_while(|c| c != '\n' && c != '\r');
    if comment.ends_with('\\') { Err(cursor.problem(CONTROL)) } else { Ok(()) }
}

/// Quoted pieces follow each other as long as only blanks stand between them; bare text goes on to the line's end.
fn read_value<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>, ParseProblem> {
    cursor.take_while(|c| c == ' ' || c == '\t');
    let line = cursor.rest();
    let line = &line[..line.find(['\n', '\r']).unwrap_or(line.len())];
    if !line.starts_with(['\'', '"']) && !line.contains('\\') {
        return Ok(Text::Plain(cursor.take(line.len()).trim_end_matches([' ', '\t'])));
    }
    let mut out = SecretText::with_capacity(line.len());
    loop {
        cursor.take_while(|c| c == ' ' || c == '\t');
        match cursor.peek() {
            None | Some('\n' | '\r') => return Ok(Text::Decoded(out)),
            Some('\'') => read_single(cursor, &mut out)?,
            Some('"') => read_double(cursor, &mut out)?,
            Some(_) => {
                read_bare(cursor, &mut out);
                return Ok(Text::Decoded(out));
            }
        }
    }
}

fn read_single(cursor: &mut Cursor<'_>, out: &mut SecretText) -> Result<(), ParseProblem> {
    let opened = cursor.problem(UNTERMINATED);
    cursor.next();
    out.push_str(cursor.take_while(|c| c != '\''));
    if cursor.eat('\'') { Ok(()) } else { Err(opened) }
}

fn read_double(cursor: &mut Cursor<'_>, out: &mut SecretText) -> Result<(), ParseProblem> {
    let opened = cursor.problem(UNTERMINATED);
    cursor.next();
    loop {
        out.push_str(cursor.take_while(|c| c != '"' && c != '\\'));
        match cursor.next() {
            Some('"') => return Ok(()),
            Some(_) => match cursor.next().ok_or(opened)? {
                c @ ('"' | '\\' | '`' | '$') => out.push(c),
                '\n' => {}
                c => {
                    out.push('\\');
                    out.push(c);
                }
            },
            None => return Err(opened),
        }
    }
}

/// Bare text: a backslash protects the character after it, blanks at the end are cut off.
fn read_bare(cursor: &mut Cursor<'_>, out: &mut SecretText) {
    loop {
        let piece = cursor.take_while(|c| !matches!(c, '\n' | '\r' | '\\'));
        if cursor.peek() != Some('\\') {
            out.push_str(piece.trim_end_matches([' ', '\t']));
            return;
        }
        out.push_str(piece);
        cursor.next();
        if let Some(c) = cursor.next().filter(|c| !matches!(c, '\n' | '\r')) {
            out.push(c);
        }
    }
}
