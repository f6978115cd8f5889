//! A rotation walked by hand, step by step, by the kind's own trait: what each step does is seen alone.

use luca_secrets::name::SecretName;
use luca_secrets::push::Surroundings;
use luca_secrets::rotate::{self, Action, Credential, Step, Trouble};
use luca_secrets::schema::{self, Schema};
use luca_secrets::secret::SecretValue;
use luca_secrets::store::{RotationRecord, Store, Unlocked, Values};
use luca_secrets::sys::{Disk, Environment, OpenGate, OsRandom};
use std::sync::Arc;

use crate::harness::{NOW, World, keys};

/// A credential of a world's schema, and the journal of its rotation.
pub struct ByHand<'w> {
    world: &'w World,
    pub name: SecretName,
    pub credential: Box<dyn Credential>,
    pub record: RotationRecord,
    /// Brings what the store has to the consumers.
    pub deploy: &'w dyn Fn(),
}

fn disk() -> Disk {
    Disk::new(Arc::new(OpenGate))
}

fn unlocked(world: &World) -> Unlocked {
    Store::at(world.path("secrets.enc")).unlock(&disk(), keys()).unwrap()
}

fn load(world: &World) -> Schema {
    schema::load(&disk(), &world.path("schemas")).unwrap_or_else(|error| panic!("{error}"))
}

/// The credential, made anew as another process would.
pub fn credential(world: &World, name: &SecretName) -> Box<dyn Credential> {
    let (schema, store, disk) = (load(world), unlocked(world), disk());
    let env = Environment::new(vec![("HOME".into(), world.home().into())]);
    let around = Surroundings { disk: &disk, env: &env, root: &world.folder(), ask: &|_| None };
    let made =
        rotate::credential(name, &rotate::World { schema: &schema, document: store.document(), around });
    made.unwrap_or_else(|trouble| panic!("{trouble}"))
}

impl<'w> ByHand<'w> {
    /// A rotation that has not begun.
    pub fn new(world: &'w World, name: &str, deploy: &'w dyn Fn()) -> Self {
        let name = SecretName::parse(name).unwrap();
        let credential = credential(world, &name);
        let store = unlocked(world);
        let current: Values = credential
            .secrets()
            .into_iter()
            .map(|name| (name.clone(), store.document().get(&name)))
            .collect();
        let record = RotationRecord::new(
            "01JDTEST0000000000000000000".to_owned(),
            "test".to_owned(),
            "tester@host".to_owned(),
            NOW.parse().unwrap(),
            1,
            current,
        );
        Self { world, name, credential, record, deploy }
    }

    /// Looks, and makes the new values.
    pub fn begin(&mut self) -> Vec<String> {
        let found =
            self.credential.preflight(&self.record.current).unwrap_or_else(|trouble| panic!("{trouble}"));
        let made = self.credential.create(&self.record.current, &self.record.id, &mut OsRandom);
        let made = made.unwrap_or_else(|trouble| panic!("{trouble}"));
        (self.record.pending, self.record.deploys, self.record.material) =
            (made.pending, made.deploys, made.material);
        found
    }

    /// Does one step; what was seen.
    pub fn step(&mut self, step: &Step) -> Result<String, Trouble> {
        // Each step could be another machine's.
        self.credential = credential(self.world, &self.name);
        match step.action {
            Action::Effect => self.credential.run(step, &self.record),
            Action::Prove => self.credential.prove(step, &self.record),
            Action::Wait(_) => self.credential.quiet(step, &self.record).map(|quiet| format!("{quiet:?}")),
            Action::Ask => self.credential.question(step, &self.record).map(|asked| asked.lines.join("; ")),
            Action::Issue => panic!("nothing here is issued"),
            Action::Deploy(number) => {
                self.commit(number);
                (self.deploy)();
                Ok("deployed".to_owned())
            }
        }
    }

    /// The same, where it must work.
    #[track_caller]
    pub fn stepped(&mut self, step: &Step) -> String {
        self.step(step).unwrap_or_else(|trouble| panic!("{}: {trouble}", step.name))
    }

    /// The forward step of that name.
    pub fn named(&self, name: &str) -> Step {
        self.credential.steps().into_iter().find(|step| step.name == name).unwrap()
    }

    /// Writes the values of a deploy into the store.
    fn commit(&self, number: usize) {
        for (name, value) in &self.record.deploys[number] {
            match value {
                Some(value) => {
                    self.world.run(&["set", "-q", name.as_str()]).stdin(value.expose()).success();
                }
                None => {
                    self.world.run(&["rm", "-q", "--yes", name.as_str()]).done();
                }
            }
        }
    }

    /// Every value that the rotation knows: none may be seen where it does not belong.
    pub fn values(&self) -> Vec<SecretValue> {
        let of = |values: &Values| values.values().flatten().cloned().collect::<Vec<_>>();
        let mut all: Vec<SecretValue> = of(&self.record.current);
        all.extend(of(&self.record.pending));
        all.extend(self.record.material.values().cloned());
        all
    }
}
