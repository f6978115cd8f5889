//! The machine that brings a rotation from its first look to its end, or back.
//!
//! The rules (section 14 of the research; I1 to I6 are its invariants):
//!
//! - The new values are in the journal, in the store's home too, before anything is done with them (I2).
//! - Before each effect stands its intent in the journal and in the home (I4). Whoever wrote there first has the rotation;
//!   the other does nothing (I5).
//! - What is in doubt is settled by a probe before anything else is done, and never by another value.
//! - Until the first final step a definite failure takes everything back; from there on it goes forward only.
//! - What stops for another reason than an end stops at a place where it is safe to stay for days (I6).

use std::time::Duration;

use jiff::Timestamp;

use crate::store::{Direction, EffectNote, Outcome, RotationRecord, State, Values};
use crate::sys::Random;

use super::credential::Credential;
use super::id::ulid;
use super::seams::{Deployer, Journal, Person, Seen, Watch};
use super::step::{Action, Step};
use super::trouble::{Trouble, TroubleKind};

mod effect;
mod lease;
mod patience;
mod rest;
#[cfg(test)]
mod tests;

pub use lease::busy_until;
pub use patience::Patience;
use rest::{THEN, cause};

/// What the engine needs beside the credential.
pub struct Outside<'e> {
    /// The store as the journal.
    pub journal: &'e mut dyn Journal,
    /// The consumers of values.
    pub deployer: &'e mut dyn Deployer,
    /// Whoever is there to be asked.
    pub person: &'e mut dyn Person,
    /// Whoever watches.
    pub seen: &'e mut dyn Seen,
    /// The time, and whether to stop.
    pub watch: &'e mut dyn Watch,
    /// Randomness.
    pub random: &'e mut dyn Random,
    /// Who this is, `user@machine`.
    pub by: String,
    /// The lock that is held here, if there is one.
    pub holder: Option<String>,
    /// How long to try.
    pub patience: Patience,
}

/// How a run ended. Every way but the first two leaves the rotation where another run takes it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The old credential is gone, the new one in use.
    Done,
    /// Everything is as before, for this reason.
    Undone(String),
    /// It was not begun, and nothing was changed.
    Refused(Trouble),
    /// It waits for time to pass, or for the last use of the old credential.
    Resting {
        /// Not before this moment, if that is known.
        until: Option<Timestamp>,
        /// What it waits for.
        why: String,
    },
    /// It waits for a person.
    Waiting(String),
    /// Something cannot be reached for now, or somebody has interrupted it.
    Left(Trouble),
    /// A person has to decide.
    Held(Trouble),
    /// Another machine may be at work on it, and nobody here waits for that.
    Busy(Trouble),
    /// Somebody else has gone on with it, or with another one: nothing was done here since.
    Lost(Trouble),
}

/// How a rotation begins.
pub struct Start {
    /// The kind of credential, as the schema calls it.
    pub kind: String,
    /// What the store has now of the credential's secrets.
    pub current: Values,
    /// The store's generation.
    pub generation: u64,
}

/// Goes on, or ends the run.
type Go = Result<(), Ending>;

/// One run with one credential.
pub struct Engine<'e> {
    credential: &'e mut dyn Credential,
    outside: Outside<'e>,
    /// The record as it is, once there is one.
    record: Option<RotationRecord>,
}

impl<'e> Engine<'e> {
    /// A run that has not begun.
    pub fn new(credential: &'e mut dyn Credential, outside: Outside<'e>) -> Self {
        Self { credential, outside, record: None }
    }

    /// The record as it is now, if there is one.
    pub const fn record_so_far(&self) -> Option<&RotationRecord> {
        self.record.as_ref()
    }

    /// Looks whether it can be done, without changing anything: what was found, in lines.
    pub fn look(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let found = self.credential.preflight(current)?;
        let secrets = self.credential.secrets().into_iter().collect();
        let differences = self.outside.deployer.differences(&secrets)?;
        if differences.is_empty() {
            return Ok(found);
        }
        Err(Trouble::held(differences.join("; ")).hint(
            "push first, or take into the store what somebody has changed there: a rotation begins only where all is as the store says",
        ))
    }

    /// Begins a rotation, and brings it as far as it goes.
    pub fn begin(&mut self, start: Start) -> Ending {
        match self.stage(start) {
            Ok(()) => self.walk(),
            Err(ending) => ending,
        }
    }

