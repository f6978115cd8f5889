//! What every place for backups does: objects that are written once, listed in the order of their names, and removed.

use jiff::Timestamp;

use super::error::RemoteError;

/// A place for objects that are never changed.
///
/// - Keys are ASCII letters, digits, `-`, `_`, `.` and `/`, and sort as bytes.
/// - [`put`](Self::put) has the whole object in place, durably, or nothing; an object that exists is never replaced.
/// - Waiting is bounded as for a [`Home`](super::Home).
pub trait Shelf {
    /// Puts an object in place; [`Put::Exists`] if there is one of that key, which stays as it is.
    fn put(&mut self, key: &str, bytes: &[u8]) -> Result<Put, RemoteError>;

    /// An object's bytes; `None` if there is no such object.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, RemoteError>;

    /// The objects whose keys start with `prefix` and come after `after`, in order, at most `most` of them.
    fn list(&mut self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<Item>, RemoteError>;

    /// Removes an object; one that does not exist is as good as removed. [`Removed::Kept`] if the place does not let go
    /// of it yet (object lock).
    fn remove(&mut self, key: &str) -> Result<Removed, RemoteError>;

    /// Where it is, for messages. No credentials.
    fn label(&self) -> String;
}

/// What came of [`Shelf::put`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The object is in place.
    Done,
    /// There was one already.
    Exists,
}

/// What came of [`Shelf::remove`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Done,
    /// It is protected until its time has passed.
    Kept,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was written, by the place's clock.
    pub at: Option<Timestamp>,
}
