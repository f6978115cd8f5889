use std::time::Duration;

use super::*;
use crate::schema::{Apply, GenerationProof, Health, HostKeys, Probe, Server, ServerKey, Template, Vantage};

/// What the servers of these tests refer to.
const REST: &str = r#"
[secrets.s.ip]
type = "ip"
[secrets.s.key]
type = "ssh-private-key"
[secrets.s.word]
type = "password"
[secrets.s.hosts]
type = "known-hosts"
[env-file.web]
path = "web"
marker = "MARK"
variables = { A = "{{ s.word }}" }
[env-file.plain]
path = "plain"
variables = {}
"#;

fn with_rest(text: &str) -> [(PathBuf, String); 2] {
    [file("rest.toml", REST), file("s.toml", text)]
}

fn server(text: &str) -> Server {
    parse(&with_rest(text)).unwrap().servers[&target("x")].clone()
}

/// The mistakes in a server that is in order but for these lines.
fn mistakes(lines: &str) -> Vec<String> {
    let base = "[server.x]\naddress = \"x\"\nuser = \"u\"\nknown-hosts = \"k\"\nkey = \"agent\"\n";
    errors_of(&with_rest(&format!("{base}{lines}")))
}

/// The mistakes in an install that is in order but for these lines, which start in line 9.
fn mistakes_in_install(lines: &str) -> Vec<String> {
    mistakes(&format!("[[server.x.install]]\nenv-file = \"web\"\nto = \"/a\"\n{lines}"))
}

fn source(template: &Template) -> &str {
    template.source()
}

#[test]
fn a_server_says_all_it_can() {
    let x = server(
        r#"
[server.x]
address = "{{ s.ip }}"
port = 2222
user = "deploy"
host-keys = "{{ s.hosts }}"
key = "s.key"
key-passphrase = "s.word"
jump = "gate"
sudo = true
connect-timeout = "5s"
timeout = "2m"
[server.gate]
address = "gate.example.com"
port = "22022"
user = "root"
known-hosts = "~/.ssh/known_hosts"
key = { file = "~/.ssh/id_ed25519" }
"#,
    );
    assert_eq!([&x.address, &x.port, &x.user].map(source), ["{{ s.ip }}", "2222", "deploy"]);
    assert!(matches!(&x.host_keys, HostKeys::Lines(lines) if lines.source() == "{{ s.hosts }}"));
    let name = |text| SecretName::parse(text).unwrap();
    let key = ServerKey::Secret { secret: name("s.key"), passphrase: Some(name("s.word")) };
    assert_eq!((x.key.clone(), x.jump.clone(), x.sudo), (key, Some(target("gate")), true));
    assert_eq!((x.connect_timeout, x.timeout), (Duration::from_secs(5), Duration::from_mins(2)));
    assert_eq!(x.place.to_string(), "s.toml:2:9");
    let used = ["s.ip", "s.key", "s.word", "s.hosts"].map(|text| x.uses(&name(text)));
    assert_eq!((used, x.uses(&name("s.other"))), ([true; 4], false));
}

#[test]
fn what_a_server_leaves_out_has_its_usual_value() {
    let x = server(
        "[server.x]\naddress = \"2001:db8::1\"\nuser = \"u\"\nknown-hosts = \"k\"\nkey = { file = \"a/b\" }\n",
    );
    assert_eq!((x.port.source(), x.jump, x.sudo), ("22", None, false));
    assert_eq!((x.connect_timeout, x.timeout), (Duration::from_secs(10), Duration::from_mins(1)));
    assert!(matches!(x.host_keys, HostKeys::File(path) if path == Path::new("k")) && x.installs.is_empty());
    assert_eq!(x.key, ServerKey::File { path: "a/b".into(), passphrase: None });
}

