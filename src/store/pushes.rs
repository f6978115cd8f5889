//! What was pushed to GitHub, whose secrets cannot be read back: the tables `[pushes.github.NAME]`, without values.
//!
//! ```toml
//! [pushes.github.deploy]
//! generation = 12
//! at = 2026-11-23T12:00:00Z
//! by = "ada@laptop"
//! [pushes.github.deploy.secrets]
//! DB_PASSWORD = { digest = "0011223344556677", updated_at = 2026-11-23T12:00:03Z }
//! DEPLOY_KEY = { digest = "8899aabbccddeeff" }
//! ```

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::name::{TargetName, VariableName};
use crate::secret::SecretText;

use super::document::Document;
use super::edit::Edit;
use super::outline::{DocumentError, DocumentProblem, Outline, Table, error_at};
use super::parts::lines_of;
use super::toml_text::push_toml_string;

/// One secret or variable as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The keyed digest of the value, in hex.
    pub digest: String,
    /// When it was written, by the target's own clock. `None` while a push is under way and after one that was killed:
    /// then nobody knows whether it arrived, and what is there may well be ours.
    pub updated_at: Option<Timestamp>,
}

/// The last push that changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastPush {
    /// The store's generation whose values were pushed.
    pub generation: u64,
    /// When.
    pub at: Timestamp,
    /// Who, `user@machine`.
    pub by: String,
}

/// What was pushed to one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushes {
    /// The last push, if there was one.
    pub last: Option<LastPush>,
    /// The secrets.
    pub secrets: BTreeMap<VariableName, Pushed>,
    /// The variables.
    pub variables: BTreeMap<VariableName, Pushed>,
}

/// By target.
pub(super) type AllPushes = BTreeMap<TargetName, Pushes>;

impl Document {
    /// What was pushed to `[github.NAME]`; nothing if nothing ever was.
    pub fn pushes(&self, target: &TargetName) -> Pushes {
        self.pushes.get(target).cloned().unwrap_or_default()
    }
}

impl Edit<'_> {
    /// Says what was pushed to `[github.NAME]`, `before` being what was known of it until now. What somebody else has
    /// recorded meanwhile is merged in.
    pub fn record_push(&mut self, target: TargetName, before: Pushes, after: Pushes) {
        self.pushes.insert(target, (before, after));
    }

    /// The records after the edit.
    pub(super) fn next_pushes(&self, theirs: &Document) -> AllPushes {
        let mut next = theirs.pushes.clone();
        for (target, (before, after)) in &self.pushes {
            let joined = join_target(before, after, &theirs.pushes(target));
            next.insert(target.clone(), joined);
        }
        next
    }
}

/// A target as it is written.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    generation: Option<u64>,
    at: Option<toml::value::Datetime>,
    by: Option<String>,
    #[serde(default)]
    secrets: BTreeMap<String, WrittenLine>,
    #[serde(default)]
    variables: BTreeMap<String, WrittenLine>,
}

/// A line as it is written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLine {
    digest: String,
    updated_at: Option<toml::value::Datetime>,
}

impl Written {
    fn read(self) -> Option<Pushes> {
        let last = match (self.generation, self.at, self.by) {
            (Some(generation), Some(at), Some(by)) => Some(LastPush { generation, at: moment(&at)?, by }),
            (None, None, None) => None,
            _ => return None,
        };
        Some(Pushes { last, secrets: lines(self.secrets)?, variables: lines(self.variables)? })
    }
}

fn moment(written: &toml::value::Datetime) -> Option<Timestamp> {
    written.to_string().parse().ok()
}

fn lines(written: BTreeMap<String, WrittenLine>) -> Option<BTreeMap<VariableName, Pushed>> {
    let read = |(name, line): (String, WrittenLine)| {
        let updated_at = match &line.updated_at {
            Some(at) => Some(moment(at)?),
            None => None,
        };
        Some((VariableName::parse(&name).ok()?, Pushed { digest: line.digest, updated_at }))
    };
    written.into_iter().map(read).collect()
}

/// Whether a table is one of these. Records of other kinds of targets are left to the program that made them.
pub(super) fn is_ours(table: &Table) -> bool {
    matches!(table.path.as_slice(), [pushes, github, ..] if pushes == "pushes" && github == "github")
}

