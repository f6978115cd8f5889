//! A rotation that is killed at its effects, and taken up: it comes to an end, and what the server has always works.

use std::os::unix::process::ExitStatusExt;

use super::{fleet, inside, killed_at, password, rotate};
use crate::push::APPLY;

const HEALTH: &str = "health = { command = [\"test\", \"-s\", \"[app]/running\"], within = \"3s\", every = \"1s\", in-a-row = 1 }";

#[test]
#[ignore = "needs sshd; run tests/run"]
fn killed_at_any_effect_it_is_resumed_to_its_end() {
    let fleet = fleet(1, APPLY, HEALTH);
    let mut killed = 0;
    for at in 1.. {
        let arguments = ["--local", "--yes", "-q", "database.password"];
        let is_killed = killed_at(&fleet.world, at, &arguments);
        // I1 and I2: what the server has, and what runs there, stands in the store.
        let inside = inside(&fleet.world);
        for there in fleet.passwords().into_iter().chain(fleet.running()) {
            assert!(inside.contains(&there), "{at}");
        }
        if !is_killed {
            break;
        }
        killed += 1;
        resume(&fleet, at);
        assert_eq!(fleet.running(), [password(&fleet.world)], "{at}");
        assert_eq!(fleet.passwords(), fleet.running(), "{at}");
    }
    assert!(killed >= 24, "{killed}");
}

/// Until nothing is under way; the server may be at it still, to put back what was cut off.
fn resume(fleet: &crate::push::Fleet, at: usize) {
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
    resume(&fleet, 0);
    assert_eq!((fleet.running(), fleet.passwords()), (vec![new.clone(); 2], vec![new; 2]));
}
