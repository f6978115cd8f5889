//! What git's complaints mean. Its words are looked at and never passed on: they may name what is nobody's business.

use crate::remote::error::RemoteProblem;
use crate::sys::{Ending, Finished};

/// Marks of a refused sign-in, as git, ssh and curl spell them in the C locale.
const DENIED: [&str; 8] = [
    "Permission denied",
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "terminal prompts disabled",
    "Host key verification failed",
    "returned error: 401",
    "returned error: 403",
];

const UNREACHABLE: [&str; 13] = [
    "Could not resolve host",
    "Temporary failure in name resolution",
    "Name or service not known",
    "Connection refused",
    "Connection timed out",
    "Connection reset",
    "Connection closed",
    "Operation timed out",
    "Network is unreachable",
    "No route to host",
    "Failed to connect",
    "unable to connect",
    "hung up unexpectedly",
];

const MISSING: [&str; 5] = [
    "does not appear to be a git repository",
    "Repository not found",
    "repository not found",
    "does not exist",
    "returned error: 404",
];

/// Why git could not reach or read the other repository.
pub(super) fn of_connection(finished: &Finished) -> RemoteProblem {
    if finished.ending.is_none() {
        return RemoteProblem::Unreachable("no answer within a minute".to_owned());
    }
    let text = String::from_utf8_lossy(&finished.stderr);
    let says = |marks: &[&str]| marks.iter().any(|mark| text.contains(mark));
    if says(&DENIED) {
        return RemoteProblem::Denied(
            "the other side refuses the sign-in: try `git ls-remote` by hand, which says more".to_owned(),
        );
    }
    if says(&["returned error: 5", "returned error: 429"]) {
        return RemoteProblem::Busy("the other side fails for now".to_owned());
    }
    if says(&UNREACHABLE) {
        return RemoteProblem::Unreachable("no connection".to_owned());
    }
    if says(&MISSING) {
        return RemoteProblem::Missing("there is no such repository, or it may not be seen".to_owned());
    }
    if finished.ending == Some(Ending::Code(128)) && text.contains("Could not read from remote repository") {
        return RemoteProblem::Unreachable("no connection".to_owned());
    }
    RemoteProblem::Failed("git could not reach it: try `git ls-remote` by hand, which says more".to_owned())
}

/// Why the other side did not take a push, where it said so: a line of `git push --porcelain`.
pub(super) fn of_refusal(line: &str) -> Refused {
    let says = |marks: &[&str]| marks.iter().any(|mark| line.contains(mark));
    if says(&[
        "non-fast-forward",
        "fetch first",
        "stale info",
        "cannot lock ref",
        "failed to update ref",
        "already exists",
    ]) {
        return Refused::Lost;
    }
    let text = if says(&["hook declined", "protected branch", "not allowed", "GH0"]) {
        "the other side does not take the push: a hook or a protected branch stands in its way"
    } else {
        "the other side does not take the push: try `git push` by hand, which says more"
    };
    Refused::Never(RemoteProblem::Denied(text.to_owned()))
}

/// What a refused push means.
pub(super) enum Refused {
    /// Somebody else was faster.
    Lost,
    /// It is of no use to try again.
    Never(RemoteProblem),
}
