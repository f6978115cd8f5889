//! A secret key of Clerk's. Several can be valid at once; they are made and deleted in the dashboard only, and the Backend
//! API tells which instance one belongs to (`GET /instance` of the published description).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;

use crate::http::{Address, Client, HttpError, Method, Request, Response};
use crate::name::SecretName;
use crate::schema::{Alphabet, ClerkRotation, Policy};
use crate::secret::SecretValue;
use crate::store::Values;
use crate::sys::{self, Environment, OsRandom, describe};

use super::super::credential::Answer;
use super::super::trouble::Trouble;
use super::super::wrong::drawn;
use super::issuer::{Issuer, ProofTime, value};

/// How long one answer may take.
const TIME: Duration = Duration::from_secs(20);

/// What Clerk answers to a key that it does not know, with status 401.
const UNKNOWN_KEY: &str = "clerk_key_invalid";

/// Clerk, for one secret.
pub struct Clerk {
    secret: SecretName,
    settings: ClerkRotation,
    /// The publishable key that goes with it, as the schema makes it.
    publishable: Option<SecretValue>,
    env: Environment,
}

/// An instance as the Backend API shows it.
#[derive(Deserialize, PartialEq, Eq)]
struct Instance {
    object: String,
    id: String,
    environment_type: String,
}

/// The domains of an instance, as the Backend API lists them.
#[derive(Deserialize)]
struct Domains {
    data: Vec<Domain>,
}

#[derive(Deserialize)]
struct Domain {
    /// Where browsers ask, and where the keys lie by which tokens are checked (JWKS).
    frontend_api_url: String,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorCode>,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: String,
}

/// What the Backend API says to a key.
enum Said {
    Known(Instance),
    Unknown,
}

/// For which kind of instance a key is, as its prefix says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Test,
    Live,
}

