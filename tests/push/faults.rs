//! Pushes that fail somewhere: every host has the old file and runs on it, or the report says which has not.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{APPLY, Fleet};

/// What fails on the second host with the second content, and what is said of it.
#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_failure_anywhere_puts_everything_back_everywhere() {
    let cases = [
        (
            "if grep -q bad.one app.env; then echo it is broken; exit 7; fi; cp app.env running; echo x >>applied",
            "",
            "cannot apply: `sh -c",
        ),
        (
            // What a program says of its environment is shown without the values.
            "if grep -q bad.one app.env; then tail -n 2 app.env; echo was correct horse battery; exit 7; fi; \
             cp app.env running; echo x >>applied",
            "",
            "error: server web2:   DB_PASSWORD='[redacted]'\nerror: server web2:   DB_PORT=[redacted]\n\
             error: server web2:   was [redacted]\n",
        ),
        ("cp app.env running; echo x >>applied", "! grep -q bad.one running", "not healthy: "),
        (
            "if grep -q bad.one app.env; then sleep 60; fi; cp app.env running; echo x >>applied",
            "",
            "did not end within 5 s",
        ),
    ];
    for (apply, health, said) in cases {
        let health = if health.is_empty() {
            String::new()
        } else {
            format!(
                "health = {{ command = [\"sh\", \"-c\", \"cd [app]; {health}\"], within = \"2s\", every = \"1s\", in-a-row = 1 }}"
            )
        };
        let fleet = Fleet::with(3, apply, &health);
        // Only the second host minds.
        fleet.pushed();
        for host in [0, 2] {
            std::os::unix::fs::symlink("/bin/false", fleet.app(host).join("unused")).unwrap();
        }
        fleet.set("bad one");
        let done = fleet.push(&["--yes"]).done();
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(done.stderr.contains("server web1: ") && !done.stderr.contains("bad one"), "{}", done.stderr);
        assert_eq!(fleet.passwords(), ["correct horse battery"; 3], "{}", done.stderr);
        assert_eq!(fleet.running(), ["correct horse battery"; 3], "{}", done.stderr);
        for host in 0..3 {
            assert!(
                !fleet.names(host).iter().any(|name| name.contains("note") || name.contains("new")),
                "{:?}",
                fleet.names(host)
            );
        }
        fleet.set("good again");
        fleet.pushed();
        assert_eq!(fleet.running(), ["good again"; 3]);
    }
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_host_that_is_down_stops_everything_before_it_begins() {
    let mut fleet = Fleet::new(3);
    fleet.pushed();
    fleet.set("new one");
    fleet.hosts[1].kill();
    let done = fleet.push(&["--yes"]).done();
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("error: server web2: ") && done.stderr.ends_with("hint: nothing was pushed\n"),
        "{}",
        done.stderr
    );
    assert_eq!(fleet.passwords(), ["correct horse battery"; 3]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn of_two_pushes_at_once_one_wins_and_the_other_changes_nothing() {
    let fleet = Fleet::with(3, "sleep 1; cp app.env running; echo x >>applied", "");
    fleet.pushed();
    // Two checkouts of one store, each with a change of its own.
    let copy = fleet.world.path("../copy");
    let copied = Command::new("cp").arg("-a").arg(fleet.world.folder()).arg(&copy).status();
    assert!(copied.unwrap().success());
    let set = |folder: &Path, value: &str| {
        let mut command = fleet.world.spawn(&["set", "-q", "database.password"]);
        let mut child = command.current_dir(folder).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), value.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    let values = ["of one", "of the other"];
    let folders = [fleet.world.folder(), copy.canonicalize().unwrap()];
    set(&folders[0], values[0]);
    set(&folders[1], values[1]);
    let both = [0, 1].map(|at| {
        let mut command = fleet.world.spawn(&["push", "--yes", "server.web1", "server.web2", "server.web3"]);
        command.current_dir(&folders[at]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    let both = both.map(|child| child.wait_with_output().unwrap());
    let codes: Vec<_> = both.iter().map(|done| done.status.code()).collect();
    let texts: Vec<_> = both.iter().map(|done| String::from_utf8_lossy(&done.stderr).into_owned()).collect();
    let winner = codes.iter().position(|code| *code == Some(0)).unwrap_or_else(|| panic!("{texts:?}"));
    assert!(codes[1 - winner] == Some(1) && texts[1 - winner].contains("is locked by"), "{texts:?}");
    assert_eq!(
        (fleet.passwords(), fleet.running()),
        (vec![values[winner].to_owned(); 3], vec![values[winner].to_owned(); 3])
    );
    assert_eq!((0..3).map(|host| fleet.applied(host)).collect::<Vec<_>>(), [2; 3]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_push_that_is_killed_goes_back_by_itself() {
    // Killed while the second host applies; the others have applied already.
    let fleet =
        Fleet::with(3, "echo x >>applied; if grep -q slow app.env; then sleep 2; fi; cp app.env running", "");
    fleet.pushed();
    fleet.set("slow one");
    let mut command =
        fleet.world.spawn(&["push", "--yes", "-q", "server.web1", "server.web2", "server.web3"]);
    let mut child = command.spawn().unwrap();
    while fleet.applied(1) < 2 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let is_back = || {
        fleet.passwords() == ["correct horse battery"; 3] && fleet.running() == ["correct horse battery"; 3]
    };
    while !is_back() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    fleet.set("good again");
    // The hosts may still be at it; then the push says so and changes nothing.
    while fleet.push(&["--yes", "-q"]).done().code != 0 {}
    assert_eq!(fleet.running(), ["good again"; 3]);
    let _ = APPLY;
}
