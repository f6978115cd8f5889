//! `ssh-key` against real servers.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use luca_secrets::http::Address;
use luca_secrets::name::{TargetName, VariableName};
use luca_secrets::rotate::{Answer, Credential, Jobs, KeyServer, Probed, SshKey, TroubleKind};
use luca_secrets::schema::SshKeyRotation;
use luca_secrets::ssh::Key;
use luca_secrets::store::Values;
use luca_secrets::sys::Environment;
use luca_secrets::target::github::ActionsName;

use super::walk::{ID, Walk, assert_trouble, name, text, value, values};
use crate::github::fake::{Fake, repository};
use crate::harness::sshd::{Sshd, keygen, public_line, read_key};

/// A server, as the schema would name it.
pub fn server(sshd: &Sshd, number: usize) -> KeyServer {
    KeyServer {
        name: TargetName::parse(&format!("web{number}")).unwrap(),
        destination: sshd.destination(),
        file: sshd.path("authorized_keys").display().to_string(),
    }
}

/// The servers' key, which is the same everywhere.
pub fn key_of(servers: Vec<KeyServer>, jobs: Vec<Jobs>) -> SshKey {
    SshKey::new(name("deploy.key"), &SshKeyRotation::default(), servers, jobs, None)
}

/// What the store has: the key by which the server is reached.
pub fn current(sshd: &Sshd) -> Values {
    let text = fs::read_to_string(sshd.client_key()).unwrap();
    values(&[("deploy.key", &text)])
}

pub fn listed(sshd: &Sshd) -> String {
    fs::read_to_string(sshd.path("authorized_keys")).unwrap()
}

