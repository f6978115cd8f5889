//! `rotate --due`: what the schedule says. Waits for nobody; what needs somebody is reported, and told.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::cli::lookout::Lookout;
use crate::cli::report::commit;
use crate::cli::rotation::{Outcome, lock};
use crate::cli::timetable::{Report, Row, Stands, distance, timetable};
use crate::name::SecretName;
use crate::rotate::{Ending, Settling, Terms, is_clock_behind};
use crate::schema::Schema;
use crate::store::{Document, Origin, RotationRecord, State, Unlocked};

use super::told::{tell, tell_of_schedule};
use super::{RotateArgs, Work, allow, one, plan};

/// What came of each that was run, by its name.
type Outcomes = BTreeMap<SecretName, Outcome>;

/// What a look has done and found.
struct Found<'s> {
    /// All rotations, as they stand after it.
    rows: Vec<Row<'s>>,
    outcomes: Outcomes,
    failure: Failure,
}

/// A line for a monitor.
#[derive(Serialize)]
struct Line<'l> {
    #[serde(flatten)]
    report: Report<'l>,
    /// What came of it, if it was run: `done`, `undone`, `refused`, `resting`, `waiting`, `left`, `held`, `busy` or `lost`.
    outcome: Option<&'static str>,
}

pub(super) fn run(
    args: &RotateArgs,
    schema: &Schema,
    store: Unlocked,
    context: &mut Context,
) -> Result<(), Failure> {
    if args.dry_run.dry_run {
        let now = context.clock.now();
        let works = would_run(args, &timetable(schema, store.document(), now), store.document(), now);
        if works.is_empty() {
            context.ui.ok("nothing would be done now");
            return Ok(());
        }
        return plan::run(args, works, schema, store, context);
    }
    let Ok(_lock) = lock(context) else {
        context.ui.ok("another process on this machine is rotating already");
        return Ok(());
    };
    let mut lookout = Lookout::load(context);
    let outcome = look(args, schema, store, &mut lookout, context);
    lookout.save(context);
    outcome
}

fn look(
    args: &RotateArgs,
    schema: &Schema,
    store: Unlocked,
    lookout: &mut Lookout,
    context: &mut Context,
) -> Result<(), Failure> {
    let now = context.clock.now();
    if let Err(failure) =
        allow(args, &[], store.document(), context).and_then(|()| trust_clock(now, store.document()))
    {
        tell_of_schedule(&failure, schema, store.document(), lookout, context);
        return Err(failure);
    }
    let jump = lookout.look(now, context.clock.uptime().as_ref());
    // What is not written down yet, or was wrong, is put right and not run.
    let (store, known) = match jump {
        None => settle(schema, store, now, context)?,
        Some(jump) => {
            let far = distance(now, now.checked_add(jump).unwrap_or(now));
            context.ui.warn(&format!(
                "this machine's clock was put forward since the last look ({}): nothing is begun before the next one",
                far.trim_start_matches("in ")
            ));
            (store, BTreeSet::new())
        }
    };
    let (store, found) = work(args, schema, store, &known, context)?;
    report(args, schema, store.document(), found, lookout, context)
}

/// Does one after the other, until nothing is left to do.
fn work<'s>(
    args: &RotateArgs,
    schema: &'s Schema,
    mut store: Unlocked,
    known: &BTreeSet<SecretName>,
    context: &mut Context,
) -> Result<(Unlocked, Found<'s>), Failure> {
    let mut outcomes = Outcomes::new();
    let mut failure = Failure::many([]);
    let mut is_interrupted = false;
    loop {
        let now = context.clock.now();
        let rows = timetable(schema, store.document(), now);
        let next = next(args, &rows, store.document(), known, &outcomes, now);
        let Some((name, work)) = next.filter(|_| !is_interrupted) else {
            return Ok((store, Found { rows, outcomes, failure }));
        };
        let (outcome, after) = one(args, &name, work, schema, store, context)?;
        store = after;
        let is_waiting = matches!(outcome.ending(), Ending::Waiting(_));
        if let Some(one) = outcome.say(context).err().filter(|_| !is_waiting) {
            failure = worse(failure, one);
        }
        if is_failure(outcome.ending()) && !matches!(outcome.ending(), Ending::Undone(_)) {
            store = note_failure(schema, &name, store, context)?;
        }
        is_interrupted = matches!(outcome.ending(), Ending::Left(trouble) if trouble.is_interruption());
        outcomes.insert(name, outcome);
    }
}

