//! A dialect as a table: how it may be written and who reads it.

use crate::schema::Dialect;

use super::model::Model;
use super::spelling::Spelling;
use super::{
    compose, cookiecutter, django_environ, dotenvy, gh, github_env, node, node_dotenv, portable,
    python_dotenv, raw, sh, systemd,
};

/// Something that a dialect cannot hold, looked for when no spelling was found.
pub(super) struct Limit {
    pub(super) applies: fn(&str) -> bool,
    pub(super) reason: &'static str,
}

/// What a length limit counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Assignment,
    Value,
}

/// All that is particular to one dialect.
pub(super) struct Grammar {
    /// The ways to write an assignment, the most portable first.
    pub(super) spellings: &'static [Spelling],
    /// Every parser that must read the file right.
    pub(super) models: &'static [Model],
    /// Whether `#` starts a comment.
    pub(super) comments: bool,
    /// What may follow an assignment: lines that show whether it reaches beyond its end.
    pub(super) sentinels: &'static [&'static str],
    /// Why a value has no spelling; the first that applies is told.
    pub(super) limits: &'static [Limit],
    /// The longest assignment or value, in bytes.
    pub(super) longest: (usize, Measure),
    /// Why a name cannot be used.
    pub(super) reserved: fn(&str) -> Option<&'static str>,
}

/// Linux's `MAX_ARG_STRLEN` less the closing NUL: the longest `NAME=value` that a process can be started with.
pub(super) const LONGEST_ASSIGNMENT: usize = 131_071;

impl Grammar {
    /// What most dialects that know quotes over several lines have in common.
    pub(super) const MULTILINE: Self = Self {
        spellings: &[],
        models: &[],
        comments: true,
        // An assignment that is still open would end at the first quote of its kind: each has it at the end of a line.
        sentinels: &[
            "Z=\"'
\"
",
            "Z='\"
'
",
        ],
        limits: &[],
        longest: (LONGEST_ASSIGNMENT, Measure::Assignment),
        reserved: |_| None,
    };

    /// What dialects of single lines have in common.
    pub(super) const ONE_LINE: Self = Self { sentinels: &["Z='z'\nY=\"z\"\n"], ..Self::MULTILINE };

    /// The table of a dialect.
    pub(super) const fn of(dialect: Dialect) -> &'static Self {
        match dialect {
            Dialect::Compose => &compose::GRAMMAR,
            Dialect::Cookiecutter => &cookiecutter::GRAMMAR,
            Dialect::DjangoEnviron => &django_environ::GRAMMAR,
            Dialect::Dotenvy => &dotenvy::GRAMMAR,
            Dialect::Gh => &gh::GRAMMAR,
            Dialect::GithubEnv => &github_env::GRAMMAR,
            Dialect::Node => &node::GRAMMAR,
            Dialect::NodeDotenv => &node_dotenv::GRAMMAR,
            Dialect::Portable => &portable::GRAMMAR,
            Dialect::PythonDotenv => &python_dotenv::GRAMMAR,
            Dialect::Raw => &raw::GRAMMAR,
            Dialect::Sh => &sh::GRAMMAR,
            Dialect::Systemd => &systemd::GRAMMAR,
        }
    }

    /// Why a value has no spelling.
    pub(super) fn reason(&self, value: &str) -> &'static str {
        let limit = self.limits.iter().find(|limit| (limit.applies)(value));
        limit.map_or("this mix of quotes, backslashes and special characters", |limit| limit.reason)
    }
}

/// Whether Python's `str.splitlines` would break the text.
pub(super) fn has_line_break(value: &str) -> bool {
    value.contains(is_line_break)
}

/// Whether Python's `str.splitlines` breaks a line here.
pub(super) fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether the text holds a carriage return.
pub(super) fn has_carriage_return(value: &str) -> bool {
    value.contains('\r')
}

/// Whether the text holds a code point that Unicode keeps for internal use.
pub(super) fn has_noncharacter(value: &str) -> bool {
    value.chars().any(|c| matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe)
}
