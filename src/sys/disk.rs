//! The one door to the disk: reads with a limit, effects behind a gate.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroize;

/// An effect on the disk, as the [`Gate`] sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Make a folder.
    CreateFolder,
    /// Make the private file that will replace another.
    CreateTemporary,
    /// Fill it.
    Write,
    /// Bring its content to the disk.
    SyncFile,
    /// Put it in the place of the old one.
    Rename,
    /// Bring the folder's entry to the disk.
    SyncFolder,
    /// Remove a file.
    Remove,
}

/// Asked before every effect on the disk. The real one lets everything through; a test's refuses one, or kills the
/// process there.
pub trait Gate {
    /// Whether the effect may happen.
    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()>;
}

/// Lets everything through.
pub struct OpenGate;

impl Gate for OpenGate {
    fn pass(&self, _: Operation, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// What went wrong with a file.
#[derive(Debug)]
pub enum FileProblem {
    /// The system refused.
    Io(io::Error),
    /// The file is larger than the limit, in bytes.
    TooLarge(u64),
    /// A folder, device, socket or pipe where a file was expected.
    NotAFile,
    /// A symlink stands where a file is to be written.
    Symlink,
    /// Somebody else can write to the folder, and so replace what is written there.
    FolderWritableByOthers,
    /// The file exists and must not be overwritten.
    Exists,
}

/// A problem and the file it is about.
#[derive(Debug)]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: FileProblem,
}

impl FileError {
    pub(super) fn new(path: &Path, problem: FileProblem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// Whether the file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.problem, FileProblem::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.problem {
            FileProblem::Io(error) => f.write_str(&describe(error)),
            FileProblem::TooLarge(limit) => {
                write!(f, "larger than the limit of {} MiB", limit / (1024 * 1024))
            }
            FileProblem::NotAFile => f.write_str("not a regular file"),
            FileProblem::Symlink => f.write_str("a symlink, which would be replaced or followed"),
            FileProblem::FolderWritableByOthers => f.write_str("the folder can be written to by others"),
            FileProblem::Exists => f.write_str("exists already"),
        }
    }
}

impl std::error::Error for FileError {}

/// The system's own words for an error, in our style: lower case, without the number.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symlink, whatever it points to.
    Symlink,
    /// Anything else.
    Other,
}

/// Owner and mode of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// The lowest twelve bits of the mode.
    pub mode: u32,
    /// The owner's number.
    pub owner: u32,
}

/// A file's content, wiped when dropped, for files that hold secrets in plain text.
pub type PrivateBytes = zeroize::Zeroizing<Vec<u8>>;

/// The disk, behind a gate.
#[derive(Clone)]
pub struct Disk {
    pub(super) gate: Arc<dyn Gate>,
}

