//! The file behind `$GITHUB_ENV`, after the runner's `FileCommandManager` (2.336.0).

use crate::secret::SecretText;

use super::grammar::Grammar;
use super::model::{Entry, Model, Newlines, ParseProblem, Reading, Text};
use super::spelling;

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::bare, heredoc],
    models: &[Model { newlines: Newlines::AsTheyAre, read }],
    comments: false,
    sentinels: &["Z='z'\nY<<E\nz\nE\n"],
    reserved,
    ..Grammar::MULTILINE
};

const UNCLOSED: &str = "the delimiter that ends the value is missing";

/// `NAME<<DELIMITER`, the value's lines, `DELIMITER`: the delimiter is the first that is none of the value's lines.
fn heredoc(name: &str, value: &str, out: &mut SecretText) -> bool {
    let taken = |delimiter: &str| value.split('\n').any(|line| line == delimiter);
    // A value has fewer lines than bytes, so that one of these is free; the first nearly always is.
    let free = (0..=value.len()).map(|number| format!("END_OF_VALUE_{number}")).find(|name| !taken(name));
    let Some(delimiter) = free else { return false };
    for part in [name, "<<", &delimiter, "\n", value, "\n", &delimiter] {
        out.push_str(part);
    }
    true
}

fn reserved(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    if upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") {
        return Some("the runner keeps GITHUB_ and RUNNER_ for itself");
    }
    (upper == "NODE_OPTIONS").then_some("the runner refuses NODE_OPTIONS")
}

fn read(text: &str) -> Reading<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while !rest.is_empty() {
        let (first, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let started = line;
        let problem = |reason| ParseProblem { line: started, reason };
        let value = match (first.find('='), first.find("<<")) {
            _ if first.is_empty() => None,
            (Some(equals), mark) if mark.is_none_or(|mark| equals < mark) => {
                Some((&first[..equals], &first[equals + 1..], after))
            }
            (_, Some(mark)) => {
                let (value, after) =
                    read_heredoc(&first[mark + 2..], after).ok_or_else(|| problem(UNCLOSED))?;
                Some((&first[..mark], value, after))
            }
            _ => return Err(problem("not NAME=value")),
        };
        let next = value.map_or(after, |(_, _, after)| after);
        line += rest[..rest.len() - next.len()].bytes().filter(|byte| *byte == b'\n').count();
        rest = next;
        if let Some((name, value, _)) = value {
            if name.is_empty() {
                return Err(problem("the name is empty"));
            }
            entries.push(Entry { line: started, name, value: Text::Plain(value) });
        }
    }
    Ok(entries)
}

/// The value before the line that is `delimiter`, and what comes after that line.
fn read_heredoc<'a>(delimiter: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
    if delimiter.is_empty() {
        return None;
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.strip_suffix('\n').unwrap_or(line) == delimiter {
            let value = text[..start].strip_suffix('\n').unwrap_or_default();
            return Some((value, &text[start + line.len()..]));
        }
        start += line.len();
    }
    None
}
