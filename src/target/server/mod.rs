//! A file on a server.

mod conversation;
mod note;
mod output;
mod refusal;
mod reply;
mod request;
mod session;
mod words;

pub use conversation::Conversation;
pub use note::{Note, Stopped};
pub use output::{Output, Ran};
pub use refusal::{Broken, Problem, Refusal};
pub use reply::{Container, Facts, Greeting, Look, PutBack, Reply};
pub use request::{Content, Direction, FileNumber, Request, Run, Stage};
pub use session::Session;
pub use words::{Digest, PathError, ServerPath, TransactionId};
