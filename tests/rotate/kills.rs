//! A rotation that is killed at its effects, and taken up: it comes to an end, and what the server has always works.

use std::os::unix::process::ExitStatusExt;

use super::{Moment, at_pairs, fleet, inside, killed_at, password, rotate, say};
use crate::push::{APPLY, Fleet};

const HEALTH: &str = "health = { command = [\"test\", \"-s\", \"[app]/running\"], within = \"3s\", every = \"1s\", in-a-row = 1 }";

const ROTATE: [&str; 4] = ["--local", "--yes", "-q", "database.password"];

/// I1 and I2: what the server has, and what runs there, stands in the store.
fn assert_well(fleet: &Fleet, at: &str) {
    let inside = inside(&fleet.world);
    for there in fleet.passwords().into_iter().chain(fleet.running()) {
        assert!(inside.contains(&there), "{at}");
    }
}

fn heal(fleet: &Fleet, at: &str) {
    assert_well(fleet, at);
    resume(fleet, at);
    assert_eq!(fleet.running(), [password(&fleet.world)], "{at}");
    assert_eq!(fleet.passwords(), fleet.running(), "{at}");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn killed_at_any_effect_it_is_resumed_to_its_end() {
    let fleet = fleet(1, APPLY, HEALTH);
    let mut killed = 0;
    for at in 1.. {
        let is_killed = killed_at(&fleet.world, Moment::Effect(at), 0, &ROTATE);
        heal(&fleet, &at.to_string());
        if !is_killed {
            break;
        }
        killed += 1;
    }
    assert!(killed >= 24, "{killed}");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn killed_while_it_is_taken_up_too_it_is_resumed_to_its_end() {
    let fleet = fleet(1, APPLY, HEALTH);
    let pairs = at_pairs(
        Moment::Effect,
        (13, 7),
        |moment| killed_at(&fleet.world, moment, 0, &ROTATE),
        |moment| {
            assert_well(&fleet, &format!("{moment:?}"));
            killed_at(&fleet.world, moment, 0, &["--local", "--resume"])
        },
        |at| heal(&fleet, at),
    );
    assert!(pairs >= 4, "{pairs}");
    say(&format!("generated: {pairs} pairs of kills"));
}

/// Until nothing is under way; the server may be at it still, to put back what was cut off.
fn resume(fleet: &Fleet, at: &str) {
    for _ in 0..30 {
        let done = rotate(&fleet.world, &["--local", "--resume"]).done();
        if done.code == 0 {
            return;
        }
        assert!(done.code == 1, "{at}: {}", done.stderr);
    }
    panic!("{at}: it is not resumed");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn killed_while_the_servers_are_at_it_it_is_resumed_to_its_end() {
    let apply = "if test -e victim; then while ! test -s victim; do sleep 0.05; done; kill -9 $(cat victim); rm victim; sleep 0.5; fi; \
                 cp app.env running; echo x >>applied";
    let fleet = fleet(2, apply, HEALTH);
    let victim = fleet.app(1).join("victim");
    std::fs::write(&victim, "").unwrap();
    let arguments = ["rotate", "--local", "--yes", "-q", "--non-interactive", "database.password"];
    let mut child = fleet.world.spawn(&arguments).spawn().unwrap();
    std::fs::write(&victim, child.id().to_string()).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    let inside = inside(&fleet.world);
    assert!(inside.contains("outcome = \"intended\""), "it was not in the middle");
    for there in fleet.passwords().into_iter().chain(fleet.running()) {
        assert!(inside.contains(&there));
    }
    let new = password(&fleet.world);
    resume(&fleet, "in the middle");
    assert_eq!((fleet.running(), fleet.passwords()), (vec![new.clone(); 2], vec![new; 2]));
}
