//! What must exist: the secrets, their types and rules, and the targets that they go to.

mod dialect;
mod model;
mod template;

pub use dialect::{Dialect, Reader};
pub use model::{
    Alphabet, Entry, EnvFile, GithubTarget, Group, Place, Policy, Rotation, Rules, Schema, Type, Variable,
};
pub use template::{RenderProblem, Template, TemplateError};
