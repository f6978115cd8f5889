//! Changes to who can read a store, gathered in an edit like those to secrets; proven before anything is replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

use crate::name::SecretName;

use super::document::Document;
use super::edit::{Change, Edit};
use super::envelope::{self, EnvelopeError};
use super::error::StoreError;
use super::exposed::{Exposure, Exposures, Waiver, mark, renew};
use super::identity::Keys;
use super::join;
use super::parts::Recipient;
use super::recipient::PASSPHRASE;
use super::splice::Changes;

/// What a reader who is none any more could read.
pub struct Worklist {
    /// Since when they are none.
    pub since: Timestamp,
    /// Who, in words.
    pub to: String,
    /// The secrets whose value of now stands in a commit that they could open.
    pub committed: BTreeSet<SecretName>,
    /// Whether they could read the store as it is; else what was committed counts alone.
    pub could_read_all: bool,
    /// What is no secret by the schema.
    pub spared: BTreeSet<SecretName>,
}

impl Worklist {
    /// The secrets of a document that it is about, with where they could be read.
    fn names<'d>(&'d self, document: &'d Document) -> impl Iterator<Item = (&'d SecretName, &'static str)> {
        let in_conflict = document.conflicts.keys().filter(|name| !document.contains(name));
        let all = document.names().chain(in_conflict).filter(|name| !self.spared.contains(*name));
        all.filter_map(|name| match (self.committed.contains(name), self.could_read_all) {
            (true, _) => Some((name, Exposure::COMMITTED)),
            (false, true) => Some((name, Exposure::STORED)),
            (false, false) => None,
        })
    }
}

/// What an edit changes beside secrets.
#[derive(Default)]
pub(super) struct Upkeep {
    /// The readers as they are to be.
    recipients: Option<Vec<Recipient>>,
    /// Whether the file is to be sealed anew in any case.
    pub(super) rekey: bool,
    worklists: Vec<Worklist>,
    /// Values that the edit brings back and that somebody knows who is no reader.
    known: Vec<(BTreeSet<SecretName>, Exposure)>,
    waived: BTreeMap<SecretName, Waiver>,
}

impl Edit<'_> {
    /// Says who is to read the store: who is not in the list any more cannot, who is new in it can.
    pub fn set_recipients(&mut self, recipients: Vec<Recipient>) {
        self.upkeep.recipients = Some(recipients);
    }

    /// Seals the store with a fresh file key even if nothing else changes.
    pub fn rekey(&mut self) {
        self.upkeep.rekey = true;
    }

    /// Marks as exposed what a former reader could read.
    pub fn expose(&mut self, worklist: Worklist) {
        self.upkeep.worklists.push(worklist);
    }

    /// Marks as exposed what the edit gives these secrets: values that somebody knows, named by `to`, who may not read
    /// the store.
    pub fn expose_values(&mut self, names: BTreeSet<SecretName>, to: String, now: Timestamp) {
        let reason = Exposure::STORED.to_owned();
        self.upkeep.known.push((names, Exposure { since: now, to, reason, waived: None, ended: None }));
    }

    /// Lets an exposed value stay as it is.
    pub fn waive(&mut self, name: SecretName, waiver: Waiver) {
        self.upkeep.waived.insert(name, waiver);
    }
}

impl Upkeep {
    /// Whether a write has to be proven: the readers or the file's key change.
    pub(super) fn wants_proof(&self) -> bool {
        self.rekey || self.recipients.is_some()
    }

    /// The readers after the edit, merged with what somebody else wrote.
    pub(super) fn readers(
        &self,
        path: &Path,
        base: &Document,
        theirs: &Document,
    ) -> Result<Vec<Recipient>, StoreError> {
        let Some(ours) = &self.recipients else { return Ok(theirs.recipients().to_vec()) };
        let joined = join::recipients(base.recipients(), ours, theirs.recipients());
        if joined.is_empty() { Err(StoreError::NoReader(path.to_owned())) } else { Ok(joined) }
    }

    /// What is exposed after the edit: a new value ends a mark, one that they know brings it back, and taking the
    /// secret away does neither.
    pub(super) fn exposures(
        &self,
        theirs: &Document,
        ours: &Changes,
        listed: &[(SecretName, Change)],
        now: Timestamp,
    ) -> Exposures {
        let mut exposures = theirs.exposures.clone();
        for (name, _) in listed.iter().filter(|(_, change)| *change != Change::Removed) {
            let Some(exposure) = exposures.get_mut(name) else { continue };
            let value = ours.get(name).and_then(Option::as_ref);
            // The other side of a conflict was as readable as this one, and so was every value of the time before.
            let is_as_before = exposure.ended.is_none()
                && theirs.conflicts.get(name).is_some_and(|other| ours.get(name) == Some(other));
            let is_known = is_as_before
                || value.is_some_and(|value| theirs.was_readable(name, value, exposure))
                || value.is_some_and(|value| theirs.was_staged(value, exposure.since));
            renew(exposure, is_known, now);
        }
        for worklist in &self.worklists {
            for (name, reason) in worklist.names(theirs) {
                let (to, reason) = (worklist.to.clone(), reason.to_owned());
                let new = Exposure { since: worklist.since, to, reason, waived: None, ended: None };
                mark(&mut exposures, name.clone(), new);
            }
        }
        for (names, exposure) in &self.known {
            for (name, _) in
                listed.iter().filter(|(name, change)| *change != Change::Removed && names.contains(name))
            {
                mark(&mut exposures, name.clone(), exposure.clone());
            }
        }
        for (name, waiver) in &self.waived {
            if let Some(exposure) = exposures.get_mut(name).filter(|exposure| exposure.ended.is_none()) {
                exposure.waived.get_or_insert_with(|| waiver.clone());
            }
        }
        exposures
    }
}

/// The keys to seal with. Where a passphrase gives way to recipients, it must not be held against them.
pub(super) fn sealing_keys<'k>(
    keys: &'k Keys,
    without: &'k Keys,
    before: &[Recipient],
    after: &[Recipient],
) -> &'k Keys {
    let has_passphrase = |all: &[Recipient]| all.iter().any(|one| one.key == PASSPHRASE);
    if has_passphrase(before) && !has_passphrase(after) { without } else { keys }
}

/// Opens what is about to be written with each identity at hand: how many do. Each that belongs to a reader must, and
/// one at least.
pub(super) fn prove(
    path: &Path,
    sealed: &[u8],
    expected: &Document,
    keys: &Keys,
) -> Result<usize, StoreError> {
    let mut proven = 0;
    for identity in &keys.identities {
        match envelope::open(sealed, std::slice::from_ref(identity)) {
            Ok(text) if text.expose() == expected.text().expose() => proven += 1,
            // Nobody was there to be asked, or a token is not plugged in: it proves nothing and refutes nothing.
            Err(EnvelopeError::Key(_)) => {}
            _ => {
                let keys = identity.known_recipients();
                if keys.iter().any(|key| expected.recipients().iter().any(|one| one.is_for(key))) {
                    return Err(StoreError::Unproven(path.to_owned()));
                }
            }
        }
    }
    if proven == 0 { Err(StoreError::LockedOut(path.to_owned())) } else { Ok(proven) }
}
