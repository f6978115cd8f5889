//! Who can read the store: list, add, remove; what is exposed then; and a fresh key.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use luca_secrets::name::SecretName;
use luca_secrets::secret::SecretValue;
use luca_secrets::store::{
    Author, Identity, NewKey, Origin, Recipient, Sides, Store, Unlocked, Worklist, join,
};
use luca_secrets::sys::{Disk, OpenGate};

use crate::faults::{Nth, leftovers, refused, snapshot};
use crate::harness::{NOW, World, keys};

/// A recipient that nobody here has the identity for.
const ANNA: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";
const SSH_PRINT: &str = "SHA256:PYX4o9UfGwCwG76hFcLAEkmMS0PtIBtV9MNmVgW16Oc";

const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7 anna";

fn me() -> String {
    crate::faults::recipient().to_string()
}

/// How a key is shown where it is shortened.
fn short(key: &str) -> String {
    format!("{}…{}", &key[..12], &key[key.len() - 6..])
}

fn you() -> String {
    format!("tester@[host] ({})", short(&me()))
}

fn names(world: &World) -> String {
    let list = world.run(&["recipients", "list"]).success().stdout;
    list.lines().map(|line| line.split("  ").next().unwrap()).collect::<Vec<_>>().join(" ")
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn author() -> Author {
    Author { now: NOW.parse().unwrap(), name: "tester@host".to_owned() }
}

fn unlocked(world: &World) -> Unlocked {
    let disk = Disk::new(Arc::new(OpenGate));
    Store::at(world.path("secrets.enc")).unlock(&disk, keys()).ok().unwrap()
}

fn write_private(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn adding_shows_who_gains_and_proves_the_result() {
    let world = World::filled();
    let gains = format!("anna gains access to 2 secrets: age key {ANNA}\n");
    world.run(&["recipients", "add", ANNA, "--name", "anna", "-n"]).gives(
        0,
        "",
        &format!("{gains}1 recipient would be added\n"),
    );
    let opens = format!("you still open it as {}\n", you());
    world.run(&["recipients", "add", ANNA, "--name", "anna"]).answers(&["n"]).gives(
        1,
        "",
        &format!("{gains}{opens}error: nobody was added\n"),
    );
    assert_eq!(names(&world), "tester@[host]");
    world.run(&["recipients", "add", ANNA, "--name", "anna", "--note", "Berlin"]).answers(&["y"]).gives(
        0,
        "",
        &format!("{gains}{opens}ok: anna can read the store\n"),
    );
    let name = "tester@[host]";
    let width = name.replace("[host]", &luca_secrets::sys::host_name()).len();
    world.run(&["recipients", "list"]).gives(
        0,
        &format!(
            "{name}  age  {}  2026-11-23  you\n{:width$}  age  {}  2026-11-23  -    Berlin\n",
            short(&me()),
            "anna",
            short(ANNA)
        ),
        "",
    );
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["recipients", "list", "--json"]).success().stdout).unwrap();
    assert_eq!(
        (&json[1]["key"], &json[1]["you"], &json[0]["you"]),
        (&ANNA.into(), &false.into(), &true.into())
    );
    let before = world.store_bytes();
    world.run(&["recipients", "add", ANNA, "--yes"]).gives(
        0,
        "",
        "ok: everybody named is a recipient already, so the store was left alone\n",
    );
    assert!(world.store_bytes() == before);
    world.run(&["recipients", "add", ANNA, "--name", "anna b"]).gives(0, "", "ok: names and notes changed\n");
    assert_eq!(names(&world), "tester@[host] anna b");
    assert_eq!(unlocked(&world).document().generation(), 5);
}

#[test]
fn one_recipient_alone_is_warned_about() {
    let world = World::filled();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).gives(0, "", "");
    let done = world.run(&["recipients", "remove", "--yes", "anna"]).success();
    let warning = "warn: only one recipient: whoever loses the key of tester@[host] loses the store\n\
                   hint: add a second one, such as a key that is kept offline, with `luca-secrets recipients add`\n";
    assert!(done.stderr.ends_with(warning), "{}", done.stderr);
}

