//! How `[rotations]` is spelled. It holds values, so no parser but this one looks at it, and only this form is read: a
//! record that cannot be read is an error, since what it says may be the only trace of a live credential.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

use super::super::outline::{DocumentError, DocumentProblem, Leaf, Outline, Table, error_at};
use super::super::parts::{raw, section};
use super::super::toml_text::{decode_scalar, push_toml_line, push_toml_string};
use super::{AllRotations, Direction, EffectNote, Material, Outcome, RotationRecord, State, Values};

/// What stands between a secret's name and the id of a second rotation of it.
const RIVAL: char = '@';

/// What stands before the number of a deploy.
const DEPLOY: &str = "deploy-";

/// The tables of one rotation, as they stand in the text.
struct Tables<'o, 't> {
    text: &'t str,
    /// Where the first of them starts.
    start: usize,
    /// Those with a name of their own, and under the empty name the one without.
    named: BTreeMap<&'o str, Lines<'o, 't>>,
    effects: Vec<Lines<'o, 't>>,
}

/// The lines of one table by key.
type Lines<'o, 't> = BTreeMap<&'o str, &'o Leaf<'t>>;

/// Reads `[rotations]`.
pub(in crate::store) fn read(text: &str, outline: &Outline<'_>) -> Result<AllRotations, DocumentError> {
    let mut all = AllRotations::new();
    let mut rivals = Vec::new();
    for (key, tables) in gather(text, outline)? {
        let wrong = || damaged(text, tables.start);
        let (name, id) = match key.split_once(RIVAL) {
            Some((name, id)) => (name, Some(id)),
            None => (key, None),
        };
        let name = SecretName::parse(name).map_err(|_| wrong())?;
        let record = tables.record().ok_or_else(wrong)?;
        match id {
            None => drop(all.insert(name, vec![record])),
            Some(id) if id == record.id => rivals.push((name, record, tables.start)),
            Some(_) => return Err(wrong()),
        }
    }
    for (name, record, start) in rivals {
        let others = all.get_mut(&name).ok_or_else(|| damaged(text, start))?;
        if others.iter().any(|other| other.id == record.id) {
            return Err(damaged(text, start));
        }
        others.push(record);
    }
    Ok(all)
}

fn damaged(text: &str, at: usize) -> DocumentError {
    let what = "a table of `rotations` is not in the form that this program writes, or stands twice";
    error_at(text, at, DocumentProblem::Store(what))
}

/// The tables by rotation. As strict as TOML about what stands twice.
fn gather<'o, 't>(
    text: &'t str,
    outline: &'o Outline<'t>,
) -> Result<BTreeMap<&'o str, Tables<'o, 't>>, DocumentError> {
    let mut all: BTreeMap<&str, Tables<'o, 't>> = BTreeMap::new();
    let ours = outline.tables.iter().enumerate().filter(|(_, table)| section(table) == "rotations");
    for (index, table) in ours {
        let wrong = || damaged(text, table.start);
        let lines = lines(outline, index).ok_or_else(wrong)?;
        let (key, part) = parts(table).ok_or_else(wrong)?;
        let tables = all.entry(key).or_insert_with(|| Tables {
            text,
            start: table.start,
            named: BTreeMap::new(),
            effects: Vec::new(),
        });
        if table.is_array {
            tables.effects.push(lines);
        } else if tables.named.insert(part, lines).is_some() {
            return Err(wrong());
        }
    }
    Ok(all)
}

/// Whose table it is, and which.
fn parts(table: &Table) -> Option<(&str, &str)> {
    match table.path.as_slice() {
        [_, key] if !table.is_array => Some((key, "")),
        [_, key, part] if table.is_array == (part == "effect") && !part.is_empty() => Some((key, part)),
        _ => None,
    }
}

