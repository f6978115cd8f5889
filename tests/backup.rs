//! Backups through the commands: what is where, what it is worth, and what comes back. The places here are folders.

use std::path::{Path, PathBuf};

use age::armor::Format;

use crate::faults::{header, refused, seal, snapshot, unseal};
use crate::harness::{Done, World};

mod faults;
mod home;
mod restore;
mod s3;

/// The first place of every test: `../nas`, beside the project.
const NAS: &str = "[backup.nas]\nkind = \"folder\"\npath = \"../nas\"\n";

/// A second one.
const USB: &str = "[backup.usb]\nkind = \"folder\"\npath = \"../usb\"\n";

/// A filled store of generation 3, and places for its backups.
fn world(schema: &str) -> World {
    let world = World::filled();
    world.write("schemas/backup.toml", schema);
    for place in ["nas", "usb"] {
        std::fs::create_dir(world.root().join(place)).unwrap();
    }
    world
}

/// The keys in a place, sorted.
fn keys(place: &Path) -> Vec<String> {
    let files = snapshot(place).into_iter().filter(|(_, (_, content))| content.is_some());
    files.map(|(path, _)| path.strip_prefix(place).unwrap().to_str().unwrap().to_owned()).collect()
}

/// The file of the backup of a generation.
fn file(place: &Path, generation: u64) -> PathBuf {
    let part = format!("-{generation:06}-");
    place.join(keys(place).iter().find(|key| key.contains(&part)).unwrap())
}

/// A file's name without its ending.
fn name(file: &Path) -> String {
    file.file_name().unwrap().to_str().unwrap().strip_suffix(".age").unwrap().to_owned()
}

/// An output with what differs from store to store replaced: the last two parts of the names of backups.
fn plain(text: &str) -> String {
    let is_name = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.len() == 4 && parts[0].len() == 16 && parts[2].len() == 8 && parts[3].len() >= 16
    };
    let shorten = |word: &str| {
        let last = word.rsplit('/').next().unwrap();
        let (body, end) = last.split_at(last.find([':', '.', ',']).unwrap_or(last.len()));
        if is_name(body) { format!("{}…{end}", &body[..23]) } else { word.to_owned() }
    };
    let lines = text.split('\n').map(|line| line.split(' ').map(shorten).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn gives(done: &Done, code: u8, stdout: &str, stderr: &str) {
    assert_eq!(
        (done.code, plain(&done.stdout).as_str(), plain(&done.stderr).as_str()),
        (code, stdout, stderr)
    );
}

#[test]
fn a_project_without_a_place_says_how_to_name_one() {
    let world = World::filled();
    for command in ["create", "list", "verify", "restore", "prune"] {
        world.run(&["backup", command]).gives(
            1,
            "",
            "error: the schema names no place for backups\nhint: add one: [backup.NAME] with kind = \"folder\" and a path, or kind = \"s3\" and a bucket\n",
        );
    }
    world.write("schemas/backup.toml", NAS);
    world.run(&["backup", "list", "--place", "nsa"]).gives(
        2,
        "",
        "error: the schema names no such place for backups\nhint: did you mean nas?\n",
    );
}

#[test]
fn a_generation_is_backed_up_once_under_a_name_that_says_all() {
    let world = world(NAS);
    let done = world.run(&["backup", "create", "-n"]).done();
    gives(&done, 0, "", "backup nas: generation 3 would be put there as 20261123T120000Z-000003…\n");
    assert_eq!(keys(&world.root().join("nas")), [""; 0]);
    let done = world.run(&["backup", "create"]).done();
    gives(&done, 0, "", "ok: backup nas: generation 3 is backed up as 20261123T120000Z-000003…\n");
    // Whoever backs it up, and when: the name is the store's.
    let done = world.run(&["backup", "create"]).at("2026-12-01T00:00:00Z").done();
    gives(&done, 0, "", "ok: backup nas: generation 3 is there already: 20261123T120000Z-000003…\n");
    let keys = keys(&world.root().join("nas"));
    assert_eq!(keys.len(), 1);
    assert!(keys[0].starts_with("2026/11/23/20261123T120000Z-000003-"), "{keys:?}");
    // It is the store as it lies there, for stock age too.
    let backup = std::fs::read(world.root().join("nas").join(&keys[0])).unwrap();
    assert!(backup == world.store_bytes() && unseal(&backup).contains("generation = 3\n"));
    let done = world.run(&["backup", "list"]).done();
    let size = backup.len();
    let line = format!("nas  2026-11-23T12:00:00Z       3  {size:>8} bytes  20261123T120000Z-000003…\n");
    gives(&done, 0, &line, "");
    let done = world.run(&["backup", "list", "--json"]).done();
    let rows: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&rows[0]["generation"], &rows[0]["bytes"]), (&3.into(), &size.into()));
    assert_eq!(rows[0]["name"], name(&world.root().join("nas").join(&keys[0])));
    let done = world.run(&["backup", "verify"]).done();
    gives(&done, 0, "", "ok: backup nas: 20261123T120000Z-000003… is proven\n");
}

