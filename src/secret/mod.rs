//! Secret values as types: wiped on drop, never printed by accident, one guarded exit.

mod fingerprint;
mod redact;
mod shape;
mod text;
mod value;

pub use fingerprint::{Fingerprint, FingerprintKey, hex};
pub use redact::{Redactor, is_worth_hiding};
pub use shape::shape;
pub use text::SecretText;
pub use value::SecretValue;
