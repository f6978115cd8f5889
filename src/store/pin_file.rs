//! The pins of this machine: one small file for each path, below the state folder.
//!
//! ```toml
//! path = "/home/you/shop/secrets.enc"
//! store = "0f3c…"            # the digest of the id
//! deliberate = true
//! key = "77aa…"              # of the names' digests
//! [seen."refs/heads/main"]
//! generation = 12
//! written = 2026-11-23T12:00:00Z
//! by = "you@laptop"
//! secrets = 40
//! [names]
//! digests = '''
//! 1f00a5e2c3d40b77
//! '''
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::secret::SecretText;
use crate::sys::{Disk, FileError, FolderLock, LockError};

use super::document::Document;
use super::draft::path_digest;
use super::pin::{Checkout, Pin, Sighting, StorePrint};
use super::toml_text::push_toml_string;

/// Largest pin that is read, in bytes: digests of more names than a store can hold.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Between what every command reads and the digests, which only a refusal needs.
const NAMES: &str = "\n[names]\ndigests = '''\n";

/// How a whole file ends.
const END: &str = "'''\n";

/// How long to wait for another process that pins.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a pin could not be used.
#[derive(Debug)]
pub enum PinError {
    /// It could not be read or written.
    File(FileError),
    /// Another process holds the folder.
    Lock(LockError),
    /// It is not what was written there.
    Damaged(PathBuf),
    /// Meanwhile another process has pinned another store at the path.
    Replaced(PathBuf),
}

impl fmt::Display for PinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Lock(error) => error.fmt(f),
            Self::Damaged(path) => {
                write!(f, "{}: damaged, so the store cannot be recognized", path.display())
            }
            Self::Replaced(path) => write!(f, "{}: replaced by a different store meanwhile", path.display()),
        }
    }
}

impl std::error::Error for PinError {}

impl From<FileError> for PinError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// The folder of all pins.
pub struct PinFolder {
    folder: PathBuf,
}

/// How a store comes to be pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// It was seen.
    Seen,
    /// A person accepted it, whatever was remembered of its path.
    Accepted,
}

impl PinFolder {
    /// The pins below the user's state folder.
    pub fn of(state_folder: &Path) -> Self {
        Self { folder: state_folder.join("pins") }
    }

    /// The file that holds the pin of a store, by its path without symlinks.
    pub fn file(&self, store: &Path) -> PathBuf {
        self.folder.join(format!("{}.toml", path_digest(store)))
    }

