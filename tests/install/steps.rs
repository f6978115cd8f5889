//! Installs that are cut off or killed after each step, and what heals them.

use std::io::Write;

use luca_secrets::target::server::{Content, Digest, Direction, Request, Stage};

use super::peer::{Host, Peer, shells, text};

/// How an install ends too early.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The connection is gone.
    Cut,
    /// The script is killed.
    Kill,
    /// The script is asked to end, as a machine that shuts down does.
    Terminate,
}

const STEPS: [&str; 6] = ["locked", "staged", "swapped", "applied", "undone", "committed"];

/// Goes on until a step is done. Its apply command writes what it read to `/app/seen`.
fn go(peer: &mut Peer, host: &Host, step: &str) {
    assert_eq!(peer.begin(host, "env")[0], "locked");
    let apply = |peer: &mut Peer| assert_eq!(peer.apply(host, "cat env >seen; echo done", 9), "done");
    for name in STEPS.iter().skip(1) {
        if peer_is_at(step, name) {
            match *name {
                "staged" => assert_eq!(peer.stage(Some("old"), "new"), "staged"),
                "swapped" => assert_eq!(peer.ask(&Request::Swap(1)), "swapped"),
                "applied" => apply(peer),
                "undone" => assert_eq!(peer.ask(&Request::Undo), "undone: 1 back, apply owed"),
                _ => assert_eq!(peer.ask(&Request::Commit), "committed"),
            }
        }
    }
}

/// Whether a step lies on the way to another: a commit goes past no undo.
fn peer_is_at(goal: &str, step: &str) -> bool {
    let rank = |name: &str| STEPS.iter().position(|step| *step == name);
    rank(step) <= rank(goal) && (step != "undone" || goal == "undone")
}

fn end(mut peer: Peer, how: End) {
    match how {
        End::Cut => peer.cut(),
        End::Kill => peer.kill(),
        End::Terminate => {
            let process = rustix::process::Pid::from_raw(i32::try_from(peer.child.id()).unwrap()).unwrap();
            rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
            assert!(peer.child.wait().unwrap().success());
        }
    }
}

/// What is left after an end: everything in the folder.
fn left(how: End, step: &str) -> &'static [&'static str] {
    match (how, step) {
        // Nothing is held any more.
        (_, "committed") => &[".env.luca-secrets-previous 600 old", "env 640 new", "seen 644 new"],
        (End::Kill, "locked") => &[".luca-secrets-holder 600", "env 640 old"],
        (End::Kill, "staged") => &[
            ".env.T.luca-secrets-new 640 new",
            ".env.luca-secrets-note 600",
            ".luca-secrets-holder 600",
            "env 640 old",
        ],
        (End::Kill, "swapped") => &[
            ".env.luca-secrets-note 600",
            ".env.luca-secrets-undo 640 old",
            ".luca-secrets-holder 600",
            "env 640 new",
        ],
        (End::Kill, "applied") => &[
            ".env.luca-secrets-note 600",
            ".env.luca-secrets-undo 640 old",
            ".luca-secrets-holder 600",
            "env 640 new",
            "seen 644 new",
        ],
        (End::Kill, _) => {
            &[".env.luca-secrets-note 600", ".luca-secrets-holder 600", "env 640 old", "seen 644 new"]
        }
        (_, "locked" | "staged" | "swapped") => &["env 640 old"],
        // The commands that had run with the new file have run again with the old one.
        _ => &["env 640 old", "seen 644 old"],
    }
}

#[test]
fn a_cut_puts_everything_back_and_a_kill_leaves_a_note() {
    for shell in shells() {
        for how in [End::Cut, End::Terminate, End::Kill] {
            for step in STEPS {
                let host = Host::new(shell);
                host.write("env", "old", 0o640);
                let mut peer = host.connect();
                go(&mut peer, &host, step);
                end(peer, how);
                assert_eq!(host.list(), left(how, step), "{shell} {step}");
                assert!(host.is_free(), "{shell} {step}");
            }
        }
    }
}

