//! `backup restore`: what a backup holds becomes the store's newest generation.

use clap::Args;

use crate::cli::args::{DryRunArg, YesArg};
use crate::cli::backups::{Here, PlaceArgs, ProofError, Proven, State, listing, of_place};
use crate::cli::commands::recipients::say_worklist;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::{commit, count, say_committed};
use crate::name::SecretName;
use crate::remote::{BackupName, Shelf};
use crate::schema::BackupTarget;
use crate::store::{Change, Edit, Origin, Recipient, Unlocked, compare};

use super::choice::ChoiceArgs;
use super::command::Tally;
use super::put_back::put_back;

/// Bring the secrets of a backup back
///
/// Shows which secrets would change, asks, and writes them as a new generation, to the store's home too: nobody's newer
/// store is replaced by an older one. What is replaced joins the earlier values (`luca-secrets history`). The readers stay
/// those of now; what a backup gives back that a former reader knows is marked as exposed. Where there is no store here, or
/// a damaged one, the backup takes its place as it is.
///
/// Examples:
///   luca-secrets backup restore -n
///   luca-secrets backup restore --at 2026-11-20
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    pub(super) dry_run: DryRunArg,
    #[command(flatten)]
    pub(super) yes: YesArg,
}

/// A place and the backups in it.
type Looked<'t> = (&'t BackupTarget, Box<dyn Shelf>, Vec<BackupName>);

/// The backup to bring back.
pub(super) struct Found {
    place: String,
    name: BackupName,
    pub(super) proven: Proven,
}

impl Found {
    /// Which one it is, in words.
    pub(super) fn words(&self) -> String {
        let (written, generation) = (self.proven.document.written(), self.name.generation());
        let by: String = self.proven.document.by().chars().filter(|letter| !letter.is_control()).collect();
        format!("generation {generation}, written {written} by {by}, from backup {}", self.place)
    }
}

pub(super) fn run(args: &RestoreArgs, context: &mut Context) -> Result<(), Failure> {
    let targets = context.backup_places(&args.place)?;
    let mut here = context.here()?;
    let found = find(args, &targets, &mut here, context)?;
    context.ui.say(&found.words());
    match std::mem::replace(&mut here.state, State::Missing) {
        State::Open(store) => {
            let store = if !args.dry_run.dry_run && context.catch_up(&store)? {
                store.reopened(&context.disk)?
            } else {
                *store
            };
            go_back(args, &store, &found, context)
        }
        State::Missing => put_back(args, None, here, found, context),
        State::Unusable(spoiled) => put_back(args, Some(&spoiled), here, found, context),
    }
}

