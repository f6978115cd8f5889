//! Who reads a rendered file, and who reads a variable out of it.

/// The parser that will read an env file. Each has its own spelling of the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Docker Compose v2's `env_file`.
    Compose,
    /// One spelling exact in compose v2, django-environ, dotenvy and systemd at once: what cookiecutter-django's
    /// files meet.
    Cookiecutter,
    /// `Env.read_env` of django-environ.
    DjangoEnviron,
    /// The Rust crate dotenvy, `just` and `uv run --env-file`.
    Dotenvy,
    /// `gh secret set --env-file`.
    Gh,
    /// The file behind `$GITHUB_ENV`.
    GithubEnv,
    /// `node --env-file`.
    Node,
    /// The npm package dotenv.
    NodeDotenv,
    /// What compose v2, python-dotenv, django-environ, npm dotenv and bash all read alike.
    Portable,
    /// The Python package python-dotenv.
    PythonDotenv,
    /// Lines taken as they are: `docker run --env-file`, compose's `format: raw`, podman, kubectl.
    Raw,
    /// A POSIX shell's `set -a; . FILE`.
    Sh,
    /// systemd's `EnvironmentFile=`.
    Systemd,
}

impl Dialect {
    /// Every dialect, sorted by name.
    pub const ALL: [Self; 13] = [
        Self::Compose,
        Self::Cookiecutter,
        Self::DjangoEnviron,
        Self::Dotenvy,
        Self::Gh,
        Self::GithubEnv,
        Self::Node,
        Self::NodeDotenv,
        Self::Portable,
        Self::PythonDotenv,
        Self::Raw,
        Self::Sh,
        Self::Systemd,
    ];

    /// The name in schemas and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Cookiecutter => "cookiecutter",
            Self::DjangoEnviron => "django-environ",
            Self::Dotenvy => "dotenvy",
            Self::Gh => "gh",
            Self::GithubEnv => "github-env",
            Self::Node => "node",
            Self::NodeDotenv => "node-dotenv",
            Self::Portable => "portable",
            Self::PythonDotenv => "python-dotenv",
            Self::Raw => "raw",
            Self::Sh => "sh",
            Self::Systemd => "systemd",
        }
    }

    /// The dialect of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// The program that takes a variable's value out of its environment, where that program cannot take every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reader {
    /// django-environ's `env("X")`: a leading `$` is taken for the name of another variable.
    DjangoEnviron,
    /// django-environ's `env.db`, kombu and redis-py: a URL whose parts must be percent-encoded.
    Url,
    /// Flower's `--basic_auth`: no comma, ASCII only.
    Flower,
}

impl Reader {
    /// Every reader, sorted by name.
    pub const ALL: [Self; 3] = [Self::DjangoEnviron, Self::Flower, Self::Url];

    /// The name in schemas, as in `read-by = "flower"`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DjangoEnviron => "django-environ",
            Self::Url => "url",
            Self::Flower => "flower",
        }
    }

    /// The reader of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reader| reader.name() == name)
    }
}
