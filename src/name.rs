//! Checked names: parsed once at the edge, valid ever after.

use std::fmt;

/// Longest name of any kind, in bytes: longer ones are a slip of the clipboard.
const MAX_LENGTH: usize = 100;

/// Why a text is not a name of the kind that was asked for.
///
/// Never holds the text itself: a person who pastes a password where a name belongs must not see it in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// The text is longer than 100 bytes.
    TooLong,
    /// Not of the form `group.key`.
    NotGroupAndKey,
    /// A part of a secret's name holds something else than `a-z`, `0-9` and `_`, or does not start with a letter.
    SecretCharacters,
    /// A variable's name holds something else than letters, digits and `_`, or starts with a digit.
    VariableCharacters,
    /// A target's name holds something else than `a-z`, `0-9`, `-` and `_`, or does not start with a letter or digit.
    TargetCharacters,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the name is empty",
            Self::TooLong => "the name is longer than 100 characters",
            Self::NotGroupAndKey => "a secret's name has the form group.key, such as database.password",
            Self::SecretCharacters => {
                "the parts of a secret's name start with a lower-case letter and hold only a-z, 0-9 and _"
            }
            Self::VariableCharacters => {
                "a variable's name starts with a letter or _ and holds only letters, digits and _"
            }
            Self::TargetCharacters => {
                "a target's name starts with a lower-case letter or a digit and holds only a-z, 0-9, - and _"
            }
        })
    }
}

impl std::error::Error for NameError {}

/// The name of a secret: `group.key`, such as `database.password`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName {
    text: Box<str>,
    dot: usize,
}

impl SecretName {
    /// Reads `group.key`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let (group, key) = text.split_once('.').ok_or(if text.is_empty() {
            NameError::Empty
        } else {
            NameError::NotGroupAndKey
        })?;
        Self::new(group, key)
    }

    /// Joins a group and a key, both checked.
    pub fn new(group: &str, key: &str) -> Result<Self, NameError> {
        if group.is_empty() || key.is_empty() || key.contains('.') {
            return Err(NameError::NotGroupAndKey);
        }
        if group.len() + key.len() > MAX_LENGTH {
            return Err(NameError::TooLong);
        }
        if !is_secret_part(group) || !is_secret_part(key) {
            return Err(NameError::SecretCharacters);
        }
        let mut text = String::with_capacity(group.len() + 1 + key.len());
        text.push_str(group);
        text.push('.');
        text.push_str(key);
        Ok(Self { text: text.into_boxed_str(), dot: group.len() })
    }

    /// The part before the dot.
    pub fn group(&self) -> &str {
        &self.text[..self.dot]
    }

    /// The part after the dot.
    pub fn key(&self) -> &str {
        &self.text[self.dot + 1..]
    }

    /// The whole name, `group.key`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Whether `text` may be a group or a key.
pub fn is_secret_part(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The name of an environment variable or a GitHub Actions secret: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableName(Box<str>);

impl VariableName {
    /// Checks and takes a variable's name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_length(text)?;
        let first_is_fine = !text.starts_with(|c: char| c.is_ascii_digit());
        if first_is_fine && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            Ok(Self(text.into()))
        } else {
            Err(NameError::VariableCharacters)
        }
    }

    /// The name in upper case.
    #[must_use]
    pub fn to_uppercase(&self) -> Self {
        Self(self.0.to_ascii_uppercase().into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The schema's name for a target: `django` of `[env-file.django]`, `deploy` of `[github.deploy]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetName(Box<str>);

impl TargetName {
    /// Checks and takes a target's name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_length(text)?;
        let first_is_fine = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if first_is_fine && text.bytes().all(fine) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::TargetCharacters)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The one of `candidates` that a person may have meant by `typed`: at most a third of its characters apart (optimal
/// string alignment, which counts swapped neighbours once), the first by name among equals.
pub fn nearest<'c>(typed: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let furthest = (typed.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(typed.len()) <= furthest)
        .map(|candidate| (strsim::osa_distance(typed, candidate), candidate))
        .filter(|(distance, _)| *distance <= furthest)
        .min()
        .map(|(_, candidate)| candidate)
}

fn check_length(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        Err(NameError::Empty)
    } else if text.len() > MAX_LENGTH {
        Err(NameError::TooLong)
    } else {
        Ok(())
    }
}
