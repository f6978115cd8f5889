//! Env files against the parsers that read them: their models here, and the real ones (`tests/tools/install`).

mod corpus;
mod foreign;
mod models;
mod real;
mod refusals;
mod urls;

use luca_secrets::name::VariableName;
use luca_secrets::render::{Assignment, Unrenderable, render};
use luca_secrets::schema::{Dialect, Reader};
use luca_secrets::secret::{SecretText, SecretValue};

/// The seed of all generated values, named in every failure.
const SEED: u64 = 20_261_123;

/// How many values are generated for each dialect.
const GENERATED: usize = 2_200;

/// How many of the 178 values of the corpus each dialect holds, at least.
const COVERAGE: [(Dialect, usize); 13] = [
    (Dialect::Compose, 178),
    (Dialect::Cookiecutter, 153),
    (Dialect::DjangoEnviron, 154),
    (Dialect::Dotenvy, 178),
    (Dialect::Gh, 176),
    (Dialect::GithubEnv, 178),
    (Dialect::Node, 173),
    (Dialect::NodeDotenv, 178),
    (Dialect::Portable, 130),
    (Dialect::PythonDotenv, 178),
    (Dialect::Raw, 161),
    (Dialect::Sh, 178),
    (Dialect::Systemd, 177),
];

/// A variable of a test.
struct Variable {
    name: VariableName,
    value: SecretValue,
}

fn variable(name: &str, value: &str) -> Variable {
    Variable { name: VariableName::parse(name).unwrap(), value: SecretValue::new(value.to_owned()) }
}

/// Renders variables that no program is known to read.
fn render_all(dialect: Dialect, variables: &[Variable]) -> Result<SecretText, Vec<Unrenderable>> {
    render_read_by(dialect, variables, &[])
}

fn render_read_by(
    dialect: Dialect,
    variables: &[Variable],
    read_by: &[Reader],
) -> Result<SecretText, Vec<Unrenderable>> {
    let items = variables.iter().map(|item| Assignment { name: &item.name, value: &item.value, read_by });
    render(dialect, Some("made by a test"), &items.collect::<Vec<_>>())
}

/// The values that a dialect accepts: how many of the corpus, and all with the generated ones.
fn accepted(dialect: Dialect) -> (usize, Vec<String>) {
    let mut generator = corpus::Generator(SEED ^ dialect as u64);
    let generated = (0..GENERATED).map(|_| generator.value()).collect::<Vec<_>>();
    let held = |value: &String| render_all(dialect, &[variable("V", value)]).is_ok();
    let mut values: Vec<String> = corpus::corpus().into_iter().filter(held).collect();
    let of_corpus = values.len();
    values.extend(generated.into_iter().filter(held));
    (of_corpus, values)
}

/// Files of `per_file` values, each between two neighbours.
fn batches(values: &[String], per_file: usize) -> Vec<Vec<Variable>> {
    const NEIGHBOURS: [&str; 3] = ["plain", "two words", "a#b"];
    // An environment may take 2 MB on Linux; a quarter of it leaves room for whatever else is there.
    const LARGEST: usize = 500_000;
    let mut batches = vec![Vec::new()];
    let mut size = 0;
    for (number, value) in values.iter().enumerate() {
        size += value.len();
        if batches.last().unwrap().len() >= 2 * per_file || size > LARGEST {
            batches.push(Vec::new());
            size = value.len();
        }
        let batch = batches.last_mut().unwrap();
        batch.push(variable(&format!("N{number}"), NEIGHBOURS[number % NEIGHBOURS.len()]));
        batch.push(variable(&format!("V{number}"), value));
    }
    for batch in &mut batches {
        batch.push(variable("LAST", "end"));
    }
    batches
}
