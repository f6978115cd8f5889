//! A schema file as a tree: what stands in it and where, with the entries of each table in the order of the file.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::{ParseError, Raw, Span};

use crate::lines::{Header, Line, Scanner};

/// How many of the latest groups a header is looked for among; one that comes back later counts as irregular.
const NEAR: usize = 64;

/// The section that holds the secrets.
const SECRETS: &str = "secrets";

/// Tables with more entries are looked through for repeated keys with a set.
const MANY: usize = 32;

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Key<'i> {
    text: Cow<'i, str>,
    span: Range<usize>,
}

impl<'i> Key<'i> {
    pub(super) fn get_ref(&self) -> &Cow<'i, str> {
        &self.text
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The key of an array, at one of its items.
    pub(super) fn at(&self, item: &Value<'_>) -> Self {
        Self { text: self.text.clone(), span: item.span() }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Value<'i> {
    node: Node<'i>,
    span: Range<usize>,
}

impl<'i> Value<'i> {
    pub(super) fn get_ref(&self) -> &Node<'i> {
        &self.node
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Node<'i> {
    String(Cow<'i, str>),
    /// The digits and their radix.
    Integer(Cow<'i, str>, u32),
    Float,
    Boolean(bool),
    /// As it is spelled.
    Datetime(String),
    Array(Vec<Value<'i>>),
    Table(Table<'i>),
}

impl<'i> Node<'i> {
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_table(&self) -> Option<&Table<'i>> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// The name of the type, as TOML calls it.
    pub(super) fn type_str(&self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Integer(..) => "integer",
            Self::Float => "float",
            Self::Boolean(_) => "boolean",
            Self::Datetime(_) => "datetime",
            Self::Array(_) => "array",
            Self::Table(_) => "table",
        }
    }
}

/// A table, its entries in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Table<'i> {
    entries: Vec<(Key<'i>, Value<'i>)>,
}

impl<'i> Table<'i> {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key<'i>, &Value<'i>)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(super) fn get_key_value(&self, wanted: &str) -> Option<(&Key<'i>, &Value<'i>)> {
        self.iter().find(|(key, _)| key.text == wanted)
    }

    pub(super) fn contains_key(&self, wanted: &str) -> bool {
        self.get_key_value(wanted).is_some()
    }

    /// The tree of what the thorough parser found.
    pub(super) fn from_toml(table: &DeTable<'i>) -> Self {
        let convert = |(key, value): (&Spanned<_>, _)| {
            let text: &Cow<'i, str> = key.get_ref();
            (Key { text: text.clone(), span: key.span() }, Value::from_toml(value))
        };
        let mut entries: Vec<_> = table.iter().map(convert).collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        Self { entries }
    }

    /// The tree of a file in plain form; `None` where anything in it has another form or may be wrong.
    ///
    /// The groups of secrets are handed out one by one as sections of a single group and then let go, since a tree of
    /// ten thousand secrets takes longer to lay down in memory than to read.
    pub(super) fn read(text: &'i str, take_group: &mut dyn FnMut(&Self)) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let mut root = Self::default();
        let mut groups = HashSet::new();
        let mut group = None;
        let mut current = &mut root;
        loop {
            match scanner.line()? {
                Line::End => break,
                Line::Header(header) => {
                    let next = header.path().get(1).filter(|_| header.path()[0].text == SECRETS);
                    let next = next.map(|key| key.text);
                    // Not so many that they are worth a way of their own.
                    if next.is_some() && header.is_array {
                        return None;
                    }
                    if next.is_some() && next != group {
                        // A group that comes back may repeat a header.
                        if !groups.insert(next) {
                            return None;
                        }
                        root.hand_out(take_group)?;
                        group = next;
                    }
                    current = root.descend(&header)?;
                }
                Line::Pair(key) => {
                    let value = value(text, &mut scanner)?;
                    scanner.end_line()?;
                    let key = Key { text: Cow::Borrowed(key.text), span: key.start..key.end };
                    current.entries.push((key, value));
                }
            }
        }
        root.hand_out(take_group)?;
        root.has_each_key_once().then_some(root)
    }

    /// Hands out the secrets so far and empties their section.
    fn hand_out(&mut self, take_group: &mut dyn FnMut(&Self)) -> Option<()> {
        let Some((_, value)) = self.entries.iter_mut().find(|(key, _)| key.text == SECRETS) else {
            return Some(());
        };
        let Node::Table(section) = &mut value.node else { return None };
        if !section.has_each_key_once() {
            return None;
        }
        take_group(section);
        section.entries.clear();
        Some(())
    }

    /// The new table of a header.
    fn descend(&mut self, header: &Header<'i>) -> Option<&mut Self> {
        let mut table = self;
        let (last, parents) = header.path().split_last()?;
        for key in parents {
            let known = table.entries.iter().rev().take(NEAR).position(|(known, _)| known.text == key.text);
            let at = known.map_or(table.entries.len(), |back| table.entries.len() - 1 - back);
            if known.is_none() {
                table.push_table(key);
            }
            let (known, value) = table.entries.get_mut(at)?;
            // Nothing can be added to an inline table; those of headers stand where their keys stand.
            if value.span != known.span {
                return None;
            }
            table = match &mut value.node {
                Node::Table(next) => next,
                Node::Array(items) => items.last_mut()?.as_table_mut()?,
                _ => return None,
            };
        }
        if header.is_array {
            return table.push_item(last);
        }
        table.push_table(last);
        table.entries.last_mut()?.1.as_table_mut()
    }

    /// One more table in an array of them, which must be the entry made last if there are some already.
    fn push_item(&mut self, key: &crate::lines::Key<'i>) -> Option<&mut Self> {
        let is_known = self.entries.last().is_some_and(|(known, _)| known.text == key.text);
        if !is_known {
            let span = key.start..key.end;
            let value = Value { node: Node::Array(Vec::new()), span: span.clone() };
            self.entries.push((Key { text: Cow::Borrowed(key.text), span }, value));
        }
        let (known, value) = self.entries.last_mut()?;
        // Nothing can be added to an array that is written out.
        let Node::Array(items) = &mut value.node else { return None };
        if value.span != known.span {
            return None;
        }
        items.push(Value { node: Node::Table(Self::default()), span: key.start..key.end });
        items.last_mut()?.as_table_mut()
    }

    fn push_table(&mut self, key: &crate::lines::Key<'i>) {
        let span = key.start..key.end;
        let value = Value { node: Node::Table(Self::default()), span: span.clone() };
        self.entries.push((Key { text: Cow::Borrowed(key.text), span }, value));
    }

    fn has_each_key_once(&self) -> bool {
        let keys = || self.entries.iter().map(|(key, _)| &*key.text);
        let is_repeated = if self.entries.len() > MANY {
            let mut seen = HashSet::with_capacity(self.entries.len());
            !keys().all(|key| seen.insert(key))
        } else {
            keys().enumerate().any(|(at, key)| keys().take(at).any(|earlier| earlier == key))
        };
        !is_repeated
            && self.entries.iter().all(|(_, value)| match &value.node {
                Node::Table(table) => table.has_each_key_once(),
                Node::Array(items) => {
                    items.iter().filter_map(|item| item.node.as_table()).all(Table::has_each_key_once)
                }
                _ => true,
            })
    }
}

impl<'i> Value<'i> {
    fn as_table_mut(&mut self) -> Option<&mut Table<'i>> {
        if let Node::Table(table) = &mut self.node { Some(table) } else { None }
    }

