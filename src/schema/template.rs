//! Templates: how a variable's value is made from secrets.
//!
//! The language is Jinja with strict undefined. Nearly all templates are plain text and `{{ group.key }}`, perhaps with
//! `urlencode` or `b64encode`: those are rendered here, because ten thousand of them must take milliseconds and no
//! copy of a value may stay in memory. Everything else goes through minijinja ([`jinja`]).

use std::fmt;
use std::ops::Range;

use crate::name::SecretName;
use crate::secret::{SecretText, SecretValue};

mod encode;
mod jinja;
#[cfg(test)]
mod tests;

use encode::Filter;

/// Why a text is not a template. The message may quote the template, which is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// Where in the template's text, in bytes, if that is known.
    pub offset: Option<usize>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

/// Why a template gave no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderProblem {
    /// The secret it needs is not set.
    Missing(SecretName),
    /// The template language refused, in words that never hold a value.
    Failed(String),
}

impl fmt::Display for RenderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "{name} is not set"),
            Self::Failed(reason) => write!(f, "the template failed: {reason}"),
        }
    }
}

impl std::error::Error for RenderProblem {}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    source: Box<str>,
    references: Box<[SecretName]>,
    program: Program,
}

/// The template without anything in it.
impl Default for Template {
    fn default() -> Self {
        Self {
            source: Box::default(),
            references: Box::default(),
            program: Program::Segments(Box::default()),
        }
    }
}

/// Two that were compiled from the same text.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Template {}

/// How a template is rendered.
#[derive(Debug, Clone)]
enum Program {
    /// By us, piece by piece.
    Segments(Box<[Segment]>),
    /// By minijinja, which compiles it anew each time: a compiled one borrows from its text, and few need it.
    Jinja,
}

#[derive(Debug, Clone)]
enum Segment {
    /// A part of the source.
    Literal(Range<usize>),
    /// A secret, by its index among the references, and what is done to it.
    Value { reference: usize, filters: Box<[Filter]> },
}

