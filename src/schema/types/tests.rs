use super::*;

mod fixtures;

use fixtures::{
    CERTIFICATE, EC_PEM, ECDSA, ECDSA_PUBLIC, ED25519, ED25519_AEAD, ED25519_ENCRYPTED, ED25519_PUBLIC,
    PKCS8, PKCS8_ENCRYPTED, RSA_PEM, RSA_PEM_ENCRYPTED, RSA_PUBLIC,
};

const NUL: &str = "holds a NUL byte, which no environment can carry";

fn outcome(kind: &Type, text: &str) -> Result<(), String> {
    kind.check(&SecretValue::new(text.to_owned())).map_err(|mismatch| mismatch.to_string())
}

#[track_caller]
fn table(kind: &Type, message: &str, accepted: &[&str], refused: &[&str]) {
    for text in accepted {
        assert_eq!(outcome(kind, text), Ok(()), "{} should accept {text:?}", kind.name());
    }
    for text in refused {
        assert_eq!(outcome(kind, text), Err(message.to_owned()), "{} should refuse {text:?}", kind.name());
    }
    assert_eq!(outcome(kind, "a\0b"), Err(NUL.to_owned()));
}

#[test]
fn string() {
    table(
        &Type::String,
        "not a string: one line without control characters",
        &["", " ", "a", "Grüße, \"$x\" 'y' \\ #z", " outer ", "日本"],
        &["a\nb", "a\r", "a\tb", "\u{1b}[0m", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "a\u{2029}b", "a\n"],
    );
}

#[test]
fn password() {
    table(
        &Type::Password,
        "not a password: one line without control characters, spaces at the start or spaces at the end",
        &["x", "correct horse", "p$a'ss\"w\\ord#", "pässword"],
        &["", " a", "a ", "a\u{a0}", "a\n", "a\tb", "a\u{2028}b"],
    );
}

#[test]
fn token() {
    table(
        &Type::Token,
        "not a token: printable ASCII characters without spaces",
        &["x", "sk_live_0a-B.c~=/+", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"],
        &["", "a b", "a\n", "tökén", "\u{7f}", "\t"],
    );
}

#[test]
fn url() {
    table(
        &Type::Url,
        "not a url: scheme://host and what follows, special characters percent-encoded (RFC 3986)",
        &[
            "https://example.com",
            "HTTPS://EXAMPLE.COM/",
            "https://example.com:8443/a/b?c=d&e=%20#f",
            "http://192.0.2.1:80/",
            "http://[2001:db8::1]:80/",
            "http://localhost:/",
            "postgres://luca:p%40ss%2Fw@db.example.com:5432/luca",
            "postgres://%2Fvar%2Frun%2Fpostgresql/luca",
            "redis://:secret@redis:6379/0",
            "redis+socket:///run/redis.sock",
            "file:///etc/hosts",
            "sqlite:////srv/db.sqlite3",
            "locmemcache://",
            "mailto:luca@example.com",
            "urn:isbn:0451450523",
            "https://key@o1.ingest.example.com/42",
        ],
        &[
            "",
            "example.com",
            "/path",
            "//example.com/a",
            "localhost:8000",
            "db:5432",
            "http:example.com",
            "http://",
            "https:///a",
            "https://:443/",
            "postgres:///luca",
            "redis://",
            "http://user@/",
            "https://example.com/a b",
            " https://example.com",
            "https://example.com\n",
            "https://example.com/ü",
            "https://example.com/%zz",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://example.com:http/",
            "https://[2001:db8::1/",
            "postgres://luca:pa/ss@db/luca",
            "postgres://luca:pa#ss@db/luca",
            "postgres://luca:p[a@db/luca",
            "1http://example.com",
            "mailto:",
            "https://{{ host }}/",
        ],
    );
}

#[test]
fn email() {
    let long_local = format!("{}@example.com", "a".repeat(64));
    let too_long_local = format!("{}@example.com", "a".repeat(65));
    let label = "b".repeat(63);
    let too_long = format!("aaaa@{label}.{label}.{label}.{}.com", "b".repeat(54));
    table(
        &Type::Email,
        "not an email address: name@example.com",
        &[
            "luca@example.com",
            "a.b+c@mail.example.co.uk",
            "o'neil@example.com",
            "root@localhost",
            &long_local,
        ],
        &[
            "",
            "luca",
            "@example.com",
            "luca@",
            "luca@example",
            "a@b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "\"a b\"@example.com",
            "Luca <luca@example.com>",
            "luca@example.com ",
            "luca@example.com\n",
            "lucä@example.com",
            "luca@exämple.com",
            "luca@[192.0.2.1]",
            "luca@192.0.2.1",
            "luca@-example.com",
            &too_long_local,
            &too_long,
        ],
    );
}

#[test]
fn host() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    let too_long = format!("{label}.{label}.{label}.{}", "a".repeat(62));
    let long_label = "a".repeat(64);
    table(
        &Type::Host,
        "not a host: a host name or an IP address, without scheme and port",
        &[
            "localhost",
            "db",
            "db-1.example.com",
            "3com.com",
            "xn--bcher-kva.example",
            "192.0.2.1",
            "::1",
            &longest,
        ],
        &[
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "a_b",
            "a b",
            "db:5432",
            "https://example.com",
            "192.0.2.999",
            "1234",
            "[::1]",
            "bücher.example",
            "a\n",
            &too_long,
            &long_label,
        ],
    );
}

