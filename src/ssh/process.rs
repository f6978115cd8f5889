//! A command that runs on a server.

use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::secret::SecretText;

use super::capture::Capture;
use super::client::{SharedNotes, end_reason, problem};
use super::error::{Phase, SshError, SshProblem, tamed};

/// Most bytes of standard output that may wait to be taken. More is an error: half of an answer is none.
const OUTPUT_LIMIT: usize = 16 << 20;

/// Bytes of standard error that are kept, the last ones.
const ERROR_LIMIT: usize = 64 << 10;

/// How long it may take to tell a server that nothing more is wanted of it. On a line that was cut while much was on its
/// way, whatever is sent waits for ever behind that.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With this exit code.
    Code(u32),
    /// Killed by a signal, such as `KILL`.
    Signal(String),
}

/// What came of a command. Without `Debug`: what it printed may be secret.
pub struct Output {
    /// How it ended.
    pub ending: Ending,
    /// All of its standard output that was not taken as lines before.
    pub stdout: Zeroizing<Vec<u8>>,
    /// The last 64 KiB of its standard error, and whatever the shell's profile said there.
    pub stderr: Zeroizing<Vec<u8>>,
}

/// A command that runs on a server and can be talked with.
///
/// Its output is read while it is written to, so neither side ever waits for the other for ever. Dropped while it runs,
/// it lives on until the connection ends: [`stop`](Self::stop) it.
pub struct Process {
    reader: ChannelReadHalf,
    writer: ChannelWriteHalf<Msg>,
    stdout: Capture,
    stderr: Capture,
    ending: Option<Ending>,
    /// Whether its standard output, and so all that it can say, is complete.
    complete: bool,
    host: Arc<str>,
    notes: SharedNotes,
}

impl Process {
    /// Starts a command over a channel that is open, within a limit. Whether the server runs it shows at the first
    /// reading.
    pub(super) async fn start(
        channel: Channel<Msg>,
        command: &str,
        host: Arc<str>,
        notes: SharedNotes,
        limit: Duration,
    ) -> Result<Self, SshError> {
        let (reader, writer) = channel.split();
        let process = Self {
            reader,
            writer,
            stdout: Capture::default(),
            stderr: Capture::default(),
            ending: None,
            complete: false,
            host,
            notes,
        };
        let asked = timeout(limit, process.writer.exec(true, command)).await;
        let asked = asked.map_err(|_| process.error(SshProblem::TimedOut(Phase::Command, limit)))?;
        asked.map_err(|error| process.error(problem(error, Phase::Command)))?;
        Ok(process)
    }

