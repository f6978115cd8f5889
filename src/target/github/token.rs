//! Where the token comes from.

use std::fmt;
use std::path::Path;

use crate::http::Address;
use crate::secret::SecretValue;
use crate::sys::{Environment, Variable, capture};

/// Who gave the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// A secret of the store, as the schema says.
    Secret,
    /// A variable of the environment.
    Environment(Variable),
    /// `gh auth token`.
    Gh,
    /// The user's keyring.
    Keyring,
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret => f.write_str("the store"),
            Self::Environment(variable) => f.write_str(variable.name()),
            Self::Gh => f.write_str("gh auth token"),
            Self::Keyring => f.write_str("the keyring"),
        }
    }
}

/// A token and where it comes from.
pub struct Token {
    /// The token.
    pub value: SecretValue,
    /// Its source, for messages.
    pub source: TokenSource,
}

/// Looks for a token for the API at `base`: the secret that the schema names, then the environment, then
/// `gh auth token`, then the keyring. A token for github.com is never given for another host.
pub fn find_token(
    env: &Environment,
    base: &Address,
    secret: Option<SecretValue>,
    keyring: impl FnOnce(&str) -> Option<SecretValue>,
) -> Option<Token> {
    let host = web_host(base);
    let token = |source| move |value| Token { value, source };
    let named = secret.filter(|value| !value.is_empty()).map(token(TokenSource::Secret));
    named
        .or_else(|| from_environment(env, base, host))
        .or_else(|| from_gh(env, host).map(token(TokenSource::Gh)))
        .or_else(|| keyring(host).filter(|value| !value.is_empty()).map(token(TokenSource::Keyring)))
}

/// The host as people and `gh` call it: `github.com`, `TENANT.ghe.com`, or an Enterprise server's own.
fn web_host(base: &Address) -> &str {
    let host = base.host();
    host.strip_prefix("api.").filter(|rest| is_hosted(rest)).unwrap_or(host)
}

/// The variable that people set a token in for the API at `base`, and the host as `gh` calls it.
pub fn usual_variable(base: &Address) -> (Variable, &str) {
    let host = web_host(base);
    (if is_hosted(host) { Variable::GhToken } else { Variable::GhEnterpriseToken }, host)
}

/// Whether GitHub itself runs the host.
fn is_hosted(host: &str) -> bool {
    host == "github.com" || host.ends_with(".ghe.com")
}

/// As `gh` has it: one pair of variables for the hosts that GitHub runs, another for Enterprise servers. Inside an
/// Actions job `GITHUB_TOKEN` is for the server that runs the job, whichever that is.
fn from_environment(env: &Environment, base: &Address, host: &str) -> Option<Token> {
    let own_job = env.is_github_actions()
        && env.text(Variable::GithubApiUrl).and_then(|url| Address::parse(url).ok()).as_ref() == Some(base);
    let variables: &[Variable] = match (is_hosted(host), own_job) {
        (true, _) => &[Variable::GhToken, Variable::GithubToken],
        (false, true) => {
            &[Variable::GhEnterpriseToken, Variable::GithubEnterpriseToken, Variable::GithubToken]
        }
        (false, false) => &[Variable::GhEnterpriseToken, Variable::GithubEnterpriseToken],
    };
    variables.iter().find_map(|variable| {
        let value = SecretValue::new(env.text(*variable)?.trim().to_owned());
        (!value.is_empty()).then_some(Token { value, source: TokenSource::Environment(*variable) })
    })
}

/// What `gh` has stored at `gh auth login`. It inherits no identity of ours.
fn from_gh(env: &Environment, host: &str) -> Option<SecretValue> {
    let arguments = ["auth", "token", "--hostname", host];
    let printed = capture("gh", Path::new("."), &arguments, env.for_children()).ok().flatten()?;
    let text = std::str::from_utf8(&printed).ok()?.trim();
    (!text.is_empty()).then(|| SecretValue::new(text.to_owned()))
}
