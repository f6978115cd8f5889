//! `with = "ssh-key"`, `"s3-keys"`, `"clerk"` and `"webhook"`.

use std::path::PathBuf;
use std::time::Duration;

use crate::name::{SecretName, TargetName};
use crate::schema::model::Schema;
use crate::schema::server::ServerKey;
use crate::schema::template::Template;

/// A key by which people and jobs log in to servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SshKeyRotation {
    /// The servers that let it in: every one that is reached with it, and others.
    pub servers: Vec<TargetName>,
    /// The file that lists the keys there, from the home folder of whoever logs in. Default: `.ssh/authorized_keys`.
    pub authorized_keys: Option<String>,
    /// The secret with the public half, if there is one.
    pub public: Option<SecretName>,
}

impl SshKeyRotation {
    /// The servers that the key of this secret opens: those that the rotation names, and all that are reached with it.
    pub fn servers_of(&self, key: &SecretName, schema: &Schema) -> Vec<TargetName> {
        let mut all = self.servers.clone();
        for (name, server) in &schema.servers {
            let is_reached = matches!(&server.key, ServerKey::Secret { secret, .. } if secret == key);
            if is_reached && !all.contains(name) {
                all.push(name.clone());
            }
        }
        all
    }
}

/// A pair of keys for an S3 service, named after its secret half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Rotation {
    /// The secret with the half that is an id.
    pub access_key: SecretName,
    /// The bucket's name, a template.
    pub bucket: Template,
    /// The service, a template; Amazon's own where there is none.
    pub endpoint: Option<Template>,
    /// The region.
    pub region: String,
    /// Whether the bucket stands in the path of URLs; where the schema does not say, with an endpoint.
    pub path_style: bool,
    /// Where the probe object lies in the bucket: what its key starts with.
    pub prefix: String,
    /// The certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long URLs are valid that programs presign: the old pair must not end before.
    pub presigned: Option<Duration>,
    /// Who makes new keys.
    pub issuer: S3Issuer,
}

/// Who makes new keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum S3Issuer {
    /// A person, on this page.
    Person(Option<String>),
    /// IAM, at this endpoint; Amazon's own where there is none.
    Iam(Option<String>),
}

/// A secret key of Clerk's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClerkRotation {
    /// The Backend API.
    pub api: String,
    /// The page where keys are made and deleted.
    pub url: Option<String>,
    /// The publishable key that goes with it, a template.
    pub publishable: Option<Template>,
}

/// The secret with which a service signs what it sends to an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookRotation {
    /// The page where endpoints are made and deleted.
    pub url: Option<String>,
    /// Our own endpoint, to which a signed test event is sent as a proof.
    pub endpoint: Option<String>,
    /// The secret that has the one before, for programs that accept either of two.
    pub previous: Option<SecretName>,
}