    /// Writes to its standard input. If it ends without reading all of it, that is no error here: [`wait`](Self::wait)
    /// tells how it ended.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), SshError> {
        let end = Instant::now() + limit;
        self.send_until(bytes, end).await.map_err(|found| self.error(timed(found, limit)))
    }

    /// Says that no more input comes.
    pub async fn close_stdin(&mut self) {
        if self.ending.is_none() && !self.complete {
            // It may have ended just now, which is no error of ours; a line that is cut shows at the next reading.
            let _ = timeout(FAREWELL, self.writer.eof()).await;
        }
    }

    /// The next line of its standard output, without its end; `None` when there are no more. The last line counts only
    /// with a line feed: without one it stays in [`Output::stdout`].
    ///
    /// For words of a protocol, which are not secret; a shell's profile may have printed lines before.
    pub async fn next_line(&mut self, limit: Duration) -> Result<Option<String>, SshError> {
        let end = Instant::now() + limit;
        loop {
            if let Some(line) = self.stdout.take_line() {
                return Ok(Some(line));
            }
            if self.complete {
                return Ok(None);
            }
            self.receive_until(end).await.map_err(|found| self.error(timed(found, limit)))?;
        }
    }

    /// Closes its standard input and waits for its end.
    pub async fn wait(mut self, limit: Duration) -> Result<Output, SshError> {
        let end = Instant::now() + limit;
        self.close_stdin().await;
        while !self.complete {
            if let Err(found) = self.receive_until(end).await {
                let error = self.error(timed(found, limit));
                self.stop().await;
                return Err(error);
            }
        }
        let Some(ending) = self.ending.take() else {
            return Err(self.error(SshProblem::Closed(Phase::Command, end_reason(&self.notes))));
        };
        Ok(Output { ending, stdout: self.stdout.take(), stderr: self.stderr.take() })
    }

    /// Asks the server to end it, and lets go of it. OpenSSH passes no signal on to logins of root's: there a command
    /// notices by the end of its input or by the failure to write, and should end by itself then.
    pub async fn stop(self) {
        let _ = timeout(FAREWELL, async {
            let _ = self.writer.signal(Sig::TERM).await;
            let _ = self.writer.close().await;
        })
        .await;
    }

    /// Writes the input, closes it and waits for the end, all within one limit.
    pub(super) async fn converse(mut self, input: &SecretText, limit: Duration) -> Result<Output, SshError> {
        let end = Instant::now() + limit;
        if let Err(found) = self.send_until(input.expose().as_bytes(), end).await {
            let error = self.error(timed(found, limit));
            self.stop().await;
            return Err(error);
        }
        self.wait(end.saturating_duration_since(Instant::now())).await.map_err(|error| match error.problem {
            SshProblem::TimedOut(phase, _) => {
                SshError { host: error.host, problem: SshProblem::TimedOut(phase, limit) }
            }
            problem => SshError { host: error.host, problem },
        })
    }

    /// Reads and writes together. A command that ends without reading leaves the writer waiting for ever for room, so
    /// the reader alone decides when this is over.
    async fn send_until(&mut self, bytes: &[u8], end: Instant) -> Result<(), Found> {
        let Self { reader, writer, stdout, stderr, ending, complete, .. } = self;
        let mut state = State { stdout, stderr, ending, complete };
        let writing = writer.data(bytes);
        tokio::pin!(writing);
        while !*state.complete && state.ending.is_none() {
            tokio::select! {
                biased;
                message = timeout_at(end, reader.wait()) => state.note(message.map_err(|_| Found::Late)?)?,
                // A failure to write means that the channel is gone, and the reader knows why.
                _ = &mut writing => return Ok(()),
            }
        }
        Ok(())
    }

    async fn receive_until(&mut self, end: Instant) -> Result<(), Found> {
        let message = timeout_at(end, self.reader.wait()).await.map_err(|_| Found::Late)?;
        let Self { stdout, stderr, ending, complete, .. } = self;
        State { stdout, stderr, ending, complete }.note(message)
    }

    fn error(&self, problem: SshProblem) -> SshError {
        SshError { host: self.host.to_string(), problem }
    }
}

/// Why reading stopped.
enum Found {
    Late,
    Problem(SshProblem),
}

fn timed(found: Found, limit: Duration) -> SshProblem {
    match found {
        Found::Late => SshProblem::TimedOut(Phase::Command, limit),
        Found::Problem(problem) => problem,
    }
}

/// The half of a process that changes while the other half writes.
struct State<'a> {
    stdout: &'a mut Capture,
    stderr: &'a mut Capture,
    ending: &'a mut Option<Ending>,
    complete: &'a mut bool,
}

impl State<'_> {
    fn note(&mut self, message: Option<ChannelMsg>) -> Result<(), Found> {
        match message {
            None | Some(ChannelMsg::Close) => *self.complete = true,
            Some(ChannelMsg::Data { data }) => {
                if !self.stdout.push(&data, OUTPUT_LIMIT) {
                    return Err(Found::Problem(SshProblem::TooMuchOutput(OUTPUT_LIMIT)));
                }
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => self.stderr.push_tail(&data, ERROR_LIMIT),
            Some(ChannelMsg::ExitStatus { exit_status }) => *self.ending = Some(Ending::Code(exit_status)),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                *self.ending = Some(Ending::Signal(name(&signal_name)));
            }
            Some(ChannelMsg::Failure) => return Err(Found::Problem(SshProblem::CommandRefused)),
            Some(_) => {}
        }
        Ok(())
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => tamed(name),
        known => format!("{known:?}"),
    }
}
