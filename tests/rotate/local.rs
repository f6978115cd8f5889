//! What needs no server.

use super::{inside, password, rotate, schema};
use crate::harness::World;

fn world() -> World {
    let world = World::filled();
    world.write("schemas/schema.toml", schema());
    world
}

#[test]
fn a_value_that_nobody_has_is_replaced_and_stays_an_earlier_one() {
    let world = world();
    let done = rotate(&world, &["--local", "--yes", "-q", "database.password"]).success();
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str()),
        ("", "warn: no server gets env-file django: whoever uses it renders it\n")
    );
    assert_ne!(password(&world), "correct horse battery");
    let history = world.run(&["history", "--show", "database.password"]).success().stdout;
    assert!(history.contains("rotate") && history.contains("correct horse battery"), "{history}");
    // What is over holds no value any more.
    let inside = inside(&world);
    let journal = inside.split("[rotations.").nth(1).unwrap();
    assert!(journal.contains("state = \"done\"") && !journal.contains(&password(&world)), "{journal}");
    assert!(!journal.contains("correct horse battery"), "{journal}");
}

#[test]
fn the_plan_changes_nothing() {
    let world = world();
    let before = world.store_bytes();
    for arguments in [["--plan", "database.password"], ["-n", "database.password"]] {
        rotate(&world, &arguments).gives(
            0,
            "database.password, generated\n  1. bring the new database.password to all that use it\n",
            "",
        );
    }
    let line = rotate(&world, &["--json", "--plan", "database.password"]).success().stdout;
    let plan: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(plan["steps"][0]["name"], "deploy");
    assert_eq!(world.store_bytes(), before);
}

#[test]
fn what_cannot_be_rotated_is_refused() {
    let world = world();
    rotate(&world, &["--local", "--yes", "database.passwort"]).gives(
        2,
        "",
        "error: the schema does not say how database.passwort is rotated\nhint: did you mean database.password?\n",
    );
    rotate(&world, &["--local", "--yes", "database.port"]).gives(
        2,
        "",
        "error: the schema does not say how database.port is rotated\n\
         hint: add `rotate = { with = \"…\" }` to [secrets.database.port] in the schema\n",
    );
    rotate(&world, &["--undo", "database.password", "--local"]).gives(
        1,
        "",
        "error: database.password is not being rotated\nhint: no rotation is under way\n",
    );
    rotate(&world, &["--resume"]).gives(0, "", "ok: there is nothing to rotate\n");
    world.run(&["rm", "-q", "--yes", "database.password"]).done();
    rotate(&world, &["--local", "--yes", "-q", "database.password"]).gives(
        1,
        "",
        "error: database.password: database.password is not set, so there is nothing to replace\n",
    );
}

#[test]
fn without_a_home_nobody_rotates_unattended_by_mistake() {
    let world = world();
    let message = "the store has no home away from this machine: if this machine is lost in the middle, so is the new value";
    rotate(&world, &["--yes", "database.password"]).gives(
        4,
        "",
        &format!("error: {message}\nhint: give it one with [remote] in the schema, or pass --local; nothing was changed\n"),
    );
    let before = world.store_bytes();
    let done = rotate(&world, &["database.password"]).answers(&["n"]).done();
    assert_eq!(done.code, 1);
    assert_eq!(done.stderr, format!("warn: {message}\nerror: not confirmed\nhint: nothing was changed\n"));
    assert_eq!(world.store_bytes(), before);
}

#[test]
fn a_value_changed_by_hand_is_taken_over() {
    let world = world();
    let done = rotate(&world, &["--adopt", "database.password"]).stdin("changed by hand 1234\n").done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(
        done.stderr,
        "ok: database.password: taken over; there is no source to prove it at\n\
         hint: `luca-secrets push` brings it to all that use it\n"
    );
    assert_eq!(password(&world), "changed by hand 1234");
    let done = rotate(&world, &["--adopt", "database.password"]).stdin("").done();
    assert_eq!(done.code, 1, "{}", done.stderr);
}

#[test]
fn compare_and_git_s_diff_tell_of_a_rotation_without_its_values() {
    let world = world();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        assert!(command.current_dir(world.folder()).output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "secrets.enc"]);
    git(&["commit", "-q", "-m", "before"]);
    rotate(&world, &["--local", "--yes", "-q", "database.password"]).success();
    let done = world.run(&["compare", "HEAD"]).success();
    assert_eq!(done.stdout, "database.password changed\nrotation of database.password done\n");
    let shown = world.run(&["git", "textconv", "secrets.enc"]).success().stdout;
    assert!(
        shown.contains("rotation of database.password: done, 1 step done, by tester@[host]\n"),
        "{shown}"
    );
    assert!(!shown.contains(&password(&world)), "{shown}");
}
