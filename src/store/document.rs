//! The plain text inside the encrypted file, version 1 of its format.
//!
//! ```toml
//! [store]              # format, id, generation, written, by
//! [[recipients]]       # name, key, since
//! [secrets]            # what `edit` shows: [secrets.group] tables, the writer's comments and order kept
//! [versions]           # "group.key" = { since, origin }
//! [conflicts]          # what two branches changed in different ways
//! ```
//! Parts that this version does not know are carried along as they are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::{FingerprintKey, SecretText, SecretValue};

use super::conflict::{self, Conflicts};
use super::outline::{DocumentError, DocumentProblem, Leaf, Outline, Range, Table, error_at};
use super::strict::refuse_what_toml_refuses;
use super::toml_text::{ScalarProblem, decode_scalar, is_verbatim, push_toml_string};

/// The format that this program writes.
const FORMAT: u64 = 1;

/// Somebody who can open the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// What people call them.
    pub name: String,
    /// The public key, `age1…`.
    pub key: String,
    /// Since when.
    pub since: Timestamp,
}

/// How a value came into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Typed by a person: `edit` or `set`.
    Edit,
    /// Made by `generate`.
    Generate,
    /// Taken over by `import`.
    Import,
}

impl Origin {
    /// The word in the document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Generate => "generate",
            Self::Import => "import",
        }
    }
}

/// Since when a secret has its value, and how it got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The moment of the write.
    pub since: Timestamp,
    /// The word for how: one of [`Origin::name`], or a later program's.
    pub origin: String,
}

/// What a document says of itself.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) id: String,
    pub(super) generation: u64,
    pub(super) written: Timestamp,
    pub(super) by: String,
}

/// Where one secret stands.
struct Entry {
    name: SecretName,
    value: Range,
    encoding: Option<toml_parser::decoder::Encoding>,
}

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
    /// The line of each secret's version by name, looked for when the first is asked for: reading values needs none.
    versions: OnceLock<HashMap<String, Range>>,
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
        let (regions, foreign) = regions(plain, &outline.tables);
        let versions = OnceLock::new();
        Ok(Self { text, header, recipients, entries, sorted, regions, conflicts, versions, foreign })
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
            text.push_str("\n\n[[recipients]]\nname = ");
            push_toml_string(&mut text, &recipient.name);
            text.push_str("\nkey = ");
            push_toml_string(&mut text, &recipient.key);
            text.push_str(&format!("\nsince = {}", recipient.since));
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

/// The secrets of a text of `[secrets.group]` tables, as `edit` shows it, with the byte where each stands.
pub(super) fn check_secrets_text(text: &str) -> Result<Vec<(SecretName, usize)>, DocumentError> {
    let outline = Outline::read(text, &["secrets"])?;
    let is_foreign = |table: &&Table| section(table) != "secrets" || table.path.len() == 1 || table.is_array;
    if let Some(table) = outline.tables.iter().skip(1).find(is_foreign) {
        return Err(error_at(text, table.start, DocumentProblem::ForeignTable));
    }
    let entries = entries(text, &outline)?;
    sort(text, &entries)?;
    Ok(entries.into_iter().map(|entry| (entry.name, entry.value.start)).collect())
}

/// The first key of a table's path.
pub(super) fn section(table: &Table) -> &str {
    table.path.first().map_or("", String::as_str)
}

fn raw<'t>(text: &'t str, leaf: &Leaf<'_>) -> &'t str {
    &text[leaf.value.clone()]
}

fn header(text: &str, outline: &Outline<'_>) -> Result<Header, DocumentError> {
    let damaged = |what| error_at(text, 0, DocumentProblem::Store(what));
    let find = |key: &str| {
        outline.leaves.iter().find(|leaf| {
            outline.tables[leaf.table].path == ["store"] && leaf.keys.len() == 1 && leaf.keys[0] == key
        })
    };
    let string = |key| {
        let leaf = find(key)?;
        decode_scalar(raw(text, leaf), leaf.encoding).ok().map(|value| value.expose().to_owned())
    };
    let number = |key| find(key).and_then(|leaf| raw(text, leaf).parse::<u64>().ok());
    let format = number("format").ok_or_else(|| damaged("`format` is missing"))?;
    if format > FORMAT {
        return Err(error_at(text, 0, DocumentProblem::Format(format)));
    }
    Ok(Header {
        id: string("id").filter(|id| !id.is_empty()).ok_or_else(|| damaged("`id` is missing"))?,
        generation: number("generation").ok_or_else(|| damaged("`generation` is missing"))?,
        written: find("written")
            .and_then(|leaf| raw(text, leaf).parse().ok())
            .ok_or_else(|| damaged("`written` is missing"))?,
        by: string("by").unwrap_or_default(),
    })
}

