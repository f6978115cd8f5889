//! An advisory lock on a folder, held while a file in it is changed.
//!
//! The lock is `flock(2)` on the folder itself: it leaves no file behind, and the kernel releases it when its owner
//! dies, however it dies.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;

use super::disk::describe;

/// How long to sleep between two tries; somebody else's write takes a few milliseconds.
const PAUSE: Duration = Duration::from_millis(5);

/// Why a lock could not be had.
#[derive(Debug)]
pub enum LockError {
    /// The folder cannot be opened or locked.
    Io(PathBuf, std::io::Error),
    /// Another process held it all the time: its number and name, where the system tells.
    Held(PathBuf, Option<String>),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => {
                write!(f, "{}: cannot lock the folder: {}", path.display(), describe(error))
            }
            Self::Held(path, Some(owner)) => write!(f, "{}: the folder is locked by {owner}", path.display()),
            Self::Held(path, None) => {
                write!(f, "{}: the folder is locked by another process", path.display())
            }
        }
    }
}

impl std::error::Error for LockError {}

/// A held lock; dropping it releases it.
pub struct FolderLock {
    folder: File,
}

impl Drop for FolderLock {
    /// Closing the folder would not do: a program that is just being started has a copy of it until it runs.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.folder, FlockOperation::Unlock);
    }
}

impl FolderLock {
    /// Waits for the lock on `folder`, at most `patience`.
    pub fn acquire(folder: &Path, patience: Duration) -> Result<Self, LockError> {
        let fail = |error| LockError::Io(folder.to_owned(), error);
        let file = File::open(folder).map_err(fail)?;
        // Patience beyond the end of time has no deadline.
        let deadline = Instant::now().checked_add(patience);
        let is_time_left = || deadline.is_none_or(|deadline| Instant::now() < deadline);
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { folder: file }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if is_time_left() => {
                    std::thread::sleep(PAUSE);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(LockError::Held(folder.to_owned(), owner(&file)));
                }
                Err(error) => return Err(fail(error.into())),
            }
        }
    }
}

/// Who holds the lock on an open folder, from `/proc/locks`: "process 4242 (luca-secrets)".
fn owner(folder: &File) -> Option<String> {
    let inode = folder.metadata().ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let line = locks.lines().find(|line| {
        line.contains("FLOCK") && line.split_whitespace().any(|word| word.ends_with(&format!(":{inode}")))
    })?;
    let number: u32 = line.split_whitespace().nth(4)?.parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{number}/comm")).ok()?;
    Some(format!("process {number} ({})", name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_in_a_program_that_is_being_started_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::acquire(folder.path(), Duration::ZERO).unwrap();
        let copy = lock.folder.try_clone().unwrap();
        assert!(FolderLock::acquire(folder.path(), Duration::ZERO).is_err());
        drop(lock);
        assert!(FolderLock::acquire(folder.path(), Duration::ZERO).is_ok());
        drop(copy);
    }
}
