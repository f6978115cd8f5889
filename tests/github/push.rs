//! `push github.NAME` from the command line: what it says, what GitHub holds and what the store remembers afterwards.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use age::armor::Format;
use serde_json::{Value, json};

use crate::faults::{MARKER, Nth, is_killed, killed, seal, unseal};
use crate::harness::{Done, NOW, Run, World, executable};

use super::fake::Fake;

const PLACE: &str = "repos/example/shop";

/// A project whose schema has two secrets and a variable for the stand-in.
fn project(fake: &Fake) -> World {
    let world = World::filled();
    world.write("schemas/schema.toml", schema(fake, "example/shop", ALL));
    world
}

const ALL: &str = "[github.deploy.secrets]\nDB_PASSWORD = \"{{ database.password }}\"\n\
                   db_url = \"postgres://x:{{ database.password }}@192.0.2.7\"\n\
                   [github.deploy.variables]\nDB_PORT = \"{{ database.port }}\"\n";

fn schema(fake: &Fake, repository: &str, variables: &str) -> String {
    format!(
        "[secrets.database.password]\ntype = \"string\"\n[secrets.database.port]\ntype = \"port\"\nsecret = false\n\
         [github.deploy]\nrepository = \"{repository}\"\napi = \"https://127.0.0.1:{}/api/v3\"\n{variables}",
        fake.port
    )
}

/// A command line with a token.
fn run<'w>(world: &'w World, fake: &Fake, arguments: &[&str]) -> Run<'w> {
    world
        .run(arguments)
        .env("SSL_CERT_FILE", &fake.certificate)
        .env("GH_ENTERPRISE_TOKEN", "made-up")
        .env("PATH", "/nonexistent")
}

/// What was said, with the port taken out.
fn said(done: &Done, fake: &Fake) -> (u8, String) {
    assert_eq!(done.stdout, "");
    (done.code, done.stderr.replace(&fake.port.to_string(), "PORT"))
}

#[track_caller]
fn pushed(world: &World, fake: &Fake) {
    run(world, fake, &["push", "-q", "--yes"]).success();
}

/// The record of the store, as any TOML parser reads it.
fn record(world: &World) -> toml::Table {
    let document: toml::Table = unseal(&world.store_bytes()).parse().unwrap();
    let deploy = document.get("pushes").and_then(|pushes| pushes["github"].get("deploy"));
    deploy.and_then(toml::Value::as_table).cloned().unwrap_or_default()
}

fn generation(world: &World) -> i64 {
    let document: toml::Table = unseal(&world.store_bytes()).parse().unwrap();
    document["store"]["generation"].as_integer().unwrap()
}

fn moment(value: &toml::Value) -> String {
    value.as_datetime().unwrap().to_string()
}

/// Name and date of each secret and variable in the record.
fn dates(world: &World) -> Vec<String> {
    let record = record(world);
    let kinds = ["secrets", "variables"].into_iter().filter_map(|kind| record.get(kind)?.as_table());
    let date = |line: &toml::Value| line.get("updated_at").map_or("-".to_owned(), moment);
    kinds.flatten().map(|(name, line)| format!("{name} {}", date(line))).collect()
}

fn held(password: &str) -> Value {
    json!({PLACE: {
        "secrets": {
            "DB_PASSWORD": {"value": password},
            "DB_URL": {"value": format!("postgres://x:{password}@192.0.2.7")},
        },
        "variables": {"DB_PORT": {"value": "5432"}},
    }})
}

