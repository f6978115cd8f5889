use std::sync::Arc;

use super::*;
use crate::name::{SecretName, TargetName};
use crate::schema::{Alphabet, Dialect, GithubScope, Policy, Reader, Type};
use crate::secret::SecretValue;
use crate::sys::OpenGate;

mod applications;
mod backup;
mod github;
mod remote;
mod rotation;
mod schedule;
mod servers;

fn file(name: &str, text: &str) -> (PathBuf, String) {
    (PathBuf::from(name), text.to_owned())
}

fn parsed(text: &str) -> Schema {
    parse(&[file("s.toml", text)]).unwrap()
}

fn errors_of(files: &[(PathBuf, String)]) -> Vec<String> {
    let with_hint = |error: &SchemaError| match &error.hint {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    };
    parse(files).unwrap_err().iter().map(with_hint).collect()
}

fn errors(text: &str) -> Vec<String> {
    errors_of(&[file("s.toml", text)])
}

fn secret(schema: &Schema, name: &str) -> crate::schema::Entry {
    schema.secrets[&SecretName::parse(name).unwrap()].clone()
}

fn target(name: &str) -> TargetName {
    TargetName::parse(name).unwrap()
}

fn shipped() -> Schema {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    load(&Disk::new(Arc::new(OpenGate)), &folder).unwrap()
}

#[test]
fn a_secret_says_all_it_can() {
    let schema = parsed(
        r#"
[secrets.db]
title = "Database"
docs = "https://example.com/db"
[secrets.db.password]
type = "password"
title = "Password"
required = false
min-length = 8
pattern = "[a-z]+"
generate = { length = 20, characters = "abc", prefix = "p_" }
rotate = { every = "90d", with = "postgres-alternating", on = "luca-db" }
expires = 2027-01-31
[secrets.db.port]
type = "port"
expires = "2027-02-01"
[secrets.db.key]
type = "hex"
generate = true
[secrets.db.mode]
type = "enum"
one-of = ["a", "b"]
[secrets.page.title]
[secrets.db.user]
[secrets.db.name]
[server.luca-db]
address = "192.0.2.20"
user = "root"
known-hosts = "known_hosts"
key = "agent"
"#,
    );
    assert_eq!(schema.groups["db"].title.as_deref(), Some("Database"));
    let password = secret(&schema, "db.password");
    assert_eq!((password.kind, password.required, password.secret), (Type::Password, false, true));
    let alphabet = Alphabet::Custom("abc".to_owned());
    let policy = Policy { length: 20, alphabet, prefix: "p_".to_owned(), suffix: String::new() };
    assert_eq!(password.generate, Some(policy));
    let rotate = password.rotate.unwrap();
    assert_eq!(rotate.every, Some(std::time::Duration::from_hours(90 * 24)));
    assert_eq!(rotate.on.as_ref().map(TargetName::as_str), Some("luca-db"));
    assert_eq!(password.expires, Some(jiff::civil::date(2027, 1, 31)));
    assert_eq!(password.place, Place { file: Path::new("s.toml").into(), line: 5, column: 13 });
    let port = secret(&schema, "db.port");
    assert_eq!((port.secret, port.expires), (false, Some(jiff::civil::date(2027, 2, 1))));
    let key = secret(&schema, "db.key").generate.unwrap();
    assert_eq!((key.length, key.alphabet), (32, Alphabet::Hex));
    assert_eq!(secret(&schema, "db.mode").rules.one_of, ["a", "b"]);
    assert_eq!(secret(&schema, "page.title").kind, Type::String);
}

#[test]
fn targets_keep_the_order_of_the_file() {
    let schema = parsed(
        r#"
[secrets.a.b]
[env-file.web]
path = "./x/.env"
mode = "0640"
dialect = "sh"
read-by = "django-environ"
[env-file.web.variables]
Z = "{{ a.b }}"
A = { value = "x", read-by = ["flower", "url"] }
M = { value = "x", read-by = [] }
[github.deploy]
repository = "owner/name.x"
environment = "production"
[github.deploy.secrets]
TOKEN = "{{ a.b }}"
"#,
    );
    let web = &schema.env_files[&target("web")];
    assert_eq!((web.path.to_str(), web.mode, web.dialect), (Some("x/.env"), 0o640, Dialect::Sh));
    let variables = web.variables.iter().map(|v| (v.name.as_str(), v.read_by.as_slice()));
    let expected: [(&str, &[Reader]); 3] =
        [("Z", &[Reader::DjangoEnviron]), ("A", &[Reader::Flower, Reader::Url]), ("M", &[])];
    assert_eq!(variables.collect::<Vec<_>>(), expected);
    assert_eq!(web.variables[1].place.to_string(), "s.toml:10:1");
    let deploy = &schema.github[&target("deploy")];
    let (repository, environment) = ("owner/name.x".to_owned(), "production".to_owned());
    assert_eq!(deploy.scope, GithubScope::Environment { repository, environment });
    assert_eq!(deploy.secrets[0].template.is_alias().unwrap().as_str(), "a.b");
}