impl Disk {
    /// A disk whose effects pass the gate.
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self { gate }
    }

    /// Reads a whole regular file of at most `limit` bytes.
    pub fn read(&self, path: &Path, limit: u64) -> Result<PrivateBytes, FileError> {
        let fail = |error| FileError::new(path, FileProblem::Io(error));
        // Not blocking: a pipe at the path must not hang us before we see that it is no file.
        let mut file = fs::OpenOptions::new().read(true).custom_flags(nonblock()).open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if !metadata.is_file() {
            return Err(FileError::new(path, FileProblem::NotAFile));
        }
        if metadata.len() > limit {
            return Err(FileError::new(path, FileProblem::TooLarge(limit)));
        }
        read_all(&mut file, metadata.len(), limit).map_err(|problem| FileError::new(path, problem))
    }

    /// What lies at the path, not following a symlink; `None` if nothing does.
    pub fn kind(&self, path: &Path) -> Result<Option<Kind>, FileError> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(Kind::File)),
            Ok(metadata) if metadata.is_dir() => Ok(Some(Kind::Folder)),
            Ok(metadata) if metadata.is_symlink() => Ok(Some(Kind::Symlink)),
            Ok(_) => Ok(Some(Kind::Other)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::new(path, FileProblem::Io(error))),
        }
    }

    /// Mode and owner of a file, following a symlink.
    pub fn permissions(&self, path: &Path) -> Result<Permissions, FileError> {
        let metadata = fs::metadata(path).map_err(|error| FileError::new(path, FileProblem::Io(error)))?;
        Ok(Permissions { mode: metadata.mode() & 0o7777, owner: metadata.uid() })
    }

    /// The files of a folder whose names end in `suffix`, sorted by name.
    pub fn files(&self, folder: &Path, suffix: &str) -> Result<Vec<PathBuf>, FileError> {
        let fail = |error| FileError::new(folder, FileProblem::Io(error));
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let fits = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.ends_with(suffix) && !name.starts_with('.'));
            if fits && path.is_file() {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Makes a folder that only its owner can enter, with its parents; existing ones are left as they are.
    pub fn create_private_folder(&self, path: &Path) -> Result<(), FileError> {
        if path.is_dir() {
            return Ok(());
        }
        let fail = |error| FileError::new(path, FileProblem::Io(error));
        self.gate.pass(Operation::CreateFolder, path).map_err(fail)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)
    }

    /// Removes a file; one that is not there is fine.
    pub fn remove(&self, path: &Path) -> Result<(), FileError> {
        let fail = |error| FileError::new(path, FileProblem::Io(error));
        self.gate.pass(Operation::Remove, path).map_err(fail)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail(error)),
            _ => Ok(()),
        }
    }

    /// Overwrites a file with zeros before removing it: for plain text in memory-backed storage.
    pub fn wipe(&self, path: &Path) -> Result<(), FileError> {
        let opened = fs::OpenOptions::new().write(true).custom_flags(nofollow()).open(path);
        if let Ok(mut file) = opened {
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
            // The removal below is what counts; the zeros are a second line.
            let _ = file.write_all(&zeros).and_then(|()| file.sync_all());
        }
        self.remove(path)
    }

    /// Removes a folder with all that is in it, wiping the files first; one that is not there is fine.
    pub fn wipe_folder(&self, path: &Path) -> Result<(), FileError> {
        for file in self.files(path, "").unwrap_or_default() {
            // What could not be wiped must go all the same.
            let _ = self.wipe(&file);
        }
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::new(path, FileProblem::Io(error)))
            }
            _ => Ok(()),
        }
    }

    /// The folders directly below `parent` whose names start with `prefix` and that belong to this user.
    pub fn own_folders(&self, parent: &Path, prefix: &str) -> Vec<PathBuf> {
        let own = rustix::process::geteuid().as_raw();
        let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == own))
            .map(|entry| entry.path())
            .collect()
    }

    /// Whether the path is on a file system that lives in memory (`tmpfs` or `ramfs`).
    pub fn is_in_memory(&self, path: &Path) -> bool {
        const TMPFS: i64 = 0x0102_1994;
        const RAMFS: i64 = 0x8584_58f6;
        rustix::fs::statfs(path).is_ok_and(|found| matches!(found.f_type, TMPFS | RAMFS))
    }

    /// Refuses a folder in which somebody else could replace the file that is about to be written: one that belongs
    /// to another user, or that all or a foreign group can write to (a sticky one such as `/tmp` is fine).
    pub fn refuse_shared_folder(&self, folder: &Path) -> Result<(), FileError> {
        let metadata =
            fs::metadata(folder).map_err(|error| FileError::new(folder, FileProblem::Io(error)))?;
        let own_user = rustix::process::geteuid().as_raw();
        let own_group = rustix::process::getegid().as_raw();
        let mode = metadata.mode();
        let sticky = mode & 0o1000 != 0;
        let foreign_owner = metadata.uid() != own_user && metadata.uid() != 0;
        let foreign_group = mode & 0o020 != 0 && metadata.gid() != own_group;
        if !sticky && (foreign_owner || foreign_group || mode & 0o002 != 0) {
            return Err(FileError::new(folder, FileProblem::FolderWritableByOthers));
        }
        Ok(())
    }
}

fn read_all(file: &mut File, length: u64, limit: u64) -> Result<PrivateBytes, FileProblem> {
    // More room than needed, so that reading to the end neither grows the buffer nor tries its luck on the stack, and
    // leaves no copy.
    let capacity = usize::try_from(length).unwrap_or(0) + 64;
    let mut content = Vec::with_capacity(capacity);
    let outcome = file.take(limit + 1).read_to_end(&mut content);
    let too_large = content.len() as u64 > limit;
    match outcome {
        Ok(_) if !too_large => Ok(PrivateBytes::new(content)),
        Ok(_) => {
            content.zeroize();
            Err(FileProblem::TooLarge(limit))
        }
        Err(error) => {
            content.zeroize();
            Err(FileProblem::Io(error))
        }
    }
}

fn nonblock() -> i32 {
    flags(rustix::fs::OFlags::NONBLOCK)
}

pub(super) fn nofollow() -> i32 {
    flags(rustix::fs::OFlags::NOFOLLOW)
}

fn flags(flags: rustix::fs::OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or(0)
}
