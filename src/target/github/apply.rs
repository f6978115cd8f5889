//! Making it so.

use std::cell::Cell;

use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::http::{Method, encode_part};
use crate::secret::SecretValue;

use super::api::{Call, Github, Refused};
use super::error::GithubError;
use super::limits::ATTEMPTS;
use super::name::ActionsName;
use super::observe::{Kinds, Observed};
use super::plan::{Change, Kind, Options, Plan};
use super::record::PushRecord;
use super::scope::{Scope, Visibility};
use super::seal::ScopeKey;

/// How many writes are on their way at once. GitHub allows 100 requests at a time and asks for few.
const AT_ONCE: usize = 8;

/// What came of a plan.
pub struct Applied {
    /// What was written or removed.
    pub done: Vec<(Kind, ActionsName)>,
    /// What was not, and why. A write whose outcome is unknown is here too.
    pub failed: Vec<(Kind, ActionsName, GithubError)>,
    /// What to remember of this push.
    pub record: PushRecord,
}

impl Github<'_> {
    /// Carries a plan out: one request for the public key, one for each change, and one for each page of the list
    /// afterwards, which proves that all is there and tells GitHub's own dates. An error that would meet every further
    /// write too stops the rest; any other concerns only its own.
    ///
    /// [`Plan::begin`] must be safe before. GitHub's dates are whole seconds, and a secret's value cannot be read: what
    /// somebody else writes between our write and that list, or in the same second, is not seen as drift.
    pub async fn apply(
        &self,
        scope: &Scope,
        plan: &Plan<'_>,
        options: Options,
        record: &PushRecord,
    ) -> Applied {
        let changes: Vec<Change<'_>> = plan.changes(options).collect();
        let record = &plan.settled(record);
        let mut applied = Applied { done: Vec::new(), failed: Vec::new(), record: record.clone() };
        if changes.is_empty() {
            return applied;
        }
        let fresh =
            Writer { github: self, scope, key: Mutex::new(None), readers: None, is_over: Cell::new(false) };
        let writer = match fresh.prepare(&changes).await {
            Ok(writer) => writer,
            Err(error) => {
                let errors = std::iter::once(error).chain(std::iter::repeat(GithubError::NotTried));
                applied.failed =
                    changes.iter().zip(errors).map(|(c, e)| (c.kind, c.name.clone(), e)).collect();
                return applied;
            }
        };
        applied.record = plan.begin(record, options);
        let all = changes.iter().map(|change| writer.write(change));
        let outcomes: Vec<Result<(), GithubError>> = stream::iter(all).buffered(AT_ONCE).collect().await;
        for (change, outcome) in changes.iter().zip(&outcomes) {
            if let Err(error) = outcome {
                applied.failed.push((change.kind, change.name.clone(), error.clone()));
                if is_certain(error) {
                    applied.restore(record, change);
                }
            }
        }
        let written =
            changes.iter().zip(outcomes).filter_map(|(change, outcome)| outcome.ok().map(|()| change));
        self.look_again(scope, written.collect(), &mut applied).await;
        applied
    }

    /// Reads back what was written, several times where the list lags behind. Where that fails, the writes stay
    /// unproven and so unrecorded.
    async fn look_again(&self, scope: &Scope, mut written: Vec<&Change<'_>>, applied: &mut Applied) {
        for attempt in 1..=ATTEMPTS {
            if written.is_empty() {
                return;
            }
            let observed = match self.observe_again(scope, &written, attempt).await {
                Ok(observed) => observed,
                Err(error) => {
                    let unproven = written.into_iter().map(|c| (c.kind, c.name.clone(), error.clone()));
                    applied.failed.extend(unproven);
                    return;
                }
            };
            let (there, missing): (Vec<_>, Vec<_>) =
                written.into_iter().partition(|change| change.shows_in(&observed));
            for change in there {
                applied.settle(change, &observed);
            }
            if attempt == ATTEMPTS {
                for change in &missing {
                    applied.give_up(change, &observed, scope);
                }
            }
            written = missing;
        }
    }

    async fn observe_again(
        &self,
        scope: &Scope,
        written: &[&Change<'_>],
        attempt: u32,
    ) -> Result<Observed, GithubError> {
        if attempt > 1 {
            self.rest(attempt).await?;
        }
        let wrote = |kind| written.iter().any(|change| change.kind == kind);
        self.observe(scope, Kinds { secrets: wrote(Kind::Secret), variables: wrote(Kind::Variable) }).await
    }
}