#[test]
fn every_write_is_backed_up_where_the_schema_says_so() {
    let world = world(&format!("{NAS}every-write = true\n{USB}"));
    world.run(&["set", "database.port"]).stdin("6432").gives(0, "", "ok: database.port changed\n");
    world.run(&["set", "database.port"]).stdin("6432").gives(
        0,
        "",
        "ok: nothing changed, so the store was left alone\n",
    );
    world.run(&["rm", "--yes", "-q", "database.port"]).success();
    world.run(&["rekey", "-q"]).success();
    let nas = world.root().join("nas");
    let generations: Vec<String> = keys(&nas).iter().map(|key| key[28..34].to_owned()).collect();
    assert_eq!(generations, ["000004", "000005", "000006"]);
    assert_eq!(std::fs::read(file(&nas, 6)).unwrap(), world.store_bytes());
    assert_eq!(keys(&world.root().join("usb")), [""; 0]);
    let done = world.run(&["backup", "list", "--limit", "1"]).done();
    assert!(done.stdout.contains("       6  "), "{}", done.stdout);
    assert_eq!(done.stderr, "warn: backup usb: there is no backup of this store\n");
}

#[test]
fn a_place_that_is_gone_fails_no_write_and_gets_all_of_them_later() {
    let world = world(&format!("{NAS}every-write = true\n{USB}every-write = true\n"));
    let (nas, away) = (world.root().join("nas"), world.root().join("away"));
    std::fs::rename(&nas, &away).unwrap();
    world.run(&["set", "database.port"]).stdin("1").gives(
        0,
        "",
        "warn: backup nas: ../nas: no such folder: mount it, or make it once\nhint: the store is written, but generation 4 is not backed up there; it is brought there with the next write or `luca-secrets backup create`\nok: database.port changed\n",
    );
    world.run(&["set", "-q", "database.port"]).stdin("2").done();
    let done = world.run(&["backup", "list", "--place", "nas"]).done();
    gives(
        &done,
        1,
        "",
        "warn: backup nas: 2 backups not brought there yet\nhint: bring what waits there with `luca-secrets backup create`\nerror: backup nas: ../nas: no such folder: mount it, or make it once\n",
    );
    // The other place is served all the same.
    assert_eq!(keys(&world.root().join("usb")).len(), 2);
    let done = world.run(&["backup", "create"]).done();
    gives(
        &done,
        1,
        "",
        "ok: backup usb: generation 5 is there already: 20261123T120000Z-000005…\nerror: backup nas: ../nas: no such folder: mount it, or make it once\n",
    );
    std::fs::rename(&away, &nas).unwrap();
    world.run(&["set", "database.port"]).stdin("3").gives(
        0,
        "",
        "ok: backup nas: 2 backups from before brought there\nok: database.port changed\n",
    );
    assert_eq!(keys(&nas), keys(&world.root().join("usb")));
    assert_eq!(keys(&nas).len(), 3);
    world.run(&["backup", "verify", "--all"]).gives(0, "", "ok: 6 backups proven\n");
}

