//! Drafts: the text of an interrupted edit, kept encrypted for the store's own readers.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::secret::{SecretText, hex};
use crate::sys::Disk;

use super::envelope;
use super::error::StoreError;
use super::state::{SIZE_LIMIT, Unlocked};

/// Where the draft of a store is kept.
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// The draft of the store at `store`, an absolute path, in the user's state folder.
    pub fn of(state_folder: &Path, store: &Path) -> Self {
        let digest = Sha256::digest(store.as_os_str().as_encoded_bytes());
        Self { path: state_folder.join("drafts").join(format!("{}.age", hex(&digest[..8]))) }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    pub fn exists(&self, disk: &Disk) -> bool {
        disk.kind(&self.path).is_ok_and(|kind| kind.is_some())
    }

    /// Keeps a text, sealed for the readers of the store.
    pub fn keep(&self, disk: &Disk, store: &Unlocked, text: &SecretText) -> Result<(), StoreError> {
        let fail = |error| StoreError::Envelope(self.path.clone(), error);
        let keys: Vec<&str> =
            store.document.recipients().iter().map(|recipient| recipient.key.as_str()).collect();
        let sealed = envelope::seal(text, &keys).map_err(fail)?;
        if let Some(folder) = self.path.parent() {
            disk.create_private_folder(folder)?;
        }
        Ok(disk.replace(&self.path, &sealed, 0o600)?)
    }

    /// Takes up a kept text.
    pub fn read(&self, disk: &Disk, store: &Unlocked) -> Result<SecretText, StoreError> {
        let sealed = disk.read(&self.path, SIZE_LIMIT)?;
        envelope::open(&sealed, &store.identities)
            .map_err(|error| StoreError::Envelope(self.path.clone(), error))
    }

    /// Removes it.
    pub fn discard(&self, disk: &Disk) -> Result<(), StoreError> {
        Ok(disk.remove(&self.path)?)
    }
}
