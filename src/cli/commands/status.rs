//! `status`: the secrets and where they are used, in one view.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;

use crate::cli::args::JsonArg;
use crate::cli::commands::targets::{unseen_at_github, wanted};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::github::Look;
use crate::cli::report::count;
use crate::cli::servers::{self, Found};
use crate::cli::timetable::{Stands, timetable};
use crate::name::SecretName;
use crate::push::github::Only;
use crate::push::{Action, FilePlan};
use crate::schema::{self, Schema, Severity};
use crate::store::{Document, RotationRecord, State};
use crate::target::github::Options;

/// Show how the secrets stand, and the servers and GitHub that they are pushed to
///
/// What is missing or wrong, exposed, and due for a new value; which rotations are under way, and which should have run and
/// did not; for each target which generation it has, how many of its
/// variables are stale, what somebody has changed there, and who pushed last. The exit code is 3 if anything needs a
/// person, and 1 where something could not be looked at. With --offline it looks at the store only, and asks no server.
#[derive(Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    json: JsonArg,
}

/// The whole view.
#[derive(Serialize)]
struct Report {
    generation: u64,
    written: String,
    by: String,
    secrets: usize,
    conflicts: Vec<String>,
    /// Missing secrets and broken rules; `check` has the details.
    errors: usize,
    exposed: Vec<String>,
    /// Old enough for a new value, and no schedule has them yet.
    due: Vec<String>,
    /// Should have been rotated: a scheduler that has stopped shows here.
    overdue: Vec<String>,
    /// Have failed too often to be tried again without a person.
    stopped: Vec<String>,
    values: Vec<Value>,
    /// Rotations under way, with how far they are.
    rotations: Vec<Rotation>,
    targets: Vec<Target>,
}

/// What is known of a secret's value.
#[derive(Serialize)]
struct Value {
    name: String,
    /// Which one it is: the first, the second.
    version: usize,
    since: Option<String>,
    origin: Option<String>,
    age_days: Option<i64>,
    due: bool,
    exposed: bool,
}

/// A rotation under way.
#[derive(Serialize)]
struct Rotation {
    #[serde(rename = "rotation")]
    name: String,
    state: &'static str,
    since: String,
    by: String,
    until: Option<String>,
    reason: Option<String>,
}

/// One file on a server, or one scope of GitHub.
#[derive(Serialize)]
struct Target {
    #[serde(rename = "target")]
    name: String,
    path: Option<String>,
    /// The generation of the store that it has.
    generation: Option<u64>,
    pushed_at: Option<String>,
    pushed_by: Option<String>,
    /// Variables that a push would write or take away.
    stale: usize,
    drifted: Vec<String>,
    interrupted: bool,
    error: Option<String>,
}

pub(crate) fn run(args: &StatusArgs, context: &mut Context) -> Result<(), Failure> {
    let (schema, store) = context.schema_and_store()?;
    let store = store?;
    let document = store.document();
    let mut report = of_store(&schema, document, context.clock.now());
    let mut failure = Failure::many([]);
    // Values in conflict are not decided, so nothing can be compared with them.
    if !context.settings.is_offline && report.conflicts.is_empty() && report.errors == 0 {
        failure = of_targets(&schema, document, &mut report, context)?;
    }
    if args.json.json {
        context.ui.json(&report)?;
    } else {
        for line in lines(&report) {
            context.ui.data(&(line + "\n"))?;
        }
    }
    let waits = |one: &&Rotation| [State::Held.word(), State::Waiting.word()].contains(&one.state);
    for Rotation { name, .. } in report.rotations.iter().filter(waits) {
        context.ui.hint(&format!("`luca-secrets rotate --resume {name}` goes on, --undo takes it back"));
    }
    if !failure.messages.is_empty() {
        return Err(failure);
    }
    if report.is_well() { Ok(()) } else { Err(Failure::findings()) }
}

