//! Who we are to the service: what the environment says, then what AWS's own configuration says, then the store.
//!
//! The services that Amazon's machines offer to their own programs are asked only where the bucket is Amazon's: what they
//! give is of no use elsewhere, and other machines have something else at those addresses, or nothing that answers.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::{Region, SharedHttpClient};

use super::connect::S3Place;
use crate::remote::error::RemoteProblem;
use crate::sys::Variable;

/// What the credentials are called in the SDK's own logs.
const NAME: &str = "luca-secrets";

/// Finds credentials.
pub(super) async fn find(place: &S3Place<'_>, http: &SharedHttpClient) -> Result<Credentials, RemoteProblem> {
    if let Some(credentials) = of_environment(place)? {
        return Ok(credentials);
    }
    let region = Region::new(place.bucket.region.clone());
    let config = ProviderConfig::without_region().with_region(Some(region)).with_http_client(http.clone());
    let found = if place.bucket.endpoint.is_some() {
        ProfileFileCredentialsProvider::builder().configure(&config).build().provide_credentials().await
    } else {
        DefaultCredentialsChain::builder().configure(config).build().await.provide_credentials().await
    };
    match (found, &place.stored) {
        (Ok(credentials), _) => Ok(credentials),
        (Err(_), Some((access, secret))) => {
            Ok(Credentials::new(access.expose(), secret.expose(), None, None, NAME))
        }
        (Err(CredentialsError::CredentialsNotLoaded(_)), None) => Err(RemoteProblem::Denied(
            "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE".to_owned(),
        )),
        (Err(_), None) => Err(RemoteProblem::Denied(
            "no credentials: AWS's configuration of this user names some that cannot be had".to_owned(),
        )),
    }
}

fn of_environment(place: &S3Place<'_>) -> Result<Option<Credentials>, RemoteProblem> {
    let text = |variable| place.env.text(variable);
    match (text(Variable::AwsAccessKeyId), text(Variable::AwsSecretAccessKey)) {
        (Some(access), Some(secret)) => {
            let token = text(Variable::AwsSessionToken).map(ToOwned::to_owned);
            Ok(Some(Credentials::new(access, secret, token, None, NAME)))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(RemoteProblem::Denied(
            "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not".to_owned(),
        )),
        (None, Some(_)) => Err(RemoteProblem::Denied(
            "AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not".to_owned(),
        )),
    }
}
