//! What must exist: the secrets, their types and rules, and the targets that they go to.

mod dialect;
mod model;
mod template;
mod duration;
mod address;
mod encoding;
mod keys;
mod types;
mod placeholder;
mod violation;
mod check;
mod generate;
mod parse;

pub use check::{check, check_value, compile_pattern, value_errors};
pub use dialect::{Dialect, Reader};
pub use duration::parse_duration;
pub use generate::{GenerateError, LONGEST_GENERATED, WEAKEST_BITS, generate, policy_entropy_bits};
pub use model::{
    Alphabet, Entry, EnvFile, GithubTarget, Group, History, Place, Policy, Rotation, Rules, Schema, Type,
    Variable,
};
pub use parse::{LoadError, SchemaError, load, parse, read_files};
pub use template::{RenderProblem, Template, TemplateError};
pub use types::TypeMismatch;
pub use violation::{Severity, Violation, ViolationKind};
