//! `set`: add or replace one value.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::context::{Context, nobody_answered, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::finish;
use crate::name::{SecretName, nearest};
use crate::schema::{Schema, Severity, ViolationKind, check_value};
use crate::secret::{SecretText, SecretValue};
use crate::store::Origin;

/// Add or replace one secret's value
///
/// The value comes from a prompt that does not show it, from standard input (`printf %s "$X" | luca-secrets set NAME`)
/// or from a file. It is never an argument, since arguments can be seen by every process of the machine. A line feed at
/// the end of a value of one line is dropped; values of several lines, such as keys, are kept byte for byte.
#[derive(Args)]
pub(crate) struct SetArgs {
    /// The secret, such as `database.password`
    #[arg(value_name = "NAME")]
    name: String,
    /// Take the value from this file, or from standard input with -
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Allow a secret that the schema does not declare
    #[arg(long)]
    undeclared: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &SetArgs, context: &mut Context) -> Result<(), Failure> {
    let name = secret_name(&args.name)?;
    let (schema, store) = context.schema_and_store()?;
    // The process ends soon, and a large schema, which holds no secret, takes long to take apart.
    let schema = ManuallyDrop::new(schema);
    refuse_undeclared(&schema, &name, args.undeclared)?;
    let store = store?;
    let value = read_value(args, &name, context)?;
    refuse_violations(&schema, &name, &value)?;
    for warning in
        violations(&schema, &name, &value).iter().filter(|kind| kind.severity() == Severity::Warning)
    {
        context.ui.warn(&format!("{name}: {warning}"));
    }
    let mut edit = store.edit(Origin::Edit, schema.history.keep);
    edit.set(name, value);
    finish(edit, args.dry_run.dry_run, context)
}

/// A typing mistake in a name must not become a secret that nothing reads.
pub(crate) fn refuse_undeclared(schema: &Schema, name: &SecretName, allowed: bool) -> Result<(), Failure> {
    if allowed || schema.secrets.contains_key(name) {
        return Ok(());
    }
    let failure = Failure::new(format_args!("{name} is not declared in the schema"));
    let failure = match nearest(name.as_str(), schema.secrets.keys().map(SecretName::as_str)) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure,
    };
    Err(failure.hint(format_args!("declare it as [secrets.{name}] in the schema, or pass --undeclared")))
}

fn violations(schema: &Schema, name: &SecretName, value: &SecretValue) -> Vec<ViolationKind> {
    schema.secrets.get(name).map(|entry| check_value(entry, value)).unwrap_or_default()
}

/// A value that breaks its rules is not stored.
pub(crate) fn refuse_violations(
    schema: &Schema,
    name: &SecretName,
    value: &SecretValue,
) -> Result<(), Failure> {
    let errors: Vec<String> = violations(schema, name, value)
        .iter()
        .filter(|kind| kind.severity() == Severity::Error)
        .map(|kind| format!("{name}: {kind}"))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Failure::many(errors).hint("nothing was changed")) }
}

fn read_value(args: &SetArgs, name: &SecretName, context: &mut Context) -> Result<SecretValue, Failure> {
    let from_stdin = args.from_file.as_deref().is_some_and(|path| path.as_os_str() == "-");
    let text = match &args.from_file {
        Some(path) if !from_stdin => context.read_file(path)?,
        None if context.stdin_is_terminal => return ask_twice(name, context),
        _ => context.read_stdin()?,
    };
    if text.is_empty() {
        return Err(Failure::new("there is no value: the input is empty").hint("nothing was changed"));
    }
    Ok(without_final_line_feed(&text))
}

/// Drops the line feed that `echo` and editors add to a value of one line.
pub(crate) fn without_final_line_feed(text: &SecretText) -> SecretValue {
    let plain = text.expose();
    let line = plain.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let value = match line {
        Some(line) if !line.contains('\n') => line,
        _ => plain,
    };
    SecretValue::new(value.to_owned())
}

fn ask_twice(name: &SecretName, context: &mut Context) -> Result<SecretValue, Failure> {
    if !context.settings.interactive {
        return Err(
            Failure::new("there is nobody to ask for the value").hint("pipe it in, or pass --from-file FILE")
        );
    }
    let mut ask = |question: &str| context.terminal.ask_secret(question).map_err(|_| nobody_answered());
    let first = ask(&format!("value of {name} (not shown): "))?;
    if first.is_empty() {
        return Err(Failure::new("there is no value: nothing was typed").hint("nothing was changed"));
    }
    if ask("once more: ")? != first {
        return Err(Failure::new("the two values differ").hint("nothing was changed; try again"));
    }
    Ok(first)
}
