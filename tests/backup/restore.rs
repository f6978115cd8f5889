//! What comes back out of a backup, and what must not.

use std::path::Path;

use crate::faults::store_with;
use crate::harness::{Run, World};

use super::{NAS, USB, file, gives, keys, name, plain, world};

/// Somebody who can read the store for a while.
const ANNA: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

const HINT: &str = "hint: what was changed at its source since then does not work with these values; `luca-secrets push` brings them where they are used\n";

/// Backups of generation 3, and of 6 with a secret more, one less and one changed.
fn changed() -> World {
    let world = world(NAS);
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["set", "-q", "sentry.dsn"]).stdin("https://a@sentry.example.com/1").success();
    world
        .run(&["set", "-q", "database.password"])
        .stdin("battery staple")
        .at("2026-11-24T12:00:00Z")
        .success();
    world.run(&["rm", "-q", "--yes", "database.port"]).at("2026-11-24T12:00:00Z").success();
    world.run(&["backup", "create", "-q"]).success();
    world
}

fn value(world: &World, name: &str) -> String {
    let done = world.run(&["get", name]).done();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    done.stdout
}

impl Run<'_> {
    /// Runs it and expects the exit code 0, whatever it says.
    #[track_caller]
    pub(super) fn fine(self) -> String {
        let done = self.done();
        assert_eq!(done.code, 0, "{}", done.stderr);
        plain(&done.stderr)
    }
}

#[test]
fn what_would_change_is_shown_and_asked_for_and_is_a_new_generation() {
    let world = changed();
    let shown = "generation 3, written 2026-11-23T12:00:00Z by tester@[host], from backup nas\n\
                 database.password would be changed\ndatabase.port would be added\nsentry.dsn would be removed\n";
    let before = world.store_bytes();
    gives(&world.run(&["backup", "restore", "--generation", "3", "-n"]).done(), 0, "", shown);
    let done = world.run(&["backup", "restore", "--generation", "3"]).done();
    gives(
        &done,
        1,
        "",
        &format!(
            "{shown}error: a person would have to confirm this, and nobody is there to ask\nhint: pass --yes to go ahead without asking\n"
        ),
    );
    let done = world.run(&["backup", "restore", "--generation", "3"]).answers(&["n"]).done();
    gives(&done, 1, "", &format!("{shown}error: nothing was restored\n"));
    assert_eq!(world.store_bytes(), before);
    let done = world.run(&["backup", "restore", "--generation", "3"]).answers(&["y"]).done();
    let restored = "ok: database.password changed\nok: database.port added\nok: sentry.dsn removed\nok: what generation 3 held is restored as generation 7\n";
    gives(&done, 0, "", &format!("{shown}{restored}{HINT}"));
    assert_eq!(value(&world, "database.password"), "correct horse battery");
    assert_eq!(value(&world, "database.port"), "5432");
    // What was replaced is not lost, and a second restore undoes the first.
    let history = world.run(&["history", "database.password"]).done().stdout;
    assert!(history.starts_with("now   2026-11-23T12:00:00Z  restore  21 characters  "), "{history}");
    assert!(history.contains("\n1     2026-11-24T12:00:00Z  edit     14 characters  "), "{history}");
    let undone = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(undone.contains("ok: what generation 6 held is restored as generation 8\n"), "{undone}");
    assert_eq!(value(&world, "database.password"), "battery staple");
    let again = world.run(&["backup", "restore"]).fine();
    assert!(again.ends_with("ok: nothing changed, so the store was left alone\n"), "{again}");
}

