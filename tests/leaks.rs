//! A marker value pushed through every command: it shows where it was asked for, and nowhere else.

use std::path::PathBuf;

use crate::faults::{MARKER, header, snapshot, store_with};
use crate::harness::{Done, IDENTITY, SCHEMA, World, executable};

fn world() -> World {
    let world = World::new();
    world.run(&["set", "-q", "database.password"]).stdin(MARKER).success();
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    world
}

/// One that gets every write, and one that cannot be reached.
fn with_a_place_for_backups(world: &World) {
    std::fs::create_dir(world.path("backups")).unwrap();
    let place = |name: &str, path: &str| {
        format!("[backup.{name}]\nkind = \"folder\"\npath = \"{path}\"\nevery-write = true\n")
    };
    world.write("schemas/backup.toml", place("here", "backups") + &place("gone", "not-there"));
}

#[track_caller]
fn silent(done: &Done) {
    assert!(!done.stdout.contains(MARKER) && !done.stderr.contains(MARKER), "{}{}", done.stdout, done.stderr);
}

#[test]
fn no_command_shows_a_value_unasked() {
    let world = world();
    with_a_place_for_backups(&world);
    world.write("new.env", format!("DATABASE_PASSWORD={MARKER}2\nDATABASE_PORT={MARKER}\n"));
    world.write(
        "page.md",
        format!("# Database\n\n- Password: {MARKER}2\n- Port: {MARKER}\n- Other: {MARKER}\n"),
    );
    world.write("other.txt", "battery staple horse");
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
        &["set", "-q", "database.password", "--from-file", "other.txt"],
        &["history", "-v"],
        &["history", "-v", "database.password"],
        &["history", "--json", "database.password"],
        &["history", "-v", "--show", "--to", "database.password"],
        &["rollback", "-n", "database.password", "--to", "2"],
        &["rollback", "-v", "database.password"],
        &["rollback", "-v", "database.password", "--to", "99"],
        &["history", "-v", "--forget", "database.password"],
        &["history", "-n", "--forget", "database.password"],
        &["recipients", "list", "-v"],
        &["recipients", "add", "--yes", "new.env"],
        &["recipients", "add", "--yes", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
        &["recipients", "remove", "--yes", "-v", "age1ql3z7hjy5"],
        &["recipients", "waive", "database.password", "--because", "made up"],
        &["rekey", "-v"],
        &["backup", "create", "-v"],
        &["backup", "list", "-v", "--json"],
        &["rm", "-n", "database.password"],
        &["rm", "--yes", "database.password"],
        &["backup", "restore", "-n", "-v"],
        &["backup", "restore", "--yes", "-v"],
        &["backup", "verify", "--all", "-v"],
        &["backup", "prune", "--yes", "-v"],
        &["rollback", "database.password"],
        &["history", "-v", "--yes", "--forget", "database.password"],
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
    executable(&path, script);
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
        &["history", "--show", "database.password"],
        &["history", "--show", "--json", "database.password"],
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
    with_a_place_for_backups(&world);
    let done = world.run(&["backup", "create", "-q"]).done();
    assert_eq!(done.code, 1, "{}", done.stderr);
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

/// Every command without subcommands, the hidden ones too, with the words that lead to it.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    let mut found = Vec::new();
    let mut open = vec![(Vec::new(), luca_secrets::cli::command_line())];
    while let Some((path, command)) = open.pop() {
        if command.has_subcommands() {
            for inner in command.get_subcommands() {
                let path = path.iter().cloned().chain([inner.get_name().to_owned()]).collect();
                open.push((path, inner.clone()));
            }
        } else {
            found.push((path, command));
        }
    }
    found
}

/// A value for an argument that is not wrong in itself.
fn usual(argument: &clap::Arg) -> String {
    let named = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let possible = argument.get_possible_values();
    match (possible.first(), named, argument.get_id().as_str()) {
        (Some(value), ..) => value.get_name().to_owned(),
        (None, "NAME", _) => "database.password".to_owned(),
        (None, "REVISION", _) => "HEAD".to_owned(),
        (None, "NUMBER" | "SECONDS", _) => "1".to_owned(),
        (None, "DIALECT", _) => "sh".to_owned(),
        // One that exists would take the place of the test.
        (None, "COMMAND", _) => "/nonexistent/program".to_owned(),
        (None, ..) => "input.json".to_owned(),
    }
}

/// Ways to call a command: as its author meant it; with each argument that takes a value having the marker for one,
/// but for files and programs, whose names are told; and with the marker where nothing is expected.
fn calls(path: &[String], command: &clap::Command) -> Vec<Vec<String>> {
    let told = ["FILE", "FOLDER", "COMMAND", "BASE", "OURS", "THEIRS", "PATH"];
    let required: Vec<&clap::Arg> = command.get_arguments().filter(|arg| arg.is_required_set()).collect();
    let call = |wrong: Option<&clap::Arg>| {
        let mut words = path.to_vec();
        let optional = wrong.filter(|wrong| !wrong.is_required_set());
        for argument in required.iter().copied().chain(optional) {
            words.extend(argument.get_long().map(|long| format!("--{long}")));
            let is_wrong = wrong.is_some_and(|wrong| wrong.get_id() == argument.get_id());
            words.push(if is_wrong { MARKER.to_owned() } else { usual(argument) });
        }
        words
    };
    let mut calls = vec![call(None)];
    for argument in command.get_arguments() {
        let named =
            argument.get_value_names().and_then(|names| names.first()).map(|name| name.to_uppercase());
        if argument.get_action().takes_values() && !told.contains(&named.unwrap_or_default().as_str()) {
            calls.push(call(Some(argument)));
        } else if let Some(long) = argument.get_long().filter(|_| !argument.get_action().takes_values()) {
            calls.push([call(None), vec![format!("--{long}={MARKER}")]].concat());
        }
    }
    calls.push([path, &[format!("--{MARKER}")]].concat());
    if !command
        .get_arguments()
        .any(|argument| told.contains(&argument.get_id().as_str().to_uppercase().as_str()))
    {
        let surplus = vec![MARKER.to_owned(); command.get_positionals().count() + 1];
        calls.push([path, surplus.as_slice()].concat());
    }
    calls
}

fn secrets(password: &str) -> String {
    format!("[secrets]\n[secrets.database]\npassword = {password}\nport = \"{MARKER}\"\n")
}

fn write_identity(world: &World, text: &str) {
    std::fs::write(world.home().join(".config/luca-secrets/identity.txt"), text).unwrap();
}

/// Makes something wrong that has the marker in it.
type Damage = fn(&World);

const DAMAGES: &[(&str, Damage)] = &[
    ("a value against the schema", |world| store_with(world, &secrets(&format!("\"{MARKER}\"")))),
    ("a value without quotes", |world| store_with(world, &secrets(MARKER))),
    ("a quote that is not closed", |world| store_with(world, &secrets(&format!("\"{MARKER}")))),
    ("a name that is none", |world| {
        store_with(world, &format!("[secrets.{MARKER}]\n\"{MARKER} x\" = \"{MARKER}\"\n"));
    }),
    ("a store that is not encrypted", |world| {
        world.write("secrets.enc", format!("{}{}", header(), secrets(MARKER)));
    }),
    ("a store that git has marked", |world| world.write("secrets.enc", format!("<<<<<<< ours\n{MARKER}\n"))),
    ("an identity that is none", |world| write_identity(world, &format!("{MARKER}\n"))),
    ("an identity beside a value", |world| write_identity(world, &format!("{IDENTITY}\nx={MARKER}"))),
];

#[test]
fn no_command_of_the_whole_tree_quotes_a_wrong_input() {
    let commands = commands();
    assert!(commands.len() >= 20 && commands.iter().any(|(path, _)| *path == ["git", "textconv"]));
    let may_show = |path: &[String]| ["get", "export", "render"].contains(&path[0].as_str());
    let mut shown = 0;
    for (name, damage) in DAMAGES {
        let world = world();
        for (path, command) in &commands {
            for call in calls(path, command) {
                let call: Vec<&str> = call.iter().map(String::as_str).collect();
                world.write("input.json", format!("{{\"database\": {{\"password\": \"{MARKER}\"\n{MARKER}"));
                damage(&world);
                let run = world.run(&call).stdin(format!("{MARKER}\n\0{MARKER}"));
                let done = run.env("LUCA_SECRETS_EDITOR", "false").done();
                assert!(!done.stderr.contains(MARKER), "{name}: {call:?}: {}", done.stderr);
                if done.stdout.contains(MARKER) {
                    assert!(done.code == 0 && may_show(path), "{name}: {call:?}: {}", done.stdout);
                    shown += 1;
                }
            }
        }
    }
    // The marker is where it should be: what is allowed to show it does.
    assert!(shown > 0);
}
