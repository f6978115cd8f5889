//! The page as ranges: which to replace, which to leave, and the page without them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use crate::name::SecretName;
use crate::secret::SecretText;

use super::super::model::Found;
use super::needle::{Needle, needles};
use super::words::{Reach, is_guarded, is_whole_word};

/// How a placeholder begins; the secret's name and a parenthesis end it.
const OPENING: &str = "(in secrets.enc: ";

/// A page without the values.
pub struct Redaction {
    /// The page. What was not replaced is byte for byte what it was.
    pub text: SecretText,
    /// How often each secret was replaced.
    pub replaced: Vec<(SecretName, usize)>,
    /// Where a value, or what looks like one, still stands.
    pub left: Vec<Left>,
    /// A secret and a name that is not secret which have the same value: the text was replaced for both.
    pub shared: Vec<(SecretName, SecretName)>,
}

/// A place where a value still stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Left {
    /// The secret.
    pub name: SecretName,
    /// The line of the redacted page, from 1.
    pub line: usize,
    /// Why it still stands there.
    pub reason: LeftReason,
}

/// Why a value still stands in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftReason {
    /// It has fewer than four characters: replacing it everywhere would destroy the page.
    Short,
    /// It is a plain word, and stands here inside a longer one.
    InsideWord,
    /// It is a part of an address or another value that is not secret.
    InsideOther,
    /// It came about by replacing.
    Remains,
}

impl fmt::Display for LeftReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "too short to be replaced where it was not found",
            Self::InsideWord => "a plain word, and here a part of a longer one",
            Self::InsideOther => "a part of an address or of another value that is not secret",
            Self::Remains => "still there after replacing",
        })
    }
}

/// A place of a secret's value.
struct Hit {
    secret: usize,
    range: Range<usize>,
    /// Whether the secret was found on this very line.
    at_home: bool,
}

/// Replaces the values of `secrets` wherever they stand, in whatever spelling. `plain` are the values of the same page
/// that are not secret: what is a part of them stays.
pub fn redact(text: &str, secrets: &[&Found], plain: &[&Found]) -> Redaction {
    let page = Page::new(text, plain);
    let mut hits = Vec::new();
    let mut left = Vec::new();
    for (index, secret) in secrets.iter().enumerate() {
        let reach = Reach::of(secret.value.expose(), plain.iter().map(|other| other.value.expose()));
        for needle in needles(secret.value.expose()) {
            page.look_for(&needle, (index, secret), reach, &mut hits, &mut left);
        }
    }
    let (text, replaced, lines) = page.without(hits, secrets);
    // Replacing can make a page longer or shorter: what is left is named by its line after that.
    let mut left: Vec<_> = left
        .into_iter()
        .map(|(offset, name, reason)| Left {
            line: page.line_of(offset) - lines.before(offset),
            name,
            reason,
        })
        .collect();
    left.extend(remains(&text, secrets, plain));
    left.sort();
    left.dedup();
    Redaction { text, replaced, left, shared: shared(secrets, plain) }
}

/// Secrets whose value is also that of something that is not secret.
fn shared(secrets: &[&Found], plain: &[&Found]) -> Vec<(SecretName, SecretName)> {
    let pairs = secrets.iter().flat_map(|secret| plain.iter().map(move |other| (secret, other)));
    let same = pairs.filter(|(secret, other)| secret.value == other.value);
    same.map(|(secret, other)| (secret.name.clone(), other.name.clone())).collect()
}

/// What the finished page still holds of values that were to go everywhere.
fn remains(text: &SecretText, secrets: &[&Found], plain: &[&Found]) -> Vec<Left> {
    let page = Page::new(text.expose(), plain);
    let mut left = Vec::new();
    for secret in secrets {
        let reach = Reach::of(secret.value.expose(), plain.iter().map(|other| other.value.expose()));
        let found = needles(secret.value.expose())
            .into_iter()
            .filter(|needle| reach == Reach::Everywhere || !needle.is_plain())
            .flat_map(|needle| needle.find(page.text));
        left.extend(found.filter(|range| !page.is_own(range)).map(|range| Left {
            name: secret.name.clone(),
            line: page.line_of(range.start),
            reason: LeftReason::Remains,
        }));
    }
    left
}

/// How many lines the replaced ranges took with them, by where.
struct LostLines(Vec<(usize, usize)>);

impl LostLines {
    fn before(&self, offset: usize) -> usize {
        self.0.iter().filter(|(end, _)| *end <= offset).map(|(_, lines)| lines).sum()
    }
}

/// A page with what must stay in it.
struct Page<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
    /// Placeholders of an earlier redaction.
    placeholders: Vec<Range<usize>>,
    /// Values that are not secret.
    guarded: Vec<Range<usize>>,
}