/// Looks for the backup that is meant, in the first place that has it whole.
fn find(
    args: &RestoreArgs,
    targets: &[BackupTarget],
    here: &mut Here,
    context: &mut Context,
) -> Result<Found, Failure> {
    let (mut places, mut tally): (Vec<Looked<'_>>, _) = (Vec::new(), Tally::default());
    for target in targets {
        let shelf = context.shelf(target, here.document());
        let listed = shelf.and_then(|mut shelf| {
            let listing = listing(&mut *shelf, here.print);
            Ok((listing.map_err(|error| of_place(target, &error))?, shelf))
        });
        match listed {
            Ok((listing, shelf)) => {
                places.push((target, shelf, listing.backups.into_iter().map(|backup| backup.name).collect()));
            }
            Err(failure) => tally.add(failure),
        }
    }
    let unseen = tally.messages();
    if places.is_empty() {
        tally.outcome()?;
    }
    for message in unseen {
        context.ui.warn(&message);
    }
    let names: Vec<BackupName> = places.iter().flat_map(|(_, _, names)| names.clone()).collect();
    if here.print.is_none() && !args.choice.is_named() && names.iter().any(|name| !name.is_of_same(&names[0]))
    {
        return Err(Failure::new(
            "there are backups of several stores, and which one is meant is not known here",
        )
        .hint("name the backup, as `luca-secrets backup list` shows it"));
    }
    let name = args.choice.among(names)?;
    for (target, shelf, _) in places.iter_mut().filter(|(_, _, names)| names.contains(&name)) {
        match here.prove(&name, &mut **shelf, context) {
            Ok(Ok(proven)) => return Ok(Found { place: target.name.to_string(), name, proven }),
            Ok(Err(flaw)) => context.ui.warn(&format!("backup {}: {name}: {flaw}", target.name)),
            Err(ProofError::Place(error)) => context.ui.warn(&format!("backup {}: {error}", target.name)),
            Err(ProofError::Keys(failure)) => return Err(failure),
        }
    }
    Err(Failure::new(format_args!("{name}: no place has it whole"))
        .hint("name another one; `luca-secrets backup verify --all` tells which are good"))
}

/// Writes the secrets of a backup over those of a sound store.
pub(super) fn go_back(
    args: &RestoreArgs,
    store: &Unlocked,
    found: &Found,
    context: &mut Context,
) -> Result<(), Failure> {
    let (now, then) = (store.document(), &found.proven.document);
    let mut edit = store.edit(Origin::Restore, context.history_kept());
    edit.set_text(then.secrets_text())?;
    // Which side of a conflict is right is no longer asked: the backup's is.
    now.conflicts().for_each(|(name, _)| edit.settle(name.clone()));
    let changes = edit.preview();
    for (name, change) in &changes {
        context.ui.say(&format!("{name} would be {}", change.word()));
    }
    let former = say_readers(store, found, context);
    let sides: Vec<&str> = then.conflicts().map(|(name, _)| name.as_str()).collect();
    if !sides.is_empty() {
        context
            .ui
            .warn(&format!("in conflict in the backup, of which our side comes back: {}", sides.join(", ")));
    }
    refuse_rotating(store, &changes)?;
    if args.dry_run.dry_run {
        if changes.is_empty() {
            context.ui.ok("no secret would change");
        }
        return Ok(());
    }
    let question = format!("restore {}?", count(changes.len(), "secret"));
    let is_something = !changes.is_empty() || now.has_conflicts();
    if is_something && !args.yes.yes && !context.confirm(&question)? {
        return Err(Failure::new("nothing was restored"));
    }
    mark(&mut edit, &changes, &former, context);
    let committed = commit(edit, context)?;
    say_committed(context, &committed);
    if committed.written {
        let (old, new) = (found.name.generation(), committed.generation);
        context.ui.ok(&format!("what generation {old} held is restored as generation {new}"));
        context.ui.hint("what was changed at its source since then does not work with these values; `luca-secrets push` brings them where they are used");
    }
    let schema = context.schema().ok();
    say_worklist(&committed.exposed, schema.as_ref(), context)
}

/// Which of its values is live only the journal of a rotation tells, and it has to be ended by that.
fn refuse_rotating(store: &Unlocked, changes: &[(SecretName, Change)]) -> Result<(), Failure> {
    let rotated = changes.iter().filter(|(name, _)| store.document().rotation_with(name).is_some());
    let messages: Vec<String> = rotated.map(|(name, _)| format!("{name} is being rotated")).collect();
    if messages.is_empty() {
        return Ok(());
    }
    let hint = "nothing was restored; end or undo the rotation first, with `luca-secrets rotate`";
    Err(Failure::many(messages).kind(Kind::Held).hint(hint))
}

/// Says how the readers of then differ from those of now, and gives those who are none any more. They stay out.
fn say_readers(store: &Unlocked, found: &Found, context: &mut Context) -> Vec<Recipient> {
    let readers = compare(store.document(), &found.proven.document).readers;
    let mut former = Vec::new();
    for (reader, change) in readers {
        let who = reader.who();
        if change == Change::Added {
            context.ui.warn(&format!("{who} could read the store then, and stays without access"));
            former.push(reader);
        } else {
            context.ui.say(&format!("{who} could not read the store then, and keeps access"));
        }
    }
    former
}

/// Marks what comes back that former readers know.
fn mark(edit: &mut Edit<'_>, changes: &[(SecretName, Change)], former: &[Recipient], context: &mut Context) {
    if former.is_empty() {
        return;
    }
    let schema = context.schema().ok();
    let is_secret = |name: &SecretName| {
        schema.as_ref().and_then(|schema| schema.secrets.get(name)).is_none_or(|entry| entry.secret)
    };
    let back = changes.iter().filter(|(name, change)| *change != Change::Removed && is_secret(name));
    let to: Vec<String> = former.iter().map(Recipient::who).collect();
    edit.expose_values(back.map(|(name, _)| name.clone()).collect(), to.join(", "), context.clock.now());
}
