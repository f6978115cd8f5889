//! From a name to an open stream.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::error::{Phase, SshProblem};

/// How long one address may be silent before the next one is tried beside it (RFC 8305 section 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Whatever a connection can run over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connects to the first address that answers.
pub(super) async fn dial(host: &str, port: u16, limit: Duration) -> Result<Prompt, SshProblem> {
    let addresses = timeout(limit, lookup_host((host, port)))
        .await
        .map_err(|_| SshProblem::TimedOut(Phase::Resolve, limit))?
        .map_err(|_| SshProblem::NameUnknown)?;
    let connecting = first_of(addresses.collect());
    let stream = timeout(limit, connecting)
        .await
        .map_err(|_| SshProblem::TimedOut(Phase::Connect, limit))?
        .map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => SshProblem::PortClosed,
        _ => SshProblem::Unreachable(error),
    })?;
    // Without it each small packet waits for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let stream = Prompt(stream);
    stream.acknowledge_at_once();
    Ok(stream)
}

/// Tries the addresses in their order, the next one when the one before failed or kept silent for a while.
async fn first_of(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        let is_last = match waiting.next() {
            Some(address) => {
                attempts.spawn(TcpStream::connect(address));
                false
            }
            None => true,
        };
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(NEXT_ADDRESS), if !is_last => continue,
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => last = error,
            Some(Err(_)) => {}
            None => return Err(last),
        }
    }
}

/// A TCP stream that acknowledges at once what it reads.
///
/// Linux delays acknowledgements by up to 40 ms; the many small turns of a login wait for each of them. The setting
/// wears off, so it is made anew after every read (tcp(7), `TCP_QUICKACK`).
pub(super) struct Prompt(TcpStream);

impl Prompt {
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        let _ = rustix::net::sockopt::set_tcp_quickack(&self.0, true);
    }
}

impl AsyncRead for Prompt {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if read.is_ready() {
            self.acknowledge_at_once();
        }
        read
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
