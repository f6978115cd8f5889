//! Replacements that leave the old file or the new one, never half, however the process ends.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::disk::{Disk, FileError, FileProblem, Kind, Operation, nofollow};
use super::process::{own_process, process_exists};

/// How many names for the new file are tried.
const NAMES: u32 = 16;

/// Who may do what with a new file.
#[derive(Clone, Copy)]
struct Access {
    mode: u32,
    /// The numbers of its owner and group; whoever runs this, if there are none.
    owner: Option<(u32, u32)>,
}

/// The file that will take another's place. It stays open, and so locked, for as long as it is in use.
struct Temporary {
    path: PathBuf,
    is_in_place: bool,
    _locked: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename the name may be somebody else's.
        if !self.is_in_place {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Disk {
    /// Replaces a file's content, or makes the file: whoever looks sees the old content or the new, also after a
    /// crash or a full disk. A symlink at the path is refused.
    pub fn replace(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
        self.replace_soon(path, content, mode)?;
        self.sync_folder(path)
    }

    /// Replaces a file's content and keeps its mode, owner and group; a new file is ours and gets `mode`.
    pub fn replace_content(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
        let access = match fs::symlink_metadata(path) {
            Ok(there) => Access { mode: there.mode() & 0o7777, owner: Some((there.uid(), there.gid())) },
            Err(_) => Access { mode, owner: None },
        };
        self.replace_with(path, content, access)?;
        self.sync_folder(path)
    }

    /// As [`replace`](Self::replace), for a file whose old content does no harm: a crash within the next seconds may
    /// bring it back, but never half of the new.
    pub fn replace_soon(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
        self.replace_with(path, content, Access { mode, owner: None })
    }

    fn replace_with(&self, path: &Path, content: &[u8], access: Access) -> Result<(), FileError> {
        if self.kind(path)?.is_some_and(|kind| kind != Kind::File) {
            let problem = if path.is_symlink() { FileProblem::Symlink } else { FileProblem::NotAFile };
            return Err(FileError::new(path, problem));
        }
        let mut temporary = self.write_beside(path, content, access)?;
        let fail = |error| FileError::new(path, FileProblem::Io(error));
        self.gate.pass(Operation::Rename, path).map_err(fail)?;
        fs::rename(&temporary.path, path).map_err(fail)?;
        temporary.is_in_place = true;
        Ok(())
    }

    /// Makes a file that must not exist yet; two makers at once cannot both succeed.
    pub fn create_new(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), FileError> {
        if self.kind(path)?.is_some() {
            return Err(FileError::new(path, FileProblem::Exists));
        }
        let temporary = self.write_beside(path, content, Access { mode, owner: None })?;
        let linked = self.gate.pass(Operation::Rename, path);
        match linked.and_then(|()| fs::hard_link(&temporary.path, path)) {
            Ok(()) => {
                drop(temporary);
                self.sync_folder(path)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(FileError::new(path, FileProblem::Exists))
            }
            Err(error) => Err(FileError::new(path, FileProblem::Io(error))),
        }
    }

    /// Writes a private file in the folder of `path`, whole and on the disk.
    fn write_beside(&self, path: &Path, content: &[u8], access: Access) -> Result<Temporary, FileError> {
        let fail = |error| FileError::new(path, FileProblem::Io(error));
        self.sweep(path);
        self.gate.pass(Operation::CreateTemporary, path).map_err(fail)?;
        let (name, file) = create_temporary(path).map_err(fail)?;
        let locked = file.try_clone().map_err(fail)?;
        let temporary = Temporary { path: name, is_in_place: false, _locked: locked };
        self.fill(file, path, content, access).map_err(fail)?;
        Ok(temporary)
    }

    fn fill(&self, mut file: File, path: &Path, content: &[u8], access: Access) -> io::Result<()> {
        self.gate.pass(Operation::Write, path)?;
        file.write_all(content)?;
        if let Some((owner, group)) = access.owner {
            let own = file.metadata()?;
            if (own.uid(), own.gid()) != (owner, group) {
                fchown(&file, Some(owner), Some(group))?;
            }
        }
        // After the owner, since changing that takes some bits of the mode away.
        file.set_permissions(fs::Permissions::from_mode(access.mode))?;
        self.gate.pass(Operation::SyncFile, path)?;
        file.sync_all()
    }

    fn sync_folder(&self, path: &Path) -> Result<(), FileError> {
        let fail = |error| FileError::new(path, FileProblem::Io(error));
        self.gate.pass(Operation::SyncFolder, path).map_err(fail)?;
        File::open(folder_of(path)).and_then(|folder| folder.sync_all()).map_err(fail)
    }

    /// Removes what killed writers of `path` have left behind. What cannot be removed now is left for the next time.
    fn sweep(&self, path: &Path) {
        let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
        for entry in entries.flatten() {
            let leftover = entry.path();
            if owner_of(&leftover, path).is_some_and(|owner| is_abandoned(&leftover, owner))
                && self.gate.pass(Operation::Remove, &leftover).is_ok()
            {
                let _ = fs::remove_file(&leftover);
            }
        }
    }
}

/// `.NAME.NUMBER.tmp`, with the number of this process, private and locked.
fn create_temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let own = own_process();
    for attempt in 0..NAMES {
        // A process in another container can have our number; its file is not ours to touch.
        let suffix = if attempt == 0 { String::new() } else { format!("-{attempt}") };
        let temporary = folder_of(path).join(format!(".{name}.{own}{suffix}.tmp"));
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary) {
            Ok(file) => {
                // Where the file system knows no locks, the process number alone tells who owns the file.
                let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
                return Ok((temporary, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The number of the process that made `candidate` to take the place of `path`, if it looks like such a file.
fn owner_of(candidate: &Path, path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    let middle = candidate.file_name()?.to_str()?.strip_prefix('.')?.strip_prefix(name)?;
    let number = middle.strip_prefix('.')?.strip_suffix(".tmp")?;
    number.split('-').next()?.parse().ok()
}

/// Whether the owner is dead, by its number here, and by the lock it would hold in any container of this machine.
fn is_abandoned(file: &Path, owner: u32) -> bool {
    if owner != own_process() && process_exists(owner) {
        return false;
    }
    let opened = fs::OpenOptions::new().read(true).custom_flags(nofollow()).open(file);
    opened.is_ok_and(|file| {
        file.metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.uid() == rustix::process::geteuid().as_raw())
            && rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
    })
}

/// The folder a file lies in; `.` for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
