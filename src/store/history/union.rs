//! The earlier values of one secret on two branches, made one list.

use std::cmp::{Ordering, Reverse};

use super::Earlier;

/// What stands in either list, newest first, without what one side has dropped from `base` since.
pub(super) fn united(base: &[Earlier], ours: &[Earlier], theirs: &[Earlier]) -> Vec<Earlier> {
    let has = |list: &[Earlier], one: &Earlier| list.iter().any(|other| other.is_same(one));
    let stays = |list: &[Earlier], other: &[Earlier]| {
        let is_dropped = |one: &Earlier| has(base, one) && !has(other, one);
        list.iter().filter(|one| !is_dropped(one)).cloned().collect::<Vec<_>>()
    };
    let mut all = interleaved(&stays(ours, theirs), &stays(theirs, ours));
    // Within one second the order of the lists counts, and this sort leaves it alone.
    all.sort_by_key(|one| Reverse(one.until));
    all
}

/// The shortest list that has both in their order; the same whichever comes first.
fn interleaved(ours: &[Earlier], theirs: &[Earlier]) -> Vec<Earlier> {
    let common = common(ours, theirs);
    let (mut our, mut their) = (0, 0);
    let mut all = Vec::with_capacity(ours.len() + theirs.len());
    while let (Some(a), Some(b)) = (ours.get(our), theirs.get(their)) {
        let is_same = a.is_same(b);
        // What keeps more of the rest in common; else the later.
        let sides = common[our + 1][their].cmp(&common[our][their + 1]);
        let takes_ours = is_same || sides.then_with(|| order(a, b)) != Ordering::Less;
        let until = if is_same { a.until.max(b.until) } else { if takes_ours { a } else { b }.until };
        all.push(Earlier { until, ..if takes_ours { a } else { b }.clone() });
        our += usize::from(takes_ours);
        their += usize::from(is_same || !takes_ours);
    }
    all.extend_from_slice(&ours[our..]);
    all.extend_from_slice(&theirs[their..]);
    all
}

/// How many values the rests of both lists have in common, in the same order, from each place in them.
fn common(ours: &[Earlier], theirs: &[Earlier]) -> Vec<Vec<usize>> {
    let mut common = vec![vec![0; theirs.len() + 1]; ours.len() + 1];
    for (i, a) in ours.iter().enumerate().rev() {
        for (j, b) in theirs.iter().enumerate().rev() {
            common[i][j] =
                if a.is_same(b) { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    common
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

    fn has_two_in_a_second(list: &[Earlier]) -> bool {
        list.windows(2).any(|pair| pair[0].since == pair[1].since)
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
            let all = united(&base, &ours, &theirs);
            prop_assert_eq!(spelled(&all), spelled(&united(&base, &theirs, &ours)));
            prop_assert_eq!(spelled(&all), spelled(&united(&[], &theirs, &ours)));
            prop_assert!(all.is_sorted_by(|a, b| a.until >= b.until));
            for one in ours.iter().chain(&theirs) {
                let times = |list: &[Earlier]| list.iter().filter(|other| other.is_same(one)).count();
                let most = times(&ours).max(times(&theirs));
                prop_assert!(times(&all) >= most);
                // Only what changed more than once in a second has no order that both could share.
                prop_assert!(times(&all) == most || has_two_in_a_second(&ours) || has_two_in_a_second(&theirs));
            }
        }

        #[test]
        fn one_side_alone_stays_as_it_is(common in values(), ours in values()) {
            let base = life(&common, 0);
            let start = base.first().map_or(0, |last| last.until.as_second());
            let ours = [life(&ours, start), base.clone()].concat();
            prop_assert_eq!(spelled(&united(&base, &ours, &base)), spelled(&ours));
            prop_assert_eq!(spelled(&united(&base, &ours, &ours)), spelled(&ours));
        }
    }

    #[test]
    fn what_one_side_forgot_stays_forgotten_and_what_it_put_there_since_stays() {
        let base = [one(1, 2, "b"), one(0, 1, "a")];
        let theirs = vec![one(2, 5, "c"), one(1, 2, "b"), one(0, 1, "a")];
        let ours = vec![one(3, 4, "d")];
        let all = united(&base, &ours, &theirs);
        assert_eq!(spelled(&all), [(5, "c".to_owned()), (4, "d".to_owned())]);
    }

    #[test]
    fn a_value_that_both_sides_replaced_stands_once_with_the_later_end() {
        let all = united(&[], &[one(0, 7, "a")], &[one(0, 9, "a")]);
        assert_eq!(spelled(&all), [(9, "a".to_owned())]);
    }
}