#[test]
fn files_of_keys_bring_names_along() {
    let world = World::filled();
    world.write("team.txt", format!("# the team\n\n# anna\n{ANNA}\n{SSH} ben@example.com\n"));
    world.write("db.keys", format!("# db:22 SSH-2.0\ndb.example.com {RSA}\ndb.example.com {SSH}\n"));
    world.run(&["recipients", "add", "team.txt", "--yes", "-q"]).success();
    assert_eq!(names(&world), "tester@[host] anna ben@example.com");
    let list = world.run(&["recipients", "list"]).success().stdout;
    assert!(list.contains(&format!("ssh-ed25519  {}…", &SSH_PRINT[..19])), "{list}");
    // The same key again, whatever stands around it.
    world.run(&["recipients", "add", "--ssh-host-key", "db.keys", "--yes"]).gives(
        0,
        "",
        "ok: everybody named is a recipient already, so the store was left alone\n",
    );
    world.run(&["recipients", "remove", "--yes", "-q", SSH_PRINT]).success();
    world.run(&["recipients", "add", "--ssh-host-key", "db.keys", "--yes", "-q"]).success();
    assert_eq!(names(&world), "tester@[host] anna db.example.com");
    let NewKey { recipient, .. } = Identity::generate();
    world.write("more.txt", format!("# anna\n{recipient}\n"));
    world.run(&["recipients", "add", "more.txt", "--yes", "-q"]).success();
    assert_eq!(names(&world), "tester@[host] anna db.example.com anna 2");
}

