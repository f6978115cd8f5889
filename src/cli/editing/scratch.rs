//! The private folder in memory that the editor's file lies in.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::secret::SecretText;
use crate::store::{SIZE_LIMIT, path_digest};
use crate::sys::{Disk, Environment, Kind, Stamp, Variable, own_process, process_exists};

/// What the folders' names start with.
const PREFIX: &str = "luca-secrets-edit-";

/// The file in the editor.
const FILE: &str = "secrets.toml";

/// The text that the edit began with, so that what is left of a killed edit can be merged.
const BASE: &str = "base.toml";

/// Where vim holds what is typed and not saved yet (we tell it to, see `program`).
pub(super) const HELD: &str = "held.toml";

/// Where else unsaved text is when an editor is killed: nano and emacs save to these when they are told to stop.
const UNSAVED: &[&str] = &[HELD, "secrets.toml.save", "#secrets.toml#"];

/// The editor's file in its folder. Wiped on drop, unless it was abandoned on purpose.
pub(in crate::cli) struct Scratch {
    folder: PathBuf,
    disk: Disk,
    /// Whether it lies in memory.
    pub(in crate::cli) in_memory: bool,
    keep: bool,
    /// The state of the file when it was last written from here.
    written: Option<Stamp>,
    has_returns: bool,
}

impl Scratch {
    /// Makes the folder: in the user's runtime folder or in shared memory, else in the user's state folder.
    pub(in crate::cli) fn create(
        disk: &Disk,
        env: &Environment,
        store: &Path,
        base: &SecretText,
    ) -> Result<Self, Failure> {
        let parents = parents(env);
        let usable = |parent: &&PathBuf| disk.kind(parent).is_ok_and(|kind| kind == Some(Kind::Folder));
        let in_memory = parents.iter().filter(usable).find(|parent| disk.is_in_memory(parent));
        let parent = match in_memory {
            Some(parent) => parent.clone(),
            None => env.state_folder().ok_or_else(no_place)?,
        };
        disk.create_private_folder(&parent)?;
        let folder = parent.join(format!("{PREFIX}{}-{}", path_digest(store), own_process()));
        disk.wipe_folder(&folder)?;
        // Where others may write too, a folder that is there already may be a trap.
        disk.create_new_private_folder(&folder)?;
        let in_memory = in_memory.is_some();
        let scratch =
            Self { folder, disk: disk.clone(), in_memory, keep: false, written: None, has_returns: false };
        disk.replace(&scratch.folder.join(BASE), base.expose().as_bytes(), 0o600)?;
        Ok(scratch)
    }

    /// The editor's file.
    pub(in crate::cli) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Puts a text into the file.
    pub(in crate::cli) fn write(&mut self, text: &SecretText) -> Result<(), Failure> {
        for unsaved in UNSAVED {
            self.disk.remove(&self.folder.join(unsaved))?;
        }
        self.disk.replace(&self.file(), text.expose().as_bytes(), 0o600)?;
        self.written = self.disk.stamp(&self.file());
        self.has_returns = text.expose().contains('\r');
        Ok(())
    }

    /// Whether the editor has saved anything since the last write.
    pub(in crate::cli) fn was_saved(&self) -> bool {
        self.disk.stamp(&self.file()) != self.written
    }

    /// What the person saved.
    pub(in crate::cli) fn read(&self) -> Result<SecretText, Failure> {
        read(&self.disk, &self.file(), self.has_returns)
    }

    /// What the person typed last, saved or not: for an editor that did not end of itself.
    pub(in crate::cli) fn read_last(&self) -> Result<SecretText, Failure> {
        read(&self.disk, &last_typed(&self.disk, &self.folder), self.has_returns)
    }

    /// Leaves the file where it is: the last way not to lose what a person typed.
    pub(in crate::cli) fn abandon(&mut self, text: &SecretText) {
        self.keep = true;
        // If this fails too, what the editor saved is still there.
        let _ = self.write(text);
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

fn no_place() -> Failure {
    Failure::new("there is no private place for the editor's file").hint("set XDG_RUNTIME_DIR or HOME")
}

/// The newest of the editor's files.
fn last_typed(disk: &Disk, folder: &Path) -> PathBuf {
    let files = [FILE].iter().chain(UNSAVED).map(|name| folder.join(name));
    files.max_by_key(|file| disk.stamp(file)).unwrap_or_else(|| folder.join(FILE))
}

/// Reads what an editor wrote. Bytes that are no text become `U+FFFD` rather than the end of everything else.
fn read(disk: &Disk, file: &Path, has_returns: bool) -> Result<SecretText, Failure> {
    let bytes = disk.read(file, SIZE_LIMIT)?;
    let mut text = SecretText::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Ok(normal(&text, has_returns))
}

/// The text without the byte order mark and the carriage returns that some editors add to every line.
fn normal(text: &SecretText, has_returns: bool) -> SecretText {
    let plain = text.expose();
    let plain = plain.strip_prefix('\u{feff}').unwrap_or(plain);
    let feeds = plain.matches('\n').count();
    let mut normal = SecretText::with_capacity(plain.len());
    if !has_returns && feeds > 0 && plain.matches("\r\n").count() == feeds {
        for line in plain.split_inclusive('\n') {
            normal.push_str(line.strip_suffix("\r\n").unwrap_or(line));
            normal.push_str(if line.ends_with('\n') { "\n" } else { "" });
        }
    } else {
        normal.push_str(plain);
    }
    normal
}

fn parents(env: &Environment) -> Vec<PathBuf> {
    let runtime = env.get(Variable::RuntimeDir).map(PathBuf::from).filter(|path| path.is_absolute());
    runtime.into_iter().chain([PathBuf::from("/dev/shm")]).collect()
}

/// What a killed edit has left in memory.
pub(in crate::cli) struct Leftover {
    folder: PathBuf,
    /// The text that the edit began with.
    pub(in crate::cli) base: SecretText,
    /// What was typed last.
    pub(in crate::cli) text: SecretText,
}

impl Leftover {
    /// What killed edits of this store have left behind, wiping what holds nothing that can be read. Those of other
    /// stores are left to the next edit there: only it can keep their text.
    pub(in crate::cli) fn find(disk: &Disk, env: &Environment, store: &Path) -> Vec<Self> {
        let prefix = format!("{PREFIX}{}-", path_digest(store));
        let mut found = Vec::new();
        for parent in parents(env).into_iter().chain(env.state_folder()) {
            for folder in disk.own_folders(&parent, &prefix) {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if name[prefix.len()..].parse().is_ok_and(process_exists) {
                    continue;
                }
                let base = read(disk, &folder.join(BASE), true);
                let text = read(disk, &last_typed(disk, &folder), true);
                match (base, text) {
                    (Ok(base), Ok(text)) => found.push(Self { folder, base, text }),
                    _ => drop(disk.wipe_folder(&folder)),
                }
            }
        }
        found
    }

    /// Removes it.
    pub(in crate::cli) fn wipe(&self, disk: &Disk) -> Result<(), Failure> {
        Ok(disk.wipe_folder(&self.folder)?)
    }
}
