//! People at terminals of their own, on machines that share a store's home and nothing else, and a server that has what the
//! programs get.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::home::Home;
use crate::harness::sshd::{Sshd, user};
use crate::harness::{PROGRAM, World};

/// A project whose store has a home, with a server.
pub struct Team {
    /// The first machine.
    pub world: World,
    pub sshd: Sshd,
    home: Home,
}

impl Team {
    /// `variables` are those of the env file that the server gets.
    pub fn new(secrets: &str, variables: &str) -> Self {
        let (world, sshd, home) = (World::new(), Sshd::start(), Home::new());
        let schema = format!(
            "{secrets}[env-file.app]\npath = \"app.env\"\n[env-file.app.variables]\n{variables}\
             [server.web]\naddress = \"{}\"\nport = {}\nuser = \"{}\"\nhost-keys = \"{}\"\nkey = {{ file = \"{}\" }}\n\
             [[server.web.install]]\nenv-file = \"app\"\nto = \"{}\"\n{}",
            sshd.address,
            sshd.port,
            user(),
            sshd.host_key("ed25519"),
            sshd.client_key().display(),
            sshd.path("app.env").display(),
            home.schema(),
        );
        world.write("schemas/schema.toml", schema);
        Self { world, sshd, home }
    }

    /// Puts the first values in, and brings them to the server and to the home.
    pub fn begin(&self, values: &[(&str, &str)]) {
        for (name, value) in values {
            self.world.run(&["set", "-q", name]).stdin(value).done();
        }
        self.world.run(&["remote", "push", "-q"]).done();
        self.world.run(&["push", "-q", "--yes"]).success();
    }

    /// Another machine: it has the schema and an identity, and takes the store from its home.
    pub fn machine(&self) -> World {
        let world = World::new();
        std::fs::remove_file(world.path("secrets.enc")).unwrap();
        world.forget_stores();
        world.write("schemas/schema.toml", self.world.read("schemas/schema.toml"));
        world.run(&["remote", "pull"]).done();
        world
    }

    /// The file that the programs read.
    pub fn file(&self) -> PathBuf {
        self.sshd.path("app.env")
    }

    /// What stands in it.
    pub fn env(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// A transcript without what differs from run to run.
    pub fn plain(&self, text: &str, others: &[(&str, &str)]) -> String {
        let mut text = text.replace(&self.home.label(), "[home]");
        for (value, name) in others {
            text = text.replace(value, name);
        }
        plain(&text)
    }
}

/// A transcript without the seconds that steps took, and without spaces at the ends of lines.
pub fn plain(text: &str) -> String {
    let word = |word: &str| {
        let number = word.strip_prefix('(').is_some_and(|number| number.parse::<f64>().is_ok());
        if number { "(0.0".to_owned() } else { word.to_owned() }
    };
    let line = |line: &str| line.trim_end().split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// The exit code and all that a terminal has shown.
pub fn on_terminal(world: &World, arguments: &[&str], steps: &[&str]) -> (i32, String) {
    on_terminal_with(world, &[], arguments, steps)
}

/// The same with more in the environment.
pub fn on_terminal_with(
    world: &World,
    env: &[(&str, &str)],
    arguments: &[&str],
    steps: &[&str],
) -> (i32, String) {
    let output = Command::new("/usr/bin/python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/terminal.py"))
        .arg(steps.join("\n"))
        .arg(PROGRAM)
        .args(arguments)
        .current_dir(world.folder())
        .env_clear()
        .env("HOME", world.home())
        .env("USER", "tester")
        // It cannot draw over its lines: what was said stays as it was said.
        .env("TERM", "dumb")
        .env("NO_COLOR", "1")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(env.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (code, shown) = text.split_once('\n').unwrap();
    (code.parse().unwrap(), shown.replace('\r', ""))
}

/// One of the store's values.
pub fn value_of(world: &World, name: &str) -> String {
    world.run(&["get", name]).success().stdout
}

/// Compares all that was shown, and that no value is in it.
#[track_caller]
pub fn assert_shown(shown: &str, expected: &str, hidden: &[&str]) {
    assert_eq!(shown, expected, "shown:\n{shown}");
    for value in hidden {
        assert!(!shown.contains(value), "{shown}");
    }
}
