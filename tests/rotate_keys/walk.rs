//! Walks the steps of a credential as the engine does, without a store: what the consumers have is a map.

use luca_secrets::name::SecretName;
use luca_secrets::rotate::{Action, Credential, Probed, Quiet, Step, Trouble, TroubleKind};
use luca_secrets::schema::{self, Entry, RotationKind, Schema};
use luca_secrets::secret::SecretValue;
use luca_secrets::store::{Direction, RotationRecord, State, Values};
use luca_secrets::sys::OsRandom;

/// The rotation's name in every test.
pub const ID: &str = "01JTESTROTATION00000000000";

pub fn name(text: &str) -> SecretName {
    SecretName::parse(text).unwrap()
}

pub fn value(text: &str) -> SecretValue {
    SecretValue::new(text.to_owned())
}

pub fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, text)| (name(key), Some(value(text)))).collect()
}

/// The text of one of some values.
pub fn text(values: &Values, key: &str) -> String {
    values.get(&name(key)).cloned().flatten().map_or_else(String::new, |value| value.expose().to_owned())
}

pub fn parsed(text: &str) -> Schema {
    schema::parse(&[("schema.toml".into(), text.to_owned())]).unwrap()
}

/// What the schema says of a secret, and of its rotation.
pub fn declared(schema: &Schema, secret: &str) -> (Entry, RotationKind) {
    let entry = schema.secrets[&name(secret)].clone();
    let kind = entry.rotate.clone().unwrap().with;
    (entry, kind)
}

/// One rotation under way.
pub struct Walk {
    pub record: RotationRecord,
    /// What the consumers have.
    pub deployed: Values,
}

impl Walk {
    /// Looks, and makes the new values.
    pub fn begin(credential: &mut dyn Credential, current: &Values) -> Result<Self, Trouble> {
        credential.preflight(current)?;
        Self::begin_unseen(credential, current)
    }

    /// Makes the new values without having looked.
    pub fn begin_unseen(credential: &mut dyn Credential, current: &Values) -> Result<Self, Trouble> {
        let created = credential.create(current, ID, &mut OsRandom)?;
        let mut walk = Self { record: record(current), deployed: current.clone() };
        created.put_into(&mut walk.record);
        Ok(walk)
    }

    /// Does one step; an effect in doubt is settled by a probe.
    pub fn step(&mut self, credential: &mut dyn Credential, step: &Step) -> Result<String, Trouble> {
        self.answer(credential, step, &[])
    }

    /// The same, with a person's answers.
    pub fn answer(
        &mut self,
        credential: &mut dyn Credential,
        step: &Step,
        answers: &[&str],
    ) -> Result<String, Trouble> {
        let done = match &step.action {
            Action::Effect => self.effect(credential, step)?,
            Action::Prove => credential.prove(step, &self.record)?,
            Action::Issue => {
                let created = credential.issue(step, &self.record)?;
                created.put_into(&mut self.record);
                String::new()
            }
            Action::Ask => {
                let question = credential.question(step, &self.record)?;
                assert_eq!(question.fields.len(), answers.len(), "{}", step.name);
                let answers = answers.iter().map(|answer| value(answer)).collect();
                let created = credential.answered(step, &self.record, answers)?;
                created.put_into(&mut self.record);
                question.lines.join("\n")
            }
            Action::Deploy(number) => {
                self.deployed.extend(self.record.deploys[*number].clone());
                String::new()
            }
            Action::Wait(_) => match credential.quiet(step, &self.record)? {
                Quiet::Yes(seen) => seen,
                Quiet::NotYet(reason) => return Err(Trouble::unavailable(reason)),
            },
        };
        self.record.done += 1;
        self.record.state = step.then;
        Ok(done)
    }

    /// The same, for the step of that name.
    pub fn give(
        &mut self,
        credential: &mut dyn Credential,
        name: &str,
        answers: &[&str],
    ) -> Result<String, Trouble> {
        let step = Self::named(credential, name);
        self.answer(credential, &step, answers)
    }

    fn effect(&self, credential: &mut dyn Credential, step: &Step) -> Result<String, Trouble> {
        match credential.run(step, &self.record) {
            Err(trouble) if trouble.kind == TroubleKind::InDoubt => {
                match credential.probe(step, &self.record)? {
                    Probed::Applied(seen) => Ok(seen),
                    Probed::NotApplied => credential.run(step, &self.record),
                    Probed::Changed(what) => Err(Trouble::held(what)),
                }
            }
            outcome => outcome,
        }
    }

    /// Goes forward up to the step of that name and through it.
    pub fn until(&mut self, credential: &mut dyn Credential, last: &str) -> Result<String, Trouble> {
        loop {
            let step = credential.steps()[self.record.done].clone();
            let shown = self.step(credential, &step)?;
            if step.name == last {
                return Ok(shown);
            }
        }
    }

    /// Goes all the way.
    pub fn finish(&mut self, credential: &mut dyn Credential) -> Result<(), Trouble> {
        let last = credential.steps().last().unwrap().name;
        self.until(credential, last).map(drop)
    }

    /// Goes back, from so many begun steps.
    pub fn undo(&mut self, credential: &mut dyn Credential, begun: usize) -> Result<(), Trouble> {
        self.record.direction = Direction::Back { begun };
        self.record.done = 0;
        for step in credential.undo_steps(begun) {
            self.step(credential, &step)?;
        }
        assert_eq!(self.record.state, State::Undone);
        Ok(())
    }

    /// The step of that name.
    pub fn named(credential: &dyn Credential, name: &str) -> Step {
        credential.steps().into_iter().find(|step| step.name == name).unwrap()
    }
}

fn record(current: &Values) -> RotationRecord {
    RotationRecord {
        state: State::Staged,
        ..RotationRecord::new(
            ID.to_owned(),
            String::new(),
            "tester@machine".to_owned(),
            jiff::Timestamp::now(),
            1,
            current.clone(),
        )
    }
}

/// Asserts what a trouble says, and that none of some values is in it.
#[track_caller]
pub fn assert_trouble(outcome: Result<impl Sized, Trouble>, kind: TroubleKind, part: &str, values: &[&str]) {
    let Err(trouble) = outcome else { panic!("no trouble, and wanted: {part}") };
    assert_eq!(trouble.kind, kind, "{trouble}");
    assert!(trouble.message.contains(part), "{trouble}");
    for value in values {
        let all = format!("{} {:?}", trouble.message, trouble.hint);
        assert!(!all.contains(value), "{all}");
    }
}
