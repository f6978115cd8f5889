//! Small questions to the disk for those who watch a file that another program writes.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::disk::{Disk, FileError, FileProblem, Operation};

/// When a file was written last, and which file it is. Ordered by time; made to be compared and for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    seconds: i64,
    nanoseconds: i64,
    inode: u64,
    length: u64,
}

impl Disk {
    /// The stamp of a file, not following a symlink; `None` if there is no regular file.
    pub fn stamp(&self, path: &Path) -> Option<Stamp> {
        let metadata = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Stamp {
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            inode: metadata.ino(),
            length: metadata.len(),
        })
    }

    /// The path without symlinks and `..`; as it is if there is nothing.
    pub fn real_path(&self, path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }

    /// Makes a folder that only its owner can enter, and that was not there before: in a place where others may write
    /// too, one that is there already may be theirs.
    pub fn create_new_private_folder(&self, path: &Path) -> Result<(), FileError> {
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => FileError::new(path, FileProblem::Exists),
            _ => FileError::new(path, FileProblem::Io(error)),
        };
        self.gate.pass(Operation::CreateFolder, path).map_err(fail)?;
        fs::DirBuilder::new().mode(0o700).create(path).map_err(fail)
    }
}
