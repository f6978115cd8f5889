//! A page of an application, asked for from here or from its server.

use std::time::Duration;

use crate::http::{Address, Client, HttpError, Method, Request, Response};
use crate::rotate::kinds::World;
use crate::rotate::trouble::Trouble;
use crate::schema::{Fit, Site, Vantage};
use crate::ssh::Connection;
use crate::sys::Environment;

use super::host::Host;

/// The longest time of one request.
const ONE_REQUEST: Duration = Duration::from_secs(10);

/// Most bytes that are read of a page.
const LONGEST_PAGE: usize = 1 << 20;

/// A page to which credentials may be sent.
pub(super) struct Page {
    address: Address,
    /// The server that asks for it.
    through: Option<Host>,
    env: Environment,
}

impl Page {
    /// The page that the schema names; `key` is the key that does. `host` is the server of the rotation.
    pub(super) fn new(
        key: &str,
        site: &Site,
        host: Option<Host>,
        world: &World<'_>,
    ) -> Result<Self, Trouble> {
        let url = site.url.render(&|name| world.document.get(name));
        let url = url.map_err(|reason| Trouble::rejected(format_args!("`{key}`: {reason}")))?;
        Fit::HttpUrl.check(&url).map_err(|reason| Trouble::rejected(format_args!("`{key}` is {reason}")))?;
        let address = Address::parse(url.expose());
        let address = address.map_err(|reason| Trouble::rejected(format_args!("`{key}`: {reason}")))?;
        if !address.is_private() {
            let message = format!("`{key}`: no password is sent over plain http to {}", address.host());
            return Err(Trouble::rejected(message).hint(
                "use https, or ask on the server itself: from = \"server\" and http://127.0.0.1:PORT",
            ));
        }
        let through = host.filter(|_| site.from == Vantage::Server);
        Ok(Self { address, through, env: world.around.env.clone() })
    }

    /// The host, and the port where it is named. The path may be a secret.
    pub(super) fn host(&self) -> &str {
        self.address.host()
    }

    /// Gets ready to ask.
    pub(super) async fn visit(&self) -> Result<Visit<'_>, Trouble> {
        let client = Client::new(&self.env, ONE_REQUEST).map_err(Trouble::unavailable)?;
        let connection = match &self.through {
            Some(host) => Some(host.open().await?),
            None => None,
        };
        Ok(Visit { page: self, client, connection })
    }
}

/// Requests for a page and what belongs to it.
pub(super) struct Visit<'p> {
    page: &'p Page,
    client: Client,
    connection: Option<Connection>,
}

impl Visit<'_> {
    /// Where the page is.
    pub(super) fn address(&self) -> &Address {
        &self.page.address
    }

    /// Where a redirection leads to, within the same host.
    pub(super) fn within(&self, location: &str) -> Option<Address> {
        let address = self.page.address.resolve(location).ok()?;
        (address.host() == self.page.address.host()).then_some(address)
    }

    /// Sends a request, which is not redirected.
    pub(super) async fn send(
        &self,
        method: Method,
        address: Address,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Response, String> {
        let mut request = Request::new(method, address);
        request.headers = headers.to_vec();
        request.body = body;
        request.follows = false;
        request.limit = LONGEST_PAGE;
        self.send_request(&request).await
    }

    async fn send_request(&self, request: &Request<'_>) -> Result<Response, String> {
        let plain = |error: HttpError| error.to_string();
        let Some(connection) = &self.connection else {
            return self.client.send(request).await.map_err(plain);
        };
        let (name, port) = request.address.endpoint();
        let tunnel = connection.tunnel(name, port).await.map_err(|error| error.to_string())?;
        self.client.send_over(tunnel, request).await.map_err(plain)
    }

    /// Ends the connection to the server.
    pub(super) async fn end(self) {
        if let Some(connection) = self.connection {
            connection.close().await;
        }
    }
}
