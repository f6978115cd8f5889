//! A Django product on a server: its project, its users, and gunicorn, which the push has read the file again; with or
//! without containers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::engine::Engine;
use crate::harness::sshd::{self, Sshd};
use crate::harness::{Done, Run, World, executable, tools};

use super::http::Browser;
use super::kills::HOOK;

/// The password of the user who is not rotated.
pub const BOBS: &str = "bobs own password";

/// A product, its store, and the server that it runs on.
pub struct App {
    pub world: World,
    pub host: Sshd,
    pub port: u16,
    /// Where it runs in a container.
    engine: Option<Engine>,
}

const PROJECT: [&str; 5] = ["manage.py", "settings.py", "backend.py", "shop.py", "prepare.py"];

/// Starts gunicorn, or has it begin with new processes and waits for the end of the old ones: for a moment both answer.
const RESTART: &str = r#"#!/bin/sh
$HOOK
if [ ! -e gunicorn.pid ]; then
    exec "$PYTHON" -m gunicorn --daemon --pid gunicorn.pid --workers 2 --log-file gunicorn.log -b "127.0.0.1:$PORT" shop:application
fi
main=$(cat gunicorn.pid)
old=$(pgrep -P "$main")
kill -HUP "$main"
for one in $old; do while kill -0 "$one" 2>/dev/null; do sleep 0.05; done; done
"#;

const STOP: &str =
    "[ ! -e gunicorn.pid ] || { kill $(cat gunicorn.pid); while [ -e gunicorn.pid ]; do sleep 0.05; done; }";

/// The project's compose file, under the name that `manage.py` is run with where a schema does not say how.
const COMPOSE: &str = r#"
name: shop
services:
  django:
    image: example/django
    env_file: app.env
    working_dir: $FOLDER
    environment: {PATH: "$PYTHON:/usr/bin:/bin", IN_CONTAINER: "yes"}
    command: [python, -m, gunicorn, --workers, "2", --log-file, gunicorn.log, -b, "127.0.0.1:$PORT", "shop:application"]
"#;

/// How a push has the container made anew, and sees that it is.
const BY_COMPOSE: &str = r#"apply = { in = "[folder]", run = ["docker", "compose", "-f", "docker-compose.production.yml", "up", "-d", "--force-recreate", "django"], within = "30s" }
health = { url = "http://127.0.0.1:[port]/health/", within = "20s", every = "1s", in-a-row = 1 }
generation-from = { containers = ["django"], in = "[folder]", compose-file = "docker-compose.production.yml" }"#;

const BY_SIGNAL: &str = r#"apply = { in = "[folder]", run = ["./restart"], within = "30s" }
health = { url = "http://127.0.0.1:[port]/health/", within = "20s", every = "1s", in-a-row = 1 }
generation-from = { health-field = "generation" }"#;

impl App {
    /// A product that runs, whose key and whose user alice are rotated as these inline tables say.
    pub fn start(key: &str, password: &str) -> Self {
        Self::set_up(key, password, |_| None)
    }

    /// The same in a container, with `manage.py` run as it is by default: by `docker compose … exec`.
    pub fn in_container(key: &str, password: &str) -> Self {
        Self::set_up(key, password, |host| Some(Engine::start(host)))
    }

    fn set_up(key: &str, password: &str, engine: fn(&Sshd) -> Option<Engine>) -> Self {
        let (host, port) = (Sshd::start(), sshd::free_port("127.0.0.1"));
        let engine = engine(&host);
        let app = Self { world: World::new(), host, port, engine };
        app.lay_out();
        app.world.write("schemas/schema.toml", app.schema(key, password));
        app.world.run(&["generate", "-q", "--missing"]).success();
        app.set("alice.name", "alice");
        app.pushed();
        app.populate();
        app
    }

    fn lay_out(&self) {
        std::fs::create_dir(self.folder()).unwrap();
        for name in PROJECT {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/applications/shop").join(name);
            std::fs::copy(from, self.folder().join(name)).unwrap();
        }
        let python = tools().join("python/bin/python");
        let restart = RESTART
            .replace("$HOOK", HOOK)
            .replace("$PYTHON", python.to_str().unwrap())
            .replace("$PORT", &self.port.to_string());
        executable(self.path("restart"), restart);
        let compose = COMPOSE
            .replace("$FOLDER", self.folder().to_str().unwrap())
            .replace("$PYTHON", python.parent().unwrap().to_str().unwrap())
            .replace("$PORT", &self.port.to_string());
        std::fs::write(self.path("docker-compose.production.yml"), compose).unwrap();
    }

