//! Every rotation of the schema and how it stands: for `schedule show`, `status` and `rotate --due`.

use jiff::Timestamp;
use serde::Serialize;

use crate::name::SecretName;
use crate::rotate::{Standing, Terms};
use crate::schema::Schema;
use crate::store::{Document, Due, Edit, RotationRecord, State};

use super::report::count;

/// One rotation of the schema.
pub(super) struct Row<'s> {
    pub(super) name: &'s SecretName,
    /// The kind of credential.
    pub(super) kind: &'static str,
    /// Its days and hours.
    window: Option<String>,
    pub(super) terms: Terms<'s>,
    /// When it is due: as the store says, or from the age of its value; `None` if it never is, or nobody knows.
    pub(super) due: Option<Due>,
    /// Whether the store says so.
    pub(super) is_noted: bool,
    pub(super) standing: Option<Standing>,
    /// The one that is under way.
    live: Option<Live>,
}

/// What the journal says of one that is under way.
#[derive(Clone)]
struct Live {
    state: State,
    reason: Option<String>,
    not_before: Option<Timestamp>,
}

/// How a rotation stands, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stands {
    /// A person has to decide.
    Held,
    /// A person has something to do.
    Waiting,
    /// It has failed too often to be tried again by itself.
    Stopped,
    /// It should have run.
    Overdue,
    /// It goes on by itself.
    UnderWay,
    /// It is due, and runs in its next window.
    Due,
    /// It is due later.
    Planned,
    /// It is rotated by hand only.
    ByHand,
}

impl Stands {
    /// The word for it in tables and reports.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
            Self::Overdue => "overdue",
            Self::UnderWay => "under way",
            Self::Due => "due",
            Self::Planned => "planned",
            Self::ByHand => "by hand",
        }
    }

    /// Whether somebody has to look at it.
    pub(super) const fn needs_somebody(self) -> bool {
        matches!(self, Self::Held | Self::Waiting | Self::Stopped | Self::Overdue)
    }
}

/// One rotation as data: a line of `schedule show --json`.
#[derive(Serialize)]
pub(super) struct Report<'r> {
    rotation: &'r str,
    pub(super) kind: &'static str,
    state: &'static str,
    /// How far the one under way is.
    step: Option<&'static str>,
    /// Why it is held, or what it waits for.
    reason: Option<&'r str>,
    due: Option<String>,
    runs: Option<String>,
    overdue_from: Option<String>,
    window: Option<&'r str>,
    last: Option<String>,
    failures: u32,
    /// Whether the store has these times, or they come from the age of the value.
    noted: bool,
}

/// All rotations that the schema declares: what runs next first, then those by hand.
pub(super) fn timetable<'s>(schema: &'s Schema, document: &Document, now: Timestamp) -> Vec<Row<'s>> {
    let key = document.fingerprint_key();
    let declared = schema.secrets.iter();
    let mut rows: Vec<Row<'s>> = declared
        .filter_map(|(name, entry)| {
            let (terms, rotation) = (Terms::of(name, entry, &key)?, entry.rotate.as_ref()?);
            let live = document.rotation(name).filter(|record| !record.state.is_end());
            let live = live.map(|record| Live {
                state: record.state,
                reason: record.reason.clone(),
                not_before: record.not_before,
            });
            let known = document.due(name);
            // While it is under way its values change, and are no new ones.
            let since = document.version(name).map(|version| version.since).filter(|_| live.is_none());
            let due = if document.contains(name) { terms.look(known, since, now) } else { None };
            Some(Row {
                name,
                kind: rotation.with.name(),
                window: rotation.window.as_ref().map(ToString::to_string),
                standing: due.as_ref().map(|due| terms.standing(due, now)),
                is_noted: known.is_some() && known == due.as_ref(),
                terms,
                due,
                live,
            })
        })
        .collect();
    rows.sort_by_key(|row| (row.standing.map_or(Timestamp::MAX, |standing| standing.runs), row.name));
    rows
}

/// Writes down when a rotation that has ended is due next, in the same commit.
pub(super) fn note_end(
    edit: &mut Edit<'_>,
    schema: &Schema,
    name: &SecretName,
    record: &RotationRecord,
    now: Timestamp,
) {
    let document = edit.opened().document();
    let key = document.fingerprint_key();
    let terms = schema.secrets.get(name).and_then(|entry| Terms::of(name, entry, &key));
    let due = terms.and_then(|terms| match record.state {
        State::Done => terms.done(now),
        State::Undone => document.due(name).map(|due| terms.failed(due, now)),
        _ => None,
    });
    if let Some(due) = due {
        edit.set_due(name.clone(), due);
    }
}

