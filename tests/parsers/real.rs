//! Every dialect against the real parsers. A tool that is missing is a failure, not a skip.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use luca_secrets::schema::Dialect;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SEED, Variable, accepted, batches, render_all};
use crate::harness::tools;

/// What a parser made of a file.
pub(super) type Environment = BTreeMap<String, Vec<u8>>;

/// What one of the drivers beside this file prints for each file.
pub(super) fn drive(reader: &str, files: &[PathBuf]) -> Vec<Result<Environment, String>> {
    let tools = tools();
    let mut command = if let Some(mode) = reader.strip_prefix("npm-") {
        let module = std::fs::canonicalize(tools.join("node_modules/dotenv")).unwrap();
        let mut command = Command::new(tools.join("bin/node"));
        command.arg("tests/parsers/read.cjs").arg(module).arg(mode);
        command
    } else {
        let (folder, kind) =
            reader.strip_suffix("-old").map_or(("python", reader), |kind| ("python-old", kind));
        let mut command = Command::new(tools.join(folder).join("bin/python"));
        command.arg("-B").arg("tests/parsers/read.py").arg(kind).arg(&tools);
        command
    };
    let output = command.args(files).output().expect("the driver starts");
    assert!(output.status.success(), "{reader}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().map(decode_line).collect();
    assert_eq!(lines.len(), files.len(), "{reader} did not answer for every file");
    lines
}

fn decode_line(line: &str) -> Result<Environment, String> {
    let mut found: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
    if let Some(error) = found.remove("__error__") {
        return Err(error);
    }
    Ok(found.into_iter().map(|(name, value)| (name, STANDARD.decode(value).unwrap())).collect())
}

/// The crate itself, in this process.
pub(super) fn read_with_dotenvy(files: &[PathBuf]) -> Vec<Result<Environment, String>> {
    let read = |path: &PathBuf| {
        let items = dotenvy::from_path_iter(path).map_err(|error| error.to_string())?;
        items
            .map(|item| {
                item.map(|(name, value)| (name, value.into_bytes())).map_err(|error| error.to_string())
            })
            .collect()
    };
    files.iter().map(read).collect()
}

/// Renders all that the dialect accepts and has every reader read it: nothing may be different, missing or new.
#[expect(clippy::print_stderr, reason = "the figures are what a person runs this for")]
fn prove(dialect: Dialect, readers: &[&str], per_file: usize) {
    let (of_corpus, values) = accepted(dialect);
    let batches = batches(&values, per_file);
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> =
        batches.iter().enumerate().map(|(at, batch)| write(dialect, folder.path(), at, batch)).collect();
    for reader in readers {
        let started = std::time::Instant::now();
        let read = if *reader == "dotenvy" { read_with_dotenvy(&files) } else { drive(reader, &files) };
        for (batch, environment) in batches.iter().zip(&read) {
            let environment =
                environment.as_ref().unwrap_or_else(|error| panic!("{reader} refused a file: {error}"));
            compare(dialect, reader, batch, environment);
        }
        let (held, took) = (values.len(), started.elapsed().as_secs_f32());
        eprintln!("{} in {reader}: {of_corpus} of 178, {held} values exact, {took:.1} s", dialect.name());
    }
}

fn write(dialect: Dialect, folder: &Path, at: usize, batch: &[Variable]) -> PathBuf {
    let path = folder.join(format!("{at}.env"));
    let Ok(file) = render_all(dialect, batch) else { panic!("{}: batch {at} was refused", dialect.name()) };
    std::fs::write(&path, file.expose()).unwrap();
    path
}

fn compare(dialect: Dialect, reader: &str, batch: &[Variable], environment: &Environment) {
    for item in batch {
        let (name, put) = (item.name.as_str(), item.value.expose());
        let found = environment.get(name).map(|bytes| String::from_utf8_lossy(bytes));
        let context = format!("{} in {reader}, {name} (seed {SEED})", dialect.name());
        assert_eq!(found.as_deref(), Some(put), "{context}");
    }
    let surplus: Vec<_> =
        environment.keys().filter(|name| batch.iter().all(|v| v.name.as_str() != *name)).collect();
    assert!(surplus.is_empty(), "{} in {reader}: {surplus:?} appeared (seed {SEED})", dialect.name());
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn compose_reads_what_was_put_in() {
    prove(Dialect::Compose, &["compose", "compose-create"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn all_that_meet_a_cookiecutter_file_read_what_was_put_in() {
    let readers = ["compose", "django-environ", "uv", "dotenvy", "systemd"];
    prove(Dialect::Cookiecutter, &readers, 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn django_environ_reads_what_was_put_in() {
    prove(Dialect::DjangoEnviron, &["django-environ"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn dotenvy_and_uv_read_what_was_put_in() {
    prove(Dialect::Dotenvy, &["dotenvy", "uv"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn gh_seals_what_was_put_in() {
    prove(Dialect::Gh, &["gh", "gh-13"], 100);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn a_replica_of_the_runner_reads_what_was_put_in() {
    prove(Dialect::GithubEnv, &["github-env"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn node_reads_what_was_put_in() {
    prove(Dialect::Node, &["node", "node-newer"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn npm_dotenv_reads_what_was_put_in() {
    prove(Dialect::NodeDotenv, &["npm-regular", "npm-fast"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn the_five_of_a_portable_file_read_what_was_put_in() {
    let readers = [
        "compose",
        "python-dotenv",
        "python-dotenv-old",
        "django-environ",
        "npm-regular",
        "npm-fast",
        "bash",
        "dash",
    ];
    prove(Dialect::Portable, &readers, 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn python_dotenv_reads_what_was_put_in() {
    prove(Dialect::PythonDotenv, &["python-dotenv", "python-dotenv-old"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn docker_reads_what_was_put_in() {
    prove(Dialect::Raw, &["docker"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn bash_and_dash_read_what_was_put_in() {
    prove(Dialect::Sh, &["bash", "dash"], 400);
}

#[test]
#[ignore = "needs the real parsers; run tests/run"]
fn systemd_reads_what_was_put_in() {
    prove(Dialect::Systemd, &["systemd"], 400);
}
