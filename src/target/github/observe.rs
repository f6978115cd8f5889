//! What is there now.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::secret::SecretValue;

use super::api::{Call, Github};
use super::error::GithubError;
use super::name::ActionsName;
use super::plan::Kind;
use super::scope::Scope;

/// Most entries on a page, by the description.
const fn page_size(kind: Kind) -> usize {
    match kind {
        Kind::Secret => 100,
        Kind::Variable => 30,
    }
}

/// What to look at. Each costs at least one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// The secrets.
    pub secrets: bool,
    /// The variables.
    pub variables: bool,
}

/// A secret as GitHub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSeen {
    /// When it was written last.
    pub updated_at: Timestamp,
    /// Who may use it, of an organisation's.
    pub visibility: Option<String>,
}

/// A variable as GitHub lists it.
#[derive(Clone)]
pub struct VariableSeen {
    /// When it was written last.
    pub updated_at: Timestamp,
    /// Who may use it, of an organisation's.
    pub visibility: Option<String>,
    /// Its value.
    pub value: SecretValue,
}

/// What one scope holds. A kind that was not asked for is empty.
#[derive(Clone, Default)]
pub struct Observed {
    /// The secrets.
    pub secrets: BTreeMap<ActionsName, SecretSeen>,
    /// The variables.
    pub variables: BTreeMap<ActionsName, VariableSeen>,
}

impl Observed {
    /// Whether there is one of that name.
    pub(super) fn has(&self, kind: Kind, name: &ActionsName) -> bool {
        match kind {
            Kind::Secret => self.secrets.contains_key(name),
            Kind::Variable => self.variables.contains_key(name),
        }
    }

    /// When it was written last.
    pub(super) fn updated_at(&self, kind: Kind, name: &ActionsName) -> Option<Timestamp> {
        match kind {
            Kind::Secret => self.secrets.get(name).map(|seen| seen.updated_at),
            Kind::Variable => self.variables.get(name).map(|seen| seen.updated_at),
        }
    }

    /// All names of one kind.
    pub(super) fn names(&self, kind: Kind) -> Box<dyn Iterator<Item = &ActionsName> + '_> {
        match kind {
            Kind::Secret => Box::new(self.secrets.keys()),
            Kind::Variable => Box::new(self.variables.keys()),
        }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    total_count: usize,
    #[serde(alias = "secrets", alias = "variables")]
    entries: Vec<T>,
}

#[derive(Deserialize)]
struct SecretEntry {
    name: String,
    updated_at: String,
    visibility: Option<String>,
}

#[derive(Deserialize)]
struct VariableEntry {
    name: String,
    value: String,
    updated_at: String,
    visibility: Option<String>,
}

impl Github<'_> {
    /// Lists what a scope holds, a request for each page.
    pub async fn observe(&self, scope: &Scope, kinds: Kinds) -> Result<Observed, GithubError> {
        let mut observed = Observed::default();
        if kinds.secrets {
            let entries: Vec<SecretEntry> = self.list(scope, Kind::Secret).await?;
            let seen = entries.into_iter().map(|entry| {
                let updated_at = time(&entry.updated_at, scope)?;
                let name = name(&entry.name, scope)?;
                Ok((name, SecretSeen { updated_at, visibility: entry.visibility }))
            });
            observed.secrets = seen.collect::<Result<_, GithubError>>()?;
        }
        if kinds.variables {
            let entries: Vec<VariableEntry> = self.list(scope, Kind::Variable).await?;
            let seen = entries.into_iter().map(|entry| {
                let updated_at = time(&entry.updated_at, scope)?;
                let value = SecretValue::new(entry.value);
                let name = name(&entry.name, scope)?;
                Ok((name, VariableSeen { updated_at, visibility: entry.visibility, value }))
            });
            observed.variables = seen.collect::<Result<_, GithubError>>()?;
        }
        Ok(observed)
    }

    /// All pages of a list. The count on each page tells whether there is another, which saves asking for it.
    async fn list<T: DeserializeOwned>(&self, scope: &Scope, kind: Kind) -> Result<Vec<T>, GithubError> {
        let (path, size) = (scope.path(kind), page_size(kind));
        let what = format!("{} of {scope}", kind.plural());
        let mut all = Vec::new();
        for number in 1.. {
            let path = format!("{path}?per_page={size}&page={number}");
            let page: Page<T> = self.read(&Call::get(&path, &what)).await?;
            let is_last = page.entries.is_empty() || all.len() + page.entries.len() >= page.total_count;
            all.extend(page.entries);
            if is_last {
                break;
            }
        }
        Ok(all)
    }
}

fn time(text: &str, scope: &Scope) -> Result<Timestamp, GithubError> {
    text.parse().map_err(|_| GithubError::Unreadable(scope.to_string()))
}

fn name(text: &str, scope: &Scope) -> Result<ActionsName, GithubError> {
    ActionsName::listed(text).ok_or_else(|| GithubError::Unreadable(scope.to_string()))
}
