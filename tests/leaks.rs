//! A marker value pushed through every command: it shows where it was asked for, and nowhere else.

use std::path::PathBuf;

use crate::faults::{MARKER, snapshot};
use crate::harness::{Done, SCHEMA, World};

fn world() -> World {
    let world = World::new();
    world.run(&["set", "-q", "database.password"]).stdin(MARKER).success();
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    world
}

#[track_caller]
fn silent(done: &Done) {
    assert!(!done.stdout.contains(MARKER) && !done.stderr.contains(MARKER), "{}{}", done.stdout, done.stderr);
}

#[test]
fn no_command_shows_a_value_unasked() {
    let world = world();
    world.write("new.env", format!("DATABASE_PASSWORD={MARKER}2\nDATABASE_PORT={MARKER}\n"));
    world.write(
        "page.md",
        format!("# Database\n\n- Password: {MARKER}2\n- Port: {MARKER}\n- Other: {MARKER}\n"),
    );
    world.write("bad.json", format!("{{\"database\": {{\"password\": \"{MARKER}\"\n"));
    world.write("bad.toml", format!("[database]\npassword = {MARKER}\n"));
    world.write("bad.env", format!("DATABASE_PASSWORD='{MARKER}\n{MARKER}\n"));
    let commands: &[&[&str]] = &[
        &["set", "-v", "database.password", "--from-file", "new.env"],
        &["set", "-v", "database.port", "--from-file", "new.env"],
        &["set", "-n", "database.password", "--from-file", "page.md"],
        &["list"],
        &["list", "--json"],
        &["check"],
        &["check", "--explain"],
        &["check", "--json"],
        &["import", "-n", "new.env"],
        &["import", "-n", "--undeclared", "--replace", "new.env"],
        &["import", "-n", "--json", "new.env"],
        &["import", "--yes", "--replace", "page.md"],
        &["import", "--yes", "bad.json"],
        &["import", "--yes", "bad.toml"],
        &["import", "--yes", "bad.env"],
        &["render", "-v"],
        &["render", "-n"],
        &["render", "--json"],
        &["export", "--format", "json", "--to", "out.json"],
        &["generate", "-v", "database.password"],
        &["edit", "-v"],
        &["recipients", "list", "-v"],
        &["recipients", "add", "--yes", "new.env"],
        &["recipients", "add", "--yes", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
        &["recipients", "remove", "--yes", "-v", "age1ql3z7hjy5"],
        &["recipients", "waive", "database.password", "--because", "made up"],
        &["rekey", "-v"],
        &["rm", "-n", "database.password"],
        &["rm", "--yes", "database.password"],
    ];
    for command in commands {
        silent(&world.run(command).env("LUCA_SECRETS_EDITOR", "true").done());
    }
}

#[test]
fn a_mistake_in_the_editor_is_shown_without_its_line() {
    let world = world();
    let path = world.home().join("editor");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit\nfor file; do :; done\ngrep -q '^x$' \"$file\" && exit 1\nprintf '[secrets.database]\\npassword = {MARKER}\\nx\\n' > \"$file\"\n"
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    // The second time it gives up.
    let done = world.run(&["edit"]).env("LUCA_SECRETS_EDITOR", &path).done();
    assert_eq!(done.code, 1);
    silent(&done);
}

#[test]
fn a_template_that_fails_does_not_show_what_it_was_given() {
    let world = world();
    let more = "[env-file.x]\npath = \"x\"\n[env-file.x.variables]\nX = \"{{ database.password|int }}\"\n";
    world.write("schemas/schema.toml", format!("{SCHEMA}{more}"));
    for command in [&["render"][..], &["check"], &["export", "x", "--format", "json"]] {
        let done = world.run(command).done();
        assert!(done.code != 0);
        silent(&done);
    }
}

#[test]
fn a_value_goes_out_where_it_was_asked_for() {
    let world = world();
    for command in [
        &["get", "database.password"][..],
        &["get", "--json", "database.password"],
        &["render", "django", "-"],
        &["export", "--format", "toml"],
    ] {
        let done = world.run(command).success();
        assert!(done.stdout.contains(MARKER) && !done.stderr.contains(MARKER), "{command:?}");
    }
}

#[test]
fn only_what_was_rendered_holds_plain_text_on_the_disk() {
    let world = world();
    world.run(&["render", "-q"]).success();
    world.run(&["edit", "-q"]).env("LUCA_SECRETS_EDITOR", "true").success();
    let plain: Vec<PathBuf> = snapshot(world.root())
        .into_iter()
        .filter(|(_, (_, content))| {
            let content = content.as_deref().unwrap_or_default();
            content.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(plain.len(), 1, "{plain:?}");
    assert_eq!(world.mode(".envs/.production/.django"), 0o600);
}