#[test]
fn what_is_no_public_key_is_refused_and_not_repeated() {
    let world = World::filled();
    let secret = Identity::generate().secret.expose().to_owned();
    world.write("private", format!("# mine\n{secret}\n"));
    world.write("ssh", format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n"));
    world.write("mixed.txt", format!("{ANNA}\n{RSA}\n"));
    world.write("rsa.pub", format!("db.example.com {RSA}\n"));
    world.write("empty.txt", "# nobody\n");
    world.write("binary", [0xff, 0xfe]);
    let lower = secret.to_lowercase();
    let twice = format!("{ANNA}x");
    let cases: &[(&[&str], u8, &str)] = &[
        (&[&secret], 2, "a private key, where the public one belongs"),
        (&[&lower], 2, "a private key, where the public one belongs"),
        (&["private"], 1, "private: a private key, where the public one belongs"),
        (&["ssh"], 1, "ssh: a private key, where the public one belongs"),
        (&[RSA], 1, "the key: an RSA key, where only ssh-ed25519 can be used"),
        (&["ecdsa-sha2-nistp256 AAAA"], 1, "the key: an ECDSA key, where only ssh-ed25519 can be used"),
        (&["ssh-ed25519 AAAA"], 1, "the key: neither age1… nor ssh-ed25519 …, or mistyped"),
        (&[&twice], 1, "the key: neither age1… nor ssh-ed25519 …, or mistyped"),
        (&["passphrase"], 1, "what was given is neither a public key nor a file"),
        (&["mixed.txt"], 1, "mixed.txt: line 2: an RSA key, where only ssh-ed25519 can be used"),
        (&["empty.txt"], 1, "empty.txt: there is no public key in it"),
        (&["binary"], 1, "binary: not UTF-8 text"),
        (
            &["--ssh-host-key", "rsa.pub"],
            1,
            "rsa.pub: line 1: an RSA key, where only ssh-ed25519 can be used",
        ),
        (&["github:a/../b"], 2, "after github: stands the name of a user, such as github:octocat"),
        (&[ANNA, "--name", "a\nb"], 2, "a name is one line of at most 200 characters, and not empty"),
        (&[ANNA, "--note", ""], 2, "a note is one line of at most 200 characters, and not empty"),
    ];
    for (arguments, code, message) in cases {
        let arguments = [&["recipients", "add", "--yes"], *arguments].concat();
        let done = refused(&world, |world| world.run(&arguments).done());
        let first = done.stderr.lines().find(|line| line.starts_with("error")).unwrap();
        assert_eq!((done.code, first), (*code, format!("error: {message}").as_str()));
        assert!(!done.stderr.contains(&secret) && !done.stderr.contains(&lower), "{}", done.stderr);
    }
    let name = format!("tester@{}", luca_secrets::sys::host_name());
    let done = refused(&world, |world| world.run(&["recipients", "add", ANNA, "--name", &name]).done());
    assert!(done.stderr.starts_with("error: there is a recipient with the name "), "{}", done.stderr);
}

#[test]
fn removing_lists_what_was_known_until_it_has_new_values() {
    let world = World::filled();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    world.run(&["set", "-q", "sentry.dsn"]).stdin("https://a@sentry.example.com/1").success();
    let loses = format!("anna loses access: age key {ANNA}\nyou still open it as {}\n", you());
    world.run(&["recipients", "remove", "age1ql3z7hjy", "-n"]).gives(
        0,
        "",
        &format!("{loses}1 recipient would be removed\n"),
    );
    // The port is no secret by the schema.
    world.run(&["recipients", "remove", "anna"]).answers(&["yes"]).gives(
        0,
        "luca-secrets generate --replace database.password\nluca-secrets set sentry.dsn\n",
        &format!(
            "{loses}ok: anna can no longer read the store\n\
             warn: 2 secrets exposed: change each at its source, then here\n\
             hint: `luca-secrets check` fails until all have new values, or `luca-secrets recipients waive NAME --because TEXT`\n\
             warn: earlier copies of the store, such as git's old commits, stay readable for them\n\
             warn: only one recipient: whoever loses the key of tester@[host] loses the store\n\
             hint: add a second one, such as a key that is kept offline, with `luca-secrets recipients add`\n"
        ),
    );
    let finding = |name: &str| {
        format!(
            "error: {name}: exposed: anna ({}) could read it until 2026-11-23\nhint: give it a new value at its source and here, or `luca-secrets recipients waive {name} --because TEXT`\n",
            short(ANNA)
        )
    };
    world.run(&["check"]).gives(3, "", &format!("{}{}", finding("database.password"), finding("sentry.dsn")));
    assert!(world.run(&["list"]).success().stdout.contains("exposed     2026-11-23  edit\n"));
    world.run(&["set", "database.password"]).stdin("another battery").gives(
        0,
        "",
        "ok: database.password changed\nok: database.password is no longer exposed\n",
    );
    // Taking it away changes nothing for whoever knows it.
    world.run(&["rm", "--yes", "sentry.dsn"]).gives(
        0,
        "",
        "warn: sentry.dsn is used by SENTRY_DSN of django\n\
         warn: sentry.dsn is exposed and stays so: whoever knows the value still does\n\
         ok: sentry.dsn removed\n",
    );
    assert_eq!(world.run(&["check"]).done().code, 3);
    world.run(&["recipients", "waive", "sentry.dsn"]).done();
    world.run(&["recipients", "waive", "sentry.dsn", "--because", "revoked at Sentry"]).gives(
        0,
        "",
        "ok: sentry.dsn waived\n",
    );
    world.run(&["check"]).gives(0, "", "ok: 2 secrets, nothing missing, nothing wrong\n");
    world.run(&["recipients", "waive", "sentry.dsn", "--because", "again"]).gives(
        1,
        "",
        "error: sentry.dsn is not exposed\nhint: `luca-secrets check` shows what is\n",
    );
    let document = crate::faults::unseal(&world.store_bytes());
    let waiver = "waived = 2026-11-23T12:00:00Z, by = \"tester@";
    assert!(document.contains(waiver) && document.contains("because = \"revoked at Sentry\""), "{document}");
}

#[test]
fn nobody_locks_everybody_or_themselves_out() {
    let world = World::filled();
    let (name, prefix) = (format!("tester@{}", luca_secrets::sys::host_name()), &me()[..10]);
    for who in [name.as_str(), prefix] {
        let done = refused(&world, |world| world.run(&["recipients", "remove", "--yes", who]).done());
        assert!(done.stderr.contains("error: nobody could read the store any more\n"), "{}", done.stderr);
    }
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    let done = refused(&world, |world| world.run(&["recipients", "remove", "--yes", &name]).done());
    assert!(
        done.stderr.contains("error: no identity at hand would open the store any more\n"),
        "{}",
        done.stderr
    );
    let done = refused(&world, |world| world.run(&["recipients", "remove", "--yes", "ana"]).done());
    assert_eq!(done.stderr, "error: no recipient is called so\nhint: did you mean anna?\n");
    // The library refuses it too, whoever calls it.
    let store = unlocked(&world);
    let anna = store.document().recipients()[1].clone();
    for (readers, message) in [
        (vec![], "nobody could read it any more"),
        (vec![anna], "no identity at hand would open it any more"),
    ] {
        let mut edit = store.edit(Origin::Edit, 10);
        edit.set_recipients(readers);
        let error = edit.commit(&Disk::new(Arc::new(OpenGate)), &author(), Duration::ZERO).err().unwrap();
        assert!(error.to_string().ends_with(message), "{error}");
    }
}

#[test]
fn a_passphrase_gives_way_to_keys_or_stays_alone() {
    let world = World::empty();
    world.write("schemas/schema.toml", crate::harness::SCHEMA);
    world.run(&["init", "-q", "--passphrase"]).answers(&["open sesame", "open sesame"]).success();
    let key = Identity::generate();
    write_private(&world.path("key.txt"), key.secret.expose());
    let add = ["recipients", "add", "--yes", &key.recipient, "--name", "me"];
    world.run(&add).answers(&["open sesame"]).gives(
        1,
        "",
        "error: the store is sealed with a passphrase, which cannot stand beside other recipients\n\
         hint: let keys take its place with --replace-passphrase; one of them must be at hand to prove it\n",
    );
    let replace = [&add[..], &["--replace-passphrase"]].concat();
    let done = refused(&world, |world| world.run(&replace).answers(&["open sesame"]).done());
    assert!(done.stderr.contains("no identity at hand would open"), "{}", done.stderr);
    let with_key = [&replace[..], &["-i", "key.txt", "-q"]].concat();
    world.run(&with_key).answers(&["open sesame"]).success();
    world.run(&["recipients", "list", "-i", "key.txt"]).gives(
        0,
        &format!("me  age  {}  2026-11-23  you\n", short(&key.recipient)),
        "",
    );
}

#[test]
fn a_fresh_key_changes_nothing_else() {
    let world = World::filled();
    let (before, document) = (world.store_bytes(), crate::faults::unseal(&world.store_bytes()));
    world.run(&["rekey", "-n"]).gives(0, "", "the store would be sealed with a fresh key for 1 recipient\n");
    assert!(world.store_bytes() == before);
    world.run(&["rekey"]).gives(
        0,
        "",
        "ok: sealed with a fresh key for 1 recipient, generation 4\n\
         hint: earlier copies, such as git's old commits, stay readable with the old keys\n\
         hint: whoever should not know a value any more: `luca-secrets recipients remove`, then new values\n",
    );
    let after = crate::faults::unseal(&world.store_bytes());
    assert_eq!(after, document.replace("generation = 3", "generation = 4"));
}

#[test]
fn two_people_who_change_the_readers_at_once_both_win() {
    let world = World::filled();
    let disk = Disk::new(Arc::new(OpenGate));
    let one = |name: &str, key: &str| Recipient::new(name.to_owned(), key.to_owned(), author().now);
    let [first, second, third] = [(); 3].map(|()| unlocked(&world));
    let with = |store: &Unlocked, reader: Recipient| {
        let mut edit = store.edit(Origin::Edit, 10);
        edit.set_recipients([store.document().recipients(), &[reader]].concat());
        edit.commit(&disk, &author(), Duration::ZERO).ok().unwrap()
    };
    assert!(!with(&first, one("anna", ANNA)).merged);
    assert!(with(&second, one("ben", SSH)).merged);
    let mut edit = third.edit(Origin::Edit, 10);
    edit.set(SecretName::parse("sentry.dsn").unwrap(), SecretValue::new("https://x".to_owned()));
    edit.commit(&disk, &author(), Duration::ZERO).ok().unwrap();
    assert_eq!(names(&world), "tester@[host] ben anna");
    // A removal knows what somebody else has put in meanwhile, sealed for the reader who goes.
    let [first, second] = [(); 2].map(|()| unlocked(&world));
    let mut edit = second.edit(Origin::Edit, 10);
    edit.set(SecretName::parse("late.secret").unwrap(), SecretValue::new("late".to_owned()));
    edit.commit(&disk, &author(), Duration::ZERO).ok().unwrap();
    let mut edit = first.edit(Origin::Edit, 10);
    edit.set_recipients(first.document().recipients()[..2].to_vec());
    edit.expose(Worklist {
        since: author().now,
        to: "anna".to_owned(),
        committed: std::collections::BTreeSet::new(),
        could_read_all: true,
        spared: std::collections::BTreeSet::new(),
    });
    let committed = edit.commit(&disk, &author(), Duration::ZERO).ok().unwrap();
    let exposed: Vec<&str> = committed.exposed.iter().map(SecretName::as_str).collect();
    assert_eq!(exposed, ["database.password", "database.port", "late.secret", "sentry.dsn"]);
    assert_eq!(names(&world), "tester@[host] ben");
}

#[test]
fn a_value_that_a_former_reader_knew_stays_exposed_when_it_comes_back() {
    let world = World::filled();
    world.run(&["set", "-q", "database.password"]).stdin("the second value").success();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    world.run(&["recipients", "remove", "-q", "--yes", "anna"]).success();
    let is_exposed = || world.run(&["check"]).done().stderr.contains("database.password");
    assert!(is_exposed());
    world.run(&["rollback", "-q", "database.password"]).success();
    world.run(&["get", "database.password"]).gives(0, "correct horse battery", "");
    assert!(is_exposed());
    world.run(&["set", "-q", "database.password"]).stdin("the second value").success();
    assert!(is_exposed());
    world.run(&["set", "-q", "database.password"]).stdin("that nobody has seen").success();
    assert!(!is_exposed());
}

#[test]
fn what_they_knew_outlives_the_mark() {
    let world = World::filled();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    let set = |value: &str, at| world.run(&["set", "-q", "database.password"]).stdin(value).at(at).success();
    let marks = || {
        let store = unlocked(&world);
        let document = store.document();
        (document.is_exposed(&name("database.password")), document.exposures().count())
    };
    world.run(&["recipients", "remove", "-q", "--yes", "anna"]).at("2026-11-24T12:00:00Z").success();
    set("that nobody has seen", "2026-11-25T12:00:00Z");
    assert_eq!(marks(), (false, 0));
    world.run(&["check"]).success();
    assert!(!world.run(&["list"]).success().stdout.contains("exposed"));
    let waive = ["recipients", "waive", "database.password", "--because", "no matter"];
    world.run(&waive).done();
    assert_eq!(world.run(&waive).done().code, 1);
    world.run(&["rollback", "-q", "database.password"]).at("2026-11-26T12:00:00Z").success();
    world.run(&["get", "database.password"]).gives(0, "correct horse battery", "");
    assert_eq!(marks(), (true, 1));
    assert_eq!(world.run(&["check"]).done().code, 3);
    // What they never knew does not bring it back, new or not.
    set("that nobody has seen", "2026-11-27T12:00:00Z");
    assert_eq!(marks(), (false, 0));
    set("nor this", "2026-11-28T12:00:00Z");
    set("that nobody has seen", "2026-11-29T12:00:00Z");
    assert_eq!(marks(), (false, 0));
    world.run(&["rm", "-q", "--yes", "database.password"]).at("2026-11-29T13:00:00Z").success();
    set("correct horse battery", "2026-11-30T12:00:00Z");
    assert_eq!(marks(), (true, 1));
    // A waiver was for what they know.
    world.run(&waive).success();
    set("nor this", "2026-12-01T12:00:00Z");
    assert_eq!(marks(), (false, 0));
    set("correct horse battery", "2026-12-02T12:00:00Z");
    assert_eq!(marks(), (false, 1));
}

#[test]
fn an_ended_mark_goes_with_the_value_that_it_is_about() {
    let ended = |world: &World| crate::faults::unseal(&world.store_bytes()).contains("ended = ");
    let world = World::filled();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    world.run(&["recipients", "remove", "-q", "--yes", "anna"]).at("2026-11-24T12:00:00Z").success();
    let sealed = world.store_bytes();
    let set = |value: &str| {
        let run = world.run(&["set", "-q", "database.password"]).stdin(value).at("2026-11-25T12:00:00Z");
        run.success();
    };
    set("that nobody has seen");
    assert!(ended(&world));
    world.run(&["history", "-q", "--yes", "--forget", "database.password"]).success();
    assert!(!ended(&world));
    world.write("secrets.enc", sealed);
    world.forget_stores();
    for number in 0..10 {
        set(&format!("that nobody has seen {number}"));
        assert!(ended(&world), "{number}");
    }
    set("the eleventh");
    assert!(!ended(&world));
}

#[test]
fn a_merge_exposes_what_the_other_branch_still_sealed_for_the_reader() {
    let world = World::filled();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    let base = world.store_bytes();
    world.run(&["set", "-q", "database.password"]).stdin("new on the branch").success();
    let theirs = world.store_bytes();
    std::fs::write(world.path("secrets.enc"), &base).unwrap();
    world.forget_stores();
    world.run(&["recipients", "remove", "-q", "--yes", "anna"]).success();
    world.run(&["set", "-q", "database.port"]).stdin("6543").success();
    let ours = world.store_bytes();
    for (ours, theirs) in [(&ours, &theirs), (&theirs, &ours)] {
        let sides = Sides { base: Some(&base), ours, theirs };
        let joined = join(Path::new("secrets.enc"), &sides, &keys(), &author(), 10).ok().unwrap();
        std::fs::write(world.path("secrets.enc"), joined.sealed).unwrap();
        let store = unlocked(&world);
        let exposed: Vec<&str> = store.document().exposed().map(|(name, _)| name.as_str()).collect();
        assert_eq!(exposed, ["database.password"]);
        assert_eq!(store.document().recipients().len(), 1);
    }
}

fn git(world: &World, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=tester", "-c", "user.email=tester@example.com"])
        .args(arguments)
        .current_dir(world.folder())
        .env_clear()
        .env("HOME", world.home())
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn in_git(run: crate::harness::Run<'_>) -> crate::harness::Run<'_> {
    run.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1")
}

#[test]
fn git_tells_what_a_former_reader_can_read() {
    let world = World::filled();
    git(&world, &["init", "-q", "-b", "main"]);
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    world.run(&["set", "-q", "sentry.dsn"]).stdin("https://a@sentry.example.com/1").success();
    world.run(&["set", "-q", "old.token", "--undeclared"]).stdin("long gone").success();
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "all"]);
    world.run(&["rm", "-q", "--yes", "old.token"]).success();
    world.run(&["set", "-q", "sentry.dsn"]).stdin("https://b@sentry.example.com/1").success();
    let done = in_git(world.run(&["recipients", "remove", "--yes", "anna"])).success();
    let gone = "warn: in git's history anna can also read what is no longer in the store: old.token\n";
    assert!(done.stderr.contains(gone), "{}", done.stderr);
    let store = unlocked(&world);
    let marks: Vec<(&str, &str)> =
        store.document().exposed().map(|(name, mark)| (name.as_str(), mark.reason.as_str())).collect();
    assert_eq!(marks, [("database.password", "committed"), ("sentry.dsn", "stored")]);
    // Somebody who was taken out by other means: only what is in the commits counts.
    let sealed = world.store_bytes();
    let document = crate::faults::unseal(&sealed);
    let unmarked = document.split("[exposed]").next().unwrap();
    world.write("secrets.enc", crate::faults::seal(unmarked.as_bytes(), age::armor::Format::AsciiArmor));
    let done = in_git(world.run(&["recipients", "remove", "--yes", "anna"])).success();
    assert_eq!(done.stdout, "luca-secrets generate --replace database.password\n");
    let was = "anna is no recipient any more, but was one in git's history\n";
    assert!(done.stderr.contains(was), "{}", done.stderr);
}

#[test]
fn a_fault_leaves_the_readers_old_or_new() {
    for (arguments, after) in [
        (&["recipients", "add", "-q", "--yes", SSH, "--name", "ben"][..], "tester@[host] anna ben"),
        (&["recipients", "remove", "-q", "--yes", "anna"], "tester@[host]"),
        (&["rekey", "-q"], "tester@[host] anna"),
    ] {
        for at in 1.. {
            let world = World::filled();
            world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
            let gate = Arc::new(Nth::new(at, || Err(std::io::ErrorKind::StorageFull.into())));
            let done = world.run(arguments).gate(gate.clone()).done();
            assert_eq!(leftovers(&world), [] as [std::path::PathBuf; 0]);
            let now = names(&world);
            assert!(
                now == after || (done.code != 0 && now == "tester@[host] anna"),
                "{arguments:?} {at}: {now}"
            );
            if gate.count() < at {
                assert_eq!(done.code, 0);
                assert!(at > 3, "there are effects to fail");
                break;
            }
        }
    }
}

/// A GitHub with the answer to every request; gives its address.
fn github(answer: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // The thread ends with the test process.
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            for line in lines {
                let line = line.unwrap();
                assert!(!line.to_lowercase().starts_with("authorization"), "no token is sent");
                if line.is_empty() {
                    break;
                }
            }
            let known = first.starts_with("GET /users/octocat/keys?per_page=100&page=1 ");
            let (status, body) = if known { (answer, body.as_str()) } else { ("404 Not Found", "{}") };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    address
}

fn keys_of(lines: &[&str]) -> String {
    let keys: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::json!({"id": 1, "key": line})).collect();
    serde_json::to_string(&keys).unwrap()
}

