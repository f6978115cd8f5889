//! `with = "django-secret-key"` and `with = "django-password"`.

use std::time::Duration;

use crate::name::SecretName;
use crate::schema::model::Variable;
use crate::schema::parse::tree::Node;
use crate::schema::rotation::{DjangoPassword, DjangoSecretKey, Manage, RotationKind};

use super::check::Subject;
use super::reader::{Kind, Reader};

const SECRET_KEY_KEYS: [&str; 6] = ["fallbacks", "in", "manage", "max-age", "reset-timeout", "session-age"];
const PASSWORD_KEYS: [&str; 5] = ["from", "in", "login", "manage", "user"];

const DAY: Duration = Duration::from_hours(24);
/// Django's `SESSION_COOKIE_AGE` where a project does not set it.
const USUAL_SESSION_AGE: Duration = DAY.saturating_mul(14);
/// Django's `PASSWORD_RESET_TIMEOUT` where a project does not set it.
const USUAL_RESET_TIMEOUT: Duration = DAY.saturating_mul(3);

/// Reads the settings of `django-secret-key`.
pub(super) fn secret_key(reader: &Reader<'_, '_>) -> Kind {
    let length = |key: &str| reader.find(key).and_then(|(key, value)| reader.context.duration(key, value));
    let settings = DjangoSecretKey {
        fallbacks: fallbacks(reader),
        manage: reader.manage(),
        session_age: length("session-age").unwrap_or(USUAL_SESSION_AGE),
        reset_timeout: length("reset-timeout").unwrap_or(USUAL_RESET_TIMEOUT),
        max_age: length("max-age"),
    };
    (RotationKind::DjangoSecretKey(settings), &SECRET_KEY_KEYS)
}

/// The secret that holds the fallbacks: the one that is named, or the sibling `…_fallbacks`; none with `false`.
fn fallbacks(reader: &Reader<'_, '_>) -> Option<SecretName> {
    let Some((key, value)) = reader.find("fallbacks") else {
        return SecretName::new(reader.name.group(), &format!("{}_fallbacks", reader.name.key())).ok();
    };
    match value.get_ref() {
        Node::Boolean(false) => None,
        Node::String(_) => reader.secret_in(key, value),
        _ => reader.context.wrong_type(key, value, "the name of a secret, or false"),
    }
}

/// Reads the settings of `django-password`.
pub(super) fn password(reader: &Reader<'_, '_>) -> Kind {
    let user = reader.template("user");
    if reader.find("user").is_none() {
        reader.missing("user", "whose password it is: user = \"{{ admin.email }}\"");
    }
    if reader.find("on").is_none() {
        reader.missing("on", "the server where manage.py runs: on = \"NAME\"");
    }
    if let Some((key, _)) = reader.find("from").filter(|_| reader.find("login").is_none()) {
        reader.context.error(&key.span(), "`from` says from where `login` is asked for, and there is none");
    }
    let nothing = || Manage { folder: None, run: Vec::new() };
    let settings = DjangoPassword {
        user: user.unwrap_or_default(),
        manage: reader.manage().unwrap_or_else(nothing),
        login: reader.site("login"),
    };
    (RotationKind::DjangoPassword(settings), &PASSWORD_KEYS)
}

/// Complains where the fallbacks would not reach the application.
pub(super) fn check(subject: &Subject<'_>, settings: &DjangoSecretKey) {
    let Some(fallbacks) = &settings.fallbacks else { return };
    let hint = "declare it with `required = false` and give it to the application as DJANGO_SECRET_KEY_FALLBACKS; \
                an application without that setting: `fallbacks = false`, which signs everybody out";
    if !subject.has_companion(fallbacks, hint) {
        return;
    }
    for (target, variables) in targets(subject) {
        let first =
            |wanted: &SecretName| variables.iter().find(|one| one.template.references().contains(wanted));
        if let (Some(variable), None) = (first(subject.name), first(fallbacks)) {
            let message =
                format!("{target} has `{}` and not `{fallbacks}`: users would be signed out", subject.name);
            let hint = format!("{}_FALLBACKS = \"{{{{ {fallbacks} }}}}\"", variable.name);
            subject.error_at(&variable.place, message, Some(hint));
        }
    }
}

/// Every set of variables, and what it is called.
pub(super) fn targets<'s>(subject: &Subject<'s>) -> impl Iterator<Item = (String, &'s [Variable])> {
    let env_files = subject
        .schema
        .env_files
        .iter()
        .map(|(name, file)| (format!("env file {name}"), file.variables.as_slice()));
    let github = subject.schema.github.iter().flat_map(|(name, target)| {
        [
            (format!("github.{name}"), target.secrets.as_slice()),
            (format!("github.{name}.variables"), target.variables.as_slice()),
        ]
    });
    env_files.chain(github)
}
