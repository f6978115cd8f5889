//! `[[server.NAME.install]]`: which files a server gets, where to, and what makes programs read them.

use std::time::Duration;

use crate::name::TargetName;
use crate::schema::{Apply, Install, Template, is_account};

use super::context::Context;
use super::target::{Targets, mode, require};
use super::tree::{Key, Node, Table, Value};

const KEYS: [&str; 8] = ["env-file", "to", "mode", "owner", "group", "apply", "health", "generation-from"];
const APPLY_KEYS: [&str; 3] = ["in", "run", "within"];

/// How long a command may take where the schema does not say.
const USUAL_APPLY_TIME: Duration = Duration::from_mins(5);

impl Targets<'_, '_> {
    /// Reads all installs of a server.
    pub(super) fn installs(&self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Vec<Install> {
        let Node::Array(items) = value.get_ref() else {
            let wanted = "an array of tables: [[server.NAME.install]]";
            return context.wrong_type(key, value, wanted).unwrap_or_default();
        };
        let mut installs: Vec<Install> = Vec::new();
        for item in items {
            let Some(install) = self.install(context, key, item) else { continue };
            // Nothing is written to a path that has been refused.
            if let Some(first) = installs.iter().find(|known| known.to == install.to && !known.to.is_empty())
                && let Some((_, to)) = item.get_ref().as_table().and_then(|table| table.get_key_value("to"))
            {
                let message = format!("`{}` is written twice, first at {}", install.to, first.place);
                context.error(&to.span(), message);
            }
            installs.push(install);
        }
        installs
    }

    fn install(&self, context: Context<'_>, key: &Key<'_>, item: &Value<'_>) -> Option<Install> {
        let table = context.table(key, item)?;
        require(context, &key.at(item), table, &["env-file", "to"]);
        let env_file = table.get_key_value("env-file");
        let env_file = env_file.and_then(|(key, value)| self.env_file_named(context, key, value));
        let (_, to) = table.get_key_value("to")?;
        let mut install = Install {
            env_file: env_file?,
            to: String::new(),
            mode: None,
            owner: None,
            group: None,
            apply: Vec::new(),
            health: Vec::new(),
            proofs: Vec::new(),
            place: context.place(&to.span()),
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "to" => install.to = remote_path(context, key, value).unwrap_or_default(),
                "mode" => install.mode = mode(context, key, value),
                "owner" => install.owner = account(context, key, value),
                "group" => install.group = account(context, key, value),
                "apply" => {
                    let read = |this: &Self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>| {
                        Some(this.apply(context, at, table))
                    };
                    install.apply = self.all(context, key, value, read);
                }
                "health" => install.health = self.all(context, key, value, Self::health),
                // The first is read above, and the last one below: what it says depends on the others.
                "env-file" | "generation-from" => {}
                _ => context.unknown_key(key, &KEYS),
            }
        }
        if let Some((key, value)) = table.get_key_value("generation-from") {
            install.proofs = self.proofs(context, key, value, &install);
        }
        Some(install)
    }

    /// Reads one table, or each of an array of them.
    pub(super) fn all<T>(
        &self,
        context: Context<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
        read: impl Fn(&Self, Context<'_>, &Key<'_>, &Table<'_>) -> Option<T>,
    ) -> Vec<T> {
        let one = std::slice::from_ref(value);
        let items = match value.get_ref() {
            Node::Table(_) => one,
            Node::Array(items) => items,
            _ => {
                return context.wrong_type(key, value, "a table or an array of tables").unwrap_or_default();
            }
        };
        let tables = items.iter().filter_map(|item| Some((item, context.table(key, item)?)));
        tables.filter_map(|(item, table)| read(self, context, &key.at(item), table)).collect()
    }

    fn env_file_named(&self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<TargetName> {
        let name = TargetName::parse(context.text(key, value)?);
        let refuse = |error| context.error(&value.span(), format!("`env-file`: {error}"));
        let name = name.map_err(refuse).ok()?;
        if self.complete && !self.env_files.contains_key(&name) {
            let hint = context.did_you_mean(name.as_str(), self.env_files.keys().map(TargetName::as_str));
            context.error_with(&value.span(), format!("no env file `{name}` is declared"), hint);
        }
        Some(name)
    }

    fn apply(&self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Apply {
        require(context, at, table, &["run"]);
        let mut apply = Apply { folder: None, run: Vec::new(), within: USUAL_APPLY_TIME };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "in" => apply.folder = remote_path(context, key, value),
                "run" => {
                    apply.run = self.command(context, key, value);
                    refuse_restart(context, &apply.run, value);
                }
                "within" => apply.within = context.duration(key, value).unwrap_or(USUAL_APPLY_TIME),
                _ => context.unknown_key(key, &APPLY_KEYS),
            }
        }
        apply
    }

    /// A program and its arguments, none of which may hold a value: other users of the server can see them.
    pub(super) fn command(&self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Vec<String> {
        let wanted = "an array of strings, the program first";
        let Node::Array(items) = value.get_ref() else {
            return context.wrong_type(key, value, wanted).unwrap_or_default();
        };
        let words = context.texts(key, value).unwrap_or_default();
        if words.first().is_none_or(String::is_empty) {
            context.error(&value.span(), format!("`{}` must be {wanted}", key.get_ref()));
        }
        for (word, item) in words.iter().zip(items) {
            let template = Template::compile(word).ok();
            let secrets = template.as_ref().map(Template::references).unwrap_or_default();
            if let Some(secret) = secrets.iter().find(|secret| self.secrets.contains_key(secret)) {
                let message = format!("`{secret}` would show in the server's list of processes");
                let hint = "commands take no templates: let the program read the installed file";
                context.error_with(&item.span(), message, Some(hint.to_owned()));
            }
            if word.contains('\0') {
                context.error(&item.span(), "an argument cannot hold a NUL byte");
            }
        }
        words
    }
}

/// Compose's `restart` keeps the environment that the container was made with.
fn refuse_restart(context: Context<'_>, run: &[String], value: &Value<'_>) {
    let is_compose = run.iter().take(2).any(|word| {
        let program = word.rsplit('/').next().unwrap_or_default();
        matches!(program, "compose" | "docker-compose" | "podman-compose")
    });
    if is_compose && run.iter().any(|word| word == "restart") {
        let hint = "recreate the containers: up -d --force-recreate".to_owned();
        context.error_with(&value.span(), "compose's restart does not read env files again", Some(hint));
    }
}

fn account(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if !is_account(text) {
        context.error(&value.span(), format!("`{}` must be a name or a number", key.get_ref()));
    }
    Some(text.to_owned())
}

/// An absolute path of a server's, in its plainest form.
pub(super) fn remote_path(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let name = key.get_ref();
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let problem = if !text.starts_with('/') {
        "must be absolute: it starts with /"
    } else if parts.contains(&"..") {
        "must not go up with `..`"
    } else if text.contains(char::is_control) {
        "must not hold control characters"
    } else if name == "to" && (parts.is_empty() || !is_file_name(text)) {
        "must be the path of a file"
    } else {
        return Some(format!("/{}", parts.join("/")));
    };
    context.error(&value.span(), format!("`{name}` {problem}"));
    None
}

/// Whether the last part of a path is a name: `a.` is one, `.` is not.
fn is_file_name(path: &str) -> bool {
    !matches!(path.rsplit('/').next(), None | Some("" | "."))
}
