//! What a person at a terminal sees while a push is under way, and what is left of it.

use std::path::Path;
use std::process::Command;

use crate::harness::PROGRAM;

use super::Fleet;

/// Runs a push under a terminal of 80 columns and the given kind; gives the exit code and all that was shown.
fn on_terminal(fleet: &Fleet, term: &str, arguments: &[&str]) -> (i32, String) {
    let output = Command::new("/usr/bin/python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/terminal.py"))
        .args(["end", PROGRAM, "push", "server.web1", "server.web2", "--yes"])
        .args(arguments)
        .current_dir(fleet.world.folder())
        .env_clear()
        .env("HOME", fleet.world.home())
        .env("USER", "tester")
        .env("TERM", term)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (code, shown) = text.split_once('\n').unwrap();
    (code.parse().unwrap(), shown.to_owned())
}

/// What the terminal shows in the end. Only what the program uses is known: colours, going up, clearing.
fn screen(shown: &str) -> String {
    let mut lines = vec![String::new()];
    let (mut row, mut rest) = (0, shown);
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        match next {
            '\r' => lines[row].clear(),
            '\n' => {
                row += 1;
                lines.resize(lines.len().max(row + 1), String::new());
            }
            '\x1b' => {
                let (parameter, after) = rest
                    .strip_prefix('[')
                    .unwrap()
                    .split_at(rest.find(|c: char| c.is_ascii_alphabetic()).unwrap() - 1);
                rest = &after[1..];
                match &after[..1] {
                    "A" => row -= parameter.parse::<usize>().unwrap(),
                    "J" => {
                        lines.truncate(row + 1);
                        lines[row].clear();
                    }
                    "m" => {}
                    other => panic!("{other}"),
                }
            }
            other => lines[row].push(other),
        }
    }
    lines.join("\n")
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_terminal_shows_what_is_under_way_and_keeps_the_outcomes() {
    let slow = "sleep 1; if grep -q bad.one app.env; then exit 7; fi; cp app.env running; echo x >>applied";
    let fleet = Fleet::with(2, slow, "");
    let (code, shown) = on_terminal(&fleet, "xterm", &[]);
    assert_eq!(code, 0, "{shown}");
    for host in ["web1", "web2"] {
        for mark in ["|", "/", "-", "\\"] {
            let line = format!("{mark} server {host}: applying (0 s)");
            assert!(shown.contains(&line), "{line}: {shown}");
        }
    }
    let last = fleet.plain(&screen(&shown.replace("\r\n", "\n")));
    let steps: Vec<&str> = last.lines().filter(|line| line.ends_with("([time] s)")).collect();
    assert_eq!(steps.len(), 10, "{last}");
    assert!(last.ends_with("\nok: server web1: pushed\nok: server web2: pushed\n"), "{last}");
    assert!(!last.contains("applying"), "{last}");

    // A step that fails has its outcome too, elsewhere as well, and the rest follows below.
    fleet.set("bad one");
    let (code, shown) = on_terminal(&fleet, "xterm", &[]);
    let last = fleet.plain(&screen(&shown.replace("\r\n", "\n")));
    for line in ["server web1: cannot apply ([time] s)", "server web2: put back ([time] s)"] {
        assert!(last.contains(line), "{last}");
    }
    assert_eq!((code, last.contains("applying")), (1, false), "{last}");

    // Nothing is drawn under --quiet, and none where lines cannot be drawn over.
    fleet.set("good again");
    assert_eq!(on_terminal(&fleet, "xterm", &["-q"]), (0, String::new()));
    fleet.set("good once more");
    let (code, shown) = on_terminal(&fleet, "dumb", &[]);
    assert!(code == 0 && !shown.contains("applying") && shown.contains("server web1: applied ("), "{shown}");
    assert!(!shown.contains("\x1b[1A"), "{shown}");
}
