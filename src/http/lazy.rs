//! A client for those who may not need one.

use std::cell::OnceCell;
use std::time::Duration;

use crate::sys::Environment;

use super::client::Client;
use super::error::HttpError;

/// A client that is made when it is first needed: to read a machine's certificate authorities takes longer than to talk
/// with a server near by.
pub struct LazyClient {
    env: Environment,
    time_out: Duration,
    made: OnceCell<Client>,
}

impl LazyClient {
    /// One that will be made as [`Client::new`] makes it.
    pub fn new(env: &Environment, time_out: Duration) -> Self {
        Self { env: env.clone(), time_out, made: OnceCell::new() }
    }

    /// The client, the same each time.
    pub fn get(&self) -> Result<&Client, HttpError> {
        if let Some(client) = self.made.get() {
            return Ok(client);
        }
        let client = Client::new(&self.env, self.time_out)?;
        Ok(self.made.get_or_init(|| client))
    }
}
