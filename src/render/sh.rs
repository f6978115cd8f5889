//! A POSIX shell's `set -a; . FILE`. Nothing here runs anything: what a shell would expand or run is a problem.

use crate::secret::SecretText;

use super::grammar::Grammar;
use super::model::{AFTER_QUOTE, Cursor, Entry, Head, INTERPOLATION, Model, Newlines, ParseProblem, Reading};
use super::model::{Text, UNTERMINATED};
use super::spelling;

pub(super) const MODEL: Model = Model { newlines: Newlines::AsTheyAre, read };

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, posix],
    models: &[MODEL],
    reserved,
    ..Grammar::MULTILINE
};

const COMMAND: &str = "a shell would take part of this line for a command";
const EXPANSION: &str = "a shell would expand a pattern or a home directory";

/// Names that bash or dash refuse, ignore or act upon, besides everything that starts with `BASH`.
const SPECIAL: [&str; 19] = [
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "EUID",
    "FUNCNAME",
    "GROUPS",
    "HISTCMD",
    "IFS",
    "LINENO",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "PPID",
    "RANDOM",
    "SECONDS",
    "SHELLOPTS",
    "SRANDOM",
    "UID",
    "_",
];

pub(super) fn reserved(name: &str) -> Option<&'static str> {
    let special = SPECIAL.contains(&name) || name.starts_with("BASH");
    special.then_some("shells keep it for themselves")
}

/// `'…'` with `'\''` for each single quote.
fn posix(name: &str, value: &str, out: &mut SecretText) -> bool {
    spelling::start(name, out);
    out.push('\'');
    spelling::replace(value, out, |c| (c == '\'').then_some("'\\''"));
    out.push('\'');
    true
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn read(text: &str) -> Reading<'_> {
    let mut cursor = Cursor::new(text);
    let mut entries = Vec::new();
    while cursor.skip_to_statement(|c| is_blank(c) || c == '\n') {
        let line = cursor.line();
        let exported = cursor.rest().starts_with("export");
        let name = cursor.take_head(Head { export: true, spaces: false, marks: "" })?;
        let value = read_word(&mut cursor, exported)?;
        let blanks = cursor.take_while(is_blank);
        if !blanks.is_empty() && cursor.peek() == Some('#') {
            cursor.take_line();
        }
        if !cursor.is_done() && !cursor.eat('\n') {
            return Err(cursor.problem(AFTER_QUOTE));
        }
        entries.push(Entry { line, name, value });
    }
    Ok(entries)
}

/// Bare and quoted pieces, up to a blank or the end of the line.
fn read_word<'a>(cursor: &mut Cursor<'a>, exported: bool) -> Result<Text<'a>, ParseProblem> {
    let plain = cursor.take_while(is_plain);
    if cursor.is_done() || cursor.rest().starts_with([' ', '\t', '\n']) {
        return Ok(Text::Plain(plain));
    }
    let mut out = SecretText::with_capacity(64);
    out.push_str(plain);
    while let Some(c) = cursor.peek() {
        if is_blank(c) || c == '\n' {
            break;
        }
        cursor.next();
        match c {
            '\'' => {
                let opened = cursor.problem(UNTERMINATED);
                out.push_str(cursor.take_while(|c| c != '\''));
                cursor.next().ok_or(opened)?;
            }
            '"' => read_double(cursor, &mut out)?,
            '\\' => match cursor.next() {
                Some('\n') => {}
                Some(c) => out.push(c),
                None => return Err(cursor.problem(UNTERMINATED)),
            },
            '$' | '`' => return Err(cursor.problem(INTERPOLATION)),
            ';' | '&' | '|' | '<' | '>' | '(' | ')' => return Err(cursor.problem(COMMAND)),
            // After `export` the value is a word like any other; in a plain assignment these are not special.
            '*' | '?' | '[' | '{' if exported => return Err(cursor.problem(EXPANSION)),
            '~' => return Err(cursor.problem(EXPANSION)),
            _ => out.push(c),
        }
    }
    Ok(Text::Decoded(out))
}

/// Whether a shell takes a character as it is anywhere in a word.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "!%+,-./:=@]^_}#".contains(c)
}

fn read_double(cursor: &mut Cursor<'_>, out: &mut SecretText) -> Result<(), ParseProblem> {
    let opened = cursor.problem(UNTERMINATED);
    loop {
        out.push_str(cursor.take_while(|c| !matches!(c, '"' | '\\' | '$' | '`')));
        match cursor.next().ok_or(opened)? {
            '"' => return Ok(()),
            '$' if cursor.rest().starts_with([' ', '%', ',', '.', '/', '"', '\n']) => out.push('$'),
            '\\' => match cursor.next().ok_or(opened)? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => out.push(c),
                c => {
                    out.push('\\');
                    out.push(c);
                }
            },
            _ => return Err(cursor.problem(INTERPOLATION)),
        }
    }
}
