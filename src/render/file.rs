//! A whole env file: written line by line, read back as a whole.

use std::collections::HashSet;

use crate::name::VariableName;
use crate::schema::{Dialect, Reader};
use crate::secret::{SecretText, SecretValue};

use super::cause::{Cause, Unrenderable};
use super::grammar::{Grammar, LONGEST_ASSIGNMENT, Measure};
use super::model::{Model, ParseProblem, Reading};
use super::{grammar, model, program, spelling};

/// From how many variables a thread costs less than it saves.
const WORTH_A_THREAD: usize = 2_000;

/// A variable on its way into a file.
pub struct Assignment<'a> {
    /// Its name.
    pub name: &'a VariableName,
    /// Its value.
    pub value: &'a SecretValue,
    /// The programs that take it from their environment and cannot take every value.
    pub read_by: &'a [Reader],
}

/// Writes an env file: UTF-8 without a byte order mark, LF line ends, the assignments in the order given.
///
/// `header` is a comment without its `#`; where the dialect has no comments, none is written. The error holds every
/// variable that cannot be written, not only the first.
pub fn render(
    dialect: Dialect,
    header: Option<&str>,
    assignments: &[Assignment<'_>],
) -> Result<SecretText, Vec<Unrenderable>> {
    let grammar = Grammar::of(dialect);
    let mut file = SecretText::with_capacity(estimate(header, assignments));
    if grammar.comments {
        write_header(header.unwrap_or_default(), &mut file);
    }
    let mut seen = HashSet::with_capacity(assignments.len());
    let mut unrenderable = Vec::new();
    for assignment in assignments {
        let written = if seen.insert(assignment.name.as_str()) {
            check(dialect, grammar, assignment).and_then(|()| write(dialect, grammar, assignment, &mut file))
        } else {
            Err(Cause::Duplicate)
        };
        if let Err(cause) = written {
            unrenderable.push(Unrenderable { variable: assignment.name.clone(), cause });
        }
    }
    if unrenderable.is_empty() {
        read_back(dialect, grammar, &file, assignments).map_err(|wrong| vec![wrong])?;
        return Ok(file);
    }
    Err(unrenderable)
}

/// Reads an env file as the dialect's parser does, in the file's order, names assigned twice included.
///
/// Where a dialect stands for several parsers, all must agree. What depends on the environment (`$NAME`), or what a
/// parser passes over with no more than a warning, is a problem, not a guess.
pub fn parse(dialect: Dialect, text: &str) -> Result<Vec<(String, SecretValue)>, ParseProblem> {
    let mut agreed: Option<Vec<(usize, String, SecretValue)>> = None;
    for model in Grammar::of(dialect).models {
        let prepared = model.prepare(text);
        let entries = (model.read)(prepared.as_str())?;
        let Some(agreed) = &agreed else {
            let owned = entries.into_iter().map(|entry| {
                (entry.line, entry.name.to_owned(), SecretValue::new(entry.value.as_str().to_owned()))
            });
            agreed = Some(owned.collect());
            continue;
        };
        compare(agreed, &entries)?;
    }
    Ok(agreed.unwrap_or_default().into_iter().map(|(_, name, value)| (name, value)).collect())
}

fn compare(
    agreed: &[(usize, String, SecretValue)],
    entries: &[model::Entry<'_>],
) -> Result<(), ParseProblem> {
    const REASON: &str = "the parsers of this dialect read this line differently";
    for (at, (line, name, value)) in agreed.iter().enumerate() {
        let same =
            entries.get(at).is_some_and(|entry| entry.name == name && entry.value.as_str() == value.expose());
        if !same {
            return Err(ParseProblem { line: *line, reason: REASON });
        }
    }
    match entries.get(agreed.len()) {
        Some(entry) => Err(ParseProblem { line: entry.line, reason: REASON }),
        None => Ok(()),
    }
}

/// Room for all, so that the text is moved (and wiped) as rarely as can be.
fn estimate(header: Option<&str>, assignments: &[Assignment<'_>]) -> usize {
    let size = |item: &Assignment<'_>| item.name.as_str().len() + item.value.expose().len() + 4;
    header.map_or(0, str::len) + 16 + assignments.iter().map(size).sum::<usize>()
}

/// One comment line per line. Nothing in it can end the line early, and no backslash stands at its end, since
/// systemd up to 253 takes the next line for more of the comment then.
fn write_header(header: &str, file: &mut SecretText) {
    for line in header.lines() {
        let clean: String =
            line.chars().map(|c| if c.is_control() || grammar::is_line_break(c) { ' ' } else { c }).collect();
        let clean = clean.trim_end_matches(|c: char| c == '\\' || c.is_whitespace());
        file.push_str(if clean.is_empty() { "#" } else { "# " });
        file.push_str(clean);
        file.push('\n');
    }
}

/// What can be said of an assignment before it is written.
fn check(dialect: Dialect, grammar: &Grammar, item: &Assignment<'_>) -> Result<(), Cause> {
    let value = item.value.expose();
    if value.contains('\0') {
        return Err(Cause::Nul);
    }
    let assignment = item.name.as_str().len() + 1 + value.len();
    let (limit, measure) = grammar.longest;
    let too_long = |limit, measured| Err(Cause::TooLong { dialect, limit, measured });
    if measure == Measure::Value && value.len() > limit {
        return too_long(limit, "value");
    }
    let limit = if measure == Measure::Assignment { limit } else { LONGEST_ASSIGNMENT };
    if assignment > limit {
        return too_long(limit, "NAME=value");
    }
    if let Some(reason) = (grammar.reserved)(item.name.as_str()) {
        return Err(Cause::Name { dialect, reason });
    }
    let objection = |reader: &Reader| Some((*reader, program::objection(*reader, value)?));
    match item.read_by.iter().find_map(objection) {
        Some((reader, reason)) => Err(Cause::Program { reader, reason }),
        None => Ok(()),
    }
}

/// Writes one assignment in the first spelling that every model reads back.
fn write(
    dialect: Dialect,
    grammar: &Grammar,
    item: &Assignment<'_>,
    file: &mut SecretText,
) -> Result<(), Cause> {
    let (name, value) = (item.name.as_str(), item.value.expose());
    if spelling::is_bare_everywhere(value) {
        spelling::bare(name, value, file);
        file.push('\n');
        return Ok(());
    }
    for spelling in grammar.spellings {
        let mut attempt = SecretText::with_capacity(name.len() + 2 * value.len() + 64);
        if !spelling(name, value, &mut attempt) {
            continue;
        }
        attempt.push('\n');
        let end = attempt.len();
        let alone = grammar.sentinels.iter().all(|sentinel| {
            let mut lines = SecretText::with_capacity(end + sentinel.len());
            lines.push_str(attempt.expose());
            lines.push_str(sentinel);
            grammar.models.iter().all(|model| stands_alone(model, &lines, sentinel, name, value))
        });
        if alone {
            file.push_str(attempt.expose());
            return Ok(());
        }
    }
    Err(Cause::Unspellable { dialect, reason: grammar.reason(value) })
}

/// Whether the parser reads the assignment right, and what follows it as if the assignment were not there.
fn stands_alone(model: &Model, lines: &SecretText, sentinel: &str, name: &str, value: &str) -> bool {
    let prepared = model.prepare(lines.expose());
    let (Ok(entries), Ok(expected)) = ((model.read)(prepared.as_str()), (model.read)(sentinel)) else {
        return false;
    };
    let Some((first, others)) = entries.split_first() else { return false };
    let right = first.name == name && first.value.as_str() == value && others.len() == expected.len();
    right
        && others.iter().zip(&expected).all(|(a, b)| a.name == b.name && a.value.as_str() == b.value.as_str())
}

/// Reads the finished file with every model and compares it with all that went in.
fn read_back(
    dialect: Dialect,
    grammar: &Grammar,
    file: &SecretText,
    assignments: &[Assignment<'_>],
) -> Result<(), Unrenderable> {
    let (first, second) = grammar.models.split_at(grammar.models.len() / 2);
    let wrong = if assignments.len() < WORTH_A_THREAD {
        misread(grammar.models, file, assignments)
    } else {
        std::thread::scope(|scope| {
            let reading = scope.spawn(|| misread(first, file, assignments));
            let wrong = misread(second, file, assignments);
            wrong.or(reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    };
    wrong.map_or(Ok(()), |wrong| {
        let cause = Cause::NotReadBack { dialect };
        Err(Unrenderable { variable: wrong.name.clone(), cause })
    })
}

/// An assignment that one of the models does not read back.
fn misread<'a>(
    models: &[Model],
    file: &SecretText,
    assignments: &'a [Assignment<'a>],
) -> Option<&'a Assignment<'a>> {
    models.iter().find_map(|model| {
        let prepared = model.prepare(file.expose());
        find_difference(&(model.read)(prepared.as_str()), assignments)
    })
}

/// The first assignment that was not read back; the last one where there is more than there should be.
fn find_difference<'a>(
    reading: &Reading<'_>,
    assignments: &'a [Assignment<'a>],
) -> Option<&'a Assignment<'a>> {
    let entries = match reading {
        Ok(entries) => entries.as_slice(),
        Err(_) => &[],
    };
    let mut pairs = assignments.iter().enumerate();
    let wrong = pairs.find(|(at, item)| {
        let entry = entries.get(*at);
        entry.is_none_or(|e| e.name != item.name.as_str() || e.value.as_str() != item.value.expose())
    });
    let surplus = assignments.last().filter(|_| entries.len() > assignments.len());
    wrong.map(|(_, item)| item).or(surplus)
}
