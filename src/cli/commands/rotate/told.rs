//! Telling somebody what `rotate --due` found that needs them.

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::cli::lookout::Lookout;
use crate::cli::notices::Notice;
use crate::cli::rotation::Outcome;
use crate::cli::timetable::{Row, Stands};
use crate::schema::Schema;
use crate::store::Document;

use super::due::is_failure;

/// Tells whoever is to be told that a rotation needs somebody; of a failure each time, else once a day.
pub(super) fn tell(
    row: &Row<'_>,
    outcome: Option<&Outcome>,
    schema: &Schema,
    document: &Document,
    lookout: &mut Lookout,
    context: &mut Context,
) {
    let now = context.clock.now();
    let stands = row.stands(now);
    let event = match (stands, outcome) {
        (Stands::Held | Stands::Stopped, _) => "held",
        (_, Some(outcome)) if is_failure(outcome.ending()) => "failed",
        (Stands::Waiting, _) => "waiting",
        (Stands::Overdue, _) => "overdue",
        _ => {
            lookout.is_quiet(row.name.as_str());
            return;
        }
    };
    if event != "failed" && !lookout.is_news(row.name.as_str(), event, now) {
        return;
    }
    let reason = outcome.and_then(Outcome::reason).or_else(|| row.reason()).map(str::to_owned);
    let reason = reason.unwrap_or_else(|| row.words(now));
    let notice = Notice {
        text: format!(
            "luca-secrets, {}: rotation of {} {}: {reason}",
            project(context),
            row.name,
            said(event)
        ),
        event,
        rotation: Some(row.name.to_string()),
        kind: Some(row.kind.to_owned()),
        reason: Some(reason),
        next: row.next_command(now),
        project: project(context),
        at: now.to_string(),
        by: context.author().name,
    };
    if context.tell(&notice, schema, document) {
        lookout.told(row.name.as_str(), event, now);
    }
}

/// Tells that nothing at all can be rotated.
pub(super) fn tell_of_schedule(
    failure: &Failure,
    schema: &Schema,
    document: &Document,
    lookout: &mut Lookout,
    context: &mut Context,
) {
    let now = context.clock.now();
    if !lookout.is_news("", "failed", now) {
        return;
    }
    let reason = failure.messages.join("; ");
    let notice = Notice {
        text: format!("luca-secrets, {}: nothing is rotated: {reason}", project(context)),
        event: "failed",
        rotation: None,
        kind: None,
        reason: Some(reason),
        next: failure.hints.first().cloned(),
        project: project(context),
        at: now.to_string(),
        by: context.author().name,
    };
    if context.tell(&notice, schema, document) {
        lookout.told("", "failed", now);
    }
}

fn said(event: &str) -> &'static str {
    match event {
        "held" => "is held and needs a person",
        "waiting" => "waits for a person",
        "overdue" => "is overdue",
        _ => "failed",
    }
}

/// The name of the project's folder.
fn project(context: &Context) -> String {
    let folder = context.disk.real_path(&context.settings.root);
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