    fn schema(&self, key: &str, password: &str) -> String {
        let folder = self.folder().display().to_string();
        let mut manage = format!("on = \"web\", in = \"{folder}\"");
        if self.engine.is_none() {
            let python = tools().join("python/bin/python");
            manage += &format!(", manage = [\"{}\", \"manage.py\"]", python.display());
        }
        let apply = if self.engine.is_some() { BY_COMPOSE } else { BY_SIGNAL };
        let apply = apply.replace("[folder]", &folder).replace("[port]", &self.port.to_string());
        let fill = |text: &str| text.replace("[manage]", &manage).replace("[port]", &self.port.to_string());
        format!(
            r#"
[secrets.django.secret_key]
type = "password"
min-length = 50
generate = {{ length = 64 }}
rotate = {key}
[secrets.django.secret_key_fallbacks]
type = "string"
required = false
[secrets.alice.name]
secret = false
[secrets.alice.password]
type = "password"
generate = {{ length = 24 }}
rotate = {password}
[env-file.django]
path = ".django"
marker = "APP_GENERATION"
[env-file.django.variables]
DJANGO_SECRET_KEY = "{{{{ django.secret_key }}}}"
DJANGO_SECRET_KEY_FALLBACKS = "{{{{ django.secret_key_fallbacks }}}}"
[server.web]
address = "{address}"
port = "{ssh_port}"
user = "{user}"
host-keys = "{host_key}"
key = {{ file = "{client_key}" }}
[[server.web.install]]
env-file = "django"
to = "{folder}/app.env"
{apply}
"#,
            key = fill(key),
            password = fill(password),
            address = self.host.address,
            ssh_port = self.host.port,
            user = sshd::user(),
            host_key = self.host.host_key("ed25519"),
            client_key = self.host.client_key().display(),
        )
    }

    /// The tables of the database, and its users.
    fn populate(&self) {
        self.manage(&["migrate", "-v0"], "");
        let prepare = std::fs::read_to_string(self.path("prepare.py")).unwrap();
        let passwords = format!("{}\n{BOBS}\ncarols\n", self.get("alice.password"));
        self.manage(&["shell", "-c", &prepare], &passwords);
    }

    /// Runs the project's manage.py, not by way of the server.
    pub fn manage(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new(tools().join("python/bin/python"))
            .arg("manage.py")
            .args(arguments)
            .current_dir(self.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{arguments:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// The engine in which it runs.
    pub fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// The project's folder on the server.
    pub fn folder(&self) -> PathBuf {
        self.host.path("app")
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// What a file in it holds; nothing if there is none.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A value of the store.
    pub fn get(&self, name: &str) -> String {
        self.world.run(&["get", name]).success().stdout.trim_end_matches('\n').to_owned()
    }

    pub fn set(&self, name: &str, value: &str) {
        self.world.run(&["set", "-q", name]).stdin(value).success();
    }

    pub fn push(&self, more: &[&str]) -> Run<'_> {
        let mut arguments = vec!["push", "server.web", "--yes", "-q"];
        arguments.extend(more);
        self.world.run(&arguments)
    }

    /// Pushes and expects that it works.
    pub fn pushed(&self) -> Done {
        self.push(&[]).success()
    }

    /// A browser in which a user has signed in.
    pub fn signed_in(&self, user: &str, password: &str) -> Browser {
        let mut browser = Browser::new(self.port);
        let reply = browser.post("/sign-in/", &[("username", user), ("password", password)]).unwrap();
        assert_eq!((reply.status, reply.body.as_str()), (200, user), "{}", self.read("gunicorn.log"));
        browser
    }

    /// A browser in which nobody has.
    pub fn browser(&self) -> Browser {
        Browser::new(self.port)
    }

    /// How many logins have failed so far.
    pub fn failures(&self) -> usize {
        self.read("failures").lines().count()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = Command::new("sh").arg("-c").arg(STOP).current_dir(self.folder()).status();
    }
}
