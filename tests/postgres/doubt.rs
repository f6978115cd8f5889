//! What is no answer is never read as one: a reply that is lost, a network that breaks, a server that is not itself.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use luca_secrets::rotate::{Answer, Asked, Credential, Probed, TroubleKind};

use super::*;
use crate::harness::postgres::wait_until;
use crate::harness::proxy::Proxy;

/// A session of the superuser that changes a role and does not say yet whether it means it: whoever changes the same role
/// waits.
pub struct Lock(Child);

impl Lock {
    pub fn on(cluster: &Cluster, role: &str) -> Self {
        let mut command = Command::new("psql");
        command.args(["-Xq", "-h"]).arg(cluster.folder()).args([
            "-p",
            &cluster.port.to_string(),
            "-d",
            "postgres",
        ]);
        let mut command = if rustix::process::getuid().is_root() {
            let mut as_owner = Command::new("runuser");
            as_owner.args(["-u", "postgres", "--"]).arg(command.get_program()).args(command.get_args());
            as_owner
        } else {
            command
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let statement = format!("BEGIN; ALTER ROLE {role} CONNECTION LIMIT 7;\n");
        child.stdin.as_mut().unwrap().write_all(statement.as_bytes()).unwrap();
        let lock = Self(child);
        let held = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'";
        wait_until(|| cluster.sql("postgres", held) == "1");
        lock
    }

    /// Takes the change back.
    pub fn release(mut self) {
        self.0.stdin.take();
        self.0.wait().unwrap();
    }
}

/// The verifiers that a role was ever given, and how often.
fn sent(cluster: &Cluster) -> (BTreeSet<String>, usize) {
    let log = cluster.log();
    let found =
        log.match_indices("SCRAM-SHA-256$").map(|(at, _)| log[at..].split('\'').next().unwrap().to_owned());
    let all: Vec<String> = found.collect();
    (all.iter().cloned().collect(), all.len())
}

/// Waits until somebody waits for the lock.
pub fn waits(cluster: &Cluster) {
    let query =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%ALTER ROLE%'";
    wait_until(|| cluster.sql("postgres", query) != "0");
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_lost_reply_never_makes_a_second_password() {
    for (kind, roles, effect, role) in
        [("postgres-alternating", TWINS, "let-in", "shop_b"), ("postgres-single", ONE, "swap", "shop")]
    {
        for means in [Means::Peer, Means::Direct] {
            lost_replies(kind, roles, effect, role, means);
        }
    }
}

fn lost_replies(kind: &str, roles: &str, effect: &str, role: &str, means: Means) {
    let mut shop = Shop::new(kind, means, roles);
    let (database, ssh) = (Proxy::before(shop.cluster.port), Proxy::before(shop.sshd.port));
    // The system's user finds the socket by the port, so that stays as it is.
    let port = if means == Means::Direct { database.port } else { shop.cluster.port };
    shop.through(port, ssh.port, kind, means);
    let mut credential: Box<dyn Credential> =
        if kind == "postgres-single" { Box::new(shop.single()) } else { Box::new(shop.alternating()) };
    let current = shop.values(&credential.secrets());
    let mut walk = Walk::begin(&mut *credential, current).unwrap();
    let step = walk.step(effect);
    let proxy = if means == Means::Direct { &database } else { &ssh };
    for is_done in [false, true] {
        let lock = Lock::on(&shop.cluster, role);
        let outcome = std::thread::scope(|scope| {
            let cluster = &shop.cluster;
            scope.spawn(move || {
                waits(cluster);
                proxy.mute();
                if !is_done {
                    let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
                    cluster.sql("postgres", waiting);
                }
                lock.release();
                let idle = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%ALTER ROLE%' AND state = 'active' \
                            AND pid <> pg_backend_pid()";
                wait_until(|| cluster.sql("postgres", idle) == "0");
                proxy.cut();
            });
            walk.credential.run(&step, &walk.record)
        });
        proxy.heal();
        let trouble = outcome.unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::InDoubt, "{kind} {means:?} {is_done}: {trouble:?}");
        let probed = walk.credential.probe(&step, &walk.record).unwrap();
        assert_eq!(matches!(probed, Probed::Applied(_)), is_done, "{kind} {means:?}: {probed:?}");
        // The same again is as good as once.
        walk.credential.run(&step, &walk.record).unwrap();
    }
    walk.go("log-in").unwrap();
    let (verifiers, times) = sent(&shop.cluster);
    let asked = u32::from(kind == "postgres-single");
    assert!(times >= 4, "{times}");
    assert_eq!(verifiers.len(), 1, "{kind} {means:?} {asked}");
}

/// What every look says while something is wrong, and that nothing is taken for a refusal.
#[track_caller]
fn in_the_dark(what: &str, shop: &Shop, walk: &mut Walk<'_>) {
    let asked = walk.credential.standing(&walk.record).unwrap();
    assert_eq!(asked, Asked { current: Answer::Unknown, pending: Answer::Unknown }, "{what}");
    let step = walk.step("let-in");
    for (call, outcome) in [
        ("probe", walk.credential.probe(&step, &walk.record).map(|_| String::new())),
        ("run", walk.credential.run(&step, &walk.record)),
        ("prove", walk.go("log-in")),
    ] {
        let Err(trouble) = outcome else { continue };
        let kinds = [TroubleKind::Unavailable, TroubleKind::InDoubt];
        assert!(kinds.contains(&trouble.kind), "{what}, {call}: {trouble:?}");
    }
    let looked = shop.alternating().preflight(&walk.record.current).unwrap_err();
    // Where the administrator is not in the dark, that one is found first.
    let is_seen = looked.message == "shop_b can log in, so somebody may use it";
    assert!(is_seen || looked.kind == TroubleKind::Unavailable, "{what}: {looked:?}");
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_fault_of_the_network_is_never_a_wrong_password() {
    let mut shop = Shop::new("postgres-alternating", Means::Direct, TWINS);
    let proxy = Proxy::before(shop.cluster.port);
    shop.through(proxy.port, shop.sshd.port, "postgres-alternating", Means::Direct);
    let mut kind = shop.alternating();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    walk.go("let-in").unwrap();

    proxy.shut();
    in_the_dark("ended at once", &shop, &mut walk);
    proxy.heal();
    walk.go("log-in").unwrap();

    // Its own answers that say "not now".
    let cluster = &shop.cluster;
    cluster.sql("postgres", "ALTER DATABASE shop ALLOW_CONNECTIONS false");
    in_the_dark("55000", &shop, &mut walk);
    cluster.sql("postgres", "ALTER DATABASE shop ALLOW_CONNECTIONS true");
    cluster.sql("postgres", "ALTER DATABASE shop CONNECTION LIMIT 0");
    for role in ["shop", "shop_b"] {
        cluster.sql("postgres", &format!("ALTER ROLE {role} CONNECTION LIMIT 0"));
    }
    in_the_dark("53300", &shop, &mut walk);
    for role in ["shop", "shop_b"] {
        cluster.sql("postgres", &format!("ALTER ROLE {role} CONNECTION LIMIT -1"));
    }
    cluster.sql("postgres", "ALTER DATABASE shop CONNECTION LIMIT -1");
    walk.go("log-in").unwrap();
    cluster.sql("postgres", "ALTER ROLE rotator SET default_transaction_read_only = on");
    let trouble = walk.go("let-in").unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unavailable);
    let message =
        format!("rotator at 127.0.0.1:{}: it only reads now, as a standby does (25006)", proxy.port);
    assert_eq!(trouble.message, message);
    cluster.sql("postgres", "ALTER ROLE rotator RESET default_transaction_read_only");

    // Somebody holds a lock for longer than anybody should wait.
    let lock = Lock::on(cluster, "shop_b");
    let trouble = walk.go("let-in").unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unavailable, "{trouble:?}");
    lock.release();

