//! The private folder in memory that the editor's file lies in.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cli::failure::Failure;
use crate::secret::{SecretText, hex};
use crate::store::SIZE_LIMIT;
use crate::sys::{Disk, Environment, Variable, own_process, process_exists};

/// What the folders' names start with.
const PREFIX: &str = "luca-secrets-edit-";

/// The editor's file in its folder. Wiped on drop, unless it was abandoned on purpose.
pub(in crate::cli) struct Scratch {
    folder: PathBuf,
    disk: Disk,
    /// Whether it lies in memory.
    pub(in crate::cli) in_memory: bool,
    keep: bool,
}

impl Scratch {
    /// Makes the folder: in the user's runtime folder or in shared memory, else in the user's state folder.
    pub(in crate::cli) fn create(disk: &Disk, env: &Environment, store: &Path) -> Result<Self, Failure> {
        let parents = parents(env);
        let usable =
            |parent: &&PathBuf| disk.kind(parent).is_ok_and(|kind| kind == Some(crate::sys::Kind::Folder));
        let in_memory = parents.iter().filter(usable).find(|parent| disk.is_in_memory(parent));
        let parent = match in_memory {
            Some(parent) => parent.clone(),
            None => env.state_folder().ok_or_else(|| {
                Failure::new("there is no private place for the editor's file")
                    .hint("set XDG_RUNTIME_DIR or HOME")
            })?,
        };
        let folder = parent.join(format!("{PREFIX}{}-{}", digest(store), own_process()));
        disk.wipe_folder(&folder)?;
        disk.create_private_folder(&folder)?;
        Ok(Self { folder, disk: disk.clone(), in_memory: in_memory.is_some(), keep: false })
    }

    /// The editor's file.
    pub(in crate::cli) fn file(&self) -> PathBuf {
        self.folder.join("secrets.toml")
    }

    /// Puts a text into the file.
    pub(in crate::cli) fn write(&self, text: &SecretText) -> Result<(), Failure> {
        Ok(self.disk.replace(&self.file(), text.expose().as_bytes(), 0o600)?)
    }

    /// What is in the file now.
    pub(in crate::cli) fn read(&self) -> Result<SecretText, Failure> {
        read(&self.disk, &self.file())
    }

    /// Leaves the file where it is: the last way not to lose what a person typed.
    pub(in crate::cli) fn abandon(&mut self) {
        self.keep = true;
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // The next start sweeps what could not be removed now.
            let _ = self.disk.wipe_folder(&self.folder);
        }
    }
}

fn read(disk: &Disk, file: &Path) -> Result<SecretText, Failure> {
    let bytes = disk.read(file, SIZE_LIMIT)?;
    SecretText::from_utf8(bytes.to_vec())
        .map_err(|_| Failure::new(format_args!("{}: not UTF-8 text", file.display())))
}

fn parents(env: &Environment) -> Vec<PathBuf> {
    let runtime = env.get(Variable::RuntimeDir).map(PathBuf::from);
    runtime.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

/// Removes what killed edits have left behind; gives the text of the last one that was about this store.
pub(in crate::cli) fn sweep(disk: &Disk, env: &Environment, store: &Path) -> Option<SecretText> {
    let mut rescued = None;
    for parent in parents(env).into_iter().chain(env.state_folder()) {
        for folder in disk.own_folders(&parent, PREFIX) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut parts = name.trim_start_matches(PREFIX).split('-');
            let (about, owner) =
                (parts.next().unwrap_or_default(), parts.next().and_then(|n| n.parse().ok()));
            if owner.is_some_and(process_exists) {
                continue;
            }
            if about == digest(store) {
                rescued = read(disk, &folder.join("secrets.toml")).ok();
            }
            let _ = disk.wipe_folder(&folder);
        }
    }
    rescued
}

/// A short name for a store's path.
fn digest(store: &Path) -> String {
    hex(&Sha256::digest(store.as_os_str().as_encoded_bytes())[..8])
}
