//! What the models of the parsers have in common: where they stand in the text and what they found.

use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

use crate::secret::SecretText;

/// Where a text cannot be read without guessing, and why. Never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it: lower case, no full stop.
    pub reason: &'static str,
}

impl fmt::Display for ParseProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ParseProblem {}

/// A value as a parser read it: mostly a piece of the text, else what its escapes stand for.
pub(super) enum Text<'a> {
    Plain(&'a str),
    Decoded(SecretText),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Decoded(text) => text.expose(),
        }
    }
}

/// One assignment as a parser read it.
pub(super) struct Entry<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    pub(super) value: Text<'a>,
}

/// All assignments of a text, in its order.
pub(super) type Reading<'a> = Result<Vec<Entry<'a>>, ParseProblem>;

/// What happens to carriage returns before a parser sees the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Newlines {
    /// Nothing.
    AsTheyAre,
    /// CRLF and CR become LF: Python's text files, npm dotenv.
    Universal,
    /// CRLF becomes LF: Go's godotenv.
    CrLf,
    /// Every CR is dropped: Node.
    NoCarriageReturns,
}

/// One real parser, as a function.
pub(super) struct Model {
    pub(super) newlines: Newlines,
    pub(super) read: for<'a> fn(&'a str) -> Reading<'a>,
}

impl Model {
    /// The text as the parser sees it, copied only where a carriage return makes a difference.
    pub(super) fn prepare<'a>(&self, text: &'a str) -> Prepared<'a> {
        if self.newlines == Newlines::AsTheyAre || !text.contains('\r') {
            return Prepared(Cow::Borrowed(text));
        }
        let mut seen = String::with_capacity(text.len());
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            let before_newline = characters.peek() == Some(&'\n');
            match (c, self.newlines) {
                ('\r', Newlines::NoCarriageReturns) => {}
                ('\r', Newlines::Universal | Newlines::CrLf) if before_newline => {}
                ('\r', Newlines::Universal) => seen.push('\n'),
                _ => seen.push(c),
            }
        }
        Prepared(Cow::Owned(seen))
    }
}

/// A text with its carriage returns treated, wiped when dropped.
pub(super) struct Prepared<'a>(Cow<'a, str>);

impl Prepared<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            drop(Zeroizing::new(std::mem::take(text)));
        }
    }
}

/// How the name of an assignment may look.
#[derive(Clone, Copy)]
pub(super) struct Head {
    /// Whether `export ` may stand before it.
    pub(super) export: bool,
    /// Whether there may be spaces before the `=`.
    pub(super) spaces: bool,
    /// The characters it may hold besides letters, digits and `_`.
    pub(super) marks: &'static str,
}

const NOT_AN_ASSIGNMENT: &str = "neither a comment nor NAME=value";
pub(super) const INTERPOLATION: &str = "a `$` takes a value from the environment";
pub(super) const UNTERMINATED: &str = "a quote is not closed";
pub(super) const AFTER_QUOTE: &str = "there is text after the closing quote";
pub(super) const CONTROL: &str = "the meaning of this line depends on the lines below it";

/// A place in a text, with its line.
pub(super) struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// A cursor after the byte order mark that this parser skips.
    pub(super) fn after_mark(text: &'a str) -> Self {
        Self::new(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The problem `reason` at this place.
    pub(super) fn problem(&self, reason: &'static str) -> ParseProblem {
        ParseProblem { line: self.line, reason }
    }

    /// Goes `bytes` bytes on and gives what was passed.
    pub(super) fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.line += taken.bytes().filter(|byte| *byte == b'\n').count();
        taken
    }

    /// Goes on as long as `wanted` says so.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Takes one character.
    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.take(c.len_utf8());
        Some(c)
    }

    /// Takes `c` if it comes next.
    pub(super) fn eat(&mut self, c: char) -> bool {
        let found = self.rest.starts_with(c);
        if found {
            self.take(c.len_utf8());
        }
        found
    }

    /// The rest of this line, without its end.
    pub(super) fn take_line(&mut self) -> &'a str {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Reads `NAME=`.
    pub(super) fn take_head(&mut self, head: Head) -> Result<&'a str, ParseProblem> {
        let blank = |c| c == ' ' || c == '\t';
        if head.export && self.rest.strip_prefix("export").is_some_and(|after| after.starts_with(blank)) {
            self.take("export".len());
            self.take_while(blank);
        }
        let in_name =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || head.marks.as_bytes().contains(&byte);
        let end = self.rest.bytes().position(|byte| !in_name(byte)).unwrap_or(self.rest.len());
        // No line ends in a name, so there is no line to count.
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if head.spaces {
            self.take_while(blank);
        }
        let fine = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && self.eat('=');
        if fine { Ok(name) } else { Err(self.problem(NOT_AN_ASSIGNMENT)) }
    }

    /// Goes past blanks and a comment to the end of the line, where nothing else may stand.
    pub(super) fn end_line(&mut self, blank: impl Fn(char) -> bool) -> Result<(), ParseProblem> {
        self.take_while(|c| c != '\n' && blank(c));
        if self.peek() == Some('#') {
            self.take_line();
        }
        if self.is_done() || self.eat('\n') { Ok(()) } else { Err(self.problem(AFTER_QUOTE)) }
    }

    /// Skips blank lines and comments; whether there is anything left.
    pub(super) fn skip_to_statement(&mut self, blank: impl Fn(char) -> bool) -> bool {
        loop {
            self.take_while(&blank);
            if self.peek() != Some('#') {
                return !self.is_done();
            }
            self.take_line();
        }
    }
}

/// What Python's `str.isspace` and its `\s` take for a space.
pub(super) fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// What JavaScript's `\s` and `trim` take for a space.
pub(super) fn is_javascript_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}
