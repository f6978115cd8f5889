use std::time::Duration;

use super::*;
use crate::schema::{Postgres, PostgresAdmin, PostgresLogin, PostgresWay, Rotation, RotationKind};

/// What the rotations of these tests refer to.
const REST: &str = r#"
[secrets.db.user]
[secrets.db.name]
[secrets.db.host]
type = "host"
[secrets.db.port]
type = "port"
[secrets.admin.user]
[secrets.admin.word]
type = "password"
[secrets.lone.word]
type = "password"
[server.db]
address = "192.0.2.20"
user = "root"
known-hosts = "known_hosts"
key = "agent"
"#;

fn with_rest(rotate: &str) -> [(PathBuf, String); 2] {
    let text = format!("[secrets.db.word]\ntype = \"password\"\nrotate = {rotate}\n");
    [file("rest.toml", REST), file("s.toml", &text)]
}

fn rotation(rotate: &str) -> (Schema, Rotation) {
    let schema = parse(&with_rest(rotate)).unwrap();
    let rotation = secret(&schema, "db.word").rotate.unwrap();
    (schema, rotation)
}

fn mistakes(rotate: &str) -> Vec<String> {
    errors_of(&with_rest(rotate))
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn settings(rotation: &Rotation) -> &Postgres {
    match &rotation.with {
        RotationKind::PostgresAlternating(settings) | RotationKind::PostgresSingle(settings) => settings,
        _ => panic!("of another kind"),
    }
}

#[test]
fn postgres_finds_what_stands_beside_the_password() {
    for kind in ["postgres-alternating", "postgres-single"] {
        let (schema, rotation) = rotation(&format!(r#"{{ with = "{kind}", on = "db" }}"#));
        assert_eq!(rotation.with.name(), kind);
        let settings = settings(&rotation);
        assert_eq!(settings.admin, PostgresAdmin::Peer { account: "postgres".to_owned(), socket: None });
        assert_eq!((settings.way(true), settings.way(false)), (PostgresWay::Server, PostgresWay::Direct));
        let login = PostgresLogin {
            user: name("db.user"),
            password: name("db.word"),
            database: name("db.name"),
            host: Some(name("db.host")),
            port: Some(name("db.port")),
        };
        assert_eq!(settings.login(&name("db.word"), &schema.secrets), Ok(login));
    }
}

#[test]
fn postgres_says_all_it_can() {
    let (schema, found) = rotation(
        r#"{ with = "postgres-alternating", on = "db", user = "admin.user", database = "db.host", host = "db.host",
             owner = "shop", roles = ["shop_a", "shop_b"], admin = "role", admin-user = "db.user", via = "direct",
             admin-password = "admin.word", ca-file = "ca.pem", within = "5s", grace = "1h" }"#,
    );
    let settings = settings(&found);
    assert_eq!(settings.owner.as_deref(), Some("shop"));
    assert_eq!(settings.roles, Some(["shop_a".to_owned(), "shop_b".to_owned()]));
    let admin = PostgresAdmin::Role { user: name("db.user"), password: name("admin.word") };
    assert_eq!((&settings.admin, settings.way(true)), (&admin, PostgresWay::Direct));
    assert_eq!(settings.ca_file.as_deref(), Some(Path::new("ca.pem")));
    assert_eq!(settings.within, Some(Duration::from_secs(5)));
    let login = settings.login(&name("db.word"), &schema.secrets).unwrap();
    assert_eq!((login.user, login.database), (name("admin.user"), name("db.host")));
    let (_, found) =
        rotation(r#"{ with = "postgres-single", on = "db", account = "pg", socket = "/run/pg" }"#);
    let admin = PostgresAdmin::Peer { account: "pg".to_owned(), socket: Some("/run/pg".into()) };
    assert_eq!(self::settings(&found).admin, admin);
}

#[test]
fn what_a_rotation_names_is_declared() {
    assert_eq!(
        mistakes(
            r#"{ with = "postgres-single", on = "dbb", user = "db.usr", port = "db.name", host = "Db" }"#
        ),
        [
            "s.toml:3:43: no server `dbb` is declared (did you mean `db`?)",
            "s.toml:3:57: no secret `db.usr` is declared (did you mean `db.user`?)",
            "s.toml:3:74: `db.name` is of type string, not port",
            "s.toml:3:92: `host`: a secret's name has the form group.key, such as database.password",
        ]
    );
    let text = "[secrets.lone.key]\ntype = \"token\"\nrotate = { with = \"postgres-single\", on = \"db\" }\n";
    assert_eq!(
        errors_of(&[file("rest.toml", REST), file("s.toml", text)]),
        [
            "s.toml:1:15: the rotation of `lone.key` needs to know the user: `lone` has no secret `user` or `username` \
             (name it: rotate = { user = \"GROUP.KEY\", … })",
            "s.toml:1:15: `lone.key` is of type token; a role's password is of type password",
        ]
    );
}

#[test]
fn mistakes_in_the_keys_of_postgres() {
    let with = |keys: &str| mistakes(&format!("{{ with = \"postgres-alternating\", on = \"db\", {keys} }}"));
    assert_eq!(with("owners = 1"), ["s.toml:3:54: unknown key `owners` (did you mean `owner`?)"]);
    let wanted = "must be the name of a role: 1 to 63 bytes, and not public, none or pg_…";
    assert_eq!(with(r#"owner = "pg_x""#), [format!("s.toml:3:62: `owner` {wanted}")]);
    assert_eq!(with(r#"roles = ["a", ""]"#), [format!("s.toml:3:62: `roles` {wanted}")]);
    assert_eq!(
        with("roles = 1"),
        ["s.toml:3:62: `roles` must be an array of the names of two roles, not an integer"]
    );
    assert_eq!(with(r#"roles = ["a"]"#), ["s.toml:3:62: `roles` must name two roles, which log in in turn"]);
    assert_eq!(with(r#"roles = ["a", "a"]"#), ["s.toml:3:62: `roles` must name two different roles"]);
    assert_eq!(
        with(r#"owner = "a", roles = ["a", "b"]"#),
        ["s.toml:3:62: `owner` must be a role that does not log in, so none of `roles`"]
    );
    assert_eq!(
        with(r#"admin = "pear""#),
        ["s.toml:3:62: `pear` is not a kind of administrator (did you mean `peer`?)"]
    );
    assert_eq!(
        with(r#"admin = "role", account = "pg", admin-user = "db.user""#),
        [
            "s.toml:3:62: `admin = \"role\"` needs `admin-password`: the name of a secret",
            "s.toml:3:70: `account` belongs to `admin = \"peer\"`",
        ]
    );
    assert_eq!(with(r#"admin-user = "db.user""#), ["s.toml:3:54: `admin-user` needs `admin = \"role\"`"]);
    assert_eq!(with(r#"account = "-x""#), ["s.toml:3:64: `account` must be the name of an account"]);
    assert_eq!(
        with(r#"via = "tunnel""#),
        ["s.toml:3:60: `tunnel` is not a way (it is one of: server, direct)"]
    );
    let hint = "(on = \"NAME\" of [server.NAME], the server that the database runs on)";
    assert_eq!(
        mistakes(r#"{ with = "postgres-single" }"#),
        [format!("s.toml:3:12: `admin = \"peer\"`, the usual one, needs `on` {hint}")]
    );
    let by_role = r#"admin = "role", admin-user = "admin.user", admin-password = "admin.word""#;
    assert_eq!(
        mistakes(&format!(r#"{{ with = "postgres-single", {by_role}, via = "server" }}"#)),
        [format!("s.toml:3:12: `via = \"server\"` needs `on` {hint}")]
    );
    rotation(&format!(r#"{{ with = "postgres-single", {by_role} }}"#));
    assert_eq!(
        mistakes(r#"{ with = "postgres-single", on = "db", roles = ["a", "b"] }"#),
        ["s.toml:3:49: unknown key `roles`"]
    );
    let found = mistakes(r#"{ with = "postgress" }"#);
    assert!(found[0].starts_with("s.toml:3:19: `postgress` is not a kind of rotation"), "{}", found[0]);
}
