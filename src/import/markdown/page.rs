//! The walk over a page.

use crate::name::SecretName;
use crate::schema::Type;
use crate::secret::SecretValue;

use super::super::collect::Collector;
use super::super::model::{Context, Findings, Reason};
use super::super::names::Names;
use super::super::placeholder::is_placeholder_in_data;
use super::block::{Fence, Pem, assignment, pem};
use super::label::{Labelled, list_item, split};
use super::table::{cells, columns, is_delimiter};
use super::titles::{Meaning, groups, meaning, normalize};
use super::value::readings;

/// Reads a page.
pub(in crate::import) fn read(text: &str, context: &Context<'_>) -> Findings {
    let lines: Vec<&str> = text.split('\n').map(unquoted).collect();
    let mut page =
        Page { names: Names::new(context), into: Collector::default(), sections: Vec::new(), pending: None };
    let mut at = 0;
    while at < lines.len() {
        at += page.step(&lines, at).max(1);
    }
    page.drop_pending();
    page.into.finish(context.schema)
}

/// A line without its carriage return and the marks of a block quote.
fn unquoted(line: &str) -> &str {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let mut inner = line;
    while let Some(rest) = inner.trim_start().strip_prefix('>') {
        inner = rest;
    }
    inner
}

/// A heading, or a list item that heads the items below it.
struct Section {
    /// 1 to 6 for headings, 7 for bold lines, and from 10 on list items by their indentation.
    level: usize,
    groups: Vec<String>,
}

/// A label whose value has yet to come, in the block below.
struct Pending {
    line: usize,
    name: SecretName,
    /// Whether it is a label with nothing behind it; a heading needs no value.
    is_label: bool,
}

/// Where a label stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spot {
    /// In a list or a table: made to be a label.
    Listed,
    /// In running text, where any word may stand before a colon.
    Prose,
}

struct Page<'a> {
    names: Names<'a>,
    into: Collector,
    sections: Vec<Section>,
    pending: Option<Pending>,
}

