//! Forged, swapped and older stores, on machines that know the right one and on machines that do not.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use age::armor::Format;
use luca_secrets::store::StorePrint;

use crate::faults::{MARKER, Nth, header, refused, seal, unseal, whole_snapshot};
use crate::harness::{IDENTITY, World, executable};

/// The fingerprint of the store that [`forged`] makes.
const FORGED: &str = "dad86e473544b0634497364f3c9750fc";

const WAY_OUT: &str =
    "hint: to see what differs and to accept it all the same: `luca-secrets list --accept-store`\n";

const FORGED_ERROR: &str = "error: secrets.enc: forged or made anew: not the store that was known here, whose id only its readers know\n";

/// A store sealed for the right reader by somebody who does not know the id.
fn forged() -> Vec<u8> {
    let secrets =
        format!("[secrets.database]\npassword = \"{MARKER}\"\n[secrets.evil]\nname = \"{MARKER}\"\n");
    seal(
        format!("{}{secrets}", header().replace("\"tester\"\n\n", "\"e\\u001b[2Jve\"\n\n")).as_bytes(),
        Format::AsciiArmor,
    )
}

/// The fingerprint of the world's store.
pub fn print(world: &World) -> String {
    let text = unseal(&world.store_bytes());
    let id = text.split("id = \"").nth(1).unwrap().split('"').next().unwrap();
    StorePrint::of(id).to_string()
}

fn set(world: &World, name: &str, value: &str) {
    world.run(&["set", "-q", name]).stdin(value).success();
}

