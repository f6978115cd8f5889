//! The places that values go to. Each has two verbs: observe what is there, apply a change.

pub mod github;
