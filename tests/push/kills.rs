//! Hosts that are killed at every step of a push. Programs in front of the real ones count their calls, and kill the
//! conversation's process at one of them; sometimes the push itself too.

use super::Fleet;
use crate::harness::executable;

/// What the script over there, and the apply command, run.
const TOOLS: [&str; 12] =
    ["base64", "chmod", "cp", "dd", "flock", "grep", "ln", "mv", "rm", "sha256sum", "stat", "sync"];

/// At the call whose number is in `kill`: every process up to the one that sshd has started, and whatever is in `client`.
const SHIM: &str = r#"#!/bin/sh
at=$HOME/kill
if [ -s "$at" ]; then
  read -r left <"$at"
  left=$((left - 1))
  if [ "$left" -eq 0 ]; then
    : >"$at"
    doomed= process=$$
    while [ "$process" -gt 1 ] && read -r _ _ _ process _ <"/proc/$process/stat" && ! /usr/bin/grep -aq ^sshd "/proc/$process/cmdline"; do
      doomed="$process $doomed"
    done
    [ ! -e "$HOME/client" ] || { while [ ! -s "$HOME/client" ]; do /usr/bin/sleep 0.01; done; read -r client <"$HOME/client"; kill -9 "$client"; }
    kill -9 $doomed
    exit 1
  fi
  echo "$left" >"$at"
fi
exec "/usr/bin/${0##*/}" "$@"
"#;

/// Puts the counting programs on a host.
fn prepare(fleet: &Fleet, host: usize) {
    let home = fleet.hosts[host].home();
    std::fs::create_dir(home.join("bin")).unwrap();
    for tool in TOOLS {
        executable(home.join("bin").join(tool), SHIM);
    }
    std::fs::write(home.join(".bashrc"), "PATH=$HOME/bin:/usr/bin:/bin\n").unwrap();
}

/// Whether the kill has happened.
fn is_over(fleet: &Fleet, host: usize) -> bool {
    std::fs::read_to_string(fleet.hosts[host].home().join("kill")).unwrap().is_empty()
}

fn kill_at(fleet: &Fleet, host: usize, call: usize) {
    std::fs::write(fleet.hosts[host].home().join("kill"), format!("{call}\n")).unwrap();
}

/// Nothing of a transaction lies around anywhere.
fn assert_tidy(fleet: &Fleet, said: &str) {
    let (previous, real) = (".app.env.luca-secrets-previous", ["app.env", "applied", "running"]);
    for host in 0..fleet.hosts.len() {
        let mut names = fleet.names(host);
        // A lost holder's name does not count once its lock is gone.
        names.retain(|name| name != previous && name != ".luca-secrets-holder");
        assert_eq!(names, real, "{said}");
    }
}

/// Not `bad` alone, which digests in the file may hold too.
const HEALTH: &str = "health = { command = [\"sh\", \"-c\", \"! grep -q bad.one [app]/running\"], within = \"1s\", every = \"1s\", in-a-row = 1 }";

