//! A generated value on two real servers: brought to both, or taken back on both.

use super::{fleet, inside, outcome, password, rotate};
use crate::push::APPLY;

/// Well unless a file says otherwise; then only with the first password.
const HEALTH: &str = "health = { command = [\"sh\", \"-c\", \"! test -e [app]/sick || grep -q correct [app]/running\"], within = \"2s\", every = \"1s\", in-a-row = 1 }";

#[test]
#[ignore = "needs sshd; run tests/run"]
fn every_server_runs_on_the_new_value_and_says_so() {
    let fleet = fleet(2, APPLY, HEALTH);
    let done = rotate(&fleet.world, &["--local", "--yes", "database.password"]).success();
    let new = password(&fleet.world);
    assert_ne!(new, "correct horse battery");
    assert_eq!(fleet.running(), vec![new.clone(); 2]);
    assert_eq!((fleet.applied(0), fleet.applied(1)), (2, 2));
    let said = fleet.plain(&done.stderr);
    let last: Vec<&str> = said.lines().rev().take(2).collect();
    assert_eq!(
        last,
        [
            "ok: database.password: rotated ([time] s)",
            "database.password: bring the new database.password to all that use it ([time] s)"
        ],
        "{said}"
    );
    // Nothing is left to do, here or there.
    fleet.push(&["--yes"]).success();
    assert_eq!(fleet.applied(0), 2);
    // One line for a monitor.
    let done = rotate(&fleet.world, &["--local", "--yes", "-q", "--json", "database.password"]).success();
    assert_eq!((outcome(&done).as_str(), done.stdout.lines().count()), ("done", 1));
    assert!(!done.stdout.contains(&password(&fleet.world)) && !done.stderr.contains(&new));
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn what_is_not_healthy_is_taken_back_everywhere_and_can_be_tried_again() {
    let fleet = fleet(2, APPLY, HEALTH);
    std::fs::write(fleet.app(1).join("sick"), "").unwrap();
    let done = rotate(&fleet.world, &["--local", "--yes", "database.password"]).done();
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("error: database.password: taken back: bring the new database.password to all that use it: server web2: "), "{}", done.stderr);
    assert_eq!(password(&fleet.world), "correct horse battery");
    assert_eq!(fleet.passwords(), vec!["correct horse battery"; 2]);
    assert_eq!(fleet.running(), vec!["correct horse battery"; 2]);
    std::fs::remove_file(fleet.app(1).join("sick")).unwrap();
    rotate(&fleet.world, &["--local", "--yes", "database.password"]).success();
    assert_eq!(fleet.running(), vec![password(&fleet.world); 2]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn what_somebody_changed_there_is_not_overwritten() {
    let fleet = fleet(2, APPLY, HEALTH);
    let file = fleet.app(0).join("app.env");
    let edited = fleet.read(0, "app.env").replace("5432", "6432");
    std::fs::write(&file, &edited).unwrap();
    let before = fleet.world.store_bytes();
    let done = rotate(&fleet.world, &["--local", "--yes", "database.password"]).done();
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("app.env: somebody has changed DB_PORT"), "{}", done.stderr);
    assert_eq!((fleet.world.store_bytes(), fleet.read(0, "app.env")), (before, edited));
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_server_that_goes_away_leaves_it_to_be_resumed_or_undone() {
    // The first server's apply takes the second one's way in away: its health is asked for in vain.
    let mut fleet = fleet(1, APPLY, HEALTH);
    let host = fleet.hosts.remove(0);
    let (running, app) = (host.path("app"), host.path("app/running"));
    // It answers when it is looked at and is gone when the new file is to be put there.
    std::fs::remove_file(&app).unwrap();
    std::fs::create_dir(&app).unwrap();
    fleet.hosts.push(host);
    let done = rotate(&fleet.world, &["--local", "--yes", "database.password"]).done();
    // The apply command fails for good: taken back, and with it that failed too, so a person is needed.
    assert_eq!(done.code, 4, "{}", done.stderr);
    assert!(done.stderr.contains("error: database.password: held: "), "{}", done.stderr);
    assert!(done.stderr.contains("tried deploy, 2026-11-23T12:00:00Z: "), "{}", done.stderr);
    let list = fleet.world.run(&["list"]).success().stdout;
    assert!(list.lines().any(|line| line.contains("database.password") && line.contains("held")), "{list}");
    // Nobody else changes it meanwhile, and nothing else is begun unattended.
    let refused = fleet.world.run(&["set", "database.password"]).stdin("another password 1").done();
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.starts_with("error: database.password is being rotated\n"), "{}", refused.stderr);
    assert!(inside(&fleet.world).contains("state = \"held\""));
    std::fs::remove_dir(&app).unwrap();
    let _ = running;
    let mut tries = 0;
    loop {
        let done = rotate(&fleet.world, &["--local", "--yes", "--resume", "database.password"]).done();
        if done.code == 0 || done.stderr.contains("taken back") {
            break;
        }
        tries += 1;
        assert!(tries < 5, "{}", done.stderr);
    }
    assert_eq!(fleet.running(), [password(&fleet.world)]);
}
