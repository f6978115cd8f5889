//! What is refused before anything is touched, each with its message.

use super::Fleet;

#[test]
#[ignore = "needs sshd; run tests/run"]
fn what_somebody_changed_there_is_not_overwritten_unasked() {
    let fleet = Fleet::new(1);
    fleet.pushed();
    let path = fleet.app(0).join("app.env");
    let pushed = fleet.read(0, "app.env");
    // Spelled otherwise is the same; another value is not.
    std::fs::write(&path, pushed.replace("DB_PORT=5432", "DB_PORT='5432'")).unwrap();
    assert!(fleet.pushed().stderr.ends_with("ok: there is nothing to push\n"));
    std::fs::write(&path, pushed.replace("DB_PORT=5432", "DB_PORT=6543\nMORE=1")).unwrap();
    let done = fleet.push(&["--yes"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (
            1,
            "server.web1, [app]/app.env: 2 differences, 1 unchanged, generation 3 there\n\
             \x20 drifted   DB_PORT  [print] -> [print]\n\
             \x20 drifted   MORE     [print], will be removed\n\
             error: server.web1, [app]/app.env: somebody has changed DB_PORT, MORE since the push by tester@[host]\n\
             hint: take what is right into the store; --overwrite-drift puts the store's values in its place\n\
             hint: nothing was pushed\n"
        )
    );
    fleet.push(&["--yes", "--overwrite-drift"]).success();
    assert_eq!(fleet.read(0, "app.env"), pushed);

    // A file that was never pushed.
    std::fs::write(&path, "DB_PASSWORD=other\nDB_PORT=5432\n").unwrap();
    let done = fleet.push(&["--yes", "-q"]).done();
    assert_eq!(
        fleet.plain(&done.stderr),
        "error: server.web1, [app]/app.env: never pushed from here, and differs in DB_PASSWORD\n"
    );
    // One that no parser of the dialect takes.
    std::fs::write(&path, "DB_PASSWORD='other\n").unwrap();
    let done = fleet.push(&["--yes", "-q"]).done();
    assert_eq!(
        fleet.plain(&done.stderr),
        "error: server.web1, [app]/app.env: never pushed from here, and differs in DB_PASSWORD, DB_PORT\n"
    );
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn an_older_store_and_another_store_are_refused() {
    let fleet = Fleet::new(1);
    let old = fleet.world.store_bytes();
    fleet.set("new one");
    fleet.pushed();
    std::fs::write(fleet.world.path("secrets.enc"), &old).unwrap();
    fleet.world.forget_stores();
    let done = fleet.push(&["--yes", "-q"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (1, "error: server.web1, [app]/app.env: generation 4 of the store is there, and here is 3\n")
    );
    fleet.push(&["--yes", "-q", "--allow-older"]).success();
    assert_eq!(fleet.passwords(), ["correct horse battery"]);

    let other = Fleet::new(1);
    other.set("of another store");
    other.pushed();
    std::fs::copy(other.app(0).join("app.env"), fleet.app(0).join("app.env")).unwrap();
    let done = fleet.push(&["--yes", "-q"]).done();
    assert_eq!(done.code, 1);
    assert!(
        fleet
            .plain(&done.stderr)
            .starts_with("error: server.web1, [app]/app.env: what is there came from another store\n"),
        "{}",
        done.stderr
    );
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_server_that_cannot_be_reached_or_used_says_why() {
    let fleet = Fleet::new(1);
    let refused = |from: &str, to: &str, said: &str| {
        let before = fleet.world.read("schemas/servers.toml");
        assert!(before.contains(from), "{from}");
        fleet.world.write("schemas/servers.toml", before.replace(from, to));
        let done = fleet.push(&["--yes"]).done();
        fleet.world.write("schemas/servers.toml", before);
        assert_eq!((done.code, fleet.plain(&done.stderr).as_str()), (1, said));
        assert!(fleet.names(0).is_empty());
    };
    let host_key = fleet.hosts[0].host_key("ed25519");
    let other = crate::harness::sshd::Sshd::start();
    let key = fleet.hosts[0].client_key();
    refused(
        &host_key,
        &other.host_key("ed25519"),
        &format!("error: server web1: {}\nhint: {}\nhint: nothing was pushed\n", "[changed]", "[hint]"),
    );
    let _ = key;
}
