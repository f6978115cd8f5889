//! Flower on a server, with a Celery worker and Redis; the push has it started anew.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::sshd::{self, Sshd};
use crate::harness::{World, executable, tools};

use super::kills::HOOK;

/// Flower's start as cookiecutter-django has it, but for the file of settings: on its command line a password would show
/// in the list of processes.
const START: &str = r#"#!/bin/sh
set -a
. ./app.env
printf 'basic_auth = ["%s"]\n' "$(printf '%s:%s' "$CELERY_FLOWER_USER" "$CELERY_FLOWER_PASSWORD" | sed 's/,/", "/g')" >flowerconfig.py
exec "$PYTHON" -m celery -A tasks flower --address=127.0.0.1 --port="$PORT" --conf=flowerconfig.py >>flower.log 2>&1
"#;

/// Starts it anew, as recreating its container does.
const RESTART: &str = r#"#!/bin/sh
$HOOK
if [ -e flower.pid ]; then kill "$(cat flower.pid)"; while kill -0 "$(cat flower.pid)" 2>/dev/null; do sleep 0.05; done; fi
setsid ./start </dev/null >/dev/null 2>&1 &
echo $! >flower.pid
"#;

/// Flower, its worker and its broker on a server.
pub struct Garden {
    pub world: World,
    pub host: Sshd,
    pub port: u16,
    _broker: Running,
    _worker: Running,
}

/// A program that is stopped when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Garden {
    pub fn start() -> Self {
        let host = Sshd::start();
        let folder = host.path("app");
        std::fs::create_dir(&folder).unwrap();
        let (port, broker) = (sshd::free_port("127.0.0.1"), sshd::free_port("127.0.0.1"));
        let running = redis(&folder, broker);
        let url = format!("redis://127.0.0.1:{broker}/0");
        let tasks = format!(
            "from celery import Celery\n\napp = Celery(\"tasks\", broker={url:?}, backend={url:?})\n"
        );
        std::fs::write(folder.join("tasks.py"), tasks).unwrap();
        let python = tools().join("python/bin/python");
        for (name, text) in [("start", START), ("restart", RESTART)] {
            let text = text.replace("$PYTHON", python.to_str().unwrap()).replace("$PORT", &port.to_string());
            let text = text.replace("$HOOK", HOOK);
            executable(folder.join(name), text);
        }
        let worker = worker(&python, &folder);
        let garden = Self { world: World::new(), host, port, _broker: running, _worker: worker };
        garden.world.write("schemas/schema.toml", garden.schema());
        garden.world.run(&["generate", "-q", "--missing"]).success();
        garden.world.run(&["set", "-q", "flower.username"]).stdin("gardener").success();
        garden.push();
        garden
    }

    fn schema(&self) -> String {
        let folder = self.host.path("app").display().to_string();
        format!(
            r#"
[secrets.flower.username]
secret = false
[secrets.flower.password]
type = "password"
generate = {{ length = 40 }}
rotate = {{ with = "flower", on = "web", url = "http://127.0.0.1:{port}/api/workers", from = "server" }}
[secrets.flower.previous]
type = "password"
required = false
[env-file.django]
path = ".django"
[env-file.django.variables]
CELERY_FLOWER_USER = {{ value = "{{{{ flower.username }}}}", read-by = "flower" }}
CELERY_FLOWER_PASSWORD = {{ value = "{{{{ flower.password }}}}{{% if flower.previous is defined %}},{{{{ flower.username }}}}:{{{{ flower.previous }}}}{{% endif %}}", read-by = "flower" }}
[server.web]
address = "{address}"
port = "{ssh_port}"
user = "{user}"
host-keys = "{host_key}"
key = {{ file = "{client_key}" }}
[[server.web.install]]
env-file = "django"
to = "{folder}/app.env"
apply = {{ in = "{folder}", run = ["./restart"], within = "30s" }}
health = {{ url = "http://127.0.0.1:{port}/healthcheck", within = "30s", every = "1s", in-a-row = 1 }}
"#,
            port = self.port,
            address = self.host.address,
            ssh_port = self.host.port,
            user = sshd::user(),
            host_key = self.host.host_key("ed25519"),
            client_key = self.host.client_key().display(),
        )
    }

    pub fn push(&self) {
        self.world.run(&["push", "server.web", "--yes", "-q"]).success();
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.host.path("app").join(name)
    }

    /// What it holds; nothing if there is none.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn password(&self) -> String {
        self.world.run(&["get", "flower.password"]).success().stdout.trim_end().to_owned()
    }
}

impl Drop for Garden {
    fn drop(&mut self) {
        let flower = self.read("flower.pid").trim().parse::<i32>().ok();
        let flower = flower.and_then(rustix::process::Pid::from_raw);
        if let Some(id) = flower {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
        }
    }
}

fn redis(folder: &Path, port: u16) -> Running {
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("redis-server: {error}; run tests/tools/install"));
    let running = Running(child);
    until("redis", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    running
}

fn worker(python: &Path, folder: &Path) -> Running {
    let log = std::fs::File::create(folder.join("worker.log")).unwrap();
    let child = Command::new(python)
        .args(["-m", "celery", "-A", "tasks", "worker", "--pool=solo", "--loglevel=info"])
        .current_dir(folder)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let running = Running(child);
    let log: PathBuf = folder.join("worker.log");
    until("the worker", || std::fs::read_to_string(&log).unwrap_or_default().contains("ready."));
    running
}

pub fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < end, "{what} does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The passwords of Flower's user in an env file.
pub fn passwords(file: &str) -> Vec<String> {
    let line = file.lines().find_map(|line| line.strip_prefix("CELERY_FLOWER_PASSWORD=")).unwrap();
    let quotes: &[char] = &['\'', '"'];
    line.trim_matches(quotes).split(",gardener:").map(str::to_owned).collect()
}

/// The status that Flower answers with to this user and password; nothing if nobody answers.
pub fn knock(port: u16, user: &str, password: &str) -> Option<u16> {
    use std::io::{Read, Write};
    let pair = luca_base64(format!("{user}:{password}").as_bytes());
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "GET /api/workers HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Basic {pair}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    text.split(' ').nth(1)?.parse().ok()
}

/// Base64 with padding (RFC 4648, section 4).
fn luca_base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 0x3f];
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
