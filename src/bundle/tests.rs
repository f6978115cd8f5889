use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::schema::{HostKey, Vantage, parse};
use crate::secret::SecretText;

const SCHEMA: &str = r#"
[secrets.s.ip]
type = "ip"
[secrets.s.port]
type = "port"
[secrets.s.user]
type = "string"
[secrets.s.hosts]
type = "known-hosts"
[secrets.s.key]
type = "ssh-private-key"
[secrets.s.lock]
type = "password"
[secrets.s.path]
type = "string"
[secrets.s.mail]
type = "email"
required = false
[env-file.web]
path = "web"
marker = "MARK"
[env-file.web.variables]
PATH_OF = "{{ s.path }}"
BOTH = "{{ s.user }}@{{ s.ip }}"
MAIL = "{{ s.mail }}"
[github.g]
repository = "o/r"
secrets = { LOCK = "{{ s.lock }}" }
variables = { IP = "{{ s.ip }}" }
[github.public]
repository = "o/r"
variables = { IP = "{{ s.ip }}" }
[github.empty]
repository = "o/r"
secrets = {}
[server.near]
address = "{{ s.ip }}"
port = "{{ s.port }}"
user = "{{ s.user }}"
host-keys = "{{ s.hosts }}"
key = "s.key"
key-passphrase = "s.lock"
jump = "far"
sudo = true
timeout = "9s"
[[server.near.install]]
env-file = "web"
to = "/web"
health = [
    { url = "https://{{ s.ip }}/{{ s.path }}", header = { name = "X-T", value = "{{ s.lock }}" }, contains = "ok" },
    { tcp = "[2001:db8::1]:{{ s.port }}", within = "1m" },
    { command = ["true", "x"] },
]
[server.far]
address = "far.example.com"
user = "root"
known-hosts = "hosts"
key = { file = "~/.ssh/id" }
"#;

const PUBLIC: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f far";

/// Not a key, but whole: a DER sequence of one byte.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAEA\n-----END PRIVATE KEY-----\n";

fn schema() -> Schema {
    parse(&[(PathBuf::from("s.toml"), SCHEMA.to_owned())]).unwrap()
}

/// A store of that id which holds the values of `SECRETS`, but for those given here; an empty one is left out.
fn store(id: &str, changes: &[(&str, &str)]) -> Document {
    let usual = [
        ("ip", "192.0.2.10"),
        ("port", "2222"),
        ("user", "deploy"),
        ("hosts", PUBLIC),
        ("key", KEY),
        ("lock", "correct horse"),
        ("path", "health"),
    ];
    let kept = usual.iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key));
    let lines = kept.chain(changes).filter(|(_, value)| !value.is_empty()).map(|(key, value)| {
        // JSON's strings are TOML's.
        format!("{key} = {}\n", serde_json::Value::from(*value))
    });
    let text = format!(
        "[store]\nformat = 1\nid = \"{id}\"\ngeneration = 1\nwritten = 2026-11-23T12:00:00Z\nby = \"t\"\n\
         [[recipients]]\nname = \"t\"\nkey = \"age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z\"\n\
         since = 2026-11-23T12:00:00Z\n[secrets.s]\n{}",
        lines.collect::<String>()
    );
    Document::parse(SecretText::new(text)).unwrap()
}

fn name(text: &str) -> TargetName {
    TargetName::parse(text).unwrap()
}

fn pairs(document: &Document, bundle: &str) -> Vec<(String, String, bool)> {
    let bundle = Bundle::build(&schema(), document, BundleName::parse(bundle).unwrap()).ok().unwrap();
    let variables = bundle.variables.iter();
    let pair = |v: &BundleVariable| (v.name.to_string(), v.value.expose().to_owned(), v.secret);
    variables.map(pair).collect()
}

fn marker(document: &Document) -> String {
    let (name, value, is_secret) = pairs(document, "web").pop().unwrap();
    assert_eq!((name.as_str(), is_secret, value.len()), ("MARK", false, 16));
    value
}

#[test]
fn the_marker_changes_exactly_when_another_variable_does() {
    let usual = marker(&store("a", &[]));
    assert_eq!(usual, marker(&store("a", &[])));
    // Not in the file: neither they nor the writes that change them.
    assert_eq!(usual, marker(&store("a", &[("lock", "battery staple"), ("port", "22")])));
    let others = [
        marker(&store("a", &[("path", "healthy")])),
        marker(&store("a", &[("user", "root")])),
        marker(&store("a", &[("mail", "a@example.com")])),
        marker(&store("b", &[])),
    ];
    for (at, other) in others.iter().enumerate() {
        assert!(*other != usual && !others[..at].contains(other), "{at}");
    }
}

#[test]
fn a_marker_is_only_where_the_schema_wants_one() {
    let names: Vec<String> = pairs(&store("a", &[]), "web").into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["PATH_OF", "BOTH", "MARK"]);
    let without = parse(&[(PathBuf::from("s.toml"), SCHEMA.replace("marker = \"MARK\"", ""))]).unwrap();
    let bundle = Bundle::build(&without, &store("a", &[]), BundleName::EnvFile(name("web"))).ok().unwrap();
    assert_eq!((bundle.variables.len(), bundle.marker), (2, None));
}

