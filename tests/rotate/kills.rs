//! A rotation that is killed at its effects, and taken up: it comes to an end, and what the server has always works.

use super::{fleet, inside, killed_at, password, rotate, stride};
use crate::push::APPLY;

const HEALTH: &str = "health = { command = [\"test\", \"-s\", \"[app]/running\"], within = \"3s\", every = \"1s\", in-a-row = 1 }";

#[test]
#[ignore = "needs sshd; run tests/run"]
fn killed_at_any_effect_it_is_resumed_to_its_end() {
    let fleet = fleet(1, APPLY, HEALTH);
    let mut killed = 0;
    for at in (1..).step_by(stride()) {
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
    assert!(killed >= 40 / stride(), "{killed}");
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
