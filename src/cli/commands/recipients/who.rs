//! Whom the command line names: by key, by file, by host key, by GitHub user.

use std::path::Path;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::secret::SecretText;
use crate::store::{PublicKey, Recipient, RecipientError, is_private, short_key};

use super::access::words;
use super::github;

/// Largest file of public keys that is read, in bytes.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Somebody who may be added.
pub(super) struct Candidate {
    pub(super) key: String,
    /// What to call them, as far as what was given says.
    pub(super) name: Option<String>,
    /// Where the key was looked up.
    pub(super) from: Option<String>,
}

/// Reads one `WHO`.
pub(super) fn candidates(
    who: &str,
    api: Option<&str>,
    context: &mut Context,
) -> Result<Vec<Candidate>, Failure> {
    if let Some(user) = who.strip_prefix("github:") {
        return github::candidates(user, api, context);
    }
    if is_private(who) {
        return Err(Failure::usage("a private key, where the public one belongs").hint(
            "every process of the machine can read arguments: make a new key, and give its public half",
        ));
    }
    let starts_like_a_key =
        ["age1", "ssh-", "ecdsa-", "sk-"].iter().any(|prefix| who.trim_start().starts_with(prefix));
    let path = context.settings.folder.join(who);
    if starts_like_a_key && context.disk.kind(&path).ok().flatten().is_none() {
        let key = PublicKey::parse(who).map_err(|error| refused("the key", error))?;
        return Ok(vec![Candidate { key: key.key, name: key.comment, from: None }]);
    }
    from_file(&path, context)
}

/// All keys of a file. One that cannot be used refuses the file, since nobody should believe that it was added.
fn from_file(path: &Path, context: &Context) -> Result<Vec<Candidate>, Failure> {
    let shown = path.display();
    let text = public_text(path, context)?;
    let keys = PublicKey::all(text.expose());
    if keys.is_empty() {
        return Err(Failure::new(format_args!("{shown}: there is no public key in it")));
    }
    let alone = keys.len() == 1;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let candidate = |(line, key): (usize, Result<PublicKey, RecipientError>)| {
        let key = key.map_err(|error| refused(&format!("{shown}: line {line}"), error))?;
        let name = key.comment.or_else(|| stem.clone().filter(|_| alone));
        Ok(Candidate { key: key.key, name, from: None })
    };
    keys.into_iter().map(candidate).collect()
}

/// The ed25519 key of a server, from its `.pub` file or what `ssh-keyscan` printed.
pub(super) fn host_key(path: &Path, context: &Context) -> Result<Candidate, Failure> {
    let path = context.settings.folder.join(path);
    let shown = path.display();
    let text = public_text(&path, context)?;
    let mut usable = Vec::new();
    let mut refusal = None;
    for (line, key) in PublicKey::all(text.expose()) {
        match key {
            Ok(key) => usable.push(key),
            // `ssh-keyscan` prints the keys of all kinds.
            Err(error @ RecipientError::SshKind(_)) => refusal = Some((line, error)),
            Err(error) => return Err(refused(&format!("{shown}: line {line}"), error)),
        }
    }
    usable.dedup_by(|a, b| a.key == b.key);
    match (usable.pop(), refusal) {
        (Some(key), _) if usable.is_empty() => {
            let name = key
                .host
                .or(key.comment)
                .or_else(|| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            Ok(Candidate { key: key.key, name, from: None })
        }
        (Some(_), _) => Err(Failure::new(format_args!("{shown}: there are keys of several hosts in it"))
            .hint("give one file for each host")),
        (None, Some((line, error))) => Err(refused(&format!("{shown}: line {line}"), error)),
        (None, None) => Err(Failure::new(format_args!("{shown}: there is no public key in it"))),
    }
}

fn public_text(path: &Path, context: &Context) -> Result<SecretText, Failure> {
    let shown = path.display();
    let bytes = context.disk.read(path, FILE_LIMIT).map_err(|error| {
        if error.is_not_found() {
            // Not quoted: it may be a private key by mistake.
            Failure::new("what was given is neither a public key nor a file")
        } else {
            error.into()
        }
    })?;
    // It may be a private key by mistake, so it is wiped like one.
    let text = SecretText::from_utf8(bytes.to_vec())
        .map_err(|_| Failure::new(format_args!("{shown}: not UTF-8 text")))?;
    if text.expose().lines().any(is_private) {
        return Err(refused(&shown.to_string(), RecipientError::Identity));
    }
    Ok(text)
}

/// Why a key is not taken. The key is never repeated.
pub(super) fn refused(place: &str, error: RecipientError) -> Failure {
    let failure = Failure::new(format_args!("{place}: {error}"));
    match error {
        RecipientError::Identity => {
            failure.hint("the public half is what `ssh-keygen -y -f FILE` or `age-keygen -y FILE` prints")
        }
        RecipientError::SshKind(_) => {
            failure.hint("make a key that can be used with `ssh-keygen -t ed25519`")
        }
        RecipientError::Unknown | RecipientError::PluginName => failure,
    }
}

/// The new ones among the candidates, named so that no two readers have the same name.
pub(super) fn named(
    candidates: Vec<Candidate>,
    (name, note): (Option<&str>, Option<&str>),
    present: &[Recipient],
    now: jiff::Timestamp,
) -> Result<Vec<Recipient>, Failure> {
    let name = name.map(|name| words(name, "a name")).transpose()?;
    let note = note.map(|note| words(note, "a note")).transpose()?;
    let mut new: Vec<Recipient> = Vec::new();
    for candidate in candidates {
        let is_known = |reader: &Recipient| reader.is_for(&candidate.key);
        if present.iter().chain(&new).any(is_known) {
            continue;
        }
        let found = candidate.name.as_deref().and_then(|text| words(text, "").ok());
        let wanted = name.clone().or(found).unwrap_or_else(|| short_key(&candidate.key));
        if name.is_some() && present.iter().any(|reader| reader.name == wanted) {
            return Err(Failure::new(format_args!("there is a recipient with the name {wanted} already"))
                .hint("choose another one with --name"));
        }
        let is_taken = |text: &String| present.iter().chain(&new).any(|reader| reader.name == *text);
        let mut numbered = (2..).map(|number| format!("{wanted} {number}"));
        let distinct = std::iter::once(wanted.clone()).chain(&mut numbered).find(|text| !is_taken(text));
        let reader = Recipient::new(distinct.unwrap_or(wanted), candidate.key, now);
        new.push(Recipient { from: candidate.from, note: note.clone(), ..reader });
    }
    Ok(new)
}
