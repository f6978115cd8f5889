//! Taking imported values out of the page they came from.

mod needle;
mod occur;
mod page;
mod words;

pub use occur::occurrences;
pub use page::{Left, LeftReason, Redaction, redact};
