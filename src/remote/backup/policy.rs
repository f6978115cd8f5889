//! Which backups stay.

use std::collections::BTreeSet;

use jiff::tz::Offset;

use crate::schema::Keep;

use super::name::BackupName;

/// Seconds of an hour and of a day.
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Numbers the periods of a kind: which one a backup is of.
type Period = fn(&BackupName) -> i64;

/// The backups that need not stay, oldest first.
///
/// Of each period that has any the newest stays, for as many periods as [`Keep`] says, and so do the newest ones of all.
/// Whatever it says, the newest by time and the one of the highest generation stay: a clock may have been wrong. Pruning
/// after every backup leaves the same as pruning once in the end.
pub fn outdated(backups: &[BackupName], keep: Keep) -> Vec<&BackupName> {
    let mut all: Vec<&BackupName> = backups.iter().collect();
    all.sort();
    let newest_first: Vec<&BackupName> = all.iter().rev().copied().collect();
    let mut stay: BTreeSet<&BackupName> = newest_first.iter().take(keep.last.max(1)).copied().collect();
    stay.extend(all.iter().max_by_key(|backup| backup.generation()));
    let periods: [(usize, Period); 4] =
        [(keep.hourly, hour), (keep.daily, day), (keep.weekly, week), (keep.monthly, month)];
    for (number, period) in periods {
        let mut last = None;
        let is_first = |backup: &&&BackupName| last.replace(period(backup)) != Some(period(backup));
        stay.extend(newest_first.iter().filter(is_first).take(number).copied());
    }
    all.retain(|backup| !stay.contains(backup));
    all
}

fn hour(backup: &BackupName) -> i64 {
    backup.written().as_second().div_euclid(HOUR)
}

fn day(backup: &BackupName) -> i64 {
    backup.written().as_second().div_euclid(DAY)
}

/// Weeks from Monday, as ISO 8601 has them: the first day of 1970 was a Thursday.
fn week(backup: &BackupName) -> i64 {
    (day(backup) + 3).div_euclid(7)
}

