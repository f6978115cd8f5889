//! One request from a command that is otherwise synchronous.

use std::time::Duration;

use crate::sys::{self, Environment, describe};

use super::client::Client;
use super::error::HttpError;
use super::message::{Request, Response};

/// Sends a request and waits for its answer, for as long as `time_out`.
pub fn send_and_wait(
    env: &Environment,
    request: &Request<'_>,
    time_out: Duration,
) -> Result<Response, HttpError> {
    let client = Client::new(env, time_out)?;
    sys::block_on(client.send(request))
        .map_err(|error| HttpError::Unreachable(request.address.host().to_owned(), describe(&error)))?
}
