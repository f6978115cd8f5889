//! What the program answers, and what is made of it when it answers badly.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::http::encode_part;
use crate::secret::{Redactor, SecretValue, hex};
use crate::sys::{Ending, Finished};

use super::super::credential::Answer;
use super::super::trouble::{Trouble, TroubleKind};
use super::request::{Request, Runner};

/// Most characters that are quoted of what a program said.
const WIDEST: usize = 200;

/// Definitely refused, and nothing was changed.
const REJECTED: i32 = 3;
/// A person is needed.
const HELD: i32 = 4;
/// Nothing was tried, and it may pass: `EX_TEMPFAIL` of sysexits.h.
const UNAVAILABLE: i32 = 75;

/// A reply as it is spelled. Fields that are not known are a mistake: a typing error must not pass for success.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    outcome: String,
    evidence: Option<String>,
    #[serde(default)]
    new: BTreeMap<String, String>,
    #[serde(default)]
    keep: BTreeMap<String, String>,
    accepted: Option<Accepted>,
}

/// Which credentials the source accepts, as `probe` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    current: Word,
    new: Word,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Word {
    Accepted,
    Refused,
    Unknown,
    None,
}

impl From<Word> for Answer {
    fn from(word: Word) -> Self {
        match word {
            Word::Accepted => Self::Accepted,
            Word::Refused => Self::Refused,
            Word::Unknown => Self::Unknown,
            Word::None => Self::None,
        }
    }
}

/// A reply that says that it was done. Without `Debug`: it may hold values.
pub(super) struct Reply {
    /// What shows it, without values.
    pub(super) evidence: String,
    /// The values that the program has made, by the names of their secrets.
    pub(super) new: BTreeMap<String, SecretValue>,
    /// What it wants to have kept.
    pub(super) keep: BTreeMap<String, SecretValue>,
    /// What the source accepts: the current credential, the new one.
    pub(super) accepted: Option<(Answer, Answer)>,
}

impl Runner {
    /// Runs the program with a request and reads its reply. `changes` says whether the verb changes anything: then
    /// whatever is no clear answer leaves open whether it did.
    pub(super) fn ask(&self, request: &Request<'_>, changes: bool) -> Result<Reply, Trouble> {
        let finished = self.send(request)?;
        let mut redactor = request.redactor();
        let spelled = serde_json::from_slice::<Spelled>(&finished.stdout).ok();
        for value in spelled.iter().flat_map(|reply| reply.new.values().chain(reply.keep.values())) {
            hide(&mut redactor, &SecretValue::new(value.clone()));
        }
        let judged = self.judge(&finished, spelled.as_ref(), changes);
        let said = last_line(&redactor.redact(&String::from_utf8_lossy(&finished.stderr)));
        let place = format!("{} ({})", self.label(), request.verb);
        match (judged, spelled) {
            (Ok(()), Some(reply)) => Ok(reply.read(&redactor)),
            (Ok(()), None) => Err(Trouble::in_doubt(format!("{place}: no reply"))),
            (Err((kind, what)), reply) => {
                let own = reply.and_then(|reply| reply.evidence);
                let own = own.map(|text| last_line(&redactor.redact(&text)));
                let words = own.filter(|text| !text.is_empty()).unwrap_or(said);
                let message = if words.is_empty() { what } else { format!("{what}: {words}") };
                Err(Trouble::new(kind, format!("{place}: {message}")))
            }
        }
    }

    /// Whether it was done, by exit code and outcome together; both must say the same.
    fn judge(
        &self,
        finished: &Finished,
        reply: Option<&Spelled>,
        changes: bool,
    ) -> Result<(), (TroubleKind, String)> {
        let open = if changes { TroubleKind::InDoubt } else { TroubleKind::Unavailable };
        let code = match finished.ending {
            Some(Ending::Code(code)) => code,
            Some(Ending::Signal(signal)) => return Err((open, format!("it was killed by signal {signal}"))),
            None => {
                let seconds = self.within().as_secs();
                let what = format!("it did not end within {seconds} s with a short answer, and was stopped");
                return Err((open, what));
            }
        };
        let Some(reply) = reply else {
            return Err(match code {
                0 => (open, "its reply is not one of the contract".to_owned()),
                _ => (meant_by(code).unwrap_or(open), format!("it ended with code {code}")),
            });
        };
        let said = match reply.outcome.as_str() {
            "applied" => None,
            "rejected" => Some(TroubleKind::Rejected),
            "unavailable" => Some(TroubleKind::Unavailable),
            "held" => Some(TroubleKind::Held),
            "in-doubt" => Some(open),
            _ => return Err((open, "its reply names no known outcome".to_owned())),
        };
        match (code, said) {
            (0, None) => Ok(()),
            (0, Some(kind)) => Err((kind, format!("it says `{}`", reply.outcome))),
            (code, Some(kind)) if meant_by(code) == Some(kind) => {
                Err((kind, format!("it says `{}`", reply.outcome)))
            }
            (code, _) => Err((open, format!("it says `{}`, and ended with code {code}", reply.outcome))),
        }
    }
}

/// What an exit code means by itself.
const fn meant_by(code: i32) -> Option<TroubleKind> {
    match code {
        REJECTED => Some(TroubleKind::Rejected),
        HELD => Some(TroubleKind::Held),
        UNAVAILABLE => Some(TroubleKind::Unavailable),
        _ => None,
    }
}

impl Spelled {
    fn read(self, redactor: &Redactor) -> Reply {
        let secret = |(name, value): (String, String)| (name, SecretValue::new(value));
        Reply {
            evidence: last_line(&redactor.redact(&self.evidence.unwrap_or_default())),
            new: self.new.into_iter().map(secret).collect(),
            keep: self.keep.into_iter().map(secret).collect(),
            accepted: self.accepted.map(|accepted| (accepted.current.into(), accepted.new.into())),
        }
    }
}

/// Hides a value, also as base64, hex, JSON and in a URL.
pub(super) fn hide(redactor: &mut Redactor, value: &SecretValue) {
    redactor.add(value);
    let text = value.expose();
    let json = serde_json::to_string(text).unwrap_or_default();
    let unpadded = STANDARD.encode(text).trim_end_matches('=').to_owned();
    for spelling in [
        unpadded,
        URL_SAFE_NO_PAD.encode(text),
        hex(text.as_bytes()),
        encode_part(text),
        json.trim_matches('"').to_owned(),
    ] {
        redactor.add(&SecretValue::new(spelling));
    }
}

/// The last line that says something, fit for a message.
fn last_line(text: &str) -> String {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let plain = line.chars().filter(|character| !character.is_control());
    plain.take(WIDEST).collect::<String>().trim_end_matches('.').to_owned()
}