fn month(backup: &BackupName) -> i64 {
    let date = Offset::UTC.to_datetime(backup.written()).date();
    i64::from(date.year()) * 12 + i64::from(date.month())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTHING: Keep = Keep { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0 };

    fn backup(moment: &str, generation: u64) -> BackupName {
        let moment: jiff::Timestamp = moment.parse().unwrap();
        let (date, name) = (moment.strftime("%Y/%m/%d"), moment.strftime("%Y%m%dT%H%M%SZ"));
        let key = format!("{date}/{name}-{generation:06}-0f3c8a12-9b2cf5d0a1b2c3d4.age");
        BackupName::parse(&key).unwrap()
    }

    /// The days, hours and minutes of those that stay, of November 2026.
    fn stay(moments: &[&str], keep: Keep) -> Vec<String> {
        let backups: Vec<BackupName> = moments
            .iter()
            .enumerate()
            .map(|(number, moment)| backup(&format!("2026-11-{moment}:00Z"), number as u64))
            .collect();
        let gone = outdated(&backups, keep);
        let stay = backups.iter().filter(|backup| !gone.contains(backup));
        stay.map(|backup| backup.written().strftime("%dT%H:%M").to_string()).collect()
    }

    #[test]
    fn of_each_period_the_newest_stays() {
        let all = ["09T23:59", "15T10:00", "15T23:59", "16T00:00", "16T10:05", "16T10:59", "16T11:00"];
        assert_eq!(stay(&all, NOTHING), ["16T11:00"]);
        assert_eq!(stay(&all, Keep { last: 3, ..NOTHING }), ["16T10:05", "16T10:59", "16T11:00"]);
        assert_eq!(stay(&all, Keep { hourly: 3, ..NOTHING }), ["16T00:00", "16T10:59", "16T11:00"]);
        assert_eq!(stay(&all, Keep { daily: 2, ..NOTHING }), ["15T23:59", "16T11:00"]);
        // The 16th was a Monday, and so was the 9th.
        assert_eq!(stay(&all, Keep { weekly: 2, ..NOTHING }), ["15T23:59", "16T11:00"]);
        assert_eq!(stay(&all, Keep { weekly: 9, ..NOTHING }), ["15T23:59", "16T11:00"]);
        assert_eq!(stay(&["08T23:59", "09T00:00"], Keep { weekly: 9, ..NOTHING }), ["08T23:59", "09T00:00"]);
        assert_eq!(stay(&all, Keep { monthly: 9, ..NOTHING }), ["16T11:00"]);
    }

    #[test]
    fn periods_without_a_backup_do_not_count() {
        let all = ["01T00:00", "02T00:00", "20T00:00", "21T00:00"];
        assert_eq!(stay(&all, Keep { daily: 3, ..NOTHING }), ["02T00:00", "20T00:00", "21T00:00"]);
    }

    #[test]
    fn a_wrong_clock_costs_neither_the_newest_nor_the_highest() {
        // Generation 7 was written by a machine whose clock stands in the past.
        let backups = [
            backup("2026-11-02T00:00:00Z", 6),
            backup("2026-11-01T00:00:00Z", 7),
            backup("2026-10-01T00:00:00Z", 1),
        ];
        assert_eq!(outdated(&backups, NOTHING), [&backups[2]]);
        assert!(outdated(&[], Keep::default()).is_empty());
    }

    fn keeps() -> impl Strategy<Value = Keep> {
        (0..5_usize, 0..5_usize, 0..5_usize, 0..5_usize, 0..5_usize)
            .prop_map(|(last, hourly, daily, weekly, monthly)| Keep { last, hourly, daily, weekly, monthly })
    }

    /// Backups in the order in which they were made: minutes to months apart.
    fn histories() -> impl Strategy<Value = Vec<BackupName>> {
        let step = prop_oneof![1..90_i64, 1..2_000_i64, 1..50_000_i64];
        proptest::collection::vec(step, 0..60).prop_map(|steps| {
            let mut minute = 0;
            let mut backups = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                minute += step;
                let moment = jiff::Timestamp::from_second(1_790_000_000 + minute * 60).unwrap();
                backups.push(backup(&moment.to_string(), number as u64 + 1));
            }
            backups
        })
    }

    fn survivors(backups: &[BackupName], keep: Keep) -> Vec<BackupName> {
        let gone: Vec<BackupName> = outdated(backups, keep).into_iter().cloned().collect();
        backups.iter().filter(|backup| !gone.contains(backup)).cloned().collect()
    }

    proptest! {
        #[test]
        fn the_newest_stays_and_no_more_than_asked_for(backups in histories(), keep in keeps()) {
            let stay = survivors(&backups, keep);
            prop_assert_eq!(stay.last(), backups.last());
            let most = keep.last.max(1) + keep.hourly + keep.daily + keep.weekly + keep.monthly;
            prop_assert!(stay.len() <= most);
            prop_assert!(stay.len() >= keep.last.min(backups.len()));
            prop_assert!(survivors(&stay, keep) == stay);
        }

        #[test]
        fn every_period_asked_for_is_covered(backups in histories(), number in 1..6_usize) {
            let rules: [(Keep, Period); 4] = [
                (Keep { hourly: number, ..NOTHING }, hour),
                (Keep { daily: number, ..NOTHING }, day),
                (Keep { weekly: number, ..NOTHING }, week),
                (Keep { monthly: number, ..NOTHING }, month),
            ];
            for (keep, period) in rules {
                let covered: BTreeSet<i64> = survivors(&backups, keep).iter().map(period).collect();
                let wanted: BTreeSet<i64> = backups.iter().map(period).collect();
                let wanted: BTreeSet<i64> = wanted.into_iter().rev().take(number).collect();
                prop_assert_eq!(covered, wanted);
            }
        }

        #[test]
        fn pruning_often_leaves_what_pruning_once_leaves(backups in histories(), keep in keeps()) {
            let mut often = Vec::new();
            for backup in &backups {
                often.push(backup.clone());
                often = survivors(&often, keep);
            }
            prop_assert_eq!(often, survivors(&backups, keep));
        }

        #[test]
        fn the_order_of_the_list_does_not_matter(backups in histories(), keep in keeps()) {
            let reversed: Vec<BackupName> = backups.iter().rev().cloned().collect();
            prop_assert_eq!(outdated(&backups, keep), outdated(&reversed, keep));
        }
    }
}
