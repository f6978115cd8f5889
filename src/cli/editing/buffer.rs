//! The text in the editor: the document's secrets, with stubs for what is missing and notes on what is wrong.
//!
//! Stubs and notes are whole lines. They are taken out again line by line, exactly as they were put in; a line that
//! stood in the text before is never ours, and neither is one inside a value of several lines.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::name::SecretName;
use crate::schema::{Entry, Schema, Type};
use crate::secret::SecretText;
use crate::store::{DocumentError, Unlocked};

/// What notes on mistakes start with.
const NOTE: &str = "#! ";

/// What stubs start with.
const STUB: &str = "#  ";

/// The first lines of every buffer.
const HEADER: &[&str] = &[
    "#  Save and quit to store your changes; quit without saving to change nothing.",
    "#  What is not set yet stands below behind a #: take the # away and fill it in.",
    "#  These lines vanish by themselves; comments of your own stay.",
];

/// The first line of a buffer that came back with mistakes.
const UNSTORED: &str = "#! Nothing is stored yet: mend what stands below each #! line, then save and quit; quit without a change to give up.";

/// Something that keeps a buffer from being stored.
pub(in crate::cli) struct Problem {
    /// The line in the text without notes, from 1.
    pub(in crate::cli) line: usize,
    /// What is wrong, without a value in it.
    pub(in crate::cli) message: String,
}

impl From<&DocumentError> for Problem {
    fn from(error: &DocumentError) -> Self {
        Self { line: error.line, message: format!("column {}: {}", error.column, error.problem) }
    }
}

/// The text in the editor, and which of its lines are ours.
pub(in crate::cli) struct Buffer {
    text: SecretText,
    /// Stubs and headings.
    stubs: BTreeSet<String>,
    /// Notes on mistakes.
    notes: BTreeSet<String>,
    /// Headers of groups that are in the text only for the stubs below them.
    headers: BTreeSet<String>,
    /// What the stubs that can be filled in start with.
    keys: BTreeSet<String>,
}

impl Buffer {
    /// The buffer for a text of secrets, with stubs for what the schema declares and the text lacks. `base` is what the
    /// text was before somebody worked on it.
    pub(in crate::cli) fn compose(text: &SecretText, base: &SecretText, schema: &Schema) -> Self {
        let mut buffer = Self {
            text: SecretText::with_capacity(text.len() * 2 + 4096),
            stubs: BTreeSet::new(),
            notes: BTreeSet::new(),
            headers: BTreeSet::new(),
            keys: BTreeSet::new(),
        };
        let taken: HashSet<&str> = text.expose().lines().map(str::trim_end).collect();
        for line in HEADER {
            buffer.push_stub_line(line, &taken);
        }
        buffer.text.push('\n');
        // A header in a draft that was not there before may be one of ours, from the buffer that the draft comes from.
        let before: HashSet<&str> = base.expose().lines().map(str::trim_end).collect();
        let new = taken.iter().filter(|line| group_of_header(line).is_some() && !before.contains(*line));
        buffer.headers.extend(new.map(|line| (*line).to_owned()));
        // What cannot be read has no places for stubs.
        match Places::read(text) {
            Some(places) => buffer.push_text(text, &places, schema, &taken),
            None => buffer.text.push_str(text.expose()),
        }
        buffer.keys.retain(|key| !taken.iter().any(|line| key_of(line) == Some(key)));
        buffer
    }

