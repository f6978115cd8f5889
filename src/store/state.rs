//! The only two states of a store, and how one becomes the other.

use std::path::{Path, PathBuf};

use crate::secret::{SecretText, hex};
use crate::sys::{Disk, Random};

use super::document::Document;
use super::edit::Author;
use super::envelope;
use super::error::StoreError;
use super::identity::{Identity, Keys};
use super::parts::{Header, Recipient};
use super::pin::StorePrint;

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

    /// Reads the store without opening it, for trying one identity after the other.
    pub fn read(self, disk: &Disk) -> Result<Sealed, StoreError> {
        let bytes = read(disk, &self.path)?;
        Ok(Sealed { path: self.path, bytes })
    }

    /// The id of a store that is to be made.
    pub fn new_id(random: &mut dyn Random) -> Result<StoreId, StoreError> {
        let mut id = [0; ID_BYTES];
        random.fill(&mut id).map_err(StoreError::Random)?;
        Ok(StoreId(hex(&id)))
    }

    /// Makes a new store without secrets for one first recipient. Never overwrites a file.
    pub fn create(
        &self,
        disk: &Disk,
        id: StoreId,
        author: &Author,
        recipient: Recipient,
        keys: &Keys,
    ) -> Result<Document, StoreError> {
        let header = Header { id: id.0, generation: 1, written: author.now, by: author.name.clone() };
        let recipients = [recipient];
        let text = Document::compose(&header, &recipients, "", std::iter::empty(), std::iter::empty());
        let sealed = envelope::seal(&text, &[&recipients[0].key], keys)
            .map_err(|error| StoreError::Envelope(self.path.clone(), error))?;
        disk.create_new(&self.path, &sealed, 0o600)?;
        Document::parse(text).map_err(|error| StoreError::Document(self.path.clone(), error))
    }
}

/// The id of a store, which nobody but its readers may know: not to be shown.
pub struct StoreId(String);

impl StoreId {
    /// The digest of it, which may be known to everybody.
    pub fn print(&self) -> StorePrint {
        StorePrint::of(&self.0)
    }
}

/// An encrypted file that was read and that nobody has opened.
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
        self.decrypt(keys)?.read()
    }

    /// Decrypts it, so that what is inside can be read elsewhere.
    pub fn decrypt(&self, keys: Keys) -> Result<Decrypted, StoreError> {
        let text = decrypt(&self.path, &self.bytes, &keys)?;
        Ok(Decrypted { path: self.path.clone(), sealed: self.bytes.clone(), keys, text })
    }
}

/// A decrypted file that nobody has read yet.
pub struct Decrypted {
    path: PathBuf,
    sealed: Vec<u8>,
    keys: Keys,
    text: SecretText,
}

impl Decrypted {
    /// Reads the document in it.
    pub fn read(self) -> Result<Unlocked, StoreError> {
        let Self { path, sealed, keys, text } = self;
        let document = parse(&path, text)?;
        Ok(Unlocked { path, sealed, keys, document })
    }

    /// Reads the document in a thread of its own, while `work` is done in this one.
    pub fn read_beside<T>(self, work: impl FnOnce() -> T) -> (T, Result<Unlocked, StoreError>) {
        let Self { path, sealed, keys, text } = self;
        let (done, document) = std::thread::scope(|scope| {
            let reading = scope.spawn(|| parse(&path, text));
            let done = work();
            (done, reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        (done, document.map(|document| Unlocked { path, sealed, keys, document }))
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

    /// The store as it lies on the disk now, with the same identities.
    pub fn reopened(self, disk: &Disk) -> Result<Self, StoreError> {
        let Self { path, keys, .. } = self;
        Store::at(path).unlock(disk, keys)
    }

    /// The recipients that the identities at hand are for, as far as that is known without asking anybody.
    pub fn at_hand(&self) -> Vec<String> {
        self.keys.identities.iter().flat_map(Identity::known_recipients).collect()
    }

    /// Whether all identities at hand say whom they are for.
    pub fn all_are_known(&self) -> bool {
        self.keys.identities.iter().all(|identity| !identity.known_recipients().is_empty())
    }

    /// Reads it again, with the same identities: what was written since is inside.
    pub fn refresh(&mut self, disk: &Disk) -> Result<(), StoreError> {
        let sealed = read(disk, &self.path)?;
        if sealed != self.sealed {
            let document = open(&self.path, &sealed, &self.keys)?;
            if document.id() != self.document.id() {
                return Err(StoreError::Replaced(self.path.clone()));
            }
            if document.generation() < self.document.generation() {
                return Err(StoreError::WentBack(self.path.clone(), document.generation()));
            }
            (self.sealed, self.document) = (sealed, document);
        }
        Ok(())
    }

    /// Opens another version of the store with the same identities. `path` is for messages.
    pub fn open_version(&self, path: &Path, sealed: &[u8]) -> Result<Document, StoreError> {
        open(path, sealed, &self.keys)
    }
}

/// The sealed bytes, which are no secret: wiping megabytes of them would take longer than opening them.
pub(super) fn read(disk: &Disk, path: &Path) -> Result<Vec<u8>, StoreError> {
    Ok(std::mem::take(&mut *disk.read(path, SIZE_LIMIT)?))
}

/// Opens sealed bytes and reads the document in them. `path` is for messages.
pub fn open(path: &Path, sealed: &[u8], keys: &Keys) -> Result<Document, StoreError> {
    parse(path, decrypt(path, sealed, keys)?)
}

fn decrypt(path: &Path, sealed: &[u8], keys: &Keys) -> Result<SecretText, StoreError> {
    envelope::open(sealed, &keys.identities).map_err(|error| StoreError::Envelope(path.to_owned(), error))
}

fn parse(path: &Path, text: SecretText) -> Result<Document, StoreError> {
    Document::parse(text).map_err(|error| StoreError::Document(path.to_owned(), error))
}
