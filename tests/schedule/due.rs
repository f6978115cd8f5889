//! P18: a schedule neither stacks, nor skips in silence, nor fires by accident.

use super::{KEPT, both_due, due, look, look_with, project, value, versions};
use crate::harness::NOW;

#[test]
fn what_is_seen_first_is_written_down_and_runs_later() {
    let world = project("", &versions("2026-11-20T12:00:00Z"));
    let first = look(&world, NOW);
    assert_eq!(
        (first.code, first.stderr.as_str()),
        (
            0,
            "ok: app.token: seen for the first time, and due at 2026-12-20T12:00:00Z\n\
             ok: app.worker: seen for the first time, and due at 2026-12-20T12:00:00Z\n\
             ok: nothing to be done now; next: app.token, in 27 days\n"
        )
    );
    let entry = "{ from = 2026-11-20T12:00:00Z, every = 2592000, next = 2026-12-20T12:00:00Z }";
    assert_eq!(due(&world, "app.token").as_deref(), Some(entry));
    // Another look leaves the store's bytes alone.
    let bytes = world.store_bytes();
    assert_eq!(look(&world, "2026-12-20T11:59:59Z").code, 0);
    assert!(world.store_bytes() == bytes);
    let run = look(&world, "2026-12-20T12:00:00Z");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("ok: app.token: rotated"), "{}", run.stderr);
    assert!(!run.stderr.contains("app.worker: rotated"), "{}", run.stderr);
    assert_ne!(value(&world, "app.token"), "first token\n");
    assert_eq!(value(&world, "app.worker"), "first worker\n");
    let entry = "{ from = 2026-12-20T12:00:00Z, every = 2592000, next = 2027-01-19T12:00:00Z, last = 2026-12-20T12:00:00Z }";
    assert_eq!(due(&world, "app.token").as_deref(), Some(entry));
}

#[test]
fn an_old_value_is_not_rotated_at_first_sight() {
    for since in ["2020-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2036-01-01T00:00:00Z"] {
        let world = project("", &versions(since));
        let first = look(&world, NOW);
        assert_eq!((first.code, value(&world, "app.token").as_str()), (0, "first token\n"), "{since}");
        assert!(!first.stderr.contains("rotated"), "{}", first.stderr);
        let soon = look(&world, "2026-11-24T11:59:59Z");
        assert!(!soon.stderr.contains("app.token: rotated"), "{since}: {}", soon.stderr);
    }
    // Not even the entry of the value's age.
    let world = project("", "");
    look(&world, NOW);
    let entry = "{ from = 2026-11-23T12:00:00Z, every = 2592000, next = 2026-12-23T12:00:00Z }";
    assert_eq!(due(&world, "app.token").as_deref(), Some(entry));
}

#[test]
fn missed_windows_run_once_in_the_next_one() {
    let world = project("", &both_due());
    let outside = look(&world, "2026-11-30T12:00:00Z");
    assert!(outside.stderr.contains("app.token: rotated"), "{}", outside.stderr);
    assert_eq!(value(&world, "app.worker"), "first worker\n");
    let inside = look(&world, "2026-12-01T02:00:00Z");
    assert_eq!((inside.code, inside.stdout.as_str()), (0, ""));
    assert!(inside.stderr.contains("app.worker: rotated"), "{}", inside.stderr);
    let after = value(&world, "app.worker");
    for again in ["2026-12-01T02:15:00Z", "2026-12-08T02:00:00Z", "2026-12-15T02:00:00Z"] {
        assert_eq!(look(&world, again).code, 0);
        assert_eq!(value(&world, "app.worker"), after, "{again}");
    }
}

#[test]
fn a_window_can_be_ignored_by_hand() {
    let world = project("", &both_due());
    let now = look_with(&world, "2026-11-30T12:00:00Z", &["--now"]);
    assert!(now.stderr.contains("app.worker: rotated"), "{}", now.stderr);
    world.run(&["rotate", "--now", "app.token"]).done();
}

#[test]
fn entries_of_wrong_clocks_are_put_right_and_do_not_run() {
    for wrong in [
        "{ from = 1970-01-01T00:00:00Z, every = 2592000, next = 1970-01-31T00:00:00Z }",
        "{ from = 2026-10-01T12:00:00Z, every = 2592000, next = 1970-01-01T00:00:00Z }",
        "{ from = 2036-10-01T12:00:00Z, every = 2592000, next = 2036-10-31T12:00:00Z }",
        "{ from = 2026-10-01T12:00:00Z, every = 2592000, next = 9999-12-30T12:00:00Z }",
    ] {
        let world = project("", &format!("\n[due]\n\"app.token\" = {wrong}\n\"app.worker\" = {KEPT}\n"));
        let done = look(&world, NOW);
        let expected = "warn: app.token: its date came from a clock that was wrong; it is due at 2026-12-23T12:00:00Z\n\
                        warn: app.worker: overdue: due since 2026-10-31T12:00:00Z; window tue 02:00-05:00 UTC\n\
                        ok: nothing to be done now; next: app.worker, in 14 hours\n";
        assert_eq!((done.code, done.stderr.as_str()), (0, expected), "{wrong}");
        assert_eq!(value(&world, "app.token"), "first token\n");
    }
}

