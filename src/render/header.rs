//! The comment at the head of a rendered file, and a target's variables as a file.

use crate::bundle::Bundle;
use crate::secret::SecretText;

use super::cause::Unrenderable;
use super::file::{Assignment, render};

/// What the header of every rendered file starts with, behind the comment sign.
const HEADER: &str = "rendered by luca-secrets";

/// The header: the generation of the store, and nothing secret.
pub fn header(generation: u64) -> String {
    format!("{HEADER} from generation {generation} of the store; change it with `luca-secrets edit`")
}

/// The generation that a rendered file came from, as its header says.
pub fn rendered_generation(text: &str) -> Option<u64> {
    let rest = text.strip_prefix("# ")?.strip_prefix(HEADER)?.strip_prefix(" from generation ")?;
    rest.split(' ').next()?.parse().ok()
}

/// A rendered file without its header's first line; any other as it is.
pub fn without_header(text: &str) -> &str {
    match text.split_once('\n') {
        Some((first, rest)) if rendered_generation(first).is_some() => rest,
        _ => text,
    }
}

/// A bundle as the text of its file, with a header comment where the dialect has comments.
pub fn render_bundle(bundle: &Bundle, header: Option<&str>) -> Result<SecretText, Vec<Unrenderable>> {
    let assignments: Vec<Assignment<'_>> = bundle
        .variables
        .iter()
        .map(|variable| Assignment {
            name: &variable.name,
            value: &variable.value,
            read_by: &variable.read_by,
        })
        .collect();
    render(bundle.dialect, header, &assignments)
}
