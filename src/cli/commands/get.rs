//! `get`: one value to standard output.

use clap::Args;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::no_such_secret;
use crate::secret::SecretText;

/// Print one secret's value
///
/// The value is printed byte for byte; a line feed is added only where a person looks at it on a terminal. This is the
/// one command that prints a value without being told to.
#[derive(Args)]
pub(crate) struct GetArgs {
    /// The secret, such as `database.password`
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    value: &'a str,
}

pub(crate) fn run(args: &GetArgs, context: &mut Context) -> Result<(), Failure> {
    let name = secret_name(&args.name)?;
    let store = context.unlock()?;
    let value = store.document().get(&name).ok_or_else(|| no_such_secret(&name, store.document()))?;
    if store.document().is_in_conflict(&name) {
        context.ui.warn(&format!("{name} is in conflict; this is our value"));
    }
    context.hide_in_runner_log([&value]);
    if args.json.json {
        return context.ui.json(&Report { name: name.as_str(), value: value.expose() });
    }
    let mut text = SecretText::with_capacity(value.expose().len() + 1);
    text.push_str(value.expose());
    if context.stdout_is_terminal && !value.expose().ends_with('\n') {
        text.push('\n');
    }
    context.ui.secret_data(&text)
}
