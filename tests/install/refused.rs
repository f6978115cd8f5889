//! Bad input and bad servers, each with its whole message.

use std::process::Command;

use luca_secrets::target::server::{Broken, Content, Digest, Reply, Request, Run, Stage};

use super::peer::{Host, Peer, program, shells, text, transaction};

/// Asks for the lock on a folder.
fn lock(peer: &mut Peer, host: &Host) -> String {
    peer.ask(&Request::Lock { folder: &host.at("env").folder(), takeover: None })
}

fn look(peer: &mut Peer, host: &Host, name: &str) -> String {
    peer.ask(&Request::Look { file: 1, path: &host.at(name), with_content: true })
}

#[test]
fn what_stands_there_is_named() {
    for shell in shells() {
        let host = Host::new(shell);
        std::fs::create_dir(host.app().join("folder")).unwrap();
        std::os::unix::fs::symlink("circle", host.app().join("circle")).unwrap();
        std::os::unix::fs::symlink("no/where", host.app().join("dangling")).unwrap();
        host.write("large", vec![b'x'; (4 << 20) + 1], 0o600);
        let mut peer = host.connect();
        for (name, expected) in [
            ("folder", format!("{}: something that is no file stands there", host.at("folder"))),
            ("circle", format!("{}: the symlink leads nowhere", host.at("circle"))),
            ("dangling", format!("{}: the symlink leads nowhere", host.at("dangling"))),
            ("large", format!("{}: the file is larger than 4 MiB", host.at("large"))),
            ("no/env", format!("{}: the folder is missing, or may not be entered", host.at("no/env"))),
        ] {
            assert_eq!(look(&mut peer, &host, name), expected, "{shell}");
        }
        peer.cut();
    }
}

#[test]
fn requests_out_of_order_are_refused() {
    for shell in shells() {
        let host = Host::new(shell);
        let wrong = format!(
            "{}: the requests came in the wrong order, which is a mistake in this program",
            host.at("env")
        );
        let mut peer = host.connect();
        assert_eq!(look(&mut peer, &host, "env"), "missing");
        assert_eq!(peer.stage(None, "new"), wrong, "{shell}: not locked");
        assert_eq!(peer.ask(&Request::Undo), "undone: ");
        assert_eq!(lock(&mut peer, &host), "locked");
        assert_eq!(peer.ask(&Request::Swap(1)), wrong, "{shell}: not staged");
        assert_eq!(peer.ask(&Request::Commit), "skipped");
        peer.cut();
        assert_eq!(host.list(), [""; 0]);
    }
}

#[test]
fn a_second_conversation_is_told_who_has_the_lock() {
    for shell in shells() {
        let host = Host::new(shell);
        let (first, second) = (transaction(), transaction());
        let mut holder = host.connect_as(&first, "ada@laptop for 'prod'");
        assert_eq!(lock(&mut holder, &host), "locked");
        let mut other = host.connect_as(&second, "bob@desk");
        assert_eq!(
            lock(&mut other, &host),
            format!("{}: the folder is locked by ada@laptop for 'prod'", host.at("env").folder()),
            "{shell}"
        );
        // Looking needs no lock.
        assert_eq!(look(&mut other, &host, "env"), "missing");
        assert_eq!(other.stage(None, "new"), "skipped");
        other.cut();
        assert_eq!(host.list(), [".luca-secrets-holder 600"]);
        // The same push, whose connection was lost without a word, ends its own process and nobody else's.
        let mut again = host.connect_as(&first, "ada@laptop");
        let folder = host.at("env").folder();
        let refused = again.ask(&Request::Lock { folder: &folder, takeover: Some(&second) });
        assert_eq!(refused, format!("{folder}: the folder is locked by ada@laptop for 'prod'"));
        again.ask(&Request::Undo);
        assert_eq!(
            again.ask(&Request::Lock { folder: &folder, takeover: Some(&first) }),
            "locked",
            "{shell}"
        );
        assert!(holder.child.wait().unwrap().success());
        again.cut();
        assert!(host.is_free());
    }
}

#[test]
fn seven_folders_are_too_many() {
    let host = Host::new("bash");
    let mut peer = host.connect();
    for number in 1..=7 {
        std::fs::create_dir(host.app().join(number.to_string())).unwrap();
        let folder = host.at(&number.to_string());
        let told = peer.ask(&Request::Lock { folder: &folder, takeover: None });
        let refused = format!("{folder}: more than six folders would have to be locked at once");
        assert_eq!(told, if number == 7 { refused } else { "locked".to_owned() });
    }
    peer.cut();
}