#[test]
fn many_writers_at_once_back_up_every_generation() {
    let world = world(&format!("{NAS}every-write = true\n"));
    let nas = world.root().join("nas");
    // Two wait already, for whoever is first.
    std::fs::rename(&nas, world.root().join("away")).unwrap();
    for port in ["1", "2"] {
        world.run(&["set", "-q", "database.port"]).stdin(port).done();
    }
    std::fs::rename(world.root().join("away"), &nas).unwrap();
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let value = world.path(format!("value-{number}"));
            std::fs::write(&value, "one of many").unwrap();
            let name = format!("many.secret_{number}");
            let mut command = world.spawn(&["set", "-q", "--undeclared", &name, "--from-file"]);
            command.arg(value).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for writer in writers {
        let done = writer.wait_with_output().unwrap();
        assert_eq!((done.status.code(), String::from_utf8(done.stderr).unwrap().as_str()), (Some(0), ""));
    }
    let generations: Vec<String> =
        keys(&nas).iter().map(|key| key.split('-').nth(1).unwrap().to_owned()).collect();
    let expected: Vec<String> = (4..=13).map(|generation| format!("{generation:06}")).collect();
    let sorted: std::collections::BTreeSet<String> = generations.iter().cloned().collect();
    assert_eq!(sorted.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(generations.len(), expected.len());
    world.run(&["backup", "verify", "--all"]).gives(0, "", "ok: 10 backups proven\n");
    assert_eq!(std::fs::read(file(&nas, 13)).unwrap(), world.store_bytes());
}

#[test]
fn a_schema_that_cannot_be_read_makes_no_backup_and_says_so() {
    let world = world(&format!("{NAS}every-write = true\n"));
    world.write("schemas/broken.toml", "[secrets.a.b]\ntype = \"no such\"\n");
    let done = world.run(&["rekey"]).done();
    let warned = "warn: no backup was made: the schema that names the places cannot be read\nhint: see what is wrong with `luca-secrets check`, then `luca-secrets backup create`\nok: sealed with a fresh key";
    assert_eq!(done.code, 0);
    assert!(done.stderr.starts_with(warned), "{}", done.stderr);
}

/// A backup of generation 3 and one of 4, and something wrong with the first.
fn flawed(spoil: impl FnOnce(&World, &Path, &Path)) -> (World, Done) {
    let world = world(&format!("{NAS}{USB}"));
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    world.run(&["backup", "create", "-q"]).success();
    let nas = world.root().join("nas");
    spoil(&world, &file(&nas, 3), &file(&nas, 4));
    let done = world.run(&["backup", "verify", "--all"]).done();
    // The newest is as good as before.
    assert_eq!(world.run(&["backup", "verify", "--place", "usb"]).done().code, 0);
    (world, done)
}

#[test]
fn whatever_is_wrong_with_a_backup_is_named() {
    let three = "nas  20261123T120000Z-000003…  ";
    let damaged = "damaged: it does not open, and its bytes are not those that it is called after\n";
    let proven = "ok: 3 backups proven\n";
    let (_, done) = flawed(|_, three, _| std::fs::write(three, "").unwrap());
    gives(&done, 3, &format!("{three}damaged: it is empty\n"), proven);
    let (_, done) = flawed(|_, three, _| std::fs::write(three, "no age file").unwrap());
    gives(&done, 3, &format!("{three}{damaged}"), proven);
    let (_, done) = flawed(|_, three, _| {
        let half = std::fs::read(three).unwrap();
        std::fs::write(three, &half[..half.len() / 2]).unwrap();
    });
    gives(&done, 3, &format!("{three}{damaged}"), proven);
    let (_, done) = flawed(|_, three, _| {
        let mut bytes = std::fs::read(three).unwrap();
        let at = bytes.len() / 2;
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(three, bytes).unwrap();
    });
    gives(&done, 3, &format!("{three}{damaged}"), proven);
    // One in the place of another.
    let (_, done) = flawed(|_, three, four| {
        std::fs::copy(four, three).unwrap();
    });
    let other = "not what it is called: it holds generation 4, written 2026-11-23T12:00:00Z: 20261123T120000Z-000004…\n";
    gives(&done, 3, &format!("{three}{other}"), proven);
    // Line ends of another system.
    let (_, done) = flawed(|_, three, _| {
        let text = std::fs::read_to_string(three).unwrap();
        std::fs::write(three, text.replace('\n', "\r\n")).unwrap();
    });
    let other = "not what it is called: it holds generation 3, written 2026-11-23T12:00:00Z: 20261123T120000Z-000003…\n";
    gives(&done, 3, &format!("{three}{other}"), proven);
    // Another name for it, of the form of a name and not.
    let (_, done) = flawed(|_, three, _| {
        std::fs::rename(
            three,
            three.with_file_name(format!("{}.age", name(three).replace("-000003-", "-000009-"))),
        )
        .unwrap();
    });
    let other = "not what it is called: it holds generation 3, written 2026-11-23T12:00:00Z: 20261123T120000Z-000003…\n";
    gives(&done, 3, &format!("nas  20261123T120000Z-000009…  {other}"), proven);
    let (_, done) = flawed(|_, three, _| std::fs::rename(three, three.with_file_name("old.age")).unwrap());
    gives(&done, 3, "nas  2026/11/23/old.age  not the name of a backup\n", proven);
    // A file that is no backup is nobody's business.
    let (_, done) = flawed(|_, three, _| {
        std::fs::write(three.with_file_name("README"), "x").unwrap();
        std::fs::write(three.with_file_name(".hidden.age"), "x").unwrap();
    });
    gives(&done, 0, "", "ok: 4 backups proven\n");
}

#[test]
fn another_store_under_the_name_of_a_backup_is_foreign() {
    let (_, done) = flawed(|_, three, _| {
        let other = seal(format!("{}\n[secrets]\n", header()).as_bytes(), Format::AsciiArmor);
        std::fs::write(three, other).unwrap();
    });
    gives(
        &done,
        3,
        "nas  20261123T120000Z-000003…  foreign: it holds another store\n",
        "ok: 3 backups proven\n",
    );
    let stranger = age::x25519::Identity::generate().to_public();
    let (_, done) = flawed(|_, three, _| {
        let sealed = age::encrypt_and_armor(&stranger, b"x").unwrap();
        std::fs::write(three, sealed).unwrap();
    });
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(done.stdout.contains("-000003-"), "{}", done.stdout);
}

#[test]
fn a_backup_of_before_one_s_time_is_not_proven() {
    let world = world(NAS);
    world.run(&["backup", "create", "-q"]).success();
    let newcomer = age::x25519::Identity::generate();
    let key = newcomer.to_public().to_string();
    world.run(&["recipients", "add", "-q", "--yes", "--name", "newcomer", &key]).success();
    world.run(&["backup", "create", "-q"]).success();
    let secret = age::secrecy::ExposeSecret::expose_secret(&newcomer.to_string()).to_owned();
    let done = world.run(&["backup", "verify"]).env("LUCA_SECRETS_IDENTITY", &secret).done();
    gives(&done, 0, "", "ok: backup nas: 20261123T120000Z-000004… is proven\n");
    let done = world.run(&["backup", "verify", "--all"]).env("LUCA_SECRETS_IDENTITY", &secret).done();
    gives(
        &done,
        3,
        "nas  20261123T120000Z-000003…  not proven: none of the identities at hand opens it\n",
        "ok: backup nas: 20261123T120000Z-000004… is proven\n",
    );
}

#[test]
fn verify_takes_names_and_reports_as_json() {
    let world = world(&format!("{NAS}{USB}"));
    let done = world.run(&["backup", "verify", "--place", "nas"]).done();
    gives(&done, 3, "nas  there is no backup of this store\n", "");
    world.run(&["backup", "create", "-q"]).success();
    let three = file(&world.root().join("nas"), 3);
    std::fs::write(&three, "x").unwrap();
    let done = world.run(&["backup", "verify", "--json", &name(&three)]).done();
    assert_eq!((done.code, done.stderr.as_str()), (3, ""));
    let rows: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&rows[0]["place"], &rows[0]["proven"]), (&"nas".into(), &false.into()));
    assert_eq!((&rows[1]["place"], &rows[1]["proven"]), (&"usb".into(), &true.into()));
    let done = world.run(&["backup", "verify", "--place", "usb", "20261123T120000Z"]).done();
    gives(&done, 0, "", "ok: backup usb: 20261123T120000Z-000003… is proven\n");
    let done = world.run(&["backup", "verify", "2025"]).done();
    let hint = "hint: `luca-secrets backup list` shows what there is\n";
    gives(&done, 1, "", &format!("error: no backup of this store is called so\n{hint}"));
}

