//! `rm`: drop secrets, after showing who uses them.

use clap::Args;

use crate::bundle::BundleName;
use crate::cli::args::{DryRunArg, YesArg};
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::Failure;
use crate::cli::report::{count, finish, no_such_secret};
use crate::name::SecretName;
use crate::schema::{Schema, Variable};
use crate::store::Origin;

/// Remove secrets from the store
///
/// Shows which targets use them and asks first. The values remain among the earlier ones of the store, until
/// `history --forget`, and in git's history of it, for whoever could read it then: a credential that must stop working has to be changed at its source.
#[derive(Args)]
pub(crate) struct RemoveArgs {
    /// The secrets, such as `sentry.dsn`
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &RemoveArgs, context: &mut Context) -> Result<(), Failure> {
    let names: Vec<SecretName> = args.names.iter().map(|name| secret_name(name)).collect::<Result<_, _>>()?;
    let schema = context.schema()?;
    let store = context.unlock()?;
    if let Some(name) = names.iter().find(|name| !store.document().contains(name)) {
        return Err(no_such_secret(name, store.document()));
    }
    let mut edit = store.edit(Origin::Edit, schema.history.keep);
    for name in names {
        for (target, variable) in users(&schema, &name) {
            context.ui.warn(&format!("{name} is used by {variable} of {target}"));
        }
        for (server, _) in schema.servers.iter().filter(|(_, server)| server.uses(&name)) {
            context.ui.warn(&format!("{name} is used by the server {server}"));
        }
        if store.document().is_exposed(&name) {
            context.ui.warn(&format!("{name} is exposed and stays so: whoever knows the value still does"));
        }
        edit.remove(name);
    }
    let question = format!("remove {}?", count(edit.preview().len(), "secret"));
    let dry_run = args.dry_run.dry_run;
    if !dry_run && !args.yes.yes && !context.confirm(&question)? {
        return Err(Failure::new("nothing was removed"));
    }
    finish(edit, dry_run, context)
}

/// The variables whose templates name the secret, with their targets.
fn users<'s>(schema: &'s Schema, name: &SecretName) -> Vec<(BundleName, &'s str)> {
    let uses = |variable: &&Variable| variable.template.references().contains(name);
    let bundles = BundleName::all(schema).into_iter();
    let of_bundle = |target: BundleName| {
        let variables = target.declared(schema).map(|(_, variables)| variables).unwrap_or_default();
        variables.iter().filter(uses).map(move |variable| (target.clone(), variable.name.as_str()))
    };
    bundles.flat_map(of_bundle).collect()
}
