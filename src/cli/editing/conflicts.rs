//! What the editor shows of conflicts: their values, below the text that holds ours.

use crate::name::SecretName;
use crate::secret::SecretText;
use crate::store::{Document, Unlocked, push_toml_string};

/// What the lines of a conflict start with. They are known by this alone, since they hold values and values are not
/// copied about.
const NOTE: &str = "#~";

/// The first line below the text.
const HEADING: &str =
    "#~ In conflict. Our values stand above; a line below that is taken out settles its secret.\n";

/// The conflicts of one edit.
pub(in crate::cli) struct ConflictNotes {
    open: Vec<(SecretName, SecretText)>,
    settled: Vec<SecretName>,
}

impl ConflictNotes {
    /// The conflicts of a document.
    pub(in crate::cli) fn of(document: &Document) -> Self {
        let open = document.conflicts().map(|(name, theirs)| {
            let mut note = SecretText::default();
            note.push_str(&headline(name));
            note.push_str(if document.contains(name) { "\n" } else { "; we removed it\n" });
            let mut shown = SecretText::default();
            match theirs {
                Some(value) => {
                    shown.push_str(&format!("theirs: {} = ", name.key()));
                    push_toml_string(&mut shown, value.expose());
                }
                None => shown.push_str("they removed it"),
            }
            for line in shown.expose().lines() {
                note.push_str("#~   ");
                note.push_str(line);
                note.push('\n');
            }
            (name.clone(), note)
        });
        Self { open: open.collect(), settled: Vec::new() }
    }

    /// Whether there is anything to show.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.settled.is_empty()
    }

    /// The text with what is still in conflict below it, so that the lines above keep their numbers.
    pub(in crate::cli) fn below(&self, text: &SecretText) -> SecretText {
        if self.open.is_empty() {
            return text.clone();
        }
        let notes: usize = self.open.iter().map(|(_, note)| note.len()).sum();
        let mut whole = SecretText::with_capacity(text.len() + notes + HEADING.len() + 1);
        whole.push_str(text.expose());
        if !text.is_empty() && !text.expose().ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(HEADING);
        for (_, note) in &self.open {
            whole.push_str(note.expose());
        }
        whole
    }

    /// The text without the notes. A secret whose note was taken out is settled from then on.
    pub(in crate::cli) fn take(&mut self, edited: &SecretText) -> SecretText {
        if self.is_empty() {
            return edited.clone();
        }
        let is_settled = |name: &SecretName| !edited.expose().contains(&headline(name));
        self.settled.extend(self.open.iter().map(|(name, _)| name.clone()).filter(is_settled));
        self.open.retain(|(name, _)| !is_settled(name));
        self.without(edited)
    }

    /// The text without the notes.
    pub(in crate::cli) fn without(&self, edited: &SecretText) -> SecretText {
        if self.is_empty() {
            return edited.clone();
        }
        let inside = Unlocked::lines_inside_values(edited);
        let mut text = SecretText::with_capacity(edited.len());
        for (number, line) in edited.expose().split_inclusive('\n').enumerate() {
            if !line.starts_with(NOTE) || inside.contains(&(number + 1)) {
                text.push_str(line);
            }
        }
        text
    }

    /// The secrets that the person has settled.
    pub(in crate::cli) fn settled(&self) -> &[SecretName] {
        &self.settled
    }
}

/// The line that is taken out.
fn headline(name: &SecretName) -> String {
    format!("{NOTE} {name} is in conflict")
}
