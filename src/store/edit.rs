//! Changes to a store: gathered in memory, committed once; dropped means nothing happened.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::name::{SecretName, TargetName};
use crate::secret::{SecretText, SecretValue};
use crate::sys::{Disk, FolderLock};

use super::compare::readers;
use super::document::Document;
use super::due::{self, Due};
use super::entries::check_secrets_text;
use super::error::StoreError;
use super::exposed::{self, Exposures};
use super::history::Earlier;
use super::merge::{Merged, merge};
use super::outline::DocumentError;
use super::parts::{Header, Recipient};
use super::prepared::Prepared;
use super::pushes::{self, Pushes};
use super::readers::Upkeep;
use super::rotations::{self, AllRotations, RotationRecord};
use super::splice::{Changes, apply, differences, lines_inside_values};
use super::state::{Unlocked, open, read};
use super::version::Origin;

/// Who writes, and when.
#[derive(Debug, Clone)]
pub struct Author {
    /// The moment of the write.
    pub now: Timestamp,
    /// `user@machine`.
    pub name: String,
}

/// What happened to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is new.
    Added,
    /// It has another value.
    Changed,
    /// It is gone.
    Removed,
}

impl Change {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// What a commit did.
pub struct Committed {
    /// The store's generation now.
    pub generation: u64,
    /// What happened to which secret; empty if only comments changed.
    pub changes: Vec<(SecretName, Change)>,
    /// The secrets that were in conflict and are no longer.
    pub settled: Vec<SecretName>,
    /// The secrets whose earlier values are gone.
    pub forgotten: Vec<SecretName>,
    /// The readers who came and went.
    pub readers: Vec<(Recipient, Change)>,
    /// The secrets that are exposed now and were not before.
    pub exposed: Vec<SecretName>,
    /// The secrets that were exposed and are no longer.
    pub cleared: Vec<SecretName>,
    /// How many identities at hand were seen to open what was written; counted where readers or the key changed.
    pub proven: usize,
    /// Whether anything was written: a commit that changes nothing leaves the bytes alone.
    pub written: bool,
    /// Whether somebody else's changes were merged in.
    pub merged: bool,
    /// What was written, if anything was.
    pub document: Option<Document>,
    /// The same as it lies on the disk.
    pub sealed: Option<Vec<u8>>,
}

/// Changes to an opened store.
#[must_use = "changes are lost unless they are committed"]
pub struct Edit<'a> {
    store: &'a Unlocked,
    /// What the changes are counted from, where that is not what the store held when it was opened.
    earlier: Option<Document>,
    origin: Origin,
    changes: Changes,
    /// How many earlier values of each secret are kept.
    keep: usize,
    /// Secrets whose conflict ends with the value they have.
    settled: BTreeSet<SecretName>,
    /// Secrets whose earlier values are to go.
    forgotten: BTreeSet<SecretName>,
    /// The whole text of the secrets, where a person has rewritten it.
    text: Option<SecretText>,
    /// What is to be known of pushes: before and after.
    pub(super) pushes: BTreeMap<TargetName, (Pushes, Pushes)>,
    /// When rotations are due, where that changes.
    pub(super) dues: BTreeMap<SecretName, Due>,
    /// The records of rotations to be written.
    pub(super) rotations: Vec<(SecretName, RotationRecord)>,
    /// What changes beside secrets.
    pub(super) upkeep: Upkeep,
}

impl Unlocked {
    /// Starts a set of changes. Of each secret that they touch, the latest `keep` earlier values stay.
    pub fn edit(&self, origin: Origin, keep: usize) -> Edit<'_> {
        Edit {
            store: self,
            earlier: None,
            origin,
            changes: Changes::new(),
            keep,
            settled: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            text: None,
            pushes: BTreeMap::new(),
            dues: BTreeMap::new(),
            rotations: Vec::new(),
            upkeep: Upkeep::default(),
        }
    }

    /// Starts a set of changes counted from an earlier text of the secrets, so that what others wrote since then is
    /// merged rather than undone.
    pub fn edit_from(&self, earlier: &SecretText, origin: Origin, keep: usize) -> Edit<'_> {
        let same = earlier.expose() == self.document.secrets_text().expose();
        let earlier = if same { None } else { self.reread(earlier).ok() };
        Edit { earlier, ..self.edit(origin, keep) }
    }

    /// An earlier text with these secrets as the store holds them now: changes counted from it win over what somebody
    /// else wrote to them.
    pub fn caught_up(&self, earlier: &SecretText, names: &[SecretName]) -> Result<SecretText, StoreError> {
        let now = names.iter().map(|name| (name.clone(), self.document.get(name))).collect();
        apply(earlier.expose(), &now).map_err(StoreError::Text)
    }

    fn reread(&self, text: &SecretText) -> Result<Document, StoreError> {
        check_secrets_text(text.expose()).map_err(StoreError::Text)?;
        let (header, recipients) = (&self.document.header, &self.document.recipients);
        let text =
            Document::compose(header, recipients, text.expose(), std::iter::empty(), std::iter::empty());
        Document::parse(text).map_err(StoreError::Text)
    }

    /// The lines, from 1, of a text that stand inside values of several lines; none if the text cannot be read.
    pub fn lines_inside_values(text: &SecretText) -> BTreeSet<usize> {
        lines_inside_values(text.expose())
    }

    /// Checks a text as [`Edit::set_text`] takes it: the secrets in it, each with the byte where its value starts.
    pub fn check_text(text: &SecretText) -> Result<Vec<(SecretName, usize)>, DocumentError> {
        check_secrets_text(text.expose())
    }
}

