//! When rotations are due: the table `[due]`, by the name of the rotation. It holds no values.
//!
//! ```toml
//! [due]
//! "database.password" = { from = 2026-11-23T12:00:00Z, every = 7776000, next = 2027-02-21T09:14:00Z }
//! "flower.password" = { from = …, every = 604800, next = …, last = …, failures = 2, failed = 2026-11-24T03:15:00Z }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::SecretText;

use super::document::Document;
use super::edit::Edit;
use super::outline::{DocumentError, DocumentProblem, Outline, error_at};
use super::parts::{lines_of, section};

/// When a rotation is due. It is written down rather than derived anew each time, so that nothing is rotated because
/// something was missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// From when on the time was counted: the last rotation, or since when the secret had its value, or when the rotation
    /// was first seen.
    pub from: Timestamp,
    /// The time from one rotation to the next, as the schema had it then; in whole seconds.
    pub every: Duration,
    /// When it is due next.
    pub next: Timestamp,
    /// When it was last done.
    pub last: Option<Timestamp>,
    /// How often it was tried since then, and did not come about.
    pub failures: u32,
    /// When it was last tried in vain.
    pub failed: Option<Timestamp>,
}

impl Due {
    /// What says more of what has happened: the later rotation, then the later failure, then the later plan.
    fn rank(&self) -> impl Ord + use<> {
        (self.last, self.failed, self.failures, self.from, self.next)
    }
}

/// By the name of the rotation.
pub(super) type Dues = BTreeMap<SecretName, Due>;

impl Document {
    /// When a rotation is due, if that was written down.
    pub fn due(&self, rotation: &SecretName) -> Option<&Due> {
        self.dues.get(rotation)
    }
}

impl Edit<'_> {
    /// Writes down when a rotation is due. What somebody else has written meanwhile is merged: the later event stays.
    pub fn set_due(&mut self, rotation: SecretName, due: Due) {
        self.dues.insert(rotation, due);
    }

    /// The table after the edit.
    pub(super) fn next_dues(&self, theirs: &Document) -> Dues {
        let mut next = theirs.dues.clone();
        for (name, ours) in &self.dues {
            let before = self.opened().document().dues.get(name);
            next.extend(join_one(before, Some(ours), theirs.dues.get(name)).map(|due| (name.clone(), due)));
        }
        next
    }
}

/// A line as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: toml::value::Datetime,
    every: u64,
    next: toml::value::Datetime,
    last: Option<toml::value::Datetime>,
    #[serde(default)]
    failures: u32,
    failed: Option<toml::value::Datetime>,
}

impl Written {
    fn read(self) -> Option<Due> {
        let moment = |text: &toml::value::Datetime| -> Option<Timestamp> { text.to_string().parse().ok() };
        let perhaps = |text: &Option<toml::value::Datetime>| match text {
            Some(text) => moment(text).map(Some),
            None => Some(None),
        };
        Some(Due {
            from: moment(&self.from)?,
            every: Duration::from_secs(self.every),
            next: moment(&self.next)?,
            last: perhaps(&self.last)?,
            failures: self.failures,
            failed: perhaps(&self.failed)?,
        })
    }
}

/// Reads `[due]`. A line that cannot be read is an error: without it, a rotation would be taken for a new one.
pub(super) fn read(text: &str, outline: &Outline<'_>) -> Result<Dues, DocumentError> {
    #[derive(serde::Deserialize)]
    struct Table {
        due: BTreeMap<String, Written>,
    }
    let Some((start, lines)) = lines_of(text, outline, |table| section(table) == "due") else {
        return Ok(Dues::new());
    };
    let what = "a line of `due` names a rotation once, with `from`, `every` and `next`";
    let wrong = || error_at(text, start, DocumentProblem::Store(what));
    let table: Table = toml::from_str(&lines).map_err(|_| wrong())?;
    let read = |(name, written): (String, Written)| {
        let name = SecretName::parse(&name).ok()?;
        Some((name, written.read()?))
    };
    table.due.into_iter().map(|line| read(line).ok_or_else(wrong)).collect()
}

