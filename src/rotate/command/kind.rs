//! The steps, by the program's verbs.

use std::path::PathBuf;
use std::time::Duration;

use crate::name::SecretName;
use crate::schema::{CommandRotation, Entry, Maker, generate};
use crate::secret::SecretValue;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::{Environment, OsRandom, Random};

use super::super::credential::{Answer, Asked, Created, Credential, Probed, Quiet};
use super::super::step::{Action, Step};
use super::super::trouble::Trouble;
use super::reply::Reply;
use super::request::{Request, Runner};

/// How long the old credential stays valid where the schema does not say.
const USUAL_GRACE: Duration = Duration::from_mins(10);

/// How often a wrong value is drawn before the source of randomness counts as broken.
const DRAWS: usize = 8;

/// How long it takes to stop a program.
const STOPPING: Duration = Duration::from_secs(30);

/// A credential that a program replaces.
pub struct Command {
    secret: SecretName,
    entry: Entry,
    settings: CommandRotation,
    grace: Duration,
    runner: Runner,
}

impl Command {
    /// The credential of a secret. `root` is the project's folder.
    pub fn new(
        secret: SecretName,
        entry: Entry,
        settings: CommandRotation,
        grace: Option<Duration>,
        root: PathBuf,
        env: &Environment,
    ) -> Self {
        let runner = Runner::new(settings.run.clone(), root, settings.within, env);
        Self { secret, entry, settings, grace: grace.unwrap_or(USUAL_GRACE), runner }
    }

    fn step(&self, name: &'static str, shown: &str, action: Action, then: State) -> Step {
        Step { name, shown: format!("{shown} ({})", self.runner.label()), action, then, is_final: false }
    }

    fn ask(&self, verb: &str, record: &RotationRecord, changes: bool) -> Result<Reply, Trouble> {
        self.ask_about(verb, record, &record.pending, changes)
    }

    fn ask_about(
        &self,
        verb: &str,
        record: &RotationRecord,
        new: &Values,
        changes: bool,
    ) -> Result<Reply, Trouble> {
        let request = Request {
            verb,
            id: &record.id,
            secret: self.secret.as_str(),
            current: &record.current,
            new,
            keep: &record.material,
        };
        self.runner.ask(&request, changes)
    }

    /// What the source accepts of the current credential and of a new one.
    fn accepted(&self, record: &RotationRecord, new: &Values) -> Result<(Answer, Answer), Trouble> {
        let reply = self.ask_about("probe", record, new, false)?;
        reply.accepted.ok_or_else(|| self.broken("probe", "its reply does not say what is `accepted`"))
    }

    fn broken(&self, verb: &str, what: &str) -> Trouble {
        Trouble::held(format!("{} ({verb}): {what}", self.runner.label()))
            .hint("the contract of such programs stands in the README, below \"Rotate\"")
    }

    /// A value like the new one that nobody has.
    fn wrong(&self, record: &RotationRecord) -> Result<Values, Trouble> {
        let pending = record.pending(&self.secret);
        let taken = [record.current(&self.secret), pending];
        for _ in 0..DRAWS {
            let drawn = match generate(&self.secret, &self.entry, &mut OsRandom) {
                Ok(value) => value,
                Err(_) => shuffled(pending, &mut OsRandom)?,
            };
            if !taken.contains(&Some(&drawn)) {
                let mut wrong = record.pending.clone();
                wrong.insert(self.secret.clone(), Some(drawn));
                return Ok(wrong);
            }
        }
        Err(Trouble::unavailable("the system gives no randomness"))
    }

    /// The new values that a reply brings, which must be those that the schema names, and each another than before.
    fn brought(&self, reply: Reply, current: &Values, verb: &str) -> Result<Created, Trouble> {
        let mut pending = self.changed(current);
        for (name, value) in reply.new {
            let known = SecretName::parse(&name).ok().filter(|name| self.changes().any(|own| own == name));
            let Some(name) = known else {
                return Err(self.broken(verb, "its reply names a secret that this rotation does not change"));
            };
            pending.insert(name, Some(value));
        }
        let old = current.get(&self.secret);
        if pending.get(&self.secret) == old || pending.get(&self.secret).is_none_or(Option::is_none) {
            return Err(self.broken(verb, "its reply brings no new value"));
        }
        Ok(self.created(pending, current, reply.keep.into_iter().collect()))
    }

