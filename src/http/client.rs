//! The client.

use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::secret::SecretValue;
use crate::sys::Environment;

use super::address::Address;
use super::dial::Dialer;
use super::error::HttpError;
use super::message::{Request, Response};
use super::over::Over;
use super::roots::tls_config;

/// How often a request is sent on within one host.
const REDIRECTS: usize = 3;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Sends requests, over connections that are kept and used again. Needs a tokio runtime with I/O and time.
pub struct Client {
    inner: legacy::Client<HttpsConnector<Dialer>, Full<Bytes>>,
    tls: rustls::ClientConfig,
    time_out: Duration,
}

impl Client {
    /// A client that trusts the system's certificate authorities or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and
    /// goes through `HTTPS_PROXY` where `NO_PROXY` does not say otherwise. A whole request and its answer, redirects
    /// apart, may take as long as `time_out`.
    pub fn new(env: &Environment, time_out: Duration) -> Result<Self, HttpError> {
        let tls = tls_config(env)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(Dialer::new(env));
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { inner, tls, time_out })
    }

    /// Sends a request once, and on to where the same host sends it. An answer of any status is an answer.
    pub async fn send(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let mut address = request.address.clone();
        for _ in 0..=REDIRECTS {
            let response = self.send_to(&address, request).await?;
            let Some(next) = next_address(&address, request, &response)? else { return Ok(response) };
            address = next;
        }
        let host = address.host().to_owned();
        Err(HttpError::Redirected(host.clone(), host))
    }

    /// Sends a request over a stream that is open already, with TLS where the address says so. It goes nowhere else.
    pub async fn send_over<S>(&self, stream: S, request: &Request<'_>) -> Result<Response, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_http1()
            .wrap_connector(Over::new(stream));
        let client: legacy::Client<_, Full<Bytes>> =
            legacy::Client::builder(TokioExecutor::new()).build(connector);
        let host = request.address.host();
        if request.token.is_some() && !request.address.is_private() {
            return Err(HttpError::NotPrivate(host.to_owned()));
        }
        let message = build(&request.address, request)?;
        let answer = async {
            let response = client.request(message).await.map_err(|error| HttpError::of(&error, host))?;
            read(response, request.limit, host).await
        };
        let in_time = tokio::time::timeout(self.time_out, answer).await;
        in_time.unwrap_or_else(|_| Err(HttpError::TimedOut(host.to_owned())))
    }

    async fn send_to(&self, address: &Address, request: &Request<'_>) -> Result<Response, HttpError> {
        let host = address.host();
        if request.token.is_some() && !address.is_private() {
            return Err(HttpError::NotPrivate(host.to_owned()));
        }
        let message = build(address, request)?;
        let answer = async {
            let response = self.inner.request(message).await.map_err(|error| HttpError::of(&error, host))?;
            read(response, request.limit, host).await
        };
        let in_time = tokio::time::timeout(self.time_out, answer).await;
        in_time.unwrap_or_else(|_| Err(HttpError::TimedOut(host.to_owned())))
    }
}

fn build(address: &Address, request: &Request<'_>) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
    let mut message = hyper::Request::builder()
        .method(request.method.clone())
        .uri(address.uri().clone())
        .header(USER_AGENT, concat!("luca-secrets/", env!("CARGO_PKG_VERSION")));
    if let Some(token) = request.token {
        message = message.header(AUTHORIZATION, bearer(token)?);
    }
    if request.body.is_some()
        && !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        message = message.header(CONTENT_TYPE, "application/json");
    }
    for (name, value) in &request.headers {
        message = message.header(*name, *value);
    }
    let body = Bytes::from(request.body.clone().unwrap_or_default());
    message.body(Full::new(body)).map_err(|_| HttpError::Unsendable)
}

/// The header that carries a token, which no log of the libraries below shows.
fn bearer(token: &SecretValue) -> Result<HeaderValue, HttpError> {
    let text = zeroize::Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&text).map_err(|_| HttpError::Unsendable)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(response: hyper::Response<Incoming>, limit: usize, host: &str) -> Result<Response, HttpError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            HttpError::TooLong(host.to_owned())
        } else {
            HttpError::Lost(host.to_owned())
        }
    })?;
    Ok(Response { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes().to_vec() })
}

/// Where the server sends the request on to. Only within its own origin: another may not see the token, nor change
/// what is asked.
fn next_address(
    address: &Address,
    request: &Request<'_>,
    response: &Response,
) -> Result<Option<Address>, HttpError> {
    let reads = request.method == Method::GET || request.method == Method::HEAD;
    let follows = match StatusCode::from_u16(response.status) {
        _ if !request.follows => false,
        Ok(StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) => true,
        Ok(StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND) => reads,
        _ => false,
    };
    let Some(location) = response.header(LOCATION.as_str()).filter(|_| follows) else { return Ok(None) };
    let next = address.resolve(location).map_err(HttpError::Address)?;
    if next.same_origin(address) {
        Ok(Some(next))
    } else {
        Err(HttpError::Redirected(address.host().to_owned(), next.host().to_owned()))
    }
}
