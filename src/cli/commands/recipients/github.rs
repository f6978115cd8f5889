//! `github:USER`: the keys that a user of GitHub has put there, shown before any is used, and known again later.
//!
//! The API: <https://docs.github.com/en/rest/users/keys#list-public-keys-for-a-user>. It tells everybody's keys to
//! everybody, so no token is sent.

use std::time::Duration;

use crate::cli::context::Context;
use crate::cli::failure::Failure;
use crate::http::{Address, Method, Request, Response, encode_part, send_and_wait};
use crate::store::{PublicKey, Recipient, fingerprint};
use crate::sys::Variable;

use super::who::Candidate;

/// Where the API is if nobody says otherwise.
const API: &str = "https://api.github.com";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Keys in one answer, the most that GitHub gives.
const PAGE: usize = 100;

/// Most answers that are asked for.
const PAGES: usize = 10;

/// Longest name of a user.
const LONGEST_USER: usize = 39;

#[derive(serde::Deserialize)]
struct Key {
    key: String,
}

/// The keys of a user that a store can be sealed for. Shows all that there are.
pub(super) fn candidates(
    user: &str,
    api: Option<&str>,
    context: &mut Context,
) -> Result<Vec<Candidate>, Failure> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if user.is_empty() || user.len() > LONGEST_USER || !user.bytes().all(is_letter) {
        return Err(Failure::usage("after github: stands the name of a user, such as github:octocat"));
    }
    let base = api.or_else(|| context.env.text(Variable::GithubApi)).unwrap_or(API).to_owned();
    let address =
        Address::parse(&base).map_err(|error| Failure::usage(format_args!("GitHub's API: {error}")))?;
    if !address.is_private() {
        return Err(Failure::usage("GitHub's API over plain http: anybody on the way could put in a key")
            .hint("give an address that starts with https://"));
    }
    let from =
        if base == API { format!("github:{user}") } else { format!("github:{user}@{}", address.host()) };
    let keys = fetch(user, &address, context)?;
    if keys.is_empty() {
        return Err(
            Failure::new(format_args!("{from} has no SSH keys")).hint("ask for a key, and add it as it is")
        );
    }
    let mut usable = Vec::new();
    for line in keys {
        let print = fingerprint(&line).unwrap_or_else(|| "a key in an unknown form".to_owned());
        match PublicKey::parse(&line) {
            Ok(key) => {
                context.ui.say(&format!("{from} has an ed25519 key: {print}"));
                usable.push(Candidate {
                    key: key.key,
                    name: Some(user.to_owned()),
                    from: Some(from.clone()),
                });
            }
            Err(error) => context.ui.say(&format!("{from} has a key that is not used: {print}: {error}")),
        }
    }
    if usable.is_empty() {
        return Err(Failure::new(format_args!("{from} has no ed25519 key"))
            .hint("only these can be used; they are made with `ssh-keygen -t ed25519`"));
    }
    Ok(usable)
}

/// All keys of a user, each as a line without line ends.
fn fetch(user: &str, base: &Address, context: &Context) -> Result<Vec<String>, Failure> {
    let mut all = Vec::new();
    for page in 1..=PAGES {
        let path = format!("/users/{}/keys?per_page={PAGE}&page={page}", encode_part(user));
        let address = base.join(&path).map_err(Failure::new)?;
        let request = Request::new(Method::GET, address)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28");
        let response = send_and_wait(&context.env, &request, PATIENCE).map_err(Failure::new)?;
        let keys = read(user, base, &response)?;
        let is_last = keys.len() < PAGE;
        all.extend(keys.into_iter().map(|key| key.key.replace(char::is_control, " ")));
        if is_last {
            return Ok(all);
        }
    }
    Err(Failure::new(format_args!("github:{user} has more keys than can be looked at")))
}

fn read(user: &str, base: &Address, response: &Response) -> Result<Vec<Key>, Failure> {
    let host = base.host();
    match response.status {
        404 => Err(Failure::new(format_args!("{host} knows no user {user}"))),
        403 | 429 => Err(Failure::new(format_args!("{host} does not answer any more for now"))
            .hint("it counts requests by address and hour; try again later, or give the key itself")),
        _ if response.is_success() => serde_json::from_slice(&response.body)
            .map_err(|_| Failure::new(format_args!("{host} did not answer with a list of keys"))),
        status => Err(Failure::new(format_args!("{host} answered with status {status}"))),
    }
}

/// Holds the keys of each user against those that were added from there before; whether any differ.
pub(super) fn say_what_changed(found: &[Candidate], present: &[Recipient], context: &mut Context) -> bool {
    let mut origins: Vec<&String> = found.iter().filter_map(|candidate| candidate.from.as_ref()).collect();
    origins.dedup();
    let mut has_changed = false;
    for origin in origins {
        let pinned: Vec<&Recipient> =
            present.iter().filter(|reader| reader.from.as_ref() == Some(origin)).collect();
        if pinned.is_empty() {
            continue;
        }
        let print = |key: &str| fingerprint(key).unwrap_or_default();
        let now: Vec<&Candidate> =
            found.iter().filter(|candidate| candidate.from.as_ref() == Some(origin)).collect();
        for reader in pinned.iter().filter(|reader| !now.iter().any(|one| reader.is_for(&one.key))) {
            has_changed = true;
            let (name, print) = (&reader.name, print(&reader.key));
            context.ui.warn(&format!("{origin} no longer has the key of {name}: {print}"));
            context
                .ui
                .hint(&format!("{name} can still read the store until `luca-secrets recipients remove`"));
        }
        for one in now.iter().filter(|one| !present.iter().any(|reader| reader.is_for(&one.key))) {
            has_changed = true;
            let print = print(&one.key);
            context.ui.warn(&format!("{origin} has a key that was not there when it was added: {print}"));
        }
    }
    has_changed
}