impl Template {
    /// Compiles a template and collects what it refers to.
    pub fn compile(text: &str) -> Result<Self, TemplateError> {
        if let Some((segments, references)) = compile_segments(text) {
            let program = Program::Segments(segments.into());
            return Ok(Self { source: text.into(), references: references.into(), program });
        }
        let references = jinja::compile(text)?;
        Ok(Self { source: text.into(), references: references.into(), program: Program::Jinja })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The secrets it refers to, each once, in the order of their first use.
    pub fn references(&self) -> &[SecretName] {
        &self.references
    }

    /// The value that the template makes of the secrets that `lookup` gives.
    pub fn render(
        &self,
        lookup: &dyn Fn(&SecretName) -> Option<SecretValue>,
    ) -> Result<SecretValue, RenderProblem> {
        match &self.program {
            Program::Jinja => jinja::render(&self.source, &self.references, lookup),
            Program::Segments(segments) => self.render_segments(segments, lookup),
        }
    }

    /// The secret that the template stands for unchanged, if it is exactly one `{{ group.key }}`.
    pub fn is_alias(&self) -> Option<&SecretName> {
        match &self.program {
            Program::Segments(segments) => match &**segments {
                [Segment::Value { reference, filters }] if filters.is_empty() => {
                    self.references.get(*reference)
                }
                _ => None,
            },
            Program::Jinja => None,
        }
    }

    /// The secrets that stand behind a literal `scheme://` without `urlencode` as their last filter, each once: where
    /// one of them may hold a character that means something in a URL, the URL breaks.
    pub fn puts_unencoded_in_url(&self) -> Vec<SecretName> {
        let mut found = Vec::new();
        let mut in_url = false;
        for piece in pieces(&self.source) {
            match piece {
                Piece::Literal(range) => in_url = ends_in_url(&self.source[range], in_url),
                Piece::Expression(range) if in_url => {
                    let expression = trim(&self.source[range]);
                    if expression.trim_end_matches('-').trim_end().ends_with("urlencode") {
                        continue;
                    }
                    let named = self.references.iter().filter(|name| find_name(expression, name).is_some());
                    found.extend(named.cloned());
                }
                Piece::Expression(_) | Piece::Other => {}
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Where a reference first stands in the source, in bytes.
    pub fn position_of(&self, name: &SecretName) -> Option<usize> {
        find_name(&self.source, name)
    }

    fn render_segments(
        &self,
        segments: &[Segment],
        lookup: &dyn Fn(&SecretName) -> Option<SecretValue>,
    ) -> Result<SecretValue, RenderProblem> {
        let find = |name: &SecretName| lookup(name).ok_or_else(|| RenderProblem::Missing(name.clone()));
        if let Some(name) = self.is_alias() {
            return find(name);
        }
        let values = self.references.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mut output = SecretText::with_capacity(capacity_for(segments, &values));
        for segment in segments {
            match segment {
                Segment::Literal(range) => output.push_str(&self.source[range.clone()]),
                Segment::Value { reference, filters } => {
                    if let Some(value) = values.get(*reference) {
                        encode::apply(filters, value.expose(), &mut output);
                    }
                }
            }
        }
        Ok(output.into_value())
    }
}

/// Enough room for the result, so that it is never moved and leaves no copy.
fn capacity_for(segments: &[Segment], values: &[SecretValue]) -> usize {
    let room = |segment: &Segment| match segment {
        Segment::Literal(range) => range.len(),
        Segment::Value { reference, filters } => {
            let length = values.get(*reference).map_or(0, |value| value.expose().len());
            filters.iter().fold(length, |length, filter| filter.longest(length))
        }
    };
    segments.iter().map(room).sum()
}

/// Words that mean something else than a group at the start of a Jinja expression.
const RESERVED: [&str; 13] =
    ["and", "else", "false", "if", "in", "is", "loop", "none", "not", "or", "self", "super", "true"];

/// The segments of a template that needs no minijinja, and its references.
fn compile_segments(text: &str) -> Option<(Vec<Segment>, Vec<SecretName>)> {
    // Nearly all templates are a single reference: then nothing is moved when these become boxes.
    let mut segments = Vec::with_capacity(1);
    let mut references: Vec<SecretName> = Vec::with_capacity(1);
    for piece in pieces(text) {
        match piece {
            Piece::Literal(range) => segments.push(Segment::Literal(range)),
            Piece::Expression(range) => {
                let (name, filters) = plain_reference(&text[range])?;
                let known = references.iter().position(|reference| *reference == name);
                let reference = known.unwrap_or(references.len());
                if known.is_none() {
                    references.push(name);
                }
                segments.push(Segment::Value { reference, filters });
            }
            Piece::Other => return None,
        }
    }
    Some((segments, references))
}

/// Reads `group.key|filter|filter`, with our own filters only.
fn plain_reference(expression: &str) -> Option<(SecretName, Box<[Filter]>)> {
    let mut parts = expression.split('|').map(trim);
    let name = SecretName::parse(parts.next()?).ok()?;
    if RESERVED.contains(&name.group()) {
        return None;
    }
    let filters = parts.map(Filter::parse).collect::<Option<_>>()?;
    Some((name, filters))
}

/// Without the whitespace that Jinja ignores inside of an expression.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace())
}

/// A part of a template's text.
enum Piece {
    /// Text that stands for itself.
    Literal(Range<usize>),
    /// What stands between `{{` and `}}`.
    Expression(Range<usize>),
    /// A statement, a comment, or something that never ends.
    Other,
}

/// Takes a template's text apart. It does not know Jinja's strings, so an expression that holds `}}` in one comes out
/// wrong: such a thing is never a plain reference, and where it matters minijinja decides.
fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let start = at;
        let opening = rest
            .match_indices('{')
            .find(|(found, _)| matches!(rest.as_bytes().get(found + 1), Some(b'{' | b'%' | b'#')));
        let Some((opening, _)) = opening else {
            at = text.len();
            return Some(Piece::Literal(start..text.len()));
        };
        if opening > 0 {
            at += opening;
            return Some(Piece::Literal(start..at));
        }
        let (closing, is_expression) = match rest.as_bytes().get(1) {
            Some(b'{') => ("}}", true),
            Some(b'%') => ("%}", false),
            _ => ("#}", false),
        };
        let end = rest.get(2..).and_then(|inner| inner.find(closing)).map(|found| start + 2 + found);
        at = end.map_or(text.len(), |end| end + 2);
        Some(match end {
            Some(end) if is_expression => Piece::Expression(start + 2..end),
            _ => Piece::Other,
        })
    })
}

/// Whether a text that follows a literal leads into the inside of a URL.
fn ends_in_url(literal: &str, in_url_before: bool) -> bool {
    let ends_url = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
    let (last_part, is_whole) = match literal.rfind(ends_url) {
        Some(at) => (&literal[at..], false),
        None => (literal, true),
    };
    let has_scheme = last_part.match_indices("://").any(|(at, _)| {
        last_part[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    has_scheme || (is_whole && in_url_before)
}

/// Where a name stands in a text as a whole word.
fn find_name(text: &str, name: &SecretName) -> Option<usize> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    text.match_indices(name.as_str()).map(|(at, _)| at).find(|at| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        let after = text.as_bytes().get(at + name.as_str().len());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}