#[test]
fn a_clock_that_is_behind_the_store_runs_nothing() {
    let world = project("", &both_due());
    let bytes = world.store_bytes();
    for now in ["1970-01-01T00:00:10Z", "2026-11-23T11:49:59Z"] {
        let done = look(&world, now);
        assert_eq!(
            (done.code, done.stderr),
            (
                4,
                format!(
                    "error: this machine's clock says {now}, and the store was last written at {NOW} by tester: one \
                     of the two is wrong, so nobody can say what is due\nhint: set this machine's clock; if it is \
                     right, write the store once by it: `luca-secrets rekey`\n"
                )
            )
        );
        assert!(world.store_bytes() == bytes);
    }
    // The other clock was the wrong one: after that write all is well.
    world.run(&["rekey", "-q"]).at("2026-11-23T11:00:00Z").success();
    assert!(look(&world, "2026-11-23T11:05:00Z").stderr.contains("app.token: rotated"));
}

#[test]
fn a_clock_that_jumps_ahead_begins_nothing_before_the_next_look() {
    let world = project(
        "",
        &format!(
            "\n[due]\n\"app.token\" = {}\n",
            KEPT.replace("2026-10-31", "2026-12-01").replace("2026-10-01", "2026-11-01")
        ),
    );
    let look = |now, up| {
        let arguments = ["rotate", "--due", "--local", "--yes", "--non-interactive"];
        world.run(&arguments).at(now).up(up).done()
    };
    let world_is_as_before = || assert_eq!(value(&world, "app.token"), "first token\n");
    look("2026-11-23T12:00:00Z", 1_000);
    let bytes = world.store_bytes();
    let jumped = look("2030-11-23T12:15:00Z", 1_900);
    let expected = "warn: this machine's clock was put forward since the last look (1461 days): nothing is begun \
                    before the next one\nwarn: app.token: overdue: due since 2026-12-01T12:00:00Z\n\
                    warn: app.worker: overdue: due since 2026-12-23T12:00:00Z; window tue 02:00-05:00 UTC\n\
                    ok: nothing to be done now; next: app.token, at the next look\n";
    assert_eq!((jumped.code, jumped.stderr.as_str()), (0, expected));
    assert!(world.store_bytes() == bytes);
    // It was put right by then.
    look("2026-11-23T12:30:00Z", 2_800);
    world_is_as_before();
    // A machine that was off for a month has no such clock, and late is late.
    let off = look("2027-01-10T12:00:00Z", 60);
    assert!(off.stderr.contains("app.token: rotated"), "{}", off.stderr);
}

#[test]
fn values_from_elsewhere_count_from_then_on() {
    let world = project("", &both_due());
    world.run(&["set", "-q", "app.token"]).stdin("second token by hand").success();
    let done = look(&world, "2026-11-23T13:00:00Z");
    let expected = "ok: app.token: has a value from elsewhere, and is due at 2026-12-23T12:00:00Z\n\
                    warn: app.worker: overdue: due since 2026-10-31T12:00:00Z; window tue 02:00-05:00 UTC\n\
                        ok: nothing to be done now; next: app.worker, in 13 hours\n";
    assert_eq!((done.code, done.stderr.as_str()), (0, expected));
    assert_eq!(value(&world, "app.token"), "second token by hand\n");
    // So does one that is adopted.
    let adopted =
        world.run(&["rotate", "--adopt", "app.worker", "--local"]).stdin("third worker by hand").done();
    assert_eq!(adopted.code, 0, "{}", adopted.stderr);
    let window = look(&world, "2026-11-24T02:00:00Z");
    assert!(!window.stderr.contains("rotated"), "{}", window.stderr);
    assert_eq!(value(&world, "app.worker"), "third worker by hand\n");
}

#[test]
fn another_period_in_the_schema_never_fires_at_once() {
    let world = project("", &both_due().replace("2592000, next = 2026-10-31", "7776000, next = 2026-12-30"));
    let done = look(&world, NOW);
    let expected = "ok: app.token: due at 2026-11-24T12:00:00Z, as the schema says now\n\
                    ok: app.worker: due at 2026-11-24T12:00:00Z, as the schema says now\n\
                    ok: nothing to be done now; next: app.token, in 24 hours\n";
    assert_eq!((done.code, done.stderr.as_str()), (0, expected));
    assert!(look(&world, "2026-11-24T12:00:00Z").stderr.contains("app.token: rotated"));
}

