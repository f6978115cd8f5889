use jiff::Timestamp;

use crate::target::github::observe::{SecretSeen, VariableSeen};

use super::*;

const KEY: &str = "made up";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn value(text: &str) -> SecretValue {
    SecretValue::new(text.to_owned())
}

fn repository() -> Scope {
    Scope::Repository { owner: "example".to_owned(), name: "shop".to_owned() }
}

fn name(text: &str) -> ActionsName {
    ActionsName::listed(text).unwrap()
}

/// A world of `(kind, name, value)`.
struct World {
    scope: Scope,
    wanted: Vec<(Kind, VariableName, SecretValue)>,
    observed: Observed,
    recorded: PushRecord,
}

impl World {
    fn new() -> Self {
        Self {
            scope: repository(),
            wanted: Vec::new(),
            observed: Observed::default(),
            recorded: PushRecord::default(),
        }
    }

    fn want(mut self, kind: Kind, name: &str, text: &str) -> Self {
        self.wanted.push((kind, VariableName::parse(name).unwrap(), value(text)));
        self
    }

    fn seen_secret(mut self, text: &str, second: i64) -> Self {
        self.observed.secrets.insert(name(text), SecretSeen { updated_at: at(second), visibility: None });
        self
    }

    fn seen_variable(mut self, text: &str, content: &str) -> Self {
        let seen = VariableSeen { updated_at: at(1), visibility: None, value: value(content) };
        self.observed.variables.insert(name(text), seen);
        self
    }

    fn pushed(mut self, kind: Kind, text: &str, content: &str, second: Option<i64>) -> Self {
        let digest = digest(&FingerprintKey::new(KEY), &value(content), &self.scope);
        let pushed = Pushed { digest, updated_at: second.map(at) };
        self.recorded.of_kind_mut(kind).insert(name(text), pushed);
        self
    }

    fn plan(&self, options: Options) -> Result<Plan<'_>, Vec<Refusal>> {
        let wanted: Vec<_> =
            self.wanted.iter().map(|(kind, name, value)| Wanted { kind: *kind, name, value }).collect();
        let key = FingerprintKey::new(KEY);
        plan(&self.scope, &wanted, self.observed.clone(), &self.recorded, &key, options)
    }

    fn actions(&self) -> Vec<(String, Action)> {
        let Ok(plan) = self.plan(Options::default()) else { return Vec::new() };
        plan.steps.iter().map(|step| (step.name.to_string(), step.action)).collect()
    }

    fn refusals(&self, options: Options) -> Vec<String> {
        self.plan(options).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }
}

fn steps(expected: &[(&str, Action)]) -> Vec<(String, Action)> {
    expected.iter().map(|(name, action)| ((*name).to_owned(), *action)).collect()
}

#[test]
fn secrets_are_known_by_digest_and_date() {
    let secret = Kind::Secret;
    let world = World::new()
        .want(secret, "fresh", "1")
        .want(secret, "SAME", "1")
        .want(secret, "OTHER", "2")
        .want(secret, "NEWER", "1")
        .want(secret, "FOREIGN", "1")
        .want(secret, "KILLED", "1")
        .want(secret, "REMOVED", "1")
        .seen_secret("SAME", 10)
        .seen_secret("OTHER", 10)
        .seen_secret("NEWER", 11)
        .seen_secret("FOREIGN", 1)
        .seen_secret("KILLED", 99)
        .seen_secret("LEFT", 10)
        .seen_secret("LEFT_NEWER", 11)
        .seen_secret("NEVER_OURS", 1)
        .pushed(secret, "SAME", "1", Some(10))
        .pushed(secret, "OTHER", "1", Some(10))
        .pushed(secret, "NEWER", "1", Some(10))
        .pushed(secret, "KILLED", "1", None)
        .pushed(secret, "REMOVED", "1", Some(10))
        .pushed(secret, "LEFT", "1", Some(10))
        .pushed(secret, "LEFT_NEWER", "1", Some(10))
        .pushed(secret, "LONG_GONE", "1", Some(10));
    let expected = [
        ("FOREIGN", Action::Drifted(Drift::NotOurs)),
        ("FRESH", Action::Create),
        ("KILLED", Action::Change),
        ("LEFT", Action::Orphan),
        ("LEFT_NEWER", Action::Drifted(Drift::ChangedThere)),
        ("NEWER", Action::Drifted(Drift::ChangedThere)),
        ("OTHER", Action::Change),
        ("REMOVED", Action::Create),
        ("SAME", Action::Unchanged),
    ];
    assert_eq!(world.actions(), steps(&expected));
    let writes = |prune, overwrite_drift| {
        let options = Options { prune, overwrite_drift };
        let plan = world.plan(options).unwrap_or_else(|_| panic!("refused"));
        let list: Vec<_> = plan.changes(options).map(|change| change.name.to_string()).collect();
        list.join(" ")
    };
    assert_eq!(writes(false, false), "FRESH KILLED OTHER REMOVED");
    assert_eq!(writes(true, false), "FRESH KILLED LEFT OTHER REMOVED");
    assert_eq!(writes(false, true), "FOREIGN FRESH KILLED NEWER OTHER REMOVED");
    assert_eq!(writes(true, true), "FOREIGN FRESH KILLED LEFT LEFT_NEWER NEWER OTHER REMOVED");
}