#[test]
fn github_has_a_bundle_of_secrets_and_one_of_variables() {
    let names: Vec<String> = BundleName::all(&schema()).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["web", "github.empty", "github.g", "github.g.variables", "github.public.variables"]);
    for name in names {
        assert_eq!(BundleName::parse(&name).unwrap().to_string(), name);
    }
    let document = store("a", &[]);
    let lock = ("LOCK".to_owned(), "correct horse".to_owned(), true);
    assert_eq!(pairs(&document, "github.g"), [lock]);
    let ip = ("IP".to_owned(), "192.0.2.10".to_owned(), false);
    assert_eq!(pairs(&document, "github.g.variables"), [ip]);
}

#[test]
fn a_login_has_all_values() {
    let login = Login::build(&schema(), &store("a", &[]), &name("near")).ok().unwrap();
    assert_eq!(
        (login.server.as_str(), login.address.as_str(), login.port, login.user.as_str()),
        ("near", "192.0.2.10", 2222, "deploy")
    );
    assert_eq!((login.jump, login.sudo), (Some(name("far")), true));
    assert_eq!((login.connect_timeout, login.timeout), (Duration::from_secs(10), Duration::from_secs(9)));
    let PinnedKeys::Lines(lines) = login.host_keys else { panic!() };
    let keys = HostKey::read_all(&lines).unwrap();
    assert_eq!((keys.len(), keys[0].hosts, keys[0].kind), (1, None, "ssh-ed25519"));
    let LoadedKey::Value { key, passphrase: Some(passphrase) } = login.key else { panic!() };
    assert_eq!((key.expose(), passphrase.expose()), (KEY, "correct horse"));
}

#[test]
fn a_login_without_secrets_needs_none() {
    let login = Login::build(&schema(), &store("a", &[("ip", "")]), &name("far")).ok().unwrap();
    assert_eq!((login.address.as_str(), login.port), ("far.example.com", 22));
    assert_eq!(login.host_keys, PinnedKeys::File("hosts".into()));
    assert!(
        matches!(login.key, LoadedKey::File { path, passphrase: None } if path == Path::new("~/.ssh/id"))
    );
}

fn login_errors(changes: &[(&str, &str)], server: &str) -> Vec<String> {
    let errors = Login::build(&schema(), &store("a", changes), &name(server)).err().unwrap();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn what_keeps_a_server_from_being_reached_is_said_at_once() {
    assert_eq!(login_errors(&[], "nowhere"), ["the schema has no server nowhere"]);
    assert_eq!(
        login_errors(&[("ip", ""), ("user", "-o x"), ("hosts", "none"), ("key", ""), ("lock", "")], "near"),
        [
            "s.ip is not set, and `address` of server near needs it",
            "`user` of server near is not an account: letters, digits, `_`, `.`, `@` and `-`, which cannot come \
             first",
            "`host-keys` of server near is not known hosts: lines with host names, a type and a key in base64, or \
             public keys alone",
            "s.key is not set, and `key` of server near needs it",
            "s.lock is not set, and `key-passphrase` of server near needs it",
            "s.hosts: not known hosts: lines with host names, a type and a key in base64, or public keys alone",
        ]
    );
}

fn checks(changes: &[(&str, &str)]) -> Result<Vec<HealthCheck>, Vec<String>> {
    let (schema, near) = (schema(), name("near"));
    let found = health_checks(&schema, &store("a", changes), &near, &schema.servers[&near].installs[0]);
    found.map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn health_checks_have_all_values_and_show_none() {
    let checks = checks(&[]).unwrap();
    let shown: Vec<&str> = checks.iter().map(|check| check.shown.as_str()).collect();
    assert_eq!(shown, ["https://{{ s.ip }}/{{ s.path }}", "[2001:db8::1]:{{ s.port }}", "true x"]);
    let from: Vec<_> = checks.iter().map(|check| (check.from, check.in_a_row)).collect();
    assert_eq!(from, [(Vantage::Here, 3), (Vantage::Here, 3), (Vantage::Server, 3)]);
    let ReadyProbe::Url { url, status: 200, contains, header: Some((_, value)) } = &checks[0].probe else {
        panic!()
    };
    assert_eq!((url.expose(), value.expose()), ("https://192.0.2.10/health", "correct horse"));
    assert_eq!(contains.as_deref(), Some("ok"));
    assert!(matches!(&checks[1].probe, ReadyProbe::Tcp { host, port: 2222 } if host == "2001:db8::1"));
    assert!(matches!(&checks[2].probe, ReadyProbe::Command(run) if run == &["true", "x"]));
}

#[test]
fn what_keeps_health_from_being_tried_is_said_at_once() {
    assert_eq!(
        checks(&[("path", "a b"), ("port", ""), ("lock", "ü")]).err().unwrap(),
        [
            "`url` of server near is not an http url: http:// or https:// with a host, without a fragment",
            "`header` of server near is not a header's value: one line of printable ASCII",
            "s.port is not set, and `tcp` of server near needs it",
        ]
    );
}

proptest::proptest! {
    #[test]
    fn no_message_about_a_server_holds_a_value(value in "-[^\\x00-\\x1f\\x7f]{12,40}") {
        for key in ["ip", "port", "user", "hosts", "key", "lock", "path"] {
            let changes = [(key, value.as_str())];
            let login = Login::build(&schema(), &store("a", &changes), &name("near")).err().unwrap_or_default();
            let health = checks(&changes).err().unwrap_or_default();
            let messages = login.iter().map(ToString::to_string).chain(health);
            for message in messages {
                proptest::prop_assert!(!message.contains(&value), "{message}");
            }
        }
    }
}