#[test]
fn mistakes_in_secrets_come_all_at_once() {
    let found = errors(
        r#"
[secret.a]
[secrets.A.b]
[secrets.db]
titel = "x"
password = "x"
docs = "see there"
[secrets.db.B]
[secrets.db.a]
type = "pasword"
requird = true
required = "yes"
pattern = "("
expires = 2027-01-31T00:00:00
one-of = [1]
[secrets.db.b]
type = "enum"
min-length = 3
max-length = -2
rotate = { every = "90 days", wiht = "x" }
generate = { length = 0, alphabet = "alphanumerics", characters = "aa" }
[secrets.db.c]
min-length = 3
max-length = 2
generate = 3
"#,
    );
    let parts = "the parts of a secret's name start with a lower-case letter and hold only a-z, 0-9 and _";
    let one_of_types = "did you mean `password`?";
    let expected = [
        "s.toml:2:2: unknown key `secret` (did you mean `secrets`?)".to_owned(),
        format!("s.toml:3:10: {parts}"),
        "s.toml:5:1: unknown key `titel` (did you mean `title`?)".to_owned(),
        "s.toml:6:1: unknown key `password` (a secret is a table: [secrets.db.password])".to_owned(),
        "s.toml:7:8: `docs` must be a URL that starts with https://".to_owned(),
        format!("s.toml:8:13: {parts}"),
        format!("s.toml:10:8: `pasword` is not a type ({one_of_types})"),
        "s.toml:11:1: unknown key `requird` (did you mean `required`?)".to_owned(),
        "s.toml:12:12: `required` must be true or false, not a string".to_owned(),
        "s.toml:13:11: `pattern` is not a regular expression: found open group without closing ')'"
            .to_owned(),
        "s.toml:14:11: `expires` must be a date such as 2027-01-31".to_owned(),
        "s.toml:15:10: `one-of` must be an array of strings, not an array".to_owned(),
        "s.toml:16:13: type `enum` needs `one-of` (list the words it may be: one-of = [\"a\", \"b\"])"
            .to_owned(),
        "s.toml:19:14: `max-length` must be a whole number, 0 or more, not an integer".to_owned(),
        "s.toml:20:20: `every` must be a length of time such as 90d, 24h, 15m or 90s".to_owned(),
        "s.toml:20:31: unknown key `wiht` (did you mean `with`?)".to_owned(),
        "s.toml:21:1: `alphabet` and `characters` say the same thing twice".to_owned(),
        "s.toml:21:23: `length` must lie between 1 and 4096".to_owned(),
        "s.toml:21:37: `alphanumerics` is not an alphabet (did you mean `alphanumeric`?)".to_owned(),
        "s.toml:21:67: `characters` holds a character twice, which would come out more often".to_owned(),
        "s.toml:22:13: `min-length` is larger than `max-length`".to_owned(),
        "s.toml:25:12: `generate` must be true or a table, not an integer".to_owned(),
    ];
    assert_eq!(found, expected);
}

