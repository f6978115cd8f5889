use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

fn render(template: &str, values: &[(&str, &str)]) -> Result<String, RenderProblem> {
    let values: BTreeMap<_, _> = values.iter().map(|(key, value)| (name(key), *value)).collect();
    let lookup = |name: &SecretName| values.get(name).map(|value| SecretValue::new((*value).to_owned()));
    let rendered = Template::compile(template).unwrap().render(&lookup);
    rendered.map(|value| value.expose().to_owned())
}

fn is_fast(template: &str) -> bool {
    matches!(Template::compile(template).unwrap().program, Program::Segments(_))
}

#[test]
fn a_plain_template_is_rendered_without_minijinja() {
    let template =
        "postgres://{{ db.user|urlencode }}:{{db.password | urlencode}}@{{ db.host }}/{{ db.user }}";
    assert!(is_fast(template));
    let values = [("db.user", "lu ca"), ("db.password", "a/b%c?ü~-._"), ("db.host", "192.0.2.20")];
    let expected = "postgres://lu%20ca:a%2Fb%25c%3F%C3%BC~-._@192.0.2.20/lu ca";
    assert_eq!(render(template, &values).unwrap(), expected);
}

#[test]
fn filters_work_in_chains_and_alike_on_both_ways() {
    let values = [("a.b", "x/y?")];
    assert_eq!(render("{{ a.b|b64encode }}", &values).unwrap(), "eC95Pw==");
    assert_eq!(render("{{ a.b|b64encode|urlencode }}", &values).unwrap(), "eC95Pw%3D%3D");
    assert_eq!(render("{{ a.b|upper|urlencode }}", &values).unwrap(), "X%2FY%3F");
}

#[test]
fn a_value_is_exactly_what_the_template_says() {
    let values = [("a.b", "v\n")];
    for (template, expected) in [
        ("", ""),
        ("plain { text } %} }} #}\n", "plain { text } %} }} #}\n"),
        ("{{ a.b }}\n", "v\n\n"),
        ("{{ a.b|trim }}\n", "v\n"),
        (" {% if true %} x {% endif %} \n", "  x  \n"),
        ("<{{ '<&>' }}>", "<<&>>"),
        ("{# nothing #}\u{fc}", "\u{fc}"),
    ] {
        assert_eq!(render(template, &values).unwrap(), expected, "{template:?}");
    }
}

#[test]
fn an_unset_secret_is_named_and_never_an_empty_text() {
    let missing = |text| Err(RenderProblem::Missing(name(text)));
    assert_eq!(render("{{ a.b }}", &[]), missing("a.b"));
    assert_eq!(render("{{ a.x }}{{ a.b|urlencode }}", &[("a.x", "1")]), missing("a.b"));
    assert_eq!(render("{{ a.b|upper }}", &[]), missing("a.b"));
    assert_eq!(render("{{ a.b|lower|urlencode }}", &[]), missing("a.b"));
    assert_eq!(render("{% if a.b %}x{% endif %}", &[]), missing("a.b"));
    assert_eq!(render("{{ a.x|default('') }}{{ a.b }}", &[]), missing("a.b"));
}

#[test]
fn a_default_stands_in_for_an_unset_secret() {
    assert_eq!(render("{{ sentry.dsn | default(\"\") }}", &[]).unwrap(), "");
    assert_eq!(render("{{ sentry.dsn | default('x') }}", &[("sentry.dsn", "y")]).unwrap(), "y");
    assert_eq!(render("{{ 'a' if a.b is defined else 'b' }}", &[]).unwrap(), "b");
}

#[test]
fn a_failure_never_quotes_a_value() {
    let failed = render("{{ a.b|int }}", &[("a.b", "hunter2")]);
    assert_eq!(failed, Err(RenderProblem::Failed("invalid operation".to_owned())));
}

#[test]
fn references_come_once_in_the_order_of_use() {
    let names = |text| {
        let template = Template::compile(text).unwrap();
        template.references().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names("{{ z.b }}{{ a.b }}{{ z.b }}"), ["z.b", "a.b"]);
    assert_eq!(
        names("{{ s3.key_id|upper }}{% if s3.key %}{{ a.b }}{% endif %}"),
        ["s3.key_id", "s3.key", "a.b"]
    );
    assert_eq!(names("{% for c in z.b %}{{ c.x }}{% endfor %}{{ a.b }}"), ["z.b", "a.b"]);
    assert!(names("nothing").is_empty());
}

