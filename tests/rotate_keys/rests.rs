//! A rotation that rests: nobody sleeps for nobody, a person may leave, and what it only reads stays everybody's.

use std::fs;

use serde_json::json;

use super::people::on_terminal_with;
use crate::harness::{NOW, World};

const OLD: &str = "OldCanaryOfTheRest1234567";

/// A credential of a program, which rests for ten minutes before the old value is ended.
fn project() -> World {
    let world = World::new();
    world.write(
        "schemas/schema.toml",
        "[secrets.mail.key]\ntype = \"password\"\ngenerate = { length = 40 }\n\
         rotate = { with = \"command\", run = [\"/usr/bin/python3\", \"program.py\", \"source.json\"], \
         also = [\"mail.host\"], grace = \"10m\" }\n[secrets.mail.host]\ntype = \"string\"\n",
    );
    world.write("program.py", fs::read("tests/rotate_keys/program.py").unwrap());
    world.write("source.json", json!({ "accepted": [OLD] }).to_string());
    world.run(&["set", "-q", "mail.key"]).stdin(OLD).success();
    world.run(&["set", "-q", "mail.host"]).stdin("mail.example.com").success();
    world
}

fn value(world: &World, name: &str) -> String {
    world.run(&["get", name]).success().stdout
}

fn accepted(world: &World) -> serde_json::Value {
    let source: serde_json::Value = serde_json::from_str(&world.read("source.json")).unwrap();
    source["accepted"].clone()
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn nobody_sleeps_out_a_grace_unattended_and_the_next_look_ends_it() {
    let world = project();
    let done = world.run(&["rotate", "--local", "--yes", "mail.key"]).at(NOW).success();
    let new = value(&world, "mail.key");
    assert_eq!(accepted(&world), json!([OLD, new]));
    let said = "ok: mail.key: in use; the old one is ended later, not before 2026-11-23T12:10:00Z: ";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    let plan = world.run(&["rotate", "--plan", "mail.key"]).success().stdout;
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(lines[0], "mail.key, command, grace, 3 steps done");
    assert_eq!(
        lines[3..5],
        ["  3. give it to the programs (done)", "  4. keep the old one valid for a while"]
    );
    let look = |now| {
        world.run(&["rotate", "--due", "--local", "--yes", "--non-interactive"]).at(now).success().stderr
    };
    assert_eq!(look("2026-11-23T12:09:00Z"), "ok: nothing to be done now; next: mail.key, in 1 minute\n");
    assert_eq!(accepted(&world), json!([OLD, new]));
    let ended = look("2026-11-23T12:10:00Z");
    assert!(ended.contains("ok: mail.key: rotated"), "{ended}");
    assert_eq!(accepted(&world), json!([new]));
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_person_sees_how_long_it_takes_and_leaves_without_losing_anything() {
    let world = project();
    let steps = ["wait left … (Ctrl-C leaves it", "type \\x03", "end"];
    // What it draws over is shown by terminals that can.
    let env = [("TERM", "xterm")];
    let (code, shown) = on_terminal_with(&world, &env, &["rotate", "--local", "--yes", "mail.key"], &steps);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(" mail.key: in use; the old one is ended later, not before "), "{shown}");
    let new = value(&world, "mail.key");
    assert_eq!(accepted(&world), json!([OLD, new]));
    let resumed = world.run(&["rotate", "--local", "--yes", "--resume"]).at("2099-01-01T00:00:00Z").success();
    assert!(resumed.stderr.contains("ok: mail.key: rotated"), "{}", resumed.stderr);
    assert_eq!((accepted(&world), value(&world, "mail.key")), (json!([new]), new));
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn an_undo_sets_back_only_what_the_rotation_has_changed() {
    let world = project();
    world.run(&["rotate", "--local", "--yes", "-q", "mail.key"]).at(NOW).success();
    // What is being replaced is nobody else's; what is only read is.
    let refused = world.run(&["set", "mail.key"]).stdin("another value 1234").done();
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    world.run(&["set", "-q", "mail.host"]).stdin("mail2.example.com").success();
    let history = world.run(&["history", "mail.key"]).success().stderr;
    let (first, rest) = history.split_once('\n').unwrap();
    let start = "mail.key: a rotation is under way, grace, begun 2026-11-23T12:00:00Z by tester@";
    assert!(first.starts_with(start), "{history}");
    assert_eq!(
        rest,
        "hint: its values stay with the rotation until that has ended: `luca-secrets rotate --resume mail.key`, or --undo\n"
    );
    assert_eq!(world.run(&["history", "mail.host"]).success().stderr, "");
    world.run(&["rotate", "--local", "--yes", "-q", "--undo", "mail.key"]).at(NOW).success();
    assert_eq!((value(&world, "mail.key"), accepted(&world)), (OLD.to_owned(), json!([OLD])));
    assert_eq!(value(&world, "mail.host"), "mail2.example.com");
    assert_eq!(world.run(&["history", "mail.key"]).success().stderr, "");
}
