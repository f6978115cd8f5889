//! P12: whatever happens to the file of keys, somebody still gets in.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use luca_secrets::rotate::{Answer, Credential, KeyServer, Probed, TroubleKind};
use luca_secrets::ssh::HostKeys;

use super::ssh_key::{another_key, current, key_of, listed, public, server};
use super::walk::{ID, Walk, assert_trouble};
use crate::harness::executable;
use crate::harness::sshd::{Sshd, keygen, public_line};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn owner_and_mode_stay_and_bad_ones_are_refused() {
    let sshd = Sshd::start();
    let file = sshd.path("authorized_keys");
    for kept in [0o600, 0o640, 0o400] {
        set_mode(&file, kept);
        let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
        let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
        walk.until(&mut key, "add").unwrap();
        assert_eq!(mode(&file), kept);
        walk.undo(&mut key, 1).unwrap();
        assert_eq!(mode(&file), kept);
    }
    // A strict sshd would ignore the file; one that is not should not be taught to like it.
    let before = listed(&sshd);
    for (path, bad, good) in [(&file, 0o666, 0o600), (&file, 0o620, 0o600), (&sshd.path("."), 0o777, 0o700)] {
        set_mode(path, bad);
        let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
        let outcome = Walk::begin(&mut key, &current(&sshd));
        assert_trouble(outcome, TroubleKind::Rejected, "can be written by others", &[]);
        set_mode(path, good);
    }
    assert_eq!(listed(&sshd), before);
}

