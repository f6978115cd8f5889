//! Env files of unknown origin, as `import` meets them: where a model reads one, the real parser reads the same.

use luca_secrets::render::parse;
use luca_secrets::schema::Dialect;
use std::path::PathBuf;

use super::SEED;
use super::corpus::Generator;
use super::real::{Environment, drive, read_with_dotenvy};

/// A file of a few lines, some of which are in no dialect.
fn file(generator: &mut Generator) -> String {
    let mut text = String::new();
    for _ in 0..=generator.below(3) {
        let value = generator.value();
        let mut part = |choices: &[&str]| choices[generator.below(choices.len())].to_owned();
        let quote = part(&["", "", "'", "\"", "\"", "`"]);
        text += &part(&["", "", "", "", "# comment\n", "\n", "  \n"]);
        text += &part(&["", "", "", "", "export ", " "]);
        text += &part(&["A", "B", "C_1"]);
        text += &part(&["=", "=", "=", "=", "=", " = ", "= "]);
        text.extend([&*quote, &*value, &*quote]);
        text += &part(&["", "", "", "", " # comment", " ", "#x", " x"]);
        text += &part(&["\n", "\n", "\n", "\r\n"]);
    }
    text
}

/// Counts the files that the model read; the last assignment of a name is the one that holds.
fn compare(dialect: Dialect, reader: &str, count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut generator = Generator(SEED ^ 0xf11e ^ dialect as u64);
    let mut texts: Vec<(String, Environment)> = Vec::new();
    while texts.len() < count {
        let text = file(&mut generator);
        if let Ok(read) = parse(dialect, &text) {
            let pairs = read.into_iter().map(|(name, value)| (name, value.expose().as_bytes().to_vec()));
            texts.push((text, pairs.collect()));
        }
    }
    let write = |(at, (text, _)): (usize, &(String, Environment))| {
        let path = folder.path().join(at.to_string());
        std::fs::write(&path, text).unwrap();
        path
    };
    let files: Vec<PathBuf> = texts.iter().enumerate().map(write).collect();
    let found = if reader == "dotenvy" { read_with_dotenvy(&files) } else { drive(reader, &files) };
    let wrong: Vec<_> = texts
        .iter()
        .zip(&found)
        .filter(|((_, model), real)| real.as_ref().ok() != Some(model))
        .take(12)
        .collect();
    let list: Vec<_> =
        wrong.iter().map(|((text, model), real)| (text, show(model), real.as_ref().map(show))).collect();
    assert!(list.is_empty(), "{} in {reader} (seed {SEED}): text, model, real: {list:#?}", dialect.name());
}

fn show(environment: &Environment) -> String {
    let pairs =
        environment.iter().map(|(name, value)| format!("{name}={:?} ", String::from_utf8_lossy(value)));
    pairs.collect()
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn what_python_reads() {
    compare(Dialect::PythonDotenv, "python-dotenv", 3_000);
    compare(Dialect::PythonDotenv, "python-dotenv-old", 3_000);
    compare(Dialect::DjangoEnviron, "django-environ", 3_000);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn what_npm_dotenv_and_node_read() {
    compare(Dialect::NodeDotenv, "npm-regular", 3_000);
    compare(Dialect::Node, "node", 80);
    compare(Dialect::Node, "node-newer", 80);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn what_dotenvy_and_systemd_read() {
    compare(Dialect::Dotenvy, "dotenvy", 3_000);
    compare(Dialect::Systemd, "systemd", 3_000);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn what_go_programs_read() {
    compare(Dialect::Compose, "compose", 80);
    compare(Dialect::Raw, "docker", 80);
    compare(Dialect::Gh, "gh", 30);
    compare(Dialect::Gh, "gh-13", 30);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn what_shells_read() {
    compare(Dialect::Sh, "bash", 400);
    compare(Dialect::Sh, "dash", 400);
}
