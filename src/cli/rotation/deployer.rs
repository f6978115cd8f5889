//! The consumers of values: the servers' files first, as one transaction, then GitHub, where nothing can be put back.

use std::collections::BTreeSet;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::github::{GithubTargets, Look};
use crate::cli::progress::Progress;
use crate::cli::recovery::Asked;
use crate::cli::servers::{self, Allowed, Found, REQUEST_TIME};
use crate::http::LazyClient;
use crate::name::{SecretName, TargetName};
use crate::push::github::{GithubProblem, Only, Outcome};
use crate::push::{
    Difference, FilePlan, HostError, HostOutcome, Objection, Problem, REMOVE_LEFTOVER, Standing,
};
use crate::rotate::{Deployer, Trouble, TroubleKind};
use crate::sys::block_on;
use crate::target::github::{GithubError, Options};
use crate::target::server;

use super::consumers::Consumers;
use super::desk::{Desk, Seat};
use super::journal::trouble;

impl Deployer for Seat<'_, '_> {
    fn deploy(&mut self, secrets: &BTreeSet<SecretName>) -> Result<String, Trouble> {
        let consumers = Consumers::of(self.0.schema, secrets);
        for file in consumers.loose_files(self.0.schema) {
            let message = format!("no server gets env-file {file}: whoever uses it renders it");
            self.0.context.borrow_mut().ui.warn(&message);
        }
        self.0.to_servers(&consumers)?;
        self.0.to_github(&consumers)?;
        Ok(evidence(&consumers))
    }

    fn differences(&mut self, secrets: &BTreeSet<SecretName>) -> Result<Vec<String>, Trouble> {
        let consumers = Consumers::of(self.0.schema, secrets);
        let found = self.0.look(&consumers)?;
        let mut lines = Vec::new();
        for one in &found {
            for file in files(one, &consumers) {
                lines.extend(difference(one, file, |_| true));
                let place = format!("{}, {}", one.name(), file.path);
                lines.extend(
                    file.access_differs
                        .then(|| format!("{place}: its mode or owner is not as in the schema")),
                );
            }
        }
        self.0.at_github(&consumers, |looks, _, _| {
            for look in looks {
                lines.extend(
                    look.plan
                        .iter()
                        .filter(|plan| !plan.is_clean())
                        .map(|_| format!("{}: differs from the store", look.name())),
                );
            }
            Ok(())
        })?;
        Ok(lines)
    }
}

/// What is not as the store says in a file.
fn difference(found: &Found, file: &FilePlan, counts: impl Fn(&Difference) -> bool) -> Option<String> {
    let place = format!("{}, {}", found.name(), file.path);
    if is_interrupted(file) {
        return Some(format!("{place}: a push was interrupted there, or is under way"));
    }
    let different: Vec<&Difference> =
        file.variables.iter().filter(|one| one.differs() && counts(one)).collect();
    let names: Vec<&str> = different.iter().map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let is_drifted = different.iter().any(|one| one.is_drifted);
    let what = if is_drifted { "somebody has changed" } else { "not as in the store:" };
    Some(format!("{place}: {what} {}", names.join(", ")))
}

fn is_interrupted(file: &FilePlan) -> bool {
    file.objections.contains(&Objection::Interrupted)
}

/// The files of a server that use the secrets.
fn files<'f>(found: &'f Found, consumers: &'f Consumers) -> impl Iterator<Item = &'f FilePlan> {
    let files = found.plan.as_ref().map(|plan| plan.files.as_slice()).unwrap_or_default();
    files.iter().filter(|file| consumers.has_file(&file.env_file))
}