    fn stage(&mut self, start: Start) -> Go {
        let now = self.outside.watch.now();
        let id = ulid(now, self.outside.random).map_err(|error| {
            Ending::Refused(Trouble::rejected(format_args!("the system gives no randomness: {error}")))
        })?;
        let by = self.outside.by.clone();
        let mut record = RotationRecord::new(id, start.kind, by, now, start.generation, start.current);
        let step = look_step();
        self.outside.seen.begins(&step, &record);
        let found = self.look(&record.current);
        let lines = found.as_ref().map(|lines| lines.join("; "));
        self.outside.seen.ended(
            &step,
            &record,
            lines.as_ref().map(String::as_str).map_err(|trouble| *trouble),
        );
        found.map_err(Ending::Refused)?;
        let created = self.credential.create(&record.current, &record.id, self.outside.random);
        let created = created.map_err(Ending::Refused)?;
        created.put_into(&mut record);
        record.state = State::Staged;
        let staged = self.outside.journal.write(&record, &Values::new(), true);
        staged.map_err(|trouble| match trouble.kind {
            TroubleKind::Held => Ending::Lost(trouble),
            _ => Ending::Refused(trouble),
        })?;
        self.record = Some(record);
        Ok(())
    }

    /// Takes a rotation up where it was left.
    pub fn resume(&mut self, record: RotationRecord) -> Ending {
        match self.take_up(record) {
            Ok(()) => self.walk(),
            Err(ending) => ending,
        }
    }

    /// Takes a rotation back. What is in doubt is settled first.
    pub fn undo(&mut self, record: RotationRecord, reason: &str) -> Ending {
        match self.take_up(record).and_then(|()| self.turn_on_request(reason)) {
            Ok(()) => self.walk(),
            Err(ending) => ending,
        }
    }

    fn take_up(&mut self, mut record: RotationRecord) -> Go {
        if record.state == State::Held {
            // Whoever takes it up has looked at it: it may be tried again.
            record.attempts = 0;
        }
        self.record = Some(record);
        self.wait_for_others()
    }

    fn turn_on_request(&mut self, reason: &str) -> Go {
        let record = self.record();
        if matches!(record.direction, Direction::Back { .. }) {
            return Ok(());
        }
        if self.is_final() {
            let trouble = Trouble::held("the old credential is being ended, and there is no way back").hint(
                "bring it to its end with `luca-secrets rotate --resume`; a new rotation makes another value",
            );
            return Err(Ending::Refused(trouble));
        }
        let steps = self.steps();
        let at = self.record().done;
        if let Some(step) = steps.get(at).filter(|step| step.action == Action::Effect) {
            self.settle(step)?;
        }
        let at = self.record().done;
        let is_begun = steps.get(at).is_some_and(|step| self.is_begun(step));
        self.turn(at + usize::from(is_begun), reason)
    }

    fn walk(&mut self) -> Ending {
        loop {
            let steps = self.steps();
            let record = self.record();
            let Some(step) = steps.get(record.done) else {
                let is_known = record.done == steps.len();
                return if is_known { self.finish() } else { self.unknown() };
            };
            if record.effects.last().is_some_and(|note| is_open(note) && note.step != step.name) {
                return self.unknown();
            }
            if self.outside.watch.is_interrupted() {
                return Ending::Left(Trouble::interrupted());
            }
            if let Err(ending) = self.step(step) {
                return ending;
            }
        }
    }

    fn unknown(&mut self) -> Ending {
        let trouble = Trouble::held("the journal and the steps that the schema gives do not fit together")
            .hint("take the change of the schema back, or go on with the release that began the rotation");
        self.hold(trouble)
    }

    fn step(&mut self, step: &Step) -> Go {
        match step.action {
            Action::Effect => self.effect(step),
            Action::Issue => self.issue(step),
            Action::Deploy(number) => self.deploy(step, number),
            Action::Prove => self.prove(step),
            Action::Ask => self.ask(step),
            Action::Wait(time) => self.wait(step, time),
        }
    }

    /// The last write: without the journal's values, and with the secrets as they are now.
    fn finish(&mut self) -> Ending {
        let record = self.record().clone();
        // A person may have changed meanwhile what the rotation only reads.
        let (state, values) = match record.direction {
            Direction::Forward => (State::Done, record.changes_of(&record.pending)),
            Direction::Back { .. } => (State::Undone, record.changes_of(&record.current)),
        };
        let reason = cause(record.reason.as_deref().unwrap_or_default()).to_owned();
        let ended = RotationRecord { state, ..record.ended() };
        match self.write(ended, &values, false) {
            Ok(()) if state == State::Done => Ending::Done,
            Ok(()) => Ending::Undone(reason),
            Err(ending) => ending,
        }
    }

