//! `[remote]`.

use crate::schema::remote::{HomeKind, Remote};

use super::bucket::BUCKET_KEYS;
use super::context::Context;
use super::target::Targets;
use super::tree::{Key, Table, Value};

const KINDS: [&str; 2] = ["git", "s3"];
const GIT_KEYS: [&str; 4] = ["kind", "remote", "branch", "path"];

/// Where a schema names no branch.
const BRANCH: &str = "secrets";

/// Where a schema names no path.
const PATH: &str = "secrets.enc";

impl Targets<'_, '_> {
    /// Reads `[remote]`, which stands in one file only.
    pub(super) fn remote(&mut self, context: Context<'_>, key: &Key<'_>, value: &Value<'_>) {
        let Some(table) = context.table(key, value) else { return };
        if let Some(first) = self.remote.as_ref().map(|remote| &remote.place) {
            context.error(&key.span(), format!("`remote` is declared twice, first at {first}"));
            return;
        }
        let Some((kind_key, kind_value)) = table.get_key_value("kind") else {
            context.error(&key.span(), "`remote` has no `kind`: it is git or s3");
            return;
        };
        let home = match context.text(kind_key, kind_value) {
            Some("git") => git(context, key, table),
            Some("s3") => self.s3(context, key, table),
            Some(word) => {
                context.unknown_word("a kind of home", word, kind_value, &KINDS);
                None
            }
            None => None,
        };
        let place = context.place(&key.span());
        *self.remote = home.map(|home| Remote { home, place });
    }

    fn s3(&self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Option<HomeKind> {
        let known: Vec<&str> = ["kind", "key"].into_iter().chain(BUCKET_KEYS).collect();
        for (key, _) in table.iter().filter(|(key, _)| !known.contains(&key.get_ref().as_ref())) {
            context.unknown_key(key, &known);
        }
        let key = match table.get_key_value("key") {
            Some((key, value)) => {
                let text = context.text(key, value)?;
                if !is_object_key(text) {
                    let wanted = "letters, digits, `-`, `_`, `.` and `/`, as in team/secrets.enc";
                    context.error(&value.span(), format!("`key` must be made of {wanted}"));
                }
                text
            }
            None => PATH,
        };
        Some(HomeKind::S3 { bucket: self.bucket(context, at, table)?, key: key.to_owned() })
    }
}

fn git(context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Option<HomeKind> {
    let (mut remote, mut branch, mut path) = (None, BRANCH.to_owned(), PATH.to_owned());
    for (key, value) in table.iter() {
        match key.get_ref().as_ref() {
            "kind" => {}
            "remote" => remote = Some(git_remote(context, key, value)?),
            "branch" => branch = branch_name(context, key, value)?,
            "path" => path = inner_path(context, key, value)?,
            _ => context.unknown_key(key, &GIT_KEYS),
        }
    }
    if remote.is_none() {
        context.error(&at.span(), "`kind = \"git\"` needs `remote`: a remote's name, as in origin, or a URL");
    }
    Some(HomeKind::Git { remote: remote?, branch, path })
}

/// A remote as git takes it. One with a password in it would stand in the schema for everybody to read.
fn git_remote(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let is_odd = |character: char| character.is_control() || character.is_whitespace();
    if text.is_empty() || text.starts_with('-') || text.contains(is_odd) || text.contains("::") {
        context.error(&value.span(), "`remote` must be the name of a git remote, a URL or a path");
        return None;
    }
    let authority = text.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    if authority.and_then(|authority| authority.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
    {
        context.error(&value.span(), "`remote` holds a password, which has no place in a schema");
        return None;
    }
    Some(text.to_owned())
}

/// A branch's name, by the rules of git-check-ref-format(1).
fn branch_name(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let is_odd = |character: char| {
        character.is_control() || matches!(character, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    let is_part = |part: &str| {
        let ends_oddly =
            part.ends_with('.') || std::path::Path::new(part).extension().is_some_and(|end| end == "lock");
        !part.is_empty() && !part.starts_with('.') && !ends_oddly
    };
    let fits = text.split('/').all(is_part)
        && !text.contains(is_odd)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.starts_with('-')
        && text != "@"
        && text != "HEAD";
    if !fits {
        context.error(&value.span(), "`branch` must be the name of a git branch");
        return None;
    }
    Some(text.to_owned())
}

/// A path inside a branch.
fn inner_path(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let is_part = |part: &str| !matches!(part, "" | "." | ".." | ".git") && !part.contains(char::is_control);
    if !text.split('/').all(is_part) {
        context.error(&value.span(), "`path` must be a path inside the branch, such as secrets.enc");
        return None;
    }
    Some(text.to_owned())
}

/// Whether an object's key is spelled the same by every service and in every signature.
pub(super) fn is_object_key(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    text.len() <= 512 && text.bytes().all(is_fine) && text.split('/').all(is_part)
}
