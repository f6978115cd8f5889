//! Identities in the system's keyring: the real GNOME Keyring in a D-Bus session of its own, and the kernel's.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{IDENTITY, PROGRAM, SCHEMA, World};

/// A project without a store, and the private folder that a session needs.
fn world() -> World {
    let world = World::empty();
    world.write("schemas/schema.toml", SCHEMA);
    world.write("identity.txt", format!("{IDENTITY}\n"));
    let runtime = world.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o700)).unwrap();
    world
}

/// What came of a shell script, in which `ls` stands for `luca-secrets`: exit code, standard output, standard error.
type Outcome = (Option<i32>, String, String);

fn finish(mut command: Command) -> Outcome {
    let done = command.stdin(Stdio::null()).output().expect("tests/run installs what this needs");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

/// Runs a script in a D-Bus session of its own, with the daemon started as said.
fn in_session(world: &World, daemon: &str, script: &str) -> Outcome {
    let mut command = Command::new("dbus-run-session");
    // The bus talks on standard error too, so ours goes to a file.
    command
        .args(["--", "sh", "-c"])
        .arg(format!(
            "{daemon} >/dev/null 2>&1\n{READY}\nexec 2>stderr.txt\nls() {{ \"{PROGRAM}\" \"$@\"; }}\n{script}"
        ))
        .current_dir(world.folder())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("USER", "tester")
        .env("HOME", world.home())
        .env("XDG_RUNTIME_DIR", world.path("runtime"));
    let (code, stdout, _) = finish(command);
    (code, stdout, world.read("stderr.txt"))
}

/// Waits until the daemon has its name on the bus; else the bus would start another one, which is locked.
const READY: &str = "for _ in $(seq 100); do \
    dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
    string:org.freedesktop.secrets | grep -q 'boolean true' && break; sleep 0.1; done";

const UNLOCKED: &str = "printf pw | gnome-keyring-daemon --unlock --components=secrets";

#[test]
#[ignore = "needs dbus, gnome-keyring and libsecret-tools; run tests/run"]
fn init_can_keep_the_identity_in_the_keyring_and_nowhere_else() {
    let world = world();
    let script = "ls init --keyring && printf 5432 | ls set -q database.port && ls get -v database.port";
    let (code, stdout, stderr) = in_session(&world, UNLOCKED, script);
    assert_eq!((code, stdout.as_str()), (Some(0), "5432"), "{stderr}");
    let recipient = stderr.split("made the identity of ").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(
        stderr,
        format!(
            "ok: made the identity of {recipient} in the system's keyring\n\
             ok: made the store secrets.enc\n\
             hint: back it up, since it is nowhere else: `secret-tool lookup service luca-secrets username identity | age -p -o identity.age`\n\
             hint: next: `luca-secrets edit` to put secrets in, `luca-secrets render` to write the env files\n\
             --identity: not given\n\
             LUCA_SECRETS_IDENTITY: not set\n\
             LUCA_SECRETS_IDENTITY_FILE: not set\n\
             identity from the system's keyring\n"
        )
    );
    let config = world.home().join(".config/luca-secrets");
    let names: Vec<_> = std::fs::read_dir(&config).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["keyring.txt"]);
    // The keyring survives its daemon, and the advice about a backup works.
    let script = "ls identity show-recipient; secret-tool lookup service luca-secrets username identity >copy.txt; \
                  chmod 600 copy.txt; ls get database.port -i copy.txt; \
                  ls identity forget; ls identity forget -q --yes; ls get database.port";
    let (code, stdout, stderr) = in_session(&world, UNLOCKED, script);
    assert_eq!((code, stdout), (Some(1), format!("{recipient}\n5432")), "{stderr}");
    let lost = format!("warn: without a copy of {recipient} elsewhere, what only it opens is lost\n");
    let home = std::fs::canonicalize(world.home()).unwrap();
    assert_eq!(
        stderr.replace(world.home().to_str().unwrap(), "~").replace(home.to_str().unwrap(), "~"),
        format!(
            "{lost}error: a person would have to confirm this, and nobody is there to ask\n\
             hint: pass --yes to go ahead without asking\n\
             {lost}error: ~/.config/luca-secrets/identity.txt: no identity here\n\
             hint: name one with --identity FILE, set LUCA_SECRETS_IDENTITY or LUCA_SECRETS_IDENTITY_FILE, or make one with `luca-secrets init`\n"
        )
    );
    assert_eq!(std::fs::read_dir(&config).unwrap().count(), 0);
}

#[test]
#[ignore = "needs dbus, gnome-keyring and libsecret-tools; run tests/run"]
fn an_identity_can_be_put_into_the_keyring_and_replaced_only_on_demand() {
    let world = world();
    let script = "ls identity store identity.txt 2>&1 && ls init -q --keyring && ls get nothing.here; \
                  printf '# recipient: age1toy\nAGE-PLUGIN-TOY-1QZZWLVGTLLWPG046KF80983VHYAKRNUX' | ls identity store -";
    let (code, stdout, stderr) = in_session(&world, UNLOCKED, script);
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(
        stdout.starts_with("ok: put the identity of age1") && stdout.contains(" into the system's keyring\n")
    );
    assert_eq!(
        stderr,
        "error: nothing.here is not in the store\n\
         hint: `luca-secrets list` shows what there is\n\
         error: the system's keyring holds another identity already\n\
         hint: pass --replace if it is kept elsewhere too, or no longer needed\n"
    );
    // What lies on the disk does not show it.
    let files = Command::new("grep").args(["-rl", "AGE-SECRET-KEY"]).arg(world.home()).output().unwrap();
    assert_eq!(String::from_utf8(files.stdout).unwrap(), "");
}