#[test]
fn a_github_user_s_keys_are_all_shown_pinned_and_known_again() {
    let world = World::filled();
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==";
    let first = github("200 OK", keys_of(&[rsa, SSH]));
    let from = format!("github:octocat@{}", first.strip_prefix("http://").unwrap());
    let add = ["recipients", "add", "github:octocat", "--github-api", &first];
    let rsa_print = luca_secrets::store::fingerprint(rsa).unwrap();
    let shown = format!(
        "{from} has a key that is not used: {rsa_print}: an RSA key, where only ssh-ed25519 can be used\n{from} has an ed25519 key: {SSH_PRINT}\n"
    );
    world.run(&add).answers(&["y"]).gives(
        0,
        "",
        &format!(
            "{shown}octocat gains access to 2 secrets: ssh-ed25519 key {SSH} {SSH_PRINT}\nyou still open it as {}\nok: octocat can read the store\n",
            you()
        ),
    );
    world.run(&add).gives(
        0,
        "",
        &format!("{shown}ok: everybody named is a recipient already, so the store was left alone\n"),
    );
    let list = world.run(&["recipients", "list"]).success().stdout;
    assert!(list.contains(&from), "{list}");
    // The account has another key now. As this GitHub answers elsewhere, the pin is made to say so.
    let other = ssh_key();
    let second = github("200 OK", keys_of(&[&other]));
    let mut readers = unlocked(&world).document().recipients().to_vec();
    let from = format!("github:octocat@{}", second.strip_prefix("http://").unwrap());
    readers[1].from = Some(from.clone());
    let store = unlocked(&world);
    let mut edit = store.edit(Origin::Edit, 10);
    edit.set_recipients(readers);
    edit.commit(&Disk::new(Arc::new(OpenGate)), &author(), Duration::ZERO).ok().unwrap();
    let add = ["recipients", "add", "--yes", "github:octocat"];
    let new_print = luca_secrets::store::fingerprint(&other).unwrap();
    let changed = format!(
        "{from} has an ed25519 key: {new_print}\n\
         warn: {from} no longer has the key of octocat: {SSH_PRINT}\n\
         hint: octocat can still read the store until `luca-secrets recipients remove`\n\
         warn: {from} has a key that was not there when it was added: {new_print}\n\
         octocat 2 gains access to 2 secrets: ssh-ed25519 key {other} {new_print}\n\
         you still open it as {}\n",
        you()
    );
    let run = || world.run(&add).env("LUCA_SECRETS_GITHUB_API", &second);
    run().gives(
        4,
        "",
        &format!(
            "{changed}error: the keys of a GitHub user have changed since they were added, and nobody is there to ask\n\
             hint: ask the user on another way, then add the new key itself: `luca-secrets recipients add KEY`\n"
        ),
    );
    run().answers(&["n"]).gives(1, "", &format!("{changed}error: nobody was added\n"));
    run().answers(&["y"]).gives(0, "", &format!("{changed}ok: octocat 2 can read the store\n"));
    world.run(&["recipients", "remove", "--yes", "-q", "github:octocat"]).success();
    assert_eq!(names(&world), "tester@[host]");
}