#[test]
fn a_backup_is_named_in_every_way() {
    let world = changed();
    let nas = world.root().join("nas");
    let (three, six) = (name(&file(&nas, 3)), name(&file(&nas, 6)));
    for (arguments, generation) in [
        (vec![], 6),
        (vec![six.as_str()], 6),
        (vec![three.as_str()], 3),
        (vec!["20261123"], 3),
        (vec!["--at", "2026-11-23"], 3),
        (vec!["--at", "2026-11-24T11:59:59Z"], 3),
        (vec!["--at", "2026-11-24T12:00:00Z"], 6),
        (vec!["--at", "2027-01-01"], 6),
        (vec!["--generation", "3"], 3),
    ] {
        let done = world.run(&[&["backup", "restore", "-n"], arguments.as_slice()].concat()).done();
        assert!(
            done.stderr.starts_with(&format!("generation {generation}, ")),
            "{arguments:?} {}",
            done.stderr
        );
    }
    let hint = "hint: `luca-secrets backup list` shows what there is\n";
    for (arguments, code, message) in [
        (["--at", "2026-11-22"], 1, "error: no backup is as old as 2026-11-22T23:59:59Z\n"),
        (["--generation", "5"], 1, "error: there is no backup of generation 5\n"),
        (["--place", "nas"], 0, ""),
    ] {
        let done = world.run(&[&["backup", "restore", "-n"], arguments.as_slice()].concat()).done();
        let expected = if code == 0 { done.stderr.clone() } else { format!("{message}{hint}") };
        assert_eq!((done.code, done.stderr), (code, expected));
    }
    let done = world.run(&["backup", "restore", "-n", "2026"]).done();
    assert_eq!(
        plain(&done.stderr),
        "error: several backups are meant\nhint: one is 20261124T120000Z-000006…\nhint: one is 20261123T120000Z-000003…\n"
    );
    world.run(&["backup", "restore", "--at", "yesterday"]).gives(
        2,
        "",
        "error: --at wants a moment or a day of UTC\nhint: write it as 2026-11-26T12:00:00Z or 2026-11-26\n",
    );
}

#[test]
fn a_reader_who_was_removed_stays_out_and_what_comes_back_is_exposed() {
    let world = world(NAS);
    world.run(&["recipients", "add", "-q", "--yes", "--name", "anna", ANNA]).success();
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["recipients", "remove", "-q", "--yes", "anna"]).fine();
    world.run(&["set", "-q", "database.password"]).stdin("battery staple").success();
    // Values of before are no longer known, so that nothing but the backup tells who knew them.
    world.run(&["history", "-q", "--yes", "--forget", "database.password"]).success();
    let done = world.run(&["backup", "restore", "--yes"]).done();
    let who = "anna (age1ql3z7hjy…mcac8p)";
    gives(
        &done,
        0,
        "luca-secrets generate --replace database.password\n",
        &format!(
            "generation 4, written 2026-11-23T12:00:00Z by tester@[host], from backup nas\n\
             database.password would be changed\n\
             warn: {who} could read the store then, and stays without access\n\
             ok: database.password changed\nok: what generation 4 held is restored as generation 8\n{HINT}\
             warn: 1 secret exposed: change each at its source, then here\n\
             hint: `luca-secrets check` fails until all have new values, or `luca-secrets recipients waive NAME --because TEXT`\n"
        ),
    );
    let readers = world.run(&["recipients", "list", "--json"]).done().stdout;
    assert!(!readers.contains("anna"), "{readers}");
    let check = world.run(&["check"]).done();
    assert_eq!(check.code, 3);
    assert!(check.stderr.contains(&format!("database.password: exposed: {who}")), "{}", check.stderr);
}

#[test]
fn a_reader_who_came_since_keeps_access() {
    let world = world(NAS);
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["recipients", "add", "-q", "--yes", "--name", "anna", ANNA]).success();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(
        said.contains("anna (age1ql3z7hjy…mcac8p) could not read the store then, and keeps access\n"),
        "{said}"
    );
    assert!(world.run(&["recipients", "list"]).done().stdout.contains("anna"));
}

#[test]
fn a_missing_store_comes_back_as_it_was() {
    let world = changed();
    let bytes = world.store_bytes();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    let shown = "generation 6, written 2026-11-24T12:00:00Z by tester@[host], from backup nas\n\
                 sentry.dsn would be added\ndatabase.password would be added\n";
    let done = world.run(&["backup", "restore", "-n"]).done();
    assert_eq!((done.code, world.path("secrets.enc").exists()), (0, false));
    assert!(done.stderr.starts_with("generation 6, "), "{}", done.stderr);
    let said = world.run(&["backup", "restore"]).answers(&["y"]).fine();
    assert!(said.contains("it can be read by tester@[host] (age1"), "{said}");
    assert!(said.ends_with("ok: secrets.enc: generation 6, as it was\n"), "{said}");
    assert_eq!(said.lines().next(), shown.lines().next());
    assert_eq!(world.store_bytes(), bytes);
    assert_eq!(world.mode("secrets.enc"), 0o600);
    assert_eq!(value(&world, "database.password"), "battery staple");
}