#[test]
fn a_machine_without_flock_is_refused() {
    for shell in ["dash", "bash"] {
        let mut host = Host::new(shell);
        host.only(&[]);
        let mut peer = host.start(&transaction(), "ada", |command| command);
        let Ok(Reply::Greeted(greeting)) = peer.hear() else { panic!("no greeting") };
        assert_eq!(
            greeting.missing,
            ["flock", "sha256sum", "base64", "dd", "stat", "readlink", "timeout", "sync", "sed", "tail"]
        );
        let refused =
            format!("{}: flock is not installed there, so nothing can be locked", host.at("env").folder());
        assert_eq!(lock(&mut peer, &host), refused);
        peer.cut();
    }
}

#[test]
fn a_profile_that_talks_is_passed_over() {
    for shell in shells() {
        let host = Host::new(shell);
        let mut peer = host.start(&transaction(), "ada", |command| {
            format!("echo Welcome; echo 'luca-secrets is fun'; printf '\\377 no line end: '; {command}")
        });
        assert!(matches!(peer.hear(), Ok(Reply::Greeted(_))), "{shell}");
        assert_eq!(lock(&mut peer, &host), "locked");
        peer.cut();
    }
}

#[test]
fn what_does_not_greet_is_named() {
    let host = Host::new("bash");
    let broken = |before: &str| {
        let mut peer = host.start(&transaction(), "ada", |_| before.to_owned());
        peer.hear().err().unwrap()
    };
    assert_eq!(broken("exit 3"), Broken::NoGreeting(None));
    assert_eq!(
        broken("echo; echo 'This account is currently not available.' >&2").to_string(),
        "the server did not run the command: This account is currently not available."
    );
    assert_eq!(
        broken("echo 'sudo: a password is required' >&2; exit 1").to_string(),
        "sudo does not let the user run commands: a password is required"
    );
    assert_eq!(
        broken("sh -c 'echo \"sh: 1: sudo: not found\" >&2'").to_string(),
        "sudo does not let the user run commands: sh: 1: sudo: not found"
    );
    assert_eq!(broken("yes hello"), Broken::TooMuchTalk);
}

#[test]
fn a_connection_that_ends_says_so() {
    let host = Host::new("bash");
    let mut peer = host.connect();
    peer.send(&Request::Lock { folder: &host.at("env").folder(), takeover: None });
    assert!(matches!(peer.hear(), Ok(Reply::Locked)));
    let process = peer.child.id().to_string();
    Command::new("kill").args(["-9", &process]).status().unwrap();
    peer.child.wait().unwrap();
    peer.conversation.ask(&Request::Swap(1));
    assert_eq!(peer.hear().err(), Some(Broken::Cut));
}

#[test]
fn what_arrives_garbled_is_not_kept() {
    for shell in shells() {
        let host = Host::new(shell);
        let mut peer = host.connect();
        peer.begin(&host, "env");
        // As long as it was, with a byte lost, and with more than was announced.
        for damage in ["ABC", "nw", "n\0w", "n`touch taken`ew\ncommit\n$(touch taken)\n"] {
            let content = text("new");
            let stage =
                Stage { file: 1, expected: None, content: Content::Text(&content), mode: None, owner: None };
            let bytes = String::from_utf8(peer.conversation.ask(&Request::Stage(stage)).to_vec()).unwrap();
            let bytes = bytes.replace("\nnew\n", &format!("\n{damage}\n"));
            std::io::Write::write_all(peer.input.as_mut().unwrap(), bytes.as_bytes()).unwrap();
            let told = super::peer::tell(&peer.hear().unwrap());
            let expected = format!("{}: what arrived there is not what was sent", host.at("env"));
            assert_eq!(told, expected, "{shell}: {damage}");
            // What follows is understood.
            assert_eq!(peer.ask(&Request::Undo), "undone: ", "{shell}: {damage}");
            assert_eq!(host.list(), [".luca-secrets-holder 600"], "{shell}: {damage}");
        }
        assert_eq!(peer.stage(None, "new"), "staged", "{shell}");
        peer.cut();
        assert_eq!(host.list(), [""; 0]);
    }
}

/// A content that would do something if it were taken for requests.
const REQUESTS: &str = "look 1 /etc/passwd content\nundo $(touch taken)\n`touch taken`\nbye\n";

