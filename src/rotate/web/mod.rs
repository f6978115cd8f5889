//! Credentials of applications on the web: what Django signs with, the passwords of its users, and Flower's password.

mod host;
mod page;
mod silence;
mod manage;
mod form;
mod login;
mod secret_key;
mod password;
mod flower;

pub(super) use flower::FlowerPassword;
pub(super) use password::UserPassword;
pub(super) use secret_key::SecretKey;
