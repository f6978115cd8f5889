//! The steps of every credential that a person makes.

use std::time::Duration;

use crate::name::SecretName;
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::Random;

use super::super::credential::{Answer, Asked, Created, Credential, Field, Probed, Question, Quiet};
use super::super::step::{Action, Step};
use super::super::trouble::Trouble;
use super::issuer::{Issuer, ProofTime};

/// How many forward steps come before the deploy, with it.
const DEPLOYED: usize = 3;

// The deploys, by their places. The last two are for programs that accept the credential before beside the new one.

/// The new one, and beside it the one before.
const NEW: usize = 0;
/// The one before, and beside it the new one.
const BACK: usize = 1;
/// The new one alone.
const ONLY_NEW: usize = 2;
/// All as it was before.
const AS_BEFORE: usize = 3;

/// A credential that a person makes and ends.
pub struct Assisted<I> {
    issuer: I,
    grace: Duration,
}

impl<I: Issuer> Assisted<I> {
    /// The credential of an issuer. The old one stays at least for `grace`.
    pub const fn new(issuer: I, grace: Duration) -> Self {
        Self { issuer, grace }
    }

    fn step(&self, name: &'static str, shown: &str, action: Action, then: State) -> Step {
        Step { name, shown: shown.replace("KEY", self.issuer.noun()), action, then, is_final: false }
    }

    fn values(&self, from: &Values) -> Values {
        let names = self.secrets().into_iter();
        names.map(|name| (name.clone(), from.get(&name).cloned().flatten())).collect()
    }

    fn created(&self, current: &Values, mut new: Values) -> Created {
        let before = self.values(current);
        let companion = self.issuer.companion().zip(self.issuer.fields().into_iter().next());
        let deploys = match companion {
            None => vec![new.clone(), before],
            Some((companion, (name, _))) => {
                let beside = |values: &Values, other: &Values| -> Values {
                    let other = other.get(&name).cloned().flatten();
                    values.clone().into_iter().chain([(companion.clone(), other)]).collect()
                };
                let both = [beside(&new, &before), beside(&before, &new)];
                new.insert(companion.clone(), None);
                both.into_iter().chain([new.clone(), before]).collect()
            }
        };
        Created { pending: new, deploys, material: Material::new() }
    }

    /// What comes once nobody sends anything for the credential before: the programs forget it.
    fn forget(&self) -> Vec<Step> {
        let shown = "take the old KEY away from the programs";
        let drop = self.step("drop", shown, Action::Deploy(ONLY_NEW), State::Done);
        if self.issuer.proof_time() == ProofTime::Never {
            return vec![drop];
        }
        let gone = self.step("gone", "prove that the old KEY is refused", Action::Prove, State::Done);
        vec![Step { then: State::Retiring, ..drop }, gone]
    }

    /// What was given, as values, if it can be anything new.
    fn given(&self, current: &Values, answers: Vec<SecretValue>) -> Result<Values, Trouble> {
        let noun = self.issuer.noun();
        let fields = self.issuer.fields();
        let mut new = Values::new();
        for ((name, label), answer) in fields.into_iter().zip(answers) {
            let text = answer.expose().trim();
            if text.is_empty() {
                return Err(Trouble::rejected(format!("no {label} was given")));
            }
            if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
                return Err(Trouble::rejected(format!(
                    "what was given as {label} has spaces or line ends in it"
                )));
            }
            new.insert(name, Some(SecretValue::new(text.to_owned())));
        }
        if new.len() != self.issuer.fields().len() {
            return Err(Trouble::rejected(format!("the {noun} was not given whole")));
        }
        if new.iter().any(|(name, value)| current.get(name) == Some(value)) {
            let message = format!("that is the {noun} that the store has already");
            return Err(Trouble::rejected(message).hint("make a new one on the page, and paste that"));
        }
        self.issuer.form(current, &new)?;
        Ok(new)
    }

    /// That a credential is refused now.
    fn is_dead(&mut self, values: &Values, which: &str) -> Result<(), Trouble> {
        let noun = self.issuer.noun();
        match self.issuer.accepts(values)? {
            Answer::Refused | Answer::None => Ok(()),
            Answer::Accepted => {
                let hint = if self.is_proven() {
                    "delete it on the page; it can take a minute until that is in force"
                } else {
                    "the programs may have to be started anew to forget it"
                };
                Err(Trouble::rejected(format!("the {noun} from {which} is still accepted")).hint(hint))
            }
            Answer::Unknown => Err(Trouble::unavailable(format!(
                "nobody could say whether the {noun} from {which} is accepted"
            ))),
        }
    }

    fn is_alive(&mut self, values: &Values, which: &str) -> Result<(), Trouble> {
        let noun = self.issuer.noun();
        match self.issuer.accepts(values)? {
            Answer::Accepted => Ok(()),
            Answer::Refused | Answer::None => {
                Err(Trouble::held(format!("the {noun} from {which} is refused")))
            }
            Answer::Unknown => Err(Trouble::unavailable(format!(
                "nobody could say whether the {noun} from {which} is accepted"
            ))),
        }
    }

    fn is_proven(&self) -> bool {
        self.issuer.proof_time() == ProofTime::AtOnce
    }

    fn has_pending(&self, record: &RotationRecord) -> bool {
        self.issuer.fields().iter().all(|(name, _)| record.pending(name).is_some())
    }
}

