//! Secrets whose value somebody knows who may no longer read the store: the table `[exposed]`.
//!
//! ```toml
//! [exposed]
//! "database.password" = { since = 2026-11-23T12:00:00Z, to = "anna (age1…)", reason = "committed" }
//! "sentry.dsn" = { since = …, to = …, reason = …, waived = 2026-11-24T09:00:00Z, by = "ben@host", because = "…" }
//! "mail.password" = { since = …, to = …, reason = …, ended = 2026-11-25T09:00:00Z }
//! ```
//! A mark ends with a value that nobody of them knows. The line stays, as an ended one, while the secret's history holds
//! a value that they do know: should that come back, so does the mark. Taking the secret out of the store ends nothing:
//! whoever knows the value still does.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::document::Document;
use super::history::Earlier;
use super::outline::{DocumentError, DocumentProblem, Outline, error_at};
use super::parts::{Recipient, lines_of, section};
use super::toml_text::push_toml_string;

/// That somebody knows a value who should not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// Since when they are no reader.
    pub since: Timestamp,
    /// Who: the names of the readers, with their keys shortened.
    pub to: String,
    /// Where they could read it: one of [`Exposure::COMMITTED`] and [`Exposure::STORED`], or a later program's.
    pub reason: String,
    /// Why it may stay as it is, if somebody decided so.
    pub waived: Option<Waiver>,
    /// When the secret got a value that they do not know.
    pub(super) ended: Option<Timestamp>,
}

/// The decision that an exposed value may stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// When.
    pub at: Timestamp,
    /// Who decided.
    pub by: String,
    /// The reason in their words.
    pub because: String,
}

impl Exposure {
    /// The value stands in a commit that the reader could open.
    pub const COMMITTED: &'static str = "committed";

    /// The value stood in the store when it was still sealed for the reader.
    pub const STORED: &'static str = "stored";

    /// What a merge brings from a branch on which the reader was one still.
    pub(super) fn merged(reader: &Recipient, since: Timestamp) -> Self {
        Self { since, to: reader.who(), reason: Self::COMMITTED.to_owned(), waived: None, ended: None }
    }

    /// Whether the value of now is known, and nobody waived that.
    fn is_open(&self) -> bool {
        self.ended.is_none() && self.waived.is_none()
    }

    /// The same, known to those of another exposure too. A waiver was for the first ones only.
    fn and(self, other: Self) -> Self {
        // Who could read until the later moment could read the history too, and what others knew with it.
        let until = self.since.max(other.since);
        match (self.ended, other.ended) {
            (Some(_), None) => Self { since: until, ..other },
            (None, Some(_)) => Self { since: until, ..self },
            (Some(one), Some(another)) => {
                let both = self.and_known(other);
                Self { since: until, ended: Some(one.max(another)), ..both }
            }
            (None, None) => self.and_known(other),
        }
    }

    fn and_known(self, other: Self) -> Self {
        match (&self.waived, &other.waived) {
            (Some(_), None) => other,
            (None, Some(_)) => self,
            _ if self.is_to_all_of(&other) => self,
            _ if other.is_to_all_of(&self) => other,
            _ => {
                let (first, second) = if self.since <= other.since { (self, other) } else { (other, self) };
                let new = second.readers().filter(|one| !first.readers().any(|reader| reader == *one));
                let to: Vec<&str> = first.readers().chain(new).collect();
                let to = to.join(SEPARATOR);
                let committed = [&first, &second].iter().any(|one| one.reason == Self::COMMITTED);
                let reason = if committed { Self::COMMITTED.to_owned() } else { first.reason };
                Self { to, reason, ..first }
            }
        }
    }

    fn readers(&self) -> impl Iterator<Item = &str> {
        self.to.split(SEPARATOR)
    }

    fn is_to_all_of(&self, other: &Self) -> bool {
        other.readers().all(|one| self.readers().any(|reader| reader == one))
    }

    /// Whether a value of before was the secret's when they were readers.
    fn covers(&self, earlier: &Earlier) -> bool {
        earlier.since.is_none_or(|since| since <= self.since)
    }
}