#[test]
fn failures_wait_and_stop_after_three() {
    // A server that nobody can reach gets the file: no look of the engine's can succeed.
    let server = "\n[server.web]\naddress = \"127.0.0.1\"\nport = 9\nuser = \"x\"\nknown-hosts = \"known\"\nkey = \"agent\"\n\
                  [[server.web.install]]\nenv-file = \"app\"\nto = \"/x/app.env\"\n";
    let world = project(server, &format!("\n[due]\n\"app.token\" = {KEPT}\n\"app.worker\" = {KEPT}\n"));
    world.write("known", "");
    let failures = || {
        let entry = due(&world, "app.token").unwrap();
        entry.split("failures = ").nth(1).map_or("0".to_owned(), |rest| rest[..1].to_owned())
    };
    let first = look(&world, NOW);
    assert_eq!((first.code, failures()), (1, "1".to_owned()), "{}", first.stderr);
    assert!(first.stderr.contains("hint: nothing was changed"), "{}", first.stderr);
    // Not at once again; then with a longer pause each time.
    assert_eq!((look(&world, "2026-11-23T12:59:59Z").code, failures()), (0, "1".to_owned()));
    assert_eq!((look(&world, "2026-11-23T13:00:00Z").code, failures()), (1, "2".to_owned()));
    assert_eq!((look(&world, "2026-11-23T14:59:59Z").code, failures()), (0, "2".to_owned()));
    assert_eq!((look(&world, "2026-11-23T15:00:00Z").code, failures()), (1, "3".to_owned()));
    let stopped = look(&world, "2026-11-23T23:00:00Z");
    assert_eq!(
        (stopped.code, stopped.stderr.as_str()),
        (
            4,
            "warn: app.worker: overdue: due since 2026-10-31T12:00:00Z; window tue 02:00-05:00 UTC\n\
             error: app.token: stopped: failed 3 times, last at 2026-11-23T15:00:00Z\n\
             hint: app.token: luca-secrets rotate app.token\n"
        )
    );
    let status = world.run(&["status", "--offline"]).at("2026-11-23T23:00:00Z").done();
    assert_eq!(status.code, 3);
    assert!(status.stdout.contains("  rotation stopped after failures: app.token\n"), "{}", status.stdout);
    assert_eq!(value(&world, "app.token"), "first token\n");
}

#[test]
fn status_and_show_tell_what_should_have_run() {
    let world = project("", &both_due());
    let status = |now| {
        let done = world.run(&["status", "--offline"]).at(now).done();
        (done.code, done.stdout)
    };
    let head = "store: 2 secrets, generation 7, 2026-11-23T12:00:00Z by tester\n";
    // Due a day ago at most, and in its window: no reason to be woken.
    assert_eq!(status("2026-11-01T12:00:00Z"), (0, head.to_owned()));
    assert_eq!(status("2026-11-01T12:00:01Z"), (3, format!("{head}  overdue: app.token\n")));
    assert_eq!(status("2026-11-04T05:00:01Z"), (3, format!("{head}  overdue: app.token, app.worker\n")));
    let show = world.run(&["schedule", "show"]).at("2026-11-01T13:00:00Z").done();
    assert_eq!(
        (show.code, show.stdout.as_str(), show.stderr.as_str()),
        (
            0,
            "app.token   overdue    2026-11-01T13:00:00Z  due since 2026-10-31T12:00:00Z\n\
             app.worker  due        2026-11-03T02:00:00Z  due since 2026-10-31T12:00:00Z; window tue 02:00-05:00 UTC\n",
            "hint: app.token: luca-secrets rotate --due, and see whether the scheduler still runs\n"
        )
    );
    let json = world.run(&["schedule", "show", "--json"]).at("2026-11-01T13:00:00Z").success().stdout;
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["rotation"], &lines[0]["state"]), (&"app.token".into(), &"overdue".into()));
    assert_eq!(lines[1]["runs"], "2026-11-03T02:00:00Z");
    let line = look_with(&world, "2026-11-23T12:00:00Z", &["--json", "-q"]).stdout;
    let lines: Vec<serde_json::Value> =
        line.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let outcome = |name: &str| lines.iter().find(|line| line["rotation"] == name).unwrap()["outcome"].clone();
    assert_eq!((outcome("app.token"), outcome("app.worker")), ("done".into(), serde_json::Value::Null));
}

#[test]
fn an_end_that_nobody_here_can_put_off_is_shown() {
    let more = "[secrets.shop.certificate]\nexpires = { on = 2026-12-10, warn = \"20d\" }\n";
    let world = project(more, &both_due());
    world.run(&["set", "-q", "shop.certificate"]).stdin("a certificate").success();
    let show = world.run(&["schedule", "show"]).success().stdout;
    let line = "shop.certificate  due        -                     ends on 2026-12-10, warned about from 2026-11-20\n";
    assert!(show.ends_with(line), "{show}");
    let check = world.run(&["check"]).done();
    assert!(
        check.stderr.contains("warn: shop.certificate: expires on 2026-12-10, in 17 days\n"),
        "{}",
        check.stderr
    );
}
