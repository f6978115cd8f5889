//! A commit in two halves: what is to be written, made while the store's folder is locked, and the write itself. Between
//! them the new store can be taken elsewhere first.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::{Disk, FolderLock};

use super::document::Document;
use super::edit::{Author, Committed, Edit};
use super::envelope;
use super::error::StoreError;
use super::identity::Keys;
use super::readers::{prove, sealing_keys};
use super::state::Unlocked;
use crate::secret::SecretText;

/// What a commit writes, and what it will have done.
#[must_use = "nothing is written yet"]
pub struct Prepared {
    path: PathBuf,
    committed: Committed,
    /// The new store; none where nothing changes.
    sealed: Option<Vec<u8>>,
}

impl Prepared {
    pub(super) fn new(path: PathBuf, committed: Committed, sealed: Option<Vec<u8>>) -> Self {
        Self { path, committed, sealed }
    }

    /// What it will have done.
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// The new store; `None` if nothing changes.
    pub fn sealed(&self) -> Option<&[u8]> {
        self.sealed.as_deref()
    }

    /// Writes it. The lock under which it was prepared must still be held.
    pub fn write(self, disk: &Disk, _lock: &FolderLock) -> Result<Committed, StoreError> {
        if let Some(sealed) = &self.sealed {
            let mode = disk.permissions(&self.path)?.mode & 0o777;
            disk.replace(&self.path, sealed, mode)?;
        }
        Ok(Committed { sealed: self.sealed, ..self.committed })
    }
}

impl Unlocked {
    /// Waits at most `patience` until nobody else writes the store.
    pub fn lock(&self, patience: Duration) -> Result<FolderLock, StoreError> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(FolderLock::acquire(folder.unwrap_or(Path::new(".")), patience)?)
    }

    /// Seals the next document, and opens it with the identities at hand if that is `wanted`; with how many opened it.
    pub(super) fn seal(
        &self,
        theirs: &Document,
        text: SecretText,
        is_proof_wanted: bool,
    ) -> Result<(Vec<u8>, Document, usize), StoreError> {
        // What cannot be read back must not replace what can.
        let next = Document::parse(text).map_err(StoreError::Text)?;
        let keys: Vec<&str> = next.recipients().iter().map(|recipient| recipient.key.as_str()).collect();
        let without = Keys::new(Vec::new(), &self.keys.prompt);
        let known = sealing_keys(&self.keys, &without, theirs.recipients(), next.recipients());
        let sealed = envelope::seal(next.text(), &keys, known)
            .map_err(|error| StoreError::Envelope(self.path.clone(), error))?;
        let proven = if is_proof_wanted { prove(&self.path, &sealed, &next, &self.keys)? } else { 0 };
        Ok((sealed, next, proven))
    }
}

impl Edit<'_> {
    /// Writes the changes: all of them, or none. Waits at most `patience` for another writer, and merges what it wrote.
    pub fn commit(self, disk: &Disk, author: &Author, patience: Duration) -> Result<Committed, StoreError> {
        let lock = self.opened().lock(patience)?;
        self.prepare(disk, author, &lock)?.write(disk, &lock)
    }
}
