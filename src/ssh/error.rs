//! What can go wrong with a connection.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::public_key::PublicKey;

/// Where in its life a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The name is looked up.
    Resolve,
    /// TCP.
    Connect,
    /// Identification and key exchange, up to the host key.
    Handshake,
    /// Our key.
    Authenticate,
    /// A channel is opened.
    Channel,
    /// A remote command runs.
    Command,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up its name",
            Self::Connect => "connecting",
            Self::Handshake => "exchanging keys",
            Self::Authenticate => "logging in",
            Self::Channel => "opening a channel",
            Self::Command => "running the command",
        })
    }
}

/// What went wrong with a private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// It is encrypted and there is no passphrase.
    Encrypted,
    /// It is encrypted and the passphrase does not open it.
    WrongPassphrase,
    /// It is in a form that is not read here.
    Unsupported(&'static str),
    /// It is no private key at all, or damaged.
    Unreadable,
    /// The text that picks a key of the agent is neither a public key nor a fingerprint.
    BadPick,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("the key is encrypted and there is no passphrase for it"),
            Self::WrongPassphrase => f.write_str("the passphrase does not open the key"),
            Self::Unsupported(form) => {
                write!(f, "{form} cannot be read here; `ssh-keygen -p -f FILE` writes the usual form")
            }
            Self::Unreadable => f.write_str("not a private key, or a damaged one"),
            Self::BadPick => f.write_str("neither a public key nor a fingerprint `SHA256:...`"),
        }
    }
}

impl std::error::Error for KeyError {}

/// What went wrong with a connection, and with whom.
#[derive(Debug)]
pub struct SshError {
    /// The server: `example.com`, or `example.com:2222` where the port is not the usual one.
    pub host: String,
    /// What went wrong.
    pub problem: SshProblem,
}

