//! `rotate` through the commands, with a generated value that real servers have.

mod homes;
mod kills;
mod local;
mod whole;

use std::path::Path;
use std::sync::Arc;

use crate::faults::{Nth, is_killed, killed};
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

/// Rotates in a process of its own that is killed at one of its effects on the disk. Whether it was.
fn killed_at(world: &World, at: usize, arguments: &[&str]) -> bool {
    let (arguments, at) = (arguments.join(" "), at.to_string());
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
    let at = std::env::var("LUCA_TEST_AT").unwrap().parse().unwrap();
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let done = rotate(&world, &arguments).gate(Arc::new(Nth::new(at, killed))).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
}

/// From one kill to the next: every one where there is time for it (`LUCA_SECRETS_LONG`).
fn stride() -> usize {
    if std::env::var_os("LUCA_SECRETS_LONG").is_some() { 1 } else { 5 }
}
