//! The steps to a new key, and back.

use std::time::Duration;

use crate::name::SecretName;
use crate::rotate::step::{Action, Step};
use crate::store::State;

/// The deploys, in the order of [`Created::deploys`](crate::rotate::Created::deploys).
const ACCEPT: usize = 0;
const SIGN: usize = 1;
pub(super) const DROP: usize = 2;
const RESTORE: usize = 3;

/// The deploys where there are no fallbacks.
pub(super) const REPLACE: usize = 0;
const PUT_BACK: usize = 1;

fn step(name: &'static str, shown: String, action: Action, then: State) -> Step {
    Step { name, shown, action, then, is_final: false }
}

/// With both keys accepted until nothing that the old one has signed can be of use.
pub(super) fn gently(name: &SecretName, wait: Duration) -> Vec<Step> {
    let accept = format!("bring the new {name} as a fallback to all that use it");
    let accepted = "see that the application accepts what either key signs".to_owned();
    let sign = format!("bring the new {name} to sign with, and the old one as its fallback");
    let signs =
        format!("see that the application signs with the new {name} and accepts what the old one signed");
    let age = format!("wait {}, until nothing that the old key has signed can be of use", spelled(wait));
    let drop = format!("bring {name} without the old key as a fallback");
    let dropped = "see that the application refuses what the old key signs".to_owned();
    vec![
        step("accept", accept, Action::Deploy(ACCEPT), State::Granted),
        step("accepted", accepted, Action::Prove, State::Proven),
        step("sign", sign, Action::Deploy(SIGN), State::Rolled),
        step("signs", signs, Action::Prove, State::Rolled),
        step("age", age, Action::Wait(wait), State::Grace),
        Step { is_final: true, ..step("drop", drop, Action::Deploy(DROP), State::Retiring) },
        step("dropped", dropped, Action::Prove, State::Done),
    ]
}

/// The way back: once the new key has signed anything, over the state in which both are accepted.
pub(super) fn gently_back(name: &SecretName, wait: Duration, begun: usize) -> Vec<Step> {
    let accept = format!("bring the old {name} to sign with, and the new one as its fallback");
    let accepted = "see that the application accepts what either key signs".to_owned();
    let age = format!("wait {}, until nothing that the new key has signed can be of use", spelled(wait));
    let mut steps = Vec::new();
    if begun >= 3 {
        steps.push(step("accept-again", accept, Action::Deploy(ACCEPT), State::Undoing));
        steps.push(step("accepted-again", accepted, Action::Prove, State::Undoing));
        steps.push(step("age-again", age, Action::Wait(wait), State::Undoing));
    }
    if begun >= 1 {
        steps.extend(restore(name, RESTORE));
    }
    steps
}

/// With one deploy, which signs everybody out.
pub(super) fn abruptly(name: &SecretName) -> Vec<Step> {
    let confirm =
        format!("ask whether everybody may be signed out: the application accepts no {name} but one");
    let replace = format!("bring the new {name} to all that use it, which signs everybody out");
    let replaced = format!("see that the application signs with the new {name} and refuses the old one");
    vec![
        step("confirm", confirm, Action::Ask, State::Staged),
        step("replace", replace, Action::Deploy(REPLACE), State::Rolled),
        step("replaced", replaced, Action::Prove, State::Done),
    ]
}

/// The way back from there, which signs everybody out again.
pub(super) fn abruptly_back(name: &SecretName, begun: usize) -> Vec<Step> {
    if begun >= 2 { restore(name, PUT_BACK).into() } else { Vec::new() }
}

fn restore(name: &SecretName, deploy: usize) -> [Step; 2] {
    let restore = format!("bring {name} back as it was");
    let restored = format!("see that the application signs with the old {name} and refuses the new one");
    [
        step("restore", restore, Action::Deploy(deploy), State::Undoing),
        step("restored", restored, Action::Prove, State::Undoing),
    ]
}

/// A length of time as schemas spell it.
fn spelled(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let whole = units.iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    whole.map(|(unit, letter)| format!("{}{letter}", seconds / unit)).unwrap_or_default()
}
