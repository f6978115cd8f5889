//! `rollback`: an earlier value becomes the present one again.

use clap::Args;

use crate::cli::args::DryRunArg;
use crate::cli::commands::history::earlier;
use crate::cli::commands::set::{refuse_undeclared, refuse_violations};
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::{commit, count, say_committed};
use crate::name::SecretName;
use crate::secret::shape;
use crate::store::{Earlier, Origin};

/// Bring an earlier value of a secret back
///
/// The value that it has now joins the earlier ones, so that another `rollback` undoes this one. A secret that was
/// removed comes back. `luca-secrets history NAME` shows what there is.
#[derive(Args)]
pub(crate) struct RollbackArgs {
    /// The secret, such as `database.password`
    #[arg(value_name = "NAME")]
    name: String,
    /// Which value, as `history` numbers them: 1 is the last one before the present
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    to: usize,
    /// Allow a secret that the schema does not declare
    #[arg(long)]
    undeclared: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &RollbackArgs, context: &mut Context) -> Result<(), Failure> {
    let name = secret_name(&args.name)?;
    let schema = context.schema()?;
    refuse_undeclared(&schema, &name, args.undeclared)?;
    let store = context.unlock()?;
    let chosen = chosen(args.to, &name, earlier(&name, store.document())?)?;
    refuse_violations(&schema, &name, &chosen.value)?;
    let fingerprint = store.document().fingerprint_key().of(&chosen.value);
    let what = format!(
        "the value it had until {}: {}, fingerprint {fingerprint}",
        chosen.until,
        shape(&chosen.value)
    );
    if args.dry_run.dry_run {
        context.ui.say(&format!("{name} would be rolled back to {what}"));
        return Ok(());
    }
    let mut edit = store.edit(Origin::Rollback, schema.history.keep);
    edit.set(name.clone(), chosen.value);
    let committed = commit(edit, context)?;
    say_committed(context, &committed);
    if committed.written {
        let generation = committed.generation;
        context.ui.ok(&format!("{name} is rolled back, at generation {generation}, to {what}"));
    }
    Ok(())
}

fn chosen(number: usize, name: &SecretName, earlier: Vec<Earlier>) -> Result<Earlier, Failure> {
    let there_are = earlier.len();
    let found = number.checked_sub(1).and_then(|index| earlier.into_iter().nth(index));
    found.ok_or_else(|| match there_are {
        0 => Failure::new(format_args!("{name} has no earlier values")).hint("nothing was changed"),
        _ => Failure::new(format_args!(
            "{name} has no earlier value number {number}: there {} {}",
            if there_are == 1 { "is" } else { "are" },
            count(there_are, "earlier value")
        ))
        .hint(format_args!("`luca-secrets history {name}` shows them with their numbers")),
    })
}