    /// Goes back from here; `begun` steps were begun.
    fn turn(&mut self, begun: usize, reason: &str) -> Go {
        let now = self.outside.watch.now();
        let mut effects = self.record().effects.clone();
        if let Some(note) = effects.last_mut().filter(|note| is_open(note)) {
            // Whatever came of it is taken back now.
            (note.outcome, note.settled) = (Outcome::Unknown, Some(now));
        }
        let back = RotationRecord {
            effects,
            direction: Direction::Back { begun },
            done: 0,
            state: State::Undoing,
            attempts: 0,
            not_before: None,
            reason: Some(reason.to_owned()),
            ..self.record().clone()
        };
        if begun == 0 {
            // Nobody but the journal has the new values.
            self.record = Some(back);
            return Err(self.finish());
        }
        self.write(back, &Values::new(), false)
    }

    /// Whether a step without a way back was begun.
    fn is_final(&self) -> bool {
        let record = self.record();
        let steps = self.credential.steps();
        let done = steps.iter().take(record.done).any(|step| step.is_final);
        let current = steps.get(record.done).filter(|step| step.is_final);
        done || current.is_some_and(|step| record.effects.last().is_some_and(|note| note.step == step.name))
    }

    fn hold(&mut self, trouble: Trouble) -> Ending {
        let mut held = self.record().clone();
        held.state = State::Held;
        held.reason = Some(match &held.reason {
            // Why it goes back is worth knowing still.
            Some(reason)
                if matches!(held.direction, Direction::Back { .. }) && !reason.contains(&trouble.message) =>
            {
                format!("{}{THEN}{}", cause(reason), trouble.message)
            }
            _ => trouble.message.clone(),
        });
        match self.write(held, &Values::new(), false) {
            Err(Ending::Lost(lost)) => Ending::Lost(lost),
            // Where the journal cannot be written it says less, and nothing wrong.
            _ => Ending::Held(trouble),
        }
    }

    /// Makes this the record, here and in the journal.
    fn write(&mut self, next: RotationRecord, values: &Values, everywhere: bool) -> Go {
        let (by, holder) = (self.outside.by.clone(), self.outside.holder.clone());
        let next = RotationRecord { by, holder, ..next };
        match self.outside.journal.write(&next, values, everywhere) {
            Ok(()) => {
                self.record = Some(next);
                Ok(())
            }
            Err(trouble) if trouble.kind == TroubleKind::Held => Err(Ending::Lost(trouble)),
            Err(trouble) => Err(Ending::Left(trouble)),
        }
    }

    /// The steps of the way that it goes.
    fn steps(&self) -> Vec<Step> {
        match self.record().direction {
            Direction::Forward => self.credential.steps(),
            Direction::Back { begun } => self.credential.undo_steps(begun),
        }
    }

    /// The state between two steps.
    fn state_between(&self) -> State {
        let record = self.record();
        let steps = self.steps();
        match (record.direction, record.done.checked_sub(1)) {
            (Direction::Back { .. }, _) => State::Undoing,
            (Direction::Forward, None) => State::Staged,
            (Direction::Forward, Some(last)) => steps.get(last).map_or(record.state, |step| step.then),
        }
    }

    fn record(&self) -> &RotationRecord {
        record_of(self.record.as_ref())
    }
}

/// Whether what came of an effect is not known.
pub(super) fn is_open(note: &EffectNote) -> bool {
    note.settled.is_none() && matches!(note.outcome, Outcome::Intended | Outcome::Unknown)
}

/// The look before anything is made, as a step to be shown.
fn look_step() -> Step {
    Step {
        name: "look",
        shown: "look whether it can be done".to_owned(),
        action: Action::Prove,
        then: State::Planned,
        is_final: false,
    }
}

/// The record of a run, borrowed apart from everything else in it.
#[allow(clippy::expect_used)]
fn record_of(record: Option<&RotationRecord>) -> &RotationRecord {
    // Nothing walks before there is one.
    record.expect("a run has a record")
}

/// How long a step is tried for.
#[derive(Default)]
struct Tries {
    failed: u32,
    paused: Duration,
}
