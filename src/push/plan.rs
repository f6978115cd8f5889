//! What would change on the servers, as plain data: it is shown, asked about, and then carried out as it stands.

use std::collections::BTreeMap;
use std::fmt;

use crate::bundle::{Bundle, BundleError, BundleName, HealthCheck, ServerError, health_checks};
use crate::name::{TargetName, VariableName};
use crate::render::{Unrenderable, header, parse, render_bundle};
use crate::schema::{Dialect, Install, Schema};
use crate::secret::{FingerprintKey, Redactor, SecretText, SecretValue};
use crate::store::{Author, Document};
use crate::target::server::{Digest, Facts, Look, Note, ServerPath};

use super::provenance::Provenance;

/// What is to be done with one server. One that could not be looked at has no plan.
pub struct ServerPlan {
    /// Its name in the schema.
    pub server: TargetName,
    /// Its files, in the order of the schema: their numbers in the conversation are their places here, from 1.
    pub files: Vec<FilePlan>,
}

impl ServerPlan {
    /// Whether anything has to be done there.
    pub fn has_changes(&self) -> bool {
        self.files.iter().any(FilePlan::has_changes)
    }
}

/// What is to be done with one file on a server.
pub struct FilePlan {
    /// The env file in the schema.
    pub env_file: TargetName,
    /// Where the schema puts it and how it takes effect there.
    pub install: Install,
    /// Its path over there, as the schema gives it.
    pub path: ServerPath,
    /// What must hold afterwards, with its values filled in.
    pub health: Vec<HealthCheck>,
    /// The marker's variable and value, where the env file has one: what a running program gives back.
    pub marker: Option<(VariableName, SecretValue)>,
    /// Each variable here or there, by name.
    pub variables: Vec<Difference>,
    /// Whether its mode, owner or group is another than the schema wants.
    pub access_differs: bool,
    /// What the file there says of itself.
    pub there: Option<Provenance>,
    /// The digest of the file there; `None` if there is none.
    pub expected: Option<Digest>,
    /// What an interrupted transaction has left.
    pub note: Option<Note>,
    /// What the file will hold.
    pub content: SecretText,
    /// Its values, to be taken out of what commands over there say.
    values: Vec<SecretValue>,
    /// Why it may not be replaced unless the user says so.
    pub objections: Vec<Objection>,
}

impl FilePlan {
    /// Whether the file there has to be replaced: a variable, its mode or its owner differs.
    pub fn has_changes(&self) -> bool {
        self.access_differs || self.variables.iter().any(Difference::differs)
    }

    /// Adds the file's values to what is taken out of texts.
    pub fn hide_in(&self, redactor: &mut Redactor) {
        self.values.iter().for_each(|value| redactor.add(value));
    }
}

/// What a push would do with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: VariableName,
    /// What would be done.
    pub action: Action,
    /// Whether somebody changed it over there since the last push.
    pub is_drifted: bool,
    /// The fingerprint of its value in the store.
    pub here: Option<String>,
    /// The fingerprint of its value over there.
    pub there: Option<String>,
}

impl Difference {
    /// Whether here and there are not the same.
    pub fn differs(&self) -> bool {
        self.action != Action::Unchanged
    }
}

/// What a push does with a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It has another value there.
    Change,
    /// Both are the same.
    Unchanged,
    /// The schema does not have it: it goes.
    Orphan,
}

/// Why a file may not be replaced unless the user says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objection {
    /// The file there came from a later generation of the store.
    Older {
        /// The generation there.
        there: u64,
        /// The generation here.
        here: u64,
    },
    /// Somebody changed these variables there since the last push, or the file was never pushed.
    Drifted(Vec<VariableName>),
    /// The file there came from another store.
    AnotherStore,
    /// A transaction was interrupted there.
    Interrupted,
}

/// Why a file cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// A value is missing or wrong.
    Bundle(TargetName, BundleError),
    /// Something of the server is missing or wrong.
    Server(ServerError),
    /// A value cannot be spelled for the file's reader.
    Unrenderable(TargetName, Unrenderable),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle(_, error) => error.fmt(f),
            Self::Server(error) => error.fmt(f),
            Self::Unrenderable(file, error) => write!(f, "{file}: {error}"),
        }
    }
}

impl std::error::Error for PlanError {}

