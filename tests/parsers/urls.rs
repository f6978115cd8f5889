//! URLs against the programs that take them apart: env.db of django-environ, and kombu.

use luca_secrets::schema::{Dialect, Reader};

use super::corpus::Generator;
use super::real::drive;
use super::{SEED, render_read_by, variable};

/// A URL with a password of any kind, and what every reader should make of it.
fn url(generator: &mut Generator) -> (String, [String; 4]) {
    let raw = generator.value();
    let encode = generator.below(4) == 0;
    let encoded = raw.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
    let password = if encode { encoded } else { raw };
    let scheme = ["postgres", "redis"][generator.below(2)];
    let (host, port) = ("db.example.com", ["", ":5432"][generator.below(2)]);
    let path = ["", "/app"][generator.below(2)];
    let query = ["", "", "?sslmode=require"][generator.below(3)];
    let parts =
        ["user".to_owned(), decode(&password), host.to_owned(), path.trim_start_matches('/').to_owned()];
    (format!("{scheme}://user:{password}@{host}{port}{path}{query}"), parts)
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = [rest.clone().next(), rest.clone().nth(1)].into_iter().flatten().collect::<Vec<_>>();
        let code = std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(|_| byte == b'%' && digits.len() == 2) {
            Some(code) => {
                rest.nth(1);
                bytes.push(code);
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn an_accepted_url_gives_every_reader_the_same_password() {
    let mut generator = Generator(SEED);
    let mut accepted = Vec::new();
    for _ in 0..20_000 {
        let (url, parts) = url(&mut generator);
        if render_read_by(Dialect::Sh, &[variable("V", &url)], &[Reader::Url]).is_ok() {
            accepted.push((url, parts));
        }
    }
    assert!(accepted.len() > 1_000, "only {} URLs were accepted", accepted.len());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("urls");
    let urls: Vec<&String> = accepted.iter().map(|(url, _)| url).collect();
    std::fs::write(&file, serde_json::to_string(&urls).unwrap()).unwrap();
    let found = drive("urls", &[file]).remove(0).unwrap();
    for (at, (url, [user, password, host, name])) in accepted.iter().enumerate() {
        let read: Vec<Option<String>> = serde_json::from_slice(&found[&at.to_string()]).unwrap();
        let put = [user, password, host, name, user, password, host, name].map(String::as_str);
        let read: Vec<&str> = read.iter().map(|part| part.as_deref().unwrap_or_default()).collect();
        assert_eq!(read, put, "{url} (seed {SEED})");
    }
}
