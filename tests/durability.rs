//! Every command that writes, with a failure and a kill at every one of its effects: the store is old or new, never
//! half, never gone.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use luca_secrets::sys::Operation;
use sha2::{Digest, Sha256};

use crate::faults::{Nth, Recorder, is_killed, killed, leftovers, snapshot};
use crate::harness::{Run, World, executable};

/// A command that writes, and what tells that it has.
struct Case {
    name: &'static str,
    prepare: fn(&World),
    run: for<'w> fn(&'w World) -> Run<'w>,
    /// Whether this is what [`state`] says of the store after the command.
    is_new: fn(&str) -> bool,
    /// The files it writes beside the store.
    outputs: &'static [&'static str],
}

const PAGE: &str = "# Database\n\n- Password: `battery staple correct horse`\n- Port: `6432`\n";

fn nothing(_: &World) {}

/// A port that has an earlier value.
fn another_port(world: &World) {
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
}

/// An editor that changes the port.
fn editor(world: &World) {
    let path = world.home().join("editor");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && exit\nfor file; do :; done\nexec /bin/sed -i s/5432/6432/ \"$file\"\n";
    executable(&path, script);
}

/// Somebody who is to come and go.
const ANNA: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn with_anna(world: &World) {
    world.run(&["recipients", "add", "-q", "--yes", ANNA]).success();
}

const CASES: &[Case] = &[
    Case {
        name: "recipients-add",
        prepare: nothing,
        run: |world| world.run(&["recipients", "add", "-q", "--yes", ANNA]),
        is_new: |state| state.contains(ANNA),
        outputs: &[],
    },
    Case {
        name: "recipients-remove",
        prepare: with_anna,
        run: |world| world.run(&["recipients", "remove", "-q", "--yes", ANNA]),
        is_new: |state| !state.contains(ANNA) && state.contains("[exposed]\n\"database.password\" = "),
        outputs: &[],
    },
    Case {
        name: "rekey",
        prepare: nothing,
        run: |world| world.run(&["rekey", "-q"]),
        is_new: |state| state.contains("generation = 4\n"),
        outputs: &[],
    },
    Case {
        name: "set-new",
        prepare: nothing,
        run: |world| world.run(&["set", "-q", "sentry.dsn"]).stdin("https://a@sentry.example.com/1"),
        is_new: |json| json.contains("sentry"),
        outputs: &[],
    },
    Case {
        name: "set-replace",
        prepare: nothing,
        run: |world| world.run(&["set", "-q", "database.port"]).stdin("6432"),
        is_new: |json| json.contains("6432"),
        outputs: &[],
    },
    Case {
        name: "rm",
        prepare: nothing,
        run: |world| world.run(&["rm", "-q", "--yes", "database.port"]),
        is_new: |json| !json.contains("port"),
        outputs: &[],
    },
    Case {
        name: "rollback",
        prepare: another_port,
        run: |world| world.run(&["rollback", "-q", "database.port"]),
        is_new: |json| json.contains("5432"),
        outputs: &[],
    },
    Case {
        name: "forget",
        prepare: another_port,
        run: |world| world.run(&["history", "-q", "--yes", "--forget", "database.port"]),
        is_new: |document| !document.contains("[history]"),
        outputs: &[],
    },
    Case {
        name: "generate",
        prepare: nothing,
        run: |world| world.run(&["generate", "-q", "--replace", "database.password"]),
        is_new: |json| json.contains("password") && !json.contains("correct horse"),
        outputs: &[],
    },
    Case {
        name: "import",
        prepare: |world| world.write("page.md", PAGE),
        run: |world| world.run(&["import", "-q", "--yes", "--replace", "--redact", "page.md"]),
        is_new: |json| json.contains("battery staple correct horse") && json.contains("6432"),
        outputs: &["page.md"],
    },
    Case {
        name: "render",
        prepare: nothing,
        run: |world| world.run(&["render", "-q"]),
        is_new: |_| false,
        outputs: &[".envs/.production/.django"],
    },
    Case {
        name: "render-again",
        prepare: |world| {
            world.run(&["render", "-q"]).success();
            world.run(&["set", "-q", "database.port"]).stdin("6432").success();
        },
        run: |world| world.run(&["render", "-q"]),
        is_new: |_| false,
        outputs: &[".envs/.production/.django"],
    },
    Case {
        name: "export",
        prepare: nothing,
        run: |world| world.run(&["export", "-q", "--format", "json", "--to", "out.json"]),
        is_new: |_| false,
        outputs: &["out.json"],
    },
    Case {
        name: "edit",
        prepare: editor,
        run: |world| world.run(&["edit", "-q"]).env("LUCA_SECRETS_EDITOR", world.home().join("editor")),
        is_new: |json| json.contains("6432"),
        outputs: &[],
    },
];