impl Edit<'_> {
    /// Adds or replaces a secret.
    pub fn set(&mut self, name: SecretName, value: SecretValue) {
        self.changes.insert(name, Some(value));
    }

    /// Removes a secret.
    pub fn remove(&mut self, name: SecretName) {
        self.changes.insert(name, None);
    }

    /// Ends a secret's conflict; the value stands as the edit leaves it. Changing a secret settles it too.
    pub fn settle(&mut self, name: SecretName) {
        self.settled.insert(name);
    }

    /// Drops a secret's earlier values.
    pub fn forget(&mut self, name: SecretName) {
        self.forgotten.insert(name);
    }

    /// Takes the whole text of the secrets, as [`Document::secrets_text`] gives it, in a new form.
    pub fn set_text(&mut self, text: SecretText) -> Result<(), StoreError> {
        let ours = self.store.reread(&text)?;
        self.changes = differences(self.base(), &ours);
        self.text = Some(text);
        Ok(())
    }

    /// The value that the edit gives a secret.
    pub fn value(&self, name: &SecretName) -> Option<&SecretValue> {
        self.changes.get(name).and_then(Option::as_ref)
    }

    /// What the edit would do to which secret.
    pub fn preview(&self) -> Vec<(SecretName, Change)> {
        listed(self.base(), &self.changes)
    }

    /// The secrets that somebody else has changed since, in another way, as far as the opened store shows it.
    pub fn conflicts(&self) -> Vec<SecretName> {
        match merge(self.base(), &self.changes, &self.store.document) {
            Merged::Clean(_) => Vec::new(),
            Merged::Conflict(names) => names,
        }
    }

    /// The store as it was opened.
    pub fn opened(&self) -> &Unlocked {
        self.store
    }

    /// What the changes come to on the store as it is now, with what others wrote since merged in. `_lock` is that of
    /// the store's folder, to be held until the result is written.
    pub fn prepare(&self, disk: &Disk, author: &Author, _lock: &FolderLock) -> Result<Prepared, StoreError> {
        let path = &self.store.path;
        let current = read(disk, path)?;
        let newer =
            if current == self.store.sealed { None } else { Some(open(path, &current, &self.store.keys)?) };
        let theirs = newer.as_ref().unwrap_or(&self.store.document);
        if theirs.id() != self.store.document.id() {
            return Err(StoreError::Replaced(path.clone()));
        }
        if theirs.generation() < self.store.document.generation() {
            return Err(StoreError::WentBack(path.clone(), theirs.generation()));
        }
        let ours = match merge(self.base(), &self.changes, theirs) {
            Merged::Clean(changes) => changes,
            Merged::Conflict(names) => return Err(StoreError::Conflict(names)),
        };
        if self.origin != Origin::Rotate {
            rotations::refuse_rotated(theirs, &ours)?;
        }
        let rotations = self.next_rotations(theirs)?;
        let region = self.region(theirs, &ours)?;
        let recipients = self.upkeep.readers(path, &self.store.document, theirs)?;
        let exposures = self.upkeep.exposures(theirs, &ours, &listed(theirs, &ours), author.now);
        let mut committed = Committed {
            generation: theirs.generation(),
            changes: listed(theirs, &ours),
            settled: self.settled_in(theirs),
            forgotten: self.forgotten.iter().filter(|name| theirs.has_history(name)).cloned().collect(),
            readers: readers(theirs.recipients(), &recipients),
            exposed: exposed::open_only_in(&exposures, &theirs.exposures),
            cleared: exposed::open_only_in(&theirs.exposures, &exposures),
            proven: 0,
            written: false,
            merged: newer.is_some(),
            document: None,
            sealed: None,
        };
        let has_upkeep = self.upkeep.rekey
            || recipients.as_slice() != theirs.recipients()
            || exposures != theirs.exposures
            || rotations != theirs.rotations
            || self.next_dues(theirs) != theirs.dues
            || self.next_pushes(theirs) != theirs.pushes;
        let is_new = region.expose() != theirs.secrets_text().expose();
        if is_new || !committed.settled.is_empty() || !committed.forgotten.is_empty() || has_upkeep {
            let around = Around { recipients: &recipients, exposures: &exposures, rotations: &rotations };
            let text = self.next_text(theirs, &region, author, &committed, &around);
            let (sealed, document, proven) = self.store.seal(theirs, text, self.upkeep.wants_proof())?;
            committed.document = Some(document);
            committed.proven = proven;
            committed.generation += 1;
            committed.written = true;
            return Ok(Prepared::new(path.clone(), committed, Some(sealed)));
        }
        Ok(Prepared::new(path.clone(), committed, None))
    }

    fn settled_in(&self, theirs: &Document) -> Vec<SecretName> {
        let names = theirs.conflicts().map(|(name, _)| name);
        let settles = |name: &&SecretName| self.settled.contains(*name) || self.changes.contains_key(*name);
        names.filter(settles).cloned().collect()
    }

    /// The secrets' text after the merge: ours with their changes where a person wrote it, else theirs with ours.
    fn region(&self, theirs: &Document, ours: &Changes) -> Result<SecretText, StoreError> {
        let text = match &self.text {
            Some(text) => apply(text.expose(), &differences(self.base(), theirs)),
            None => apply(theirs.secrets_text().expose(), ours),
        };
        text.map(|text| text.tidied()).map_err(StoreError::Text)
    }

    /// The document one generation on.
    fn next_text(
        &self,
        theirs: &Document,
        region: &SecretText,
        author: &Author,
        committed: &Committed,
        around: &Around<'_>,
    ) -> SecretText {
        let changes = &committed.changes;
        let conflicts = theirs.open_conflicts(&committed.settled.iter().cloned().collect());
        let replaced = self.replaced(theirs, committed, author.now);
        let history = theirs.next_history(&replaced, &self.forgotten, self.keep);
        let pushes = pushes::spell(&self.next_pushes(theirs));
        let mut exposures = around.exposures.clone();
        for name in replaced.keys().chain(&self.forgotten) {
            let new = replaced.get(name).map_or(&[][..], Vec::as_slice);
            exposed::tidy(&mut exposures, name, &theirs.grown(name, new, &self.forgotten, self.keep));
        }
        let exposures = exposed::spell(&exposures);
        let rotations = rotations::spell(around.rotations);
        let dues = due::spell(&self.next_dues(theirs));
        let own = [&conflicts, &history, &exposures, &dues, &pushes, &rotations].map(SecretText::expose);
        let tables = theirs.foreign().chain(own.into_iter().filter(|table| !table.is_empty()));
        let header = Header {
            generation: theirs.generation() + 1,
            written: author.now,
            by: author.name.clone(),
            id: theirs.id().to_owned(),
        };
        let touched: BTreeSet<&SecretName> = changes.iter().map(|(name, _)| name).collect();
        let kept: Vec<&SecretName> = theirs.names().filter(|name| !touched.contains(name)).collect();
        let old =
            kept.iter().filter_map(|name| Some((name.as_str(), Cow::Borrowed(theirs.version_line(name)?))));
        let new = changes.iter().filter(|(_, change)| *change != Change::Removed).map(|(name, _)| {
            let version = format!("{{ since = {}, origin = \"{}\" }}", author.now, self.origin.name());
            (name.as_str(), Cow::Owned(version))
        });
        Document::compose(&header, around.recipients, region.expose(), old.chain(new), tables)
    }

    /// The values that the commit puts an end to, newest first.
    fn replaced(
        &self,
        theirs: &Document,
        committed: &Committed,
        now: Timestamp,
    ) -> BTreeMap<SecretName, Vec<Earlier>> {
        let mut replaced: BTreeMap<SecretName, Vec<Earlier>> = BTreeMap::new();
        for (name, _) in &committed.changes {
            if let Some(value) = theirs.get(name) {
                let earlier = Earlier::replaced(value, theirs.version(name), now);
                replaced.entry(name.clone()).or_default().push(earlier);
            }
        }
        for (name, other) in theirs.conflicts().filter(|(name, _)| committed.settled.contains(*name)) {
            let present = theirs.get(name);
            let chosen = self.changes.get(name).unwrap_or(&present);
            // The side that lost was a branch's value, and nothing else has it.
            if let Some(lost) =
                other.filter(|lost| ![chosen.as_ref(), present.as_ref()].contains(&Some(lost)))
            {
                let earlier = Earlier {
                    origin: Some("merge".to_owned()),
                    ..Earlier::replaced(lost.clone(), None, now)
                };
                replaced.entry(name.clone()).or_default().push(earlier);
            }
        }
        replaced
    }

    fn base(&self) -> &Document {
        self.earlier.as_ref().unwrap_or(&self.store.document)
    }
}

/// What stands around the secrets in the next document.
struct Around<'a> {
    recipients: &'a [Recipient],
    exposures: &'a Exposures,
    rotations: &'a AllRotations,
}

pub(super) fn listed(base: &Document, changes: &Changes) -> Vec<(SecretName, Change)> {
    let change = |name: &SecretName, value: &Option<SecretValue>| match (base.get(name), value) {
        (None, Some(_)) => Some(Change::Added),
        (Some(before), Some(after)) if before != *after => Some(Change::Changed),
        (Some(_), None) => Some(Change::Removed),
        _ => None,
    };
    changes.iter().filter_map(|(name, value)| Some((name.clone(), change(name, value)?))).collect()
}
