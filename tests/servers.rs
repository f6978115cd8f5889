//! Servers in the schema: what `check`, `render` and `rm` say of them. Nothing connects anywhere.

use crate::harness::World;

const SERVERS: &str = r#"
[server.web]
address = "web.example.com"
user = "deploy"
known-hosts = "~/.ssh/known_hosts"
key = "agent"
[[server.web.install]]
env-file = "django"
to = "/srv/web/.env"
apply = { in = "/srv/web", run = ["systemctl", "restart", "web"] }
health = { url = "https://web.example.com/health", header = { name = "X-Token", value = "{{ database.password }}" } }
"#;

#[test]
fn a_broken_schema_of_servers_is_shown_whole_with_its_places() {
    let world = World::filled();
    let broken = SERVERS
        .replace("web.example.com\"\nuser", "https://web.example.com\"\nusr")
        .replace("\"django\"", "\"djago\"")
        .replace("/srv/web/.env", "srv/web/.env")
        .replace("database.password", "database.pasword");
    world.write(
        "schemas/servers.toml",
        format!("{broken}generation_from = {{}}\n[server.db]\njump = \"wbe\"\n"),
    );
    world.run(&["check"]).gives(
        1,
        "",
        "error: schemas/servers.toml:2:9: `web` has no `user`\n\
         error: schemas/servers.toml:3:11: `address` is not a host: a host name or an IP address, without scheme \
         and port\n\
         error: schemas/servers.toml:4:1: unknown key `usr`\n\
         error: schemas/servers.toml:8:12: no env file `djago` is declared\n\
         error: schemas/servers.toml:9:6: `to` must be absolute: it starts with /\n\
         error: schemas/servers.toml:11:93: no secret `database.pasword` is declared\n\
         error: schemas/servers.toml:12:1: unknown key `generation_from`\n\
         error: schemas/servers.toml:13:9: `db` has no `address`\n\
         error: schemas/servers.toml:13:9: `db` has no `user`\n\
         error: schemas/servers.toml:13:9: `db` has no `key`\n\
         error: schemas/servers.toml:13:9: `db` has neither `host-keys` nor `known-hosts`\n\
         error: schemas/servers.toml:14:8: no server `wbe` is declared\n\
         hint: did you mean `user`?\n\
         hint: did you mean `django`?\n\
         hint: did you mean `database.password`?\n\
         hint: did you mean `generation-from`?\n\
         hint: ssh-keyscan shows a server's keys; compare them with those on its console\n\
         hint: did you mean `web`?\n",
    );
}

#[test]
fn check_finds_values_that_a_server_cannot_use() {
    let world = World::filled();
    let servers = SERVERS
        .replace("\"web.example.com\"", "\"{{ sentry.dsn }}\"")
        .replace("\"deploy\"", "\"{{ database.password }}\"");
    world.write("schemas/servers.toml", servers);
    world.run(&["check"]).gives(
        3,
        "",
        "error: sentry.dsn is not set, and `address` of server web needs it\n\
         error: `user` of server web is not an account: letters, digits, `_`, `.`, `@` and `-`, which cannot come \
         first\n",
    );
    let report = world.run(&["check", "--json"]).done();
    let findings: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(findings[1]["code"], "unreachable");
    assert_eq!(findings[1]["place"], "[world]/project/schemas/servers.toml:2:9");
    world.write("schemas/servers.toml", SERVERS);
    world.run(&["check"]).gives(0, "", "ok: 2 secrets, nothing missing, nothing wrong\n");
}

#[test]
fn what_a_bad_secret_makes_of_a_server_is_said_once() {
    let world = World::filled();
    world
        .write("schemas/servers.toml", SERVERS.replace("user = ", "port = \"{{ database.port }}\"\nuser = "));
    let schema = world.read("schemas/schema.toml");
    // The store was filled when a port could be anything.
    world.write("schemas/schema.toml", schema.replace("type = \"port\"", "type = \"string\""));
    world.run(&["set", "-q", "database.port"]).stdin("http").success();
    world.write("schemas/schema.toml", schema);
    world.run(&["check"]).gives(
        3,
        "",
        "error: database.port: not a port: a whole number from 1 to 65535\n\
         hint: luca-secrets set database.port\n",
    );
}

#[test]
fn a_marker_is_rendered_and_changes_only_with_the_file() {
    let world = World::filled();
    let schema = world.read("schemas/schema.toml");
    let schema = schema
        .replace("\n[env-file.django.variables]", "\nmarker = \"GENERATION\"\n[env-file.django.variables]");
    world.write(
        "schemas/schema.toml",
        format!("{schema}[secrets.other.word]\ntype = \"password\"\nrequired = false\n"),
    );
    let rendered = || {
        let text = world.run(&["render", "django", "-"]).success().stdout;
        let (before, marker) = text.split_once("\nGENERATION=").unwrap();
        assert!(before.ends_with("\nDB_PORT=5432"), "{before}");
        marker.to_owned()
    };
    let first = rendered();
    assert!(first.len() == 17 && first.trim_end().bytes().all(|b| b.is_ascii_hexdigit()), "{first}");
    world.run(&["render", "-q"]).success();
    world.run(&["import", "-n", ".envs/.production/.django"]).gives(
        0,
        "",
        "line 2    database.password  the store has this value already\n\
         line 3    database.port  the store has this value already\n\
         line 4    GENERATION  skipped: composed by a template, and does not come apart in exactly one way\n",
    );
    world.run(&["set", "-q", "other.word"]).stdin("some other word").success();
    assert_eq!(rendered(), first);
    world.run(&["render"]).gives(0, "", "ok: .envs/.production/.django: unchanged, 3 variables\n");
    world.run(&["set", "-q", "database.password"]).stdin("another horse").success();
    assert_ne!(rendered(), first);
}

#[test]
fn github_variables_are_rendered_apart_from_its_secrets() {
    let world = World::filled();
    let schema = world.read("schemas/schema.toml");
    world.write(
        "schemas/schema.toml",
        format!("{schema}[github.deploy.variables]\nDB_PORT = \"{{{{ database.port }}}}\"\n"),
    );
    let header =
        "# rendered by luca-secrets from generation 3 of the store; change it with `luca-secrets edit`\n";
    world.run(&["render", "github.deploy.variables", "-"]).gives(0, &format!("{header}DB_PORT=5432\n"), "");
    world.write(
        "schemas/schema.toml",
        format!("{schema}[github.deploy.variables]\nWORD = \"{{{{ database.password }}}}\"\n"),
    );
    world.run(&["check"]).gives(
        1,
        "",
        "error: schemas/schema.toml:26:1: `database.password` is secret, and GitHub shows variables to whoever \
         reads the repository\n\
         hint: move it to `secrets`, or write { value = \"…\", public = true }\n",
    );
}

#[test]
fn rm_says_which_servers_need_a_secret() {
    let world = World::filled();
    world.write("schemas/servers.toml", SERVERS);
    world.run(&["rm", "--yes", "database.password"]).gives(
        0,
        "",
        "warn: database.password is used by DB_PASSWORD of django\n\
         warn: database.password is used by DB_PASSWORD of github.deploy\n\
         warn: database.password is used by the server web\n\
         ok: database.password removed\n",
    );
}
