//! What the errors of an S3 service mean. Its words are looked at and never passed on.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use jiff::Timestamp;

use crate::remote::error::RemoteProblem;

/// How many tries it is worth if an answer is missing, or the service fails for now.
const TRIES: u32 = 8;

/// Why one request came to nothing.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) problem: RemoteProblem,
    /// How many tries it is worth in all; none if it does not pass by itself.
    pub(super) tries: u32,
    /// Whether the service may have done what was asked for all the same.
    pub(super) in_doubt: bool,
}

impl Trouble {
    /// One for good, that has changed nothing.
    pub(super) fn lasting(problem: RemoteProblem) -> Self {
        Self { problem, tries: 0, in_doubt: false }
    }

    /// One that may pass, and leaves in doubt what was done.
    pub(super) fn passing(problem: RemoteProblem) -> Self {
        Self { problem, tries: TRIES, in_doubt: true }
    }

    /// One that may pass and has changed nothing.
    fn refused(problem: RemoteProblem) -> Self {
        Self { problem, tries: TRIES, in_doubt: false }
    }

    /// Others write the same key at once, and the service decides for nobody.
    pub(super) fn contested() -> Self {
        let problem = RemoteProblem::Busy("others write there all the time".to_owned());
        Self { problem, tries: 20, in_doubt: false }
    }

    /// There is no network, or nobody there. Whoever works without one should not wait for long.
    fn no_connection(text: &str) -> Self {
        Self { problem: RemoteProblem::Unreachable(text.to_owned()), tries: 3, in_doubt: false }
    }
}

/// How a service refuses: the parts of its answer that mean something.
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The error's code; empty if there is none, as in an answer to HEAD.
    pub(super) code: String,
    region: Option<String>,
    date: Option<String>,
}

/// What came of a request that did not succeed.
pub(super) enum Answer {
    /// The service says no.
    Refused(Refusal),
    /// There was no answer to speak of.
    None(Trouble),
}

