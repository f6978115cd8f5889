//! What GitHub refuses, each with its message, and what the client refuses to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use luca_secrets::target::github::{Kind, PushRecord, Scope};

use super::fake::{Fake, Push, repository};

/// A push of one secret and one variable.
fn small(fake: &Fake) -> Push {
    let mut push = Push::new(fake, repository());
    push.want(Kind::Secret, "A", "value");
    push.want(Kind::Variable, "B", "value");
    push
}

/// What fails, with the port taken out.
fn failures(push: &Push, fake: &Fake) -> String {
    let text = match push.run(&PushRecord::default()) {
        Ok(pushed) => pushed.failures().join("\n"),
        Err(error) => error,
    };
    text.replace(&fake.port.to_string(), "PORT")
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn tokens_that_may_not() {
    let fake = Fake::start();
    let cases = [
        ("unknown", "GitHub does not know the token: it is wrong, expired or revoked"),
        (
            "made-up-reader",
            "A: secret A of example/shop: the token may not do this; it needs the permission secrets=write\n\
             B: not tried",
        ),
        (
            "made-up-unscoped",
            "secrets of example/shop: the token may not do this; a classic token needs one of the scopes repo and has \
             gist",
        ),
        (
            "made-up-sso",
            "secrets of example/shop: the organisation wants the token authorised by single sign-on first",
        ),
        ("two\nlines", "the token or a header holds characters that cannot be sent"),
    ];
    for (token, expected) in cases {
        let mut push = small(&fake);
        push.token = token.to_owned();
        let found = failures(&push, &fake);
        // Both writes are on their way at once: the second may have met the same refusal.
        let other = "B: variable B of example/shop: the token may not do this; it needs the permission \
                     actions_variables=write";
        assert!(found == expected || found == expected.replace("B: not tried", other), "{token}: {found}");
        assert_eq!(fake.state(), json!({}));
    }
    let mut push = small(&fake);
    push.token = "made-up-classic".to_owned();
    assert_eq!(failures(&push, &fake), "");
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn places_that_are_not_there() {
    let fake = Fake::start();
    let mut push = small(&fake);
    push.scope = Scope::Repository { owner: "example".to_owned(), name: "none".to_owned() };
    assert_eq!(failures(&push, &fake), "secrets of example/none: not there, or the token may not see it");
    push.scope = Scope::Environment {
        owner: "example".to_owned(),
        name: "shop".to_owned(),
        environment: "none".to_owned(),
    };
    let expected = "secrets of example/shop (environment none): not there, or the token may not see it";
    assert_eq!(failures(&push, &fake), expected);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn answers_of_all_kinds() {
    let fake = Fake::start();
    let cases = [
        (json!({"1": "odd"}), "secrets of example/shop: GitHub's answer is of an unknown form"),
        (json!({"1": "teapot"}), "secrets of example/shop: GitHub answered with status 418"),
        (json!({"1": "for-hours"}), "GitHub's rate limit is reached for another 7200 s"),
        (json!({"3": "for-hours"}), "A: GitHub's rate limit is reached for another 7200 s\nB: not tried"),
        (json!({"4": "conflict"}), "A: secret A of example/shop: somebody else is changing it"),
        (
            json!({"1": "moved-away"}),
            "127.0.0.1:PORT sends on to elsewhere.example.com, which is not followed",
        ),
        (
            json!({"1": "moved", "2": "moved", "3": "moved", "4": "moved"}),
            "127.0.0.1:PORT sends on to 127.0.0.1:PORT, which is not followed",
        ),
        (json!({"1": "moved", "2": "moved", "3": "moved"}), ""),
        (json!({"4": "moved", "5": "moved", "6": "moved"}), ""),
        (
            json!({"1": "500", "2": "502", "3": "500", "4": "500", "5": "503"}),
            "GitHub failed with status 503 (request 0:1:5)",
        ),
    ];
    for (faults, expected) in cases {
        fake.reset();
        fake.faults(&faults);
        let mut push = small(&fake);
        if faults["4"] == "conflict" {
            push.want.pop();
            fake.faults(&json!({"3": "conflict"}));
        }
        assert_eq!(failures(&push, &fake), expected, "{faults}");
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn what_the_description_forbids_is_refused_by_the_server_too() {
    let fake = Fake::start();
    let mut push = Push::new(&fake, repository());
    for number in 0..100 {
        fake.set("repos/example/shop", "secrets", &format!("THEIRS{number:02}"), "theirs");
    }
    push.want(Kind::Secret, "OURS", "value");
    let refused = failures(&push, &fake);
    assert!(
        refused.starts_with("there would be 101 secrets, and GitHub takes 100; not ours: THEIRS00, "),
        "{refused}"
    );
    push.want(Kind::Secret, "github_x", "value");
    assert_eq!(failures(&push, &fake), "github_x: GitHub keeps names that begin with GITHUB_ for itself");
    assert!(fake.log().iter().all(|line| line.starts_with("GET ")));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn only_the_right_host_gets_the_token() {
    let fake = Fake::start();
    let other = Fake::start();
    let mut push = small(&fake);
    push.env = vec![("SSL_CERT_FILE".to_owned(), other.certificate.clone())];
    let refused = failures(&push, &fake);
    assert!(refused.starts_with("127.0.0.1:PORT is not trusted: invalid peer certificate"), "{refused}");
    push.env = vec![("SSL_CERT_FILE".to_owned(), "/nonexistent".to_owned())];
    let refused = failures(&push, &fake);
    assert!(refused.starts_with("the certificates to trust cannot be read: "), "{refused}");

    let mut push = small(&fake);
    push.base = "http://github.example.com/api/v3".to_owned();
    assert_eq!(failures(&push, &fake), "github.example.com: no token is sent over plain http");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    push.base = format!("https://{closed}");
    assert_eq!(failures(&push, &fake), format!("{closed} cannot be reached: connection refused"));
    assert_eq!(fake.log(), [""; 0]);
}

/// A proxy that leads every connection to one port and gives the first lines it was sent.
fn proxy(to: u64) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            send.send(String::from_utf8(head).unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let server = TcpStream::connect(format!("127.0.0.1:{to}")).unwrap();
            let (mut from, mut into) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut into));
            let mut server = server;
            std::thread::spawn(move || std::io::copy(&mut server, &mut stream));
        }
    });
    (address, receive)
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn the_proxy_of_the_environment_is_used() {
    let fake = Fake::start();
    let (address, heads) = proxy(fake.port);
    let mut push = small(&fake);
    push.base = "https://github.example.com/api/v3".to_owned();
    push.env.push(("https_proxy".to_owned(), format!("http://user:word@{address}")));
    assert_eq!(failures(&push, &fake), "");
    assert_eq!(fake.log().len(), 7);
    let head = heads.recv().unwrap();
    assert!(head.starts_with("CONNECT github.example.com:443 HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjp3b3jk\r\n"), "{head}");
    assert!(!head.contains("made-up"));

    push.env[1].1 = format!("socks5://{address}");
    assert_eq!(failures(&push, &fake), "the proxy cannot be used: only http:// proxies are known");
}
