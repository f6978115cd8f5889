//! Which targets a command is about, and what was found at all of them.

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::github::{Look, TargetReport};
use crate::cli::server_view::ServerReport;
use crate::cli::servers::{Found, server_names};
use crate::name::{TargetName, nearest};
use crate::schema::Schema;

/// The targets that a command is about.
pub(super) struct Wanted {
    /// Servers that get files.
    pub(super) servers: Vec<TargetName>,
    /// Scopes of GitHub.
    pub(super) github: Vec<TargetName>,
}

/// A target in a report.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Report {
    /// A server.
    Server(ServerReport),
    /// A scope of GitHub.
    Github(TargetReport),
}

/// The targets as typed (`server.NAME`, `github.NAME`), or all of them.
pub(super) fn wanted(typed: &[String], schema: &Schema) -> Result<Wanted, Failure> {
    if typed.is_empty() {
        let with_files = schema.servers.iter().filter(|(_, server)| !server.installs.is_empty());
        let servers = with_files.map(|(name, _)| name.clone());
        return Ok(Wanted { servers: servers.collect(), github: schema.github.keys().cloned().collect() });
    }
    let (github, servers): (Vec<&str>, Vec<&str>) =
        typed.iter().map(String::as_str).partition(|target| target.starts_with("github."));
    Ok(Wanted { servers: server_names(&servers, schema)?, github: github_names(&github, schema)? })
}

fn github_names(typed: &[&str], schema: &Schema) -> Result<Vec<TargetName>, Failure> {
    let known: Vec<String> = schema.github.keys().map(|name| format!("github.{name}")).collect();
    let named = |typed: &&str| {
        let name = TargetName::parse(typed.strip_prefix("github.").unwrap_or_default())?;
        if schema.github.contains_key(&name) {
            return Ok(name);
        }
        let failure = Failure::usage(format_args!("the schema has no target github.{name}"));
        Err(match nearest(typed, known.iter().map(String::as_str)) {
            Some(other) => failure.hint(format_args!("did you mean {other}?")),
            None => failure.hint(format_args!("there are: {}", known.join(", "))),
        })
    };
    typed.iter().map(named).collect()
}

/// All that was found, as data.
pub(super) fn reports(found: &[Found], looks: &[Look<'_>]) -> Vec<Report> {
    let servers = found.iter().map(|found| Report::Server(found.report()));
    servers.chain(looks.iter().map(|look| Report::Github(look.report()))).collect()
}

/// All that was found, in lines; what was not seen has none.
pub(super) fn lines(found: &[Found], looks: &[Look<'_>]) -> Vec<String> {
    let servers = found.iter().flat_map(Found::lines);
    servers.chain(looks.iter().filter(|look| look.plan.is_ok()).flat_map(Look::lines)).collect()
}

/// What could not be seen at GitHub; empty if everything was.
pub(super) fn unseen_at_github(looks: &[Look<'_>]) -> Failure {
    let mut failure = Failure::many([]);
    for look in looks {
        if let Err(problem) = &look.plan {
            failure.messages.push(format!("{}: {problem}", look.name()));
            failure.hints.extend(problem.hint());
        }
    }
    failure
}
