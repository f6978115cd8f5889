//! `rotate`: new credentials at their source.

use std::time::Instant;

use clap::Args;

use crate::cli::args::{DryRunArg, JsonArg, YesArg};
use crate::cli::commands::bundles::settled;
use crate::cli::context::{Context, secret_name};
use crate::cli::failure::{Failure, Kind};
use crate::cli::report::count;
use crate::cli::rotation::{ASKED, Desk, Outcome, lock};
use crate::name::{SecretName, nearest};
use crate::rotate::{Ending, Start};
use crate::schema::Schema;
use crate::store::{Document, RotationRecord, State, Unlocked};

mod adopt;
mod due;
mod plan;
mod told;

/// Replace credentials at their source, without downtime or lock-out
///
/// A new value is made, written down in the store and its home, made valid at the source, proven, brought to all that use
/// it, and only then is the old one ended. What fails before that is taken back. A rotation that was interrupted, anywhere
/// and on any machine, goes on with --resume; one that waits for a person, or for time to pass, can be left for days.
///
/// Which secrets can be rotated, and how, stands in the schema: `rotate = { with = "…" }`.
///
/// Examples:
///   luca-secrets rotate --plan app.token
///   luca-secrets rotate app.token
///   luca-secrets rotate --resume
///   luca-secrets rotate --undo app.token
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["names", "due", "all_exposed", "resume", "undo", "adopt", "plan"]))]
pub(crate) struct RotateArgs {
    /// The secrets at which `rotate` stands in the schema; a rotation of one that is under way goes on
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// All whose value is known to somebody who should not know it
    #[arg(long)]
    all_exposed: bool,
    /// What the schedule says: go on with what is under way, then rotate what is due, one after the other
    #[arg(long)]
    due: bool,
    /// With --due: now, whatever the windows in the schema say
    #[arg(long, requires = "due")]
    now: bool,
    /// Go on with what is under way: with this one, or with all
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    resume: Option<String>,
    /// Take one back that is under way
    #[arg(long, value_name = "NAME")]
    undo: Option<String>,
    /// Take over a value that somebody has changed at the source by hand, from a prompt or standard input
    #[arg(long, value_name = "NAME")]
    adopt: Option<String>,
    /// Show the steps, and change nothing
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Which one of several, where they were begun on different branches
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Do without the store's home: what this machine leaves behind, nobody else can take up
    #[arg(long)]
    local: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    dry_run: DryRunArg,
    #[command(flatten)]
    json: JsonArg,
}

/// What is to be done with one rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Begin,
    Resume,
    Undo,
}

