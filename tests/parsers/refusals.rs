//! What is refused, and in which words.

use luca_secrets::name::VariableName;
use luca_secrets::render::{Assignment, Cause, parse, render};
use luca_secrets::schema::{Dialect, Reader};

use super::{render_all, render_read_by, variable};

/// The message for the one variable `V`.
fn refusal(dialect: Dialect, value: &str, read_by: &[Reader]) -> String {
    let Err(found) = render_read_by(dialect, &[variable("V", value)], read_by) else {
        panic!("{} took it", dialect.name());
    };
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].variable.as_str(), "V");
    found[0].cause.to_string()
}

#[test]
fn each_dialect_says_what_it_cannot_hold() {
    let long = "x".repeat(131_070);
    let cases = [
        (Dialect::Cookiecutter, "a\nb", "cannot hold a line break (django-environ reads one line)"),
        (
            Dialect::Cookiecutter,
            "a\u{fffe}",
            "cannot hold a Unicode noncharacter (systemd refuses the whole file)",
        ),
        (Dialect::DjangoEnviron, "a\u{2028}b", "cannot hold a line break (django-environ reads one line)"),
        (
            Dialect::Systemd,
            "a\u{fffe}",
            "cannot hold a Unicode noncharacter (systemd refuses the whole file)",
        ),
        (Dialect::Raw, "a\nb", "cannot hold a line break (each line is one variable)"),
        (Dialect::Raw, "a\r", "cannot hold a carriage return at the end of a value"),
        (Dialect::Node, "a\rb", "cannot hold a carriage return (Node drops it)"),
        (Dialect::Node, "a'b\"c`#", "cannot hold all of ' \" ` at once (it knows no escape)"),
        (Dialect::NodeDotenv, "a'b\"c`#", "cannot hold this mix of ' \" ` (it knows no escape)"),
        (Dialect::Portable, "a${b}", "cannot hold `${` (python-dotenv expands it)"),
        (Dialect::Portable, "a\\", "cannot hold a backslash at the end (the parsers differ)"),
        (Dialect::Gh, "a 'b\" #\n\\", "cannot hold a backslash at the end beside other special text"),
        (Dialect::Compose, &long, "takes at most 131071 bytes of NAME=value"),
        (Dialect::Raw, &long, "takes at most 65535 bytes of NAME=value"),
        (Dialect::Gh, &long, "takes at most 49152 bytes of value"),
    ];
    for (dialect, value, message) in cases {
        assert_eq!(refusal(dialect, value, &[]), format!("the dialect `{}` {message}", dialect.name()));
    }
    for dialect in Dialect::ALL {
        assert_eq!(refusal(dialect, "a\0b", &[]), "no environment can hold a NUL character");
    }
}

#[test]
fn programs_say_what_they_cannot_take() {
    use Reader::{DjangoEnviron, Flower, Url};
    let cases = [
        (DjangoEnviron, "$6$salt$hash", "a leading `$`, which names another variable there"),
        (Flower, "a,b", "a comma, which separates its users"),
        (Flower, "a,u:b,", "a comma, which separates its users"),
        (Flower, "a,:b", "a comma, which separates its users"),
        (Flower, "caf\u{e9}", "a character beyond ASCII, which makes every login fail"),
        (Url, "postgres://u:a\nb@h/n", "a control character, which is dropped from URLs"),
        (Url, "postgres://u:a%zz@h/n", "a `%` in a URL that does not start the encoding of UTF-8 text"),
        (Url, "postgres://u:a%cd@h/n", "a `%` in a URL that does not start the encoding of UTF-8 text"),
        (
            Url,
            "postgres://u:a/b@h/n",
            "a URL whose host or port cannot be told from the rest (is the password percent-encoded?)",
        ),
        (Url, "postgres://u:1/b@h/n", "a raw `@` after the host of a URL (is the password percent-encoded?)"),
        (Url, "postgres://u:1?b@h/n", "a raw `@` after the host of a URL (is the password percent-encoded?)"),
        (Url, "postgres://u:a@b@h/n", "a URL whose user or password is not percent-encoded"),
        (Url, "postgres://u:a#b@h/n", "a raw `#` in a URL; write %23"),
        (
            Url,
            "postgres://u:p%40@h",
            "a URL without a path, which is encoded a second time; end the host with `/`",
        ),
        (Url, "h:5432/n", "a text that is no URL"),
    ];
    for (reader, value, message) in cases {
        let found = refusal(Dialect::Compose, value, &[reader]);
        assert_eq!(found, format!("the reader `{}` cannot take {message}", reader.name()));
    }
    for fine in [
        "",
        "redis://redis:6379/0",
        "rediss://:p%40ss@h:6379/0",
        "postgres://u:p+w@[::1]:5432/n?a=b",
        "sqlite:////d",
    ] {
        assert!(render_read_by(Dialect::Compose, &[variable("V", fine)], &[Url]).is_ok());
    }
    assert!(render_read_by(Dialect::Compose, &[variable("V", "a$b")], &[DjangoEnviron]).is_ok());
}

