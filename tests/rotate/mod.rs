//! `rotate` through the commands, with a generated value that real servers have.

mod homes;
mod kills;
mod local;
mod whole;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use luca_secrets::sys::{Gate, Operation};

use crate::faults::{is_killed, killed};
use crate::harness::{Done, SCHEMA, World};
use crate::push::Fleet;

/// The schema, in which the database's password is rotated, and no value goes to GitHub.
fn schema() -> String {
    let schema = SCHEMA.split("[github.deploy]").next().unwrap();
    schema.replace("generate = { length = 40 }", "generate = { length = 40 }\nrotate = { every = \"90d\" }")
}

/// Servers that have what the store says, and a schema by which the password is rotated.
fn fleet(hosts: usize, apply: &str, health: &str) -> Fleet {
    let fleet = Fleet::with(hosts, apply, health);
    fleet.world.write("schemas/schema.toml", schema());
    fleet.pushed();
    fleet
}

fn rotate<'w>(world: &'w World, more: &[&str]) -> crate::harness::Run<'w> {
    let mut arguments = vec!["rotate"];
    arguments.extend(more);
    world.run(&arguments)
}

fn password(world: &World) -> String {
    world.run(&["get", "database.password"]).success().stdout
}

/// All that a store holds.
fn inside(world: &World) -> String {
    crate::faults::unseal(&world.store_bytes())
}

/// The words of a rotation's last line in JSON.
fn outcome(done: &Done) -> String {
    let line = done.stdout.lines().last().unwrap_or_default();
    let report: serde_json::Value = serde_json::from_str(line).unwrap();
    report["outcome"].as_str().unwrap().to_owned()
}

/// Where a process is killed. Counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// Right before an effect on the disk.
    Effect(usize),
    /// Right before the store is replaced: what it was to say next is lost.
    BeforeCommit(usize),
    /// Right after: nothing has been done since.
    AfterCommit(usize),
}

/// Kills the process at a moment.
struct Killer {
    moment: Moment,
    effects: AtomicUsize,
    commits: AtomicUsize,
}

impl Gate for Killer {
    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()> {
        let effect = self.effects.fetch_add(1, Ordering::SeqCst) + 1;
        let is_commit = operation == Operation::Rename && path.ends_with("secrets.enc");
        let commits = self.commits.fetch_add(usize::from(is_commit), Ordering::SeqCst);
        let is_now = match self.moment {
            Moment::Effect(at) => effect == at,
            Moment::BeforeCommit(at) => is_commit && commits + 1 == at,
            Moment::AfterCommit(at) => commits == at,
        };
        if is_now { killed() } else { Ok(()) }
    }
}

/// Rotates in a process of its own that is killed at a moment, if it comes to it. Whether it was. Its clock is ahead by some
/// seconds.
pub fn killed_at(world: &World, moment: Moment, ahead: i64, arguments: &[&str]) -> bool {
    let (kind, number) = match moment {
        Moment::Effect(number) => ("effect", number),
        Moment::BeforeCommit(number) => ("before", number),
        Moment::AfterCommit(number) => ("after", number),
    };
    let (arguments, at) = (arguments.join(" "), format!("{kind} {number} {ahead}"));
    is_killed(
        "rotate::child",
        [
            ("LUCA_TEST_ROTATE", arguments.as_ref()),
            ("LUCA_TEST_ROOT", world.root().as_ref()),
            ("LUCA_TEST_AT", at.as_ref()),
        ],
    )
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn child() {
    let Some(arguments) = std::env::var("LUCA_TEST_ROTATE").ok() else { return };
    let world = World::at(Path::new(&std::env::var_os("LUCA_TEST_ROOT").unwrap()));
    let at = std::env::var("LUCA_TEST_AT").unwrap();
    let [kind, number, ahead] = at.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let number = number.parse().unwrap();
    let moment = match kind {
        "effect" => Moment::Effect(number),
        "before" => Moment::BeforeCommit(number),
        _ => Moment::AfterCommit(number),
    };
    let killer = Killer { moment, effects: AtomicUsize::new(0), commits: AtomicUsize::new(0) };
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let done = rotate(&world, &arguments).hurried(ahead.parse().unwrap()).gate(Arc::new(killer)).done();
    // What takes up a push that was cut off may have to wait for the server.
    let is_well = done.code == 0 || done.code == 1 && arguments.contains(&"--resume");
    assert!(is_well, "{}", done.stderr);
}

/// Whether there is time for everything, as in a long run by hand (`LUCA_SECRETS_LONG`).
pub fn is_long() -> bool {
    std::env::var_os("LUCA_SECRETS_LONG").is_some()
}

/// Before and after each time that the store is replaced. What is between two of these moments changes nothing that outlives
/// the process but half-made files.
pub const fn commits(number: usize) -> Moment {
    if number % 2 == 1 { Moment::BeforeCommit(number / 2 + 1) } else { Moment::AfterCommit(number / 2) }
}

/// Kills at pairs of moments, one of a rotation and one of what takes it up: all of them where there is time
/// (`LUCA_SECRETS_LONG`), else as far apart as `strides` say. `heal` brings each to its end and looks. How many there were.
pub fn at_pairs(
    moments: fn(usize) -> Moment,
    strides: (usize, usize),
    mut rotate: impl FnMut(Moment) -> bool,
    mut resume: impl FnMut(Moment) -> bool,
    mut heal: impl FnMut(&str),
) -> usize {
    let (wide, narrow) = if is_long() { (1, 1) } else { strides };
    let mut pairs = 0;
    for first in (1..).step_by(wide).map(moments) {
        for second in (1..).step_by(narrow).map(moments) {
            let at = format!("{first:?}, {second:?}");
            if !rotate(first) {
                heal(&at);
                return pairs;
            }
            let is_killed = resume(second);
            heal(&at);
            if !is_killed {
                break;
            }
            pairs += 1;
        }
    }
    unreachable!("a rotation has an end")
}

/// Says something that is measured, whatever is done with what a test prints.
pub fn say(line: &str) {
    io::Write::write_all(&mut io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

/// From one kill to the next: every one where there is time for it (`LUCA_SECRETS_LONG`).
fn stride() -> usize {
    if is_long() { 1 } else { 5 }
}