    fn push_text(&mut self, text: &SecretText, places: &Places, schema: &Schema, taken: &HashSet<&str>) {
        let mut missing: BTreeMap<&str, Vec<(&SecretName, &Entry)>> = BTreeMap::new();
        for (name, entry) in &schema.secrets {
            if !places.secrets.contains(name) && entry.deprecated.is_none() {
                missing.entry(name.group()).or_default().push((name, entry));
            }
        }
        for (number, line) in lines(text.expose()).enumerate() {
            self.text.push_str(line);
            let Some(place) = places.ends.get(&(number + 1)) else { continue };
            if let Some(secrets) = missing.remove(place.group.as_str()) {
                if !line.ends_with('\n') {
                    self.text.push('\n');
                }
                let prefix = if place.is_dotted { format!("{}.", place.group) } else { String::new() };
                for (name, entry) in secrets {
                    self.push_stub(name, entry, &prefix, taken);
                }
            }
        }
        for (group, secrets) in missing {
            self.push_missing_group(group, &secrets, schema, taken);
        }
    }

    /// What goes into the editor.
    pub(in crate::cli) fn text(&self) -> &SecretText {
        &self.text
    }

    /// The secrets in a text that came back from the editor and whose notes were taken out.
    pub(in crate::cli) fn strip(&self, plain: &SecretText) -> SecretText {
        let inside = Unlocked::lines_inside_values(plain);
        let mut stripped = SecretText::with_capacity(plain.len());
        let mut held_back = SecretText::default();
        for (number, line) in lines(plain.expose()).enumerate() {
            let text = line.trim_end();
            let is_inside = inside.contains(&(number + 1));
            if !is_inside && self.stubs.contains(text) {
                continue;
            }
            // A header of ours goes again if nothing was put below it.
            if !is_inside && self.headers.contains(text) {
                held_back = SecretText::new(line.to_owned());
            } else if !held_back.is_empty() && text.is_empty() {
                held_back.push_str(line);
            } else {
                let is_header = !is_inside && text.starts_with('[');
                if !held_back.is_empty() && !is_header {
                    stripped.push_str(held_back.expose());
                }
                held_back = SecretText::default();
                stripped.push_str(line);
            }
        }
        stripped.tidied()
    }

    /// The text without our notes, our stubs left in. Notes go wherever they stand: one about the middle of a value
    /// of several lines stands inside that value.
    pub(in crate::cli) fn without_notes(&self, edited: &SecretText) -> SecretText {
        let mut plain = SecretText::with_capacity(edited.len());
        for line in lines(edited.expose()) {
            if !(line.starts_with(NOTE) && self.notes.contains(line.trim_end())) {
                plain.push_str(line);
            }
        }
        plain
    }

    /// Shows a text again with a note above each line that has a problem; gives the line of each note.
    pub(in crate::cli) fn annotate(&mut self, plain: &SecretText, problems: &[Problem]) -> Vec<usize> {
        let mut sorted: Vec<&Problem> = problems.iter().collect();
        sorted.sort_by_key(|problem| problem.line);
        let mut places = Vec::new();
        let mut shown = 1;
        self.text = SecretText::with_capacity(plain.len() + problems.len() * 128 + 256);
        self.push_note(UNSTORED);
        let mut open = sorted.into_iter().peekable();
        for (number, line) in lines(plain.expose()).enumerate() {
            while let Some(problem) = open.next_if(|problem| problem.line <= number + 1) {
                shown += 1;
                places.push(shown);
                self.push_note(&format!("{NOTE}{}", problem.message));
            }
            shown += 1;
            self.text.push_str(line);
        }
        // What is missing at the very end stands behind the last line.
        for problem in open {
            if !self.text.expose().ends_with('\n') {
                self.text.push('\n');
            }
            shown += 1;
            places.push(shown);
            self.push_note(&format!("{NOTE}{}", problem.message));
        }
        places
    }