/// The table as text; nothing if nothing is known.
pub(super) fn spell(dues: &Dues) -> SecretText {
    let mut text = SecretText::with_capacity(dues.len() * 120);
    for (name, due) in dues {
        text.push_str(if text.is_empty() { "[due]\n\"" } else { "\"" });
        let (every, next) = (due.every.as_secs(), due.next);
        text.push_str(&format!("{name}\" = {{ from = {}, every = {every}, next = {next}", due.from));
        if let Some(last) = due.last {
            text.push_str(&format!(", last = {last}"));
        }
        if due.failures > 0 {
            text.push_str(&format!(", failures = {}", due.failures));
        }
        if let Some(failed) = due.failed {
            text.push_str(&format!(", failed = {failed}"));
        }
        text.push_str(" }\n");
    }
    text
}

/// The tables of two stores that grew from `base`, by rotation.
pub(super) fn join(base: &Dues, ours: &Dues, theirs: &Dues) -> Dues {
    let names: BTreeSet<&SecretName> = ours.keys().chain(theirs.keys()).collect();
    let joined = names
        .into_iter()
        .filter_map(|name| Some((name.clone(), join_one(base.get(name), ours.get(name), theirs.get(name))?)));
    joined.collect()
}

/// What one side changed; where both did, the later.
fn join_one(before: Option<&Due>, our: Option<&Due>, their: Option<&Due>) -> Option<Due> {
    let joined = if our == before {
        their
    } else if their == before {
        our
    } else {
        match (our, their) {
            (Some(our), Some(their)) if their.rank() > our.rank() => Some(their),
            (our, their) => our.or(their),
        }
    };
    joined.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn due(from: i64, next: i64) -> Due {
        let every = Duration::from_secs(90);
        Due { from: at(from), every, next: at(next), last: None, failures: 0, failed: None }
    }

    fn done(second: i64) -> Due {
        Due { last: Some(at(second)), ..due(second, second + 90) }
    }

    fn failed(due: &Due, second: i64) -> Due {
        Due { failures: due.failures + 1, failed: Some(at(second)), ..due.clone() }
    }

    fn table(lines: &[(&str, &Due)]) -> Dues {
        lines.iter().map(|(text, due)| (name(text), (*due).clone())).collect()
    }

    #[test]
    fn what_is_spelled_is_read_again() {
        let all = table(&[("a.b", &due(1, 2)), ("c.d", &done(0)), ("e.f", &failed(&failed(&done(3), 4), 5))]);
        let text = spell(&all);
        let outline = Outline::read(text.expose(), &[]).unwrap();
        assert_eq!(read(text.expose(), &outline).unwrap(), all);
        assert!(super::super::plain::read(text.expose(), &[], false).is_some(), "{}", text.expose());
        assert!(spell(&Dues::new()).is_empty());
    }

    #[test]
    fn a_line_of_another_form_is_an_error() {
        let line = "from = 2026-11-23T12:00:00Z, every = 9, next = 2026-11-23T12:00:00Z";
        for wrong in [
            format!("\"a\" = {{ {line} }}"),
            format!("\"a.b\" = {{ {line}, more = 1 }}"),
            format!("\"a.b\" = {{ {line}, last = 2026-11-23 }}"),
            format!("\"a.b\" = {{ {line}, failures = -1 }}"),
            format!("\"a.b\" = {{ {} }}", line.replace("= 9", "= \"9d\"")),
            format!("\"a.b\" = {{ {} }}", line.replace("T12:00:00Z, every", "T25:00:00Z, every")),
            format!("\"a.b\" = {{ {} }}", line.replace("every = 9, ", "")),
            "\"a.b\" = 1".to_owned(),
            format!("\"a.b\" = {{ {line} }}\n\"a.b\" = {{ {line} }}"),
        ] {
            let text = format!("[due]\n{wrong}\n");
            let Ok(outline) = Outline::read_any(&text, &[]) else { continue };
            assert!(read(&text, &outline).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_merge_keeps_the_later_event() {
        let (old, new) = (done(100), done(200));
        let [none, before, after] = [table(&[]), table(&[("a.b", &old)]), table(&[("a.b", &new)])];
        for (base, one, other, expected) in [
            (&none, &before, &none, &before),
            (&before, &after, &before, &after),
            (&before, &none, &before, &none),
            (&before, &none, &after, &after),
            (&none, &before, &after, &after),
            (&before, &after, &table(&[("a.b", &failed(&old, 150))]), &after),
            (&after, &table(&[("a.b", &failed(&new, 250))]), &after, &table(&[("a.b", &failed(&new, 250))])),
            (&none, &table(&[("a.b", &due(300, 390))]), &before, &before),
        ] {
            assert_eq!(join(base, one, other), *expected);
            assert_eq!(join(base, other, one), *expected);
        }
    }
}
