//! The steps.

use std::time::Duration;

use crate::name::SecretName;
use crate::schema::SshKeyRotation;
use crate::secret::SecretValue;
use crate::ssh::KeyPair;
use crate::store::{Material, RotationRecord, State, Values};
use crate::sys::{self, Random, describe};

use super::super::credential::{Answer, Asked, Created, Credential, Probed, Question, Quiet};
use super::super::step::{Action, Step};
use super::super::trouble::{Trouble, TroubleKind};
use super::change::{Change, Site, answers};
use super::jobs::Jobs;
use super::login::{KeyServer, Keys, accepts, proves, public};

/// How long the old key stays where the schema does not say.
const USUAL_GRACE: Duration = Duration::from_mins(10);

/// A key by which jobs and people log in to servers.
pub struct SshKey {
    secret: SecretName,
    /// The secret with the public half.
    public: Option<SecretName>,
    servers: Vec<KeyServer>,
    jobs: Vec<Jobs>,
    grace: Duration,
}

impl SshKey {
    /// The key of a secret.
    pub fn new(
        secret: SecretName,
        settings: &SshKeyRotation,
        servers: Vec<KeyServer>,
        jobs: Vec<Jobs>,
        grace: Option<Duration>,
    ) -> Self {
        Self { secret, public: settings.public.clone(), servers, jobs, grace: grace.unwrap_or(USUAL_GRACE) }
    }

    fn names(&self) -> String {
        self.servers.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Makes a change on every server. Where one refuses, an addition is taken back on those before it.
    async fn change(&self, change: Change, record: &RotationRecord) -> Result<String, Trouble> {
        let keys = Keys::of(record, &self.secret)?;
        let site = |server| Site { server, keys: &keys, id: &record.id };
        let mut touched = Vec::new();
        for server in &self.servers {
            match site(server).make(change).await {
                Ok(true) => touched.push(server),
                Ok(false) => {}
                Err(trouble) if change == Change::Add && trouble.kind != TroubleKind::InDoubt => {
                    for server in touched {
                        if site(server).make(Change::Withdraw).await.is_err() {
                            return Err(Trouble::in_doubt(trouble.message));
                        }
                    }
                    return Err(trouble);
                }
                Err(trouble) if touched.is_empty() => return Err(trouble),
                // Some servers are changed, which is neither yes nor no.
                Err(trouble) => return Err(Trouble { kind: TroubleKind::InDoubt, ..trouble }),
            }
        }
        Ok(format!("seen by fresh logins on {}", self.names()))
    }

    /// Which of two answers all servers agree upon.
    async fn asked(&self, record: &RotationRecord) -> Result<Asked, Trouble> {
        let keys = Keys::of(record, &self.secret)?;
        let (mut current, mut pending) = (Vec::new(), Vec::new());
        for server in &self.servers {
            current.push(answers(&keys, server, Some(&keys.current)).await);
            pending.push(answers(&keys, server, keys.pending.as_ref()).await);
        }
        Ok(Asked { current: agreed(&current), pending: agreed(&pending) })
    }

    async fn probe_on_servers(&self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        let keys = Keys::of(record, &self.secret)?;
        let mut all_done = true;
        for server in &self.servers {
            let site = Site { server, keys: &keys, id: &record.id };
            let listed = site.listed().await?;
            if step.name == "add" && !listed.current {
                return Ok(Probed::Changed(format!(
                    "server {}: the current key is no longer listed",
                    server.name
                )));
            }
            let (key, is_wanted, is_listed) = match step.name {
                "remove" => (&keys.current, false, listed.current),
                "add" => (keys.pending()?, true, listed.pending),
                _ => (keys.pending()?, false, listed.pending),
            };
            let accepted = accepts(&keys, server, key).await? == Answer::Accepted;
            all_done &= is_listed == is_wanted && accepted == is_wanted;
        }
        let shown = format!("seen by fresh logins on {}", self.names());
        Ok(if all_done { Probed::Applied(shown) } else { Probed::NotApplied })
    }

    async fn look(&self, current: &Values) -> Result<Vec<String>, Trouble> {
        let keys = Keys::new(current.get(&self.secret).and_then(Option::as_ref), None)?;
        let mut lines = Vec::new();
        for server in &self.servers {
            let site = Site { server, keys: &keys, id: "" };
            if !site.listed().await?.current {
                return Err(site.not_listed());
            }
            proves(&keys, server, &keys.current).await?;
            let key = public(&keys.current)?;
            lines
                .push(format!("server {}: {key} may log in, and a key that nobody has may not", server.name));
        }
        Ok(lines)
    }

    /// That one key gets in everywhere, and, where asked for, that the other does not.
    async fn prove_logins(&self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let keys = Keys::of(record, &self.secret)?;
        let (good, bad) = match step.name {
            "prove" => (keys.pending()?, None),
            "gone" => (keys.pending()?, Some(&keys.current)),
            _ => (&keys.current, keys.pending.as_ref()),
        };
        for server in &self.servers {
            proves(&keys, server, good).await?;
            let Some(bad) = bad else { continue };
            if accepts(&keys, server, bad).await? == Answer::Accepted {
                let shown = public(bad)?;
                return Err(Trouble::rejected(format!("server {}: {shown} may still log in", server.name)));
            }
        }
        let also =
            bad.map(public).transpose()?.map_or_else(String::new, |key| format!(", and {key} is refused"));
        Ok(format!("{} alone logs in to {}{also}", public(good)?, self.names()))
    }
}

/// Does asynchronous work.
fn wait_for<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    sys::block_on(work).map_err(|error| Trouble::unavailable(describe(&error)))?
}