impl Desk<'_> {
    /// What there is on the servers; trouble if one cannot be seen.
    fn look(&self, consumers: &Consumers) -> Result<Vec<Found>, Trouble> {
        let (mut context, store) = (self.context.borrow_mut(), self.store.borrow());
        let found =
            context.look_at_servers(self.schema, store.document(), &consumers.servers).map_err(trouble)?;
        unseen(&found)?;
        Ok(found)
    }

    fn to_servers(&self, consumers: &Consumers) -> Result<(), Trouble> {
        if consumers.servers.is_empty() {
            return Ok(());
        }
        if let Some(outcomes) = self.push(consumers)? {
            return judge(&outcomes);
        }
        self.recover(consumers)?;
        match self.push(consumers)? {
            Some(outcomes) => judge(&outcomes),
            None => Err(Trouble::unavailable("a push was interrupted on a server, and cannot be ended yet")
                .hint("`luca-secrets push --recover` shows it")),
        }
    }

    /// The transaction over the servers; nothing where an interrupted one is in the way.
    fn push(&self, consumers: &Consumers) -> Result<Option<Vec<HostOutcome>>, Trouble> {
        let mut context = self.context.borrow_mut();
        let store = self.store.borrow();
        let contacts =
            context.contacts(self.schema, store.document(), &consumers.servers).map_err(trouble)?;
        let client = LazyClient::new(&context.env, REQUEST_TIME);
        let work = async {
            let (mut found, hosts) =
                servers::look(contacts, self.schema, store.document(), &mut context).await;
            unseen(&found)?;
            if found.iter().flat_map(|one| files(one, consumers)).any(is_interrupted) {
                return Ok(None);
            }
            refuse_others(&found, consumers)?;
            for plan in found.iter_mut().filter_map(|one| one.plan.as_mut().ok()) {
                // The numbers of files are their places, so the others stay, with nothing to do.
                plan.files
                    .iter_mut()
                    .filter(|file| !consumers.has_file(&file.env_file))
                    .for_each(FilePlan::leave);
            }
            let progress = Progress::new(&mut context.ui);
            let is_interrupted = || self.is_interrupted();
            Ok(Some(
                servers::push(&found, hosts, store.document(), true, &client, &is_interrupted, &progress)
                    .await,
            ))
        };
        block_on(work)
            .map_err(|error| Trouble::unavailable(format_args!("no connections can be made: {error}")))?
    }

    /// Ends what a push of ours that was cut off has left.
    fn recover(&self, consumers: &Consumers) -> Result<(), Trouble> {
        let (mut context, store) = (self.context.borrow_mut(), self.store.borrow());
        let asked = Asked { dry_run: false, yes: true, take_over: false };
        let recovered = context.recover(self.schema, store.document(), &consumers.servers, asked);
        recovered.map_err(|failure| {
            let message = failure.messages.join("; ");
            match failure.hints.into_iter().find(|hint| hint.starts_with(REMOVE_LEFTOVER)) {
                // Another try would leave another container.
                Some(way_out) => Trouble::held(message).hint(way_out),
                None => Trouble::unavailable(message),
            }
        })
    }

    fn to_github(&self, consumers: &Consumers) -> Result<(), Trouble> {
        self.at_github(consumers, |looks, targets, context| {
            let drifted = looks.iter().filter(|look| {
                look.plan.as_ref().is_ok_and(|plan| plan.drifted().next().is_some())
            });
            let drifted: Vec<String> = drifted.map(Look::name).collect();
            if !drifted.is_empty() {
                return Err(Trouble::held(format_args!("{}: somebody has changed it there", drifted.join(", ")))
                    .hint("`luca-secrets diff` shows what; `luca-secrets push --overwrite-drift` puts the store's values in its place"));
            }
            let (outcomes, recorded) = targets.push(looks, &self.store.borrow(), context).map_err(trouble)?;
            of_github(&outcomes)?;
            recorded.map_err(trouble)
        })?;
        let disk = self.context.borrow().disk.clone();
        self.store.borrow_mut().refresh(&disk).map_err(Trouble::in_doubt)
    }

    /// Looks at the variables at GitHub that use the secrets, and does something with them.
    fn at_github(
        &self,
        consumers: &Consumers,
        work: impl FnOnce(&[Look<'_>], &GithubTargets, &mut Context) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        if consumers.github.is_empty() {
            return Ok(());
        }
        let mut context = self.context.borrow_mut();
        let targets = {
            let store = self.store.borrow();
            context.github_targets(self.schema, store.document(), &consumers.github).map_err(trouble)?
        };
        let names = consumers.github_variables();
        let options = Options { prune: false, overwrite_drift: false };
        let looks = targets.look(options, &Only::new(&names), &mut context).map_err(trouble)?;
        for look in &looks {
            if let Err(problem) = &look.plan {
                let trouble = Trouble::new(kind_of(problem), format_args!("{}: {problem}", look.name()));
                return Err(trouble.hint_if_any(problem.hint()));
            }
        }
        work(&looks, &targets, &mut context)
    }
}

