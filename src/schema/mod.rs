//! What must exist: the secrets, their types and rules, and the targets that they go to.

mod dialect;
mod github;
mod server;
mod remote;
mod window;
mod rotation;
mod notify;
mod model;
mod template;
mod duration;
mod address;
mod encoding;
mod keys;
mod types;
mod fit;
mod placeholder;
mod violation;
mod check;
mod generate;
mod parse;

pub use check::{check, check_value, compile_pattern, value_errors};
pub use dialect::{Dialect, Reader};
pub use duration::parse_duration;
pub use fit::{Fit, Unfit, host_and_port, is_account};
pub use generate::{GenerateError, LONGEST_GENERATED, WEAKEST_BITS, draw, generate, policy_entropy_bits};
pub use github::{GITHUB_API, GithubScope, GithubTarget, LARGEST_GITHUB_VALUE, Visibility, WORKFLOW_SEES};
pub use keys::HostKey;
pub use model::{
    Alphabet, EXPIRY_NOTICE_DAYS, Entry, EnvFile, Group, History, Place, Policy, Rules, Schema, Type,
    Variable,
};
pub use notify::{Notify, NotifyVia};
pub use parse::{LoadError, SchemaError, load, parse, read_files};
pub use remote::{BackupTarget, Bucket, HomeKind, Keep, Remote, ShelfKind};
pub use rotation::{
    ClerkRotation, CommandRotation, DjangoPassword, DjangoSecretKey, Flower, Maker, Manage, Postgres,
    PostgresAdmin, PostgresLogin, PostgresWay, Reference, Referent, Rotation, RotationKind, S3Issuer,
    S3Rotation, Site, SshKeyRotation, WebhookRotation,
};
pub use server::{Apply, GenerationProof, Health, HostKeys, Install, Probe, Server, ServerKey, Vantage};
pub use template::{RenderProblem, Template, TemplateError};
pub use types::TypeMismatch;
pub use violation::{Severity, Violation, ViolationKind};
pub use window::{Opening, Window};
