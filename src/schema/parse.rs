//! Reading `schemas/*.toml`: all files as one schema, and all mistakes at once, each with its place.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::sys::{Disk, FileError};

use super::model::{Place, Schema};

mod context;
mod entry;
mod history;
mod policy;
mod window;
mod rotation;
mod target;
mod github;
mod server;
mod install;
mod health;
mod bucket;
mod backup;
mod remote;
mod notify;
mod tree;
#[cfg(test)]
mod tests;

use context::{Context, Source};
use tree::{Key, Node, Table, Value};

/// The largest schema file, in bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// The kinds of tables at the top of a schema file.
const SECTIONS: [&str; 8] =
    ["secrets", "env-file", "github", "server", "history", "remote", "notify", "backup"];

/// A mistake in a schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// Where it stands.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for SchemaError {}

/// Why a schema folder could not be taken in.
#[derive(Debug)]
pub enum LoadError {
    /// The folder does not exist or holds no `.toml` file.
    NoSchema(PathBuf),
    /// A file could not be read.
    File(FileError),
    /// A file is not UTF-8.
    NotUtf8(PathBuf),
    /// The files have mistakes: at least one, sorted by place.
    Invalid(Vec<SchemaError>),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSchema(folder) => {
                write!(f, "{}: no schema there, run `luca-secrets init` to get one", folder.display())
            }
            Self::File(error) => error.fmt(f),
            Self::NotUtf8(file) => write!(f, "{}: not UTF-8 text", file.display()),
            Self::Invalid(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    write!(f, "{}{error}", if index == 0 { "" } else { "\n" })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads all `*.toml` of a folder as one schema. Files may hold at most 16 MiB each.
pub fn load(disk: &Disk, folder: &Path) -> Result<Schema, LoadError> {
    parse(&read_files(disk, folder)?).map_err(LoadError::Invalid)
}

/// Reads the text of all `*.toml` of a folder, for [`parse`].
pub fn read_files(disk: &Disk, folder: &Path) -> Result<Vec<(PathBuf, String)>, LoadError> {
    let paths = match disk.files(folder, ".toml") {
        Err(error) if error.is_not_found() => return Err(LoadError::NoSchema(folder.to_owned())),
        found => found.map_err(LoadError::File)?,
    };
    if paths.is_empty() {
        return Err(LoadError::NoSchema(folder.to_owned()));
    }
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let mut bytes = disk.read(&path, LARGEST_FILE).map_err(LoadError::File)?;
        // A schema holds no secret: there is nothing to wipe.
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => files.push((path, text)),
            Err(_) => return Err(LoadError::NotUtf8(path)),
        }
    }
    Ok(files)
}

/// Reads files, each with its path, as one schema. The errors are sorted by place, and there is at least one.
pub fn parse(files: &[(PathBuf, String)]) -> Result<Schema, Vec<SchemaError>> {
    parse_plain(files).map_or_else(|| parse_thoroughly(files), Ok)
}

/// Reads files that are in plain form and without a mistake; of anything else the thorough way tells the story.
fn parse_plain(files: &[(PathBuf, String)]) -> Option<Schema> {
    let problems = RefCell::new(Vec::new());
    let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let mut schema = Schema::default();
    let mut attributes = BTreeMap::new();
    let mut tables = Vec::with_capacity(sources.len());
    for source in &sources {
        let context = Context::new(source, &problems);
        let mut take_group = |section: &Table<'_>| {
            entry::secrets(context, section, &mut schema, &mut attributes);
        };
        tables.push((context, Table::read(source.text, &mut take_group)?));
    }
    build(&tables, true, &mut schema, &mut attributes);
    problems.take().is_empty().then_some(schema)
}

/// Reads files with a parser that goes on after a mistake.
fn parse_thoroughly(files: &[(PathBuf, String)]) -> Result<Schema, Vec<SchemaError>> {
    let problems = RefCell::new(Vec::new());
    let sources: Vec<_> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
    let mut tables = Vec::with_capacity(sources.len());
    let mut all_readable = true;
    for source in &sources {
        let context = Context::new(source, &problems);
        let (table, errors) = DeTable::parse_recoverable(source.text);
        // A table behind a syntax error is guesswork; with a key twice it is whole.
        let readable = errors.iter().all(context::is_duplicate);
        context.syntax_errors(&errors);
        all_readable &= readable;
        if readable {
            tables.push((context, Table::from_toml(table.get_ref())));
        }
    }
    let mut schema = Schema::default();
    build(&tables, all_readable, &mut schema, &mut BTreeMap::new());
    let mut problems = problems.into_inner();
    if problems.is_empty() {
        return Ok(schema);
    }
    problems.sort_by(|a: &SchemaError, b| a.place.cmp(&b.place));
    Err(problems)
}

/// Adds what the files say to the schema, and complains where one says something wrong.
fn build(
    tables: &[(Context<'_>, Table<'_>)],
    all_readable: bool,
    schema: &mut Schema,
    attributes: &mut entry::Attributes,
) {
    let mut history = None;
    // All secrets before any target: a template may name a secret of any file.
    for (context, table) in tables {
        for (key, value) in table.iter() {
            if !SECTIONS.contains(&key.get_ref().as_ref()) {
                context.unknown_key(key, &SECTIONS);
            } else if let Some(section) = context.table(key, value) {
                if key.get_ref() == "secrets" {
                    entry::secrets(*context, section, schema, attributes);
                } else if key.get_ref() == "history" {
                    schema.history = history::history(*context, key, section, history.as_ref());
                    history.get_or_insert(context.place(&key.span()));
                }
            }
        }
    }
    let mut targets = target::Targets::new(schema, all_readable);
    // All env files before any server: it may get one of any file.
    for (context, name, value) in targets_of(tables, "env-file") {
        targets.env_file(context, name, value);
    }
    for (context, name, value) in targets_of(tables, "github") {
        targets.github(context, name, value);
    }
    for (context, name, value) in targets_of(tables, "server") {
        targets.server(context, name, value);
    }
    for (context, table) in tables {
        if let Some((key, value)) = table.get_key_value("remote") {
            targets.remote(*context, key, value);
        }
    }
    for (context, name, value) in targets_of(tables, "backup") {
        targets.backup(context, name, value);
    }
    for (context, table) in tables {
        if let Some((key, value)) = table.get_key_value("notify") {
            targets.notify(*context, key, value);
        }
    }
    targets.check_jumps();
    if let Some((context, _)) = tables.first().filter(|_| all_readable) {
        rotation::check_all(*context, schema);
    }
}

/// The targets of one kind in all files.
fn targets_of<'t, 'c>(
    tables: &'t [(Context<'c>, Table<'_>)],
    kind: &'static str,
) -> impl Iterator<Item = (Context<'c>, &'t Key<'t>, &'t Value<'t>)> {
    let sections = tables.iter().filter_map(move |(context, table)| {
        let (_, value) = table.get_key_value(kind)?;
        Some((*context, value.get_ref().as_table()?))
    });
    sections.flat_map(|(context, section)| section.iter().map(move |(name, value)| (context, name, value)))
}

/// Whether a value is a table of its own.
fn is_table(value: &Value<'_>) -> bool {
    matches!(value.get_ref(), Node::Table(_))
}
