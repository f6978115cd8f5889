//! What the values must be that a server is reached, served and tried with.

use std::fmt;

use crate::secret::SecretValue;

use super::address::{is_host, is_port, is_url};
use super::model::Type;

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// Of a type.
    Type(Type),
    /// The name of an account or a group.
    Account,
    /// A URL over http or https, without a fragment.
    HttpUrl,
    /// `host:port`, with an IPv6 address in brackets.
    HostAndPort,
    /// The value of a header: one line.
    Header,
}

/// A value is not what it must be. Says what that is and never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit(&'static str);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unfit {}

impl Fit {
    /// Whether the value is what it must be.
    pub fn check(&self, value: &SecretValue) -> Result<(), Unfit> {
        let text = value.expose();
        let (fits, wanted) = match self {
            Self::Type(kind) => return kind.check(value).map_err(|error| Unfit(error.wanted())),
            Self::Account => (
                is_account(text),
                "not an account: letters, digits, `_`, `.`, `@` and `-`, which cannot come first",
            ),
            Self::HttpUrl => {
                (is_http_url(text), "not an http url: http:// or https:// with a host, without a fragment")
            }
            Self::HostAndPort => (
                host_and_port(text).is_some(),
                "not a host with a port: as in db.example.com:5432 or [2001:db8::1]:5432",
            ),
            Self::Header => (
                !text.is_empty() && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()),
                "not a header's value: one line of printable ASCII",
            ),
        };
        if fits { Ok(()) } else { Err(Unfit(wanted)) }
    }
}

/// Whether a text may name an account or a group: nothing that a command line or `chown` reads as its own.
pub fn is_account(text: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@');
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_fine)
}

fn is_http_url(text: &str) -> bool {
    let has_scheme =
        |scheme| text.get(..str::len(scheme)).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (has_scheme("http://") || has_scheme("https://")) && is_url(text) && !text.contains('#')
}

/// Takes `host:port` apart, and an IPv6 address out of its brackets.
pub fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host(host) && !host.contains(':'),
    };
    let port = Some(port).filter(|port| fits && is_port(port))?.parse().ok()?;
    Some((bare.unwrap_or(host), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(fit: &Fit, accepted: &[&str], refused: &[&str]) {
        let fits = |text: &&str| fit.check(&SecretValue::new((*text).to_owned())).is_ok();
        assert_eq!(accepted.iter().filter(|text| !fits(text)).collect::<Vec<_>>(), [] as [&&str; 0]);
        assert_eq!(refused.iter().filter(|text| fits(text)).collect::<Vec<_>>(), [] as [&&str; 0]);
    }

    #[test]
    fn an_account_is_one_plain_word() {
        let refused = ["", "-oProxyCommand=x", "a b", "a;b", "a:b", "ü", "a\n", "$(id)", "../x"];
        table(&Fit::Account, &["root", "deploy_1", "www-data", "a.b@example.com", "1000"], &refused);
    }

    #[test]
    fn an_http_url_has_a_host() {
        table(
            &Fit::HttpUrl,
            &["https://example.com", "HTTP://127.0.0.1:8000/health?x=1", "http://[2001:db8::1]/"],
            &[
                "",
                "example.com",
                "ftp://example.com",
                "https://",
                "http:///x",
                "https://example.com/#a",
                "https://a b",
            ],
        );
    }

    #[test]
    fn a_host_has_its_port() {
        table(
            &Fit::HostAndPort,
            &["db:5432", "192.0.2.20:1", "[2001:db8::1]:65535"],
            &[
                "",
                "db",
                "db:",
                ":1",
                "db:0",
                "db:65536",
                "2001:db8::1:5432",
                "[db]:1",
                "[192.0.2.1]:1",
                "a b:1",
            ],
        );
        assert_eq!(host_and_port("[2001:db8::1]:22"), Some(("2001:db8::1", 22)));
    }

    #[test]
    fn a_header_is_one_line() {
        table(&Fit::Header, &["Token abc=", "x"], &["", "a\r\nHost: b", "a\nb", "a\tb", "ü", "a\0"]);
        table(&Fit::Type(Type::Port), &["22"], &["0"]);
    }
}
