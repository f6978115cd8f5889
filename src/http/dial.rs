//! Connections: straight to the host, or through the proxy that the environment names.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::sys::{Environment, Variable};

use super::address::is_loopback;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

type Cause = Box<dyn std::error::Error + Send + Sync>;
type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<TcpStream>, Cause>> + Send>>;

/// Why a proxy is of no use.
#[derive(Debug)]
pub(super) enum ProxyError {
    /// It is not reached by plain HTTP.
    Scheme,
    /// It did not let us through.
    Refused,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "only http:// proxies are known",
            Self::Refused => "it did not open a way to the host",
        })
    }
}

impl std::error::Error for ProxyError {}

/// Opens connections.
#[derive(Clone)]
pub(super) struct Dialer {
    direct: HttpConnector,
    proxies: Arc<Matcher>,
}

impl Dialer {
    pub(super) fn new(env: &Environment) -> Self {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_connect_timeout(Some(CONNECT));
        let text = |names: [Variable; 2]| {
            let found = names.into_iter().find_map(|name| env.text(name));
            found.unwrap_or_default().to_owned()
        };
        let proxies = Matcher::builder()
            .https(text([Variable::HttpsProxy, Variable::HttpsProxyLower]))
            .all(text([Variable::AllProxy, Variable::AllProxyLower]))
            .no(text([Variable::NoProxy, Variable::NoProxyLower]))
            .build();
        Self { direct, proxies: Arc::new(proxies) }
    }

    /// The proxy for an address. What stays on this machine takes none, nor does plain HTTP.
    fn proxy(&self, to: &Uri) -> Option<Intercept> {
        let asks = to.scheme_str() == Some("https") && !is_loopback(to);
        asks.then(|| self.proxies.intercept(to)).flatten()
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = Cause;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Connecting {
        let Some(proxy) = self.proxy(&to) else {
            let connecting = self.direct.call(to);
            return Box::pin(async { connecting.await.map_err(Into::into) });
        };
        if proxy.uri().scheme_str() != Some("http") {
            return Box::pin(async { Err(ProxyError::Scheme.into()) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        let connecting = tunnel.call(to);
        Box::pin(async { connecting.await.map_err(|_| ProxyError::Refused.into()) })
    }
}

/// Whether somebody takes connections there, from this machine and past every proxy.
pub async fn connect(host: &str, port: u16, limit: Duration) -> io::Result<()> {
    open(host, port, limit).await.map(drop)
}

/// A connection past every proxy, for a protocol that proxies do not know.
pub async fn open(host: &str, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = tokio::time::timeout(limit, TcpStream::connect((host, port))).await.map_err(late)??;
    // Without it each small packet waits for the acknowledgement of the one before.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_taken_where_the_environment_says_so() {
        let env = Environment::new([
            ("HTTPS_PROXY".into(), "http://user:word@proxy.example.com:3128".into()),
            ("no_proxy".into(), ".internal.example.com,192.0.2.0/24".into()),
        ]);
        let dialer = Dialer::new(&env);
        let proxied = |to: &str| dialer.proxy(&to.parse().unwrap()).map(|proxy| proxy.uri().to_string());
        assert_eq!(proxied("https://api.github.com/").as_deref(), Some("http://proxy.example.com:3128/"));
        for direct in [
            "https://a.internal.example.com",
            "https://192.0.2.7",
            "https://127.0.0.1:8443",
            "http://example.com",
        ] {
            assert_eq!(proxied(direct), None, "{direct}");
        }
    }
}
