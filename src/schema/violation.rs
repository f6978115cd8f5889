//! What can be wrong between a schema and a store, in words.

use std::fmt;

use jiff::civil::Date;

use crate::name::{SecretName, TargetName, VariableName};

use super::model::Place;
use super::types::TypeMismatch;

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Works today, and somebody should look at it.
    Warning,
    /// What is rendered or pushed would be wrong.
    Error,
}

/// One finding of [`check`](super::check()).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The secret it is about; none where a template is at fault.
    pub secret: Option<SecretName>,
    /// Where the schema declares what is violated; none for a secret that it does not know.
    pub place: Option<Place>,
    /// What is wrong.
    pub kind: ViolationKind,
}

impl Violation {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }

    /// The next thing to do: a command, or a change to the schema.
    pub fn hint(&self) -> Option<String> {
        let name = self.secret.as_ref();
        match &self.kind {
            ViolationKind::Missing { generated: true } => {
                name.map(|name| format!("luca-secrets generate {name}"))
            }
            ViolationKind::Missing { generated: false }
            | ViolationKind::Empty
            | ViolationKind::ContainsNul
            | ViolationKind::WrongType(_)
            | ViolationKind::TooShort { .. }
            | ViolationKind::TooLong { .. }
            | ViolationKind::PatternMismatch { .. }
            | ViolationKind::StartsWith { .. }
            | ViolationKind::NotOneOf { .. }
            | ViolationKind::Placeholder => name.map(|name| format!("luca-secrets set {name}")),
            ViolationKind::Undeclared { similar: Some(similar) } => Some(format!("did you mean {similar}?")),
            ViolationKind::Undeclared { similar: None } => {
                name.map(|name| format!("declare it in the schema, or luca-secrets rm {name}"))
            }
            ViolationKind::Expired { .. } | ViolationKind::ExpiresSoon { .. } => {
                name.map(|name| format!("luca-secrets set {name}, then move `expires` in the schema"))
            }
            ViolationKind::Deprecated { .. } => None,
            ViolationKind::UnencodedInUrl { .. } => {
                let name = name.map_or("group.key", SecretName::as_str);
                Some(format!("write {{{{ {name}|urlencode }}}}"))
            }
        }
    }
}

/// What is wrong. None of them holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViolationKind {
    /// Required and not in the store.
    Missing {
        /// Whether the schema says how to make one.
        generated: bool,
    },
    /// In the store without any text.
    Empty,
    /// Has a NUL byte in it.
    ContainsNul,
    /// Not of its type.
    WrongType(TypeMismatch),
    /// Shorter than the schema allows.
    TooShort {
        /// Fewest characters.
        fewest: usize,
    },
    /// Longer than the schema allows.
    TooLong {
        /// Most characters.
        most: usize,
    },
    /// Not what the schema's pattern describes.
    PatternMismatch {
        /// The pattern.
        pattern: String,
    },
    /// Does not start as the schema says.
    StartsWith {
        /// The start.
        start: String,
    },
    /// None of the values that the schema allows.
    NotOneOf {
        /// The values that it allows.
        allowed: Vec<String>,
    },
    /// Looks like a text that only stands where a value belongs.
    Placeholder,
    /// In the store and not in the schema.
    Undeclared {
        /// The declared secret whose name is most like it.
        similar: Option<SecretName>,
    },
    /// Should no longer be used.
    Deprecated {
        /// Why, and what instead.
        reason: String,
    },
    /// Stopped working.
    Expired {
        /// The day on which it did, at its start in UTC.
        on: Date,
    },
    /// Stops working within the time of notice.
    ExpiresSoon {
        /// The day on which it does, at its start in UTC.
        on: Date,
        /// Days from today until then, at least 1.
        days: i32,
    },
    /// Put into a URL without `urlencode`.
    UnencodedInUrl {
        /// The variable that holds the URL.
        variable: VariableName,
        /// The target that has the variable.
        target: TargetName,
    },
}

impl ViolationKind {
    /// The name in machine-readable reports. It stays the same for ever.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Empty => "empty",
            Self::ContainsNul => "contains-nul",
            Self::WrongType(_) => "wrong-type",
            Self::TooShort { .. } => "too-short",
            Self::TooLong { .. } => "too-long",
            Self::PatternMismatch { .. } => "pattern-mismatch",
            Self::StartsWith { .. } => "starts-with",
            Self::NotOneOf { .. } => "not-one-of",
            Self::Placeholder => "placeholder",
            Self::Undeclared { .. } => "undeclared",
            Self::Deprecated { .. } => "deprecated",
            Self::Expired { .. } => "expired",
            Self::ExpiresSoon { .. } => "expires-soon",
            Self::UnencodedInUrl { .. } => "unencoded-in-url",
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Placeholder
            | Self::Undeclared { .. }
            | Self::Deprecated { .. }
            | Self::ExpiresSoon { .. }
            | Self::UnencodedInUrl { .. } => Severity::Warning,
            Self::Missing { .. }
            | Self::Empty
            | Self::ContainsNul
            | Self::WrongType(_)
            | Self::TooShort { .. }
            | Self::TooLong { .. }
            | Self::PatternMismatch { .. }
            | Self::StartsWith { .. }
            | Self::NotOneOf { .. }
            | Self::Expired { .. } => Severity::Error,
        }
    }
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { .. } => f.write_str("required and not set"),
            Self::Empty => f.write_str("set to nothing"),
            Self::ContainsNul => f.write_str("holds a NUL byte, which no environment can carry"),
            Self::WrongType(mismatch) => mismatch.fmt(f),
            Self::TooShort { fewest } => write!(f, "too short: at least {}", characters(*fewest)),
            Self::TooLong { most } => write!(f, "too long: at most {}", characters(*most)),
            Self::PatternMismatch { pattern } => write!(f, "does not match the pattern {pattern}"),
            Self::StartsWith { start } => write!(f, "does not start with {start}"),
            Self::NotOneOf { allowed } => write!(f, "not one of {}", allowed.join(", ")),
            Self::Placeholder => f.write_str("looks like a placeholder, not like a value"),
            Self::Undeclared { .. } => f.write_str("not declared in the schema"),
            Self::Deprecated { reason } => write!(f, "deprecated: {reason}"),
            Self::Expired { on, .. } => write!(f, "expired on {on}"),
            Self::ExpiresSoon { on, days: 1, .. } => write!(f, "expires on {on}, in 1 day"),
            Self::ExpiresSoon { on, days, .. } => write!(f, "expires on {on}, in {days} days"),
            Self::UnencodedInUrl { variable, target } => {
                write!(f, "stands in the URL of {variable} in {target} without urlencode")
            }
        }
    }
}

fn characters(count: usize) -> String {
    if count == 1 { "1 character".to_owned() } else { format!("{count} characters") }
}
