//! What would change on the servers, as plain data: it is shown, asked about, and then carried out as it stands.

use std::collections::{BTreeMap, BTreeSet};
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

    /// Leaves the file as it is.
    pub fn leave(&mut self) {
        self.access_differs = false;
        self.variables.retain(|variable| !variable.differs());
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
    // A file that is no text is no file of ours, and nobody can tell what a program makes of it.
    let text = look.content.as_ref().map(|content| SecretText::from_utf8(content.to_vec()).ok());
    let there = text.iter().flatten().find_map(|text| Provenance::read(text.expose()));
    let found = text.as_ref().map(|text| read(bundle.dialect, text.as_ref()?));
    let mut variables = compare(&bundle, found.as_ref(), there.as_ref(), &document.fingerprint_key());
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

/// What differs between a bundle and the file there, variable by variable, by name. `found` are the file's variables:
/// nothing where there is no file, and nothing inside where it cannot be read.
fn compare(
    bundle: &Bundle,
    found: Option<&Option<BTreeMap<VariableName, SecretValue>>>,
    there: Option<&Provenance>,
    key: &FingerprintKey,
) -> Vec<Difference> {
    let here: BTreeMap<&VariableName, &SecretValue> =
        bundle.variables.iter().map(|one| (&one.name, &one.value)).collect();
    let whole = |is_drifted, action| {
        let one = |(name, value): (&&VariableName, &&SecretValue)| {
            let all = difference(name, Some(value), None, is_drifted, key)?;
            Some(Difference { action, ..all })
        };
        here.iter().filter_map(one).collect()
    };
    let found = match found {
        None => return whole(false, Action::Create),
        // All of it is somebody else's.
        Some(None) => return whole(true, Action::Change),
        Some(Some(found)) => found,
    };
    let names: BTreeSet<&VariableName> = here.keys().copied().chain(found.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let (our, their) = (here.get(name).copied(), found.get(name));
            let is_drifted = match (there, their) {
                (None, _) => true,
                (Some(pushed), Some(value)) => pushed.pushed(name.as_str(), value, key) != Some(true),
                (Some(pushed), None) => pushed.has(name.as_str()),
            };
            difference(name, our, their, is_drifted, key)
        })
        .collect()
}

/// The variables of a file as its reader takes them; `None` if it cannot be read, or holds what no file of ours does:
/// a name that stands twice, of which one reader takes the first and another the last, or one that no schema can have.
fn read(dialect: Dialect, text: &SecretText) -> Option<BTreeMap<VariableName, SecretValue>> {
    let mut variables = BTreeMap::new();
    for (name, value) in parse(dialect, text.expose()).ok()? {
        if variables.insert(VariableName::parse(&name).ok()?, value).is_some() {
            return None;
        }
    }
    Some(variables)
}

fn difference(
    name: &VariableName,
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
        name: name.clone(),
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

#[cfg(test)]
mod tests {
    use super::super::provenance::digest;
    use super::*;
    use crate::bundle::BundleVariable;

    fn bundle(pairs: &[(&str, &str)]) -> Bundle {
        let variable = |(name, value): &(&str, &str)| BundleVariable {
            name: VariableName::parse(name).unwrap(),
            value: SecretValue::new((*value).to_owned()),
            read_by: Vec::new(),
            secret: true,
        };
        Bundle {
            name: BundleName::parse("django").unwrap(),
            dialect: Dialect::Cookiecutter,
            variables: pairs.iter().map(variable).collect(),
            left_out: Vec::new(),
            marker: None,
        }
    }

    /// What was pushed, what is in the file and what is in the store; the outcome in words.
    fn compared(pushed: Option<&[(&str, &str)]>, file: Option<&str>, here: &[(&str, &str)]) -> String {
        let key = FingerprintKey::new("k");
        let there = pushed.map(|pushed| {
            let one = |one: &BundleVariable| (one.name.clone(), digest(one.name.as_str(), &one.value, &key));
            Provenance {
                store: String::new(),
                generation: 1,
                at: jiff::Timestamp::UNIX_EPOCH,
                by: String::new(),
                digests: bundle(pushed).variables.iter().map(one).collect(),
            }
        });
        let found = file.map(|text| read(Dialect::Cookiecutter, &SecretText::new(text.to_owned())));
        let words = compare(&bundle(here), found.as_ref(), there.as_ref(), &key).into_iter().map(|one| {
            let action = match one.action {
                Action::Create => "create",
                Action::Change => "change",
                Action::Unchanged => "same",
                Action::Orphan => "orphan",
            };
            format!("{}:{action}{}", one.name, if one.is_drifted { "!" } else { "" })
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_differs_is_told_from_what_somebody_changed() {
        let store = [("A", "1"), ("B", "2")];
        assert_eq!(compared(None, None, &store), "A:create B:create");
        // Pushed, and nobody touched it.
        let pushed: &[_] = &[("A", "1"), ("B", "1"), ("C", "1")];
        assert_eq!(compared(Some(pushed), Some("A=1\nB=1\nC=1\n"), &store), "A:same B:change C:orphan");
        assert_eq!(compared(Some(pushed), Some("C='1'\nB=1\nA=\"1\"\n"), &store), "A:same B:change C:orphan");
        // Changed, added and taken away there.
        assert_eq!(compared(Some(pushed), Some("A=9\nD=1\n"), &store), "A:change! B:create! D:orphan!");
        // Changed there to what the store has now.
        assert_eq!(compared(Some(&[("A", "0")]), Some("A=1\n"), &store), "A:same B:create");
        // Never pushed.
        assert_eq!(compared(None, Some("A=1\nB=2\n"), &store), "A:same B:same");
        assert_eq!(compared(None, Some("A=1\nB=3\n"), &store), "A:same B:change!");
    }

    #[test]
    fn what_no_reader_agrees_upon_is_somebody_else_s() {
        let all = "A:change! B:change!";
        let store = [("A", "1"), ("B", "2")];
        let pushed: &[_] = &store;
        for file in ["A=9\nA=1\nB=2\n", "A=1\nB=2\nA='1\n", "A=1\nB=2\nODD-NAME=1\n"] {
            assert_eq!(compared(Some(pushed), Some(file), &store), all, "{file}");
        }
    }
}
