//! `with = "flower"`.

use crate::name::SecretName;
use crate::schema::rotation::{Flower, RotationKind, Site};
use crate::schema::server::Vantage;
use crate::schema::template::Template;

use super::check::Subject;
use super::django::targets;
use super::reader::{Kind, Reader};

const KEYS: [&str; 4] = ["from", "previous", "url", "username"];

/// Flower answers these to anybody, whatever the password.
const OPEN_TO_ALL: [&str; 2] = ["/healthcheck", "/metrics"];

/// Reads the settings of `flower`.
pub(super) fn flower(reader: &Reader<'_, '_>) -> Kind {
    if reader.find("url").is_none() {
        reader.missing("url", "the page that proves it: url = \"https://flower.example.com/api/workers\"");
    }
    let workers =
        reader.site("url").unwrap_or_else(|| Site { url: Template::default(), from: Vantage::Here });
    if let Some((_, value)) = reader.find("url")
        && let Some(path) =
            OPEN_TO_ALL.iter().find(|path| workers.url.source().trim_end_matches('/').ends_with(**path))
    {
        let message = format!("Flower answers {path} whatever the password is");
        reader.context.error_with(&value.span(), message, Some("use /api/workers".to_owned()));
    }
    let username = sibling(reader, "username");
    let previous = sibling(reader, "previous");
    let Some((username, previous)) = username.zip(previous) else { return (RotationKind::Generated, &KEYS) };
    (RotationKind::Flower(Flower { username, previous, workers }), &KEYS)
}

/// The secret that a key names, or else the one of that key in the same group.
fn sibling(reader: &Reader<'_, '_>, key: &str) -> Option<SecretName> {
    match reader.find(key) {
        Some(_) => reader.secret(key),
        None => SecretName::new(reader.name.group(), key).ok(),
    }
}

/// Complains where the two passwords would not reach Flower.
pub(super) fn check(subject: &Subject<'_>, settings: &Flower) {
    let Flower { username, previous, .. } = settings;
    if !subject.schema.secrets.contains_key(username) {
        let message =
            format!("no secret `{username}` is declared: which user's password is `{}`?", subject.name);
        subject.error_at(&subject.entry.place, message, Some("username = \"GROUP.KEY\"".to_owned()));
    }
    let hint = "declare it with `required = false`: the password before, for as long as it is accepted";
    if !subject.has_companion(previous, hint) {
        return;
    }
    for (target, variables) in targets(subject) {
        let lacking = |uses: &[SecretName]| uses.contains(subject.name) && !uses.contains(previous);
        for variable in variables.iter().filter(|one| lacking(one.template.references())) {
            let message = format!(
                "{} of {target} has `{}` and not `{previous}`: who has the old password would be refused",
                variable.name, subject.name
            );
            let hint = format!(
                "{} = '{{{{ {} }}}}{{% if {previous} is defined %}},{{{{ {username} }}}}:{{{{ {previous} }}}}{{% endif %}}'",
                variable.name, subject.name
            );
            subject.error_at(&variable.place, message, Some(hint));
        }
    }
}
