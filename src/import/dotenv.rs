//! Env files: variables that some parser has read, mapped back to the secrets that they are made of.

use crate::secret::SecretValue;

use super::collect::Collector;
use super::model::{Context, Findings};
use super::names::Names;

/// Maps the variables that a parser found in `text` to secrets. The text serves only to find their lines.
pub fn read_dotenv(pairs: Vec<(String, SecretValue)>, text: &str, context: &Context<'_>) -> Findings {
    let names = Names::new(context);
    let mut into = Collector::default();
    let lines: Vec<_> = text.lines().map(variable_of).collect();
    let mut next = 0;
    for (variable, value) in pairs {
        // Variables come in the order of the file, so each is looked for behind the one before.
        let at = lines.iter().skip(next).position(|name| *name == Some(variable.as_str()));
        let index = at.map_or(next.saturating_sub(1), |at| next + at);
        next = at.map_or(next, |at| next + at + 1);
        names.add_variable(index + 1, &variable, value, &mut into);
    }
    into.finish(context.schema)
}

/// The name that a line seems to assign to, whatever the dialect: `NAME=`, `export NAME=`, `NAME: `, `NAME<<EOF`.
fn variable_of(line: &str) -> Option<&str> {
    let line = line.trim_start_matches('\u{feff}').trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c)).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let assigns = rest.trim_start().starts_with(['=', ':']) || rest.starts_with("<<");
    // A bare name takes its value from the environment of whoever reads the file.
    (!name.is_empty() && (assigns || rest.trim().is_empty())).then_some(name)
}
