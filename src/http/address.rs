//! Where a request goes.

use std::fmt;
use std::fmt::Write as _;

use hyper::Uri;

/// Why a text is no address for a request. Never holds the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// Not an absolute URL with a host.
    NotAbsolute,
    /// Another scheme than `https` and `http`.
    Scheme,
    /// A user or a password stands before the host.
    UserInfo,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "not an address such as https://api.github.com",
            Self::Scheme => "the address starts with neither https:// nor http://",
            Self::UserInfo => "a user or a password stands in the address",
        })
    }
}

impl std::error::Error for AddressError {}

/// An absolute `https` or `http` URL without user, password and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Uri);

impl Address {
    /// Reads an absolute URL.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| AddressError::NotAbsolute)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(AddressError::NotAbsolute);
        };
        if scheme != "https" && scheme != "http" {
            return Err(AddressError::Scheme);
        }
        if authority.as_str().contains('@') {
            return Err(AddressError::UserInfo);
        }
        if authority.host().is_empty() {
            return Err(AddressError::NotAbsolute);
        }
        Ok(Self(uri))
    }

    /// The address with `path` behind its own path. The path starts with a slash and is encoded already.
    pub fn join(&self, path: &str) -> Result<Self, AddressError> {
        let base = self.0.path().trim_end_matches('/');
        Self::parse(&format!("{}{base}{path}", self.origin()))
    }

    /// What a `Location` header means when this address sent it.
    pub fn resolve(&self, location: &str) -> Result<Self, AddressError> {
        if location.starts_with('/') && !location.starts_with("//") {
            Self::parse(&format!("{}{location}", self.origin()))
        } else {
            Self::parse(location)
        }
    }

    /// Host, and port where the address names one, as `gh` names a host.
    pub fn host(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    /// Where to connect to: the host without brackets, and the port.
    pub fn endpoint(&self) -> (&str, u16) {
        let host = self.0.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let usual = if self.0.scheme_str() == Some("http") { 80 } else { 443 };
        (host, self.0.port_u16().unwrap_or(usual))
    }

    /// Whether both lead to the same scheme, host and port.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        let port =
            |uri: &Uri| uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
        self.0.scheme() == other.0.scheme()
            && host(&self.0) == host(&other.0)
            && port(&self.0) == port(&other.0)
    }

    /// Whether nobody on the way can read what is sent: `https`, or a connection that stays on this machine.
    pub fn is_private(&self) -> bool {
        self.0.scheme_str() == Some("https") || is_loopback(&self.0)
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }

    fn origin(&self) -> String {
        format!("{}://{}", self.0.scheme_str().unwrap_or("https"), self.host())
    }
}

impl fmt::Display for Address {
    /// Without the query, which may hold more than a message should.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.0.path())
    }
}

/// Whether an address stays on this machine.
pub(super) fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// One part of a path, percent-encoded (RFC 3986): all but the unreserved characters.
pub fn encode_part(part: &str) -> String {
    part.bytes().fold(String::with_capacity(part.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_taken() {
        let bad = |text| Address::parse(text).unwrap_err();
        assert_eq!(bad("api.github.com"), AddressError::NotAbsolute);
        assert_eq!(bad("/repos"), AddressError::NotAbsolute);
        assert_eq!(bad("https:///x"), AddressError::NotAbsolute);
        assert_eq!(bad("https://a b"), AddressError::NotAbsolute);
        assert_eq!(bad("ftp://example.com"), AddressError::Scheme);
        assert_eq!(bad("https://user:password@example.com"), AddressError::UserInfo);
        assert_eq!(
            Address::parse("https://example.com:8443/api/v3/?q=1#x").unwrap().host(),
            "example.com:8443"
        );
    }

    #[test]
    fn paths_go_behind_the_base() {
        let base = Address::parse("https://example.com/api/v3/").unwrap();
        assert_eq!(base.join("/repos/a?page=2").unwrap().to_string(), "https://example.com/api/v3/repos/a");
        assert_eq!(base.resolve("/x").unwrap().to_string(), "https://example.com/x");
        assert_eq!(base.resolve("//other.example.com/x"), Err(AddressError::NotAbsolute));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |a, b| Address::parse(a).unwrap().same_origin(&Address::parse(b).unwrap());
        assert!(same("https://Example.com/a", "https://example.com:443/b"));
        assert!(!same("https://example.com", "http://example.com"));
        assert!(!same("https://example.com", "https://example.com:8443"));
        assert!(!same("https://example.com", "https://example.com.evil.example"));
    }

    #[test]
    fn plain_http_is_private_on_this_machine_only() {
        let private = |text| Address::parse(text).unwrap().is_private();
        assert!(private("http://127.0.0.1:1") && private("http://[::1]:1") && private("http://localhost"));
        assert!(private("https://example.com"));
        assert!(!private("http://example.com") && !private("http://127.0.0.1.example.com"));
    }

    #[test]
    fn parts_of_paths_are_encoded() {
        assert_eq!(encode_part("prod/eu west_é~"), "prod%2Feu%20west_%C3%A9~");
    }
}