impl Kind {
    fn of(key: &SecretValue, what: &str) -> Option<Self> {
        let rest = key.expose().strip_prefix(what)?;
        let long = |kind: &str| rest.strip_prefix(kind).is_some_and(|rest| rest.len() >= 8);
        if long("_test_") { Some(Self::Test) } else { long("_live_").then_some(Self::Live) }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl Clerk {
    /// Clerk by the schema; `publishable` is the rendered publishable key, if the schema names one.
    pub const fn new(
        secret: SecretName,
        settings: ClerkRotation,
        publishable: Option<SecretValue>,
        env: Environment,
    ) -> Self {
        Self { secret, settings, publishable, env }
    }

    fn ask(&self, key: &SecretValue) -> Result<Said, Trouble> {
        let (response, host) = self.get(key, "/v1/instance")?;
        said(&response, &host)
    }

    /// What the Backend API answers, and its host.
    fn get(&self, key: &SecretValue, path: &str) -> Result<(Response, String), Trouble> {
        let base = Address::parse(&self.settings.api).map_err(Trouble::held)?;
        let address = base.join(path).map_err(Trouble::held)?;
        let host = address.host().to_owned();
        let mut request = Request::new(Method::GET, address).token(key).header("accept", "application/json");
        request.follows = false;
        let client = Client::new(&self.env, TIME).map_err(Trouble::unavailable)?;
        let response = sys::block_on(client.send(&request))
            .map_err(|error| Trouble::unavailable(describe(&error)))?
            .map_err(|error| match error {
                // The key itself holds what no header can.
                HttpError::Unsendable => {
                    Trouble::rejected("the key holds characters that no key of Clerk's has")
                }
                error => Trouble::unavailable(error),
            })?;
        Ok((response, host))
    }

    /// That the instance of a key is the one of the publishable key, whose frontend API is the project's: there its tokens
    /// come from, and the keys that check them.
    fn same_frontend(&self, key: &SecretValue) -> Result<(), Trouble> {
        let Some(publishable) = &self.publishable else { return Ok(()) };
        let wanted = frontend(publishable).ok_or_else(|| {
            Trouble::rejected("the publishable key that the schema gives names no frontend API")
                .hint("see `publishable-key` of the rotation, and the secrets that it uses")
        })?;
        let (response, host) = self.get(key, "/v1/domains")?;
        let domains = serde_json::from_slice::<Domains>(&response.body).ok();
        let Some(domains) = domains.filter(|_| response.status == 200) else {
            return Err(silent(&response, &host));
        };
        let is_it = |domain: &Domain| {
            let bare = domain.frontend_api_url.trim_start_matches("https://").trim_end_matches('/');
            bare.eq_ignore_ascii_case(&wanted)
        };
        if domains.data.iter().any(is_it) {
            return Ok(());
        }
        let message = "the key belongs to another instance than the project's publishable key";
        Err(Trouble::rejected(message).hint("choose the project's own application and instance on the page"))
    }

    fn known(&self, key: &SecretValue, which: &str) -> Result<Instance, Trouble> {
        match self.ask(key)? {
            Said::Known(instance) => Ok(instance),
            Said::Unknown => Err(Trouble::rejected(format!("Clerk refuses {which}"))
                .hint("copy it again, whole; one that was deleted, or never shown whole, cannot be used")),
        }
    }

    /// The kind of instance that the project is for: as the publishable key says, else as the current key does.
    fn wanted(&self, current: &SecretValue) -> Option<Kind> {
        self.publishable.as_ref().and_then(|key| Kind::of(key, "pk")).or_else(|| Kind::of(current, "sk"))
    }
}

impl Issuer for Clerk {
    fn fields(&self) -> Vec<(SecretName, &'static str)> {
        vec![(self.secret.clone(), "secret key")]
    }

    fn noun(&self) -> &'static str {
        "secret key of Clerk's"
    }

    fn url(&self) -> Option<&str> {
        self.settings.url.as_deref()
    }

    fn how_to_make(&self) -> Vec<String> {
        vec!["  Configure, API keys, Secret keys: add one; it is shown once".to_owned()]
    }

    fn how_to_end(&self) -> Vec<String> {
        vec!["  Configure, API keys, Secret keys: see when each was used last, and delete the one".to_owned()]
    }

    fn proof_time(&self) -> ProofTime {
        ProofTime::AtOnce
    }

    fn form(&self, current: &Values, new: &Values) -> Result<(), Trouble> {
        let (Some(new), Some(current)) = (value(new, &self.secret), value(current, &self.secret)) else {
            return Err(Trouble::rejected("no key was given"));
        };
        for (prefix, what) in
            [("pk_", "a publishable key"), ("whsec_", "a webhook's secret"), ("ak_", "an API key")]
        {
            if new.expose().starts_with(prefix) {
                return Err(Trouble::rejected(format!("that is {what}, not a secret key")));
            }
        }
        let Some(kind) = Kind::of(new, "sk") else {
            return Err(Trouble::rejected(
                "that is no secret key of Clerk's: those start with sk_test_ or sk_live_",
            ));
        };
        match self.wanted(current) {
            Some(wanted) if wanted != kind => Err(Trouble::rejected(format!(
                "that key is for a {} instance, and the project uses a {} one",
                kind.word(),
                wanted.word()
            ))),
            _ => Ok(()),
        }
    }

    fn proof(&mut self, current: &Values, new: &Values) -> Result<String, Trouble> {
        let (Some(new), Some(current)) = (value(new, &self.secret), value(current, &self.secret)) else {
            return Err(Trouble::held("there is no key to be tried"));
        };
        let fresh = self.known(new, "the new key")?;
        let kind =
            Kind::of(new, "sk").ok_or_else(|| Trouble::rejected("that is no secret key of Clerk's"))?;
        if (fresh.environment_type == "production") != (kind == Kind::Live) {
            return Err(Trouble::rejected(format!(
                "the key is a {} key, and Clerk calls its instance a {} one",
                kind.word(),
                fresh.environment_type
            )));
        }
        if self.wanted(current).is_some_and(|wanted| wanted != kind) {
            return Err(Trouble::rejected("the key does not go with the project's publishable key"));
        }
        self.same_frontend(new)?;
        if new != current && self.known(current, "the current key")? != fresh {
            return Err(Trouble::rejected("the key belongs to another instance than the current one"));
        }
        let wrong = wrong_key(kind)?;
        match self.ask(&wrong)? {
            Said::Unknown => {
                Ok(format!("Clerk accepts it for the same {} instance, and refuses a wrong one", kind.word()))
            }
            Said::Known(_) => Err(Trouble::held("whoever answers there accepts any key")
                .hint("`api` of the rotation must be the address of Clerk's Backend API")),
        }
    }

    fn accepts(&mut self, values: &Values) -> Result<Answer, Trouble> {
        let Some(key) = value(values, &self.secret) else { return Ok(Answer::None) };
        Ok(match self.ask(key)? {
            Said::Known(_) => Answer::Accepted,
            Said::Unknown => Answer::Refused,
        })
    }
}

/// What an answer says of the key. Anything but the two clear answers says nothing.
fn said(response: &Response, host: &str) -> Result<Said, Trouble> {
    if response.status == 200
        && let Ok(instance) = serde_json::from_slice::<Instance>(&response.body)
        && instance.object == "instance"
        && instance.environment_type.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return Ok(Said::Known(instance));
    }
    if response.status == 401
        && let Ok(errors) = serde_json::from_slice::<Errors>(&response.body)
        && errors.errors.iter().any(|error| error.code == UNKNOWN_KEY)
    {
        return Ok(Said::Unknown);
    }
    Err(silent(response, host))
}

/// An answer that says neither yes nor no.
fn silent(response: &Response, host: &str) -> Trouble {
    let trouble = Trouble::unavailable(format!(
        "{host} answers with status {}, which says nothing of the key",
        response.status
    ));
    match response.header("retry-after").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(seconds) if response.status == 429 => trouble.hint(format!("it asks to wait for {seconds} s")),
        _ => trouble,
    }
}

/// The host of the frontend API, which a publishable key holds in base64 with a `$` behind it.
fn frontend(publishable: &SecretValue) -> Option<String> {
    let text = publishable.expose();
    let coded = text.strip_prefix("pk_test_").or_else(|| text.strip_prefix("pk_live_"))?;
    let plain = String::from_utf8(STANDARD_NO_PAD.decode(coded.trim_end_matches('=')).ok()?).ok()?;
    let host = plain.strip_suffix('$')?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// A key that nobody has.
fn wrong_key(kind: Kind) -> Result<SecretValue, Trouble> {
    let prefix = format!("sk_{}_", kind.word());
    let policy = Policy { length: 42, alphabet: Alphabet::Alphanumeric, prefix, suffix: String::new() };
    drawn(&policy, &mut OsRandom)
}
