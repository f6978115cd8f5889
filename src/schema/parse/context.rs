//! One file while it is read: places, complaints, and values of the expected kind.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::name::nearest;
use crate::schema::duration::parse_duration;
use crate::schema::model::Place;

use super::SchemaError;
use super::tree::{Key, Node, Table, Value};

/// With more complaints than this, looking for what may have been meant takes longer than it helps.
const MOST_SUGGESTIONS: usize = 50;

/// A schema file and where its lines start.
pub(super) struct Source<'a> {
    path: Arc<Path>,
    pub(super) text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &Path, text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: path.into(), text, lines }
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        Place { file: Arc::clone(&self.path), line, column: before.chars().count() + 1 }
    }

    /// The lines, with where each starts.
    fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.lines.iter().map(|start| {
            let rest = self.text.get(*start..).unwrap_or_default();
            (*start, rest.lines().next().unwrap_or_default())
        })
    }
}

/// A file and where to complain about it.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    source: &'a Source<'a>,
    problems: &'a RefCell<Vec<SchemaError>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(source: &'a Source<'a>, problems: &'a RefCell<Vec<SchemaError>>) -> Self {
        Self { source, problems }
    }

    pub(super) fn place(&self, at: &Range<usize>) -> Place {
        self.source.place(at.start)
    }

    /// Complains.
    pub(super) fn error(&self, at: &Range<usize>, message: impl Into<String>) {
        self.error_with(at, message, None);
    }

    /// Complains, and says what to do.
    pub(super) fn error_with(&self, at: &Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.error_at(self.place(at), message, hint);
    }

    /// Complains about something that was read before.
    pub(super) fn error_at(&self, place: Place, message: impl Into<String>, hint: Option<String>) {
        self.problems.borrow_mut().push(SchemaError { place, message: message.into(), hint });
    }

    /// Complains about a key that is none of `known`.
    pub(super) fn unknown_key(&self, key: &Key<'_>, known: &[&str]) {
        let name = key.get_ref();
        let hint = self.did_you_mean(name, known.iter().copied());
        self.error_with(&key.span(), format!("unknown key `{name}`"), hint);
    }

    /// Complains about a word that is none of `known`.
    pub(super) fn unknown_word(&self, what: &str, word: &str, value: &Value<'_>, known: &[&str]) {
        let meant = self.did_you_mean(word, known.iter().copied());
        let hint = meant.or_else(|| Some(format!("it is one of: {}", known.join(", "))));
        self.error_with(&value.span(), format!("`{word}` is not {what}"), hint);
    }

    /// "did you mean `x`?" for the nearest of the candidates, if one is near.
    pub(super) fn did_you_mean<'c>(
        &self,
        wrong: &str,
        candidates: impl Iterator<Item = &'c str>,
    ) -> Option<String> {
        if self.problems.borrow().len() > MOST_SUGGESTIONS {
            return None;
        }
        nearest(wrong, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
    }

    /// Complains about what is no TOML, once per line: what follows on the same line is mostly a consequence.
    pub(super) fn syntax_errors(&self, errors: &[toml::de::Error]) {
        let mut last_line = None;
        for error in errors {
            let span = error.span().unwrap_or_default();
            let line = self.place(&span).line;
            if last_line.replace(line) == Some(line) {
                continue;
            }
            if is_duplicate(error) {
                self.declared_twice_in_file(&span);
            } else {
                self.error(&span, error.message());
            }
        }
    }

    /// TOML's error has the second place only; the first one is found by its text.
    fn declared_twice_in_file(&self, span: &Range<usize>) {
        let text = self.source.text;
        let key = text.get(span.clone()).unwrap_or_default();
        let line_start = text[..span.start.min(text.len())].rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let is_header = line.trim_start().starts_with('[');
        let mut first = None;
        for (start, earlier) in self.source.lines().take_while(|(start, _)| *start < line_start) {
            let earlier_is_header = earlier.trim_start().starts_with('[');
            if is_header {
                if header_of(earlier).is_some() && header_of(earlier) == header_of(line) {
                    first.get_or_insert(start);
                }
            } else if earlier_is_header {
                first = None;
            } else if earlier.split('=').next().is_some_and(|found| found.trim() == key) {
                first.get_or_insert(start);
            }
        }
        let what = if is_header { header_of(line).unwrap_or_default() } else { key.to_owned() };
        let message = match first {
            Some(start) => format!("`{what}` is declared twice, first at {}", self.source.place(start)),
            None => format!("`{what}` is declared twice"),
        };
        self.error(span, message);
    }

    /// The value as a table.
    pub(super) fn table<'t, 'i>(&self, key: &Key<'_>, value: &'t Value<'i>) -> Option<&'t Table<'i>> {
        value.get_ref().as_table().or_else(|| self.wrong_type(key, value, "a table"))
    }

    /// The value as text.
    pub(super) fn text<'t>(&self, key: &Key<'_>, value: &'t Value<'_>) -> Option<&'t str> {
        value.get_ref().as_str().or_else(|| self.wrong_type(key, value, "a string"))
    }

    /// The value as text of its own.
    pub(super) fn owned(&self, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
        self.text(key, value).map(str::to_owned)
    }

    /// The value as `true` or `false`.
    pub(super) fn flag(&self, key: &Key<'_>, value: &Value<'_>) -> Option<bool> {
        match value.get_ref() {
            Node::Boolean(flag) => Some(*flag),
            _ => self.wrong_type(key, value, "true or false"),
        }
    }

    /// The value as a number of things.
    pub(super) fn count(&self, key: &Key<'_>, value: &Value<'_>) -> Option<usize> {
        let count = match value.get_ref() {
            Node::Integer(digits, radix) => usize::from_str_radix(digits, *radix).ok(),
            _ => None,
        };
        count.or_else(|| self.wrong_type(key, value, "a whole number, 0 or more"))
    }

    /// The value as texts: an array of strings.
    pub(super) fn texts(&self, key: &Key<'_>, value: &Value<'_>) -> Option<Vec<String>> {
        let texts = match value.get_ref() {
            Node::Array(items) => {
                items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        texts.or_else(|| self.wrong_type(key, value, "an array of strings"))
    }

    /// The value as a length of time above nothing.
    pub(super) fn duration(&self, key: &Key<'_>, value: &Value<'_>) -> Option<Duration> {
        let duration = parse_duration(self.text(key, value)?).filter(|duration| !duration.is_zero());
        if duration.is_none() {
            let wanted = "a length of time such as 90d, 24h, 15m or 90s";
            self.error(&value.span(), format!("`{}` must be {wanted}", key.get_ref()));
        }
        duration
    }

    /// Complains about a value of the wrong type, which is never quoted.
    pub(super) fn wrong_type<T>(&self, key: &Key<'_>, value: &Value<'_>, wanted: &str) -> Option<T> {
        let found = value.get_ref().type_str();
        let message = format!("`{}` must be {wanted}, not {} {found}", key.get_ref(), article(found));
        self.error(&value.span(), message);
        None
    }

    /// Where byte `offset` of a string value stands in the file; the value's start if escapes moved it.
    pub(super) fn inside(&self, value: &Value<'_>, offset: usize) -> Range<usize> {
        let span = value.span();
        let raw = self.source.text.get(span.clone()).unwrap_or_default();
        let text = value.get_ref().as_str().unwrap_or_default();
        match raw.find(text).filter(|_| !text.is_empty()) {
            Some(start) => span.start + start + offset..span.end,
            None => span,
        }
    }
}

/// The dotted path in a table header.
fn header_of(line: &str) -> Option<String> {
    let inner = line.trim_start().strip_prefix('[')?.split(']').next()?;
    Some(inner.chars().filter(|c| !c.is_whitespace()).collect())
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Whether a TOML error is only about a key that is there already.
pub(super) fn is_duplicate(error: &toml::de::Error) -> bool {
    error.message() == "duplicate key"
}