pub(crate) fn run(args: &RotateArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let is_plan = args.dry_run.dry_run || args.plan.is_some();
    let store = settled(if is_plan { store? } else { context.up_to_date(store?)? })?;
    if let Some(name) = &args.adopt {
        let name = declared(name, &schema)?;
        return adopt::run(args, &name, &schema, store, context);
    }
    if args.due {
        return due::run(args, &schema, store, context);
    }
    let works = works(args, &schema, store.document(), context)?;
    if works.is_empty() {
        context.ui.ok("there is nothing to rotate");
        return Ok(());
    }
    if is_plan {
        return plan::run(args, works, &schema, store, context);
    }
    let _lock = lock(context)?;
    allow(args, &works, store.document(), context)?;
    ask(args, &works, context)?;
    let mut store = store;
    let total = works.len();
    let mut failed: Option<Failure> = None;
    for (number, (name, work)) in works.into_iter().enumerate() {
        let (outcome, after) = one(args, &name, work, &schema, store, context)?;
        store = after;
        if args.json.json {
            context.ui.json_line(&outcome)?;
        }
        let Err(mut failure) = outcome.say(context) else { continue };
        let rest = total - number - 1;
        if rest > 0 && !outcome.lets_others_go_on() {
            failure = failure.hint(format_args!("{} not looked at for that", count(rest, "other rotation")));
        }
        failed = Some(match failed {
            Some(earlier) => earlier.and(failure),
            None => failure,
        });
        if !outcome.lets_others_go_on() {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What the arguments ask for, by name.
fn works(
    args: &RotateArgs,
    schema: &Schema,
    document: &Document,
    context: &mut Context,
) -> Result<Vec<(SecretName, Work)>, Failure> {
    let is_live = |name: &SecretName| document.rotation(name).is_some_and(|record| !record.state.is_end());
    let mut works: Vec<(SecretName, Work)> = Vec::new();
    let mut add = |name: SecretName, work: Work| {
        if works.iter().all(|(other, _)| *other != name) {
            works.push((name, work));
        }
    };
    for name in args.names.iter().chain(&args.plan) {
        let name = declared(name, schema)?;
        let work = if is_live(&name) { Work::Resume } else { Work::Begin };
        add(name, work);
    }
    if let Some(name) = &args.undo {
        add(live(name, document)?, Work::Undo);
    }
    match args.resume.as_deref() {
        Some("") => {
            for (name, record) in document.live_rotations() {
                if record.state == State::Held && !context.settings.interactive {
                    context.ui.warn(&format!("{name}: held, and left so: name it to go on with it"));
                } else {
                    add(name.clone(), Work::Resume);
                }
            }
        }
        Some(name) => add(live(name, document)?, Work::Resume),
        None => {}
    }
    if args.all_exposed {
        for (name, _) in document.exposed() {
            match rotation_of(name, schema, document) {
                Some(rotation) if is_live(&rotation) => add(rotation, Work::Resume),
                Some(rotation) => add(rotation, Work::Begin),
                None => context.ui.warn(&format!(
                    "{name}: exposed, and the schema does not say how it is rotated: change it at its source, then here"
                )),
            }
        }
    }
    Ok(works)
}

/// A secret that the schema can rotate.
fn declared(typed: &str, schema: &Schema) -> Result<SecretName, Failure> {
    let name = secret_name(typed)?;
    let known = schema.secrets.iter().filter(|(_, entry)| entry.rotate.is_some()).map(|(name, _)| name);
    let known: Vec<&str> = known.map(SecretName::as_str).collect();
    if known.contains(&name.as_str()) {
        return Ok(name);
    }
    let failure = Failure::usage(format_args!("the schema does not say how {name} is rotated"));
    Err(match nearest(name.as_str(), known.iter().copied()) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => {
            failure.hint(format_args!("add `rotate = {{ with = \"…\" }}` to [secrets.{name}] in the schema"))
        }
    })
}

/// A rotation that is under way.
fn live(typed: &str, document: &Document) -> Result<SecretName, Failure> {
    let name = secret_name(typed)?;
    if document.live_rotations().any(|(live, _)| *live == name) {
        return Ok(name);
    }
    let failure = Failure::new(format_args!("{name} is not being rotated"));
    let all: Vec<&str> = document.live_rotations().map(|(name, _)| name.as_str()).collect();
    Err(match all.as_slice() {
        [] => failure.hint("no rotation is under way"),
        all => failure.hint(format_args!("under way: {}", all.join(", "))),
    })
}

/// The rotation by which a secret gets a new value: its own, or the one under way that it is part of.
fn rotation_of(name: &SecretName, schema: &Schema, document: &Document) -> Option<SecretName> {
    if let Some((rotation, _)) = document.rotation_with(name) {
        return Some(rotation.clone());
    }
    schema.secrets.get(name)?.rotate.as_ref().map(|_| name.clone())
}

/// What must be so before anything is begun.
fn allow(
    args: &RotateArgs,
    works: &[(SecretName, Work)],
    document: &Document,
    context: &mut Context,
) -> Result<(), Failure> {
    let has_home = !context.settings.is_offline && context.home_settings()?.is_some();
    if !has_home && !args.local {
        let message = "the store has no home away from this machine: if this machine is lost in the middle, so is the new value";
        if !context.settings.interactive {
            return Err(Failure::new(message)
                .kind(Kind::Held)
                .hint("give it one with [remote] in the schema, or pass --local; nothing was changed"));
        }
        context.ui.warn(message);
    }
    let begins = works.iter().any(|(_, work)| *work == Work::Begin);
    let held = document.live_rotations().find(|(_, record)| record.state == State::Held);
    match held {
        Some((name, _)) if begins && !context.settings.interactive => Err(Failure::new(format_args!(
            "the rotation of {name} is held, so nothing new is begun unattended"
        ))
        .kind(Kind::Held)
        .hint(format_args!("`luca-secrets rotate --resume {name}` shows why"))),
        _ => Ok(()),
    }
}

fn ask(args: &RotateArgs, works: &[(SecretName, Work)], context: &mut Context) -> Result<(), Failure> {
    if args.yes.yes {
        return Ok(());
    }
    let names = |wanted: Work| {
        let names: Vec<&str> =
            works.iter().filter(|(_, work)| *work == wanted).map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    for (work, question) in [(Work::Begin, "rotate"), (Work::Undo, "take back the rotation of")] {
        let names = names(work);
        if !names.is_empty() && !context.confirm(&format!("{question} {names}?"))? {
            return Err(Failure::new("not confirmed").hint("nothing was changed"));
        }
    }
    Ok(())
}

/// One rotation, as far as it goes; with the store as it is then.
fn one(
    args: &RotateArgs,
    name: &SecretName,
    work: Work,
    schema: &Schema,
    store: Unlocked,
    context: &mut Context,
) -> Result<(Outcome, Unlocked), Failure> {
    let began = Instant::now();
    let record = record(args, name, work, schema, store.document())?;
    let kind = kind(name, schema);
    let desk = Desk::new(context, schema, name.clone(), store, args.local)?;
    let (ending, record, standing) = match desk.credential() {
        Err(trouble) => (Ending::Refused(trouble), record, None),
        Ok(mut credential) => {
            let secrets = credential.secrets();
            let start = start(&desk, kind, &secrets);
            let (ending, record) = desk.with_engine(&mut *credential, |engine| {
                let ending = match (work, record) {
                    (Work::Undo, Some(record)) => engine.undo(record, ASKED),
                    (Work::Resume, Some(record)) => engine.resume(record),
                    _ => engine.begin(start),
                };
                (ending, engine.record_so_far().cloned())
            });
            let held = record.as_ref().filter(|_| matches!(ending, Ending::Held(_)));
            let standing = held.map(|record| credential.standing(record));
            (ending, record, standing)
        }
    };
    let store = desk.into_store();
    let seconds = began.elapsed().as_secs_f64();
    let outcome = Outcome::new(name, ending, record.as_ref(), standing, store.document(), seconds);
    Ok((outcome, store))
}

fn start(desk: &Desk<'_>, kind: String, secrets: &[SecretName]) -> Start {
    desk.with_document(|document| Start {
        kind,
        current: secrets.iter().map(|name| (name.clone(), document.get(name))).collect(),
        generation: document.generation(),
    })
}

fn kind(name: &SecretName, schema: &Schema) -> String {
    let rotation = schema.secrets.get(name).and_then(|entry| entry.rotate.as_ref());
    rotation.map(|rotation| rotation.with.name().to_owned()).unwrap_or_default()
}

/// The record to go on with.
fn record(
    args: &RotateArgs,
    name: &SecretName,
    work: Work,
    schema: &Schema,
    document: &Document,
) -> Result<Option<RotationRecord>, Failure> {
    if work == Work::Begin {
        return Ok(None);
    }
    let all = document.rotations_of(name);
    let ids = || all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", ");
    let record = match &args.id {
        Some(id) => all.iter().find(|one| one.id == *id).ok_or_else(|| {
            Failure::usage(format_args!("{name} has no such rotation"))
                .hint(format_args!("there are: {}", ids()))
        })?,
        None if all.len() > 1 => {
            return Err(Failure::new(format_args!("{name} was rotated on two branches at once"))
                .kind(Kind::Held)
                .hint(format_args!("name one with --id, and take the other one back first: {}", ids())));
        }
        None => match all.first() {
            Some(record) => record,
            None => return Ok(None),
        },
    };
    let kind = kind(name, schema);
    if record.kind != kind {
        return Err(Failure::new(format_args!(
            "{name} is being rotated as {}, and the schema says {}",
            record.kind,
            if kind.is_empty() { "nothing of its rotation" } else { &kind }
        ))
        .kind(Kind::Held)
        .hint("take the change of the schema back until it has ended"));
    }
    Ok(Some(record.clone()))
}