fn git(world: &World, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=tester", "-c", "user.email=tester@example.com"])
        .args(arguments)
        .current_dir(world.folder())
        .env("HOME", world.home())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_EDITOR", "true")
        .env(
            "PATH",
            format!(
                "{}:/usr/local/bin:/usr/bin:/bin",
                PathBuf::from(crate::harness::PROGRAM).parent().unwrap().display()
            ),
        )
        .output()
        .unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A world in git, its store committed on `main` at generation 3.
fn in_git() -> World {
    let world = World::filled();
    git(&world, &["init", "-q", "-b", "main"]);
    commit(&world);
    world
}

fn commit(world: &World) {
    git(world, &["add", "-A"]);
    git(world, &["commit", "-q", "-m", "a commit"]);
}

#[test]
fn no_command_takes_a_forged_store() {
    let world = World::filled();
    world.run(&["render", "-q"]).success();
    world.write("secrets.enc", forged());
    let before = whole_snapshot(world.root());
    for command in [
        &["list"][..],
        &["check"],
        &["get", "database.password"],
        &["render"],
        &["render", "-n"],
        &["export", "--format", "json"],
        &["run", "--", "true"],
        &["generate", "--missing"],
        &["rm", "--yes", "evil.name"],
        &["edit"],
        &["merge"],
        &["merge", "--ours"],
    ] {
        let done = refused(&world, |world| world.run(command).env("LUCA_SECRETS_EDITOR", "true").done());
        let expected = (4, String::new(), format!("{FORGED_ERROR}{WAY_OUT}"));
        assert_eq!((done.code, done.stdout, done.stderr), expected, "{command:?}");
    }
    let done = refused(&world, |world| world.run(&["set", "database.port"]).stdin("1").done());
    assert_eq!((done.code, done.stderr), (4, format!("{FORGED_ERROR}{WAY_OUT}")));
    assert!(whole_snapshot(world.root()) == before, "something was remembered");
}

#[test]
fn a_large_schema_does_not_open_a_forged_store() {
    let world = World::filled();
    let filler: String =
        (0..3000).map(|number| format!("[secrets.x.k{number}]\nrequired = false\n")).collect();
    world.write("schemas/filler.toml", filler);
    world.run(&["render", "-q"]).success();
    world.write("secrets.enc", forged());
    world.run(&["render"]).gives(4, "", &format!("{FORGED_ERROR}{WAY_OUT}"));
}

#[test]
fn a_person_can_accept_a_store_after_seeing_what_differs() {
    let world = World::filled();
    let (right, known) = (world.store_bytes(), print(&world));
    world.write("secrets.enc", forged());
    let shown = format!(
        "{}known  fingerprint {known}, generation 3, written 2026-11-23T12:00:00Z by tester@[host]\n\
         here   fingerprint {FORGED}, generation 7, written 2026-11-23T12:00:00Z by e[2Jve\n\
         names that were not known: evil.name\n\
         known names that are missing: 1 of 2\n",
        FORGED_ERROR.replace("error: ", "warn: ")
    );
    world.run(&["list", "--accept-store"]).gives(
        4,
        "",
        &format!(
            "{shown}error: a person would have to accept the store, and nobody is there to ask\n\
             hint: to accept this one store without being asked: --accept-store={FORGED}\n"
        ),
    );
    world.run(&["list", "--accept-store"]).answers(&["n"]).gives(
        4,
        "",
        &format!("{shown}error: the store was not accepted\n"),
    );
    world.run(&["list"]).gives(4, "", &format!("{FORGED_ERROR}{WAY_OUT}"));
    // For one store and no other.
    world.run(&["list", &format!("--accept-store={known}")]).gives(
        4,
        "",
        &format!("error: secrets.enc: its fingerprint is {FORGED}, another than --accept-store says\n"),
    );
    let get = ["get", "evil.name", "--accept-store"];
    world.run(&get).answers(&["y"]).gives(0, MARKER, &format!("{shown}ok: accepted secrets.enc\n"));
    world.run(&["get", "evil.name"]).gives(0, MARKER, "");
    set(&world, "database.port", "5432");
    // Now the other one is foreign.
    world.write("secrets.enc", right);
    world.run(&["list"]).gives(4, "", &format!("{FORGED_ERROR}{WAY_OUT}"));
    let unasked = format!("--accept-store={known}");
    world.run(&["get", "database.port", "-q", &unasked]).gives(
        0,
        "5432",
        &FORGED_ERROR.replace("error: ", "warn: "),
    );
    world.run(&["get", "database.port", &unasked]).gives(0, "5432", "");
}

#[test]
fn a_store_from_another_place_is_named() {
    let world = World::filled();
    world.write("other/schemas/schema.toml", "[secrets.a.b]\n");
    world.run(&["init", "-q", "--store", "other/secrets.enc"]).success();
    let other = std::fs::read(world.path("other/secrets.enc")).unwrap();
    world.write("secrets.enc", other);
    world.run(&["list"]).gives(
        4,
        "",
        &format!("error: secrets.enc: swapped: this is the store of other/secrets.enc\n{WAY_OUT}"),
    );
}

#[test]
fn a_restored_copy_is_refused() {
    let world = World::filled();
    let copy = world.store_bytes();
    set(&world, "database.port", "6432");
    world.write("secrets.enc", &copy);
    let older = "secrets.enc: older: generation 3, and generation 4 was seen here\n";
    world.run(&["get", "database.port"]).gives(
        4,
        "",
        &format!(
            "error: {older}hint: what was rotated or taken away since then is back in it; take the newest one from git\n{WAY_OUT}"
        ),
    );
    let (print, by) = (print(&world), "written 2026-11-23T12:00:00Z by tester@[host]");
    world.run(&["get", "database.port", "--accept-store"]).answers(&["yes"]).gives(
        0,
        "5432",
        &format!(
            "warn: {older}known  fingerprint {print}, generation 4, {by}\nhere   fingerprint {print}, generation 3, {by}\n\
             the names are the same: 2 secrets\nok: accepted secrets.enc\n"
        ),
    );
    // It counts on from there.
    set(&world, "database.port", "7432");
    world.run(&["get", "database.port"]).gives(0, "7432", "");
}

#[test]
fn a_copy_restored_while_an_editor_is_open_is_not_written_over() {
    let world = World::filled();
    std::fs::write(world.home().join("copy"), world.store_bytes()).unwrap();
    set(&world, "database.port", "6432");
    let editor = world.home().join("editor");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit\nfor file; do :; done\ncp {0}/copy {1}/secrets.enc\nsed -i s/correct/other/ \"$file\"\n",
        world.home().display(),
        world.folder().display()
    );
    executable(&editor, script);
    let done = world.run(&["edit"]).env("LUCA_SECRETS_EDITOR", &editor).done();
    assert_eq!(done.code, 5, "{}", done.stderr);
    let expected = "error: secrets.enc: replaced by an older store meanwhile, generation 3\n";
    assert!(done.stderr.contains(expected), "{}", done.stderr);
    assert!(world.store_bytes() == std::fs::read(world.home().join("copy")).unwrap());
}