/// Refuses to say what is due by a clock that was put back.
fn trust_clock(now: Timestamp, document: &Document) -> Result<(), Failure> {
    if !is_clock_behind(now, document.written()) {
        return Ok(());
    }
    let (written, by) = (document.written(), document.by());
    Err(Failure::new(format_args!(
        "this machine's clock says {now}, and the store was last written at {written} by {by}: one of the two is wrong, so nobody can say what is due"
    ))
    .kind(Kind::Held)
    .hint("set this machine's clock; if it is right, write the store once by it: `luca-secrets rekey`"))
}

/// Writes down when rotations are due that are not written down yet, and puts right what was wrong; with those whose entry
/// holds as it is.
fn settle(
    schema: &Schema,
    mut store: Unlocked,
    now: Timestamp,
    context: &mut Context,
) -> Result<(Unlocked, BTreeSet<SecretName>), Failure> {
    let document = store.document();
    let key = document.fingerprint_key();
    let mut kept = BTreeSet::new();
    let mut edit = store.edit(Origin::Rotate, schema.history.keep);
    let mut said = Vec::new();
    for (name, entry) in schema.secrets.iter().filter(|(name, _)| document.contains(name)) {
        let is_live = document.rotation(name).is_some_and(|record| !record.state.is_end());
        let Some(terms) = Terms::of(name, entry, &key).filter(|_| !is_live) else { continue };
        let since = document.version(name).map(|version| version.since);
        let Some((due, why)) = terms.settle(document.due(name), since, now) else { continue };
        let next = due.next;
        let what = match why {
            Settling::Kept => {
                kept.insert(name.clone());
                continue;
            }
            Settling::New => format!("{name}: seen for the first time, and due at {next}"),
            Settling::NewValue => format!("{name}: has a value from elsewhere, and is due at {next}"),
            Settling::NewPeriod => format!("{name}: due at {next}, as the schema says now"),
            Settling::WrongClock => {
                format!("{name}: its date came from a clock that was wrong; it is due at {next}")
            }
        };
        said.push((what, why));
        edit.set_due(name.clone(), due);
    }
    if said.is_empty() {
        return Ok((store, kept));
    }
    commit(edit, context)?;
    for (what, why) in said {
        if why == Settling::WrongClock { context.ui.warn(&what) } else { context.ui.ok(&what) }
    }
    store.refresh(&context.disk)?;
    Ok((store, kept))
}