#[test]
fn the_next_push_heals_what_a_kill_has_left() {
    for shell in shells() {
        for (step, direction, looked, healed, expected) in [
            ("locked", Direction::Back, "file 3 640", "healed", "env 640 old"),
            ("staged", Direction::Back, "Old of ada@laptop", "healed", "env 640 old"),
            ("staged", Direction::Forward, "Old of ada@laptop", "healed", "env 640 old"),
            ("swapped", Direction::Back, "New of ada@laptop", "healed", "env 640 old"),
            ("swapped", Direction::Forward, "New of ada@laptop", "healed, apply owed", "env 640 new"),
            (
                "applied",
                Direction::Back,
                "New of ada@laptop, apply owed",
                "healed, apply owed",
                "env 640 old",
            ),
            (
                "applied",
                Direction::Forward,
                "New of ada@laptop, apply owed",
                "healed, apply owed",
                "env 640 new",
            ),
            ("undone", Direction::Back, "Old of ada@laptop, apply owed", "healed, apply owed", "env 640 old"),
            ("committed", Direction::Back, "file 3 640", "healed", "env 640 new"),
        ] {
            let host = Host::new(shell);
            host.write("env", "old", 0o640);
            let mut peer = host.connect();
            go(&mut peer, &host, step);
            peer.kill();
            let mut peer = host.connect();
            assert_eq!(peer.begin(&host, "env"), ["locked", looked], "{shell} {step}");
            assert_eq!(
                peer.ask(&Request::Heal { file: 1, direction }),
                healed,
                "{shell} {step} {direction:?}"
            );
            if healed != "healed" {
                assert_eq!(peer.apply(&host, "cat env >seen", 9), "");
                assert_eq!(peer.ask(&Request::Settle), "settled");
            }
            peer.cut();
            let mut list = host.list();
            list.retain(|entry| !entry.starts_with("seen") && !entry.contains("-previous 600 old"));
            assert_eq!(list, [expected], "{shell} {step} {direction:?}");
        }
    }
}

#[test]
fn an_apply_that_is_owed_is_not_forgotten() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write("env", "old", 0o640);
        let mut peer = host.connect();
        go(&mut peer, &host, "applied");
        peer.kill();
        // Healed, but ended before the apply; then staged anew and undone: the note stays until it is settled.
        let mut peer = host.connect();
        peer.begin(&host, "env");
        assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Back }), "healed, apply owed");
        peer.cut();
        let mut peer = host.connect();
        assert_eq!(peer.begin(&host, "env")[1], "Old of ada@laptop, apply owed");
        assert_eq!(
            peer.stage(Some("old"), "newer"),
            format!("{}: an interrupted push has left the file unfinished", host.at("env"))
        );
        assert_eq!(peer.ask(&Request::Undo), "undone: ");
        assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Back }), "healed, apply owed");
        assert_eq!(peer.stage(Some("old"), "newer"), "staged");
        assert_eq!(peer.ask(&Request::Swap(1)), "swapped");
        assert_eq!(peer.ask(&Request::Undo), "undone: 1 back, apply owed");
        peer.kill();
        let mut peer = host.connect();
        assert_eq!(peer.begin(&host, "env")[1], "Old of ada@laptop, apply owed", "{shell}");
        peer.cut();
    }
}

#[test]
fn an_old_file_that_comes_back_from_its_backup_has_its_mode_again() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write("env", "old", 0o640);
        let mut peer = host.connect();
        go(&mut peer, &host, "swapped");
        peer.kill();
        let mut peer = host.connect();
        peer.begin(&host, "env");
        assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Forward }), "healed, apply owed");
        peer.kill();
        let mut peer = host.connect();
        assert_eq!(peer.begin(&host, "env")[1], "New of ada@laptop, apply owed");
        assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Back }), "healed, apply owed");
        assert_eq!(peer.ask(&Request::Settle), "settled");
        peer.cut();
        assert_eq!(host.list(), [".env.luca-secrets-previous 600 old", "env 640 old"], "{shell}");
    }
}

