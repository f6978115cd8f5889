//! Who is told, and that nothing depends on it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use super::{look, project};
use crate::harness::{NOW, World};

/// A rotation of `app.token` that is held, for a reason that quotes its value.
const HELD: &str = "\n[rotations.\"app.token\"]\nid = \"01KB0000000000000000000000\"\nkind = \"generated\"\n\
                    state = \"held\"\nby = \"tester@host\"\ndone = 0\ngeneration = 6\nattempts = 0\n\
                    started = 2026-11-23T10:00:00Z\nreason = \"its source said: first token\"\n\
                    [rotations.\"app.token\".current]\n\"app.token\" = \"first token\"\n\
                    [rotations.\"app.token\".pending]\n\"app.token\" = \"second token that is pending\"\n";

fn held(notify: &str) -> World {
    project(&format!("\n[notify]\n{notify}\n"), HELD)
}

fn told(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.path("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_program_is_told_once_a_day_and_no_value() {
    let world = held("run = [\"sh\", \"-c\", \"cat >>told\"]");
    let first = look(&world, NOW);
    assert_eq!(first.code, 4, "{}", first.stderr);
    assert!(first.stderr.contains("error: app.token: held: its source said: "), "{}", first.stderr);
    assert!(first.stderr.contains("hint: app.token: luca-secrets rotate --resume app.token, or --undo\n"));
    let notice = &told(&world)[0];
    assert_eq!((&notice["event"], &notice["rotation"]), (&"held".into(), &"app.token".into()));
    assert_eq!(notice["reason"], "its source said: [redacted]");
    assert_eq!(notice["project"], "project");
    assert_eq!(notice["next"], "luca-secrets rotate --resume app.token, or --undo");
    let text = std::fs::read_to_string(world.path("told")).unwrap();
    assert!(!text.contains("first token") && !text.contains("second token"), "{text}");
    look(&world, "2026-11-24T11:59:59Z");
    assert_eq!(told(&world).len(), 1);
    look(&world, "2026-11-24T12:00:00Z");
    assert_eq!(told(&world).len(), 2);
    // Where one is held nothing else is begun.
    assert_eq!(world.run(&["get", "app.worker"]).success().stdout, "first worker");
    let status = world.run(&["status", "--offline"]).done();
    assert_eq!(
        (
            status.code,
            status.stdout.contains("  rotation of app.token: held since 2026-11-23T10:00:00Z by tester@host")
        ),
        (3, true)
    );
    assert_eq!(
        status.stderr,
        "hint: `luca-secrets rotate --resume app.token` goes on, --undo takes it back\n"
    );
}

#[test]
fn waiting_ones_are_told_and_no_failure() {
    let world = project(
        "\n[notify]\nrun = [\"sh\", \"-c\", \"cat >>told\"]\n",
        &HELD.replace("\"held\"", "\"waiting\""),
    );
    let done = look(&world, NOW);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("warn: app.token: waiting: its source said: "), "{}", done.stderr);
    assert_eq!(told(&world)[0]["event"], "waiting");
    assert_eq!(world.run(&["status", "--offline"]).done().code, 3);
}

#[test]
fn a_program_that_fails_changes_nothing_and_is_said() {
    for (run, reason) in [
        ("[\"sh\", \"-c\", \"exit 7\"]", "sh ended with exit code 7"),
        ("[\"sh\", \"-c\", \"kill -9 $$\"]", "sh was killed by signal 9"),
        ("[\"./none\"]", "./none could not be started: no such file or directory"),
        ("[\"sh\", \"-c\", \"sleep 60 & wait\"]\nwithin = \"1s\"", "sh took longer than 1 s"),
    ] {
        let world = held(&format!("run = {run}"));
        let done = look(&world, NOW);
        assert_eq!(done.code, 4, "{}", done.stderr);
        let place = "schemas/schema.toml:14:2";
        let expected = format!("warn: {place}: nobody was told of app.token (held): {reason}\n");
        assert!(done.stderr.contains(&expected), "{run}: {}", done.stderr);
    }
}

/// Answers one request with this status line, after a while; gives back what it was asked.
fn serve(status: &'static str) -> (u16, std::thread::JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        let length = head.to_lowercase();
        let length =
            length.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n").unwrap();
        (head, String::from_utf8(body).unwrap())
    });
    (port, server)
}

#[test]
fn a_webhook_gets_the_same() {
    let (port, server) = serve("204 No Content");
    let world = held("url = \"http://127.0.0.1:{{ app.worker|length }}/hook/{{ app.worker|urlencode }}\"");
    let schema = world.read("schemas/schema.toml").replace("{{ app.worker|length }}", &port.to_string());
    world.write("schemas/schema.toml", schema);
    assert_eq!(look(&world, NOW).code, 4);
    let (head, body) = server.join().unwrap();
    assert!(head.starts_with("POST /hook/first%20worker HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/json\r\n"), "{head}");
    let notice: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(notice["event"], "held");
    assert_eq!(
        notice["text"],
        "luca-secrets, project: rotation of app.token is held and needs a person: its source said: [redacted]"
    );
}

#[test]
fn a_webhook_that_fails_changes_nothing_and_is_said() {
    for status in ["500 Internal Server Error", "302 Found"] {
        let (port, server) = serve(status);
        let world = held(&format!("url = \"http://127.0.0.1:{port}/hook\""));
        let done = look(&world, NOW);
        server.join().unwrap();
        let code = &status[..3];
        let expected =
            format!("nobody was told of app.token (held): 127.0.0.1:{port} answered with status {code}\n");
        assert_eq!((done.code, done.stderr.contains(&expected)), (4, true), "{}", done.stderr);
    }
    // Nobody answers; or anybody on the way could read it.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let world = held(&format!("url = \"http://127.0.0.1:{port}/hook\"\nwithin = \"1s\""));
    let done = look(&world, NOW);
    assert!(done.stderr.contains(&format!("127.0.0.1:{port} did not answer in time\n")), "{}", done.stderr);
    let world = held("url = \"http://hooks.example.com/x\"");
    let done = look(&world, NOW);
    assert_eq!(done.code, 4);
    assert!(done.stderr.contains("hooks.example.com: only told over https\n"), "{}", done.stderr);
}