#[test]
fn a_damaged_backup_of_this_generation_is_not_taken_for_one() {
    let world = world(NAS);
    world.run(&["backup", "create", "-q"]).success();
    let three = file(&world.root().join("nas"), 3);
    std::fs::write(&three, "x").unwrap();
    let done = refused(&world, |world| world.run(&["backup", "create"]).done());
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("damaged: not what was put there; remove it, then back up again"),
        "{}",
        done.stderr
    );
    std::fs::remove_file(&three).unwrap();
    world.run(&["backup", "create", "-q"]).success();
    assert_eq!(std::fs::read(three).unwrap(), world.store_bytes());
}

#[test]
fn what_the_policy_does_not_keep_is_removed_and_nothing_else() {
    let world = world(&format!(
        "{NAS}every-write = true\nkeep = {{ last = 2, hourly = 0, daily = 2, weekly = 0, monthly = 0 }}\n"
    ));
    let nas = world.root().join("nas");
    for (port, now) in [
        ("1", "2026-11-23T12:00:00Z"),
        ("2", "2026-11-24T12:00:00Z"),
        ("3", "2026-11-24T13:00:00Z"),
        ("4", "2026-11-25T12:00:00Z"),
        ("5", "2026-11-25T13:00:00Z"),
    ] {
        world.run(&["set", "-q", "database.port"]).stdin(port).at(now).success();
    }
    // Another store's backup, files of other people, and something that looks like a backup.
    let other = "2020/01/01/20200101T000000Z-000001-00000000-0000000000000000.age";
    for (path, content) in [(other, "x"), ("notes.txt", "x"), ("2026/11/23/old.age", "x")] {
        std::fs::create_dir_all(nas.join(path).parent().unwrap()).unwrap();
        std::fs::write(nas.join(path), content).unwrap();
    }
    let before = keys(&nas);
    let planned = "backup nas: 20261123T120000Z-000004… would be removed\nbackup nas: 20261124T120000Z-000005… would be removed\n";
    gives(&world.run(&["backup", "prune", "-n"]).done(), 0, "", planned);
    let asked = world.run(&["backup", "prune"]).done();
    gives(
        &asked,
        1,
        "",
        &format!(
            "{planned}error: a person would have to confirm this, and nobody is there to ask\nhint: pass --yes to go ahead without asking\n"
        ),
    );
    let no = world.run(&["backup", "prune"]).answers(&["n"]).done();
    gives(&no, 1, "", &format!("{planned}error: nothing was removed\n"));
    assert_eq!(keys(&nas), before);
    let done = world.run(&["backup", "prune", "-n", "--json"]).done();
    let rows: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["generation"]), (2, &4.into()));
    gives(
        &world.run(&["backup", "prune", "--yes"]).done(),
        0,
        "",
        "ok: backup nas: 2 backups removed, 3 kept\n",
    );
    let after: Vec<String> =
        before.into_iter().filter(|key| !key.contains("-000004-") && !key.contains("-000005-")).collect();
    assert_eq!(keys(&nas), after);
    gives(
        &world.run(&["backup", "prune", "--yes"]).done(),
        0,
        "",
        "ok: backup nas: nothing to remove, 3 backups there\n",
    );
}

