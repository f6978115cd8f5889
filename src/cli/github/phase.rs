//! GitHub's part of a command: what was found, what stands against a push, and the push itself.

use crate::cli::checkout::checkout;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::push::github::{GithubPlan, Outcome};
use crate::store::{Checkout, Unlocked};

use super::look::{Look, TargetReport};
use super::targets::GithubTargets;

/// What was found at all targets, and what came of them. A push looks at GitHub first, so that all is shown before
/// anything is asked, and carries this phase out last: it cannot be undone as a file can. Both start work of their own,
/// so neither may be called from within other asynchronous work.
pub(in crate::cli) struct GithubPhase<'t> {
    targets: &'t GithubTargets,
    /// The targets in the order in which they were named.
    pub(in crate::cli) looks: Vec<Look<'t>>,
    outcomes: Vec<Outcome>,
}

impl<'t> GithubPhase<'t> {
    pub(super) const fn new(targets: &'t GithubTargets, looks: Vec<Look<'t>>) -> Self {
        Self { targets, looks, outcomes: Vec::new() }
    }

    /// Whether every target was seen, and is as it should be.
    pub(in crate::cli) fn is_clean(&self) -> bool {
        self.looks.iter().all(Look::is_clean)
    }

    fn plans(&self) -> impl Iterator<Item = (&Look<'t>, &GithubPlan<'t>)> {
        self.looks.iter().filter_map(|look| Some((look, look.plan.as_ref().ok()?)))
    }

    /// How many secrets and variables a push would write or remove.
    pub(in crate::cli) fn changes(&self) -> usize {
        let written =
            self.plans().map(|(_, plan)| plan.rows.iter().filter(|row| plan.is_written(row)).count());
        written.sum()
    }

    /// What would change, a line each; targets that could not be seen apart.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
        self.plans().flat_map(|(look, _)| look.lines()).collect()
    }

    /// All of it as data.
    pub(in crate::cli) fn reports(&self) -> Vec<TargetReport> {
        let outcome = |look: &Look<'_>| self.outcomes.iter().find(|outcome| outcome.target == *look.target);
        self.looks.iter().map(|look| look.report(outcome(look))).collect()
    }

    /// Refuses to overwrite what somebody else has changed.
    pub(in crate::cli) fn refuse_drift(&self) -> Result<(), Failure> {
        let mut messages = Vec::new();
        for (look, plan) in self.plans() {
            let names: Vec<&str> = plan.drifted().map(|row| row.difference.name.as_str()).collect();
            if !names.is_empty() {
                messages.push(format!("{}: somebody else has changed {}", look.name(), names.join(", ")));
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        Err(Failure::many(messages)
            .hint("nothing was pushed; --overwrite-drift puts the store's values in their place"))
    }

    /// Why some targets could not be seen: no reason not to push to the others, and yet a failure in the end.
    pub(in crate::cli) fn unseen(&self) -> Result<(), Failure> {
        let mut failure = Failure::many([]);
        for look in &self.looks {
            if let Err(problem) = &look.plan {
                failure.messages.push(format!("{}: {problem}", look.name()));
                failure.hints.extend(problem.hint().filter(|hint| !failure.hints.contains(hint)));
            }
        }
        if failure.messages.is_empty() { Ok(()) } else { Err(failure) }
    }

    /// Carries it out, as far as it could be planned, and says what was done. To be called with nothing to change too:
    /// the store may have to hear what became of an earlier push.
    pub(in crate::cli) fn push(&mut self, store: &Unlocked, context: &mut Context) -> Result<(), Failure> {
        let (outcomes, recorded) = self.targets.push(&self.looks, store, context)?;
        self.outcomes = outcomes;
        let mut failure = Failure::many([]);
        for outcome in &self.outcomes {
            if !outcome.done.is_empty() {
                let done = count(outcome.done.len(), "change");
                context.ui.ok(&format!("github.{}: {done} pushed", outcome.target));
            }
            let failed = outcome.failed.iter();
            failure
                .messages
                .extend(failed.map(|(_, _, error)| format!("github.{}: {error}", outcome.target)));
            let hints = outcome.hints().into_iter().filter(|hint| !failure.hints.contains(hint));
            let hints: Vec<String> = hints.collect();
            failure.hints.extend(hints);
        }
        match recorded {
            Err(unrecorded) => failure = failure.and(unrecorded),
            Ok(()) => self.ask_for_a_commit(context),
        }
        if failure.messages.is_empty() { Ok(()) } else { Err(failure) }
    }

    /// Where the store lies in git, others see the record by a commit only.
    fn ask_for_a_commit(&self, context: &mut Context) {
        let has_done = self.outcomes.iter().any(|outcome| !outcome.done.is_empty());
        if has_done && matches!(checkout(&context.disk, &context.settings.root), Checkout::Branch(_)) {
            let name = context.settings.store.display().to_string();
            context.ui.hint(&format!("commit {name}: it remembers what was pushed"));
        }
    }
}