fn full() -> io::Result<()> {
    Err(io::ErrorKind::StorageFull.into())
}

fn prepared(case: &Case) -> World {
    let world = World::filled();
    (case.prepare)(&world);
    world
}

fn export(world: &World) -> String {
    world.run(&["export", "--format", "json"]).success().stdout
}

/// The cases that leave every secret alone and change what stands around them.
const AROUND: [&str; 4] = ["recipients-add", "recipients-remove", "rekey", "forget"];

/// What a case may change of the store: the secrets, or the whole of the document, once every reader in it was seen to
/// have a place in the file's header and nobody else.
fn state(world: &World, case: &Case) -> String {
    if !AROUND.contains(&case.name) {
        return export(world);
    }
    let sealed = world.store_bytes();
    let document = crate::faults::unseal(&sealed);
    assert_eq!(stanzas(&sealed), document.matches("[[recipients]]").count(), "{}", case.name);
    document
}

/// The readers that the file's header has a place for; all of them have X25519 keys here.
fn stanzas(sealed: &[u8]) -> usize {
    let mut plain = Vec::new();
    age::armor::ArmoredReader::new(sealed).read_to_end(&mut plain).unwrap();
    String::from_utf8_lossy(&plain).lines().filter(|line| line.starts_with("-> X25519 ")).count()
}

/// The secrets and their versions, of a whole document.
fn secrets(document: &str) -> &str {
    let start = document.find("[secrets]").unwrap();
    let end = ["[history]", "[exposed]"].iter().filter_map(|table| document.find(table)).min();
    document[start..end.unwrap_or(document.len())].trim_end()
}

fn contents(world: &World, case: &Case) -> Vec<Option<Vec<u8>>> {
    case.outputs.iter().map(|output| std::fs::read(world.path(output)).ok()).collect()
}

/// The folders of editors' files about this world's store.
fn scratches(world: &World) -> Vec<PathBuf> {
    let digest = Sha256::digest(world.path("secrets.enc").as_os_str().as_encoded_bytes());
    let digest: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let Ok(entries) = std::fs::read_dir("/dev/shm") else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(&digest))
        .collect()
}

/// After a fault: the store and every other output are as before or as after.
#[track_caller]
fn assert_old_or_new(world: &World, case: &Case, old: &str, seen: &mut BTreeSet<Vec<Option<Vec<u8>>>>) {
    let now = state(world, case);
    let is_new = (case.is_new)(&now);
    if AROUND.contains(&case.name) {
        assert_eq!(secrets(&now), secrets(old), "{}", case.name);
    }
    assert!(now == old || is_new, "{}: neither old nor new:\n{now}", case.name);
    if case.name == "import" && !world.read("page.md").contains("battery") {
        assert!(is_new, "the page lost what the store has not got");
    }
    seen.insert(contents(world, case));
}

