//! What was written, brought to the places for backups.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::remote::{BackupName, Put, RemoteError, RemoteProblem, Shelf};
use crate::schema::{BackupTarget, ShelfKind};
use crate::store::Document;

use super::places::of_place;

/// What came of bringing a backup to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Brought {
    /// It is there.
    Done,
    /// It was there already.
    Exists,
}

impl Context {
    /// Brings what a command has just written to the places that want every write. That has happened whatever becomes of
    /// its backups: a place that cannot be reached is a warning, and gets them with the next write.
    pub(in crate::cli) fn back_up(&mut self, document: &Document, sealed: &[u8]) {
        let Some(targets) = self.places_of_every_write() else { return };
        let name = BackupName::of(document, sealed);
        for target in targets {
            let is_left_alone = self.settings.is_offline && matches!(target.shelf, ShelfKind::S3 { .. });
            let outcome = if is_left_alone {
                self.explain(&format!("backup {}: left alone: --offline", target.name));
                self.keep_for_later(&target, &name, sealed);
                continue;
            } else {
                self.bring(&target, Some(document), &name, sealed)
            };
            match outcome {
                Ok((_, late)) => self.say_late(&target, late),
                Err(failure) => {
                    let generation = name.generation();
                    failure.messages.iter().for_each(|message| self.ui.warn(message));
                    let is_kept = self.keep_for_later(&target, &name, sealed);
                    let next = if is_kept { "it is brought there" } else { "a later one is brought there" };
                    self.ui.hint(&format!("the store is written, but generation {generation} is not backed up there; {next} with the next write or `luca-secrets backup create`"));
                }
            }
        }
    }

    /// Those of the schema's places; a schema that cannot be read is a warning if it names any.
    fn places_of_every_write(&mut self) -> Option<Vec<BackupTarget>> {
        if self.places.is_none() && self.schema().is_err() {
            if self.schema_has("[backup.") {
                self.ui.warn("no backup was made: the schema that names the places cannot be read");
                self.ui
                    .hint("see what is wrong with `luca-secrets check`, then `luca-secrets backup create`");
            }
            return None;
        }
        let targets = self.places.as_ref()?.iter().filter(|target| target.every_write).cloned().collect();
        Some(targets)
    }

    fn keep_for_later(&mut self, target: &BackupTarget, name: &BackupName, sealed: &[u8]) -> bool {
        let kept = self.outbox(target).map(|mut outbox| outbox.keep(name, sealed, self));
        match kept {
            Some(Ok(())) => true,
            Some(Err(error)) => {
                self.explain(&format!("the backup was not kept for later: {error}"));
                false
            }
            None => false,
        }
    }

    /// Brings a backup to a place, after those that wait for it: what came of it, and how many waited.
    pub(in crate::cli) fn bring(
        &mut self,
        target: &BackupTarget,
        document: Option<&Document>,
        name: &BackupName,
        sealed: &[u8],
    ) -> Result<(Brought, usize), Failure> {
        let mut place = self.shelf(target, document)?;
        let late = self.outbox(target).map_or(Ok(0), |mut outbox| outbox.empty_into(&mut *place));
        let brought = late.and_then(|late| Ok((put(&mut *place, name, sealed)?, late)));
        brought.map_err(|error| of_place(target, &error))
    }

    /// Says how many backups were late.
    pub(in crate::cli) fn say_late(&mut self, target: &BackupTarget, late: usize) {
        if late > 0 {
            self.ui.ok(&format!(
                "backup {}: {} from before brought there",
                target.name,
                count(late, "backup")
            ));
        }
    }
}

/// Puts a backup in place. One that is there already has to be what it is called: nothing else would be found out before
/// it is needed.
fn put(shelf: &mut dyn Shelf, name: &BackupName, sealed: &[u8]) -> Result<Brought, RemoteError> {
    let key = name.key();
    match shelf.put(&key, sealed)? {
        Put::Done => Ok(Brought::Done),
        Put::Exists if shelf.get(&key)?.is_some_and(|there| there == sealed) => Ok(Brought::Exists),
        Put::Exists => {
            let damaged = format!("{key}: damaged: not what was put there; remove it, then back up again");
            Err(RemoteError::new(shelf.label(), RemoteProblem::Damaged(damaged)))
        }
    }
}
