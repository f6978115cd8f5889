//! Installs that come to their end.

use luca_secrets::sys::PrivateBytes;
use luca_secrets::target::server::{Content, Digest, Reply, Request, Run, Stage};
use proptest::prelude::*;

use super::peer::{Host, Peer, shells, tell, text};

/// The whole install of a file, every request sent before the first reply is read.
fn install(
    peer: &mut Peer,
    host: &Host,
    name: &str,
    old: Option<&[u8]>,
    content: Content<'_>,
) -> Vec<String> {
    let (path, folder) = (host.at(name), host.at(name).folder());
    for request in [
        Request::Lock { folder: &folder, takeover: None },
        Request::Look { file: 1, path: &path, with_content: true },
        Request::Stage(Stage { file: 1, expected: old.map(Digest::of), content, mode: None, owner: None }),
        Request::Swap(1),
        Request::Apply(Run { folder: &folder, words: &["true".to_owned()], seconds: 9 }),
        Request::Commit,
        Request::Bye,
    ] {
        peer.send(&request);
    }
    (0..7).map(|_| tell(&peer.hear().unwrap())).collect()
}

#[test]
fn a_whole_install_needs_no_answer_in_between() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write(".env", "old\n", 0o640);
        let mut peer = host.connect();
        let content = text("new\n");
        assert_eq!(
            install(&mut peer, &host, ".env", Some(b"old\n"), Content::Text(&content)),
            ["locked", "file 4 640", "staged", "swapped", "", "committed", "ended"],
            "{shell}"
        );
        peer.cut();
        assert_eq!(host.list(), ["..env.luca-secrets-previous 600 old", ".env 640 new"], "{shell}");
        assert!(host.is_free());
    }
}

#[test]
fn a_second_install_keeps_one_backup_and_a_first_none() {
    for shell in shells() {
        let host = Host::new(shell);
        for (old, new) in [(None, "1"), (Some("1"), "2"), (Some("2"), "3")] {
            let mut peer = host.connect();
            let content = text(new);
            install(&mut peer, &host, "env", old.map(str::as_bytes), Content::Text(&content));
            peer.cut();
        }
        assert_eq!(host.list(), [".env.luca-secrets-previous 600 2", "env 600 3"], "{shell}");
    }
}

#[test]
fn the_previous_file_is_put_back_by_hand_and_again() {
    for shell in shells() {
        let host = Host::new(shell);
        host.write("env", "new", 0o644);
        let mut peer = host.connect();
        assert_eq!(
            install(&mut peer, &host, "env", Some(b"new"), Content::Previous)[2],
            format!("{}: there is no previous file", host.at("env"))
        );
        peer.cut();
        host.write(".env.luca-secrets-previous", "old", 0o600);
        for (from, to) in [("new", "old"), ("old", "new")] {
            let mut peer = host.connect();
            let told = install(&mut peer, &host, "env", Some(from.as_bytes()), Content::Previous);
            assert_eq!(told[2..], ["staged", "swapped", "", "committed", "ended"], "{shell}");
            peer.cut();
            assert_eq!(
                host.list(),
                [format!(".env.luca-secrets-previous 600 {from}"), format!("env 644 {to}")]
            );
        }
    }
}

#[test]
fn a_symlink_stays_one_and_strange_paths_are_plain_paths() {
    for shell in shells() {
        let host = Host::new(shell);
        let strange = "it's \"a\" $(touch x) `id` * \\n é";
        std::fs::create_dir(host.app().join("-n folder")).unwrap();
        let (inner, link) = (format!("-n folder/{strange}"), "link");
        host.write(&inner, "old", 0o600);
        std::os::unix::fs::symlink(&inner, host.app().join(link)).unwrap();
        let mut peer = host.connect();
        let (path, real) = (host.at(link), host.at(&inner));
        peer.send(&Request::Look { file: 1, path: &path, with_content: true });
        let Reply::Looked(look) = peer.hear().unwrap() else { panic!("no look") };
        assert_eq!(
            (look.path.clone(), look.content.as_deref().map(Vec::as_slice)),
            (real.clone(), Some(&b"old"[..]))
        );
        assert_eq!(peer.ask(&Request::Lock { folder: &look.path.folder(), takeover: None }), "locked");
        assert_eq!(peer.stage(Some("old"), "new"), "staged");
        for (request, expected) in [(Request::Swap(1), "swapped"), (Request::Commit, "committed")] {
            assert_eq!(peer.ask(&request), expected);
        }
        peer.cut();
        assert_eq!(host.list(), ["-n folder 755", "link 777"], "{shell}");
        assert_eq!(std::fs::read(host.app().join(link)).unwrap(), b"new");
        assert!(host.app().join(format!("-n folder/.{strange}.luca-secrets-previous")).exists());
    }
}