#[test]
fn all_are_told_at_once_and_no_value_is_in_any_message() {
    let variables =
        [variable("A", "marker\n1"), variable("B", "fine"), variable("C", "marker\n2"), variable("B", "x")];
    let Err(found) = render_all(Dialect::Raw, &variables) else { panic!("it was taken") };
    let names: Vec<_> = found.iter().map(|item| item.variable.as_str()).collect();
    assert_eq!(names, ["A", "C", "B"]);
    assert_eq!(found[2].cause, Cause::Duplicate);
    assert!(found.iter().all(|item| !item.to_string().contains("marker")));
}

#[test]
fn a_value_never_defines_another_variable() {
    let value = "a\nINJECTED=1\n\"\nINJECTED=2\n'\nINJECTED=3\nINJECTED<<END_OF_VALUE_0\nEND_OF_VALUE_0\n";
    for dialect in Dialect::ALL {
        if let Ok(file) = render_all(dialect, &[variable("A", value), variable("B", "b")]) {
            let read = parse(dialect, file.expose()).unwrap();
            assert_eq!(
                read.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
                ["A", "B"],
                "{}",
                dialect.name()
            );
        }
    }
}

#[test]
fn names_that_readers_keep_for_themselves_are_refused() {
    for (dialect, name) in
        [(Dialect::Sh, "UID"), (Dialect::GithubEnv, "NODE_OPTIONS"), (Dialect::Gh, "github_x")]
    {
        assert!(render_all(dialect, &[variable(name, "1")]).is_err(), "{name}");
        assert!(render_all(Dialect::Compose, &[variable(name, "1")]).is_ok(), "{name}");
    }
}

#[test]
fn a_header_stays_a_comment() {
    let name = VariableName::parse("A").unwrap();
    let item = variable("A", "1");
    let items = [Assignment { name: &name, value: &item.value, read_by: &[] }];
    for dialect in Dialect::ALL {
        let header = Some("made by luca-secrets\nB=2\u{2028}C=3\rD=4 \\");
        let Ok(file) = render(dialect, header, &items) else { panic!("{}", dialect.name()) };
        let expected = match dialect {
            Dialect::GithubEnv => "A=1\n",
            _ => "# made by luca-secrets\n# B=2 C=3 D=4\nA=1\n",
        };
        assert_eq!(file.expose(), expected, "{}", dialect.name());
    }
}

#[test]
fn plain_values_are_written_bare_and_others_as_portably_as_can_be() {
    let cases = [
        (Dialect::Compose, "abc", "V=abc"),
        (Dialect::Cookiecutter, "a b#c", "V='a b#c'"),
        (Dialect::Cookiecutter, "it's", "V=\"it's\""),
        (Dialect::Cookiecutter, "it's $5", "V=\"it's \\$5\""),
        (Dialect::Sh, "it's $5", "V='it'\\''s $5'"),
        (Dialect::PythonDotenv, "${A}", "V=\"${:-$}{A}\""),
        (Dialect::GithubEnv, "a\nb", "V<<END_OF_VALUE_0\na\nb\nEND_OF_VALUE_0"),
        (Dialect::Gh, "a\nb\"", "V=\"a\\nb\\\"$0\""),
        (Dialect::Raw, " a\"b ", "V= a\"b "),
    ];
    for (dialect, value, line) in cases {
        let Ok(file) = render_all(dialect, &[variable("V", value)]) else { panic!("{}", dialect.name()) };
        assert_eq!(
            file.expose(),
            format!("# made by a test\n{line}\n").trim_start_matches(match dialect {
                Dialect::GithubEnv => "# made by a test\n",
                _ => "",
            })
        );
    }
}

#[test]
fn foreign_files_are_read_or_their_line_is_named() {
    let read = |dialect, text: &str| {
        parse(dialect, text).map(|found| {
            found
                .iter()
                .map(|(name, value)| format!("{name}={}", value.expose()))
                .collect::<Vec<_>>()
                .join("|")
        })
    };
    let text = "\u{feff}# c\r\n\r\nexport A='x y' # z\r\nB = 2\r\n";
    assert_eq!(read(Dialect::Compose, text).unwrap(), "A=x y|B=2");
    assert_eq!(read(Dialect::PythonDotenv, text).unwrap(), "A=x y|B=2");
    assert_eq!(read(Dialect::NodeDotenv, text).unwrap(), "A=x y|B=2");
    for (dialect, text, line) in [
        (Dialect::Compose, "A=1\nB=$HOME\n", 2),
        (Dialect::Sh, "A=1\n\nB=$(id)\n", 3),
        (Dialect::Sh, "A='\n'\nB=c d\n", 3),
        (Dialect::PythonDotenv, "A=${X}\n", 1),
        (Dialect::Cookiecutter, "A=1\nB=\"a\\tb\"\n", 2),
        (Dialect::Raw, "A=1\nHOME\n", 2),
        (Dialect::Systemd, "A=1\nB='x\n", 2),
        (Dialect::GithubEnv, "A<<E\n1\n", 1),
    ] {
        let Err(problem) = read(dialect, text) else { panic!("{} read it", dialect.name()) };
        assert_eq!(problem.line, line, "{}: {problem}", dialect.name());
    }
}
