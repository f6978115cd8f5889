//! One server during a push: one connection, one command over there, one conversation.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::name::TargetName;
use crate::ssh::{Connection, Destination, Process, SshError, in_parallel};
use crate::target::server::{Broken, Conversation, Look, Refusal, Reply, Request, ServerPath, Session};

use super::step::{Step, Watcher, watched};

/// How long a server that is done may take to say so.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why something was not done on a server.
#[derive(Debug)]
pub enum HostError {
    /// The connection failed.
    Ssh(SshError),
    /// The conversation broke off.
    Broken(Broken),
    /// The server refused.
    Refused(Refusal),
    /// An earlier request failed, so this one was not done.
    Skipped,
}

impl HostError {
    /// What to do about it.
    pub fn hint(&self, server: &TargetName) -> Option<String> {
        match self {
            Self::Ssh(error) => error.hint(server.as_str()),
            Self::Broken(broken) => broken.hint().map(str::to_owned),
            Self::Refused(refusal) => refusal.hint().map(str::to_owned),
            Self::Skipped => None,
        }
    }

    /// Whether nothing more can be asked of the server.
    pub const fn is_lost(&self) -> bool {
        matches!(self, Self::Ssh(_) | Self::Broken(_))
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh(error) => error.fmt(f),
            Self::Broken(broken) => broken.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Skipped => f.write_str("not done, since something before it failed"),
        }
    }
}

impl std::error::Error for HostError {}

impl From<SshError> for HostError {
    fn from(error: SshError) -> Self {
        Self::Ssh(error)
    }
}

impl From<Broken> for HostError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What it takes to talk with one server.
#[derive(Clone)]
pub struct Contact {
    /// Its name in the schema.
    pub server: TargetName,
    /// Where it is.
    pub destination: Destination,
    /// Whether commands run under `sudo -n`.
    pub sudo: bool,
    /// The command over there.
    pub session: Session,
    /// The longest time for one step that has no time of its own.
    pub timeout: Duration,
    /// The files to look at, numbered from 1.
    pub paths: Vec<ServerPath>,
}

/// A server that is being talked with. Dropped, its connection ends, and what is not committed is put back over there.
pub struct Host {
    contact: Contact,
    connection: Connection,
    /// Gone once the conversation is over.
    process: Option<Process>,
    conversation: Conversation,
    /// Whether goodbye was said.
    is_leaving: bool,
}

impl Host {
    /// Connects, logs in and starts the conversation.
    pub async fn open(contact: &Contact) -> Result<Self, HostError> {
        let connection = Connection::open(&contact.destination).await?;
        let process = connection.start(&contact.session.command(contact.sudo)).await?;
        let conversation = Conversation::new(&contact.session);
        let (contact, process) = (contact.clone(), Some(process));
        Ok(Self { contact, connection, process, conversation, is_leaving: false })
    }

    /// What it took to talk with it.
    pub const fn contact(&self) -> &Contact {
        &self.contact
    }

    /// The connection, for tunnels.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends a request without waiting for the reply.
    pub async fn send(&mut self, request: &Request<'_>) -> Result<(), HostError> {
        let bytes = self.conversation.ask(request);
        let Some(process) = &mut self.process else { return Err(Broken::Cut.into()) };
        Ok(process.send(&bytes, self.contact.timeout).await?)
    }

    /// The next reply, within the usual time.
    pub async fn hear(&mut self) -> Result<Reply, HostError> {
        self.hear_within(self.contact.timeout).await
    }

    /// The next reply, within a time of its own. A refusal is an error.
    pub async fn hear_within(&mut self, limit: Duration) -> Result<Reply, HostError> {
        loop {
            let Some(process) = &mut self.process else { return Err(Broken::Cut.into()) };
            let Some(line) = process.next_line(limit).await? else { return Err(self.ended().await) };
            // It may hold the content of a file.
            let line = Zeroizing::new(line);
            match self.conversation.hear(line.as_bytes())? {
                None | Some(Reply::Greeted(_)) => {}
                Some(Reply::Refused(refusal)) => return Err(HostError::Refused(refusal)),
                Some(Reply::Skipped) => return Err(HostError::Skipped),
                Some(reply) => return Ok(reply),
            }
        }
    }

    /// Asks and waits.
    pub async fn ask(&mut self, request: &Request<'_>) -> Result<Reply, HostError> {
        self.send(request).await?;
        self.hear().await
    }

    /// So many replies to what was sent; the first refusal among them.
    pub async fn hear_all(&mut self, replies: usize) -> Result<(), HostError> {
        let mut problem = None;
        for _ in 0..replies {
            match self.hear().await {
                Ok(_) => {}
                Err(error) if error.is_lost() => return Err(error),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or(Ok(()), Err)
    }

    /// Passes over the replies that are still to come, such as to requests that were sent ahead and skipped.
    pub async fn hear_rest(&mut self) -> Result<(), HostError> {
        match self.hear_all(self.conversation.awaited()).await {
            Err(error) if error.is_lost() => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What these files are now, with what they hold; all asked for at once.
    pub async fn look(&mut self, paths: &[ServerPath]) -> Result<Vec<Look>, HostError> {
        for (path, file) in paths.iter().zip(1..) {
            self.send(&Request::Look { file, path, with_content: true }).await?;
        }
        let mut looks = Vec::with_capacity(paths.len());
        let mut problem = None;
        for _ in paths {
            match self.hear().await {
                Ok(Reply::Looked(look)) => looks.push(*look),
                Ok(_) => return Err(Broken::NotAReply.into()),
                Err(error) if error.is_lost() => return Err(error),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or(Ok(looks), Err)
    }

    /// Says goodbye, without waiting for the answer. Nothing more can be asked then.
    pub async fn leave(&mut self) -> Result<(), HostError> {
        if std::mem::replace(&mut self.is_leaving, true) { Ok(()) } else { self.send(&Request::Bye).await }
    }

    /// Says goodbye, and waits until it was heard.
    pub async fn close(mut self) {
        if self.leave().await.is_ok() {
            let _ = self.hear_within(FAREWELL).await;
        }
        if let Some(process) = self.process.take() {
            let _ = process.wait(FAREWELL).await;
        }
        self.connection.close().await;
    }

    /// Lets go of a conversation that was lost, without a word.
    pub async fn abandon(mut self) {
        if let Some(process) = self.process.take() {
            process.stop().await;
        }
        self.connection.close().await;
    }

    /// Why no more lines come.
    async fn ended(&mut self) -> HostError {
        let Some(process) = self.process.take() else { return Broken::Cut.into() };
        match process.wait(self.contact.timeout).await {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                self.conversation.closed(&said).unwrap_or(Broken::Cut).into()
            }
            Err(error) => error.into(),
        }
    }
}

/// Talks with all servers at once, at most `bound` at a time, and looks at their files. The conversations stay open.
pub async fn observe(
    contacts: &[Contact],
    bound: usize,
    watcher: Watcher<'_>,
) -> Vec<Result<(Host, Vec<Look>), HostError>> {
    let look = async |contact: &Contact| {
        let mut host = Host::open(contact).await?;
        let looks = host.look(&contact.paths).await?;
        Ok((host, looks))
    };
    in_parallel(contacts, bound, |contact| watched(&contact.server, Step::Look, watcher, look(contact))).await
}