#[test]
fn an_install_says_all_it_can() {
    let x = server(
        r#"
[server.x]
address = "x"
user = "u"
known-hosts = "k"
key = "agent"
[[server.x.install]]
env-file = "web"
to = "//srv/./web//.env"
mode = "0640"
owner = "root"
group = "1000"
apply = [{ in = "/srv/web/", run = ["docker", "compose", "up", "-d"], within = "1m" }, { run = ["true"] }]
generation-from = [
    { containers = ["web", "worker"], in = "/srv/web", compose-file = "prod.yml", variable = "MARK" },
    { health-field = "build.generation" },
]
[[server.x.install.health]]
url = "https://{{ s.ip }}/health"
status = 204
contains = "fine"
header = { name = "X-Token", value = "{{ s.word }}" }
from = "server"
within = "90s"
every = "5s"
in-a-row = 2
[[server.x.install.health]]
command = ["systemctl", "is-active", "web"]
[[server.x.install.health]]
tcp = "db.example.com:5432"
[[server.x.install]]
env-file = "web"
to = "/srv/other/.env"
"#,
    );
    let [install, other] = &x.installs[..] else { panic!() };
    assert_eq!((install.env_file.as_str(), install.to.as_str()), ("web", "/srv/web/.env"));
    let owner = (install.mode, install.owner.as_deref(), install.group.as_deref());
    assert_eq!(owner, (Some(0o640), Some("root"), Some("1000")));
    let run = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let up = Apply {
        folder: Some("/srv/web".to_owned()),
        run: run(&["docker", "compose", "up", "-d"]),
        within: Duration::from_mins(1),
    };
    let then = Apply { folder: None, run: run(&["true"]), within: Duration::from_mins(5) };
    assert_eq!(install.apply, [up, then]);
    let times =
        |health: &Health| (health.from, health.within.as_secs(), health.every.as_secs(), health.in_a_row);
    let usual = |from| (from, 60, 2, 3);
    assert_eq!(
        install.health.iter().map(times).collect::<Vec<_>>(),
        [(Vantage::Server, 90, 5, 2), usual(Vantage::Server), usual(Vantage::Here)]
    );
    let Probe::Url { url, status, contains, header: Some((name, value)) } = &install.health[0].probe else {
        panic!()
    };
    assert_eq!((url.source(), *status), ("https://{{ s.ip }}/health", 204));
    assert_eq!(
        (contains.as_deref(), name.as_str(), value.source()),
        (Some("fine"), "X-Token", "{{ s.word }}")
    );
    let is_active = run(&["systemctl", "is-active", "web"]);
    assert!(matches!(&install.health[1].probe, Probe::Command(run) if *run == is_active));
    assert!(matches!(&install.health[2].probe, Probe::Tcp(to) if to.source() == "db.example.com:5432"));
    let containers = GenerationProof::Containers {
        services: run(&["web", "worker"]),
        folder: "/srv/web".to_owned(),
        compose_file: Some("prod.yml".to_owned()),
    };
    assert_eq!(install.proofs, [containers, GenerationProof::HealthField(run(&["build", "generation"]))]);
    assert!(other.apply.is_empty() && other.health.is_empty() && other.mode.is_none());
    assert_eq!(other.place.to_string(), "s.toml:33:6");
}