#[test]
fn a_commit_of_earlier_is_refused_and_a_branch_is_not() {
    let world = in_git();
    set(&world, "database.port", "6432");
    commit(&world);
    // A branch from here, further on by itself, and back: nothing to say.
    git(&world, &["switch", "-q", "-c", "side"]);
    world.run(&["get", "database.port"]).gives(0, "6432", "");
    set(&world, "database.port", "7432");
    commit(&world);
    git(&world, &["switch", "-q", "main"]);
    world.run(&["get", "database.port"]).gives(0, "6432", "");
    git(&world, &["switch", "-q", "side"]);
    world.run(&["get", "database.port"]).gives(0, "7432", "");
    // At no branch, the newest that was seen counts, but where a branch is one may look.
    git(&world, &["switch", "-q", "--detach", "main"]);
    world.run(&["get", "database.port"]).gives(0, "6432", "");
    git(&world, &["switch", "-q", "--detach", "main~1"]);
    let hint =
        "hint: what was rotated or taken away since then is back in it; take the newest one from git\n";
    world.run(&["get", "database.port"]).gives(
        4,
        "",
        &format!("error: secrets.enc: older: generation 3, and generation 5 was seen here\n{hint}{WAY_OUT}"),
    );
    // A branch that goes back is refused.
    git(&world, &["switch", "-q", "main"]);
    git(&world, &["reset", "-q", "--hard", "HEAD~1"]);
    world.run(&["get", "database.port"]).gives(
        4,
        "",
        &format!(
            "error: secrets.enc: older: generation 3, and generation 4 was seen here, on main\n{hint}{WAY_OUT}"
        ),
    );
    // An old branch that was never seen is told once.
    git(&world, &["switch", "-q", "-c", "old"]);
    world.run(&["get", "database.port"]).gives(
        0,
        "5432",
        "warn: secrets.enc: generation 3, and generation 5 was seen in secrets.enc on side\n",
    );
    world.run(&["get", "database.port"]).gives(0, "5432", "");
    // And merging is the way forward.
    git(&world, &["switch", "-q", "main"]);
    git(&world, &["merge", "-q", "side"]);
    world.run(&["get", "database.port"]).gives(0, "7432", "");
}

#[test]
fn a_rebase_that_stops_half_way_can_be_settled() {
    let world = in_git();
    assert!(world.spawn(&["git", "setup", "-q"]).status().unwrap().success());
    commit(&world);
    git(&world, &["switch", "-q", "-c", "side"]);
    set(&world, "database.port", "6432");
    commit(&world);
    for number in 0..5 {
        set(&world, "database.password", &format!("the battery number {number}"));
        commit(&world);
    }
    git(&world, &["switch", "-q", "main"]);
    set(&world, "database.port", "7432");
    commit(&world);
    git(&world, &["switch", "-q", "side"]);
    let stopped = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "rebase", "-q", "main"])
        .current_dir(world.folder())
        .env("HOME", world.home())
        .output()
        .unwrap();
    assert!(!stopped.status.success());
    // The store is at generation 5 here, and 9 was seen on the branch.
    world.run(&["merge", "-q", "--theirs"]).success();
    git(&world, &["add", "secrets.enc"]);
    git(&world, &["rebase", "--continue"]);
    world.run(&["get", "database.port"]).gives(0, "6432", "");
    world.run(&["get", "database.password"]).gives(0, "the battery number 4", "");
}

