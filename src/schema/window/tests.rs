use jiff::civil::time;
use proptest::prelude::*;

use super::*;

fn window(days: &[&str], from: (i8, i8), to: (i8, i8), zone: &str) -> Window {
    let is_meant = |name: &str| days.is_empty() || days.contains(&name);
    let days = Window::DAYS.iter().filter(|(name, _)| is_meant(name)).map(|(_, day)| *day).collect();
    let [from, to] = [from, to].map(|(hour, minute)| time(hour, minute, 0, 0));
    Window { days, from, to, zone: Window::zone(zone).unwrap() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The openings from a moment on, as `from/to` in UTC.
fn openings(window: &Window, from: &str, count: usize) -> Vec<String> {
    let mut moment = at(from);
    let mut found = Vec::new();
    for _ in 0..count {
        let opening = window.opening(moment).unwrap();
        found.push(format!("{}/{}", opening.from, opening.to));
        moment = opening.to;
    }
    found
}

#[test]
fn it_opens_on_its_days_and_hours_in_its_zone() {
    let nights = window(&["tue", "wed"], (2, 0), (5, 0), "Europe/Berlin");
    assert_eq!(
        // A Monday.
        openings(&nights, "2026-11-23T12:00:00Z", 3),
        [
            "2026-11-24T01:00:00Z/2026-11-24T04:00:00Z",
            "2026-11-25T01:00:00Z/2026-11-25T04:00:00Z",
            "2026-12-01T01:00:00Z/2026-12-01T04:00:00Z",
        ]
    );
    let opening = nights.opening(at("2026-11-24T03:59:59Z")).unwrap();
    assert!(opening.is_open(at("2026-11-24T01:00:00Z")) && opening.is_open(at("2026-11-24T03:59:59Z")));
    assert!(!opening.is_open(at("2026-11-24T00:59:59Z")) && !opening.is_open(at("2026-11-24T04:00:00Z")));
    assert_eq!(nights.to_string(), "tue,wed 02:00-05:00 Europe/Berlin");
    assert_eq!(window(&[], (0, 0), (4, 0), "UTC").to_string(), "00:00-04:00 UTC");
}

#[test]
fn it_may_cross_midnight_and_the_day_is_that_of_its_beginning() {
    let late = window(&["sun"], (22, 30), (1, 0), "America/New_York");
    let expected = "2026-11-23T03:30:00Z/2026-11-23T06:00:00Z";
    assert_eq!(openings(&late, "2026-11-22T12:00:00Z", 1), [expected]);
    // Past midnight there: Monday already.
    assert_eq!(openings(&late, "2026-11-23T05:59:59Z", 1), [expected]);
    assert_eq!(openings(&late, "2026-11-23T06:00:00Z", 1), ["2026-11-30T03:30:00Z/2026-11-30T06:00:00Z"]);
}

#[test]
fn hours_that_are_left_out_are_made_up_for_once() {
    // Berlin puts its clocks from 02:00 to 03:00 on 28 March 2027, at 01:00 in UTC.
    for (from, to, expected) in [
        ((2, 0), (3, 0), "2027-03-28T01:00:00Z/2027-03-28T02:00:00Z"),
        ((2, 0), (2, 30), "2027-03-28T01:00:00Z/2027-03-28T01:30:00Z"),
        ((2, 30), (5, 0), "2027-03-28T01:30:00Z/2027-03-28T03:00:00Z"),
        ((1, 0), (2, 30), "2027-03-28T00:00:00Z/2027-03-28T01:30:00Z"),
        ((1, 0), (5, 0), "2027-03-28T00:00:00Z/2027-03-28T03:00:00Z"),
    ] {
        let window = window(&[], from, to, "Europe/Berlin");
        assert_eq!(openings(&window, "2027-03-27T12:00:00Z", 2)[0], expected, "{from:?} {to:?}");
        let next = window.opening(at("2027-03-28T03:00:00Z")).unwrap();
        assert!(next.from > at("2027-03-28T20:00:00Z"), "{next:?}");
    }
}

#[test]
fn an_hour_that_comes_twice_opens_once() {
    // Berlin puts its clocks from 03:00 to 02:00 on 25 October 2026, at 01:00 in UTC.
    for (from, to, expected) in [
        ((2, 0), (3, 0), "2026-10-25T00:00:00Z/2026-10-25T02:00:00Z"),
        ((2, 15), (2, 45), "2026-10-25T00:15:00Z/2026-10-25T00:45:00Z"),
        ((1, 0), (2, 30), "2026-10-24T23:00:00Z/2026-10-25T00:30:00Z"),
    ] {
        let window = window(&[], from, to, "Europe/Berlin");
        let found = openings(&window, "2026-10-24T12:00:00Z", 2);
        assert_eq!(found[0], expected, "{from:?} {to:?}");
        assert!(found[1].starts_with("2026-10-26T0"), "{found:?}");
    }
}

#[test]
fn a_day_that_a_zone_leaves_out_opens_nothing_twice() {
    // Apia went from the end of 29 December 2011 to 31 December.
    let mornings = window(&[], (2, 0), (5, 0), "Pacific/Apia");
    let found = openings(&mornings, "2011-12-28T20:00:00Z", 4);
    assert_eq!(found[0], "2011-12-29T12:00:00Z/2011-12-29T15:00:00Z");
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
}

#[test]
fn zones_are_known_without_the_machine() {
    assert!(Window::zone("Europe/Berlin").is_some() && Window::zone("UTC").is_some());
    assert!(Window::zone("US/Eastern").is_some());
    for wrong in ["", "Europe/Bremen", "Local", "+02:00", "EST5EDT,M3.2.0", "../etc/passwd"] {
        assert!(Window::zone(wrong).is_none(), "{wrong}");
    }
}

fn any_window() -> impl Strategy<Value = Window> {
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"];
    let minute = 0..24 * 60i16;
    (1..128u8, minute.clone(), minute, 0..zones.len()).prop_filter_map(
        "one that opens",
        move |(days, from, to, zone)| {
            let named = Window::DAYS.iter().enumerate();
            let days = named.filter(|(index, _)| days & (1 << index) != 0).map(|(_, (_, day))| *day);
            let clock = |minute: i16| {
                time(i8::try_from(minute / 60).unwrap(), i8::try_from(minute % 60).unwrap(), 0, 0)
            };
            let zone = Window::zone(zones[zone])?;
            (from != to).then(|| Window { days: days.collect(), from: clock(from), to: clock(to), zone })
        },
    )
}

proptest! {
    #[test]
    fn openings_come_one_after_another_once_a_day(window in any_window(), start in 1_700_000_000i64..1_900_000_000) {
        let mut moment = Timestamp::from_second(start).unwrap();
        let mut last: Option<Opening> = None;
        for _ in 0..40 {
            let opening = window.opening(moment).unwrap();
            prop_assert!(opening.to > moment && opening.from < opening.to);
            let there = window.zone.to_datetime(opening.from);
            // Pushed over midnight by clocks that are put forward it would be the next day's.
            let days = [there.weekday(), there.yesterday().unwrap().weekday()];
            prop_assert!(window.days.iter().any(|day| days.contains(day)));
            if let Some(last) = last {
                prop_assert!(last.from < opening.from && last.to <= opening.to);
                let there = |at: Timestamp| window.zone.to_datetime(at).date();
                prop_assert!(there(last.from) < there(opening.from));
            }
            // Wherever one looks within it, it is the same.
            prop_assert_eq!(window.opening(opening.from), Some(opening));
            last = Some(opening);
            moment = opening.to;
        }
    }
}
