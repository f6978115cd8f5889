//! What commands do with GitHub: gather, look, push, and keep the record of it in the store.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;

use crate::http::{Client, Pause, TimerPause};
use crate::name::TargetName;
use crate::push::Action;
use crate::push::github::{
    Access, Desired, GithubPlan, GithubProblem, GithubRow, Hub, Only, Outcome, Outside, REQUEST_TIME,
    accesses,
};
use crate::schema::Schema;
use crate::secret::{FingerprintKey, SecretText, SecretValue};
use crate::store::{Document, LastPush, Origin, Pushes, Unlocked};
use crate::sys::{Keyring, Random, block_on};
use crate::target::github::{Drift, Options};

use super::context::Context;
use super::failure::Failure;
use super::report::{commit, count};
use super::ui::Ui;

/// From how long a wait is worth telling of.
const WORTH_TELLING: Duration = Duration::from_secs(5);

/// The targets on GitHub that a command is about.
pub(super) struct GithubTargets {
    desired: Vec<Desired>,
    accesses: Vec<Access>,
    key: FingerprintKey,
    generation: u64,
}

/// What was found at one target.
pub(super) struct Look<'t> {
    /// Its name in the schema.
    pub(super) target: &'t TargetName,
    /// Whose secrets and variables, in words.
    pub(super) scope: String,
    /// What would change there, or why that cannot be told.
    pub(super) plan: Result<GithubPlan<'t>, GithubProblem>,
}

/// Waits, and says so where it takes long.
struct Telling<'u> {
    ui: RefCell<&'u mut Ui>,
}

impl Pause for Telling<'_> {
    fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        if time >= WORTH_TELLING {
            self.ui.borrow_mut().say(&format!("GitHub asks to wait {} s", time.as_secs()));
        }
        TimerPause.pause(time)
    }
}

impl Context {
    /// Gathers what targets should hold, and looks for their tokens. Nothing is asked of GitHub yet.
    pub(super) fn github_targets(
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
        let (key, generation) = (document.fingerprint_key(), document.generation());
        Ok(GithubTargets { desired, accesses, key, generation })
    }

    /// Does something with GitHub over new connections.
    fn with_hub<T>(
        &mut self,
        targets: &GithubTargets,
        work: impl AsyncFnOnce(&Hub<'_>) -> T,
    ) -> Result<T, Failure> {
        let client = Client::new(&self.env, REQUEST_TIME).map_err(Failure::new)?;
        let random: RefCell<&mut dyn Random> = RefCell::new(&mut *self.random);
        let pause = Telling { ui: RefCell::new(&mut self.ui) };
        let outside = Outside { client: &client, clock: &*self.clock, random: &random, pause: &pause };
        let hub = Hub::new(&outside, &targets.accesses, targets.desired.len());
        let (done, requests) = block_on(async {
            let done = work(&hub).await;
            (done, hub.requests())
        })
        .map_err(|error| Failure::new(format_args!("no connections can be made: {error}")))?;
        drop(hub);
        self.explain(&format!("GitHub was asked {}", count(requests, "time")));
        Ok(done)
    }
}

/// A token that the user put there for `luca-secrets` itself; the one of `gh` is asked for by `gh auth token`.
fn token_in_keyring(host: &str, patience: Duration) -> Option<SecretValue> {
    Keyring::SecretService.get_token(host, patience).ok().map(SecretText::into_value)
}

impl GithubTargets {
    /// Whether there is nothing to do with GitHub.
    pub(super) fn is_empty(&self) -> bool {
        self.desired.is_empty()
    }

    /// Looks at all targets.
    pub(super) fn look(
        &self,
        options: Options,
        only: &Only<'_>,
        context: &mut Context,
    ) -> Result<Vec<Look<'_>>, Failure> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let plans =
            context.with_hub(self, async |hub| hub.plan(&self.desired, &self.key, options, only).await)?;
        let looks = self.desired.iter().zip(plans).map(|(desired, plan)| Look {
            target: &desired.target,
            scope: desired.scope.to_string(),
            plan,
        });
        Ok(looks.collect())
    }

