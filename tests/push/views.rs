//! `diff` and `status`: what is there, shown without touching anything.

use crate::faults::store_with;
use crate::harness::World;

use super::Fleet;

#[test]
#[ignore = "needs sshd; run tests/run"]
fn diff_shows_every_difference_by_name_and_changes_nothing() {
    let fleet = Fleet::new(2);
    let diff = |more: &[&str]| {
        let done = fleet.world.run(&[&["diff", "server.web1", "server.web2"], more].concat()).done();
        (done.code, fleet.plain(&done.stdout), fleet.plain(&done.stderr))
    };
    let create = "  create    DB_PASSWORD  [print]\n  create    DB_PORT      [print]\n";
    assert_eq!(
        diff(&[]),
        (
            3,
            format!(
                "server.web1, [app]/app.env: 2 differences, 0 unchanged\n{create}\
                 server.web2, [app]/app.env: 2 differences, 0 unchanged\n{create}"
            ),
            String::new()
        )
    );
    assert!(fleet.names(0).is_empty());
    fleet.pushed();
    let same = "[app]/app.env: 2 unchanged, generation 3 there\n";
    assert_eq!(
        diff(&[]),
        (0, format!("server.web1, {same}server.web2, {same}"), "ok: nothing differs\n".to_owned())
    );
    fleet.set("new one");
    let pushed = fleet.read(1, "app.env");
    std::fs::write(fleet.app(1).join("app.env"), pushed.replace("DB_PORT=5432", "DB_PORT=1\nOWN=1")).unwrap();
    assert_eq!(
        diff(&[]),
        (
            3,
            "server.web1, [app]/app.env: 1 difference, 1 unchanged, generation 3 there\n\
             \x20 change    DB_PASSWORD  [print] -> [print]\n\
             server.web2, [app]/app.env: 3 differences, 0 unchanged, generation 3 there\n\
             \x20 change    DB_PASSWORD  [print] -> [print]\n\
             \x20 drifted   DB_PORT      [print] -> [print]\n\
             \x20 drifted   OWN          [print], will be removed\n"
                .to_owned(),
            String::new()
        )
    );
    let json = diff(&["--json"]).1;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[1]["target"], "server.web2");
    assert_eq!(json[1]["files"][0]["variables"][2]["action"], "drifted");
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn a_server_that_is_down_does_not_hide_the_others() {
    let mut fleet = Fleet::new(2);
    fleet.pushed();
    fleet.hosts[0].kill();
    let done = fleet.world.run(&["diff", "server.web1", "server.web2"]).done();
    assert_eq!(
        (done.code, fleet.plain(&done.stdout).as_str(), fleet.plain(&done.stderr).as_str()),
        (
            1,
            "server.web2, [app]/app.env: 2 unchanged, generation 3 there\n",
            "error: server web1: 127.0.0.1:[port]: nobody listens at that port\n"
        )
    );
}

#[test]
#[ignore = "needs sshd; run tests/run"]
fn status_shows_secrets_and_targets_in_one_view() {
    let fleet = Fleet::new(2);
    // Without a token nothing can be said of GitHub.
    let schema = fleet.world.read("schemas/schema.toml");
    let (schema, _) = schema.split_once("[github.deploy]").unwrap();
    fleet.world.write(
        "schemas/schema.toml",
        schema.replace("generate = { length = 40 }", "rotate = { every = \"30d\" }"),
    );
    let status = |more: &[&str]| {
        let done = fleet.world.run(&[&["status"], more].concat()).done();
        let time = "2026-11-23T12:00:00Z";
        (done.code, fleet.plain(&done.stdout).replace(time, "[time]"), fleet.plain(&done.stderr))
    };
    let store = "store: 2 secrets, generation 3, [time] by tester@[host]\n";
    assert_eq!(status(&["--offline"]), (0, store.to_owned(), String::new()));
    assert_eq!(
        status(&[]),
        (
            3,
            format!(
                "{store}server.web1, [app]/app.env: 2 variables stale; never pushed\n\
                 server.web2, [app]/app.env: 2 variables stale; never pushed\n"
            ),
            String::new()
        )
    );
    fleet.pushed();
    std::fs::remove_file(fleet.app(1).join("app.env")).unwrap();
    std::fs::write(fleet.app(1).join("app.env"), "DB_PASSWORD=1\nDB_PORT=5432\n").unwrap();
    assert_eq!(
        status(&[]),
        (
            3,
            format!(
                "{store}server.web1, [app]/app.env: up to date; generation 3, pushed [time] by tester@[host]\n\
                 server.web2, [app]/app.env: 1 variable stale; drifted: DB_PASSWORD; never pushed\n"
            ),
            String::new()
        )
    );
    fleet.world.run(&["rm", "-q", "--yes", "database.port"]).done();
    assert_eq!(
        status(&[]),
        (
            3,
            "store: 1 secret, generation 4, [time] by tester@[host]\n  1 error against the schema: see \
             `luca-secrets check`\n"
                .to_owned(),
            String::new()
        )
    );
}

#[test]
fn status_names_what_is_due_and_what_is_exposed() {
    let world = World::new();
    let schema = world
        .read("schemas/schema.toml")
        .replace("generate = { length = 40 }", "rotate = { every = \"30d\" }");
    world.write("schemas/schema.toml", schema);
    let store = |since: &str, rest: &str| {
        store_with(
            &world,
            &format!(
                "[secrets.database]\npassword = \"correct horse battery\"\nport = \"5432\"\n\n\
                 [versions]\n\"database.password\" = {{ since = {since}, origin = \"edit\" }}\n{rest}"
            ),
        );
        let done = world.run(&["status", "--offline"]).done();
        assert_eq!(done.stderr, "");
        (done.code, done.stdout)
    };
    let head = "store: 2 secrets, generation 7, 2026-11-23T12:00:00Z by tester\n";
    assert_eq!(store("2026-10-24T12:00:01Z", ""), (0, head.to_owned()));
    assert_eq!(
        store("2026-10-24T12:00:00Z", ""),
        (3, format!("{head}  due: database.password (30 days old)\n"))
    );
    let json = world.run(&["status", "--offline", "--json"]).done().stdout;
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let old = serde_json::json!({"name": "database.password", "version": 1, "since": "2026-10-24T12:00:00Z",
        "origin": "edit", "age_days": 30, "due": true, "exposed": false});
    let unknown = serde_json::json!({"name": "database.port", "version": 1, "since": null, "origin": null,
        "age_days": null, "due": false, "exposed": false});
    assert_eq!(report["values"], serde_json::json!([old, unknown]));
    let exposed = "\n[exposed]\n\"database.port\" = { since = 2026-11-01T00:00:00Z, to = \"anna\", reason = \"stored\" }\n";
    assert_eq!(store("2026-11-01T12:00:00Z", exposed), (3, format!("{head}  exposed: database.port\n")));
}
