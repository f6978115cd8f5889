//! Why no answer came.

use std::error::Error;
use std::fmt;
use std::io;

use crate::sys::describe;

use super::address::AddressError;

/// Why a request brought no answer. Says where and why, never what was sent or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// The certificates to trust cannot be read, for the reason given.
    Roots(String),
    /// The proxy that the environment names cannot be used, for the reason given.
    Proxy(String),
    /// The address cannot be used.
    Address(AddressError),
    /// A header or the token holds characters that cannot be sent.
    Unsendable,
    /// A token would have gone to this host over plain HTTP.
    NotPrivate(String),
    /// No connection to the host came about, so that nothing was sent; the reason.
    Unreachable(String, String),
    /// The host's certificate or its TLS was refused; the reason.
    Untrusted(String, String),
    /// No whole answer from the host in time. It may have done what was asked.
    TimedOut(String),
    /// The connection to the host broke. It may have done what was asked.
    Lost(String),
    /// The host's answer is longer than asked for.
    TooLong(String),
    /// The first host sent the request on to the second, or around in circles.
    Redirected(String, String),
}

impl HttpError {
    /// Whether the same request may succeed a little later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(..) | Self::TimedOut(_) | Self::Lost(_))
    }

    /// What went wrong between here and `host`.
    pub(super) fn of(error: &hyper_util::client::legacy::Error, host: &str) -> Self {
        let host = host.to_owned();
        if let Some(tls) = find::<rustls::Error>(error) {
            return Self::Untrusted(host, tls.to_string());
        }
        if let Some(refusal) = find::<super::dial::ProxyError>(error) {
            return Self::Proxy(refusal.to_string());
        }
        if error.is_connect() {
            let reason = find::<io::Error>(error).map_or_else(|| "no connection".to_owned(), describe);
            return Self::Unreachable(host, reason);
        }
        Self::Lost(host)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roots(reason) => write!(f, "the certificates to trust cannot be read: {reason}"),
            Self::Proxy(reason) => write!(f, "the proxy cannot be used: {reason}"),
            Self::Address(error) => error.fmt(f),
            Self::Unsendable => f.write_str("the token or a header holds characters that cannot be sent"),
            Self::NotPrivate(host) => write!(f, "{host}: no token is sent over plain http"),
            Self::Unreachable(host, reason) => write!(f, "{host} cannot be reached: {reason}"),
            Self::Untrusted(host, reason) => write!(f, "{host} is not trusted: {reason}"),
            Self::TimedOut(host) => write!(f, "{host} did not answer in time"),
            Self::Lost(host) => write!(f, "the connection to {host} broke"),
            Self::TooLong(host) => write!(f, "the answer of {host} is too long"),
            Self::Redirected(host, to) => write!(f, "{host} sends on to {to}, which is not followed"),
        }
    }
}

impl Error for HttpError {}

/// The first error of a type among the causes. An `io::Error` hides the one it holds from `source`.
fn find<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    if let Some(held) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
        && let Some(found) = find::<E>(held)
    {
        return Some(found);
    }
    error.downcast_ref::<E>().or_else(|| find(error.source()?))
}