#[test]
fn a_content_that_is_not_taken_is_not_taken_for_requests() {
    for shell in shells() {
        let host = Host::new(shell);
        let mut peer = host.connect();
        let refused = "the requests came in the wrong order, which is a mistake in this program";
        for content in [REQUESTS.to_owned(), REQUESTS.repeat(3000)] {
            assert_eq!(look(&mut peer, &host, "env"), "missing");
            assert_eq!(peer.stage(None, &content), format!("{}: {refused}", host.at("env")), "{shell}");
            assert_eq!(peer.stage(None, &content), "skipped", "{shell}");
            assert_eq!(peer.ask(&Request::Undo), "undone: ", "{shell}");
        }
        peer.cut();
        assert_eq!(host.list(), [""; 0], "{shell}");
    }
    for shell in ["dash", "bash"] {
        let mut host = Host::new(shell);
        host.only(&["flock", "rm"]);
        let mut peer = host.connect();
        peer.begin(&host, "env");
        let told = peer.stage(None, REQUESTS);
        assert!(
            told.contains("writing in the folder failed: ") && told.contains("not found"),
            "{shell}: {told}"
        );
        assert_eq!(peer.ask(&Request::Undo), "undone: ", "{shell}");
        assert_eq!(peer.ask(&Request::Bye), "ended", "{shell}");
        peer.cut();
        assert_eq!(host.list(), [""; 0], "{shell}");
    }
}

#[test]
fn a_folder_to_run_in_must_be_there() {
    let host = Host::new("bash");
    let mut peer = host.connect();
    let (folder, words) = (host.at("gone"), ["true".to_owned()]);
    assert_eq!(
        peer.ask(&Request::Probe(Run { folder: &folder, words: &words, seconds: 9 })),
        format!("{folder}: the folder is missing, or may not be entered")
    );
    // One answer, and no more.
    let folder = host.at("x").folder();
    assert_eq!(peer.ask(&Request::Probe(Run { folder: &folder, words: &words, seconds: 9 })), "");
    peer.cut();
}

#[test]
fn a_probe_that_fails_may_be_asked_again_and_stops_nothing() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write("env", "old", 0o600);
        let mut peer = host.connect();
        peer.begin(&host, "env");
        assert_eq!(peer.stage(Some("old"), "new"), "staged");
        let folder = host.at("x").folder();
        let words = ["sh", "-c", "echo no; test -e well"].map(str::to_owned);
        let probe = Request::Probe(Run { folder: &folder, words: &words, seconds: 9 });
        assert_eq!([peer.ask(&probe), peer.ask(&probe)], ["Exit(1): no", "Exit(1): no"], "{shell}");
        host.write("well", "", 0o600);
        assert_eq!(peer.ask(&probe), "no", "{shell}");
        assert_eq!(peer.ask(&Request::Swap(1)), "swapped", "{shell}");
        peer.cut();
    }
}

/// A disk of 64 KiB.
const SMALL: &str = "mount -t tmpfs -o size=64k none \"$0\"";

/// A large disk of which the folder may use 300 KiB. Such quotas bind root too.
const RATIONED: &str = "{ PATH=$PATH:/usr/sbin:/sbin; truncate -s 120M \"$0/../image\" && mkfs.btrfs \"$0/../image\" && \
                        mount -o loop \"$0/../image\" \"$0\" && btrfs quota enable \"$0\" && \
                        btrfs qgroup limit 300K \"$0\"; } >/dev/null 2>&1";

/// What the install of 400 KB into a folder says, in a mount namespace with the folder on a disk that is mounted so.
fn on_disk(mount: &str, option: &str, shell: &str) -> (Vec<String>, Vec<String>) {
    let host = Host::new(shell);
    let before = format!(
        "exec unshare -m sh -c '{mount} && printf old >\"$0/env\" && {option}; {{ eval \"$1\"; ls -A \"$0\" >\"$0/../list\"; cat \"$0/env\" >>\"$0/../list\"; }}' {} ",
        host.app().display()
    );
    let mut peer = host.start(&transaction(), "ada", |command| {
        let inner = command.strip_prefix("exec ").unwrap();
        format!("{before} '{}'", inner.replace('\'', r"'\''"))
    });
    assert!(matches!(peer.hear(), Ok(Reply::Greeted(_))));
    let mut told = peer.begin(&host, "env");
    let content = text(&"x".repeat(400_000));
    let expected = Some(Digest::of(b"old"));
    let stage = Stage { file: 1, expected, content: Content::Text(&content), mode: None, owner: None };
    told.push(peer.ask(&Request::Stage(stage)));
    peer.cut();
    let list = std::fs::read_to_string(host.app().join("../list")).unwrap();
    let app = host.app().display().to_string();
    (told.iter().map(|line| line.replace(&app, "APP")).collect(), list.lines().map(str::to_owned).collect())
}

