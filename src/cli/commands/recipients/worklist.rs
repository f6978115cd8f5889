//! What a former reader could read: from git's history where there is one.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use crate::cli::commands::git::repository::Repository;
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::report::count;
use crate::name::SecretName;
use crate::schema::Schema;
use crate::store::{Change, Document, Recipient, Unlocked, Worklist, compare};

use super::remove::Former;

/// What git's history says about a reader.
#[derive(Default)]
pub(super) struct Past {
    /// The reader as a commit lists them.
    pub(super) reader: Option<Recipient>,
    /// The secrets whose value of now stands in a version that was sealed for them.
    committed: BTreeSet<SecretName>,
    /// The secrets in such versions that are no longer in the store.
    gone: BTreeSet<SecretName>,
    /// Versions that no identity at hand opens.
    unreadable: usize,
    /// Whether the clone holds only a part of the history.
    is_shallow: bool,
}

/// Looks through every version of the store in git, on all branches. `None` without git.
pub(super) fn past(
    store: &Unlocked,
    is_wanted: &dyn Fn(&Recipient) -> bool,
    context: &mut Context,
) -> Result<Option<Past>, Failure> {
    let Ok(repository) = Repository::find(context) else { return Ok(None) };
    let Ok(path) = repository.path(&context.settings.store) else { return Ok(None) };
    let versions = versions(&repository, &path, context)?;
    context.explain(&format!("looking through {} of the store in git", count(versions.len(), "version")));
    let shallow = repository.ask(context, &["rev-parse", "--is-shallow-repository"])?;
    let is_shallow = shallow.is_some_and(|answer| answer.starts_with(b"true"));
    let mut past = Past { is_shallow, ..Past::default() };
    for version in versions {
        let Some(sealed) = repository.ask(context, &["cat-file", "blob", &version])? else { continue };
        let Ok(document) = store.open_version(Path::new(&version), &sealed) else {
            past.unreadable += 1;
            continue;
        };
        let reader = document.recipients().iter().find(|reader| is_wanted(reader));
        if let Some(reader) = reader.filter(|_| document.id() == store.document().id()) {
            past.reader.get_or_insert_with(|| reader.clone());
            past.add(&document, store.document());
        }
    }
    past.gone.retain(|name| !store.document().contains(name));
    Ok(Some(past))
}

/// The objects of all versions, the newest first.
fn versions(repository: &Repository, path: &str, context: &Context) -> Result<Vec<String>, Failure> {
    let top = format!(":(top){path}");
    let arguments = [
        "log",
        "--all",
        "--full-history",
        "-m",
        "--format=",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--",
        &top,
    ];
    let lines = repository.ask(context, &arguments)?.unwrap_or_default();
    let mut seen = BTreeSet::new();
    // `:100644 100644 before after M	path`; where it was removed, nothing but zeros stands after.
    let objects = String::from_utf8_lossy(&lines);
    let objects = objects.lines().filter_map(|line| line.split(' ').nth(3));
    let present = objects.filter(|object| object.bytes().any(|byte| byte != b'0'));
    Ok(present.filter(|object| seen.insert((*object).to_owned())).map(str::to_owned).collect())
}

impl Past {
    fn add(&mut self, version: &Document, now: &Document) {
        let changes = compare(version, now).secrets;
        let differs: BTreeSet<&SecretName> = changes.iter().map(|(name, _)| name).collect();
        self.committed.extend(now.names().filter(|name| !differs.contains(name)).cloned());
        let gone = changes.iter().filter(|(_, change)| *change == Change::Removed);
        self.gone.extend(gone.map(|(name, _)| name.clone()));
    }
}

/// Says what the history holds beyond the secrets of now.
pub(super) fn say_past(former: &Former, context: &mut Context) {
    let (name, Some(past)) = (&former.reader.name, &former.past) else { return };
    if !former.is_present {
        context.ui.say(&format!("{name} is no recipient any more, but was one in git's history"));
    }
    if !past.gone.is_empty() {
        let names: Vec<&str> = past.gone.iter().map(SecretName::as_str).collect();
        context.ui.warn(&format!(
            "in git's history {name} can also read what is no longer in the store: {}",
            names.join(", ")
        ));
    }
    if past.unreadable > 0 {
        let versions = count(past.unreadable, "version");
        context
            .ui
            .warn(&format!("{versions} of the store in git could not be opened here and may hold more"));
    }
    if past.is_shallow {
        context.ui.warn("this clone holds only a part of the history, and the rest may hold more");
    }
}

/// What to mark. Hosts, ports and the like, which the schema does not count as secret, are left out: there is nothing
/// to change about them.
pub(super) fn worklist(
    former: Former,
    document: &Document,
    schema: Option<&Schema>,
    since: Timestamp,
) -> Worklist {
    let is_open = |name: &&SecretName| {
        schema.and_then(|schema| schema.secrets.get(*name)).is_some_and(|entry| !entry.secret)
    };
    Worklist {
        since,
        to: former.reader.who(),
        committed: former.past.map(|past| past.committed).unwrap_or_default(),
        could_read_all: former.is_present,
        spared: document.names().filter(is_open).cloned().collect(),
    }
}

/// Prints what is to be done: a line for each secret, with the command for it.
pub(in crate::cli) fn say_worklist(
    exposed: &[SecretName],
    schema: Option<&Schema>,
    context: &mut Context,
) -> Result<(), Failure> {
    if exposed.is_empty() {
        return Ok(());
    }
    let secrets = count(exposed.len(), "secret");
    context.ui.warn(&format!("{secrets} exposed: change each at its source, then here"));
    for name in exposed {
        let has_policy =
            schema.and_then(|schema| schema.secrets.get(name)).is_some_and(|entry| entry.generate.is_some());
        let command = if has_policy { "generate --replace" } else { "set" };
        context.ui.data(&format!("luca-secrets {command} {name}\n"))?;
    }
    context.ui.hint("`luca-secrets check` fails until all have new values, or `luca-secrets recipients waive NAME --because TEXT`");
    Ok(())
}
