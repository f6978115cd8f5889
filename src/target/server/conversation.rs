//! The state of one conversation: which replies are still to come, and what has come of the next one. It neither sends
//! nor receives: whoever does feeds it with lines.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::note::Note;
use super::output::{Output, Ran};
use super::refusal::{Broken, Refusal, shown};
use super::reply::{Container, Facts, Greeting, Holder, Look, PutBack, Reply};
use super::request::{Request, Stage};
use super::session::Session;
use super::words::{Digest, ServerPath};

/// Most bytes that a login shell may print before the script greets.
const MOST_TALK: usize = 1 << 20;

/// Room for what is not announced with a size: a command's last 8 KiB, in base64.
const USUAL_ROOM: usize = 12 << 10;

/// A request whose reply is still to come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lock,
    Look,
    Stage,
    Swap,
    Run,
    Commit,
    Undo,
    Settle,
    Heal,
    Attest,
    Bye,
}

/// What has come of the next reply.
#[derive(Default)]
struct Parts {
    facts: Option<Facts>,
    is_writable: bool,
    has_previous: bool,
    path: Option<ServerPath>,
    digest: Option<Digest>,
    note: Option<Note>,
    holder: Option<Holder>,
    encoded: Option<Zeroizing<Vec<u8>>>,
    is_encoding: bool,
    put_back: Vec<PutBack>,
    is_owed: bool,
    containers: Vec<Container>,
}

/// One conversation.
pub struct Conversation {
    greeting: String,
    is_greeted: bool,
    talk: usize,
    pending: VecDeque<(Kind, Option<ServerPath>)>,
    /// The paths of the files by their numbers, for messages.
    files: Vec<Option<ServerPath>>,
    parts: Parts,
}

impl Conversation {
    /// A conversation that waits for the session's greeting.
    pub fn new(session: &Session) -> Self {
        Self {
            greeting: format!("luca-secrets {} ", session.marker()),
            is_greeted: false,
            talk: 0,
            pending: VecDeque::new(),
            files: Vec::new(),
            parts: Parts::default(),
        }
    }

    /// Expects the reply to a request, and gives the bytes to send. They may be sent at once.
    pub fn ask(&mut self, request: &Request<'_>) -> Zeroizing<Vec<u8>> {
        let file = |number: usize| self.files.get(number).cloned().flatten();
        let expected = match request {
            Request::Lock { folder, .. } => (Kind::Lock, Some((*folder).clone())),
            Request::Look { path, .. } => (Kind::Look, Some((*path).clone())),
            Request::Stage(Stage { file: number, .. }) => (Kind::Stage, file(*number)),
            Request::Swap(number) => (Kind::Swap, file(*number)),
            Request::Apply(run) | Request::Probe(run) => (Kind::Run, Some(run.folder.clone())),
            Request::Commit => (Kind::Commit, None),
            Request::Undo => (Kind::Undo, None),
            Request::Settle => (Kind::Settle, None),
            Request::Heal { file: number, .. } => (Kind::Heal, file(*number)),
            Request::Attest { folder, .. } => (Kind::Attest, Some((*folder).clone())),
            Request::Bye => (Kind::Bye, None),
        };
        if let Request::Look { file: number, path, .. } = request {
            self.files.resize((number + 1).max(self.files.len()), None);
            self.files[*number] = Some((*path).clone());
        }
        self.pending.push_back(expected);
        request.spell()
    }

    /// How many replies are still to come, the greeting not counted.
    pub fn awaited(&self) -> usize {
        self.pending.len()
    }

    /// Takes one line that was received, without its line feed. Whoever received it wipes it.
    pub fn hear(&mut self, line: &[u8]) -> Result<Option<Reply>, Broken> {
        if !self.is_greeted {
            return self.hear_greeting(line);
        }
        if self.parts.is_encoding && line != b"." {
            self.parts.take_encoded(line);
            return Ok(None);
        }
        let line = std::str::from_utf8(line).map_err(|_| Broken::NotAReply)?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if !matches!(word, "ok" | "error" | "skipped") {
            self.parts.take(line, word, rest).ok_or(Broken::NotAReply)?;
            return Ok(None);
        }
        let (kind, path) = self.pending.pop_front().ok_or(Broken::NotAReply)?;
        let parts = std::mem::take(&mut self.parts);
        let reply = match (word, kind) {
            ("skipped", _) => Some(Reply::Skipped),
            ("error", Kind::Undo) => Some(Reply::Undone(parts.put_back)),
            ("error", Kind::Run) if parts.encoded.is_some() => parts.into_ran(rest),
            ("error", _) => Some(Reply::Refused(Refusal::parse(rest, path))),
            (_, kind) => parts.into_reply(kind),
        };
        reply.map(Some).ok_or(Broken::NotAReply)
    }

