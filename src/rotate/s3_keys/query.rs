//! Requests to IAM: its query protocol, signed as all of AWS is.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use crate::http::{Address, Client, HttpError, Method, Request, encode_part};
use crate::sys::{self, Clock, Environment, SystemClock, describe};

use super::super::trouble::Trouble;
use super::bucket::Pair;
use super::reply;

/// Amazon's own, which is in one region for all.
const AMAZON: &str = "https://iam.amazonaws.com";
const REGION: &str = "us-east-1";

/// The version of the protocol.
const VERSION: &str = "2010-05-08";

/// How long one answer may take.
const TIME: Duration = Duration::from_secs(20);

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// An IAM service.
pub struct Iam {
    endpoint: String,
    env: Environment,
}

/// What came of a request that was answered. Without `Debug`: it may hold a secret.
pub(super) enum Answered {
    /// Done; the body.
    Done(String),
    /// Refused, for the reason that this word names.
    Refused(String),
}

impl Iam {
    /// The service at an address, or Amazon's own.
    pub fn new(endpoint: Option<&str>, env: Environment) -> Self {
        Self { endpoint: endpoint.unwrap_or(AMAZON).to_owned(), env }
    }

    /// Sends a request in the name of whoever has the pair. Only an answer of the service is one; of everything else
    /// nobody knows what it did, unless no connection came about.
    pub(super) fn ask(
        &self,
        pair: &Pair,
        action: &str,
        fields: &[(&str, &str)],
    ) -> Result<Answered, Trouble> {
        let address =
            Address::parse(&self.endpoint).and_then(|base| base.join("/")).map_err(Trouble::held)?;
        if !address.is_private() {
            return Err(Trouble::held(format!("{}: no keys are made over plain http", address.host())));
        }
        let mut body = format!("Action={action}&Version={VERSION}");
        for (name, value) in fields {
            let _ = write!(body, "&{name}={}", encode_part(value));
        }
        let headers = self.signed(pair, address.host(), &body)?;
        let mut request =
            Request::new(Method::POST, address).header("content-type", FORM).body(body.into_bytes());
        request.headers.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        request.follows = false;
        let client = Client::new(&self.env, TIME).map_err(Trouble::unavailable)?;
        let sent =
            sys::block_on(client.send(&request)).map_err(|error| Trouble::unavailable(describe(&error)))?;
        let response = sent.map_err(|error| match error {
            HttpError::TimedOut(_) | HttpError::Lost(_) | HttpError::TooLong(_) => Trouble::in_doubt(error),
            error => Trouble::unavailable(error),
        })?;
        let text = String::from_utf8(response.body)
            .map_err(|_| Trouble::in_doubt(format!("IAM ({action}): the answer is no text")))?;
        if (200..300).contains(&response.status) {
            return Ok(Answered::Done(text));
        }
        match reply::code(&text) {
            // A signature of another time than the service's is refused as one that does not fit would be.
            Some(_) if reply::is_skewed(&text) => Err(Trouble::unavailable(format!(
                "IAM ({action}): this machine's clock differs too much from the service's"
            ))),
            Some(code) if response.status == 429 || reply::is_throttle(&code) => {
                Err(Trouble::unavailable(format!("IAM ({action}): {code}: the service asks to slow down")))
            }
            Some(code) if (400..500).contains(&response.status) => Ok(Answered::Refused(code)),
            _ => Err(Trouble::in_doubt(format!("IAM ({action}): the answer has status {}", response.status))),
        }
    }

    fn signed(&self, pair: &Pair, host: &str, body: &str) -> Result<Vec<(String, String)>, Trouble> {
        let broken = || Trouble::held("the request to IAM cannot be signed");
        let identity =
            Credentials::new(pair.access.expose(), pair.secret.expose(), None, None, "luca-secrets").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("iam")
            .time(UNIX_EPOCH + Duration::from_secs(u64::try_from(SystemClock.now().as_second()).unwrap_or(0)))
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| broken())?
            .into();
        let url = format!("{}/", self.endpoint.trim_end_matches('/'));
        let headers = [("host", host), ("content-type", FORM)];
        let signable =
            SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let signed = sign(signable.map_err(|_| broken())?, &params).map_err(|_| broken())?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
