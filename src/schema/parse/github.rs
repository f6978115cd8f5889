//! `[github.NAME]`.

use std::collections::BTreeMap;

use crate::name::{SecretName, TargetName};
use crate::schema::address::is_url;
use crate::schema::model::Variable;
use crate::schema::{GITHUB_API, GithubScope, GithubTarget, Visibility};

use super::context::Context;
use super::target::{Targets, target_name};
use super::tree::{Key, Node, Table, Value};

const KEYS: [&str; 9] = [
    "repository",
    "environment",
    "organization",
    "visibility",
    "repositories",
    "api",
    "token",
    "secrets",
    "variables",
];
const VARIABLE_KEYS: [&str; 3] = ["value", "public", "read-by"];
const VISIBILITIES: [&str; 3] = ["all", "private", "selected"];

impl Targets<'_, '_> {
    /// Reads `[github.NAME]`.
    pub(super) fn github(&mut self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) {
        let first = |name: &TargetName| self.github.get(name).map(|target| &target.place);
        let Some(name) = target_name(context, key, first) else { return };
        let Some(table) = context.table(key, value) else { return };
        let mut target = GithubTarget {
            scope: scope(context, key, table),
            api: GITHUB_API.to_owned(),
            token: None,
            secrets: Vec::new(),
            variables: Vec::new(),
            place: context.place(&key.span()),
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                // These belong together and are read above.
                "repository" | "environment" | "organization" | "visibility" | "repositories" => {}
                "api" => target.api = api(context, key, value).unwrap_or(target.api),
                "token" => target.token = self.secret(context, key, value),
                "secrets" => {
                    if let Some(secrets) = context.table(key, value) {
                        refuse_github_names(context, secrets, "secret");
                        target.secrets = self.variables(context, secrets, &[]);
                    }
                }
                "variables" => {
                    if let Some(variables) = context.table(key, value) {
                        refuse_github_names(context, variables, "variable");
                        target.variables = self.public_variables(context, variables);
                    }
                }
                _ => context.unknown_key(key, &KEYS),
            }
        }
        if !table.contains_key("secrets") && !table.contains_key("variables") {
            context.error(&key.span(), format!("`{name}` has neither `secrets` nor `variables`"));
        }
        self.github.insert(name, target);
    }

    /// Variables that anybody who reads the repository sees: a secret among them must be said to be public.
    fn public_variables(&self, context: Context<'_>, table: &Table<'_>) -> Vec<Variable> {
        let mut variables = Vec::new();
        for (key, value) in table.iter() {
            let is_public = value.get_ref().as_table().is_some_and(|fields| {
                let public = fields.get_key_value("public");
                public.is_some_and(|(key, value)| context.flag(key, value) == Some(true))
            });
            let Some(variable) = self.variable_of(context, key, value, &[], &VARIABLE_KEYS) else { continue };
            let hidden = |name: &&SecretName| self.secrets.get(*name).is_some_and(|entry| entry.secret);
            if let Some(secret) = variable.template.references().iter().find(hidden)
                && !is_public
            {
                let message = format!(
                    "`{secret}` is secret, and GitHub shows variables to whoever reads the repository"
                );
                let hint = "move it to `secrets`, or write { value = \"…\", public = true }";
                context.error_with(&key.span(), message, Some(hint.to_owned()));
            }
            variables.push(variable);
        }
        variables
    }
}

