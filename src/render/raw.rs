//! Lines taken as they are: `docker run --env-file`, compose's `format: raw`, `docker stack`, podman, kubectl.

use super::grammar::{Grammar, Limit, Measure, has_carriage_return};
use super::model::{Entry, Model, Newlines, ParseProblem, Reading, Text};
use super::spelling;

/// The longest line that Go's scanner hands out, in bytes; docker stops there, kubectl drops the rest unsaid.
const LONGEST_LINE: usize = 65_535;

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::bare],
    models: &[Model { newlines: Newlines::AsTheyAre, read }],
    limits: &[
        Limit { applies: |value| value.contains('\n'), reason: "a line break (each line is one variable)" },
        Limit { applies: has_carriage_return, reason: "a carriage return at the end of a value" },
    ],
    longest: (LONGEST_LINE, Measure::Assignment),
    ..Grammar::ONE_LINE
};

fn read(text: &str) -> Reading<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let problem = |reason| ParseProblem { line: at + 1, reason };
        if line.len() > LONGEST_LINE {
            return Err(problem("the line is longer than 65535 bytes"));
        }
        let content = line.strip_suffix('\r').unwrap_or(line).trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let Some((name, value)) = content.split_once('=') else {
            return Err(problem("a name without `=` takes its value from the environment"));
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(problem("the name is empty or holds a space"));
        }
        entries.push(Entry { line: at + 1, name, value: Text::Plain(value) });
    }
    Ok(entries)
}
