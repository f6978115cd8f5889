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
fn what_is_well_neither_way_is_held_with_all_that_is_known_and_goes_on_later() {
    let health = "health = { command = [\"sh\", \"-c\", \"! test -e [app]/sick\"], within = \"1s\", every = \"1s\", in-a-row = 1 }";
    let fleet = fleet(1, APPLY, health);
    std::fs::write(fleet.app(0).join("sick"), "").unwrap();
    let done = rotate(&fleet.world, &["--local", "--yes", "database.password"]).done();
    assert_eq!(done.code, 4, "{}", done.stderr);
    for line in [
        "database.password: on the way to the new value, 0 of its steps done, begun 2026-11-23T12:00:00Z by tester@[host]\n",
        "database.password: in the store, for whoever uses it, database.password has the new value\n",
        "database.password: tried deploy, 2026-11-23T12:00:00Z: not known whether it was done: server web1: ",
        "error: database.password: held: server web1: ",
        "hint: when that is mended, `luca-secrets rotate --resume database.password` goes on; `luca-secrets rotate --undo database.password` takes it back\n",
        "hint: `luca-secrets rotate --adopt database.password` takes over a value that works already, changed by hand\n",
    ] {
        assert!(done.stderr.contains(line), "{line}\n{}", done.stderr);
    }
    assert_eq!(fleet.passwords(), ["correct horse battery"]);
    let list = fleet.world.run(&["list"]).success().stdout;
    assert!(list.lines().any(|line| line.contains("database.password") && line.contains("held")), "{list}");
    let status = fleet.world.run(&["status", "--offline"]).done();
    assert_eq!(status.code, 3);
    assert!(
        status
            .stdout
            .contains("  rotation of database.password: held since 2026-11-23T12:00:00Z by tester@[host]: "),
        "{}",
        status.stdout
    );
    // Nobody else changes it meanwhile, and nothing else is begun unattended.
    let refused = fleet.world.run(&["set", "database.password"]).stdin("another password 1").done();
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(refused.stderr.starts_with("error: database.password is being rotated\n"), "{}", refused.stderr);
    assert!(inside(&fleet.world).contains("state = \"held\""));
    // One way out.
    std::fs::remove_file(fleet.app(0).join("sick")).unwrap();
    let new = password(&fleet.world);
    rotate(&fleet.world, &["--local", "--resume", "database.password"]).success();
    assert_eq!((fleet.running(), password(&fleet.world)), (vec![new.clone()], new.clone()));
    // The other one.
    std::fs::write(fleet.app(0).join("sick"), "").unwrap();
    assert_eq!(rotate(&fleet.world, &["--local", "--yes", "database.password"]).done().code, 4);
    std::fs::remove_file(fleet.app(0).join("sick")).unwrap();
    let done = rotate(&fleet.world, &["--local", "--yes", "--undo", "database.password"]).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!((fleet.running(), password(&fleet.world)), (vec![new.clone()], new));
}
