//! The store in the hands of real git.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use crate::harness::{World, executable};

/// A project in a git repository, with the drivers and the hook installed and one commit.
struct Tree {
    world: World,
}

/// What a command printed, both streams, and whether it succeeded.
struct Ran {
    ok: bool,
    text: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Self { ok: output.status.success(), text }
    }
}

impl Tree {
    fn bare() -> Self {
        let tree = Self { world: World::filled() };
        tree.git(&["init", "-q", "-b", "main"]);
        tree
    }

    fn new() -> Self {
        let tree = Self::bare();
        tree.luca(&["git", "setup"]);
        tree.commit("first");
        tree
    }

    fn try_git(&self, arguments: &[&str]) -> Ran {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=tester", "-c", "user.email=tester@example.com"])
            .args(arguments)
            .current_dir(self.world.folder())
            .env_clear()
            .env("HOME", self.world.home())
            .env("USER", "tester")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("GIT_EDITOR", "true")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        git.output().unwrap().into()
    }

    #[track_caller]
    fn git(&self, arguments: &[&str]) -> String {
        let ran = self.try_git(arguments);
        assert!(ran.ok, "git {arguments:?}: {}", ran.text);
        ran.text
    }

    fn try_luca(&self, arguments: &[&str]) -> Ran {
        self.world.spawn(arguments).output().unwrap().into()
    }

    #[track_caller]
    fn luca(&self, arguments: &[&str]) -> String {
        let ran = self.try_luca(arguments);
        assert!(ran.ok, "luca-secrets {arguments:?}: {}", ran.text);
        ran.text
    }

    #[track_caller]
    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    #[track_caller]
    fn set(&self, name: &str, value: &str) {
        self.world.run(&["set", "-q", "--undeclared", name]).stdin(value).success();
    }

    #[track_caller]
    fn set_and_commit(&self, name: &str, value: &str) {
        self.set(name, value);
        self.commit(&format!("change {name}"));
    }

    #[track_caller]
    fn remove_and_commit(&self, name: &str) {
        self.world.run(&["rm", "-q", "--yes", name]).done();
        self.commit("remove a secret");
    }

    /// Takes the store as it is here, though this machine knows another or a newer one.
    #[track_caller]
    fn accept(&self) {
        let accept = format!("--accept-store={}", crate::authenticity::print(&self.world));
        self.world.run(&["list", "-q", &accept]).success();
    }

    fn get(&self, name: &str) -> Option<String> {
        let done = self.world.run(&["get", "-q", name]).done();
        (done.code == 0).then_some(done.stdout)
    }

    /// Everything in the store, by `export`, which refuses a store in conflict.
    #[track_caller]
    fn all(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        serde_json::from_str(&self.world.run(&["export", "--format", "json"]).success().stdout).unwrap()
    }

