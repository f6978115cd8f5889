//! `git pre-commit`: what must not be committed.

use crate::cli::context::Context;
use crate::cli::failure::{Failure, Kind};
use crate::import::occurrences;
use crate::name::SecretName;
use crate::schema::Schema;
use crate::secret::SecretValue;
use crate::store::{Document, SealedForm, open, sealed_form};

use super::repository::Repository;
use super::staged::{Added, added, paths};

/// How the files begin that `render` writes.
const RENDERED: &str = "# rendered by luca-secrets";

pub(super) fn run(context: &mut Context) -> Result<(), Failure> {
    let repository = Repository::find(context)?;
    let store = repository.path(&context.settings.store)?;
    let paths = paths(&repository, context)?;
    let schema = schema(context);
    let mut wrong = Vec::new();
    let mut documents = Vec::new();
    if paths.contains(&store) {
        staged_store(&repository, &store, &mut documents, &mut wrong, context)?;
    }
    env_files(&repository, schema.as_ref(), &paths, &mut wrong, context);
    match context.unlock() {
        Ok(unlocked) => values(unlocked.document(), schema.as_ref(), &mut documents),
        Err(failure) if documents.is_empty() => {
            let why = failure.messages.join("; ");
            context.ui.warn(&format!("values were not looked for in this commit: {why}"));
        }
        Err(_) => {}
    }
    for added in added(&repository, &paths, context)?.iter().filter(|added| added.path != store) {
        plain_text(added, &mut wrong);
        leaks(added, &documents, &mut wrong);
    }
    wrong.dedup();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::many(wrong)
        .kind(Kind::Finding)
        .hint("nothing was committed; take it out of the commit with `git restore --staged FILE`"))
}

/// What to look for, each with what to call it.
type Values = Vec<(String, SecretValue)>;

fn schema(context: &mut Context) -> Option<Schema> {
    match context.schema() {
        Ok(schema) => Some(schema),
        Err(failure) => {
            let why = failure.messages.join("; ");
            context.ui.warn(&format!("env files were not looked for in this commit: {why}"));
            None
        }
    }
}

/// The store as it would be committed: sealed, and without conflicts.
fn staged_store(
    repository: &Repository,
    path: &str,
    documents: &mut Values,
    wrong: &mut Vec<String>,
    context: &mut Context,
) -> Result<(), Failure> {
    let Some(sealed) = repository.staged(context, 0)? else { return Ok(()) };
    match sealed_form(&sealed) {
        SealedForm::Age => {}
        SealedForm::ConflictMarkers => {
            wrong.push(format!(
                "{path}: git's conflict markers stand in it; merge it with `luca-secrets merge --from-index`"
            ));
            return Ok(());
        }
        SealedForm::Plain | SealedForm::Other => {
            wrong.push(format!("{path}: not encrypted"));
            return Ok(());
        }
    }
    let Ok(keys) = context.keys_for(&sealed) else { return Ok(()) };
    let Ok(document) = open(&context.settings.store, &sealed, &keys) else { return Ok(()) };
    if let Err(failure) = context.refuse_foreign(document.print()) {
        wrong.extend(failure.messages.first().cloned());
    }
    for (name, _) in document.conflicts() {
        wrong.push(format!("{path}: {name} is in conflict; settle it with `luca-secrets merge`"));
    }
    let schema = context.schema().ok();
    values(&document, schema.as_ref(), documents);
    Ok(())
}

fn env_files(
    repository: &Repository,
    schema: Option<&Schema>,
    paths: &[String],
    wrong: &mut Vec<String>,
    context: &Context,
) {
    for (name, file) in schema.iter().flat_map(|schema| &schema.env_files) {
        let path = repository.path(&context.settings.root.join(&file.path));
        if let Some(path) = path.ok().filter(|path| paths.contains(path)) {
            wrong.push(format!("{path}: the env file {name}, full of values"));
        }
    }
}

/// The values that must stay hidden, by the schema or for lack of a word in it.
fn values(document: &Document, schema: Option<&Schema>, found: &mut Values) {
    let is_secret = |name: &&SecretName| {
        schema.and_then(|schema| schema.secrets.get(*name)).is_none_or(|entry| entry.secret)
    };
    let own = document.names().filter(is_secret);
    found.extend(own.filter_map(|name| Some((format!("the value of {name}"), document.get(name)?))));
    let theirs = document.conflicts().filter(|(name, _)| is_secret(name));
    found.extend(theirs.filter_map(|(name, theirs)| Some((format!("the value of {name}"), theirs?.clone()))));
    let rotated = document.rotations().flat_map(|(name, record)| record.values().map(move |one| (name, one)));
    for (rotation, (name, value)) in rotated {
        let name = name.unwrap_or(rotation);
        if is_secret(&name) && found.iter().all(|(_, other)| other != value) {
            found.push((format!("a value from the rotation of {name}"), value.clone()));
        }
    }
    // A value that came back is no earlier one.
    let is_new = |value: &SecretValue, found: &Values| found.iter().all(|(_, other)| other != value);
    for name in document.with_history().filter(is_secret) {
        for earlier in document.history(name) {
            if is_new(&earlier.value, found) {
                found.push((format!("an earlier value of {name}"), earlier.value));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a == b);
}

/// A decrypted store or a rendered file under whatever name.
fn plain_text(added: &Added, wrong: &mut Vec<String>) {
    let path = &added.path;
    if added.line != 1 {
        return;
    }
    if sealed_form(added.bytes()) == SealedForm::Plain {
        wrong.push(format!("{path}: a decrypted store"));
    } else if added.bytes().starts_with(RENDERED.as_bytes()) {
        wrong.push(format!("{path}: an env file made by `luca-secrets render`, full of values"));
    }
}

fn leaks(added: &Added, values: &Values, wrong: &mut Vec<String>) {
    for (what, value) in values {
        for at in added.find(|text| occurrences(value, text)) {
            let found = format!("{}:{at}: {what}", added.path);
            if !wrong.contains(&found) {
                wrong.push(found);
            }
        }
    }
}
