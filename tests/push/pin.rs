//! `server pin`: host keys recorded where the schema looks for them.

use super::Fleet;

const LOOK: &str =
    "hint: compare them with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server itself\n";

/// The schema with another way to know the host.
fn known_by(fleet: &Fleet, line: &str) {
    let schema = fleet.world.read("schemas/servers.toml");
    let key = format!("host-keys = \"{}\"", fleet.hosts[0].host_key("ed25519"));
    assert!(schema.contains(&key));
    let secret = "[secrets.web.host_keys]\ntype = \"known-hosts\"\nrequired = false\n";
    fleet.world.write("schemas/servers.toml", format!("{secret}{}", schema.replace(&key, line)));
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn keys_go_into_the_secret_that_the_schema_names() {
    let fleet = Fleet::new(1);
    known_by(&fleet, "host-keys = \"{{ web.host_keys }}\"");
    let pin = |more: &[&str]| fleet.world.run(&[&["server", "pin", "web1"], more].concat());
    let done = pin(&[]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (
            4,
            "  new      ssh-ed25519 [key]\n\
             error: a person would have to compare the keys, and nobody is there to ask\n\
             hint: pass --fingerprint SHA256:… of the key that you expect\n"
        )
    );
    let done = pin(&[]).answers(&["n"]).done();
    assert!(done.code == 1 && done.stderr.ends_with("error: not confirmed\nhint: nothing was recorded\n"));
    fleet.world.run(&["get", "web.host_keys"]).done();
    let done = pin(&[]).answers(&["y"]).success();
    assert_eq!(
        fleet.plain(&done.stderr),
        format!("  new      ssh-ed25519 [key]\n{LOOK}ok: web.host_keys added\n")
    );
    let recorded = fleet.world.run(&["get", "web.host_keys"]).success().stdout;
    assert_eq!(recorded.trim(), fleet.hosts[0].host_key("ed25519"));
    let done = pin(&[]).success();
    assert!(done.stderr.ends_with("ok: server web1: recorded already\n"), "{}", done.stderr);
    fleet.pushed();

    // Another server answers there.
    let other = crate::harness::sshd::Sshd::start().host_key("ed25519");
    fleet.world.run(&["set", "-q", "web.host_keys"]).stdin(&other).success();
    let refused = pin(&["--fingerprint", "SHA256:other"]).done();
    assert_eq!(
        (refused.code, fleet.plain(&refused.stderr).as_str()),
        (
            1,
            "  changed  ssh-ed25519 [key]\n\
             error: server web1 shows no key with that fingerprint\n\
             hint: nothing was recorded: somebody else may be answering\n"
        )
    );
    let word = refused.stderr.split(' ').find_map(|word| word.trim().strip_prefix("SHA256:")).unwrap();
    let print = format!("SHA256:{}", word.lines().next().unwrap());
    pin(&["--fingerprint", &print, "-n"]).success();
    assert_eq!(fleet.world.run(&["get", "web.host_keys"]).success().stdout.trim(), other);
    pin(&["--fingerprint", &print]).success();
    assert_eq!(fleet.world.run(&["get", "web.host_keys"]).success().stdout, recorded);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn keys_go_into_the_file_that_the_schema_names() {
    let fleet = Fleet::new(1);
    known_by(&fleet, "known-hosts = \"~/.ssh/known_hosts\"");
    let done = fleet.push(&["--yes"]).done();
    assert!(
        done.stderr.contains("hint: `luca-secrets server pin web1` records the keys that it shows\n"),
        "{}",
        done.stderr
    );
    let pin = || fleet.world.run(&["server", "pin", "web1"]).answers(&["y"]);
    let done = pin().success();
    assert_eq!(
        fleet.plain(&done.stderr),
        format!(
            "  new      ssh-ed25519 [key]\n{LOOK}ok: [world]/home/.ssh/known_hosts: 1 key recorded for [127.0.0.1]:[port]\n"
        )
    );
    fleet.pushed();
    let path = fleet.world.home().join(".ssh/known_hosts");
    let other = crate::harness::sshd::Sshd::start().host_key("ed25519");
    std::fs::write(&path, format!("[127.0.0.1]:{} {other}\n", fleet.hosts[0].port)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let done = pin().done();
    assert!(
        done.code == 1 && done.stderr.contains("hint: take them out first: ssh-keygen -f "),
        "{}",
        done.stderr
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn keys_that_stand_in_the_schema_are_shown_to_be_put_there() {
    let fleet = Fleet::new(1);
    let other = crate::harness::sshd::Sshd::start().host_key("ed25519");
    known_by(&fleet, &format!("host-keys = \"{other}\""));
    let done = fleet.world.run(&["server", "pin", "web1"]).answers(&["y"]).success();
    assert_eq!(done.stdout.trim(), fleet.hosts[0].host_key("ed25519"));
    assert!(done.stderr.contains("warn: other keys are recorded: ") && done.stderr.contains("of the schema"));
    fleet.world.run(&["server", "pin", "wbe1"]).gives(
        2,
        "",
        "error: the schema has no server wbe1\nhint: did you mean web1?\n",
    );
}
