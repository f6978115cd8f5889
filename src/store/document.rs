//! The plain text inside the encrypted file, version 1 of its format.
//!
//! ```toml
//! [store]              # format, id, generation, written, by
//! [[recipients]]       # name, key, since, and where there is one: from, note
//! [secrets]            # what `edit` shows: [secrets.group] tables, the writer's comments and order kept
//! [versions]           # "group.key" = { since, origin }
//! [conflicts]          # what two branches changed in different ways
//! [history]            # "group.key" = [{ since, until, origin, value }, …], newest first
//! [exposed]            # "group.key" = { since, to, reason }: known to somebody who is no longer a reader
//! [due]                # "group.key" = { from, every, next }: when rotations are due
//! [pushes.github.NAME] # what was pushed there, as keyed digests
//! [rotations."NAME"]   # the journal of a rotation: what was tried, and every value that may be live anywhere
//! ```
//! Parts that this version does not know are carried along as they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::{FingerprintKey, SecretText, SecretValue};

use super::conflict::{self, Conflicts};
use super::due::{self, Dues};
use super::entries::{Entry, entries, sort};
use super::exposed::{self, Exposures};
use super::history;
use super::outline::{DocumentError, Outline, Range};
use super::parts::{FORMAT, Header, Recipient, header, push_recipient, recipients, regions};
use super::pin::StorePrint;
use super::pushes::{self, AllPushes};
use super::rotations::{self, AllRotations};
use super::strict::refuse_what_toml_refuses;
use super::toml_text::{decode_scalar, push_toml_string};
use super::version::{Version, versions};

/// The decrypted document: one text, and where everything stands in it.
pub struct Document {
    text: SecretText,
    pub(super) header: Header,
    pub(super) recipients: Vec<Recipient>,
    entries: Vec<Entry>,
    /// Indices into `entries`, sorted by name.
    sorted: Vec<usize>,
    /// The text that `edit` shows, in pieces if somebody put other tables between.
    regions: Vec<Range>,
    /// What the other side of a merge has, where it is not decided yet.
    pub(super) conflicts: Conflicts,
    /// What was pushed to which target.
    pub(super) pushes: AllPushes,
    /// The rotations under way, and the last one of each secret that has ended.
    pub(super) rotations: AllRotations,
    /// Secrets whose value somebody knows who should not.
    pub(super) exposures: Exposures,
    /// When rotations are due.
    pub(super) dues: Dues,
    /// The line of each secret's version by name, looked for when the first is asked for: reading values needs none.
    versions: OnceLock<HashMap<String, Range>>,
    /// The lines of the table of earlier values.
    history: Range,
    /// Where the earlier values of each secret stand among these lines, looked for like the versions.
    histories: OnceLock<BTreeMap<SecretName, Range>>,
    /// Tables that this program does not know.
    foreign: Vec<Range>,
}

impl Document {
    /// Reads a decrypted document.
    pub fn parse(text: SecretText) -> Result<Self, DocumentError> {
        let plain = text.expose();
        let outline = Outline::read(plain, &[])?;
        let header = header(plain, &outline)?;
        let recipients = recipients(plain, &outline)?;
        let entries = entries(plain, &outline)?;
        let sorted = sort(plain, &entries)?;
        refuse_what_toml_refuses(plain, &outline)?;
        let conflicts = conflict::read(plain, &outline)?;
        let exposures = exposed::read(plain, &outline)?;
        let dues = due::read(plain, &outline)?;
        let history = history::find(plain, &outline)?;
        let pushes = pushes::read(plain, &outline)?;
        let rotations = rotations::read(plain, &outline)?;
        let (regions, foreign) = regions(plain, &outline.tables);
        let (versions, histories) = (OnceLock::new(), OnceLock::new());
        Ok(Self {
            text,
            header,
            recipients,
            entries,
            sorted,
            regions,
            conflicts,
            pushes,
            rotations,
            exposures,
            dues,
            versions,
            history,
            histories,
            foreign,
        })
    }

