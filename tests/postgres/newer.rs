//! PostgreSQL 18. Since 16, who may make roles may change only those that it has the ADMIN OPTION on, and a membership has
//! options, and somebody who granted it.

use luca_secrets::rotate::{Credential, Quiet, TroubleKind};

use super::stand::{ROTATE, Stand};
use super::*;
use crate::harness::postgres::wait_until;

/// Roles that were made by the one that changes them, which is no superuser.
const MADE_BY_IT: &str = "
CREATE ROLE rotator LOGIN CREATEROLE PASSWORD 'made-up-admin-password';
SET ROLE rotator; CREATE ROLE shop_owner NOLOGIN; CREATE ROLE shop LOGIN PASSWORD 'made-up-old-password'; \
CREATE ROLE shop_b NOLOGIN; GRANT shop_owner TO shop, shop_b; ALTER ROLE shop SET role TO 'shop_owner'; \
ALTER ROLE shop_b SET role TO 'shop_owner';
CREATE DATABASE shop OWNER shop_owner;
";

/// Roles that a superuser has made; what the other one gets of them is seen to.
const MADE_BEFORE: &str = "
CREATE ROLE rotator LOGIN CREATEROLE PASSWORD 'made-up-admin-password';
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop LOGIN PASSWORD 'made-up-old-password';
CREATE ROLE shop_b NOLOGIN;
GRANT shop_owner TO shop, shop_b;
ALTER ROLE shop SET role TO 'shop_owner';
ALTER ROLE shop_b SET role TO 'shop_owner';
CREATE DATABASE shop OWNER shop_owner;
";

/// One role that a superuser has made, which the other one may change.
const ONE_GRANTED: &str = "
CREATE ROLE rotator LOGIN CREATEROLE PASSWORD 'made-up-admin-password';
CREATE ROLE shop LOGIN PASSWORD 'made-up-old-password';
GRANT shop TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
CREATE DATABASE shop OWNER shop;
";

fn shop(kind: &str, roles: &str) -> Shop {
    Shop::on(Cluster::newer(), kind, Means::Tunnel, roles)
}

/// There and back.
fn takes_turns(shop: &Shop) {
    let mut kind = shop.alternating();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    let steps = walk.credential.steps();
    walk.all(&steps[..3]);
    // Who is no superuser sees that somebody is there, and not from where.
    let runtime = luca_secrets::sys::Runtime::new().unwrap();
    let address = format!("host=127.0.0.1 port={} user=shop dbname=shop", shop.cluster.port);
    let mut config: tokio_postgres::Config = address.parse().unwrap();
    let session = runtime.block_on(config.password(OLD).connect(tokio_postgres::NoTls)).unwrap();
    let quiet = walk.credential.quiet(&steps[3], &walk.record).unwrap();
    assert_eq!(quiet, Quiet::NotYet("shop has 1 session, from where only pg_read_all_stats sees".to_owned()));
    drop(session);
    let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop'";
    wait_until(|| shop.cluster.sql("postgres", count) == "0");
    walk.all(&steps[3..4]);
    let back = walk.credential.undo_steps(4);
    walk.all(&back);
    assert_eq!(walk.login(), ("shop".to_owned(), OLD.to_owned()));
    walk.all(&steps);
    let (user, password) = walk.login();
    assert_eq!(user, "shop_b");
    assert!(shop.cluster.lets_in(&user, &password, "shop") && !shop.cluster.lets_in("shop", OLD, "shop"));
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn who_made_the_roles_or_may_grant_them_changes_them_without_being_a_superuser() {
    takes_turns(&shop("postgres-alternating", MADE_BY_IT));
    let granted = shop("postgres-alternating", MADE_BEFORE);
    let looked = || {
        let mut kind = granted.alternating();
        let current = granted.values(&kind.secrets());
        kind.preflight(&current)
    };
    // Whoever may change only the one would be stuck with the other in the end.
    for missing in ["shop, shop_b", "shop"] {
        let trouble = looked().unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Rejected, "{missing}");
        assert_eq!(trouble.message, "rotator at dbhost: the role has not the right to do it (42501)");
        assert_eq!(
            trouble.hint.as_deref(),
            Some(
                "since PostgreSQL 16 it needs more than CREATEROLE: GRANT shop, shop_b TO rotator WITH ADMIN OPTION"
            )
        );
        granted.cluster.sql("postgres", "GRANT shop_b TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE");
    }
    granted.cluster.sql("postgres", "GRANT shop TO rotator WITH ADMIN TRUE, INHERIT FALSE, SET FALSE");
    looked().unwrap();
    takes_turns(&granted);
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn the_program_rotates_there_and_back_without_a_superuser() {
    let stand = Stand::on(Cluster::newer(), "postgres-alternating", Means::Tunnel, MADE_BY_IT);
    for user in ["shop_b", "shop"] {
        stand.world.run(&ROTATE).hurried(0).success();
        stand.heal(user);
        assert_eq!(stand.stored().0, user);
    }
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_single_role_is_swapped_by_who_may_grant_it() {
    let shop = shop("postgres-single", ONE_GRANTED);
    let mut kind = shop.single();
    let current = shop.values(&kind.secrets());
    let mut walk = Walk::begin(&mut kind, current).unwrap();
    let steps = walk.credential.steps();
    walk.all(&steps);
    let (user, new) = walk.login();
    assert!(shop.cluster.lets_in(&user, &new, "shop") && !shop.cluster.lets_in("shop", OLD, "shop"));
    let back = walk.credential.undo_steps(3);
    walk.all(&back);
    assert!(shop.cluster.lets_in("shop", OLD, "shop") && !shop.cluster.lets_in("shop", &new, "shop"));
    shop.cluster.sql("postgres", "REVOKE shop FROM rotator");
    let mut kind = shop.single();
    let current = shop.values(&kind.secrets());
    let trouble = kind.preflight(&current).unwrap_err();
    let hint = "since PostgreSQL 16 it needs more than CREATEROLE: GRANT shop TO rotator WITH ADMIN OPTION";
    assert_eq!((trouble.kind, trouble.hint.as_deref()), (TroubleKind::Rejected, Some(hint)));
}
