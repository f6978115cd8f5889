//! `push` to servers, through the real OpenSSH: three hosts on addresses of loopback.

mod containers;
mod cut;
mod django;
mod faults;
mod kills;
mod pin;
mod progress;
mod recover;
mod refusals;
mod restore;
mod views;
mod whole;

use std::path::PathBuf;

use crate::harness::sshd::{self, Sshd};
use crate::harness::{Done, Run, World};

/// A project that is pushed to servers, and those.
pub struct Fleet {
    pub world: World,
    pub hosts: Vec<Sshd>,
}

/// What the hosts are called in the schema.
pub const NAMES: [&str; 3] = ["web1", "web2", "web3"];

/// An apply command that copies the file to what "runs", and counts.
pub const APPLY: &str = "cp app.env running; echo x >>applied";

impl Fleet {
    /// As many hosts, each with an application's folder.
    pub fn new(hosts: usize) -> Self {
        Self::with(
            hosts,
            APPLY,
            "health = { command = [\"test\", \"-s\", \"[app]/running\"], within = \"3s\", every = \"1s\", in-a-row = 1 }",
        )
    }

    /// The same with an apply command for `sh -c` and a line for the health check; `[app]` is the application's folder.
    pub fn with(hosts: usize, apply: &str, health: &str) -> Self {
        let start = |n| Sshd::setup().address(&format!("127.0.0.{n}")).start();
        Self::of((1..=hosts).map(start).collect(), apply, health)
    }

    /// The same with servers that run already.
    pub fn of(hosts: Vec<Sshd>, apply: &str, health: &str) -> Self {
        let world = World::filled();
        let fleet = Self { world, hosts };
        for host in 0..fleet.hosts.len() {
            std::fs::create_dir(fleet.app(host)).unwrap();
        }
        fleet.write_schema(apply, health);
        fleet
    }

    /// Declares the hosts in the schema.
    pub fn write_schema(&self, apply: &str, health: &str) {
        let mut schema = String::new();
        for (number, (host, name)) in self.hosts.iter().zip(NAMES).enumerate() {
            let app = self.app(number).display().to_string();
            let key = host.client_key();
            schema += &format!(
                "[server.{name}]\naddress = \"{}\"\nport = \"{}\"\nuser = \"{}\"\nhost-keys = \"{}\"\nkey = {{ file = \"{}\" }}\n\
                 connect-timeout = \"5s\"\n\
                 [[server.{name}.install]]\nenv-file = \"django\"\nto = \"{app}/app.env\"\n\
                 apply = {{ in = \"{app}\", run = [\"sh\", \"-c\", \"{apply}\"], within = \"5s\" }}\n{}\n",
                host.address,
                host.port,
                sshd::user(),
                host.host_key("ed25519"),
                key.display(),
                health.replace("[app]", &app),
            );
        }
        self.world.write("schemas/servers.toml", schema);
    }

    /// The application's folder on a host.
    pub fn app(&self, host: usize) -> PathBuf {
        self.hosts[host].path("app")
    }

    /// What a file in it holds; nothing if there is none.
    pub fn read(&self, host: usize, name: &str) -> String {
        std::fs::read_to_string(self.app(host).join(name)).unwrap_or_default()
    }

    /// The names in it.
    pub fn names(&self, host: usize) -> Vec<String> {
        let entries = std::fs::read_dir(self.app(host)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The value of the database's password that each host's file has.
    pub fn passwords(&self) -> Vec<String> {
        (0..self.hosts.len()).map(|host| password(&self.read(host, "app.env"))).collect()
    }

    /// The same of what "runs" there.
    pub fn running(&self) -> Vec<String> {
        (0..self.hosts.len()).map(|host| password(&self.read(host, "running"))).collect()
    }

    /// How often the apply command ran on a host.
    pub fn applied(&self, host: usize) -> usize {
        self.read(host, "applied").lines().count()
    }

    pub fn set(&self, value: &str) {
        self.world.run(&["set", "-q", "database.password"]).stdin(value).success();
    }

    pub fn push(&self, more: &[&str]) -> Run<'_> {
        let servers: Vec<String> =
            NAMES[..self.hosts.len()].iter().map(|name| format!("server.{name}")).collect();
        let mut arguments = vec!["push"];
        arguments.extend(servers.iter().map(String::as_str));
        arguments.extend(more);
        self.world.run(&arguments)
    }

    /// Pushes and expects that it works.
    pub fn pushed(&self) -> Done {
        self.push(&["--yes"]).success()
    }

    /// The text with addresses, times, fingerprints and folders replaced.
    pub fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (number, host) in self.hosts.iter().enumerate() {
            text = text.replace(self.app(number).to_str().unwrap(), "[app]");
            text = text.replace(host.path("").to_str().unwrap(), "[host]/");
            text = text.replace(&host.port.to_string(), "[port]");
        }
        let word = |word: &str| {
            let bare = word.trim_end_matches(',');
            if bare.len() == 16 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                word[16..].replacen("", "[print]", 1)
            } else if word.starts_with("SHA256:") && word.len() >= 50 {
                word[50..].replacen("", "[key]", 1)
            } else if word.starts_with('(') && word[1..].parse::<f64>().is_ok() {
                "([time]".to_owned()
            } else {
                word.to_owned()
            }
        };
        let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        text.lines().map(|one| line(one) + "\n").collect()
    }
}

/// The password in an env file.
fn password(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("DB_PASSWORD="));
    line.unwrap_or_default().trim_matches('\'').to_owned()
}