#[test]
fn mistakes_in_targets_come_all_at_once() {
    let found = errors(
        r#"
[secrets.database.password]
[env-file.Web]
[env-file.a]
path = "../x"
mode = 600
dialect = "cookie-cutter"
read-by = ["fower", 1]
[env-file.a.variables]
B-C = "x"
D = "ü{{ database.pasword }}"
E = { valu = "x" }
F = "{{ oops }}"
G = 1
[env-file.b]
path = "/etc/x"
mode = "0606"
vars = {}
[github.c]
repository = "owner"
environment = ""
[github.c.secrets]
GITHUB_X = "x"
a = "x"
A = "x"
"#,
    );
    let expected = [
        "s.toml:3:11: a target's name starts with a lower-case letter or a digit and holds only a-z, 0-9, - and _",
        "s.toml:5:8: `path` must not leave the project with `..`",
        "s.toml:6:8: `mode` must be a string of octal digits such as \"0600\", not an integer",
        "s.toml:7:11: `cookie-cutter` is not a dialect (did you mean `cookiecutter`?)",
        "s.toml:8:12: `fower` is not a reader (did you mean `flower`?)",
        "s.toml:8:21: `read-by` must be a string, not an integer",
        "s.toml:10:1: a variable's name starts with a letter or _ and holds only letters, digits and _",
        "s.toml:11:10: no secret `database.pasword` is declared (did you mean `database.password`?)",
        "s.toml:12:1: `E` has no `value`",
        "s.toml:12:7: unknown key `valu` (did you mean `value`?)",
        "s.toml:13:9: `oops` is not the name of a secret: a secret's name has the form group.key, such as \
         database.password",
        "s.toml:14:5: `G` must be a string or a table with `value`, not an integer",
        "s.toml:15:11: `b` has no `variables`",
        "s.toml:16:8: `path` must be relative to the project's folder",
        "s.toml:17:8: mode `0606` lets others write to the file",
        "s.toml:18:1: unknown key `vars`",
        "s.toml:20:14: `repository` must have the form owner/name",
        "s.toml:21:15: `environment` must be the name of a GitHub environment",
        "s.toml:23:1: GitHub takes no secret whose name starts with GITHUB_",
        "s.toml:25:1: for GitHub `A` is the same name as the one at s.toml:24:1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_there_twice_names_both_places() {
    let a = "[secrets.g]\ntitle = \"x\"\n[secrets.g.k]\n[env-file.e]\npath = \"x/y\"\nvariables = {}\n";
    let b = "[secrets.g]\ntitle = \"x\"\n[secrets.g.k]\n[env-file.f]\npath = \"./x//y\"\nvariables = {}\n\
             [env-file.e]\n[github.h]\nrepository = \"o/n\"\nsecrets = {}\n";
    assert_eq!(
        errors_of(&[file("a.toml", a), file("b.toml", b)]),
        [
            "b.toml:2:1: `title` of group `g` is given twice, first at a.toml:2:1",
            "b.toml:3:12: `g.k` is declared twice, first at a.toml:3:12",
            "b.toml:5:8: `x/y` is written by two env files, first at a.toml:5:8",
            "b.toml:7:11: `e` is declared twice, first at a.toml:4:11",
        ]
    );
}

#[test]
fn what_is_there_twice_in_one_file_names_both_places() {
    let text =
        "[secrets.g.k]\ntype = \"url\"\n[secrets.g.l]\ntype = \"url\"\ntype = \"port\"\n[ secrets.g . k ]\n";
    assert_eq!(
        errors(text),
        [
            "s.toml:5:1: `type` is declared twice, first at s.toml:4:1",
            "s.toml:6:15: `secrets.g.k` is declared twice, first at s.toml:1:1",
        ]
    );
}

#[test]
fn syntax_errors_do_not_hide_those_of_other_files() {
    let broken = "[secrets.a.b]\ntype = port\nmin-length = \n";
    let other =
        "[secrets.c.d]\ntyp = \"url\"\n[env-file.e]\npath = \"e\"\nvariables = { A = \"{{ a.b }}\" }\n";
    assert_eq!(
        errors_of(&[file("a.toml", broken), file("b.toml", other)]),
        [
            "a.toml:2:8: string values must be quoted, expected literal string",
            "a.toml:3:14: string values must be quoted, expected literal string",
            "b.toml:2:1: unknown key `typ` (did you mean `type`?)",
        ]
    );
}

#[test]
fn a_message_never_quotes_a_value_of_the_wrong_type() {
    assert_eq!(
        errors("[secrets.a]\nb = \"hunter2\"\n[secrets.a.c]\nmin-length = \"hunter2\"\n"),
        [
            "s.toml:2:1: unknown key `b` (a secret is a table: [secrets.a.b])",
            "s.toml:4:14: `min-length` must be a whole number, 0 or more, not a string",
        ]
    );
}

#[test]
fn a_folder_without_a_schema_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(Arc::new(OpenGate));
    let empty = load(&disk, folder.path()).unwrap_err().to_string();
    let advice = "no schema there, run `luca-secrets init` to get one";
    assert_eq!(empty, format!("{}: {advice}", folder.path().display()));
    let nowhere = folder.path().join("schemas");
    let missing = load(&disk, &nowhere).unwrap_err().to_string();
    assert_eq!(missing, format!("{}: {advice}", nowhere.display()));
    let bad = folder.path().join("a.toml");
    std::fs::write(&bad, b"\xff").unwrap();
    let not_text = load(&disk, folder.path()).unwrap_err().to_string();
    assert_eq!(not_text, format!("{}: not UTF-8 text", bad.display()));
    std::fs::write(&bad, "x = 1\ny = 2\n").unwrap();
    let invalid = load(&disk, folder.path()).unwrap_err().to_string();
    let bad = bad.display();
    assert_eq!(invalid, format!("{bad}:1:1: unknown key `x`\n{bad}:2:1: unknown key `y`"));
}