#[test]
fn a_failed_apply_after_a_cut_leaves_it_owed() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write("env", "old", 0o640);
        let mut peer = host.connect();
        peer.begin(&host, "env");
        peer.stage(Some("old"), "new");
        peer.ask(&Request::Swap(1));
        // Works with the new file only.
        assert_eq!(peer.apply(&host, "grep -q new env", 9), "");
        peer.cut();
        assert_eq!(host.list(), [".env.luca-secrets-note 600", "env 640 old"], "{shell}");
        let mut peer = host.connect();
        assert_eq!(peer.begin(&host, "env")[1], "Old of ada@laptop, apply owed");
        peer.cut();
    }
}

#[test]
fn a_file_changed_by_hand_is_never_overwritten() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write("env", "old", 0o640);
        let changed = format!("{}: the file is not as it was when the plan was made", host.at("env"));
        let mut peer = host.connect();
        peer.begin(&host, "env");
        assert_eq!(peer.stage(Some("else"), "new"), changed);
        assert_eq!(peer.ask(&Request::Swap(1)), "skipped");
        peer.ask(&Request::Undo);
        assert_eq!(peer.stage(None, "new"), changed);
        peer.ask(&Request::Undo);
        assert_eq!(peer.stage(Some("old"), "new"), "staged");
        host.write("env", "hand", 0o640);
        assert_eq!(peer.ask(&Request::Swap(1)), changed);
        peer.ask(&Request::Undo);
        assert_eq!(host.list(), [".luca-secrets-holder 600", "env 640 hand"], "{shell}");
        assert_eq!(peer.stage(Some("hand"), "new"), "staged");
        assert_eq!(peer.ask(&Request::Swap(1)), "swapped");
        host.write("env", "hand again", 0o640);
        assert_eq!(peer.ask(&Request::Undo), "undone: 1 left");
        peer.cut();
        assert_eq!(host.read("env"), b"hand again");
        let mut peer = host.connect();
        assert_eq!(peer.begin(&host, "env")[1], "Changed of ada@laptop");
        assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Back }), changed);
        peer.ask(&Request::Undo);
        assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Forward }), "healed, apply owed");
        assert_eq!(peer.ask(&Request::Settle), "settled");
        peer.cut();
        assert_eq!(host.list(), [".env.luca-secrets-previous 600 hand", "env 640 hand again"], "{shell}");
    }
}

#[test]
fn the_undo_of_a_first_install_removes_the_file() {
    for shell in shells() {
        for how in [End::Cut, End::Kill] {
            let host = Host::new(shell);
            let mut peer = host.connect();
            assert_eq!(peer.begin(&host, "env")[1], "missing");
            assert_eq!(peer.stage(None, "new"), "staged");
            assert_eq!(peer.ask(&Request::Swap(1)), "swapped");
            end(peer, how);
            if how == End::Kill {
                let mut peer = host.connect();
                peer.begin(&host, "env");
                assert_eq!(peer.ask(&Request::Heal { file: 1, direction: Direction::Back }), "healed");
                peer.cut();
            }
            assert_eq!(host.list(), [""; 0], "{shell}");
        }
    }
}

#[test]
fn a_request_that_arrives_in_part_is_none() {
    for shell in shells() {
        for part in [3, 100, 300, 420] {
            let host = Host::new(shell);
            host.write("env", "old", 0o640);
            let mut peer = host.connect();
            peer.begin(&host, "env");
            let (content, expected) = (text(&"new".repeat(100)), Some(Digest::of(b"old")));
            let content = Content::Text(&content);
            let stage = Stage { file: 1, expected, content, mode: None, owner: None };
            let bytes = peer.conversation.ask(&Request::Stage(stage));
            peer.input.as_mut().unwrap().write_all(&bytes[..part]).unwrap();
            peer.cut();
            assert_eq!(host.list(), ["env 640 old"], "{shell} {part}");
            assert!(host.is_free());
        }
    }
}