    /// What is remembered of a path. A folder that cannot be looked into holds nothing.
    pub fn load(&self, disk: &Disk, store: &Path) -> Result<Option<Pin>, PinError> {
        let file = self.file(store);
        match disk.kind(&file) {
            Ok(Some(_)) => read(disk, &file).map(Some),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    /// What is remembered of all other paths. Damaged ones are left out: then a store counts as less known, not more.
    pub fn others(&self, disk: &Disk, store: &Path) -> Vec<Pin> {
        let own = self.file(store);
        let files = disk.files(&self.folder, ".toml").unwrap_or_default();
        files.iter().filter(|file| **file != own).filter_map(|file| read(disk, file).ok()).collect()
    }

    /// Remembers a store. `key` is for the names' digests of a new pin.
    pub fn keep(
        &self,
        disk: &Disk,
        store: &Path,
        (checkout, document): (&Checkout, &Document),
        (pinning, key): (Pinning, String),
    ) -> Result<(), PinError> {
        disk.create_private_folder(&self.folder)?;
        let _lock = FolderLock::acquire(&self.folder, PATIENCE).map_err(PinError::Lock)?;
        let accepted = pinning == Pinning::Accepted;
        let print = document.print();
        // Only a person may pass over what is remembered, readable or not.
        let before = match self.load(disk, store) {
            Err(error) if !accepted => return Err(error),
            before => before.ok().flatten(),
        };
        let is_other = before.as_ref().is_some_and(|pin| pin.print != print);
        if is_other && !accepted {
            return Err(PinError::Replaced(store.to_owned()));
        }
        let fresh = || Pin::new(store.display().to_string(), print, key);
        let mut pin = before.clone().filter(|_| !is_other).unwrap_or_else(fresh);
        pin.deliberate |= accepted || before.is_none() && self.is_known(disk, store, print);
        pin.note(checkout, document, accepted);
        if before.as_ref() == Some(&pin) {
            return Ok(());
        }
        Ok(disk.replace_soon(&self.file(store), text_of(&pin).expose().as_bytes(), 0o600)?)
    }

    /// Whether a person has accepted the store at another path.
    fn is_known(&self, disk: &Disk, store: &Path, print: StorePrint) -> bool {
        self.others(disk, store).iter().any(|other| other.print == print && other.deliberate)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    path: String,
    store: String,
    deliberate: bool,
    key: String,
    seen: BTreeMap<String, WrittenSighting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSighting {
    generation: u64,
    written: toml::value::Datetime,
    by: String,
    secrets: usize,
}

fn read(disk: &Disk, file: &Path) -> Result<Pin, PinError> {
    let bytes = disk.read(file, LIMIT)?;
    let text = std::str::from_utf8(&bytes).ok();
    text.and_then(pin_in).ok_or_else(|| PinError::Damaged(file.to_owned()))
}

fn pin_in(text: &str) -> Option<Pin> {
    let (head, names) = text.split_once(NAMES)?;
    let written: Written = toml::from_str(head).ok()?;
    let names = names.strip_suffix(END)?;
    let sighting = |(branch, seen): (String, WrittenSighting)| {
        let WrittenSighting { generation, written, by, secrets } = seen;
        Some((branch, Sighting { generation, written: written.to_string().parse().ok()?, by, secrets }))
    };
    Some(Pin {
        path: written.path,
        print: StorePrint::parse(&written.store)?,
        deliberate: written.deliberate,
        sightings: written.seen.into_iter().map(sighting).collect::<Option<_>>()?,
        key: written.key,
        names: names.lines().map(str::to_owned).collect(),
    })
}

fn text_of(pin: &Pin) -> SecretText {
    let mut text = SecretText::with_capacity(1024 + 17 * pin.names.len());
    text.push_str(
        "# What luca-secrets remembers of a store that it has opened. There is no secret in it.\npath = ",
    );
    push_toml_string(&mut text, &pin.path);
    let (print, deliberate, key) = (pin.print, pin.deliberate, &pin.key);
    text.push_str(&format!("\nstore = \"{print}\"\ndeliberate = {deliberate}\nkey = \"{key}\"\n\n[seen]\n"));
    for (branch, seen) in &pin.sightings {
        text.push_str("[seen.");
        push_toml_string(&mut text, branch);
        text.push_str(&format!("]\ngeneration = {}\nwritten = {}\nby = ", seen.generation, seen.written));
        push_toml_string(&mut text, &seen.by);
        text.push_str(&format!("\nsecrets = {}\n", seen.secrets));
    }
    text.push_str(NAMES);
    for name in &pin.names {
        text.push_str(name);
        text.push('\n');
    }
    text.push_str(END);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_as_it_was_written() {
        let sighting = |generation, by: &str| Sighting {
            generation,
            written: "2026-11-23T12:00:00Z".parse().unwrap(),
            by: by.to_owned(),
            secrets: 3,
        };
        let mut pin = Pin::new("/a 'b' \"c\"\\\n/ü".to_owned(), StorePrint::of("x"), "00ff".to_owned());
        for names in [vec![], vec!["0123456789abcdef".to_owned(), "f".to_owned()]] {
            pin.names = names;
            for branch in ["", "refs/heads/main", "refs/heads/o'\"]x"] {
                pin.sightings
                    .insert(branch.to_owned(), sighting(branch.len() as u64, "y\u{1b}\n[names]\n'''"));
                let text = text_of(&pin);
                assert!(pin_in(text.expose()).as_ref() == Some(&pin), "{}", text.expose());
                // Wherever it is cut off, it is seen to be damaged.
                for end in (0..text.len()).filter(|end| text.expose().is_char_boundary(*end)) {
                    assert!(pin_in(&text.expose()[..end]).is_none(), "{end}");
                }
            }
        }
    }
}
