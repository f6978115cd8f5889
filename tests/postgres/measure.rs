//! What one rotation costs: connections, round trips and time, through something that counts them.

use std::io::Write;
use std::time::Instant;

use super::*;
use crate::harness::proxy::Proxy;

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_rotation_needs_few_connections() {
    for (kind, roles) in [("postgres-alternating", TWINS), ("postgres-single", ONE)] {
        for means in ALL_MEANS {
            let mut shop = Shop::new(kind, means, roles);
            let (database, ssh) = (Proxy::before(shop.cluster.port), Proxy::before(shop.sshd.port));
            // The system's user finds the socket by the port, so that stays as it is.
            let port = if means == Means::Direct { database.port } else { shop.cluster.port };
            shop.through(port, ssh.port, kind, means);
            let mut credential: Box<dyn Credential> = if kind == "postgres-single" {
                Box::new(shop.single())
            } else {
                Box::new(shop.alternating())
            };
            let current = shop.values(&credential.secrets());
            let begun = Instant::now();
            let mut walk = Walk::begin(&mut *credential, current).unwrap();
            for step in walk.credential.steps() {
                walk.take(&step).unwrap();
            }
            let time = begun.elapsed();
            let ((logins, turns), (sessions, ssh_turns)) = (database.counts(), ssh.counts());
            writeln!(
                std::io::stderr(),
                "{kind}, {means:?}: {} ms, {logins} connections to the database with {turns} round trips, {sessions} by SSH \
                 with {ssh_turns}",
                time.as_millis(),
            )
            .unwrap();
            assert!(logins <= 20 && sessions <= 8, "{kind} {means:?}: {logins} {sessions}");
        }
    }
}