impl Report {
    fn is_well(&self) -> bool {
        let well = |target: &Target| target.stale == 0 && target.drifted.is_empty() && !target.interrupted;
        self.conflicts.is_empty()
            && self.errors == 0
            && self.exposed.is_empty()
            && [&self.due, &self.overdue, &self.stopped].into_iter().all(Vec::is_empty)
            && self.rotations.iter().all(|one| one.state == State::Grace.word())
            && self.targets.iter().all(well)
    }
}

fn of_store(schema: &Schema, document: &Document, now: Timestamp) -> Report {
    let today = Offset::UTC.to_datetime(now).date();
    let violations = schema::check(schema, &|name| document.get(name), document.names(), today);
    let rows = timetable(schema, document, now);
    let standing = |wanted: &[Stands]| -> Vec<String> {
        let rows = rows.iter().filter(|row| wanted.contains(&row.stands(now)));
        let mut names: Vec<String> = rows.map(|row| row.name.to_string()).collect();
        names.sort();
        names
    };
    let (mut due, mut overdue) = (standing(&[Stands::Due]), standing(&[Stands::Overdue]));
    let is_noted = |name: &String| rows.iter().any(|row| row.name.as_str() == name && row.is_noted);
    // What a schedule has runs in its window; what none has is for a person, and nobody has missed it.
    due.retain(|name| !is_noted(name));
    due.extend(overdue.extract_if(.., |name| !is_noted(name)));
    due.sort();
    let is_old =
        |name: &SecretName| [&due, &overdue].iter().any(|old| old.iter().any(|one| one == name.as_str()));
    let values = document.names().map(|name| value(document, name, is_old(name), now)).collect();
    Report {
        generation: document.generation(),
        written: document.written().to_string(),
        by: document.by().to_owned(),
        secrets: document.len(),
        conflicts: document.conflicts().map(|(name, _)| name.to_string()).collect(),
        errors: violations.iter().filter(|violation| violation.severity() == Severity::Error).count(),
        exposed: document.exposed().map(|(name, _)| name.to_string()).collect(),
        due,
        overdue,
        stopped: standing(&[Stands::Stopped]),
        values,
        rotations: document.live_rotations().map(rotation).collect(),
        targets: Vec::new(),
    }
}

fn value(document: &Document, name: &SecretName, due: bool, now: Timestamp) -> Value {
    let version = document.version(name);
    Value {
        name: name.to_string(),
        version: document.history(name).len() + 1,
        since: version.as_ref().map(|version| version.since.to_string()),
        origin: version.as_ref().map(|version| version.origin.clone()),
        age_days: version.as_ref().map(|version| now.duration_since(version.since).as_hours().max(0) / 24),
        due,
        exposed: document.is_exposed(name),
    }
}

fn rotation((name, record): (&SecretName, &RotationRecord)) -> Rotation {
    Rotation {
        name: name.to_string(),
        state: record.state.word(),
        since: record.started.to_string(),
        by: record.by.clone(),
        until: record.not_before.map(|until| until.to_string()),
        reason: record.reason.clone(),
    }
}

fn of_targets(
    schema: &Schema,
    document: &Document,
    report: &mut Report,
    context: &mut Context,
) -> Result<Failure, Failure> {
    let wanted = wanted(&[], schema)?;
    let targets = context.github_targets(schema, document, &wanted.github)?;
    let options = Options { prune: false, overwrite_drift: false };
    let looks = targets.look(options, &Only::new(&[]), context)?;
    let found = context.look_at_servers(schema, document, &wanted.servers)?;
    report.targets.extend(found.iter().flat_map(of_server));
    report.targets.extend(looks.iter().map(|look| of_github(look, document)));
    let mut failure = servers::unseen(&found);
    let at_github = unseen_at_github(&looks);
    failure.messages.extend(at_github.messages);
    failure.hints.extend(at_github.hints);
    Ok(failure)
}

fn of_server(found: &Found) -> Vec<Target> {
    match &found.plan {
        Ok(plan) => plan.files.iter().map(|file| of_file(found, file)).collect(),
        Err(_) => vec![Target { error: Some("not reached".to_owned()), ..Target::new(found.name()) }],
    }
}

