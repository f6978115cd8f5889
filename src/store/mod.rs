//! The encrypted file: opening it, the document inside, changes to it, and how two changes become one.

mod toml_text;
mod outline;
mod strict;
mod document;
mod splice;
mod merge;
mod prompt;
mod ssh_key;
mod recipient;
mod identity;
mod envelope;
mod error;
mod state;
mod edit;
mod draft;

pub use document::{Document, Origin, Recipient, Version};
pub use draft::Draft;
pub use edit::{Author, Change, Committed, Edit};
pub use envelope::EnvelopeError;
pub use error::StoreError;
pub use identity::{Identity, IdentityError, Keys, NewKey};
pub use outline::{DocumentError, DocumentProblem};
pub use prompt::{KeyProblem, Prompt};
pub use recipient::{PASSPHRASE, RecipientError, RecipientKey};
pub use state::{SIZE_LIMIT, Sealed, Store, Unlocked};
pub use toml_text::push_toml_string;
