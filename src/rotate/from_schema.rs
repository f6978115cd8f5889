//! Credentials that are keys, made from what schema and store say of them.

use std::path::Path;
use std::time::Duration;

use crate::http::Address;
use crate::name::SecretName;
use crate::push::destination;
use crate::push::github::scope_of;
use crate::schema::{
    Bucket, ClerkRotation, CommandRotation, Entry, GithubTarget, Rotation, S3Issuer, S3Rotation,
    SshKeyRotation, Template, WebhookRotation,
};
use crate::secret::SecretValue;
use crate::target::github::{ActionsName, find_token};

use super::assisted::{Assisted, Clerk, Webhook};
use super::command::Command;
use super::credential::Credential;
use super::kinds::World;
use super::s3_keys::{Iam, IamKeys, KeyedBucket, S3Keys};
use super::ssh_key::{Jobs, KeyServer, SshKey};
use super::trouble::Trouble;

/// Where OpenSSH looks for the keys of whoever logs in.
const AUTHORIZED_KEYS: &str = ".ssh/authorized_keys";

/// Largest file of certificates, in bytes.
const CERTIFICATES: u64 = 4 << 20;

/// How long an old pair of S3 keys stays where the schema does not say: as long as a presigned URL can live.
const S3_GRACE: Duration = Duration::from_hours(7 * 24);

/// How long another credential that a person made stays where the schema does not say.
const USUAL_GRACE: Duration = Duration::from_hours(24);

type Made = Result<Box<dyn Credential>, Trouble>;

pub(super) fn command(
    name: &SecretName,
    entry: &Entry,
    rotation: &Rotation,
    settings: &CommandRotation,
    world: &World<'_>,
) -> Box<dyn Credential> {
    let (root, env) = (world.around.root.to_owned(), world.around.env);
    Box::new(Command::new(name.clone(), entry.clone(), settings.clone(), rotation.grace, root, env))
}

pub(super) fn ssh_key(
    name: &SecretName,
    rotation: &Rotation,
    settings: &SshKeyRotation,
    world: &World<'_>,
) -> Made {
    let mut servers = Vec::new();
    for server in settings.servers_of(name, world.schema) {
        let destination = destination(world.schema, world.document, &server, &world.around)
            .map_err(|error| Trouble::held(&error).hint_if_any(error.hint))?;
        let file = settings.authorized_keys.clone().unwrap_or_else(|| AUTHORIZED_KEYS.to_owned());
        servers.push(KeyServer { name: server, destination, file });
    }
    let targets = world.schema.github.values().map(|target| jobs(name, target, world));
    let jobs = targets.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    Ok(Box::new(SshKey::new(name.clone(), settings, servers, jobs, rotation.grace)))
}

/// The jobs of a GitHub target, if it has the key.
fn jobs(name: &SecretName, target: &GithubTarget, world: &World<'_>) -> Result<Option<Jobs>, Trouble> {
    let uses = target.secrets.iter().filter(|variable| variable.template.references().contains(name));
    let secrets: Vec<ActionsName> =
        uses.filter_map(|variable| ActionsName::new(&variable.name).ok()).collect();
    if secrets.is_empty() {
        return Ok(None);
    }
    let env = world.around.env;
    let base = Address::parse(&target.api).map_err(Trouble::held)?;
    let named = target.token.as_ref().and_then(|token| world.document.get(token));
    let token = find_token(env, &base, named, |_| None).map(|token| token.value);
    Ok(Some(Jobs { token, scope: scope_of(&target.scope), secrets, base, env: env.clone() }))
}

pub(super) fn s3_keys(
    name: &SecretName,
    entry: &Entry,
    rotation: &Rotation,
    settings: &S3Rotation,
    world: &World<'_>,
) -> Made {
    let (access, secret) = (settings.access_key.clone(), name.clone());
    let bucket = bucket(entry, settings, world)?;
    Ok(match &settings.issuer {
        S3Issuer::Person(url) => {
            let keys = S3Keys { access, secret, bucket, url: url.clone() };
            Box::new(Assisted::new(keys, rotation.grace.unwrap_or(S3_GRACE)))
        }
        S3Issuer::Iam(endpoint) => {
            let iam = Iam::new(endpoint.as_deref(), world.around.env.clone());
            Box::new(IamKeys::new(access, secret, bucket, iam, rotation.grace.unwrap_or(S3_GRACE)))
        }
    })
}

fn bucket(entry: &Entry, settings: &S3Rotation, world: &World<'_>) -> Result<KeyedBucket, Trouble> {
    let text = |template: &Template| rendered(template, world).map(|value| value.expose().to_owned());
    let authorities = match &settings.ca_file {
        Some(file) => {
            // As `ca-file` of a home has it: from the folder of the schema.
            let folder = entry.place.file.parent().unwrap_or(Path::new(""));
            let path = world.around.root.join(folder).join(file);
            Some(world.around.disk.read(&path, CERTIFICATES).map_err(Trouble::held)?.to_vec())
        }
        None => None,
    };
    let bucket = Bucket {
        name: text(&settings.bucket)?,
        endpoint: settings
            .endpoint
            .as_ref()
            .map(text)
            .transpose()?
            .map(|url| url.trim_end_matches('/').to_owned()),
        region: settings.region.clone(),
        path_style: settings.path_style,
        credentials: None,
        ca_file: None,
    };
    Ok(KeyedBucket { bucket, authorities, prefix: settings.prefix.clone(), env: world.around.env.clone() })
}

pub(super) fn clerk(
    name: &SecretName,
    rotation: &Rotation,
    settings: &ClerkRotation,
    world: &World<'_>,
) -> Made {
    let publishable = settings.publishable.as_ref().map(|template| rendered(template, world)).transpose()?;
    let clerk = Clerk::new(name.clone(), settings.clone(), publishable, world.around.env.clone());
    Ok(Box::new(Assisted::new(clerk, rotation.grace.unwrap_or(USUAL_GRACE))))
}

pub(super) fn webhook(
    name: &SecretName,
    rotation: &Rotation,
    settings: &WebhookRotation,
    world: &World<'_>,
) -> Box<dyn Credential> {
    let webhook = Webhook::new(name.clone(), settings.clone(), world.around.env.clone());
    Box::new(Assisted::new(webhook, rotation.grace.unwrap_or(USUAL_GRACE)))
}

fn rendered(template: &Template, world: &World<'_>) -> Result<SecretValue, Trouble> {
    template.render(&|name| world.document.get(name)).map_err(|problem| {
        Trouble::rejected(problem).hint("`luca-secrets check` shows everything that is missing or wrong")
    })
}
