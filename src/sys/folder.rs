//! Folders that hold much: what is in one, and making one below another so that a crash does not lose it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use jiff::Timestamp;

use super::disk::{Disk, FileError, FileProblem, Kind, Operation};

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// When it was written last.
    pub at: Option<Timestamp>,
}

impl Disk {
    /// What lies directly in a folder, in no order. Names that are not UTF-8 are left out, and so is what vanishes
    /// meanwhile.
    pub fn entries(&self, folder: &Path) -> Result<Vec<FolderEntry>, FileError> {
        let fail = |error| FileError::new(folder, FileProblem::Io(error));
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), entry.metadata()) else {
                continue;
            };
            let kind = match metadata.file_type() {
                kind if kind.is_file() => Kind::File,
                kind if kind.is_dir() => Kind::Folder,
                kind if kind.is_symlink() => Kind::Symlink,
                _ => Kind::Other,
            };
            let at = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
            found.push(FolderEntry { name, kind, size: metadata.len(), at });
        }
        Ok(found)
    }

    /// Makes the folders of a relative path below `root`, which is there, for their owner alone; what is there already is
    /// brought to the disk all the same, since whoever made it may have been killed before that.
    pub fn create_folders_below(&self, root: &Path, relative: &Path) -> Result<(), FileError> {
        let mut path = root.to_owned();
        for part in relative.components() {
            let parent = path.clone();
            path.push(part);
            let fail = |error| FileError::new(&path, FileProblem::Io(error));
            if !path.is_dir() {
                self.gate.pass(Operation::CreateFolder, &path).map_err(fail)?;
                match DirBuilder::new().mode(0o700).create(&path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
                    _ => {}
                }
            }
            self.gate.pass(Operation::SyncFolder, &parent).map_err(fail)?;
            File::open(&parent).and_then(|folder| folder.sync_all()).map_err(fail)?;
        }
        Ok(())
    }

    /// Removes a folder in which nothing is; whether it is gone.
    pub fn remove_empty_folder(&self, path: &Path) -> bool {
        self.gate.pass(Operation::Remove, path).is_ok() && fs::remove_dir(path).is_ok()
    }
}