#[test]
fn nothing_is_removed_where_the_newest_is_not_good() {
    let keep = "keep = { last = 1, hourly = 0, daily = 0, weekly = 0, monthly = 0 }\n";
    let world = world(&format!("{NAS}{keep}{USB}{keep}"));
    world.run(&["backup", "create", "-q"]).success();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    world.run(&["backup", "create", "-q"]).success();
    let nas = world.root().join("nas");
    std::fs::write(file(&nas, 4), "x").unwrap();
    let done = world.run(&["backup", "prune", "--yes"]).done();
    assert_eq!(done.code, 1);
    assert!(
        plain(&done.stderr).starts_with("ok: backup usb: 1 backup removed, 1 kept\nerror: backup nas: the newest, 20261123T120000Z-000004…: damaged"),
        "{}",
        done.stderr
    );
    assert_eq!(keys(&nas).len(), 2);
}

#[test]
fn a_store_in_conflict_is_backed_up() {
    let world = world(NAS);
    let tables = "\n[secrets.database]\npassword = \"one of ours\"\nport = \"1\"\n\n[conflicts]\n\"database.port\".theirs = \"2\"\n";
    crate::faults::store_with(&world, tables);
    let done = world.run(&["backup", "create"]).done();
    gives(&done, 0, "", "ok: backup nas: generation 7 is backed up as 20261123T120000Z-000007…\n");
    gives(
        &world.run(&["backup", "verify"]).done(),
        0,
        "",
        "ok: backup nas: 20261123T120000Z-000007… is proven\n",
    );
}

#[test]
fn a_folder_is_found_from_home_too() {
    let world = World::filled();
    world.write("schemas/backup.toml", "[backup.nas]\nkind = \"folder\"\npath = \"~/nas\"\n");
    std::fs::create_dir(world.home().join("nas")).unwrap();
    world.run(&["backup", "create", "-q"]).success();
    assert_eq!(keys(&world.home().join("nas")).len(), 1);
}
