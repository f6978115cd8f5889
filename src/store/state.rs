//! The only two states of a store, and how one becomes the other.

use std::path::{Path, PathBuf};

use crate::secret::hex;
use crate::sys::{Disk, Random};

use super::document::{Document, Header, Recipient};
use super::edit::Author;
use super::envelope;
use super::error::StoreError;
use super::identity::{Identity, Keys};

/// Largest store that is read, in bytes: far beyond any team's secrets, far below what would hurt a machine.
pub const SIZE_LIMIT: u64 = 64 * 1024 * 1024;

/// Bytes of randomness in a store's id.
const ID_BYTES: usize = 16;

/// An encrypted file that nobody has opened.
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The store at a path; nothing is read yet.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and opens the store.
    pub fn unlock(self, disk: &Disk, keys: Keys) -> Result<Unlocked, StoreError> {
        self.read(disk)?.unlock(keys)
    }

    /// Reads the store, for trying one identity after the other.
    pub fn read(self, disk: &Disk) -> Result<Sealed, StoreError> {
        let bytes = disk.read(&self.path, SIZE_LIMIT)?;
        Ok(Sealed { path: self.path, bytes: bytes.to_vec() })
    }

    /// Makes a new store without secrets for one first recipient. Never overwrites a file.
    pub fn create(
        &self,
        disk: &Disk,
        random: &mut dyn Random,
        author: &Author,
        recipient: Recipient,
        keys: &Keys,
    ) -> Result<(), StoreError> {
        let mut id = [0; ID_BYTES];
        random.fill(&mut id).map_err(StoreError::Random)?;
        let header = Header { id: hex(&id), generation: 1, written: author.now, by: author.name.clone() };
        let recipients = [recipient];
        let text = Document::compose(&header, &recipients, "", std::iter::empty(), std::iter::empty());
        let sealed = envelope::seal(&text, &[&recipients[0].key], keys)
            .map_err(|error| StoreError::Envelope(self.path.clone(), error))?;
        Ok(disk.create_new(&self.path, &sealed, 0o600)?)
    }
}

/// The bytes of a store, still encrypted.
pub struct Sealed {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Sealed {
    /// Whether it is sealed with a passphrase; then no other key opens it.
    pub fn wants_passphrase(&self) -> bool {
        envelope::wants_passphrase(&self.bytes)
    }

    /// Opens it.
    pub fn unlock(&self, keys: Keys) -> Result<Unlocked, StoreError> {
        let document = open(&self.path, &self.bytes, &keys.identities)?;
        Ok(Unlocked { path: self.path.clone(), sealed: self.bytes.clone(), keys, document })
    }
}

/// An opened store: the document as it was read, and the identities that opened it.
pub struct Unlocked {
    pub(super) path: PathBuf,
    /// The bytes on the disk when the store was read.
    pub(super) sealed: Vec<u8>,
    pub(super) keys: Keys,
    pub(super) document: Document,
}

impl Unlocked {
    /// What is inside.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Opens sealed bytes and reads the document in them.
pub(super) fn open(path: &Path, sealed: &[u8], identities: &[Identity]) -> Result<Document, StoreError> {
    let text =
        envelope::open(sealed, identities).map_err(|error| StoreError::Envelope(path.to_owned(), error))?;
    Document::parse(text).map_err(|error| StoreError::Document(path.to_owned(), error))
}
