//! `push`: from the store to where the values are used.

use clap::Args;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::commands::bundles::settled;
use crate::cli::commands::targets::{Wanted, lines, reports, unseen_at_github, wanted};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::github::{Look, say_outcomes};
use crate::cli::progress::Progress;
use crate::cli::recovery::{Asked, unheld};
use crate::cli::report::count;
use crate::cli::servers::{self, Allowed, Found, REQUEST_TIME, Reachable};
use crate::http::LazyClient;
use crate::name::VariableName;
use crate::push::Standing;
use crate::push::github::{GithubPlan, Only};
use crate::schema::Schema;
use crate::store::Document;
use crate::sys::{Signals, block_on};
use crate::target::github::Options;

/// Bring the store's values to where they are used
///
/// Shows first what would change, by names and fingerprints, and asks. Then the new files are put in place on all
/// servers, the apply commands run, and the health checks must hold; where anything fails, the old files come back on all
/// of them. GitHub comes last. A file says itself what was pushed, and the store remembers it for GitHub, so that the
/// next push sends what has changed and nothing else, and sees what somebody else has changed there.
///
/// Examples:
///   luca-secrets push
///   luca-secrets push --yes server.luca-backend
///   luca-secrets push github.deploy --dry-run
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PushArgs {
    /// The targets: server.web for [server.web], github.deploy for [github.deploy] [default: all]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Push these variables only, to GitHub; a file on a server is one whole
    #[arg(long, value_name = "VARIABLE")]
    only: Vec<String>,
    /// Put the files in place, and run neither apply commands nor health checks
    #[arg(long)]
    no_apply: bool,
    /// Remove from GitHub what was pushed there and is no longer in the schema
    #[arg(long)]
    prune: bool,
    /// Overwrite what somebody else has changed there
    #[arg(long)]
    overwrite_drift: bool,
    /// Overwrite what came from a later generation of the store
    #[arg(long)]
    allow_older: bool,
    /// End what interrupted pushes have left on the servers, and push nothing
    #[arg(long, conflicts_with_all = ["only", "no_apply", "prune", "overwrite_drift", "allow_older", "json"])]
    recover: bool,
    /// With --recover: end pushes of others too, which may still be under way; they go back
    #[arg(long, requires = "recover")]
    take_over: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Whether to go on after the plan was shown.
enum Decision {
    Go,
    /// There is nothing to do, or only the plan was wanted; with what could not be seen.
    Stop(Failure),
}

pub(crate) fn run(args: &PushArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let wanted = targets(args, &schema)?;
    if args.recover {
        let asked = Asked { dry_run: args.dry_run.dry_run, yes: args.yes.yes, take_over: args.take_over };
        return context.recover(&schema, store?.document(), &wanted.servers, asked);
    }
    let only: Vec<VariableName> =
        args.only.iter().map(|name| VariableName::parse(name)).collect::<Result<_, _>>()?;
    // A rehearsal leaves the copy here alone.
    let store = if args.dry_run.dry_run { store? } else { context.up_to_date(store?)? };
    let store = settled(store)?;
    let options = Options { prune: args.prune, overwrite_drift: args.overwrite_drift };
    let targets = context.github_targets(&schema, store.document(), &wanted.github)?;
    if let Some(name) = only.iter().find(|name| !targets.has(name)) {
        return Err(Failure::usage(format_args!("no target has the variable {name}")));
    }
    let looks = targets.look(options, &Only::new(&only), context)?;
    let contacts = context.contacts(&schema, store.document(), &wanted.servers)?;
    let mut failure = if contacts.is_empty() {
        match decide(args, &[], &looks, context)? {
            Decision::Stop(failure) => return ended(failure),
            Decision::Go => Failure::many([]),
        }
    } else {
        let work = push_to_servers(args, contacts, &looks, &schema, store.document(), context);
        let outcome = block_on(work)
            .map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))??;
        match outcome {
            Pushed::Stopped(failure) => return ended(failure),
            Pushed::Failed(failure) if looks.is_empty() => return Err(failure),
            Pushed::Failed(failure) => return Err(failure.hint("nothing was pushed to GitHub")),
            Pushed::Done => Failure::many([]),
        }
    };
    let unseen = unseen_at_github(&looks);
    failure.messages.extend(unseen.messages);
    failure.hints.extend(unseen.hints);
    let (outcomes, recorded) = targets.push(&looks, &store, context)?;
    ended(failure.and(say_outcomes(&outcomes, recorded, context)))
}

