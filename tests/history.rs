//! The values that secrets had before: kept by every command that writes, shown, brought back, forgotten.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use age::armor::Format;
use proptest::prelude::*;

use crate::faults::{MARKER, Nth, header, leftovers, refused, seal, store_with, unseal};
use crate::harness::{NOW, World, executable};

/// The document in the store.
fn document(world: &World) -> String {
    unseal(&world.store_bytes())
}

/// Where the earlier values of a secret stand in the document, newest first, as the `toml` crate reads them.
fn earlier(world: &World, name: &str) -> Vec<String> {
    let table: toml::Table = document(world).parse().unwrap();
    let found = table.get("history").and_then(|history| history.get(name)?.as_array());
    let values = found.into_iter().flatten();
    values.map(|one| one["value"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn set(world: &World, name: &str, value: &str) {
    world.run(&["set", "-q", "--undeclared", name]).stdin(value).success();
}

/// The store's part of a document whose history is given, opened by everybody's identity.
fn with_history(history: &str) -> World {
    let world = World::new();
    let versions = "[versions]\n\"database.port\" = { since = 2026-11-22T12:00:00Z, origin = \"edit\" }\n";
    store_with(&world, &format!("[secrets.database]\nport = \"5432\"\n{versions}\n[history]\n{history}"));
    world
}

const TWO: &str = "\"database.port\" = [\n  { since = 2026-11-21T12:00:00Z, until = 2026-11-22T12:00:00Z, origin = \"generate\", value = \"6432\" },\n  { until = 2026-11-21T12:00:00Z, value = 'not a port' }, # by hand\n]\n";

#[test]
fn history_shows_shapes_and_values_only_if_told_to() {
    let world = with_history(TWO);
    let done = world.run(&["history", "database.port"]).success();
    let lines: Vec<String> = done.stdout.lines().map(|line| line[..line.len() - 16].to_owned()).collect();
    assert_eq!(
        lines,
        [
            "now   2026-11-22T12:00:00Z  edit      4 digits       ",
            "1     2026-11-21T12:00:00Z  generate  4 digits       ",
            "2     -                     -         10 characters  ",
        ]
    );
    world.run(&["history", "database.port", "--show"]).gives(
        0,
        "now   2026-11-22T12:00:00Z  edit      \"5432\"\n\
         1     2026-11-21T12:00:00Z  generate  \"6432\"\n\
         2     -                     -         \"not a port\"\n",
        "",
    );
    world.run(&["history"]).gives(0, "database.port  2 earlier values\n", "");
    world.run(&["history", "--json"]).gives(
        0,
        "[\n  {\n    \"name\": \"database.port\",\n    \"set\": true,\n    \"earlier\": 2\n  }\n]\n",
        "",
    );
}

#[test]
fn history_reports_as_json() {
    let world = with_history(TWO);
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&world.run(arguments).success().stdout).unwrap()
    };
    let rows = json(&["history", "--json", "database.port"]);
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(rows[0]["number"], serde_json::Value::Null);
    assert_eq!(rows[0]["until"], serde_json::Value::Null);
    assert_eq!(rows[1]["number"], 1);
    assert_eq!(rows[1]["since"], "2026-11-21T12:00:00Z");
    assert_eq!(rows[1]["until"], "2026-11-22T12:00:00Z");
    assert_eq!(rows[1]["origin"], "generate");
    assert_eq!(rows[1]["shape"], "4 digits");
    assert_eq!(rows[1]["fingerprint"].as_str().unwrap().len(), 16);
    assert!(rows[1].get("value").is_none());
    let shown = json(&["history", "--json", "--show", "database.port"]);
    let values: Vec<&str> =
        shown.as_array().unwrap().iter().map(|row| row["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["5432", "6432", "not a port"]);
}

#[test]
fn values_of_several_lines_are_shown_on_one() {
    let world = World::filled();
    set(&world, "sentry.key", "first\n\x1b[2Jsecond\n");
    set(&world, "sentry.key", "it's \"quoted\"");
    world.run(&["history", "--show", "sentry.key"]).gives(
        0,
        &format!(
            "now   {NOW}  edit  \"it's \\\"quoted\\\"\"\n1     {NOW}  edit  \"first\\n\\u001B[2Jsecond\\n\"\n"
        ),
        "",
    );
}

#[test]
fn the_runner_s_log_hides_what_is_shown() {
    let world = World::filled();
    set(&world, "database.password", "another horse battery");
    let done = world.run(&["history", "--show", "database.password"]).env("GITHUB_ACTIONS", "true").success();
    assert_eq!(done.stderr, "::add-mask::another horse battery\n::add-mask::correct horse battery\n");
    world.run(&["history", "database.password"]).env("GITHUB_ACTIONS", "true").success();
}

#[test]
fn every_command_that_replaces_a_value_keeps_it() {
    let world = World::filled();
    set(&world, "database.port", "1");
    world.write("new.env", "DB_PORT=2\n");
    world.write("new.json", "{\"database\": {\"port\": \"2\"}}");
    world.run(&["import", "-q", "--yes", "--replace", "new.json"]).success();
    let editor = "sed -i s/\"2\"/\"3\"/";
    world.run(&["edit", "-q"]).env("EDITOR", editor).success();
    world.run(&["rm", "-q", "--yes", "database.port"]).success();
    assert_eq!(earlier(&world, "database.port"), ["3", "2", "1", "5432"]);
    world.run(&["history"]).gives(0, "database.port  4 earlier values, removed\n", "");
    let done = world.run(&["history", "database.port", "--show"]).success();
    assert_eq!(
        done.stdout,
        format!(
            "1     {NOW}  edit    \"3\"\n2     {NOW}  import  \"2\"\n\
             3     {NOW}  edit    \"1\"\n4     {NOW}  edit    \"5432\"\n"
        )
    );
    // A secret that is added again goes on where it was.
    set(&world, "database.port", "4");
    assert_eq!(earlier(&world, "database.port"), ["3", "2", "1", "5432"]);
    set(&world, "database.port", "5");
    assert_eq!(earlier(&world, "database.port"), ["4", "3", "2", "1", "5432"]);
    world.run(&["generate", "-q", "--replace", "database.password"]).success();
    assert_eq!(earlier(&world, "database.password"), ["correct horse battery"]);
}

#[test]
fn nothing_that_leaves_a_value_alone_adds_to_its_history() {
    let world = World::filled();
    set(&world, "database.port", "5432");
    world.run(&["edit", "-q"]).env("EDITOR", "sed -i 's/^port/# why\\nport/'").success();
    world.run(&["set", "-q", "-n", "database.port"]).stdin("1").success();
    assert!(!document(&world).contains("[history]"));
    world.run(&["history"]).gives(0, "", "ok: no secret has earlier values\n");
}

#[test]
fn rollback_brings_a_value_back_and_can_be_undone() {
    let world = World::filled();
    set(&world, "database.password", "another horse battery");
    let shown = world.run(&["history", "--json", "database.password"]).success().stdout;
    let rows: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let what = format!(
        "the value it had until {NOW}: 21 characters, fingerprint {}",
        rows[1]["fingerprint"].as_str().unwrap()
    );
    world.run(&["rollback", "-n", "database.password"]).gives(
        0,
        "",
        &format!("database.password would be rolled back to {what}\n"),
    );
    world.run(&["get", "database.password"]).gives(0, "another horse battery", "");
    world.run(&["rollback", "database.password"]).gives(
        0,
        "",
        &format!(
            "ok: database.password changed\n\
             ok: database.password is rolled back, at generation 5, to {what}\n"
        ),
    );
    world.run(&["get", "database.password"]).gives(0, "correct horse battery", "");
    assert_eq!(earlier(&world, "database.password"), ["another horse battery", "correct horse battery"]);
    assert!(document(&world).contains(&format!("= {{ since = {NOW}, origin = \"rollback\" }}")));
    world.run(&["rollback", "-q", "database.password"]).success();
    world.run(&["get", "database.password"]).gives(0, "another horse battery", "");
}

#[test]
fn rollback_reaches_further_back_and_brings_removed_secrets_back() {
    let world = World::filled();
    for port in ["1", "2", "3"] {
        set(&world, "database.port", port);
    }
    world.run(&["rm", "-q", "--yes", "database.port"]).success();
    world.run(&["rollback", "-q", "--to", "3", "database.port"]).success();
    world.run(&["get", "database.port"]).gives(0, "1", "");
    assert_eq!(earlier(&world, "database.port"), ["3", "2", "1", "5432"]);
    // To the value that it has already.
    let done = world.run(&["rollback", "--to", "3", "database.port"]).success();
    assert_eq!(done.stderr, "ok: nothing changed, so the store was left alone\n");
}

#[test]
fn rollback_refuses_what_is_not_there_or_breaks_the_rules() {
    let world = with_history(TWO);
    let gives = |arguments: &[&str], code: u8, stderr: &str| {
        let done = refused(&world, |world| world.run(arguments).done());
        assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (code, "", stderr));
    };
    for number in ["0", "3", "18446744073709551615"] {
        gives(
            &["rollback", "database.port", "--to", number],
            1,
            &format!(
                "error: database.port has no earlier value number {number}: there are 2 earlier values\n\
                 hint: `luca-secrets history database.port` shows them with their numbers\n"
            ),
        );
    }
    gives(
        &["rollback", "database.port", "--to", "2"],
        1,
        "error: database.port: not a port: a whole number from 1 to 65535\nhint: nothing was changed\n",
    );
    gives(
        &["rollback", "database.password"],
        1,
        "error: database.password is not in the store\nhint: did you mean database.port?\n",
    );
    gives(
        &["rollback", "other.thing"],
        1,
        "error: other.thing is not declared in the schema\n\
         hint: declare it as [secrets.other.thing] in the schema, or pass --undeclared\n",
    );
    gives(
        &["rollback", "not a name"],
        2,
        "error: a secret's name has the form group.key, such as database.password\n",
    );
    set(&world, "database.password", "correct horse battery");
    gives(
        &["rollback", "database.password"],
        1,
        "error: database.password has no earlier values\nhint: nothing was changed\n",
    );
    assert_eq!(world.run(&["rollback", "database.port", "--to", MARKER]).done().code, 2);
}

#[test]
fn rollback_of_an_undeclared_secret_is_asked_for() {
    let world = World::new();
    set(&world, "other.thing", "one");
    set(&world, "other.thing", "two");
    assert_eq!(world.run(&["rollback", "-q", "other.thing"]).done().code, 1);
    world.run(&["rollback", "-q", "--undeclared", "other.thing"]).success();
    world.run(&["get", "other.thing"]).gives(0, "one", "");
}

#[test]
fn forget_asks_and_drops_the_earlier_values_alone() {
    for spelling in [&["history", "--forget", "database.port"][..], &["history", "database.port", "--forget"]]
    {
        let world = World::filled();
        set(&world, "database.port", "1");
        set(&world, "database.password", "another horse battery");
        let with = |more: &[&'static str]| [spelling, more].concat();
        let dry = refused_nothing(&world, &with(&["-n"]));
        assert_eq!(dry, "1 earlier value of database.port would be forgotten\n");
        world.run(spelling).gives(
            1,
            "",
            "error: a person would have to confirm this, and nobody is there to ask\n\
             hint: pass --yes to go ahead without asking\n",
        );
        world.run(spelling).answers(&["no"]).gives(1, "", "error: nothing was forgotten\n");
        assert_eq!(earlier(&world, "database.port"), ["5432"]);
        world.run(spelling).answers(&["y"]).gives(
            0,
            "",
            "ok: the earlier values of database.port are forgotten\n\
             hint: earlier revisions of the store, in git for example, still hold them for its readers\n",
        );
        assert!(!document(&world).contains("5432"));
        world.run(&["get", "database.port"]).gives(0, "1", "");
        assert_eq!(earlier(&world, "database.password"), ["correct horse battery"]);
        world.run(&with(&["--yes"])).gives(0, "", "ok: database.port has no earlier values\n");
    }
}

/// Runs something that must succeed and change nothing; what it said.
#[track_caller]
fn refused_nothing(world: &World, arguments: &[&str]) -> String {
    let before = world.store_bytes();
    let done = world.run(arguments).success();
    assert!(world.store_bytes() == before);
    done.stderr
}

#[test]
fn a_removed_secret_can_be_forgotten_altogether() {
    let world = World::filled();
    world.run(&["rm", "-q", "--yes", "database.password"]).success();
    assert!(document(&world).contains("correct horse battery"));
    world.run(&["history", "-q", "--yes", "--forget", "database.password"]).success();
    assert!(!document(&world).contains("correct horse battery"));
    assert!(!document(&world).contains("[history]"));
    world.run(&["history", "database.password"]).gives(
        1,
        "",
        "error: database.password is not in the store\nhint: did you mean database.port?\n",
    );
}

#[test]
fn options_that_do_not_go_together_are_wrong_usage() {
    let world = World::filled();
    for wrong in [
        &["history", "--forget"][..],
        &["history", "--show"],
        &["history", "--forget", "--show", "database.port"],
        &["history", "--forget", "--json", "database.port"],
        &["history", "--yes", "database.port"],
        &["history", "-n", "database.port"],
        &["history", "-n"],
        &["history", "database"],
    ] {
        let done = refused(&world, |world| world.run(wrong).done());
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{wrong:?}: {}", done.stderr);
    }
}

#[test]
fn the_schema_says_how_many_are_kept() {
    let world = World::filled();
    world.write("schemas/more.toml", "[history]\nkeep = 2\n");
    for port in ["1", "2", "3"] {
        set(&world, "database.port", port);
    }
    assert_eq!(earlier(&world, "database.port"), ["2", "1"]);
    set(&world, "database.password", "another horse battery");
    world.write("schemas/more.toml", "[history]\nkeep = 0\n");
    set(&world, "database.port", "4");
    assert_eq!(earlier(&world, "database.port"), Vec::<String>::new());
    // Only a change makes a list shorter.
    assert_eq!(earlier(&world, "database.password"), ["correct horse battery"]);
    world.write("schemas/more.toml", "[history]\nkeep = 1001\n");
    let done = refused(&world, |world| world.run(&["set", "database.port"]).stdin("5").done());
    assert_eq!(done.stderr, "error: schemas/more.toml:2:8: `keep` must lie between 0 and 1000\n");
}

#[test]
fn a_table_written_by_hand_is_kept_as_it_is_until_it_changes() {
    let world = with_history(&format!("# why\n{TWO}"));
    set(&world, "database.password", "correct horse battery");
    assert!(document(&world).contains(TWO));
    set(&world, "database.port", "1");
    assert_eq!(earlier(&world, "database.port"), ["5432", "6432", "not a port"]);
    // An editor that fails where it is shown an earlier value, or no present one.
    world.run(&["edit", "-q"]).env("EDITOR", "sed -n /6432/q1").success();
    assert_eq!(world.run(&["edit", "-q"]).env("EDITOR", "sed -n /battery/q1").done().code, 1);
}

#[test]
fn a_table_in_another_form_is_refused_by_its_line_without_quoting_it() {
    let world = World::new();
    for wrong in [
        format!("\"database.port\" = \"{MARKER}\"\n"),
        format!("\"database.port\" = [ \"{MARKER}\" ]\n"),
        format!("\"database.port\" = [ {{ value = \"{MARKER}\" }} ]\n"),
        format!("\"database.port\" = [ {{ until = 1, value = \"{MARKER}\" }} ]\n"),
        format!("\"database.port\" = [ {{ until = 2026-11-21T12:00:00Z, value = [\"{MARKER}\"] }} ]\n"),
        format!("\"database.port\" = [ {{ until = 2026-11-21T12:00:00Z, values = \"{MARKER}\" }} ]\n"),
        format!("\"database.port\" = [ {{ until = 2026-11-21T12:00:00Z, value = \"{MARKER}\" }} ]\n")
            .repeat(2),
        format!("database = [ {{ until = 2026-11-21T12:00:00Z, value = \"{MARKER}\" }} ]\n"),
    ] {
        store_with(&world, &format!("[secrets.database]\nport = \"5432\"\n\n[history]\n{wrong}"));
        let done = refused(&world, |world| world.run(&["get", "database.port"]).done());
        assert!(done.stderr.starts_with("error: secrets.enc: inside, line 1"), "{}", done.stderr);
    }
    for header in ["[history.database]\n", "[[history]]\n"] {
        store_with(&world, &format!("[secrets.database]\nport = \"5432\"\n\n{header}x = \"{MARKER}\"\n"));
        let done = refused(&world, |world| world.run(&["get", "database.port"]).done());
        assert!(done.stderr.contains("[history]"), "{}", done.stderr);
    }
}

fn full() -> io::Result<()> {
    Err(io::ErrorKind::StorageFull.into())
}

#[test]
fn a_failure_while_forgetting_or_rolling_back_leaves_all_or_nothing() {
    for arguments in
        [&["rollback", "-q", "database.port"][..], &["history", "-q", "--yes", "--forget", "database.port"]]
    {
        for at in 1.. {
            let world = World::filled();
            set(&world, "database.port", "1");
            let before = document(&world);
            let gate = Arc::new(Nth::new(at, full));
            let done = world.run(arguments).gate(gate.clone()).done();
            assert!(leftovers(&world).is_empty());
            let after = document(&world);
            if gate.count() < at {
                assert_eq!(done.code, 0, "{}", done.stderr);
                assert!(after != before && at > 5);
                break;
            }
            let is_new = after.contains("generation = 5\n");
            assert!(done.stderr.contains("no storage space"), "{at} {}", done.stderr);
            // What this machine could not note as known, the next run notes.
            let is_unnoted = done.stderr.contains("the store was not noted as known");
            assert_eq!(done.code, u8::from(!is_unnoted), "{at} {}", done.stderr);
            assert!(if is_unnoted { is_new } else { after == before || is_new }, "{after}");
        }
    }
}

#[test]
fn what_somebody_else_replaced_meanwhile_is_kept_too() {
    let world = World::filled();
    let script = world.home().join("editor");
    let body = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit\nfor file; do :; done\nprintf 1 | {} set -q database.port\nexec /bin/sed -i 's/correct/wrong/' \"$file\"\n",
        crate::harness::PROGRAM
    );
    executable(&script, body);
    let done = world.spawn(&["edit"]).env("LUCA_SECRETS_EDITOR", &script).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(earlier(&world, "database.port"), ["5432"]);
    assert_eq!(earlier(&world, "database.password"), ["correct horse battery"]);
    world.run(&["get", "database.port"]).gives(0, "1", "");
}

#[test]
fn the_side_that_loses_a_conflict_is_an_earlier_value() {
    let conflict = "[conflicts]\n\"database.port\".theirs = \"7\"\n";
    for (side, present, list) in [("--ours", "5432", vec!["7"]), ("--theirs", "7", vec!["5432"])] {
        let world = World::new();
        store_with(&world, &format!("[secrets.database]\nport = \"5432\"\n\n{conflict}"));
        world.run(&["merge", "-q", side]).success();
        world.run(&["get", "database.port"]).gives(0, present, "");
        assert_eq!(earlier(&world, "database.port"), list);
    }
    let world = World::new();
    store_with(&world, &format!("[secrets.database]\nport = \"5432\"\n\n{conflict}"));
    set(&world, "database.port", "8");
    assert_eq!(earlier(&world, "database.port"), ["5432", "7"]);
}

/// The merge driver on three documents; the merged one.
fn merged(schema: &str, base: &str, ours: &str, theirs: &str) -> String {
    let world = World::new();
    store_with(&world, "");
    world.write("schemas/more.toml", schema);
    for (name, rest) in [("base", base), ("ours", ours), ("theirs", theirs)] {
        world.write(name, seal(format!("{}{rest}", header()).as_bytes(), Format::AsciiArmor));
    }
    world.run(&["git", "merge-driver", "base", "ours", "theirs", "secrets.enc"]).success();
    unseal(&std::fs::read(world.path("ours")).unwrap())
}

#[test]
fn a_merge_unites_the_histories_and_never_conflicts_over_them() {
    let secrets = "[secrets.a]\nb = \"0\"\n\n";
    let line = |since: u8, until: u8, value: &str| {
        let day = |day| format!("2026-11-{day:02}T12:00:00Z");
        format!(
            "  {{ since = {}, until = {}, origin = \"edit\", value = \"{value}\" }},\n",
            day(since),
            day(until)
        )
    };
    let (old, ours, theirs) = (line(1, 2, "old"), line(2, 4, "ours"), line(2, 3, "theirs"));
    let table = |lines: &[&String]| {
        let lines: String = lines.iter().map(|line| line.as_str()).collect();
        format!("{secrets}[history]\n\"a.b\" = [\n{lines}]\n")
    };
    let (base, left, right) = (table(&[&old]), table(&[&ours, &old]), table(&[&theirs, &old]));
    for (left, right) in [(&left, &right), (&right, &left)] {
        let document = merged("", &base, left, right);
        assert!(document.ends_with(&table(&[&ours, &theirs, &old])[secrets.len()..]), "{document}");
        let document = merged("[history]\nkeep = 2\n", &base, left, right);
        assert!(document.ends_with(&table(&[&ours, &theirs])[secrets.len()..]), "{document}");
        // A schema that cannot be read shortens nothing.
        let document = merged("[", &base, left, right);
        assert!(document.ends_with(&table(&[&ours, &theirs, &old])[secrets.len()..]), "{document}");
        // What a side has forgotten does not come back from the other.
        assert!(!merged("", left, secrets, left).contains("[history]"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    /// Random commands keep exactly the last values of each secret, in their order.
    #[test]
    fn exactly_the_last_values_are_kept_in_order(
        keep in 0..4_usize,
        steps in prop::collection::vec((0..2_usize, 0..5_u8, 1..4_usize), 1..25),
    ) {
        let world = World::new();
        world.write("schemas/more.toml", format!("[history]\nkeep = {keep}\n"));
        let names = ["database.port", "other.thing"];
        let mut model: [(Option<String>, VecDeque<String>); 2] = Default::default();
        for (which, value, number) in steps {
            let (name, (present, list)) = (names[which], &mut model[which]);
            let next = match value {
                0 if present.is_some() => {
                    world.run(&["rm", "-q", "--yes", name]).success();
                    None
                }
                1 if list.len() >= number => {
                    let to = number.to_string();
                    world.run(&["rollback", "-q", "--undeclared", name, "--to", &to]).success();
                    Some(list[number - 1].clone())
                }
                _ => {
                    set(&world, name, &(value + 1).to_string());
                    Some((value + 1).to_string())
                }
            };
            if *present != next {
                list.extend(present.clone());
                if present.is_some() {
                    list.rotate_right(1);
                    list.truncate(keep);
                }
                *present = next;
            }
        }
        for (name, (present, list)) in names.iter().zip(&model) {
            let done = world.run(&["history", "--json", "--show", name]).done();
            let shown: Vec<(Option<u64>, String)> = if done.code == 0 {
                let rows: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
                let row = |row: &serde_json::Value| (row["number"].as_u64(), row["value"].as_str().unwrap().to_owned());
                rows.as_array().unwrap().iter().map(row).collect()
            } else {
                Vec::new()
            };
            let expected = present.iter().map(|value| (None, value.clone()));
            let expected = expected.chain(list.iter().zip(1..).map(|(value, number)| (Some(number), value.clone())));
            prop_assert_eq!(shown, expected.collect::<Vec<_>>());
        }
    }
}
