//! What can go wrong with a store.

use std::fmt;
use std::path::PathBuf;

use crate::name::SecretName;
use crate::sys::{FileError, LockError};

use super::envelope::EnvelopeError;
use super::outline::DocumentError;

/// What went wrong with a store.
#[derive(Debug)]
pub enum StoreError {
    /// The file could not be read or written.
    File(FileError),
    /// Somebody else is writing.
    Lock(LockError),
    /// The file could not be opened or sealed.
    Envelope(PathBuf, EnvelopeError),
    /// It opens, but the document inside cannot be read.
    Document(PathBuf, DocumentError),
    /// The text of an edit cannot be read; places count in that text.
    Text(DocumentError),
    /// Somebody else changed the same secrets meanwhile.
    Conflict(Vec<SecretName>),
    /// The file was replaced by a different store meanwhile.
    Replaced(PathBuf),
    /// The file was replaced by an older store meanwhile, of this generation.
    WentBack(PathBuf, u64),
    /// Nobody could read it after the change.
    NoReader(PathBuf),
    /// No identity at hand opens it after the change.
    LockedOut(PathBuf),
    /// An identity of one of its readers does not open it after the change.
    Unproven(PathBuf),
    /// Another rotation is under way, that of this secret.
    Rotating(SecretName),
    /// A secret cannot be changed while it is part of this rotation.
    Rotated(SecretName, SecretName),
    /// Somebody else has written to the rotation of this secret meanwhile.
    RotationMoved(SecretName),
    /// Two stores were to be merged that were never one.
    Unrelated(PathBuf),
    /// Secrets were to be merged that are in conflict already.
    Unsettled(Vec<SecretName>),
    /// No randomness.
    Random(std::io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Lock(error) => error.fmt(f),
            Self::Envelope(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Document(path, error) => write!(f, "{}: inside, {error}", path.display()),
            Self::Text(error) => error.fmt(f),
            Self::Conflict(names) => {
                let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
                write!(f, "somebody else changed {} meanwhile, in another way", names.join(", "))
            }
            Self::Replaced(path) => write!(f, "{}: replaced by a different store meanwhile", path.display()),
            Self::WentBack(path, generation) => {
                write!(f, "{}: replaced by an older store meanwhile, generation {generation}", path.display())
            }
            Self::NoReader(path) => write!(f, "{}: nobody could read it any more", path.display()),
            Self::LockedOut(path) => {
                write!(f, "{}: no identity at hand would open it any more", path.display())
            }
            Self::Unproven(path) => {
                write!(f, "{}: what was sealed does not open with the identity of a reader", path.display())
            }
            Self::Rotating(name) => write!(f, "a rotation of {name} is under way"),
            Self::Rotated(name, rotation) if name == rotation => write!(f, "{name} is being rotated"),
            Self::Rotated(name, rotation) => {
                write!(f, "{name} is part of the rotation of {rotation} that is under way")
            }
            Self::RotationMoved(name) => {
                write!(f, "somebody else has gone on with the rotation of {name} meanwhile")
            }
            Self::Unrelated(path) => {
                write!(f, "{}: the two sides are different stores, made one by one", path.display())
            }
            Self::Unsettled(names) => {
                let names: Vec<&str> = names.iter().map(SecretName::as_str).collect();
                write!(f, "{} is in conflict already, and the merge brings a third value", names.join(", "))
            }
            Self::Random(error) => write!(f, "the system gives no randomness: {error}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<LockError> for StoreError {
    fn from(error: LockError) -> Self {
        Self::Lock(error)
    }
}
