//! `with = "ssh-key"`, `"s3-keys"`, `"clerk"` and `"webhook"`.

use std::path::PathBuf;
use std::time::Duration;

use crate::name::{SecretName, TargetName};
use crate::schema::model::Type;
use crate::schema::parse::tree::Node;
use crate::schema::rotation::{
    ClerkRotation, RotationKind, S3Issuer, S3Rotation, SshKeyRotation, WebhookRotation,
};
use crate::schema::{Fit, ServerKey, Template};

use super::check::Subject;
use super::django::targets;
use super::{Kind, Reader, server};

const SSH_KEYS: [&str; 3] = ["authorized-keys", "public", "servers"];
const S3_KEYS: [&str; 10] = [
    "access-key",
    "bucket",
    "ca-file",
    "endpoint",
    "iam",
    "path-style",
    "prefix",
    "presigned",
    "region",
    "url",
];
const CLERK_KEYS: [&str; 3] = ["api", "publishable-key", "url"];
const WEBHOOK_KEYS: [&str; 3] = ["endpoint", "previous", "url"];

/// Clerk's Backend API.
const CLERK_API: &str = "https://api.clerk.com";
/// Where Clerk shows the keys of whatever application was looked at last.
const CLERK_PAGE: &str = "https://dashboard.clerk.com/last-active?path=api-keys";

/// The longest life of a presigned URL (AWS Signature Version 4), and how long an old pair stays by itself.
const LONGEST_PRESIGNED: Duration = Duration::from_hours(7 * 24);

/// What most services take for any region.
const REGION: &str = "us-east-1";

/// Reads the settings of `ssh-key`.
pub(super) fn ssh_key(reader: &Reader<'_, '_>) -> Kind {
    let file = reader.find("authorized-keys").and_then(|(key, value)| {
        let text = reader.context.text(key, value)?;
        if text.is_empty() || text.ends_with('/') || text.contains(char::is_control) || text.starts_with('~')
        {
            let wanted = "the path of a file, absolute or from the home folder there";
            reader.context.error(&value.span(), format!("`authorized-keys` must be {wanted}"));
        }
        Some(text.to_owned())
    });
    let settings = SshKeyRotation {
        servers: reader.servers("servers"),
        authorized_keys: file,
        public: reader.secret("public"),
    };
    (RotationKind::SshKey(settings), &SSH_KEYS)
}

/// Reads the settings of `s3-keys`.
pub(super) fn s3_keys(reader: &Reader<'_, '_>) -> Kind {
    if reader.find("bucket").is_none() {
        reader.missing("bucket", "the bucket in which the keys are tried: bucket = \"{{ s3.bucket }}\"");
    }
    let text = |key: &str| reader.find(key).and_then(|(key, value)| reader.context.owned(key, value));
    let flag = |key: &str| reader.find(key).and_then(|(key, value)| reader.context.flag(key, value));
    let access_key = match reader.find("access-key") {
        Some(_) => reader.secret("access-key"),
        None => SecretName::new(reader.name.group(), "access_key").ok(),
    };
    let issuer = match reader.find("iam") {
        Some((_, value)) if matches!(value.get_ref(), Node::String(_)) => S3Issuer::Iam(reader.url("iam")),
        Some(_) if flag("iam") == Some(true) => S3Issuer::Iam(None),
        _ => S3Issuer::Person(reader.url("url")),
    };
    if let (S3Issuer::Iam(_), Some((key, _))) = (&issuer, reader.find("url")) {
        reader.context.error(&key.span(), "`url` is for a person, and `iam` needs none");
    }
    let endpoint = reader.template("endpoint");
    let Some(access_key) = access_key else { return (RotationKind::Generated, &S3_KEYS) };
    let settings = S3Rotation {
        access_key,
        bucket: reader.template("bucket").unwrap_or_default(),
        path_style: flag("path-style").unwrap_or(endpoint.is_some()),
        endpoint,
        region: text("region").unwrap_or_else(|| REGION.to_owned()),
        prefix: text("prefix").unwrap_or_default(),
        ca_file: text("ca-file").map(PathBuf::from),
        presigned: reader.find("presigned").and_then(|(key, value)| reader.context.duration(key, value)),
        issuer,
    };
    (RotationKind::S3Keys(settings), &S3_KEYS)
}

/// Reads the settings of `clerk`.
pub(super) fn clerk(reader: &Reader<'_, '_>) -> Kind {
    let settings = ClerkRotation {
        api: reader.url("api").unwrap_or_else(|| CLERK_API.to_owned()),
        url: Some(reader.url("url").unwrap_or_else(|| CLERK_PAGE.to_owned())),
        publishable: reader.template("publishable-key"),
    };
    (RotationKind::Clerk(settings), &CLERK_KEYS)
}

/// Reads the settings of `webhook`.
pub(super) fn webhook(reader: &Reader<'_, '_>) -> Kind {
    let settings = WebhookRotation {
        url: reader.url("url"),
        endpoint: reader.url("endpoint"),
        previous: reader.secret("previous"),
    };
    (RotationKind::Webhook(settings), &WEBHOOK_KEYS)
}

