//! What GitHub refused, and why.

use std::fmt;

use crate::http::HttpError;

/// What a token lacks, as far as GitHub's headers tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forbidden {
    /// The permissions that a fine-grained token needs, as `X-Accepted-GitHub-Permissions` names them.
    pub needed: Option<String>,
    /// The scopes that a classic token would need, from `X-Accepted-OAuth-Scopes`.
    pub accepted_scopes: Option<String>,
    /// The scopes that it has, from `X-OAuth-Scopes`.
    pub scopes: Option<String>,
    /// Whether the organisation wants the token authorised by single sign-on first.
    pub single_sign_on: bool,
}

/// Why something on GitHub could not be seen or changed. The texts name what it was about; nothing is taken from the
/// bodies of answers, which may quote what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubError {
    /// 401: the token is unknown, revoked or expired.
    Token,
    /// 403: the token may not do this to that.
    Forbidden(String, Forbidden),
    /// 404: it is not there, or the token may not see it.
    NotFound(String),
    /// 409: somebody else is changing it.
    Conflict(String),
    /// 400 or 422: GitHub does not take it; the fields that it names.
    Invalid(String, Vec<String>),
    /// GitHub asks to wait for longer than we are ready to; seconds.
    RateLimited(u64),
    /// GitHub failed, several times in a row; the status, and the request's id for GitHub's support.
    Server(u16, Option<String>),
    /// A status that the description does not know.
    Unexpected(String, u16),
    /// An answer of another form than described.
    Unreadable(String),
    /// The public key is none.
    BadKey,
    /// Randomness is missing.
    Random,
    /// Not tried, since an earlier error would have met it too.
    NotTried,
    /// What was written is not there, or not as it was written.
    NotThere(String),
    /// No answer came.
    Http(HttpError),
}

impl GithubError {
    /// Whether whatever is tried next will meet the same error.
    pub const fn concerns_all(&self) -> bool {
        match self {
            Self::Token
            | Self::Forbidden(..)
            | Self::RateLimited(_)
            | Self::Server(..)
            | Self::BadKey
            | Self::Random
            | Self::Http(_) => true,
            Self::NotFound(_)
            | Self::Conflict(_)
            | Self::Invalid(..)
            | Self::Unexpected(..)
            | Self::Unreadable(_)
            | Self::NotTried
            | Self::NotThere(_) => false,
        }
    }
}

impl fmt::Display for GithubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("GitHub does not know the token: it is wrong, expired or revoked"),
            Self::Forbidden(what, lacks) => write!(f, "{what}: {lacks}"),
            Self::NotFound(what) => write!(f, "{what}: not there, or the token may not see it"),
            Self::Conflict(what) => write!(f, "{what}: somebody else is changing it"),
            Self::Invalid(what, fields) if fields.is_empty() => write!(f, "{what}: GitHub does not take it"),
            Self::Invalid(what, fields) => {
                write!(f, "{what}: GitHub does not take its {}", fields.join(", "))
            }
            Self::RateLimited(seconds) => write!(f, "GitHub's rate limit is reached for another {seconds} s"),
            Self::Server(status, None) => write!(f, "GitHub failed with status {status}"),
            Self::Server(status, Some(id)) => write!(f, "GitHub failed with status {status} (request {id})"),
            Self::Unexpected(what, status) => write!(f, "{what}: GitHub answered with status {status}"),
            Self::Unreadable(what) => write!(f, "{what}: GitHub's answer is of an unknown form"),
            Self::BadKey => f.write_str("GitHub's public key is not one"),
            Self::Random => f.write_str("the system gives no randomness"),
            Self::NotTried => f.write_str("not tried"),
            Self::NotThere(what) => write!(f, "{what}: written, but not there afterwards"),
            Self::Http(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.single_sign_on {
            return f.write_str("the organisation wants the token authorised by single sign-on first");
        }
        f.write_str("the token may not do this")?;
        if let Some(needed) = &self.needed {
            write!(f, "; it needs the permission {needed}")?;
        }
        if let (Some(accepted), Some(scopes)) = (&self.accepted_scopes, &self.scopes) {
            let scopes = if scopes.is_empty() { "none" } else { scopes };
            write!(f, "; a classic token needs one of the scopes {accepted} and has {scopes}")?;
        }
        Ok(())
    }
}

impl std::error::Error for GithubError {}

impl From<HttpError> for GithubError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}