/// What would change on a server; `looks` is what was found of each of its files, in the order of the schema.
pub fn plan(
    schema: &Schema,
    document: &Document,
    server: &TargetName,
    looks: &[Look],
    author: &Author,
) -> Result<ServerPlan, Vec<PlanError>> {
    let installs = schema.servers.get(server).map(|server| server.installs.as_slice()).unwrap_or_default();
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for (install, look) in installs.iter().zip(looks) {
        match plan_file(schema, document, server, install, look, author) {
            Ok(file) => files.push(file),
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(ServerPlan { server: server.clone(), files }) } else { Err(errors) }
}

fn plan_file(
    schema: &Schema,
    document: &Document,
    server: &TargetName,
    install: &Install,
    look: &Look,
    author: &Author,
) -> Result<FilePlan, Vec<PlanError>> {
    let file = &install.env_file;
    let bundle = Bundle::build(schema, document, BundleName::EnvFile(file.clone())).map_err(|errors| {
        errors.into_iter().map(|error| PlanError::Bundle(file.clone(), error)).collect::<Vec<_>>()
    })?;
    let health = health_checks(schema, document, server, install)
        .map_err(|errors| errors.into_iter().map(PlanError::Server).collect::<Vec<_>>())?;
    let ours = Provenance::of(&bundle, document, author);
    let head = format!("{}\n{}", header(document.generation()), ours.lines());
    let content = render_bundle(&bundle, Some(&head)).map_err(|errors| {
        errors.into_iter().map(|error| PlanError::Unrenderable(file.clone(), error)).collect::<Vec<_>>()
    })?;
    let text = look.content.as_ref().map(|content| String::from_utf8_lossy(content));
    let text = text.map(|text| SecretText::new(text.into_owned()));
    let there = text.as_ref().and_then(|text| Provenance::read(text.expose()));
    let mut variables = compare(&bundle, text.as_ref(), there.as_ref(), &document.fingerprint_key());
    // Where the dialect has no comments, no file can say what was pushed.
    if !content.expose().starts_with('#') {
        for variable in &mut variables {
            variable.is_drifted = false;
        }
    }
    let marker = bundle.marker.clone().and_then(|name| {
        let variable = bundle.variables.iter().find(|variable| variable.name == name)?;
        Some((name, variable.value.clone()))
    });
    Ok(FilePlan {
        env_file: file.clone(),
        path: look.path.clone(),
        access_differs: look.file.as_ref().is_some_and(|facts| !has_access(facts, install)),
        objections: objections(&variables, there.as_ref(), look, document),
        install: install.clone(),
        health,
        marker,
        variables,
        there,
        expected: look.digest,
        note: look.note.clone(),
        content,
        values: bundle.variables.into_iter().filter(|one| one.secret).map(|one| one.value).collect(),
    })
}

/// What differs between a bundle and the file there, variable by variable, by name.
fn compare(
    bundle: &Bundle,
    text: Option<&SecretText>,
    there: Option<&Provenance>,
    key: &FingerprintKey,
) -> Vec<Difference> {
    let here: BTreeMap<&str, &SecretValue> =
        bundle.variables.iter().map(|one| (one.name.as_str(), &one.value)).collect();
    let Some(found) = text.map(|text| read(bundle.dialect, text)) else {
        return here
            .iter()
            .filter_map(|(name, value)| difference(name, Some(value), None, false, key))
            .collect();
    };
    let Some(found) = found else {
        // Nobody can tell what a program makes of it: all of it is somebody else's.
        return here
            .iter()
            .filter_map(|(name, value)| {
                let all = difference(name, Some(value), None, true, key)?;
                Some(Difference { action: Action::Change, ..all })
            })
            .collect();
    };
    let names: std::collections::BTreeSet<&str> =
        here.keys().copied().chain(found.keys().map(String::as_str)).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let (our, their) = (here.get(name).copied(), found.get(name));
            let is_drifted = match (there, their) {
                (None, _) => true,
                (Some(pushed), Some(value)) => pushed.pushed(name, value, key) != Some(true),
                (Some(pushed), None) => pushed.has(name),
            };
            difference(name, our, their, is_drifted, key)
        })
        .collect()
}

/// The variables of a file as its reader takes them; `None` if it cannot be read.
fn read(dialect: Dialect, text: &SecretText) -> Option<BTreeMap<String, SecretValue>> {
    Some(parse(dialect, text.expose()).ok()?.into_iter().collect())
}

fn difference(
    name: &str,
    here: Option<&SecretValue>,
    there: Option<&SecretValue>,
    is_drifted: bool,
    key: &FingerprintKey,
) -> Option<Difference> {
    let action = match (here, there) {
        (Some(_), None) => Action::Create,
        (Some(here), Some(there)) if here == there => Action::Unchanged,
        (Some(_), Some(_)) => Action::Change,
        (None, Some(_)) => Action::Orphan,
        (None, None) => return None,
    };
    let print = |value: Option<&SecretValue>| value.map(|value| key.of(value).to_string());
    Some(Difference {
        // A name that no environment can carry is in no file that was pushed; its reader passes over it too.
        name: VariableName::parse(name).ok()?,
        is_drifted: is_drifted && action != Action::Unchanged,
        action,
        here: print(here),
        there: print(there),
    })
}

/// Whether a file has the mode and the owner that the schema wants; owners may be given by number.
fn has_access(facts: &Facts, install: &Install) -> bool {
    let is = |wanted: &Option<String>, name: &str, number: u32| {
        wanted.as_ref().is_none_or(|wanted| wanted == name || *wanted == number.to_string())
    };
    install.mode.is_none_or(|mode| mode == facts.mode)
        && is(&install.owner, &facts.user, facts.user_number)
        && is(&install.group, &facts.group, facts.group_number)
}

fn objections(
    variables: &[Difference],
    there: Option<&Provenance>,
    look: &Look,
    document: &Document,
) -> Vec<Objection> {
    let mut objections = Vec::new();
    if look.note.is_some() {
        objections.push(Objection::Interrupted);
    }
    if !variables.iter().any(Difference::differs) {
        return objections;
    }
    if there.is_some_and(|there| there.store != document.print().to_string()) {
        objections.push(Objection::AnotherStore);
    } else if let Some(there) = there.filter(|there| there.generation > document.generation()) {
        objections.push(Objection::Older { there: there.generation, here: document.generation() });
    }
    let drifted: Vec<VariableName> =
        variables.iter().filter(|one| one.is_drifted).map(|one| one.name.clone()).collect();
    if !drifted.is_empty() {
        objections.push(Objection::Drifted(drifted));
    }
    objections
}