impl<I: Issuer> Credential for Assisted<I> {
    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![
            self.step("paste", "ask for the new KEY", Action::Ask, State::Granted),
            self.step("test", "prove that it works", Action::Prove, State::Proven),
            self.step("deploy", "give it to the programs", Action::Deploy(NEW), State::Rolled),
        ];
        match self.issuer.proof_time() {
            ProofTime::AtOnce => {}
            // Only the programs can tell, and they have it after the deploy.
            ProofTime::Deployed => {
                steps.swap(1, 2);
                steps[2].then = State::Rolled;
            }
            ProofTime::Never => drop(steps.remove(1)),
        }
        steps.push(self.step("wait", "keep the old KEY for a while", Action::Wait(self.grace), State::Grace));
        let delete = self.step("delete", "ask for the end of the old KEY", Action::Ask, State::Retiring);
        if self.is_proven() {
            steps.push(delete);
            let gone = self.step("gone", "prove that the old KEY is refused", Action::Prove, State::Done);
            steps.push(Step { is_final: true, ..gone });
        } else {
            // Nobody can tell later whether it was ended.
            let forget = if self.issuer.companion().is_some() { self.forget() } else { Vec::new() };
            let then = if forget.is_empty() { State::Done } else { State::Retiring };
            steps.push(Step { is_final: true, then, ..delete });
            steps.extend(forget);
        }
        steps
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let proven = self.is_proven();
        // What a person may have ended already must not go back to the programs.
        if proven {
            steps.push(self.step("old-works", "prove that the old KEY works", Action::Prove, State::Undoing));
        }
        let deploy = self.steps().iter().position(|step| matches!(step.action, Action::Deploy(_)));
        let is_deployed = begun > deploy.unwrap_or(DEPLOYED);
        if is_deployed {
            let shown = "give the old KEY to the programs";
            steps.push(self.step("deploy-back", shown, Action::Deploy(BACK), State::Undoing));
        }
        let forgets = is_deployed && self.issuer.companion().is_some();
        let then = if proven || forgets { State::Undoing } else { State::Undone };
        steps.push(self.step("delete-new", "ask for the end of the new KEY", Action::Ask, then));
        if forgets {
            let shown = "take the new KEY away from the programs";
            steps.push(self.step("drop-back", shown, Action::Deploy(AS_BEFORE), State::Undone));
        }
        if proven {
            steps.push(self.step("still", "prove that the old KEY works", Action::Prove, State::Undone));
        }
        steps
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let noun = self.issuer.noun();
        if let Some((name, _)) =
            self.issuer.fields().iter().find(|(name, _)| current.get(name).cloned().flatten().is_none())
        {
            return Err(Trouble::held(format!("{name} is not set, so that there is nothing to replace"))
                .hint(format!("`luca-secrets set {name}` takes the first one")));
        }
        if let Some(name) =
            self.issuer.companion().filter(|name| current.get(*name).cloned().flatten().is_some())
        {
            let message = format!("{name} is set, so that programs accept a further {noun} already");
            return Err(Trouble::held(message)
                .hint(format!("once nothing is signed with that, `luca-secrets rm {name}`, and push")));
        }
        if !self.is_proven() {
            return Ok(vec![format!("nobody can be asked about the {noun}: a person answers for it")]);
        }
        match self.issuer.accepts(current)? {
            Answer::Accepted => {}
            Answer::Refused | Answer::None => {
                return Err(Trouble::held(format!("the {noun} that the store has is refused"))
                    .hint("if it was ended already, put the new one in with `luca-secrets set`, and push"));
            }
            Answer::Unknown => {
                return Err(Trouble::unavailable(format!("nobody could say whether the {noun} is accepted")));
            }
        }
        Ok(vec![self.issuer.proof(current, current)?])
    }

    fn create(&mut self, _: &Values, _: &str, _: &mut dyn Random) -> Result<Created, Trouble> {
        Ok(Created { pending: Values::new(), deploys: Vec::new(), material: Material::new() })
    }

    fn secrets(&self) -> Vec<SecretName> {
        let fields = self.issuer.fields().into_iter().map(|(name, _)| name);
        fields.chain(self.issuer.companion().cloned()).collect()
    }

    fn run(&mut self, _: &Step, _: &RotationRecord) -> Result<String, Trouble> {
        Err(Trouble::held("nothing is to be done here but by a person"))
    }

    fn probe(&mut self, _: &Step, _: &RotationRecord) -> Result<Probed, Trouble> {
        Ok(Probed::NotApplied)
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        match step.name {
            "test" => self.issuer.proof(&record.current, &record.pending),
            "old-works" => {
                self.is_alive(&record.current, "before")?;
                Ok("the old one is accepted".to_owned())
            }
            "still" => {
                self.is_alive(&record.current, "before")?;
                if self.has_pending(record) {
                    self.is_dead(&record.pending, "this rotation")?;
                }
                Ok("the old one is accepted".to_owned())
            }
            _ => {
                self.is_alive(&record.pending, "this rotation")?;
                self.is_dead(&record.current, "before").map_err(later)?;
                Ok("the old one is refused, and the new one accepted".to_owned())
            }
        }
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        let current = self.issuer.accepts(&record.current)?;
        let pending =
            if self.has_pending(record) { self.issuer.accepts(&record.pending)? } else { Answer::None };
        Ok(Asked { current, pending })
    }

    fn quiet(&mut self, _: &Step, _: &RotationRecord) -> Result<Quiet, Trouble> {
        Ok(Quiet::Yes("the time has passed".to_owned()))
    }

    fn question(&mut self, step: &Step, _: &RotationRecord) -> Result<Question, Trouble> {
        let (noun, url) = (self.issuer.noun(), self.issuer.url().map(str::to_owned));
        let (first, how, fields) = match step.name {
            "paste" => {
                let field =
                    |(_, label): (SecretName, &str)| Field { label: label.to_owned(), is_hidden: true };
                let fields = self.issuer.fields().into_iter().map(field).collect();
                (
                    format!("make a new {noun}, and leave the old one as it is:"),
                    self.issuer.how_to_make(),
                    fields,
                )
            }
            "delete" => (
                format!("end the {noun} from before; the new one stays:"),
                self.issuer.how_to_end(),
                Vec::new(),
            ),
            _ => (
                format!("if a {noun} was made for this rotation, end it; the one from before stays:"),
                self.issuer.how_to_end(),
                Vec::new(),
            ),
        };
        Ok(Question { lines: std::iter::once(first).chain(how).collect(), url, fields })
    }

    fn answered(
        &mut self,
        step: &Step,
        record: &RotationRecord,
        answers: Vec<SecretValue>,
    ) -> Result<Created, Trouble> {
        let proven = self.is_proven();
        match step.name {
            "paste" => {
                let new = self.given(&record.current, answers)?;
                if proven {
                    self.issuer.proof(&record.current, &new)?;
                }
                return Ok(self.created(&record.current, new));
            }
            "delete" if proven => {
                // Whoever ended the wrong one of the two hears it before anything worse happens.
                self.is_alive(&record.pending, "this rotation")?;
                self.is_dead(&record.current, "before")?;
            }
            "delete-new" if proven => {
                self.is_alive(&record.current, "before")?;
                if self.has_pending(record) {
                    self.is_dead(&record.pending, "this rotation")?;
                }
            }
            _ => {}
        }
        let material = record.material.clone();
        Ok(Created { pending: record.pending.clone(), deploys: record.deploys.clone(), material })
    }
}

/// What is not in force yet will be.
fn later(trouble: Trouble) -> Trouble {
    match trouble.kind {
        super::super::TroubleKind::Rejected => {
            Trouble { kind: super::super::TroubleKind::Unavailable, ..trouble }
        }
        _ => trouble,
    }
}
