//! The encrypted file: opening it, the document inside, changes to it, and how two changes become one.

mod toml_text;
mod plain;
mod outline;
mod strict;
mod parts;
mod version;
mod entries;
mod conflict;
mod document;
mod splice;
mod merge;
mod identity;
mod armor;
mod envelope;
mod error;
mod state;
mod edit;
mod draft;
mod compare;
mod join;
mod sealed;

pub use compare::{Comparison, compare};
pub use document::Document;
pub use draft::{Draft, path_digest};
pub use edit::{Author, Change, Committed, Edit};
pub use envelope::EnvelopeError;
pub use error::StoreError;
pub use identity::{Identity, IdentityError};
pub use join::{Joined, Sides, join};
pub use outline::{DocumentError, DocumentProblem};
pub use parts::Recipient;
pub use sealed::{SealedForm, sealed_form, with_conflict_markers};
pub use state::{SIZE_LIMIT, Sealed, Store, Unlocked, open};
pub use toml_text::push_toml_string;
pub use version::{Origin, Version};
