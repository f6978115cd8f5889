//! Backups that could not be brought to their place yet. They wait in the user's state folder, sealed as they are, until
//! the place can be reached again.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::remote::{BackupName, FolderShelf, RemoteError, RemoteProblem, Shelf, outdated};
use crate::schema::{BackupTarget, Keep};
use crate::store::path_digest;

/// Most backups that wait for one place; of more, the newest.
const MOST: usize = 200;

/// The backups that wait for one place.
pub(super) struct Outbox {
    folder: PathBuf,
    shelf: FolderShelf,
}

impl Context {
    /// The backups of the store here that wait for a place; `None` where nothing can be kept.
    pub(super) fn outbox(&self, target: &BackupTarget) -> Option<Outbox> {
        let store = self.disk.real_path(&self.settings.store);
        let folder =
            self.env.state_folder()?.join("outbox").join(path_digest(&store)).join(target.name.as_str());
        Some(Outbox { shelf: FolderShelf::new(folder.clone(), self.disk.clone()), folder })
    }

    /// How many backups wait to be brought to a place.
    pub(in crate::cli) fn waiting(&self, target: &BackupTarget) -> usize {
        self.outbox(target).map_or(0, |mut outbox| outbox.names().map_or(0, |names| names.len()))
    }
}

impl Outbox {
    fn names(&mut self) -> Result<Vec<BackupName>, RemoteError> {
        let items = match self.shelf.list("", None, usize::MAX) {
            Err(RemoteError { problem: RemoteProblem::Missing(_), .. }) => return Ok(Vec::new()),
            items => items?,
        };
        Ok(items.iter().filter_map(|item| BackupName::parse(&item.key)).collect())
    }

    /// Keeps a backup until its place can be reached.
    pub(super) fn keep(
        &mut self,
        name: &BackupName,
        sealed: &[u8],
        context: &Context,
    ) -> Result<(), RemoteError> {
        let fail = |error| RemoteError::new("the outbox", RemoteProblem::Failed(format!("{error}")));
        context.disk.create_private_folder(&self.folder).map_err(fail)?;
        self.shelf.put(&name.key(), sealed)?;
        let waiting = self.names()?;
        let keep = Keep { last: MOST, hourly: 0, daily: 0, weekly: 0, monthly: 0 };
        for name in outdated(&waiting, keep) {
            self.shelf.remove(&name.key())?;
        }
        Ok(())
    }

    /// Brings what waits to its place, oldest first; how many that was.
    pub(super) fn empty_into(&mut self, place: &mut dyn Shelf) -> Result<usize, RemoteError> {
        let names = self.names()?;
        for name in &names {
            let key = name.key();
            if let Some(sealed) = self.shelf.get(&key)?.filter(|sealed| name.fits(sealed)) {
                place.put(&key, &sealed)?;
            }
            self.shelf.remove(&key)?;
        }
        Ok(names.len())
    }
}
