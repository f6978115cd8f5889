//! The one entrance: a text and its form go in, findings come out.

use crate::schema::Dialect;

use super::dotenv::read_dotenv;
use super::model::{Context, Findings, ImportError, Source};
use super::{json, markdown, toml};

impl Source {
    /// The form that a file most likely has, by its name, and where that says nothing by its text.
    ///
    /// Env files are taken to be in the schema's default dialect, `cookiecutter`.
    pub fn guess(file_name: &str, text: &str) -> Self {
        let base = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name).to_ascii_lowercase();
        let extension = base.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension {
            "toml" => Self::Toml,
            "json" => Self::Json,
            "md" | "markdown" | "mdown" | "mkd" => Self::Markdown,
            "env" => Self::Dotenv(Dialect::Cookiecutter),
            _ if base.starts_with('.') => Self::Dotenv(Dialect::Cookiecutter),
            _ => Self::guess_by_text(text.trim_start_matches('\u{feff}')),
        }
    }

    fn guess_by_text(text: &str) -> Self {
        if text.trim_start().starts_with('{') {
            return Self::Json;
        }
        let any = |test: fn(&str) -> bool| text.lines().map(str::trim).any(test);
        if any(|line| line.starts_with("## ") || line.starts_with("```") || line.starts_with('|')) {
            Self::Markdown
        } else if any(|line| line.starts_with('[') && line.ends_with(']')) {
            Self::Toml
        } else if any(|line| line.starts_with("- ") || line.starts_with("* ")) {
            Self::Markdown
        } else {
            Self::Dotenv(Dialect::Cookiecutter)
        }
    }
}

/// Reads a source. A leading byte-order mark is no part of it.
pub fn read(source: Source, text: &str, context: &Context<'_>) -> Result<Findings, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match source {
        Source::Dotenv(dialect) => {
            let pairs = (context.parse_dotenv)(dialect, text)
                .map_err(|(line, reason)| ImportError::Dotenv { line, reason })?;
            Ok(read_dotenv(pairs, text, context))
        }
        Source::Toml => toml::read(text, context),
        Source::Json => json::read(text, context),
        Source::Markdown => Ok(markdown::read(text, context)),
    }
}
