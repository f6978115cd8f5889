//! What the arguments and the environment mean: paths, resolved once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::{Disk, System};

use super::args::GlobalArgs;

/// The store's name where none is given.
const STORE: &str = "secrets.enc";

/// The schema folder's name where none is given.
const SCHEMAS: &str = "schemas";

/// Where the identity comes from, if the user said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IdentitySource {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// What to do with a store that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// Nothing: it stays refused.
    Refuse,
    /// A person is asked.
    Ask,
    /// It is accepted unasked if it has this fingerprint.
    Only(String),
}

/// The resolved settings of one call.
pub(super) struct Settings {
    /// The project's folder: where the store lies, or is to lie.
    pub(super) root: PathBuf,
    /// The folder that relative paths on the command line start from.
    pub(super) folder: PathBuf,
    /// The store.
    pub(super) store: PathBuf,
    /// The schema's folder.
    pub(super) schemas: PathBuf,
    /// The identity, if it was named.
    pub(super) identity: Option<IdentitySource>,
    /// What to do with a store that is refused.
    pub(super) acceptance: Acceptance,
    /// Whether a person may be asked.
    pub(super) interactive: bool,
    /// Whether the store's home away from this machine is left alone.
    pub(super) is_offline: bool,
    /// How long to wait for another writer.
    pub(super) patience: Duration,
    /// Whether to say what was used and why.
    pub(super) verbose: bool,
}

impl Settings {
    /// Resolves what was typed.
    pub(super) fn resolve(arguments: &GlobalArgs, system: &System) -> Self {
        let folder = match &arguments.directory {
            Some(directory) => system.folder.join(directory),
            None => system.folder.clone(),
        };
        let store = match &arguments.store {
            Some(store) => folder.join(store),
            None => nearest_store(&folder, &system.disk),
        };
        let root = store.parent().unwrap_or(&folder).to_owned();
        let schemas = match &arguments.schemas {
            Some(schemas) => folder.join(schemas),
            None => root.join(SCHEMAS),
        };
        let identity = arguments.identity.as_ref().map(|path| {
            if path == Path::new("-") {
                IdentitySource::Stdin
            } else {
                IdentitySource::File(folder.join(path))
            }
        });
        Self {
            interactive: !arguments.non_interactive && system.terminal.is_there(),
            acceptance: match arguments.accept_store.as_deref() {
                None => Acceptance::Refuse,
                Some("") => Acceptance::Ask,
                Some(print) => Acceptance::Only(print.to_owned()),
            },
            patience: Duration::from_secs(arguments.lock_timeout),
            is_offline: arguments.offline,
            verbose: arguments.verbose,
            root,
            folder,
            store,
            schemas,
            identity,
        }
    }
}

/// The store in the folder or the nearest one above it; where there is none, the one that could be made here.
fn nearest_store(folder: &Path, disk: &Disk) -> PathBuf {
    let exists = |candidate: &PathBuf| disk.kind(candidate).is_ok_and(|kind| kind.is_some());
    folder.ancestors().map(|folder| folder.join(STORE)).find(exists).unwrap_or_else(|| folder.join(STORE))
}