fn evidence(consumers: &Consumers) -> String {
    let servers = consumers.servers.iter().map(|name| format!("server.{name}"));
    let github = consumers.github.iter().map(|name| format!("github.{name}"));
    let names: Vec<String> = servers.chain(github).collect();
    if names.is_empty() { "nobody but the store has it".to_owned() } else { names.join(", ") }
}

fn unseen(found: &[Found]) -> Result<(), Trouble> {
    let failure: Failure = servers::unseen(found);
    if failure.messages.is_empty() { Ok(()) } else { Err(trouble(failure)) }
}

/// Refuses to bring along what is not part of the rotation, and to replace what somebody else has changed.
fn refuse_others(found: &[Found], consumers: &Consumers) -> Result<(), Trouble> {
    let mut all = Vec::new();
    for one in found {
        for file in files(one, consumers) {
            let is_other = |other: &Difference| !consumers.has_variable(&file.env_file, &other.name);
            if let Some(line) = difference(one, file, is_other) {
                return Err(Trouble::held(format_args!("{line}, which is no part of this rotation"))
                    .hint("`luca-secrets diff` shows it: push it or take it back, then `luca-secrets rotate --resume`"));
            }
            all.push((one, file));
        }
    }
    let failure = servers::objections(&all, Allowed { drift: false, older: false });
    if failure.messages.is_empty() {
        return Ok(());
    }
    Err(Trouble::held(failure.messages.join("; ")).hint(
        "`luca-secrets diff` shows it; `luca-secrets push --overwrite-drift` puts the store's values in its place, then `luca-secrets rotate --resume`",
    ))
}

/// What came of the transaction on all servers.
fn judge(outcomes: &[HostOutcome]) -> Result<(), Trouble> {
    let rank = |kind: TroubleKind| match kind {
        TroubleKind::Held => 0,
        TroubleKind::InDoubt => 1,
        TroubleKind::Rejected => 2,
        TroubleKind::Unavailable => 3,
    };
    let mut troubles: Vec<Trouble> = outcomes.iter().filter_map(trouble_of).collect();
    troubles.sort_by_key(|trouble| rank(trouble.kind));
    let message = troubles.iter().map(|trouble| trouble.message.as_str()).collect::<Vec<_>>().join("; ");
    match troubles.into_iter().next() {
        Some(first) => Err(Trouble { message, ..first }),
        None => Ok(()),
    }
}

/// The last lines that a failed step has said.
fn said(problem: &Problem) -> String {
    let lines: Vec<&str> = problem.lines().iter().map(|line| line.trim()).collect();
    if lines.is_empty() { String::new() } else { format!(" ({})", lines.join(" / ")) }
}

/// What to do about a container that is in the way of every further recreation, if that is what has failed.
fn leftover(problem: &Problem, server: &TargetName) -> Option<String> {
    problem.hint(server).filter(|hint| hint.starts_with(REMOVE_LEFTOVER))
}