fn ended(failure: Failure) -> Result<(), Failure> {
    if failure.messages.is_empty() { Ok(()) } else { Err(failure) }
}

/// What came of the servers.
enum Pushed {
    Done,
    Stopped(Failure),
    Failed(Failure),
}

/// Looks at the servers, has it decided, and pushes, over the same connections.
async fn push_to_servers(
    args: &PushArgs,
    contacts: Vec<Reachable>,
    looks: &[Look<'_>],
    schema: &Schema,
    document: &Document,
    context: &mut Context,
) -> Result<Pushed, Failure> {
    let (found, hosts) = servers::look(contacts, schema, document, context).await;
    if let Decision::Stop(failure) = decide(args, &found, looks, context)? {
        return Ok(Pushed::Stopped(failure));
    }
    if found.iter().all(Found::is_clean) {
        return Ok(Pushed::Done);
    }
    let client = LazyClient::new(&context.env, REQUEST_TIME);
    if found.iter().any(Found::asks_urls) {
        // What keeps it from being made is better said before anything is touched.
        client.get().map_err(Failure::new)?;
    }
    // From here Ctrl-C means: put everything back.
    let signals = Signals::hold().map_err(|error| unheld(&error))?;
    let outcomes = {
        let progress = Progress::new(&mut context.ui);
        servers::push(&found, hosts, document, !args.no_apply, &client, &|| signals.arrived(), &progress)
            .await
    };
    let mut failure = servers::say_outcomes(&outcomes, "pushed", context);
    if failure.messages.is_empty() && outcomes.iter().any(|one| !matches!(one.standing, Standing::New)) {
        failure.messages.push("interrupted".to_owned());
    }
    Ok(if failure.messages.is_empty() { Pushed::Done } else { Pushed::Failed(failure) })
}

/// Shows the plan, refuses what may not be, and asks.
fn decide(
    args: &PushArgs,
    found: &[Found],
    looks: &[Look<'_>],
    context: &mut Context,
) -> Result<Decision, Failure> {
    show(args, found, looks, context)?;
    let unseen_servers = servers::unseen(found);
    if !unseen_servers.messages.is_empty() {
        return Err(unseen_servers.hint("nothing was pushed"));
    }
    let allowed = Allowed { drift: args.overwrite_drift, older: args.allow_older };
    servers::refuse(found, allowed)?;
    refuse_drift(looks)?;
    let plans = || looks.iter().filter_map(|look| look.plan.as_ref().ok());
    let on_github: usize =
        plans().map(|plan| plan.rows.iter().filter(|row| plan.is_written(row)).count()).sum();
    let changes = on_github + found.iter().map(Found::changes).sum::<usize>();
    if looks.iter().all(Look::is_clean) && found.iter().all(Found::is_clean) {
        context.ui.ok("there is nothing to push");
        // What GitHub has may still be news for the store.
        let has_news = plans().any(GithubPlan::has_news);
        return Ok(if has_news && !args.dry_run.dry_run {
            Decision::Go
        } else {
            Decision::Stop(unseen_at_github(looks))
        });
    }
    if args.dry_run.dry_run {
        return Ok(Decision::Stop(unseen_at_github(looks)));
    }
    if changes > 0 && !args.yes.yes && !context.confirm(&format!("push {}?", count(changes, "change")))? {
        return Err(Failure::new("not confirmed").hint("nothing was changed"));
    }
    Ok(Decision::Go)
}

fn targets(args: &PushArgs, schema: &Schema) -> Result<Wanted, Failure> {
    if args.only.is_empty() {
        return wanted(&args.targets, schema);
    }
    if args.targets.iter().any(|target| !target.starts_with("github.")) {
        return Err(Failure::usage("--only is for GitHub: a file on a server is one whole"));
    }
    Ok(Wanted { servers: Vec::new(), ..wanted(&args.targets, schema)? })
}

fn show(args: &PushArgs, found: &[Found], looks: &[Look<'_>], context: &mut Context) -> Result<(), Failure> {
    if args.json.json {
        return context.ui.json(&reports(found, looks));
    }
    for line in lines(found, looks) {
        context.ui.say(&line);
    }
    Ok(())
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