#[test]
fn a_second_clone_may_lag_behind() {
    let world = in_git();
    git(&world, &["clone", "-q", ".", "clone"]);
    let behind = |run: crate::harness::Run<'_>, value, warning: &str| run.gives(0, value, warning);
    let get = ["-C", "clone", "get", "database.port"];
    behind(world.run(&get), "5432", "");
    set(&world, "database.port", "6432");
    commit(&world);
    behind(world.run(&get), "5432", "");
    git(&world, &["-C", "clone", "pull", "-q"]);
    behind(world.run(&get), "6432", "");
    // A fresh clone that is behind is told once.
    git(&world, &["clone", "-q", ".", "third"]);
    git(&world, &["-C", "third", "reset", "-q", "--hard", "HEAD~1"]);
    let get = ["-C", "third", "get", "database.port"];
    behind(
        world.run(&get),
        "5432",
        "warn: third/secrets.enc: generation 3, and generation 4 was seen in clone/secrets.enc on main\n",
    );
    behind(world.run(&get), "5432", "");
}

/// A machine that has never seen a store, with the store and the identity that `init` made.
fn fresh_machine() -> (World, String) {
    let world = World::empty();
    world.run(&["init", "-q"]).success();
    world.forget_stores();
    let identity = std::fs::read_to_string(world.home().join(".config/luca-secrets/identity.txt")).unwrap();
    (world, identity)
}

#[test]
fn an_identity_that_names_its_store_refuses_others_on_a_fresh_machine() {
    let (world, identity) = fresh_machine();
    let print = identity.split("# luca-secrets store: ").nth(1).unwrap().lines().next().unwrap();
    let seen = world.run(&["list", "-v"]).success().stderr;
    assert!(seen.contains(&format!("the store is new here: fingerprint {print}, generation 1\n")), "{seen}");
    world.forget_stores();
    let recipient = identity.split("recipient: ").nth(1).unwrap().lines().next().unwrap();
    let text = unseal(&forged()).replace(&crate::faults::recipient().to_string(), recipient);
    let sealed =
        age::encrypt_and_armor(&recipient.parse::<age::x25519::Recipient>().unwrap(), text.as_bytes());
    let right = world.store_bytes();
    world.write("secrets.enc", sealed.unwrap());
    let error =
        format!("error: secrets.enc: forged or another: not the store that the identity is for\n{WAY_OUT}");
    world.run(&["list"]).gives(4, "", &error);
    // The same in CI, where the variable holds the whole text of the file.
    let ci = |command: &[&str]| {
        world.run(command).env("HOME", "").env("LUCA_SECRETS_IDENTITY", identity.as_str()).done()
    };
    let done = ci(&["list"]);
    assert_eq!((done.code, done.stderr), (4, error.clone()));
    // The bare key opens what it opens.
    let key = identity.lines().last().unwrap();
    world.run(&["get", "evil.name"]).env("HOME", "").env("LUCA_SECRETS_IDENTITY", key).gives(0, MARKER, "");
    // A first use with the bare key does not stand against the identity.
    world.run(&["get", "evil.name"]).env("LUCA_SECRETS_IDENTITY", key).gives(0, MARKER, "");
    world.run(&["list"]).gives(4, "", &error);
    // A person's word does, and says how to carry it on.
    let done = world.run(&["get", "evil.name", &format!("--accept-store={FORGED}")]).success();
    assert!(
        done.stderr.ends_with(&format!(
            "ok: accepted secrets.enc\nhint: to accept it wherever the identity is used, add a line to it: # luca-secrets store: {FORGED}\n"
        )),
        "{}",
        done.stderr
    );
    world.run(&["get", "evil.name"]).gives(0, MARKER, "");
    world.forget_stores();
    world.write("secrets.enc", right);
    let done = ci(&["list"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}

#[test]
fn a_comment_that_names_no_store_is_not_passed_over() {
    let (world, identity) = fresh_machine();
    let path = world.home().join(".config/luca-secrets/identity.txt");
    std::fs::write(&path, identity.replace("luca-secrets store: ", "luca-secrets store: x")).unwrap();
    world.run(&["list"]).gives(
        1,
        "",
        "error: [world]/home/.config/luca-secrets/identity.txt: line 3 names no store\n\
         hint: write the fingerprint as `luca-secrets init` did, or take the line out\n",
    );
}

#[test]
fn what_is_remembered_holds_nothing_of_the_store() {
    let world = World::filled();
    let text = unseal(&world.store_bytes());
    let id = text.split("id = \"").nth(1).unwrap().split('"').next().unwrap();
    let files: Vec<PathBuf> =
        std::fs::read_dir(world.pins()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let mode = |path: &PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&world.pins()), mode(&files[0])), (0o700, 0o600));
    let pin = std::fs::read_to_string(&files[0]).unwrap();
    let held: Vec<&str> = [id, "correct", "5432", "database", "password"]
        .into_iter()
        .filter(|part| pin.contains(part))
        .collect();
    assert_eq!(held, Vec::<&str>::new(), "{pin}");
    // Nothing is written where nothing has changed.
    let gate = Arc::new(crate::faults::Recorder::default());
    world.run(&["get", "database.port"]).gate(gate.clone()).gives(0, "5432", "");
    assert_eq!(gate.seen(), []);
}

