//! Everything that the README tells a person to type is typed here.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::harness::{PROGRAM, World};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The code blocks of a language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let mut found = Vec::new();
    let mut rest = readme.as_str();
    while let Some(at) = rest.find("```") {
        let (head, body) = rest[at + 3..].split_once('\n').unwrap();
        let (block, after) = body.split_once("\n```").unwrap();
        if head == language {
            found.push(block.to_owned());
        }
        rest = after;
    }
    found
}

/// A shell command in a world whose `PATH` has the program in it.
fn shell(world: &World, command: &str) -> String {
    let mut shell = Command::new("bash");
    let folder = std::path::Path::new(PROGRAM).parent().unwrap();
    let done = shell
        .arg0("bash")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(world.folder())
        .env_clear()
        .env("HOME", world.home())
        .env("USER", "you")
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()))
        .output()
        .unwrap();
    String::from_utf8(done.stdout)
        .unwrap()
        .replace(world.home().to_str().unwrap(), "~")
        .replace(&luca_secrets::sys::host_name(), "[host]")
}

/// Dates differ from day to day, and fingerprints from store to store.
fn without_dates(text: &str) -> String {
    let is_date = |word: &str| {
        let word = word.trim_end_matches(':');
        let is_moment = word.len() == 20 && word.ends_with('Z');
        (word.len() == 10 || is_moment) && word.starts_with("20") && word.as_bytes()[4] == b'-'
    };
    let is_fingerprint = |word: &str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    // What a backup is called: its time, its generation, and two fingerprints.
    let is_backup = |word: &str| {
        let parts: Vec<&str> = word.split('-').collect();
        parts.len() == 4 && parts[0].len() == 16 && parts[2].len() == 8 && is_fingerprint(parts[3])
    };
    text.lines()
        .map(|line| {
            line.split(' ')
                .map(|word| match word {
                    _ if is_date(word) => "[date]",
                    _ if is_fingerprint(word) => "[fingerprint]",
                    _ if is_backup(word) => &word[17..23],
                    _ => word,
                })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn its_sessions_run_as_shown() {
    let world = World::empty();
    let has_age = Command::new("age").arg("--version").output().is_ok();
    let has_git = Command::new("git").arg("--version").output().is_ok();
    let has_ssh_keygen = Command::new("ssh-keygen").arg("-?").output().is_ok();
    let mut compared = 0;
    for block in blocks("console") {
        for step in block.strip_prefix("$ ").unwrap().split("\n$ ") {
            let (command, expected) = step.split_once('\n').unwrap_or((step, ""));
            // `age` itself is there when `tests/run` has installed it; see the test below.
            let needs_key = command.contains("ssh-keygen") || command.contains("ssh_host_");
            let missing = [
                (command.starts_with("age ") && !has_age),
                (command.contains("git ") && !has_git),
                (needs_key && !has_ssh_keygen),
            ];
            if missing.contains(&true) {
                continue;
            }
            let printed = shell(&world, command);
            assert_eq!(without_dates(printed.trim_end()), without_dates(expected), "$ {command}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "{compared}");
}

#[test]
fn its_second_command_is_what_ci_runs() {
    let commands = blocks("sh");
    assert_eq!(commands[1], "tests/run");
    let ci = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/.ci/run")).unwrap();
    assert!(ci.lines().any(|line| line == "tests/run"));
}

#[test]
#[ignore = "builds the program from a fresh clone; run tests/run"]
fn its_first_command_renders_the_demo_from_a_fresh_clone() {
    let world = World::empty();
    let root = env!("CARGO_MANIFEST_DIR");
    let clone = world.path("clone");
    let cloned = Command::new("git").args(["clone", "-q", root]).arg(&clone).status().unwrap();
    assert!(cloned.success());
    let done = Command::new("bash")
        .args(["-c", &blocks("sh")[0]])
        .current_dir(&clone)
        // The dependencies are built already; what is under test is the command.
        .env("CARGO_TARGET_DIR", format!("{root}/target"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let rendered = std::fs::read_to_string(clone.join(".envs/.production/.django")).unwrap();
    assert!(rendered.contains("\nDATABASE_URL=postgres://shop:"));
}

#[test]
#[ignore = "builds the program for release; run tests/run"]
fn its_install_command_installs() {
    let world = World::empty();
    let done = Command::new("bash")
        .args(["-c", &blocks("sh")[2]])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_INSTALL_ROOT", world.path("installed"))
        .env("CARGO_TARGET_DIR", concat!(env!("CARGO_MANIFEST_DIR"), "/target"))
        // What is shown is that it builds and lands where it should: optimising would take several times as long.
        .envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_LTO", "off")])
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(world.path("installed/bin/luca-secrets").exists());
}

#[test]
fn its_schema_is_a_schema() {
    let world = World::empty();
    world.write("schemas/readme.toml", blocks("toml").join("\n"));
    shell(&world, "luca-secrets init; luca-secrets generate --missing --offline");
    assert_eq!(shell(&world, "luca-secrets check"), "ok: 1 secret, nothing missing, nothing wrong\n");
}

#[test]
fn its_workflow_runs_commands_that_exist() {
    let workflow = blocks("yaml").concat();
    let commands: Vec<&str> =
        workflow.lines().filter_map(|line| line.split_once("run: ")).map(|(_, run)| run).collect();
    assert!(!commands.is_empty());
    for command in commands {
        luca_secrets::cli::command_line().try_get_matches_from(command.split(' ')).unwrap();
    }
}

#[test]
fn it_names_every_command_and_dialect() {
    let readme = readme();
    for command in luca_secrets::cli::command_line().get_subcommands() {
        assert!(
            readme.contains(&format!("`{}", command.get_name()))
                || readme.contains(&format!("`{} ", command.get_name())),
            "{}",
            command.get_name()
        );
    }
    for dialect in luca_secrets::schema::Dialect::ALL {
        assert!(readme.contains(&format!("`{}`", dialect.name())), "{}", dialect.name());
    }
}
