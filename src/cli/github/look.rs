//! What was found at a target, as lines for people and as data.

use serde::Serialize;

use crate::cli::report::count;
use crate::name::TargetName;
use crate::push::Action;
use crate::push::github::{GithubPlan, GithubProblem, GithubRow};
use crate::target::github::Drift;

/// What was found at one target.
pub(in crate::cli) struct Look<'t> {
    /// Its name in the schema.
    pub(in crate::cli) target: &'t TargetName,
    /// Whose secrets and variables, in words.
    pub(in crate::cli) scope: String,
    /// What would change there, or why that cannot be told.
    pub(in crate::cli) plan: Result<GithubPlan<'t>, GithubProblem>,
}

/// A target in a report.
#[derive(Serialize)]
pub(in crate::cli) struct TargetReport {
    target: String,
    scope: String,
    error: Option<String>,
    rows: Vec<RowReport>,
}

#[derive(Serialize)]
struct RowReport {
    kind: &'static str,
    name: String,
    action: &'static str,
    drift: Option<&'static str>,
    in_doubt: bool,
    here: Option<String>,
    there: Option<String>,
}

impl Look<'_> {
    /// Whether everything was seen, and is as it should be.
    pub(in crate::cli) fn is_clean(&self) -> bool {
        self.plan.as_ref().is_ok_and(GithubPlan::is_clean)
    }

    /// The target as commands name it.
    pub(in crate::cli) fn name(&self) -> String {
        format!("github.{}", self.target)
    }

    /// A line for the target and one for each of its differences.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
        let title = format!("{}, {}", self.name(), self.scope);
        let plan = match &self.plan {
            Ok(plan) => plan,
            Err(problem) => return vec![format!("{title}: {problem}")],
        };
        let (same, different): (Vec<_>, Vec<_>) =
            plan.rows.iter().partition(|row| row.difference.action == Action::Unchanged);
        let width = different.iter().map(|row| row.difference.name.as_str().len()).max().unwrap_or_default();
        let mut lines = vec![format!("{title}: {}", summary(different.len(), same.len()))];
        lines.extend(different.iter().map(|row| line(row, plan.is_written(row), width)));
        lines
    }

    /// The same as data.
    pub(in crate::cli) fn report(&self) -> TargetReport {
        let rows = self.plan.as_ref().map(|plan| plan.rows.iter().map(row_report).collect());
        TargetReport {
            target: self.name(),
            scope: self.scope.clone(),
            error: self.plan.as_ref().err().map(ToString::to_string),
            rows: rows.unwrap_or_default(),
        }
    }
}

fn summary(different: usize, same: usize) -> String {
    match (different, same) {
        (0, same) => format!("{same} unchanged"),
        (different, same) => format!("{}, {same} unchanged", count(different, "difference")),
    }
}

/// The word for what a push does with a row.
const fn word(row: &GithubRow) -> &'static str {
    match row.difference.action {
        _ if row.difference.is_drifted => "drifted",
        Action::Create => "create",
        Action::Change => "change",
        Action::Unchanged => "unchanged",
        Action::Orphan => "orphan",
    }
}

fn line(row: &GithubRow, is_written: bool, width: usize) -> String {
    let difference = &row.difference;
    let prints = match (&difference.there, &difference.here) {
        (Some(there), Some(here)) if there != here => format!("{there} -> {here}"),
        (None, Some(here)) if difference.action == Action::Change => format!("? -> {here}"),
        (_, Some(print)) | (Some(print), None) => print.clone(),
        (None, None) => String::new(),
    };
    let is_orphan = difference.action == Action::Orphan;
    let remark = match (row.drift, is_orphan, is_written) {
        (Some(_), true, true) => "changed there since it was pushed; will be removed",
        (Some(Drift::ChangedThere), _, true) => "changed there since it was pushed; will be overwritten",
        (Some(Drift::NotOurs), _, true) => "there already, and never pushed from here; will be overwritten",
        (Some(Drift::ChangedThere), ..) => "changed there since it was pushed",
        (Some(Drift::NotOurs), ..) => "there already, and never pushed from here",
        (None, true, true) => "will be removed",
        (None, true, false) => "no longer in the schema; --prune removes it",
        (None, false, _) if row.is_in_doubt => "an earlier push was cut off",
        (None, false, _) => "",
    };
    let columns =
        format!("  {:<9} {:<8} {:<width$}  {prints}", word(row), row.kind.as_str(), difference.name);
    let line = if remark.is_empty() { columns } else { format!("{columns}  {remark}") };
    line.trim_end().to_owned()
}

fn row_report(row: &GithubRow) -> RowReport {
    let difference = &row.difference;
    RowReport {
        kind: row.kind.as_str(),
        name: difference.name.to_string(),
        action: word(row),
        drift: row.drift.map(|drift| match drift {
            Drift::ChangedThere => "changed-there",
            Drift::NotOurs => "not-ours",
        }),
        in_doubt: row.is_in_doubt,
        here: difference.here.clone(),
        there: difference.there.clone(),
    }
}