#[test]
fn many_first_uses_at_once_agree() {
    let world = World::filled();
    world.forget_stores();
    let uses: Vec<_> = (0..12).map(|_| world.spawn(&["get", "database.port"]).spawn().unwrap()).collect();
    for mut one in uses {
        assert!(one.wait().unwrap().success());
    }
    let names = std::fs::read_dir(world.pins()).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 1, "{names:?}");
    world.write("secrets.enc", forged());
    world.run(&["list"]).gives(4, "", &format!("{FORGED_ERROR}{WAY_OUT}"));
}

#[test]
fn readers_and_writers_at_once_see_no_older_store() {
    let world = World::filled();
    let writers = (0..6).map(|number| {
        let mut set = world.spawn(&["set", "-q", "--undeclared", &format!("x.k{number}")]);
        set.stdin(std::process::Stdio::piped());
        let mut set = set.spawn().unwrap();
        io::Write::write_all(&mut set.stdin.take().unwrap(), b"a value").unwrap();
        set
    });
    let mut all: Vec<_> = writers.collect();
    all.extend((0..20).map(|_| world.spawn(&["get", "-q", "database.password"]).spawn().unwrap()));
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    world.run(&["get", "x.k5"]).gives(0, "a value", "");
}

#[test]
fn a_machine_that_can_remember_nothing_works() {
    let world = World::filled();
    let note = "--identity: not given\nLUCA_SECRETS_IDENTITY: not set\nLUCA_SECRETS_IDENTITY_FILE: not set\n\
                the keyring: nothing was put there\nidentity from the configuration folder: [world]/home/.config/luca-secrets/identity.txt\n";
    let new = format!("the store is new here: fingerprint {}, generation 3\n", print(&world));
    for (kind, reason) in [(30, "read-only file system"), (13, "permission denied")] {
        world.forget_stores();
        let refuse: fn() -> io::Result<()> = if kind == 30 {
            || Err(io::Error::from_raw_os_error(30))
        } else {
            || Err(io::Error::from_raw_os_error(13))
        };
        let gate = || Arc::new(Nth::new(1, refuse));
        world.run(&["get", "database.port"]).gate(gate()).gives(0, "5432", "");
        world.run(&["get", "database.port", "-v"]).gate(gate()).gives(
            0,
            "5432",
            &format!(
                "{note}{new}the store was not noted as known: [world]/home/.local/state/luca-secrets/pins: {reason}\n"
            ),
        );
    }
    // No home at all, one that does not exist and is not to be made, and a place that is no folder.
    let homeless = |home: &str, state: &str| {
        let run = world.run(&["get", "database.port"]).env("HOME", home).env("LUCA_SECRETS_STATE", state);
        run.env("LUCA_SECRETS_IDENTITY", IDENTITY).gives(0, "5432", "");
    };
    homeless("", "");
    homeless("/nonexistent", "");
    homeless("", "/dev/null/state");
    assert!(!PathBuf::from("/nonexistent").exists());
}

