//! What came of a rotation: in words, as a line for a monitor, and as an exit code.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::name::SecretName;
use crate::rotate::{Answer, Asked, Ending, Step, Trouble, TroubleKind};
use crate::store::{Direction, Document, EffectNote, Outcome as Settled, RotationRecord, State};

/// The reason of what is taken back because somebody wants it so.
pub(in crate::cli) const ASKED: &str = "asked for";

/// What came of it.
#[derive(Serialize)]
pub(in crate::cli) struct Outcome {
    rotation: String,
    id: Option<String>,
    kind: Option<String>,
    /// `done`, `undone`, `refused`, `resting`, `waiting`, `left`, `held`, `busy` or `lost`.
    #[serde(rename = "outcome")]
    word: &'static str,
    state: Option<&'static str>,
    /// How many steps of its way are done.
    done: usize,
    /// Not before this moment, where it rests.
    until: Option<String>,
    reason: Option<String>,
    hint: Option<String>,
    seconds: f64,
    #[serde(skip)]
    ending: Ending,
    #[serde(skip)]
    report: Vec<String>,
    /// Whether it can be taken back from where it is.
    #[serde(skip)]
    has_way_back: bool,
}

impl Outcome {
    /// What came of the rotation of a secret; `record` as it is now, `standing` what its source accepts, if that was asked.
    pub(in crate::cli) fn new(
        name: &SecretName,
        ending: Ending,
        record: Option<&RotationRecord>,
        standing: Option<Result<Asked, Trouble>>,
        document: &Document,
        seconds: f64,
    ) -> Self {
        let (word, reason, hint, until) = match &ending {
            Ending::Done => ("done", None, None, None),
            Ending::Undone(reason) => ("undone", Some(reason.clone()), None, None),
            Ending::Refused(trouble) => {
                ("refused", Some(trouble.message.clone()), trouble.hint.clone(), None)
            }
            Ending::Resting { until, why } => ("resting", Some(why.clone()), None, *until),
            Ending::Waiting(why) => ("waiting", Some(why.clone()), None, None),
            Ending::Left(trouble) => ("left", Some(trouble.message.clone()), trouble.hint.clone(), None),
            Ending::Held(trouble) => ("held", Some(trouble.message.clone()), trouble.hint.clone(), None),
            Ending::Busy(trouble) => ("busy", Some(trouble.message.clone()), trouble.hint.clone(), None),
            Ending::Lost(trouble) => ("lost", Some(trouble.message.clone()), trouble.hint.clone(), None),
        };
        let report = match (&ending, record) {
            (Ending::Held(_), Some(record)) => held_report(record, standing, document),
            _ => Vec::new(),
        };
        Self {
            rotation: name.to_string(),
            id: record.map(|record| record.id.clone()),
            kind: record.map(|record| record.kind.clone()),
            word,
            state: record.map(|record| record.state.word()),
            done: record.map_or(0, |record| record.done),
            until: until.map(|until| until.to_string()),
            reason,
            hint,
            seconds,
            ending,
            report,
            has_way_back: record.is_some_and(has_way_back),
        }
    }

    /// How it ended.
    pub(in crate::cli) const fn ending(&self) -> &Ending {
        &self.ending
    }