fn lines<'o, 't>(outline: &'o Outline<'t>, table: usize) -> Option<Lines<'o, 't>> {
    let first = outline.leaves.partition_point(|leaf| leaf.table < table);
    let mut lines = Lines::new();
    for leaf in outline.leaves[first..].iter().take_while(|leaf| leaf.table == table) {
        let [key] = &leaf.keys[..] else { return None };
        if leaf.nested || lines.insert(key, leaf).is_some() {
            return None;
        }
    }
    Some(lines)
}

impl Tables<'_, '_> {
    fn record(&self) -> Option<RotationRecord> {
        let main = self.named.get("")?;
        let known: HashSet<&str> = [
            "id",
            "kind",
            "state",
            "back",
            "done",
            "generation",
            "started",
            "by",
            "holder",
            "attempts",
            "not-before",
            "reason",
        ]
        .into();
        if main.keys().any(|key| !known.contains(key)) {
            return None;
        }
        Some(RotationRecord {
            id: self.words(main, "id")?,
            kind: self.words(main, "kind")?,
            state: State::parse(&self.words(main, "state")?)?,
            direction: match main.get("back") {
                Some(_) => Direction::Back { begun: self.number(main, "back")? },
                None => Direction::Forward,
            },
            done: self.number(main, "done")?,
            base_generation: self.number(main, "generation")?,
            started: self.moment(main, "started")?,
            by: self.words(main, "by")?,
            holder: self.optional(main, "holder", Self::words)?,
            attempts: self.number(main, "attempts")?,
            not_before: self.optional(main, "not-before", Self::moment)?,
            current: self.values("current")?,
            pending: self.values("pending")?,
            deploys: self.deploys()?,
            material: self.material()?,
            effects: self.effects.iter().map(|lines| self.effect(lines)).collect::<Option<_>>()?,
            reason: self.optional(main, "reason", Self::words)?,
        })
    }

    fn effect(&self, lines: &Lines<'_, '_>) -> Option<EffectNote> {
        let known = ["step", "intended", "outcome", "evidence", "settled"];
        if lines.keys().any(|key| !known.contains(key)) {
            return None;
        }
        Some(EffectNote {
            step: self.words(lines, "step")?,
            intended: self.moment(lines, "intended")?,
            outcome: Outcome::parse(&self.words(lines, "outcome")?)?,
            evidence: self.optional(lines, "evidence", Self::words)?,
            settled: self.optional(lines, "settled", Self::moment)?,
        })
    }

    /// The deploys, whose numbers leave none out.
    fn deploys(&self) -> Option<Vec<Values>> {
        let usual = |part: &&str| ["", "current", "pending", "material"].contains(part);
        let count = self.named.keys().filter(|part| !usual(part)).count();
        (0..count)
            .map(|number| {
                let part = format!("{DEPLOY}{number}");
                self.named.contains_key(part.as_str()).then(|| self.values(&part))?
            })
            .collect()
    }

    fn values(&self, part: &str) -> Option<Values> {
        let Some(lines) = self.named.get(part) else { return Some(Values::new()) };
        let value = |(key, leaf): (&&str, &&Leaf<'_>)| {
            let is_none = leaf.encoding.is_none() && raw(self.text, leaf) == "false";
            let value = if is_none { None } else { Some(self.value(leaf)?) };
            Some((SecretName::parse(key).ok()?, value))
        };
        lines.iter().map(value).collect()
    }

    fn material(&self) -> Option<Material> {
        let Some(lines) = self.named.get("material") else { return Some(Material::new()) };
        lines.iter().map(|(key, leaf)| Some(((*key).to_owned(), self.value(leaf)?))).collect()
    }

    /// A text in quotes.
    fn value(&self, leaf: &Leaf<'_>) -> Option<SecretValue> {
        leaf.encoding?;
        decode_scalar(raw(self.text, leaf), leaf.encoding).ok()
    }

    fn words(&self, lines: &Lines<'_, '_>, key: &str) -> Option<String> {
        self.value(lines.get(key)?).map(|value| value.expose().to_owned())
    }

    fn number<T: std::str::FromStr>(&self, lines: &Lines<'_, '_>, key: &str) -> Option<T> {
        self.bare(lines, key)
    }

