//! What lies between two documents of a store, by names.

use crate::name::SecretName;

use super::document::Document;
use super::edit::{Change, listed};
use super::parts::Recipient;
use super::rotations::State;
use super::splice::differences;

/// What changed from one document to another.
pub struct Comparison {
    /// The secrets, sorted by name.
    pub secrets: Vec<(SecretName, Change)>,
    /// The readers who came and went.
    pub readers: Vec<(Recipient, Change)>,
    /// The rotations that began, went on or ended, and how far they are then.
    pub rotations: Vec<(SecretName, State)>,
}

/// What turns `from` into `to`.
pub fn compare(from: &Document, to: &Document) -> Comparison {
    let mut secrets = listed(from, &differences(from, to));
    secrets.sort_by(|a, b| a.0.cmp(&b.0));
    let moved = to.rotations().filter(|(name, record)| !from.rotations_of(name).contains(record));
    let rotations = moved.map(|(name, record)| (name.clone(), record.state)).collect();
    Comparison { secrets, readers: readers(from.recipients(), to.recipients()), rotations }
}

/// The readers who came and went, known by their keys.
pub(super) fn readers(from: &[Recipient], to: &[Recipient]) -> Vec<(Recipient, Change)> {
    let lacks = |all: &[Recipient], one: &Recipient| all.iter().all(|other| other.key != one.key);
    let added = to.iter().filter(|one| lacks(from, one)).map(|one| (one.clone(), Change::Added));
    let removed = from.iter().filter(|one| lacks(to, one)).map(|one| (one.clone(), Change::Removed));
    added.chain(removed).collect()
}