impl Row<'_> {
    /// How it stands.
    pub(super) fn stands(&self, now: Timestamp) -> Stands {
        let is_overdue = self.standing.is_some_and(|standing| standing.is_overdue(now));
        match (self.live.as_ref().map(|live| live.state), self.standing) {
            (Some(State::Held), _) => Stands::Held,
            (Some(State::Waiting), _) => Stands::Waiting,
            (Some(State::Grace), _) => Stands::UnderWay,
            (_, Some(standing)) if standing.is_stopped => Stands::Stopped,
            _ if is_overdue => Stands::Overdue,
            (Some(_), _) => Stands::UnderWay,
            (None, Some(standing)) if standing.is_due(now) => Stands::Due,
            (None, Some(_)) => Stands::Planned,
            (None, None) if self.terms.are_scheduled() => Stands::Planned,
            (None, None) => Stands::ByHand,
        }
    }

    /// Why it is held, or what it waits for, in words without values.
    pub(super) fn reason(&self) -> Option<&str> {
        self.live.as_ref()?.reason.as_deref()
    }

    /// The command that somebody gives next, if one is needed.
    pub(super) fn next_command(&self, now: Timestamp) -> Option<String> {
        let name = self.name;
        match self.stands(now) {
            Stands::Held => Some(format!("luca-secrets rotate --resume {name}, or --undo")),
            Stands::Waiting => Some(format!("luca-secrets rotate --resume {name}")),
            Stands::Stopped => Some(format!("luca-secrets rotate {name}")),
            Stands::Overdue => {
                Some("luca-secrets rotate --due, and see whether the scheduler still runs".to_owned())
            }
            _ => None,
        }
    }

    /// It as data.
    pub(super) fn report(&self, now: Timestamp) -> Report<'_> {
        let due = self.due.as_ref();
        let runs = self.standing.map(|standing| standing.runs).filter(|_| self.live.is_none());
        Report {
            rotation: self.name.as_str(),
            kind: self.kind,
            state: self.stands(now).word(),
            step: self.live.as_ref().map(|live| live.state.word()),
            reason: self.reason(),
            due: self.standing.map(|standing| standing.due.to_string()),
            runs: runs.filter(|runs| *runs < Timestamp::MAX).map(|runs| runs.to_string()),
            overdue_from: self.standing.map(|standing| standing.overdue.to_string()),
            window: self.window.as_deref(),
            last: due.and_then(|due| due.last).map(|last| last.to_string()),
            failures: due.map_or(0, |due| due.failures),
            noted: self.is_noted,
        }
    }

    /// When it begins or goes on by itself, if it does and that is known.
    pub(super) fn runs(&self, now: Timestamp) -> Option<Timestamp> {
        match self.stands(now) {
            Stands::Planned | Stands::Due | Stands::Overdue if self.live.is_none() => {
                self.standing.map(|standing| standing.runs).filter(|runs| *runs < Timestamp::MAX)
            }
            Stands::UnderWay => self.live.as_ref()?.not_before.filter(|until| *until > now),
            _ => None,
        }
    }

    /// When it runs next, for a table.
    pub(super) fn next(&self, now: Timestamp) -> String {
        self.runs(now).map_or_else(|| "-".to_owned(), |runs| runs.to_string())
    }

    /// What else there is to say of it, in one line.
    pub(super) fn words(&self, now: Timestamp) -> String {
        let mut parts = Vec::new();
        let (due, standing) = (self.due.as_ref(), self.standing);
        match (self.stands(now), standing) {
            (Stands::Planned, Some(standing)) => parts.push(distance(now, standing.runs)),
            (Stands::Planned, None) => parts.push("from when its age is known".to_owned()),
            (Stands::Due | Stands::Overdue, Some(standing)) => {
                parts.push(format!("due since {}", standing.due));
            }
            (Stands::Stopped, _) => {
                let tries = due.map_or(0, |due| due.failures);
                let last = due.and_then(|due| due.failed).map(|at| format!(", last at {at}"));
                parts.push(format!("failed {}{}", count(tries as usize, "time"), last.unwrap_or_default()));
            }
            (stands, _) => {
                let step = self.live.as_ref().map(|live| live.state.word());
                parts.extend(step.filter(|step| *step != stands.word()).map(str::to_owned));
            }
        }
        if matches!(self.stands(now), Stands::Planned | Stands::Due)
            && due.is_some_and(|due| due.failures > 0)
        {
            parts.push(format!("failed {}", count(due.map_or(0, |due| due.failures) as usize, "time")));
        }
        parts.extend(self.reason().map(str::to_owned));
        parts.extend(self.window.as_ref().map(|window| format!("window {window}")));
        parts.retain(|part| !part.is_empty());
        parts.dedup();
        parts.join("; ")
    }
}

/// How far away a moment is: `in 92 days`, `now`.
pub(super) fn distance(now: Timestamp, then: Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    let (size, ago) = (seconds.unsigned_abs(), seconds < 0);
    let (number, unit) = match size {
        0..60 => return "now".to_owned(),
        60..7_200 => (size / 60, "minute"),
        7_200..172_800 => (size / 3_600, "hour"),
        _ => (size / 86_400, "day"),
    };
    let words = count(usize::try_from(number).unwrap_or(usize::MAX), unit);
    if ago { format!("{words} ago") } else { format!("in {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_rounded_down() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let plus = |seconds: i64| now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        for (seconds, expected) in [
            (0, "now"),
            (59, "now"),
            (60, "in 1 minute"),
            (7_199, "in 119 minutes"),
            (7_200, "in 2 hours"),
            (172_799, "in 47 hours"),
            (172_800, "in 2 days"),
            (92 * 86_400 + 1, "in 92 days"),
            (-7_200, "2 hours ago"),
        ] {
            assert_eq!(distance(now, plus(seconds)), expected, "{seconds}");
        }
    }
}