    fn moment(&self, lines: &Lines<'_, '_>, key: &str) -> Option<Timestamp> {
        self.bare(lines, key)
    }

    fn bare<T: std::str::FromStr>(&self, lines: &Lines<'_, '_>, key: &str) -> Option<T> {
        let leaf = lines.get(key).filter(|leaf| leaf.encoding.is_none())?;
        raw(self.text, leaf).parse().ok()
    }

    /// What is there if the key is; the outer `None` where it is there and cannot be read.
    #[allow(clippy::option_option)]
    fn optional<T>(
        &self,
        lines: &Lines<'_, '_>,
        key: &str,
        read: impl Fn(&Self, &Lines<'_, '_>, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        if lines.contains_key(key) { read(self, lines, key).map(Some) } else { Some(None) }
    }
}

/// The tables as text; nothing if there never was a rotation.
pub(in crate::store) fn spell(all: &AllRotations) -> SecretText {
    let mut text = SecretText::default();
    for (name, records) in all {
        for (place, record) in records.iter().enumerate() {
            let key = if place == 0 { name.to_string() } else { format!("{name}{RIVAL}{}", record.id) };
            push_record(&mut text, &format!("rotations.\"{key}\""), record);
        }
    }
    text
}

fn push_record(text: &mut SecretText, path: &str, record: &RotationRecord) {
    text.push_str(&format!("[{path}]"));
    for (key, words) in [
        ("id", record.id.as_str()),
        ("kind", &record.kind),
        ("state", record.state.word()),
        ("by", &record.by),
    ] {
        push_words(text, key, words);
    }
    if let Some(holder) = &record.holder {
        push_words(text, "holder", holder);
    }
    if let Direction::Back { begun } = record.direction {
        text.push_str(&format!("\nback = {begun}"));
    }
    let RotationRecord { done, base_generation, attempts, started, .. } = record;
    text.push_str(&format!(
        "\ndone = {done}\ngeneration = {base_generation}\nattempts = {attempts}\nstarted = {started}"
    ));
    if let Some(moment) = record.not_before {
        text.push_str(&format!("\nnot-before = {moment}"));
    }
    if let Some(reason) = &record.reason {
        push_words(text, "reason", reason);
    }
    text.push('\n');
    for (part, values) in [("current", &record.current), ("pending", &record.pending)] {
        if !values.is_empty() {
            push_values(text, &format!("{path}.{part}"), values);
        }
    }
    for (number, values) in record.deploys.iter().enumerate() {
        push_values(text, &format!("{path}.{DEPLOY}{number}"), values);
    }
    if !record.material.is_empty() {
        text.push_str(&format!("[{path}.material]\n"));
    }
    for (name, value) in &record.material {
        push_toml_line(text, name);
        text.push_str(" = ");
        push_toml_string(text, value.expose());
        text.push('\n');
    }
    for effect in &record.effects {
        push_effect(text, path, effect);
    }
}

fn push_words(text: &mut SecretText, key: &str, words: &str) {
    text.push_str(&format!("\n{key} = "));
    push_toml_line(text, words);
}

fn push_values(text: &mut SecretText, path: &str, values: &Values) {
    text.push_str(&format!("[{path}]\n"));
    for (name, value) in values {
        text.push_str(&format!("\"{name}\" = "));
        match value {
            Some(value) => push_toml_string(text, value.expose()),
            None => text.push_str("false"),
        }
        text.push('\n');
    }
}

fn push_effect(text: &mut SecretText, path: &str, effect: &EffectNote) {
    text.push_str(&format!("[[{path}.effect]]"));
    push_words(text, "step", &effect.step);
    text.push_str(&format!("\nintended = {}", effect.intended));
    push_words(text, "outcome", effect.outcome.word());
    if let Some(evidence) = &effect.evidence {
        push_words(text, "evidence", evidence);
    }
    if let Some(settled) = effect.settled {
        text.push_str(&format!("\nsettled = {settled}"));
    }
    text.push('\n');
}
