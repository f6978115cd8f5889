//! The connections to GitHub, and everything that goes over them: several targets at once.

use std::cell::RefCell;
use std::time::Duration;

use crate::http::{Address, Client, Pause};
use crate::name::TargetName;
use crate::secret::{FingerprintKey, SecretValue};
use crate::ssh::in_parallel;
use crate::store::{LastPush, Pushes};
use crate::sys::{Clock, Environment, Random};
use crate::target::github::{
    ActionsName, Github, GithubError, Kind, Options, PushRecord, Settings, Token, find_token,
};

use super::desired::Desired;
use super::plan::{GithubPlan, Only};
use super::problem::{GithubProblem, hint};

/// The longest time for one request and its answer.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);

/// The longest that one request may wait for rate limits in all.
const PATIENCE: Duration = Duration::from_mins(15);

/// How many targets are looked at or written to at once.
const AT_ONCE: usize = 4;

/// What the connections need from outside.
pub struct Outside<'a> {
    /// The HTTPS client.
    pub client: &'a Client,
    /// The time, for limits that end at a given moment.
    pub clock: &'a dyn Clock,
    /// For pauses that are not the same for all.
    pub random: &'a RefCell<&'a mut dyn Random>,
    /// How to wait, and where to tell that we do.
    pub pause: &'a dyn Pause,
}

/// A token for an API, shared by the targets that want the same.
pub struct Access {
    /// The API.
    pub base: Address,
    /// The token, if one was found.
    pub token: Option<Token>,
    /// What the schema's own secret holds.
    named: Option<SecretValue>,
    /// The targets, by their places.
    targets: Vec<usize>,
}

impl Access {
    /// The targets that it is for.
    pub fn targets<'d>(&'d self, desired: &'d [Desired]) -> impl Iterator<Item = &'d TargetName> {
        self.targets.iter().filter_map(|place| desired.get(*place)).map(|desired| &desired.target)
    }
}

/// Looks for the tokens of all targets, once for each API and secret. `keyring` is asked last, for a host.
pub fn accesses(
    desired: &[Desired],
    env: &Environment,
    keyring: impl Fn(&str) -> Option<SecretValue>,
) -> Vec<Access> {
    let mut accesses: Vec<Access> = Vec::new();
    for (place, each) in desired.iter().enumerate() {
        let known = accesses.iter_mut().find(|access| access.base == each.base && access.named == each.token);
        if let Some(access) = known {
            access.targets.push(place);
            continue;
        }
        let (base, named) = (each.base.clone(), each.token.clone());
        let token = find_token(env, &base, named.clone(), &keyring);
        accesses.push(Access { base, token, named, targets: vec![place] });
    }
    accesses
}

/// GitHub, as all tokens together see it.
pub struct Hub<'a> {
    githubs: Vec<Github<'a>>,
    /// Of each target by its place, which of these it is, or the API that has no token.
    places: Vec<Result<usize, Address>>,
}

/// What came of a target.
pub struct Outcome {
    /// Its name in the schema.
    pub target: TargetName,
    /// What was written or removed.
    pub done: Vec<(Kind, ActionsName)>,
    /// What was not, and why. A write whose outcome is unknown is here too.
    pub failed: Vec<(Kind, ActionsName, GithubError)>,
    record: PushRecord,
    /// What the store knew of it before its first write.
    begun: Pushes,
}

impl Outcome {
    /// What the store has to know now: as it was said before the first write, and as it is.
    pub fn pushes(&self, push: &LastPush) -> (Pushes, Pushes) {
        let last = if self.done.is_empty() { self.begun.last.clone() } else { Some(push.clone()) };
        (self.begun.clone(), self.record.to_pushes(last))
    }

    /// What to do next about what failed, each advice once.
    pub fn hints(&self) -> Vec<String> {
        let mut hints: Vec<String> = Vec::new();
        for advice in self.failed.iter().filter_map(|(_, _, error)| hint(error)) {
            if !hints.contains(&advice) {
                hints.push(advice);
            }
        }
        hints
    }
}

impl<'a> Hub<'a> {
    /// The connections for `accesses`, which belong to `count` targets. Nothing is sent yet.
    pub fn new(outside: &Outside<'a>, accesses: &[Access], count: usize) -> Self {
        let mut githubs = Vec::new();
        let mut places: Vec<_> = (0..count).map(|_| None).collect();
        for access in accesses {
            let place = match &access.token {
                None => Err(access.base.clone()),
                Some(token) => {
                    githubs.push(Github::new(Settings {
                        client: outside.client,
                        base: access.base.clone(),
                        token: token.value.clone(),
                        clock: outside.clock,
                        random: outside.random,
                        pause: outside.pause,
                        patience: PATIENCE,
                    }));
                    Ok(githubs.len() - 1)
                }
            };
            for target in &access.targets {
                places[*target] = Some(place.clone());
            }
        }
        Self { githubs, places: places.into_iter().flatten().collect() }
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> usize {
        self.githubs.iter().map(Github::requests).sum()
    }

    fn github(&self, place: usize) -> Result<&Github<'a>, GithubProblem> {
        match self.places.get(place) {
            Some(Ok(found)) => Ok(&self.githubs[*found]),
            Some(Err(base)) => Err(GithubProblem::NoToken(base.clone())),
            None => Err(GithubProblem::Github(GithubError::NotTried)),
        }
    }

    /// Looks at all targets and plans each, in their order. One that cannot be looked at does not stop the others.
    pub async fn plan<'v>(
        &self,
        desired: &'v [Desired],
        key: &FingerprintKey,
        options: Options,
        only: &Only<'_>,
    ) -> Vec<Result<GithubPlan<'v>, GithubProblem>> {
        let look = async |(place, each): (usize, &'v Desired)| {
            let github = self.github(place)?;
            let observed = github.observe(&each.scope, each.kinds()).await.map_err(GithubProblem::Github)?;
            GithubPlan::new(each, observed, key, options, only)
        };
        in_parallel(desired.iter().enumerate(), AT_ONCE, look).await
    }

    /// Carries plans out, each with the place of its target. What they have [begun](GithubPlan::begun) must be in the
    /// store. One that fails does not stop the others.
    pub async fn apply(&self, plans: &[(usize, &GithubPlan<'_>)]) -> Vec<Outcome> {
        let write = async |(place, plan): &(usize, &GithubPlan<'_>)| {
            let mut outcome = Outcome {
                target: plan.target.clone(),
                done: Vec::new(),
                failed: Vec::new(),
                record: plan.record.clone(),
                begun: plan.begun(),
            };
            if let Ok(github) = self.github(*place) {
                let applied = github.apply(&plan.scope, &plan.steps, plan.options(), &plan.record).await;
                (outcome.done, outcome.failed, outcome.record) =
                    (applied.done, applied.failed, applied.record);
            }
            outcome
        };
        in_parallel(plans, AT_ONCE, write).await
    }
}
