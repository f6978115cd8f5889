//! The credentials of applications on the web, with the real ones: Django under gunicorn behind OpenSSH, and Flower with
//! Celery and Redis.

mod by_hand;
mod command;
mod compose;
mod django;
mod flower;
mod garden;
mod http;
mod key;
mod kills;
mod observer;
mod password;

pub use django::App;
