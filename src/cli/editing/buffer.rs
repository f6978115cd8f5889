//! The text in the editor: the document's secrets, with stubs for what is missing and notes on what is wrong.
//!
//! Stubs and notes are comment lines. They are taken out again line by line, exactly as they were put in, so that a
//! value that happens to look like one is left alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::SecretName;
use crate::schema::{Entry, Schema};
use crate::secret::SecretText;
use crate::store::{Document, DocumentError, Unlocked, push_toml_string};

/// What notes on mistakes start with.
const NOTE: &str = "#! ";

/// What the other side of a conflict is shown behind.
const CONFLICT: &str = "#~ ";

/// What stubs start with.
const STUB: &str = "#  ";

/// The first lines of every buffer.
const HEADER: &[&str] = &[
    "#  Save and quit to store the changes; quit without saving to change nothing.",
    "#  Lines that start with `#  ` describe secrets that are not set: replace them by a line such as port = \"5432\".",
];

/// Something that keeps a buffer from being stored.
pub(in crate::cli) struct Problem {
    /// The line in the buffer, from 1.
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
    ours: BTreeSet<String>,
    /// Whether it shows conflicts. Their lines are known by how they start, since they hold values.
    shows_conflicts: bool,
}

impl Buffer {
    /// The buffer for a text of secrets, with stubs for what the schema declares and the text lacks.
    pub(in crate::cli) fn compose(text: &SecretText, document: &Document, schema: &Schema) -> Self {
        let mut buffer = Self {
            text: SecretText::with_capacity(text.len() * 2 + 4096),
            ..Self::plain(SecretText::default())
        };
        let mut missing: BTreeMap<&str, Vec<(&SecretName, &Entry)>> = BTreeMap::new();
        for (name, entry) in schema.secrets.iter().filter(|(name, _)| !document.contains(name)) {
            missing.entry(name.group()).or_default().push((name, entry));
        }
        for line in HEADER {
            buffer.push_own(line);
        }
        buffer.push_conflicts(document);
        buffer.text.push('\n');
        let mut group = None;
        for line in lines(text.expose()) {
            if let Some(next) = group_of_header(line) {
                buffer.close_group(group.and_then(|group: String| missing.remove(group.as_str())));
                group = Some(next.to_owned());
            }
            buffer.text.push_str(line);
        }
        buffer.close_group(group.and_then(|group| missing.remove(group.as_str())));
        for (group, secrets) in missing {
            buffer.push_missing_group(group, &secrets, schema);
        }
        buffer
    }

    /// A buffer around a text that has no lines of ours in it.
    pub(in crate::cli) fn plain(text: SecretText) -> Self {
        Self { text, ours: BTreeSet::new(), shows_conflicts: false }
    }

    /// What goes into the editor.
    pub(in crate::cli) fn text(&self) -> &SecretText {
        &self.text
    }

    /// The secrets in a text that came back from the editor: without our lines, and without tables left empty.
    pub(in crate::cli) fn strip(&self, edited: &SecretText) -> SecretText {
        let inside = Unlocked::lines_inside_values(edited);
        let mut stripped = SecretText::with_capacity(edited.len());
        for (number, line) in lines(edited.expose()).enumerate() {
            let is_ours = self.ours.contains(line.trim_end())
                || (self.shows_conflicts && line.starts_with(CONFLICT.trim_end()));
            if !is_ours || inside.contains(&(number + 1)) {
                stripped.push_str(line);
            }
        }
        Unlocked::without_empty_tables(&stripped).tidied()
    }

    /// The secrets in conflict whose note the person took out.
    pub(in crate::cli) fn settled(&self, edited: &SecretText, document: &Document) -> Vec<SecretName> {
        let stands = |name: &SecretName| edited.expose().contains(&conflict_note(name));
        let names = document.conflicts().map(|(name, _)| name).filter(|_| self.shows_conflicts);
        names.filter(|name| !stands(name)).cloned().collect()
    }

    /// The text without the notes on mistakes, our stubs left in: the lines that a person sees numbered.
    pub(in crate::cli) fn strip_notes(&self, edited: &SecretText) -> SecretText {
        let mut stripped = SecretText::with_capacity(edited.len());
        for line in lines(edited.expose()) {
            if !(line.starts_with(NOTE) && self.ours.contains(line.trim_end())) {
                stripped.push_str(line);
            }
        }
        stripped
    }