#[test]
fn a_failure_at_any_effect_leaves_the_old_or_the_new() {
    for case in CASES {
        let mut seen = BTreeSet::new();
        let before = contents(&prepared(case), case);
        for at in 1.. {
            let world = prepared(case);
            let old = state(&world, case);
            assert!(!(case.is_new)(&old), "{}: tells nothing", case.name);
            let gate = Arc::new(Nth::new(at, full));
            let done = (case.run)(&world).gate(gate.clone()).done();
            assert_old_or_new(&world, case, &old, &mut seen);
            assert_eq!(leftovers(&world), Vec::<PathBuf>::new(), "{} {at}", case.name);
            assert_eq!(scratches(&world), Vec::<PathBuf>::new(), "{} {at}", case.name);
            if gate.count() < at {
                assert_eq!(done.code, 0, "{} {at}: {}", case.name, done.stderr);
                let after = contents(&world, case);
                seen.remove(&after);
                seen.remove(&before);
                assert!(seen.is_empty(), "{}: half a file", case.name);
                assert!(at > 5, "{}: {at} effects", case.name);
                break;
            }
            if done.code == 0 {
                // What only tidies up may fail without a word: the next run does it. A store that could not be noted
                // as known is noted by the next run.
                let is_noted = !done.stderr.contains("no storage space; the store was not noted as known\n");
                assert!(
                    (case.name == "edit" || !is_noted) && (case.is_new)(&state(&world, case)),
                    "{} {at}",
                    case.name
                );
            } else {
                assert_eq!(done.code, 1, "{} {at}", case.name);
                let file = case.outputs.last().map_or("secrets.enc", |path| path.rsplit('/').next().unwrap());
                let names_file = done.stderr.contains(file)
                    || done.stderr.contains("secrets.enc")
                    || done.stderr.contains(".envs")
                    || (case.name == "edit" && done.stderr.contains('/'));
                assert!(names_file && done.stderr.contains("no storage space"), "{at} {}", done.stderr);
            }
        }
    }
}

#[test]
fn a_failed_init_can_be_repeated() {
    for at in 1.. {
        let world = World::empty();
        let gate = Arc::new(Nth::new(at, full));
        let done = world.run(&["init", "-q"]).gate(gate.clone()).done();
        assert_eq!(leftovers(&world), Vec::<PathBuf>::new(), "{at}");
        if gate.count() < at {
            assert_eq!((done.code, done.stderr.as_str()), (0, ""));
            assert!(at > 15, "{at} effects");
            break;
        }
        if done.code == 0 {
            let warning = "no storage space; the store was not noted as known\n";
            assert!(done.stderr.starts_with("warn: ") && done.stderr.ends_with(warning), "{}", done.stderr);
        } else {
            assert_eq!(done.code, 1, "{at}");
            assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
        }
        repeat_init(&world);
    }
}

/// `init` once more: what is there is kept, the rest is made.
fn repeat_init(world: &World) {
    let before = snapshot(world.root());
    if !world.path("secrets.enc").exists() {
        world.run(&["init", "-q"]).success();
    }
    let after = snapshot(world.root());
    for (path, found) in &before {
        // The identity that is there gets a line for the store that there is now.
        let is_longer = || match (&found.1, &after[path].1) {
            (Some(before), Some(after)) => {
                after.ends_with(before) && after.starts_with(b"# luca-secrets store: ")
            }
            _ => false,
        };
        assert!(
            path.to_string_lossy().ends_with(".tmp") || after.get(path) == Some(found) || is_longer(),
            "{}",
            path.display()
        );
    }
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    world.run(&["get", "database.port"]).gives(0, "5432", "");
}

