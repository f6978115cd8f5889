//! Values that say where something is: hosts, addresses, URLs, mail.

use std::net::IpAddr;

use fluent_uri::Uri;

/// Longest host name, in bytes: 255 octets on the wire (RFC 1035) less the two that a text does not show.
const LONGEST_HOST_NAME: usize = 253;

/// Schemes whose URLs mean nothing without a host.
const SCHEMES_WITH_HOST: [&str; 27] = [
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "ftps",
    "ssh",
    "sftp",
    "git",
    "postgres",
    "postgresql",
    "pgsql",
    "postgis",
    "mysql",
    "mysql2",
    "redis",
    "rediss",
    "amqp",
    "amqps",
    "mongodb",
    "mongodb+srv",
    "smtp",
    "smtps",
    "ldap",
    "ldaps",
    "s3",
    "sentry",
];

/// Schemes whose URLs have no `//`. Any other without is a slip: RFC 3986 takes `localhost:8000` for a scheme and a
/// path.
const SCHEMES_WITHOUT_AUTHORITY: [&str; 2] = ["mailto", "urn"];

/// A host name (RFC 952, RFC 1123) of at least one label, ASCII, without a final dot.
pub(super) fn is_host_name(text: &str) -> bool {
    let last_is_number =
        text.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    // A last label of digits is a misspelt address: 192.0.2.999 must not pass as a name.
    text.len() <= LONGEST_HOST_NAME && !last_is_number && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

pub(super) fn is_host(text: &str) -> bool {
    is_host_name(text) || is_ip(text)
}

pub(super) fn is_domain(text: &str) -> bool {
    text.contains('.') && is_host_name(text)
}

/// `local@domain` with a dot-atom before the sign (RFC 5321, RFC 5322), ASCII, no quotes, no comments.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(is_atom)
        && (is_domain(domain) || domain == "localhost")
}

/// An absolute URL (RFC 3986), with a host where the scheme needs one and a port that exists where it has one.
pub(super) fn is_url(text: &str) -> bool {
    let Ok(uri) = Uri::parse(text) else { return false };
    let scheme = uri.scheme().as_str();
    let is_one_of = |schemes: &[&str]| schemes.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let Some(authority) = uri.authority() else {
        return is_one_of(&SCHEMES_WITHOUT_AUTHORITY) && !uri.path().is_empty();
    };
    let port_is_fine = authority.port().is_none_or(|port| port.is_empty() || is_port(port.as_str()));
    port_is_fine && (!authority.host().is_empty() || !is_one_of(&SCHEMES_WITH_HOST))
}

/// A port without sign or leading zeros.
pub(super) fn is_port(text: &str) -> bool {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    is_plain && text.parse::<u16>().is_ok()
}
