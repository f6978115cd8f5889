//! Schema and store brought together for one target: exactly the names and values that it gets.
//!
//! The hinge of the house: whatever renders or sends works on a [`Bundle`] and never opens the store.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use crate::name::{NameError, SecretName, TargetName, VariableName};
use crate::schema::{
    Dialect, Reader, RenderProblem, Schema, Template, Variable, ViolationKind, value_errors,
};
use crate::secret::SecretValue;
use crate::store::Document;

mod marker;
mod server;
#[cfg(test)]
mod tests;

pub use server::{
    HealthCheck, LoadedKey, Login, PinnedKeys, ReadyProbe, ServerError, endpoint, health_checks,
};

/// From how many variables a thread costs less than it saves.
const WORTH_A_THREAD: usize = 2_000;

/// Which target's set of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundleName {
    /// `[env-file.NAME]`, called `NAME`.
    EnvFile(TargetName),
    /// The secrets of `[github.NAME]`, called `github.NAME`.
    Github(TargetName),
    /// The variables of `[github.NAME]`, called `github.NAME.variables`.
    GithubVariables(TargetName),
}

impl BundleName {
    /// Reads `django`, `github.deploy` or `github.deploy.variables`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let Some(name) = text.strip_prefix("github.") else {
            return TargetName::parse(text).map(Self::EnvFile);
        };
        match name.strip_suffix(".variables") {
            Some(name) => TargetName::parse(name).map(Self::GithubVariables),
            None => TargetName::parse(name).map(Self::Github),
        }
    }

    /// All bundles of a schema, env files first. Of GitHub's, what has something in it, and never nothing at all.
    pub fn all(schema: &Schema) -> Vec<Self> {
        let env_files = schema.env_files.keys().cloned().map(Self::EnvFile);
        let github = schema.github.iter().flat_map(|(name, target)| {
            let has_variables = !target.variables.is_empty();
            let has_secrets = !target.secrets.is_empty() || !has_variables;
            let secrets = has_secrets.then(|| Self::Github(name.clone()));
            secrets.into_iter().chain(has_variables.then(|| Self::GithubVariables(name.clone())))
        });
        env_files.chain(github).collect()
    }

    /// What the schema declares for it: who reads it, and its variables.
    pub fn declared<'s>(&self, schema: &'s Schema) -> Option<(Dialect, &'s [Variable])> {
        match self {
            Self::EnvFile(name) => {
                schema.env_files.get(name).map(|file| (file.dialect, file.variables.as_slice()))
            }
            Self::Github(name) => {
                schema.github.get(name).map(|target| (Dialect::Gh, target.secrets.as_slice()))
            }
            Self::GithubVariables(name) => {
                schema.github.get(name).map(|target| (Dialect::Gh, target.variables.as_slice()))
            }
        }
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvFile(name) => name.fmt(f),
            Self::Github(name) => write!(f, "github.{name}"),
            Self::GithubVariables(name) => write!(f, "github.{name}.variables"),
        }
    }
}

/// Why a bundle cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleError {
    /// The schema has no such target.
    Unknown(BundleName),
    /// A required secret is not in the store; the first variable that needs it.
    Missing(VariableName, SecretName),
    /// A secret is in the store, but not as the schema wants it.
    Violation(SecretName, ViolationKind),
    /// The template failed, for the reason given.
    Template(VariableName, String),
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "the schema has no target {name}"),
            Self::Missing(variable, secret) => write!(f, "{secret} is not set, and {variable} needs it"),
            Self::Violation(secret, kind) => write!(f, "{secret}: {kind}"),
            Self::Template(variable, reason) => write!(f, "{variable}: its template fails: {reason}"),
        }
    }
}

impl std::error::Error for BundleError {}

/// One variable with its value.
pub struct BundleVariable {
    /// Its name.
    pub name: VariableName,
    /// Its value.
    pub value: SecretValue,
    /// The programs that read it.
    pub read_by: Vec<Reader>,
    /// Whether a hidden secret is part of the value.
    pub secret: bool,
}

/// One target's variables, in the order of the schema.
pub struct Bundle {
    /// The target.
    pub name: BundleName,
    /// Who reads the file.
    pub dialect: Dialect,
    /// The variables.
    pub variables: Vec<BundleVariable>,
    /// Variables left out because an optional secret is not set.
    pub left_out: Vec<(VariableName, SecretName)>,
    /// The variable, the last one, whose value is a keyed digest of all others; it changes when one of them does.
    pub marker: Option<VariableName>,
}