/// What stands between the readers in [`Exposure::to`].
const SEPARATOR: &str = ", ";

/// By name.
pub(super) type Exposures = BTreeMap<SecretName, Exposure>;

impl Document {
    /// The secrets to change at their source, since somebody knows their value who should not; waived ones apart.
    pub fn exposed(&self) -> impl Iterator<Item = (&SecretName, &Exposure)> {
        self.exposures().filter(|(_, exposure)| exposure.is_open())
    }

    /// The same with those that were waived. Ended ones are no longer among them.
    pub fn exposures(&self) -> impl Iterator<Item = (&SecretName, &Exposure)> {
        self.exposures.iter().filter(|(_, exposure)| exposure.ended.is_none())
    }

    /// Whether a secret's value is known to somebody who should not know it, and nobody waived that.
    pub fn is_exposed(&self, name: &SecretName) -> bool {
        self.exposures.get(name).is_some_and(Exposure::is_open)
    }

    /// Whether a secret had the value at a time when those whom it is or was exposed to were readers.
    pub(super) fn was_readable(&self, name: &SecretName, value: &SecretValue, exposure: &Exposure) -> bool {
        self.history(name).iter().any(|earlier| earlier.value == *value && exposure.covers(earlier))
    }
}

/// Ends or brings back the mark of a secret that gets a value, after whether those whom it is exposed to know it.
pub(super) fn renew(exposure: &mut Exposure, is_known: bool, now: Timestamp) {
    if is_known {
        exposure.ended = None;
    } else {
        exposure.ended.get_or_insert(now);
    }
}

/// Drops an ended mark once the history holds nothing that those whom it was exposed to know.
pub(super) fn tidy(exposures: &mut Exposures, name: &SecretName, history: &[Earlier]) {
    let is_over = |exposure: &Exposure| {
        exposure.ended.is_some() && !history.iter().any(|earlier| exposure.covers(earlier))
    };
    if exposures.get(name).is_some_and(is_over) {
        exposures.remove(name);
    }
}

/// A line as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    since: toml::value::Datetime,
    to: String,
    reason: String,
    waived: Option<toml::value::Datetime>,
    by: Option<String>,
    because: Option<String>,
    ended: Option<toml::value::Datetime>,
}

impl Written {
    fn read(self) -> Option<Exposure> {
        let moment = |text: &toml::value::Datetime| text.to_string().parse().ok();
        let waived = match (self.waived, self.by, self.because) {
            (Some(at), Some(by), Some(because)) => Some(Waiver { at: moment(&at)?, by, because }),
            (None, None, None) => None,
            _ => return None,
        };
        let ended = match &self.ended {
            Some(at) => Some(moment(at)?),
            None => None,
        };
        Some(Exposure { since: moment(&self.since)?, to: self.to, reason: self.reason, waived, ended })
    }
}

/// Reads `[exposed]`, which holds no values. A mark that cannot be read is an error: it must not get lost.
pub(super) fn read(text: &str, outline: &Outline<'_>) -> Result<Exposures, DocumentError> {
    #[derive(Default, serde::Deserialize)]
    struct Table {
        #[serde(default)]
        exposed: BTreeMap<String, Written>,
    }
    let Some((start, lines)) = lines_of(text, outline, |table| section(table) == "exposed") else {
        return Ok(Exposures::new());
    };
    let what = "a line of `exposed` names a secret once, with `since`, `to` and `reason`";
    let wrong = || error_at(text, start, DocumentProblem::Store(what));
    let table: Table = toml::from_str(&lines).map_err(|_| wrong())?;
    let read = |(name, written): (String, Written)| {
        let name = SecretName::parse(&name).ok()?;
        Some((name, written.read()?))
    };
    table.exposed.into_iter().map(|line| read(line).ok_or_else(wrong)).collect()
}