#[test]
fn mistakes_in_reaching_a_server_come_all_at_once() {
    let found = errors_of(&with_rest(
        r#"
[server.A]
[server.a]
adress = "x"
[server.b]
address = "https://example.com"
port = 65536
user = "-l root"
host-keys = "ssh-ed25519 AAAA"
known-hosts = "k"
key = "s.word"
jump = "bb"
sudo = "yes"
timeout = 5
connect-timeout = "0s"
install = {}
[server.c]
address = "{{ s.pi }}"
port = "ssh"
user = "u"
known-hosts = "~"
key = { fiel = "x" }
[server.d]
address = "d"
port = 0
user = "u"
known-hosts = ""
key = "agent"
key-passphrase = "s.word"
[server.e]
address = "e"
user = "u"
known-hosts = "k"
key = "s.kee"
key-passphrase = "word"
[server.f]
address = "f"
user = "u"
known-hosts = "k"
key = 1
"#,
    ));
    let expected = [
        "s.toml:2:9: a target's name starts with a lower-case letter or a digit and holds only a-z, 0-9, - and _",
        "s.toml:3:9: `a` has no `address`",
        "s.toml:3:9: `a` has no `user`",
        "s.toml:3:9: `a` has no `key`",
        "s.toml:3:9: `a` has neither `host-keys` nor `known-hosts` \
         (ssh-keyscan shows a server's keys; compare them with those on its console)",
        "s.toml:4:1: unknown key `adress` (did you mean `address`?)",
        "s.toml:6:11: `address` is not a host: a host name or an IP address, without scheme and port",
        "s.toml:7:8: `port` must lie between 1 and 65535",
        "s.toml:8:8: `user` is not an account: letters, digits, `_`, `.`, `@` and `-`, which cannot come first",
        "s.toml:10:1: `host-keys` and `known-hosts` exclude each other",
        "s.toml:11:7: `s.word` is of type password, not ssh-private-key",
        "s.toml:12:8: no server `bb` is declared (did you mean `b`?)",
        "s.toml:13:8: `sudo` must be true or false, not a string",
        "s.toml:14:11: `timeout` must be a string, not an integer",
        "s.toml:15:19: `connect-timeout` must be a length of time such as 90d, 24h, 15m or 90s",
        "s.toml:16:11: `install` must be an array of tables: [[server.NAME.install]], not a table",
        "s.toml:18:15: no secret `s.pi` is declared (did you mean `s.ip`?)",
        "s.toml:19:8: `port` is not a port: a whole number from 1 to 65535",
        "s.toml:21:15: `known-hosts` must be the path of a file",
        "s.toml:22:1: `key` has no `file`",
        "s.toml:22:9: unknown key `fiel` (did you mean `file`?)",
        "s.toml:25:8: `port` must lie between 1 and 65535",
        "s.toml:27:15: `known-hosts` must be the path of a file",
        "s.toml:29:1: the agent knows its keys' passphrases: drop `key-passphrase`",
        "s.toml:34:7: no secret `s.kee` is declared (did you mean `s.key`?)",
        "s.toml:35:18: `key-passphrase`: a secret's name has the form group.key, such as database.password",
        "s.toml:40:7: `key` must be the name of a secret, \"agent\" or { file = \"…\" }, not an integer",
    ];
    assert_eq!(found, expected);
}

#[test]
fn host_keys_in_the_schema_are_keys() {
    let text = "[server.x]\naddress = \"x\"\nuser = \"u\"\nhost-keys = \"192.0.2.1 ssh-ed25519 AAAA\"\nkey = \"agent\"\n";
    let message = "not known hosts: lines with host names, a type and a key in base64, or public keys alone";
    assert_eq!(errors_of(&with_rest(text)), [format!("s.toml:4:13: `host-keys` is {message}")]);
}

#[test]
fn servers_that_jump_in_a_circle_are_named_once() {
    let one = |name: &str, jump: &str| {
        let rest = "address = \"x\"\nuser = \"u\"\nknown-hosts = \"k\"\nkey = \"agent\"";
        format!("[server.{name}]\n{rest}\njump = \"{jump}\"\n")
    };
    // d leads into the circle and is not part of it.
    let text = [one("b", "c"), one("c", "a"), one("a", "b"), one("d", "a"), one("e", "e")].concat();
    let circle = "these servers are reached through each other";
    assert_eq!(
        errors_of(&with_rest(&text)),
        [format!("s.toml:18:8: {circle}: a, b, c"), format!("s.toml:30:8: {circle}: e")]
    );
}

