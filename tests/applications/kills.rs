//! Rotations of applications' credentials that are killed, again and again at other effects on the disk and in the middle
//! of each deploy: each is taken up again and comes to its end, and nobody notices.

use std::path::Path;
use std::sync::Arc;

use crate::faults::{Nth, is_killed, killed, unseal};
use crate::harness::World;

mod flower;
mod key;
mod password;

/// In an apply command: ends whoever is to be ended in the middle of it, as soon as a test of the shell's holds.
pub const HOOK: &str = "if [ -e when ] && sh ./when; then rm when; kill -9 \"$(cat victim)\"; sleep 0.5; fi";

/// How far a rotation is, by its journal in the store.
#[derive(PartialEq, Eq)]
struct Journal {
    id: String,
    state: String,
    /// Whether it is being taken back, or was.
    is_back: bool,
}

impl Journal {
    /// The journal of a secret's last rotation, if there is one.
    fn of(world: &World, name: &str) -> Option<Self> {
        let inside = unseal(&world.store_bytes());
        let (_, rest) = inside.split_once(&format!("\n[rotations.\"{name}\"]\n"))?;
        let section = rest.split("\n[").next().unwrap();
        let line = |key: &str| section.lines().find_map(|line| line.strip_prefix(key));
        let text = |key| line(key).unwrap().trim_matches('"').to_owned();
        Some(Self { id: text("id = "), state: text("state = "), is_back: line("back = ").is_some() })
    }

    fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "done" | "undone")
    }
}

/// The effects at which the runs of a rotation are killed, one after the other.
type Effects = Box<dyn Iterator<Item = usize>>;

/// The usual ones: each run gets further than the one before.
fn further(first: usize, step: usize) -> Effects {
    Box::new((first..).step_by(step))
}

/// One only; what comes after it goes through.
fn once(at: usize) -> Effects {
    Box::new(std::iter::once(at).chain(std::iter::repeat(usize::MAX)))
}

/// None.
fn never() -> Effects {
    once(usize::MAX)
}

/// Whether there is time for every effect.
fn is_long() -> bool {
    std::env::var_os("LUCA_SECRETS_LONG").is_some()
}

/// A secret whose rotation is killed, and when that is.
struct Killed<'w> {
    world: &'w World,
    name: &'static str,
    now: &'static str,
}

impl Killed<'_> {
    /// Begins a rotation or goes on with it, until it is over or waits for time to pass. How often it was killed; `look`
    /// looks after each time.
    fn on(&self, effects: Effects, look: &mut dyn FnMut(&str)) -> usize {
        self.runs(false, effects, look)
    }

    /// The same back.
    fn back(&self, effects: Effects, look: &mut dyn FnMut(&str)) -> usize {
        self.runs(true, effects, look)
    }

    fn runs(&self, is_undo: bool, mut effects: Effects, look: &mut dyn FnMut(&str)) -> usize {
        let before = Journal::of(self.world, self.name);
        let before = before.filter(Journal::is_over).map(|journal| journal.id);
        let mut kills = 0;
        let mut at = effects.next().unwrap();
        for _ in 0..100 {
            let journal =
                Journal::of(self.world, self.name).filter(|journal| Some(&journal.id) != before.as_ref());
            let arguments = match &journal {
                Some(journal) if journal.is_over() => return kills,
                Some(journal) if is_undo && !journal.is_back => format!("--undo {}", self.name),
                Some(_) => "--resume".to_owned(),
                None => self.name.to_owned(),
            };
            if is_killed_at(self.world, at, self.now, &arguments) {
                kills += 1;
                look(&format!("{arguments} at {}, killed at effect {at}", self.now));
                at = effects.next().unwrap();
            } else if journal == Journal::of(self.world, self.name) || journal.is_none() {
                // It ended by itself, and would do nothing if it were run again.
                return kills;
            }
        }
        panic!("it comes to no end");
    }
}

/// Rotates at a time in a process of its own that is killed at one of its effects on the disk. Whether it was.
fn is_killed_at(world: &World, at: usize, now: &str, arguments: &str) -> bool {
    runs(world, at, Path::new("/dev/null"), now, arguments)
}

/// The same, but killed by the apply command in a folder of the server, as soon as a test of the shell's holds there.
fn is_killed_applying(world: &World, folder: &Path, when: &str, now: &str, arguments: &str) -> bool {
    std::fs::write(folder.join("when"), when).unwrap();
    runs(world, usize::MAX, &folder.join("victim"), now, arguments)
}

fn runs(world: &World, at: usize, victim: &Path, now: &str, arguments: &str) -> bool {
    let at = at.to_string();
    is_killed(
        "applications::kills::child",
        [
            ("LUCA_TEST_ROTATE", arguments.as_ref()),
            ("LUCA_TEST_ROOT", world.root().as_ref()),
            ("LUCA_TEST_AT", at.as_ref()),
            ("LUCA_TEST_VICTIM", victim.as_os_str()),
            ("LUCA_TEST_NOW", now.as_ref()),
        ],
    )
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn child() {
    let Ok(arguments) = std::env::var("LUCA_TEST_ROTATE") else { return };
    let world = World::at(Path::new(&std::env::var_os("LUCA_TEST_ROOT").unwrap()));
    let at = std::env::var("LUCA_TEST_AT").unwrap().parse().unwrap();
    let now = std::env::var("LUCA_TEST_NOW").unwrap().leak();
    std::fs::write(std::env::var_os("LUCA_TEST_VICTIM").unwrap(), std::process::id().to_string()).unwrap();
    let all: Vec<&str> =
        ["rotate", "--yes", "--local", "-q"].into_iter().chain(arguments.split(' ')).collect();
    let done = world.run(&all).at(now).gate(Arc::new(Nth::new(at, killed))).done();
    // The server may be at it still, to put back what was cut off.
    assert!(matches!(done.code, 0 | 1), "{}", done.stderr);
}
