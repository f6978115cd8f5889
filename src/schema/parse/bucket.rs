//! The keys that name a bucket of an S3 service: of `[remote]` and of `[backup.NAME]`.

use std::path::PathBuf;

use crate::name::SecretName;
use crate::schema::address::is_url;
use crate::schema::remote::Bucket;

use super::context::Context;
use super::target::Targets;
use super::tree::{Key, Table, Value};

/// The keys that are read here.
pub(super) const BUCKET_KEYS: [&str; 7] =
    ["bucket", "endpoint", "region", "path-style", "access-key", "secret-key", "ca-file"];

/// Where a schema names no region: what AWS takes for its oldest, and most other services for any.
const REGION: &str = "us-east-1";

impl Targets<'_, '_> {
    /// Reads the bucket that a table names; `None` after a complaint.
    pub(super) fn bucket(&self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> Option<Bucket> {
        let find = |key: &str| table.get_key_value(key);
        let Some((key, value)) = find("bucket") else {
            context.error(&at.span(), "`kind = \"s3\"` needs `bucket`");
            return None;
        };
        let name = bucket_name(context, key, value)?;
        let endpoint = find("endpoint").and_then(|(key, value)| endpoint(context, key, value));
        let region = find("region").and_then(|(key, value)| region(context, key, value));
        let path_style = find("path-style").and_then(|(key, value)| context.flag(key, value));
        let ca_file = find("ca-file").and_then(|(key, value)| context.text(key, value)).map(PathBuf::from);
        Some(Bucket {
            name,
            region: region.unwrap_or_else(|| REGION.to_owned()),
            path_style: path_style.unwrap_or(endpoint.is_some()),
            credentials: self.credentials(context, table),
            endpoint,
            ca_file,
        })
    }

    /// The secrets that hold the two halves of a key pair.
    fn credentials(&self, context: Context<'_>, table: &Table<'_>) -> Option<(SecretName, SecretName)> {
        let access = table.get_key_value("access-key");
        let secret = table.get_key_value("secret-key");
        match (access, secret) {
            (Some((key, value)), Some((other, its_value))) => {
                let pair = (self.secret(context, key, value), self.secret(context, other, its_value));
                Some((pair.0?, pair.1?))
            }
            (Some((key, _)), None) => {
                context.error(&key.span(), "`access-key` needs `secret-key`");
                None
            }
            (None, Some((key, _))) => {
                context.error(&key.span(), "`secret-key` needs `access-key`");
                None
            }
            (None, None) => None,
        }
    }
}

/// A bucket's name (docs.aws.amazon.com, "General purpose bucket naming rules"; other services allow no more).
fn bucket_name(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let is_fine =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let bytes = text.bytes();
    let fits = (3..=63).contains(&text.len())
        && bytes.clone().all(is_fine)
        && is_edge(bytes.clone().next())
        && is_edge(bytes.clone().next_back())
        && !text.contains("..");
    if !fits {
        let wanted = "3 to 63 lower-case letters, digits, hyphens and single dots, with a letter or digit at both ends";
        context.error(&value.span(), format!("`bucket` must be {wanted}"));
        return None;
    }
    Some(text.to_owned())
}

/// The URL of a service, without a slash at its end.
fn endpoint(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let host = text.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    // Signatures do not hide what was signed.
    let is_safe = host.map_or(text.starts_with("https://"), |host| matches!(host, "localhost" | "127.0.0.1"));
    let text = text.trim_end_matches('/');
    let path = text.splitn(4, '/').nth(3);
    if !is_safe || !is_url(text) || text.contains(['?', '#', '@']) || path.is_some() {
        let wanted =
            "a URL that starts with https:// and has no path, such as https://fsn1.your-objectstorage.com";
        context.error(&value.span(), format!("`endpoint` must be {wanted}"));
    }
    Some(text.to_owned())
}

fn region(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<String> {
    let text = context.text(key, value)?;
    let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || !text.bytes().all(is_fine) {
        context.error(&value.span(), "`region` must be the name of a region, such as fsn1 or eu-central-1");
        return None;
    }
    Some(text.to_owned())
}
