//! `postgres adopt`: from a single login role to two that take turns.

use clap::Args;

use crate::cli::args::{DryRunArg, YesArg};
use crate::cli::commands::bundles::settled;
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::count;
use crate::name::{SecretName, nearest};
use crate::push::Surroundings;
use crate::rotate::postgres::{Adoption, Site};
use crate::rotate::{Trouble, TroubleKind};
use crate::schema::{RotationKind, Schema};
use crate::secret::SecretValue;
use crate::store::{Document, Values};

/// Give a database two login roles that take turns, in place of one
///
/// A role has one password at a time, so replacing it locks out whatever has not been given the new one yet. With
/// alternating users nobody is locked out. This makes two new roles, shows every statement first, and runs all of them in
/// one transaction: an owner that cannot log in and gets everything that the present role owns, and a twin of the present
/// role. The present role keeps its name and its password, so nothing that uses the database has to change. --undo gives
/// everything to the role in use again.
///
/// NAME is the secret with the password, whose `rotate` says where the database is and who changes its roles; that has to
/// be a superuser here.
///
/// Example: luca-secrets postgres adopt --dry-run database.password
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct AdoptArgs {
    /// The secret with the password
    #[arg(value_name = "NAME")]
    name: String,
    /// Make it a single user's database again
    #[arg(long)]
    undo: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
}

pub(crate) fn run(args: &AdoptArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let store = settled(context.up_to_date(store?)?)?;
    let name = declared(&args.name, &schema)?;
    let document = store.document();
    if document.rotation(&name).is_some_and(|record| !record.state.is_end()) {
        return Err(Failure::new(format_args!("{name} is being rotated"))
            .kind(Kind::Held)
            .hint("bring that to its end first: `luca-secrets rotate --resume`"));
    }
    let site = site(&name, &schema, document, context)?;
    let current: Values =
        site.secrets().into_iter().map(|name| (name.clone(), document.get(&name))).collect();
    let plan = if args.undo { Adoption::plan_undo(&site, &current) } else { Adoption::plan(&site, &current) };
    let plan = plan.map_err(failure)?;
    show(&plan, context);
    if args.dry_run.dry_run {
        context.ui.say("nothing was changed");
        return Ok(());
    }
    ask(args, &plan, context)?;
    for line in plan.apply(&site, &current).map_err(failure)? {
        context.ui.ok(&line);
    }
    say_what_comes_next(args, &name, &schema, &plan, context);
    Ok(())
}

/// A secret whose rotation says where a database is.
fn declared(typed: &str, schema: &Schema) -> Result<SecretName, Failure> {
    let name = secret_name(typed)?;
    let known: Vec<&SecretName> = schema
        .secrets
        .iter()
        .filter(|(_, entry)| entry.rotate.as_ref().is_some_and(|rotation| rotation.with.postgres().is_some()))
        .map(|(name, _)| name)
        .collect();
    if known.contains(&&name) {
        return Ok(name);
    }
    let failure =
        Failure::usage(format_args!("{name} is not the password of a PostgreSQL role, as the schema has it"));
    Err(match nearest(name.as_str(), known.iter().map(|name| name.as_str())) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure.hint(format_args!(
            "[secrets.{name}] needs rotate = {{ with = \"postgres-alternating\", on = \"SERVER\" }}"
        )),
    })
}

fn site(name: &SecretName, schema: &Schema, document: &Document, context: &Context) -> Result<Site, Failure> {
    let ask = |what: &str| -> Option<SecretValue> { context.prompt.passphrase_of_key(what) };
    let around =
        Surroundings { disk: &context.disk, env: &context.env, root: &context.settings.root, ask: &ask };
    Site::of(name, schema, document, &around).map_err(failure)
}

fn failure(trouble: Trouble) -> Failure {
    let kind = match trouble.kind {
        TroubleKind::Rejected => Kind::Failed,
        TroubleKind::Unavailable => Kind::Offline,
        TroubleKind::InDoubt | TroubleKind::Held => Kind::Held,
    };
    let failure = Failure::new(&trouble).kind(kind);
    let failure = if trouble.kind == TroubleKind::InDoubt {
        failure.hint("all of it was done, or nothing: the same command with --dry-run tells which")
    } else {
        failure
    };
    trouble.hint.into_iter().fold(failure, Failure::hint)
}

fn show(plan: &Adoption, context: &mut Context) {
    context.ui.say(&format!("in the database {}, in one transaction:", plan.database));
    for statement in &plan.statements {
        context.ui.say(&format!("  {statement}"));
    }
    for note in &plan.notes {
        context.ui.say(&format!("note: {note}"));
    }
}

fn ask(args: &AdoptArgs, plan: &Adoption, context: &mut Context) -> Result<(), Failure> {
    if args.yes.yes {
        return Ok(());
    }
    if !context.settings.interactive {
        return Err(Failure::new("a person would have to agree, and nobody is there to ask")
            .kind(Kind::Held)
            .hint("pass --yes once you have seen the plan"));
    }
    let question = format!("run {} in {}?", count(plan.statements.len(), "statement"), plan.database);
    if context.confirm(&question)? {
        return Ok(());
    }
    Err(Failure::new("not confirmed").hint("nothing was changed"))
}

/// What the schema has to say from now on.
fn say_what_comes_next(
    args: &AdoptArgs,
    name: &SecretName,
    schema: &Schema,
    plan: &Adoption,
    context: &mut Context,
) {
    let rotation = schema.secrets.get(name).and_then(|entry| entry.rotate.as_ref());
    let Some(rotation) = rotation else { return };
    let is_alternating = matches!(rotation.with, RotationKind::PostgresAlternating(_));
    if args.undo {
        if is_alternating {
            context
                .ui
                .hint(&format!("the schema still says otherwise: with = \"postgres-single\" for {name}"));
        }
    } else if !is_alternating {
        context.ui.hint(&format!("let the schema say so: with = \"postgres-alternating\" for {name}"));
    } else {
        context.ui.hint(&format!(
            "`luca-secrets rotate {name}` lets {} in with a new password, and {} out",
            plan.names.idle, plan.names.live
        ));
    }
}