/// Whose secrets and variables: a repository's, an environment's or an organization's.
fn scope(context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> GithubScope {
    let organization = table.get_key_value("organization");
    if let Some((key, _)) = table.get_key_value("repository").filter(|_| organization.is_some()) {
        context.error(&key.span(), "`repository` and `organization` exclude each other");
    }
    let Some((key, value)) = organization else {
        for wrong in ["visibility", "repositories"] {
            if let Some((key, _)) = table.get_key_value(wrong) {
                context.error(&key.span(), format!("`{wrong}` belongs to an `organization`"));
            }
        }
        return repository_scope(context, at, table);
    };
    if let Some((key, _)) = table.get_key_value("environment") {
        context.error(&key.span(), "`environment` belongs to a `repository`");
    }
    let login = context.text(key, value).unwrap_or_default();
    if !is_login(login) {
        context.error(&value.span(), "`organization` must be the login of a GitHub organization");
    }
    GithubScope::Organization { organization: login.to_owned(), visibility: visibility(context, table) }
}

fn repository_scope(context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> GithubScope {
    let found = table.get_key_value("repository");
    let repository = found.and_then(|(key, value)| repository(context, key, value)).unwrap_or_default();
    let environment = table.get_key_value("environment");
    let environment = environment.and_then(|(key, value)| environment_name(context, key, value));
    if found.is_none() {
        let message = format!("`{}` has neither `repository` nor `organization`", at.get_ref());
        context.error(&at.span(), message);
    }
    match environment {
        Some(environment) => GithubScope::Environment { repository, environment },
        None => GithubScope::Repository(repository),
    }
}

fn visibility(context: Context<'_>, table: &Table<'_>) -> Visibility {
    let repositories = table.get_key_value("repositories");
    let selected = repositories.map(|(key, value)| selected(context, key, value));
    let Some((key, value)) = table.get_key_value("visibility") else {
        // A list says it all.
        return selected.map_or(Visibility::Private, Visibility::Selected);
    };
    let word = context.text(key, value).unwrap_or("private");
    let refuse_list = || {
        if let Some((key, _)) = repositories {
            context.error(&key.span(), "`repositories` needs `visibility = \"selected\"`");
        }
    };
    match word {
        "all" => {
            refuse_list();
            Visibility::All
        }
        "private" => {
            refuse_list();
            Visibility::Private
        }
        "selected" => {
            if selected.is_none() {
                context.error(&key.span(), "`visibility = \"selected\"` needs `repositories`");
            }
            Visibility::Selected(selected.unwrap_or_default())
        }
        _ => {
            context.unknown_word("a visibility", word, value, &VISIBILITIES);
            Visibility::Private
        }
    }
}

/// The names of an organization's repositories.
fn selected(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Vec<String> {
    let names = context.texts(key, value).unwrap_or_default();
    let Node::Array(items) = value.get_ref() else { return names };
    for (at, (name, item)) in names.iter().zip(items).enumerate() {
        if !is_repository_name(name) {
            let wanted = "the names of repositories of the organization, without the owner";
            context.error(&item.span(), format!("`repositories` must be {wanted}"));
        } else if names[..at].iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
            context.error(&item.span(), format!("`{name}` stands in `repositories` twice"));
        }
    }
    names
}

fn is_login(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_repository_name(text: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !matches!(text, "" | "." | "..") && text.bytes().all(is_fine)
}

fn repository(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if !text.split_once('/').is_some_and(|(owner, name)| is_login(owner) && is_repository_name(name)) {
        context.error(&value.span(), "`repository` must have the form owner/name");
    }
    Some(text.to_owned())
}

fn environment_name(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    if text.trim().is_empty() || text.contains(char::is_control) {
        context.error(&value.span(), "`environment` must be the name of a GitHub environment");
    }
    Some(text.to_owned())
}

/// The base of an API, without a slash at its end.
fn api(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let host = text.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    // A token that leaves the machine in the clear is everybody's.
    let is_safe = host.map_or(text.starts_with("https://"), |host| matches!(host, "localhost" | "127.0.0.1"));
    if !is_safe || !is_url(text) || text.contains(['?', '#', '@']) {
        let wanted = "a URL that starts with https://, such as https://github.example.com/api/v3";
        context.error(&value.span(), format!("`api` must be {wanted}"));
    }
    Some(text.trim_end_matches('/').to_owned())
}

/// GitHub keeps names in upper case, and some for itself.
fn refuse_github_names(context: Context<'_>, table: &Table<'_>, what: &str) {
    let mut seen = BTreeMap::new();
    for (key, _) in table.iter() {
        let name = key.get_ref().to_ascii_uppercase();
        if name.starts_with("GITHUB_") {
            context.error(&key.span(), format!("GitHub takes no {what} whose name starts with GITHUB_"));
        }
        if let Some(first) = seen.insert(name, key) {
            let place = context.place(&first.span());
            let message = format!("for GitHub `{}` is the same name as the one at {place}", key.get_ref());
            context.error(&key.span(), message);
        }
    }
}