    fn created(&self, pending: Values, current: &Values, material: Material) -> Created {
        let deploys = vec![pending.clone(), self.changed(current)];
        Created { pending, deploys, material }
    }

    /// The secrets that it changes, of these values.
    fn changed(&self, values: &Values) -> Values {
        self.changes().map(|name| (name.clone(), values.get(name).cloned().flatten())).collect()
    }

    fn changes(&self) -> impl Iterator<Item = &SecretName> {
        std::iter::once(&self.secret).chain(&self.settings.also)
    }

    fn first_step(&self) -> Step {
        let valid = if self.settings.overlap { State::Granted } else { State::Swap };
        match self.settings.made_by {
            Maker::Source => self.step("create", "have the new credential made", Action::Issue, valid),
            Maker::Here | Maker::Program => {
                self.step("apply", "make the new credential valid", Action::Effect, valid)
            }
        }
    }

    /// That the new credential works, and that one that nobody made does not.
    fn test(&self, record: &RotationRecord) -> Result<String, Trouble> {
        let reply = self.ask("test", record, false)?;
        let (_, wrong) = self.accepted(record, &self.wrong(record)?)?;
        match wrong {
            Answer::Refused | Answer::None => {
                Ok(with(reply.evidence, "the new one works, and a wrong one is refused"))
            }
            Answer::Unknown => Err(Trouble::unavailable("nobody could say whether a wrong value is refused")),
            Answer::Accepted => Err(Trouble::rejected(
                "a wrong value is accepted too, so that nothing shows that the new one works",
            )),
        }
    }

    fn ended(&self, record: &RotationRecord) -> Result<String, Trouble> {
        match self.accepted(record, &record.pending)? {
            (Answer::Refused | Answer::None, Answer::Accepted) => {
                Ok("the old one is refused, and the new one works".to_owned())
            }
            (Answer::Accepted, _) => Err(Trouble::unavailable("the old one is still accepted")),
            (_, Answer::Refused | Answer::None) => Err(Trouble::held("the new one is refused")),
            _ => Err(Trouble::unavailable("nobody could say what is accepted")),
        }
    }

    fn still(&self, record: &RotationRecord) -> Result<String, Trouble> {
        match self.accepted(record, &record.pending)? {
            (Answer::Accepted, Answer::Refused | Answer::None) => {
                Ok("the old one works, and the new one is refused".to_owned())
            }
            (Answer::Accepted, Answer::Accepted) => {
                Err(Trouble::unavailable("the new one is still accepted"))
            }
            (Answer::Refused | Answer::None, _) => Err(Trouble::held("the old one is refused")),
            _ => Err(Trouble::unavailable("nobody could say what is accepted")),
        }
    }
}

impl Credential for Command {
    fn longest(&self) -> Duration {
        // It is stopped then, with all that it has started.
        self.runner.within() + STOPPING
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = vec![
            self.first_step(),
            self.step("test", "prove that it works", Action::Prove, self.first_step().then),
            Step {
                shown: "give it to the programs".to_owned(),
                ..self.step("deploy", "", Action::Deploy(0), State::Rolled)
            },
        ];
        if self.settings.overlap {
            steps[1].then = State::Proven;
            let shown = "keep the old one valid for a while".to_owned();
            steps.push(Step { shown, ..self.step("wait", "", Action::Wait(self.grace), State::Grace) });
        }
        let finish = self.step("finish", "end the old one", Action::Effect, State::Retiring);
        steps.push(Step { is_final: true, ..finish });
        steps.push(self.step("ended", "prove that the old one is refused", Action::Prove, State::Done));
        steps
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let back = Step {
            shown: "give the old one to the programs".to_owned(),
            ..self.step("deploy-back", "", Action::Deploy(1), State::Undoing)
        };
        let undo = self.step("undo", "end the new one", Action::Effect, State::Undoing);
        let is_deployed = begun > 2;
        // Where only one can be valid, the source comes first: it is the source that refuses the programs meanwhile.
        if self.settings.overlap {
            steps.extend(is_deployed.then_some(back));
            steps.push(undo);
        } else {
            steps.push(undo);
            steps.extend(is_deployed.then_some(back));
        }
        steps.push(self.step("still", "prove that the old one works", Action::Prove, State::Undone));
        steps
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let request = Request {
            verb: "probe",
            id: "",
            secret: self.secret.as_str(),
            current,
            new: &Values::new(),
            keep: &Material::new(),
        };
        let label = self.runner.label();
        match self.runner.ask(&request, false)?.accepted {
            Some((Answer::Accepted, _)) => Ok(vec![format!("{label}: the current credential is accepted")]),
            Some((Answer::Unknown, _)) => Err(Trouble::unavailable(format!(
                "{label}: nobody could say whether the current credential is accepted"
            ))),
            Some((Answer::Refused | Answer::None, _)) => {
                Err(Trouble::held(format!("{label}: the current credential is refused")))
            }
            None => Err(self.broken("probe", "its reply does not say what is `accepted`")),
        }
    }