/// Fingerprints, which are those of a random store, as `#`.
fn without_prints(text: &str) -> String {
    let is_print = |word: &&str| word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = text.split_inclusive([' ', '\n', '"']);
    words
        .map(|word| {
            let bare = word.trim_end_matches([' ', '\n', '"']);
            if is_print(&bare) { word.replace(bare, "#") } else { word.to_owned() }
        })
        .collect()
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn the_first_push_says_what_it_does_and_the_second_does_nothing() {
    let fake = Fake::start();
    let world = project(&fake);
    let before = generation(&world);
    let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    assert_eq!(
        (code, without_prints(&text).as_str()),
        (
            0,
            "github.deploy, example/shop: 3 differences, 0 unchanged\n\
             \x20 create    secret   DB_PASSWORD  #\n\
             \x20 create    secret   DB_URL       #\n\
             \x20 create    variable DB_PORT      #\n\
             ok: github.deploy: 3 changes pushed\n"
        )
    );
    assert_eq!(fake.state(), held("correct horse battery"));
    assert_eq!(fake.log().len(), 8);
    assert_eq!(generation(&world), before + 2);
    let record = record(&world);
    assert_eq!((record["generation"].as_integer(), moment(&record["at"])), (Some(before), NOW.to_owned()));
    assert!(record["by"].as_str().unwrap().starts_with("tester@"));
    // The stand-in's clock moves by a second with every write, and both lists are written at once.
    assert_eq!(dates(&world).len(), 3);
    assert!(dates(&world).iter().all(|line| line.contains(" 2026-11-23T12:00:0")), "{:?}", dates(&world));

    let store = world.store_bytes();
    let (code, text) = said(&run(&world, &fake, &["push", "github.deploy"]).done(), &fake);
    let expected = "github.deploy, example/shop: 3 unchanged\nok: there is nothing to push\n";
    assert_eq!((code, text.as_str()), (0, expected));
    assert_eq!(fake.log().len(), 2);
    assert!(world.store_bytes() == store, "the store was written");

    world.run(&["set", "-q", "database.password"]).stdin("another").success();
    let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    assert_eq!(
        (code, without_prints(&text).as_str()),
        (
            0,
            "github.deploy, example/shop: 2 differences, 1 unchanged\n\
             \x20 change    secret   DB_PASSWORD  # -> #\n\
             \x20 change    secret   DB_URL       # -> #\n\
             ok: github.deploy: 2 changes pushed\n"
        )
    );
    assert_eq!(fake.state(), held("another"));
    assert_eq!(fake.log().len(), 6);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn nothing_is_pushed_without_a_yes() {
    let fake = Fake::start();
    let world = project(&fake);
    let store = world.store_bytes();
    let dry = run(&world, &fake, &["push", "-q", "--dry-run"]).done();
    assert_eq!((dry.code, dry.stderr.as_str()), (0, ""));
    let refused = run(&world, &fake, &["push", "-q"]).answers(&["n"]).done();
    assert_eq!((refused.code, refused.stderr.as_str()), (1, "error: not confirmed\n"));
    let nobody = run(&world, &fake, &["push", "-q", "--non-interactive"]).done();
    let expected = "error: a person would have to confirm this, and nobody is there to ask\n";
    assert_eq!((nobody.code, nobody.stderr.as_str()), (1, expected));
    let report = run(&world, &fake, &["push", "-q", "--dry-run", "--json"]).success();
    let rows = |names: &[(&str, &str)]| -> Vec<Value> {
        let row = |(kind, name): &(&str, &str)| {
            json!({"kind": kind, "name": name, "action": "create", "drift": null, "in_doubt": false, "here": "#",
                   "there": null})
        };
        names.iter().map(row).collect()
    };
    let found: Value = serde_json::from_str(&without_prints(&report.stdout)).unwrap();
    assert_eq!(
        found,
        json!([{"target": "github.deploy", "scope": "example/shop", "error": null,
                "rows": rows(&[("secret", "DB_PASSWORD"), ("secret", "DB_URL"), ("variable", "DB_PORT")])}])
    );
    assert_eq!((fake.state(), world.store_bytes() == store), (json!({}), true));
    run(&world, &fake, &["push", "-q"]).answers(&["y"]).success();
    assert_eq!(fake.state(), held("correct horse battery"));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn what_somebody_else_changed_is_named_and_left_alone() {
    let fake = Fake::start();
    fake.set(PLACE, "secrets", "DB_URL", "theirs");
    let world = project(&fake);
    let drifted = |expected: &str| {
        let store = world.store_bytes();
        let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
        assert_eq!((code, without_prints(&text).as_str()), (1, expected));
        assert!(world.store_bytes() == store && fake.log().iter().all(|line| line.starts_with("GET ")));
    };
    drifted(
        "github.deploy, example/shop: 3 differences, 0 unchanged\n\
         \x20 create    secret   DB_PASSWORD  #\n\
         \x20 drifted   secret   DB_URL       ? -> #  there already, and never pushed from here\n\
         \x20 create    variable DB_PORT      #\n\
         error: github.deploy: somebody else has changed DB_URL\n\
         hint: nothing was pushed; --overwrite-drift puts the store's values in their place\n",
    );
    run(&world, &fake, &["push", "-q", "--yes", "--overwrite-drift"]).success();
    assert_eq!(fake.state(), held("correct horse battery"));

    fake.log();
    fake.set(PLACE, "secrets", "DB_PASSWORD", "theirs");
    fake.set(PLACE, "variables", "DB_PORT", "1");
    drifted(
        "github.deploy, example/shop: 2 differences, 1 unchanged\n\
         \x20 drifted   secret   DB_PASSWORD  ? -> #  changed there since it was pushed\n\
         \x20 drifted   variable DB_PORT      # -> #  changed there since it was pushed\n\
         error: github.deploy: somebody else has changed DB_PASSWORD, DB_PORT\n\
         hint: nothing was pushed; --overwrite-drift puts the store's values in their place\n",
    );
    run(&world, &fake, &["push", "-q", "--yes", "--overwrite-drift"]).success();
    assert_eq!(fake.state(), held("correct horse battery"));
    // What the pruned schema leaves over was changed too: no reason not to push.
    fake.set(PLACE, "secrets", "DB_URL", "theirs");
    let one = "[github.deploy.secrets]\nDB_PASSWORD = \"{{ database.password }}\"\n";
    world.write("schemas/schema.toml", schema(&fake, "example/shop", one));
    assert_eq!(run(&world, &fake, &["push", "-q", "--yes"]).done().stderr, "");
    let (code, text) = said(&run(&world, &fake, &["push", "-q", "--yes", "--prune"]).done(), &fake);
    assert_eq!((code, text.as_str()), (1, "error: github.deploy: somebody else has changed DB_URL\n"));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn prune_removes_what_we_pushed_and_nothing_else() {
    let fake = Fake::start();
    let world = project(&fake);
    pushed(&world, &fake);
    fake.set(PLACE, "secrets", "NEVER_OURS", "theirs");
    let one = "[github.deploy.secrets]\nDB_PASSWORD = \"{{ database.password }}\"\n";
    world.write("schemas/schema.toml", schema(&fake, "example/shop", one));
    let store = world.store_bytes();
    let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    let orphans = "github.deploy, example/shop: 2 differences, 1 unchanged\n\
                   \x20 orphan    secret   DB_URL   #  no longer in the schema; --prune removes it\n\
                   \x20 orphan    variable DB_PORT  #  no longer in the schema; --prune removes it\n";
    assert_eq!((code, without_prints(&text).as_str()), (0, orphans));
    assert!(world.store_bytes() == store, "the store was written");
    let (code, text) = said(&run(&world, &fake, &["push", "--prune"]).answers(&["yes"]).done(), &fake);
    let removed = orphans.replace("no longer in the schema; --prune removes it", "will be removed");
    assert_eq!((code, without_prints(&text)), (0, removed + "ok: github.deploy: 2 changes pushed\n"));
    let expected = json!({PLACE: {"secrets": {
        "DB_PASSWORD": {"value": "correct horse battery"}, "NEVER_OURS": {"value": "theirs"}}}});
    assert_eq!(fake.state(), expected);
    assert_eq!(dates(&world).len(), 1);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn only_pushes_what_is_named() {
    let fake = Fake::start();
    let world = project(&fake);
    run(&world, &fake, &["push", "-q", "--yes", "--only", "db_port", "--only", "DB_URL"]).success();
    let mut expected = held("correct horse battery");
    expected[PLACE]["secrets"].as_object_mut().unwrap().remove("DB_PASSWORD");
    assert_eq!(fake.state(), expected);
    pushed(&world, &fake);
    assert_eq!(fake.state(), held("correct horse battery"));
    fake.log();
    run(&world, &fake, &["push", "--only", "OTHER"]).gives(
        2,
        "",
        "error: no target has the variable OTHER\n",
    );
    assert_eq!(fake.log(), [""; 0]);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_wait_that_github_asks_for_is_told() {
    let fake = Fake::start();
    let world = project(&fake);
    fake.faults(&json!({"4": "secondary"}));
    let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    assert!(code == 0 && text.contains("\nGitHub asks to wait 7 s\nok: "), "{text}");
    assert_eq!(fake.state(), held("correct horse battery"));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn refusals_say_what_to_do() {
    let fake = Fake::start();
    let world = project(&fake);
    let store = world.store_bytes();
    let push = |token: &str| {
        let run = run(&world, &fake, &["push", "--yes"]).env("GH_ENTERPRISE_TOKEN", token);
        said(&run.done(), &fake)
    };
    let cases = [
        (
            "unknown",
            "error: github.deploy: GitHub does not know the token: it is wrong, expired or revoked\n\
             hint: make a new token, and put it where this one is; -v says where that is\n",
        ),
        (
            "made-up-unscoped",
            "error: github.deploy: secrets of example/shop: the token may not do this; a classic token needs one of the \
             scopes repo and has gist\n\
             hint: give the token that permission, or use another one; -v says which was used\n",
        ),
        (
            "made-up-sso",
            "error: github.deploy: secrets of example/shop: the organisation wants the token authorised by single \
             sign-on first\n\
             hint: authorise the token for the organisation at https://github.com/settings/tokens\n",
        ),
        (
            "",
            "error: github.deploy: there is no token for 127.0.0.1:PORT\n\
             hint: set GH_ENTERPRISE_TOKEN, log in with `gh auth login --hostname 127.0.0.1:PORT`, or name a secret of the \
             store as `token` in the schema\n",
        ),
    ];
    for (token, expected) in cases {
        assert_eq!(push(token), (1, expected.to_owned()), "{token}");
    }
    assert_eq!(fake.state(), json!({}));
    for (faults, expected) in [
        (json!({"1": "for-hours"}), "GitHub's rate limit is reached for another 7200 s"),
        (json!({"*": "odd"}), "secrets of example/shop: GitHub's answer is of an unknown form"),
    ] {
        fake.faults(&faults);
        let (code, text) = push("made-up");
        assert!(code == 1 && text.starts_with(&format!("error: github.deploy: {expected}\n")), "{text}");
    }
    fake.faults(&json!({}));
    assert!(world.store_bytes() == store, "the store was written");

    // From here on GitHub is asked to write, and refuses: the record is as it was.
    let (code, text) = push("made-up-reader");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("error")).collect();
    let refused = "error: github.deploy: secret DB_PASSWORD of example/shop: the token may not do this; it needs the \
                   permission secrets=write";
    assert_eq!((code, lines.len(), lines[0]), (1, 3, refused), "{text}");
    assert_eq!((fake.state(), record(&world).len()), (json!({}), 0));
    for (at, fault, expected) in [
        (4, "improper", "GitHub does not take it"),
        (4, "conflict", "somebody else is changing it"),
        (4, "for-hours", "GitHub's rate limit is reached for another 7200 s"),
    ] {
        fake.reset();
        fake.faults(&json!({at.to_string(): fault}));
        let (code, text) = push("made-up");
        assert!(code == 1 && text.contains(expected), "{fault}: {text}");
        fake.faults(&json!({}));
        pushed(&world, &fake);
        assert_eq!(fake.state(), held("correct horse battery"));
        world.write("secrets.enc", &store);
        world.forget_stores();
    }
    world.write("schemas/schema.toml", schema(&fake, "example/none", ALL));
    let expected = "error: github.deploy: secrets of example/none: not there, or the token may not see it\n\
                    hint: check its name in the schema, and that the token may see it; environments have to be made on \
                    GitHub first\n";
    assert_eq!(push("made-up"), (1, expected.to_owned()));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_key_that_changes_meanwhile_and_a_lost_answer_are_no_failure() {
    let fake = Fake::start();
    for (at, fault) in [(4, "rotate"), (5, "drop-after"), (6, "500-after")] {
        fake.reset();
        let world = project(&fake);
        fake.faults(&json!({at.to_string(): fault}));
        pushed(&world, &fake);
        assert_eq!(fake.state(), held("correct horse battery"), "{fault}");
        fake.faults(&json!({}));
        let (_, text) = said(&run(&world, &fake, &["push"]).done(), &fake);
        assert!(text.ends_with("ok: there is nothing to push\n"), "{text}");
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn one_target_that_cannot_be_reached_does_not_stop_the_others() {
    let fake = Fake::start();
    let world = project(&fake);
    let other = "[github.other]\nrepository = \"example/api\"\napi = \"http://127.0.0.1:1\"\n\
                 [github.other.secrets]\nX = \"{{ database.password }}\"\n";
    world.write("schemas/other.toml", other);
    let (code, text) = said(&run(&world, &fake, &["push", "-q", "--yes"]).done(), &fake);
    let expected = "error: github.other: 127.0.0.1:1 cannot be reached: connection refused\n";
    assert_eq!((code, text.as_str()), (1, expected));
    assert_eq!(fake.state(), held("correct horse battery"));
    let (code, text) = said(&run(&world, &fake, &["push", "-q", "--yes", "github.othr"]).done(), &fake);
    assert_eq!((code, text.as_str()), (2, "error: the schema has no target github.othr\n"));
}

/// Runs the program as a process until GitHub was asked so often, and kills it.
fn killed_at(world: &World, fake: &Fake, requests: usize) {
    let mut command: Command = world.spawn(&["push", "--yes"]);
    command.env("SSL_CERT_FILE", &fake.certificate).env("GH_ENTERPRISE_TOKEN", "made-up");
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    let mut seen = 0;
    while seen < requests {
        assert!(started.elapsed() < Duration::from_mins(1), "{seen} requests");
        std::thread::sleep(Duration::from_millis(5));
        seen += fake.log().len();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Holds the next push to finishing what a killed one has begun.
#[track_caller]
fn finished(world: &World, fake: &Fake, what: &str) {
    let (code, text) = said(&run(world, fake, &["push", "--yes"]).done(), fake);
    assert!(code == 0 && !text.contains("drifted"), "{what}: {text}");
    assert_eq!(fake.state(), held("correct horse battery"), "{what}");
    let dates = dates(world);
    assert!(
        dates.len() == 3 && dates.iter().all(|line| line.contains(" 2026-11-23T12:00:")),
        "{what}: {dates:?}"
    );
    let (_, text) = said(&run(world, fake, &["push"]).done(), fake);
    assert!(text.ends_with("ok: there is nothing to push\n"), "{what}: {text}");
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_push_that_is_killed_at_any_request_is_finished_by_the_next() {
    let fake = Fake::start();
    // Two lists, the key, three writes, two lists.
    for at in 1..=8 {
        fake.reset();
        let world = project(&fake);
        // The request arrives, and its answer hangs until the client is gone.
        fake.faults(&json!({at.to_string(): "slow"}));
        killed_at(&world, &fake, at);
        fake.faults(&json!({}));
        let undated = ["DB_PASSWORD -", "DB_URL -", "DB_PORT -"];
        let expected = if at < 3 { &undated[..0] } else { &undated[..] };
        assert_eq!(dates(&world), expected, "{at}");
        let (code, text) = said(&run(&world, &fake, &["push", "--dry-run"]).done(), &fake);
        let is_told = text.contains("  an earlier push was cut off\n");
        assert_eq!((code, is_told), (0, at >= 3), "{at}: {text}");
        finished(&world, &fake, &at.to_string());
    }
}

/// The process that is killed. As a test of its own it does nothing.
#[test]
fn child() {
    let Some(root) = std::env::var_os("LUCA_TEST_PUSH_ROOT") else { return };
    let world = World::at(Path::new(&root));
    let at = std::env::var("LUCA_TEST_AT").unwrap().parse().unwrap();
    let run = world.run(&["push", "-q", "--yes"]).gate(Arc::new(Nth::new(at, killed)));
    let run = run.env("SSL_CERT_FILE", std::env::var_os("SSL_CERT_FILE").unwrap());
    run.env("GH_ENTERPRISE_TOKEN", "made-up").success();
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_push_that_is_killed_at_any_write_to_the_disk_is_finished_by_the_next() {
    let fake = Fake::start();
    for at in 1.. {
        fake.reset();
        let world = project(&fake);
        let is_killed = is_killed(
            "github::push::child",
            [
                ("LUCA_TEST_PUSH_ROOT", world.root().as_ref()),
                ("LUCA_TEST_AT", at.to_string().as_ref()),
                ("SSL_CERT_FILE", fake.certificate.as_ref()),
            ],
        );
        // GitHub has heard of nothing that the store does not know of.
        let record = record(&world);
        assert!(fake.state() == json!({}) || record.contains_key("secrets"), "{at}: {record:?}");
        finished(&world, &fake, &at.to_string());
        if !is_killed {
            assert!(at > 10, "{at} effects");
            break;
        }
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn a_store_that_cannot_be_written_stops_the_push_or_leaves_it_in_doubt() {
    let fake = Fake::start();
    let world = project(&fake);
    // What is written first is the record, then what this machine remembers of the store.
    let gate = |nth| Arc::new(Nth::new(nth, || Err(std::io::ErrorKind::StorageFull.into())));
    let mut seen = Vec::new();
    for nth in 1..60 {
        fake.reset();
        let before = world.store_bytes();
        let done = run(&world, &fake, &["push", "-q", "--yes"]).gate(gate(nth)).done();
        let state = fake.state();
        if done.code == 0 && state != json!({}) && record(&world)["by"].as_str().is_some() {
            seen.push("whole");
        } else if state == json!({}) {
            assert!(done.code != 0, "{nth}");
            seen.push("nothing");
        } else {
            assert_eq!(state, held("correct horse battery"));
            // All of it, or none where the disk failed after the file was in place.
            let undated = dates(&world).iter().filter(|line| line.ends_with(" -")).count();
            assert!([0, 3].contains(&undated), "{nth}: {:?}", dates(&world));
            assert!(done.stderr.contains("error: "), "{nth}: {}", done.stderr);
            seen.push("in doubt");
        }
        // Whatever happened: the next push brings everything there and knows it.
        pushed(&world, &fake);
        assert_eq!(fake.state(), held("correct horse battery"), "{nth}");
        world.write("secrets.enc", &before);
        world.forget_stores();
        if seen.last() == Some(&"whole") && seen.contains(&"in doubt") {
            break;
        }
    }
    for expected in ["nothing", "in doubt", "whole"] {
        assert!(seen.contains(&expected), "{seen:?}");
    }
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn tokens_are_looked_for_in_their_order() {
    let fake = Fake::start();
    let world = project(&fake);
    executable(world.path("bin/gh"), "#!/bin/sh\necho made-up\n");
    let source = |variables: &[(&str, &str)]| {
        let run = world.run(&["push", "-n", "-v"]).env("SSL_CERT_FILE", &fake.certificate);
        let run = variables.iter().fold(run, |run, (name, value)| run.env(name, *value));
        let (code, text) = said(&run.done(), &fake);
        assert_eq!(code, 0, "{text}");
        let line = text.lines().find_map(|line| line.strip_prefix("github.deploy: ")).unwrap().to_owned();
        assert!(text.contains("GitHub was asked 2 times\n") && !text.contains("made-up"), "{text}");
        line
    };
    let bin = world.path("bin");
    let path = ("PATH", bin.to_str().unwrap());
    let (first, second) = (("GH_ENTERPRISE_TOKEN", "made-up"), ("GITHUB_ENTERPRISE_TOKEN", "made-up"));
    let token = "token for 127.0.0.1:PORT from";
    assert_eq!(source(&[path]), format!("{token} gh auth token"));
    assert_eq!(source(&[path, second]), format!("{token} GITHUB_ENTERPRISE_TOKEN"));
    assert_eq!(source(&[path, second, first]), format!("{token} GH_ENTERPRISE_TOKEN"));
    let named = "token = \"github.token\"\n[github.deploy.secrets]\nA = \"{{ database.password }}\"\n\
                 [github.deploy.variables]\nB = \"{{ database.port }}\"\n[secrets.github.token]\ntype = \"token\"\n";
    world.write("schemas/schema.toml", schema(&fake, "example/shop", named));
    world.run(&["set", "-q", "github.token"]).stdin("made-up").success();
    assert_eq!(source(&[path, second, first]), format!("{token} the store"));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn two_machines_share_the_record_by_the_store() {
    let fake = Fake::start();
    let world = project(&fake);
    let old = world.store_bytes();
    pushed(&world, &fake);
    // A machine whose store is from before the push takes it for somebody else's.
    let new = world.store_bytes();
    world.write("secrets.enc", &old);
    world.forget_stores();
    let (code, text) = said(&run(&world, &fake, &["push", "-q", "--yes"]).done(), &fake);
    let expected = "error: github.deploy: somebody else has changed DB_PASSWORD, DB_URL\n";
    assert_eq!((code, text.as_str()), (1, expected));
    // With the newer one there is nothing to do.
    world.write("secrets.enc", &new);
    let (_, text) = said(&run(&world, &fake, &["push"]).done(), &fake);
    assert!(text.ends_with("ok: there is nothing to push\n"), "{text}");
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn branches_that_pushed_both_merge_without_a_conflict() {
    let fake = Fake::start();
    let world = project(&fake);
    pushed(&world, &fake);
    world.write("base.enc", world.store_bytes());
    world.run(&["set", "-q", "database.password"]).stdin("ours").success();
    pushed(&world, &fake);
    world.write("ours.enc", world.store_bytes());
    world.write("secrets.enc", world.read("base.enc"));
    world.forget_stores();
    world.run(&["set", "-q", "database.port"]).stdin("6432").success();
    run(&world, &fake, &["push", "-q", "--yes", "--only", "DB_PORT"]).success();
    world.write("theirs.enc", world.store_bytes());
    world.run(&["git", "merge-driver", "base.enc", "ours.enc", "theirs.enc", "secrets.enc"]).success();
    world.write("secrets.enc", world.read("ours.enc"));
    world.forget_stores();
    let (code, text) = said(&run(&world, &fake, &["push"]).done(), &fake);
    assert!(code == 0 && text.ends_with("ok: there is nothing to push\n"), "{text}");
    assert_eq!(dates(&world).len(), 3);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn every_command_and_stock_age_keep_the_record() {
    let fake = Fake::start();
    let world = project(&fake);
    pushed(&world, &fake);
    let before = record(&world);
    for (arguments, stdin) in [
        (&["set", "-q", "database.port"][..], "6432"),
        (&["rollback", "-q", "database.port"], ""),
        (&["set", "-q", "--undeclared", "other.thing"], "x"),
        (&["rm", "-q", "--yes", "other.thing"], ""),
    ] {
        let run = world.run(arguments);
        let run = if stdin.is_empty() { run } else { run.stdin(stdin) };
        run.success();
        assert_eq!(record(&world), before, "{arguments:?}");
    }
    let text = unseal(&world.store_bytes())
        .replace("5432", "7432")
        .replace("[versions]\n", "[versions] # by hand\n");
    world.write("secrets.enc", seal(text.as_bytes(), Format::AsciiArmor));
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    assert_eq!(record(&world), before);
    let (_, text) = said(&run(&world, &fake, &["push"]).done(), &fake);
    assert!(text.ends_with("ok: there is nothing to push\n"), "{text}");
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn environments_and_organisations_are_targets_too() {
    let fake = Fake::start();
    let world = project(&fake);
    let api = format!("api = \"https://127.0.0.1:{}/api/v3\"", fake.port);
    let target = |name: &str, scope: &str| {
        format!(
            "[github.{name}]\n{scope}\n{api}\n[github.{name}.secrets]\nA = \"{{{{ database.password }}}}\"\n"
        )
    };
    let schema = "[secrets.database.password]\ntype = \"string\"\n[secrets.database.port]\ntype = \"port\"\n"
        .to_owned()
        + &target("staging", "repository = \"example/shop\"\nenvironment = \"eu west\"")
        + &target("everywhere", "organization = \"example\"\nvisibility = \"all\"")
        + &target("few", "organization = \"example\"\nvisibility = \"selected\"\nrepositories = [\"api\"]");
    world.write("schemas/schema.toml", schema.replace("everywhere.secrets]\nA", "everywhere.secrets]\nB"));
    let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    let said_of = |title: &str| format!("{title}: 1 difference, 0 unchanged\n");
    let expected = said_of("github.everywhere, example (organisation)")
        + "  create    secret   B  #\n"
        + &said_of("github.few, example (organisation)")
        + "  create    secret   A  #\n"
        + &said_of("github.staging, example/shop (environment eu west)")
        + "  create    secret   A  #\n"
        + "ok: github.everywhere: 1 change pushed\nok: github.few: 1 change pushed\n"
        + "ok: github.staging: 1 change pushed\n";
    assert_eq!((code, without_prints(&text)), (0, expected));
    let value = "correct horse battery";
    assert_eq!(
        fake.state(),
        json!({
            "orgs/example": {"secrets": {
                "A": {"value": value, "visibility": "selected", "selected": [7002]},
                "B": {"value": value, "visibility": "all", "selected": []},
            }},
            "repos/example/shop/environments/eu west": {"secrets": {"A": {"value": value}}},
        })
    );
    let again = run(&world, &fake, &["push", "-v"]).done();
    assert!(again.stderr.contains("GitHub was asked 3 times\n"), "{}", again.stderr);
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn neither_values_nor_the_token_are_shown_or_handed_to_others() {
    let fake = Fake::start();
    let world = project(&fake);
    world.run(&["set", "-q", "database.password"]).stdin(MARKER).success();
    // A `gh` that tells what it was given, and has no token.
    executable(world.path("bin/gh"), "#!/bin/sh\n{ echo \"$@\"; env; } >>\"$HOME/seen\"\nexit 1\n");
    let mut shown = String::new();
    for (arguments, fault) in [
        (&["push", "-v", "--dry-run", "--json"][..], "none"),
        (&["push", "-v", "--yes"], "none"),
        (&["push", "-v", "--yes", "--overwrite-drift", "--json"], "field"),
    ] {
        if fault == "field" {
            fake.set(PLACE, "secrets", "DB_PASSWORD", "other");
            fake.faults(&json!({"4": fault}));
        }
        let done = run(&world, &fake, arguments).done();
        shown += &format!("{}{}", done.stdout, done.stderr);
    }
    let without =
        world.run(&["push", "-v"]).env("PATH", world.path("bin")).env("LUCA_SECRETS_STATE", world.path("s"));
    let without = without.env("SSL_CERT_FILE", &fake.certificate).done();
    assert!(without.stderr.contains("there is no token"), "{}", without.stderr);
    shown += &std::fs::read_to_string(world.home().join("seen")).unwrap();
    assert!(shown.contains("auth token --hostname 127.0.0.1:"), "{shown}");
    assert!(!shown.contains(MARKER) && !shown.contains("made-up"), "{shown}");
    assert!(!unseal(&world.store_bytes()).contains("made-up"));
}

#[test]
#[ignore = "needs PyNaCl and openssl; run tests/run"]
fn in_a_git_checkout_the_record_wants_to_be_committed() {
    let fake = Fake::start();
    let world = project(&fake);
    world.write(".git/HEAD", "ref: refs/heads/main\n");
    let (code, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    let end = "ok: github.deploy: 3 changes pushed\nhint: commit secrets.enc: it remembers what was pushed\n";
    assert!(code == 0 && text.ends_with(end), "{text}");
    let (_, text) = said(&run(&world, &fake, &["push", "--yes"]).done(), &fake);
    assert!(text.ends_with("ok: there is nothing to push\n"), "{text}");
}