/// Whether a failed write has certainly not happened.
const fn is_certain(error: &GithubError) -> bool {
    !matches!(error, GithubError::Server(..) | GithubError::Http(_) | GithubError::Random)
}

impl Applied {
    /// Forgets a write that did not happen.
    fn restore(&mut self, record: &PushRecord, change: &Change<'_>) {
        let entries = self.record.of_kind_mut(change.kind);
        match record.of_kind(change.kind).get(change.name) {
            Some(before) => entries.insert(change.name.clone(), before.clone()),
            None => entries.remove(change.name),
        };
    }

    /// Notes a write that is there, with GitHub's date.
    fn settle(&mut self, change: &Change<'_>, observed: &Observed) {
        let entries = self.record.of_kind_mut(change.kind);
        match change.value {
            None => drop(entries.remove(change.name)),
            Some(_) => {
                if let Some(pushed) = entries.get_mut(change.name) {
                    pushed.updated_at = observed.updated_at(change.kind, change.name);
                }
            }
        }
        self.done.push((change.kind, change.name.clone()));
    }

    /// Notes a write that GitHub took and does not show. A secret that is there with its old date may have been written
    /// in the very second of the write before: it stays undated, and the next push writes it again.
    fn give_up(&mut self, change: &Change<'_>, observed: &Observed, scope: &Scope) {
        let error = match change.value {
            Some(_) if change.kind == Kind::Secret && observed.has(change.kind, change.name) => {
                self.done.push((change.kind, change.name.clone()));
                return;
            }
            Some(_) => GithubError::NotThere(what(change, scope)),
            None => GithubError::Conflict(what(change, scope)),
        };
        self.failed.push((change.kind, change.name.clone(), error));
    }
}

/// What a change is about, for messages.
fn what(change: &Change<'_>, scope: &Scope) -> String {
    format!("{} {} of {scope}", change.kind.as_str(), change.name)
}

/// Writes to one scope.
struct Writer<'w, 'g> {
    github: &'w Github<'g>,
    scope: &'w Scope,
    key: Mutex<Option<ScopeKey>>,
    /// Who may use an organisation's secrets and variables.
    readers: Option<Readers>,
    /// Whether an error came that concerns all.
    is_over: Cell<bool>,
}

/// Who may use it, as requests say it.
#[derive(Clone, Serialize)]
struct Readers {
    visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected_repository_ids: Option<Vec<u64>>,
}

#[derive(Serialize)]
struct SecretBody<'b> {
    encrypted_value: &'b str,
    key_id: &'b str,
    #[serde(flatten)]
    readers: Option<Readers>,
}

#[derive(Serialize)]
struct VariableBody<'b> {
    name: &'b str,
    value: &'b str,
    #[serde(flatten)]
    readers: Option<Readers>,
}

#[derive(Deserialize)]
struct KeyAnswer {
    key_id: String,
    key: String,
}

#[derive(Deserialize)]
struct RepositoryAnswer {
    id: u64,
}

impl Writer<'_, '_> {
    /// Fetches what all writes need, before the first of them.
    async fn prepare(mut self, changes: &[Change<'_>]) -> Result<Self, GithubError> {
        let puts = |kind| changes.iter().any(|change| change.kind == kind && change.value.is_some());
        if puts(Kind::Secret) {
            let key = self.fetch_key().await?;
            *self.key.get_mut() = Some(key);
        }
        if let (Some(visibility), Scope::Organization { name, .. }) = (self.scope.visibility(), self.scope) {
            let ids = match visibility {
                Visibility::Selected(names) if puts(Kind::Secret) || puts(Kind::Variable) => {
                    Some(self.repository_ids(name, names).await?)
                }
                _ => None,
            };
            self.readers = Some(Readers { visibility: visibility.as_str(), selected_repository_ids: ids });
        }
        Ok(self)
    }

    async fn repository_ids(&self, owner: &str, names: &[String]) -> Result<Vec<u64>, GithubError> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names {
            let path = format!("/repos/{}/{}", encode_part(owner), encode_part(name));
            let what = format!("the repository {owner}/{name}");
            let repository: RepositoryAnswer = self.github.read(&Call::get(&path, &what)).await?;
            ids.push(repository.id);
        }
        Ok(ids)
    }

