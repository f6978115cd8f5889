//! Connections to real OpenSSH servers on loopback, and to things that are none.

use std::future::Future;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use luca_secrets::secret::{SecretText, SecretValue};
use luca_secrets::ssh::{
    Connection, Destination, Ending, HostKeys, Key, KeyError, Output, PublicKey, SshError, SshProblem,
    in_parallel, scan_host_keys,
};
use luca_secrets::sys;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::harness::sshd::{Agent, Sshd, free_port, keygen, patient, public_line, read_key, user};

/// Longer than any command here takes on a busy machine.
const LONG: Duration = Duration::from_mins(2);

/// Long enough for a busy machine to have begun, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

fn block_on<F: Future>(work: F) -> F::Output {
    sys::block_on(work).unwrap()
}

fn text(text: impl Into<String>) -> SecretText {
    SecretText::new(text.into())
}

async fn run(to: &Destination, command: &str, input: &str) -> Result<Output, SshError> {
    Connection::open(to).await?.run(command, &text(input), LONG).await
}

/// Exit code, standard output and standard error.
fn parts(output: &Output) -> (Ending, String, String) {
    let shown = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.ending.clone(), shown(&output.stdout), shown(&output.stderr))
}

/// Opens a connection that must fail, and gives the message.
fn refused(to: &Destination) -> SshError {
    block_on(Connection::open(to)).err().expect("this connection must be refused")
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_command_gets_its_input_and_gives_both_outputs_and_its_code() {
    let server = Sshd::start();
    let output = block_on(run(&server.destination(), "cat; echo problem >&2; exit 3", "one\ntwo\0three"));
    let expected = (Ending::Code(3), "one\ntwo\0three".to_owned(), "problem\n".to_owned());
    assert_eq!(parts(&output.unwrap()), expected);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn one_connection_runs_many_commands_at_once() {
    let server = Sshd::start();
    block_on(async {
        let connection = Connection::open(&server.destination()).await.unwrap();
        let outputs = in_parallel(0..20, 5, |number| {
            let connection = &connection;
            async move { connection.run(&format!("cat; echo {number}"), &text("in "), LONG).await.unwrap() }
        })
        .await;
        for (number, output) in outputs.iter().enumerate() {
            assert_eq!(parts(output).1, format!("in {number}\n"));
        }
        connection.close().await;
    });
    assert_eq!(server.log().matches("Accepted publickey").count(), 1);
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_command_that_reads_none_of_eight_megabytes_ends() {
    let server = Sshd::start();
    let output = block_on(run(&server.destination(), "exit 3", &"x".repeat(8 << 20))).unwrap();
    assert_eq!(output.ending, Ending::Code(3));
    let output =
        block_on(run(&server.destination(), "head -c 5; exec 0<&-; sleep 0.2; exit 4", &"x".repeat(8 << 20)));
    assert_eq!(parts(&output.unwrap()), (Ending::Code(4), "xxxxx".to_owned(), String::new()));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn eight_megabytes_go_there_and_back() {
    let server = Sshd::start();
    let sent: String = (0..(8 << 20) / 8).map(|number| format!("{number:07}\n")).collect();
    let output = block_on(run(&server.destination(), "cat", &sent)).unwrap();
    assert_eq!((output.ending, output.stdout.len()), (Ending::Code(0), sent.len()));
    assert!(*output.stdout == sent.as_bytes());
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn more_output_than_the_limit_is_an_error_and_errors_keep_their_end() {
    let server = Sshd::start();
    let error = block_on(run(&server.destination(), "head -c 20000000 /dev/zero", "")).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("127.0.0.1:{}: a command printed more than 16777216 bytes", server.port)
    );
    let output = block_on(run(&server.destination(), "seq 100000 >&2", "")).unwrap();
    let (ending, stdout, stderr) = parts(&output);
    assert_eq!((ending, stdout.as_str(), stderr.len()), (Ending::Code(0), "", 64 << 10));
    assert!(stderr.ends_with("\n99999\n100000\n"));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_command_that_is_killed_tells_the_signal() {
    let server = Sshd::start();
    let output = block_on(run(&server.destination(), "kill -KILL $$", "")).unwrap();
    assert_eq!(output.ending, Ending::Signal("KILL".to_owned()));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_command_that_takes_too_long_is_let_go_and_can_notice() {
    let server = Sshd::start();
    let mark = server.path("ended");
    // OpenSSH passes on no signals to a login of root's, so what counts is that the output is gone.
    let command =
        format!("trap '' PIPE; while echo tick 2>&-; do sleep 0.05; done; echo > {}", mark.display());
    block_on(async {
        let connection = Connection::open(&server.destination()).await.unwrap();
        let error = connection.run(&command, &text(""), Duration::from_secs(1)).await.err().unwrap();
        let expected = format!("127.0.0.1:{}: no answer within 1s while running the command", server.port);
        assert_eq!(error.to_string(), expected);
        // The connection itself is still good.
        assert_eq!(
            parts(&connection.run("echo still here", &text(""), LONG).await.unwrap()).1,
            "still here\n"
        );
        let end = std::time::Instant::now() + LONG;
        while !mark.exists() && std::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(mark.exists(), "the command never noticed");
    });
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_conversation_goes_back_and_forth_over_one_command() {
    let server = Sshd::start();
    block_on(async {
        let connection = Connection::open(&server.destination()).await.unwrap();
        let script = "echo ready; while read -r word; do echo \"got $word\"; done; echo -n bye; exit 7";
        let mut process = connection.start(script).await.unwrap();
        assert_eq!(process.next_line(LONG).await.unwrap().as_deref(), Some("ready"));
        for word in ["one", "two"] {
            process.send(format!("{word}\n").as_bytes(), LONG).await.unwrap();
            assert_eq!(process.next_line(LONG).await.unwrap(), Some(format!("got {word}")));
        }
        let silence = process.next_line(SHORT).await.unwrap_err();
        assert!(matches!(silence.problem, SshProblem::TimedOut(..)), "{silence}");
        process.close_stdin().await;
        assert_eq!(process.next_line(LONG).await.unwrap(), None);
        let output = process.wait(LONG).await.unwrap();
        assert_eq!(parts(&output), (Ending::Code(7), "bye".to_owned(), String::new()));
    });
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_conversation_with_a_command_that_left_is_no_error_but_its_end_is_told() {
    let server = Sshd::start();
    block_on(async {
        let connection = Connection::open(&server.destination()).await.unwrap();
        let mut process = connection.start("echo gone; exit 5").await.unwrap();
        assert_eq!(process.next_line(LONG).await.unwrap().as_deref(), Some("gone"));
        process.send(&vec![b'x'; 8 << 20], LONG).await.unwrap();
        assert_eq!(process.next_line(LONG).await.unwrap(), None);
        assert_eq!(process.wait(LONG).await.unwrap().ending, Ending::Code(5));
    });
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn banners_and_noisy_profiles_do_no_harm() {
    let banner = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(banner.path(), "\x1b[31mWelcome\n".repeat(50)).unwrap();
    let server = Sshd::setup().setting(&format!("Banner {}", banner.path().display())).start();
    std::fs::write(server.home().join(".bashrc"), "echo noise\necho more >&2\n").unwrap();
    let output = block_on(run(&server.destination(), "echo word", "")).unwrap();
    let (ending, stdout, stderr) = parts(&output);
    // Only bash reads this file, and only where it was built to.
    assert!(stdout == "noise\nword\n" && stderr == "more\n" || stdout == "word\n", "{stdout:?} {stderr:?}");
    assert_eq!(ending, Ending::Code(0));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_server_that_forbids_commands_is_told_apart() {
    let server = Sshd::setup().setting("MaxSessions 0").start();
    let error = block_on(run(&server.destination(), "true", "")).err().unwrap();
    assert!(matches!(error.problem, SshProblem::ChannelRefused(_)), "{error}");
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn every_type_of_host_key_is_checked() {
    let server = Sshd::setup().host_keys(&["ed25519", "ecdsa", "rsa"]).start();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let mut to = server.destination();
        to.host_keys = HostKeys::parse(&server.host_key(kind)).unwrap();
        let fingerprint = block_on(async { Connection::open(&to).await.unwrap().host_key_fingerprint() });
        assert_eq!(fingerprint, PublicKey::parse(&server.host_key(kind)).unwrap().fingerprint());
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn every_form_of_known_hosts_is_understood() {
    let server = Sshd::start();
    let (name, key) = (server.known_name(), server.host_key("ed25519"));
    let hashed = server.path("hashed");
    std::fs::write(&hashed, format!("{name} {key}\n")).unwrap();
    assert!(
        Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&hashed).output().unwrap().status.success()
    );
    let hashed = std::fs::read_to_string(&hashed).unwrap();
    assert!(hashed.starts_with("|1|"), "{hashed}");
    for recorded in [
        key.clone(),
        format!("{name} {key} a comment"),
        format!("{name}\t{}", key.replace(' ', "\t")),
        format!("[127.0.0.*]:{},!other {key}", server.port),
        hashed,
    ] {
        let mut to = server.destination();
        to.host_keys = HostKeys::parse(&recorded).unwrap();
        assert!(block_on(Connection::open(&to)).is_ok(), "{recorded}");
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_host_key_that_is_unknown_changed_revoked_or_only_vouched_for_is_refused() {
    let server = Sshd::start();
    keygen(&server.path("other"), &["-t", "ed25519"]);
    let (name, key) = (server.known_name(), server.host_key("ed25519"));
    let other = public_line(&server.path("other.pub"));
    let (shown, recorded) = (PublicKey::parse(&key).unwrap(), PublicKey::parse(&other).unwrap());
    let place = format!("127.0.0.1:{}", server.port);
    for (text, expected, hint) in [
        (String::new(), format!("no host key is recorded for it; it shows {shown}"), true),
        (format!("example.com {key}"), format!("no host key is recorded for it; it shows {shown}"), true),
        (
            format!("{name} {other}"),
            format!("the host key is not the recorded one: it shows {shown}, recorded is {recorded}"),
            true,
        ),
        (format!("{key}\n@revoked * {key}"), format!("its host key is recorded as revoked: {shown}"), false),
        (
            format!("@cert-authority * {key}"),
            format!(
                "only a certificate authority is recorded for it, which is not followed; it shows {shown}"
            ),
            true,
        ),
    ] {
        let mut to = server.destination();
        to.host_keys = HostKeys::parse(&text).unwrap();
        let error = refused(&to);
        assert_eq!(error.to_string(), format!("{place}: {expected}"));
        let says_how = error.hint("web").is_some_and(|hint| hint.contains("luca-secrets server pin web"));
        assert_eq!(says_how, hint, "{text}");
    }
    assert!(!server.log().contains("Accepted"), "nobody may log in before the host key is known");
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn scanning_shows_each_key_once_and_logs_in_nowhere() {
    let server = Sshd::setup().host_keys(&["rsa", "ed25519", "ecdsa"]).start();
    let mut to = server.destination();
    to.host_keys = HostKeys::default();
    let keys = block_on(scan_host_keys(&to)).unwrap();
    let lines: Vec<String> = keys.iter().map(PublicKey::line).collect();
    assert_eq!(lines, ["ed25519", "ecdsa", "rsa"].map(|kind| server.host_key(kind)));
    assert!(!server.log().contains("Accepted"));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn every_type_and_form_of_our_key_logs_in() {
    let server = Sshd::start();
    let forms: &[(&str, &[&str])] = &[
        ("ed25519", &["-t", "ed25519"]),
        ("ed25519-encrypted", &["-t", "ed25519", "-N", "pass word ü"]),
        ("ed25519-gcm", &["-t", "ed25519", "-N", "pass word ü", "-Z", "aes256-gcm@openssh.com"]),
        ("ed25519-chacha", &["-t", "ed25519", "-N", "pass word ü", "-Z", "chacha20-poly1305@openssh.com"]),
        ("ecdsa-256", &["-t", "ecdsa", "-b", "256"]),
        ("ecdsa-384", &["-t", "ecdsa", "-b", "384"]),
        ("ecdsa-521", &["-t", "ecdsa", "-b", "521"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("rsa-pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa-pem-encrypted", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "pass word ü"]),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
        ("rsa-pkcs8-encrypted", &["-t", "rsa", "-b", "2048", "-m", "PKCS8", "-N", "pass word ü"]),
    ];
    for (name, options) in forms {
        let path = server.path(name);
        keygen(&path, options);
        server.authorize(&public_line(&path.with_extension("pub")));
        let encrypted = options.contains(&"-N");
        let mut to = server.destination();
        to.keys = vec![read_key(&path, encrypted.then_some("pass word ü"))];
        let key = block_on(async { Connection::open(&to).await.map(|connection| connection.key().line()) });
        assert_eq!(key.unwrap(), public_line(&path.with_extension("pub")), "{name}");
        if encrypted {
            let text = SecretValue::new(std::fs::read_to_string(&path).unwrap());
            assert_eq!(Key::parse(&text, &mut || None).err(), Some(KeyError::Encrypted), "{name}");
            let wrong = Key::parse(&text, &mut || Some(SecretValue::new("wrong".to_owned())));
            assert_eq!(wrong.err(), Some(KeyError::WrongPassphrase), "{name}");
        }
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn rsa_with_sha1_is_never_used() {
    let server = Sshd::setup().setting("PubkeyAcceptedAlgorithms ssh-rsa").start();
    keygen(&server.path("rsa"), &["-t", "rsa", "-b", "2048"]);
    server.authorize(&public_line(&server.path("rsa.pub")));
    let mut to = server.destination();
    to.keys = vec![read_key(&server.path("rsa"), None)];
    assert!(matches!(refused(&to).problem, SshProblem::NoKeyAccepted { .. }));
    let server = Sshd::setup().host_keys(&["rsa"]).setting("HostKeyAlgorithms ssh-rsa").start();
    let error = refused(&server.destination()).to_string();
    let expected = "no kind of host key that both sides accept; the server offers ssh-rsa";
    assert_eq!(error, format!("127.0.0.1:{}: {expected}", server.port));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn keys_that_are_not_accepted_are_named_and_the_next_one_is_tried() {
    let server = Sshd::start();
    for name in ["a", "b"] {
        keygen(&server.path(name), &["-t", "ed25519"]);
    }
    let (a, b) = (read_key(&server.path("a"), None), read_key(&server.path("b"), None));
    let mut to = server.destination();
    let right = to.keys.remove(0);
    to.keys = vec![a.clone(), b.clone()];
    let error = refused(&to);
    let expected = format!("127.0.0.1:{}: {} may not log in with {a}, {b}", server.port, user());
    assert_eq!(error.to_string(), expected);
    assert!(error.hint("web").unwrap().contains("authorized_keys"));
    to.keys = vec![a.clone(), right];
    assert!(block_on(Connection::open(&to)).is_ok());
    to.keys = Vec::new();
    assert!(matches!(refused(&to).problem, SshProblem::NoKeys));
    to.keys = vec![a; 10];
    let error = refused(&to);
    assert!(matches!(error.problem, SshProblem::NoKeyAccepted { .. }), "{error}");
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_server_that_wants_no_keys_says_what_it_wants() {
    let server =
        Sshd::setup().setting("PubkeyAuthentication no").setting("PasswordAuthentication yes").start();
    let error = refused(&server.destination()).to_string();
    assert!(error.ends_with("; the server wants password, not keys"), "{error}");
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn an_agent_signs_with_the_picked_key_or_with_any() {
    let server = Sshd::start();
    let agent = Agent::start(&server.path(""));
    let socket = agent.socket.display().to_string();
    let mut to = server.destination();
    let place = to.label();
    let with = |pick: Option<&str>| vec![Key::agent(&agent.socket, pick).unwrap()];
    to.keys = with(None);
    assert_eq!(refused(&to).to_string(), format!("{place}: the ssh-agent at {socket} holds no keys"));
    for (name, kind) in [("a", "ed25519"), ("rsa", "rsa"), ("ecdsa", "ecdsa")] {
        keygen(&server.path(name), &["-t", kind]);
        agent.add(&[], &server.path(name));
    }
    assert!(
        matches!(refused(&to).problem, SshProblem::NoKeyAccepted { ref offered, .. } if offered.len() == 3)
    );
    let rsa = public_line(&server.path("rsa.pub"));
    server.authorize(&rsa);
    assert_eq!(block_on(async { Connection::open(&to).await.unwrap().key().line() }), rsa);
    to.keys = with(Some(&rsa));
    assert_eq!(block_on(async { Connection::open(&to).await.unwrap().key().line() }), rsa);
    let own = PublicKey::parse(&public_line(&server.path("client.pub"))).unwrap().fingerprint();
    to.keys = with(Some(&own));
    assert_eq!(refused(&to).to_string(), format!("{place}: the ssh-agent at {socket} does not hold {own}"));
    agent.add(&[], &server.client_key());
    assert!(block_on(Connection::open(&to)).is_ok());
    assert_eq!(Key::agent(&agent.socket, Some("my key")).err(), Some(KeyError::BadPick));
    drop(agent);
    let error = refused(&to);
    assert_eq!(error.to_string(), format!("{place}: no ssh-agent listens at {socket}"));
    to.keys.push(read_key(&server.client_key(), None));
    assert!(block_on(Connection::open(&to)).is_ok(), "another key may still do");
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_server_is_reached_through_others_and_each_checks_its_own_keys() {
    let (outer, middle, inner) = (
        Sshd::start(),
        Sshd::setup().address("127.0.0.2").start(),
        Sshd::setup().address("127.0.0.3").start(),
    );
    let mut through = middle.destination();
    through.jump = Some(Box::new(outer.destination()));
    let mut to = inner.destination();
    to.jump = Some(Box::new(through));
    let output = block_on(async {
        let connection = Connection::open(&to).await.unwrap();
        let output = connection.run("cat", &text("far away"), LONG).await.unwrap();
        connection.close().await;
        output
    });
    assert_eq!(parts(&output).1, "far away");
    let keys = block_on(scan_host_keys(&to)).unwrap();
    assert_eq!(keys[0].line(), inner.host_key("ed25519"));
    to.jump.as_mut().unwrap().host_keys = HostKeys::default();
    let error = refused(&to);
    assert_eq!(error.host, format!("127.0.0.2:{}", middle.port));
    assert!(matches!(error.problem, SshProblem::HostKeyUnknown(_)));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_jump_host_that_cannot_or_will_not_go_on_says_so() {
    let outer = Sshd::start();
    let mut to = outer.destination();
    to.port = free_port("127.0.0.1");
    to.jump = Some(Box::new(outer.destination()));
    let error = refused(&to).to_string();
    let way = format!("no way on from there to 127.0.0.1:{}", to.port);
    assert_eq!(error, format!("127.0.0.1:{}: {way}: the connection failed", outer.port));
    let outer = Sshd::setup().setting("AllowTcpForwarding no").start();
    to.jump = Some(Box::new(outer.destination()));
    let error = refused(&to).to_string();
    assert_eq!(error, format!("127.0.0.1:{}: {way}: its settings forbid it", outer.port));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_tunnel_carries_bytes_both_ways() {
    let server = Sshd::start();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reading = stream.try_clone().unwrap();
        std::io::copy(&mut reading, &mut stream).unwrap();
    });
    let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let received = block_on(async {
        let connection = Connection::open(&server.destination()).await.unwrap();
        let tunnel = connection.tunnel("127.0.0.1", port).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(tunnel);
        let mut received = Vec::new();
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let reading = async { reader.read_to_end(&mut received).await.unwrap() };
        tokio::join!(writing, reading);
        received
    });
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
    echo.join().unwrap();
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn many_hosts_are_served_at_once_and_one_that_fails_stops_no_other() {
    let servers: Vec<Sshd> =
        (1..=8).map(|host| Sshd::setup().address(&format!("127.0.1.{host}")).start()).collect();
    let mut all: Vec<Destination> = servers.iter().map(Sshd::destination).collect();
    all[3].host_keys = HostKeys::default();
    all[5].port = free_port("127.0.1.6");
    let outputs =
        block_on(in_parallel(&all, 4, |to| async move { run(to, "cat; hostname >&2", &to.host).await }));
    for (number, (output, to)) in outputs.iter().zip(&all).enumerate() {
        match (number, output) {
            (3, Err(error)) => assert!(matches!(error.problem, SshProblem::HostKeyUnknown(_)), "{error}"),
            (5, Err(error)) => {
                assert_eq!(error.to_string(), format!("{}: nobody listens at that port", to.label()));
            }
            (_, Ok(output)) => assert_eq!(parts(output).1, to.host),
            (_, Err(error)) => panic!("{error}"),
        }
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_server_that_dies_in_the_middle_ends_everything_with_a_message() {
    let mut server = Sshd::start();
    let place = server.destination().label();
    block_on(async {
        let connection = Connection::open(&server.destination()).await.unwrap();
        let mut process = connection.start("echo begun; sleep 1000").await.unwrap();
        assert_eq!(process.next_line(LONG).await.unwrap().as_deref(), Some("begun"));
        server.kill();
        // More than the window holds, so that the sender waits for room that never comes.
        process.send(&vec![b'x'; 8 << 20], LONG).await.unwrap();
        let error = process.wait(LONG).await.err().unwrap().to_string();
        assert!(
            error.starts_with(&format!("{place}: the connection ended while running the command")),
            "{error}"
        );
        let error = connection.run("true", &text(""), LONG).await.err().unwrap().to_string();
        assert!(
            error.starts_with(&format!("{place}: the connection ended while opening a channel")),
            "{error}"
        );
        assert!(connection.is_closed());
    });
}

/// A destination without a server.
fn nowhere(host: &str, port: u16) -> Destination {
    Destination {
        host: host.to_owned(),
        port,
        user: "nobody".to_owned(),
        host_keys: HostKeys::default(),
        keys: Vec::new(),
        jump: None,
        timeouts: patient(),
    }
}

#[test]
fn a_place_that_is_no_server_is_told_by_what_it_is() {
    let closed = free_port("127.0.0.1");
    let error = refused(&nowhere("127.0.0.1", closed));
    assert_eq!(error.to_string(), format!("127.0.0.1:{closed}: nobody listens at that port"));
    // Longer than a name may be, so that nobody is asked for it.
    let long = "x".repeat(300);
    assert_eq!(refused(&nowhere(&long, 22)).to_string(), format!("{long}: no address has that name"));
    // TCP cannot reach everybody, which the kernel knows without sending anything.
    let error = refused(&nowhere("255.255.255.255", 22)).to_string();
    assert_eq!(error, "255.255.255.255: cannot be reached: network unreachable");
}

#[test]
fn a_listener_that_is_silent_or_speaks_otherwise_is_given_up() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut to = nowhere("127.0.0.1", listener.local_addr().unwrap().port());
    to.timeouts.handshake = SHORT;
    let place = to.label();
    assert_eq!(refused(&to).to_string(), format!("{place}: no answer within 300ms while exchanging keys"));
    to.timeouts.handshake = LONG;
    let noise = "x".repeat(10_000);
    for (greeting, expected) in [
        ("", "the connection ended while exchanging keys"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "the connection ended while exchanging keys"),
        ("SSH-1.5-old\r\n", "the connection ended while exchanging keys"),
        (&noise, "whoever answers there speaks no SSH"),
        ("SSH-2.0-x\r\n", "the connection ended while exchanging keys"),
    ] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        to.port = listener.local_addr().unwrap().port();
        let (place, greeting) = (to.label(), greeting.to_owned());
        let speaking = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(greeting.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        });
        let error = refused(&to).to_string();
        assert!(error.starts_with(&format!("{place}: {expected}")), "{error}");
        speaking.join().unwrap();
    }
}

#[test]
fn a_host_that_lets_everything_fall_is_given_up() {
    use rustix::net::{AddressFamily, SocketType};
    let socket: OwnedFd = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    // The queue holds one; everything after it gets no answer.
    let fill = || TcpStream::connect_timeout(&address, SHORT);
    let queued: Vec<_> = (0..4).map(|_| fill()).collect();
    assert!(queued.iter().any(Result::is_err), "the queue never fills");
    let mut to = nowhere("127.0.0.1", address.port());
    to.timeouts.connect = SHORT;
    assert_eq!(refused(&to).to_string(), format!("{}: no answer within 300ms while connecting", to.label()));
}

#[test]
fn keys_that_cannot_be_read_say_why_and_quote_nothing() {
    let none = &mut || None;
    for (text, expected) in [
        ("", KeyError::Unreadable),
        ("hunter2", KeyError::Unreadable),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            KeyError::Unreadable,
        ),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", KeyError::Unsupported("a key in PuTTY's form")),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,00\n\nAAAA\n",
            KeyError::Unsupported("a key that is encrypted in the oldest form"),
        ),
    ] {
        let key = Key::parse(&SecretValue::new(text.to_owned()), none);
        assert_eq!(key.err(), Some(expected), "{text}");
    }
}

/// What `tests/bench/ssh` times: one file to several servers at once, each over one connection and by one command. The
/// servers come from `LUCA_SECRETS_BENCH_SSH` (lines `host port private-key known-host-key target`), else are made here.
#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_file_is_installed_on_every_server() {
    let content = text("VARIABLE=0123456789\n".repeat(205));
    let given = std::env::var("LUCA_SECRETS_BENCH_SSH").map(|list| std::fs::read_to_string(list).unwrap());
    let servers: Vec<Sshd> = if given.is_ok() { Vec::new() } else { (0..3).map(|_| Sshd::start()).collect() };
    let list = given.unwrap_or_else(|_| servers.iter().map(bench_line).collect());
    let jobs: Vec<(Destination, String)> = list.lines().map(bench_job).collect();
    let ended = block_on(in_parallel(&jobs, 32, |(to, target)| {
        let content = &content;
        async move {
            let connection = Connection::open(to).await.unwrap();
            let command = format!("umask 077; cat > '{target}.tmp' && mv '{target}.tmp' '{target}'");
            connection.run(&command, content, LONG).await.unwrap().ending
        }
    }));
    assert!(ended.iter().all(|ending| *ending == Ending::Code(0)), "{ended:?}");
    assert_eq!(ended.len(), jobs.len());
    for server in servers {
        assert_eq!(std::fs::read_to_string(server.path("installed")).unwrap(), content.expose());
    }
}

fn bench_line(server: &Sshd) -> String {
    let (key, target) = (server.client_key(), server.path("installed"));
    let host_key = server.host_key("ed25519").replace(' ', "_");
    format!("{} {} {} {host_key} {}\n", server.address, server.port, key.display(), target.display())
}

fn bench_job(line: &str) -> (Destination, String) {
    let fields: Vec<&str> = line.split(' ').collect();
    let [host, port, key, host_key, target] = fields[..] else { panic!("{line}") };
    let mut to = nowhere(host, port.parse().unwrap());
    to.user = user();
    to.host_keys = HostKeys::parse(&host_key.replacen('_', " ", 1)).unwrap();
    to.keys = vec![read_key(Path::new(key), None)];
    (to, target.to_owned())
}