impl Bundle {
    /// Gathers a target's values; every reason against it at once.
    pub fn build(schema: &Schema, document: &Document, name: BundleName) -> Result<Self, Vec<BundleError>> {
        let (dialect, declared) =
            name.declared(schema).ok_or_else(|| vec![BundleError::Unknown(name.clone())])?;
        let (first, second) = declared.split_at(declared.len() / 2);
        let gathered = if declared.len() < WORTH_A_THREAD {
            vec![gather(schema, document, declared)]
        } else {
            std::thread::scope(|scope| {
                let second = scope.spawn(|| gather(schema, document, second));
                let first = gather(schema, document, first);
                vec![first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
            })
        };
        let marker = match &name {
            BundleName::EnvFile(target) => schema.env_files.get(target).and_then(|file| file.marker.clone()),
            BundleName::Github(_) | BundleName::GithubVariables(_) => None,
        };
        // One more for the marker.
        let variables = Vec::with_capacity(declared.len() + 1);
        let mut bundle = Self { name, dialect, variables, left_out: Vec::new(), marker };
        let mut errors = Vec::new();
        let mut violations = BTreeMap::new();
        for part in gathered {
            bundle.variables.extend(part.variables);
            bundle.left_out.extend(part.left_out);
            errors.extend(part.errors);
            violations.extend(part.violations);
        }
        errors.extend(violations.into_iter().flat_map(|(name, kinds)| {
            kinds.into_iter().map(move |kind| BundleError::Violation(name.clone(), kind))
        }));
        if !errors.is_empty() {
            return Err(errors);
        }
        if let Some(name) = &bundle.marker {
            let value = marker::of(&bundle.variables, &document.fingerprint_key());
            bundle.variables.push(BundleVariable {
                name: name.clone(),
                value,
                read_by: Vec::new(),
                secret: false,
            });
        }
        Ok(bundle)
    }
}

/// What came of some of a target's variables.
#[derive(Default)]
struct Gathered {
    variables: Vec<BundleVariable>,
    left_out: Vec<(VariableName, SecretName)>,
    errors: Vec<BundleError>,
    violations: BTreeMap<SecretName, Vec<ViolationKind>>,
}

fn gather(schema: &Schema, document: &Document, declared: &[Variable]) -> Gathered {
    let gatherer = Gatherer { schema, document, seen: RefCell::default() };
    let mut outcome = Gathered { variables: Vec::with_capacity(declared.len()), ..Gathered::default() };
    for variable in declared {
        match gatherer.value(variable) {
            Ok(value) => outcome.variables.push(BundleVariable {
                name: variable.name.clone(),
                value,
                read_by: variable.read_by.clone(),
                secret: gatherer.is_secret(variable),
            }),
            Err(Obstacle::Optional(secret)) => outcome.left_out.push((variable.name.clone(), secret)),
            Err(Obstacle::Error(error)) => outcome.errors.push(error),
        }
    }
    outcome.violations = gatherer.seen.into_inner();
    outcome
}

enum Obstacle {
    Optional(SecretName),
    Error(BundleError),
}

struct Gatherer<'a> {
    schema: &'a Schema,
    document: &'a Document,
    /// What is wrong with the values looked up so far; nothing for most.
    seen: RefCell<BTreeMap<SecretName, Vec<ViolationKind>>>,
}

impl Gatherer<'_> {
    fn fill(&self, template: &Template) -> Result<SecretValue, RenderProblem> {
        template.render(&|name| self.look_up(name))
    }

    fn value(&self, variable: &Variable) -> Result<SecretValue, Obstacle> {
        self.fill(&variable.template).map_err(|problem| match problem {
            RenderProblem::Missing(secret) if self.is_optional(&secret) => Obstacle::Optional(secret),
            RenderProblem::Missing(secret) => {
                Obstacle::Error(BundleError::Missing(variable.name.clone(), secret))
            }
            RenderProblem::Failed(reason) => {
                Obstacle::Error(BundleError::Template(variable.name.clone(), reason))
            }
        })
    }

    /// A secret's value, held against its declaration on the way.
    fn look_up(&self, name: &SecretName) -> Option<SecretValue> {
        let value = self.document.get(name)?;
        if let Some(entry) = self.schema.secrets.get(name) {
            let errors = value_errors(entry, &value);
            if !errors.is_empty() {
                self.seen.borrow_mut().insert(name.clone(), errors);
            }
        }
        Some(value)
    }

    fn is_optional(&self, name: &SecretName) -> bool {
        self.schema.secrets.get(name).is_some_and(|entry| !entry.required)
    }

    fn is_secret(&self, variable: &Variable) -> bool {
        let hidden = |name| self.schema.secrets.get(name).is_none_or(|entry| entry.secret);
        variable.template.references().iter().any(hidden)
    }
}