/// What all say; nothing where they differ.
fn agreed(answers: &[Answer]) -> Answer {
    match answers.split_first() {
        Some((first, rest)) if rest.iter().all(|answer| answer == first) => *first,
        _ => Answer::Unknown,
    }
}

fn step(name: &'static str, shown: String, action: Action, then: State) -> Step {
    Step { name, shown, action, then, is_final: false }
}

impl Credential for SshKey {
    fn steps(&self) -> Vec<Step> {
        let servers = self.names();
        let wait = if self.jobs.is_empty() {
            "keep the old key for a while".to_owned()
        } else {
            "wait until no job is left that has the old key".to_owned()
        };
        vec![
            step("add", format!("add the new key on {servers}"), Action::Effect, State::Granted),
            step(
                "prove",
                format!("log in to {servers} with the new key alone"),
                Action::Prove,
                State::Proven,
            ),
            step(
                "deploy",
                "give the new key to whoever logs in".to_owned(),
                Action::Deploy(0),
                State::Rolled,
            ),
            step("wait", wait, Action::Wait(self.grace), State::Grace),
            Step {
                is_final: true,
                ..step(
                    "remove",
                    format!("take the old key away on {servers}"),
                    Action::Effect,
                    State::Retiring,
                )
            },
            step(
                "gone",
                format!("prove that the old key is refused by {servers}"),
                Action::Prove,
                State::Done,
            ),
        ]
    }

    fn undo_steps(&self, begun: usize) -> Vec<Step> {
        let servers = self.names();
        let mut steps = Vec::new();
        if begun > 2 {
            let shown = "give the old key to whoever logs in".to_owned();
            steps.push(step("deploy-back", shown, Action::Deploy(1), State::Undoing));
        }
        let shown = format!("take the new key away on {servers}");
        steps.push(step("withdraw", shown, Action::Effect, State::Undoing));
        let shown = format!("log in to {servers} with the old key alone");
        steps.push(step("still", shown, Action::Prove, State::Undone));
        steps
    }

    fn preflight(&mut self, current: &Values) -> Result<Vec<String>, Trouble> {
        let mut lines = wait_for(self.look(current))?;
        for jobs in &self.jobs {
            lines.push(jobs.preflight()?);
        }
        Ok(lines)
    }

    fn create(&mut self, current: &Values, id: &str, random: &mut dyn Random) -> Result<Created, Trouble> {
        let comment = format!("luca-secrets-{id}");
        let pair = KeyPair::make(random, &comment)
            .ok_or_else(|| Trouble::unavailable("the system gives no randomness"))?;
        let public = SecretValue::new(format!("{} {comment}", pair.public.line()));
        let mut pending = Values::from([(self.secret.clone(), Some(pair.private))]);
        if let Some(name) = &self.public {
            pending.insert(name.clone(), Some(public));
        }
        let before =
            pending.keys().map(|name| (name.clone(), current.get(name).cloned().flatten())).collect();
        Ok(Created { deploys: vec![pending.clone(), before], pending, material: Material::new() })
    }

    fn secrets(&self) -> Vec<SecretName> {
        std::iter::once(&self.secret).chain(&self.public).cloned().collect()
    }

    fn run(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        let change = match step.name {
            "add" => Change::Add,
            "remove" => Change::Remove,
            _ => Change::Withdraw,
        };
        wait_for(self.change(change, record))
    }

    fn probe(&mut self, step: &Step, record: &RotationRecord) -> Result<Probed, Trouble> {
        wait_for(self.probe_on_servers(step, record))
    }

    fn prove(&mut self, step: &Step, record: &RotationRecord) -> Result<String, Trouble> {
        wait_for(self.prove_logins(step, record))
    }

    fn standing(&mut self, record: &RotationRecord) -> Result<Asked, Trouble> {
        wait_for(self.asked(record))
    }

    fn quiet(&mut self, _: &Step, record: &RotationRecord) -> Result<Quiet, Trouble> {
        let mut seen = Vec::new();
        for jobs in &self.jobs {
            match jobs.quiet(record)? {
                Quiet::Yes(what) => seen.push(what),
                not_yet @ Quiet::NotYet(_) => return Ok(not_yet),
            }
        }
        Ok(Quiet::Yes(if seen.is_empty() { "the time has passed".to_owned() } else { seen.join("; ") }))
    }

    fn question(&mut self, _: &Step, _: &RotationRecord) -> Result<Question, Trouble> {
        Err(Trouble::held("nothing is to be asked here"))
    }

    fn answered(&mut self, _: &Step, _: &RotationRecord, _: Vec<SecretValue>) -> Result<Created, Trouble> {
        Err(Trouble::held("nothing was asked here"))
    }
}