    fn create(&mut self, current: &Values, id: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        match self.settings.made_by {
            Maker::Here => {
                let made = generate(&self.secret, &self.entry, random).map_err(Trouble::rejected)?;
                let mut pending = self.changed(current);
                pending.insert(self.secret.clone(), Some(made));
                Ok(self.created(pending, current, Material::new()))
            }
            Maker::Program => {
                let (new, keep) = (Values::new(), Material::new());
                let secret = self.secret.as_str();
                let request = Request { verb: "create", id, secret, current, new: &new, keep: &keep };
                let reply = self.runner.ask(&request, false)?;
                self.brought(reply, current, "create")
            }
            Maker::Source => {
                Ok(Created { pending: Values::new(), deploys: Vec::new(), material: Material::new() })
            }
        }
    }

    fn secrets(&self) -> Vec<SecretName> {
        self.changes().chain(&self.settings.reads).cloned().collect()
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let reply = self.ask(step.name, record, true)?;
        Ok(with(reply.evidence, "the program says that it is done"))
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        let (current, new) = self.accepted(record, &record.pending)?;
        let is_gone = |answer| matches!(answer, Answer::Refused | Answer::None);
        let unknown =
            || Err(Trouble::in_doubt(format!("{}: nobody could say what is accepted", self.runner.label())));
        let applied = |text: &str| Ok(Probed::Applied(text.to_owned()));
        match (step.name, current, new) {
            (_, old, new) if is_gone(old) && is_gone(new) => {
                Ok(Probed::Changed("neither the old one nor the new one is accepted".to_owned()))
            }
            ("apply", _, Answer::Accepted) => applied("the new one is accepted"),
            ("finish", old, _) if is_gone(old) => applied("the old one is refused"),
            ("undo", Answer::Accepted, new) if is_gone(new) => applied("the new one is refused"),
            ("apply", _, new) if is_gone(new) => Ok(Probed::NotApplied),
            ("finish", Answer::Accepted, _) | ("undo", _, Answer::Accepted) => Ok(Probed::NotApplied),
            _ => unknown(),
        }
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        match step.name {
            "test" => self.test(record),
            "still" => self.still(record),
            _ => self.ended(record),
        }
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        let (current, pending) = self.accepted(record, &record.pending)?;
        Ok(Asked { current, pending })
    }

    fn quiet(&mut self, _: &Step, _: &RotationRecord) -> Result<Quiet, Trouble> {
        Ok(Quiet::Yes("the time has passed".to_owned()))
    }

    fn issue(&mut self, _: &Step, record: &RotationRecord) -> Result<Created, Trouble> {
        let reply = self.ask("create", record, true)?;
        self.brought(reply, &record.current, "create")
    }
}

/// The program's own words, or ours where it has none.
fn with(evidence: String, ours: &str) -> String {
    if evidence.is_empty() { ours.to_owned() } else { evidence }
}

/// Letters and digits drawn anew, the rest as it is: of the same form, mostly.
fn shuffled(value: Option<&SecretValue>, random: &mut dyn Random) -> Result<SecretValue, Trouble> {
    let mut text = String::new();
    for character in value.map_or("", SecretValue::expose).chars() {
        let mut byte = [0];
        random.fill(&mut byte).map_err(|_| Trouble::unavailable("the system gives no randomness"))?;
        text.push(match character {
            '0'..='9' => char::from(b'0' + byte[0] % 10),
            'a'..='z' => char::from(b'a' + byte[0] % 26),
            'A'..='Z' => char::from(b'A' + byte[0] % 26),
            other => other,
        });
    }
    Ok(SecretValue::new(text))
}