#[test]
fn mistakes_in_an_install_come_all_at_once() {
    let found = mistakes(
        r#"[[server.x.install]]
env-file = "wbe"
to = "/a"
[[server.x.install]]
to = "/b"
evn-file = "web"
[[server.x.install]]
env-file = "web"
to = "srv/web"
mode = "0666"
owner = "a:b"
group = "$(id)"
[[server.x.install]]
env-file = "web"
to = "/srv/../etc/shadow"
[[server.x.install]]
env-file = "web"
to = "/srv/web/"
[[server.x.install]]
env-file = "web"
to = "/x//y"
[[server.x.install]]
env-file = "plain"
to = "/x/./y"
"#,
    );
    let expected = [
        "s.toml:7:12: no env file `wbe` is declared (did you mean `web`?)",
        "s.toml:9:1: `install` has no `env-file`",
        "s.toml:14:6: `to` must be absolute: it starts with /",
        "s.toml:15:8: mode `0666` lets others write to the file",
        "s.toml:16:9: `owner` must be a name or a number",
        "s.toml:17:9: `group` must be a name or a number",
        "s.toml:20:6: `to` must not go up with `..`",
        "s.toml:23:6: `to` must be the path of a file",
        "s.toml:29:6: `/x/y` is written twice, first at s.toml:26:6",
    ];
    assert_eq!(found, expected);
}

#[test]
fn mistakes_in_applying_come_all_at_once() {
    let found = mistakes_in_install(
        r#"apply = [
    { in = "srv", run = [], within = "soon" },
    { rnu = ["x"] },
    { run = "systemctl restart web" },
    { run = ["psql", "--set", "p={{ s.word }}", "{{.Names}}", "{{ not.declared }}"] },
    { run = ["sudo", "docker-compose", "restart", "web"] },
    { run = ["systemctl", "restart", "web"] },
    1,
]
"#,
    );
    let expected = [
        "s.toml:10:12: `in` must be absolute: it starts with /",
        "s.toml:10:25: `run` must be an array of strings, the program first",
        "s.toml:10:38: `within` must be a length of time such as 90d, 24h, 15m or 90s",
        "s.toml:11:5: `apply` has no `run`",
        "s.toml:11:7: unknown key `rnu` (did you mean `run`?)",
        "s.toml:12:13: `run` must be an array of strings, the program first, not a string",
        "s.toml:13:31: `s.word` would show in the server's list of processes \
         (commands take no templates: let the program read the installed file)",
        "s.toml:14:13: compose's restart does not read env files again \
         (recreate the containers: up -d --force-recreate)",
        "s.toml:16:5: `apply` must be a table, not an integer",
    ];
    assert_eq!(found, expected);
}