/// Takes an error of the SDK apart.
pub(super) fn answer<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E, HttpResponse>) -> Answer {
    match error {
        SdkError::ServiceError(refused) => {
            let raw = refused.raw();
            let header = |name: &str| raw.headers().get(name).map(ToOwned::to_owned);
            Answer::Refused(Refusal {
                status: raw.status().as_u16(),
                code: refused.err().code().unwrap_or_default().to_owned(),
                region: header("x-amz-bucket-region"),
                date: header("date"),
            })
        }
        SdkError::TimeoutError(_) => {
            Answer::None(Trouble { tries: 2, ..Trouble::no_connection("no connection") })
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            Answer::None(Trouble::lasting(RemoteProblem::Settings("the request cannot be made".to_owned())))
        }
        // The only time limit that the SDK itself is given is that for a connection.
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            Answer::None(Trouble { tries: 2, ..Trouble::no_connection("no connection") })
        }
        SdkError::DispatchFailure(failure) => {
            let source = failure.as_connector_error().map(|error| error as &(dyn Error + 'static));
            Answer::None(of_connection(source))
        }
        SdkError::ResponseError(broken) if broken.raw().status().is_server_error() => {
            Answer::None(Trouble::passing(RemoteProblem::Busy("the service fails for now".to_owned())))
        }
        SdkError::ResponseError(_) => {
            Answer::None(Trouble::passing(RemoteProblem::Unreachable("the answer broke off".to_owned())))
        }
        _ => Answer::None(Trouble::lasting(RemoteProblem::Settings("the request cannot be made".to_owned()))),
    }
}

/// Why there is no connection.
pub(super) fn of_connection(mut cause: Option<&(dyn Error + 'static)>) -> Trouble {
    while let Some(error) = cause {
        if let Some(tls) = of_tls(error) {
            return Trouble::lasting(tls);
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if io.kind() == io::ErrorKind::ConnectionRefused {
                return Trouble::no_connection("nobody listens there");
            }
            // What an error of this type wraps does not count as its source.
            if let Some(inner) = io.get_ref() {
                cause = Some(inner);
                continue;
            }
        }
        let text = error.to_string();
        if text.contains("dns error") || text.contains("failed to lookup address") {
            return Trouble::no_connection("the host name is not known");
        }
        cause = error.source();
    }
    Trouble::passing(RemoteProblem::Unreachable("the connection failed".to_owned()))
}

/// Why there is no safe connection.
fn of_tls(error: &(dyn Error + 'static)) -> Option<RemoteProblem> {
    use rustls::CertificateError as Why;
    let text = match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(
            Why::Expired | Why::ExpiredContext { .. } | Why::NotValidYet | Why::NotValidYetContext { .. },
        ) => "its certificate is not valid at this time, by this machine's clock",
        rustls::Error::InvalidCertificate(Why::NotValidForName | Why::NotValidForNameContext { .. }) => {
            "its certificate is for another name"
        }
        rustls::Error::InvalidCertificate(_) => {
            "its certificate is not trusted here: name a file of those to trust with `ca-file`"
        }
        rustls::Error::PeerIncompatible(_) | rustls::Error::InvalidMessage(_) => "it does not speak TLS",
        _ => return None,
    };
    Some(RemoteProblem::Settings(text.to_owned()))
}

impl Refusal {
    /// One that the SDK has not read: the code, and the time that the service says it is.
    pub(super) const fn new(status: u16, code: String, date: Option<String>) -> Self {
        Self { status, code, region: None, date }
    }

    /// What it means, where it is nothing that was asked about.
    pub(super) fn trouble(&self) -> Trouble {
        let denied = |text: &str| Trouble::lasting(RemoteProblem::Denied(text.to_owned()));
        match (self.status, self.code.as_str()) {
            (_, "RequestTimeTooSkewed" | "RequestExpired") => Trouble::lasting(self.skew()),
            (_, "InvalidAccessKeyId") => denied("the access key is not known there"),
            (_, "SignatureDoesNotMatch") => denied(
                "the secret key does not fit the access key (or something on the way changes requests)",
            ),
            (_, "ExpiredToken" | "TokenRefreshRequired") => denied("the credentials have expired"),
            (_, "InvalidToken") => denied("the session token is not valid"),
            (_, "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect")
            | (301 | 307, _) => Trouble::lasting(self.elsewhere()),
            (_, "NoSuchBucket") => {
                Trouble::lasting(RemoteProblem::Missing("there is no such bucket".to_owned()))
            }
            (_, "InvalidBucketName") => {
                Trouble::lasting(RemoteProblem::Settings("the bucket's name is not allowed there".to_owned()))
            }
            (429, _) | (_, "SlowDown" | "RequestLimitExceeded" | "ThrottlingException") => {
                // A gateway on the way may say so after the service was asked.
                Trouble::passing(RemoteProblem::Busy("the service asks to slow down".to_owned()))
            }
            (409, _) => {
                Trouble::refused(RemoteProblem::Busy("somebody else writes there right now".to_owned()))
            }
            (408, _) | (_, "RequestTimeout") => Trouble::passing(RemoteProblem::Unreachable(
                "the service waited for the request in vain".to_owned(),
            )),
            // Where no condition was set it says nothing about us.
            (412, _) => Trouble::refused(RemoteProblem::Busy("the service fails for now (412)".to_owned())),
            (501, _) => Trouble::lasting(RemoteProblem::Unsafe(
                "the service does not know a kind of request that is needed".to_owned(),
            )),
            (500.., _) => {
                Trouble::passing(RemoteProblem::Busy(format!("the service fails for now ({})", self.status)))
            }
            (401 | 403, _) => {
                denied("the credentials may not do this: they need to read, write and list in the bucket")
            }
            (404, _) => {
                Trouble::lasting(RemoteProblem::Missing("there is no such bucket or object".to_owned()))
            }
            (status, _) => {
                Trouble::lasting(RemoteProblem::Failed(format!("the service refuses the request ({status})")))
            }
        }
    }

    /// The clocks differ; by how much, if the service says what time it is.
    fn skew(&self) -> RemoteProblem {
        let theirs = self.date.as_deref().and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let text = match theirs {
            Some(theirs) => format!(
                "this machine's clock differs too much from the service's, which says {}",
                theirs.timestamp().round(jiff::Unit::Second).unwrap_or(Timestamp::UNIX_EPOCH)
            ),
            None => "this machine's clock differs too much from the service's".to_owned(),
        };
        RemoteProblem::ClockSkew(text)
    }

    fn elsewhere(&self) -> RemoteProblem {
        let text = match &self.region {
            // Passed on only if it can be nothing else than a region.
            Some(region) if region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
                format!("the bucket is in another region: `region` must be \"{region}\"")
            }
            _ => "the bucket is in another region, or at another endpoint: see `region` and `endpoint`"
                .to_owned(),
        };
        RemoteProblem::Settings(text)
    }
}
