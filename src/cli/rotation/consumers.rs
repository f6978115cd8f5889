//! Which targets use some secrets, and by which of their variables.

use std::collections::BTreeSet;

use crate::bundle::BundleName;
use crate::name::{SecretName, TargetName, VariableName};
use crate::schema::{Schema, Variable};

/// The targets whose templates use one of some secrets.
pub(super) struct Consumers {
    /// Servers that get a file which does.
    pub(super) servers: Vec<TargetName>,
    /// Scopes of GitHub.
    pub(super) github: Vec<TargetName>,
    /// The files, by their names in the schema.
    env_files: BTreeSet<TargetName>,
    /// The variables of each target that use them; of an env file its marker too.
    variables: BTreeSet<(BundleName, VariableName)>,
}

impl Consumers {
    /// The targets of the schema that use `secrets`.
    pub(super) fn of(schema: &Schema, secrets: &BTreeSet<SecretName>) -> Self {
        let uses =
            |variable: &Variable| variable.template.references().iter().any(|name| secrets.contains(name));
        let mut variables = BTreeSet::new();
        for target in BundleName::all(schema) {
            let declared = target.declared(schema).map(|(_, declared)| declared).unwrap_or_default();
            let using: Vec<VariableName> =
                declared.iter().filter(|one| uses(one)).map(|one| one.name.clone()).collect();
            if let BundleName::EnvFile(name) = &target
                && !using.is_empty()
            {
                let marker = schema.env_files.get(name).and_then(|file| file.marker.clone());
                variables.extend(marker.map(|marker| (target.clone(), marker)));
            }
            variables.extend(using.into_iter().map(|variable| (target.clone(), variable)));
        }
        let env_files: BTreeSet<TargetName> = variables
            .iter()
            .filter_map(|(target, _)| match target {
                BundleName::EnvFile(name) => Some(name.clone()),
                BundleName::Github(_) | BundleName::GithubVariables(_) => None,
            })
            .collect();
        let github: BTreeSet<TargetName> = variables
            .iter()
            .filter_map(|(target, _)| match target {
                BundleName::Github(name) | BundleName::GithubVariables(name) => Some(name.clone()),
                BundleName::EnvFile(_) => None,
            })
            .collect();
        let gets = |name: &&TargetName| {
            schema.servers[*name].installs.iter().any(|install| env_files.contains(&install.env_file))
        };
        let servers = schema.servers.keys().filter(gets).cloned().collect();
        Self { servers, github: github.into_iter().collect(), env_files, variables }
    }

    /// Whether a file is one of them.
    pub(super) fn has_file(&self, env_file: &TargetName) -> bool {
        self.env_files.contains(env_file)
    }

    /// Whether a variable of a file is expected to change.
    pub(super) fn has_variable(&self, env_file: &TargetName, variable: &VariableName) -> bool {
        self.variables.contains(&(BundleName::EnvFile(env_file.clone()), variable.clone()))
    }

    /// The variables at GitHub that are expected to change.
    pub(super) fn github_variables(&self) -> Vec<VariableName> {
        let at_github = |target: &BundleName| !matches!(target, BundleName::EnvFile(_));
        self.variables.iter().filter(|(target, _)| at_github(target)).map(|(_, name)| name.clone()).collect()
    }

    /// The files that no server gets: whoever uses them renders them.
    pub(super) fn loose_files(&self, schema: &Schema) -> Vec<TargetName> {
        let is_installed = |name: &&TargetName| {
            schema
                .servers
                .values()
                .flat_map(|server| &server.installs)
                .any(|install| install.env_file == **name)
        };
        self.env_files.iter().filter(|name| !is_installed(name)).cloned().collect()
    }
}