/// Runs a case in a process of its own that is killed at an effect. Whether it was.
fn kill_at(world: &World, name: &str, at: usize) -> bool {
    let at = at.to_string();
    is_killed(
        "durability::child",
        [
            ("LUCA_TEST_CASE", name.as_ref()),
            ("LUCA_TEST_ROOT", world.root().as_ref()),
            ("LUCA_TEST_AT", at.as_ref()),
        ],
    )
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn child() {
    let Some(name) = std::env::var_os("LUCA_TEST_CASE") else { return };
    let world = World::at(Path::new(&std::env::var_os("LUCA_TEST_ROOT").unwrap()));
    let at = std::env::var("LUCA_TEST_AT").unwrap().parse().unwrap();
    let gate = Arc::new(Nth::new(at, killed));
    let done = match CASES.iter().find(|case| name == case.name) {
        Some(case) => (case.run)(&world).gate(gate).done(),
        None => world.run(&["init", "-q"]).gate(gate).done(),
    };
    assert_eq!(done.code, 0, "{}", done.stderr);
}

#[test]
fn a_kill_at_any_effect_leaves_the_old_or_the_new_and_blocks_nobody() {
    for case in CASES {
        let mut seen = BTreeSet::new();
        let before = contents(&prepared(case), case);
        for at in 1.. {
            let world = prepared(case);
            let old = state(&world, case);
            assert!(!(case.is_new)(&old), "{}: tells nothing", case.name);
            let killed = kill_at(&world, case.name, at);
            assert_old_or_new(&world, case, &old, &mut seen);
            for leftover in leftovers(&world) {
                let mode = std::fs::metadata(&leftover).unwrap().permissions().mode();
                assert_eq!(
                    mode & 0o077,
                    if case.name == "import" { mode & 0o044 } else { 0 },
                    "{}",
                    case.name
                );
            }
            let after = contents(&world, case);
            world.run(&["set", "-q", "sentry.dsn"]).stdin("https://b@sentry.example.com/2").success();
            world.run(&["get", "sentry.dsn"]).gives(0, "https://b@sentry.example.com/2", "");
            if !["rm", "edit", "recipients-remove"].contains(&case.name) {
                (case.run)(&world).success();
            }
            let abandoned = leftovers(&world);
            assert!(abandoned.is_empty(), "{} {at}: {abandoned:?}", case.name);
            for scratch in scratches(&world) {
                assert_eq!(std::fs::metadata(&scratch).unwrap().permissions().mode() & 0o077, 0);
                std::fs::remove_dir_all(scratch).unwrap();
            }
            if !killed {
                seen.remove(&after);
                seen.remove(&before);
                assert!(seen.is_empty(), "{}: half a file", case.name);
                assert!(at > 5, "{}: {at} effects", case.name);
                break;
            }
        }
    }
}

#[test]
fn a_killed_init_can_be_repeated() {
    for at in 1.. {
        let world = World::empty();
        let killed = kill_at(&world, "init", at);
        repeat_init(&world);
        if !killed {
            assert!(at > 15, "{at} effects");
            break;
        }
    }
}

#[test]
fn what_replaces_the_store_is_on_the_disk_before_it_takes_its_place() {
    let world = World::filled();
    let gate = Arc::new(Recorder::default());
    world.run(&["set", "-q", "database.port"]).stdin("6432").gate(gate.clone()).success();
    let operations = [
        Operation::CreateTemporary,
        Operation::Write,
        Operation::SyncFile,
        Operation::Rename,
        Operation::SyncFolder,
    ];
    let of_store = operations.map(|operation| (operation, "secrets.enc".to_owned()));
    assert_eq!(gate.seen()[..operations.len()], of_store);
    // What is remembered of the store comes after it, and an older memory after a crash does no harm.
    let pin: Vec<Operation> =
        gate.seen()[operations.len()..].iter().map(|(operation, _)| *operation).collect();
    assert_eq!(pin, operations[..4]);
}

#[test]
fn only_leftovers_of_the_dead_are_swept() {
    let world = World::filled();
    // No process has a number beyond the kernel's limit of 2^22.
    let swept = [".secrets.enc.4194305.tmp", ".secrets.enc.4194305-2.tmp"];
    let kept = [
        ".secrets.enc.1.tmp",
        ".secrets.enc.tmp",
        ".secrets.enc.x.tmp",
        ".other.4194305.tmp",
        "secrets.enc.4194305.tmp",
    ];
    for name in swept.iter().chain(&kept) {
        world.write(name, "half");
    }
    // In another container the owner may be alive: then it holds the file's lock.
    world.write(".secrets.enc.4194306.tmp", "half");
    let locked = std::fs::File::open(world.path(".secrets.enc.4194306.tmp")).unwrap();
    rustix::fs::flock(&locked, rustix::fs::FlockOperation::LockExclusive).unwrap();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    assert!(swept.iter().all(|name| !world.path(name).exists()));
    assert!(kept.iter().all(|name| world.path(name).exists()));
    assert!(world.path(".secrets.enc.4194306.tmp").exists());
}

#[test]
fn a_foreign_file_of_the_same_process_number_is_left_alone() {
    let world = World::filled();
    let name = format!(".secrets.enc.{}.tmp", std::process::id());
    world.write(&name, "half");
    let locked = std::fs::File::open(world.path(&name)).unwrap();
    rustix::fs::flock(&locked, rustix::fs::FlockOperation::LockExclusive).unwrap();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    assert_eq!(world.read(&name), "half");
    drop(locked);
    world.run(&["set", "-q", "database.port"]).stdin("7432").success();
    assert_eq!(leftovers(&world), Vec::<PathBuf>::new());
}
