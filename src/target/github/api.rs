//! Requests to GitHub's REST API: headers, rate limits, repetition, and what a status means.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::RwLock;

use crate::http::{Address, Client, HttpError, Method, Pause, Request, Response};
use crate::secret::SecretValue;
use crate::sys::{Clock, Random};

use super::error::{Forbidden, GithubError};
use super::limits::{ATTEMPTS, asked_to_wait, pause};

/// The version of the REST API.
const API_VERSION: &str = "2022-11-28";

/// The API of github.com.
pub const GITHUB_COM: &str = "https://api.github.com";

/// What a [`Github`] needs from outside.
pub struct Settings<'a> {
    /// The HTTPS client.
    pub client: &'a Client,
    /// The API's address: [`GITHUB_COM`], or `https://HOST/api/v3` of a GitHub Enterprise Server.
    pub base: Address,
    /// The token.
    pub token: SecretValue,
    /// The time, for limits that end at a given moment.
    pub clock: &'a dyn Clock,
    /// For pauses that are not the same for all.
    pub random: &'a RefCell<&'a mut dyn Random>,
    /// How to wait, and where to tell that we do.
    pub pause: &'a dyn Pause,
    /// The longest that one request may wait for rate limits in all.
    pub patience: Duration,
}

/// GitHub, as one token sees it.
pub struct Github<'a> {
    client: &'a Client,
    base: Address,
    token: SecretValue,
    clock: &'a dyn Clock,
    random: &'a RefCell<&'a mut dyn Random>,
    pause: &'a dyn Pause,
    patience: Duration,
    /// Held by every request that is on its way, and alone by the one that waits for a rate limit; counts the waits.
    gate: RwLock<u64>,
    sent: Cell<usize>,
}

/// One request, still without its address and its token.
pub(super) struct Call<'c> {
    pub(super) method: Method,
    pub(super) path: &'c str,
    pub(super) body: Option<Vec<u8>>,
    /// What it is about, for messages: `secret DB_PASSWORD of example/shop`.
    pub(super) what: &'c str,
}

impl<'c> Call<'c> {
    pub(super) const fn get(path: &'c str, what: &'c str) -> Self {
        Self { method: Method::GET, path, body: None, what }
    }
}

/// An answer other than success.
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) error: GithubError,
}

impl From<GithubError> for Refused {
    fn from(error: GithubError) -> Self {
        Self { status: 0, error }
    }
}

impl<'a> Github<'a> {
    /// GitHub by the given settings. Nothing is sent yet.
    pub fn new(settings: Settings<'a>) -> Self {
        Self {
            client: settings.client,
            base: settings.base,
            token: settings.token,
            clock: settings.clock,
            random: settings.random,
            pause: settings.pause,
            patience: settings.patience,
            gate: RwLock::new(0),
            sent: Cell::new(0),
        }
    }

    /// How many requests were sent so far, repeated ones included.
    pub const fn requests(&self) -> usize {
        self.sent.get()
    }

    /// Sends a request until GitHub has decided on it: again after a failure of the network or of GitHub, since every
    /// request of this module can be repeated, and after the wait that a rate limit asks for.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Response, Refused> {
        let (mut failures, mut waited) = (0, Duration::ZERO);
        loop {
            let (turn, outcome) = self.send_once(call).await?;
            let failed = match outcome {
                Ok(response) if response.is_success() => return Ok(response),
                Ok(response) => {
                    if let Some(wait) = asked_to_wait(&response, self.clock.now()) {
                        waited += wait;
                        if waited > self.patience {
                            return Err(GithubError::RateLimited(wait.as_secs()).into());
                        }
                        self.hold_back(turn, wait).await;
                        continue;
                    }
                    if !matches!(response.status, 500 | 502 | 503 | 504) {
                        return Err(refusal(&response, call.what));
                    }
                    GithubError::Server(response.status, request_id(&response))
                }
                Err(error) if error.is_transient() => error.into(),
                Err(error) => return Err(GithubError::from(error).into()),
            };
            failures += 1;
            if failures == ATTEMPTS {
                return Err(failed.into());
            }
            self.rest(failures).await?;
        }
    }

    /// The same, and the answer read as JSON.
    pub(super) async fn read<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, GithubError> {
        let response = self.call(call).await.map_err(|refused| refused.error)?;
        serde_json::from_slice(&response.body).map_err(|_| GithubError::Unreadable(call.what.to_owned()))
    }

    /// One try, and the number of rate limits that were waited for before it.
    async fn send_once(&self, call: &Call<'_>) -> Result<(u64, Result<Response, HttpError>), GithubError> {
        let address = self.base.join(call.path).map_err(HttpError::Address)?;
        let mut request = Request::new(call.method.clone(), address)
            .token(&self.token)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", API_VERSION);
        request.body.clone_from(&call.body);
        let gate = self.gate.read().await;
        self.sent.set(self.sent.get() + 1);
        Ok((*gate, self.client.send(&request).await))
    }

    /// Waits with the gate shut, so that nobody sends anything meanwhile. Several may have met the same limit: only
    /// the first of them waits.
    async fn hold_back(&self, turn: u64, wait: Duration) {
        let mut gate = self.gate.write().await;
        if *gate == turn {
            self.pause.pause(wait).await;
            *gate += 1;
        }
    }

    /// The pause after the attempt of that number.
    pub(super) async fn rest(&self, attempt: u32) -> Result<(), GithubError> {
        let dice = self.dice()?;
        self.pause.pause(pause(attempt, dice)).await;
        Ok(())
    }

    fn dice(&self) -> Result<u32, GithubError> {
        let mut bytes = [0; 4];
        self.random.borrow_mut().fill(&mut bytes).map_err(|_| GithubError::Random)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

/// What a status that is no success means.
fn refusal(response: &Response, what: &str) -> Refused {
    let what = what.to_owned();
    let error = match response.status {
        401 => GithubError::Token,
        403 => GithubError::Forbidden(what, forbidden(response)),
        404 => GithubError::NotFound(what),
        409 => GithubError::Conflict(what),
        400 | 422 => GithubError::Invalid(what, invalid_fields(&response.body)),
        status @ 500.. => GithubError::Server(status, request_id(response)),
        status => GithubError::Unexpected(what, status),
    };
    Refused { status: response.status, error }
}

fn forbidden(response: &Response) -> Forbidden {
    let text = |name| response.header(name).map(|text| text.chars().filter(|c| !c.is_control()).collect());
    Forbidden {
        needed: text("x-accepted-github-permissions"),
        accepted_scopes: text("x-accepted-oauth-scopes"),
        scopes: text("x-oauth-scopes"),
        single_sign_on: response.header("x-github-sso").is_some(),
    }
}

fn request_id(response: &Response) -> Option<String> {
    let id = response.header("x-github-request-id")?;
    let fits = id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b':' || b == b'-');
    fits.then(|| id.to_owned())
}

#[derive(Deserialize)]
struct Invalid {
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// The names of the fields that a validation error complains about: the one part of it that cannot quote a value.
fn invalid_fields(body: &[u8]) -> Vec<String> {
    let Ok(invalid) = serde_json::from_slice::<Invalid>(body) else { return Vec::new() };
    let known = ["name", "value", "encrypted_value", "key_id", "visibility", "selected_repository_ids"];
    let field =
        |error: &serde_json::Value| error.get("field").and_then(|field| field.as_str().map(str::to_owned));
    invalid.errors.iter().filter_map(field).filter(|field| known.contains(&field.as_str())).collect()
}