impl<'a> Page<'a> {
    fn new(text: &'a str, plain: &[&Found]) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let guarded = plain
            .iter()
            .map(|other| other.value.expose())
            .filter(|value| is_guarded(value))
            .flat_map(|value| text.match_indices(value).map(move |(at, _)| at..at + value.len()))
            .filter(|range| is_whole_word(text, range))
            .collect();
        Self {
            text,
            line_starts: std::iter::once(0).chain(breaks).collect(),
            placeholders: placeholders(text),
            guarded,
        }
    }

    /// The line of an offset, from 1.
    fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Whether a range is a part of a placeholder.
    fn is_own(&self, range: &Range<usize>) -> bool {
        self.placeholders.iter().any(|whole| whole.start <= range.start && range.end <= whole.end)
    }

    fn look_for(
        &self,
        needle: &Needle,
        (index, secret): (usize, &Found),
        reach: Reach,
        hits: &mut Vec<Hit>,
        left: &mut Vec<(usize, SecretName, LeftReason)>,
    ) {
        for range in needle.find(self.text) {
            let line = self.line_of(range.start);
            let at_home = secret.line == line || secret.also.contains(&line);
            if self.is_own(&range) {
                continue;
            }
            match self.objection(&range, if needle.is_plain() { reach } else { Reach::Everywhere }, at_home) {
                None => hits.push(Hit { secret: index, range, at_home }),
                // Three characters inside a word say nothing about the value.
                Some(LeftReason::InsideWord) if reach == Reach::Lines => {}
                Some(reason) => left.push((range.start, secret.name.clone(), reason)),
            }
        }
    }

    /// Why the value at this place is not replaced.
    fn objection(&self, range: &Range<usize>, reach: Reach, at_home: bool) -> Option<LeftReason> {
        let inside =
            |whole: &Range<usize>| whole.start <= range.start && range.end <= whole.end && whole != range;
        if reach == Reach::Everywhere {
            None
        } else if self.guarded.iter().any(inside) {
            Some(LeftReason::InsideOther)
        } else if !is_whole_word(self.text, range) {
            Some(LeftReason::InsideWord)
        } else if reach == Reach::Lines && !at_home {
            Some(LeftReason::Short)
        } else {
            None
        }
    }

    /// The page with every hit replaced. Hits that overlap are one, so that no end of a value stays behind.
    fn without(
        &self,
        mut hits: Vec<Hit>,
        secrets: &[&Found],
    ) -> (SecretText, Vec<(SecretName, usize)>, LostLines) {
        hits.sort_by_key(|hit| hit.range.start);
        let mut text = SecretText::with_capacity(self.text.len());
        let mut counts: BTreeMap<SecretName, usize> = BTreeMap::new();
        let mut lost = Vec::new();
        let (mut copied, mut rest) = (0, hits.as_slice());
        while let Some(first) = rest.first() {
            let (cluster, end) = overlapping(rest);
            rest = &rest[cluster.len()..];
            let longest = cluster.iter().max_by_key(|hit| (hit.range.len(), hit.at_home)).unwrap_or(first);
            for hit in cluster.iter().filter(|hit| !within(&hit.range, &longest.range)) {
                *counts.entry(secrets[hit.secret].name.clone()).or_default() += 1;
            }
            let name = &secrets[longest.secret].name;
            *counts.entry(name.clone()).or_default() += 1;
            text.push_str(&self.text[copied..first.range.start]);
            text.push_str(OPENING);
            text.push_str(name.as_str());
            text.push(')');
            lost.push((end, self.line_of(end) - self.line_of(first.range.start)));
            copied = end;
        }
        text.push_str(&self.text[copied..]);
        (text, counts.into_iter().collect(), LostLines(lost))
    }
}

/// The leading hits that overlap one another, and where the last of them ends.
fn overlapping(hits: &[Hit]) -> (&[Hit], usize) {
    let mut end = hits.first().map_or(0, |hit| hit.range.end);
    let mut count = 0;
    for hit in hits {
        if count > 0 && hit.range.start >= end {
            break;
        }
        end = end.max(hit.range.end);
        count += 1;
    }
    (&hits[..count], end)
}

fn within(inner: &Range<usize>, outer: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Where placeholders stand.
fn placeholders(text: &str) -> Vec<Range<usize>> {
    let starts = text.match_indices(OPENING).map(|(at, _)| at);
    starts
        .filter_map(|start| {
            let name = text[start + OPENING.len()..].split(')').next()?;
            SecretName::parse(name).ok()?;
            Some(start..start + OPENING.len() + name.len() + 1)
        })
        .filter(|range| text.get(range.clone()).is_some_and(|whole| whole.ends_with(')')))
        .collect()
}
