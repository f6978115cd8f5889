//! A failure and a kill at every effect of every command that has to do with backups: the store and each place are old
//! or new, never half, and the next run ends what was begun.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::faults::{Nth, is_killed, killed};
use crate::harness::{Run, World};

use super::{NAS, keys, world};

/// A command, and what it is run on.
struct Case {
    name: &'static str,
    prepare: fn() -> World,
    run: for<'w> fn(&'w World) -> Run<'w>,
    /// The port that the store holds when it is done.
    port: &'static str,
    /// How many backups there are in the end.
    backups: usize,
}

/// Generation 3 with the port 5432 and generation 4 with 6432, both backed up.
fn two() -> World {
    let world = world(&format!(
        "{NAS}every-write = true\nkeep = {{ last = 1, hourly = 0, daily = 0, weekly = 0, monthly = 0 }}\n"
    ));
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    world
}

fn without_store() -> World {
    let world = two();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    world
}

fn with_damaged_store() -> World {
    let world = two();
    world.write("secrets.enc", "spoiled");
    world
}

const CASES: &[Case] = &[
    Case {
        name: "create",
        prepare: || world(NAS),
        run: |world| world.run(&["backup", "create"]),
        port: "5432",
        backups: 1,
    },
    Case {
        name: "write",
        prepare: two,
        run: |world| world.run(&["set", "database.port"]).stdin("7432"),
        port: "7432",
        backups: 3,
    },
    Case {
        name: "restore",
        prepare: two,
        run: |world| world.run(&["backup", "restore", "--yes", "--generation", "3"]),
        port: "5432",
        backups: 3,
    },
    Case {
        name: "put-back",
        prepare: without_store,
        run: |world| world.run(&["backup", "restore", "--yes", "--generation", "4"]),
        port: "6432",
        backups: 2,
    },
    Case {
        name: "put-back-older",
        prepare: without_store,
        run: |world| world.run(&["backup", "restore", "--yes", "--generation", "3"]),
        port: "5432",
        backups: 3,
    },
    Case {
        name: "replace-damaged",
        prepare: with_damaged_store,
        run: |world| world.run(&["backup", "restore", "--yes", "--generation", "4"]),
        port: "6432",
        backups: 2,
    },
    Case {
        name: "prune",
        prepare: two,
        run: |world| world.run(&["backup", "prune", "--yes"]),
        port: "6432",
        backups: 1,
    },
];

fn full() -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::StorageFull))
}

/// What there is of the store: as it was before, or the port in it.
fn store(world: &World, before: Option<&[u8]>) -> Option<String> {
    let now = std::fs::read(world.path("secrets.enc")).ok();
    if now.as_deref() == before {
        return None;
    }
    let done = world.run(&["get", "database.port"]).done();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    Some(done.stdout)
}

/// What holds however a command ended: the store is old or new, and no backup is half.
fn check(world: &World, case: &Case, before: Option<&[u8]>, at: usize) {
    let now = store(world, before);
    assert!(now.as_deref().is_none_or(|port| port == case.port), "{} {at}: {now:?}", case.name);
    let nas = world.root().join("nas");
    let there = keys(&nas).into_iter().filter(|key| !key.contains("/.")).count();
    let done = world.run(&["backup", "verify", "--all"]).done();
    let nothing = "nas  there is no backup of this store\n";
    let expected = if there == 0 { (3, nothing) } else { (0, "") };
    assert_eq!((done.code, done.stdout.as_str()), expected, "{} {at}: {}", case.name, done.stderr);
    let least = if ["create", "prune"].contains(&case.name) { case.backups - 1 } else { 2 };
    assert!(there >= least.min(case.backups), "{} {at}: {there}", case.name);
}

/// Runs the case again, and holds it to the end that it has to come to.
fn ends(world: &World, case: &Case, at: usize) {
    let done = (case.run)(world).done();
    assert_eq!(done.code, 0, "{} {at}: {}", case.name, done.stderr);
    assert_eq!(world.run(&["get", "database.port"]).done().stdout, case.port, "{} {at}", case.name);
    let done = world.run(&["backup", "create"]).done();
    assert_eq!(done.code, 0, "{} {at}: {}", case.name, done.stderr);
    let nas = world.root().join("nas");
    let whole: Vec<String> = keys(&nas).into_iter().filter(|key| !key.contains("/.")).collect();
    assert_eq!(whole.len(), case.backups, "{} {at}: {whole:?}", case.name);
    let newest = whole.iter().max_by_key(|key| key.split('-').nth(1).unwrap().to_owned()).unwrap();
    assert!(std::fs::read(nas.join(newest)).unwrap() == world.store_bytes(), "{} {at}", case.name);
}

#[test]
fn a_failure_at_any_effect_leaves_the_old_or_the_new() {
    for case in CASES {
        for at in 1.. {
            let world = (case.prepare)();
            let before = std::fs::read(world.path("secrets.enc")).ok();
            let gate = Arc::new(Nth::new(at, full));
            let done = (case.run)(&world).gate(gate.clone()).done();
            check(&world, case, before.as_deref(), at);
            if gate.count() < at {
                assert_eq!(done.code, 0, "{} {at}: {}", case.name, done.stderr);
                assert!(at > if case.name == "prune" { 1 } else { 5 }, "{}: {at} effects", case.name);
                break;
            }
            assert!(done.code == 0 || done.stderr.contains("error: "), "{} {at}: {}", case.name, done.stderr);
            let is_backed_up = !done.stderr.contains("warn: backup nas: ");
            if done.code == 0 && case.name != "prune" && is_backed_up {
                assert_eq!(world.run(&["get", "database.port"]).done().stdout, case.port, "{at}");
            }
            ends(&world, case, at);
        }
    }
}

/// Runs a case in a process of its own that is killed at an effect. Whether it was.
fn kill_at(world: &World, name: &str, at: usize) -> bool {
    let at = at.to_string();
    is_killed(
        "backup::faults::child",
        [
            ("LUCA_TEST_BACKUP", name.as_ref()),
            ("LUCA_TEST_ROOT", world.root().as_ref()),
            ("LUCA_TEST_AT", at.as_ref()),
        ],
    )
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn child() {
    let Some(name) = std::env::var_os("LUCA_TEST_BACKUP") else { return };
    let world = World::at(Path::new(&std::env::var_os("LUCA_TEST_ROOT").unwrap()));
    let at = std::env::var("LUCA_TEST_AT").unwrap().parse().unwrap();
    let case = CASES.iter().find(|case| name == case.name).unwrap();
    let done = (case.run)(&world).gate(Arc::new(Nth::new(at, killed))).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn a_kill_at_any_effect_leaves_the_old_or_the_new() {
    for case in CASES {
        for at in 1.. {
            let world = (case.prepare)();
            let before = std::fs::read(world.path("secrets.enc")).ok();
            let was_killed = kill_at(&world, case.name, at);
            check(&world, case, before.as_deref(), at);
            if !was_killed {
                break;
            }
            ends(&world, case, at);
        }
    }
}