/// Reads `[pushes.github]`, which holds no values. A record that cannot be read is an error: without it, what was
/// pushed from here would count as somebody else's.
pub(super) fn read(text: &str, outline: &Outline<'_>) -> Result<AllPushes, DocumentError> {
    #[derive(serde::Deserialize)]
    struct All {
        pushes: Kinds,
    }
    #[derive(serde::Deserialize)]
    struct Kinds {
        github: BTreeMap<String, Written>,
    }
    let Some((start, lines)) = lines_of(text, outline, is_ours) else { return Ok(AllPushes::new()) };
    let what = "a line of `pushes.github` names what was pushed once, with `digest` and perhaps `updated_at`";
    let wrong = || error_at(text, start, DocumentProblem::Store(what));
    let all: All = toml::from_str(&lines).map_err(|_| wrong())?;
    let read = |(name, written): (String, Written)| {
        let name = TargetName::parse(&name).ok()?;
        Some((name, written.read()?))
    };
    all.pushes.github.into_iter().map(|target| read(target).ok_or_else(wrong)).collect()
}

/// The tables as text; nothing if nothing was pushed.
pub(super) fn spell(all: &AllPushes) -> SecretText {
    let mut text = SecretText::default();
    for (target, pushes) in all.iter().filter(|(_, pushes)| **pushes != Pushes::default()) {
        text.push_str(&format!("[pushes.github.{target}]\n"));
        if let Some(last) = &pushes.last {
            text.push_str(&format!("generation = {}\nat = {}\nby = ", last.generation, last.at));
            push_toml_string(&mut text, &last.by);
            text.push('\n');
        }
        for (kind, lines) in [("secrets", &pushes.secrets), ("variables", &pushes.variables)] {
            if !lines.is_empty() {
                text.push_str(&format!("[pushes.github.{target}.{kind}]\n"));
            }
            for (name, pushed) in lines {
                push_line(&mut text, name, pushed);
            }
        }
    }
    text
}

fn push_line(text: &mut SecretText, name: &VariableName, pushed: &Pushed) {
    text.push_str(&format!("{name} = {{ digest = "));
    push_toml_string(text, &pushed.digest);
    if let Some(at) = pushed.updated_at {
        text.push_str(&format!(", updated_at = {at}"));
    }
    text.push_str(" }\n");
}

/// The records of two stores that grew from `base`.
pub(super) fn join(base: &Document, ours: &Document, theirs: &Document) -> AllPushes {
    let targets: BTreeSet<&TargetName> = ours.pushes.keys().chain(theirs.pushes.keys()).collect();
    let joined = targets.into_iter().map(|target| {
        let [before, our, their] = [base, ours, theirs].map(|document| document.pushes(target));
        (target.clone(), join_target(&before, &our, &their))
    });
    joined.collect()
}

/// By name, what changed on one side; where both changed it, what was pushed later.
fn join_target(before: &Pushes, our: &Pushes, their: &Pushes) -> Pushes {
    let is_later = |one: &LastPush, other: &LastPush| (one.at, one.generation) > (other.at, other.generation);
    let last = join_one(before.last.as_ref(), our.last.as_ref(), their.last.as_ref(), is_later);
    let secrets = join_lines(&before.secrets, &our.secrets, &their.secrets);
    let variables = join_lines(&before.variables, &our.variables, &their.variables);
    Pushes { last, secrets, variables }
}

type Lines = BTreeMap<VariableName, Pushed>;

fn join_lines(before: &Lines, our: &Lines, their: &Lines) -> Lines {
    // Where one side does not know whether its push arrived, nobody does.
    let is_later = |one: &Pushed, other: &Pushed| match (one.updated_at, other.updated_at) {
        (Some(one), Some(other)) => one > other,
        (one, other) => one.is_none() && other.is_some(),
    };
    let names: BTreeSet<&VariableName> = our.keys().chain(their.keys()).collect();
    let joined = names.into_iter().filter_map(|name| {
        let line = join_one(before.get(name), our.get(name), their.get(name), is_later)?;
        Some((name.clone(), line))
    });
    joined.collect()
}