    /// Stubs that were filled in while the `#` was left standing: a slip that would leave a value in a comment.
    pub(in crate::cli) fn still_commented(&self, plain: &SecretText) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (number, line) in lines(plain.expose()).enumerate() {
            let is_stub = key_of(line).is_some_and(|key| self.keys.contains(key));
            let is_filled =
                line.split_once('=').is_some_and(|(_, value)| !matches!(value.trim(), "" | "\"\"" | "''"));
            if is_stub && is_filled {
                let message = "this is filled in, but still a comment: take the # away".to_owned();
                problems.push(Problem { line: number + 1, message });
            }
        }
        problems
    }

    fn push_note(&mut self, note: &str) {
        self.text.push_str(note);
        self.text.push('\n');
        self.notes.insert(note.trim_end().to_owned());
    }

    /// A line of ours, unless the same line stands in the text anyway: then nobody could tell the two apart.
    fn push_stub_line(&mut self, line: &str, taken: &HashSet<&str>) {
        let line = line.replace(['\n', '\r'], " ");
        let line = line.trim_end();
        if !taken.contains(line) {
            self.text.push_str(line);
            self.text.push('\n');
            self.stubs.insert(line.to_owned());
        }
    }

    fn push_missing_group(
        &mut self,
        group: &str,
        secrets: &[(&SecretName, &Entry)],
        schema: &Schema,
        taken: &HashSet<&str>,
    ) {
        if !self.text.expose().ends_with("\n\n") {
            let feeds = if self.text.expose().ends_with('\n') { "\n" } else { "\n\n" };
            self.text.push_str(feeds);
        }
        if let Some(title) = schema.groups.get(group).and_then(|group| group.title.as_deref()) {
            self.push_stub_line(&format!("{STUB}{title}"), taken);
        }
        // A real header: whoever fills in a stub below it needs it. It goes again if it stays empty.
        let header = format!("[secrets.{group}]");
        self.text.push_str(&header);
        self.text.push('\n');
        self.headers.insert(header);
        for (name, entry) in secrets {
            self.push_stub(name, entry, "", taken);
        }
    }

    /// Two lines: what it is, and the line to fill in.
    fn push_stub(&mut self, name: &SecretName, entry: &Entry, prefix: &str, taken: &HashSet<&str>) {
        let mut words = vec![entry.kind.name().to_owned()];
        words.extend((!entry.required).then(|| "optional".to_owned()));
        words.extend(entry.example.as_ref().map(|example| format!("such as {example}")));
        if matches!(entry.kind, Type::Pem | Type::SshPrivateKey | Type::Json) {
            words.push("several lines go between ''' and '''".to_owned());
        }
        words.extend(entry.generate.as_ref().map(|_| format!("or run `luca-secrets generate {name}`")));
        let about = entry.description.as_ref().or(entry.title.as_ref());
        let about = about.map_or(String::new(), |about| format!("{} ", about.trim_end_matches(['.', ' '])));
        self.push_stub_line(&format!("{STUB}{about}({})", words.join(", ")), taken);
        let start = format!("{STUB}{prefix}{}", name.key());
        self.push_stub_line(&format!("{start} = \"\""), taken);
        self.keys.insert(start);
    }
}

/// Where the groups of a text end.
struct Places {
    secrets: BTreeSet<SecretName>,
    /// By the line, from 1, of a group's last secret, or of its header if it has none.
    ends: BTreeMap<usize, Place>,
}

struct Place {
    group: String,
    /// Whether its secrets stand as `group.key` above all headers.
    is_dotted: bool,
}

impl Places {
    /// `None` if the text cannot be read.
    fn read(text: &SecretText) -> Option<Self> {
        let secrets = Unlocked::check_text(text).ok()?;
        let inside = Unlocked::lines_inside_values(text);
        let starts = line_starts(text);
        let mut last: BTreeMap<String, (usize, bool)> = BTreeMap::new();
        for (number, line) in text.expose().lines().enumerate() {
            if let Some(group) = group_of_header(line).filter(|_| !inside.contains(&(number + 1))) {
                last.insert(group, (number + 1, false));
            }
        }
        for (name, at) in &secrets {
            let mut line = line_of(&starts, *at);
            while inside.contains(&(line + 1)) {
                line += 1;
            }
            let place = last.entry(name.group().to_owned()).or_insert((line, true));
            place.0 = place.0.max(line);
        }
        let ends = last.into_iter().map(|(group, (line, is_dotted))| (line, Place { group, is_dotted }));
        Some(Self { ends: ends.collect(), secrets: secrets.into_iter().map(|(name, _)| name).collect() })
    }
}

