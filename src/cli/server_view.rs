//! What was found on servers, in lines and as data.

use serde::Serialize;

use crate::bundle::HealthCheck;
use crate::push::{Action, Difference, FilePlan};

use super::report::count;
use super::servers::Found;

impl Found {
    /// The server as commands name it.
    pub(super) fn name(&self) -> String {
        format!("server.{}", self.server)
    }

    /// Whether everything was seen, and is as it should be.
    pub(super) fn is_clean(&self) -> bool {
        self.plan.as_ref().is_ok_and(|plan| !plan.has_changes())
    }

    /// Whether a health check of what would change asks for a URL.
    pub(super) fn asks_urls(&self) -> bool {
        let Ok(plan) = &self.plan else { return false };
        let changed = plan.files.iter().filter(|file| file.has_changes());
        changed.flat_map(|file| &file.health).any(HealthCheck::is_by_url)
    }

    /// How many variables would be written; a file of which only the access changes counts as one.
    pub(super) fn changes(&self) -> usize {
        let Ok(plan) = &self.plan else { return 0 };
        let changed = plan.files.iter().filter(|file| file.has_changes());
        changed.map(|file| file.variables.iter().filter(|one| one.differs()).count().max(1)).sum()
    }

    /// A line for each file and one for each of its differences.
    pub(super) fn lines(&self) -> Vec<String> {
        let Ok(plan) = &self.plan else { return Vec::new() };
        plan.files.iter().flat_map(|file| self.file_lines(file)).collect()
    }

    fn file_lines(&self, file: &FilePlan) -> Vec<String> {
        let (different, same): (Vec<_>, Vec<_>) = file.variables.iter().partition(|one| one.differs());
        let width = different.iter().map(|one| one.name.as_str().len()).max().unwrap_or_default();
        let mut summary = match different.len() {
            0 => format!("{} unchanged", same.len()),
            number => format!("{}, {} unchanged", count(number, "difference"), same.len()),
        };
        if file.access_differs {
            summary.push_str(", mode or owner differs");
        }
        if let Some(there) = &file.there {
            summary.extend([", generation ", &there.generation.to_string(), " there"]);
        }
        let mut lines = vec![format!("{}, {}: {summary}", self.name(), file.path)];
        lines.extend(different.iter().map(|one| line(one, width)));
        lines
    }

    /// The same as data.
    pub(super) fn report(&self) -> ServerReport {
        let files = self.plan.as_ref().map(|plan| plan.files.iter().map(file_report).collect());
        ServerReport {
            target: self.name(),
            error: self.plan.as_ref().err().map(|unseen| unseen.messages(&self.server).join("; ")),
            files: files.unwrap_or_default(),
        }
    }
}

/// The word for what a push does with a variable.
fn word(difference: &Difference) -> &'static str {
    match difference.action {
        _ if difference.is_drifted => "drifted",
        Action::Create => "create",
        Action::Change => "change",
        Action::Unchanged => "unchanged",
        Action::Orphan => "orphan",
    }
}

fn line(difference: &Difference, width: usize) -> String {
    let prints = match (&difference.there, &difference.here) {
        (Some(there), Some(here)) => format!("{there} -> {here}"),
        (Some(there), None) => format!("{there}, will be removed"),
        (None, Some(here)) => here.clone(),
        (None, None) => String::new(),
    };
    format!("  {:<9} {:<width$}  {prints}", word(difference), difference.name).trim_end().to_owned()
}

/// A server in a report.
#[derive(Serialize)]
pub(super) struct ServerReport {
    target: String,
    error: Option<String>,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    env_file: String,
    path: String,
    generation: Option<u64>,
    pushed_at: Option<String>,
    pushed_by: Option<String>,
    access_differs: bool,
    interrupted: bool,
    variables: Vec<VariableReport>,
}

#[derive(Serialize)]
struct VariableReport {
    name: String,
    action: &'static str,
    here: Option<String>,
    there: Option<String>,
}

fn file_report(file: &FilePlan) -> FileReport {
    let variables = file.variables.iter().map(|one| VariableReport {
        name: one.name.to_string(),
        action: word(one),
        here: one.here.clone(),
        there: one.there.clone(),
    });
    FileReport {
        env_file: file.env_file.to_string(),
        path: file.path.to_string(),
        generation: file.there.as_ref().map(|there| there.generation),
        pushed_at: file.there.as_ref().map(|there| there.at.to_string()),
        pushed_by: file.there.as_ref().map(|there| there.by.clone()),
        access_differs: file.access_differs,
        interrupted: file.note.is_some(),
        variables: variables.collect(),
    }
}