impl Page<'_> {
    /// Reads what begins at line `at` (from 0) and says how many lines it took.
    fn step(&mut self, lines: &[&str], at: usize) -> usize {
        let line = lines[at];
        let rest = &lines[at..];
        if let Some(fence) = Fence::open(line) {
            return self.fenced(fence, rest, at + 1);
        }
        if let Some(taken) = self.pem(rest, at + 1) {
            return taken;
        }
        if line.contains('|') && lines.get(at + 1).is_some_and(|next| is_delimiter(next)) {
            return self.table(rest, at + 1);
        }
        if let Some((level, title)) = heading(rest) {
            self.open_section(level, title, at + 1);
            return if level > 2 || line.trim_start().starts_with('#') { 1 } else { 2 };
        }
        self.line(line, at + 1);
        1
    }

    /// The groups of the nearest section that has any.
    fn groups(&self) -> Vec<String> {
        let nearest = self.sections.iter().rev().find(|section| !section.groups.is_empty());
        nearest.map(|section| section.groups.clone()).unwrap_or_default()
    }

    fn open_section(&mut self, level: usize, title: &str, line: usize) {
        self.drop_pending();
        self.sections.retain(|section| section.level < level);
        if let Meaning::Secret(name) = meaning(&self.names, &self.groups(), title) {
            self.pending = Some(Pending { line, name, is_label: false });
        }
        let groups = groups(self.names.schema(), title);
        self.sections.push(Section { level, groups });
    }

    fn drop_pending(&mut self) {
        if let Some(pending) = self.pending.take().filter(|pending| pending.is_label) {
            self.into.skip_secret(pending.line, pending.name, Reason::Empty);
        }
    }

    fn line(&mut self, line: &str, number: usize) {
        let indent = line.len() - line.trim_start().len();
        let item = list_item(line);
        if item.is_some() {
            self.sections.retain(|section| section.level < 10 + indent);
        } else if indent == 0 && !line.trim().is_empty() {
            self.sections.retain(|section| section.level < 10);
        }
        let text = item.unwrap_or(line).trim();
        let spot = if item.is_some() { Spot::Listed } else { Spot::Prose };
        match split(text) {
            Some(Labelled { label, value: "" }) => self.open_label(label, number, indent, spot),
            Some(Labelled { label, value }) => self.take(label, value, number, spot),
            None if item.is_none() => self.bold_line(text, number),
            None => self.open_label(text, number, indent, spot),
        }
    }

    /// `**Database**` alone on a line heads what follows.
    fn bold_line(&mut self, text: &str, number: usize) {
        let bold = text.strip_prefix("**").and_then(|inner| inner.strip_suffix("**"));
        if let Some(title) = bold.filter(|title| !groups(self.names.schema(), title).is_empty()) {
            self.open_section(7, title, number);
        }
    }

    /// A label without a value: the value may follow in a block, or the label heads a list.
    fn open_label(&mut self, label: &str, line: usize, indent: usize, spot: Spot) {
        match meaning(&self.names, &self.groups(), label) {
            Meaning::Secret(name) => {
                self.drop_pending();
                self.pending = Some(Pending { line, name, is_label: true });
            }
            Meaning::Variable(variable) => {
                self.drop_pending();
                match self.names.alias(&variable) {
                    Some(name) => self.pending = Some(Pending { line, name, is_label: true }),
                    None => self.into.skip(line, self.names.label(&variable), Reason::Empty),
                }
            }
            Meaning::Ambiguous | Meaning::Unknown { .. } => {
                let groups = groups(self.names.schema(), label);
                let level = if spot == Spot::Listed { 10 + indent } else { 7 };
                if !groups.is_empty() {
                    self.sections.retain(|section| section.level < level);
                    self.sections.push(Section { level, groups });
                }
            }
        }
    }

    /// A label and what stands in its value's place.
    fn take(&mut self, label: &str, text: &str, line: usize, spot: Spot) {
        let groups = self.groups();
        let meaning = meaning(&self.names, &groups, label);
        // "Password: rotated in spring" in running text is a sentence. A value there is code, or one word.
        if spot == Spot::Prose && !text.starts_with('`') && text.contains(char::is_whitespace) {
            return;
        }
        match meaning {
            Meaning::Secret(name) => self.take_value(name, text, line),
            Meaning::Variable(variable) => self.take_variable(&variable, text, line),
            Meaning::Ambiguous => self.into.skip(line, None, Reason::Ambiguous),
            Meaning::Unknown { variable } => {
                if variable || (spot == Spot::Listed && !groups.is_empty()) {
                    self.into.skip(line, None, Reason::NoSuchSecret);
                }
            }
        }
    }

    fn take_value(&mut self, name: SecretName, text: &str, line: usize) {
        self.drop_pending();
        let kind = self.names.schema().secrets.get(&name).map(|entry| &entry.kind);
        let fitting = readings(text, kind).map(|mut readings| {
            readings.retain(|value| self.names.fits(&name, value));
            readings
        });
        let mut fitting = match fitting {
            Ok(fitting) => fitting,
            Err(reason) => return self.into.skip_secret(line, name, reason),
        };
        match (fitting.pop(), fitting.is_empty()) {
            (None, _) => self.into.skip_secret(line, name, Reason::Description),
            (Some(value), true) => self.into.add(line, name, value),
            (Some(_), false) => self.into.skip_secret(line, name, Reason::Ambiguous),
        }
    }

    /// A variable that is one secret is read like that secret; a composed one comes apart if it can.
    fn take_variable(&mut self, variable: &str, text: &str, line: usize) {
        if let Some(name) = self.names.alias(variable) {
            return self.take_value(name, text, line);
        }
        self.drop_pending();
        match readings(text, Some(&Type::Url)).map(|mut readings| (readings.len(), readings.pop())) {
            Ok((1, Some(value))) => self.names.add_variable(line, variable, value, &mut self.into),
            Ok(_) => self.into.skip(line, self.names.label(variable), Reason::Ambiguous),
            Err(reason) => self.into.skip(line, self.names.label(variable), reason),
        }
    }

    fn table(&mut self, rest: &[&str], number: usize) -> usize {
        let rows =
            rest.iter().skip(2).take_while(|line| line.contains('|') && !line.trim().is_empty()).count();
        if let Some(columns) = columns(&cells(rest[0]), normalize) {
            for (index, line) in rest.iter().enumerate().skip(2).take(rows) {
                let cells = cells(line);
                if let (Some(label), Some(value)) = (cells.get(columns.label), cells.get(columns.value)) {
                    self.take_row(label.trim(), value.trim(), number + index);
                }
            }
        }
        rows + 2
    }

    fn take_row(&mut self, label: &str, value: &str, line: usize) {
        let bold = label.strip_prefix("**").and_then(|inner| inner.strip_suffix("**"));
        self.take(bold.unwrap_or(label), value, line, Spot::Listed);
    }

    /// A code block: the value of the label above it, or variables and keys of its own.
    fn fenced(&mut self, fence: Fence, rest: &[&str], number: usize) -> usize {
        let inner = rest[1..].iter().take_while(|line| !fence.closes(line)).count();
        let code = &rest[1..=inner];
        let mut texts = code.iter().map(|line| line.trim()).enumerate().filter(|(_, text)| !text.is_empty());
        let single = texts.next().filter(|_| texts.next().is_none());
        if let (Some((index, text)), Some(_)) = (single, &self.pending)
            && self.take_pending_code(text, number + 1 + index)
        {
            return inner + 2;
        }
        let mut at = 0;
        while at < code.len() {
            let line = number + 1 + at;
            at += self.pem(&code[at..], line).unwrap_or_else(|| {
                self.take_assignment(code[at], line);
                1
            });
        }
        inner + 2
    }

    /// The only line of a code block below a label, if it can be the label's value.
    fn take_pending_code(&mut self, text: &str, line: usize) -> bool {
        let value = SecretValue::new(text.to_owned());
        let known = assignment(text).is_some_and(|(name, _)| self.names.knows_variable(name));
        let fits = |pending: &Pending| !known && self.names.fits(&pending.name, &value);
        match self.pending.take() {
            Some(pending) if is_placeholder_in_data(text) => {
                self.into.skip_secret(line, pending.name, Reason::Placeholder);
                true
            }
            // Below a heading stand examples too; only a label says that the code is its value.
            Some(pending) if pending.is_label && fits(&pending) => {
                self.into.add(line, pending.name, value);
                true
            }
            other => {
                self.pending = other;
                false
            }
        }
    }

    fn take_assignment(&mut self, text: &str, line: usize) {
        if let Some((variable, value)) = assignment(text)
            && self.names.knows_variable(variable)
        {
            self.names.add_variable(line, variable, SecretValue::new(value), &mut self.into);
        }
    }

    /// A PEM block that begins on the first line, and how many lines it takes.
    fn pem(&mut self, rest: &[&str], line: usize) -> Option<usize> {
        let Ok(Pem { prefix, text, lines }) = pem(rest)? else {
            self.into.skip(line, None, Reason::Unterminated);
            return Some(1);
        };
        let value = SecretValue::new(text);
        match self.pem_owner(&prefix, &value) {
            Ok(name) if self.names.fits(&name, &value) => self.into.add(line, name, value),
            Ok(name) => self.into.skip_secret(line, name, Reason::Description),
            Err(reason) => self.into.skip(line, None, reason),
        }
        Some(lines)
    }

    /// Whose a PEM block is: the label's before it, the one above it, or the only secret of the group that takes it.
    fn pem_owner(&mut self, prefix: &str, value: &SecretValue) -> Result<SecretName, Reason> {
        let groups = self.groups();
        let prefix = list_item(prefix).unwrap_or(prefix).trim_end_matches(['"', '\'', '`']);
        if let Some(Labelled { label, .. }) = split(prefix.trim_start_matches("export ")) {
            return match meaning(&self.names, &groups, label) {
                Meaning::Secret(name) => Ok(name),
                Meaning::Variable(variable) => self.names.alias(&variable).ok_or(Reason::Derived),
                Meaning::Ambiguous => Err(Reason::Ambiguous),
                Meaning::Unknown { .. } => Err(Reason::NoSuchSecret),
            };
        }
        if let Some(pending) = self.pending.take() {
            return Ok(pending.name);
        }
        let mut takers = self.names.schema().secrets.iter().filter(|(name, entry)| {
            groups.iter().any(|group| group == name.group())
                && matches!(entry.kind, Type::Pem | Type::SshPrivateKey)
                && self.names.fits(name, value)
        });
        match (takers.next(), takers.next()) {
            (Some((name, _)), None) => Ok(name.clone()),
            (Some(_), Some(_)) => Err(Reason::Ambiguous),
            _ => Err(Reason::NoSuchSecret),
        }
    }
}

/// A heading's level and text: `## Title`, or a line underlined with `===` or `---`.
fn heading<'a>(rest: &[&'a str]) -> Option<(usize, &'a str)> {
    let line = rest.first()?.trim();
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    if (1..=6).contains(&level) && line[level..].starts_with([' ', '\t']) {
        return Some((level, line[level..].trim().trim_end_matches('#')));
    }
    let below = rest.get(1)?.trim();
    let underlines = |mark: u8| below.len() >= 3 && below.bytes().all(|byte| byte == mark);
    // A label and its value above a rule are no heading.
    let is_title =
        !line.is_empty() && list_item(line).is_none() && split(line).is_none_or(|it| it.value.is_empty());
    match () {
        () if is_title && underlines(b'=') => Some((1, line)),
        () if is_title && underlines(b'-') => Some((2, line)),
        () => None,
    }
}
