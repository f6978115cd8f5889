//! P18, the clock: hours that are left out or come twice, a clock that ran ahead, values that come in at any time.

use super::{KEPT, both_due, due, look, project, value};
use crate::harness::World;

/// Both rotations on Sundays from two to three in Berlin, where clocks are changed in that very hour.
fn at_the_hour() -> World {
    let entry = KEPT.replace("2026-10-01", "2027-02-20").replace("2026-10-31", "2027-03-22");
    let world = project("", &format!("\n[due]\n\"app.token\" = {entry}\n\"app.worker\" = {entry}\n"));
    let schema = world.read("schemas/schema.toml");
    let window =
        "window = { days = [\"sun\"], from = \"02:00\", to = \"03:00\", zone = \"Europe/Berlin\" } }";
    let schema =
        schema.replace("rotate = { every = \"30d\" }", &format!("rotate = {{ every = \"30d\", {window}"));
    world.write("schemas/schema.toml", schema);
    world
}

fn has_run(world: &World, now: &'static str) -> bool {
    let done = look(world, now);
    assert_eq!(done.code, 0, "{}", done.stderr);
    done.stderr.contains("ok: app.token: rotated")
}

#[test]
fn a_window_that_is_left_out_or_comes_twice_runs_once() {
    let world = at_the_hour();
    // 28 March 2027: after 01:59:59 comes 03:00:00, at 01:00 in UTC. The hour is made up for.
    assert!(!has_run(&world, "2027-03-28T00:59:59Z"));
    assert!(has_run(&world, "2027-03-28T01:00:00Z"));
    let after = value(&world, "app.token");
    for again in ["2027-03-28T01:15:00Z", "2027-03-28T01:59:59Z", "2027-04-04T00:30:00Z"] {
        assert!(!has_run(&world, again), "{again}");
    }
    // 31 October 2027: 02:30 is at 00:30 in UTC and again at 01:30. The machine was off for half a year.
    assert!(!has_run(&world, "2027-10-30T23:59:59Z"));
    assert!(has_run(&world, "2027-10-31T00:30:00Z"));
    assert_ne!(value(&world, "app.token"), after);
    let after = value(&world, "app.token");
    for again in ["2027-10-31T01:30:00Z", "2027-10-31T02:00:00Z", "2027-11-07T01:30:00Z"] {
        assert!(!has_run(&world, again), "{again}");
    }
    assert_eq!(value(&world, "app.token"), after);
}

#[test]
fn what_a_clock_that_ran_ahead_has_done_is_not_done_again_when_it_is_right() {
    let world = project("", &both_due());
    assert!(has_run(&world, "2031-01-01T12:00:00Z"));
    let after = value(&world, "app.token");
    let refused = look(&world, "2026-12-02T12:00:00Z");
    assert_eq!((refused.code, refused.stdout.as_str()), (4, ""), "{}", refused.stderr);
    world.run(&["rekey", "-q"]).at("2026-12-02T12:00:00Z").success();
    let right = look(&world, "2026-12-02T12:05:00Z");
    let expected = "warn: app.token: its date came from a clock that was wrong; it is due at 2027-01-01T12:05:00Z\n\
                    warn: app.worker: overdue: due since 2026-10-31T12:00:00Z; window tue 02:00-05:00 UTC\n\
                    ok: nothing to be done now; next: app.worker, in 5 days\n";
    assert_eq!((right.code, right.stderr.as_str()), (0, expected));
    assert!(!has_run(&world, "2027-01-01T12:04:59Z"));
    assert_eq!(value(&world, "app.token"), after);
    assert!(has_run(&world, "2027-01-01T12:05:00Z"));
}

#[test]
fn what_is_imported_counts_from_then_on() {
    let world = project("", &both_due());
    world.write("there.env", "TOKEN=imported-token-1\nWORKER=imported-worker-1\n");
    world.run(&["import", "there.env", "--yes", "-q", "--replace"]).success();
    assert_eq!(value(&world, "app.token"), "imported-token-1\n");
    for now in ["2026-11-24T02:00:00Z", "2026-12-01T02:00:00Z"] {
        assert!(!has_run(&world, now), "{now}");
    }
    assert_eq!(value(&world, "app.token"), "imported-token-1\n");
    assert_eq!(value(&world, "app.worker"), "imported-worker-1\n");
    let entry = "{ from = 2026-11-23T12:00:00Z, every = 2592000, next = 2026-12-23T12:00:00Z }";
    assert_eq!(due(&world, "app.token").as_deref(), Some(entry));
    assert!(has_run(&world, "2026-12-23T12:00:00Z"));
}
