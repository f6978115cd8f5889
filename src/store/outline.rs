//! Where everything stands in a document: a single pass over the TOML events, without copying a value.
//!
//! The document stays one text. Reading a secret is decoding a span, changing one is replacing a span, and so comments,
//! order and spelling of everything else survive, and no tree of half-forgotten copies needs wiping.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use toml_parser::decoder::Encoding;
use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{ParseError, Source};

use crate::name::{NameError, SecretName};

use super::plain;

/// How deep arrays and inline tables may nest, as in the `toml` crate: the parser descends on the stack.
const DEEPEST: u32 = 80;

/// Why a document cannot be read. Points at a place, never holds what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: DocumentProblem,
}

/// What can be wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentProblem {
    /// Not TOML: what the parser says, which never quotes.
    Syntax(String),
    /// The same secret stands twice; the line of the first.
    Duplicate(SecretName, usize),
    /// The same table stands twice; the line of the first.
    DuplicateTable(usize),
    /// A key that is no secret's name.
    Name(NameError),
    /// A table that is not `[secrets.group]` among the secrets.
    ForeignTable,
    /// A secret that is a table or an array.
    NotText(SecretName),
    /// A date or an unusual number without quotes.
    NeedsQuotes(SecretName),
    /// The store's own part is missing something or has it in the wrong form.
    Store(&'static str),
    /// A newer program wrote the document.
    Format(u64),
    /// Not UTF-8.
    Encoding,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

impl fmt::Display for DocumentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(description) => write!(f, "not valid TOML: {description}"),
            Self::Duplicate(name, line) => write!(f, "{name} is defined twice, first on line {line}"),
            Self::DuplicateTable(line) => write!(f, "the same table stands on line {line} already"),
            Self::Name(error) => error.fmt(f),
            Self::ForeignTable => f.write_str("tables among the secrets have the form [secrets.group]"),
            Self::NotText(name) => write!(f, "{name} is a table or an array where a text belongs"),
            Self::NeedsQuotes(name) => {
                write!(f, "the value of {name} has several spellings, so write it as a text in quotes")
            }
            Self::Store(what) => write!(f, "the store's own part is damaged: {what}"),
            Self::Format(number) => {
                write!(f, "the store has format {number}, which is newer than this program")
            }
            Self::Encoding => f.write_str("not UTF-8 text"),
        }
    }
}

impl std::error::Error for DocumentError {}

/// A byte range of the document.
pub(super) type Range = std::ops::Range<usize>;

