use jiff::civil::{date, time};
use proptest::prelude::*;

use super::*;
use crate::schema::{Place, Type, Window};

const DAY: i64 = 86_400;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn key() -> FingerprintKey {
    FingerprintKey::new("a store")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn plus(moment: Timestamp, seconds: i64) -> Timestamp {
    moment.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn now() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

/// Every 90 days, at any time, give or take nothing.
fn rotation() -> Rotation {
    Rotation { every: Some(Duration::from_hours(90 * 24)), ..Rotation::default() }
}

fn nights() -> Window {
    let days = vec![jiff::civil::Weekday::Tuesday];
    Window { days, from: time(2, 0, 0, 0), to: time(5, 0, 0, 0), zone: Window::zone("UTC").unwrap() }
}

fn declared(rotation: &Rotation) -> Entry {
    let place = Place { file: std::path::Path::new("s.toml").into(), line: 1, column: 1 };
    Entry { rotate: Some(rotation.clone()), ..Entry::new(Type::Password, place) }
}

/// What `f` makes of the terms of a rotation.
fn with<T>(rotation: &Rotation, f: impl FnOnce(&Terms<'_>) -> T) -> T {
    f(&Terms::of(&name("a.b"), &declared(rotation), &key()).unwrap())
}

fn settled(known: Option<&Due>, since: Option<Timestamp>) -> (Due, Settling) {
    with(&rotation(), |terms| terms.settle(known, since, now()).unwrap())
}

fn done(moment: Timestamp) -> Due {
    with(&rotation(), |terms| terms.done(moment).unwrap())
}

fn may_run(rotation: &Rotation, due: &Due, now: Timestamp) -> bool {
    with(rotation, |terms| terms.standing(due, now).may_run(now))
}

#[test]
fn what_was_done_is_due_again_after_its_period() {
    let due = done(now());
    assert_eq!((due.from, due.last), (now(), Some(now())));
    assert_eq!(due.next, plus(now(), 90 * DAY));
    assert_eq!(settled(Some(&due), Some(plus(now(), -DAY))), (due.clone(), Settling::Kept));
    assert!(!may_run(&rotation(), &due, plus(now(), 90 * DAY - 1)));
    assert!(may_run(&rotation(), &due, plus(now(), 90 * DAY)));
}

#[test]
fn what_is_seen_for_the_first_time_counts_from_its_value_and_is_never_due_at_once() {
    let since = plus(now(), -10 * DAY);
    let (due, why) = settled(None, Some(since));
    assert_eq!((due.from, due.next, due.last, why), (since, plus(now(), 80 * DAY), None, Settling::New));
    // Old, of unknown age, of a clock that was not set, of one that ran ahead.
    for (since, from) in [
        (Some(plus(now(), -1000 * DAY + DAY)), now()),
        (None, now()),
        (Some(Timestamp::UNIX_EPOCH), now()),
        (Some(plus(now(), DAY)), now()),
    ] {
        let (due, why) = settled(None, since);
        assert_eq!((due.from, due.next, why), (from, plus(now(), 90 * DAY), Settling::New), "{since:?}");
    }
    let (old, _) = settled(None, Some(plus(now(), -200 * DAY)));
    assert_eq!(old.next, plus(now(), DAY));
    // An imported value is as old as its import.
    assert_eq!(settled(None, Some(now())).0.next, plus(now(), 90 * DAY));
}

#[test]
fn a_value_from_elsewhere_counts_like_a_new_one() {
    let known = done(plus(now(), -89 * DAY));
    let failed = with(&rotation(), |terms| terms.failed(&known, plus(now(), -2 * DAY)));
    let (due, why) = settled(Some(&failed), Some(plus(now(), -DAY)));
    assert_eq!((due.next, due.failures, why), (plus(now(), 89 * DAY), 0, Settling::NewValue));
    assert_eq!(due.last, known.last);
}

#[test]
fn an_entry_of_a_wrong_clock_never_lets_anything_run() {
    let zero = Timestamp::UNIX_EPOCH;
    let good = done(plus(now(), -DAY));
    let wrong = [
        Due { next: zero, ..good.clone() },
        Due { from: zero, next: zero, ..good.clone() },
        done(zero),
        done(at("2024-12-31T23:59:59Z")),
        done(plus(now(), 3650 * DAY)),
        Due { last: Some(zero), ..good.clone() },
        Due { last: Some(plus(now(), DAY)), ..good.clone() },
        Due { next: plus(now(), 400 * DAY), ..good.clone() },
        Due { next: Timestamp::MAX, ..good },
    ];
    for known in wrong {
        let (due, why) = settled(Some(&known), None);
        assert_eq!(
            (due.from, due.next, why),
            (now(), plus(now(), 90 * DAY), Settling::WrongClock),
            "{known:?}"
        );
    }
    // Clocks that differ by minutes are right.
    assert_eq!(settled(Some(&done(plus(now(), 300))), None).1, Settling::Kept);
}

#[test]
fn another_period_counts_from_the_same_moment_and_never_fires_at_once() {
    let known = done(plus(now(), -20 * DAY));
    let settle = |days: u64| {
        let rotation = Rotation { every: Some(Duration::from_hours(days * 24)), ..rotation() };
        with(&rotation, |terms| terms.settle(Some(&known), None, now()).unwrap())
    };
    assert_eq!((settle(30).0.next, settle(30).1), (plus(now(), 10 * DAY), Settling::NewPeriod));
    assert_eq!(settle(7).0.next, plus(now(), DAY));
    assert_eq!(settle(365).0.next, plus(now(), 345 * DAY));
    assert_eq!(settle(30).0.last, known.last);
}

#[test]
fn a_clock_that_went_back_says_nothing_of_anything() {
    let written = now();
    assert!(is_clock_behind(plus(now(), -601), written));
    assert!(is_clock_behind(Timestamp::UNIX_EPOCH, written));
    assert!(!is_clock_behind(plus(now(), -599), written) && !is_clock_behind(plus(now(), DAY), written));
}

#[test]
fn it_waits_for_its_window_and_missed_ones_run_once() {
    let rotation = Rotation { window: Some(nights()), ..rotation() };
    // Due on a Monday at noon; the window is on Tuesdays from 2 to 5.
    let due = Due { next: now(), ..done(plus(now(), -90 * DAY)) };
    let standing = |now| with(&rotation, |terms| terms.standing(&due, now));
    let opens = at("2026-11-24T02:00:00Z");
    assert_eq!((standing(now()).due, standing(now()).runs), (now(), opens));
    assert!(!standing(plus(opens, -1)).may_run(plus(opens, -1)) && standing(opens).may_run(opens));
    assert!(standing(plus(opens, 3 * 3600 - 1)).may_run(plus(opens, 3 * 3600 - 1)));
    // The machine was off for three weeks.
    let late = at("2026-12-14T12:00:00Z");
    assert_eq!(standing(late).runs, at("2026-12-15T02:00:00Z"));
    assert_eq!(standing(late).due, now());
    let run = at("2026-12-15T02:00:00Z");
    assert!(standing(run).may_run(run));
    let again = with(&rotation, |terms| terms.done(run).unwrap());
    assert_eq!(again.next, plus(run, 90 * DAY));
    assert!(!may_run(&rotation, &again, plus(run, 900)));
}

#[test]
fn it_is_overdue_a_day_after_its_window() {
    let rotation = Rotation { window: Some(nights()), ..rotation() };
    let due = Due { next: now(), ..done(plus(now(), -90 * DAY)) };
    let late = at("2026-11-25T05:00:00Z");
    let standing = with(&rotation, |terms| terms.standing(&due, late));
    assert_eq!(standing.overdue, late);
    assert!(!standing.is_overdue(late) && standing.is_overdue(plus(late, 1)));
    let often = Rotation { every: Some(Duration::from_hours(6)), ..Rotation::default() };
    let due = Due { next: now(), ..done(plus(now(), -6 * 3600)) };
    assert_eq!(with(&often, |terms| terms.standing(&due, now()).overdue), plus(now(), 6 * 3600));
}

#[test]
fn failures_are_tried_again_later_and_then_not_at_all() {
    let due = Due { next: now(), ..done(plus(now(), -90 * DAY)) };
    let fail = |due: &Due, at| with(&rotation(), |terms| terms.failed(due, at));
    let once = fail(&due, now());
    assert!(
        !may_run(&rotation(), &once, plus(now(), 3599)) && may_run(&rotation(), &once, plus(now(), 3600))
    );
    let twice = fail(&once, plus(now(), 3600));
    assert!(!may_run(&rotation(), &twice, plus(now(), 3 * 3600 - 1)));
    assert!(may_run(&rotation(), &twice, plus(now(), 3 * 3600)));
    let thrice = fail(&twice, plus(now(), 3 * 3600));
    assert!(with(&rotation(), |terms| terms.standing(&thrice, now()).is_stopped));
    assert!(!may_run(&rotation(), &thrice, plus(now(), 400 * DAY)));
    // With a window: in the next one, not in the same.
    let rotation = Rotation { window: Some(nights()), ..rotation() };
    let once = with(&rotation, |terms| terms.failed(&due, at("2026-11-24T02:10:00Z")));
    let standing = with(&rotation, |terms| terms.standing(&once, at("2026-11-24T02:15:00Z")));
    assert_eq!(standing.runs, at("2026-12-01T02:00:00Z"));
    // What failed is still what was due.
    assert_eq!(standing.due, now());
}

#[test]
fn a_value_that_came_back_with_a_failure_is_no_new_one() {
    let due = Due { next: now(), ..done(plus(now(), -90 * DAY)) };
    let failed = with(&rotation(), |terms| terms.failed(&due, plus(now(), -60)));
    // The undo wrote the value a little before.
    let (kept, why) = settled(Some(&failed), Some(plus(now(), -90)));
    assert_eq!((kept, why), (failed, Settling::Kept));
}

#[test]
fn the_end_of_a_credential_is_a_due_date_once() {
    let expiring = |rotation: &Rotation, f: &dyn Fn(&Terms<'_>)| {
        let entry = Entry { expires: Some(date(2027, 1, 31)), expiry_notice: 14, ..declared(rotation) };
        f(&Terms::of(&name("a.b"), &entry, &key()).unwrap());
    };
    let warned = at("2027-01-17T00:00:00Z");
    expiring(&rotation(), &|terms| {
        let due = Due { next: plus(warned, 30 * DAY), ..terms.done(now()).unwrap() };
        assert_eq!(terms.standing(&due, now()).due, warned);
        // Rotated within the notice: the schema's date is that of the one before.
        let after = terms.done(plus(warned, DAY)).unwrap();
        assert_eq!(terms.standing(&after, plus(warned, DAY)).due, after.next);
    });
    expiring(&Rotation::default(), &|terms| {
        let (due, why) = terms.settle(None, Some(now()), now()).unwrap();
        assert_eq!((due.next, due.every, why), (warned, Duration::ZERO, Settling::New));
        assert_eq!(terms.settle(Some(&due), Some(now()), now()).unwrap().1, Settling::Kept);
        assert!(terms.are_scheduled());
    });
    assert!(with(&Rotation::default(), |terms| terms.settle(None, None, now()).is_none()));
}

#[test]
fn jitter_is_stable_and_differs_from_secret_to_secret() {
    let most = Duration::from_hours(12);
    let of = |text: &str| jitter(&name(text), most, &key());
    assert_eq!(of("a.b"), of("a.b"));
    let all: std::collections::BTreeSet<i64> =
        (0..200).map(|number| of(&format!("a.k{number}")).as_secs()).collect();
    assert!(all.len() > 190 && all.iter().all(|seconds| seconds.abs() <= 12 * 3600), "{}", all.len());
    assert!(all.iter().any(|seconds| *seconds < -6 * 3600) && all.iter().any(|seconds| *seconds > 6 * 3600));
    assert_ne!(of("a.b"), jitter(&name("a.b"), most, &FingerprintKey::new("another store")));
    assert_eq!(jitter(&name("a.b"), Duration::ZERO, &key()), SignedDuration::ZERO);
}

#[test]
fn somebody_who_only_looks_sees_what_is_old() {
    let look = |known: Option<&Due>, since| with(&rotation(), |terms| terms.look(known, since, now()));
    assert_eq!(look(None, Some(plus(now(), -200 * DAY))).unwrap().next, plus(now(), -110 * DAY));
    assert_eq!(look(None, None), None);
    assert_eq!(look(None, Some(Timestamp::UNIX_EPOCH)), None);
    let known = done(plus(now(), -DAY));
    assert_eq!(look(Some(&known), None), Some(known));
}

fn moments() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::UNIX_EPOCH),
        Just(Timestamp::MAX),
        (0i64..4_000_000_000).prop_map(|second| Timestamp::from_second(second).unwrap()),
        (-400 * DAY..400 * DAY).prop_map(|seconds| plus(now(), seconds)),
    ]
}

