//! PEM files and SSH keys: complete ones, since half a key is what a slip of the clipboard leaves.

use zeroize::Zeroizing;

use super::encoding::decode_standard;

/// How a private key of OpenSSH's own format begins (OpenSSH, `PROTOCOL.key`).
const OPENSSH_MAGIC: &[u8] = b"openssh-key-v1\0";

/// What an AEAD cipher leaves behind the encrypted part of an OpenSSH key, in bytes.
const TAG_LENGTH: usize = 16;

/// Longest line in a PEM body. RFC 7468 writes 64, OpenSSH 70; OpenSSL reads up to 76.
const LONGEST_PEM_LINE: usize = 76;

/// The marker of a key that must not be trusted.
const REVOKED: &str = "@revoked";

/// The markers of `known_hosts`.
const HOST_MARKERS: [&str; 2] = [REVOKED, "@cert-authority"];

/// One PEM block.
struct Block<'a> {
    label: &'a str,
    /// Whether it carries the headers of an encrypted key (RFC 1421), so that its content is no DER.
    has_headers: bool,
    content: Zeroizing<Vec<u8>>,
}

/// One or more PEM blocks (RFC 7468) with nothing but empty lines around them. Encrypted keys may carry headers.
pub(super) fn is_pem(text: &str) -> bool {
    blocks(text).is_some_and(|blocks| !blocks.is_empty())
}

/// One private key that OpenSSH reads: its own format, or RSA, EC and PKCS #8 in PEM.
///
/// Carriage returns are refused, since OpenSSH refuses them. A missing final newline is not: OpenSSH wants one, but
/// it is lost so often on the way through clipboards and forms that whoever writes the key to a file adds it.
pub(super) fn is_ssh_private_key(text: &str) -> bool {
    if text.contains('\r') || !text.starts_with("-----BEGIN ") {
        return false;
    }
    let Some(blocks) = blocks(text) else { return false };
    let [block] = blocks.as_slice() else { return false };
    match block.label {
        "OPENSSH PRIVATE KEY" => !block.has_headers && is_openssh_key(&block.content),
        "RSA PRIVATE KEY" | "EC PRIVATE KEY" => block.has_headers || is_der_sequence(&block.content),
        "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => !block.has_headers && is_der_sequence(&block.content),
        _ => false,
    }
}

/// `type base64 comment` where the type is the one inside the key (RFC 4253, section 6.6). The comment is optional.
pub(super) fn is_ssh_public_key(text: &str) -> bool {
    let mut words = text.splitn(3, ' ');
    let (Some(kind), Some(body)) = (words.next(), words.next()) else { return false };
    !text.chars().any(char::is_control) && is_key(kind, body)
}

/// A line of `known_hosts` (the manual page sshd(8) has its form), or one with a public key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostKey<'t> {
    /// `@revoked` or `@cert-authority`.
    pub marker: Option<&'t str>,
    /// The patterns of hosts it is for, or the hash of a name; none for a key alone, which is for the host that the
    /// text belongs to.
    pub hosts: Option<&'t str>,
    /// The type of the key, such as `ssh-ed25519`.
    pub kind: &'t str,
    /// The key in base64.
    pub key: &'t str,
}

impl<'t> HostKey<'t> {
    /// The keys of a text, without its comments and empty lines; `None` where a line is none.
    pub fn read_all(text: &'t str) -> Option<Vec<Self>> {
        let is_said = |line: &&str| !line.is_empty() && !line.starts_with('#');
        text.lines().map(str::trim).filter(is_said).map(Self::read).collect()
    }

    fn read(line: &'t str) -> Option<Self> {
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return None;
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty()).peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        let first = words.next()?;
        let second = words.next()?;
        if marker.is_none() && is_key(first, second) {
            return Some(Self { marker, hosts: None, kind: first, key: second });
        }
        let key = words.next()?;
        let is_fine = marker.is_none_or(|marker| HOST_MARKERS.contains(&marker)) && is_key(second, key);
        is_fine.then_some(Self { marker, hosts: Some(first), kind: second, key })
    }
}

/// Lines of `known_hosts` and of public keys alone, with at least one key that may be trusted.
pub(super) fn is_known_hosts(text: &str) -> bool {
    let keys = HostKey::read_all(text);
    keys.is_some_and(|keys| keys.iter().any(|key| key.marker != Some(REVOKED)))
}

/// Whether the text in base64 is a whole public key of the type.
fn is_key(kind: &str, body: &str) -> bool {
    let Some(blob) = decode_standard(body) else { return false };
    let Some((inner, mut rest)) = take_string(&blob) else { return false };
    if kind.is_empty() || inner != kind.as_bytes() || rest.is_empty() {
        return false;
    }
    if inner == b"ssh-ed25519" && rest.len() != 4 + 32 {
        return false;
    }
    while !rest.is_empty() {
        let Some((_, tail)) = take_string(rest) else { return false };
        rest = tail;
    }
    true
}

fn blocks(text: &str) -> Option<Vec<Block<'_>>> {
    // `lines` takes CRLF for a line break as RFC 7468 does; a lone CR stays in the line and is refused there.
    let mut lines = text.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let label = line.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
        if !is_pem_label(label) {
            return None;
        }
        blocks.push(block(label, text.len(), &mut lines)?);
    }
    Some(blocks)
}

fn block<'a>(label: &'a str, room: usize, lines: &mut std::str::Lines<'a>) -> Option<Block<'a>> {
    let mut body = Zeroizing::new(String::with_capacity(room));
    let mut line = lines.next()?;
    let has_headers = label.ends_with("PRIVATE KEY") && line.starts_with("Proc-Type: ");
    if has_headers {
        while !line.is_empty() {
            line.split_once(": ")?;
            line = lines.next()?;
        }
        line = lines.next()?;
    }
    while !line.starts_with('-') {
        if line.is_empty() || line.len() > LONGEST_PEM_LINE {
            return None;
        }
        body.push_str(line);
        line = lines.next()?;
    }
    let end = line.strip_prefix("-----END ")?.strip_suffix("-----")?;
    let content = decode_standard(&body)?;
    (end == label && !content.is_empty()).then_some(Block { label, has_headers, content })
}

fn is_pem_label(label: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    !label.is_empty() && label.split(' ').all(|word| !word.is_empty() && word.bytes().all(is_fine))
}

/// Whether the bytes are one whole DER SEQUENCE: a key cut short is shorter than it says.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else { return false };
    let (length, content) = match first {
        ..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let Some((digits, content)) = rest.split_at_checked(usize::from(first & 0x7f)) else {
                return false;
            };
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), content)
        }
        _ => return false,
    };
    length > 0 && length == content.len()
}

/// Whether the bytes are one whole key by OpenSSH's `PROTOCOL.key`.
fn is_openssh_key(bytes: &[u8]) -> bool {
    fn rest(bytes: &[u8]) -> Option<&[u8]> {
        let (_cipher, bytes) = take_string(bytes.strip_prefix(OPENSSH_MAGIC)?)?;
        let (_derivation, bytes) = take_string(bytes)?;
        let (_options, bytes) = take_string(bytes)?;
        let (_public, bytes) = take_string(bytes.strip_prefix(&[0, 0, 0, 1])?)?;
        let (private, bytes) = take_string(bytes)?;
        (!private.is_empty()).then_some(bytes)
    }
    rest(bytes).is_some_and(|rest| rest.is_empty() || rest.len() == TAG_LENGTH)
}

/// Splits off a string of the SSH wire format (RFC 4251, section 5).
fn take_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