/// The public half of one of some values.
pub fn public(values: &Values) -> String {
    let key = Key::parse(&value(&text(values, "deploy.key")), &mut || None).unwrap();
    key.public().unwrap().line()
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_key_is_replaced_on_every_server() {
    let servers = [Sshd::start(), Sshd::setup().host_keys(&["ecdsa"]).start()];
    // The same key everywhere, on the second under restrictions and beside another.
    fs::copy(servers[0].client_key(), servers[1].client_key()).unwrap();
    let old = public_line(&servers[0].path("client.pub"));
    let other = "# people\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0HdMlYhNR8eBOp1MEWwd6Z5vYmtm3mq9ZC9mBWmOKm anna@example.com\n";
    fs::write(servers[1].path("authorized_keys"), format!("{other}no-agent-forwarding {old} ci")).unwrap();
    let before = listed(&servers[0]);
    let mut key = key_of(vec![server(&servers[0], 1), server(&servers[1], 2)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&servers[0])).unwrap();

    let new = public(&walk.record.pending);
    let watch = Watch::start(&text(&walk.record.pending, "deploy.key"));
    walk.until(&mut key, "add").unwrap();
    let line = format!("{new} luca-secrets-{ID}\n");
    assert_eq!(listed(&servers[0]), format!("{before}{line}"));
    assert_eq!(
        listed(&servers[1]),
        format!("{other}no-agent-forwarding {old} ci\nno-agent-forwarding {line}")
    );
    let asked = key.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Accepted, Answer::Accepted));

    // From the deploy on, the store has the new key; either lets the program in.
    walk.until(&mut key, "wait").unwrap();
    walk.finish(&mut key).unwrap();
    assert_eq!(listed(&servers[0]), line);
    assert_eq!(listed(&servers[1]), format!("{other}no-agent-forwarding {line}"));
    let asked = key.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Refused, Answer::Accepted));
    assert_eq!(public(&walk.deployed), new);
    watch.end();
    for sshd in &servers {
        let leftovers: Vec<PathBuf> =
            fs::read_dir(sshd.path(".")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(
            leftovers.iter().all(|path| !path.display().to_string().contains("luca-secrets")),
            "{leftovers:?}"
        );
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_key_is_taken_back_from_anywhere() {
    let sshd = Sshd::start();
    let before = listed(&sshd);
    for (begun, last) in [(1, "add"), (2, "prove"), (3, "deploy"), (4, "wait")] {
        let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
        let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
        walk.until(&mut key, last).unwrap();
        walk.undo(&mut key, begun).unwrap();
        assert_eq!(listed(&sshd), before, "{last}");
        assert_eq!(public(&walk.deployed), public(&current(&sshd)));
        let asked = key.standing(&walk.record).unwrap();
        assert_eq!((asked.current, asked.pending), (Answer::Accepted, Answer::Refused));
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn doing_it_twice_is_as_good_as_once_and_a_probe_tells_which() {
    let sshd = Sshd::start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    let (add, remove) = (Walk::named(&key, "add"), Walk::named(&key, "remove"));
    assert_eq!(key.probe(&add, &walk.record).unwrap(), Probed::NotApplied);
    key.run(&add, &walk.record).unwrap();
    let once = listed(&sshd);
    key.run(&add, &walk.record).unwrap();
    assert_eq!(listed(&sshd), once);
    let applied = Probed::Applied("seen by fresh logins on web1".to_owned());
    assert_eq!(key.probe(&add, &walk.record).unwrap(), applied);
    assert_eq!(key.probe(&remove, &walk.record).unwrap(), Probed::NotApplied);
    walk.until(&mut key, "remove").unwrap();
    key.run(&remove, &walk.record).unwrap();
    assert_eq!(key.probe(&remove, &walk.record).unwrap(), applied);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn the_old_key_stays_where_the_new_one_does_not_get_in() {
    let sshd = Sshd::start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    let before = listed(&sshd);
    // Nobody has added the new key, or somebody has taken it away again.
    let (prove, remove) = (Walk::named(&key, "prove"), Walk::named(&key, "remove"));
    assert_trouble(walk.step(&mut key, &prove), TroubleKind::Rejected, "may not log in", &[]);
    assert_trouble(key.run(&remove, &walk.record), TroubleKind::Rejected, "may not log in with", &[]);
    assert_eq!(listed(&sshd), before);
    // A connection that was open before goes on whatever happens to its key.
    walk.until(&mut key, "add").unwrap();
    walk.finish(&mut key).unwrap();
    assert_eq!(listed(&sshd).lines().count(), 1);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn one_server_that_refuses_leaves_the_others_as_they_were() {
    let servers = [Sshd::start(), Sshd::start()];
    fs::copy(servers[0].client_key(), servers[1].client_key()).unwrap();
    fs::copy(servers[0].path("client.pub"), servers[1].path("authorized_keys")).unwrap();
    let before = listed(&servers[0]);
    let mut key = key_of(vec![server(&servers[0], 1), server(&servers[1], 2)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&servers[0])).unwrap();
    let file = servers[1].path("authorized_keys");
    fs::rename(&file, servers[1].path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(servers[1].path("elsewhere"), &file).unwrap();
    let outcome = walk.until(&mut key, "add");
    assert_trouble(outcome, TroubleKind::Rejected, "is a symbolic link, which is not followed", &[]);
    assert_eq!(listed(&servers[0]), before);
}

#[test]
#[ignore = "needs openssh-server and Python with PyNaCl; run tests/run"]
fn the_old_key_waits_for_the_jobs_that_have_it() {
    let (sshd, github) = (Sshd::start(), Fake::start());
    let jobs = || Jobs {
        base: Address::parse(&format!("https://127.0.0.1:{}", github.port)).unwrap(),
        token: Some(value("made-up")),
        scope: repository(),
        secrets: vec![ActionsName::new(&VariableName::parse("DEPLOY_KEY").unwrap()).unwrap()],
        env: trusting(&github),
    };
    github.run("example/shop", 101, "completed", -60);
    let mut key = key_of(vec![server(&sshd, 1)], vec![jobs()]);
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    walk.record.started = crate::harness::NOW.parse().unwrap();
    walk.until(&mut key, "deploy").unwrap();
    let wait = Walk::named(&key, "wait");
    let yet = walk.step(&mut key, &wait);
    assert_trouble(
        yet,
        TroubleKind::Unavailable,
        "DEPLOY_KEY of example/shop does not have the new key yet",
        &[],
    );
    for (id, status) in [(102, "queued"), (103, "in_progress"), (104, "waiting")] {
        github.run("example/shop", id, status, -30);
    }
    github.set("repos/example/shop", "secrets", "DEPLOY_KEY", "new");
    github.run("example/shop", 105, "queued", 60);
    let yet = walk.step(&mut key, &wait);
    assert_trouble(
        yet,
        TroubleKind::Unavailable,
        "workflow runs from before are not over: 102, 103, 104",
        &[],
    );
    for id in [102, 103, 104] {
        github.run("example/shop", id, "completed", -30);
    }
    // The one that was queued afterwards has the new key.
    assert_eq!(walk.step(&mut key, &wait).unwrap(), "example/shop: no run from before is left");
    // Whoever cannot look does not find that nobody is there.
    github.faults(&json!({ "*": "teapot" }));
    walk.record.done -= 1;
    assert_trouble(walk.step(&mut key, &wait), TroubleKind::Unavailable, "status 418", &[]);
}

fn trusting(github: &Fake) -> Environment {
    Environment::new([("SSL_CERT_FILE".into(), github.certificate.clone().into())])
}

/// Looks at the arguments of every process while something goes on.
pub struct Watch {
    done: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Watch {
    /// Looks for any line of a private key.
    pub fn start(private: &str) -> Self {
        let parts: Vec<String> = private
            .lines()
            .filter(|line| !line.starts_with('-') && line.len() > 16)
            .map(str::to_owned)
            .collect();
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let mut looks = 0;
            while !stop.load(Ordering::SeqCst) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    for part in ["cmdline", "environ"] {
                        let bytes = fs::read(entry.path().join(part)).unwrap_or_default();
                        let shown = String::from_utf8_lossy(&bytes);
                        assert!(parts.iter().all(|part| !shown.contains(part)), "{}", entry.path().display());
                    }
                }
                looks += 1;
            }
            looks
        });
        Self { done, thread }
    }

    /// Nothing was seen, and it was looked for.
    pub fn end(self) {
        self.done.store(true, Ordering::SeqCst);
        assert!(self.thread.join().unwrap() > 3);
    }
}

/// Another key that is let in, and the restrictions of `keygen`.
pub fn another_key(sshd: &Sshd, file: &str) -> (PathBuf, String) {
    let path = sshd.path(file);
    keygen(&path, &["-t", "ed25519"]);
    let line = public_line(&path.with_extension("pub"));
    assert!(read_key(&path, None).public().is_some());
    (path, line)
}