/// What is to be done next, if anything is. Of what is due only that which was known before this look.
fn next(
    args: &RotateArgs,
    rows: &[Row<'_>],
    document: &Document,
    known: &BTreeSet<SecretName>,
    outcomes: &Outcomes,
    now: Timestamp,
) -> Option<(SecretName, Work)> {
    // One at a time; and where a person has to decide about one, nothing else is begun.
    let blocks = |record: &RotationRecord| record.is_busy() || record.state == State::Held;
    let is_blocked = document.live_rotations().any(|(_, record)| blocks(record));
    let may_be = |(name, work): &(SecretName, Work)| {
        !outcomes.contains_key(name) && (*work == Work::Resume || (!is_blocked && known.contains(name)))
    };
    agenda(args, rows, document, now).into_iter().find(may_be)
}

/// What a look would do now, in its order.
fn would_run(
    args: &RotateArgs,
    rows: &[Row<'_>],
    document: &Document,
    now: Timestamp,
) -> Vec<(SecretName, Work)> {
    let is_held = document.live_rotations().any(|(_, record)| record.state == State::Held);
    let mut works = agenda(args, rows, document, now);
    works.retain(|(_, work)| *work == Work::Resume || !is_held);
    works
}

/// What goes on or is due at a moment: first what is under way, then what has been due for longest.
fn agenda(
    args: &RotateArgs,
    rows: &[Row<'_>],
    document: &Document,
    now: Timestamp,
) -> Vec<(SecretName, Work)> {
    let row = |name: &SecretName| rows.iter().find(|row| row.name == name);
    let live = document.live_rotations().filter(|(name, record)| goes_on(args, record, row(name), now));
    let live = live.map(|(name, _)| (name.clone(), Work::Resume));
    let is_live = |name: &SecretName| document.live_rotations().any(|(live, _)| live == name);
    let is_due = |row: &&Row<'_>| row.is_noted && !is_live(row.name) && begins(args, row, now);
    let mut due: Vec<&Row<'_>> = rows.iter().filter(is_due).collect();
    due.sort_by_key(|row| row.standing.map(|standing| standing.due));
    live.chain(due.into_iter().map(|row| (row.name.clone(), Work::Begin))).collect()
}

/// Whether one that is under way goes on now: in its window, or at once where it must not rest.
fn goes_on(args: &RotateArgs, record: &RotationRecord, row: Option<&Row<'_>>, now: Timestamp) -> bool {
    match record.state {
        State::Held | State::Waiting => false,
        State::Swap | State::Retiring | State::Undoing => true,
        _ if record.not_before.is_some_and(|until| until > now) => false,
        _ => args.now || row.is_none_or(|row| row.terms.may_go_on(row.due.as_ref(), now)),
    }
}

fn begins(args: &RotateArgs, row: &Row<'_>, now: Timestamp) -> bool {
    row.standing.is_some_and(|standing| {
        standing.may_run(now) || (args.now && standing.is_due(now) && !standing.is_stopped)
    })
}

pub(super) const fn is_failure(ending: &Ending) -> bool {
    matches!(ending, Ending::Undone(_) | Ending::Refused(_) | Ending::Left(_))
}

/// Writes down that one was tried in vain, so that it is not tried again at once.
fn note_failure(
    schema: &Schema,
    name: &SecretName,
    mut store: Unlocked,
    context: &mut Context,
) -> Result<Unlocked, Failure> {
    let document = store.document();
    let key = document.fingerprint_key();
    let terms = schema.secrets.get(name).and_then(|entry| Terms::of(name, entry, &key));
    let Some((terms, due)) = terms.zip(document.due(name)) else { return Ok(store) };
    let mut edit = store.edit(Origin::Rotate, schema.history.keep);
    edit.set_due(name.clone(), terms.failed(due, context.clock.now()));
    commit(edit, context)?;
    store.refresh(&context.disk)?;
    Ok(store)
}

/// Both failures, of the kind that says more: that a person is needed.
fn worse(one: Failure, other: Failure) -> Failure {
    let kind = if one.messages.is_empty() || other.kind == Kind::Held { other.kind } else { one.kind };
    one.and(other).kind(kind)
}

/// Says what is due, what has to wait for whom, and tells whoever is to be told.
fn report(
    args: &RotateArgs,
    schema: &Schema,
    document: &Document,
    found: Found<'_>,
    lookout: &mut Lookout,
    context: &mut Context,
) -> Result<(), Failure> {
    let now = context.clock.now();
    let Found { rows, outcomes, mut failure } = found;
    if args.json.json {
        for row in &rows {
            let outcome = outcomes.get(row.name).map(Outcome::word);
            context.ui.json_line(&Line { report: row.report(now), outcome })?;
        }
    }
    for row in &rows {
        let stands = row.stands(now);
        let outcome = outcomes.get(row.name);
        if stands.needs_somebody() && outcome.is_none_or(|outcome| !is_said(outcome.ending())) {
            let words = format!("{}: {}: {}", row.name, stands.word(), row.words(now));
            match stands {
                Stands::Held | Stands::Stopped => {
                    let one = Failure::new(words).kind(Kind::Held);
                    let next = row.next_command(now).unwrap_or_default();
                    failure = worse(failure, one.hint(format_args!("{}: {next}", row.name)));
                }
                _ => context.ui.warn(&words),
            }
        }
        tell(row, outcome, schema, document, lookout, context);
    }
    if outcomes.is_empty() && failure.messages.is_empty() {
        context.ui.ok(&format!("nothing to be done now{}", said_of_next(&rows, now)));
    }
    if failure.messages.is_empty() { Ok(()) } else { Err(failure) }
}

/// What runs next by itself, overdue or not, if anything does.
fn said_of_next(rows: &[Row<'_>], now: Timestamp) -> String {
    let next = rows.iter().filter_map(|row| Some((row.runs(now)?, row.name))).min();
    match next {
        Some((runs, name)) if runs <= now => format!("; next: {name}, at the next look"),
        Some((runs, name)) => format!("; next: {name}, {}", distance(now, runs)),
        None => String::new(),
    }
}

/// Whether what came of it was said as a failure already.
const fn is_said(ending: &Ending) -> bool {
    !matches!(ending, Ending::Done | Ending::Resting { .. } | Ending::Waiting(_))
}
