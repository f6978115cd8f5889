//! Pushes that work.

use super::{APPLY, Fleet};

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_push_puts_the_file_everywhere_and_makes_it_take_effect_once() {
    let fleet = Fleet::new(3);
    let done = fleet.pushed();
    assert_eq!(
        fleet.plain(&done.stderr),
        "server.web1, [app]/app.env: 2 differences, 0 unchanged\n\
         \x20 create    DB_PASSWORD  [print]\n  create    DB_PORT      [print]\n\
         server.web2, [app]/app.env: 2 differences, 0 unchanged\n\
         \x20 create    DB_PASSWORD  [print]\n  create    DB_PORT      [print]\n\
         server.web3, [app]/app.env: 2 differences, 0 unchanged\n\
         \x20 create    DB_PASSWORD  [print]\n  create    DB_PORT      [print]\n\
         [steps]\n\
         ok: server web1: pushed\nok: server web2: pushed\nok: server web3: pushed\n"
            .replace("[steps]\n", &steps(&fleet, &done.stderr))
    );
    assert_eq!(fleet.passwords(), ["correct horse battery"; 3]);
    assert_eq!(fleet.running(), ["correct horse battery"; 3]);
    assert_eq!(fleet.names(0), ["app.env", "applied", "running"]);

    // Nothing to do: no service is touched.
    let again = fleet.pushed();
    assert_eq!(
        fleet.plain(&again.stderr),
        "server.web1, [app]/app.env: 2 unchanged, generation 3 there\n\
         server.web2, [app]/app.env: 2 unchanged, generation 3 there\n\
         server.web3, [app]/app.env: 2 unchanged, generation 3 there\n\
         ok: there is nothing to push\n"
    );
    assert_eq!((0..3).map(|host| fleet.applied(host)).collect::<Vec<_>>(), [1, 1, 1]);

    // Only the host that differs is touched.
    fleet.set("new one");
    fleet.push(&["--yes", "-q"]).gives(0, "", "");
    assert_eq!(fleet.running(), ["new one"; 3]);
    std::fs::remove_file(fleet.app(1).join("app.env")).unwrap();
    fleet.push(&["--yes", "-q"]).gives(0, "", "");
    assert_eq!((0..3).map(|host| fleet.applied(host)).collect::<Vec<_>>(), [2, 3, 2]);
    assert_eq!(fleet.names(0), [".app.env.luca-secrets-previous", "app.env", "applied", "running"]);
}

/// The lines of progress, whose order among the hosts is by chance.
fn steps(fleet: &Fleet, text: &str) -> String {
    let plain = fleet.plain(text);
    let lines: Vec<&str> = plain.lines().filter(|line| line.ends_with("([time] s)")).collect();
    for step in ["staged", "in place", "applied", "healthy", "committed"] {
        for host in ["web1", "web2", "web3"] {
            let line = format!("server {host}: {step} ([time] s)");
            assert_eq!(lines.iter().filter(|one| **one == line).count(), 1, "{line}: {plain}");
        }
    }
    assert_eq!(lines.len(), 15);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_person_is_asked_and_a_dry_run_changes_nothing() {
    let fleet = Fleet::new(1);
    let dry = fleet.push(&["-n"]).success();
    assert!(fleet.plain(&dry.stderr).ends_with("create    DB_PORT      [print]\n"), "{}", dry.stderr);
    assert!(fleet.names(0).is_empty());
    let no = fleet.push(&[]).answers(&["n"]).done();
    assert!(no.code == 1 && no.stderr.ends_with("error: not confirmed\nhint: nothing was changed\n"));
    assert!(fleet.names(0).is_empty());
    fleet.push(&[]).answers(&["y"]).success();
    assert_eq!(fleet.passwords(), ["correct horse battery"]);
    let json = fleet.push(&["--json", "--yes"]).success().stdout;
    assert!(json.contains("\"generation\": 3") && !json.contains("horse"), "{json}");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn without_apply_no_service_is_touched() {
    let fleet = Fleet::new(1);
    fleet.push(&["--yes", "--no-apply"]).success();
    assert_eq!(fleet.names(0), ["app.env"]);
}

#[test]
#[ignore = "needs sshd, and to be root with sudo; run tests/run"]
fn sudo_puts_a_file_in_place_whose_owner_is_another() {
    let fleet = Fleet::new(1);
    let schema = fleet.world.read("schemas/servers.toml");
    let schema = schema.replace("connect-timeout", "sudo = true\nconnect-timeout");
    fleet
        .world
        .write("schemas/servers.toml", schema.replace("app.env\"\n", "app.env\"\nowner = \"nobody\"\n"));
    fleet.pushed();
    assert_eq!(
        (fleet.passwords(), fleet.running()),
        (vec!["correct horse battery".to_owned()], vec!["correct horse battery".to_owned()])
    );
    let meta = std::fs::metadata(fleet.app(0).join("app.env")).unwrap();
    let nobody = std::process::Command::new("id").args(["-u", "nobody"]).output().unwrap().stdout;
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&meta).to_string(),
        String::from_utf8_lossy(&nobody).trim()
    );
    assert!(fleet.pushed().stderr.ends_with("ok: there is nothing to push\n"));
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn health_is_proven_by_tcp_and_http_from_here_and_from_there() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0; 2048];
                let _ = std::io::Read::read(&mut stream, &mut buffer);
                let token = String::from_utf8_lossy(&buffer).contains("X-Token: correct horse battery")
                    || String::from_utf8_lossy(&buffer).contains("x-token: correct horse battery");
                let body = if token { "{\"ok\": \"well\"}" } else { "{}" };
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
            });
        }
    });
    let fleet = Fleet::new(1);
    for from in ["here", "server"] {
        for probe in [
            format!(
                "url = \"http://127.0.0.1:{port}/health\", contains = \"well\", header = {{ name = \"X-Token\", value = \"{{{{ database.password }}}}\" }}"
            ),
            format!("tcp = \"127.0.0.1:{port}\""),
        ] {
            let _ = std::fs::remove_file(fleet.app(0).join("app.env"));
            fleet.write_schema(
                APPLY,
                &format!(
                    "health = {{ {probe}, from = \"{from}\", within = \"5s\", every = \"1s\", in-a-row = 2 }}"
                ),
            );
            fleet.push(&["--yes", "-q"]).gives(0, "", "");
        }
        let _ = std::fs::remove_file(fleet.app(0).join("app.env"));
        fleet.write_schema(
            APPLY,
            &format!("health = {{ url = \"http://127.0.0.1:{port}/\", contains = \"well\", from = \"{from}\", within = \"2s\", every = \"1s\", in-a-row = 1 }}"),
        );
        let done = fleet.push(&["--yes", "-q"]).done();
        assert_eq!(
            (done.code, done.stderr.replace(&port.to_string(), "[port]").as_str()),
            (
                1,
                "error: server web1: not healthy: http://127.0.0.1:[port]/: the reply does not hold the text that \
                 the schema wants (for 2 s)\n\
                 error: server web1: as it was before, and not healthy either: http://127.0.0.1:[port]/: the reply \
                 does not hold the text that the schema wants (for 2 s)\n"
            )
        );
        assert_eq!(fleet.passwords(), [""]);
    }
}