/// What went wrong.
#[derive(Debug)]
pub enum SshProblem {
    /// No address has that name.
    NameUnknown,
    /// Nobody listens at that port.
    PortClosed,
    /// The network gave up.
    Unreachable(io::Error),
    /// Nothing came in time.
    TimedOut(Phase, Duration),
    /// Whoever answered speaks no SSH.
    NotSsh,
    /// No algorithm that both sides accept: what kind, and what the server offers.
    NoCommonAlgorithm(&'static str, Vec<String>),
    /// No key is recorded for the host.
    HostKeyUnknown(PublicKey),
    /// Other keys are recorded for the host.
    HostKeyChanged {
        /// What the server showed.
        shown: PublicKey,
        /// What is recorded.
        recorded: Vec<PublicKey>,
    },
    /// The key is recorded as revoked.
    HostKeyRevoked(PublicKey),
    /// Only a certificate authority is recorded for the host.
    HostKeyByAuthority(PublicKey),
    /// There is no key to log in with.
    NoKeys,
    /// The server accepted none of our keys: as whom, and which keys were offered.
    NoKeyAccepted {
        /// The user's name there.
        user: String,
        /// The keys, in the order of offering.
        offered: Vec<PublicKey>,
        /// By what the server would let somebody in.
        accepts: Vec<String>,
    },
    /// Nobody listens at the agent's socket.
    AgentAbsent(PathBuf),
    /// The agent holds no keys.
    AgentEmpty(PathBuf),
    /// The agent does not hold the wanted key, given by its fingerprint.
    AgentLacks(PathBuf, String),
    /// The agent did not sign, or made no sense.
    AgentRefused(PathBuf),
    /// The server, or somebody between, ended the connection.
    Closed(Phase, Option<String>),
    /// The server opened no channel.
    ChannelRefused(&'static str),
    /// The server opened a channel and would not run the command.
    CommandRefused,
    /// The server would not, or could not, connect on to this host and port.
    TunnelRefused(String, u16, &'static str),
    /// A command printed more than this many bytes.
    TooMuchOutput(usize),
    /// Something broke the protocol.
    Protocol(String),
}

impl SshError {
    /// What to do about it, where there is something; `server` is the name by which the schema knows the server.
    pub fn hint(&self, server: &str) -> Option<String> {
        let there = "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server itself";
        match &self.problem {
            SshProblem::HostKeyUnknown(_) | SshProblem::HostKeyByAuthority(_) => Some(format!(
                "compare it with {there}, then record it with `luca-secrets server pin {server}`"
            )),
            SshProblem::HostKeyChanged { .. } => Some(format!(
                "somebody may be listening: go on only if you know why it changed, compare it with {there}, then run \
                 `luca-secrets server pin {server}`"
            )),
            SshProblem::NoKeyAccepted { user, .. } => {
                Some(format!("add the public key to the `authorized_keys` file of {user} there"))
            }
            SshProblem::AgentAbsent(_) => Some("start it with `eval $(ssh-agent)`".to_owned()),
            SshProblem::AgentEmpty(_) | SshProblem::AgentLacks(..) => {
                Some("add the key with `ssh-add FILE`".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for SshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.problem)
    }
}

impl std::error::Error for SshError {}

impl fmt::Display for SshProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameUnknown => f.write_str("no address has that name"),
            Self::PortClosed => f.write_str("nobody listens at that port"),
            Self::Unreachable(error) => write!(f, "cannot be reached: {}", error.kind()),
            Self::TimedOut(phase, limit) => write!(f, "no answer within {limit:?} while {phase}"),
            Self::NotSsh => f.write_str("whoever answers there speaks no SSH"),
            Self::NoCommonAlgorithm(kind, theirs) => {
                write!(f, "no {kind} that both sides accept; the server offers {}", theirs.join(", "))
            }
            Self::HostKeyUnknown(shown) => write!(f, "no host key is recorded for it; it shows {shown}"),
            Self::HostKeyChanged { shown, recorded } => {
                write!(
                    f,
                    "the host key is not the recorded one: it shows {shown}, recorded is {}",
                    list(recorded)
                )
            }
            Self::HostKeyRevoked(shown) => write!(f, "its host key is recorded as revoked: {shown}"),
            Self::HostKeyByAuthority(shown) => {
                write!(
                    f,
                    "only a certificate authority is recorded for it, which is not followed; it shows {shown}"
                )
            }
            Self::NoKeys => f.write_str("there is no key to log in with"),
            Self::NoKeyAccepted { user, offered, accepts } => {
                write!(f, "{user} may not log in with {}", list(offered))?;
                if accepts.iter().any(|method| method == "publickey") || accepts.is_empty() {
                    return Ok(());
                }
                write!(f, "; the server wants {}, not keys", accepts.join(" or "))
            }
            Self::AgentAbsent(socket) => write!(f, "no ssh-agent listens at {}", socket.display()),
            Self::AgentEmpty(socket) => write!(f, "the ssh-agent at {} holds no keys", socket.display()),
            Self::AgentLacks(socket, wanted) => {
                write!(f, "the ssh-agent at {} does not hold {wanted}", socket.display())
            }
            Self::AgentRefused(socket) => write!(f, "the ssh-agent at {} did not sign", socket.display()),
            Self::Closed(phase, None) => write!(f, "the connection ended while {phase}"),
            Self::Closed(phase, Some(reason)) => write!(f, "the connection ended while {phase}: {reason}"),
            Self::ChannelRefused(reason) => write!(f, "the server opens no channel: {reason}"),
            Self::CommandRefused => f.write_str("the server would not run a command"),
            Self::TunnelRefused(host, port, reason) => {
                write!(f, "no way on from there to {host}:{port}: {reason}")
            }
            Self::TooMuchOutput(limit) => write!(f, "a command printed more than {limit} bytes"),
            Self::Protocol(what) => write!(f, "the server broke the protocol: {what}"),
        }
    }
}

fn list(keys: &[PublicKey]) -> String {
    keys.iter().map(PublicKey::to_string).collect::<Vec<_>>().join(", ")
}

/// Text of a server, fit for a message: one line, without control characters, not too long.
pub(super) fn tamed(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect::<String>().trim().to_owned()
}
