//! The earlier values of one secret on two branches, made one list.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::Earlier;

/// What stands in either list, newest first, without what one side has dropped from `base` since.
pub(super) fn united(base: &[Earlier], ours: Vec<Earlier>, theirs: Vec<Earlier>) -> Vec<Earlier> {
    let has = |list: &[Earlier], one: &Earlier| list.iter().any(|other| other.is_same(one));
    let dropped = |one: &Earlier, other_side: &[Earlier]| has(base, one) && !has(other_side, one);
    let stays = |list: &[Earlier], other: &[Earlier]| {
        list.iter().filter(|one| !dropped(one, other)).cloned().collect::<VecDeque<_>>()
    };
    let mut all = interleaved(stays(&ours, &theirs), stays(&theirs, &ours));
    // Within one second the order of the lists counts, and this sort leaves it alone.
    all.sort_by(|a, b| b.until.cmp(&a.until));
    all
}

/// Both lists as one that keeps the order of each; the same whichever comes first.
fn interleaved(mut ours: VecDeque<Earlier>, mut theirs: VecDeque<Earlier>) -> Vec<Earlier> {
    let mut all = Vec::with_capacity(ours.len() + theirs.len());
    while let (Some(our), Some(their)) = (ours.front(), theirs.front()) {
        let (our_comes, their_comes) = (place(&theirs, our), place(&ours, their));
        let takes_ours = match (our_comes, their_comes) {
            (Some(_), None) => false,
            (None, Some(_)) => true,
            _ => order(our, their) != Ordering::Less,
        };
        let twin = if takes_ours { our_comes } else { their_comes };
        let (from, other) = if takes_ours { (&mut ours, &mut theirs) } else { (&mut theirs, &mut ours) };
        let twin = twin.and_then(|at| other.remove(at));
        all.extend(from.pop_front().map(|one| {
            let until = twin.map_or(one.until, |twin| twin.until.max(one.until));
            Earlier { until, ..one }
        }));
    }
    all.extend(ours);
    all.extend(theirs);
    all
}

fn place(list: &VecDeque<Earlier>, one: &Earlier) -> Option<usize> {
    list.iter().position(|other| other.is_same(one))
}

/// Any fixed order, the later first of all.
fn order(a: &Earlier, b: &Earlier) -> Ordering {
    let rank = |one: &Earlier| (one.until, one.since, one.origin.clone());
    rank(a).cmp(&rank(b)).then_with(|| a.value.expose().cmp(b.value.expose()))
}
