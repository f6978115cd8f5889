//! `diff`: what is on the servers and at GitHub, against the store.

use clap::Args;

use crate::cli::args::JsonArg;
use crate::cli::commands::bundles::settled;
use crate::cli::commands::targets::{lines, reports, unseen_at_github, wanted};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::github::Look;
use crate::cli::servers::{self, Found};
use crate::push::github::Only;
use crate::target::github::Options;

/// Show what differs between the store and where its values are used
///
/// For each file on a server and each scope of GitHub: what a push would create, change or take away, and what somebody
/// has changed there since the last push (drifted). By names and fingerprints, never values. The exit code is 3 where
/// something differs, and 1 where something could not be looked at; the rest is shown all the same.
#[derive(Args)]
pub(crate) struct DiffArgs {
    /// The targets: server.web for [server.web], github.deploy for [github.deploy] [default: all]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    #[command(flatten)]
    json: JsonArg,
}

pub(crate) fn run(args: &DiffArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let wanted = wanted(&args.targets, &schema)?;
    let store = settled(store?)?;
    let document = store.document();
    let targets = context.github_targets(&schema, document, &wanted.github)?;
    let options = Options { prune: false, overwrite_drift: false };
    let looks = targets.look(options, &Only::new(&[]), context)?;
    let found = context.look_at_servers(&schema, document, &wanted.servers)?;
    if args.json.json {
        context.ui.json(&reports(&found, &looks))?;
    } else {
        for line in lines(&found, &looks) {
            context.ui.data(&(line + "\n"))?;
        }
    }
    let mut failure = servers::unseen(&found);
    let at_github = unseen_at_github(&looks);
    failure.messages.extend(at_github.messages);
    failure.hints.extend(at_github.hints);
    if !failure.messages.is_empty() {
        return Err(failure);
    }
    if found.iter().all(Found::is_clean) && looks.iter().all(Look::is_clean) {
        context.ui.ok("nothing differs");
        return Ok(());
    }
    Err(Failure::findings())
}
