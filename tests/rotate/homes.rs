//! With a home of the store: two machines at once, and one that is lost in the middle.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Moment, fleet, inside, killed_at, password, rotate, schema, stride};
use crate::harness::World;
use crate::harness::home::Home;
use crate::push::{APPLY, Fleet};

const HEALTH: &str = "health = { command = [\"test\", \"-s\", \"[app]/running\"], within = \"3s\", every = \"1s\", in-a-row = 1 }";

/// A server, and a store whose home is a repository.
struct Shared {
    fleet: Fleet,
    _folder: tempfile::TempDir,
    home: PathBuf,
}

impl Shared {
    fn new(apply: &str) -> Self {
        let fleet = fleet(1, apply, HEALTH);
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("keys.git");
        let made = Command::new("git").args(["init", "-q", "--bare"]).arg(&home).output().unwrap();
        assert!(made.status.success());
        let remote = format!("[remote]\nkind = \"git\"\nremote = \"{}\"\n", home.display());
        fleet.world.write("schemas/remote.toml", remote);
        fleet.world.run(&["remote", "push", "-q"]).success();
        Self { fleet, _folder: folder, home }
    }

    /// A machine that has the schema and nothing else, and takes a copy of the store.
    fn machine(&self) -> World {
        let world = World::new();
        std::fs::remove_file(world.path("secrets.enc")).unwrap();
        world.forget_stores();
        for file in ["schema.toml", "servers.toml", "remote.toml"] {
            world.write(&format!("schemas/{file}"), self.fleet.world.read(&format!("schemas/{file}")));
        }
        world.run(&["remote", "pull"]).done();
        world
    }

    /// Takes the network to the home away, or gives it back.
    fn cut(&self, is_cut: bool) {
        let elsewhere = self.home.with_extension("away");
        let (from, to) = if is_cut { (&self.home, &elsewhere) } else { (&elsewhere, &self.home) };
        std::fs::rename(from, to).unwrap();
    }
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_machine_that_is_lost_is_replaced_by_one_that_has_only_the_store_s_home() {
    let shared = Shared::new(APPLY);
    let mut killed = 0;
    for at in (1..).step_by(stride()) {
        let lost = shared.machine();
        let is_killed = killed_at(&lost, Moment::Effect(at), 0, &["--yes", "-q", "database.password"]);
        drop(lost);
        let other = shared.machine();
        let inside = inside(&other);
        for there in shared.fleet.passwords().into_iter().chain(shared.fleet.running()) {
            assert!(inside.contains(&there), "{at}");
        }
        if !is_killed {
            break;
        }
        killed += 1;
        for tries in 0.. {
            // Nobody can be at work on it any more.
            let done = rotate(&other, &["--resume"]).hurried(3600).done();
            if done.code == 0 {
                break;
            }
            assert!(done.code == 1 && tries < 30, "{at}: {}", done.stderr);
        }
        assert_eq!(shared.fleet.running(), [password(&other)], "{at}");
    }
    assert!(killed >= 24 / stride(), "{killed}");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn nobody_takes_over_what_another_machine_may_be_at_work_on() {
    let home = Home::new();
    let machine = || {
        let world = World::filled();
        world.write("schemas/schema.toml", schema());
        world.write("schemas/remote.toml", home.schema());
        world
    };
    let first = machine();
    first.run(&["remote", "push", "-q"]).success();
    let other = machine();
    std::fs::remove_file(other.path("secrets.enc")).unwrap();
    other.forget_stores();
    // Killed right when it has written what it is about to do.
    let intends = |world: &World| inside(world).contains("outcome = \"intended\"");
    for _ in 0..2 {
        assert!(killed_at(&first, Moment::AfterCommit(1), 0, &["--yes", "-q", "database.password"]));
    }
    other.run(&["remote", "pull", "-q"]).success();
    assert!(intends(&first) && intends(&other));
    let inside = inside(&other);
    let intended = inside.split("intended = ").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let intended: jiff::Timestamp = intended.parse().unwrap();
    let after = |seconds| -> &'static str {
        (intended + jiff::SignedDuration::from_secs(seconds)).to_string().leak()
    };
    let (last, free) = (after(13 * 60 - 1), after(13 * 60));
    let before = other.store_bytes();
    let busy = format!(
        "error: database.password: tester@[host] may be at work on it: bring the new database.password to all that \
         use it\nhint: where that machine was lost, another one can take it over from {free} on, or at a terminal a \
         little earlier\nhint: nothing was changed\n"
    );
    for arguments in [["--resume", "database.password"], ["--undo", "database.password"]] {
        rotate(&other, &[&arguments[..], &["--yes"]].concat()).at(last).gives(5, "", &busy);
    }
    let adopt = rotate(&other, &["--adopt", "database.password"]).stdin("by hand 1234567890").at(last).done();
    assert_eq!(
        (adopt.code, adopt.stderr.contains("nobody takes it over before")),
        (5, true),
        "{}",
        adopt.stderr
    );
    assert!(other.store_bytes() == before);
    let done = rotate(&other, &["--resume"]).at(free).success();
    assert!(done.stderr.contains("ok: database.password: rotated"), "{}", done.stderr);
    // The first one knows its own traces, and that it has lost.
    let done = rotate(&first, &["--resume"]).success();
    assert!(done.stderr.ends_with("ok: there is nothing to rotate\n"), "{}", done.stderr);
    assert_eq!(password(&first), password(&other));
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn of_two_machines_at_once_one_rotates_and_the_other_does_nothing() {
    let shared = Shared::new("sleep 1; cp app.env running; echo x >>applied");
    let before = shared.fleet.applied(0);
    let machines = [shared.machine(), shared.machine(), shared.machine()];
    let arguments = ["rotate", "--yes", "--non-interactive", "database.password"];
    let start = |world: &World| world.spawn(&arguments).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = machines.iter().map(start).collect();
    let mut rotated = 0;
    for child in children {
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        match done.status.code() {
            Some(0) => rotated += 1,
            // Somebody else was first; or was seen at work on the server.
            Some(5) => {}
            Some(4) => {
                assert!(said.contains("is under way") || said.contains("not as in the store"), "{said}");
            }
            other => panic!("{other:?}: {said}"),
        }
    }
    assert!(rotated >= 1);
    assert_eq!(shared.fleet.applied(0), before + rotated, "the losers did something");
    let other = shared.machine();
    assert_eq!(shared.fleet.running(), [password(&other)]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn nothing_is_begun_that_the_home_does_not_know_of() {
    let shared = Shared::new(APPLY);
    let before = (shared.fleet.world.store_bytes(), shared.fleet.applied(0));
    shared.cut(true);
    let done = rotate(&shared.fleet.world, &["--yes", "database.password"]).done();
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("hint: nothing was changed\n"), "{}", done.stderr);
    assert_eq!((shared.fleet.world.store_bytes(), shared.fleet.applied(0)), before);
    shared.cut(false);
    rotate(&shared.fleet.world, &["--yes", "-q", "database.password"]).success();
    assert_eq!(password(&shared.machine()), password(&shared.fleet.world));
}
