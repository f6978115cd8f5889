//! What reading a source takes and gives.

use std::fmt;

use crate::name::{SecretName, VariableName};
use crate::schema::{Dialect, Schema};
use crate::secret::SecretValue;

/// The form of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `NAME=value` lines, as the given parser reads them.
    Dotenv(Dialect),
    /// A TOML document (TOML 1.1).
    Toml,
    /// A JSON object (RFC 8259).
    Json,
    /// A page for people: headings, lists, tables and code blocks (`CommonMark` with GitHub's tables).
    Markdown,
}

/// Where an env file could not be read: line (from 1) and why, without the text that stands there.
pub type DotenvProblem = (usize, &'static str);

/// A reader of env files: the variables in the order of the file.
pub type ParseDotenv<'a> = &'a dyn Fn(Dialect, &str) -> Result<Vec<(String, SecretValue)>, DotenvProblem>;

/// What reading needs from the rest of the program.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Which secrets there are, how people call them and which variables they go to.
    pub schema: &'a Schema,
    /// Whether the secret's type and rules accept the value. Tells values from descriptions on pages.
    pub fits: &'a dyn Fn(&SecretName, &SecretValue) -> bool,
    /// The reader of env files.
    pub parse_dotenv: ParseDotenv<'a>,
}

/// What a source holds.
#[derive(Default)]
pub struct Findings {
    /// One value per secret, in the order of lines.
    pub found: Vec<Found>,
    /// What was looked at and left out, in the order of lines.
    pub skipped: Vec<Skipped>,
}

/// A value and where it stood.
pub struct Found {
    /// The secret it belongs to.
    pub name: SecretName,
    /// The value.
    pub value: SecretValue,
    /// The line it starts on, from 1.
    pub line: usize,
    /// Further lines that give the same value to the same secret.
    pub also: Vec<usize>,
    /// Whether the schema declares the secret.
    pub declared: bool,
}

/// A place that was looked at and gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The line, from 1.
    pub line: usize,
    /// What it would have been, if the schema knows it: an unknown label could be a value in the wrong place.
    pub label: Option<Label>,
    /// Why it gave nothing.
    pub reason: Reason,
}

/// A name that stands in the schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// A declared secret, or a well-formed name of one in a TOML or JSON source.
    Secret(SecretName),
    /// A variable of one of the schema's targets.
    Variable(VariableName),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => name.fmt(f),
            Self::Variable(name) => name.fmt(f),
        }
    }
}

/// Why a place gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It says where the value is, or that there is none yet.
    Placeholder,
    /// It says what the value is: the secret's type refuses it.
    Description,
    /// The schema has no secret and no target has a variable of this name.
    NoSuchSecret,
    /// It can be read in two ways, or the name fits two secrets.
    Ambiguous,
    /// Two different values for one secret: neither is taken.
    Conflict {
        /// The line of the other value.
        other: usize,
    },
    /// A template composes this variable of several secrets, and the value does not come apart in exactly one way.
    Derived,
    /// There is no value.
    Empty,
    /// A list, a null or a deeper table: a secret is one text.
    NotText,
    /// A block that starts and never ends.
    Unterminated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Placeholder => "a placeholder, not a value",
            Self::Description => "a description, or a value that the secret's type refuses",
            Self::NoSuchSecret => "the schema declares no such secret",
            Self::Ambiguous => "can be read in more than one way",
            Self::Conflict { other } => return write!(f, "line {other} gives this secret another value"),
            Self::Derived => "composed by a template, and does not come apart in exactly one way",
            Self::Empty => "empty",
            Self::NotText => "a list, a null or a nested table: a secret is one text",
            Self::Unterminated => "a block that does not end",
        })
    }
}

/// Why a source could not be read at all. Lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportError {
    /// Not an env file of the dialect.
    Dotenv {
        /// The line.
        line: usize,
        /// What the parser has against it.
        reason: &'static str,
    },
    /// Not TOML or not JSON.
    Syntax {
        /// Which of them it should have been.
        format: &'static str,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// A JSON object has the same key twice.
    DuplicateKey {
        /// The line of the second one.
        line: usize,
        /// The column of the second one.
        column: usize,
    },
    /// A JSON document that is not an object.
    NotAnObject,
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dotenv { line, reason } => write!(f, "line {line}: {reason}"),
            Self::Syntax { format, line, column } => {
                write!(f, "line {line}, column {column}: not valid {format}")
            }
            Self::DuplicateKey { line, column } => {
                write!(f, "line {line}, column {column}: the key stands twice in its object")
            }
            Self::NotAnObject => f.write_str("the JSON document is not an object"),
        }
    }
}

impl std::error::Error for ImportError {}
