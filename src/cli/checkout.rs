//! Which branch of git the store is on, read from git's own files: asking git would take longer than opening the store.
//!
//! Format: gitrepository-layout(5).

use std::path::{Path, PathBuf};

use crate::store::Checkout;
use crate::sys::{Disk, Kind};

/// Largest of git's files that is read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// The checkout that a folder is in. What cannot be read counts as no branch.
pub(super) fn checkout(disk: &Disk, folder: &Path) -> Checkout {
    let Some(git) = folder.ancestors().find_map(|folder| git_folder(disk, folder)) else {
        return Checkout::Loose;
    };
    let head = line(disk, &git.join("HEAD")).unwrap_or_default();
    if let Some(branch) = head.strip_prefix("ref: ") {
        return Checkout::Branch(branch.to_owned());
    }
    let is_there = |name| disk.kind(&git.join(name)).is_ok_and(|kind| kind.is_some());
    if ["rebase-merge", "rebase-apply"].into_iter().any(is_there) {
        Checkout::Moving
    } else {
        Checkout::Loose
    }
}

/// The folder with git's files of the working tree whose top this is.
fn git_folder(disk: &Disk, top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    match disk.kind(&git).ok()?? {
        Kind::Folder | Kind::Symlink => Some(git),
        // A further working tree of a repository, or a submodule.
        Kind::File => Some(top.join(line(disk, &git)?.strip_prefix("gitdir: ")?)),
        Kind::Other => None,
    }
}

fn line(disk: &Disk, file: &Path) -> Option<String> {
    let bytes = disk.read(file, LIMIT).ok()?;
    std::str::from_utf8(&bytes).ok()?.lines().next().map(str::to_owned)
}