#[test]
fn an_older_backup_than_was_seen_counts_on() {
    let world = changed();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    let said = world.run(&["backup", "restore", "--generation", "3", "--yes"]).fine();
    assert!(said.contains("warn: generation 6 was seen here: what was changed since then is lost, and readers who were removed since then are back\n"), "{said}");
    assert!(
        said.ends_with("ok: secrets.enc: what generation 3 held is restored as generation 7\n"),
        "{said}"
    );
    // Nobody takes it for an older one.
    assert_eq!(value(&world, "database.password"), "correct horse battery");
    world.run(&["set", "-q", "database.port"]).stdin("1").success();
}

#[test]
fn a_machine_that_knows_nothing_restores_from_a_place_alone() {
    let world = changed();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    world.forget_stores();
    world.run(&["backup", "restore", "--yes"]).fine();
    assert_eq!(value(&world, "database.password"), "battery staple");
}

#[test]
fn a_store_for_a_passphrase_asks_for_it_once_each_time() {
    let world = World::empty();
    std::fs::create_dir(world.root().join("nas")).unwrap();
    world.write("schemas/backup.toml", NAS);
    let passphrase = "a passphrase that is long";
    assert_eq!(world.run(&["init", "-q", "--passphrase"]).answers(&[passphrase, passphrase]).done().code, 0);
    let run = |arguments: &[&str]| world.run(arguments).answers(&[passphrase]).done();
    for arguments in [
        &["backup", "create", "-q"][..],
        &["set", "-q", "--undeclared", "a.b", "--from-file", "schemas/backup.toml"],
        &["backup", "create", "-q"],
        &["backup", "verify", "--all", "-q"],
        &["backup", "restore", "--yes", "-q", "--generation", "1"],
    ] {
        let done = run(arguments);
        assert_eq!(done.code, 0, "{arguments:?} {}", done.stderr);
    }
    let bytes = std::fs::read(file(&world.root().join("nas"), 2)).unwrap();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    // Generation 3 was seen here.
    let done = run(&["backup", "restore", "--yes"]);
    assert!(done.stderr.ends_with("what generation 2 held is restored as generation 4\n"), "{}", done.stderr);
    assert!(run(&["get", "a.b"]).stdout.contains("backup"));
    world.write("secrets.enc", "spoiled");
    world.forget_stores();
    assert_eq!(run(&["backup", "restore", "--yes"]).code, 0);
    assert_eq!(world.store_bytes(), bytes);
}

#[test]
fn backups_of_several_stores_are_not_mixed_up() {
    let (world, other) = (changed(), world(NAS));
    other.run(&["backup", "create", "-q"]).success();
    let theirs = file(&other.root().join("nas"), 3);
    let nas = world.root().join("nas");
    let copy = nas.join("2026/11/23").join(theirs.file_name().unwrap());
    std::fs::copy(&theirs, &copy).unwrap();
    // Where the store is known, only its backups count.
    world.run(&["backup", "verify", "--all"]).gives(0, "", "ok: 2 backups proven\n");
    assert_eq!(world.run(&["backup", "list"]).done().stdout.lines().count(), 2);
    let done = world.run(&["backup", "restore", &name(&theirs)]).done();
    assert_eq!(
        (done.code, done.stderr.starts_with("error: no backup of this store is called so\n")),
        (1, true)
    );
    // Where it is not, nobody guesses.
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    world.forget_stores();
    let done = world.run(&["backup", "restore", "--yes"]).done();
    gives(
        &done,
        1,
        "",
        "error: there are backups of several stores, and which one is meant is not known here\nhint: name the backup, as `luca-secrets backup list` shows it\n",
    );
    let done = world.run(&["backup", "prune", "--yes"]).done();
    assert_eq!(done.code, 1, "{}", done.stderr);
    world.run(&["backup", "restore", "--yes", &name(&theirs)]).fine();
    assert_eq!(world.store_bytes(), std::fs::read(theirs).unwrap());
}

