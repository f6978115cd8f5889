//! Crowds: many writers of one store, locks and their owners, and the merge against a model.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use luca_secrets::name::SecretName;
use luca_secrets::secret::{SecretText, SecretValue};
use luca_secrets::store::{Author, Origin, Recipient, Store, StoreError, Unlocked};
use luca_secrets::sys::{Disk, OpenGate, OsRandom};
use proptest::prelude::*;

use crate::faults::{leftovers, recipient, unseal};
use crate::harness::{NOW, World, keys};

/// How many processes make a crowd.
const CROWD: usize = 50;

fn set(world: &World, name: &str, value: &str) -> Child {
    let mut child = world
        .spawn(&["set", "--undeclared", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    child
}

fn generation(world: &World) -> usize {
    let text = unseal(&world.store_bytes());
    let line = text.lines().find_map(|line| line.strip_prefix("generation = ")).unwrap();
    line.parse().unwrap()
}

#[test]
fn fifty_writers_of_different_secrets_all_get_theirs_in() {
    let world = World::filled();
    let start = generation(&world);
    let children: Vec<Child> =
        (0..CROWD).map(|n| set(&world, &format!("crowd.member_{n}"), &format!("value {n}"))).collect();
    for child in children {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    for n in 0..CROWD {
        world.run(&["get", &format!("crowd.member_{n}")]).gives(0, &format!("value {n}"), "");
    }
    world.run(&["get", "database.password"]).gives(0, "correct horse battery", "");
    assert_eq!(generation(&world), start + CROWD);
    assert!(leftovers(&world).is_empty());
}

#[test]
fn fifty_writers_of_one_secret_win_or_are_told() {
    let world = World::filled();
    let start = generation(&world);
    let children: Vec<Child> = (0..CROWD).map(|n| set(&world, "crowd.one", &format!("value {n}"))).collect();
    let mut winners = BTreeSet::new();
    for (n, child) in children.into_iter().enumerate() {
        let done = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        match done.status.code() {
            Some(0) => {
                winners.insert(format!("value {n}"));
            }
            code => {
                assert_eq!(
                    (code, stderr.as_str()),
                    (
                        Some(5),
                        "error: somebody else changed crowd.one meanwhile, in another way\n\
                         hint: nothing was written; look at the new values and do it again\n"
                    )
                );
            }
        }
    }
    let value = world.run(&["get", "crowd.one"]).success().stdout;
    assert!(winners.contains(&value), "{value}");
    assert_eq!(generation(&world), start + winners.len());
    assert!(leftovers(&world).is_empty());
}

#[test]
fn of_many_inits_at_once_one_makes_the_store_and_none_breaks_it() {
    let world = World::empty();
    let children: Vec<Child> = (0..20)
        .map(|_| world.spawn(&["init"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
        .collect();
    let mut successes = 0;
    for child in children {
        let done = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        if done.status.success() {
            successes += 1;
        } else {
            assert!(done.status.code() == Some(1) && stderr.contains("exists already"), "{stderr}");
        }
    }
    // Where each found a part of what others had made, nobody is left who made the last part: one more call does.
    if successes == 0 {
        world.run(&["init", "-q"]).success();
    }
    assert!(successes <= 1, "{successes}");
    world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    world.run(&["get", "database.port"]).gives(0, "5432", "");
    assert!(leftovers(&world).is_empty());
}

/// A lock on the folder, held by this process.
fn lock(folder: &Path) -> std::fs::File {
    let file = std::fs::File::open(folder).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    file
}

fn try_for(world: &World, seconds: &str) -> (Output, Duration) {
    let start = Instant::now();
    let mut command =
        world.spawn(&["set", "database.port", "--lock-timeout", seconds, "--from-file", "port"]);
    (command.output().unwrap(), start.elapsed())
}

#[test]
fn a_lock_held_elsewhere_is_waited_for_and_its_owner_named() {
    let world = World::filled();
    world.write("port", "6432");
    let before = world.store_bytes();
    let held = lock(&world.folder());
    for (seconds, least) in [("0", 0), ("1", 1)] {
        let (done, took) = try_for(&world, seconds);
        let stderr = String::from_utf8(done.stderr).unwrap();
        let owner = format!("the folder is locked by process {} (", std::process::id());
        assert_eq!(done.status.code(), Some(5), "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(&owner), "{stderr}");
        assert!(stderr.contains(world.folder().to_str().unwrap()), "{stderr}");
        assert!(stderr.lines().last().unwrap().contains("--lock-timeout"), "{stderr}");
        let least = Duration::from_secs(least);
        assert!(took >= least && took < least + Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(world.store_bytes(), before);
    // Readers need no lock.
    world.run(&["get", "database.port"]).gives(0, "5432", "");
    drop(held);
    assert!(try_for(&world, "0").0.status.success());
}

#[test]
fn a_lock_given_up_in_time_is_taken() {
    let world = World::filled();
    world.write("port", "6432");
    let held = lock(&world.folder());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| try_for(&world, "20").0);
        std::thread::sleep(Duration::from_millis(300));
        drop(held);
        assert!(writer.join().unwrap().status.success());
    });
    world.run(&["get", "database.port"]).gives(0, "6432", "");
}

#[test]
fn a_dead_owner_blocks_nobody() {
    let world = World::filled();
    world.write("port", "6432");
    let mut owner = Command::new("flock")
        .args(["--no-fork".as_ref(), world.folder().as_os_str(), "sleep".as_ref(), "600".as_ref()])
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let stderr = String::from_utf8(try_for(&world, "0").0.stderr).unwrap();
        if stderr.contains(&format!("process {} ", owner.id())) {
            break;
        }
        assert!(Instant::now() < deadline, "{stderr}");
    }
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(try_for(&world, "0").0.status.success());
}

#[test]
fn patience_has_no_upper_limit() {
    let world = World::filled();
    let forever = u64::MAX.to_string();
    world.run(&["set", "-q", "database.port", "--lock-timeout", &forever]).stdin("6432").success();
}

/// Names and values of a store.
type Model = BTreeMap<&'static str, &'static str>;

const NAMES: [&str; 5] = ["a.x", "a.y", "b.x", "b.y", "c.x"];
const VALUES: [&str; 4] = ["1", "two words", "q'uo\"te # no comment", "several\nlines\n"];

fn model() -> impl Strategy<Value = Model> {
    proptest::collection::btree_map(proptest::sample::select(&NAMES), proptest::sample::select(&VALUES), 0..5)
}

/// What one side does: single changes, or the whole text anew.
#[derive(Debug, Clone)]
enum Side {
    Single(BTreeMap<&'static str, Option<&'static str>>),
    Text(Model),
}

fn side() -> impl Strategy<Value = Side> {
    let value = proptest::option::of(proptest::sample::select(&VALUES));
    prop_oneof![
        proptest::collection::btree_map(proptest::sample::select(&NAMES), value, 0..4).prop_map(Side::Single),
        model().prop_map(Side::Text),
    ]
}

impl Side {
    /// The names that this side cares about, and all secrets as it wants them.
    fn wants(&self, base: &Model) -> (BTreeSet<&'static str>, Model) {
        match self {
            Self::Single(changes) => {
                let mut wanted = base.clone();
                for (name, value) in changes {
                    match value {
                        Some(value) => wanted.insert(name, value),
                        None => wanted.remove(name),
                    };
                }
                (changes.keys().copied().collect(), wanted)
            }
            Self::Text(wanted) => {
                let changed = NAMES.into_iter().filter(|name| base.get(name) != wanted.get(name));
                (changed.collect(), wanted.clone())
            }
        }
    }
}

/// The text a person might have written, with a remark on every secret.
fn text_of(model: &Model, who: &str) -> SecretText {
    let mut text = format!("# {who} begins\n");
    let mut group = "";
    for (name, value) in model {
        let (own, key) = name.split_once('.').unwrap();
        if own != group {
            text.push_str(&format!("\n# {who} on {own}\n[secrets.{own}] # {who} beside {own}\n"));
            group = own;
        }
        let mut spelled = SecretText::default();
        luca_secrets::store::push_toml_string(&mut spelled, value);
        text.push_str(&format!("# {who} on {name}\n{key} = {} # {who} beside {name}\n", spelled.expose()));
    }
    text.push_str(&format!("# {who} ends\n"));
    SecretText::new(text)
}

struct Scene {
    _root: tempfile::TempDir,
    disk: Disk,
    author: Author,
    store: std::path::PathBuf,
}

impl Scene {
    fn new(base: &Model) -> Self {
        let root = tempfile::tempdir().unwrap();
        let scene = Self {
            disk: Disk::new(Arc::new(OpenGate)),
            author: Author { now: NOW.parse().unwrap(), name: "tester".to_owned() },
            store: root.path().join("secrets.enc"),
            _root: root,
        };
        let key = recipient().to_string();
        let first = Recipient::new("tester".to_owned(), key, scene.author.now);
        Store::at(scene.store.clone())
            .create(&scene.disk, Store::new_id(&mut OsRandom).unwrap(), &scene.author, first, &keys())
            .unwrap();
        let opened = scene.open();
        scene.act(&opened, &Side::Text(base.clone()), "base").unwrap();
        scene
    }

    fn open(&self) -> Unlocked {
        Store::at(self.store.clone()).unlock(&self.disk, keys()).unwrap()
    }

    fn act(&self, opened: &Unlocked, side: &Side, who: &str) -> Result<(), StoreError> {
        let mut edit = opened.edit(Origin::Edit, 10);
        match side {
            Side::Single(changes) => {
                for (name, value) in changes {
                    let name = SecretName::parse(name).unwrap();
                    match value {
                        Some(value) => edit.set(name, SecretValue::new((*value).to_owned())),
                        None => edit.remove(name),
                    }
                }
            }
            Side::Text(model) => edit.set_text(text_of(model, who)).unwrap(),
        }
        edit.commit(&self.disk, &self.author, Duration::from_secs(5)).map(drop)
    }

    fn content(&self) -> BTreeMap<String, String> {
        let opened = self.open();
        let document = opened.document();
        let value = |name: &SecretName| document.get(name).unwrap().expose().to_owned();
        document.names().map(|name| (name.to_string(), value(name))).collect()
    }
}

fn spelled(model: &Model) -> BTreeMap<String, String> {
    model.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The three-way merge as a person would define it: the merged secrets, or the names in conflict.
fn three_way(base: &Model, ours: &Side, theirs: &Model) -> Result<Model, Vec<String>> {
    let (cares, wanted) = ours.wants(base);
    let mut merged = Model::new();
    let mut conflicts = Vec::new();
    for name in NAMES {
        let (b, o, t) = (base.get(name), wanted.get(name), theirs.get(name));
        let value = if t == b || o == t || !cares.contains(name) {
            if cares.contains(name) { o } else { t }
        } else {
            conflicts.push(name.to_owned());
            t
        };
        if let Some(value) = value {
            merged.insert(name, value);
        }
    }
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]
    #[test]
    fn two_edits_merge_as_the_model_says(base in model(), ours in side(), theirs in side()) {
        let scene = Scene::new(&base);
        let opened = scene.open();
        scene.act(&scene.open(), &theirs, "theirs").unwrap();
        let (_, after_theirs) = theirs.wants(&base);
        prop_assert_eq!(scene.content(), spelled(&after_theirs));
        let bytes = std::fs::read(&scene.store).unwrap();
        match (scene.act(&opened, &ours, "ours"), three_way(&base, &ours, &after_theirs)) {
            (Ok(()), Ok(merged)) => {
                prop_assert_eq!(scene.content(), spelled(&merged));
                let text = scene.open().document().secrets_text();
                let lines: BTreeSet<&str> = text.expose().lines().collect();
                // Who wrote the text last: their remarks stand, but for those beside secrets that are gone.
                let (who, whole) = match (&ours, &theirs) {
                    (Side::Text(model), _) => ("ours", model),
                    (_, Side::Text(model)) => ("theirs", model),
                    _ => ("base", &base),
                };
                for line in text_of(whole, who).expose().lines().filter(|line| line.starts_with('#')) {
                    prop_assert!(lines.contains(line), "{} is gone from\n{}", line, text.expose());
                }
                for name in merged.keys().filter(|name| whole.get(**name) == merged.get(**name)) {
                    let remark = format!("# {who} beside {name}\n");
                    prop_assert!(text.expose().contains(&remark));
                }
            }
            (Err(StoreError::Conflict(names)), Err(expected)) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                prop_assert_eq!(names, expected);
                prop_assert!(std::fs::read(&scene.store).unwrap() == bytes, "a conflict wrote");
            }
            (outcome, expected) => {
                prop_assert!(false, "{:?} where {:?} was expected", outcome.map_err(|e| e.to_string()), expected);
            }
        }
    }
}
