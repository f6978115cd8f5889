//! What is refused before anything is touched, each with its message.

use std::process::Command;

use crate::harness::sshd::{self, Sshd};

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
    let host = &fleet.hosts[0];
    let other = Sshd::start();
    let locked = host.path("locked");
    sshd::keygen(&locked, &["-t", "ed25519"]);
    let encrypted =
        Command::new("ssh-keygen").args(["-q", "-p", "-P", "", "-N", "word", "-f"]).arg(&locked).output();
    assert!(encrypted.unwrap().status.success());
    let refused = |from: &str, to: &str, said: &str| {
        let before = fleet.world.read("schemas/servers.toml");
        assert!(before.contains(from), "{from}");
        fleet.world.write("schemas/servers.toml", before.replace(from, to));
        let done = fleet.push(&["--yes"]).done();
        fleet.world.write("schemas/servers.toml", before);
        assert_eq!((done.code, fleet.plain(&done.stderr)), (1, format!("{said}hint: nothing was pushed\n")));
        assert!(fleet.names(0).is_empty());
    };
    let there = "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server itself";
    refused(
        &host.host_key("ed25519"),
        &other.host_key("ed25519"),
        &format!(
            "error: server web1: 127.0.0.1:[port]: the host key is not the recorded one: it shows ssh-ed25519 [key], \
             recorded is ssh-ed25519 [key]\n\
             hint: somebody may be listening: go on only if you know why it changed, compare it with {there}, then run \
             `luca-secrets server pin web1`\n"
        ),
    );
    let user = sshd::user();
    refused(
        host.client_key().to_str().unwrap(),
        other.client_key().to_str().unwrap(),
        &format!(
            "error: server web1: 127.0.0.1:[port]: {user} may not log in with ssh-ed25519 [key]\n\
             hint: add the public key to the `authorized_keys` file of {user} there\n"
        ),
    );
    refused(
        host.client_key().to_str().unwrap(),
        locked.to_str().unwrap(),
        "error: [host]/locked: the key is encrypted and there is no passphrase for it\n\
         hint: run this where somebody can be asked, or name the secret with it in the schema: \
         key = { secret = \"…\", passphrase = \"…\" }\n",
    );
    refused(
        &format!("key = {{ file = \"{}\" }}", host.client_key().display()),
        "key = \"agent\"",
        "error: server web1: no ssh-agent: SSH_AUTH_SOCK is not set\n\
         hint: start one with `eval $(ssh-agent)` and add the key with `ssh-add FILE`\n",
    );
    let closed = sshd::free_port("127.0.0.1");
    refused(
        &format!("port = \"{}\"", host.port),
        &format!("port = \"{closed}\""),
        &format!("error: server web1: 127.0.0.1:{closed}: nobody listens at that port\n"),
    );
    refused(
        &format!("{}/app.env", fleet.app(0).display()),
        &format!("{}/none/app.env", fleet.app(0).display()),
        "error: server web1: [app]/none/app.env: the folder is missing, or may not be entered\n\
         hint: make the folder there, or correct the path in the schema\n",
    );
    std::fs::create_dir(fleet.app(0).with_file_name("folder")).unwrap();
    refused(
        &format!("{}/app.env", fleet.app(0).display()),
        &fleet.app(0).with_file_name("folder").display().to_string(),
        "error: server web1: [host]/folder: something that is no file stands there\n\
         hint: correct the path in the schema, or what stands there\n",
    );
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_store_that_is_not_ready_touches_no_server() {
    let fleet = Fleet::new(1);
    fleet.world.run(&["rm", "-q", "--yes", "database.port"]).done();
    let done = fleet.push(&["--yes"]).done();
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (
            1,
            "error: database.port is not set, and DB_PORT needs it\n\
             hint: `luca-secrets check` shows everything that is missing or wrong\nhint: nothing was pushed\n"
        )
    );
    assert!(fleet.names(0).is_empty());
    fleet.world.run(&["push", "server.wbe1"]).gives(
        2,
        "",
        "error: the schema has no target server.wbe1\nhint: did you mean server.web1?\n",
    );
    fleet.world.run(&["push", "server.web1", "--only", "DB_PORT"]).gives(
        2,
        "",
        "error: --only is for GitHub: a file on a server is one whole\n",
    );
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn paths_with_spaces_and_quotes_and_symlinks_are_taken_as_they_are() {
    let fleet = Fleet::new(1);
    let folder = fleet.app(0).join("it's a \"folder\" $HOME");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("real.env"), "").unwrap();
    std::os::unix::fs::symlink("real.env", folder.join("link.env")).unwrap();
    let schema = fleet.world.read("schemas/servers.toml");
    let to = format!("to = {:?}", folder.join("link.env").to_str().unwrap());
    let before = format!("to = \"{}/app.env\"", fleet.app(0).display());
    fleet.world.write("schemas/servers.toml", schema.replace(&before, &to));
    fleet.push(&["--yes", "--no-apply", "--overwrite-drift"]).success();
    assert!(folder.join("link.env").is_symlink());
    let real = std::fs::read_to_string(folder.join("real.env")).unwrap();
    assert!(real.contains("DB_PASSWORD='correct horse battery'"));
}
