//! Four kinds of credentials as a model: two valid at once, one only, one that a person makes, one that the source makes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::world::World;
use crate::name::SecretName;
use crate::rotate::credential::{Answer, Asked, Created, Credential, Field, Probed, Question, Quiet};
use crate::rotate::step::{Action, Step};
use crate::rotate::trouble::Trouble;
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::Random;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dual,
    Single,
    Asked,
    Issued,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Dual, Self::Single, Self::Asked, Self::Issued];

    /// Whether two values can be valid at once, so that nobody is ever refused.
    pub(super) const fn is_dual(self) -> bool {
        !matches!(self, Self::Single)
    }

    pub(super) const fn waits(self) -> bool {
        matches!(self, Self::Dual | Self::Issued)
    }
}

pub(super) fn name() -> SecretName {
    SecretName::parse("database.password").unwrap()
}

pub(super) struct Model {
    world: World,
    kind: Kind,
}

impl Model {
    pub(super) fn new(world: &World, kind: Kind) -> Self {
        Self { world: world.clone(), kind }
    }
}

fn created(new: &str) -> Created {
    let values = |value: &str| Values::from([(name(), Some(SecretValue::new(value.to_owned())))]);
    let material = Material::from([("mark".to_owned(), SecretValue::new(format!("mark of {new}")))]);
    Created { pending: values(new), deploys: vec![values(new), values("old")], material }
}

fn step(name: &'static str, action: Action, then: State, is_final: bool) -> Step {
    Step { name, shown: name.to_owned(), action, then, is_final }
}

fn value(record: &RotationRecord, pending: bool) -> String {
    let value = if pending { record.pending(&name()) } else { record.current(&name()) };
    value.map(|value| value.expose().to_owned()).unwrap_or_default()
}

/// A day.
const GRACE: Duration = Duration::from_hours(24);

impl Credential for Model {
    fn steps(&self) -> Vec<Step> {
        let prove = step("prove", Action::Prove, State::Proven, false);
        let deploy = step("deploy", Action::Deploy(0), State::Rolled, false);
        let wait = step("wait", Action::Wait(GRACE), State::Grace, false);
        let retire = step("retire", Action::Effect, State::Retiring, true);
        let gone = step("gone", Action::Prove, State::Done, false);
        match self.kind {
            Kind::Dual => {
                vec![step("grant", Action::Effect, State::Granted, false), prove, deploy, wait, retire, gone]
            }
            Kind::Single => vec![step("alter", Action::Effect, State::Swap, false), prove, deploy],
            Kind::Asked => {
                let paste = step("paste", Action::Ask, State::Granted, false);
                vec![paste, prove, deploy, step("delete", Action::Ask, State::Retiring, true), gone]
            }
            Kind::Issued => {
                vec![step("issue", Action::Issue, State::Granted, false), prove, deploy, wait, retire, gone]
            }
        }
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let names: Vec<&str> = self.steps().iter().take(begun).map(|step| step.name).collect();
        let mut steps = Vec::new();
        if self.kind == Kind::Single {
            steps.push(step("alter-back", Action::Effect, State::Undoing, false));
        }
        if names.contains(&"deploy") {
            steps.push(step("deploy-old", Action::Deploy(1), State::Undoing, false));
        }
        if self.kind != Kind::Single {
            steps.push(step("revoke", Action::Effect, State::Undoing, false));
        }
        steps.push(step("old", Action::Prove, State::Undoing, false));
        steps
    }

    fn preflight(&mut self, _: &Values) -> Result<Vec<String>, Trouble> {
        if self.world.accepts("old")? { Ok(Vec::new()) } else { Err(Trouble::rejected("refused")) }
    }

    fn create(&mut self, _: &Values, _: &str, _: &mut dyn Random) -> Result<Created, Trouble> {
        if matches!(self.kind, Kind::Asked | Kind::Issued) {
            return Ok(Created { pending: Values::new(), deploys: Vec::new(), material: Material::new() });
        }
        Ok(created(&self.world.make()))
    }

    fn secrets(&self) -> Vec<SecretName> {
        vec![name()]
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let (new, old) = (value(record, true), value(record, false));
        match step.name {
            "grant" | "alter" => self.world.send(&new),
            "alter-back" => self.world.send(&old),
            _ => {}
        }
        let is_back = step.name == "revoke";
        match step.name {
            "grant" => self.world.effect(step, move |service| service.accepted.extend([new]))?,
            "alter" => self.world.effect(step, move |service| service.accepted = [new].into())?,
            "alter-back" => self.world.effect(step, move |service| service.accepted = [old].into())?,
            "retire" => self.world.effect(step, move |service| service.accepted.retain(|one| *one != old))?,
            "revoke" => self.world.effect(step, move |service| service.accepted.retain(|one| *one != new))?,
            other => panic!("no effect {other}"),
        }
        if is_back {
            self.world.drop_orphans();
        }
        Ok("done".to_owned())
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        let (new, old) = (value(record, true), value(record, false));
        let is_done = match step.name {
            "grant" | "alter" => self.world.accepts(&new)?,
            "alter-back" => self.world.accepts(&old)?,
            "retire" => !self.world.accepts(&old)?,
            "revoke" => !self.world.accepts(&new)?,
            other => panic!("no effect {other}"),
        };
        Ok(if is_done { Probed::Applied("seen".to_owned()) } else { Probed::NotApplied })
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let is_so = match step.name {
            "prove" => self.world.is_proven(&value(record, true))?,
            "old" => self.world.accepts("old")?,
            "gone" => !self.world.accepts(&value(record, false))?,
            other => panic!("no proof {other}"),
        };
        if is_so {
            Ok("seen".to_owned())
        } else {
            Err(Trouble::rejected(format_args!("{} is refused", step.name)))
        }
    }

    fn standing(&mut self, _: &RotationRecord) -> Result<Asked, Trouble> {
        Ok(Asked { current: Answer::Unknown, pending: Answer::Unknown })
    }

    fn quiet(&mut self, _: &Step, _: &RotationRecord) -> Result<Quiet, Trouble> {
        self.world.accepts("old").map(|_| Quiet::Yes("nobody".to_owned()))
    }

    fn question(&mut self, step: &Step, _: &RotationRecord) -> Result<Question, Trouble> {
        let field = Field { label: "key".to_owned(), is_hidden: true };
        let fields = if step.name == "paste" { vec![field] } else { Vec::new() };
        Ok(Question { lines: Vec::new(), url: None, fields })
    }

    fn issue(&mut self, step: &Step, _: &RotationRecord) -> Result<Created, Trouble> {
        self.world.drop_orphans();
        let made = Rc::new(RefCell::new(String::new()));
        let kept = made.clone();
        // It is made where the request arrives, whoever hears of it.
        self.world.effect(step, move |service| *kept.borrow_mut() = service.make_here())?;
        Ok(created(&made.take()))
    }

    fn answered(
        &mut self,
        _: &Step,
        record: &RotationRecord,
        answers: Vec<SecretValue>,
    ) -> Result<Created, Trouble> {
        match answers.first() {
            Some(answer) if self.world.accepts(answer.expose())? => Ok(created(answer.expose())),
            Some(_) => Err(Trouble::rejected("the source refuses it")),
            None => Ok(Created {
                pending: record.pending.clone(),
                deploys: record.deploys.clone(),
                material: record.material.clone(),
            }),
        }
    }
}
