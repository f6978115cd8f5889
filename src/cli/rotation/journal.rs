//! The store, and its home, as the journal.

use crate::cli::away::Reach;
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::commit_to;
use crate::cli::timetable::note_end;
use crate::rotate::{Journal, Trouble};
use crate::store::{Origin, RotationRecord, Values};

use super::desk::{Desk, Seat};

impl Journal for Seat<'_, '_> {
    fn write(&mut self, record: &RotationRecord, values: &Values, everywhere: bool) -> Result<(), Trouble> {
        self.0.commit(values, Some(record), everywhere)
    }

    fn read(&mut self) -> Result<Option<RotationRecord>, Trouble> {
        Ok(self.0.store.borrow().document().rotation(&self.0.name).cloned())
    }
}

impl Desk<'_> {
    /// Writes values that need no record.
    pub(in crate::cli) fn write_values(&self, values: &Values) -> Result<(), Trouble> {
        self.commit(values, None, false)
    }

    fn commit(
        &self,
        values: &Values,
        record: Option<&RotationRecord>,
        everywhere: bool,
    ) -> Result<(), Trouble> {
        let (mut context, mut store) = (self.context.borrow_mut(), self.store.borrow_mut());
        let mut edit = store.edit(Origin::Rotate, self.schema.history.keep);
        for (secret, value) in values {
            match value {
                _ if store.document().get(secret) == *value => {}
                Some(value) => edit.set(secret.clone(), value.clone()),
                None => edit.remove(secret.clone()),
            }
        }
        if let Some(record) = record {
            edit.set_rotation(self.name.clone(), record.clone());
            note_end(&mut edit, self.schema, &self.name, record, context.clock.now());
        }
        let reach = if everywhere && !self.is_local { Reach::Everywhere } else { Reach::AsFarAsPossible };
        commit_to(edit, reach, &mut context).map_err(trouble)?;
        let disk = context.disk.clone();
        store.refresh(&disk).map_err(Trouble::in_doubt)
    }
}

/// What a failed write says about the world: somebody else was there first, or it may pass.
pub(super) fn trouble(failure: Failure) -> Trouble {
    let message = failure.messages.join("; ");
    let trouble = match failure.kind {
        Kind::Changed | Kind::Held => Trouble::held(message),
        _ => Trouble::unavailable(message),
    };
    trouble.hint_if_any(failure.hints.into_iter().next())
}
