//! `push`: from the store to where the values are used.

use clap::Args;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::commands::bundles::settled;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::github::Look;
use crate::cli::report::count;
use crate::name::{TargetName, VariableName, nearest};
use crate::push::github::Only;
use crate::schema::Schema;
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
    let looks = targets.look(options, &Only::new(&only), context)?;
    show(args, &looks, context)?;
    let unseen = unseen(&looks);
    refuse_drift(&looks)?;
    let plans = || looks.iter().filter_map(|look| look.plan.as_ref().ok());
    let changes: usize =
        plans().map(|plan| plan.rows.iter().filter(|row| plan.is_written(row)).count()).sum();
    if looks.iter().all(Look::is_clean) {
        context.ui.ok("there is nothing to push");
    }
    if args.dry_run.dry_run {
        return if unseen.messages.is_empty() { Ok(()) } else { Err(unseen) };
    }
    if changes > 0 && !args.yes.yes && !context.confirm(&format!("push {}?", count(changes, "change")))? {
        return Err(Failure::new("not confirmed").hint("nothing was changed"));
    }
    let mut failure = unseen;
    for outcome in targets.push(&looks, &store, context)? {
        if !outcome.done.is_empty() {
            context.ui.ok(&format!(
                "github.{}: {} pushed",
                outcome.target,
                count(outcome.done.len(), "change")
            ));
        }
        for (_, _, error) in &outcome.failed {
            failure.messages.push(format!("github.{}: {error}", outcome.target));
        }
        failure.hints.extend(outcome.hints());
    }
    if failure.messages.is_empty() { Ok(()) } else { Err(failure) }
}

fn names(args: &PushArgs, schema: &Schema) -> Result<Vec<TargetName>, Failure> {
    if args.targets.is_empty() {
        return Ok(schema.github.keys().cloned().collect());
    }
    let known: Vec<String> = schema.github.keys().map(|name| format!("github.{name}")).collect();
    let named = |typed: &String| {
        let name = TargetName::parse(typed.strip_prefix("github.").unwrap_or_default())?;
        if typed.starts_with("github.") && schema.github.contains_key(&name) {
            return Ok(name);
        }
        let failure = Failure::usage(format_args!("the schema has no target github.{name}"));
        Err(match nearest(typed, known.iter().map(String::as_str)) {
            Some(other) => failure.hint(format_args!("did you mean {other}?")),
            None => failure.hint(format_args!("there are: {}", known.join(", "))),
        })
    };
    args.targets.iter().map(named).collect()
}

fn show(args: &PushArgs, looks: &[Look<'_>], context: &mut Context) -> Result<(), Failure> {
    if args.json.json {
        let reports: Vec<_> = looks.iter().map(Look::report).collect();
        return context.ui.json(&reports);
    }
    for line in looks.iter().filter(|look| look.plan.is_ok()).flat_map(Look::lines) {
        context.ui.say(&line);
    }
    Ok(())
}

/// What cannot be pushed, and does not stop the rest.
fn unseen(looks: &[Look<'_>]) -> Failure {
    let mut failure = Failure::many([]);
    for look in looks {
        if let Err(problem) = &look.plan {
            failure.messages.push(format!("{}: {problem}", look.name()));
            failure.hints.extend(problem.hint());
        }
    }
    failure
}

fn refuse_drift(looks: &[Look<'_>]) -> Result<(), Failure> {
    let mut messages = Vec::new();
    for look in looks {
        let Ok(plan) = &look.plan else { continue };
        let names: Vec<&str> = plan.drifted().map(|row| row.difference.name.as_str()).collect();
        if !names.is_empty() {
            messages.push(format!("{}: somebody else has changed {}", look.name(), names.join(", ")));
        }
    }
    if messages.is_empty() {
        return Ok(());
    }
    Err(Failure::many(messages)
        .hint("nothing was pushed; --overwrite-drift puts the store's values in their place"))
}
