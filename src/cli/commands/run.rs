//! `run`: a program with the secrets in its environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;

use clap::Args;

use crate::bundle::{Bundle, BundleName};
use crate::cli::commands::bundles::{build, settled};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::schema::Schema;
use crate::sys;

/// Run a program with a target's variables in its environment
///
/// The program takes this one's place: it gets the terminal and every signal itself, and its exit code is the exit
/// code. It inherits the environment, except the variables that hold an identity; with --pristine it gets the target's
/// variables and nothing else.
///
/// Example: luca-secrets run -- python manage.py migrate
#[derive(Args)]
pub(crate) struct RunArgs {
    /// The target, such as django or github.deploy [default: the only env file]
    #[arg(short, long, value_name = "NAME")]
    env: Option<String>,
    /// Give the program nothing of this environment
    #[arg(long)]
    pristine: bool,
    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &RunArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let name = bundle_name(args, &schema)?;
    let store = settled(store?)?;
    let bundle = build(&schema, store.document(), name)?;
    drop(store);
    refuse_nul(&bundle)?;
    context.hide_in_runner_log(bundle.variables.iter().filter(|v| v.secret).map(|v| &v.value));
    context.explain_memory();
    let mut variables: BTreeMap<&OsStr, &OsStr> = BTreeMap::new();
    if !args.pristine {
        variables.extend(context.env.for_children());
    }
    for variable in &bundle.variables {
        variables.insert(OsStr::new(variable.name.as_str()), OsStr::new(variable.value.expose()));
    }
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("there is no program to run"));
    };
    context.ui.flush()?;
    let error = sys::exec(program, arguments, variables);
    Err(not_started(program, &error))
}

fn bundle_name(args: &RunArgs, schema: &Schema) -> Result<BundleName, Failure> {
    if let Some(name) = &args.env {
        return Ok(BundleName::parse(name)?);
    }
    let mut names = schema.env_files.keys();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(BundleName::EnvFile(only.clone())),
        (None, _) => Err(Failure::new("the schema has no env file").hint("declare one as [env-file.NAME]")),
        (Some(_), Some(_)) => {
            let names: Vec<&str> = schema.env_files.keys().map(crate::name::TargetName::as_str).collect();
            Err(Failure::usage("there are several env files")
                .hint(format_args!("name one with --env: {}", names.join(", "))))
        }
    }
}

fn refuse_nul(bundle: &Bundle) -> Result<(), Failure> {
    let holders = bundle.variables.iter().filter(|variable| variable.value.expose().contains('\0'));
    let messages: Vec<String> =
        holders.map(|variable| format!("{}: no environment can hold a NUL byte", variable.name)).collect();
    if messages.is_empty() { Ok(()) } else { Err(Failure::many(messages)) }
}

/// The exit codes of shells: 127 for a program that is not there, 126 for one that cannot be started.
fn not_started(program: &OsStr, error: &io::Error) -> Failure {
    let program = program.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(format_args!("{program}: no such program")).kind(Kind::NotStarted(127))
        }
        io::ErrorKind::ArgumentListTooLong => {
            Failure::new(format_args!("{program}: the variables are too large for an environment"))
                .kind(Kind::NotStarted(126))
                .hint("Linux allows 128 KiB a variable; hand larger values over in a file")
        }
        _ => Failure::new(format_args!("{program}: cannot be started: {}", sys::describe(error)))
            .kind(Kind::NotStarted(126)),
    }
}