    shop.cluster.stop();
    in_the_dark("stopped", &shop, &mut walk);
    shop.cluster.restart();
    walk.go("log-in").unwrap();
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_server_that_cannot_prove_itself_gets_no_password() {
    let shop = Shop::new("postgres-alternating", Means::Direct, TWINS);
    let mut kind = shop.alternating();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    walk.go("let-in").unwrap();
    let cluster = &shop.cluster;
    let folder = cluster.folder();
    let quiet = |what: &str, change: &dyn Fn(), walk: &mut Walk<'_>| {
        change();
        let before = cluster.log().matches("connection authorized: user=shop").count();
        in_the_dark(what, &shop, walk);
        let after = cluster.log().matches("connection authorized: user=shop").count();
        assert_eq!(before, after, "{what}");
    };
    // No TLS: there is no way back to plain.
    let reload = || {
        cluster.sql("postgres", "SELECT pg_reload_conf()");
    };
    let set = |setting: &str| {
        cluster.sql("postgres", &format!("ALTER SYSTEM SET {setting}"));
        reload();
        let (name, wanted) = setting.split_once(" = ").unwrap();
        wait_until(|| format!("'{}'", cluster.sql("postgres", &format!("SHOW {name}"))) == wanted);
    };
    quiet("without TLS", &|| set("ssl = 'off'"), &mut walk);
    // A certificate by somebody else.
    let openssl = |arguments: String| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let own =
        "-keyout server.key -out server.pem -days 3 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1";
    let as_it_was = std::fs::read(folder.join("server.pem")).unwrap();
    let its_key = std::fs::read(folder.join("server.key")).unwrap();
    openssl(format!("req -x509 {curve} {own}"));
    quiet("by somebody else", &|| set("ssl = 'on'"), &mut walk);
    // A certificate for another host.
    std::fs::write(folder.join("san"), "subjectAltName=DNS:other.example.com\n").unwrap();
    openssl(format!("req {curve} -keyout server.key -out server.csr -subj /CN=127.0.0.1"));
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3 -extfile san -out server.pem".to_owned());
    quiet("for another host", &reload_and_wait(cluster), &mut walk);
    std::fs::write(folder.join("server.pem"), as_it_was).unwrap();
    std::fs::write(folder.join("server.key"), its_key).unwrap();
    reload_and_wait(cluster)();
    walk.go("log-in").unwrap();
}

/// Has the server read its certificate again, and waits until it has.
fn reload_and_wait(cluster: &Cluster) -> impl Fn() {
    move || {
        let mark = "received SIGHUP, reloading configuration files";
        let before = cluster.log().matches(mark).count();
        cluster.sql("postgres", "SELECT pg_reload_conf()");
        wait_until(|| cluster.log().matches(mark).count() > before);
    }
}
