//! A request and what comes back.

use hyper::{HeaderMap, Method};

use crate::secret::SecretValue;

use super::address::Address;

/// Most bytes of an answer, unless a request says otherwise: 8 MiB.
const LONGEST_ANSWER: usize = 8 << 20;

/// One request.
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub address: Address,
    /// Headers beside those that the client sets itself.
    pub headers: Vec<(&'a str, &'a str)>,
    /// Sent as `Authorization: Bearer`, and only where nobody can read along.
    pub token: Option<&'a SecretValue>,
    /// The body; JSON unless a header says otherwise.
    pub body: Option<Vec<u8>>,
    /// Most bytes that are read of the answer's body.
    pub limit: usize,
    /// Whether to go on to where the same host sends the request; otherwise that answer is as good as any.
    pub follows: bool,
}

impl<'a> Request<'a> {
    /// A request without a body.
    pub fn new(method: Method, address: Address) -> Self {
        Self {
            method,
            address,
            headers: Vec::new(),
            token: None,
            body: None,
            limit: LONGEST_ANSWER,
            follows: true,
        }
    }

    /// The same with a token.
    #[must_use]
    pub fn token(mut self, token: &'a SecretValue) -> Self {
        self.token = Some(token);
        self
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self
    }
}

/// What a server answered, whatever it was. No `Debug`: a body may hold a value.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status says that it was done.
    pub const fn is_success(&self) -> bool {
        200 <= self.status && self.status < 300
    }
}
