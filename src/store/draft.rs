//! Drafts: the text of an interrupted edit, kept encrypted for the store's own readers.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::secret::{SecretText, hex};
use crate::sys::Disk;

use super::envelope::{self, EnvelopeError};
use super::error::StoreError;
use super::state::{SIZE_LIMIT, Unlocked};

/// Where the draft of a store is kept.
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// The draft of the store at `store`, an absolute path, in the user's state folder.
    pub fn of(state_folder: &Path, store: &Path) -> Self {
        Self { path: state_folder.join("drafts").join(format!("{}.age", path_digest(store))) }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    pub fn exists(&self, disk: &Disk) -> bool {
        disk.kind(&self.path).is_ok_and(|kind| kind.is_some())
    }

    /// Keeps a text, sealed for the readers of the store, with the text that the edit began with: changes are counted
    /// from that when the draft is taken up.
    pub fn keep(
        &self,
        disk: &Disk,
        store: &Unlocked,
        base: &SecretText,
        text: &SecretText,
    ) -> Result<(), StoreError> {
        let fail = |error| StoreError::Envelope(self.path.clone(), error);
        let mut both = SecretText::with_capacity(base.len() + text.len() + 32);
        both.push_str(&format!("{}\n", base.len()));
        both.push_str(base.expose());
        both.push_str(text.expose());
        let keys: Vec<&str> =
            store.document.recipients().iter().map(|recipient| recipient.key.as_str()).collect();
        let sealed = envelope::seal(&both, &keys, &store.keys).map_err(fail)?;
        if let Some(folder) = self.path.parent() {
            disk.create_private_folder(folder)?;
        }
        Ok(disk.replace(&self.path, &sealed, 0o600)?)
    }

    /// Takes up a kept text: what the edit began with, and what it had become.
    pub fn read(&self, disk: &Disk, store: &Unlocked) -> Result<(SecretText, SecretText), StoreError> {
        let fail = |error| StoreError::Envelope(self.path.clone(), error);
        let sealed = disk.read(&self.path, SIZE_LIMIT)?;
        let both = envelope::open(&sealed, &store.keys.identities).map_err(fail)?;
        let parts = both
            .expose()
            .split_once('\n')
            .and_then(|(length, rest)| rest.split_at_checked(length.parse().ok()?));
        let (base, text) = parts.ok_or_else(|| fail(EnvelopeError::NotText))?;
        Ok((SecretText::new(base.to_owned()), SecretText::new(text.to_owned())))
    }

    /// Removes it.
    pub fn discard(&self, disk: &Disk) -> Result<(), StoreError> {
        Ok(disk.remove(&self.path)?)
    }
}

/// A short name for a store's path, for what is kept of it elsewhere: the first 64 bits of its SHA-256, in hex.
pub fn path_digest(store: &Path) -> String {
    hex(&Sha256::digest(store.as_os_str().as_encoded_bytes())[..8])
}
