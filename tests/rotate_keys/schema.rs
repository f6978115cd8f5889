//! What the schema may say of these kinds, and what it complains about.

use luca_secrets::schema::{self, RotationKind, S3Issuer};

use super::walk::{declared, name, parsed};

const SERVERS: &str = r#"
[secrets.deploy.key]
type = "ssh-private-key"
rotate = { with = "ssh-key" }
[server.web]
address = "192.0.2.10"
user = "root"
known-hosts = "known_hosts"
key = "deploy.key"
[server.db]
address = "192.0.2.20"
user = "root"
known-hosts = "known_hosts"
key = "agent"
"#;

fn complaints(text: &str) -> Vec<String> {
    let errors = schema::parse(&[("s.toml".into(), text.to_owned())]).err().unwrap_or_default();
    errors
        .iter()
        .map(|error| match &error.hint {
            Some(hint) => format!("{error} ({hint})"),
            None => error.to_string(),
        })
        .collect()
}

#[test]
fn a_key_belongs_to_every_server_that_is_reached_with_it() {
    let schema = parsed(SERVERS);
    let (_, RotationKind::SshKey(settings)) = declared(&schema, "deploy.key") else { panic!() };
    let servers = settings.servers_of(&name("deploy.key"), &schema);
    assert_eq!(servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["web"]);
    let named = SERVERS.replace(
        "with = \"ssh-key\"",
        "with = \"ssh-key\", servers = [\"db\"], authorized-keys = \"/etc/keys\"",
    );
    let schema = parsed(&named);
    let (_, RotationKind::SshKey(settings)) = declared(&schema, "deploy.key") else { panic!() };
    let servers = settings.servers_of(&name("deploy.key"), &schema);
    assert_eq!(servers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["db", "web"]);
    assert_eq!(settings.authorized_keys.as_deref(), Some("/etc/keys"));
}

