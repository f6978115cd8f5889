//! The store and the tools of others: what age wrote opens here, and what is written here opens with age.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{IDENTITY, World};

/// `age -d` on the world's store.
fn decrypted(world: &World) -> String {
    world.write("key.txt", IDENTITY);
    let done =
        Command::new("age").args(["-d", "-i", "key.txt", "secrets.enc"]).current_dir(world.folder()).output();
    let done = done.expect("age is installed by tests/run");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// `age` in the place of the world's store, with the options given.
fn encrypt(world: &World, options: &[&str], document: &str) {
    let recipient = document.split("key = \"").nth(1).unwrap().split('"').next().unwrap();
    let mut age = Command::new("age")
        .args(options)
        .args(["-r", recipient, "-o"])
        .arg(world.path("secrets.enc"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("age is installed by tests/run");
    age.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    assert!(age.wait().unwrap().success());
}

#[test]
#[ignore = "needs age; run tests/run"]
fn age_opens_what_is_written_here() {
    let world = World::filled();
    let document = decrypted(&world);
    assert!(
        document.contains("\n[secrets.database]\npassword = \"correct horse battery\"\nport = \"5432\"\n")
    );
    let table: toml::Table = toml::from_str(&document).unwrap();
    assert_eq!(table["store"]["generation"].as_integer(), Some(3));
    assert_eq!(table["versions"]["database.port"]["origin"].as_str(), Some("edit"));
}

#[test]
#[ignore = "needs age; run tests/run"]
fn what_age_wrote_opens_here_and_counts_on() {
    for options in [vec!["-a"], vec![]] {
        let world = World::filled();
        let by_hand = "# by hand\n  \"port\"   =   '6543'  # not the usual one\n";
        let document = decrypted(&world).replace("port = \"5432\"\n", by_hand);
        encrypt(&world, &options, &document);
        // The same id and generation with other content: not forged and not older.
        world.run(&["get", "database.port"]).gives(0, "6543", "");
        let more = document.replace(by_hand, &format!("{by_hand}host = \"db.example.com\"\n"));
        encrypt(&world, &options, &more);
        world.run(&["get", "database.host"]).gives(0, "db.example.com", "");
        encrypt(&world, &options, &document);
        world.run(&["set", "-q", "database.password"]).stdin("another battery").success();
        let document = decrypted(&world);
        assert!(document.contains(by_hand), "comments and spelling survive");
        assert!(document.contains("generation = 4\n"));
        assert!(
            std::fs::read(world.path("secrets.enc"))
                .unwrap()
                .starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
        );
        // From there on, what was written by hand is older.
        let by_hand = document.replace("generation = 4\n", "generation = 3\n");
        encrypt(&world, &options, &by_hand);
        let done = world.run(&["get", "database.port"]).done();
        assert_eq!((done.code, done.stdout.as_str()), (4, ""));
        let older = "error: secrets.enc: older: generation 3, and generation 4 was seen here\n";
        assert!(done.stderr.starts_with(older), "{}", done.stderr);
        // And with another id, whoever wrote it cannot have read the store.
        let id = document.split("id = \"").nth(1).unwrap().split('"').next().unwrap();
        encrypt(&world, &options, &document.replace(id, "0123456789abcdef"));
        let done = world.run(&["get", "database.port"]).done();
        assert_eq!((done.code, done.stdout.as_str()), (4, ""));
        assert!(done.stderr.starts_with("error: secrets.enc: forged or made anew: "), "{}", done.stderr);
    }
}

#[test]
#[ignore = "needs age; run tests/run"]
fn earlier_values_can_be_read_and_written_with_age() {
    let world = World::filled();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    let document = decrypted(&world);
    let line = "  { since = 2026-11-23T12:00:00Z, until = 2026-11-23T12:00:00Z, origin = \"edit\", value = \"5432\" },\n";
    assert!(document.ends_with(&format!("\n[history]\n\"database.port\" = [\n{line}]\n")), "{document}");
    let by_hand = "  # by hand\n  {value='7432',until=2025-01-01T00:00:00Z}\n";
    encrypt(&world, &["-a"], &document.replace(line, by_hand));
    world.run(&["history", "--show", "database.port"]).gives(
        0,
        "now   2026-11-23T12:00:00Z  edit  \"6432\"\n1     -                     -     \"7432\"\n",
        "",
    );
    world.run(&["set", "-q", "database.password"]).stdin("another battery").success();
    assert!(decrypted(&world).contains(by_hand));
    world.run(&["rollback", "-q", "database.port"]).success();
    world.run(&["get", "database.port"]).gives(0, "7432", "");
}

#[test]
#[ignore = "needs age; run tests/run"]
fn age_opens_the_demo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = Command::new("age")
        .args(["-d", "-i", "tests/demo/identity.txt", "secrets.enc"])
        .current_dir(root)
        .output()
        .expect("age is installed by tests/run");
    assert!(String::from_utf8(done.stdout).unwrap().contains("[secrets.database]\n"));
}
