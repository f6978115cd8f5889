//! The Rust crate dotenvy 0.15, `just` and `uv run --env-file`.
//!
//! The crate first finds the end of an assignment, then reads it, by two sets of rules that differ.

use crate::secret::SecretText;

use super::grammar::Grammar;
use super::model::{AFTER_QUOTE, Cursor, Entry, Head, INTERPOLATION, Model, Newlines, ParseProblem, Reading};
use super::model::{Text, UNTERMINATED};
use super::spelling;

pub(super) const MODEL: Model = Model { newlines: Newlines::AsTheyAre, read };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::escaped],
    models: &[MODEL],
    ..Grammar::MULTILINE
};

const ESCAPE: &str = "a backslash before a character that needs none";

fn read(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::after_mark(text);
    let mut entries = Vec::new();
    while !cursor.is_done() {
        let line = cursor.line();
        let (length, kept) = measure(cursor.rest()).ok_or_else(|| cursor.problem(UNTERMINATED))?;
        let statement = &cursor.take(length)[..kept];
        if let Some((name, value)) = read_statement(statement, line)? {
            entries.push(Entry { line, name, value });
        }
    }
    Ok(entries)
}

/// How far the crate's search for an assignment has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Plain,
    Escape,
    Blank,
    Strong,
    StrongEscape,
    Weak,
    WeakEscape,
}

/// The bytes of the assignment that comes next: with its line end and comment, and without the comment.
fn measure(text: &str) -> Option<(usize, usize)> {
    // Where a line holds nothing that the search below cares about, it ends where it ends.
    let end =
        text.bytes().position(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'"' | b'\'' | b'#'));
    if let Some(end) = end.filter(|end| text.as_bytes()[*end] == b'\n') {
        return Some((end + 1, end));
    }
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
    if text.trim_start_matches(|c: char| c != '\n' && c.is_whitespace()).starts_with('#') {
        return Some((line_end(0), 0));
    }
    let mut part = Part::Plain;
    for (at, c) in text.char_indices() {
        if part == Part::Blank && c == '#' {
            return Some((line_end(at), at));
        }
        part = step(part, c);
        if c == '\n' && part == Part::Plain {
            return Some((at + 1, at));
        }
    }
    // At the end of the text the crate asks for a line that was complete, or for nothing but blanks.
    matches!(part, Part::Plain).then_some((text.len(), text.len()))
}

fn step(part: Part, c: char) -> Part {
    match part {
        Part::Escape => Part::Plain,
        Part::Plain | Part::Blank => match c {
            '\\' => Part::Escape,
            '"' => Part::Weak,
            '\'' => Part::Strong,
            _ if part == Part::Plain && c.is_whitespace() && c != '\n' && c != '\r' => Part::Blank,
            _ => Part::Plain,
        },
        Part::Weak if c == '\\' => Part::WeakEscape,
        Part::Weak if c == '"' => Part::Plain,
        Part::Weak | Part::WeakEscape => Part::Weak,
        Part::Strong if c == '\\' => Part::StrongEscape,
        Part::Strong if c == '\'' => Part::Plain,
        Part::Strong | Part::StrongEscape => Part::Strong,
    }
}

fn read_statement(text: &str, line: usize) -> Result<Option<(&str, Text<'_>)>, ParseProblem> {
    let mut cursor = Cursor::new(text.trim_end());
    cursor.take_while(char::is_whitespace);
    if cursor.is_done() || cursor.peek() == Some('#') {
        return Ok(None);
    }
    let at_line = |problem: ParseProblem| ParseProblem { line: line + problem.line - 1, ..problem };
    let name = cursor.take_head(Head { export: true, spaces: true, marks: "." }).map_err(at_line)?;
    cursor.take_while(char::is_whitespace);
    let value = cursor.rest();
    if value.starts_with('#') {
        return Ok(Some((name, Text::Plain(""))));
    }
    if !value.contains(['\\', '\'', '"', '$', ' ', '\t']) {
        return Ok(Some((name, Text::Plain(value))));
    }
    let value = read_value(&mut cursor).map_err(at_line)?;
    Ok(Some((name, Text::Decoded(value))))
}

/// Bare and quoted pieces follow each other without a gap.
fn read_value(cursor: &mut Cursor<'_>) -> Result<SecretText, ParseProblem> {
    let mut out = SecretText::with_capacity(cursor.rest().len());
    let mut weak = false;
    while let Some(c) = cursor.next() {
        match c {
            '$' => return Err(cursor.problem(INTERPOLATION)),
            '\\' => match cursor.next() {
                Some('n') => out.push('\n'),
                Some(c @ ('\\' | '\'' | '"' | '$' | ' ')) => out.push(c),
                _ => return Err(cursor.problem(ESCAPE)),
            },
            '"' => weak = !weak,
            '\'' if !weak => {
                out.push_str(cursor.take_while(|c| c != '\''));
                if !cursor.eat('\'') {
                    return Err(cursor.problem(UNTERMINATED));
                }
            }
            ' ' | '\t' if !weak => {
                cursor.take_while(|c| c == ' ' || c == '\t');
                let ends = cursor.is_done() || cursor.peek() == Some('#');
                return if ends { Ok(out) } else { Err(cursor.problem(AFTER_QUOTE)) };
            }
            _ => out.push(c),
        }
    }
    if weak { Err(cursor.problem(UNTERMINATED)) } else { Ok(out) }
}
