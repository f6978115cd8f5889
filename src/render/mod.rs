//! Env files: written so that the real parser reads every value back byte for byte, or not at all.
//!
//! Each dialect is a table ([`grammar`]): its spellings, from the most portable to its own escapes, and models of the
//! parsers that will read the file. A spelling is taken only if every model reads it back; the finished file is read
//! back once more as a whole. The facts were measured on the real parsers, and `tests/parsers` measures them again.

mod cause;
mod compose;
mod cookiecutter;
mod django_environ;
mod dotenvy;
mod file;
mod gh;
mod github_env;
mod grammar;
mod header;
mod model;
mod node;
mod node_dotenv;
mod portable;
mod program;
mod python_dotenv;
mod raw;
mod sh;
mod spelling;
mod systemd;

pub use cause::{Cause, Unrenderable};
pub use file::{Assignment, parse, render};
pub use header::{header, render_bundle, rendered_generation, without_header};
pub use model::ParseProblem;