/// The table as text; nothing if nothing is exposed.
pub(super) fn spell(exposures: &Exposures) -> SecretText {
    let mut text = SecretText::with_capacity(exposures.len() * 160);
    for (name, exposure) in exposures {
        text.push_str(if text.is_empty() { "[exposed]\n\"" } else { "\"" });
        text.push_str(name.as_str());
        text.push_str(&format!("\" = {{ since = {}, to = ", exposure.since));
        push_toml_string(&mut text, &exposure.to);
        text.push_str(", reason = ");
        push_toml_string(&mut text, &exposure.reason);
        if let Some(waiver) = &exposure.waived {
            text.push_str(&format!(", waived = {}, by = ", waiver.at));
            push_toml_string(&mut text, &waiver.by);
            text.push_str(", because = ");
            push_toml_string(&mut text, &waiver.because);
        }
        if let Some(ended) = exposure.ended {
            text.push_str(&format!(", ended = {ended}"));
        }
        text.push_str(" }\n");
    }
    text
}

/// Adds a mark to those that are there.
pub(super) fn mark(exposures: &mut Exposures, name: SecretName, new: Exposure) {
    let both = match exposures.remove(&name) {
        Some(old) => old.and(new),
        None => new,
    };
    exposures.insert(name, both);
}

/// The names that are exposed in one and not in the other.
pub(super) fn open_only_in(one: &Exposures, other: &Exposures) -> Vec<SecretName> {
    let only = one
        .iter()
        .filter(|(name, exposure)| exposure.is_open() && !other.get(*name).is_some_and(Exposure::is_open));
    only.map(|(name, _)| name.clone()).collect()
}

