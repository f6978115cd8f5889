//! Steps that the commands working on bundles share.

use crate::bundle::{Bundle, BundleName};
use crate::cli::failure::{Failure, Kind};
use crate::name::nearest;
use crate::schema::{Dialect, Schema};
use crate::store::{Document, Unlocked};

/// The store for giving its values away, which needs a decision wherever two branches disagree.
pub(super) fn settled(store: Unlocked) -> Result<Unlocked, Failure> {
    let names = store.document().conflicts().map(|(name, _)| name);
    let messages: Vec<String> = names
        .map(|name| format!("{name} is in conflict: two branches changed it in different ways"))
        .collect();
    if messages.is_empty() {
        return Ok(store);
    }
    Err(Failure::many(messages)
        .kind(Kind::Held)
        .hint("settle it with `luca-secrets merge --ours`, `--theirs` or `--edit`"))
}

/// A bundle, or every reason against it.
pub(super) fn build(schema: &Schema, document: &Document, name: BundleName) -> Result<Bundle, Failure> {
    let known = BundleName::all(schema);
    if !known.contains(&name) {
        return Err(unknown(&name, &known));
    }
    Bundle::build(schema, document, name).map_err(|errors| {
        Failure::many(errors.iter().map(ToString::to_string))
            .hint("`luca-secrets check` shows everything that is missing or wrong")
    })
}

fn unknown(name: &BundleName, known: &[BundleName]) -> Failure {
    let failure = Failure::new(format_args!("the schema has no target {name}"));
    let names: Vec<String> = known.iter().map(ToString::to_string).collect();
    match nearest(&name.to_string(), names.iter().map(String::as_str)) {
        Some(other) => failure.hint(format_args!("did you mean {other}?")),
        None => failure.hint(format_args!("there are: {}", names.join(", "))),
    }
}

/// A dialect as typed.
pub(super) fn dialect(name: &str) -> Result<Dialect, Failure> {
    Dialect::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
        Failure::usage("there is no such dialect")
            .hint(format_args!("the dialects are: {}", names.join(", ")))
    })
}
