//! Variables of env files, mapped back to secrets.

use super::*;

fn dotenv(text: &str) -> Findings {
    read_with(Source::Dotenv(Dialect::Cookiecutter), text, &schema())
}

#[test]
fn an_alias_maps_back_to_its_secret() {
    let findings = dotenv("# flower\nCELERY_FLOWER_USER=admin\nexport CELERY_FLOWER_PASSWORD='p w#1'\n");
    assert_eq!(found(&findings), ["flower.user=admin@2", "flower.password=p w#1@3"]);
    assert!(findings.skipped.is_empty());
    assert!(findings.found.iter().all(|it| it.declared));
}

#[test]
fn a_name_by_convention_is_split_at_the_one_underscore_that_fits() {
    let findings = dotenv("DATABASE_PASSWORD=x1\nSTORAGE_SECRET_KEY=y2\n");
    assert_eq!(found(&findings), ["database.password=x1@1", "storage.secret_key=y2@2"]);
    let mut schema = schema();
    declare(&mut schema, "a.b_c", "", Type::String);
    declare(&mut schema, "a_b.c", "", Type::String);
    let findings = read_with(Source::Dotenv(Dialect::Sh), "A_B_C=v", &schema);
    assert_eq!(skipped(&findings), ["? 1 NoSuchSecret"]);
}

#[test]
fn what_the_schema_does_not_know_is_named_by_its_line_only() {
    let findings =
        dotenv("hunter2Secret=1\nCELERY_FLOWER_USER=\nCELERY_FLOWER_PASSWORD=!!!SET PASSWORD!!!\n");
    let expected = ["? 1 NoSuchSecret", "CELERY_FLOWER_USER 2 Empty", "CELERY_FLOWER_PASSWORD 3 Placeholder"];
    assert_eq!(skipped(&findings), expected);
}

#[test]
fn a_composed_url_comes_apart() {
    let findings = dotenv("DATABASE_URL=postgres://shop:p%40ss%2Fw%C3%B6rd@192.0.2.20:5432/shop");
    let expected = [
        ("database.host", "192.0.2.20"),
        ("database.name", "shop"),
        ("database.password", "p@ss/wörd"),
        ("database.port", "5432"),
        ("database.user", "shop"),
    ];
    assert_eq!(values(&findings).into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_composed_value_that_has_two_readings_or_is_spelled_otherwise_is_left() {
    for value in [
        "postgres://shop:a:b@192.0.2.20:5432/shop",
        "postgres://shop:a@b@192.0.2.20:5432/shop",
        "postgres://shop:a#b@192.0.2.20:5432/shop",
        "postgres://shop:a%2fb@192.0.2.20:5432/shop",
        "postgres://shop:a%zz@192.0.2.20:5432/shop",
        "postgres://shop:@192.0.2.20:5432/shop",
        "mysql://shop:a@192.0.2.20:5432/shop",
        "postgres://shop:a@192.0.2.20:five/shop",
        "postgres://",
    ] {
        let findings = dotenv(&format!("DATABASE_URL={value}"));
        assert_eq!(skipped(&findings), ["DATABASE_URL 1 Derived"], "{value}");
        assert!(findings.found.is_empty());
    }
    assert_eq!(skipped(&dotenv("DJANGO_SETTINGS_MODULE=x.y")), ["DJANGO_SETTINGS_MODULE 1 Derived"]);
}

#[test]
fn templates_that_say_too_much_or_too_little_give_nothing() {
    for (template, value) in [
        ("{{ a.b }}{{ a.c }}", "xy"),
        ("x{{ a.b|upper }}", "xY"),
        ("{% if a.b %}{{ a.b }}{% endif %}", "y"),
        ("{{ a.b }}-{{ a.b }}", "x-y"),
        ("no reference", "no reference"),
    ] {
        let template = Template::compile(template).unwrap();
        assert!(compose::take_apart(&template, value).is_none(), "{value}");
    }
    let twice = compose::take_apart(&Template::compile("{{ a.b }}-{{ a.b }}").unwrap(), "x-x").unwrap();
    assert_eq!(twice.len(), 1);
}

#[test]
fn two_targets_that_disagree_about_a_name_make_it_ambiguous() {
    let mut schema = schema();
    add_env_file(&mut schema, "one", &[("USER_NAME", "{{ flower.user }}")]);
    add_env_file(&mut schema, "two", &[("USER_NAME", "{{ database.user }}")]);
    let findings = read_with(Source::Dotenv(Dialect::Sh), "USER_NAME=x", &schema);
    assert_eq!(skipped(&findings), ["USER_NAME 1 Ambiguous"]);
}

#[test]
fn two_values_for_one_secret_are_a_conflict_and_neither_is_taken() {
    let findings = dotenv("FLOWER_USER=one\nCELERY_FLOWER_USER=two\nDATABASE_HOST=h\nDATABASE_HOST=h\n");
    // A name that no target has goes by convention.
    assert_eq!(found(&findings), ["database.host=h@3"]);
    assert_eq!(findings.found[0].also, [4]);
    assert_eq!(skipped(&findings), ["flower.user 2 Conflict { other: 1 }"]);
}

#[test]
fn a_parsers_problem_keeps_its_line_and_quotes_nothing() {
    let error = try_read(Source::Dotenv(Dialect::Raw), "A=1\nhunter2\n", &schema()).err().unwrap();
    assert_eq!(error, ImportError::Dotenv { line: 2, reason: "the line assigns nothing" });
    assert!(!error.to_string().contains("hunter2"));
}