#[test]
fn a_damaged_store_is_kept_beside_the_one_that_comes_back() {
    let whole = changed().store_bytes();
    let marked = [b"<<<<<<< ours\n", whole.as_slice(), b"=======\n>>>>>>> theirs\n"].concat();
    for (bytes, why) in [
        (Vec::new(), "the file is empty"),
        (b"no age file".to_vec(), "not an age file"),
        (marked, "git's conflict markers stand in the file"),
    ] {
        let world = changed();
        let sound = world.store_bytes();
        world.write("secrets.enc", &bytes);
        let said = world.run(&["backup", "restore", "--yes"]).fine();
        assert!(said.contains(&format!("warn: secrets.enc: {why}\n")), "{said}");
        assert!(said.ends_with("ok: what was in its place is kept as secrets.enc.before-restore\nok: secrets.enc: generation 6, as it was\n"), "{said}");
        assert_eq!(world.store_bytes(), sound);
        assert_eq!(std::fs::read(world.path("secrets.enc.before-restore")).unwrap(), bytes);
        world.run(&["list"]).success();
        // A second time, something else is kept under another name.
        world.write("secrets.enc", "something else");
        world.run(&["backup", "restore", "--yes"]).fine();
        assert_eq!(world.read("secrets.enc.before-restore-2"), "something else");
    }
}

#[test]
fn a_cut_store_is_damaged_and_one_for_others_is_not() {
    let world = changed();
    let whole = world.store_bytes();
    world.write("secrets.enc", &whole[..whole.len() - 200]);
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(
        said.contains("warn: secrets.enc: damaged: cut short or changed since it was written\n"),
        "{said}"
    );
    assert_eq!(world.store_bytes(), whole);
    // What nobody here can open may be sound.
    let stranger = age::x25519::Identity::generate().to_public();
    let theirs = age::encrypt_and_armor(&stranger, b"x").unwrap();
    world.write("secrets.enc", &theirs);
    let done = world.run(&["backup", "restore", "--yes"]).done();
    assert_eq!((done.code, world.read("secrets.enc")), (1, theirs), "{}", done.stderr);
    assert!(done.stderr.contains("none of the identities at hand opens it"), "{}", done.stderr);
}

#[test]
fn a_store_of_a_later_release_is_not_taken_for_damaged() {
    let world = changed();
    let sealed = crate::faults::unseal(&world.store_bytes()).replace("format = 1", "format = 2");
    let sealed = crate::faults::seal(sealed.as_bytes(), age::armor::Format::AsciiArmor);
    world.write("secrets.enc", &sealed);
    let done = world.run(&["backup", "restore", "--yes"]).done();
    assert_eq!((done.code, world.store_bytes() == sealed), (1, true), "{}", done.stderr);
}