impl Reader<'_, '_> {
    /// The URL under a key, without a slash at its end.
    fn url(&self, key: &str) -> Option<String> {
        let (key, value) = self.find(key)?;
        let text = self.context.text(key, value)?;
        if let Err(reason) = Fit::HttpUrl.check(&crate::secret::SecretValue::new(text.to_owned())) {
            self.context.error(&value.span(), format!("`{}` is {reason}", key.get_ref()));
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    /// The servers that an array names.
    fn servers(&self, key: &str) -> Vec<TargetName> {
        let Some((key, value)) = self.find(key) else { return Vec::new() };
        let Node::Array(items) = value.get_ref() else {
            return self.context.wrong_type(key, value, "an array of names of servers").unwrap_or_default();
        };
        let mut references = self.references.borrow_mut();
        items.iter().filter_map(|item| server(self.context, key, item, &mut references)).collect()
    }

    /// The secrets that an array names.
    pub(super) fn secrets(&self, key: &str) -> Vec<SecretName> {
        let Some((key, value)) = self.find(key) else { return Vec::new() };
        let Node::Array(items) = value.get_ref() else {
            return self.context.wrong_type(key, value, "an array of names of secrets").unwrap_or_default();
        };
        items.iter().filter_map(|item| self.secret_in(key, item)).collect()
    }
}

/// Complains where a new key could not stand in for the old one.
pub(super) fn check_ssh_key(subject: &Subject<'_>, settings: &SshKeyRotation) {
    of_type(subject, subject.name, &Type::SshPrivateKey);
    if let Some(public) = &settings.public {
        of_type(subject, public, &Type::SshPublicKey);
    }
    let servers = settings.servers_of(subject.name, subject.schema);
    if servers.is_empty() {
        let message = format!("no server is reached with `{}`", subject.name);
        let hint = "name those that let it in: servers = [\"NAME\"]".to_owned();
        subject.error_at(&subject.entry.place, message, Some(hint));
    }
    for (name, server) in &subject.schema.servers {
        if let ServerKey::Secret { secret, passphrase: Some(_) } = &server.key
            && secret == subject.name
        {
            let message = format!("a key that is rotated has no passphrase, and server `{name}` names one");
            subject.error_at(&server.place, message, None);
        }
    }
}

fn of_type(subject: &Subject<'_>, name: &SecretName, wanted: &Type) {
    let kind = subject.schema.secrets.get(name).map(|entry| &entry.kind);
    if let Some(kind) = kind.filter(|kind| *kind != wanted) {
        let message = format!("`{name}` is of type {}, not {}", kind.name(), wanted.name());
        subject.error(name, message, None);
    }
}

/// Complains where the secret before would not reach the programs.
pub(super) fn check_webhook(subject: &Subject<'_>, settings: &WebhookRotation) {
    let Some(previous) = &settings.previous else { return };
    let hint = "declare it with `required = false`: the secret before, for as long as it is accepted";
    if !subject.has_companion(previous, hint) {
        return;
    }
    for (target, variables) in targets(subject) {
        let first =
            |wanted: &SecretName| variables.iter().find(|one| one.template.references().contains(wanted));
        if let (Some(variable), None) = (first(subject.name), first(previous)) {
            let message = format!(
                "{target} has `{}` and not `{previous}`: while there are two endpoints, events of one are refused",
                subject.name
            );
            let hint = format!("{}_PREVIOUS = \"{{{{ {previous} }}}}\"", variable.name);
            subject.error_at(&variable.place, message, Some(hint));
        }
    }
}

/// Complains where the other half has no place.
pub(super) fn check_s3_keys(subject: &Subject<'_>, settings: &S3Rotation) {
    if let Some(presigned) = settings.presigned {
        let grace = subject.rotation.grace.unwrap_or(LONGEST_PRESIGNED);
        if presigned > LONGEST_PRESIGNED {
            let message = "`presigned` is longer than any presigned URL is valid, which is 7d".to_owned();
            subject.error_at(&subject.entry.place, message, None);
        } else if grace < presigned {
            let message =
                "`grace` is shorter than `presigned`: URLs that the old keys have signed would end early";
            let hint = "the old keys stay for `grace`, a week where the schema does not say".to_owned();
            subject.error_at(&subject.entry.place, message.to_owned(), Some(hint));
        }
    }
    let access = &settings.access_key;
    if access == subject.name {
        let hint = "`rotate` stands at the secret key; `access-key` names the other half".to_owned();
        subject.error(access, format!("`{access}` cannot be both halves"), Some(hint));
    } else if !subject.schema.secrets.contains_key(access) {
        // What is named has been complained about.
        if subject.references_to(access).next().is_none() {
            let message = format!("no secret `{access}` is declared, the other half of `{}`", subject.name);
            subject.error_at(&subject.entry.place, message, Some("access-key = \"GROUP.KEY\"".to_owned()));
        }
    }
    let literal = |template: &Template| {
        template.references().is_empty().then(|| template.render(&|_| None).ok()).flatten()
    };
    if let Some(endpoint) = settings.endpoint.as_ref().and_then(literal)
        && let Err(reason) = Fit::HttpUrl.check(&endpoint)
    {
        subject.error_at(&subject.entry.place, format!("`endpoint` is {reason}"), None);
    }
}
