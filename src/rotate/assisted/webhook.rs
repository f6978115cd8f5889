//! The secret with which a service signs what it sends to an endpoint of ours, in the form of Svix, which Clerk and others
//! use: `whsec_` and the key in base64; the signature is HMAC-SHA-256 of id, time and body.
//!
//! Such a service has no way to ask whether a secret is valid. Our own endpoint tells, if the schema names it: once the
//! programs have the secret, they accept an event signed with it, and none that is signed with another.
//!
//! A new secret belongs to a second endpoint at the service, so that events come twice until the first is deleted. Programs
//! that try the secret before as well, from a companion secret, refuse none of them:
//!
//! | deploy | secret | companion |
//! | --- | --- | --- |
//! | with the new secret | new | old |
//! | once the old endpoint is deleted | new | none |
//! | taken back | old | new |
//! | once the new endpoint is deleted | old | none |

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::http::{Address, Client, Method, Request};
use crate::name::SecretName;
use crate::schema::{Alphabet, Policy, WebhookRotation};
use crate::secret::{SecretValue, hex};
use crate::store::Values;
use crate::sys::{self, Clock, Environment, OsRandom, Random, SystemClock, describe};

use super::super::credential::Answer;
use super::super::trouble::Trouble;
use super::super::wrong::drawn;
use super::issuer::{Issuer, ProofTime, value};

/// How long one answer may take.
const TIME: Duration = Duration::from_secs(20);

/// The event that is sent. Programs are to ignore what they do not know.
const EVENT: &str = r#"{"data":{},"object":"event","type":"luca-secrets.test"}"#;

/// What stands before the key.
const PREFIX: &str = "whsec_";

/// Length of a key, in bytes: what Svix makes, and takes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The sender of webhooks, for one secret.
pub struct Webhook {
    secret: SecretName,
    settings: WebhookRotation,
    env: Environment,
}

impl Webhook {
    /// The sender by the schema.
    pub const fn new(secret: SecretName, settings: WebhookRotation, env: Environment) -> Self {
        Self { secret, settings, env }
    }

    /// What our endpoint says to an event that is signed with a secret.
    fn send(&self, endpoint: &str, secret: &SecretValue) -> Result<Answer, Trouble> {
        let address = Address::parse(endpoint).map_err(Trouble::held)?;
        let mut id = [0; 12];
        OsRandom.fill(&mut id).map_err(|_| Trouble::unavailable("the system gives no randomness"))?;
        let (id, time) = (format!("msg_{}", hex(&id)), SystemClock.now().as_second().to_string());
        let signature =
            signature(secret, &id, &time).ok_or_else(|| Trouble::rejected("the secret is no key"))?;
        let mut request = Request::new(Method::POST, address)
            .header("svix-id", &id)
            .header("svix-timestamp", &time)
            .header("svix-signature", &signature)
            .body(EVENT.as_bytes().to_vec());
        request.follows = false;
        let client = Client::new(&self.env, TIME).map_err(Trouble::unavailable)?;
        let response = sys::block_on(client.send(&request))
            .map_err(|error| Trouble::unavailable(describe(&error)))?
            .map_err(Trouble::unavailable)?;
        Ok(match response.status {
            200..=299 => Answer::Accepted,
            400 | 401 | 403 => Answer::Refused,
            _ => Answer::Unknown,
        })
    }
}

impl Webhook {
    /// That the endpoint, which accepts the new secret and no wrong one, accepts the one before too where it is to.
    fn proof_of_both(&self, endpoint: &str, current: &Values) -> Result<String, Trouble> {
        let accepted = match (&self.settings.previous, value(current, &self.secret)) {
            (Some(_), Some(before)) => match self.send(endpoint, before)? {
                Answer::Accepted => "an event signed with it, and one signed with the secret before",
                Answer::Refused => {
                    let message = "the endpoint refuses an event signed with the secret before";
                    return Err(Trouble::rejected(message).hint(
                        "the program behind it must try the secret that `previous` names too, where there is one",
                    ));
                }
                _ => {
                    let message =
                        "the endpoint says neither yes nor no to an event signed with the secret before";
                    return Err(Trouble::unavailable(message));
                }
            },
            _ => "an event signed with it",
        };
        Ok(format!("the endpoint accepts {accepted}, and refuses one signed with another"))
    }
}

