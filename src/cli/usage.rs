//! Mistakes on the command line, said without repeating what was typed: it may have been a value.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::failure::Failure;

/// A failure for the mistakes that clap would quote; `None` for the others, which clap words itself.
pub(super) fn unquoted(error: &clap::Error, arguments: &[OsString]) -> Option<Failure> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let place = |typed: Option<&str>| {
        let position = typed.and_then(|typed| position(typed, arguments));
        position.map_or_else(|| "an argument".to_owned(), |position| format!("argument {position}"))
    };
    let option = text(ContextKind::InvalidArg).unwrap_or_default();
    let failure = match error.kind() {
        ErrorKind::UnknownArgument => {
            let place = place(text(ContextKind::InvalidArg));
            let failure = Failure::usage(format_args!("{place} is not expected here"));
            if arguments.iter().skip(1).any(|argument| argument == "set") {
                failure.hint("a value is never an argument: pipe it in, or pass --from-file FILE")
            } else {
                failure
            }
        }
        ErrorKind::InvalidSubcommand => {
            let place = place(text(ContextKind::InvalidSubcommand));
            Failure::usage(format_args!("{place} is not a command"))
        }
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_some_and(str::is_empty) => return None,
        ErrorKind::InvalidValue => Failure::usage(format_args!("{option} does not take such a value")),
        ErrorKind::ValueValidation => Failure::usage(format_args!("the value of {option} is not valid")),
        ErrorKind::TooManyValues => Failure::usage(format_args!("{option} takes no such value")),
        _ => return None,
    };
    Some(with_hints(failure, error))
}

/// Where an argument stands, from 1, the program's name not counted.
fn position(typed: &str, arguments: &[OsString]) -> Option<usize> {
    let fits = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        // Of `--name=value` clap names the first part, of `-abc` the letter.
        argument == typed
            || argument.split('=').next() == Some(typed)
            || (!argument.starts_with("--")
                && argument.starts_with('-')
                && typed.strip_prefix('-').is_some_and(|letter| argument.contains(letter)))
    };
    // A name and a value may be the same text; the mistake is the later one.
    arguments.iter().rposition(fits).filter(|index| *index > 0)
}

/// What clap would suggest: names of its own only.
fn with_hints(mut failure: Failure, error: &clap::Error) -> Failure {
    for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue] {
        let names = match error.get(kind) {
            Some(ContextValue::String(name)) => name.clone(),
            Some(ContextValue::Strings(names)) => names.join(", "),
            _ => continue,
        };
        failure = failure.hint(format_args!("did you mean {names}?"));
    }
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
        && !values.is_empty()
    {
        failure = failure.hint(format_args!("there are: {}", values.join(", ")));
    }
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            let usage = usage.to_string();
            let usage = usage.trim_start_matches("Usage:").trim();
            failure.hint(format_args!("usage: {usage}"))
        }
        _ => failure.hint("`luca-secrets --help` shows the commands"),
    }
}
