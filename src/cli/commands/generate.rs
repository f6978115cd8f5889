//! `generate`: new random values by the schema's policy.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::commands::set::refuse_undeclared;
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::finish;
use crate::name::SecretName;
use crate::schema::{self, Schema};
use crate::store::{Document, Origin};

/// Make new random values by the schema's policy
///
/// The value goes into the store without being shown; `luca-secrets get NAME` prints it. A secret that is set already
/// is left alone unless --replace is given: the old value may still be in use somewhere.
#[derive(Args)]
pub(crate) struct GenerateArgs {
    /// The secrets, such as `django.secret_key`
    #[arg(value_name = "NAME", required_unless_present = "missing")]
    names: Vec<String>,
    /// All that are declared with a policy and not set yet
    #[arg(long, conflicts_with = "names")]
    missing: bool,
    /// Replace values that are set already
    #[arg(long, conflicts_with = "missing")]
    replace: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &GenerateArgs, context: &mut Context) -> Result<(), Failure> {
    let schema = context.schema()?;
    let store = context.unlock()?;
    let names = if args.missing {
        missing(&schema, store.document())
    } else {
        named(args, &schema, store.document())?
    };
    let mut edit = store.edit(Origin::Generate, schema.history.keep);
    for name in names {
        // Every name was looked up in the schema before.
        let Some(entry) = schema.secrets.get(&name) else { continue };
        let value = schema::generate(&name, entry, context.random.as_mut()).map_err(Failure::new)?;
        edit.set(name, value);
    }
    finish(edit, args.dry_run.dry_run, context)
}

fn named(args: &GenerateArgs, schema: &Schema, document: &Document) -> Result<Vec<SecretName>, Failure> {
    let mut names = Vec::new();
    for text in &args.names {
        let name = secret_name(text)?;
        refuse_undeclared(schema, &name, false)?;
        if document.contains(&name) && !args.replace {
            return Err(Failure::new(format_args!("{name} is set already"))
                .hint("pass --replace if its old value is no longer needed anywhere"));
        }
        names.push(name);
    }
    Ok(names)
}

fn missing(schema: &Schema, document: &Document) -> Vec<SecretName> {
    let wanted = schema.secrets.iter().filter(|(_, entry)| entry.generate.is_some());
    wanted.map(|(name, _)| name).filter(|name| !document.contains(name)).cloned().collect()
}
