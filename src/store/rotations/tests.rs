//! What is written is read again, what is damaged is refused, and no merge loses a value.

use proptest::prelude::*;

use super::super::outline::Outline;
use super::*;

/// What has no `Debug`, as it holds values; the tests make them up.
#[derive(Clone)]
struct Made<T>(T);

impl<T> fmt::Debug for Made<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(State::WORDS.map(|(state, _)| state).to_vec())
}

fn values() -> impl Strategy<Value = Made<Values>> {
    let value = prop::option::of("(?s)(.|['\"\\\\\n\r\t#]){0,20}");
    let all = prop::collection::btree_map("[a-c]\\.[a-c]", value, 0..3);
    all.prop_map(|all| {
        let made = |(name, value): (String, Option<String>)| {
            (SecretName::parse(&name).unwrap(), value.map(SecretValue::new))
        };
        Made(all.into_iter().map(made).collect())
    })
}

fn effect() -> impl Strategy<Value = EffectNote> {
    let outcome = prop::sample::select(Outcome::WORDS.map(|(outcome, _)| outcome).to_vec());
    let settled = prop::option::of((0..9i64).prop_map(moment));
    let words = prop::option::of("(?s).{0,8}");
    ("[a-z-]{1,8}", 0..9i64, outcome, words, settled).prop_map(|(step, at, outcome, evidence, settled)| {
        EffectNote { step, intended: moment(at), outcome, evidence, settled }
    })
}

fn record(id: &'static str) -> impl Strategy<Value = Made<RotationRecord>> {
    let material = prop::collection::btree_map("(?s).{0,8}", "(?s).{0,8}", 0..3);
    let back = prop::option::of(0..5usize);
    let texts =
        ("[a-z-]{1,8}", "(?s).{0,8}", prop::option::of("[a-f0-9]{8}"), prop::option::of("(?s).{0,12}"));
    let numbers = (0..5usize, any::<u64>(), 0..9i64, 0..20u32, prop::option::of((0..9i64).prop_map(moment)));
    let parts = (values(), values(), prop::collection::vec(values(), 0..3), material);
    let effects = prop::collection::vec(effect(), 0..3);
    (state(), back, texts, numbers, parts, effects).prop_map(
        move |(
            state,
            back,
            (kind, by, holder, reason),
            numbers,
            (current, pending, deploys, material),
            effects,
        )| {
            let (done, base_generation, started, attempts, not_before) = numbers;
            Made(RotationRecord {
                id: id.to_owned(),
                kind,
                state,
                direction: back.map_or(Direction::Forward, |begun| Direction::Back { begun }),
                done,
                base_generation: base_generation >> 1,
                started: moment(started),
                by,
                holder,
                attempts,
                not_before,
                current: current.0,
                pending: pending.0,
                deploys: deploys.into_iter().map(|one| one.0).collect(),
                material: material.into_iter().map(|(name, value)| (name, SecretValue::new(value))).collect(),
                effects,
                reason,
            })
        },
    )
}

fn name() -> SecretName {
    SecretName::parse("database.password").unwrap()
}

fn all() -> impl Strategy<Value = Made<AllRotations>> {
    (record("01A"), prop::option::of(record("01B")), prop::option::of(record("01C"))).prop_map(
        |(first, second, other)| {
            let several = std::iter::once(first).chain(second).map(|one| one.0).collect();
            let other = other.map(|other| (SecretName::parse("a.b").unwrap(), vec![other.0]));
            Made([(name(), several)].into_iter().chain(other).collect())
        },
    )
}

fn read_text(text: &str) -> Result<AllRotations, super::super::outline::DocumentError> {
    read(text, &Outline::read_any(text, &[])?)
}

/// A document of one store with these rotations.
fn document(all: &AllRotations) -> Document {
    let mut text = crate::secret::SecretText::default();
    text.push_str(
        "[store]\nformat = 1\nid = \"x\"\ngeneration = 1\nwritten = 2026-11-23T12:00:00Z\nby = \"\"\n",
    );
    text.push_str("[[recipients]]\nname = \"a\"\nkey = \"age1\"\nsince = 2026-11-23T12:00:00Z\n[secrets]\n");
    text.push_str(spell(all).expose());
    Document::parse(text).unwrap()
}

fn secrets_in(all: &AllRotations) -> Vec<String> {
    let records = all.values().flatten();
    records.flat_map(RotationRecord::values).map(|(_, value)| value.expose().to_owned()).collect()
}

