//! A connection that is logged in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelOpenFailure, ChannelStream, Disconnect};
use tokio::time::timeout;

use crate::secret::SecretText;

use super::authenticate::authenticate;
use super::client::{Peer, SharedNotes, Watch, end_reason, problem, shake};
use super::destination::Destination;
use super::dial::{Stream, dial};
use super::error::{Phase, SshError, SshProblem};
use super::process::{FAREWELL, Output, Process};
use super::public_key::PublicKey;

/// A stream to wherever the server can connect to; reads and writes are `tokio`'s.
pub type Tunnel = ChannelStream<Msg>;

/// One connection to one server, for any number of commands and tunnels.
pub struct Connection {
    handle: Handle<Watch>,
    notes: SharedNotes,
    label: Arc<str>,
    /// How long a channel may take to open.
    limit: Duration,
    host_key: PublicKey,
    key: PublicKey,
    /// The connection that this one runs through.
    jump: Option<Box<Connection>>,
}

impl Connection {
    /// Connects, checks the host key, and logs in. A key that is not recorded ends it before anything is told.
    pub async fn open(to: &Destination) -> Result<Self, SshError> {
        let (stream, jump) = reach(to).await?;
        let at_fault = |problem| SshError { host: to.label(), problem };
        let peer = Peer {
            host: &to.host,
            port: to.port,
            recorded: Some(&to.host_keys),
            algorithms: to.host_keys.algorithms(&to.host, to.port),
            limit: to.timeouts.handshake,
            keepalive: to.timeouts.keepalive,
        };
        let (notes, shaken) = shake(peer, stream).await;
        let mut shaken = shaken.map_err(at_fault)?;
        let limit = to.timeouts.authenticate;
        let key = timeout(limit, authenticate(&mut shaken, to))
            .await
            .unwrap_or(Err(SshProblem::TimedOut(Phase::Authenticate, limit)))
            .map_err(at_fault)?;
        let host_key = super::client::shown_key(&notes).ok_or(SshProblem::Closed(Phase::Handshake, None));
        Ok(Self {
            handle: shaken.handle,
            notes,
            label: to.label().into(),
            limit: to.timeouts.handshake,
            host_key: host_key.map_err(at_fault)?,
            key,
            jump,
        })
    }

    /// Runs a command by the user's shell there, with this standard input, until it ends; at most `limit`. Output
    /// beyond 16 MiB is an error. The command stands in process lists there: secrets belong into the input.
    pub async fn run(&self, command: &str, input: &SecretText, limit: Duration) -> Result<Output, SshError> {
        self.start(command).await?.converse(input, limit).await
    }

    /// Starts a command to talk with.
    pub async fn start(&self, command: &str) -> Result<Process, SshError> {
        let channel = self.open_channel(self.handle.channel_open_session()).await?;
        let (host, notes) = (Arc::clone(&self.label), Arc::clone(&self.notes));
        Process::start(channel, command, host, notes, self.limit).await
    }

    /// Connects on from the server to another host, or to the server's own `127.0.0.1`. Who listens there is up to the
    /// stream's own protocol to find out.
    pub async fn tunnel(&self, host: &str, port: u16) -> Result<Tunnel, SshError> {
        let opening = self.handle.channel_open_direct_tcpip(host, u32::from(port), "127.0.0.1", 0);
        let channel = self.open_channel(opening).await.map_err(|mut error| {
            if let SshProblem::ChannelRefused(reason) = error.problem {
                error.problem = SshProblem::TunnelRefused(host.to_owned(), port, reason);
            }
            error
        })?;
        Ok(channel.into_stream())
    }

    /// The fingerprint of the host key, as `ssh-keygen -l` shows it.
    pub fn host_key_fingerprint(&self) -> String {
        self.host_key.fingerprint()
    }

    /// The host key that the server proved to have.
    pub fn host_key(&self) -> &PublicKey {
        &self.host_key
    }

    /// The key of ours that the server accepted.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye, to the server through which this one was reached too.
    pub async fn close(self) {
        let mut next = Some(self);
        while let Some(connection) = next {
            let Self { handle, jump, .. } = connection;
            let _ = timeout(FAREWELL, async {
                let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
                handle.await
            })
            .await;
            next = jump.map(|jump| *jump);
        }
    }

    async fn open_channel(
        &self,
        opening: impl Future<Output = Result<Channel<Msg>, russh::Error>>,
    ) -> Result<Channel<Msg>, SshError> {
        let problem = match timeout(self.limit, opening).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => SshProblem::ChannelRefused(refusal(&reason)),
            Ok(Err(error)) => match problem(error, Phase::Channel) {
                SshProblem::Closed(phase, None) => SshProblem::Closed(phase, end_reason(&self.notes)),
                other => other,
            },
            Err(_) => SshProblem::TimedOut(Phase::Channel, self.limit),
        };
        Err(SshError { host: self.label.to_string(), problem })
    }
}

fn refusal(reason: &ChannelOpenFailure) -> &'static str {
    match reason {
        ChannelOpenFailure::AdministrativelyProhibited => "its settings forbid it",
        ChannelOpenFailure::ConnectFailed => "the connection failed",
        ChannelOpenFailure::ResourceShortage => "it has no room for more",
        _ => "it gives no usable reason",
    }
}

/// A stream to the server: by TCP, or through the server before it.
type Reached = (Box<dyn Stream>, Option<Box<Connection>>);

/// Boxed, since a jump host may itself be reached through one.
pub(super) fn reach(
    to: &Destination,
) -> Pin<Box<dyn Future<Output = Result<Reached, SshError>> + Send + '_>> {
    Box::pin(async move {
        let Some(jump) = &to.jump else {
            let dialled = dial(&to.host, to.port, to.timeouts.connect).await;
            let stream = dialled.map_err(|problem| SshError { host: to.label(), problem })?;
            return Ok((Box::new(stream) as Box<dyn Stream>, None));
        };
        let jump = Connection::open(jump).await?;
        let stream = jump.tunnel(&to.host, to.port).await?;
        Ok((Box::new(stream) as Box<dyn Stream>, Some(Box::new(jump))))
    })
}