/// What a line that looks like a stub starts with, up to its `=`.
fn key_of(line: &str) -> Option<&str> {
    let (before, _) = line.split_once('=')?;
    line.starts_with(STUB).then(|| before.trim_end())
}

/// The group of a `[secrets.group]` line.
fn group_of_header(line: &str) -> Option<String> {
    let line = line.trim_start().strip_prefix('[')?;
    let header: String =
        line.split(']').next()?.chars().filter(|c| !matches!(c, ' ' | '\t' | '"' | '\'')).collect();
    header.strip_prefix("secrets.").map(str::to_owned)
}

/// The byte at which each line starts.
pub(in crate::cli) fn line_starts(text: &SecretText) -> Vec<usize> {
    let feeds = text.expose().bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    std::iter::once(0).chain(feeds.map(|(at, _)| at + 1)).collect()
}

/// The line, from 1, that a byte is on.
pub(in crate::cli) fn line_of(starts: &[usize], at: usize) -> usize {
    starts.partition_point(|start| *start <= at)
}

/// The lines of a text, each with its line feed.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

/// Lines with a character that could not be read; not if such characters stood in the text before.
pub(in crate::cli) fn unreadable(edited: &SecretText, base: &SecretText) -> Vec<Problem> {
    if base.expose().contains(char::REPLACEMENT_CHARACTER) {
        return Vec::new();
    }
    let lines = edited.expose().lines().enumerate();
    let unreadable = lines.filter(|(_, line)| line.contains(char::REPLACEMENT_CHARACTER));
    let message = || "a character here is not UTF-8; it now reads \u{fffd}".to_owned();
    unreadable.map(|(number, _)| Problem { line: number + 1, message: message() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::load;
    use crate::sys::{Disk, OpenGate};

    const SCHEMA: &str = "[secrets.database]\ntitle = \"Database\"\n[secrets.database.port]\ntype = \"port\"\n\
        [secrets.database.password]\ntype = \"password\"\n[secrets.mail]\ntitle = \"Mail\"\n[secrets.mail.host]\ntype = \"host\"\n\
        [secrets.mail.key]\ntype = \"pem\"\nrequired = false\n[secrets.sentry.dsn]\ntype = \"url\"\n";

    fn schema() -> Schema {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("schema.toml"), SCHEMA).unwrap();
        load(&Disk::new(std::sync::Arc::new(OpenGate)), folder.path()).unwrap()
    }

    fn text(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    /// What may stand between two secrets: lines like our own among them.
    fn between() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            Just("\n"),
            Just("   \n"),
            Just("# a comment\n"),
            Just("#  (port)\n"),
            Just("#  port = \"\"\n"),
            Just("#  port = \"5432\"\n"),
            Just("#  Mail\n"),
            Just("#! database.port: not a port\n"),
            Just("#  Save and quit to store your changes; quit without saving to change nothing.\n"),
        ];
        prop::collection::vec(line, 0..4).prop_map(|lines| lines.concat())
    }

    fn secret(key: &'static str) -> impl Strategy<Value = String> {
        let value = prop_oneof![
            Just("\"x\""),
            Just("'y # z'   # end"),
            Just("5432"),
            Just("\"\"\"\n#  (port)\n#  port = \"\"\n\n[secrets.mail]\nb\"\"\""),
            Just("'''\n[secrets.other]\n# c\n'''  # end"),
        ];
        let indent = prop_oneof![Just(""), Just("  "), Just("\t")];
        let equals = prop_oneof![Just("="), Just("   =  "), Just(" = ")];
        (between(), indent, equals, value).prop_map(move |(before, indent, equals, value)| {
            format!("{before}{indent}{key}{equals}{value}\n")
        })
    }

    fn group(name: &'static str, keys: [&'static str; 2]) -> impl Strategy<Value = String> {
        let header = prop_oneof![
            Just(format!("[secrets.{name}]\n")),
            Just(format!("  [secrets.{name}]  # about\n")),
            Just(format!("[ secrets . \"{name}\" ]\n")),
        ];
        let secrets = (prop::option::of(secret(keys[0])), prop::option::of(secret(keys[1])));
        (between(), header, secrets, between()).prop_map(|(before, header, (first, second), after)| {
            format!("{before}{header}{}{}{after}", first.unwrap_or_default(), second.unwrap_or_default())
        })
    }

    /// Documents with comments, any order, odd spacing and values of several lines.
    fn document() -> impl Strategy<Value = String> {
        let groups = (
            prop::option::of(group("database", ["port", "password"])),
            prop::option::of(group("mail", ["key", "host"])),
            prop::option::of(group("other", ["dsn", "x"])),
        );
        let dotted = prop::option::of(Just("sentry.a = \"a\"\n"));
        (groups, dotted, 0..6usize).prop_map(|((a, b, c), dotted, turn)| {
            let mut groups: Vec<String> = [a, b, c].into_iter().flatten().collect();
            if !groups.is_empty() {
                let middle = turn % groups.len();
                groups.rotate_left(middle);
            }
            text(&format!("{}{}", dotted.unwrap_or_default(), groups.concat())).tidied().expose().to_owned()
        })
    }

    proptest! {
        #[test]
        fn what_is_composed_comes_apart_into_the_same_bytes(document in document()) {
            let base = text(&document);
            prop_assert!(Unlocked::check_text(&base).is_ok(), "{}", document);
            let buffer = Buffer::compose(&base, &base, &schema());
            let stripped = buffer.strip(buffer.text());
            prop_assert_eq!(stripped.expose(), document.as_str(), "{}", buffer.text().expose());
        }

        #[test]
        fn every_stub_becomes_its_secret_once_it_is_filled_in(document in document()) {
            let base = text(&document);
            let schema = schema();
            let buffer = Buffer::compose(&base, &base, &schema);
            let mut names: BTreeSet<SecretName> =
                Unlocked::check_text(&base).unwrap().into_iter().map(|(name, _)| name).collect();
            let mut filled = String::new();
            for line in lines(buffer.text().expose()) {
                let is_stub = buffer.stubs.contains(line.trim_end()) && key_of(line).is_some();
                filled.push_str(if is_stub && !line.contains('`') { &line[STUB.len()..] } else { line });
            }
            let stripped = buffer.strip(&text(&filled));
            let after = Unlocked::check_text(&stripped);
            prop_assert!(after.is_ok(), "{}", filled);
            let after: BTreeSet<SecretName> = after.unwrap().into_iter().map(|(name, _)| name).collect();
            // What looks like a line of the text is the person's own, and the port is such a one here.
            names.extend(schema.secrets.keys().filter(|name| name.key() != "port").cloned());
            prop_assert!(after.is_superset(&names), "{}", filled);
        }

        #[test]
        fn notes_go_as_they_came(document in document(), places in prop::collection::vec(0..40usize, 0..5)) {
            let base = text(&document);
            let mut buffer = Buffer::compose(&base, &base, &schema());
            let plain = buffer.text().clone();
            let problem = |line: &usize| Problem { line: *line, message: format!("mistake {line}") };
            let problems: Vec<Problem> = places.iter().map(problem).collect();
            buffer.annotate(&plain, &problems);
            let without = buffer.without_notes(buffer.text());
            prop_assert_eq!(without.expose(), plain.expose());
            let stripped = buffer.strip(&without);
            prop_assert_eq!(stripped.expose(), document.as_str());
        }
    }
}