fn recipients(text: &str, outline: &Outline<'_>) -> Result<Vec<Recipient>, DocumentError> {
    let mut found = Vec::new();
    for (index, table) in
        outline.tables.iter().enumerate().filter(|(_, table)| section(table) == "recipients")
    {
        let damaged = || {
            error_at(text, table.start, DocumentProblem::Store("a recipient needs a name, a key and a date"))
        };
        let find = |key: &str| outline.leaves.iter().find(|leaf| leaf.table == index && *leaf.keys == [key]);
        let string = |key| {
            let leaf = find(key)?;
            decode_scalar(raw(text, leaf), leaf.encoding).ok().map(|value| value.expose().to_owned())
        };
        found.push(Recipient {
            name: string("name").ok_or_else(damaged)?,
            key: string("key").ok_or_else(damaged)?,
            since: find("since").and_then(|leaf| raw(text, leaf).parse().ok()).ok_or_else(damaged)?,
        });
    }
    if found.is_empty() {
        Err(error_at(text, 0, DocumentProblem::Store("there is no recipient")))
    } else {
        Ok(found)
    }
}

fn entries(text: &str, outline: &Outline<'_>) -> Result<Vec<Entry>, DocumentError> {
    refuse_repeated_tables(text, outline)?;
    let mut entries = Vec::with_capacity(outline.leaves.len());
    for leaf in &outline.leaves {
        let table = &outline.tables[leaf.table];
        if section(table) == "secrets" {
            entries.push(entry(text, table, leaf)?);
        }
    }
    refuse_mixed_groups(text, outline)?;
    Ok(entries)
}

fn entry(text: &str, table: &Table, leaf: &Leaf<'_>) -> Result<Entry, DocumentError> {
    let fail = |problem| Err(error_at(text, leaf.start, problem));
    let named = match (&table.path[1..], &*leaf.keys) {
        _ if table.is_array => return fail(DocumentProblem::ForeignTable),
        ([], [group, key, ..]) => SecretName::new(group, key),
        ([group], [key, ..]) => SecretName::new(group, key),
        ([], [_]) => return fail(DocumentProblem::Name(crate::name::NameError::NotGroupAndKey)),
        _ => return error_at_table(text, table),
    };
    let name = match named {
        Ok(name) => name,
        Err(error) => return fail(DocumentProblem::Name(error)),
    };
    if leaf.nested || table.path.len() + leaf.keys.len() != 3 {
        return fail(DocumentProblem::NotText(name));
    }
    match decode_check(raw(text, leaf), leaf) {
        Ok(()) => Ok(Entry { name, value: leaf.value.clone(), encoding: leaf.encoding }),
        Err(ScalarProblem::Invalid(description)) => {
            let quoted = leaf.encoding.is_some();
            let what = if quoted { description } else { "a text needs quotes around it".to_owned() };
            Err(error_at(text, leaf.value.start, DocumentProblem::Syntax(what)))
        }
        Err(ScalarProblem::NeedsQuotes) => fail(DocumentProblem::NeedsQuotes(name)),
    }
}

/// Whether a value can be decoded; plain strings can by their form alone.
fn decode_check(raw: &str, leaf: &Leaf<'_>) -> Result<(), ScalarProblem> {
    if is_verbatim(raw, leaf.encoding) { Ok(()) } else { decode_scalar(raw, leaf.encoding).map(drop) }
}

fn error_at_table<T>(text: &str, table: &Table) -> Result<T, DocumentError> {
    Err(error_at(text, table.start, DocumentProblem::ForeignTable))
}

