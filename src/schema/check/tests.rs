use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::date;
use proptest::prelude::*;

use crate::name::{TargetName, VariableName};

use super::*;
use crate::schema::{Place, Policy, Rotation, Rules, Severity, TypeMismatch};

const TODAY: Date = date(2026, 11, 23);

fn entry(kind: Type) -> Entry {
    Entry::new(kind, Place { file: Path::new("schemas/secrets.toml").into(), line: 1, column: 1 })
}

fn with_rules(kind: Type, rules: Rules) -> Entry {
    Entry { rules, ..entry(kind) }
}

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn codes(entry: &Entry, value: &str) -> Vec<&'static str> {
    check_value(entry, &SecretValue::new(value.to_owned())).iter().map(ViolationKind::code).collect()
}

fn messages(entry: &Entry, value: &str) -> Vec<String> {
    check_value(entry, &SecretValue::new(value.to_owned())).iter().map(ToString::to_string).collect()
}

fn run(entries: Vec<(&str, Entry)>, stored: &[(&str, &str)]) -> Vec<Violation> {
    let secrets = entries.into_iter().map(|(text, entry)| (name(text), entry)).collect();
    let schema = Schema { secrets, ..Schema::default() };
    let stored: BTreeMap<_, _> = stored.iter().map(|(text, value)| (name(text), *value)).collect();
    let values = |name: &SecretName| stored.get(name).map(|value| SecretValue::new((*value).to_owned()));
    check(&schema, &values, stored.keys(), TODAY)
}

fn line(violation: &Violation) -> String {
    let name = violation.secret.as_ref().map_or("", SecretName::as_str);
    let hint = violation.hint().unwrap_or_default();
    format!("{:?} {name}: {} ({hint})", violation.severity(), violation.kind)
}

#[test]
fn lengths_count_characters() {
    let rules = Rules { min_length: Some(3), max_length: Some(5), ..Rules::default() };
    let entry = with_rules(Type::String, rules);
    assert_eq!(messages(&entry, "äö"), ["too short: at least 3 characters"]);
    assert_eq!(messages(&entry, "äöü"), [""; 0]);
    assert_eq!(messages(&entry, "äöüäö"), [""; 0]);
    assert_eq!(messages(&entry, "äöüäöü"), ["too long: at most 5 characters"]);
}

#[test]
fn a_pattern_matches_the_whole_value() {
    let with = |pattern: &str| {
        with_rules(Type::String, Rules { pattern: Some(pattern.to_owned()), ..Rules::default() })
    };
    assert_eq!(messages(&with("a|bc"), "bc"), [""; 0]);
    assert_eq!(messages(&with("a|bc"), "abc"), ["does not match the pattern a|bc"]);
    assert_eq!(codes(&with("[a-z]+"), "abc1"), ["pattern-mismatch"]);
    assert_eq!(codes(&with("(?m)a$"), "a\nb"), ["wrong-type", "pattern-mismatch"]);
    // Patterns that do not compile match nothing, also those that would between the brackets.
    assert_eq!(codes(&with("["), "["), ["pattern-mismatch"]);
    assert_eq!(codes(&with("a)|(b"), "a"), ["pattern-mismatch"]);
    assert!(compile_pattern("a)|(b").is_err());
}

#[test]
fn starts_with_and_one_of() {
    let start = with_rules(Type::Token, Rules { starts_with: Some("sk_".to_owned()), ..Rules::default() });
    assert_eq!(messages(&start, "sk_1"), [""; 0]);
    assert_eq!(messages(&start, "pk_1"), ["does not start with sk_"]);
    let words = Rules { one_of: vec!["production".to_owned(), "todo".to_owned()], ..Rules::default() };
    let words = with_rules(Type::Enum, words);
    assert_eq!(messages(&words, "production"), [""; 0]);
    assert_eq!(messages(&words, "todo"), [""; 0]);
    assert_eq!(messages(&words, "Production"), ["not one of production, todo"]);
    // An enum without words allows nothing.
    assert_eq!(codes(&entry(Type::Enum), "production"), ["not-one-of"]);
}

#[test]
fn several_rules_at_once() {
    let rules = Rules {
        min_length: Some(9),
        pattern: Some("[0-9]+".to_owned()),
        starts_with: Some("x".to_owned()),
        one_of: vec!["y".to_owned()],
        ..Rules::default()
    };
    let entry = with_rules(Type::Token, rules);
    let all = ["wrong-type", "too-short", "pattern-mismatch", "starts-with", "not-one-of", "placeholder"];
    assert_eq!(codes(&entry, "fill me"), all);
}

#[test]
fn nothing_and_nul() {
    for (_, kind) in Type::NAMES {
        assert_eq!(codes(&entry(kind.clone()), ""), ["empty"]);
        assert_eq!(codes(&entry(kind), "a\0"), ["contains-nul"]);
    }
    let optional = |kind| Entry { required: false, ..entry(kind) };
    assert_eq!(codes(&optional(Type::Port), ""), ["empty"]);
    assert_eq!(codes(&optional(Type::String), ""), [""; 0]);
}