#[test]
fn a_forged_or_older_store_gives_way_to_the_newest_backup() {
    let world = changed();
    let newest = world.store_bytes();
    std::fs::copy(file(&world.root().join("nas"), 3), world.path("secrets.enc")).unwrap();
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(
        said.contains("warn: secrets.enc: older: generation 3, and generation 6 was seen here\n"),
        "{said}"
    );
    assert_eq!(world.store_bytes(), newest);
    // Forged by somebody who knows the readers only. The pin stays what it is.
    let pins = crate::faults::whole_snapshot(&world.pins());
    store_with(&world, "\n[secrets]\n");
    let forged = world.store_bytes();
    for (path, (_, content)) in pins {
        if let Some(content) = content {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(said.contains("warn: secrets.enc: forged or made anew"), "{said}");
    assert_eq!(world.store_bytes(), newest);
    assert_eq!(std::fs::read(world.path("secrets.enc.before-restore-2")).unwrap(), forged);
}

#[test]
fn what_one_place_has_damaged_another_gives() {
    let world = world(&format!("{NAS}{USB}"));
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    std::fs::write(file(&world.root().join("nas"), 3), "x").unwrap();
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(said.starts_with("warn: backup nas: 20261123T120000Z-000003…: damaged: "), "{said}");
    assert!(said.contains("from backup usb\n"), "{said}");
    std::fs::write(file(&world.root().join("usb"), 3), "x").unwrap();
    let done = world.run(&["backup", "restore", "--yes"]).done();
    assert_eq!(done.code, 1);
    assert!(
        plain(&done.stderr).contains("error: 20261123T120000Z-000003…: no place has it whole\n"),
        "{}",
        done.stderr
    );
    // A place that is gone is named, and the other serves.
    std::fs::remove_dir_all(world.root().join("usb")).unwrap();
    std::fs::remove_file(file(&world.root().join("nas"), 3)).unwrap();
    world.run(&["backup", "create", "--place", "nas", "-q"]).success();
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    assert!(said.starts_with("warn: backup usb: ../usb: no such folder"), "{said}");
}

#[test]
fn conflicts_end_with_a_restore_and_one_in_a_backup_is_named() {
    let world = world(NAS);
    let tables = "\n[secrets.database]\npassword = \"one of ours\"\nport = \"1\"\n\n[conflicts]\n\"database.port\".theirs = \"2\"\n";
    store_with(&world, tables);
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["merge", "-q", "--theirs"]).success();
    world.run(&["backup", "create", "-q"]).success();
    let said = world.run(&["backup", "restore", "--yes", "--generation", "7"]).fine();
    assert!(
        said.contains("warn: in conflict in the backup, of which our side comes back: database.port\n"),
        "{said}"
    );
    assert_eq!(value(&world, "database.port"), "1");
    // A store in conflict, and a backup without.
    let sealed = crate::faults::unseal(&world.store_bytes())
        + "\n[conflicts]\n\"database.password\".theirs = \"theirs\"\n";
    world.write("secrets.enc", crate::faults::seal(sealed.as_bytes(), age::armor::Format::AsciiArmor));
    assert_eq!(world.run(&["merge"]).done().code, 3);
    world.run(&["backup", "restore", "--yes", "--generation", "8"]).fine();
    assert_eq!(world.run(&["merge"]).done().code, 0);
    assert_eq!(value(&world, "database.port"), "2");
}

#[test]
fn what_is_being_rotated_is_left_to_the_rotation() {
    let world = world(NAS);
    store_with(&world, "\n[secrets.database]\npassword = \"the old one\"\nport = \"1\"\n");
    world.run(&["backup", "create", "-q"]).success();
    let record = "\n[rotations.\"database.password\"]\nid = \"01A\"\nkind = \"generated\"\nstate = \"granted\"\n\
                  by = \"tester@host\"\ndone = 1\ngeneration = 7\nattempts = 1\nstarted = 2026-11-23T12:00:00Z\n";
    let text = crate::faults::unseal(&world.store_bytes()).replace("generation = 7\nw", "generation = 8\nw");
    let text = text.replace("the old one", "the new one") + record;
    world.write("secrets.enc", crate::faults::seal(text.as_bytes(), age::armor::Format::AsciiArmor));
    world.run(&["backup", "create", "-q"]).success();
    let before = world.store_bytes();
    let done = world.run(&["backup", "restore", "--yes", "--generation", "7"]).done();
    let shown = "generation 7, written 2026-11-23T12:00:00Z by tester, from backup nas\ndatabase.password would be changed\n";
    let refused = "error: database.password is being rotated\nhint: nothing was restored; end or undo the rotation first, with `luca-secrets rotate`\n";
    gives(&done, 4, "", &format!("{shown}{refused}"));
    assert_eq!(world.store_bytes(), before);
    // With the store gone there is no other journal than that of then.
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    let said = world.run(&["backup", "restore", "--yes"]).fine();
    let warned =
        "warn: database.password was being rotated then, and which of its values is live now is not known\n";
    assert!(said.contains(warned), "{said}");
    assert_eq!(world.store_bytes(), before);
}

/// Made once by the release that first had backups, and kept: what was written then must come back for ever.
#[test]
fn a_backup_of_the_first_format_restores() {
    let world = World::new();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    world.forget_stores();
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/backups");
    world.write("schemas/backup.toml", format!("[backup.old]\nkind = \"folder\"\npath = \"{fixtures}\"\n"));
    assert_eq!(keys(Path::new(fixtures)).len(), 1);
    world.run(&["backup", "verify"]).gives(
        0,
        "",
        "ok: backup old: 20261126T231500Z-000042-68b588dc-10aaaeb8ff5f9176 is proven\n",
    );
    world.run(&["backup", "restore", "--yes"]).fine();
    assert_eq!(value(&world, "database.password"), "from the first release");
    assert_eq!(value(&world, "tls.certificate"), "line one\nline two\n");
    let history = world.run(&["history", "--show", "database.password"]).done().stdout;
    assert!(history.contains("the value before"), "{history}");
    let check = world.run(&["check"]).done();
    assert!(check.stderr.contains("database.password: exposed: anna"), "{}", check.stderr);
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    assert!(crate::faults::unseal(&world.store_bytes()).contains("[later.part]\nx = 1\n"));
}