fn refuse_repeated_tables(text: &str, outline: &Outline<'_>) -> Result<(), DocumentError> {
    let mut seen: HashMap<&[String], usize> = HashMap::new();
    // The part above all headers has a path only in the text that `edit` shows, where it is `[secrets]`.
    for table in outline.tables.iter().filter(|table| !table.path.is_empty()) {
        let is_secrets = section(table) == "secrets";
        if table.is_array && !is_secrets {
            continue;
        }
        if is_secrets && (table.is_array || table.path.len() > 2) {
            return error_at_table(text, table);
        }
        if let Some(first) = seen.insert(&table.path, table.start) {
            let line = error_at(text, first, DocumentProblem::ForeignTable).line;
            return Err(error_at(text, table.start, DocumentProblem::DuplicateTable(line)));
        }
    }
    Ok(())
}

/// TOML does not let a group be both `[secrets.group]` and `group.key` below `[secrets]`.
fn refuse_mixed_groups(text: &str, outline: &Outline<'_>) -> Result<(), DocumentError> {
    let is_dotted = |leaf: &&Leaf<'_>| {
        let table = &outline.tables[leaf.table];
        section(table) == "secrets" && table.path.len() == 1
    };
    let groups = outline.tables.iter().filter(|table| section(table) == "secrets" && table.path.len() == 2);
    // The first of each name, as there may be an array of them.
    let groups: HashMap<&str, &Table> = groups.rev().map(|table| (table.path[1].as_str(), table)).collect();
    for leaf in outline.leaves.iter().filter(is_dotted) {
        if let Some(twin) = groups.get(&*leaf.keys[0]) {
            let line = error_at(text, leaf.start, DocumentProblem::ForeignTable).line;
            return Err(error_at(text, twin.start, DocumentProblem::DuplicateTable(line)));
        }
    }
    Ok(())
}

/// The indices of the entries by name; the same name twice is an error.
fn sort(text: &str, entries: &[Entry]) -> Result<Vec<usize>, DocumentError> {
    let mut sorted: Vec<usize> = (0..entries.len()).collect();
    if !entries.is_sorted_by(|a, b| a.name < b.name) {
        sorted.sort_by(|a, b| entries[*a].name.cmp(&entries[*b].name));
    }
    for pair in sorted.windows(2) {
        let (first, second) = (&entries[pair[0]], &entries[pair[1]]);
        if first.name == second.name {
            let line = error_at(text, first.value.start, DocumentProblem::ForeignTable).line;
            let problem = DocumentProblem::Duplicate(first.name.clone(), line);
            return Err(error_at(text, second.value.start, problem));
        }
    }
    Ok(sorted)
}

/// The inline table of each name in `[versions]`.
fn versions(text: &str, outline: &Outline<'_>) -> HashMap<String, Range> {
    let mut found = HashMap::new();
    for leaf in outline.leaves.iter().filter(|leaf| section(&outline.tables[leaf.table]) == "versions") {
        let Some(name) = leaf.keys.first() else { continue };
        if !found.contains_key(&**name) {
            // An array has no value's place.
            let line = &text[leaf.start..end_of_line(text, leaf.value.end.max(leaf.start))];
            let start = leaf.start + line.find('{').unwrap_or(line.len());
            let end = leaf.start + line.rfind('}').map_or(line.len(), |brace| brace + 1);
            found.insert(name.clone().into_owned(), start.min(end)..end);
        }
    }
    found
}

/// Where the line that `at` is in ends, its line feed included.
pub(super) fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// Where the line that `at` is in starts.
pub(super) fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The pieces that `edit` shows, and the tables that nobody here knows.
fn regions(text: &str, tables: &[Table]) -> (Vec<Range>, Vec<Range>) {
    let (mut secrets, mut foreign): (Vec<Range>, Vec<Range>) = (Vec::new(), Vec::new());
    for (index, table) in tables.iter().enumerate().skip(1) {
        let end = tables.get(index + 1).map_or(text.len(), |next| start_of_line(text, next.start));
        let start = start_of_line(text, table.start);
        match section(table) {
            "secrets" => {
                let start = if table.path.len() == 1 { end_of_line(text, table.start) } else { start };
                if table.path.len() == 1 {
                    // Keys below `[secrets]` would belong to another table if they followed its header.
                    secrets.insert(0, start..end);
                    continue;
                }
                match secrets.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => secrets.push(start..end),
                }
            }
            "store" | "recipients" | "versions" | "conflicts" => {}
            _ => foreign.push(start..end),
        }
    }
    (secrets, foreign)
}
