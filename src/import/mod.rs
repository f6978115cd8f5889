//! Taking values over from where they stood before: env files, TOML, JSON, and Markdown pages written for people.
//!
//! Everything here is a function from text to data. What was found is shown as names and lines; no text of the source
//! that is not a name of the schema reaches an error or a report, because it could be a value in the wrong place.

mod collect;
mod compose;
mod dotenv;
mod encoding;
mod json;
mod markdown;
mod model;
mod names;
mod placeholder;
mod read;
mod redact;
mod toml;
mod tree;

#[cfg(test)]
mod tests;

pub use dotenv::read_dotenv;
pub use model::{
    Context, DotenvProblem, Findings, Found, ImportError, Label, ParseDotenv, Reason, Skipped, Source,
};
pub use read::read;
pub use redact::{Left, LeftReason, Redaction, occurrences, redact};
