//! The steps that change something, and the rule for writing about them: the intent, then the effect, then what came of it.

use crate::rotate::credential::Probed;
use crate::rotate::step::{Action, Step};
use crate::rotate::trouble::{Trouble, TroubleKind};
use crate::store::{Direction, EffectNote, Outcome, RotationRecord, Values};

use super::lease::FRESH;
use super::{Ending, Engine, Go, Tries, is_open, record_of};

impl Engine<'_> {
    /// An effect at the credential's source.
    pub(super) fn effect(&mut self, step: &Step) -> Go {
        self.begins(step);
        let mut tries = Tries::default();
        loop {
            if self.settle_within(step, &mut tries)? {
                return Ok(());
            }
            self.intend(step, &Values::new(), &mut tries)?;
            let outcome = self.credential.run(step, record_of(self.record.as_ref()));
            match outcome {
                Ok(evidence) => return self.applied(step, &evidence),
                Err(trouble) => self.failed(step, &trouble, &mut tries)?,
            }
            if self.has_turned(step) {
                return Ok(());
            }
        }
    }

    /// The source makes the values. What is in doubt is done again.
    pub(super) fn issue(&mut self, step: &Step) -> Go {
        self.begins(step);
        let mut tries = Tries::default();
        loop {
            self.intend(step, &Values::new(), &mut tries)?;
            match self.credential.issue(step, record_of(self.record.as_ref())) {
                Ok(created) => {
                    let mut next = self.record().clone();
                    created.put_into(&mut next);
                    self.record = Some(next);
                    return self.applied(step, "made, and in the journal");
                }
                Err(trouble) => self.failed(step, &trouble, &mut tries)?,
            }
            if self.has_turned(step) {
                return Ok(());
            }
        }
    }

    /// The consumers get the values of a deploy. Doing it again is the probe.
    pub(super) fn deploy(&mut self, step: &Step, number: usize) -> Go {
        self.begins(step);
        let Some(values) = self.record().deploys.get(number).cloned() else {
            return Err(
                self.hold(Trouble::held(format_args!("the journal has no values for step {}", step.name)))
            );
        };
        let secrets = self.record().changed().into_iter().cloned().collect();
        let mut tries = Tries::default();
        loop {
            let changes = self.record().changes_of(&values);
            self.intend(step, &changes, &mut tries)?;
            match self.outside.deployer.deploy(&secrets) {
                Ok(evidence) => return self.applied(step, &evidence),
                Err(trouble) => self.failed(step, &trouble, &mut tries)?,
            }
            if self.has_turned(step) {
                return Ok(());
            }
        }
    }

    /// Settles what an earlier try of this step has left in doubt.
    pub(super) fn settle(&mut self, step: &Step) -> Go {
        self.settle_within(step, &mut Tries::default()).map(drop)
    }

    /// The same; whether the step is done.
    fn settle_within(&mut self, step: &Step, tries: &mut Tries) -> Result<bool, Ending> {
        loop {
            if !self.record().effects.last().is_some_and(|note| is_open(note) && note.step == step.name) {
                return Ok(false);
            }
            match self.credential.probe(step, record_of(self.record.as_ref())) {
                Ok(Probed::Applied(evidence)) => return self.applied(step, &evidence).map(|()| true),
                Ok(Probed::NotApplied) => {
                    self.note(Outcome::Rejected, "a probe saw that it was not done");
                    return Ok(false);
                }
                Ok(Probed::Changed(what)) => {
                    let trouble =
                        Trouble::held(format_args!("{}: somebody else has changed it: {what}", step.shown));
                    return Err(self.hold(trouble));
                }
                Err(trouble) => match trouble.kind {
                    TroubleKind::Unavailable | TroubleKind::InDoubt => {
                        self.again(step, &trouble, tries, true)?;
                    }
                    TroubleKind::Rejected | TroubleKind::Held => {
                        self.ended(step, Err(&trouble));
                        return Err(self.hold(trouble));
                    }
                },
            }
        }
    }

    /// Writes that a step is about to be tried, with what the secrets are from now on: to the store's home too, since
    /// another machine that takes it up or back from there must know of everything that may have been done.
    pub(super) fn intend(&mut self, step: &Step, values: &Values, tries: &mut Tries) -> Go {
        loop {
            let mut next = RotationRecord { state: self.state_between(), ..self.record().clone() };
            let intended = self.outside.watch.now();
            let note = EffectNote {
                step: step.name.to_owned(),
                intended,
                outcome: Outcome::Intended,
                evidence: None,
                settled: None,
            };
            match next.effects.last_mut() {
                // A try that has changed nothing gives way to the next one.
                Some(last) if last.step == step.name && last.outcome != Outcome::Applied => *last = note,
                _ => next.effects.push(note),
            }
            let began = self.outside.watch.passed();
            match self.write(next, values, true) {
                // Others may take it for given up from here on.
                Ok(()) if self.outside.watch.passed().saturating_sub(began) > FRESH => {
                    let late =
                        Trouble::unavailable("it took too long to write down what is about to be done");
                    self.again(step, &late, tries, true)?;
                }
                Err(Ending::Left(trouble)) if trouble.kind == TroubleKind::Unavailable => {
                    self.again(step, &trouble, tries, true)?;
                }
                written => return written,
            }
        }
    }

    /// A step is done.
    pub(super) fn applied(&mut self, step: &Step, evidence: &str) -> Go {
        let is_noted =
            self.record().effects.last().is_some_and(|note| is_open(note) && note.step == step.name);
        if is_noted {
            self.note(Outcome::Applied, evidence);
        }
        let mut next = self.record().clone();
        next.done += 1;
        next.attempts = 0;
        next.not_before = None;
        if !step.then.is_end() {
            next.state = step.then;
        }
        if next.direction == Direction::Forward {
            next.reason = None;
        }
        if next.done == self.steps().len() {
            // The last write of all says this too.
            self.record = Some(next);
            self.ended(step, Ok(evidence));
            return Ok(());
        }
        // What only the source could make has to be where nobody loses it before it is used.
        let everywhere = matches!(step.action, Action::Issue | Action::Ask);
        let written = self.write(next, &Values::new(), everywhere);
        self.ended(step, Ok(evidence));
        written
    }

    /// An effect has failed: goes on if it may be tried again or has turned back.
    fn failed(&mut self, step: &Step, trouble: &Trouble, tries: &mut Tries) -> Go {
        match trouble.kind {
            TroubleKind::Rejected => {
                self.note(Outcome::Rejected, &trouble.message);
                self.ended(step, Err(trouble));
                self.refused(step, trouble)
            }
            TroubleKind::Unavailable => {
                self.note(Outcome::Rejected, &trouble.message);
                self.again(step, trouble, tries, true)
            }
            TroubleKind::InDoubt => {
                self.note(Outcome::Unknown, &trouble.message);
                // A probe may have the answer at once; what is done again instead waits.
                self.again(step, trouble, tries, step.action != Action::Effect)
            }
            TroubleKind::Held => {
                self.note(Outcome::Unknown, &trouble.message);
                self.ended(step, Err(trouble));
                Err(self.hold(trouble.clone()))
            }
        }
    }

    /// A definite failure: back to where it began, if that is possible still.
    pub(super) fn refused(&mut self, step: &Step, trouble: &Trouble) -> Go {
        let is_back = matches!(self.record().direction, Direction::Back { .. });
        if is_back || self.is_final() {
            return Err(self.hold(trouble.clone()));
        }
        let begun = self.record().done + usize::from(self.is_begun(step));
        self.turn(begun, &format!("{}: {}", step.shown, trouble.message))
    }

    /// Whether the step under way may have changed something.
    pub(super) fn is_begun(&self, step: &Step) -> bool {
        let last = self.record().effects.last().filter(|note| note.step == step.name);
        match step.action {
            Action::Effect => last.is_some_and(is_open),
            // Of a deploy that has failed everywhere the store has the new values all the same.
            Action::Issue | Action::Deploy(_) => last.is_some_and(|note| note.outcome != Outcome::Applied),
            Action::Prove | Action::Ask | Action::Wait(_) => false,
        }
    }

    /// Whether the way is another since the step was begun.
    fn has_turned(&self, step: &Step) -> bool {
        self.steps().get(self.record().done).is_none_or(|now| now.name != step.name)
    }

    /// Says of the last effect what came of it; written with what comes next.
    fn note(&mut self, outcome: Outcome, evidence: &str) {
        let now = self.outside.watch.now();
        if let Some(note) = self.record.as_mut().and_then(|record| record.effects.last_mut()) {
            note.outcome = outcome;
            note.evidence = Some(evidence.to_owned());
            note.settled = Some(now).filter(|_| outcome != Outcome::Unknown);
        }
    }

    pub(super) fn begins(&mut self, step: &Step) {
        self.outside.seen.begins(step, record_of(self.record.as_ref()));
    }

    pub(super) fn ended(&mut self, step: &Step, outcome: Result<&str, &Trouble>) {
        self.outside.seen.ended(step, record_of(self.record.as_ref()), outcome);
    }
}
