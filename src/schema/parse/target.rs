//! `[env-file.NAME]`, and what all targets share.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use crate::name::{SecretName, TargetName, VariableName};
use crate::schema::dialect::{Dialect, Reader};
use crate::schema::model::{Entry, EnvFile, Place, Schema, Variable};
use crate::schema::template::Template;
use crate::schema::{BackupTarget, GithubTarget, Notify, Remote, Server};

use super::context::Context;
use super::server::Jump;
use super::tree::{Key, Node, Table, Value};

const ENV_FILE_KEYS: [&str; 6] = ["path", "dialect", "mode", "read-by", "marker", "variables"];
const VARIABLE_KEYS: [&str; 2] = ["value", "read-by"];

/// Takes in the targets of all files.
pub(super) struct Targets<'s, 'c> {
    pub(super) secrets: &'s BTreeMap<SecretName, Entry>,
    pub(super) env_files: &'s mut BTreeMap<TargetName, EnvFile>,
    pub(super) github: &'s mut BTreeMap<TargetName, GithubTarget>,
    pub(super) servers: &'s mut BTreeMap<TargetName, Server>,
    pub(super) remote: &'s mut Option<Remote>,
    pub(super) backups: &'s mut BTreeMap<TargetName, BackupTarget>,
    pub(super) notify: &'s mut Option<Notify>,
    /// Where each file path is written to.
    paths: BTreeMap<PathBuf, Place>,
    /// The servers that are reached through others, to be looked at when all are known.
    pub(super) jumps: Vec<Jump<'c>>,
    /// Whether all names are known: with a file that could not be read, one may stand there.
    pub(super) complete: bool,
}

impl<'s> Targets<'s, '_> {
    pub(super) fn new(schema: &'s mut Schema, complete: bool) -> Self {
        let Schema { secrets, env_files, github, servers, remote, backups, notify, .. } = schema;
        let (paths, jumps) = (BTreeMap::new(), Vec::new());
        Self { secrets, env_files, github, servers, remote, backups, notify, paths, jumps, complete }
    }

    /// Reads `[env-file.NAME]`.
    pub(super) fn env_file(&mut self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) {
        let first = |name: &TargetName| self.env_files.get(name).map(|file| &file.place);
        let Some(name) = target_name(context, key, first) else { return };
        let Some(table) = context.table(key, value) else { return };
        let mut file = EnvFile {
            path: PathBuf::new(),
            dialect: Dialect::Cookiecutter,
            mode: 0o600,
            variables: Vec::new(),
            marker: None,
            place: context.place(&key.span()),
        };
        let mut readers = Vec::new();
        let mut variables = None;
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "path" => self.path(context, key, value, &mut file),
                "dialect" => file.dialect = dialect(context, key, value).unwrap_or(file.dialect),
                "mode" => file.mode = mode(context, key, value).unwrap_or(file.mode),
                "read-by" => readers = read_by(context, key, value),
                "marker" => file.marker = marker(context, key, value, table),
                "variables" => variables = context.table(key, value),
                _ => context.unknown_key(key, &ENV_FILE_KEYS),
            }
        }
        require(context, key, table, &["path", "variables"]);
        if let Some(variables) = variables {
            file.variables = self.variables(context, variables, &readers);
        }
        self.env_files.insert(name, file);
    }

    fn path(&mut self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>, file: &mut EnvFile) {
        let Some(text) = context.text(key, value) else { return };
        match relative_path(text) {
            Err(message) => context.error(&value.span(), message),
            Ok(path) => {
                let place = context.place(&value.span());
                if let Some(first) = self.paths.get(&path) {
                    let message =
                        format!("`{}` is written by two env files, first at {first}", path.display());
                    context.error(&value.span(), message);
                } else {
                    self.paths.insert(path.clone(), place);
                }
                file.path = path;
            }
        }
    }

    pub(super) fn variables(
        &self,
        context: Context<'_>,
        table: &Table<'_>,
        readers: &[Reader],
    ) -> Vec<Variable> {
        let entries = table.iter();
        entries.filter_map(|(key, value)| self.variable(context, key, value, readers)).collect()
    }

    /// The name of a declared secret.
    pub(super) fn secret(
        &self,
        context: Context<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Option<SecretName> {
        let name = SecretName::parse(context.text(key, value)?);
        let refuse = |error| context.error(&value.span(), format!("`{}`: {error}", key.get_ref()));
        let name = name.map_err(refuse).ok()?;
        self.refuse_undeclared(context, &name, &value.span());
        Some(name)
    }

    fn refuse_undeclared(&self, context: Context<'_>, name: &SecretName, at: &Range<usize>) {
        if self.complete && !self.secrets.contains_key(name) {
            let known = self.secrets.keys().map(SecretName::as_str);
            let hint = context.did_you_mean(name.as_str(), known);
            context.error_with(at, format!("no secret `{name}` is declared"), hint);
        }
    }

    fn variable(
        &self,
        context: Context<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
        readers: &[Reader],
    ) -> Option<Variable> {
        self.variable_of(context, key, value, readers, &VARIABLE_KEYS)
    }

    /// The variable, where its table may have the `keys`; what they say beside value and readers is the caller's.
    pub(super) fn variable_of(
        &self,
        context: Context<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
        readers: &[Reader],
        keys: &[&str],
    ) -> Option<Variable> {
        let place = context.place(&key.span());
        let name = VariableName::parse(key.get_ref());
        let name = name.map_err(|error| context.error(&key.span(), error.to_string())).ok();
        let mut read_by = readers.to_vec();
        let template = match value.get_ref() {
            Node::String(_) => self.template(context, value),
            Node::Table(fields) => {
                let mut template = None;
                for (key, value) in fields.iter() {
                    match key.get_ref().as_ref() {
                        "value" => {
                            context.text(key, value)?;
                            template = self.template(context, value);
                        }
                        "read-by" => read_by = self::read_by(context, key, value),
                        known if keys.contains(&known) => {}
                        _ => context.unknown_key(key, keys),
                    }
                }
                require(context, key, fields, &["value"]);
                template
            }
            _ => context.wrong_type(key, value, "a string or a table with `value`"),
        };
        Some(Variable { name: name?, template: template?, read_by, place })
    }

    pub(super) fn template(&self, context: Context<'_>, value: &Value<'_>) -> Option<Template> {
        match Template::compile(value.get_ref().as_str()?) {
            Err(error) => {
                context.error(&context.inside(value, error.offset.unwrap_or(0)), error.message);
                None
            }
            Ok(template) => {
                for name in template.references() {
                    let at = context.inside(value, template.position_of(name).unwrap_or(0));
                    self.refuse_undeclared(context, name, &at);
                }
                Some(template)
            }
        }
    }
}

