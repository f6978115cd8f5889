//! A folder as a place for backups: a disk of its own, a share of another machine, a medium that is put away.
//!
//! The folder itself must be there: one that is made where a disk should have been mounted would hold backups on the disk
//! whose loss they are for.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::remote::error::{RemoteError, RemoteProblem};
use crate::remote::shelf::{Item, Put, Removed, Shelf};
use crate::store::SIZE_LIMIT;
use crate::sys::{Disk, FileError, FileProblem, FolderEntry, Kind};

/// How often a backup is put whose folder somebody removes meanwhile, since it was empty.
const ATTEMPTS: usize = 3;

/// After how many seconds a file that is not in place yet belongs to nobody. Other machines may be writing too.
const ABANDONED: i64 = 3600;

/// The system's number for what is not permitted whatever the rights say: a file that cannot be changed (`chattr +i`).
const NOT_PERMITTED: i32 = 1;

/// A folder; the keys of objects are paths in it.
pub struct FolderShelf {
    root: PathBuf,
    disk: Disk,
}

impl FolderShelf {
    /// The folder at a path.
    pub fn new(root: PathBuf, disk: Disk) -> Self {
        Self { root, disk }
    }

    fn path(&self, key: &str) -> Result<PathBuf, RemoteError> {
        let is_fine = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_key_byte);
        if key.split('/').all(is_fine) {
            return Ok(self.root.join(key));
        }
        Err(RemoteError::new(self.label(), RemoteProblem::Failed("a key that no backup has".to_owned())))
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.root.join(key);
        if let Some((folders, name)) = key.rsplit_once('/') {
            self.disk.create_folders_below(&self.root, Path::new(folders))?;
            self.write_file(&path, bytes)?;
            self.sweep(&self.root.join(folders), name);
            return Ok(());
        }
        self.write_file(&path, bytes)
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        match self.disk.create_new(path, bytes, 0o600) {
            // A file system without hard links. Whoever puts the same name there puts the same bytes.
            Err(error) if has_no_links(&error) && self.disk.kind(path)?.is_none() => {
                self.disk.replace(path, bytes, 0o600)
            }
            done => done,
        }
    }

    /// Removes what writers left in a folder who were killed a while before `name` was written there, by the clock of the
    /// place. What cannot be removed now is left for the next time.
    fn sweep(&self, folder: &Path, name: &str) {
        let entries = self.disk.entries(folder).unwrap_or_default();
        let Some(now) = entries.iter().find(|entry| entry.name == name).and_then(|entry| entry.at) else {
            return;
        };
        let is_old = |at: Timestamp| now.as_second() - at.as_second() > ABANDONED;
        let is_ours = |name: &str| {
            name.starts_with('.') && name.contains(".age.") && name.rsplit('.').next() == Some("tmp")
        };
        for entry in entries.iter().filter(|entry| entry.kind == Kind::File && is_ours(&entry.name)) {
            if entry.at.is_some_and(is_old) {
                let _ = self.disk.remove(&folder.join(&entry.name));
            }
        }
    }

    /// Gathers the objects below a folder, which is empty or ends in a slash, until there are enough.
    fn gather(&self, folder: &str, wanted: &Wanted<'_>, found: &mut Vec<Item>) -> Result<(), FileError> {
        let entries = match self.disk.entries(&self.root.join(folder)) {
            Err(error) if error.is_not_found() && !folder.is_empty() => return Ok(()),
            entries => entries?,
        };
        // A folder stands where its keys do.
        let place = |entry: &FolderEntry| match entry.kind {
            Kind::Folder => format!("{folder}{}/", entry.name),
            _ => format!("{folder}{}", entry.name),
        };
        let is_ours =
            |entry: &FolderEntry| !entry.name.starts_with('.') && entry.name.bytes().all(is_key_byte);
        let mut entries: Vec<(String, FolderEntry)> =
            entries.into_iter().filter(is_ours).map(|entry| (place(&entry), entry)).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, entry) in entries {
            match entry.kind {
                _ if found.len() >= wanted.most => break,
                Kind::Folder if wanted.may_hold(&key) => self.gather(&key, wanted, found)?,
                Kind::File if wanted.takes(&key) => found.push(Item { key, size: entry.size, at: entry.at }),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the folder itself can be seen.
    fn is_there(&self) -> bool {
        self.disk.permissions(&self.root).is_ok()
    }

    fn failed(&self, error: &FileError) -> RemoteError {
        let problem = match &error.problem {
            FileProblem::Io(cause) if cause.kind() == io::ErrorKind::NotFound && !self.is_there() => {
                RemoteProblem::Missing("no such folder: mount it, or make it once".to_owned())
            }
            _ => problem(error, &self.root),
        };
        RemoteError::new(self.label(), problem)
    }
}

impl Shelf for FolderShelf {
    fn put(&mut self, key: &str, bytes: &[u8]) -> Result<Put, RemoteError> {
        self.path(key)?;
        let mut attempt = 1;
        loop {
            return match self.write(key, bytes) {
                Ok(()) => Ok(Put::Done),
                Err(FileError { problem: FileProblem::Exists, .. }) => Ok(Put::Exists),
                Err(error) if error.is_not_found() && attempt < ATTEMPTS && self.is_there() => {
                    attempt += 1;
                    continue;
                }
                Err(error) => Err(self.failed(&error)),
            };
        }
    }

    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, RemoteError> {
        match self.disk.read(&self.path(key)?, SIZE_LIMIT) {
            Ok(mut bytes) => Ok(Some(std::mem::take(&mut *bytes))),
            Err(error) if error.is_not_found() && self.is_there() => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn list(&mut self, prefix: &str, after: Option<&str>, most: usize) -> Result<Vec<Item>, RemoteError> {
        let mut found = Vec::new();
        let wanted = Wanted { prefix, after, most };
        self.gather("", &wanted, &mut found).map_err(|error| self.failed(&error))?;
        Ok(found)
    }

    fn remove(&mut self, key: &str) -> Result<Removed, RemoteError> {
        let path = self.path(key)?;
        match self.disk.remove(&path) {
            Ok(()) => {}
            Err(FileError { problem: FileProblem::Io(error), .. })
                if error.raw_os_error() == Some(NOT_PERMITTED) =>
            {
                return Ok(Removed::Kept);
            }
            Err(error) => return Err(self.failed(&error)),
        }
        // The folders of the day, the month and the year, where nothing is left in them.
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            if !self.disk.remove_empty_folder(folder) {
                break;
            }
        }
        Ok(Removed::Done)
    }

    fn label(&self) -> String {
        self.root.display().to_string()
    }
}

/// What is asked of a list.
struct Wanted<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    most: usize,
}

impl Wanted<'_> {
    fn takes(&self, key: &str) -> bool {
        key.starts_with(self.prefix) && self.after.is_none_or(|after| key > after)
    }

    /// Whether a folder, with its slash, may hold what is asked for.
    fn may_hold(&self, folder: &str) -> bool {
        let has_prefix = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        has_prefix && self.after.is_none_or(|after| folder > after || after.starts_with(folder))
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// What link(2) says where the file system knows no hard links: FAT, many shares, many file systems in user space.
fn has_no_links(error: &FileError) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match &error.problem {
        FileProblem::Io(error) => matches!(error.kind(), PermissionDenied | Unsupported | InvalidInput),
        _ => false,
    }
}

fn problem(error: &FileError, root: &Path) -> RemoteProblem {
    use io::ErrorKind;
    let inside = error.path.strip_prefix(root).ok().filter(|inside| !inside.as_os_str().is_empty());
    let text = match inside {
        Some(_) => error.to_string(),
        // The label says where.
        None => error.to_string().trim_start_matches(&format!("{}: ", root.display())).to_owned(),
    };
    match &error.problem {
        FileProblem::Io(error) => match error.kind() {
            ErrorKind::NotADirectory if inside.is_none() => RemoteProblem::Missing("no folder".to_owned()),
            ErrorKind::PermissionDenied => RemoteProblem::Denied(text),
            ErrorKind::TimedOut
            | ErrorKind::StaleNetworkFileHandle
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NotConnected => RemoteProblem::Unreachable(text),
            _ => RemoteProblem::Failed(text),
        },
        FileProblem::TooLarge(_) | FileProblem::NotAFile => RemoteProblem::Damaged(text),
        _ => RemoteProblem::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::sys::{Gate, OpenGate, Operation};

    fn shelf(root: &Path) -> FolderShelf {
        FolderShelf::new(root.to_owned(), Disk::new(Arc::new(OpenGate)))
    }

    fn keys(shelf: &mut FolderShelf, prefix: &str, after: Option<&str>, most: usize) -> Vec<String> {
        shelf.list(prefix, after, most).unwrap().into_iter().map(|item| item.key).collect()
    }

    #[test]
    fn an_object_is_put_once_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = shelf(folder.path());
        assert_eq!(shelf.put("2026/11/a.age", b"first").unwrap(), Put::Done);
        assert_eq!(shelf.put("2026/11/a.age", b"second").unwrap(), Put::Exists);
        assert_eq!(shelf.get("2026/11/a.age").unwrap().as_deref(), Some(b"first".as_slice()));
        assert_eq!(shelf.get("2026/11/b.age").unwrap(), None);
        assert_eq!(shelf.get("2026/12/b.age").unwrap(), None);
        let items = shelf.list("", None, 9).unwrap();
        assert_eq!((items.len(), items[0].size), (1, 5));
        assert!(items[0].at.is_some());
        assert_eq!(shelf.remove("2026/11/a.age").unwrap(), Removed::Done);
        assert_eq!(shelf.remove("2026/11/a.age").unwrap(), Removed::Done);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = shelf(&folder.path().join("mnt"));
        let missing = |error: RemoteError| matches!(error.problem, RemoteProblem::Missing(_));
        assert!(missing(shelf.put("2026/a.age", b"x").unwrap_err()));
        assert!(missing(shelf.get("2026/a.age").unwrap_err()));
        assert!(missing(shelf.list("", None, 1).unwrap_err()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = shelf(folder.path());
        for key in ["../a", "/a", "a//b", "a/./b", "", "a\nb", "ä"] {
            assert!(shelf.put(key, b"x").is_err() && shelf.get(key).is_err() && shelf.remove(key).is_err());
        }
    }

    /// A file system without hard links.
    struct NoLinks(std::sync::atomic::AtomicUsize);

    impl Gate for NoLinks {
        fn pass(&self, operation: Operation, _: &Path) -> io::Result<()> {
            let is_link = operation == Operation::Rename;
            if is_link && self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                return Err(io::Error::from_raw_os_error(NOT_PERMITTED));
            }
            Ok(())
        }
    }

    #[test]
    fn a_file_system_without_hard_links_will_do() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(Arc::new(NoLinks(0.into())));
        let mut shelf = FolderShelf::new(folder.path().to_owned(), disk);
        assert_eq!(shelf.put("2026/a.age", b"first").unwrap(), Put::Done);
        assert_eq!(shelf.put("2026/a.age", b"second").unwrap(), Put::Exists);
        assert_eq!(shelf.get("2026/a.age").unwrap().as_deref(), Some(b"first".as_slice()));
    }

    #[test]
    fn what_killed_writers_left_is_removed_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = shelf(folder.path());
        shelf.put("2026/a.age", b"first").unwrap();
        let old = [".b.age.4000000.tmp", "b.age.4000000.tmp", ".bashrc"];
        for name in old.into_iter().chain([".c.age.4000000.tmp"]) {
            let file = std::fs::File::create(folder.path().join("2026").join(name)).unwrap();
            if old.contains(&name) {
                file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(2)).unwrap();
            }
        }
        shelf.put("2026/d.age", b"second").unwrap();
        let mut left: Vec<String> = shelf
            .disk
            .entries(&folder.path().join("2026"))
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        left.sort();
        assert_eq!(left, [".bashrc", ".c.age.4000000.tmp", "a.age", "b.age.4000000.tmp", "d.age"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_list_in_pages_is_the_whole_in_order(
            names in proptest::collection::btree_set("[a-c.-]/[ab-]{1,2}(/[ab.]x){0,1}\\.age", 0..20),
            most in 1..7_usize,
            prefix in "[a-c]{0,1}/{0,1}",
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut shelf = shelf(folder.path());
            let mut expected: Vec<String> = names.into_iter().filter(|key| !key.split('/').any(|part| part.starts_with('.'))).collect();
            for key in &expected {
                shelf.put(key, b"x").unwrap();
            }
            expected.retain(|key| key.starts_with(&prefix));
            let mut found: Vec<String> = Vec::new();
            loop {
                let page = keys(&mut shelf, &prefix, found.last().cloned().as_deref(), most);
                prop_assert!(page.len() <= most);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
