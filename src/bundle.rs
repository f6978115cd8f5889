//! Schema and store brought together for one target: exactly the names and values that it gets.
//!
//! The hinge of the house: whatever renders or sends works on a [`Bundle`] and never opens the store.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use crate::name::{NameError, SecretName, TargetName, VariableName};
use crate::schema::{Dialect, Reader, RenderProblem, Schema, Variable, ViolationKind, value_errors};
use crate::secret::SecretValue;
use crate::store::Document;

/// Which target's set of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum BundleName {
    /// `[env-file.NAME]`, called `NAME`.
    EnvFile(TargetName),
    /// `[github.NAME]`, called `github.NAME`.
    Github(TargetName),
}

impl BundleName {
    /// Reads `django` or `github.deploy`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix("github.") {
            Some(name) => TargetName::parse(name).map(Self::Github),
            None => TargetName::parse(text).map(Self::EnvFile),
        }
    }

    /// All bundles of a schema, env files first.
    pub fn all(schema: &Schema) -> Vec<Self> {
        let env_files = schema.env_files.keys().cloned().map(Self::EnvFile);
        env_files.chain(schema.github.keys().cloned().map(Self::Github)).collect()
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvFile(name) => name.fmt(f),
            Self::Github(name) => write!(f, "github.{name}"),
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
}

impl Bundle {
    /// Gathers a target's values; every reason against it at once.
    pub fn build(schema: &Schema, document: &Document, name: BundleName) -> Result<Self, Vec<BundleError>> {
        let (dialect, declared) = match &name {
            BundleName::EnvFile(target) => {
                schema.env_files.get(target).map(|file| (file.dialect, &file.variables))
            }
            BundleName::Github(target) => {
                schema.github.get(target).map(|target| (Dialect::Gh, &target.secrets))
            }
        }
        .ok_or_else(|| vec![BundleError::Unknown(name.clone())])?;
        let gatherer = Gatherer { schema, document, seen: RefCell::default() };
        let mut bundle =
            Self { name, dialect, variables: Vec::with_capacity(declared.len()), left_out: Vec::new() };
        let mut errors = Vec::new();
        for variable in declared {
            match gatherer.value(variable) {
                Ok(value) => bundle.variables.push(BundleVariable {
                    name: variable.name.clone(),
                    value,
                    read_by: variable.read_by.clone(),
                    secret: gatherer.is_secret(variable),
                }),
                Err(Obstacle::Optional(secret)) => bundle.left_out.push((variable.name.clone(), secret)),
                Err(Obstacle::Error(error)) => errors.push(error),
            }
        }
        let violations = gatherer.seen.into_inner().into_iter();
        let violations = violations.flat_map(|(name, kinds)| {
            kinds.into_iter().map(move |kind| BundleError::Violation(name.clone(), kind))
        });
        errors.extend(violations);
        if errors.is_empty() { Ok(bundle) } else { Err(errors) }
    }
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
    fn value(&self, variable: &Variable) -> Result<SecretValue, Obstacle> {
        let value = variable.template.render(&|name| self.look_up(name));
        value.map_err(|problem| match problem {
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