#[test]
fn several_files_in_several_folders_are_one_transaction() {
    for shell in shells() {
        let host = Host::new(shell);
        let mut peer = host.connect();
        for (number, name) in ["a", "b", "c"].iter().enumerate() {
            std::fs::create_dir(host.app().join(name)).unwrap();
            host.write(&format!("{name}/env"), "old", 0o600);
            let path = host.at(&format!("{name}/env"));
            // The same folder twice is one lock.
            for _ in 0..2 {
                assert_eq!(peer.ask(&Request::Lock { folder: &path.folder(), takeover: None }), "locked");
            }
            let file = number + 1;
            assert_eq!(peer.ask(&Request::Look { file, path: &path, with_content: false }), "file 3 600");
            let (content, expected) = (text("new"), Some(Digest::of(b"old")));
            let stage =
                Stage { file, expected, content: Content::Text(&content), mode: Some(0o640), owner: None };
            assert_eq!(peer.ask(&Request::Stage(stage)), "staged");
            assert_eq!(peer.ask(&Request::Swap(file)), "swapped");
        }
        assert_eq!(peer.ask(&Request::Undo), "undone: 1 back, 2 back, 3 back");
        peer.cut();
        for name in ["a", "b", "c"] {
            assert_eq!(host.read(&format!("{name}/env")), b"old");
            assert_eq!(std::fs::read_dir(host.app().join(name)).unwrap().count(), 1);
        }
    }
}

#[test]
fn commands_are_run_as_words_with_a_deadline_and_their_last_lines() {
    for shell in shells() {
        let host = Host::new(shell);
        let mut peer = host.connect();
        for (script, seconds, expected) in [
            ("echo out; echo error >&2; read x; echo \"$? [$line]\"", 9, "out|error|1 []"),
            ("pwd | sed 's,.*/,,'; umask", 9, "app|0022"),
            ("printf 'a\\nb'", 9, "a|b"),
            (
                "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done",
                9,
                "line 4997|line 4998|line 4999",
            ),
            // A daemon that keeps its output open is not waited for.
            ("sleep 30 & echo started", 9, "started"),
        ] {
            assert_eq!(peer.apply(&host, script, seconds), expected, "{shell}: {script}");
        }
        assert_eq!(peer.apply(&host, "echo no; exit 7", 9), "Exit(7): no", "{shell}");
        assert_eq!(peer.apply(&host, "true", 9), "skipped");
        assert_eq!(peer.ask(&Request::Undo), "undone: ");
        let told = peer.apply(&host, "kill -KILL $$", 9);
        assert!(told.starts_with("Exit(137): "), "{shell}: {told}");
        assert_eq!(peer.ask(&Request::Undo), "undone: ");
        // BusyBox adds that it was terminated.
        let told = peer.apply(&host, "echo slow; sleep 30", 1);
        assert!(told.starts_with("Deadline(1): slow"), "{shell}: {told}");
        peer.cut();
    }
}

#[test]
fn a_command_left_running_does_not_keep_the_lock() {
    for shell in shells() {
        let host = Host::new(shell);
        let mut peer = host.connect();
        peer.begin(&host, "env");
        assert!(!host.is_free());
        assert_eq!(peer.apply(&host, "sleep 30 & :", 9), "");
        peer.cut();
        assert!(host.is_free(), "{shell}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_bytes_arrive_at_any_path(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        name in "[^/\\p{Cc}]{1,40}",
        shell in 0usize..3,
    ) {
        prop_assume!(name != "." && name != "..");
        let host = Host::new(shells().nth(shell % shells().count()).unwrap());
        let content = PrivateBytes::new(bytes.clone());
        let mut peer = host.connect();
        let told = install(&mut peer, &host, &name, None, Content::Bytes(&content));
        prop_assert_eq!(&told, &["locked", "missing", "staged", "swapped", "", "committed", "ended"]);
        peer.cut();
        prop_assert_eq!(&host.read(&name), &bytes);
        let mut peer = host.connect();
        peer.send(&Request::Look { file: 1, path: &host.at(&name), with_content: true });
        let Reply::Looked(look) = peer.hear().unwrap() else { panic!("no look") };
        prop_assert_eq!(look.content.as_deref(), Some(&bytes));
        prop_assert_eq!(look.digest, Some(Digest::of(&bytes)));
        peer.cut();
    }
}