#[test]
fn ip() {
    table(
        &Type::Ip,
        "not an ip address: IPv4 as in 192.0.2.1 or IPv6 as in 2001:db8::1",
        &["192.0.2.1", "0.0.0.0", "::", "2001:db8::1", "::ffff:192.0.2.1"],
        &[
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1 ",
            "192.0.2.1/24",
            "[::1]",
            "fe80::1%eth0",
            "localhost",
        ],
    );
}

#[test]
fn port() {
    table(
        &Type::Port,
        "not a port: a whole number from 1 to 65535",
        &["1", "80", "5432", "65535"],
        &["", "0", "65536", "99999", "080", "+80", "-1", "80 ", " 80", "8e1", "0x50", "80\n", "٨٠"],
    );
}

#[test]
fn integer() {
    table(
        &Type::Integer,
        "not an integer: a whole number of up to 64 bits, without leading zeros or a plus",
        &["0", "1", "-1", "60", "9223372036854775807", "-9223372036854775808"],
        &[
            "",
            "-",
            "-0",
            "00",
            "010",
            "-01",
            "+1",
            "1.0",
            "1e3",
            "1_000",
            "0x10",
            " 1",
            "9223372036854775808",
            "--1",
        ],
    );
}

#[test]
fn boolean() {
    table(
        &Type::Boolean,
        "not a boolean: true or false",
        &["true", "false", "True", "False", "TRUE"],
        &["", "1", "0", "yes", "no", "on", "t", "true ", "truе"],
    );
}

#[test]
fn words_of_an_enum() {
    table(
        &Type::Enum,
        "not an enum: one of the words that the schema lists",
        &["production", ""],
        &["a\nb", "\t"],
    );
}

#[test]
fn duration() {
    table(
        &Type::Duration,
        "not a duration: whole numbers with w, d, h, m or s, largest first, as in 90s or 1h30m",
        &["90s", "15m", "24h", "90d", "2w", "1h30m"],
        &["", "90", "30m1h", "1.5h", "90 s", "1y"],
    );
}

#[test]
fn domain() {
    table(
        &Type::Domain,
        "not a domain: a DNS name of two or more labels, as in example.com",
        &["example.com", "api.example.com", "xn--bcher-kva.example", "EXAMPLE.COM"],
        &[
            "",
            "localhost",
            "example.com.",
            ".example.com",
            "*.example.com",
            "192.0.2.1",
            "bücher.example",
            "a_b.example.com",
            "https://example.com",
        ],
    );
}