/// A public key of a new ed25519 pair, in SSH's binary form (RFC 8709).
fn ssh_key() -> String {
    use base64::Engine as _;
    // Any point of the curve will do: this one is the base point's.
    let mut blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20".to_vec();
    blob.push(0x58);
    blob.extend([0x66; 31]);
    format!("ssh-ed25519 {}", base64::prelude::BASE64_STANDARD.encode(blob))
}

#[test]
fn github_s_refusals_change_nothing() {
    let world = World::filled();
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==";
    let cases = [
        ("200 OK", "[]".to_owned(), "has no SSH keys\n"),
        ("200 OK", keys_of(&[rsa]), "has no ed25519 key\n"),
        ("200 OK", "{\"key\": 1}".to_owned(), "did not answer with a list of keys\n"),
        ("403 Forbidden", "{}".to_owned(), "does not answer any more for now\n"),
        ("404 Not Found", "{}".to_owned(), "knows no user octocat\n"),
        ("500 Oops", "{}".to_owned(), "answered with status 500\n"),
        ("302 Found\r\nlocation: http://127.0.0.2:1/", "[]".to_owned(), "which is not followed\n"),
    ];
    for (status, body, message) in cases {
        let api = github(status, body);
        let add = ["recipients", "add", "--yes", "github:octocat", "--github-api", &api];
        let done = refused(&world, |world| world.run(&add).done());
        assert!(done.stderr.contains(message), "{}", done.stderr);
    }
    for (api, message) in [
        ("http://github.example.com", "GitHub's API over plain http: anybody on the way could put in a key"),
        (
            "https://user:secret@github.example.com",
            "GitHub's API: a user or a password stands in the address",
        ),
    ] {
        let add = ["recipients", "add", "--yes", "github:octocat", "--github-api", api];
        let done = refused(&world, |world| world.run(&add).done());
        assert_eq!(
            (done.code, done.stderr.lines().next().unwrap()),
            (2, format!("error: {message}").as_str())
        );
    }
}

