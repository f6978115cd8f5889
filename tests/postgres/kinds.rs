//! The kinds, step by step, by each of the three means.

use luca_secrets::rotate::{Answer, Asked, Credential, Probed, Quiet, TroubleKind};

use super::*;
use crate::harness::postgres::HBA;

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn alternating_users_take_turns_by_every_means() {
    for means in ALL_MEANS {
        let shop = Shop::new("postgres-alternating", means, TWINS);
        let mut kind = shop.alternating();
        let current = shop.values(&kind.secrets());
        let mut walk =
            Walk::begin(&mut kind, current).unwrap_or_else(|trouble| panic!("{means:?}: {trouble:?}"));
        let steps = walk.credential.steps();
        for step in &steps {
            walk.take(step).unwrap_or_else(|trouble| panic!("{means:?} {}: {trouble:?}", step.name));
            // I1: whatever the consumers have is let in, after every step.
            let (user, password) = walk.login();
            assert!(shop.cluster.lets_in(&user, &password, "shop"), "{means:?} {}", step.name);
        }
        assert_eq!(walk.login(), ("shop_b".to_owned(), walk.new_value("db.password")));
        assert!(!shop.cluster.lets_in("shop", OLD, "shop"));
        let (new, log) = (walk.new_value("db.password"), shop.cluster.log());
        assert!(!log.contains(&new), "{means:?}: the password stands in the log");
        assert!(log.contains("SCRAM-SHA-256$"), "the log shows statements");
        let asked = walk.credential.standing(&walk.record).unwrap();
        assert_eq!(asked, Asked { current: Answer::Refused, pending: Answer::Accepted });
    }
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn alternating_users_come_back_from_every_step() {
    let shop = Shop::new("postgres-alternating", Means::Peer, TWINS);
    for begun in 1..=4 {
        let mut kind = shop.alternating();
        let current = shop.values(&kind.secrets());
        let mut walk = Walk::begin(&mut kind, current).unwrap();
        let steps = walk.credential.steps();
        walk.all(&steps[..begun]);
        let back = walk.credential.undo_steps(begun);
        walk.all(&back);
        assert_eq!(walk.login(), ("shop".to_owned(), OLD.to_owned()), "{begun}");
        assert!(shop.cluster.lets_in("shop", OLD, "shop"));
        assert!(!shop.cluster.lets_in("shop_b", &walk.new_value("db.password"), "shop"));
    }
    assert_eq!(shop.alternating().undo_steps(0), []);
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn an_effect_twice_is_one_and_a_probe_tells_whether_it_was_done() {
    let shop = Shop::new("postgres-alternating", Means::Peer, TWINS);
    let mut kind = shop.alternating();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    let stored =
        || shop.cluster.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop_b'");
    let probe = |walk: &mut Walk<'_>, name: &str| {
        let step = walk.step(name);
        walk.credential.probe(&step, &walk.record).unwrap()
    };
    assert_eq!(probe(&mut walk, "let-in"), Probed::NotApplied);
    walk.go("let-in").unwrap();
    let first = stored();
    assert!(matches!(probe(&mut walk, "let-in"), Probed::Applied(_)));
    walk.go("let-in").unwrap();
    assert_eq!(stored(), first, "the same verifier again");
    assert_eq!(probe(&mut walk, "retire"), Probed::NotApplied);
    walk.go("retire").unwrap();
    walk.go("retire").unwrap();
    assert!(matches!(probe(&mut walk, "retire"), Probed::Applied(_)));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn the_old_role_is_not_ended_while_somebody_is_logged_in() {
    let shop = Shop::new("postgres-alternating", Means::Peer, TWINS);
    let mut kind = shop.alternating();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    let steps = walk.credential.steps();
    walk.all(&steps[..3]);
    let mut sleeper = std::process::Command::new("psql")
        .env("PGPASSWORD", OLD)
        .args(["-Xc", "SELECT pg_sleep(600)"])
        .arg(format!("host=127.0.0.1 port={} user=shop dbname=shop", shop.cluster.port))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop'";
    crate::harness::postgres::wait_until(|| shop.cluster.sql("postgres", count) == "1");
    let quiet = walk.credential.quiet(&steps[3], &walk.record).unwrap();
    assert_eq!(quiet, Quiet::NotYet("shop has 1 session, from 127.0.0.1".to_owned()));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    shop.cluster
        .sql("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'");
    crate::harness::postgres::wait_until(|| shop.cluster.sql("postgres", count) == "0");
    let quiet = walk.credential.quiet(&steps[3], &walk.record).unwrap();
    assert_eq!(quiet, Quiet::Yes("no session of shop, 4 times in a row".to_owned()));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn what_would_fail_later_is_found_before_anything_is_made() {
    let shop = Shop::new("postgres-alternating", Means::Peer, TWINS);
    let cluster = &shop.cluster;
    let looked = || {
        let mut kind = shop.alternating();
        let current = shop.values(&kind.secrets());
        kind.preflight(&current)
    };
    let found = |message: &str| {
        let trouble = looked().unwrap_err();
        assert_eq!((trouble.kind, trouble.message.as_str()), (TroubleKind::Rejected, message));
    };
    assert_eq!(
        looked().unwrap(),
        [
            "shop logs in as shop_owner, a wrong password is refused",
            "shop_b is its twin, cannot log in yet, and may be changed"
        ]
    );
    let cases = [
        ("ALTER ROLE shop_b LOGIN", "ALTER ROLE shop_b NOLOGIN", "shop_b can log in, so somebody may use it"),
        (
            "ALTER ROLE shop_b CONNECTION LIMIT 3",
            "ALTER ROLE shop_b CONNECTION LIMIT -1",
            "shop and shop_b differ in their connection limit",
        ),
        (
            "ALTER ROLE shop SET work_mem = '8MB'",
            "ALTER ROLE shop RESET work_mem",
            "shop and shop_b differ in their settings",
        ),
        (
            "GRANT pg_monitor TO shop_b",
            "REVOKE pg_monitor FROM shop_b",
            "shop and shop_b differ in their memberships",
        ),
        (
            "REVOKE shop_owner FROM shop_b",
            "GRANT shop_owner TO shop_b",
            "shop_b is no member of shop_owner; shop and shop_b differ in their memberships",
        ),
        (
            "ALTER ROLE shop_owner LOGIN",
            "ALTER ROLE shop_owner NOLOGIN",
            "shop_owner can log in, and should only own things",
        ),
        (
            "CREATE SCHEMA AUTHORIZATION shop",
            "DROP SCHEMA shop",
            "shop owns an object itself, which the other role could not change",
        ),
        (
            "GRANT CREATE ON DATABASE shop TO shop",
            "REVOKE CREATE ON DATABASE shop FROM shop",
            "shop and shop_b differ in their grants of its own",
        ),
        ("ALTER ROLE shop_b RENAME TO other", "ALTER ROLE other RENAME TO shop_b", "there is no role shop_b"),
    ];
    for (change, back, message) in cases {
        cluster.sql("shop", change);
        found(message);
        cluster.sql("shop", back);
    }
    // A line that lets everybody in would make any password look right.
    cluster
        .set_hba(&format!("{}host all all 127.0.0.1/32 trust\n", HBA.split_inclusive('\n').next().unwrap()));
    found("the server lets shop in with a wrong password");
    cluster.set_hba(HBA);
    looked().unwrap();
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_bad_new_value_is_found_before_it_is_deployed() {
    let shop = Shop::new("postgres-alternating", Means::Peer, TWINS);
    let mut kind = shop.alternating();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    // A verifier that is none would be taken for a password in plain text: it is not sent.
    let good = walk.record.material["verifier"].clone();
    walk.record.material.insert("verifier".to_owned(), value("SCRAM-SHA-256$4096:abc"));
    assert_eq!(walk.go("let-in").unwrap_err().message, "the journal holds no verifier");
    walk.record.material.insert("verifier".to_owned(), good);
    walk.go("let-in").unwrap();
    walk.go("log-in").unwrap();
    // And if the server has another than was meant, the login fails.
    let refused = |walk: &mut Walk<'_>, change: &str, back: &str, message: &str| {
        shop.cluster.sql("shop", change);
        let trouble = walk.go("log-in").unwrap_err();
        assert_eq!((trouble.kind, trouble.message.as_str()), (TroubleKind::Rejected, message));
        shop.cluster.sql("shop", back);
        walk.go("let-in").unwrap();
        walk.go("log-in").unwrap();
    };
    refused(
        &mut walk,
        "ALTER ROLE shop_b PASSWORD 'SCRAM-SHA-256$4096:abc'",
        "SELECT 1",
        "shop_b at dbhost: refused: the password is wrong (28P01)",
    );
    refused(
        &mut walk,
        "ALTER ROLE shop_b RESET role",
        "ALTER ROLE shop_b SET role TO shop_owner",
        "shop_b does not become shop_owner by itself: ALTER ROLE … SET role; shop and shop_b differ in their settings",
    );
    refused(
        &mut walk,
        "ALTER ROLE shop_b NOLOGIN",
        "SELECT 1",
        "shop_b at dbhost: refused: the role may not log in from here (28000)",
    );
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_single_role_is_swapped_by_every_means_and_comes_back() {
    for means in ALL_MEANS {
        let shop = Shop::new("postgres-single", means, ONE);
        let before = shop.cluster.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop'");
        let mut kind = shop.single();
        let current = shop.values(&kind.secrets());
        let mut walk =
            Walk::begin(&mut kind, current).unwrap_or_else(|trouble| panic!("{means:?}: {trouble:?}"));
        assert_eq!(walk.record.material["old-verifier"].expose(), before);
        let steps = walk.credential.steps();
        let step = walk.step("swap");
        assert_eq!(walk.credential.probe(&step, &walk.record).unwrap(), Probed::NotApplied);
        walk.all(&steps);
        assert!(matches!(walk.credential.probe(&step, &walk.record).unwrap(), Probed::Applied(_)));
        let new = walk.new_value("db.password");
        assert_eq!(walk.login(), ("shop".to_owned(), new.clone()));
        assert!(shop.cluster.lets_in("shop", &new, "shop") && !shop.cluster.lets_in("shop", OLD, "shop"));
        for begun in 1..=3 {
            let back = walk.credential.undo_steps(begun);
            walk.all(&back);
            let after =
                shop.cluster.sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'shop'");
            assert_eq!(after, before, "the old verifier, to the letter");
            assert!(shop.cluster.lets_in("shop", OLD, "shop") && !shop.cluster.lets_in("shop", &new, "shop"));
            walk.all(&steps[..begun]);
        }
        assert!(!shop.cluster.log().contains(&new));
        // Somebody else's change is seen as what it is.
        shop.cluster.sql("postgres", "ALTER ROLE shop PASSWORD 'somebody-elses'");
        let found = walk.credential.probe(&step, &walk.record).unwrap();
        assert_eq!(
            found,
            Probed::Changed("shop is let in with neither the old password nor the new one".to_owned())
        );
    }
}