#[test]
fn pem() {
    let chain = format!("{CERTIFICATE}{CERTIFICATE}");
    let spaced = format!("\n{CERTIFICATE}\n\n{EC_PEM}\n");
    let crlf = CERTIFICATE.replace('\n', "\r\n");
    let without_end = CERTIFICATE.split("-----END").next().unwrap();
    let wrong_end = CERTIFICATE.replace("END CERTIFICATE", "END CERTIFICATES");
    let on_one_line = CERTIFICATE.replace('\n', " ");
    let literal = CERTIFICATE.replace('\n', "\\n");
    let with_text = format!("subject: x\n{CERTIFICATE}");
    let with_tail = format!("{CERTIFICATE}x");
    let indented = CERTIFICATE.replace('\n', "\n  ");
    let hole = CERTIFICATE.replacen("MIIB", "MII", 1);
    let comment = CERTIFICATE.replacen("MIIB", "M#IB", 1);
    let lone_cr = CERTIFICATE.replacen('\n', "\r", 3);
    table(
        &Type::Pem,
        "not pem: complete blocks from a BEGIN line to its END line, each on lines of its own",
        &[CERTIFICATE, CERTIFICATE.trim(), &chain, &spaced, &crlf, EC_PEM, PKCS8, RSA_PEM_ENCRYPTED, ED25519],
        &[
            "",
            "\n",
            "MIIB",
            without_end,
            &wrong_end,
            &on_one_line,
            &literal,
            &with_text,
            &with_tail,
            &indented,
            &hole,
            &comment,
            &lone_cr,
            "-----BEGIN X-----\n-----END X-----",
            "-----BEGIN x-----\nTUlJ\n-----END x-----",
            "-----BEGIN -----\nTUlJ\n-----END -----",
            "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nTUlJ\n-----END CERTIFICATE-----",
        ],
    );
}

#[test]
fn ssh_private_key() {
    let crlf = ED25519.replace('\n', "\r\n");
    let two = format!("{ED25519}{ED25519}");
    let indented = format!(" {ED25519}");
    let short = ED25519.lines().enumerate().filter(|(index, _)| *index != 3);
    let short: Vec<_> = short.map(|(_, line)| line).collect();
    let short = short.join("\n");
    let short_pem: Vec<_> =
        RSA_PEM.lines().enumerate().filter(|(i, _)| *i != 3).map(|(_, line)| line).collect();
    let short_pem = short_pem.join("\n");
    let relabelled = EC_PEM.replace("EC PRIVATE", "OPENSSH PRIVATE");
    let other_way = ED25519.replace("OPENSSH PRIVATE", "RSA PRIVATE");
    let dsa = EC_PEM.replace("EC PRIVATE", "DSA PRIVATE");
    table(
        &Type::SshPrivateKey,
        "not an ssh private key: one complete key in OpenSSH or PEM form, without carriage returns",
        &[
            ED25519,
            ED25519.trim(),
            ED25519_ENCRYPTED,
            ED25519_AEAD,
            ECDSA,
            RSA_PEM,
            RSA_PEM_ENCRYPTED,
            EC_PEM,
            PKCS8,
            PKCS8_ENCRYPTED,
        ],
        &[
            "",
            ED25519_PUBLIC,
            CERTIFICATE,
            &crlf,
            &two,
            &indented,
            &short,
            &short_pem,
            &relabelled,
            &other_way,
            &dsa,
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n",
        ],
    );
}

#[test]
fn ssh_public_key() {
    let (kind, rest) = ED25519_PUBLIC.split_once(' ').unwrap();
    let body = rest.split_once(' ').unwrap().0;
    let bare = format!("{kind} {body}");
    let commented = format!("{kind} {body} luca at work");
    let wrong_kind = format!("ssh-rsa {body}");
    let cut = format!("{kind} {}", &body[..body.len() - 4]);
    let longer = format!("{kind} {body}AAAA");
    let line_break = format!("{bare}\n");
    let two = format!("{bare}\n{bare}");
    let options = format!("no-pty {bare}");
    let double_space = format!("{kind}  {body}");
    table(
        &Type::SshPublicKey,
        "not an ssh public key: one line with the type, the key in base64 and a comment",
        &[ED25519_PUBLIC, ECDSA_PUBLIC, RSA_PUBLIC, &bare, &commented],
        &[
            "",
            kind,
            body,
            &wrong_kind,
            &cut,
            &longer,
            &line_break,
            &two,
            &options,
            &double_space,
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
            " AAAAAA==",
            ED25519,
        ],
    );
}