/// The decoded keys from a table to a value; mostly one, which takes no room of its own.
pub(super) enum Keys<'t> {
    One([Cow<'t, str>; 1]),
    Several(Vec<Cow<'t, str>>),
}

impl<'t> Deref for Keys<'t> {
    type Target = [Cow<'t, str>];

    fn deref(&self) -> &Self::Target {
        match self {
            Self::One(key) => key,
            Self::Several(keys) => keys,
        }
    }
}

/// One `key = value` with a scalar, wherever it stands.
pub(super) struct Leaf<'t> {
    /// The table it stands under, an index into [`Outline::tables`].
    pub(super) table: usize,
    /// The keys from the table to the value.
    pub(super) keys: Keys<'t>,
    /// Where the first key starts.
    pub(super) start: usize,
    /// Where the value stands; empty for an array, perhaps the whole table for an inline table.
    pub(super) value: Range,
    /// How the value is quoted.
    pub(super) encoding: Option<Encoding>,
    /// Whether the value is an array or stands in one, or in an inline table.
    pub(super) nested: bool,
}

/// One `[table]` or `[[table]]`; the first is the part above all headers.
pub(super) struct Table {
    /// The decoded keys of the header.
    pub(super) path: Vec<String>,
    /// Where the header starts.
    pub(super) start: usize,
    /// Whether it is an `[[array of tables]]`.
    pub(super) is_array: bool,
}

/// All tables and scalars of a document in their order.
#[derive(Default)]
pub(super) struct Outline<'t> {
    pub(super) tables: Vec<Table>,
    pub(super) leaves: Vec<Leaf<'t>>,
    /// Whether `[history]` was found to be in its usual form; then nothing of it is among the leaves.
    pub(super) history_passed: bool,
}

impl<'t> Outline<'t> {
    /// Reads a document; what stands in `[versions]` and `[history]` may be missing. `root` is the path that the part above all
    /// headers belongs to.
    pub(super) fn read(text: &'t str, root: &[&str]) -> Result<Self, DocumentError> {
        plain::read(text, root, false).map_or_else(|| Self::read_any(text, root), Ok)
    }

    /// Reads a document with what stands in `[versions]`.
    pub(super) fn read_all(text: &'t str) -> Result<Self, DocumentError> {
        plain::read(text, &[], true).map_or_else(|| Self::read_any(text, &[]), Ok)
    }

    /// An outline of the part above all headers, and of nothing in it yet.
    pub(super) fn empty(root: &[&str]) -> Self {
        let path = root.iter().map(|key| (*key).to_owned()).collect();
        Self { tables: vec![Table { path, start: 0, is_array: false }], ..Self::default() }
    }

    /// Reads a document in any form that TOML knows.
    pub(super) fn read_any(text: &'t str, root: &[&str]) -> Result<Self, DocumentError> {
        let source = Source::new(text);
        let tokens = source.lex().into_vec();
        let mut builder = Builder::new(text, root);
        let mut error = None;
        {
            let mut receive = |event: Event| builder.event(&event);
            let mut checked = ValidateWhitespace::new(&mut receive, source);
            let mut guarded = RecursionGuard::new(&mut checked, DEEPEST);
            parse_document(&tokens, &mut guarded, &mut error);
        }
        if let Some(error) = error.or(builder.bad_key) {
            let at = error.unexpected().or(error.context()).map_or(text.len(), |span| span.start());
            return Err(error_at(text, at, DocumentProblem::Syntax(error.description().to_owned())));
        }
        Ok(builder.outline)
    }
}

/// An error with its line and column.
pub(super) fn error_at(text: &str, at: usize, problem: DocumentProblem) -> DocumentError {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    DocumentError {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        problem,
    }
}

struct Builder<'t> {
    text: &'t str,
    outline: Outline<'t>,
    keys: Vec<Cow<'t, str>>,
    /// Where the first of `keys` starts.
    start: Option<usize>,
    /// Lengths of `keys` and of the leaves at the open inline tables; `None` for an open array.
    open: Vec<Option<(usize, usize)>>,
    /// What is wrong with the first key that cannot be decoded.
    bad_key: Option<ParseError>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, root: &[&str]) -> Self {
        let outline = Outline::empty(root);
        Self { text, outline, keys: Vec::new(), start: None, open: Vec::new(), bad_key: None }
    }

    fn event(&mut self, event: &Event) {
        match event.kind() {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => self.start = Some(event.span().start()),
            EventKind::StdTableClose | EventKind::ArrayTableClose => self.header(event),
            EventKind::SimpleKey => self.key(event),
            EventKind::Scalar => self.leaf(event, event.span().start()..event.span().end()),
            EventKind::InlineTableOpen => {
                self.open.push(Some((self.keys.len(), self.outline.leaves.len())));
            }
            EventKind::ArrayOpen => {
                if self.open.is_empty() {
                    self.leaf_nested(event, 0..0);
                }
                self.open.push(None);
            }
            EventKind::ArrayClose | EventKind::InlineTableClose => {
                // An empty table has no scalar that would stand for it.
                if let Some(Some((_, leaves))) = self.open.pop()
                    && leaves == self.outline.leaves.len()
                {
                    self.leaf_nested(event, 0..0);
                }
                self.value_done();
            }
            _ => {}
        }
    }

    fn key(&mut self, event: &Event) {
        let span = event.span();
        let raw = &self.text[span.start()..span.end()];
        self.start.get_or_insert(span.start());
        let mut decoded = Cow::Borrowed("");
        let raw = toml_parser::Raw::new_unchecked(raw, event.encoding(), span);
        raw.decode_key(&mut decoded, &mut self.bad_key);
        self.keys.push(decoded);
    }

    fn header(&mut self, event: &Event) {
        let is_array = event.kind() == EventKind::ArrayTableClose;
        let start = self.start.take().unwrap_or(0);
        let path = self.keys.drain(..).map(Cow::into_owned).collect();
        self.outline.tables.push(Table { path, start, is_array });
    }

    fn leaf(&mut self, event: &Event, value: Range) {
        // Scalars inside arrays belong to the array.
        if self.open.last() != Some(&None) {
            let nested = !self.open.is_empty();
            self.push_leaf(value, event.encoding(), nested);
            self.value_done();
        }
    }

    fn leaf_nested(&mut self, event: &Event, value: Range) {
        self.push_leaf(value, event.encoding(), true);
    }

    fn push_leaf(&mut self, value: Range, encoding: Option<Encoding>, nested: bool) {
        let table = self.outline.tables.len() - 1;
        let keys = match self.keys.as_slice() {
            [key] => Keys::One([key.clone()]),
            keys => Keys::Several(keys.to_vec()),
        };
        let start = self.start.unwrap_or(0);
        self.outline.leaves.push(Leaf { table, keys, start, value, encoding, nested });
    }

    /// Forgets the keys of the value that has just ended.
    fn value_done(&mut self) {
        match self.open.last() {
            None => {
                self.keys.clear();
                self.start = None;
            }
            Some(Some((length, _))) => self.keys.truncate(*length),
            Some(None) => {}
        }
    }
}