#[test]
fn placeholders_and_examples() {
    assert_eq!(messages(&entry(Type::Password), "changeme"), ["looks like a placeholder, not like a value"]);
    assert_eq!(codes(&entry(Type::String), "!!!SET DJANGO_ADMIN_URL!!!"), ["placeholder"]);
    let example = |kind, text: &str| Entry { example: Some(text.to_owned()), ..entry(kind) };
    assert_eq!(codes(&example(Type::Token, "sk_test_1"), "sk_test_1"), ["placeholder"]);
    assert_eq!(codes(&example(Type::Port, "5432"), "5432"), [""; 0]);
}

#[test]
fn dates() {
    let until = |on| Entry { expires: Some(on), ..entry(Type::Token) };
    let stored = [("a.a", "v"), ("a.b", "v"), ("a.c", "v"), ("a.d", "v"), ("a.e", "v")];
    let rotate = Some(Rotation::default());
    let found = run(
        vec![
            ("a.a", until(date(2026, 11, 22))),
            ("a.b", Entry { rotate, ..until(TODAY) }),
            ("a.c", until(date(2026, 11, 24))),
            ("a.d", until(date(2026, 12, 23))),
            ("a.e", until(date(2026, 12, 24))),
            ("a.f", Entry { required: false, ..until(TODAY) }),
        ],
        &stored,
    );
    let lines: Vec<_> = found.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "Error a.a: expired on 2026-11-22 (luca-secrets set a.a, then move `expires` in the schema)",
            "Error a.b: expired on 2026-11-23 (luca-secrets set a.b, then move `expires` in the schema)",
            "Warning a.c: expires on 2026-11-24, in 1 day (luca-secrets set a.c, then move `expires` in the schema)",
            "Warning a.d: expires on 2026-12-23, in 30 days (luca-secrets set a.d, then move `expires` in the schema)",
        ]
    );
}

#[test]
fn every_finding_in_the_order_of_the_schema() {
    let at = |file: &str, line, entry: Entry| Entry {
        place: Place { file: Path::new(file).into(), line, column: 1 },
        ..entry
    };
    let policy = Policy {
        length: 40,
        alphabet: super::super::Alphabet::Lower,
        prefix: String::new(),
        suffix: String::new(),
    };
    let found = run(
        vec![
            ("a.late", at("s.toml", 9, entry(Type::Port))),
            ("z.early", at("s.toml", 2, Entry { generate: Some(policy), ..entry(Type::Password) })),
            ("m.first", at("d.toml", 30, entry(Type::Token))),
            (
                "o.old",
                at("s.toml", 10, Entry { deprecated: Some("use a.late".to_owned()), ..entry(Type::String) }),
            ),
            ("o.optional", at("s.toml", 11, Entry { required: false, ..entry(Type::String) })),
            ("database.password", at("s.toml", 12, entry(Type::Password))),
        ],
        &[
            ("a.late", "x"),
            ("o.old", "v"),
            ("database.password", "v"),
            ("database.pasword", "v"),
            ("b.other", "v"),
        ],
    );
    let lines: Vec<_> = found.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "Error m.first: required and not set (luca-secrets set m.first)",
            "Error z.early: required and not set (luca-secrets generate z.early)",
            "Error a.late: not a port: a whole number from 1 to 65535 (luca-secrets set a.late)",
            "Warning o.old: deprecated: use a.late ()",
            "Warning b.other: not declared in the schema (declare it in the schema, or luca-secrets rm b.other)",
            "Warning database.pasword: not declared in the schema (did you mean database.password?)",
        ]
    );
    assert_eq!(found[0].place.as_ref().map(ToString::to_string).as_deref(), Some("d.toml:30:1"));
    assert_eq!(found[4].place, None);
}

#[test]
fn a_template_that_forgets_to_encode() {
    let violation = Violation {
        secret: Some(name("database.password")),
        place: None,
        kind: ViolationKind::UnencodedInUrl {
            variable: VariableName::parse("DATABASE_URL").unwrap(),
            target: TargetName::parse("django").unwrap(),
        },
    };
    assert_eq!(violation.severity(), Severity::Warning);
    assert_eq!(violation.kind.code(), "unencoded-in-url");
    assert_eq!(violation.kind.to_string(), "stands in the URL of DATABASE_URL in django without urlencode");
    assert_eq!(violation.hint().as_deref(), Some("write {{ database.password|urlencode }}"));
}

#[test]
fn mismatches_are_errors_without_a_source() {
    fn is_error<E: std::error::Error>() {}
    is_error::<TypeMismatch>();
}

proptest! {
    #[test]
    fn no_message_holds_the_value(value in "[ -~\u{a0}-\u{17f}\n]{8,60}", kind in 0usize..20, least in 0usize..80) {
        let rules = Rules {
            min_length: Some(least),
            max_length: Some(least),
            pattern: Some("[0-9]{3}".to_owned()),
            starts_with: Some("sk_".to_owned()),
            one_of: vec!["one".to_owned()],
        };
        let entry = with_rules(Type::NAMES[kind].1.clone(), rules);
        for kind in check_value(&entry, &SecretValue::new(value.clone())) {
            let violation = Violation { secret: Some(name("a.b")), place: None, kind };
            let shown = format!("{} {violation:?}", line(&violation));
            prop_assert!(!shown.contains(value.trim()) || value.trim().len() < 8);
        }
    }
}
