//! Jobs of GitHub's that may still have the old key: a run is given the secrets of its repository when it is queued.

use std::cell::RefCell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::http::{Address, Client, TimerPause};
use crate::secret::SecretValue;
use crate::store::RotationRecord;
use crate::sys::{self, Environment, OsRandom, Random, SystemClock, describe};
use crate::target::github::{ActionsName, Github, GithubError, Kinds, Scope, Settings};

use super::super::credential::Quiet;
use super::super::trouble::Trouble;

/// How long one request may take.
const TIME: Duration = Duration::from_secs(20);

/// How long rate limits may make it wait.
const PATIENCE: Duration = Duration::from_mins(1);

/// How far our clock and GitHub's may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Most runs that are named.
const NAMED: usize = 3;

/// A place at GitHub that has the key.
pub struct Jobs {
    /// GitHub's API.
    pub base: Address,
    /// The token; whoever has none cannot look.
    pub token: Option<SecretValue>,
    /// Whose secrets.
    pub scope: Scope,
    /// The secrets there that hold the key.
    pub secrets: Vec<ActionsName>,
    /// Certificates and proxies.
    pub env: Environment,
}

impl Jobs {
    /// The owner and the name of the repository, where there is only one.
    fn repository(&self) -> Option<(&str, &str)> {
        match &self.scope {
            Scope::Repository { owner, name } | Scope::Environment { owner, name, .. } => Some((owner, name)),
            Scope::Organization { .. } => None,
        }
    }

    /// That one can look at what will be waited for.
    pub(super) fn preflight(&self) -> Result<String, Trouble> {
        let Some((owner, name)) = self.repository() else {
            return Ok(format!(
                "{}: runs of all its repositories cannot be watched: the time alone counts",
                self.scope
            ));
        };
        let runs = self.ask(async |github| github.unfinished_runs(owner, name).await)?;
        Ok(format!("{owner}/{name}: its workflow runs can be watched, {} under way", runs.len()))
    }

    /// Whether no run is left that may have the old key.
    pub(super) fn quiet(&self, record: &RotationRecord) -> Result<Quiet, Trouble> {
        let Some((owner, name)) = self.repository() else {
            return Ok(Quiet::Yes(format!("{}: the time has passed", self.scope)));
        };
        let kinds = Kinds { secrets: true, variables: false };
        let seen = self.ask(async |github| github.observe(&self.scope, kinds).await)?;
        let mut written = Timestamp::MIN;
        for secret in &self.secrets {
            match seen.secrets.get(secret) {
                Some(seen)
                    if seen.updated_at.saturating_add(SKEW).unwrap_or(Timestamp::MAX) >= record.started =>
                {
                    written = written.max(seen.updated_at);
                }
                _ => {
                    let what = format!("{} of {} does not have the new key yet", secret.as_str(), self.scope);
                    return Ok(Quiet::NotYet(what));
                }
            }
        }
        let mut runs = self.ask(async |github| github.unfinished_runs(owner, name).await)?;
        runs.retain(|run| run.created_at <= written);
        if runs.is_empty() {
            return Ok(Quiet::Yes(format!("{owner}/{name}: no run from before is left")));
        }
        let named: Vec<String> = runs.iter().take(NAMED).map(|run| run.id.to_string()).collect();
        let more = if runs.len() > NAMED { " and others" } else { "" };
        let what =
            format!("{owner}/{name}: workflow runs from before are not over: {}{more}", named.join(", "));
        Ok(Quiet::NotYet(what))
    }

    fn ask<T>(&self, work: impl AsyncFnOnce(&Github<'_>) -> Result<T, GithubError>) -> Result<T, Trouble> {
        let token = self.token.clone().ok_or_else(|| {
            Trouble::unavailable(format!("{}: no token to look at workflow runs with", self.scope))
                .hint("set GH_TOKEN, log in with `gh auth login`, or name a secret by `token` in the schema")
        })?;
        let client = Client::new(&self.env, TIME).map_err(Trouble::unavailable)?;
        let mut random = OsRandom;
        let random: &mut dyn Random = &mut random;
        let random = RefCell::new(random);
        let github = Github::new(Settings {
            client: &client,
            base: self.base.clone(),
            token,
            clock: &SystemClock,
            random: &random,
            pause: &TimerPause,
            patience: PATIENCE,
        });
        let done = sys::block_on(work(&github)).map_err(|error| Trouble::unavailable(describe(&error)))?;
        done.map_err(|error| match error {
            GithubError::Forbidden(..) | GithubError::NotFound(_) => Trouble::held(error)
                .hint("the token needs the permission to read Actions, and to read Secrets"),
            error => Trouble::unavailable(error),
        })
    }
}