    /// The word for how it ended.
    pub(in crate::cli) const fn word(&self) -> &'static str {
        self.word
    }

    /// Why, in words without values.
    pub(in crate::cli) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether it is as it should be for now.
    pub(in crate::cli) fn is_well(&self) -> bool {
        match &self.ending {
            Ending::Done | Ending::Resting { .. } => true,
            Ending::Undone(reason) => reason.as_str() == ASKED,
            _ => false,
        }
    }

    /// Whether another rotation may go on beside it.
    pub(in crate::cli) fn lets_others_go_on(&self) -> bool {
        self.is_well() || matches!(self.ending, Ending::Waiting(_))
    }

    /// Says it, and gives the failure if it is one.
    pub(in crate::cli) fn say(&self, context: &mut Context) -> Result<(), Failure> {
        let name = &self.rotation;
        let resume = format!("`luca-secrets rotate --resume {name}`");
        let undo = format!("`luca-secrets rotate --undo {name}`");
        let back = if self.has_way_back { format!("; {undo} takes it back") } else { String::new() };
        let failure = match &self.ending {
            Ending::Done => {
                context.ui.ok(&format!("{name}: rotated ({:.1} s)", self.seconds));
                return Ok(());
            }
            Ending::Resting { until, why } => {
                let until = until.map(|until| format!(", not before {until}")).unwrap_or_default();
                context.ui.ok(&format!("{name}: in use; the old one is ended later{until}: {why}"));
                context.ui.hint(&format!("{resume} goes on then, and `rotate --due` does by itself{back}"));
                return Ok(());
            }
            Ending::Undone(reason) if reason == ASKED => {
                context.ui.ok(&format!("{name}: taken back, as before ({:.1} s)", self.seconds));
                return Ok(());
            }
            Ending::Undone(reason) => Failure::new(format_args!("{name}: taken back: {reason}"))
                .hint("everything is as it was before"),
            Ending::Refused(trouble) => {
                let failure = Failure::new(format_args!("{name}: {trouble}"));
                let failure =
                    if trouble.kind == TroubleKind::Held { failure.kind(Kind::Held) } else { failure };
                failure.hints(&trouble.hint).hint("nothing was changed")
            }
            Ending::Waiting(why) => Failure::new(format_args!("{name}: waits for a person: {why}"))
                .kind(Kind::Held)
                .hint(format_args!(
                    "{resume} at a terminal goes on, on any machine and whenever it suits{back}"
                )),
            Ending::Left(trouble) => {
                let failure = Failure::new(format_args!("{name}: left as it is: {trouble}"));
                failure.hints(&trouble.hint).hint(format_args!("{resume} goes on from here{back}"))
            }
            Ending::Held(trouble) => {
                for line in &self.report {
                    context.ui.say(&format!("{name}: {line}"));
                }
                let failure = Failure::new(format_args!("{name}: held: {trouble}")).kind(Kind::Held);
                failure.hints(&trouble.hint)
                    .hint(format_args!("when that is mended, {resume} goes on{back}"))
                    .hint(format_args!(
                        "`luca-secrets rotate --adopt {name}` takes over a value that works already, changed by hand"
                    ))
            }
            Ending::Busy(trouble) => {
                let failure = Failure::new(format_args!("{name}: {trouble}")).kind(Kind::Changed);
                failure.hints(&trouble.hint).hint("nothing was changed")
            }
            Ending::Lost(trouble) => {
                let failure = Failure::new(format_args!("{name}: {trouble}")).kind(Kind::Changed);
                failure.hints(&trouble.hint).hint("nothing was done here since")
            }
        };
        Err(failure)
    }
}

/// Not where it goes back already, nor once the old one is being ended, or somebody was asked to do that.
fn has_way_back(record: &RotationRecord) -> bool {
    let is_asked_for_good = record.state == State::Waiting
        && record.effects.last().is_some_and(|note| note.outcome == Settled::Intended);
    record.direction == Direction::Forward && record.state != State::Retiring && !is_asked_for_good
}

/// What is live where, and what was tried.
fn held_report(
    record: &RotationRecord,
    standing: Option<Result<Asked, Trouble>>,
    document: &Document,
) -> Vec<String> {
    let way = match record.direction {
        Direction::Forward => "on the way to the new value",
        Direction::Back { .. } => "on the way back",
    };
    let mut lines =
        vec![format!("{way}, {} of its steps done, begun {} by {}", record.done, record.started, record.by)];
    match standing {
        Some(Ok(Asked { current, pending })) => {
            for (which, answer) in [("old", current), ("new", pending)] {
                let word = match answer {
                    Answer::Accepted => "is accepted at its source",
                    Answer::Refused => "is refused at its source",
                    Answer::Unknown => "could not be tried at its source",
                    Answer::None => continue,
                };
                lines.push(format!("the {which} one {word}"));
            }
        }
        Some(Err(trouble)) => lines.push(format!("what its source accepts is not known: {trouble}")),
        None => {}
    }
    for name in record.changed() {
        let value = document.get(name);
        let (current, pending) = (record.current(name), record.pending(name));
        let which = match value.as_ref() {
            value if value == pending && value != current => "the new value",
            value if value == current && value != pending => "the old value",
            value if value == current => "the same value before and after",
            None => "no value",
            Some(_) => "a value of the way between",
        };
        lines.push(format!("in the store, for whoever uses it, {name} has {which}"));
    }
    lines.extend(record.effects.iter().map(tried));
    lines
}

fn tried(note: &EffectNote) -> String {
    let evidence = note.evidence.as_ref().map(|evidence| format!(": {evidence}")).unwrap_or_default();
    let outcome = match note.outcome {
        Settled::Intended => "about to be tried",
        Settled::Applied => "done",
        Settled::Rejected => "not done",
        Settled::Unknown => "not known whether it was done",
    };
    format!("tried {}, {}: {outcome}{evidence}", note.step, note.intended)
}

/// The steps of a way, in lines with their numbers; the first ones are done.
pub(in crate::cli) fn shown_steps(steps: &[Step], done: usize) -> Vec<String> {
    let line = |(step, number): (&Step, usize)| {
        let is_final = if step.is_final { ", from which there is no way back" } else { "" };
        let is_done = if number <= done { " (done)" } else { "" };
        format!("  {number}. {}{is_final}{is_done}", step.shown)
    };
    steps.iter().zip(1..).map(line).collect()
}