    /// Carries out what was planned. The store knows of it before the first write and after the last.
    pub(super) fn push(
        &self,
        looks: &[Look<'_>],
        store: &Unlocked,
        context: &mut Context,
    ) -> Result<Vec<Outcome>, Failure> {
        let planned = looks.iter().enumerate();
        let planned = planned.filter_map(|(place, look)| Some((place, look.plan.as_ref().ok()?)));
        let plans: Vec<_> = planned.filter(|(_, plan)| plan.has_changes() || plan.has_news()).collect();
        if plans.is_empty() {
            return Ok(Vec::new());
        }
        let begun = plans.iter().map(|(_, plan)| (&plan.target, plan.before.clone(), plan.begun()));
        record(begun, store, context).map_err(|failure| failure.hint("nothing was pushed to GitHub"))?;
        let outcomes = context.with_hub(self, async |hub| hub.apply(&plans).await)?;
        let author = context.author();
        let last = LastPush { generation: self.generation, at: author.now, by: author.name };
        let ended = outcomes.iter().map(|outcome| {
            let (before, after) = outcome.pushes(&last);
            (&outcome.target, before, after)
        });
        record(ended, store, context).map_err(|failure| {
            failure.hint("GitHub has what was pushed, and the store does not know: push again, which says it all once more")
        })?;
        Ok(outcomes)
    }
}

/// Writes down what was pushed: for each target what was known, and what is.
fn record<'t>(
    pushes: impl Iterator<Item = (&'t TargetName, Pushes, Pushes)>,
    store: &Unlocked,
    context: &mut Context,
) -> Result<(), Failure> {
    let mut edit = store.edit(Origin::Edit, context.history_kept());
    for (target, before, after) in pushes {
        edit.record_push(target.clone(), before, after);
    }
    commit(edit, context)?;
    Ok(())
}

/// A target in a report.
#[derive(Serialize)]
pub(super) struct TargetReport {
    target: String,
    scope: String,
    error: Option<String>,
    rows: Vec<RowReport>,
}

#[derive(Serialize)]
struct RowReport {
    kind: &'static str,
    name: String,
    action: &'static str,
    drift: Option<&'static str>,
    in_doubt: bool,
    here: Option<String>,
    there: Option<String>,
}

impl Look<'_> {
    /// Whether everything was seen, and is as it should be.
    pub(super) fn is_clean(&self) -> bool {
        self.plan.as_ref().is_ok_and(GithubPlan::is_clean)
    }

    /// The target as commands name it.
    pub(super) fn name(&self) -> String {
        format!("github.{}", self.target)
    }

    /// A line for the target and one for each of its differences.
    pub(super) fn lines(&self) -> Vec<String> {
        let title = format!("{}, {}", self.name(), self.scope);
        let plan = match &self.plan {
            Ok(plan) => plan,
            Err(problem) => return vec![format!("{title}: {problem}")],
        };
        let (same, different): (Vec<_>, Vec<_>) =
            plan.rows.iter().partition(|row| row.difference.action == Action::Unchanged);
        let width = different.iter().map(|row| row.difference.name.as_str().len()).max().unwrap_or_default();
        let mut lines = vec![format!("{title}: {}", summary(different.len(), same.len()))];
        lines.extend(different.iter().map(|row| line(row, plan.is_written(row), width)));
        lines
    }

    /// The same as data.
    pub(super) fn report(&self) -> TargetReport {
        let rows = self.plan.as_ref().map(|plan| plan.rows.iter().map(row_report).collect());
        TargetReport {
            target: self.name(),
            scope: self.scope.clone(),
            error: self.plan.as_ref().err().map(ToString::to_string),
            rows: rows.unwrap_or_default(),
        }
    }
}

fn summary(different: usize, same: usize) -> String {
    match (different, same) {
        (0, same) => format!("{same} unchanged"),
        (different, same) => format!("{}, {same} unchanged", count(different, "difference")),
    }
}

/// The word for what a push does with a row.
const fn word(row: &GithubRow) -> &'static str {
    match row.difference.action {
        _ if row.difference.is_drifted => "drifted",
        Action::Create => "create",
        Action::Change => "change",
        Action::Unchanged => "unchanged",
        Action::Orphan => "orphan",
    }
}

fn line(row: &GithubRow, is_written: bool, width: usize) -> String {
    let difference = &row.difference;
    let prints = match (&difference.there, &difference.here) {
        (Some(there), Some(here)) if there != here => format!("{there} -> {here}"),
        (_, Some(print)) | (Some(print), None) => print.clone(),
        (None, None) => String::new(),
    };
    let is_orphan = difference.action == Action::Orphan;
    let remark = match (row.drift, is_orphan, is_written) {
        (Some(Drift::ChangedThere), ..) => "changed there since it was pushed",
        (Some(Drift::NotOurs), ..) => "there already, and never pushed from here",
        (None, true, true) => "will be removed",
        (None, true, false) => "no longer in the schema; --prune removes it",
        (None, false, _) if row.is_in_doubt => "an earlier push was cut off",
        (None, false, _) => "",
    };
    let columns =
        format!("  {:<9} {:<8} {:<width$}  {prints}", word(row), row.kind.as_str(), difference.name);
    let line = if remark.is_empty() { columns } else { format!("{columns}  {remark}") };
    line.trim_end().to_owned()
}

fn row_report(row: &GithubRow) -> RowReport {
    let difference = &row.difference;
    RowReport {
        kind: row.kind.as_str(),
        name: difference.name.to_string(),
        action: word(row),
        drift: row.drift.map(|drift| match drift {
            Drift::ChangedThere => "changed-there",
            Drift::NotOurs => "not-ours",
        }),
        in_doubt: row.is_in_doubt,
        here: difference.here.clone(),
        there: difference.there.clone(),
    }
}