    /// Two branches from one commit: `side`, and `main`, which is checked out.
    fn branches(&self, side: impl Fn(&Self), main: impl Fn(&Self)) {
        self.git(&["checkout", "-q", "-b", "side"]);
        side(self);
        self.git(&["checkout", "-q", "main"]);
        main(self);
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn two_branches_that_change_different_secrets_merge() {
    let tree = Tree::new();
    tree.branches(
        |tree| {
            tree.set_and_commit("sentry.dsn", "https://key@sentry.example.com/1");
            tree.remove_and_commit("database.port");
        },
        |tree| tree.set_and_commit("database.password", "another horse battery"),
    );
    tree.git(&["merge", "-q", "--no-edit", "side"]);
    assert_eq!(tree.get("database.password").as_deref(), Some("another horse battery"));
    assert_eq!(tree.get("sentry.dsn").as_deref(), Some("https://key@sentry.example.com/1"));
    assert_eq!(tree.get("database.port"), None);
    assert_eq!(tree.git(&["status", "--porcelain"]), "");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn comments_of_both_sides_survive_where_one_side_has_any() {
    let tree = Tree::new();
    tree.branches(
        |tree| {
            let editor = "sed -i '/^port/i # asked for by the auditors'";
            tree.world.run(&["edit", "-q"]).env("EDITOR", editor).success();
            tree.commit("comment");
        },
        |tree| {
            tree.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
        },
    );
    tree.git(&["merge", "-q", "--no-edit", "side"]);
    let opened = tree.world.run(&["edit", "-q"]).env("EDITOR", "grep -q auditors").success();
    assert_eq!(opened.stdout, "");
}

/// Leaves `main` in conflict over `database.password`.
fn conflict() -> Tree {
    let tree = Tree::new();
    tree.branches(
        |tree| tree.set_and_commit("database.password", "value of their side"),
        |tree| {
            tree.set("database.port", "6543");
            tree.set_and_commit("database.password", "value of our side");
        },
    );
    let merge = tree.try_git(&["merge", "--no-edit", "side"]);
    assert!(!merge.ok);
    let said = "error: secrets.enc: both sides changed database.password, each in its own way\n";
    assert!(merge.text.contains(said), "{}", merge.text);
    assert!(!merge.text.contains("side\n") && !merge.text.contains("value of"), "{}", merge.text);
    tree
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_conflict_keeps_both_sides_inside_and_gives_nothing_away() {
    let tree = conflict();
    let hint = "hint: settle it with `luca-secrets merge --ours`, `--theirs` or `--edit`\n";
    let refused = "error: database.password is in conflict: two branches changed it in different ways\n";
    for command in [&["render"][..], &["export", "--format", "json"], &["run", "--", "true"]] {
        tree.world.run(command).gives(4, "", &format!("{refused}{hint}"));
    }
    tree.world.run(&["check"]).gives(
        3,
        "",
        &format!("error: database.password: in conflict: two branches changed it in different ways\n{hint}"),
    );
    let list = tree.world.run(&["list"]).success().stdout;
    assert!(list.starts_with("database.password  password         conflict "), "{list}");
    let shown = tree.world.run(&["merge"]).done();
    assert_eq!(shown.code, 3);
    assert!(shown.stdout.contains("  ours: 17 characters, fingerprint "), "{}", shown.stdout);
    assert!(shown.stdout.contains("  theirs: 19 characters, fingerprint "), "{}", shown.stdout);
    // Inside, and nowhere else.
    assert_eq!(tree.get("database.password").as_deref(), Some("value of our side"));
    assert_eq!(tree.get("database.port").as_deref(), Some("6543"));
    // The hook keeps it out of the history until it is settled.
    tree.git(&["add", "secrets.enc"]);
    let commit = tree.try_git(&["commit", "-q", "-m", "too early"]);
    assert!(!commit.ok && commit.text.contains("database.password is in conflict"), "{}", commit.text);
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_conflict_is_settled_with_either_side_or_a_new_value() {
    for (command, expected) in [
        (&["merge", "--ours"][..], "value of our side"),
        (&["merge", "--theirs", "database.password"], "value of their side"),
        (&["set", "-q", "database.password"], "a third value"),
    ] {
        let tree = conflict();
        let done = tree.world.run(command).stdin("a third value").success();
        if command[0] == "merge" {
            assert!(done.stderr.contains("database.password is no longer in conflict"), "{}", done.stderr);
            assert!(
                done.stderr.ends_with(
                    "git add secrets.enc
"
                ),
                "{}",
                done.stderr
            );
        }
        assert_eq!(tree.get("database.password").as_deref(), Some(expected));
        tree.git(&["add", "secrets.enc"]);
        tree.git(&["commit", "-q", "--no-edit"]);
        tree.world.run(&["render", "-q"]).success();
        tree.world.run(&["merge"]).gives(0, "", "ok: no secret is in conflict\n");
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_conflict_is_settled_in_the_editor_by_taking_out_its_note() {
    let tree = conflict();
    // Leaving without a change settles nothing.
    tree.world.run(&["merge", "--edit"]).env("EDITOR", "true").gives(
        0,
        "",
        "warn: secrets are in conflict: the editor shows theirs at the end of the text\n\
         ok: nothing changed, so the store was left alone\n\
         warn: 1 secret still in conflict\n",
    );
    let sees_both = "grep -q 'theirs: password = \"value of their side\"'";
    tree.world.run(&["merge", "--edit", "-q"]).env("EDITOR", sees_both).success();
    tree.world.run(&["merge", "--edit"]).env("EDITOR", "sed -i '/^#~ database.password is in/d'").success();
    assert_eq!(tree.get("database.password").as_deref(), Some("value of our side"));
    tree.world.run(&["check", "-q"]).success();

    let tree = conflict();
    let editor = "sed -i 's/value of our side/both of them/'";
    tree.world.run(&["edit", "-q"]).env("EDITOR", editor).success();
    assert_eq!(tree.get("database.password").as_deref(), Some("both of them"));
    tree.world.run(&["check", "-q"]).success();
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_removal_against_a_change_is_a_conflict_both_ways() {
    let lines = "-----\nof several lines\n-----\n";
    for removed_by_us in [true, false] {
        let tree = Tree::new();
        tree.set_and_commit("group.key", "at first");
        let remove = |tree: &Tree| tree.remove_and_commit("group.key");
        let change = |tree: &Tree| tree.set_and_commit("group.key", lines);
        if removed_by_us {
            tree.branches(change, remove);
        } else {
            tree.branches(remove, change);
        }
        assert!(!tree.try_git(&["merge", "--no-edit", "side"]).ok);
        assert!(
            tree.world
                .run(&["list"])
                .success()
                .stdout
                .contains("group.key          -                conflict")
        );
        // The editor shows what they have, of however many lines, and leaves no trace of it.
        tree.world.run(&["merge", "--edit", "-q"]).env("EDITOR", "sed -i '/^#~ group.key is in/d'").success();
        assert_eq!(tree.get("group.key").as_deref(), (!removed_by_us).then_some(lines));
        assert!(!tree.world.run(&["edit", "-q"]).env("EDITOR", "grep -q '#~'").done().stdout.contains("#~"));
        tree.git(&["checkout", "-q", "--merge", "secrets.enc"]);
        tree.accept();
        tree.world.run(&["merge", "--theirs", "-q"]).success();
        assert_eq!(tree.get("group.key").as_deref(), removed_by_us.then_some(lines));
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn branches_that_merged_each_other_before_merge_again() {
    let tree = Tree::new();
    tree.branches(
        |tree| tree.set_and_commit("group.side", "value of their side"),
        |tree| tree.set_and_commit("group.main", "value of our side"),
    );
    let (main, side) = (tree.git(&["rev-parse", "main"]), tree.git(&["rev-parse", "side"]));
    tree.git(&["merge", "-q", "--no-edit", side.trim()]);
    tree.set_and_commit("group.main", "a newer value of ours");
    tree.git(&["checkout", "-q", "side"]);
    tree.git(&["merge", "-q", "--no-edit", main.trim()]);
    tree.set_and_commit("group.side", "a newer value of theirs");
    tree.git(&["checkout", "-q", "main"]);
    // Git has two common ancestors here, and merges those first.
    assert_eq!(tree.git(&["merge-base", "--all", "main", "side"]).lines().count(), 2);
    tree.git(&["merge", "-q", "--no-edit", "side"]);
    assert_eq!(tree.get("group.main").as_deref(), Some("a newer value of ours"));
    assert_eq!(tree.get("group.side").as_deref(), Some("a newer value of theirs"));
}

/// Small and the same everywhere: a test needs no good randomness, but one that can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What a branch holds, as plain data: the model that real merges are held against.
type Model = BTreeMap<String, String>;

fn change(tree: &Tree, model: &mut Model, dice: &mut Dice, round: u64) {
    for step in 0..=dice.roll(2) {
        let name = format!("group{}.key{}", dice.roll(3), dice.roll(3));
        if dice.roll(4) == 0 && model.contains_key(&name) {
            tree.world.run(&["rm", "-q", "--yes", &name]).success();
            model.remove(&name);
        } else {
            // Few values, so that both sides sometimes make the same change.
            let value = format!("value {} of round {}", dice.roll(2), round + step / 2);
            tree.set(&name, &value);
            model.insert(name, value);
        }
    }
    tree.git(&["add", "-A"]);
    tree.git(&["commit", "-q", "--allow-empty", "-m", "a change"]);
}

/// The same merge by the book; the names in conflict come second.
fn merged(base: &Model, ours: &Model, theirs: &Model) -> (Model, Vec<String>) {
    let (mut result, mut conflicts) = (ours.clone(), Vec::new());
    let names: std::collections::BTreeSet<&String> =
        base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
    for name in names {
        let (before, our, their) = (base.get(name), ours.get(name), theirs.get(name));
        if our != before && their != before && our != their {
            conflicts.push(name.clone());
        } else if our == before {
            match their {
                Some(their) => result.insert(name.clone(), their.clone()),
                None => result.remove(name),
            };
        }
    }
    (result, conflicts)
}

fn flat(tree: &Tree) -> Model {
    let all = tree.all();
    let flat = all.into_iter().flat_map(|(group, keys)| {
        keys.into_iter().map(move |(key, value)| (format!("{group}.{key}"), value))
    });
    flat.collect()
}

#[test]
#[ignore = "needs git; run tests/run"]
fn thirty_random_histories_merge_as_the_model_does() {
    for seed in 0..30 {
        let mut dice = Dice(seed * 7919 + 1);
        let tree = Tree::new();
        let mut model = flat(&tree);
        for round in 0..2 {
            let base = model.clone();
            let mut theirs = model.clone();
            tree.git(&["checkout", "-q", "-B", "side"]);
            change(&tree, &mut theirs, &mut dice, round);
            tree.git(&["checkout", "-q", "main"]);
            change(&tree, &mut model, &mut dice, round);
            let (expected, conflicts) = merged(&base, &model, &theirs);
            let merge = tree.try_git(&["merge", "--no-edit", "side"]);
            assert_eq!(merge.ok, conflicts.is_empty(), "seed {seed}: {}", merge.text);
            for name in &conflicts {
                assert!(
                    merge.text.contains(&format!("both sides changed {name},")),
                    "{seed}: {}",
                    merge.text
                );
            }
            model = expected;
            if !merge.ok {
                let (side, winner) =
                    if dice.roll(2) == 0 { ("--ours", None) } else { ("--theirs", Some(&theirs)) };
                tree.world.run(&["merge", "-q", side]).success();
                for name in winner.iter().flat_map(|_| &conflicts) {
                    match theirs.get(name) {
                        Some(value) => model.insert(name.clone(), value.clone()),
                        None => model.remove(name),
                    };
                }
                tree.git(&["add", "secrets.enc"]);
                tree.git(&["commit", "-q", "--no-edit"]);
            }
            assert_eq!(flat(&tree), model, "seed {seed}, round {round}");
        }
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn rebase_and_cherry_pick_merge_by_secret() {
    let tree = Tree::new();
    tree.branches(
        |tree| {
            tree.set_and_commit("group.one", "first of the side");
            tree.set_and_commit("group.two", "second of the side");
        },
        |tree| tree.set_and_commit("group.three", "of main"),
    );
    tree.git(&["cherry-pick", "side"]);
    assert_eq!((tree.get("group.one"), tree.get("group.two").as_deref()), (None, Some("second of the side")));
    tree.git(&["checkout", "-q", "side"]);
    tree.git(&["rebase", "-q", "main"]);
    for name in ["group.one", "group.two", "group.three"] {
        assert!(tree.get(name).is_some(), "{name}");
    }
    // A rebase in conflict goes on once it is settled.
    tree.git(&["checkout", "-q", "-b", "third"]);
    tree.set_and_commit("group.one", "of the third");
    tree.git(&["checkout", "-q", "side"]);
    tree.set_and_commit("group.one", "of the side again");
    tree.git(&["checkout", "-q", "third"]);
    assert!(!tree.try_git(&["rebase", "side"]).ok);
    tree.world.run(&["merge", "-q", "--theirs"]).success();
    tree.git(&["add", "secrets.enc"]);
    tree.git(&["rebase", "--continue"]);
    assert_eq!(tree.get("group.one").as_deref(), Some("of the third"));
}

#[test]
#[ignore = "needs git; run tests/run"]
fn an_octopus_merge_is_refused_and_changes_nothing() {
    let tree = Tree::new();
    for branch in ["first", "second"] {
        tree.git(&["checkout", "-q", "-b", branch, "main"]);
        tree.set_and_commit(&format!("group.{branch}"), "a value of some length");
    }
    tree.git(&["checkout", "-q", "main"]);
    tree.set_and_commit("group.main", "a value of some length");
    let before = (tree.world.store_bytes(), tree.git(&["rev-parse", "HEAD"]));
    let merge = tree.try_git(&["merge", "--no-edit", "first", "second"]);
    assert!(!merge.ok, "{}", merge.text);
    tree.git(&["reset", "-q", "--hard"]);
    assert!((tree.world.store_bytes(), tree.git(&["rev-parse", "HEAD"])) == before);
    // One after the other works.
    tree.git(&["merge", "-q", "--no-edit", "first"]);
    tree.git(&["merge", "-q", "--no-edit", "second"]);
    assert!(["main", "first", "second"].iter().all(|key| tree.get(&format!("group.{key}")).is_some()));
}

#[test]
#[ignore = "needs git; run tests/run"]
fn without_the_driver_the_store_says_what_happened_and_is_merged_from_the_index() {
    for is_missing in [false, true] {
        let tree = Tree::bare();
        if is_missing {
            tree.luca(&["git", "setup"]);
            let driver = tree.git(&["config", "merge.luca-secrets.driver"]);
            let driver = driver.trim().replace(crate::harness::PROGRAM, "/nowhere/luca-secrets");
            tree.git(&["config", "merge.luca-secrets.driver", &driver]);
        }
        tree.commit("first");
        tree.branches(
            |tree| tree.set_and_commit("database.password", "value of their side"),
            |tree| tree.set_and_commit("group.key", "value of our side"),
        );
        assert!(!tree.try_git(&["merge", "--no-edit", "side"]).ok);
        tree.world.run(&["list"]).gives(
            1,
            "",
            "error: secrets.enc: git's conflict markers stand in the file\n\
             hint: git merged it without luca-secrets: merge it by secret with `luca-secrets merge --from-index`\n",
        );
        let merged = tree.luca(&["merge", "--from-index"]);
        assert_eq!(
            merged,
            "ok: secrets.enc is merged, at generation 5\nhint: tell git that it is merged: git add secrets.enc\n"
        );
        tree.git(&["add", "secrets.enc"]);
        tree.git(&["commit", "-q", "--no-edit"]);
        assert_eq!(tree.get("database.password").as_deref(), Some("value of their side"));
        assert_eq!(tree.get("group.key").as_deref(), Some("value of our side"));
        let again = tree.try_luca(&["merge", "--from-index"]);
        assert_eq!(
            (again.ok, again.text.as_str()),
            (false, "error: git has no unfinished merge of secrets.enc\n")
        );
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_merge_that_cannot_open_the_store_leaves_markers_and_not_one_side() {
    let tree = Tree::new();
    tree.branches(
        |tree| tree.set_and_commit("group.one", "value of their side"),
        |tree| tree.set_and_commit("group.two", "value of our side"),
    );
    let identity = tree.world.home().join(".config/luca-secrets/identity.txt");
    let hidden = identity.with_extension("away");
    std::fs::rename(&identity, &hidden).unwrap();
    let merge = tree.try_git(&["merge", "--no-edit", "side"]);
    assert!(!merge.ok && merge.text.contains("merge --from-index"), "{}", merge.text);
    assert!(tree.world.store_bytes().starts_with(b"<<<<<<< ours\n"));
    std::fs::rename(&hidden, &identity).unwrap();
    tree.luca(&["merge", "--from-index"]);
    assert!(tree.get("group.one").is_some() && tree.get("group.two").is_some());
}

#[test]
#[ignore = "needs git; run tests/run"]
fn unrelated_stores_are_not_merged() {
    let tree = Tree::new();
    tree.branches(
        |tree| {
            std::fs::remove_file(tree.world.path("secrets.enc")).unwrap();
            tree.world.run(&["init", "-q"]).success();
            tree.set_and_commit("group.one", "of a store made anew");
        },
        |tree| {
            tree.accept();
            tree.set_and_commit("group.two", "value of our side");
        },
    );
    let merge = tree.try_git(&["merge", "--no-edit", "side"]);
    assert!(!merge.ok && merge.text.contains("the two sides are different stores"), "{}", merge.text);
    let again = tree.try_luca(&["merge", "--from-index"]);
    assert!(!again.ok && again.text.contains("the two sides are different stores"), "{}", again.text);
    tree.git(&["checkout", "--ours", "secrets.enc"]);
    assert!(tree.get("group.two").is_some());
}

#[test]
#[ignore = "needs git; run tests/run"]
fn git_shows_names_shapes_and_fingerprints_but_no_value() {
    let tree = Tree::new();
    tree.set("database.password", "value that nobody sees");
    let diff = tree.git(&["diff"]);
    assert!(diff.contains("-database.password: 21 characters, fingerprint "), "{diff}");
    assert!(diff.contains("+database.password: 22 characters, fingerprint "), "{diff}");
    tree.commit("change");
    let log = tree.git(&["log", "-p", "--", "secrets.enc"]);
    assert!(log.contains("+database.port: 4 digits, fingerprint "), "{log}");
    for value in ["nobody sees", "correct horse", "5432"] {
        assert!(!diff.contains(value) && !log.contains(value));
    }
    std::fs::remove_file(tree.world.home().join(".config/luca-secrets/identity.txt")).unwrap();
    let log = tree.git(&["log", "-p", "-1", "--", "secrets.enc"]);
    assert!(log.contains("cannot be opened here: "), "{log}");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn compare_names_what_changed() {
    let tree = Tree::new();
    tree.git(&["tag", "v1"]);
    tree.set_and_commit("sentry.dsn", "https://key@sentry.example.com/1");
    tree.set_and_commit("database.password", "value that nobody sees");
    tree.remove_and_commit("database.port");
    let all = "database.password changed\ndatabase.port removed\nsentry.dsn added\n";
    assert_eq!(tree.luca(&["compare", "v1"]), all);
    assert_eq!(tree.luca(&["compare", "v1", "main"]), all);
    assert_eq!(
        tree.luca(&["compare", "--generation", "4"]),
        "database.password changed\ndatabase.port removed\n"
    );
    assert_eq!(tree.luca(&["compare"]), "ok: no secret and no reader differs\n");
    let json: serde_json::Value =
        serde_json::from_str(&tree.luca(&["compare", "v1", "HEAD~1", "--json"])).unwrap();
    assert_eq!((&json["from"], &json["to"]), (&3.into(), &5.into()));
    assert_eq!(json["secrets"][1], serde_json::json!({ "name": "sentry.dsn", "change": "added" }));
    for revision in ["nowhere", "--output=x"] {
        let ran = tree.try_luca(&["compare", "--", revision]);
        assert!(!ran.ok && ran.text.contains("git knows no such revision"), "{}", ran.text);
    }
    let ran = tree.try_luca(&["compare", "--generation", "99"]);
    assert_eq!(
        (ran.ok, ran.text.as_str()),
        (false, "error: generation 99 was never committed on this branch\n")
    );
}

#[test]
#[ignore = "needs git; run tests/run"]
fn setup_can_be_repeated_and_keeps_what_is_there() {
    let tree = Tree::bare();
    tree.world.write(".gitattributes", "*.png binary");
    let would = tree.luca(&["git", "setup", "-n"]);
    assert!(would.contains(".gitattributes would get a line for secrets.enc\n"), "{would}");
    assert!(!tree.world.path(".git/hooks/pre-commit").exists());
    tree.luca(&["git", "setup"]);
    let attributes = "*.png binary\nsecrets.enc diff=luca-secrets merge=luca-secrets\n";
    assert_eq!(tree.world.read(".gitattributes"), attributes);
    assert_eq!(tree.world.mode(".git/hooks/pre-commit") & 0o100, 0o100);
    let config = tree.world.read(".git/config");
    let again = tree.luca(&["git", "setup"]);
    assert_eq!(again.lines().filter(|line| line.ends_with("is as it should be")).count(), 5, "{again}");
    assert_eq!(
        (tree.world.read(".gitattributes").as_str(), tree.world.read(".git/config")),
        (attributes, config)
    );
    // Somebody's own hook stays.
    let hook = "#!/bin/sh\nexit 0\n";
    tree.world.write(".git/hooks/pre-commit", hook);
    let said = tree.luca(&["git", "setup"]);
    assert!(said.contains("warn: .git/hooks/pre-commit is there already and was left alone\n"), "{said}");
    assert!(said.contains("git pre-commit || exit 1\n"), "{said}");
    assert_eq!(tree.world.read(".git/hooks/pre-commit"), hook);
}

#[test]
#[ignore = "needs git; run tests/run"]
fn setup_uses_the_name_of_a_program_on_the_path() {
    let tree = Tree::bare();
    let program = tree.world.path("bin/luca-secrets");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    executable(&program, "#!/bin/sh\n");
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let done = tree.world.spawn(&["git", "setup"]).env("PATH", path).output().unwrap();
    assert!(done.status.success());
    assert_eq!(tree.git(&["config", "diff.luca-secrets.textconv"]), "luca-secrets git textconv\n");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn outside_a_working_tree_the_git_commands_say_so() {
    let world = World::filled();
    for command in [&["git", "setup"][..], &["merge", "--from-index"], &["compare"]] {
        let done: Ran = world.spawn(command).output().unwrap().into();
        assert!(!done.ok && done.text.starts_with("error: this is no git working tree\n"), "{}", done.text);
    }
}

#[test]
#[ignore = "needs git; run tests/run"]
fn the_hook_refuses_what_must_not_be_committed() {
    let tree = Tree::new();
    tree.world.run(&["render", "-q"]).success();
    let plain = "# A luca-secrets store: change it with `luca-secrets edit`.\n[store]\n";
    let rendered = tree.world.read(".envs/.production/.django");
    std::fs::remove_dir_all(tree.world.path(".envs")).unwrap();
    for (path, content, said) in [
        ("secrets.enc", "[secrets.database]\npassword = \"x\"\n", "error: secrets.enc: not encrypted\n"),
        ("secrets.enc", "<<<<<<< ours\n", "error: secrets.enc: git's conflict markers stand in it"),
        ("notes/store.toml", plain, "error: notes/store.toml: a decrypted store\n"),
        (".envs/.production/.django", "A=1\n", "error: .envs/.production/.django: the env file django"),
        ("copy.env", &rendered, "error: copy.env: an env file made by `luca-secrets render`"),
        ("a b.txt", "one\ntwo correct horse battery\n", "error: a b.txt:2: the value of database.password\n"),
        ("ü.bin", "\0\0correct horse battery\0", "error: ü.bin:1: the value of database.password\n"),
        ("b64", "x\n\nY29ycmVjdCBob3JzZSBiYXR0ZXJ5\n", "error: b64:3: the value of database.password\n"),
        (
            "url",
            "postgres://u:correct%20horse%20battery@h/\n",
            "error: url:1: the value of database.password\n",
        ),
    ] {
        tree.world.write(path, content);
        tree.git(&["add", "-f", path]);
        let commit = tree.try_git(&["commit", "-q", "-m", "leak"]);
        assert!(!commit.ok && commit.text.contains(said), "{path}: {}", commit.text);
        assert!(!commit.text.contains("horse"), "{}", commit.text);
        tree.git(&["reset", "-q", "--hard"]);
    }
    tree.set("database.password", "another horse battery");
    tree.commit("another password");
    tree.world.write("old.md", "correct horse battery\nanother horse battery\n");
    tree.git(&["add", "old.md"]);
    let commit = tree.try_git(&["commit", "-q", "-m", "leak"]);
    let said = "error: old.md:1: an earlier value of database.password\nerror: old.md:2: the value of database.password\n";
    assert!(!commit.ok && commit.text.contains(said), "{}", commit.text);
    tree.git(&["reset", "-q", "--hard"]);
    // What is no secret, what is too short, and what stood there before, may be committed.
    tree.world.write("fine.txt", "port 5432, correct, horse\n");
    tree.commit("fine");
    tree.world.write("old.txt", "correct horse battery\nsecond line\n");
    tree.git(&["add", "old.txt"]);
    tree.git(&["commit", "-q", "--no-verify", "-m", "leaked long ago"]);
    tree.world.write("old.txt", "correct horse battery\nanother line\n");
    tree.commit("another line");
}

#[test]
#[ignore = "needs git; run tests/run"]
fn the_hook_does_what_it_can_without_an_identity() {
    let tree = Tree::new();
    std::fs::remove_file(tree.world.home().join(".config/luca-secrets/identity.txt")).unwrap();
    tree.world.write("notes.txt", "nothing of interest\n");
    tree.git(&["add", "notes.txt"]);
    let said = tree.git(&["commit", "-q", "-m", "notes"]);
    assert!(said.contains("warn: values were not looked for in this commit: "), "{said}");
    tree.world.write("secrets.enc", "[secrets]\n");
    tree.git(&["add", "secrets.enc"]);
    assert!(!tree.try_git(&["commit", "-q", "-m", "plain"]).ok);
}

#[test]
#[ignore = "needs git; run tests/run"]
fn a_store_below_the_top_of_the_tree_is_served_too() {
    let tree = Tree { world: World::empty() };
    let world = &tree.world;
    let config = world.home().join(".config/luca-secrets");
    std::fs::create_dir_all(&config).unwrap();
    let identity = config.join("identity.txt");
    std::fs::write(&identity, crate::harness::IDENTITY).unwrap();
    std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.write("backend/schemas/schema.toml", crate::harness::SCHEMA);
    tree.git(&["init", "-q", "-b", "main"]);
    let below = |arguments: &[&str]| world.run(&[&["-C", "backend", "-q"], arguments].concat());
    below(&["init"]).success();
    below(&["set", "database.password"]).stdin("correct horse battery").success();
    tree.luca(&["-C", "backend", "git", "setup"]);
    assert!(world.read("backend/.gitattributes").starts_with("secrets.enc diff="));
    tree.commit("first");
    tree.git(&["checkout", "-q", "-b", "side"]);
    below(&["set", "database.port"]).stdin("5432").success();
    tree.commit("side");
    tree.git(&["checkout", "-q", "main"]);
    below(&["set", "database.password"]).stdin("another horse battery").success();
    tree.commit("main");
    tree.git(&["merge", "-q", "--no-edit", "side"]);
    assert_eq!(tree.luca(&["-C", "backend", "compare", "HEAD~1"]), "database.port added\n");
    world.write("leak.txt", "another horse battery");
    tree.git(&["add", "leak.txt"]);
    let commit = tree.try_git(&["commit", "-q", "-m", "leak"]);
    assert!(
        !commit.ok && commit.text.contains("leak.txt:1: the value of database.password"),
        "{}",
        commit.text
    );
}