/// A pair of keys by the real `ssh-keygen`; the path of the private half.
fn ssh_pair(world: &World, name: &str) -> String {
    let done = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", &format!("root@{name}.example.com"), "-f"])
        .arg(world.path(name))
        .stdin(Stdio::null())
        .status()
        .expect("ssh-keygen is installed by tests/run");
    assert!(done.success());
    name.to_owned()
}

fn opens_with_age(world: &World, identity: &str) -> bool {
    let age = Command::new("age")
        .args(["-d", "-i", identity, "secrets.enc"])
        .current_dir(world.folder())
        .output()
        .expect("age is installed by tests/run");
    age.status.success() && String::from_utf8_lossy(&age.stdout).contains("[secrets.database]")
}

#[test]
#[ignore = "needs age and ssh-keygen; run tests/run"]
fn stock_age_opens_it_for_twenty_readers_and_a_server_s_host_key() {
    let world = World::filled();
    let host = ssh_pair(&world, "ssh_host_ed25519_key");
    world.run(&["recipients", "add", "-q", "--yes", "--ssh-host-key", "ssh_host_ed25519_key.pub"]).success();
    assert!(names(&world).ends_with(" root@ssh_host_ed25519_key.example.com"));
    let mut identities = vec![host.clone()];
    let mut team = String::new();
    for number in 0..18 {
        let NewKey { recipient, secret } = Identity::generate();
        team.push_str(&format!("# reader {number}\n{recipient}\n"));
        write_private(&world.path(format!("key{number}.txt")), secret.expose());
        identities.push(format!("key{number}.txt"));
    }
    world.write("team.txt", team);
    world.run(&["recipients", "add", "-q", "--yes", "team.txt"]).success();
    assert_eq!(world.run(&["recipients", "list"]).success().stdout.lines().count(), 20);
    for identity in &identities {
        assert!(opens_with_age(&world, identity), "{identity}");
    }
    assert!(world.run(&["check", "-i", &host]).done().code == 0, "a server opens it with its host key");
    world
        .run(&["recipients", "remove", "-q", "--yes", "root@ssh_host_ed25519_key.example.com", "reader 7"])
        .success();
    for identity in &identities {
        let is_gone = [host.as_str(), "key7.txt"].contains(&identity.as_str());
        assert_eq!(opens_with_age(&world, identity), !is_gone, "{identity}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let world = World::filled();
    world.run(&["recipients", "add", "-q", "--yes", ANNA, "--name", "anna"]).success();
    let before = snapshot(world.root());
    for arguments in
        [&["recipients", "add", "-n", SSH][..], &["recipients", "remove", "-n", "anna"], &["rekey", "-n"]]
    {
        world.run(arguments).success();
    }
    assert!(snapshot(world.root()) == before);
}