#[test]
#[ignore = "needs a mount namespace; run tests/run"]
fn a_full_disk_leaves_the_old_file() {
    for shell in ["dash", "bash"] {
        let (told, list) = on_disk(SMALL, "true", shell);
        let full = "APP/env: writing in the folder failed: no space left on device";
        assert_eq!(told, ["locked", "file 3 644", full], "{shell}");
        assert_eq!(list, ["env", "old"]);
    }
}

#[test]
#[ignore = "needs to be root, and btrfs-progs; run tests/run"]
fn a_quota_leaves_the_old_file() {
    let (told, list) = on_disk(RATIONED, "true", "bash");
    let full = "APP/env: writing in the folder failed: disk quota exceeded";
    assert_eq!(told, ["locked", "file 3 644", full]);
    assert_eq!(list, ["env", "old"]);
}

#[test]
#[ignore = "needs a mount namespace; run tests/run"]
fn a_read_only_disk_is_said_to_be_one() {
    for shell in ["dash", "bash"] {
        let (told, list) = on_disk(SMALL, "mount -o remount,ro \"$0\"", shell);
        assert_eq!(told, ["APP: the folder cannot be written to", "file 3 644", "skipped"], "{shell}");
        assert_eq!(list, ["env", "old"]);
    }
}

/// A folder that another user owns, and a command that becomes that user.
fn as_nobody(host: &Host, peer_of: &str) -> Peer {
    for folder in [host.app(), host.app().join("..")] {
        Command::new("chmod").arg("755").arg(folder).status().unwrap();
    }
    host.start(&transaction(), "ada", |command| {
        let inner = command.strip_prefix("exec ").unwrap().to_owned();
        format!(
            "exec {} --reuid=65534 --regid=65534 --clear-groups {inner}{peer_of}",
            program("setpriv").display()
        )
    })
}

#[test]
#[ignore = "needs to be root; run tests/run"]
fn an_unprivileged_user_is_told_what_is_not_allowed() {
    let host = Host::new("bash");
    host.write("env", "old", 0o600);
    let mut peer = as_nobody(&host, "");
    assert!(peer.hear().is_ok());
    assert_eq!(
        lock(&mut peer, &host),
        format!("{}: the folder cannot be written to", host.at("env").folder())
    );
    assert_eq!(look(&mut peer, &host, "env"), format!("{}: the file cannot be read", host.at("env")));
    peer.cut();
    // The folder is the user's, the file is root's: it cannot be given back to root.
    Command::new("chown").arg("nobody").arg(host.app()).status().unwrap();
    host.write("env", "old", 0o644);
    let mut peer = as_nobody(&host, "");
    assert!(peer.hear().is_ok());
    assert_eq!(peer.begin(&host, "env"), ["locked", "file 3 644"]);
    assert_eq!(
        peer.stage(Some("old"), "new"),
        format!("{}: the owner and mode cannot be set: operation not permitted", host.at("env"))
    );
    peer.cut();
    assert_eq!(host.list(), ["env 644 old"]);
    Command::new("chown").arg("nobody:nogroup").arg(host.app().join("env")).status().unwrap();
    let mut peer = as_nobody(&host, "");
    assert!(peer.hear().is_ok());
    peer.begin(&host, "env");
    assert_eq!(peer.stage(Some("old"), "new"), "staged");
    assert_eq!(peer.ask(&Request::Swap(1)), "swapped");
    assert_eq!(peer.ask(&Request::Commit), "committed");
    peer.cut();
    assert_eq!(host.list(), [".env.luca-secrets-previous 600 old", "env 644 new"]);
}

#[test]
#[ignore = "needs sudo; run tests/run"]
fn sudo_that_would_ask_does_not_hang() {
    let host = Host::new("bash");
    for folder in [host.app(), host.app().join("..")] {
        Command::new("chmod").arg("755").arg(folder).status().unwrap();
    }
    let mut peer = host.start(&transaction(), "ada", |command| {
        let inner = command.strip_prefix("exec ").unwrap().to_owned();
        let setpriv = program("setpriv");
        format!("exec {} --reuid=65534 --regid=65534 --clear-groups sudo -n {inner}", setpriv.display())
    });
    assert_eq!(
        peer.hear().err().unwrap().to_string(),
        "sudo does not let the user run commands: a password is required"
    );
}
