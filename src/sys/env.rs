//! The process's environment: a snapshot, and every variable that is read from it, declared once.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// An environment variable that this program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// An identity itself, for CI.
    Identity,
    /// Path of a file that holds an identity.
    IdentityFile,
    /// The editor for `edit`, before `VISUAL` and `EDITOR`.
    LucaSecretsEditor,
    /// The user's full-screen editor.
    Visual,
    /// The user's editor.
    Editor,
    /// The user's home folder.
    Home,
    /// The user's configuration folder (XDG base directories).
    ConfigHome,
    /// The user's folder for state that outlives a run (XDG base directories).
    StateHome,
    /// The folder for our own state, instead of the one below [`Self::StateHome`].
    State,
    /// A private folder in memory (XDG base directories).
    RuntimeDir,
    /// Where systemd puts the credentials of a service.
    CredentialsDirectory,
    /// Where programs are looked for.
    Path,
    /// `true` inside a GitHub Actions job.
    GithubActions,
    /// Set and not empty: no colours.
    NoColor,
    /// The kind of terminal; `dumb` is one that cannot draw over its lines.
    Term,
    /// Who is working.
    User,
    /// A file of certificate authorities to trust in place of the system's.
    SslCertFile,
    /// A folder of them.
    SslCertDir,
    /// The proxy for `https` addresses, and the ways it is written.
    HttpsProxy,
    /// The same.
    HttpsProxyLower,
    /// The proxy for every address.
    AllProxy,
    /// The same.
    AllProxyLower,
    /// The hosts that are reached without a proxy.
    NoProxy,
    /// The same.
    NoProxyLower,
    /// A token for github.com, as `gh` takes it.
    GhToken,
    /// A token for github.com, or for the host of the Actions job that this is.
    GithubToken,
    /// A token for a GitHub Enterprise host, as `gh` takes it.
    GhEnterpriseToken,
    /// The same.
    GithubEnterpriseToken,
    /// GitHub's API for looking up the keys of users.
    GithubApi,
    /// The API of the host that the Actions job runs for.
    GithubApiUrl,
    /// The socket of the SSH agent.
    SshAuthSock,
    /// The programs that show pages, with colons between them.
    Browser,
    /// The desktop, by X11's protocol.
    Display,
    /// The desktop, by Wayland's.
    WaylandDisplay,
    /// The access key for S3, as AWS's tools take it.
    AwsAccessKeyId,
    /// The secret key that belongs to it.
    AwsSecretAccessKey,
    /// The token that belongs to both if they are for a time only.
    AwsSessionToken,
}

impl Variable {
    /// The variable's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "LUCA_SECRETS_IDENTITY",
            Self::IdentityFile => "LUCA_SECRETS_IDENTITY_FILE",
            Self::LucaSecretsEditor => "LUCA_SECRETS_EDITOR",
            Self::Visual => "VISUAL",
            Self::Editor => "EDITOR",
            Self::Home => "HOME",
            Self::ConfigHome => "XDG_CONFIG_HOME",
            Self::StateHome => "XDG_STATE_HOME",
            Self::State => "LUCA_SECRETS_STATE",
            Self::RuntimeDir => "XDG_RUNTIME_DIR",
            Self::CredentialsDirectory => "CREDENTIALS_DIRECTORY",
            Self::Path => "PATH",
            Self::GithubActions => "GITHUB_ACTIONS",
            Self::NoColor => "NO_COLOR",
            Self::Term => "TERM",
            Self::User => "USER",
            Self::SslCertFile => "SSL_CERT_FILE",
            Self::SslCertDir => "SSL_CERT_DIR",
            Self::HttpsProxy => "HTTPS_PROXY",
            Self::HttpsProxyLower => "https_proxy",
            Self::AllProxy => "ALL_PROXY",
            Self::AllProxyLower => "all_proxy",
            Self::NoProxy => "NO_PROXY",
            Self::NoProxyLower => "no_proxy",
            Self::GhToken => "GH_TOKEN",
            Self::GithubToken => "GITHUB_TOKEN",
            Self::GhEnterpriseToken => "GH_ENTERPRISE_TOKEN",
            Self::GithubEnterpriseToken => "GITHUB_ENTERPRISE_TOKEN",
            Self::GithubApi => "LUCA_SECRETS_GITHUB_API",
            Self::GithubApiUrl => "GITHUB_API_URL",
            Self::SshAuthSock => "SSH_AUTH_SOCK",
            Self::Browser => "BROWSER",
            Self::Display => "DISPLAY",
            Self::WaylandDisplay => "WAYLAND_DISPLAY",
            Self::AwsAccessKeyId => "AWS_ACCESS_KEY_ID",
            Self::AwsSecretAccessKey => "AWS_SECRET_ACCESS_KEY",
            Self::AwsSessionToken => "AWS_SESSION_TOKEN",
        }
    }

    /// Whether the variable's value gives access to secrets, so that no child may inherit it.
    pub fn is_private(name: &OsStr) -> bool {
        [Self::Identity, Self::IdentityFile].iter().any(|variable| name == variable.name())
    }
}

/// The environment as it was when the program started.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// An environment of the given variables.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable's value; an empty one counts as not set.
    pub fn get(&self, variable: Variable) -> Option<&OsStr> {
        self.0.get(OsStr::new(variable.name())).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value if it is UTF-8.
    pub fn text(&self, variable: Variable) -> Option<&str> {
        self.get(variable).and_then(OsStr::to_str)
    }

    /// What a child may inherit: everything but the variables that give access to secrets.
    pub fn for_children(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .filter(|(name, _)| !Variable::is_private(name))
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Those of the variables whose names are good enough.
    pub(super) fn only(&self, is_good: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
        let is_good = |name: &OsString| name.to_str().is_some_and(&is_good);
        let kept = self.0.iter().filter(|(name, _)| is_good(name));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Our folder below a base of the XDG specification, or below its default in the home folder.
    fn folder(&self, base: Variable, default: &str) -> Option<PathBuf> {
        let absolute = |value: &OsStr| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
        self.get(base)
            .and_then(absolute)
            .or_else(|| self.get(Variable::Home).and_then(absolute).map(|home| home.join(default)))
            .map(|base| base.join("luca-secrets"))
    }

    /// Where the user's identity lies: `~/.config/luca-secrets`.
    pub fn config_folder(&self) -> Option<PathBuf> {
        self.folder(Variable::ConfigHome, ".config")
    }

    /// Where drafts and pins are kept: `LUCA_SECRETS_STATE`, or `~/.local/state/luca-secrets`.
    pub fn state_folder(&self) -> Option<PathBuf> {
        let own = self.get(Variable::State).map(PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| self.folder(Variable::StateHome, ".local/state"))
    }

    /// Where the user's SSH keys lie: `~/.ssh`.
    pub fn ssh_folder(&self) -> Option<PathBuf> {
        let home = self.get(Variable::Home).map(PathBuf::from).filter(|home| home.is_absolute())?;
        Some(home.join(".ssh"))
    }

    /// Where the user's own units of systemd lie: `~/.config/systemd/user` (systemd.unit(5)).
    pub fn units_folder(&self) -> Option<PathBuf> {
        Some(self.config_folder()?.parent()?.join("systemd/user"))
    }

    /// Whether this is a GitHub Actions job.
    pub fn is_github_actions(&self) -> bool {
        self.get(Variable::GithubActions).is_some_and(|value| value == "true")
    }
}
