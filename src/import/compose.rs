//! Taking a composed value apart: the template's literals say where each secret begins and ends.

use crate::name::SecretName;
use crate::schema::Template;
use crate::secret::SecretValue;

use super::encoding::percent_decode;

/// One piece of a template.
enum Part<'a> {
    Literal(&'a str),
    Reference { name: SecretName, encoded: bool },
}

/// The value of each secret in `template`, if exactly one choice of values renders to `value`.
pub(super) fn take_apart(template: &Template, value: &str) -> Option<Vec<(SecretName, SecretValue)>> {
    let parts = split(template.source())?;
    let first = earliest(&parts, value)?;
    // The literals lie between their earliest and their latest places. Where the two agree, there is one way only.
    if first != latest(&parts, value)? {
        return None;
    }
    let references = parts.iter().filter_map(|part| match part {
        Part::Reference { name, encoded } => Some((name, *encoded)),
        Part::Literal(_) => None,
    });
    let mut values: Vec<(SecretName, SecretValue)> = Vec::new();
    for ((name, encoded), text) in references.zip(first) {
        let value = SecretValue::new(if encoded { percent_decode(text)? } else { text.to_owned() });
        match values.iter().find(|(known, _)| known == name) {
            _ if value.is_empty() => return None,
            Some((_, known)) if *known != value => return None,
            Some(_) => {}
            None => values.push((name.clone(), value)),
        }
    }
    // The renderer has the last word: it may encode more or less than the value's writer did.
    let lookup =
        |wanted: &SecretName| values.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let rendered = template.render(&lookup).ok()?;
    (!values.is_empty() && rendered.expose() == value).then_some(values)
}

/// The parts of a template that has nothing but text and references; two references need text between them.
fn split(template: &str) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        let (literal, tail) = rest.split_at(at);
        let (expression, after) = tail[2..].split_once("}}")?;
        if !parts.is_empty() && literal.is_empty() {
            return None;
        }
        parts.push(Part::Literal(literal));
        parts.push(reference(expression)?);
        rest = after;
    }
    parts.push(Part::Literal(rest));
    (!template.contains("{%") && !template.contains("{#")).then_some(parts)
}

fn reference(expression: &str) -> Option<Part<'static>> {
    let (name, filter) = match expression.split_once('|') {
        Some((name, filter)) => (name, Some(filter.trim())),
        None => (expression, None),
    };
    let encoded = match filter {
        None => false,
        Some("urlencode") => true,
        Some(_) => return None,
    };
    Some(Part::Reference { name: SecretName::parse(name.trim()).ok()?, encoded })
}

/// The texts of the references with every literal as far left as it can be.
fn earliest<'v>(parts: &[Part<'_>], value: &'v str) -> Option<Vec<&'v str>> {
    let mut texts = Vec::new();
    let mut rest = value;
    let last = parts.len() - 1;
    for (index, part) in parts.iter().enumerate() {
        let Part::Literal(literal) = part else { continue };
        if index == 0 {
            rest = rest.strip_prefix(literal)?;
        } else if index == last {
            texts.push(rest.strip_suffix(literal)?);
        } else {
            let (text, after) = rest.split_once(literal)?;
            texts.push(text);
            rest = after;
        }
    }
    Some(texts)
}

/// The texts of the references with every literal as far right as it can be.
fn latest<'v>(parts: &[Part<'_>], value: &'v str) -> Option<Vec<&'v str>> {
    let mut texts = Vec::new();
    let mut rest = value;
    let last = parts.len() - 1;
    for (index, part) in parts.iter().enumerate().rev() {
        let Part::Literal(literal) = part else { continue };
        if index == last {
            rest = rest.strip_suffix(literal)?;
        } else if index == 0 {
            texts.push(rest.strip_prefix(literal)?);
        } else {
            let (before, text) = rest.rsplit_once(literal)?;
            texts.push(text);
            rest = before;
        }
    }
    texts.reverse();
    Some(texts)
}
