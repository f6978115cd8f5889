//! Kills and failures at every program that the script runs.

use luca_secrets::target::server::{Broken, Reply};
use luca_secrets::target::server::{Content, Digest, Direction, Request, Run, Stage, Stopped};

use super::peer::{Host, Peer, program, tell, text};
use crate::harness::executable;

/// The programs that change something, or whose failure must stop the install.
const TOOLS: [&str; 12] =
    ["base64", "chmod", "chown", "cp", "dd", "flock", "ln", "mv", "rm", "sha256sum", "stat", "sync"];

/// What happens to the program of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// The script and it are killed before it has done anything.
    KillBefore,
    /// They are killed after it has done its work.
    KillAfter,
    /// It fails, having done nothing.
    Fail,
    /// It does its work and says that it has failed.
    FailAfter,
}

/// Puts a program in front of each tool that counts and, at a number, does what was asked.
fn arm(host: &Host, fault: Fault, number: usize) {
    let bin = host.app().join("../bin");
    std::fs::write(bin.join("calls"), "").unwrap();
    let (before, after) = match fault {
        Fault::KillBefore => ("kill -9 0", ":"),
        Fault::KillAfter => (":", "kill -9 0"),
        Fault::Fail => ("exit 1", ":"),
        Fault::FailAfter => (":", "exit 1"),
    };
    for tool in TOOLS {
        let script = format!(
            "#!/bin/sh\necho {tool} >>{bin}/calls\nn=0\nwhile read x; do n=$((n+1)); done <{bin}/calls\n\
             [ $n != {number} ] || {before}\n{} \"$@\"\ncode=$?\n[ $n != {number} ] || {after}\nexit $code\n",
            program(tool).display(),
            bin = bin.display(),
        );
        executable(bin.join(tool), script);
    }
}

/// Takes the counting programs away and says how many programs had run.
fn disarm(host: &Host) -> usize {
    let bin = host.app().join("../bin");
    for tool in TOOLS {
        std::fs::remove_file(bin.join(tool)).unwrap();
    }
    std::fs::read_to_string(bin.join("calls")).unwrap().lines().count()
}

/// The install, as far as it goes; an undo at the first refusal. The replies in words.
fn install(host: &Host, undoing: bool) -> (Option<Peer>, Vec<String>) {
    let mut peer = host.connect();
    let (path, folder, content) = (host.at("env"), host.at("env").folder(), text("new"));
    let words = ["cp", "env", "seen"].map(str::to_owned);
    let stage = Stage {
        file: 1,
        expected: Some(Digest::of(b"old")),
        content: Content::Text(&content),
        mode: None,
        owner: None,
    };
    let mut told = Vec::new();
    for request in [
        Request::Lock { folder: &folder, takeover: None },
        Request::Look { file: 1, path: &path, with_content: false },
        Request::Stage(stage),
        Request::Swap(1),
        Request::Apply(Run { folder: &folder, words: &words, seconds: 9 }),
        if undoing { Request::Undo } else { Request::Commit },
    ] {
        let bytes = peer.conversation.ask(&request);
        let _ = std::io::Write::write_all(peer.input.as_mut().unwrap(), &bytes);
        match peer.hear() {
            Ok(reply) => {
                let failed = matches!(reply, Reply::Refused(_))
                    || matches!(&reply, Reply::Ran(ran, _) if *ran != luca_secrets::target::server::Ran::Done);
                told.push(tell(&reply));
                if failed {
                    peer.send(&Request::Undo);
                    told.push(peer.hear().map_or_else(|broken| broken.to_string(), |reply| tell(&reply)));
                    return (Some(peer), told);
                }
            }
            Err(broken) => {
                assert_eq!(broken, Broken::Cut);
                peer.child.wait().unwrap();
                return (None, told);
            }
        }
    }
    (Some(peer), told)
}

/// What a later push finds, and that it can end what was interrupted either way.
fn heal(host: &Host, direction: Direction, context: &str) {
    host.wait_until_free();
    let before = host.read("env");
    assert!(before == b"old" || before == b"new", "{context}");
    let mut peer = host.connect();
    peer.send(&Request::Lock { folder: &host.at("env").folder(), takeover: None });
    assert_eq!(tell(&peer.hear().unwrap()), "locked", "{context}");
    peer.send(&Request::Look { file: 1, path: &host.at("env"), with_content: false });
    let Ok(Reply::Looked(look)) = peer.hear() else { panic!("{context}") };
    peer.send(&Request::Heal { file: 1, direction });
    let Ok(Reply::Healed { digest, is_owed }) = peer.hear() else { panic!("{context}") };
    let now = host.read("env");
    assert_eq!(digest, Some(Digest::of(&now)), "{context}");
    match look.stopped() {
        Some(Stopped::New) if direction == Direction::Back => assert_eq!(now, b"old", "{context}"),
        _ => assert_eq!(now, before, "{context}"),
    }
    // Services that may run something else than the file says are never forgotten.
    if let Ok(seen) = std::fs::read(host.app().join("seen")) {
        assert!(is_owed || seen == now, "{context}");
    }
    if is_owed {
        assert_eq!(peer.ask(&Request::Settle), "settled", "{context}");
    }
    peer.cut();
    let mut list = host.list();
    list.retain(|entry| !entry.starts_with("seen") && entry != ".env.luca-secrets-previous 600 old");
    assert_eq!(list, [format!("env 640 {}", String::from_utf8_lossy(&now))], "{context}");
}

/// Lets every program fail in its turn, on the way to a commit or to an undo.
fn everywhere(fault: Fault) {
    let is_kill = matches!(fault, Fault::KillBefore | Fault::KillAfter);
    for (undoing, direction) in
        [(false, Direction::Back), (false, Direction::Forward), (true, Direction::Back)]
    {
        // What was not killed has healed itself, whatever direction is asked for later.
        if !is_kill && direction == Direction::Forward {
            continue;
        }
        let mut number = 0;
        loop {
            number += 1;
            let host = Host::new("bash");
            host.write("env", "old", 0o640);
            arm(&host, fault, number);
            let (peer, told) = install(&host, undoing);
            let count = disarm(&host);
            let context = format!("{fault:?} {number} {undoing} {direction:?} {told:?}");
            match peer {
                Some(peer) => peer.cut(),
                None => assert!(is_kill, "{context}"),
            }
            heal(&host, direction, &context);
            if number > count {
                break;
            }
        }
        assert!(number > 12, "only {number} programs");
    }
}

#[test]
fn a_kill_before_any_program_leaves_a_whole_file_that_heals() {
    everywhere(Fault::KillBefore);
}

#[test]
fn a_kill_after_any_program_leaves_a_whole_file_that_heals() {
    everywhere(Fault::KillAfter);
}

#[test]
fn any_program_that_fails_leaves_a_whole_file() {
    everywhere(Fault::Fail);
}

#[test]
fn any_program_that_works_and_says_that_it_failed_leaves_a_whole_file() {
    everywhere(Fault::FailAfter);
}
