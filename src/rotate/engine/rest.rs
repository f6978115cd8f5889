//! The steps that only look, ask or wait. Here a rotation can be left for days.

use std::time::Duration;

use crate::rotate::credential::{Created, Quiet};
use crate::rotate::step::Step;
use crate::rotate::trouble::{Trouble, TroubleKind};
use crate::secret::SecretValue;
use crate::store::{Direction, RotationRecord, State, Values};

use super::{Ending, Engine, Go, Tries, is_open, record_of};

/// How often a person may give an answer that is refused.
const ANSWERS: u32 = 5;

/// How often it is shown how long it still takes.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// Between why a rotation goes back and what has kept it on its way.
pub(super) const THEN: &str = "; then: ";

/// Why a rotation goes back, without what has kept it on its way.
pub(super) fn cause(reason: &str) -> &str {
    reason.split(THEN).next().unwrap_or_default()
}

impl Engine<'_> {
    /// Shows that something is so.
    pub(super) fn prove(&mut self, step: &Step) -> Go {
        self.begins(step);
        let mut tries = Tries::default();
        loop {
            match self.credential.prove(step, record_of(self.record.as_ref())) {
                Ok(evidence) => return self.applied(step, &evidence),
                Err(trouble) => match trouble.kind {
                    TroubleKind::Unavailable | TroubleKind::InDoubt => {
                        self.again(step, &trouble, &mut tries, true)?;
                    }
                    TroubleKind::Rejected => {
                        self.ended(step, Err(&trouble));
                        return self.refused(step, &trouble);
                    }
                    TroubleKind::Held => {
                        self.ended(step, Err(&trouble));
                        return Err(self.hold(trouble));
                    }
                },
            }
        }
    }

    /// Asks a person.
    pub(super) fn ask(&mut self, step: &Step) -> Go {
        self.begins(step);
        let is_asked =
            self.record().effects.last().is_some_and(|note| is_open(note) && note.step == step.name);
        if step.is_final && !is_asked {
            // Whoever is asked to end the old one may do so without ever coming back to say it.
            self.intend(step, &Values::new(), &mut Tries::default())?;
        }
        for number in 0..ANSWERS {
            let question = match self.credential.question(step, record_of(self.record.as_ref())) {
                Ok(question) => question,
                Err(trouble) if trouble.kind == TroubleKind::Held => return Err(self.hold(trouble)),
                Err(trouble) => return Err(self.leave(step, trouble)),
            };
            let Some(answers) = self.outside.person.ask(step, &question, number > 0) else { break };
            let taken = self.take(step, &answers)?;
            let Some(created) = taken else { continue };
            let mut next = self.record().clone();
            created.put_into(&mut next);
            self.record = Some(next);
            let evidence = if question.fields.is_empty() { "confirmed" } else { "given, and looked at" };
            return self.applied(step, evidence);
        }
        let why = step.shown.clone();
        self.rest(State::Waiting, &why)?;
        Err(Ending::Waiting(why))
    }

    /// Gives the answers on; nothing where they are refused.
    fn take(&mut self, step: &Step, answers: &[SecretValue]) -> Result<Option<Created>, Ending> {
        let mut tries = Tries::default();
        loop {
            match self.credential.answered(step, record_of(self.record.as_ref()), answers.to_vec()) {
                Ok(created) => return Ok(Some(created)),
                Err(trouble) => match trouble.kind {
                    TroubleKind::Rejected => {
                        self.ended(step, Err(&trouble));
                        return Ok(None);
                    }
                    TroubleKind::Held => return Err(self.hold(trouble)),
                    TroubleKind::Unavailable | TroubleKind::InDoubt => {
                        self.again(step, &trouble, &mut tries, true)?;
                    }
                },
            }
        }
    }

    /// Waits until enough time has passed and nobody needs the old credential.
    pub(super) fn wait(&mut self, step: &Step, time: Duration) -> Go {
        self.begins(step);
        let now = self.outside.watch.now();
        if self.record().not_before.is_none() {
            let until = now.checked_add(time).unwrap_or(jiff::Timestamp::MAX);
            let next =
                RotationRecord { not_before: Some(until), state: State::Grace, ..self.record().clone() };
            self.write(next, &Values::new(), false)?;
        }
        let mut tries = Tries::default();
        loop {
            let until = self.record().not_before.unwrap_or(now);
            let left = until.duration_since(self.outside.watch.now());
            if left.is_positive() {
                let left = left.unsigned_abs();
                if left > self.outside.patience.grace || self.outside.watch.is_interrupted() {
                    self.rest(State::Grace, &step.shown)?;
                    return Err(Ending::Resting { until: Some(until), why: step.shown.clone() });
                }
                self.outside.seen.waits(step, left);
                self.outside.watch.pause(left.min(TICK));
                continue;
            }
            match self.credential.quiet(step, record_of(self.record.as_ref())) {
                Ok(Quiet::Yes(evidence)) => return self.applied(step, &evidence),
                Ok(Quiet::NotYet(why)) => self.not_yet(step, &why, &mut tries)?,
                Err(trouble) => match trouble.kind {
                    TroubleKind::Unavailable | TroubleKind::InDoubt => {
                        self.again(step, &trouble, &mut tries, true)?;
                    }
                    TroubleKind::Rejected | TroubleKind::Held => {
                        self.ended(step, Err(&trouble));
                        return Err(self.hold(trouble));
                    }
                },
            }
        }
    }

    /// Somebody uses the old credential still: no failure, however often it is seen.
    fn not_yet(&mut self, step: &Step, why: &str, tries: &mut Tries) -> Go {
        let patience = self.outside.patience;
        tries.failed += 1;
        let pause = patience.pause(tries.failed);
        if tries.paused + pause > patience.quiet || self.outside.watch.is_interrupted() {
            self.ended(step, Err(&Trouble::unavailable(why)));
            self.rest(State::Grace, why)?;
            return Err(Ending::Resting { until: None, why: why.to_owned() });
        }
        self.outside.watch.pause(pause);
        tries.paused += pause;
        Ok(())
    }

    /// Writes that it rests here, unless the journal says so already.
    fn rest(&mut self, state: State, why: &str) -> Go {
        let record = self.record();
        let reason = match &record.reason {
            // Why it goes back is worth knowing still.
            Some(reason) if matches!(record.direction, Direction::Back { .. }) => {
                format!("{}{THEN}{why}", cause(reason))
            }
            _ => why.to_owned(),
        };
        if record.state == state && record.reason.as_ref() == Some(&reason) {
            return Ok(());
        }
        let next = RotationRecord { state, reason: Some(reason), ..record.clone() };
        self.write(next, &Values::new(), false)
    }
}