#[test]
fn the_state_folder_can_be_chosen() {
    let world = World::filled();
    let state = world.home().join("state");
    world.run(&["list", "-q"]).env("LUCA_SECRETS_STATE", &state).success();
    assert_eq!(std::fs::read_dir(state.join("pins")).unwrap().count(), 1);
}

#[test]
fn damaged_memory_is_never_passed_over() {
    let world = World::filled();
    let file = std::fs::read_dir(world.pins()).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let error = format!(
        "[world]/home/.local/state/luca-secrets/pins/{name}: damaged, so the store cannot be recognized\n"
    );
    for content in [&b""[..], b"x", &whole[..whole.len() / 2], &whole[..whole.len() - 1], b"\xff\xfe"] {
        std::fs::write(&file, content).unwrap();
        world.run(&["get", "database.port"]).gives(
            4,
            "",
            &format!(
                "error: {error}hint: to look at the store and to note it anew: `luca-secrets list --accept-store`\n"
            ),
        );
        let print = print(&world);
        world.run(&["get", "database.port", "--accept-store"]).answers(&["y"]).gives(
            0,
            "5432",
            &format!(
                "warn: {error}here   fingerprint {print}, generation 3, written 2026-11-23T12:00:00Z by tester@[host]\n\
                 ok: accepted secrets.enc\n"
            ),
        );
        world.run(&["get", "database.port"]).gives(0, "5432", "");
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    for at in 1.. {
        let world = World::filled();
        world.forget_stores();
        let gate = Arc::new(Nth::new(at, || Err(io::ErrorKind::StorageFull.into())));
        let done = world.run(&["get", "database.port"]).gate(gate.clone()).success();
        assert_eq!(done.stdout, "5432");
        if gate.count() < at {
            assert!(at == 6 && done.stderr.is_empty(), "{at}: {}", done.stderr);
            break;
        }
        let warning = "no storage space; the store was not noted as known\n";
        assert!(done.stderr.starts_with("warn: ") && done.stderr.ends_with(warning), "{}", done.stderr);
        world.run(&["get", "database.port"]).gives(0, "5432", "");
    }
}

#[test]
fn git_is_not_shown_a_foreign_store_as_ours() {
    let world = in_git();
    let right = world.store_bytes();
    world.write("secrets.enc", forged());
    commit(&world);
    let foreign = "error: secrets.enc: this is another store than the one known here\n";
    world.run(&["compare", "HEAD", "HEAD"]).gives(4, "", &format!("{foreign}{WAY_OUT}"));
    let done = world.run(&["git", "textconv", "secrets.enc"]).success();
    assert!(
        done.stdout.starts_with("another store than the one accepted here\ngeneration 7 "),
        "{}",
        done.stdout
    );
    world.write("ours", forged());
    world.write("theirs", forged());
    world.write("base", "");
    let done = world.run(&["git", "merge-driver", "base", "ours", "theirs", "secrets.enc"]).done();
    assert_eq!(done.code, 1);
    assert!(done.stderr.starts_with(foreign), "{}", done.stderr);
    // An earlier revision of the right one is what was asked for.
    world.write("secrets.enc", right);
    set(&world, "database.port", "6432");
    git(&world, &["commit", "-q", "-a", "-m", "back"]);
    world.run(&["compare", "HEAD~2", "HEAD"]).gives(0, "database.port changed\n", "");
    world.write("secrets.enc", forged());
    git(&world, &["add", "-A"]);
    let done = world.run(&["git", "pre-commit"]).done();
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stderr.contains(foreign), "{}", done.stderr);
}