    /// Why the conversation is over, after the last line was heard: `None` if every reply has come.
    /// `errors` is the error stream's text.
    pub fn closed(&self, errors: &str) -> Option<Broken> {
        let last = || errors.lines().rev().find_map(shown);
        if self.is_greeted {
            return (!self.pending.is_empty()).then_some(Broken::Cut);
        }
        let sudo = errors.lines().find(|line| line.contains("sudo: ")).and_then(|line| {
            shown(line.split_once("sudo: ").map_or(
                line,
                |(before, said)| {
                    if before.is_empty() { said } else { line }
                },
            ))
        });
        Some(sudo.map_or_else(|| Broken::NoGreeting(last()), Broken::Sudo))
    }

    /// Passes over what a profile prints, also on the greeting's own line.
    fn hear_greeting(&mut self, line: &[u8]) -> Result<Option<Reply>, Broken> {
        let text = String::from_utf8_lossy(line);
        let Some((_, greeting)) = text.split_once(&self.greeting) else {
            self.talk += line.len() + 1;
            return if self.talk > MOST_TALK { Err(Broken::TooMuchTalk) } else { Ok(None) };
        };
        let mut words = greeting.split(' ');
        if words.next() != Some("1") {
            return Err(Broken::NotAReply);
        }
        self.is_greeted = true;
        Ok(Some(Reply::Greeted(Greeting { missing: words.map(str::to_owned).collect() })))
    }
}

impl Parts {
    /// Takes a line that is not the last of a reply.
    fn take(&mut self, line: &str, word: &str, rest: &str) -> Option<()> {
        match word {
            "file" | "missing" => {
                let words: Vec<&str> = rest.split(' ').collect();
                let [writable, previous, facts @ ..] = &words[..] else { return None };
                (self.is_writable, self.has_previous) = (*writable == "yes", *previous == "yes");
                self.facts = if word == "file" { Some(Facts::parse(facts)?) } else { None };
            }
            "path" => self.path = Some(ServerPath::parse(rest).ok()?),
            "note" => self.note.get_or_insert_default().take(rest),
            "holder" => self.holder = Holder::parse(rest),
            "digest" => self.digest = Digest::parse(rest),
            "content" | "output" => {
                let size = self.facts.as_ref().and_then(|facts| usize::try_from(facts.size).ok());
                let room = size.map_or(USUAL_ROOM, |size| size.min(4 << 20) / 3 * 4 + 8);
                self.encoded = Some(Zeroizing::new(Vec::with_capacity(room)));
                self.is_encoding = true;
            }
            "." => self.is_encoding = false,
            "undone" | "left" => self.put_back.push(PutBack::parse(line)?),
            "healed" => self.is_owed = rest == "1",
            "container" => self.containers.push(Container::parse(rest)?),
            _ => return None,
        }
        Some(())
    }

    /// Appends, leaving no copy behind where the buffer grows.
    fn take_encoded(&mut self, line: &[u8]) {
        let Some(encoded) = &mut self.encoded else { return };
        if encoded.len() + line.len() > encoded.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((encoded.len() + line.len()) * 2));
            larger.extend_from_slice(encoded);
            *encoded = larger;
        }
        encoded.extend_from_slice(line);
    }

    fn decoded(&self) -> Option<Zeroizing<Vec<u8>>> {
        let encoded = self.encoded.as_ref()?;
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(encoded.len())]);
        let length = STANDARD.decode_slice(encoded.as_slice(), &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }

    fn into_reply(self, kind: Kind) -> Option<Reply> {
        Some(match kind {
            Kind::Lock => Reply::Locked,
            Kind::Look => return self.into_look(),
            Kind::Stage => Reply::Staged(self.digest?),
            Kind::Swap => Reply::Swapped(self.digest?),
            Kind::Run => return self.into_ran("exit 0"),
            Kind::Commit => Reply::Committed,
            Kind::Undo => Reply::Undone(self.put_back),
            Kind::Settle => Reply::Settled,
            Kind::Heal => Reply::Healed { digest: self.digest, is_owed: self.is_owed },
            Kind::Attest => Reply::Attested(self.containers),
            Kind::Bye => Reply::Ended,
        })
    }

    fn into_look(self) -> Option<Reply> {
        let content = if self.encoded.is_some() { Some(self.decoded()?) } else { None };
        let digest = content.as_ref().map(|content| Digest::of(content)).or(self.digest);
        Some(Reply::Looked(Box::new(Look {
            path: self.path?,
            file: self.facts,
            digest,
            content,
            is_writable: self.is_writable,
            has_previous: self.has_previous,
            note: self.note,
            holder: self.holder,
        })))
    }

    /// `exit CODE` or `deadline SECONDS`.
    fn into_ran(self, ending: &str) -> Option<Reply> {
        let output = Output::new(&self.decoded()?);
        let ran = match ending.split_once(' ')? {
            ("deadline", seconds) => Ran::Deadline(seconds.parse().ok()?),
            ("exit", "0") => Ran::Done,
            ("exit", code) => Ran::Exit(code.parse().ok()?),
            _ => return None,
        };
        Some(Reply::Ran(ran, output))
    }
}
