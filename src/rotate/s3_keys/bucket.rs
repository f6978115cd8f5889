//! What a bucket's service says of a pair of keys.

use std::time::Duration;

use jiff::Timestamp;

use crate::remote::{PairSaid, RemoteError, RemoteProblem, S3Pair, S3Place};
use crate::schema::{Alphabet, Bucket, Policy};
use crate::secret::SecretValue;
use crate::sys::{Clock, Environment, OsRandom, SystemClock, pause};

use super::super::credential::Answer;
use super::super::trouble::Trouble;
use super::super::wrong::drawn;

/// How long Amazon's services were seen to remember that a secret did not fit an access key, five seconds, and a little
/// more: as long they refuse the right one too. A proof ends with a wrong one, and the next may follow at once.
const REMEMBERED: Duration = Duration::from_secs(6);

/// A bucket that the programs use.
pub struct KeyedBucket {
    /// The bucket.
    pub bucket: Bucket,
    /// The certificates to trust instead of the system's, in PEM.
    pub authorities: Option<Vec<u8>>,
    /// What the key of the probe object starts with.
    pub prefix: String,
    /// Certificates and proxies.
    pub env: Environment,
}

/// Both halves of a pair.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) access: SecretValue,
    pub(super) secret: SecretValue,
}

impl KeyedBucket {
    fn place(&self) -> S3Place<'_> {
        let now: Timestamp = SystemClock.now();
        let authorities = self.authorities.clone();
        S3Place { bucket: &self.bucket, authorities, stored: None, now, env: &self.env }
    }

    fn key(&self) -> Result<String, Trouble> {
        let policy =
            Policy { length: 20, alphabet: Alphabet::Lower, prefix: String::new(), suffix: String::new() };
        let name = drawn(&policy, &mut OsRandom)?;
        // A name, and no secret: it only has to be nobody else's.
        Ok(format!("{}luca-secrets-probe-{}", self.prefix, name.expose()))
    }

    /// That a pair does all that programs need, and that the same access key with another secret does nothing. One that is
    /// `fresh` may not be known everywhere yet.
    pub(super) fn proof(&self, pair: &Pair, fresh: bool) -> Result<String, Trouble> {
        let (place, key) = (self.place(), self.key()?);
        let bucket = &self.bucket.name;
        let tried = S3Pair::new(&place, &pair.access, &pair.secret);
        let mut said = tried.try_all(&key, key.as_bytes()).map_err(trouble)?;
        if said == PairSaid::WrongSecret {
            pause(REMEMBERED);
            said = tried.try_all(&key, key.as_bytes()).map_err(trouble)?;
        }
        match said {
            PairSaid::Works => {}
            PairSaid::NoSuchKey if fresh => {
                return Err(Trouble::unavailable(format!("{bucket}: the access key is not known there yet")));
            }
            PairSaid::NoSuchKey => {
                return Err(Trouble::rejected(format!("{bucket}: the access key is not known there"))
                    .hint("a new one can take a minute; is it one of this project and this location?"));
            }
            PairSaid::WrongSecret => {
                return Err(Trouble::rejected(format!(
                    "{bucket}: the secret key does not fit the access key"
                )));
            }
            PairSaid::Forbids(what) => {
                return Err(Trouble::rejected(format!("{bucket}: the keys may not {what}"))
                    .hint("a bucket policy that names keys must name the new one first"));
            }
        }
        let policy = Policy {
            length: 40,
            alphabet: Alphabet::Alphanumeric,
            prefix: String::new(),
            suffix: String::new(),
        };
        let wrong = drawn(&policy, &mut OsRandom)?;
        let wrong = S3Pair::new(&place, &pair.access, &wrong);
        for said in [wrong.is_known(&key), wrong.is_known_by_url(&key)] {
            match said.map_err(trouble)? {
                PairSaid::WrongSecret | PairSaid::NoSuchKey => {}
                PairSaid::Works => {
                    return Err(Trouble::held(format!("{bucket}: the service accepts a wrong secret too")));
                }
                PairSaid::Forbids(_) => {
                    let message = format!("{bucket}: a wrong secret is not told from a right one");
                    return Err(Trouble::held(message));
                }
            }
        }
        Ok(format!(
            "{bucket}: put, get, head and delete of a probe object work, and a presigned URL; a wrong secret is refused"
        ))
    }

    /// Whether a pair is accepted, by an answer of the service that says so.
    pub(super) fn accepts(&self, pair: &Pair) -> Result<Answer, Trouble> {
        let (place, key) = (self.place(), self.key()?);
        let tried = S3Pair::new(&place, &pair.access, &pair.secret);
        match tried.is_known(&key).map_err(trouble)? {
            PairSaid::Works => Ok(Answer::Accepted),
            PairSaid::NoSuchKey | PairSaid::WrongSecret => Ok(Answer::Refused),
            // Whoever may not list is refused what is not there too; or the pair is suspended.
            PairSaid::Forbids(_) => match tried.try_all(&key, key.as_bytes()).map_err(trouble)? {
                PairSaid::Works => Ok(Answer::Accepted),
                PairSaid::NoSuchKey | PairSaid::WrongSecret => Ok(Answer::Refused),
                PairSaid::Forbids(_) => Ok(Answer::Unknown),
            },
        }
    }
}

fn trouble(error: RemoteError) -> Trouble {
    match error.problem {
        RemoteProblem::Unreachable(_) | RemoteProblem::Busy(_) | RemoteProblem::ClockSkew(_) => {
            Trouble::unavailable(error)
        }
        RemoteProblem::Denied(_) | RemoteProblem::Missing(_) => Trouble::rejected(error),
        RemoteProblem::Unsafe(_)
        | RemoteProblem::Damaged(_)
        | RemoteProblem::Settings(_)
        | RemoteProblem::Failed(_) => Trouble::held(error),
    }
}