fn trouble_of(outcome: &HostOutcome) -> Option<Trouble> {
    let server = &outcome.server;
    let why =
        outcome.failed.as_ref().map(|(_, problem)| format!("server {server}: {problem}{}", said(problem)));
    let why = || why.clone().unwrap_or_else(|| format!("server {server}: the others failed"));
    match &outcome.standing {
        Standing::New => None,
        Standing::Old => match &outcome.failed {
            None => None,
            Some((_, problem)) => {
                let (kind, hint) = (kind_of_problem(problem)?, problem.hint(server));
                // What is taken back keeps nothing but the reason, so the way out stands there.
                let way_out = hint.as_ref().filter(|_| kind == TroubleKind::Rejected);
                let way_out = way_out.map(|hint| format!("; {hint}")).unwrap_or_default();
                Some(Trouble { kind, message: why() + &way_out, hint })
            }
        },
        Standing::Owed(problem) if leftover(problem, server).is_some() => {
            let trouble = Trouble::held(format_args!(
                "{}; the old file is back, but its services may run on the new one: {problem}{}",
                why(),
                said(problem)
            ));
            Some(Trouble { hint: leftover(problem, server), ..trouble })
        }
        Standing::Owed(_) | Standing::Unknown(_) => {
            Some(Trouble::in_doubt(why()).hint("`luca-secrets push --recover` ends what was interrupted"))
        }
        Standing::Unwell(problem) => {
            let trouble = Trouble::held(format_args!(
                "{}; the old file is back, and it is not healthy with it either: {problem}{}",
                why(),
                said(problem)
            ));
            let first = outcome.failed.as_ref().and_then(|(_, problem)| problem.hint(server));
            Some(Trouble { hint: problem.hint(server).or(first), ..trouble })
        }
        Standing::Left(paths) => {
            let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
            Some(Trouble::held(format_args!(
                "server {server}: somebody else has changed {}",
                paths.join(", ")
            )))
        }
    }
}

/// What a failed step says about the world; nothing where something else has failed.
fn kind_of_problem(problem: &Problem) -> Option<TroubleKind> {
    use server::Problem as There;
    Some(match problem {
        Problem::Command(..) | Problem::Unhealthy(_) => TroubleKind::Rejected,
        Problem::Interrupted | Problem::Host(HostError::Ssh(_) | HostError::Broken(_)) => {
            TroubleKind::Unavailable
        }
        Problem::Host(HostError::Skipped) => return None,
        Problem::Host(HostError::Refused(refusal)) => match refusal.problem {
            There::Changed => TroubleKind::Held,
            There::Held | There::CannotLock | There::Unhealed | There::Unfinished => TroubleKind::Unavailable,
            _ => TroubleKind::Rejected,
        },
    })
}

/// Of GitHub, where nothing can be put back: what failed for good needs a person.
fn of_github(outcomes: &[Outcome]) -> Result<(), Trouble> {
    for outcome in outcomes {
        if let Some((_, name, error)) = outcome.failed.first() {
            let message = format!("github.{}: {name}: {error}", outcome.target);
            let trouble = Trouble::new(kind_of_github(error), message);
            return Err(trouble.hint_if_any(outcome.hints().into_iter().next()));
        }
    }
    Ok(())
}

fn kind_of(problem: &GithubProblem) -> TroubleKind {
    match problem {
        GithubProblem::Github(error) => kind_of_github(error),
        GithubProblem::NoToken(_) | GithubProblem::Refused(_) => TroubleKind::Held,
    }
}

const fn kind_of_github(error: &GithubError) -> TroubleKind {
    match error {
        GithubError::RateLimited(_)
        | GithubError::Server(..)
        | GithubError::Http(_)
        | GithubError::Conflict(_)
        | GithubError::NotTried
        | GithubError::NotThere(_)
        | GithubError::Random => TroubleKind::Unavailable,
        _ => TroubleKind::Held,
    }
}
