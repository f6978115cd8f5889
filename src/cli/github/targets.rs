//! Gathering what should be there, looking, pushing, and keeping the record of it in the store.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::progress::Progress;
use crate::cli::report::{commit, count};

use crate::http::{Client, Pause, TimerPause};
use crate::name::{TargetName, VariableName};
use crate::push::github::{Access, Desired, Hub, Only, Outcome, Outside, REQUEST_TIME, accesses};
use crate::schema::Schema;
use crate::secret::{FingerprintKey, SecretText, SecretValue};
use crate::store::{Document, LastPush, Origin, Pushes, Unlocked};
use crate::sys::{Keyring, Random, block_on};
use crate::target::github::Options;

use super::look::Look;

/// What the work is shown as.
const HERE: &str = "GitHub";

/// From how long a wait is worth telling of.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// The targets on GitHub that a command is about.
pub(in crate::cli) struct GithubTargets {
    desired: Vec<Desired>,
    accesses: Vec<Access>,
    key: FingerprintKey,
    generation: u64,
    /// How many earlier values of a secret the store keeps.
    keep: usize,
}

/// Waits, and says so where it takes long.
struct Telling<'p, 'u>(&'p Progress<'u>);

impl Pause for Telling<'_, '_> {
    fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        if time >= WORTH_TELLING {
            self.0.say(&format!("GitHub asks to wait {} s", time.as_secs()));
        }
        TimerPause.pause(time)
    }
}

impl Context {
    /// Gathers what targets should hold, and looks for their tokens. Nothing is asked of GitHub yet.
    pub(in crate::cli) fn github_targets(
        &mut self,
        schema: &Schema,
        document: &Document,
        names: &[TargetName],
    ) -> Result<GithubTargets, Failure> {
        let mut desired = Vec::new();
        let mut messages: Vec<String> = Vec::new();
        for name in names {
            match Desired::build(schema, document, name) {
                Ok(one) => desired.push(one),
                Err(errors) => messages.extend(errors.iter().map(ToString::to_string)),
            }
        }
        if !messages.is_empty() {
            messages.dedup();
            return Err(Failure::many(messages)
                .hint("`luca-secrets check` shows everything that is missing or wrong"));
        }
        let patience = self.keyring_patience();
        let keyring = |host: &str| token_in_keyring(host, patience);
        let accesses = accesses(&desired, &self.env, keyring);
        for access in &accesses {
            let targets: Vec<String> =
                access.targets(&desired).map(|name| format!("github.{name}")).collect();
            let source = match &access.token {
                Some(token) => format!("token for {} from {}", access.base.host(), token.source),
                None => format!("no token for {}", access.base.host()),
            };
            self.explain(&format!("{}: {source}", targets.join(", ")));
        }
        let (key, generation, keep) =
            (document.fingerprint_key(), document.generation(), schema.history.keep);
        Ok(GithubTargets { desired, accesses, key, generation, keep })
    }

    /// Does something with GitHub over new connections; `doing` says what, while it lasts.
    fn with_hub<T>(
        &mut self,
        doing: &str,
        targets: &GithubTargets,
        work: impl AsyncFnOnce(&Hub<'_>) -> T,
    ) -> Result<T, Failure> {
        let client = Client::new(&self.env, REQUEST_TIME).map_err(Failure::new)?;
        let random: RefCell<&mut dyn Random> = RefCell::new(&mut *self.random);
        let progress = Progress::new(&mut self.ui);
        let pause = Telling(&progress);
        let outside = Outside { client: &client, clock: &*self.clock, random: &random, pause: &pause };
        let hub = Hub::new(&outside, &targets.accesses, targets.desired.len());
        let (done, requests) = block_on(async {
            progress.begin(HERE, doing);
            let requests = || progress.tell(HERE, format!("{doing}, {}", count(hub.requests(), "request")));
            let done = progress.during(work(&hub), requests).await;
            (done, hub.requests())
        })
        .map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))?;
        drop(hub);
        drop(progress);
        self.explain(&format!("GitHub was asked {}", count(requests, "time")));
        Ok(done)
    }
}

/// A token that the user put there for `luca-secrets` itself; the one of `gh` is asked for by `gh auth token`.
fn token_in_keyring(host: &str, patience: Duration) -> Option<SecretValue> {
    Keyring::SecretService.get_token(host, patience).ok().map(SecretText::into_value)
}

impl GithubTargets {
    /// Looks at all targets. One that cannot be looked at does not stop the others.
    pub(in crate::cli) fn look(
        &self,
        options: Options,
        only: &Only<'_>,
        context: &mut Context,
    ) -> Result<Vec<Look<'_>>, Failure> {
        if self.desired.is_empty() {
            return Ok(Vec::new());
        }
        let plans = context
            .with_hub("looking", self, async |hub| hub.plan(&self.desired, &self.key, options, only).await)?;
        let looks = self.desired.iter().zip(plans).map(|(desired, plan)| Look {
            target: &desired.target,
            scope: desired.scope.to_string(),
            plan,
        });
        Ok(looks.collect())
    }

    /// Whether a name is that of a secret or variable of any target, in the schema or by an earlier push.
    pub(in crate::cli) fn has(&self, name: &VariableName) -> bool {
        let upper = name.to_uppercase();
        self.desired.iter().any(|one| {
            let wanted = one.secrets.variables.iter().chain(&one.variables.variables);
            let pushed = one.pushes.secrets.keys().chain(one.pushes.variables.keys());
            wanted.map(|variable| variable.name.to_uppercase()).any(|other| other == upper)
                || pushed.into_iter().any(|other| *other == upper)
        })
    }

    /// Carries out what was planned: what came of it, and whether the store could be told. The store knows of a push
    /// before its first write and after its last.
    pub(in crate::cli) fn push(
        &self,
        looks: &[Look<'_>],
        store: &Unlocked,
        context: &mut Context,
    ) -> Result<(Vec<Outcome>, Result<(), Failure>), Failure> {
        let planned = looks.iter().enumerate();
        let planned = planned.filter_map(|(place, look)| Some((place, look.plan.as_ref().ok()?)));
        let plans: Vec<_> = planned.filter(|(_, plan)| plan.has_changes() || plan.has_news()).collect();
        if plans.is_empty() {
            return Ok((Vec::new(), Ok(())));
        }
        let begun = plans.iter().map(|(_, plan)| (&plan.target, plan.before.clone(), plan.begun()));
        self.record(begun, store, context).map_err(|failure| failure.hint("nothing was pushed to GitHub"))?;
        let outcomes = context.with_hub("writing", self, async |hub| hub.apply(&plans).await)?;
        let author = context.author();
        let last = LastPush { generation: self.generation, at: author.now, by: author.name };
        let ended = outcomes.iter().map(|outcome| {
            let (before, after) = outcome.pushes(&last);
            (&outcome.target, before, after)
        });
        let recorded = self.record(ended, store, context).map_err(|failure| {
            failure.hint("the store does not say what arrived: push again, which sends it once more")
        });
        Ok((outcomes, recorded))
    }

    /// Writes down what was pushed: for each target what was known, and what is.
    fn record<'p>(
        &self,
        pushes: impl Iterator<Item = (&'p TargetName, Pushes, Pushes)>,
        store: &Unlocked,
        context: &mut Context,
    ) -> Result<(), Failure> {
        let mut edit = store.edit(Origin::Edit, self.keep);
        for (target, before, after) in pushes {
            edit.record_push(target.clone(), before, after);
        }
        commit(edit, context)?;
        Ok(())
    }
}