/// The marks of both sides. What only one side ended or waived is ended or waived; where both did something, what
/// says more of the danger stays.
pub(super) fn join(base: &Exposures, ours: &Exposures, theirs: &Exposures) -> Exposures {
    let mut joined = Exposures::new();
    for name in ours.keys().chain(theirs.keys()) {
        let [before, our, their] = [base, ours, theirs].map(|side| side.get(name));
        let stays = if our == before {
            their.cloned()
        } else if their == before || our == their {
            our.cloned()
        } else {
            match (our.cloned(), their.cloned()) {
                (Some(our), Some(their)) => Some(our.and(their)),
                (one, other) => one.or(other),
            }
        };
        joined.extend(stays.map(|exposure| (name.clone(), exposure)));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    fn exposure(second: i64, to: &str) -> Exposure {
        let since = Timestamp::from_second(second).unwrap();
        Exposure { since, to: to.to_owned(), reason: Exposure::STORED.to_owned(), waived: None, ended: None }
    }

    fn waived(exposure: &Exposure) -> Exposure {
        let waiver = Waiver { at: exposure.since, by: "ben".to_owned(), because: "it's \"dead\"".to_owned() };
        Exposure { waived: Some(waiver), ..exposure.clone() }
    }

    fn ended(exposure: &Exposure, second: i64) -> Exposure {
        Exposure { ended: Timestamp::from_second(second).ok(), ..exposure.clone() }
    }

    fn table(lines: &[(&str, &Exposure)]) -> Exposures {
        lines.iter().map(|(text, exposure)| (name(text), (*exposure).clone())).collect()
    }

    #[test]
    fn what_is_spelled_is_read_again() {
        let (anna, ben) = (exposure(1, "anna (age1…)"), exposure(2, "ben \\ \"x\" 'y'"));
        let all = table(&[("a.b", &anna), ("c.d", &waived(&ben)), ("e.f", &ended(&waived(&anna), 9))]);
        let text = spell(&all);
        let outline = Outline::read_any(text.expose(), &[]).unwrap();
        assert_eq!(read(text.expose(), &outline).unwrap(), all);
        assert!(spell(&Exposures::new()).is_empty());
    }

    #[test]
    fn a_line_of_another_form_is_an_error() {
        let line = "since = 2026-11-23T12:00:00Z, to = \"x\", reason = \"y\"";
        for wrong in [
            format!("\"a\" = {{ {line} }}"),
            format!("\"a.b\" = {{ {line}, waived = 2026-11-23T12:00:00Z }}"),
            format!("\"a.b\" = {{ {line}, more = 1 }}"),
            format!("\"a.b\" = {{ {line}, ended = 1 }}"),
            format!("\"a.b\" = {{ {line}, ended = 2026-11-23 }}"),
            format!("\"a.b\" = {{ {} }}", line.replace("12:00:00Z", "25:00:00Z")),
            format!("\"a.b\" = {{ {} }}", line.replace("T12:00:00Z", "")),
            "\"a.b\" = { }".to_owned(),
            "\"a.b\" = 1".to_owned(),
            format!("\"a.b\" = {{ {line} }}\n\"a.b\" = {{ {line} }}"),
        ] {
            let text = format!("[exposed]\n{wrong}\n");
            let Ok(outline) = Outline::read_any(&text, &[]) else { continue };
            assert!(read(&text, &outline).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_merge_keeps_what_says_more_of_the_danger() {
        let (anna, ben) = (exposure(1, "anna"), exposure(2, "ben"));
        let (none, marked, gone) = (table(&[]), table(&[("a.b", &anna)]), table(&[("a.b", &waived(&anna))]));
        assert_eq!(join(&none, &marked, &none), marked);
        assert_eq!(join(&none, &none, &marked), marked);
        // Ended or waived on one side.
        assert_eq!(join(&marked, &none, &marked), none);
        assert_eq!(join(&marked, &marked, &gone), gone);
        // Waived here, another reader there.
        let other = table(&[("a.b", &ben)]);
        assert_eq!(join(&marked, &gone, &other), other);
        assert_eq!(join(&marked, &none, &other), other);
        let both = join(&none, &other, &marked);
        assert_eq!(both, join(&none, &marked, &other));
        assert_eq!(both[&name("a.b")].to, "anna, ben");
        assert_eq!(both[&name("a.b")].since, anna.since);
    }

    #[test]
    fn a_second_reader_ends_a_waiver() {
        let (anna, ben) = (exposure(1, "anna"), exposure(2, "ben"));
        let mut all = table(&[("a.b", &waived(&anna))]);
        mark(&mut all, name("a.b"), ben.clone());
        assert_eq!(all, table(&[("a.b", &ben)]));
    }

    #[test]
    fn names_are_compared_whole() {
        let (ann, anna) = (exposure(1, "ann (age1…)"), exposure(2, "joann (age1…), annabel (age1…)"));
        for (first, second) in [(&ann, &anna), (&anna, &ann)] {
            let both = first.clone().and(second.clone());
            assert_eq!(both.to, "ann (age1…), joann (age1…), annabel (age1…)");
            assert_eq!(both.clone().and(ann.clone()), both);
            assert_eq!(exposure(3, "annabel (age1…), ben").and(both.clone()).to, format!("{}, ben", both.to));
        }
    }

    #[test]
    fn a_merge_loses_no_mark_to_an_ended_one_and_no_ended_one_to_nothing() {
        let (anna, ben) = (exposure(1, "anna"), exposure(2, "ben"));
        let over = ended(&anna, 5);
        let (none, active, past) = (table(&[]), table(&[("a.b", &anna)]), table(&[("a.b", &over)]));
        // Ended or brought back on one side.
        assert_eq!(join(&active, &past, &active), past);
        assert_eq!(join(&past, &past, &active), active);
        assert_eq!(join(&none, &past, &none), past);
        // No mark is lost, and what the former one knew is within what it reaches back to.
        for (one, other) in [(&past, &active), (&active, &past)] {
            assert_eq!(join(&none, one, other), active);
        }
        let late = table(&[("a.b", &ended(&ben, 4))]);
        for (one, other) in [(&late, &active), (&active, &late)] {
            assert_eq!(
                join(&none, one, other),
                table(&[("a.b", &Exposure { since: ben.since, ..anna.clone() })])
            );
        }
        for (one, other) in [(&late, &past), (&past, &late)] {
            let both = &join(&none, one, other)[&name("a.b")];
            assert_eq!((both.to.as_str(), both.since, both.ended), ("anna, ben", ben.since, over.ended));
        }
    }
}