/// Kills the second of three hosts at every call in turn; the push must still end with all old or all new.
fn kill_everywhere(value: &str) {
    let fleet = Fleet::with(3, "cp app.env running; echo x >>applied", HEALTH);
    prepare(&fleet, 1);
    fleet.pushed();
    let mut last = "correct horse battery".to_owned();
    for call in 1.. {
        let next = format!("{value} {call}");
        fleet.set(&next);
        kill_at(&fleet, 1, call);
        let done = fleet.push(&["--yes"]).done();
        let said = format!("call {call}: {}", done.stderr);
        let there = fleet.passwords();
        assert!(there == vec![last.clone(); 3] || there == vec![next.clone(); 3], "{there:?} {said}");
        assert_eq!(fleet.running(), there, "{said}");
        assert_eq!(done.code == 0, there[0] == next, "{said}");
        assert_tidy(&fleet, &said);
        if !is_over(&fleet, 1) {
            assert!(call > 12, "{said}");
            return;
        }
        last.clone_from(&there[0]);
    }
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_host_killed_at_any_step_is_healed_at_once() {
    kill_everywhere("good");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_host_killed_while_everything_is_put_back_is_healed_at_once() {
    kill_everywhere("bad one");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn what_a_host_and_a_push_leave_that_die_together_is_ended_by_recover() {
    let fleet = Fleet::with(3, "cp app.env running; echo x >>applied", HEALTH);
    prepare(&fleet, 1);
    fleet.pushed();
    let mut last = "correct horse battery".to_owned();
    for call in 1.. {
        let next = format!("good {call}");
        fleet.set(&next);
        let client = fleet.hosts[1].home().join("client");
        std::fs::write(&client, "").unwrap();
        kill_at(&fleet, 1, call);
        let servers = ["push", "--yes", "-q", "server.web1", "server.web2", "server.web3"];
        let mut child = fleet.world.spawn(&servers).spawn().unwrap();
        std::fs::write(&client, format!("{}\n", child.id())).unwrap();
        let status = child.wait().unwrap();
        std::fs::remove_file(&client).unwrap();
        if !is_over(&fleet, 1) {
            assert!(status.success() && call > 12, "{call}");
            return;
        }
        // The other hosts may be at it still; then this is refused.
        let mut tries = 0;
        let said = loop {
            let done = fleet.push(&["--recover", "--yes"]).done();
            if done.code == 0 {
                break format!("call {call}: {}", done.stderr);
            }
            tries += 1;
            assert!(tries < 200 && done.stderr.contains("is locked"), "call {call}: {}", done.stderr);
        };
        // A host that was told to commit keeps the new file; each is whole, and runs on what it has.
        while !is_free(&fleet) {}
        let there = fleet.passwords();
        assert!(there.iter().all(|one| *one == last || *one == next), "{there:?} {said}");
        assert_eq!(fleet.running(), there, "{said}");
        fleet.pushed();
        assert_eq!(
            (fleet.running(), fleet.passwords()),
            (vec![next.clone(); 3], vec![next.clone(); 3]),
            "{said}"
        );
        assert_tidy(&fleet, &said);
        last = next;
    }
}

/// Whether no host has a lock.
fn is_free(fleet: &Fleet) -> bool {
    (0..fleet.hosts.len()).all(|host| {
        let flock = std::process::Command::new("flock").arg("-n").arg(fleet.app(host)).arg("true").status();
        flock.unwrap().success()
    })
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn ctrl_c_puts_everything_back() {
    let fleet = Fleet::with(3, "cp app.env running; echo x >>applied", "");
    fleet.pushed();
    fleet.write_schema(
        "cp app.env running; echo x >>applied",
        "health = { command = [\"false\"], within = \"60s\", every = \"1s\", in-a-row = 1 }",
    );
    fleet.set("new one");
    let mut command =
        fleet.world.spawn(&["push", "--yes", "-q", "server.web1", "server.web2", "server.web3"]);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while (0..3).any(|host| fleet.applied(host) < 2) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    // The way back need not be healthy for a minute.
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    while fleet.running() != ["correct horse battery"; 3] {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
    child.wait_with_output().unwrap();
    assert_eq!(fleet.passwords(), ["correct horse battery"; 3]);
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_host_without_its_tools_or_rights_says_so() {
    let fleet = Fleet::new(1);
    let home = fleet.hosts[0].home();
    let bin = home.join("bin");
    std::fs::create_dir(&bin).unwrap();
    let lists = ["/usr/bin", "/bin"].map(|folder| std::fs::read_dir(folder).unwrap());
    for entry in lists.into_iter().flatten() {
        let name = entry.unwrap().file_name();
        if name != "flock" && name != "sudo" && !bin.join(&name).exists() {
            std::os::unix::fs::symlink(std::path::Path::new("/usr/bin").join(&name), bin.join(&name))
                .unwrap();
        }
    }
    // A profile that talks changes nothing.
    std::fs::write(home.join(".bashrc"), "echo welcome; echo hello >&2; PATH=$HOME/bin\n").unwrap();
    let done = fleet.push(&["--yes", "-q"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (
            1,
            "error: server web1: cannot stage: [app]: flock is not installed there, so nothing can be locked\n"
        )
    );
    let schema = fleet.world.read("schemas/servers.toml");
    fleet
        .world
        .write("schemas/servers.toml", schema.replace("connect-timeout", "sudo = true\nconnect-timeout"));
    executable(bin.join("sudo"), "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n");
    let done = fleet.push(&["--yes"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stderr).as_str()),
        (
            1,
            "error: server web1: sudo does not let the user run commands: a password is required\n\
             hint: allow it without a password in /etc/sudoers.d, or connect as root\nhint: nothing was pushed\n"
        )
    );
    assert!(fleet.names(0).is_empty());
}