#[test]
fn variables_are_known_by_their_values() {
    let variable = Kind::Variable;
    let world = World::new()
        .want(variable, "FRESH", "1")
        .want(variable, "SAME", "1")
        .want(variable, "OTHER", "2")
        .want(variable, "CHANGED", "2")
        .want(variable, "FOREIGN", "1")
        .seen_variable("SAME", "1")
        .seen_variable("OTHER", "1")
        .seen_variable("CHANGED", "3")
        .seen_variable("FOREIGN", "7")
        .seen_variable("LEFT", "1")
        .pushed(variable, "OTHER", "1", Some(1))
        .pushed(variable, "CHANGED", "1", Some(1))
        .pushed(variable, "LEFT", "1", Some(1));
    let expected = [
        ("CHANGED", Action::Drifted(Drift::ChangedThere)),
        ("FOREIGN", Action::Drifted(Drift::NotOurs)),
        ("FRESH", Action::Create),
        ("LEFT", Action::Orphan),
        ("OTHER", Action::Change),
        ("SAME", Action::Unchanged),
    ];
    assert_eq!(world.actions(), steps(&expected));
}

#[test]
fn a_change_of_who_may_use_it_is_a_change() {
    let mut world = World::new();
    world.scope = Scope::Organization { name: "example".to_owned(), visibility: Visibility::Private };
    let mut world = world.want(Kind::Secret, "A", "1").pushed(Kind::Secret, "A", "1", Some(10));
    let mut see = |visibility: &str, declared: Visibility| {
        let seen = SecretSeen { updated_at: at(10), visibility: Some(visibility.to_owned()) };
        world.observed.secrets.insert(name("A"), seen);
        world.scope = Scope::Organization { name: "example".to_owned(), visibility: declared };
        world.actions()[0].1
    };
    assert_eq!(see("private", Visibility::Private), Action::Unchanged);
    assert_eq!(see("all", Visibility::Private), Action::Change);
    assert_eq!(see("selected", Visibility::Selected(vec!["shop".to_owned()])), Action::Change);
}

#[test]
fn names_and_sizes_are_refused_with_their_names() {
    let world = World::new()
        .want(Kind::Secret, "github_token", "1")
        .want(Kind::Secret, "db_password", "1")
        .want(Kind::Secret, "DB_PASSWORD", "1")
        .want(Kind::Variable, "DB_PASSWORD", "1")
        .want(Kind::Secret, "FITS", &"x".repeat(49_152))
        .want(Kind::Secret, "BIG", &"x".repeat(49_153));
    let expected = [
        "github_token: GitHub keeps names that begin with GITHUB_ for itself",
        "db_password and DB_PASSWORD: GitHub keeps names in upper case, where both are the same",
        "BIG: 49153 bytes are more than the 49152 that GitHub takes",
    ];
    assert_eq!(world.refusals(Options::default()), expected);
}

#[test]
fn more_than_fit_are_refused_with_the_names_that_are_in_the_way() {
    let mut world = World::new();
    for number in 0..99 {
        world = world.want(Kind::Secret, &format!("S{number}"), "1");
    }
    world = world.seen_secret("THEIRS", 1);
    assert!(world.refusals(Options::default()).is_empty());
    let world = world.seen_secret("LEFT", 1).pushed(Kind::Secret, "LEFT", "1", Some(1));
    let expected = ["there would be 101 secrets, and GitHub takes 100; not ours: THEIRS"];
    assert_eq!(world.refusals(Options::default()), expected);
    assert!(world.refusals(Options { prune: true, overwrite_drift: false }).is_empty());
}

#[test]
fn a_push_that_is_killed_leaves_a_record_that_says_so() {
    let world = World::new()
        .want(Kind::Secret, "A", "2")
        .want(Kind::Secret, "B", "1")
        .seen_secret("A", 10)
        .seen_secret("B", 10)
        .pushed(Kind::Secret, "A", "1", Some(10))
        .pushed(Kind::Secret, "B", "1", Some(10));
    let plan = world.plan(Options::default()).unwrap_or_else(|_| panic!("refused"));
    let begun = plan.begin(&world.recorded, Options::default());
    assert_eq!(begun.secrets[&name("A")].updated_at, None);
    assert_eq!(begun.secrets[&name("B")], world.recorded.secrets[&name("B")]);
    assert!(plan.has_changes(Options::default()) && !plan.is_clean());
}

#[test]
fn a_variable_that_a_killed_push_brought_there_is_dated_by_looking() {
    let variable = Kind::Variable;
    let world = World::new()
        .want(variable, "ARRIVED", "2")
        .want(variable, "LOST", "2")
        .want(variable, "THEIRS", "2")
        .want(Kind::Secret, "SECRET", "2")
        .seen_variable("ARRIVED", "2")
        .seen_variable("LOST", "1")
        .seen_variable("THEIRS", "2")
        .seen_secret("SECRET", 1)
        .pushed(variable, "ARRIVED", "2", None)
        .pushed(variable, "LOST", "2", None)
        .pushed(Kind::Secret, "SECRET", "2", None);
    let plan = world.plan(Options::default()).unwrap_or_else(|_| panic!("refused"));
    let settled = plan.settled(&world.recorded);
    let dates = |record: &PushRecord| -> Vec<_> {
        let all = record.secrets.iter().chain(&record.variables);
        all.map(|(name, pushed)| (name.to_string(), pushed.updated_at)).collect()
    };
    let expected = [("SECRET", None), ("ARRIVED", Some(at(1))), ("LOST", None)];
    assert_eq!(dates(&settled), expected.map(|(name, date)| (name.to_owned(), date)));
    assert_eq!(plan.begin(&world.recorded, Options::default()), settled);
}
