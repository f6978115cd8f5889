//! Rotations that are killed, at everything that they do: here, on the network, at the database. They are taken up, and come
//! to their end with the one password that they were begun with.

use std::os::unix::fs::PermissionsExt;

use super::stand::Stand;
use super::*;
use crate::harness::executable;
use crate::harness::trap::Side;
use crate::rotate::{Moment, at_pairs, commits, is_long, say};

/// Kills a rotation at its effects on the disk: at every one where there is time, else before or after each time that the store
/// is replaced.
fn killed_at_the_disk(stand: &Stand) -> usize {
    let in_turns =
        |number| if number % 2 == 1 { Moment::BeforeCommit(number) } else { Moment::AfterCommit(number) };
    let moments = if is_long() { Moment::Effect } else { in_turns };
    for number in 1.. {
        let moment = moments(number);
        let is_killed = stand.killed_at(moment);
        stand.heal(&format!("{moment:?}"));
        if !is_killed {
            return number - 1;
        }
    }
    unreachable!("a rotation has an end")
}

/// In place of `psql` on the server. At one of its calls it stops, before or after it does what it was asked, and its answer
/// is lost. It may run as another user than this one, who can replace a file in its folder but not write to it.
const PSQL: &str = r#"#!/bin/sh
cd "${0%/*}"
if [ -s left ]; then
  read -r left side <left
  left=$((left - 1))
  rm left
  if [ "$left" -gt 0 ]; then
    echo "$left $side" >left
  else
    [ "$side" = Before ] || /usr/bin/psql "$@" >said 2>&1
    : >sprung
    while [ ! -e go ]; do sleep 0.01; done
    exit 1
  fi
fi
cd /
exec /usr/bin/psql "$@"
"#;

/// Puts [`PSQL`] in its place.
fn stand_in(stand: &Stand) -> PathBuf {
    let folder = stand.cluster.folder().join("bin");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    executable(folder.join("psql"), PSQL);
    std::fs::write(stand.sshd.home().join(".bashrc"), format!("PATH={}:$PATH\n", folder.display())).unwrap();
    folder
}

/// Kills a rotation at every statement of the administrator's.
fn killed_at_statements(stand: &Stand) -> usize {
    let folder = stand_in(stand);
    let sides = if is_long() { vec![Side::Before, Side::After] } else { vec![Side::After] };
    let mut killed = 0;
    for side in sides {
        for call in 1.. {
            std::fs::write(folder.join("left"), format!("{call} {side:?}\n")).unwrap();
            let is_killed = stand.killed_when(|| folder.join("sprung").exists());
            std::fs::write(folder.join("go"), "").unwrap();
            for file in ["left", "sprung", "said"] {
                let _ = std::fs::remove_file(folder.join(file));
            }
            stand.heal(&format!("{side:?} statement {call}"));
            std::fs::remove_file(folder.join("go")).unwrap();
            if !is_killed {
                break;
            }
            killed += 1;
        }
    }
    killed
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn of_alternating_users_at_every_write_to_the_store_and_every_statement() {
    let stand = Stand::new("postgres-alternating", Means::Peer);
    let (writes, statements) = (killed_at_the_disk(&stand), killed_at_statements(&stand));
    assert!(writes >= 10 && statements >= 8, "{writes} {statements}");
    say(&format!("postgres-alternating: killed at {writes} writes and {statements} statements"));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn of_a_single_user_at_every_write_to_the_store_and_every_statement() {
    let stand = Stand::new("postgres-single", Means::Peer);
    let (writes, statements) = (killed_at_the_disk(&stand), killed_at_statements(&stand));
    assert!(writes >= 6 && statements >= 4, "{writes} {statements}");
    say(&format!("postgres-single: killed at {writes} writes and {statements} statements"));
}

/// Kills a rotation at the turns of its talks with the database and with the server: at every one where there is time.
fn killed_at_turns(kind: &'static str, stride: usize) -> usize {
    let stand = Stand::new(kind, Means::Direct);
    let mut killed = 0;
    for side in [Side::Before, Side::After] {
        for turn in (1..).step_by(if is_long() { 1 } else { stride }) {
            stand.trap.set(turn, side);
            let is_killed = stand.killed_when(|| stand.trap.is_sprung());
            stand.trap.disarm();
            stand.trap.release(false);
            stand.heal(&format!("{side:?} turn {turn}"));
            if !is_killed {
                break;
            }
            killed += 1;
        }
    }
    killed
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn of_alternating_users_at_every_turn_of_a_talk() {
    let killed = killed_at_turns("postgres-alternating", 37);
    assert!(killed >= 4, "{killed}");
    say(&format!("postgres-alternating: killed at {killed} turns of its talks"));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn of_a_single_user_at_every_turn_of_a_talk() {
    let killed = killed_at_turns("postgres-single", 37);
    assert!(killed >= 2, "{killed}");
    say(&format!("postgres-single: killed at {killed} turns of its talks"));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn of_alternating_users_and_of_what_takes_them_up() {
    let stand = Stand::new("postgres-alternating", Means::Direct);
    let pairs = at_pairs(
        commits,
        (7, 5),
        |moment| stand.killed_at(moment),
        |moment| {
            stand.assert_well(&format!("{moment:?}"));
            stand.killed_again_at(moment)
        },
        |at| stand.heal(at),
    );
    assert!(pairs >= 4, "{pairs}");
    say(&format!("postgres-alternating: {pairs} pairs of kills"));
}
