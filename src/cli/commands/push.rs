//! `push`: from the store to where the values are used.

use clap::Args;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::commands::bundles::settled;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::github::GithubPhase;
use crate::cli::report::count;
use crate::name::{TargetName, VariableName, nearest};
use crate::push::github::Only;
use crate::schema::Schema;
use crate::store::Unlocked;
use crate::target::github::Options;

/// Bring the store's values to where they are used
///
/// Shows first what would change, by names and fingerprints, and asks. What was pushed is remembered in the store, so
/// that the next push sends what has changed and nothing else, and sees what somebody else has changed there.
///
/// Examples:
///   luca-secrets push github.deploy
///   luca-secrets push --dry-run
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PushArgs {
    /// The targets: github.deploy for [github.deploy]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Push these variables only
    #[arg(long, value_name = "VARIABLE")]
    only: Vec<String>,
    /// Remove from GitHub what was pushed there and is no longer in the schema
    #[arg(long)]
    prune: bool,
    /// Overwrite what somebody else has changed there
    #[arg(long)]
    overwrite_drift: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

pub(crate) fn run(args: &PushArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let names = names(args, &schema)?;
    let only: Vec<VariableName> =
        args.only.iter().map(|name| VariableName::parse(name)).collect::<Result<_, _>>()?;
    let store = settled(store?)?;
    let options = Options { prune: args.prune, overwrite_drift: args.overwrite_drift };
    let targets = context.github_targets(&schema, store.document(), &names)?;
    if let Some(name) = only.iter().find(|name| !targets.has(name)) {
        return Err(Failure::usage(format_args!("no target has the variable {name}")));
    }
    let mut github = targets.look(options, &Only::new(&only), context)?;
    for line in github.lines() {
        context.ui.say(&line);
    }
    let outcome = carry_out(args, &mut github, &store, context);
    if args.json.json {
        context.ui.json(&github.reports())?;
    }
    match (outcome, github.unseen()) {
        (Err(failure), Err(more)) => Err(failure.and(more)),
        (outcome, unseen) => outcome.and(unseen),
    }
}

fn carry_out(
    args: &PushArgs,
    github: &mut GithubPhase<'_>,
    store: &Unlocked,
    context: &mut Context,
) -> Result<(), Failure> {
    github.refuse_drift()?;
    if github.is_clean() {
        context.ui.ok("there is nothing to push");
    }
    if args.dry_run.dry_run {
        return Ok(());
    }
    let changes = github.changes();
    if changes > 0 && !args.yes.yes && !context.confirm(&format!("push {}?", count(changes, "change")))? {
        return Err(Failure::new("not confirmed").hint("nothing was changed"));
    }
    github.push(store, context)
}

fn names(args: &PushArgs, schema: &Schema) -> Result<Vec<TargetName>, Failure> {
    if args.targets.is_empty() {
        return Ok(schema.github.keys().cloned().collect());
    }
    let known: Vec<String> = schema.github.keys().map(|name| format!("github.{name}")).collect();
    // What was typed is not repeated: it may be a value in the wrong place.
    let named = |typed: &String| {
        let found = schema.github.keys().find(|name| typed.strip_prefix("github.") == Some(name.as_str()));
        found.cloned().ok_or_else(|| {
            let failure = Failure::usage("the schema has no such target");
            match nearest(typed, known.iter().map(String::as_str)) {
                Some(other) => failure.hint(format_args!("did you mean {other}?")),
                None => failure.hint(format_args!("there are: {}", known.join(", "))),
            }
        })
    };
    args.targets.iter().map(named).collect()
}