fn join_one<T: Clone + PartialEq>(
    before: Option<&T>,
    our: Option<&T>,
    their: Option<&T>,
    is_later: impl Fn(&T, &T) -> bool,
) -> Option<T> {
    let joined = if our == before {
        their
    } else if their == before {
        our
    } else {
        match (our, their) {
            (Some(our), Some(their)) if is_later(their, our) => Some(their),
            // Removed on one side and pushed on the other: the target shows which was later.
            (our, their) => our.or(their),
        }
    };
    joined.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(digest: &str, second: Option<i64>) -> Pushed {
        let updated_at = second.map(|second| Timestamp::from_second(second).unwrap());
        Pushed { digest: digest.to_owned(), updated_at }
    }

    fn pushes(generation: u64, second: i64, secrets: &[(&str, Pushed)]) -> Pushes {
        let last =
            LastPush { generation, at: Timestamp::from_second(second).unwrap(), by: "a \"b\"".to_owned() };
        let line = |(name, pushed): &(&str, Pushed)| (VariableName::parse(name).unwrap(), pushed.clone());
        let lines: Lines = secrets.iter().map(line).collect();
        Pushes { last: Some(last), secrets: lines.clone(), variables: lines }
    }

    #[test]
    fn what_is_spelled_is_read_again() {
        let target = |name| TargetName::parse(name).unwrap();
        let deploy = pushes(3, 9, &[("A", pushed("00.11", Some(7))), ("B", pushed("ff", None))]);
        let started = Pushes { last: None, ..deploy.clone() };
        let all = AllPushes::from([(target("deploy"), deploy), (target("0-x"), started)]);
        let text = spell(&all);
        let outline = Outline::read(text.expose(), &[]).unwrap();
        assert_eq!(read(text.expose(), &outline).unwrap(), all);
        assert!(super::super::plain::read(text.expose(), &[], false).is_some(), "{}", text.expose());
        assert!(spell(&AllPushes::new()).is_empty());
        assert!(spell(&AllPushes::from([(target("x"), Pushes::default())])).is_empty());
    }

    #[test]
    fn a_record_of_another_form_is_an_error() {
        for wrong in [
            "[pushes.github.deploy]\ngeneration = 1\n",
            "[pushes.github.deploy]\nother = 1\n",
            "[pushes.github.deploy.other]\n",
            "[pushes.github.deploy.secrets]\nA = 1\n",
            "[pushes.github.deploy.secrets]\nA = { }\n",
            "[pushes.github.deploy.secrets]\nA = { digest = \"0\", updated_at = 2026-11-23 }\n",
            "[pushes.github.deploy.secrets]\nA = { digest = \"0\", value = \"x\" }\n",
            "[pushes.github.deploy.secrets]\n\"a b\" = { digest = \"0\" }\n",
            "[pushes.github.\"A B\"]\n",
            "[pushes.github]\ndeploy = 1\n",
        ] {
            let outline = Outline::read_any(wrong, &[]).unwrap();
            assert!(read(wrong, &outline).is_err(), "{wrong}");
        }
        let other = "[pushes.elsewhere.x]\nwhatever = 1\n";
        assert_eq!(read(other, &Outline::read_any(other, &[]).unwrap()), Ok(AllPushes::new()));
    }

    #[test]
    fn a_merge_takes_by_name_what_was_pushed_later() {
        let at = |second: i64| pushed(&second.to_string(), Some(second));
        let base = pushes(1, 1, &[("BOTH", at(1)), ("GONE", at(1)), ("OURS", at(1)), ("SAME", at(1))]);
        let ours = pushes(2, 5, &[("BOTH", at(5)), ("GONE", at(1)), ("OURS", at(5)), ("SAME", at(1))]);
        let theirs = pushes(3, 4, &[("BOTH", at(4)), ("NEW", at(4)), ("OURS", at(1)), ("SAME", at(1))]);
        let joined = pushes(2, 5, &[("BOTH", at(5)), ("NEW", at(4)), ("OURS", at(5)), ("SAME", at(1))]);
        assert_eq!(join_target(&base, &ours, &theirs), joined);
        assert_eq!(join_target(&base, &theirs, &ours), joined);
        // Removed there, pushed here; and a push of which nobody knows.
        let again = pushes(2, 5, &[("BOTH", pushed("x", None)), ("GONE", at(5))]);
        let joined = join_target(&base, &again, &theirs);
        assert_eq!(joined.secrets[&VariableName::parse("GONE").unwrap()], at(5));
        assert_eq!(joined.secrets[&VariableName::parse("BOTH").unwrap()], pushed("x", None));
        assert_eq!(join_target(&base, &theirs, &again).secrets, joined.secrets);
    }
}
