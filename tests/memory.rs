//! What others can see of the process, and what is left in its memory: core images, `/proc`, temp folders, children.
//!
//! Needles are made up for each test, so that neither the program nor the test's own child holds one by accident.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use luca_secrets::name::SecretName;
use luca_secrets::secret::{SecretText, hex};
use luca_secrets::store::{Identity, Keys, Prompt, Store};
use luca_secrets::sys::{Disk, OpenGate, OsRandom, Random};

use crate::faults::snapshot;
use crate::harness::{IDENTITY, PROGRAM, World, executable};

/// A user without privileges, `nobody`.
const NOBODY: u32 = 65534;

/// A text that is nowhere yet.
fn needle() -> String {
    let mut bytes = [0; 12];
    OsRandom.fill(&mut bytes).unwrap();
    format!("n33dle{}", hex(&bytes))
}

/// Whether the needle is in it; `skip_until` is quick in a debug build too, and images are large.
fn holds(mut haystack: &[u8], needle: &[u8]) -> bool {
    while haystack.skip_until(needle[0]).unwrap() > 0 {
        if haystack.starts_with(&needle[1..]) {
            return true;
        }
    }
    false
}

/// A world whose `database.password` is the needle.
fn world_with(needle: &str) -> World {
    let world = World::new();
    world.run(&["set", "-q", "database.password"]).stdin(needle).success();
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    world
}

fn script(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.root().join("bin").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    executable(&path, format!("#!/bin/sh\n{text}\n"));
    path
}