/// The header with the signature.
fn signature(secret: &SecretValue, id: &str, time: &str) -> Option<String> {
    let key = key(secret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{time}.{EVENT}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn key(secret: &SecretValue) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(STANDARD.decode(secret.expose().strip_prefix(PREFIX)?).ok()?);
    KEY_LENGTHS.contains(&key.len()).then_some(key)
}

impl Issuer for Webhook {
    fn fields(&self) -> Vec<(SecretName, &'static str)> {
        vec![(self.secret.clone(), "signing secret")]
    }

    fn companion(&self) -> Option<&SecretName> {
        self.settings.previous.as_ref()
    }

    fn noun(&self) -> &'static str {
        "signing secret of the webhook"
    }

    fn url(&self) -> Option<&str> {
        self.settings.url.as_deref()
    }

    fn how_to_make(&self) -> Vec<String> {
        let twice = if self.settings.previous.is_some() {
            "  from then on every event comes twice, and until the programs know both secrets one of the two fails its check"
        } else {
            "  from then on every event comes twice, and one of the two fails its check"
        };
        let first =
            "  add a second endpoint with the same URL and the same events, and copy its signing secret";
        vec![first.to_owned(), twice.to_owned()]
    }

    fn how_to_end(&self) -> Vec<String> {
        vec!["  delete the endpoint that has it".to_owned()]
    }

    fn proof_time(&self) -> ProofTime {
        if self.settings.endpoint.is_some() { ProofTime::Deployed } else { ProofTime::Never }
    }

    fn form(&self, _: &Values, new: &Values) -> Result<(), Trouble> {
        let new = value(new, &self.secret);
        let refuse = |text: &str| Err(Trouble::rejected(text));
        match new.map(SecretValue::expose) {
            None => refuse("no secret was given"),
            Some(text) if text.starts_with("sk_") => {
                refuse("that is a secret key, not the secret of a webhook")
            }
            Some(text) if !text.starts_with(PREFIX) => {
                refuse("that is no signing secret: those start with whsec_")
            }
            Some(_) if new.and_then(key).is_none() => {
                refuse("the signing secret is not whole: copy it again")
            }
            Some(_) => Ok(()),
        }
    }

    fn proof(&mut self, current: &Values, new: &Values) -> Result<String, Trouble> {
        let (Some(new), Some(endpoint)) = (value(new, &self.secret), &self.settings.endpoint) else {
            return Err(Trouble::held("there is no secret to be tried"));
        };
        let length =
            Policy { length: 32, alphabet: Alphabet::Hex, prefix: String::new(), suffix: String::new() };
        let wrong = drawn(&length, &mut OsRandom)?;
        let wrong = SecretValue::new(format!("{PREFIX}{}", STANDARD.encode(wrong.expose())));
        match (self.send(endpoint, new)?, self.send(endpoint, &wrong)?) {
            (Answer::Accepted, Answer::Refused) => self.proof_of_both(endpoint, current),
            (Answer::Accepted, Answer::Accepted) => {
                Err(Trouble::rejected("the endpoint accepts an event whose signature is wrong")
                    .hint("the program behind it does not check signatures"))
            }
            (Answer::Refused, Answer::Refused) => {
                Err(Trouble::rejected("the endpoint refuses an event signed with the new secret"))
            }
            _ => Err(Trouble::unavailable("the endpoint says neither yes nor no to a signed event")),
        }
    }

    fn accepts(&mut self, values: &Values) -> Result<Answer, Trouble> {
        match (value(values, &self.secret), &self.settings.endpoint) {
            (Some(secret), Some(endpoint)) => self.send(endpoint, secret),
            (None, _) => Ok(Answer::None),
            (_, None) => Ok(Answer::Unknown),
        }
    }
}
