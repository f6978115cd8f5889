//! TOML, JSON, and guessing which is which.

use super::*;

#[test]
fn sources_are_guessed_by_name_and_then_by_text() {
    let env = Source::Dotenv(Dialect::Cookiecutter);
    for (file, text, expected) in [
        ("a/INFRASTRUCTURE.md", "", Source::Markdown),
        ("x.toml", "", Source::Toml),
        ("X.JSON", "", Source::Json),
        (".envs/.production/.django", "", env),
        (".env", "{", env),
        ("prod.env", "", env),
        ("secrets", "\u{feff} {\"a\": 1}", Source::Json),
        ("secrets", "# note\nA=1\n", env),
        ("secrets", "a\n## B\n- C: d", Source::Markdown),
        ("secrets", "[database]\npassword = 'x'", Source::Toml),
    ] {
        assert_eq!(Source::guess(file, text), expected, "{file}");
    }
}

#[test]
fn toml_gives_groups_whole_names_and_variables() {
    let text = "CELERY_FLOWER_USER = 'admin'\n\"clerk.domain\" = \"d.example.com\"\ndatabase.port = 5432\n\n\
        [storage]\nbucket = \"b\\u0061\"\ntags = ['x']\n[secrets.database]\npassword = '''p'q'''\n\
        [secrets.new]\nthing = true\nratio = 1_0.50\n";
    let findings = read_with(Source::Toml, text, &schema());
    let expected = [
        "flower.user=admin@1",
        "clerk.domain=d.example.com@2",
        "database.port=5432@3",
        "storage.bucket=ba@6",
        "database.password=p'q@9",
        "new.thing=true@11",
        "new.ratio=1_0.50@12",
    ];
    assert_eq!(found(&findings), expected);
    assert_eq!(skipped(&findings), ["? 7 NotText"]);
    let undeclared: Vec<_> =
        findings.found.iter().filter(|it| !it.declared).map(|it| it.name.as_str()).collect();
    assert_eq!(undeclared, ["new.thing", "new.ratio"]);
}

#[test]
fn a_group_may_be_called_secrets() {
    let findings = read_with(Source::Toml, "[secrets]\nword = 'x'\n", &schema());
    assert_eq!(found(&findings), ["secrets.word=x@2"]);
    let findings = read_with(Source::Toml, "[secrets]\n'a.word' = 'x'\n", &schema());
    assert_eq!(found(&findings), ["a.word=x@2"]);
}

#[test]
fn json_gives_groups_whole_names_and_variables() {
    let text = "{\n \"database\": {\"port\": 5.0e3, \"user\": \"a\\n\\u00e9\\\"\", \"name\": null,\n\
        \"deep\": {\"er\": 1}, \"host\": \"\"},\n \"clerk.secret_key\": \"k\",\n \"CELERY_FLOWER_USER\": true,\n\
        \"secrets\": {\"x\": {\"y\": \"z\"}}, \"list\": [1, {\"a\": []}], \"Bad Name\": \"v\"}";
    let findings = read_with(Source::Json, text, &schema());
    let expected = [
        "database.port=5.0e3@2",
        "database.user=a\né\"@2",
        "clerk.secret_key=k@4",
        "flower.user=true@5",
        "x.y=z@6",
    ];
    assert_eq!(found(&findings), expected);
    let expected = [
        "database.name 2 NotText",
        "? 3 NotText",
        "database.host 3 Empty",
        "? 6 NotText",
        "? 6 NoSuchSecret",
    ];
    assert_eq!(skipped(&findings), expected);
}

#[test]
fn faulty_documents_are_placed_and_not_quoted() {
    let problem = |source, text| try_read(source, text, &schema()).err().unwrap();
    let toml = problem(Source::Toml, "[a]\nb = hunter2\n");
    assert!(matches!(toml, ImportError::Syntax { format: "TOML", line: 2, column: 5 }), "{toml}");
    assert!(matches!(problem(Source::Toml, "a = 1\na = 2\n"), ImportError::Syntax { line: 2, .. }));
    let json = problem(Source::Json, "{\n\"a\": hunter2}");
    assert!(matches!(json, ImportError::Syntax { format: "JSON", line: 2, .. }), "{json}");
    assert_eq!(
        problem(Source::Json, "{\"a\":1,\n \"a\":2}"),
        ImportError::DuplicateKey { line: 2, column: 2 }
    );
    let nested = problem(Source::Json, "{\"a\":{\"b\":1,\"\\u0062\":2}}");
    assert_eq!(nested, ImportError::DuplicateKey { line: 1, column: 13 });
    assert_eq!(problem(Source::Json, "[]"), ImportError::NotAnObject);
    for error in [toml, json, nested] {
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(try_read(Source::Json, &"[".repeat(100_000), &schema()).is_err());
}
