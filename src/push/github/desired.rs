//! What should be on GitHub, from schema and store alone.

use std::fmt;

use crate::bundle::{Bundle, BundleError, BundleName};
use crate::http::{Address, AddressError};
use crate::name::TargetName;
use crate::schema::{self, GithubScope, Schema};
use crate::secret::SecretValue;
use crate::store::{Document, Pushes};
use crate::target::github::{Kind, Kinds, PushRecord, Scope, Visibility, Wanted};

/// What one target should hold, and what the store knows of it.
pub struct Desired {
    /// Its name in the schema.
    pub target: TargetName,
    /// Whose secrets and variables.
    pub scope: Scope,
    /// The API.
    pub base: Address,
    /// The token that the schema names, if the store holds it.
    pub token: Option<SecretValue>,
    /// The secrets.
    pub secrets: Bundle,
    /// The variables.
    pub variables: Bundle,
    /// What was pushed there.
    pub pushes: Pushes,
}

/// Why it cannot be told what should be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DesiredError {
    /// A secret is missing or breaks its rules.
    Bundle(BundleError),
    /// The target's API is no address.
    Address(TargetName, AddressError),
}

impl fmt::Display for DesiredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle(error) => error.fmt(f),
            Self::Address(target, error) => write!(f, "`api` of github.{target}: {error}"),
        }
    }
}

impl std::error::Error for DesiredError {}

impl Desired {
    /// Gathers what a target should hold; every reason against it at once.
    pub fn build(
        schema: &Schema,
        document: &Document,
        target: &TargetName,
    ) -> Result<Self, Vec<DesiredError>> {
        let unknown = || DesiredError::Bundle(BundleError::Unknown(BundleName::Github(target.clone())));
        let declared = schema.github.get(target).ok_or_else(|| vec![unknown()])?;
        let base =
            Address::parse(&declared.api).map_err(|error| vec![DesiredError::Address(target.clone(), error)]);
        let build = |name| Bundle::build(schema, document, name).map_err(bundle_errors);
        let secrets = build(BundleName::Github(target.clone()));
        let variables = build(BundleName::GithubVariables(target.clone()));
        match (base, secrets, variables) {
            (Ok(base), Ok(secrets), Ok(variables)) => Ok(Self {
                target: target.clone(),
                scope: scope_of(&declared.scope),
                base,
                token: declared.token.as_ref().and_then(|name| document.get(name)),
                secrets,
                variables,
                pushes: document.pushes(target),
            }),
            (base, secrets, variables) => {
                let mut errors = base.err().unwrap_or_default();
                errors.extend(secrets.err().unwrap_or_default());
                let more = variables.err().unwrap_or_default();
                // The same secret may be wrong for both.
                let new: Vec<_> = more.into_iter().filter(|error| !errors.contains(error)).collect();
                errors.extend(new);
                Err(errors)
            }
        }
    }

    /// What should be there, as the target takes it.
    pub(super) fn wanted(&self) -> Vec<Wanted<'_>> {
        let both = [(Kind::Secret, &self.secrets), (Kind::Variable, &self.variables)];
        let wanted = both.into_iter().flat_map(|(kind, bundle)| {
            let all = bundle.variables.iter();
            all.map(move |variable| Wanted { kind, name: &variable.name, value: &variable.value })
        });
        wanted.collect()
    }

    /// What has to be looked at: each kind costs a request.
    pub(super) fn kinds(&self) -> Kinds {
        Kinds {
            secrets: !self.secrets.variables.is_empty() || !self.pushes.secrets.is_empty(),
            variables: !self.variables.variables.is_empty() || !self.pushes.variables.is_empty(),
        }
    }

    /// What was pushed there, under GitHub's names.
    pub(super) fn record(&self) -> PushRecord {
        PushRecord::of(&self.pushes)
    }
}

fn bundle_errors(errors: Vec<BundleError>) -> Vec<DesiredError> {
    errors.into_iter().map(DesiredError::Bundle).collect()
}

/// The scope as a target takes it. That a repository is called `owner/name` is checked with the schema.
pub fn scope_of(declared: &GithubScope) -> Scope {
    let parts = |repository: &str| {
        let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
        (owner.to_owned(), name.to_owned())
    };
    match declared {
        GithubScope::Repository(repository) => {
            let (owner, name) = parts(repository);
            Scope::Repository { owner, name }
        }
        GithubScope::Environment { repository, environment } => {
            let (owner, name) = parts(repository);
            Scope::Environment { owner, name, environment: environment.clone() }
        }
        GithubScope::Organization { organization, visibility } => {
            let visibility = match visibility {
                schema::Visibility::All => Visibility::All,
                schema::Visibility::Private => Visibility::Private,
                schema::Visibility::Selected(names) => Visibility::Selected(names.clone()),
            };
            Scope::Organization { name: organization.clone(), visibility }
        }
    }
}
