//! Taking imported values out of the page they came from.

mod needle;
mod page;
mod words;

pub use page::{Left, LeftReason, Redaction, redact};