#[test]
#[ignore = "needs dbus, gnome-keyring and libsecret-tools; run tests/run"]
fn a_locked_keyring_is_named_and_nothing_hangs() {
    let world = world();
    let (code, _, stderr) = in_session(&world, UNLOCKED, "ls init -q --keyring");
    assert_eq!(code, Some(0), "{stderr}");
    let start = Instant::now();
    let locked = "gnome-keyring-daemon --start --components=secrets";
    let (code, stdout, stderr) = in_session(&world, locked, "ls get database.port");
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.ends_with("hint: tried the keyring: the system's keyring is locked\n"), "{stderr}");
    let (_, _, stderr) = in_session(&world, locked, "ls identity show-recipient");
    assert_eq!(
        stderr,
        "error: the system's keyring is locked\n\
         hint: unlock it and try again, or name a file with --identity FILE\n"
    );
}

#[test]
fn without_a_keyring_the_message_says_what_else_there_is() {
    let world = world();
    let mut command = world.spawn(&["init", "--keyring"]);
    let (code, _, stderr) = finish_spawned(command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent"));
    assert_eq!(
        (code, stderr.as_str()),
        (
            Some(1),
            "error: there is no keyring in this session\n\
             hint: a desktop session has one; elsewhere keep the identity in a file, or for a while in the kernel with `luca-secrets identity store --kernel`\n"
        )
    );
    assert!(!world.path("secrets.enc").exists());
}

fn finish_spawned(command: &mut Command) -> Outcome {
    let done = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn a_bus_that_never_answers_is_given_up_on() {
    let world = world();
    let socket = world.path("bus");
    let silent = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = silent.accept().unwrap();
        // Reads what it is told and never answers, until the program is gone.
        let _ = connection.read_to_end(&mut Vec::new());
    });
    let start = Instant::now();
    let address = format!("unix:path={}", socket.display());
    let (code, _, stderr) = finish_spawned(
        world.spawn(&["init", "--keyring", "--non-interactive"]).env("DBUS_SESSION_BUS_ADDRESS", address),
    );
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(
        (code, stderr.as_str()),
        (
            Some(1),
            "error: the system's keyring does not answer\n\
             hint: see that it runs, or name a file with --identity FILE\n"
        )
    );
}

#[test]
fn a_keyring_is_not_asked_where_an_earlier_place_has_the_identity_or_nothing_was_put_there() {
    let world = World::filled();
    let socket = world.path("bus");
    let bus = UnixListener::bind(&socket).unwrap();
    bus.set_nonblocking(true).unwrap();
    let address = format!("unix:path={}", socket.display());
    let marker = world.home().join(".config/luca-secrets/keyring.txt");
    for (arguments, marked) in [(vec!["list"], false), (vec!["list", "-i", "identity.txt"], true)] {
        world.write("identity.txt", IDENTITY);
        std::fs::set_permissions(world.path("identity.txt"), std::fs::Permissions::from_mode(0o600)).unwrap();
        if marked {
            std::fs::write(&marker, "secret-service age1somebody\n").unwrap();
        }
        let done = finish_spawned(world.spawn(&arguments).env("DBUS_SESSION_BUS_ADDRESS", &address));
        assert_eq!(done.0, Some(0), "{}", done.2);
        assert!(bus.accept().is_err(), "somebody came to the bus");
    }
}

#[test]
#[ignore = "needs keyctl of keyutils; run tests/run"]
fn the_kernel_keeps_an_identity_where_there_is_no_other_keyring() {
    let world = world();
    let script = format!(
        "ls() {{ \"{PROGRAM}\" \"$@\"; }}\n\
         ls init -q -i identity.txt; ls identity store identity.txt && ls get -v nothing.here; ls identity forget -q --yes"
    );
    // A session keyring of its own, so that nothing of the machine's is touched.
    let mut command = Command::new("keyctl");
    command
        .args(["session", "-", "sh", "-c", &script])
        .current_dir(world.folder())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", world.home())
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    std::fs::set_permissions(world.path("identity.txt"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let (_, stdout, stderr) = finish(command);
    assert!(
        stderr.contains("warn: there is no keyring in this session, so the kernel keeps the identity\n")
            && stderr.contains("into the kernel's keyring\n")
            && stderr.contains("identity from the kernel's keyring\n"),
        "{stdout}{stderr}"
    );
    assert!(!world.home().join(".config/luca-secrets/keyring.txt").exists());
}

#[test]
#[ignore = "needs dbus, gnome-keyring and libsecret-tools; run tests/run"]
fn a_token_for_github_can_lie_in_the_keyring() {
    let world = World::filled();
    let runtime = world.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o700)).unwrap();
    let target = "[github.other]\nrepository = \"example/shop\"\napi = \"http://127.0.0.1:1\"\n\
                  [github.other.secrets]\nA = \"{{ database.password }}\"\n";
    world.write("schemas/other.toml", target);
    let script = "ls push -v --dry-run github.other; \
                  printf made-up | secret-tool store --label=token service luca-secrets username 127.0.0.1:1; \
                  ls push -v --dry-run github.other";
    let (code, stdout, stderr) = in_session(&world, UNLOCKED, script);
    let said: Vec<&str> = stderr.lines().filter(|line| line.contains("github.other: ")).collect();
    assert_eq!(
        (code, stdout.as_str(), &said[..]),
        (
            Some(1),
            "",
            &[
                "github.other: no token for 127.0.0.1:1",
                "error: github.other: there is no token for 127.0.0.1:1",
                "github.other: token for 127.0.0.1:1 from the keyring",
                "error: github.other: 127.0.0.1:1 cannot be reached: connection refused",
            ][..]
        ),
        "{stderr}"
    );
    assert!(!stderr.contains("made-up"), "{stderr}");
}
