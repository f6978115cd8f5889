//! The health gate before a real Django under gunicorn, and the pushed file before the real parser of Docker Compose.

use std::path::Path;
use std::process::Command;

use crate::harness::{executable, sshd, tools};

use super::Fleet;

/// Stops the gunicorn of an application when dropped.
struct Gunicorn<'a>(&'a Path);

impl Drop for Gunicorn<'_> {
    fn drop(&mut self) {
        let _ = Command::new("sh").arg("-c").arg(STOP).current_dir(self.0).status();
    }
}

const STOP: &str =
    "[ ! -e gunicorn.pid ] || { kill $(cat gunicorn.pid); while [ -e gunicorn.pid ]; do sleep 0.05; done; }";

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_django_that_refuses_a_value_gets_its_old_one_back() {
    let port = sshd::free_port("127.0.0.1");
    let fleet = Fleet::with(
        1,
        "./restart",
        &format!(
            "health = {{ url = \"http://127.0.0.1:{port}/health/\", within = \"15s\", every = \"1s\", in-a-row = 2 }}\n\
             generation-from = {{ health-field = \"app.generation\" }}"
        ),
    );
    let schema = fleet.world.read("schemas/schema.toml");
    let marked = schema.replace("path = \".envs", "marker = \"APP_GENERATION\"\npath = \".envs");
    assert_ne!(schema, marked);
    fleet.world.write("schemas/schema.toml", marked);
    let app = fleet.app(0);
    std::fs::copy(
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/push/django_site.py"),
        app.join("django_site.py"),
    )
    .unwrap();
    let restart = format!(
        "#!/bin/sh\n{STOP}\nset -a\n. ./app.env\n\
         exec {}/python/bin/gunicorn --daemon --pid gunicorn.pid --log-file gunicorn.log -b 127.0.0.1:{port} django_site:application\n",
        tools().display()
    );
    executable(app.join("restart"), restart);
    let _stop = Gunicorn(&app);

    fleet.pushed();
    let log = || fleet.read(0, "gunicorn.log");
    let generation = |text: &str| {
        text.lines().find_map(|line| line.strip_prefix("APP_GENERATION=")).unwrap_or_default().to_owned()
    };
    let first = generation(&fleet.read(0, "app.env"));
    assert_eq!(first.len(), 16, "{}", log());
    assert!(asked(port).contains(&first), "{}", log());

    fleet.set("bad value");
    let done = fleet.push(&["--yes"]).done();
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("error: server web1: not healthy: http://127.0.0.1:"), "{}", done.stderr);
    assert!(done.stderr.contains("ok: server web1: as it was before\n"), "{}", done.stderr);
    assert_eq!(fleet.passwords(), ["correct horse battery"]);
    assert!(asked(port).contains(&first), "{}", log());

    fleet.set("a better value");
    fleet.pushed();
    let second = generation(&fleet.read(0, "app.env"));
    assert!(second != first && asked(port).contains(&second), "{}", log());

    // An application that is not restarted gives the old generation, and that is found.
    std::fs::write(app.join("restart"), "#!/bin/sh\n").unwrap();
    fleet.set("never read");
    let done = fleet.push(&["--yes"]).done();
    assert!(done.stderr.contains("the field app.generation is of another generation"), "{}", done.stderr);
    assert_eq!(fleet.passwords(), ["a better value"]);

    compose_reads(
        &fleet,
        &[("DB_PASSWORD", "a better value"), ("DB_PORT", "5432"), ("APP_GENERATION", &second)],
    );
}

/// What the application answers.
fn asked(port: u16) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /health/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    std::io::read_to_string(stream).unwrap()
}

/// The pushed file through the real parser, in the place where the push has put it.
fn compose_reads(fleet: &Fleet, expected: &[(&str, &str)]) {
    let app = fleet.app(0);
    std::fs::write(
        app.join("compose.yml"),
        "services:\n  django:\n    image: example/django\n    env_file: app.env\n",
    )
    .unwrap();
    let done = Command::new(tools().join("debian-13/usr/libexec/docker/cli-plugins/docker-compose"))
        .args(["-f", "compose.yml", "config", "--format", "json"])
        .current_dir(&app)
        .output()
        .unwrap();
    let config: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let environment = config["services"]["django"]["environment"].as_object().unwrap();
    let read: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(read, expected);
}