    /// Makes the text of a document.
    pub(super) fn compose<'a>(
        header: &Header,
        recipients: &[Recipient],
        region: &str,
        versions: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
        foreign: impl Iterator<Item = &'a str>,
    ) -> SecretText {
        let mut text = SecretText::with_capacity(region.len() * 3 + 1024);
        text.push_str("# A luca-secrets store: change it with `luca-secrets edit`.\n[store]\n");
        text.push_str(&format!("format = {FORMAT}\nid = "));
        push_toml_string(&mut text, &header.id);
        text.push_str(&format!("\ngeneration = {}\nwritten = {}\nby = ", header.generation, header.written));
        push_toml_string(&mut text, &header.by);
        for recipient in recipients {
            push_recipient(&mut text, recipient);
        }
        text.push_str("\n\n[secrets]\n");
        text.push_str(region.trim_end_matches('\n'));
        text.push_str("\n\n[versions]\n");
        for (name, version) in versions {
            for piece in ["\"", name, "\" = ", &version, "\n"] {
                text.push_str(piece);
            }
        }
        for table in foreign {
            text.push_str("\n");
            text.push_str(table.trim_end_matches('\n'));
            text.push_str("\n");
        }
        text
    }

    /// How often the store has been written.
    pub fn generation(&self) -> u64 {
        self.header.generation
    }

    /// The store's random id, known only to readers.
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// The digest of its id, which may be known to everybody.
    pub fn print(&self) -> StorePrint {
        StorePrint::of(&self.header.id)
    }

    /// When it was written.
    pub fn written(&self) -> Timestamp {
        self.header.written
    }

    /// Who wrote it.
    pub fn by(&self) -> &str {
        &self.header.by
    }

    /// Who can open it.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// The key of this store's fingerprints.
    pub fn fingerprint_key(&self) -> FingerprintKey {
        FingerprintKey::new(&self.header.id)
    }

    /// The names of all secrets, in the order of the document.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.entries.iter().map(|entry| &entry.name)
    }

    /// How many secrets there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the secret exists.
    pub fn contains(&self, name: &SecretName) -> bool {
        self.find(name).is_some()
    }

    /// The value of a secret.
    pub fn get(&self, name: &SecretName) -> Option<SecretValue> {
        let entry = self.find(name)?;
        // Decoding was tried when the document was read, so it cannot fail now.
        decode_scalar(&self.text.expose()[entry.value.clone()], entry.encoding).ok()
    }

    /// The value as it is spelled: equal spellings are equal values.
    pub(super) fn spelling(&self, name: &SecretName) -> Option<&str> {
        self.find(name).map(|entry| &self.text.expose()[entry.value.clone()])
    }

    /// Since when a secret has its value, if that was recorded.
    pub fn version(&self, name: &SecretName) -> Option<Version> {
        #[derive(serde::Deserialize)]
        struct Written {
            since: toml::value::Datetime,
            origin: String,
        }
        let line = self.version_line(name)?;
        let written: Written =
            toml::from_str(&format!("{}\n", line.trim_matches(['{', '}', ' ']).replace(", ", "\n"))).ok()?;
        Some(Version { since: written.since.to_string().parse().ok()?, origin: written.origin })
    }

    /// The version of a secret as it is spelled, an inline table.
    pub(super) fn version_line(&self, name: &SecretName) -> Option<&str> {
        let text = self.text.expose();
        // The text was read before, so it can be read again.
        let read = || Outline::read_all(text).map(|outline| versions(text, &outline)).unwrap_or_default();
        let range = self.versions.get_or_init(read).get(name.as_str())?.clone();
        let line = &text[range];
        // Any other form could not be written again; its age is forgotten rather than the store spoiled.
        (line.starts_with('{') && line.ends_with('}') && !line.contains('\n')).then_some(line)
    }

    /// The lines of the table of earlier values.
    pub(super) fn history_text(&self) -> &str {
        &self.text.expose()[self.history.clone()]
    }

    /// Where the earlier values of each secret stand among these lines.
    pub(super) fn history_index(&self) -> &BTreeMap<SecretName, Range> {
        self.histories.get_or_init(|| history::index(self.history_text()))
    }

    /// The part that `edit` shows: `[secrets.group]` tables, ending in one line feed, or empty.
    pub fn secrets_text(&self) -> SecretText {
        let mut text = SecretText::with_capacity(self.regions.iter().map(|region| region.len() + 1).sum());
        for region in &self.regions {
            let piece = self.text.expose()[region.clone()].trim_matches('\n');
            if !piece.is_empty() {
                text.push_str(piece);
                text.push('\n');
            }
        }
        text
    }

    /// Tables that this program does not know, as they are spelled.
    pub(super) fn foreign(&self) -> impl Iterator<Item = &str> {
        self.foreign.iter().map(|range| &self.text.expose()[range.clone()])
    }

    /// The whole text, to be encrypted.
    pub(super) fn text(&self) -> &SecretText {
        &self.text
    }

    fn find(&self, name: &SecretName) -> Option<&Entry> {
        let found = self.sorted.binary_search_by(|index| self.entries[*index].name.cmp(name)).ok()?;
        Some(&self.entries[self.sorted[found]])
    }
}