#[test]
fn the_others_have_defaults() {
    let schema = parsed(
        r#"
[secrets.s3.access_key]
[secrets.s3.secret_key]
rotate = { with = "s3-keys", bucket = "team-{{ s3.access_key }}", endpoint = "https://s3.example.com", url = "https://console.example.com/" }
[secrets.aws.access_key]
[secrets.aws.secret_key]
rotate = { with = "s3-keys", bucket = "team", iam = true, presigned = "7d" }
[secrets.clerk.secret_key]
rotate = { with = "clerk" }
[secrets.clerk.hook]
rotate = { with = "webhook", endpoint = "https://example.com/hooks/", previous = "clerk.hook_before" }
[secrets.clerk.hook_before]
required = false
[secrets.mail.key]
type = "password"
rotate = { with = "command", run = ["scripts/rotate", "mail"], reads = ["s3.access_key"], every = "90d" }
"#,
    );
    let (_, RotationKind::S3Keys(s3)) = declared(&schema, "s3.secret_key") else { panic!() };
    assert_eq!(
        (s3.access_key.as_str(), s3.path_style, s3.region.as_str()),
        ("s3.access_key", true, "us-east-1")
    );
    assert_eq!(s3.issuer, S3Issuer::Person(Some("https://console.example.com".to_owned())));
    let (_, RotationKind::S3Keys(aws)) = declared(&schema, "aws.secret_key") else { panic!() };
    assert_eq!((aws.issuer, aws.path_style), (S3Issuer::Iam(None), false));
    assert_eq!((s3.presigned, aws.presigned.unwrap().as_secs()), (None, 604_800));
    let (_, RotationKind::Clerk(clerk)) = declared(&schema, "clerk.secret_key") else { panic!() };
    assert_eq!(clerk.api, "https://api.clerk.com");
    let (_, RotationKind::Webhook(hook)) = declared(&schema, "clerk.hook") else { panic!() };
    assert_eq!(hook.endpoint.as_deref(), Some("https://example.com/hooks"));
    assert_eq!(hook.previous, Some(name("clerk.hook_before")));
    let (_, RotationKind::Command(command)) = declared(&schema, "mail.key") else { panic!() };
    assert_eq!((command.run.len(), command.within.as_secs(), command.overlap), (2, 60, true));
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (text, expected) in [
        (
            "[secrets.a.b]\nrotate = { with = \"comand\" }\n",
            "s.toml:2:19: `comand` is not a kind of rotation (did you mean `command`?)",
        ),
        (
            "[secrets.a.b]\ntype = \"password\"\nrotate = { with = \"command\" }\n",
            "s.toml:3:1: `rotate` of `a.b` has no `run` (the program that does it: run = [\"scripts/rotate\"])",
        ),
        (
            "[secrets.a.b]\ntype = \"token\"\nrotate = { with = \"command\", run = [\"x\"] }\n",
            "s.toml:1:12: nothing says how a new `a.b` is made (add `generate`, or say `made-by = \"program\"` or `made-by = \"source\"`)",
        ),
        (
            "[secrets.a.b]\ntype = \"password\"\nrotate = { with = \"command\", run = [\"x\", \"{{ a.b }}\"] }\n",
            "s.toml:3:42: commands take no templates (arguments show in the list of processes; the program is told values on its input)",
        ),
        (
            "[secrets.a.b]\ntype = \"password\"\nrotate = { with = \"command\", run = [\"x\"], also = [\"a.c\"] }\n",
            "s.toml:3:51: no secret `a.c` is declared (did you mean `a.b`?)",
        ),
        (
            "[secrets.a.b]\ntype = \"password\"\nrotate = { with = \"command\", run = [\"x\"], within = \"1h\", made-by = \"me\" }\n",
            "s.toml:3:52: `within` must be at most 10m",
        ),
        (
            "[secrets.a.b]\nrotate = { with = \"ssh-key\", servers = [\"web\"] }\n",
            "s.toml:1:12: `a.b` is of type string, not ssh-private-key",
        ),
        (
            "[secrets.a.b]\ntype = \"ssh-private-key\"\nrotate = { with = \"ssh-key\" }\n",
            "s.toml:1:12: no server is reached with `a.b` (name those that let it in: servers = [\"NAME\"])",
        ),
        (
            "[secrets.a.b]\nrotate = { with = \"s3-keys\", bucket = \"x\" }\n",
            "s.toml:1:12: no secret `a.access_key` is declared, the other half of `a.b` (access-key = \"GROUP.KEY\")",
        ),
        (
            "[secrets.a.b]\nrotate = { with = \"clerk\", api = \"api.clerk.com\" }\n",
            "s.toml:2:34: `api` is not an http url: http:// or https:// with a host, without a fragment",
        ),
        (
            "[secrets.a.access_key]\n[secrets.a.b]\nrotate = { with = \"s3-keys\", bucket = \"x\", grace = \"30m\", presigned = \"1h\" }\n",
            "s.toml:2:12: `grace` is shorter than `presigned`: URLs that the old keys have signed would end early (the old keys stay for `grace`, a week where the schema does not say)",
        ),
        (
            "[secrets.a.access_key]\n[secrets.a.b]\nrotate = { with = \"s3-keys\", bucket = \"x\", presigned = \"8d\" }\n",
            "s.toml:2:12: `presigned` is longer than any presigned URL is valid, which is 7d",
        ),
        (
            "[secrets.a.b]\nrotate = { with = \"webhook\", previous = \"a.c\" }\n[secrets.a.c]\n",
            "s.toml:3:12: `a.c` is empty between two rotations: it needs `required = false`",
        ),
        (
            "[secrets.a.b]\nrotate = { with = \"webhook\", previous = \"a.c\" }\n[secrets.a.c]\nrequired = false\n\
             [env-file.app]\npath = \"x\"\n[env-file.app.variables]\nHOOK = \"{{ a.b }}\"\n",
            "s.toml:8:1: env file app has `a.b` and not `a.c`: while there are two endpoints, events of one are refused (HOOK_PREVIOUS = \"{{ a.c }}\")",
        ),
    ] {
        let found = complaints(text);
        assert!(found.iter().any(|line| line == expected), "{expected}\n{found:#?}");
    }
    let passphrase =
        SERVERS.replace("key = \"deploy.key\"", "key = \"deploy.key\"\nkey-passphrase = \"deploy.word\"");
    let found = complaints(&format!("{passphrase}[secrets.deploy.word]\n"));
    assert!(
        found[0].ends_with("a key that is rotated has no passphrase, and server `web` names one"),
        "{found:?}"
    );
}