#[test]
fn mistakes_are_found_when_compiling() {
    let form = "a secret's name has the form group.key, such as database.password";
    let parts = "the parts of a secret's name start with a lower-case letter and hold only a-z, 0-9 and _";
    for (template, message, offset) in [
        ("x{{ password }}", format!("`password` is not the name of a secret: {form}"), Some(4)),
        ("{{ Db.user }}", format!("`Db.user` is not the name of a secret: {parts}"), Some(3)),
        ("{{ a.b.c }}", format!("`a.b.c` is not the name of a secret: {form}"), Some(3)),
        ("x{{ a.b|nope }}", "unknown filter: filter nope is unknown".to_owned(), Some(1)),
        (
            "x{{ a.b",
            "syntax error: unexpected end of input, expected end of variable block".to_owned(),
            Some(1),
        ),
        ("{{ not.b }}", "syntax error: unexpected `.`".to_owned(), Some(0)),
        ("a\nb{% endif %}", "syntax error: unknown statement endif".to_owned(), Some(2)),
    ] {
        assert_eq!(Template::compile(template).unwrap_err(), TemplateError { message, offset }, "{template}");
    }
}

#[test]
fn an_alias_is_one_plain_reference() {
    let alias = |text| Template::compile(text).unwrap().is_alias().map(ToString::to_string);
    assert_eq!(alias("{{ s3.endpoint }}").as_deref(), Some("s3.endpoint"));
    assert_eq!(alias("{{ s3.endpoint|urlencode }}"), None);
    assert_eq!(alias("{{ s3.endpoint }} "), None);
    assert_eq!(alias("x"), None);
}

#[test]
fn what_stands_raw_in_a_url_is_found() {
    let found = |text| {
        let template = Template::compile(text).unwrap();
        template.puts_unencoded_in_url().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(found("postgres://{{u.u}}:{{ u.p|urlencode }}@{{ u.h }}/x"), ["u.h", "u.u"]);
    assert_eq!(found("{{ s3.endpoint }}/{{ s3.bucket }}"), [""; 0]);
    assert_eq!(found("{{ a.scheme }}://{{ a.b }}"), [""; 0]);
    assert_eq!(found("https://x.example.com {{ a.b }}"), [""; 0]);
    assert_eq!(found("https://{{ a.b|lower }}/{{ a.c|lower|urlencode }}"), ["a.b"]);
    assert_eq!(found("{% if a.b %}https://{% endif %}{{ a.c|urlencode|b64encode }}"), ["a.c"]);
}

proptest! {
    #[test]
    fn both_ways_agree(
        parts in prop::collection::vec((".{0,6}", 0..3_usize, "[ \t\n]{0,2}", 0..5_usize), 0..5),
        values in prop::collection::vec(".{0,12}", 3),
    ) {
        let names = ["a.b", "a.c2", "group_1.key_2"];
        let filters = ["", "|urlencode", " | b64encode", "|urlencode|b64encode", "\t|\nb64encode |urlencode"];
        let text = parts.iter().map(|(literal, name, space, filter)| {
            format!("{}{{{{{space}{}{space}{}{space}}}}}", literal.replace('{', "["), names[*name], filters[*filter])
        }).collect::<Vec<_>>().concat();
        prop_assert!(is_fast(&text));
        let lookup = |wanted: &SecretName| {
            let at = names.iter().position(|name| *name == wanted.as_str())?;
            Some(SecretValue::new(values[at].clone()))
        };
        let template = Template::compile(&text).unwrap();
        let ours = template.render(&lookup).unwrap();
        let theirs = jinja::render(&text, template.references(), &lookup).unwrap();
        prop_assert_eq!(ours.expose(), theirs.expose());
        prop_assert_eq!(template.references().to_vec(), jinja::compile(&text).unwrap());
    }

    #[test]
    fn no_text_makes_it_stumble(text in "([{}%# |.a-c']|\\PC){0,20}") {
        let _ = Template::compile(&text).map(|template| template.puts_unencoded_in_url());
    }
}
