//! What came of a push to GitHub, in words.

use crate::cli::checkout::checkout;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::push::github::Outcome;
use crate::store::Checkout;

/// Says what is well, and gives the rest as a failure. `recorded` is whether the store could be told.
pub(in crate::cli) fn say_outcomes(
    outcomes: &[Outcome],
    recorded: Result<(), Failure>,
    context: &mut Context,
) -> Failure {
    let mut failure = Failure::many([]);
    for outcome in outcomes {
        if !outcome.done.is_empty() {
            let done = count(outcome.done.len(), "change");
            context.ui.ok(&format!("github.{}: {done} pushed", outcome.target));
        }
        let failed = outcome.failed.iter();
        failure.messages.extend(failed.map(|(_, _, error)| format!("github.{}: {error}", outcome.target)));
        let hints: Vec<String> =
            outcome.hints().into_iter().filter(|hint| !failure.hints.contains(hint)).collect();
        failure.hints.extend(hints);
    }
    match recorded {
        Err(unrecorded) => failure = failure.and(unrecorded),
        Ok(()) if outcomes.iter().any(|outcome| !outcome.done.is_empty()) => ask_for_a_commit(context),
        Ok(()) => {}
    }
    failure
}

/// Where the store lies in git, others see the record by a commit only.
fn ask_for_a_commit(context: &mut Context) {
    if matches!(checkout(&context.disk, &context.settings.root), Checkout::Branch(_)) {
        let name = context.settings.store.display().to_string();
        context.ui.hint(&format!("commit {name}: it remembers what was pushed"));
    }
}
