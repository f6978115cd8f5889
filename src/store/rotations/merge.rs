//! The journals of two branches, made one. No value of either is lost: what both changed in ways that do not fit stays
//! twice, held, for a person to decide.

use std::collections::BTreeSet;

use crate::name::SecretName;

use super::super::document::Document;
use super::{AllRotations, Direction, EffectNote, RotationRecord, State};

/// The rotations of two stores that grew from `base`.
pub(in crate::store) fn join(base: &Document, ours: &Document, theirs: &Document) -> AllRotations {
    let names: BTreeSet<&SecretName> = ours.rotations.keys().chain(theirs.rotations.keys()).collect();
    let sides = [base, ours, theirs];
    let joined = names.into_iter().filter_map(|name| {
        let [before, our, their] = sides.map(|document| document.rotations_of(name));
        let all = join_secret(before, our, their);
        (!all.is_empty()).then(|| (name.clone(), all))
    });
    joined.collect()
}

/// The secrets with more than one rotation.
pub(in crate::store) fn twice(all: &AllRotations) -> Vec<SecretName> {
    all.iter().filter(|(_, records)| records.len() > 1).map(|(name, _)| name.clone()).collect()
}

fn join_secret(
    before: &[RotationRecord],
    our: &[RotationRecord],
    their: &[RotationRecord],
) -> Vec<RotationRecord> {
    if our == before || our == their {
        return their.to_vec();
    }
    if their == before {
        return our.to_vec();
    }
    let find = |all: &[RotationRecord], id: &str| all.iter().find(|one| one.id == id).cloned();
    let ids: BTreeSet<&str> = our.iter().chain(their).map(|one| one.id.as_str()).collect();
    let mut all = Vec::new();
    for id in ids {
        let (before, our, their) = (find(before, id), find(our, id), find(their, id));
        match (our, their) {
            (Some(our), Some(their)) if our == their || Some(&our) == before.as_ref() => all.push(their),
            (Some(our), Some(their)) if Some(&their) == before.as_ref() => all.push(our),
            (Some(our), Some(their)) => all.extend(join_record(our, their)),
            // It gave way to a later one on the other side, and that it has ended was known when both were one.
            (Some(one), None) | (None, Some(one)) if before.as_ref() == Some(&one) && one.state.is_end() => {}
            (Some(one), None) | (None, Some(one)) => all.push(one),
            (None, None) => {}
        }
    }
    settled(all)
}

/// Of several rotations of one secret those that matter: the live ones, held if they are more than one, or else the last.
fn settled(mut all: Vec<RotationRecord>) -> Vec<RotationRecord> {
    all.sort_by(|one, other| (one.started, &one.id).cmp(&(other.started, &other.id)));
    if all.iter().all(|one| one.state.is_end()) {
        return all.pop().into_iter().collect();
    }
    all.retain(|one| !one.state.is_end());
    if all.len() > 1 {
        let others = all.iter().map(|one| one.id.clone()).collect::<Vec<_>>().join(" and ");
        for one in &mut all {
            let reason = format!("rotations {others} of the same secret were begun on different branches");
            hold(one, &reason);
        }
    }
    all
}

/// What two branches made of the same rotation; two records where their values differ.
fn join_record(our: RotationRecord, their: RotationRecord) -> Vec<RotationRecord> {
    if our.state.is_end() || their.state.is_end() {
        // Whatever the other branch did before is over.
        let (ended, other) = if our.state.is_end() { (our, their) } else { (their, our) };
        return vec![if other.state.is_end() { later(ended, other) } else { ended }];
    }
    let values = |one: &RotationRecord| {
        (one.current.clone(), one.pending.clone(), one.deploys.clone(), one.material.clone())
    };
    if values(&our) != values(&their) {
        let reason = "two branches went on with it, each with other values";
        let (mut first, mut second) =
            if our.id_of_twin() <= their.id_of_twin() { (our, their) } else { (their, our) };
        hold(&mut first, reason);
        hold(&mut second, reason);
        second.id = format!("{}-b", second.id);
        return vec![first, second];
    }
    let is_same_way = our.direction == their.direction;
    let effects = united(&our.effects, &their.effects);
    let mut joined = RotationRecord { effects, ..later(our, their) };
    if !is_same_way {
        hold(&mut joined, "two branches went on with it, each another way");
    }
    vec![joined]
}

/// The one that is further; on the way back counts as further than on the way there.
fn later(one: RotationRecord, other: RotationRecord) -> RotationRecord {
    let rank = |record: &RotationRecord| {
        let is_back = matches!(record.direction, Direction::Back { .. });
        (is_back, record.done, record.effects.len(), record.attempts, record.state.word(), record.by.clone())
    };
    if rank(&one) >= rank(&other) { one } else { other }
}

/// What either has tried; where both say something of one try, what is settled.
fn united(ours: &[EffectNote], theirs: &[EffectNote]) -> Vec<EffectNote> {
    let mut all: Vec<EffectNote> = Vec::new();
    for note in ours.iter().chain(theirs) {
        match all.iter_mut().find(|one| one.step == note.step && one.intended == note.intended) {
            Some(one) if one.settled < note.settled => *one = note.clone(),
            Some(_) => {}
            None => all.push(note.clone()),
        }
    }
    all.sort_by_key(|note| note.intended);
    all
}

fn hold(record: &mut RotationRecord, reason: &str) {
    record.state = State::Held;
    record.reason = Some(reason.to_owned());
}

impl RotationRecord {
    /// What tells two records with the same id apart, the same on every machine.
    fn id_of_twin(&self) -> (usize, usize, String) {
        (self.done, self.effects.len(), self.by.clone())
    }
}