    fn from_toml(value: &Spanned<DeValue<'i>>) -> Self {
        let node = match value.get_ref() {
            DeValue::String(text) => Node::String(text.clone()),
            DeValue::Integer(number) => Node::Integer(Cow::Owned(number.as_str().to_owned()), number.radix()),
            DeValue::Float(_) => Node::Float,
            DeValue::Boolean(flag) => Node::Boolean(*flag),
            DeValue::Datetime(moment) => Node::Datetime(moment.to_string()),
            DeValue::Array(items) => Node::Array(items.iter().map(Self::from_toml).collect()),
            DeValue::Table(table) => Node::Table(Table::from_toml(table)),
        };
        Self { node, span: value.span() }
    }
}

/// Takes a value in plain form.
fn value<'i>(text: &'i str, scanner: &mut Scanner<'i>) -> Option<Value<'i>> {
    let start = scanner.at();
    let node = match scanner.peek()? {
        b'"' | b'\'' => Node::String(string(text, scanner)?),
        b'[' => Node::Array(array(text, scanner)?),
        b'{' => Node::Table(inline_table(text, scanner)?),
        _ => match scanner.bare()? {
            "true" => Node::Boolean(true),
            "false" => Node::Boolean(false),
            number if number.parse::<i64>().is_ok() => Node::Integer(Cow::Borrowed(number), 10),
            // There may be no such day.
            _ => return None,
        },
    };
    Some(Value { node, span: start..scanner.at() })
}

fn string<'i>(text: &'i str, scanner: &mut Scanner<'i>) -> Option<Cow<'i, str>> {
    let found = scanner.string()?;
    let raw = text.get(found.start..found.end)?;
    if found.is_verbatim {
        return raw.get(1..raw.len() - 1).map(Cow::Borrowed);
    }
    if found.encoding == Encoding::MlLiteralString {
        return None;
    }
    let mut decoded = Cow::Borrowed("");
    let mut problem: Option<ParseError> = None;
    let span = Span::new_unchecked(found.start, found.end);
    let kind = Raw::new_unchecked(raw, Some(found.encoding), span).decode_scalar(&mut decoded, &mut problem);
    (problem.is_none() && kind == ScalarKind::String).then_some(decoded)
}

fn array<'i>(text: &'i str, scanner: &mut Scanner<'i>) -> Option<Vec<Value<'i>>> {
    scanner.eat(b'[');
    let mut items = Vec::new();
    loop {
        scanner.skip_space()?;
        if scanner.eat(b']') {
            return Some(items);
        }
        // Arrays in arrays have no place in a schema, and depth must have an end.
        if scanner.peek() == Some(b'[') {
            return None;
        }
        items.push(value(text, scanner)?);
        scanner.skip_space()?;
        if !scanner.eat(b',') {
            return scanner.eat(b']').then_some(items);
        }
    }
}

fn inline_table<'i>(text: &'i str, scanner: &mut Scanner<'i>) -> Option<Table<'i>> {
    scanner.eat(b'{');
    let mut table = Table::default();
    loop {
        scanner.skip_blanks();
        let key = scanner.key()?;
        scanner.skip_blanks();
        if !scanner.eat(b'=') {
            return None;
        }
        scanner.skip_blanks();
        if scanner.peek() == Some(b'{') {
            return None;
        }
        let value = value(text, scanner)?;
        let key = Key { text: Cow::Borrowed(key.text), span: key.start..key.end };
        table.entries.push((key, value));
        scanner.skip_blanks();
        if !scanner.eat(b',') {
            return scanner.eat(b'}').then_some(table);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use proptest::prelude::*;

    use crate::schema::parse::{parse_plain, parse_thoroughly, read_files};
    use crate::sys::{Disk, OpenGate};

    /// Lines that make up schemas, good and bad.
    const LINES: &[&str] = &[
        "",
        "# comment",
        "[secrets.a]",
        "[secrets.a.x]",
        "[secrets.a.y]",
        "[secrets.b.x]",
        "[secrets.b]",
        "[secrets]",
        "title = \"T\"",
        "type = \"port\"",
        "type = 'token'",
        "min-length = 3",
        "required = false",
        r#"pattern = "a\\d""#,
        "one-of = [\"a\",",
        "  'b', # c",
        "]",
        "one-of = ['a']",
        "generate = true",
        "generate = { length = 20, prefix = \"p\" }",
        "rotate = { every = '90d' }",
        "expires = 2027-01-31",
        "docs = \"https://example.com\"",
        "[env-file.e]\npath = \"p\"\n[env-file.e.variables]",
        "[env-file.e]",
        "path = \"p\"",
        "[env-file.e.variables]",
        "A = \"{{ a.x }}\"",
        "B = '{{ a.y }}-1'",
        "C = { value = \"{{ b.x }}\", read-by = \"flower\" }",
        "mode = \"0640\"",
        "[github.g]\nrepository = \"o/r\"\n[github.g.secrets]",
        "[[secrets.a]]",
        "[server.s]\naddress = \"a\"\nuser = \"u\"\nknown-hosts = \"k\"\nkey = \"agent\"",
        "[[server.s.install]]\nenv-file = \"e\"\nto = \"/e\"",
        "[[server.s.install]]\nenv-file = \"e\"\nto = \"/f\"",
        "[server.s.install.apply]\nrun = ['a']",
        "[[server.s.install.apply]]\nrun = ['b']",
        "apply = [{ run = ['a'] }, { run = ['b'], run = ['c'] }]",
        "apply = { run = ['a'] }",
        "health = { tcp = \"h:1\", within = \"9s\" }",
        "[server.s.install]",
        "install = []",
        "[secrets.a.x.generate]",
        "length = 9",
        "x = { type = \"url\" }",
        "y.type = 'url'",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn the_short_way_says_what_the_thorough_one_says_or_nothing(
            lines in prop::collection::vec(prop::sample::select(LINES), 0..10),
        ) {
            let files = [(PathBuf::from("s.toml"), lines.join("\n"))];
            if let Some(short) = parse_plain(&files) {
                let thorough = parse_thoroughly(&files);
                prop_assert!(thorough.is_ok(), "{:?}: {:?}", files[0].1, thorough.err());
                let thorough = thorough.ok().map(|schema| format!("{schema:?}"));
                prop_assert_eq!(Some(format!("{short:?}")), thorough, "{}", files[0].1);
            }
        }
    }

    #[test]
    fn the_shipped_schema_goes_the_short_way() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let mut files = read_files(&Disk::new(Arc::new(OpenGate)), &folder).unwrap();
        // But for the one thing that the scanner leaves to others.
        for (_, text) in &mut files {
            *text = text
                .lines()
                .filter(|line| !line.starts_with("CLERK_PUBLISHABLE_KEY"))
                .collect::<Vec<_>>()
                .join("\n");
        }
        let short = format!("{:?}", parse_plain(&files).unwrap());
        assert_eq!(short, format!("{:?}", parse_thoroughly(&files).unwrap()));
    }
}
