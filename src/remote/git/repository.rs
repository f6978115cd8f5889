//! The repository that objects are kept in on this machine.

use std::path::{Path, PathBuf};

use super::call::Git;
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::sys::{Disk, Kind};

/// The folder that a remote is, if it is one.
pub(super) fn as_folder(remote: &str, project: &Path) -> Option<PathBuf> {
    if let Some(path) = remote.strip_prefix("file://") {
        return Some(PathBuf::from(path));
    }
    (remote.starts_with('/') || remote.starts_with('.')).then(|| project.join(remote))
}

/// The repository of the project that a folder is in.
pub(super) fn of_project(
    project: &Path,
    disk: &Disk,
    git: &impl Fn(PathBuf) -> Git,
) -> Result<Option<Git>, RemoteError> {
    let found = |folder: &Path| disk.kind(&folder.join(".git")).ok().flatten();
    let top = project.ancestors().find_map(|folder| Some((folder, found(folder)?)));
    let Some((top, kind)) = top else { return Ok(None) };
    if kind != Kind::File {
        return Ok(Some(git(top.join(".git"))));
    }
    // A further working tree, or a submodule: the file says where its repository is.
    let bytes = disk.read(&top.join(".git"), 4096).ok();
    let line = bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()).unwrap_or_default();
    let Some(named) = line.trim_end().strip_prefix("gitdir: ") else { return Ok(None) };
    let common = git(top.join(named)).ask(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
    Ok(common.map(|path| git(PathBuf::from(String::from_utf8_lossy(&path).trim_end_matches('\n')))))
}

impl Git {
    /// Whether a remote of this name is configured.
    pub(super) fn has_remote(&self, name: &str) -> Result<bool, RemoteError> {
        let names = self.ask(&["remote"])?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&names).lines().any(|line| line == name))
    }

    /// Makes the bare repository, unless it is there.
    pub(super) fn make(&self, disk: &Disk) -> Result<(), RemoteError> {
        let fail = |error: crate::sys::FileError| self.error(RemoteProblem::Failed(error.to_string()));
        disk.create_private_folder(&self.folder).map_err(fail)?;
        if disk.kind(&self.folder.join("HEAD")).map_err(fail)?.is_none() {
            self.must("make a repository for its objects", &["init", "--quiet", "--bare"], b"", &[])?;
        }
        Ok(())
    }
}