/// The checked name of a target that must not be there yet.
pub(super) fn target_name<'p>(
    context: Context<'_>,
    key: &Key<'_>,
    first: impl Fn(&TargetName) -> Option<&'p Place>,
) -> Option<TargetName> {
    let name = TargetName::parse(key.get_ref());
    let name = name.map_err(|error| context.error(&key.span(), error.to_string())).ok()?;
    if let Some(first) = first(&name) {
        context.error(&key.span(), format!("`{name}` is declared twice, first at {first}"));
        return None;
    }
    Some(name)
}

/// Complains about keys that are not there.
pub(super) fn require(context: Context<'_>, at: &Key<'_>, table: &Table<'_>, keys: &[&str]) {
    for key in keys.iter().filter(|key| !table.contains_key(key)) {
        context.error(&at.span(), format!("`{}` has no `{key}`", at.get_ref()));
    }
}

/// A path below the project's folder, in its plainest form.
fn relative_path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() || text.ends_with('/') || text.contains(char::is_control) {
        return Err("`path` must be the path of a file");
    }
    let mut path = PathBuf::new();
    for component in Path::new(text).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => return Err("`path` must not leave the project with `..`"),
            Component::RootDir | Component::Prefix(_) => {
                return Err("`path` must be relative to the project's folder");
            }
        }
    }
    if path.as_os_str().is_empty() { Err("`path` must be the path of a file") } else { Ok(path) }
}

fn dialect(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<Dialect> {
    let word = context.text(key, value)?;
    let dialect = Dialect::parse(word);
    if dialect.is_none() {
        context.unknown_word("a dialect", word, value, &Dialect::ALL.map(Dialect::name));
    }
    dialect
}

/// The marker's name, which no other variable of the file has.
fn marker(context: Context<'_>, key: &Key<'_>, value: &Value<'_>, table: &Table<'_>) -> Option<VariableName> {
    let name = VariableName::parse(context.text(key, value)?);
    let refuse = |error| context.error(&value.span(), format!("`marker`: {error}"));
    let name = name.map_err(refuse).ok()?;
    let variables =
        table.get_key_value("variables").and_then(|(_, variables)| variables.get_ref().as_table());
    if variables.is_some_and(|variables| variables.contains_key(name.as_str())) {
        context.error(&value.span(), format!("`{name}` is among the variables already"));
    }
    Some(name)
}

/// Reads `"0600"`. Text, since TOML knows no octal number of that form.
pub(super) fn mode(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<u32> {
    let wanted = "a string of octal digits such as \"0600\"";
    let Some(text) = value.get_ref().as_str() else { return context.wrong_type(key, value, wanted) };
    let is_octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    match mode {
        None => context.error(&value.span(), format!("`mode` must be {wanted}")),
        Some(mode) if mode & 0o002 != 0 => {
            context.error(&value.span(), format!("mode `{text}` lets others write to the file"));
        }
        Some(mode) if mode & 0o400 == 0 => {
            context.error(&value.span(), format!("mode `{text}` does not let the owner read the file"));
        }
        Some(_) => {}
    }
    mode
}

/// Reads one reader or several.
fn read_by(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Vec<Reader> {
    let one = std::slice::from_ref(value);
    let items = match value.get_ref() {
        Node::String(_) => one,
        Node::Array(items) => items,
        _ => return context.wrong_type(key, value, "a string or an array of strings").unwrap_or_default(),
    };
    let mut readers = Vec::new();
    for item in items {
        let Some(word) = context.text(key, item) else { continue };
        match Reader::parse(word) {
            Some(reader) if readers.contains(&reader) => {}
            Some(reader) => readers.push(reader),
            None => context.unknown_word("a reader", word, item, &Reader::ALL.map(Reader::name)),
        }
    }
    readers
}
