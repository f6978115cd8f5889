//! Why a variable cannot be written. A cause names the dialect and the reason, never the value.

use std::fmt;

use crate::name::VariableName;
use crate::schema::{Dialect, Reader};

/// A variable that cannot be written so that it arrives byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrenderable {
    /// The variable.
    pub variable: VariableName,
    /// What stands in its way.
    pub cause: Cause,
}

impl fmt::Display for Unrenderable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.variable, self.cause)
    }
}

impl std::error::Error for Unrenderable {}

/// What stands in the way of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The value holds a NUL, which no environment can hold.
    Nul,
    /// The assignment, or the value, is longer than the reader takes.
    TooLong {
        /// Who reads the file.
        dialect: Dialect,
        /// The most that it takes, in bytes.
        limit: usize,
        /// What is measured: the value, or name and value with the `=` between them.
        measured: &'static str,
    },
    /// The dialect has no spelling for the value.
    Unspellable {
        /// Who reads the file.
        dialect: Dialect,
        /// What the dialect cannot hold.
        reason: &'static str,
    },
    /// The variable's name means something to who reads the file.
    Name {
        /// Who reads the file.
        dialect: Dialect,
        /// What the name means there.
        reason: &'static str,
    },
    /// Two assignments have the same name; parsers differ in which one they keep.
    Duplicate,
    /// The file would hold the value, but the program that takes it from its environment could not.
    Program {
        /// The program.
        reader: Reader,
        /// What it cannot take.
        reason: &'static str,
    },
    /// The finished file did not read back as what was put in: a fault of this program, not of the value.
    NotReadBack {
        /// Who reads the file.
        dialect: Dialect,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nul => f.write_str("no environment can hold a NUL character"),
            Self::TooLong { dialect, limit, measured } => {
                write!(f, "the dialect `{}` takes at most {limit} bytes of {measured}", dialect.name())
            }
            Self::Unspellable { dialect, reason } => {
                write!(f, "the dialect `{}` cannot hold {reason}", dialect.name())
            }
            Self::Name { dialect, reason } => {
                write!(f, "the dialect `{}` cannot set a variable of this name ({reason})", dialect.name())
            }
            Self::Duplicate => {
                f.write_str("the name is assigned twice, and parsers differ in which one they keep")
            }
            Self::Program { reader, reason } => {
                write!(f, "the reader `{}` cannot take {reason}", reader.name())
            }
            Self::NotReadBack { dialect } => {
                write!(f, "the file did not read back as written in the dialect `{}`", dialect.name())
            }
        }
    }
}