fn entries() -> impl Strategy<Value = Due> {
    let every = prop_oneof![Just(Duration::ZERO), (1u64..400 * 86_400).prop_map(Duration::from_secs)];
    let moment = || prop::option::of(moments());
    (moments(), every, moments(), moment(), 0..5u32, moment()).prop_map(
        |(from, every, next, last, failures, failed)| Due { from, every, next, last, failures, failed },
    )
}

fn rotations() -> impl Strategy<Value = Rotation> {
    (1u64..400 * 86_400, any::<bool>(), 0u64..100).prop_map(|(every, has_window, percent)| Rotation {
        every: Some(Duration::from_secs(every)),
        jitter: Duration::from_secs(every * percent / 200),
        window: has_window.then(nights),
        ..Rotation::default()
    })
}

proptest! {
    #[test]
    fn nothing_runs_that_was_not_written_down_before(
        rotation in rotations(), known in prop::option::of(entries()), since in prop::option::of(moments()),
    ) {
        with(&rotation, |terms| {
            let (due, why) = terms.settle(known.as_ref(), since, now()).unwrap();
            if why != Settling::Kept {
                prop_assert!(!terms.standing(&due, now()).may_run(now()), "{:?}", due);
            }
            // What was settled is settled: the next look keeps it.
            prop_assert_eq!(terms.settle(Some(&due), since, now()).unwrap(), (due, Settling::Kept));
            Ok(())
        })?;
    }

    #[test]
    fn a_scheduler_that_looks_often_runs_once_a_period(
        rotation in rotations(), step in 60i64..200_000, stop in 0usize..300, pause in 0i64..100 * DAY,
    ) {
        let every = i64::try_from(rotation.every.unwrap().as_secs()).unwrap();
        let jitter = i64::try_from(rotation.jitter.as_secs()).unwrap();
        with(&rotation, |terms| {
            let mut due = terms.done(now()).unwrap();
            let mut moment = now();
            let mut last = now();
            for look in 0..300 {
                // Once it sleeps for long.
                moment = plus(moment, if look == stop { pause.max(step) } else { step });
                let (settled, why) = terms.settle(Some(&due), Some(last), moment).unwrap();
                prop_assert_eq!(why, Settling::Kept);
                if terms.standing(&settled, moment).may_run(moment) {
                    let passed = moment.duration_since(last).as_secs();
                    prop_assert!(passed >= every - jitter, "{} of {}", passed, every);
                    if let Some(window) = &rotation.window {
                        prop_assert!(window.opening(moment).unwrap().is_open(moment));
                    }
                    due = terms.done(moment).unwrap();
                    last = moment;
                }
            }
            Ok(())
        })?;
    }
}