#[test]
fn mistakes_in_health_come_all_at_once() {
    let found = mistakes_in_install(
        r#"health = [
    {},
    { url = "https://x", tcp = "x:1" },
    { url = "ftp://x", status = 100, contains = "", header = { name = "a b", value = "a\nb" } },
    { url = "http://x", from = "there", header = { nmae = "x" } },
    { tcp = "x", status = 200 },
    { command = ["x"], from = "here", every = "1m", within = "1m" },
    { commnad = ["x"] },
    { command = ["curl", "{{ s.word }}"], in-a-row = 0 },
    { tcp = "x:1", in-a-row = 31, every = "2s", within = "60s" },
    { tcp = "x:1", in-a-row = 30, every = "2s", within = "60s" },
]
"#,
    );
    let expected = [
        "s.toml:10:5: `health` needs one of `url`, `command`, `tcp`",
        "s.toml:11:26: `url` and `tcp` exclude each other",
        "s.toml:12:13: `url` is not an http url: http:// or https:// with a host, without a fragment",
        "s.toml:12:33: `status` must lie between 200 and 599",
        "s.toml:12:49: `contains` must be a text: nothing is in every reply",
        "s.toml:12:71: `name` must be the name of a header, such as X-Health-Token",
        "s.toml:12:86: `value` is not a header's value: one line of printable ASCII",
        "s.toml:13:32: `there` is not a place to try from (did you mean `here`?)",
        "s.toml:13:41: `header` has no `name`",
        "s.toml:13:41: `header` has no `value`",
        "s.toml:13:52: unknown key `nmae` (did you mean `name`?)",
        "s.toml:14:13: `tcp` is not a host with a port: as in db.example.com:5432 or [2001:db8::1]:5432",
        "s.toml:14:18: `status` belongs to a `url`",
        "s.toml:15:7: 3 tries with `every` between them do not fit into `within`",
        "s.toml:15:31: a `command` is run on the server, never here",
        "s.toml:16:5: `health` needs one of `url`, `command`, `tcp`",
        "s.toml:16:7: unknown key `commnad` (did you mean `command`?)",
        "s.toml:17:26: `s.word` would show in the server's list of processes \
         (commands take no templates: let the program read the installed file)",
        "s.toml:17:54: `in-a-row` must lie between 1 and 1000",
        "s.toml:18:7: 31 tries with `every` between them do not fit into `within`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn mistakes_in_proofs_come_all_at_once() {
    let found = mistakes_in_install(
        r#"generation-from = [
    {},
    { containers = [], in = "/srv" },
    { containers = ["-x"], in = "srv", compose-file = "../x" },
    { containers = ["web"], variable = "A", health-field = "x" },
    { health-field = "a..b", in = "/srv", varable = "A" },
]
[[server.x.install]]
env-file = "plain"
to = "/b"
health = { url = "https://example.com" }
generation-from = { health-field = "generation" }
"#,
    );
    let expected = [
        "s.toml:10:5: `generation-from` needs one of `containers`, `health-field`",
        "s.toml:11:20: `containers` must be the names of services",
        "s.toml:12:20: `containers` must be the names of services",
        "s.toml:12:33: `in` must be absolute: it starts with /",
        "s.toml:13:5: `generation-from` has no `in`",
        "s.toml:13:40: `variable` must be the marker of the env file, `MARK`",
        "s.toml:13:45: `containers` and `health-field` exclude each other",
        "s.toml:14:7: `health-field` needs a `health` with a `url`, whose reply has the field",
        "s.toml:14:22: `health-field` must be the name of a field, with dots between nested ones",
        "s.toml:14:30: `in` belongs to `containers`",
        "s.toml:14:43: unknown key `varable` (did you mean `variable`?)",
        "s.toml:20:1: env file `plain` has no `marker` that could be given back \
         (add marker = \"LUCA_SECRETS_GENERATION\" to [env-file.plain])",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_marker_is_a_variable_of_its_own() {
    let text = "[env-file.a]\npath = \"a\"\nmarker = \"A\"\nvariables = { A = \"1\" }\n\
                [env-file.b]\npath = \"b\"\nmarker = \"1-A\"\nvariables = {}\n";
    assert_eq!(
        errors(text),
        [
            "s.toml:3:10: `A` is among the variables already",
            "s.toml:7:10: `marker`: a variable's name starts with a letter or _ and holds only letters, digits and _",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_does_not_make_its_names_unknown() {
    let text = "[server.x]\naddress = \"{{ a.b }}\"\nuser = \"u\"\nknown-hosts = \"k\"\nkey = \"c.d\"\njump = \"y\"\n\
                [[server.x.install]]\nenv-file = \"e\"\nto = \"/e\"\n";
    let found = errors_of(&[file("a.toml", "x ="), file("b.toml", text)]);
    assert_eq!(found, ["a.toml:1:4: string values must be quoted, expected literal string"]);
}

#[test]
fn a_server_in_two_files_names_both_places() {
    let one = "[server.x]\naddress = \"x\"\nuser = \"u\"\nknown-hosts = \"k\"\nkey = \"agent\"\n";
    assert_eq!(
        errors_of(&[file("a.toml", one), file("b.toml", one)]),
        ["b.toml:1:9: `x` is declared twice, first at a.toml:1:9"]
    );
}

#[test]
fn the_shipped_servers_are_lucas() {
    let schema = shipped();
    let backend = &schema.servers[&target("luca-backend")];
    let [install] = &backend.installs[..] else { panic!() };
    assert_eq!(install.to, "/app/luca/backend/.envs/.production/.django");
    assert_eq!(install.health.len() + install.proofs.len() + install.apply.len(), 3);
    assert!(schema.servers[&target("luca-db")].installs.is_empty());
}
