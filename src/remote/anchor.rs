//! What this machine last had in common with the store's home: the base of the three-way merge with it.
//!
//! ```text
//! luca-secrets anchor 1
//! home: s3://example/secrets.enc
//! version: 00000000000000000042 "9b2cf5…"
//! generation: 42
//!
//! -----BEGIN AGE ENCRYPTED FILE-----
//! ```
//!
//! It lies in the user's state folder and holds sealed bytes only. One that is missing, damaged or of another home is as
//! good as none: then nothing is taken to be in common, and every difference counts.

use std::path::{Path, PathBuf};

use crate::store::{SIZE_LIMIT, path_digest};
use crate::sys::{Disk, FileError};

use super::home::Version;

const FIRST_LINE: &str = "luca-secrets anchor 1";

/// The version of the home that this machine's copy is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Its name.
    pub version: Version,
    /// The store's generation in it.
    pub generation: u64,
    /// The sealed store.
    pub sealed: Vec<u8>,
}

/// Where the anchor of one copy lies.
pub struct AnchorFile {
    path: PathBuf,
    home: String,
}

impl AnchorFile {
    /// The anchor of the copy at `store`, a path without symlinks, towards the home with this label.
    pub fn of(state_folder: &Path, store: &Path, home: &str) -> Self {
        let home = home.chars().filter(|character| !character.is_control()).collect();
        Self { path: state_folder.join("anchors").join(path_digest(store)), home }
    }

    /// What is in common, as far as that is known.
    pub fn load(&self, disk: &Disk) -> Option<Anchor> {
        let bytes = disk.read(&self.path, SIZE_LIMIT + 64 * 1024).ok()?;
        let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
        let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let mut lines = head.lines();
        if lines.next() != Some(FIRST_LINE) || lines.next()?.strip_prefix("home: ")? != self.home {
            return None;
        }
        let version = Version::parse(lines.next()?.strip_prefix("version: ")?)?;
        let generation = lines.next()?.strip_prefix("generation: ")?.parse().ok()?;
        let sealed = bytes.get(end + 2..)?.to_vec();
        lines.next().is_none().then_some(Anchor { version, generation, sealed })
    }

    /// Remembers what is in common now.
    pub fn save(&self, disk: &Disk, anchor: &Anchor) -> Result<(), FileError> {
        if let Some(folder) = self.path.parent() {
            disk.create_private_folder(folder)?;
        }
        let (home, version) = (&self.home, anchor.version.as_str());
        let generation = anchor.generation;
        let head = format!("{FIRST_LINE}\nhome: {home}\nversion: {version}\ngeneration: {generation}\n\n");
        let mut content = head.into_bytes();
        content.extend_from_slice(&anchor.sealed);
        disk.replace(&self.path, &content, 0o600)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sys::OpenGate;

    #[test]
    fn what_was_saved_is_there_for_the_same_home_only() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(Arc::new(OpenGate));
        let store = Path::new("/home/you/shop/secrets.enc");
        let file = AnchorFile::of(folder.path(), store, "branch secrets of origin");
        assert_eq!(file.load(&disk), None);
        let sealed = b"first\n\nsecond\n".to_vec();
        let anchor = Anchor { version: Version::parse("0123 abc").unwrap(), generation: 7, sealed };
        file.save(&disk, &anchor).unwrap();
        assert_eq!(file.load(&disk), Some(anchor));
        assert_eq!(AnchorFile::of(folder.path(), store, "branch other of origin").load(&disk), None);
        let other = Path::new("/home/you/other/secrets.enc");
        assert_eq!(AnchorFile::of(folder.path(), other, "branch secrets of origin").load(&disk), None);
    }

    #[test]
    fn a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(Arc::new(OpenGate));
        let file = AnchorFile::of(folder.path(), Path::new("/secrets.enc"), "home");
        std::fs::create_dir(folder.path().join("anchors")).unwrap();
        let good = format!("{FIRST_LINE}\nhome: home\nversion: a\ngeneration: 1\n\nsealed");
        for (content, is_good) in [
            (good.clone(), true),
            (good.replace("anchor 1", "anchor 2"), false),
            (good.replace("version: a", "version: "), false),
            (good.replace("generation: 1", "generation: x"), false),
            (good.replace("generation: 1", "generation: 1\nmore: 2"), false),
            (good.replace("\n\nsealed", ""), false),
        ] {
            std::fs::write(&file.path, &content).unwrap();
            assert_eq!(file.load(&disk).is_some(), is_good, "{content}");
        }
    }
}