#[test]
fn known_hosts() {
    let (kind, rest) = ED25519_PUBLIC.split_once(' ').unwrap();
    let body = rest.split(' ').next().unwrap();
    let key = format!("{kind} {body}");
    let cases = [
        key.clone(),
        format!("{ED25519_PUBLIC}\n{RSA_PUBLIC}\n"),
        format!(
            "# from ssh-keyscan\n\n192.0.2.10 {key}\n[a.example.com]:2222,192.0.2.1\t{kind}\t{body} note\n"
        ),
        format!("|1|c2FsdA==|aGFzaA== {key}"),
        format!("@cert-authority *.example.com {key}"),
        format!("@revoked * {key}\n{ECDSA_PUBLIC}\n"),
    ];
    let cut = &key[..key.len() - 4];
    let wrong = [
        String::new(),
        "# nothing\n".to_owned(),
        kind.to_owned(),
        cut.to_owned(),
        format!("{key}\n{cut}"),
        format!("192.0.2.10 {cut}"),
        format!("192.0.2.10 ssh-rsa {body}"),
        format!("@revoked * {key}"),
        format!("@trusted * {key}"),
        format!("@revoked {key}"),
        format!("192.0.2.10 {key}\u{1b}[0m"),
        format!("a\rb {key}"),
        ED25519.to_owned(),
    ];
    table(
        &Type::KnownHosts,
        "not known hosts: lines with host names, a type and a key in base64, or public keys alone",
        &cases.each_ref().map(String::as_str),
        &wrong.each_ref().map(String::as_str),
    );
}

#[test]
fn json() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    table(
        &Type::Json,
        "not json: one complete JSON document",
        &[
            "{}",
            "{\"a\": [1, 2.5e3, null, true, \"\\u00e9\"]}",
            "\"x\"",
            "1",
            " {}\n",
            "{\n \"a\": 1\n}",
            &deep,
        ],
        &[
            "",
            "{",
            "{'a': 1}",
            "{\"a\": 1,}",
            "{} {}",
            "NaN",
            "01",
            "\"a\nb\"",
            "// c\n{}",
            "\u{feff}{}",
            "undefined",
        ],
    );
}

#[test]
fn base64_of_either_alphabet() {
    table(
        &Type::Base64,
        "not base64: the standard or the URL alphabet on one line, padded or not",
        &["YQ==", "YQ", "YWI=", "YWI", "YWJj", "+/+/", "-_-_", "-_8=", "-_8"],
        &[
            "", "Y", "YQ=", "YQ===", "YR==", "+_+_", "-/8=", "YW Jj", "YWJj\n", "YW\nJj", "Y*Jj", "====",
            "YÄJj",
        ],
    );
}

#[test]
fn hex() {
    table(
        &Type::Hex,
        "not hex: an even number of the digits 0-9 and a-f",
        &["00", "0123456789abcdef", "DEADbeef"],
        &["", "0", "abc", "0x00", "gg", "00 00", "00\n"],
    );
}

#[test]
fn uuid() {
    table(
        &Type::Uuid,
        "not a uuid: 32 hexadecimal digits in the form 8-4-4-4-12",
        &[
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            "00000000-0000-0000-0000-000000000000",
            "6BA7B810-9DAD-41D1-80B4-00C04FD430C8",
        ],
        &[
            "",
            "6ba7b8109dad11d180b400c04fd430c8",
            "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c",
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8-",
            "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
            "6ba7b81-09dad-11d1-80b4-00c04fd430c8",
            "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        ],
    );
}

#[test]
fn every_type_has_its_own_message_in_our_style() {
    let mut messages: Vec<_> = Type::NAMES.iter().map(|(_, kind)| kind.wants()).collect();
    assert!(messages.iter().all(|message| message.starts_with("not ") && !message.ends_with('.')));
    messages.sort_unstable();
    messages.dedup();
    assert_eq!(messages.len(), Type::NAMES.len());
}

proptest::proptest! {
    #[test]
    fn no_type_panics_or_quotes(text in "\\PC{12,80}") {
        for (_, kind) in Type::NAMES {
            if let Err(message) = outcome(&kind, &text) {
                proptest::prop_assert!(!message.contains(&text));
            }
        }
    }

    #[test]
    fn no_cut_key_is_accepted(cut in 1usize..400) {
        let end = ED25519.trim().len() - cut.min(ED25519.trim().len());
        proptest::prop_assert!(outcome(&Type::SshPrivateKey, &ED25519[..end]).is_err());
        proptest::prop_assert!(outcome(&Type::Pem, &ED25519[..end]).is_err());
    }

    #[test]
    fn no_key_that_lost_a_character_of_its_body_is_accepted(at in 36usize..370) {
        let mut key = RSA_PEM.to_owned();
        key.remove(at);
        if RSA_PEM.as_bytes()[at] != b'\n' {
            proptest::prop_assert!(outcome(&Type::SshPrivateKey, &key).is_err());
        }
    }
}