fn of_file(found: &Found, file: &FilePlan) -> Target {
    let there = file.there.as_ref();
    let drifted = file.variables.iter().filter(|one| one.is_drifted).map(|one| one.name.to_string());
    let changed = file.variables.iter().filter(|one| one.differs()).count();
    Target {
        path: Some(file.path.to_string()),
        generation: there.map(|there| there.generation),
        pushed_at: there.map(|there| there.at.to_string()),
        pushed_by: there.map(|there| there.by.clone()),
        stale: changed.max(usize::from(file.access_differs)),
        drifted: drifted.collect(),
        interrupted: file.note.is_some(),
        ..Target::new(found.name())
    }
}

fn of_github(look: &Look<'_>, document: &Document) -> Target {
    let last = document.pushes(look.target).last;
    let mut target = Target {
        generation: last.as_ref().map(|last| last.generation),
        pushed_at: last.as_ref().map(|last| last.at.to_string()),
        pushed_by: last.map(|last| last.by),
        ..Target::new(look.name())
    };
    match &look.plan {
        Ok(plan) => {
            let differs = |row: &&_| -> bool {
                let row: &crate::push::github::GithubRow = row;
                row.difference.action != Action::Unchanged
            };
            target.stale = plan.rows.iter().filter(differs).count();
            target.drifted = plan.drifted().map(|row| row.difference.name.to_string()).collect();
        }
        Err(_) => target.error = Some("not reached".to_owned()),
    }
    target
}

impl Target {
    fn new(name: String) -> Self {
        Self {
            name,
            path: None,
            generation: None,
            pushed_at: None,
            pushed_by: None,
            stale: 0,
            drifted: Vec::new(),
            interrupted: false,
            error: None,
        }
    }
}

fn lines(report: &Report) -> Vec<String> {
    let Report { generation, written, by, secrets, .. } = report;
    let mut lines =
        vec![format!("store: {}, generation {generation}, {written} by {by}", count(*secrets, "secret"))];
    if report.errors > 0 {
        lines.push(format!(
            "  {} against the schema: see `luca-secrets check`",
            count(report.errors, "error")
        ));
    }
    let aged = |names: &[String]| -> Vec<String> {
        let age = |name: &String| report.values.iter().find(|value| value.name == *name)?.age_days;
        names.iter().map(|name| format!("{name} ({} old)", days(age(name).unwrap_or_default()))).collect()
    };
    for (word, names) in [
        ("in conflict", &report.conflicts),
        ("exposed", &report.exposed),
        ("due", &aged(&report.due)),
        ("overdue", &report.overdue),
        ("rotation stopped after failures", &report.stopped),
    ] {
        if !names.is_empty() {
            lines.push(format!("  {word}: {}", names.join(", ")));
        }
    }
    for one in &report.rotations {
        let reason = one.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let until = one.until.as_ref().map(|until| format!(", not before {until}")).unwrap_or_default();
        let Rotation { name, state, since, by, .. } = one;
        lines.push(format!("  rotation of {name}: {state} since {since} by {by}{until}{reason}"));
    }
    lines.extend(report.targets.iter().map(line));
    lines
}

fn days(number: i64) -> String {
    count(usize::try_from(number).unwrap_or_default(), "day")
}

fn line(target: &Target) -> String {
    let mut parts = Vec::new();
    match (&target.error, target.stale) {
        (Some(error), _) => parts.push(error.clone()),
        (None, 0) => parts.push("up to date".to_owned()),
        (None, stale) => parts.push(format!("{} stale", count(stale, "variable"))),
    }
    if !target.drifted.is_empty() {
        parts.push(format!("drifted: {}", target.drifted.join(", ")));
    }
    if target.interrupted {
        parts.push("a push was interrupted there".to_owned());
    }
    if let (Some(generation), Some(at), Some(by)) = (target.generation, &target.pushed_at, &target.pushed_by)
    {
        parts.push(format!("generation {generation}, pushed {at} by {by}"));
    } else if target.error.is_none() {
        parts.push("never pushed".to_owned());
    }
    let path = target.path.as_ref().map(|path| format!(", {path}")).unwrap_or_default();
    format!("{}{path}: {}", target.name, parts.join("; "))
}