proptest! {
    #[test]
    fn what_is_spelled_is_read_again(Made(all) in all()) {
        let text = spell(&all);
        prop_assert!(read_text(text.expose()).ok().is_some_and(|read| read == all), "{}", text.expose());
        prop_assert!(toml::de::DeTable::parse(text.expose()).is_ok(), "{}", text.expose());
        prop_assert!(document(&all).rotations == all);
    }

    #[test]
    fn a_lost_line_is_an_error_or_changes_nothing_that_was_tried(Made(all) in all(), line in any::<prop::sample::Index>()) {
        let text = spell(&all);
        let lines: Vec<&str> = text.expose().lines().collect();
        let lost = line.index(lines.len());
        if lines[lost].starts_with("id = ") || lines[lost].starts_with("state = ") || lines[lost].starts_with("outcome = ") {
            let rest: Vec<&str> =
                lines.iter().enumerate().filter(|(number, _)| *number != lost).map(|(_, line)| *line).collect();
            prop_assert!(read_text(&rest.join("\n")).is_err());
        }
    }

    #[test]
    fn no_merge_loses_a_value_of_a_live_rotation(Made(before) in record("01A"), Made(ours) in record("01A"), Made(theirs) in record("01A"), Made(own) in record("01B")) {
        let base = AllRotations::from([(name(), vec![before])]);
        for (our, their) in [(vec![ours.clone()], vec![theirs.clone()]), (vec![ours], vec![own]), (vec![theirs], Vec::new())] {
            let live = [&our, &their].into_iter().flatten().filter(|one| !one.state.is_end());
            let is_over = our.iter().chain(&their).any(|one| one.state.is_end());
            let live: Vec<RotationRecord> = live.cloned().collect();
            let sides = [our, their].map(|side| {
                document(&[(name(), side)].into_iter().filter(|(_, side)| !side.is_empty()).collect())
            });
            let [base, our, their] = [&document(&base), &sides[0], &sides[1]];
            let joined = join(base, our, their);
            prop_assert!(joined == join(base, their, our) || joined[&name()].len() == 2);
            prop_assert!(document(&joined).rotations == joined);
            let kept = secrets_in(&joined);
            // Where one branch has ended the same rotation, what the other did before is over.
            for record in live.iter().filter(|record| !is_over || joined.values().flatten().any(|one| one.id == record.id && !one.state.is_end())) {
                for (_, value) in record.values() {
                    prop_assert!(kept.iter().any(|kept| kept == value.expose()));
                }
            }
        }
    }
}

fn plain(id: &str, state: State) -> RotationRecord {
    RotationRecord {
        id: id.to_owned(),
        kind: "generated".to_owned(),
        state,
        direction: Direction::Forward,
        done: 0,
        base_generation: 1,
        started: moment(0),
        by: "a@b".to_owned(),
        holder: None,
        attempts: 0,
        not_before: None,
        current: Values::from([(name(), Some(SecretValue::new("old".to_owned())))]),
        pending: Values::from([(name(), Some(SecretValue::new(format!("new of {id}"))))]),
        deploys: Vec::new(),
        material: Material::new(),
        effects: Vec::new(),
        reason: None,
    }
}

fn of(records: Vec<RotationRecord>) -> AllRotations {
    AllRotations::from([(name(), records)])
}

#[test]
fn two_that_were_begun_apart_are_both_kept_and_held() {
    let (one, other) = (plain("01A", State::Granted), plain("01B", State::Rolled));
    let empty = document(&AllRotations::new());
    let joined = join(&empty, &document(&of(vec![one.clone()])), &document(&of(vec![other.clone()])));
    let both = &joined[&name()];
    assert!(
        both.len() == 2 && both.iter().all(|one| one.state == State::Held),
        "{}",
        spell(&joined).expose()
    );
    assert!(both[0].pending == one.pending && both[1].pending == other.pending);
    let reason = "rotations 01A and 01B of the same secret were begun on different branches";
    assert!(both.iter().all(|one| one.reason.as_deref() == Some(reason)));
    // One of them that had ended on its branch gives way.
    let ended = plain("01B", State::Done).ended();
    let joined = join(&empty, &document(&of(vec![one.clone()])), &document(&of(vec![ended])));
    assert!(joined == of(vec![one]));
}

#[test]
fn a_branch_that_was_left_behind_does_not_bring_an_ended_one_back() {
    let base = document(&of(vec![plain("01A", State::Staged)]));
    let done = document(&of(vec![plain("01A", State::Done).ended()]));
    let mut held = plain("01A", State::Held);
    held.attempts = 15;
    let held = document(&of(vec![held]));
    for (ours, theirs) in [(&done, &held), (&held, &done), (&done, &base), (&base, &done)] {
        assert!(join(&base, ours, theirs) == done.rotations);
    }
}

#[test]
fn another_form_is_an_error() {
    let good = spell(&of(vec![plain("01A", State::Staged)]));
    let good = good.expose();
    assert!(read_text(good).is_ok());
    let other = good.replace("database.password\"]", "database.password@01B\"]");
    for wrong in [
        good.replace("done = 0", "done = -1"),
        good.replace("done = 0", "done = 0\nmore = 1"),
        good.replace("state = \"staged\"", "state = \"elsewhere\""),
        good.replace("\"old\"", "true"),
        good.replace("\"old\"", "[\"old\"]"),
        good.replace("\"old\"", "{ x = \"old\" }"),
        good.replace(".current]", ".other]"),
        good.replace(".current]", ".deploy-1]"),
        good.replace(".current]", ".current.more]"),
        good.replace("[rotations.\"database.password\"]", "[[rotations.\"database.password\"]]"),
        good.replace("[rotations.\"database.password\"]", "[rotations.\"no name\"]"),
        format!("{good}[rotations.\"database.password\".effect]\n"),
        format!("{good}[rotations.\"database.password\".pending]\n"),
        format!("{good}[[rotations.\"database.password\".effect]]\nstep = \"a\"\n"),
        format!("{good}{}", other.lines().next().unwrap()),
        other,
        "[rotations]\nx = 1\n".to_owned(),
    ] {
        assert!(read_text(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_usual_form_is_read_the_fast_way() {
    let mut record = plain("01A", State::Granted);
    record.not_before = Some(moment(5));
    record.material.insert("key".to_owned(), SecretValue::new("-----BEGIN\nx\n".to_owned()));
    record.deploys = vec![record.pending.clone(), Values::from([(name(), None)])];
    record.effects = vec![EffectNote {
        step: "grant".to_owned(),
        intended: moment(1),
        outcome: Outcome::Applied,
        evidence: Some("it can \"log in\"".to_owned()),
        settled: Some(moment(2)),
    }];
    let text = spell(&of(vec![record]));
    assert!(super::super::plain::read(text.expose(), &[], false).is_some(), "{}", text.expose());
}
