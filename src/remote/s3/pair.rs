//! A pair of keys put to the test: all that programs do with an object, by these keys and no others.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

use super::connect::{S3Place, http, settings};
use super::patience::Patience;
use super::presigned;
use super::shelf::no_runtime;
use super::trouble::{Answer, Refusal, Trouble, answer};
use crate::remote::error::{RemoteError, RemoteProblem};
use crate::secret::SecretValue;
use crate::sys::Runtime;

/// What a service says of a pair of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairSaid {
    /// It does all that was tried.
    Works,
    /// The access key is not known there, or no longer.
    NoSuchKey,
    /// The access key is known, and the other half does not fit it.
    WrongSecret,
    /// The pair is known, and may not do this.
    Forbids(&'static str),
}

/// A pair of keys for a bucket.
pub struct S3Pair<'a> {
    place: &'a S3Place<'a>,
    access: &'a SecretValue,
    secret: &'a SecretValue,
}

/// Why a try ended before its end.
enum Stop {
    Said(PairSaid),
    Trouble(RemoteProblem),
}

impl<'a> S3Pair<'a> {
    /// A pair of keys, whatever the environment and the store name.
    pub const fn new(place: &'a S3Place<'a>, access: &'a SecretValue, secret: &'a SecretValue) -> Self {
        Self { place, access, secret }
    }

    /// Puts an object, gets it, also by a presigned URL, asks for its head, deletes it, and sees that it is gone.
    pub fn try_all(&self, key: &str, bytes: &[u8]) -> Result<PairSaid, RemoteError> {
        self.within(key, async |client| {
            let bucket = &self.place.bucket.name;
            let body = ByteStream::from(bytes.to_vec());
            said("put an object", client.put_object().bucket(bucket).key(key).body(body).send().await)?;
            let found = said("get an object", client.get_object().bucket(bucket).key(key).send().await)?;
            let broken = |_| Stop::Trouble(RemoteProblem::Unreachable("the answer broke off".to_owned()));
            let found = found.body.collect().await.map_err(broken)?.into_bytes();
            if found.as_ref() != bytes {
                let text = "the object that was put is another when it is got".to_owned();
                return Err(Stop::Trouble(RemoteProblem::Damaged(text)));
            }
            match presigned::get(&client, self.place, key).await.map_err(of_trouble)? {
                Ok(found) if found == bytes => {}
                Ok(_) => {
                    let text = "the object that was put is another by a presigned URL".to_owned();
                    return Err(Stop::Trouble(RemoteProblem::Damaged(text)));
                }
                Err(refusal) => return Err(refused("get an object by a presigned URL", &refusal)),
            }
            said("look at an object", client.head_object().bucket(bucket).key(key).send().await)?;
            said("delete an object", client.delete_object().bucket(bucket).key(key).send().await)?;
            match client.get_object().bucket(bucket).key(key).send().await {
                Err(error) if is_missing(&error) => Ok(()),
                Ok(_) => {
                    let text = "the object that was deleted is still there".to_owned();
                    Err(Stop::Trouble(RemoteProblem::Damaged(text)))
                }
                other => said("get an object", other).map(drop),
            }
        })
    }

    /// Whether the pair is known at all, by asking for an object that is not there.
    pub fn is_known(&self, key: &str) -> Result<PairSaid, RemoteError> {
        self.within(key, async |client| {
            match client.get_object().bucket(&self.place.bucket.name).key(key).send().await {
                Err(error) if is_missing(&error) => Ok(()),
                other => said("get an object", other).map(drop),
            }
        })
    }

    /// The same by a presigned URL.
    pub fn is_known_by_url(&self, key: &str) -> Result<PairSaid, RemoteError> {
        self.within(key, async |client| {
            match presigned::get(&client, self.place, key).await.map_err(of_trouble)? {
                Ok(_) => Ok(()),
                Err(refusal) if refusal.status == 404 && refusal.code == "NoSuchKey" => Ok(()),
                Err(refusal) => Err(refused("get an object by a presigned URL", &refusal)),
            }
        })
    }

    fn within(
        &self,
        key: &str,
        work: impl AsyncFnOnce(Client) -> Result<(), Stop>,
    ) -> Result<PairSaid, RemoteError> {
        let label = self.place.label(key);
        let runtime = Runtime::new().map_err(|_| no_runtime(&label))?;
        let http = http(self.place).map_err(|problem| RemoteError::new(&label, problem))?;
        let credentials =
            Credentials::new(self.access.expose(), self.secret.expose(), None, None, "luca-secrets");
        let config =
            settings(self.place, &http).credentials_provider(SharedCredentialsProvider::new(credentials));
        let client = Client::from_conf(config.build());
        let done = runtime.block_on(async {
            let work = async {
                match work(client).await {
                    Ok(()) => Ok(PairSaid::Works),
                    Err(Stop::Said(said)) => Ok(said),
                    Err(Stop::Trouble(problem)) => Err(Trouble::lasting(problem)),
                }
            };
            Patience::new().one(0, work).await?
        });
        done.map_err(|trouble| RemoteError::new(&label, trouble.problem))
    }
}

fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.as_service_error().is_some_and(|error| error.code() == Some("NoSuchKey"))
}

/// The outcome, or what the service said of the pair instead.
fn said<T, E>(what: &'static str, outcome: Result<T, SdkError<E, HttpResponse>>) -> Result<T, Stop>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let error = match outcome {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    Err(match answer(&error) {
        Answer::None(trouble) => of_trouble(trouble),
        Answer::Refused(refusal) => refused(what, &refusal),
    })
}

fn of_trouble(trouble: Trouble) -> Stop {
    Stop::Trouble(trouble.problem)
}

/// What a refusal says of the pair.
fn refused(what: &'static str, refusal: &Refusal) -> Stop {
    match (refusal.status, refusal.code.as_str()) {
        (401 | 403, "InvalidAccessKeyId") => Stop::Said(PairSaid::NoSuchKey),
        (401 | 403, "SignatureDoesNotMatch") => Stop::Said(PairSaid::WrongSecret),
        // An answer to HEAD has no code.
        (401 | 403, "AccessDenied" | "AllAccessDisabled" | "") => Stop::Said(PairSaid::Forbids(what)),
        _ => of_trouble(refusal.trouble()),
    }
}
