//! P12 beside an ssh-agent, whose keys open everything: they are no proof of the key that is rotated.

use std::fs;

use super::people::value_of;
use super::ssh_key::{another_key, listed};
use crate::harness::sshd::{Agent, Sshd, public_line, user};
use crate::harness::{Done, NOW, World};

const LATER: &str = "2026-11-23T13:00:00Z";

/// A server that is reached by an agent's keys, with a key that jobs use; `authorized_keys` is where the schema looks for it.
struct Shop {
    world: World,
    sshd: Sshd,
    agent: Agent,
}

impl Shop {
    fn new(authorized_keys: &str) -> Self {
        let sshd = Sshd::start();
        let agent = Agent::start(&sshd.path(""));
        let world = World::new();
        let schema = format!(
            "[secrets.deploy.key]\ntype = \"ssh-private-key\"\n\
             rotate = {{ with = \"ssh-key\", servers = [\"web\"], grace = \"30m\", authorized-keys = \"{}\" }}\n\
             [server.web]\naddress = \"{}\"\nport = {}\nuser = \"{}\"\nhost-keys = \"{}\"\nkey = \"agent\"\n",
            sshd.path(authorized_keys).display(),
            sshd.address,
            sshd.port,
            user(),
            sshd.host_key("ed25519"),
        );
        world.write("schemas/schema.toml", schema);
        world.run(&["set", "-q", "deploy.key"]).stdin(fs::read(sshd.client_key()).unwrap()).success();
        Self { world, sshd, agent }
    }

    fn rotate(&self, more: &[&str], now: &'static str) -> Done {
        let arguments: Vec<&str> = ["rotate", "--local", "--yes"].iter().chain(more).copied().collect();
        self.world.run(&arguments).env("SSH_AUTH_SOCK", &self.agent.socket).at(now).done()
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_key_is_proven_by_itself_while_an_agent_holds_the_old_one_and_another() {
    let shop = Shop::new("authorized_keys");
    // A person's own key, which may log in as well, and the old one.
    let (own, line) = another_key(&shop.sshd, "own");
    shop.sshd.authorize(&line);
    shop.agent.add(&[], &own);
    shop.agent.add(&[], &shop.sshd.client_key());
    let old = public_line(&shop.sshd.path("client.pub"));
    let done = shop.rotate(&["deploy.key"], NOW);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(listed(&shop.sshd).lines().count(), 3);
    let done = shop.rotate(&["--resume"], LATER);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let lines = listed(&shop.sshd);
    assert!(!lines.contains(&old) && lines.contains(&line) && lines.lines().count() == 2, "{lines}");
    // Each proof was a login by one key: the agent's have opened connections for the work, and never counted as one.
    assert!(done.stderr.contains("deploy.key: prove that the old key is refused by web"), "{}", done.stderr);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_new_key_that_may_not_log_in_is_not_covered_by_the_agent_s() {
    // Listed where sshd does not look: whatever logs in, it is not the new key.
    let shop = Shop::new("elsewhere");
    fs::copy(shop.sshd.path("client.pub"), shop.sshd.path("elsewhere")).unwrap();
    shop.agent.add(&[], &shop.sshd.client_key());
    let before =
        (fs::read_to_string(shop.sshd.path("elsewhere")).unwrap(), value_of(&shop.world, "deploy.key"));
    let done = shop.rotate(&["deploy.key"], NOW);
    assert_eq!(done.code, 1, "{}", done.stderr);
    let part = "server web: the new key is listed and may not log in; the file is as it was before";
    assert!(done.stderr.contains(part), "{}", done.stderr);
    let after =
        (fs::read_to_string(shop.sshd.path("elsewhere")).unwrap(), value_of(&shop.world, "deploy.key"));
    assert_eq!(after, before);
    // The current key is refused, and the agent holds one that is not.
    let (own, line) = another_key(&shop.sshd, "own");
    fs::write(shop.sshd.path("authorized_keys"), format!("{line}\n")).unwrap();
    shop.agent.add(&[], &own);
    let done = shop.rotate(&["deploy.key"], NOW);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("may not log in"), "{}", done.stderr);
}
