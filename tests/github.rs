//! Pushes to a stand-in for GitHub (`tests/github/server.py`), which opens the sealed boxes with libsodium, and which
//! the real `gh` finds to be GitHub.

pub mod fake;
mod faults;
mod gh;
mod push;
mod refusals;
mod token;

use serde_json::json;

use luca_secrets::target::github::{Kind, Options, PushRecord, Scope, Visibility};

use fake::{Fake, Push, repository};

/// Values of all kinds.
fn values() -> Vec<(Kind, String, String)> {
    let (secret, variable) = (Kind::Secret, Kind::Variable);
    vec![
        (secret, "db_password".to_owned(), "correct horse battery".to_owned()),
        (secret, "DEPLOY_KEY".to_owned(), "-----BEGIN X-----\nmade up\n-----END X-----\n".to_owned()),
        (secret, "EMPTY".to_owned(), String::new()),
        (secret, "LARGE".to_owned(), "x".repeat(48 * 1024)),
        (secret, "ODD".to_owned(), "ünï \"$'\\\u{1f980}\t".to_owned()),
        (variable, "BACKEND".to_owned(), "192.0.2.7".to_owned()),
        (variable, "odd".to_owned(), "two\nlines \"$'\\".to_owned()),
    ]
}

/// The values as the server should hold them.
fn held(values: &[(Kind, String, String)], more: &serde_json::Value) -> serde_json::Value {
    let mut expected = json!({});
    for (kind, name, value) in values {
        let mut entry = more.clone();
        entry["value"] = json!(value);
        expected[kind.plural()][name.to_uppercase()] = entry;
    }
    expected
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn every_scope_gets_its_values() {
    let fake = Fake::start();
    let environment = |environment: &str| Scope::Environment {
        owner: "example".to_owned(),
        name: "shop".to_owned(),
        environment: environment.to_owned(),
    };
    let organization = |visibility| Scope::Organization { name: "example".to_owned(), visibility };
    let selected = Visibility::Selected(vec!["shop".to_owned(), "api".to_owned()]);
    let scopes = [
        (repository(), "repos/example/shop", json!({})),
        (environment("production"), "repos/example/shop/environments/production", json!({})),
        (environment("prod/eu west"), "repos/example/shop/environments/prod/eu west", json!({})),
        (organization(Visibility::Private), "orgs/example", json!({"visibility": "private", "selected": []})),
        (organization(selected), "orgs/example", json!({"visibility": "selected", "selected": [7001, 7002]})),
    ];
    for (scope, path, more) in scopes {
        fake.reset();
        let mut push = Push::new(&fake, scope);
        push.want = values();
        let first = push.run(&PushRecord::default()).unwrap();
        assert!(first.applied.failed.is_empty(), "{:?}", first.applied.failed);
        assert_eq!(fake.state(), json!({path: held(&values(), &more)}));
        let second = push.run(&first.applied.record).unwrap();
        assert!(second.is_clean, "{:?}", second.steps);
        assert_eq!(second.applied.record, first.applied.record);
        assert_eq!(PushRecord::of(&second.applied.record.to_pushes(None)), first.applied.record);
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_hundred_secrets_take_the_fewest_requests() {
    let fake = Fake::start();
    let mut push = Push::new(&fake, repository());
    for number in 0..100 {
        push.want(Kind::Secret, &format!("S{number:03}"), &format!("value {number}"));
    }
    let first = push.run(&PushRecord::default()).unwrap();
    assert_eq!(first.applied.done.len(), 100);
    let mut expected = vec![
        "GET /repos/example/shop/actions/secrets?per_page=100&page=1".to_owned(),
        "GET /repos/example/shop/actions/secrets/public-key".to_owned(),
    ];
    expected.extend((0..100).map(|number| format!("PUT /repos/example/shop/actions/secrets/S{number:03}")));
    expected.push("GET /repos/example/shop/actions/secrets?per_page=100&page=1".to_owned());
    let mut log = fake.log();
    log[2..102].sort();
    assert_eq!(log, expected);
    assert_eq!(first.requests, 103);

    let second = push.run(&first.applied.record).unwrap();
    assert!(second.is_clean);
    assert_eq!(fake.log(), expected[..1]);

    push.change("S007", "another");
    let third = push.run(&second.applied.record).unwrap();
    assert_eq!(third.changes(), "change S007");
    assert_eq!(
        fake.log(),
        [&expected[0], &expected[1], "PUT /repos/example/shop/actions/secrets/S007", &expected[0]]
    );
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn lists_are_read_to_their_last_page() {
    let fake = Fake::start();
    for number in 0..250 {
        fake.set("orgs/example", "secrets", &format!("S{number:03}"), "theirs");
    }
    for number in 0..60 {
        fake.set("orgs/example", "variables", &format!("V{number:03}"), "theirs");
    }
    let scope = Scope::Organization { name: "example".to_owned(), visibility: Visibility::All };
    let observed = Push::new(&fake, scope).observe().unwrap();
    assert_eq!((observed.secrets.len(), observed.variables.len()), (250, 60));
    let page = |kind, size, page| format!("GET /orgs/example/actions/{kind}?per_page={size}&page={page}");
    let secrets = [1, 2, 3].map(|number| page("secrets", 100, number));
    let variables = [1, 2].map(|number| page("variables", 30, number));
    assert_eq!(fake.log(), [&secrets[..], &variables[..]].concat());
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn what_somebody_else_changed_is_left_alone_unless_told_otherwise() {
    let fake = Fake::start();
    let (path, kinds) = ("repos/example/shop", [Kind::Secret, Kind::Variable]);
    let mut push = Push::new(&fake, repository());
    for kind in kinds {
        for name in ["SAME", "CHANGED", "DRIFTED", "REMOVED", "LEFT", "LEFT_DRIFTED"] {
            push.want(kind, name, "ours");
        }
    }
    let first = push.run(&PushRecord::default()).unwrap();
    for kind in kinds {
        fake.set(path, kind.plural(), "DRIFTED", "theirs");
        fake.set(path, kind.plural(), "LEFT_DRIFTED", "theirs");
        fake.set(path, kind.plural(), "NEVER_OURS", "theirs");
        fake.set(path, kind.plural(), "ALSO_WANTED", "theirs");
        fake.remove(path, kind.plural(), "REMOVED");
    }
    push.want.retain(|(_, name, _)| !name.starts_with("LEFT"));
    push.change("CHANGED", "newer");
    for kind in kinds {
        push.want(kind, "ALSO_WANTED", "ours");
    }
    let expected = "drifted ALSO_WANTED, change CHANGED, drifted DRIFTED, orphan LEFT, drifted LEFT_DRIFTED, create REMOVED";
    let second = push.run(&first.applied.record).unwrap();
    assert_eq!(second.changes(), format!("{expected}, {expected}"));
    let shown = |names: &[(&str, &str)]| {
        names
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!({"value": value})))
            .collect::<serde_json::Map<_, _>>()
    };
    let both = |names: &[(&str, &str)]| json!({path: {"secrets": shown(names), "variables": shown(names)}});
    let mut there = [
        ("ALSO_WANTED", "theirs"),
        ("CHANGED", "newer"),
        ("DRIFTED", "theirs"),
        ("LEFT", "ours"),
        ("LEFT_DRIFTED", "theirs"),
        ("NEVER_OURS", "theirs"),
        ("REMOVED", "ours"),
        ("SAME", "ours"),
    ]
    .to_vec();
    assert_eq!(fake.state(), both(&there));

    push.options = Options { prune: true, overwrite_drift: false };
    let third = push.run(&second.applied.record).unwrap();
    there.retain(|(name, _)| *name != "LEFT");
    assert_eq!(fake.state(), both(&there));

    push.options.overwrite_drift = true;
    let fourth = push.run(&third.applied.record).unwrap();
    there.retain(|(name, _)| *name != "LEFT_DRIFTED");
    there
        .iter_mut()
        .filter(|(name, _)| ["ALSO_WANTED", "DRIFTED"].contains(name))
        .for_each(|entry| entry.1 = "ours");
    assert_eq!(fake.state(), both(&there));
    assert!(push.run(&fourth.applied.record).unwrap().is_clean);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn neither_values_nor_the_token_stand_in_what_is_shown() {
    let fake = Fake::start();
    let mut push = Push::new(&fake, repository());
    push.want(Kind::Secret, "A", "marker-value");
    push.want(Kind::Variable, "B", "marker-value");
    let done = push.run(&PushRecord::default()).unwrap();
    fake.faults(&json!({"4": "conflict", "5": "conflict"}));
    push.change("A", "other-marker-value");
    push.change("B", "other-marker-value");
    let failed = push.run(&done.applied.record).unwrap();
    assert_eq!(failed.applied.failed.len(), 2);
    let shown = format!(
        "{:?}{:?}{:?}{:?}{:?}{:?}",
        done.steps,
        done.applied.done,
        done.applied.record,
        failed.applied.record,
        failed.applied.failed,
        fake.log()
    );
    assert!(shown.len() > 300 && !shown.contains("marker-value") && !shown.contains("made-up"), "{shown}");
}
