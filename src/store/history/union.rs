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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::secret::SecretValue;

    fn one(since: i64, until: i64, value: &str) -> Earlier {
        let moment = |second| Timestamp::from_second(second).unwrap();
        Earlier {
            since: Some(moment(since)),
            until: moment(until),
            origin: Some("edit".to_owned()),
            value: SecretValue::new(value.to_owned()),
        }
    }

    /// Values in the order of a secret's life: each begins when the one before it ends, often in the same second.
    fn life(values: &[(i64, u8)], start: i64) -> Vec<Earlier> {
        let mut list = Vec::new();
        let mut since = start;
        for (seconds, value) in values {
            list.insert(0, one(since, since + seconds, &value.to_string()));
            since += seconds;
        }
        list
    }

    fn values() -> impl Strategy<Value = Vec<(i64, u8)>> {
        prop::collection::vec((0..3_i64, 0..3_u8), 0..8)
    }

    fn spelled(list: &[Earlier]) -> Vec<(i64, String)> {
        list.iter().map(|one| (one.until.as_second(), one.value.expose().to_owned())).collect()
    }

    proptest! {
        #[test]
        fn a_union_commutes_and_loses_nothing(common in values(), ours in values(), theirs in values()) {
            let base = life(&common, 0);
            let start = base.first().map_or(0, |last| last.until.as_second());
            let [ours, theirs] = [ours, theirs].map(|more| [life(&more, start), base.clone()].concat());
            let all = united(&base, ours.clone(), theirs.clone());
            prop_assert_eq!(spelled(&all), spelled(&united(&base, theirs.clone(), ours.clone())));
            prop_assert_eq!(spelled(&all), spelled(&united(&[], theirs.clone(), ours.clone())));
            prop_assert!(all.is_sorted_by(|a, b| a.until >= b.until));
            for one in ours.iter().chain(&theirs) {
                let times = |list: &[Earlier]| list.iter().filter(|other| other.is_same(one)).count();
                prop_assert_eq!(times(&all), times(&ours).max(times(&theirs)));
            }
        }

        #[test]
        fn one_side_alone_stays_as_it_is(common in values(), ours in values()) {
            let base = life(&common, 0);
            let start = base.first().map_or(0, |last| last.until.as_second());
            let ours = [life(&ours, start), base.clone()].concat();
            prop_assert_eq!(spelled(&united(&base, ours.clone(), base.clone())), spelled(&ours));
            prop_assert_eq!(spelled(&united(&base, ours.clone(), ours.clone())), spelled(&ours));
        }
    }

    #[test]
    fn what_one_side_forgot_stays_forgotten_and_what_it_put_there_since_stays() {
        let base = [one(1, 2, "b"), one(0, 1, "a")];
        let theirs = vec![one(2, 5, "c"), one(1, 2, "b"), one(0, 1, "a")];
        let ours = vec![one(3, 4, "d")];
        let all = united(&base, ours, theirs);
        assert_eq!(spelled(&all), [(5, "c".to_owned()), (4, "d".to_owned())]);
    }

    #[test]
    fn a_value_that_both_sides_replaced_stands_once_with_the_later_end() {
        let all = united(&[], vec![one(0, 7, "a")], vec![one(0, 9, "a")]);
        assert_eq!(spelled(&all), [(9, "a".to_owned())]);
    }
}