    async fn fetch_key(&self) -> Result<ScopeKey, GithubError> {
        let path = format!("{}/public-key", self.scope.path(Kind::Secret));
        let what = format!("the public key of {}", self.scope);
        let answer: KeyAnswer = self.github.read(&Call::get(&path, &what)).await?;
        ScopeKey::new(answer.key_id, &answer.key)
    }

    /// Another key than the one with the id given, if there is one by now. However many writes ask, one fetches.
    async fn other_key(&self, used: &str) -> Result<Option<ScopeKey>, GithubError> {
        let mut key = self.key.lock().await;
        if key.as_ref().is_none_or(|key| key.id == used) {
            *key = Some(self.fetch_key().await?);
        }
        Ok(key.clone().filter(|key| key.id != used))
    }

    async fn write(&self, change: &Change<'_>) -> Result<(), GithubError> {
        if self.is_over.get() {
            return Err(GithubError::NotTried);
        }
        let what = what(change, self.scope);
        let outcome = match (change.kind, change.value) {
            (_, None) => self.delete(change, &what).await,
            (Kind::Secret, Some(value)) => self.put_secret(change.name, value, &what).await,
            (Kind::Variable, Some(value)) => self.put_variable(change, value, &what).await,
        };
        outcome.map_err(|refused| {
            self.is_over.set(self.is_over.get() || refused.error.concerns_all());
            refused.error
        })
    }

    /// Seals and sends. GitHub may have changed its key since it was fetched: then once more with the new one.
    async fn put_secret(&self, name: &ActionsName, value: &SecretValue, what: &str) -> Result<(), Refused> {
        let key = self.key.lock().await.clone().ok_or(GithubError::BadKey)?;
        match self.send_secret(&key, name, value, what).await {
            Err(refused) if refused.status == 400 || refused.status == 422 => {
                let Some(newer) = self.other_key(&key.id).await? else { return Err(refused) };
                self.send_secret(&newer, name, value, what).await
            }
            outcome => outcome,
        }
    }

    async fn send_secret(
        &self,
        key: &ScopeKey,
        name: &ActionsName,
        value: &SecretValue,
        what: &str,
    ) -> Result<(), Refused> {
        let sealed = key.seal(value)?;
        let body = SecretBody { encrypted_value: &sealed, key_id: &key.id, readers: self.readers.clone() };
        self.send(Method::PUT, &self.path(Kind::Secret, name), json(&body, what)?, what).await
    }

    /// Creates or updates. Which of the two it is may have changed since it was looked at, also by our own first try
    /// whose answer was lost.
    async fn put_variable(
        &self,
        change: &Change<'_>,
        value: &SecretValue,
        what: &str,
    ) -> Result<(), Refused> {
        let name = change.name.as_str();
        let body = VariableBody { name, value: value.expose(), readers: self.readers.clone() };
        let body = json(&body, what)?;
        let (list, own) = (self.scope.path(Kind::Variable), self.path(Kind::Variable, change.name));
        let create = || self.send(Method::POST, &list, body.clone(), what);
        let update = || self.send(Method::PATCH, &own, body.clone(), what);
        if change.before.is_some() {
            match update().await {
                Err(refused) if refused.status == 404 => create().await,
                outcome => outcome,
            }
        } else {
            match create().await {
                Err(refused) if refused.status == 409 => update().await,
                outcome => outcome,
            }
        }
    }

    /// Removes. What is gone already is gone.
    async fn delete(&self, change: &Change<'_>, what: &str) -> Result<(), Refused> {
        let path = self.path(change.kind, change.name);
        let call = Call { method: Method::DELETE, path: &path, body: None, what };
        match self.github.call(&call).await {
            Err(refused) if refused.status == 404 => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>, what: &str) -> Result<(), Refused> {
        self.github.call(&Call { method, path, body: Some(body), what }).await.map(drop)
    }

    fn path(&self, kind: Kind, name: &ActionsName) -> String {
        format!("{}/{name}", self.scope.path(kind))
    }
}

fn json(body: &impl Serialize, what: &str) -> Result<Vec<u8>, GithubError> {
    serde_json::to_vec(body).map_err(|_| GithubError::Unreadable(what.to_owned()))
}