/// Another program in the world's environment.
fn in_world(world: &World, program: &str) -> Command {
    let template = world.spawn(&[]);
    let mut command = Command::new(program);
    command.current_dir(world.folder()).env_clear();
    command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

/// A world that belongs to a user without privileges where we may give it away, with a copy of the program in it.
struct Unprivileged {
    world: World,
    user: Option<u32>,
}

impl Unprivileged {
    fn new(needle: &str) -> Self {
        let world = world_with(needle);
        // By a process of its own: a fork of another test's would keep a copy open for writing here until it is a program
        // itself, and what is open for writing cannot be run.
        let copied = Command::new("cp").arg(PROGRAM).arg(world.root().join("program")).status().unwrap();
        assert!(copied.success());
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        if is_root {
            let paths = snapshot(world.root()).into_keys().chain([world.root().to_owned()]);
            paths.for_each(|path| chown(path, Some(NOBODY), Some(NOBODY)).unwrap());
        }
        Self { world, user: is_root.then_some(NOBODY) }
    }

    /// A shell script run by that user; `P` is the program.
    fn sh(&self, text: &str) -> Command {
        let mut shell = in_world(&self.world, "sh");
        shell.args(["-c", text]).env("P", self.world.root().join("program"));
        if let Some(user) = self.user {
            shell.uid(user).gid(user);
        }
        shell
    }

    fn output(&self, text: &str) -> String {
        let done = self.sh(text).stderr(Stdio::inherit()).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    }

    /// The program, waiting for the value that it is to set; it has opened nothing yet, or the store already.
    fn waiting(&self) -> Child {
        let script = "ulimit -c unlimited && exec \"$P\" -v set database.password";
        let mut child =
            self.sh(script).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let talk = BufReader::new(child.stderr.as_mut().unwrap());
        assert!(talk.lines().any(|line| line.unwrap().starts_with("identity from")));
        child
    }
}

#[test]
fn the_same_user_cannot_look_into_the_process() {
    let place = Unprivileged::new(&needle());
    let look = |pid: u32| {
        let one = |what: &str| format!("cat /proc/{pid}/{what} >/dev/null 2>&1 && echo {what}; ");
        let text = ["environ", "maps", "auxv"].map(one).concat();
        place.output(&format!(
            "{text} ls /proc/{pid}/fd >/dev/null 2>&1 && echo fd; : 2>/dev/null </proc/{pid}/mem && echo mem"
        ))
    };
    let mut child = place.waiting();
    assert_eq!(look(child.id()), "");
    assert_eq!(std::fs::metadata(format!("/proc/{}/environ", child.id())).unwrap().uid(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
    // Another program of that user, so that the look is known to see something.
    let mut other = place.sh("echo; exec sleep 60").stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(other.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    let seen = look(other.id());
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(seen.starts_with("environ\nmaps\nauxv\nfd\n"), "{seen}");
}

#[test]
fn a_crash_leaves_no_core_image() {
    let place = Unprivileged::new(&needle());
    let before = snapshot(place.world.root());
    for signal in ["ABRT", "SEGV", "QUIT", "BUS"] {
        let mut child = place.waiting();
        let status = loop {
            // A first SIGSEGV or SIGBUS only removes the handler by which Rust tells of a stack that overflowed.
            place.output(&format!("kill -{signal} {} 2>/dev/null", child.id()));
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        assert!(status.signal().is_some() && !status.core_dumped(), "{signal}: {status}");
    }
    assert!(snapshot(place.world.root()) == before);
    // A program that is not protected; where the machine hands images to another program, that decides.
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if !pattern.starts_with('|') {
        let other = place.sh("ulimit -c unlimited && kill -ABRT $$").status().unwrap();
        assert!(other.core_dumped(), "{other}");
    }
}

/// What the kernel says of the process in its status, in KiB.
fn locked(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn memory_is_locked_where_the_limit_allows_and_said_to_be_not_where_it_does_not() {
    let place = Unprivileged::new(&needle());
    let mut child = place.waiting();
    // It goes on while we look, until it waits for the value.
    while locked(child.id()) == 0 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let talk = |limit: u64, option: &str| {
        place.output(&format!("ulimit -l {limit}; \"$P\" {option} get database.port 2>&1 >/dev/null"))
    };
    let said = "KiB of secrets are not locked in memory and could be swapped out: the limit is 0 KiB, see `ulimit -l`";
    assert!(talk(0, "-v").contains(said), "{}", talk(0, "-v"));
    assert_eq!(talk(0, "-C ."), "");
    assert!(!talk(64, "-v").contains("not locked"), "{}", talk(64, "-v"));
}

#[test]
fn programs_that_we_start_dump_as_ever() {
    let place = Unprivileged::new(&needle());
    let user = place.user.unwrap_or_else(|| std::fs::metadata("/proc/self").unwrap().uid());
    // The owner of a file there is root where the process is not dumpable.
    let state = "printf '%s %s %s\\n' $(ulimit -S -c) $(ulimit -H -c) $(stat -c %u /proc/$$/environ)";
    let child = format!("{state} >>\"$LOG\"");
    let editor = script(&place.world, "editor", &child);
    let git = script(&place.world, "git", &child);
    let log = place.world.root().join("log");
    std::fs::write(&log, "").unwrap();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o666)).unwrap();
    place.output(&format!(
        "ulimit -S -c 7; export LOG={} PATH={}:$PATH LUCA_SECRETS_EDITOR={}\n\
         \"$P\" edit -q; \"$P\" compare HEAD 2>/dev/null; exec \"$P\" run -- \"$LUCA_SECRETS_EDITOR\"",
        log.display(),
        git.parent().unwrap().display(),
        editor.display(),
    ));
    let lines = std::fs::read_to_string(log).unwrap();
    assert!(lines.lines().count() >= 3, "{lines}");
    for line in lines.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!((fields[0], fields[2]), ("7", user.to_string().as_str()), "{lines}");
        assert_ne!(fields[1], "0");
    }
}

/// The raw key in an age identity: the data of its Bech32 without the checksum (BIP 173).
fn raw_key(identity: &str) -> Vec<u8> {
    let data = identity.to_lowercase();
    let data = &data[data.rfind('1').unwrap() + 1..data.len() - 6];
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for character in data.chars() {
        let value = "qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(character).unwrap();
        bits = (bits << 5) | u32::try_from(value).unwrap();
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    assert_eq!(bytes.len(), 32);
    bytes
}

/// The core image of the program at its first call of a system call, with all its memory, shared and private.
fn image_at(world: &World, call: &str, arguments: &str, stdin: &str) -> Vec<u8> {
    let (input, image) = (world.root().join("input"), world.root().join("image"));
    std::fs::write(&input, stdin).unwrap();
    let commands = [
        "set auto-load off".to_owned(),
        format!("catch syscall {call}"),
        format!("set args {arguments} <{} >/dev/null 2>&1", input.display()),
        "run".to_owned(),
        "set use-coredump-filter off".to_owned(),
        "set dump-excluded-mappings on".to_owned(),
        format!("generate-core-file {}", image.display()),
        if call == "exit_group" { "continue" } else { "kill" }.to_owned(),
    ];
    // Root of a namespace of its own may trace what nobody else may.
    let mut gdb = in_world(world, "unshare");
    gdb.args(["-r", "gdb", "-nx", "-q", "-batch", "--readnever"]);
    gdb.env("LUCA_SECRETS_EDITOR", world.root().join("bin/editor")).stdin(Stdio::null());
    gdb.args(commands.iter().flat_map(|command| ["-ex", command]));
    let done = gdb.arg(PROGRAM).output().unwrap();
    let talk = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(talk.contains(&format!("call to syscall {call}")), "{talk}");
    assert!(call != "exit_group" || talk.contains("exited normally"), "{arguments}: {talk}");
    let content = std::fs::read(&image).unwrap();
    std::fs::remove_file(&image).unwrap();
    std::fs::remove_file(&input).unwrap();
    content
}

#[test]
#[ignore = "needs gdb; run tests/run"]
fn nothing_is_left_in_memory_when_a_command_ends() {
    let (old, new, page) = (needle(), needle(), needle());
    let secrets = [IDENTITY.as_bytes().to_vec(), raw_key(IDENTITY), old.clone().into(), new.clone().into()];
    let world = world_with(&old);
    script(&world, "editor", &format!("for file; do :; done; sed -i s/{old}/{new}/ \"$file\""));
    // The search finds what is there: the identity's text when its pages are locked, all else before the store is
    // written.
    let found = |call| {
        let image = image_at(&world, call, "set database.password", &new);
        secrets.each_ref().map(|secret| holds(&image, secret))
    };
    assert_eq!(found("mlock"), [true, false, false, false]);
    assert_eq!(found("flock"), [false, true, true, true]);
    world.write("page.env", format!("DATABASE_PASSWORD={page}\n"));
    // With so much schema the store is opened in a thread, which has a stack and a heap of its own.
    world.write("schemas/large.toml", "# nothing\n".repeat(10_000));
    for (arguments, stdin) in [
        ("get database.password", ""),
        ("get --json database.password", ""),
        ("-i - list", IDENTITY),
        ("list --json", ""),
        ("check --explain", ""),
        ("render", ""),
        ("render django -", ""),
        ("export --format json", ""),
        ("export --format k8s", ""),
        ("git textconv secrets.enc", ""),
        ("edit", ""),
        ("set database.password", old.as_str()),
        ("import --yes --replace page.env", ""),
        ("generate --replace database.password", ""),
        ("rm --yes database.password", ""),
    ] {
        let image = image_at(&world, "exit_group", arguments, stdin);
        for secret in secrets.iter().chain([&page.clone().into_bytes()]) {
            assert!(!holds(&image, secret), "{arguments}: {}", String::from_utf8_lossy(&secret[..8]));
        }
    }
}

/// All that can be read of a process's memory.
fn memory_of(pid: u32) -> Vec<u8> {
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut content = Vec::new();
    for line in std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap().lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let (start, end) = (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
        // Code and constants are files' and hold nothing that came in later; the kernel's own pages cannot be read.
        if rest.starts_with("rw") && !line.contains("[vvar]") {
            memory.seek(SeekFrom::Start(start)).unwrap();
            (&memory).take(end - start).read_to_end(&mut content).unwrap();
        }
    }
    content
}

/// The library in a process whose allocator wipes nothing. As a test of its own it does nothing.
#[test]
fn child() {
    let Some(root) = std::env::var_os("LUCA_TEST_MEMORY_ROOT") else { return };
    let root = Path::new(&root);
    let disk = Disk::new(std::sync::Arc::new(OpenGate));
    let mut bytes = disk.read(&root.join("home/.config/luca-secrets/identity.txt"), 4096).unwrap();
    let text = SecretText::from_utf8(std::mem::take(&mut *bytes)).unwrap();
    let nobody = Prompt::nobody();
    let identities = Identity::parse_all(text.expose().as_bytes(), "", &nobody).unwrap();
    let keys = Keys::new(identities, &nobody);
    drop(text);
    let store = Store::at(root.join("project/secrets.enc")).unlock(&disk, keys).unwrap();
    let value = store.document().get(&SecretName::parse("database.password").unwrap()).unwrap();
    pause("alive");
    drop(value);
    drop(store);
    pause("gone");
}

/// Says where it is and waits to be told to go on.
fn pause(place: &str) {
    // Past the test harness's capture, and without a buffer.
    let mut stderr = File::options().write(true).open("/dev/stderr").unwrap();
    writeln!(stderr, "{place}").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn the_library_wipes_what_it_read_even_where_nobody_else_does() {
    let needle = needle();
    let world = world_with(&needle);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::child", "--nocapture"])
        .env("LUCA_TEST_MEMORY_ROOT", world.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut place = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let secrets = [needle.into_bytes(), IDENTITY.as_bytes()[20..].to_vec(), raw_key(IDENTITY)];
    let found = |memory: &[u8]| secrets.each_ref().map(|secret| holds(memory, secret));
    assert_eq!(place.next().unwrap(), "alive");
    let alive = found(&memory_of(child.id()));
    writeln!(child.stdin.as_mut().unwrap()).unwrap();
    assert_eq!(place.next().unwrap(), "gone");
    let gone = found(&memory_of(child.id()));
    writeln!(child.stdin.as_mut().unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    // The identity's text is gone as soon as the key is made of it.
    assert_eq!((alive, gone), ([true, false, true], [false; 3]));
}

/// Names and values that a child left in its log, and the processes above it up to ours.
const SPY: &str = r#"pid=$$
while [ "$pid" -gt 1 ]; do
  echo "== $(cat /proc/$pid/comm)" >>"$LOG"
  cat /proc/$pid/environ /proc/$pid/cmdline >>"$LOG" 2>/dev/null || :
  [ "$(cat /proc/$pid/comm)" = luca-secrets ] && break
  pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)
done
grep -rl "$NEEDLE" "$TMPDIR" >>"$LOG""#;

#[test]
fn no_child_and_no_temp_folder_gets_what_it_does_not_need() {
    let needle = needle();
    let world = world_with(&needle);
    let (log, temporary) = (world.root().join("log"), world.root().join("temporary"));
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::create_dir(&temporary).unwrap();
    // The needle in two halves, so that the spy's own environment does not hold it.
    let (first, second) = needle.split_at(8);
    let spy = format!("NEEDLE={first}\nNEEDLE=$NEEDLE{second}\n{SPY}");
    let git = script(&world, "git", &format!("{spy}\nPATH=/usr/bin:/bin\nexec git \"$@\""));
    let editor = script(&world, "editor", &spy);
    let program = script(&world, "program", &spy);
    let identity = world.home().join(".config/luca-secrets/identity.txt");
    for (variable, value) in
        [("LUCA_SECRETS_IDENTITY", IDENTITY), ("LUCA_SECRETS_IDENTITY_FILE", identity.to_str().unwrap())]
    {
        for (arguments, input) in [
            (&["edit"][..], ""),
            (&["compare", "HEAD"], ""),
            (&["git", "setup"], ""),
            (&["git", "pre-commit"], ""),
            (&["import", "--yes", "--replace", "-"], "DATABASE_PORT=6432\n"),
            (&["render"], ""),
            (&["run", "--", program.to_str().unwrap()], ""),
            (&["generate", "--replace", "database.password"], ""),
            (&["set", "database.password"], needle.as_str()),
        ] {
            std::fs::write(&log, "").unwrap();
            let mut command = world.spawn(arguments);
            command.env(variable, value).env("LOG", &log).env("TMPDIR", &temporary);
            command.env("XDG_RUNTIME_DIR", memory.path()).env("LUCA_SECRETS_EDITOR", &editor);
            command.env("PATH", format!("{}:/usr/bin:/bin", git.parent().unwrap().display()));
            let mut child =
                command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            let done = child.wait_with_output().unwrap();
            let seen = std::fs::read(&log).unwrap();
            let starts_another = ["edit", "compare", "git", "run"].contains(&arguments[0]);
            assert_eq!(
                !seen.is_empty(),
                starts_another,
                "{arguments:?}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
            // Our own environment is as we got it; root's test can read it, and it comes last.
            let own = b"== luca-secrets\n";
            let end = seen.windows(own.len()).position(|window| window == own).unwrap_or(seen.len());
            assert!(!holds(&seen[..end], variable.as_bytes()), "{arguments:?}");
            assert!(!holds(&seen[..end], IDENTITY.as_bytes()), "{arguments:?}");
            // Only `run` hands a value over, and it does.
            assert_eq!(holds(&seen, needle.as_bytes()), arguments[0] == "run", "{arguments:?}");
            for folder in [temporary.as_path(), memory.path()] {
                assert!(snapshot(folder).is_empty(), "{arguments:?}: {}", folder.display());
            }
        }
    }
}