#[test]
fn the_shipped_schema_reads_and_its_patterns_fit_its_examples() {
    let schema = shipped();
    for (name, entry) in &schema.secrets {
        assert!(entry.title.is_some(), "{name}");
        let Some(example) = &entry.example else { continue };
        let Some(pattern) = &entry.rules.pattern else { continue };
        let whole = regex_lite::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        assert!(whole.is_match(example), "{name}");
    }
    let flower = secret(&schema, "flower.password").rules.pattern.unwrap();
    let flower = regex_lite::Regex::new(&format!("^(?:{flower})$")).unwrap();
    assert!(flower.is_match("aZ09!~-+.") && !flower.is_match("a,b") && !flower.is_match("\u{fc}"));
    let names = schema.github[&target("deploy")].secrets.iter().map(|v| v.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["HETZNER_BACKEND_IP", "HETZNER_SSH_PRIVATE_KEY"]);
}

#[test]
fn the_shipped_templates_derive_what_follows_from_others() {
    let schema = shipped();
    let django = &schema.env_files[&target("django")];
    let render = |variable: &str, domain: &str| {
        let lookup = |name: &SecretName| match name.as_str() {
            "clerk.domain" => Some(SecretValue::new(domain.to_owned())),
            "database.user" | "database.name" => Some(SecretValue::new("luca".to_owned())),
            "database.password" => Some(SecretValue::new("a/b@c".to_owned())),
            "database.host" => Some(SecretValue::new("192.0.2.20".to_owned())),
            "database.port" => Some(SecretValue::new("5432".to_owned())),
            _ => None,
        };
        let variable = django.variables.iter().find(|v| v.name.as_str() == variable).unwrap();
        variable.template.render(&lookup).unwrap().expose().to_owned()
    };
    // The three lengths that base64 pads differently.
    let key = |domain| render("CLERK_PUBLISHABLE_KEY", domain);
    assert_eq!(key("ab.clerk.accounts.dev"), "pk_test_YWIuY2xlcmsuYWNjb3VudHMuZGV2JA");
    assert_eq!(key("a.clerk.accounts.dev"), "pk_test_YS5jbGVyay5hY2NvdW50cy5kZXYk");
    assert_eq!(key("clerk.example.com"), "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k");
    assert_eq!(
        render("CLERK_JWKS_URL", "clerk.example.com"),
        "https://clerk.example.com/.well-known/jwks.json"
    );
    assert_eq!(render("DATABASE_URL", ""), "postgres://luca:a%2Fb%40c@192.0.2.20:5432/luca");
    assert_eq!(render("REDIS_URL", ""), "redis://redis:6379/0");
    assert_eq!(render("SENTRY_DSN", ""), "");
}

#[test]
fn the_history_is_ten_values_long_unless_the_schema_says_otherwise() {
    assert_eq!(parsed("").history.keep, 10);
    assert_eq!(parsed("[history]\n").history.keep, 10);
    for keep in [0, 3, 1000] {
        assert_eq!(parsed(&format!("[history]\nkeep = {keep}\n")).history.keep, keep);
    }
    assert_eq!(
        errors("[history]\nkeep = 1001\nkeeps = 1\n"),
        [
            "s.toml:2:8: `keep` must lie between 0 and 1000",
            "s.toml:3:1: unknown key `keeps` (did you mean `keep`?)",
        ]
    );
    assert_eq!(
        errors("[history]\nkeep = -1\n"),
        ["s.toml:2:8: `keep` must be a whole number, 0 or more, not an integer"]
    );
    assert_eq!(errors("history = 3\n"), ["s.toml:1:11: `history` must be a table, not an integer"]);
    assert_eq!(
        errors("[histori]\nkeep = 3\n"),
        ["s.toml:1:2: unknown key `histori` (did you mean `history`?)"]
    );
    let twice = [file("a.toml", "[history]\nkeep = 1\n"), file("b.toml", "[history]\nkeep = 2\n")];
    assert_eq!(errors_of(&twice), ["b.toml:1:2: `history` is declared twice, first at a.toml:1:2"]);
}