    /// The same text with a note above each line that has a problem.
    pub(in crate::cli) fn annotate(mut self, edited: &SecretText, problems: &[Problem]) -> Self {
        let mut text = SecretText::with_capacity(edited.len() + problems.len() * 128);
        for (number, line) in lines(edited.expose()).enumerate() {
            for problem in problems.iter().filter(|problem| problem.line == number + 1) {
                let note = format!("{NOTE}{}", problem.message);
                text.push_str(&note);
                text.push('\n');
                self.ours.insert(note);
            }
            text.push_str(line);
        }
        let last = edited.expose().lines().count();
        for problem in problems.iter().filter(|problem| problem.line > last) {
            let note = format!("{NOTE}{}", problem.message);
            text.push_str(&note);
            text.push('\n');
            self.ours.insert(note);
        }
        self.text = text;
        self
    }

    /// What the other branch has, where both changed a secret.
    fn push_conflicts(&mut self, document: &Document) {
        for (name, theirs) in document.conflicts() {
            self.shows_conflicts = true;
            self.text.push_str(&conflict_note(name));
            let ours = if document.contains(name) { "our value stands below" } else { "we removed it" };
            self.text.push_str(&format!("; {ours}. Take this line out once it is as it should be.\n"));
            let mut shown = SecretText::default();
            match theirs {
                Some(value) => {
                    shown.push_str(&format!("their value: {} = ", name.key()));
                    push_toml_string(&mut shown, value.expose());
                }
                None => shown.push_str("they removed it"),
            }
            for line in shown.expose().lines() {
                self.text.push_str(CONFLICT);
                self.text.push_str("  ");
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
    }

    fn push_own(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.ours.insert(line.to_owned());
    }

    /// Stubs for what a group lacks, below its last secret.
    fn close_group(&mut self, missing: Option<Vec<(&SecretName, &Entry)>>) {
        let Some(missing) = missing else { return };
        // The stubs belong to the table above, before the empty lines that end it.
        let trimmed = self.text.expose().trim_end_matches('\n');
        let line_feeds = self.text.len() - trimmed.len();
        let mut shorter = SecretText::with_capacity(self.text.len() + 4096);
        shorter.push_str(trimmed);
        shorter.push('\n');
        self.text = shorter;
        for (name, entry) in missing {
            self.push_stub(name, entry);
        }
        for _ in 1..line_feeds {
            self.text.push('\n');
        }
    }

    fn push_missing_group(&mut self, group: &str, secrets: &[(&SecretName, &Entry)], schema: &Schema) {
        if !self.text.expose().ends_with("\n\n") {
            self.text.push('\n');
        }
        if let Some(title) = schema.groups.get(group).and_then(|group| group.title.as_deref()) {
            self.push_own(&format!("{STUB}{title}"));
        }
        // A real header: whoever fills in a stub below it needs it. It goes again if it stays empty.
        self.text.push_str(&format!("[secrets.{group}]\n"));
        for (name, entry) in secrets {
            self.push_stub(name, entry);
        }
    }

    fn push_stub(&mut self, name: &SecretName, entry: &Entry) {
        let mut words = vec![entry.kind.name().to_owned()];
        words.extend((!entry.required).then(|| "optional".to_owned()));
        words.extend(entry.example.as_ref().map(|example| format!("such as {example}")));
        let about = entry
            .description
            .as_ref()
            .or(entry.title.as_ref())
            .map_or(String::new(), |about| format!("{about}; "));
        let line = format!("{STUB}{} = \"\"    {about}{}", name.key(), words.join(", "));
        self.push_own(&line.replace(['\n', '\r'], " "));
    }
}

fn conflict_note(name: &SecretName) -> String {
    format!("{CONFLICT}{name} is in conflict")
}

/// The group of a `[secrets.group]` line.
fn group_of_header(line: &str) -> Option<&str> {
    let line = line.trim().strip_prefix("[secrets.")?;
    line.split(']').next()
}

/// The lines of a text, each with its line feed.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}
