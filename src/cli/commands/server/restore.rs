//! `server restore`: the files as they were before the last push.

use clap::Args;

use crate::cli::args::{DryRunArg, YesArg};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::recovery::unheld;
use crate::cli::report::count;
use crate::cli::servers::{self, BOUND, REQUEST_TIME, Unseen, observe_all, server_names};
use crate::cli::visited::{Visited, redactor};
use crate::http::LazyClient;
use crate::name::TargetName;
use crate::push::{Contact, Host, HostOutcome, Member, Setting, Standing, transact};
use crate::schema::Schema;
use crate::store::Document;
use crate::sys::{Signals, block_on};
use crate::target::server::Look;

/// Put the files back that a server had before the last push
///
/// Each pushed file has one predecessor beside it. Both change places, the apply commands run, and the health checks must
/// hold; otherwise everything is as it was before. The store stays as it is, so the next push brings its values again:
/// take the values back there too, with `luca-secrets rollback`.
///
/// Example: luca-secrets server restore luca-backend
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RestoreArgs {
    /// The server: luca-backend for [server.luca-backend]
    #[arg(value_name = "NAME")]
    name: String,
    /// Put the files in place, and run neither apply commands nor health checks
    #[arg(long)]
    no_apply: bool,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    yes: YesArg,
}

pub(crate) fn run(args: &RestoreArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let names = server_names(&[&args.name], &schema)?;
    let store = store?;
    for (server, contact) in context.contacts(&schema, store.document(), &names)? {
        let contact = contact.map_err(|error| unseen(&server, &Unseen::Unreachable(error)))?;
        block_on(restore(args, &contact, &schema, store.document(), context))
            .map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))??;
    }
    Ok(())
}

fn unseen(server: &TargetName, unseen: &Unseen) -> Failure {
    let failure = Failure::many(unseen.messages(server));
    unseen.hint(server).into_iter().fold(failure, Failure::hint)
}

async fn restore(
    args: &RestoreArgs,
    contact: &Contact,
    schema: &Schema,
    document: &Document,
    context: &mut Context,
) -> Result<(), Failure> {
    let server = &contact.server;
    let seen = observe_all(std::slice::from_ref(contact), context).await.pop();
    let Some(seen) = seen else { return Ok(()) };
    let (host, looks) = seen.map_err(|error| unseen(server, &Unseen::Host(error)))?;
    let mut failure = Failure::many([]);
    let visited = Visited::new(server, looks, schema, document, &mut failure);
    if !failure.messages.is_empty() {
        return Err(failure.hint("nothing was changed"));
    }
    let files = show(&visited, context)?;
    if args.dry_run.dry_run {
        return Ok(());
    }
    if !args.yes.yes && !context.confirm(&format!("put {} back?", count(files, "file")))? {
        return Err(Failure::new("not confirmed").hint("nothing was changed"));
    }
    let outcomes = change(args, &visited, host, document, context).await?;
    let failure = servers::say_outcomes(&outcomes, "restored", context);
    match failure.messages.is_empty() {
        true if outcomes.iter().any(|one| !matches!(one.standing, Standing::New)) => {
            Err(Failure::new("interrupted"))
        }
        true => Ok(()),
        false => Err(failure),
    }
}

/// Says which files would change, and how many; refuses where there are none, or something was interrupted.
fn show(visited: &Visited<'_>, context: &mut Context) -> Result<usize, Failure> {
    let server = &visited.server;
    if let Some(look) = visited.looks.iter().find(|look| look.note.is_some()) {
        return Err(Failure::new(format_args!(
            "server.{server}, {}: a push was interrupted there",
            look.path
        ))
        .hint("end it with `luca-secrets push --recover`"));
    }
    for look in &visited.looks {
        let what = if has_previous(look) { "the previous file comes back" } else { "no previous file" };
        context.ui.say(&format!("server.{server}, {}: {what}", look.path));
    }
    match visited.looks.iter().filter(|look| has_previous(look)).count() {
        0 => Err(Failure::new(format_args!("server {server}: there is no previous file"))
            .hint("there is one from the second push on; nothing was changed")),
        files => Ok(files),
    }
}

const fn has_previous(look: &Look) -> bool {
    look.has_previous
}

async fn change(
    args: &RestoreArgs,
    visited: &Visited<'_>,
    host: Host,
    document: &Document,
    context: &mut Context,
) -> Result<Vec<HostOutcome>, Failure> {
    let client = LazyClient::new(&context.env, REQUEST_TIME);
    let signals = Signals::hold().map_err(|error| unheld(&error))?;
    let progress = Progress::new(&mut context.ui);
    let watcher = |server: &TargetName, step, moment| progress.step(server, step, moment);
    let setting = Setting {
        client: &client,
        bound: BOUND,
        applies: !args.no_apply,
        is_interrupted: &|| signals.arrived(),
        progress: &watcher,
    };
    let changes = visited.changes(has_previous);
    let member = Member { server: &visited.server, host, changes, redactor: redactor(document) };
    Ok(progress.during(transact(vec![member], &setting), || ()).await)
}