/// With `StrictModes`, as servers have it: the file lies where nobody else can write on the way to it.
#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_strict_server_goes_on_letting_both_in() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("keys of people");
    let setting = format!("AuthorizedKeysFile \"{}\"", file.display());
    let sshd = Sshd::setup().setting("StrictModes yes").setting(&setting).start();
    // Without a line feed at its end.
    fs::write(&file, public_line(&sshd.path("client.pub"))).unwrap();
    set_mode(&file, 0o600);
    let place = KeyServer { file: file.display().to_string(), ..server(&sshd, 1) };
    let mut key = key_of(vec![place], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    walk.finish(&mut key).unwrap();
    let after = format!("{} luca-secrets-{ID}\n", public(&walk.record.pending));
    assert_eq!(fs::read_to_string(&file).unwrap(), after);
    assert_eq!(mode(&file), 0o600);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_file_that_cannot_be_written_stays_as_it_is() {
    // What is written fails as on a full disk.
    let full = "ForceCommand trap '' XFSZ; ulimit -f 0; exec sh -s";
    let sshd = Sshd::setup().setting(full).start();
    let before = listed(&sshd);
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    let outcome = walk.until(&mut key, "add");
    assert_trouble(outcome, TroubleKind::Rejected, "could not be written: is the disk full", &[]);
    assert_eq!(listed(&sshd), before);
    assert_eq!(leftovers(&sshd), 0);
}

fn leftovers(sshd: &Sshd) -> usize {
    let names = fs::read_dir(sshd.path(".")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains(".luca-secrets-")).count()
}

/// Programs that the script calls, and at which call the shell that calls it is killed.
const KILLS: [(&str, usize); 15] = [
    ("id", 1),
    ("stat", 1),
    ("stat", 3),
    ("sha256sum", 1),
    ("sha256sum", 2),
    ("sha256sum", 3),
    ("base64", 1),
    ("base64", 2),
    ("flock", 1),
    ("rm", 1),
    ("cp", 1),
    ("sync", 1),
    ("sync", 2),
    ("mv", 1),
    ("cut", 4),
];

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_kill_in_the_middle_of_the_edit_leaves_the_old_file_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let armed = folder.path().join("armed");
    for (victim, _) in KILLS {
        let script = format!(
            "#!/bin/sh\nif read name number 2>/dev/null <'{0}' && [ \"$name\" = {victim} ]; then\n\
             if [ \"$number\" = 1 ]; then /usr/bin/rm '{0}'; kill -9 $PPID; exit 1; fi\n\
             echo \"$name $((number - 1))\" >'{0}'\nfi\nexec /usr/bin/{victim} \"$@\"\n",
            armed.display(),
        );
        executable(folder.path().join(victim), script);
    }
    let setting = format!("ForceCommand PATH='{}':$PATH exec sh -s", folder.path().display());
    let sshd = Sshd::setup().setting(&setting).start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    let before = listed(&sshd);
    let after = format!("{before}{} luca-secrets-{ID}\n", public(&walk.record.pending));
    let (add, withdraw) = (Walk::named(&key, "add"), key.undo_steps(1).remove(0));
    for (victim, number) in KILLS {
        fs::write(&armed, format!("{victim} {number}\n")).unwrap();
        let outcome = key.run(&add, &walk.record);
        assert!(!armed.exists(), "{victim} {number} was not called");
        let now = listed(&sshd);
        assert!(now == before || now == after, "{victim} {number}");
        assert!(outcome.is_err() || now == after, "{victim} {number}");
        if let Err(trouble) = &outcome
            && now == after
        {
            assert_eq!(trouble.kind, TroubleKind::InDoubt, "{victim} {number}: {trouble}");
        }
        let probed = key.probe(&add, &walk.record).unwrap();
        assert_eq!(matches!(probed, Probed::Applied(_)), now == after, "{victim} {number}");
        key.run(&add, &walk.record).unwrap();
        assert_eq!(listed(&sshd), after, "{victim} {number}");
        key.run(&withdraw, &walk.record).unwrap();
        assert_eq!((listed(&sshd), leftovers(&sshd)), (before.clone(), 0), "{victim} {number}");
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn another_host_key_ends_everything_before_anything_is_changed() {
    let mut sshd = Sshd::start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    walk.until(&mut key, "deploy").unwrap();
    let before = listed(&sshd);
    sshd.kill();
    fs::remove_file(sshd.path("host_ed25519")).unwrap();
    keygen(&sshd.path("host_ed25519"), &["-t", "ed25519"]);
    sshd.restart();
    for name in ["add", "remove"] {
        let step = Walk::named(&key, name);
        let outcome = key.run(&step, &walk.record);
        assert_trouble(outcome, TroubleKind::Held, "the host key is not the recorded one", &[]);
    }
    // Neither is it a no to any key.
    let asked = key.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Unknown, Answer::Unknown));
    let gone = Walk::named(&key, "gone");
    assert_trouble(
        key.prove(&gone, &walk.record),
        TroubleKind::Held,
        "the host key is not the recorded one",
        &[],
    );
    assert_eq!(listed(&sshd), before);
    sshd.kill();
    let outcome = key.prove(&gone, &walk.record);
    assert_trouble(outcome, TroubleKind::Unavailable, "nobody listens at that port", &[]);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_key_of_another_file_is_not_mistaken_for_this_one() {
    // sshd reads two files, and the current key stands in the other one.
    let sshd = Sshd::start();
    let (_, line) = another_key(&sshd, "other");
    let config = sshd.path("authorized_keys");
    fs::write(sshd.path("second"), format!("{line}\n")).unwrap();
    let place = KeyServer { file: sshd.path("second").display().to_string(), ..server(&sshd, 1) };
    let mut key = key_of(vec![place], Vec::new());
    let before = fs::read_to_string(&config).unwrap();
    let outcome = Walk::begin(&mut key, &current(&sshd));
    assert_trouble(outcome, TroubleKind::Held, "the current key is not listed in", &[]);
    // Listed there as well, the new key would be put where sshd does not look: seen by a fresh login, and put back.
    fs::copy(sshd.path("client.pub"), sshd.path("second")).unwrap();
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    let second = fs::read_to_string(sshd.path("second")).unwrap();
    let outcome = walk.until(&mut key, "add");
    assert_trouble(outcome, TroubleKind::Rejected, "the new key is listed and may not log in", &[]);
    assert_eq!(fs::read_to_string(sshd.path("second")).unwrap(), second);
    assert_eq!(fs::read_to_string(&config).unwrap(), before);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_server_that_lets_everybody_in_proves_nothing() {
    let sshd = Sshd::setup()
        .setting("AuthorizedKeysCommand /bin/sh -c \"echo %t %k\"")
        .setting("AuthorizedKeysCommandUser root")
        .start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let outcome = Walk::begin(&mut key, &current(&sshd));
    assert_trouble(outcome, TroubleKind::Held, "lets everybody in", &[]);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_hand_s_edit_in_between_is_kept() {
    let sshd = Sshd::start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let mut walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    walk.until(&mut key, "wait").unwrap();
    let (_, line) = another_key(&sshd, "other");
    sshd.authorize(&format!("{line} added by hand"));
    walk.finish(&mut key).unwrap();
    let new = format!("{} luca-secrets-{ID}\n", public(&walk.record.pending));
    assert_eq!(listed(&sshd), format!("{new}{line} added by hand\n"));
    // The current key taken away by somebody else: not ours to put back.
    let sshd = Sshd::start();
    let mut key = key_of(vec![server(&sshd, 1)], Vec::new());
    let walk = Walk::begin(&mut key, &current(&sshd)).unwrap();
    let old = listed(&sshd);
    let mut place = server(&sshd, 1);
    let (other, line) = another_key(&sshd, "other");
    place.destination.keys = vec![crate::harness::sshd::read_key(&other, None)];
    place.destination.host_keys = HostKeys::parse(&sshd.host_key("ed25519")).unwrap();
    fs::write(sshd.path("authorized_keys"), old.replace("ssh-ed25519", "# ssh-ed25519") + &line + "\n")
        .unwrap();
    let mut key = key_of(vec![place], Vec::new());
    let add = Walk::named(&key, "add");
    assert_trouble(key.run(&add, &walk.record), TroubleKind::Held, "the current key is not listed", &[]);
    let probed = key.probe(&add, &walk.record).unwrap();
    assert_eq!(probed, Probed::Changed("server web1: the current key is no longer listed".to_owned()));
}
