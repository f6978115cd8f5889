//! Whom a rendered file is sealed for: keys as typed, files with a public key, and servers of the schema.

use std::path::{Path, PathBuf};

use crate::bundle::{Login, PinnedKeys};
use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::name::TargetName;
use crate::schema::Schema;
use crate::secret::SecretText;
use crate::ssh::HostKeys;
use crate::store::{Document, RecipientKey, seal_text};

/// The only kind of SSH keys that age can seal for.
const ED25519: &str = "ssh-ed25519";

/// Largest file with public keys, in bytes.
const KEYS_LIMIT: u64 = 1024 * 1024;

/// Somebody whom a file is sealed for.
pub(super) struct Reader {
    /// How it was named, for messages.
    pub(super) shown: String,
    /// Its public key.
    pub(super) key: String,
}

/// The readers as typed; a server with several Ed25519 host keys is several readers.
pub(super) fn resolve(
    typed: &[String],
    schema: &Schema,
    document: &Document,
    context: &Context,
) -> Result<Vec<Reader>, Failure> {
    let mut readers: Vec<Reader> = Vec::new();
    for text in typed {
        for reader in resolve_one(text.trim(), schema, document, context)? {
            if readers.iter().all(|known| known.key != reader.key) {
                readers.push(reader);
            }
        }
    }
    Ok(readers)
}

/// The rendered file for these readers alone.
pub(super) fn seal(text: &SecretText, readers: &[Reader], context: &Context) -> Result<Vec<u8>, Failure> {
    let keys: Vec<&str> = readers.iter().map(|reader| reader.key.as_str()).collect();
    seal_text(text, &keys, &context.prompt).map_err(|error| Failure::new(format_args!("sealing: {error}")))
}

/// The readers for a message, each once.
pub(super) fn shown(readers: &[Reader]) -> String {
    let mut names: Vec<&str> = readers.iter().map(|reader| reader.shown.as_str()).collect();
    names.dedup();
    names.join(" and ")
}

fn resolve_one(
    text: &str,
    schema: &Schema,
    document: &Document,
    context: &Context,
) -> Result<Vec<Reader>, Failure> {
    if text.contains(' ') || ["age1", "AGE-"].iter().any(|prefix| text.starts_with(prefix)) {
        return Ok(vec![reader(text, "the reader of --sealed-for")?]);
    }
    if let Ok(server) = TargetName::parse(text)
        && schema.servers.contains_key(&server)
    {
        return host_keys(&server, schema, document, context);
    }
    let path = context.settings.folder.join(text);
    if context.disk.kind(&path)?.is_none() {
        let servers: Vec<&str> = schema.servers.keys().map(TargetName::as_str).collect();
        return Err(Failure::usage("the reader of --sealed-for is neither a key nor a file nor a server")
            .hint(format_args!(
                "give age1…, \"ssh-ed25519 …\", a file such as ssh_host_ed25519_key.pub{}",
                or(&servers)
            )));
    }
    let text = context.read_file(&path)?;
    let line = text.expose().lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(vec![reader(line.unwrap_or_default(), &path.display().to_string())?])
}

fn or(servers: &[&str]) -> String {
    if servers.is_empty() { String::new() } else { format!(", or a server: {}", servers.join(", ")) }
}

/// A reader by its public key; `place` is where that stands.
fn reader(key: &str, place: &str) -> Result<Reader, Failure> {
    let fail = |problem: &str| Failure::usage(format_args!("{place}: {problem}"));
    match RecipientKey::parse(key) {
        Ok(RecipientKey::Passphrase) => Err(fail("a passphrase, where a public key belongs")),
        Ok(_) => {
            let shown: Vec<&str> = key.split(' ').collect();
            // Type and comment, since the key itself says nothing to a person.
            let shown = match shown[..] {
                [key] => format!("{}…", key.chars().take(12).collect::<String>()),
                [kind, _] => kind.to_owned(),
                _ => shown[2..].join(" "),
            };
            Ok(Reader { shown, key: key.to_owned() })
        }
        Err(error) => Err(fail(&error.to_string())),
    }
}

/// A server by the host keys that are pinned for it.
fn host_keys(
    server: &TargetName,
    schema: &Schema,
    document: &Document,
    context: &Context,
) -> Result<Vec<Reader>, Failure> {
    let login = Login::build(schema, document, server)
        .map_err(|errors| Failure::many(errors.iter().map(ToString::to_string)))?;
    let text = match &login.host_keys {
        PinnedKeys::Lines(lines) => lines.clone(),
        PinnedKeys::File(path) => {
            let path = expanded(path, context);
            let bytes = context.disk.read(&path, KEYS_LIMIT)?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let fail = |problem: String| Failure::new(format_args!("the host keys of {server}: {problem}"));
    let keys = HostKeys::parse(&text).map_err(|error| fail(error.to_string()))?;
    let trusted = keys.trusted(&login.address, login.port);
    let readers: Vec<Reader> = trusted
        .iter()
        .filter(|key| key.kind() == ED25519)
        .map(|key| Reader { shown: server.to_string(), key: key.line() })
        .collect();
    if readers.is_empty() {
        return Err(fail(format!("no {ED25519} key is among them, and age seals for no other kind"))
            .hint("add the server's /etc/ssh/ssh_host_ed25519_key.pub to them"));
    }
    Ok(readers)
}

/// A path as the schema gives it: `~/` is the home folder, and a relative one starts at the project's folder.
fn expanded(path: &Path, context: &Context) -> PathBuf {
    match (path.strip_prefix("~"), context.env.ssh_folder()) {
        (Ok(rest), Some(ssh)) => ssh.with_file_name("").join(rest),
        _ => context.settings.root.join(path),
    }
}
