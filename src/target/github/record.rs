//! What was pushed last, as the store remembers it.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Deserialize;

use super::name::ActionsName;
use super::plan::Kind;

/// One secret or variable as it was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The keyed digest of the value, in hex.
    pub digest: String,
    /// When it was written, by GitHub's own clock. `None` while a push is under way and after one that was killed:
    /// then nobody knows whether it arrived, and what GitHub has may well be ours.
    pub updated_at: Option<Timestamp>,
}

/// What was pushed to one scope. Never holds a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushRecord {
    /// The secrets.
    pub secrets: BTreeMap<ActionsName, Pushed>,
    /// The variables.
    pub variables: BTreeMap<ActionsName, Pushed>,
}

/// Why a text is not a record; what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError(String);

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record of what was pushed is damaged: {}", self.0)
    }
}

impl std::error::Error for RecordError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    digest: String,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default)]
    secrets: BTreeMap<String, Entry>,
    #[serde(default)]
    variables: BTreeMap<String, Entry>,
}

impl PushRecord {
    /// Reads the TOML that [`to_toml`](Self::to_toml) writes.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let form: Form = toml::from_str(text).map_err(|error| RecordError(error.message().to_owned()))?;
        Ok(Self { secrets: read(form.secrets)?, variables: read(form.variables)? })
    }

    /// The record as TOML: a line for each name, an inline table, below `secrets` and `variables`.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for (kind, entries) in [("secrets", &self.secrets), ("variables", &self.variables)] {
            for (name, pushed) in entries {
                let _ = write!(text, "{kind}.{name} = {{ digest = \"{}\"", pushed.digest);
                if let Some(at) = pushed.updated_at {
                    let _ = write!(text, ", updated_at = \"{at}\"");
                }
                text.push_str(" }\n");
            }
        }
        text
    }

    /// The entries of one kind.
    pub const fn of(&self, kind: Kind) -> &BTreeMap<ActionsName, Pushed> {
        match kind {
            Kind::Secret => &self.secrets,
            Kind::Variable => &self.variables,
        }
    }

    /// The same, to be changed.
    pub(super) const fn of_mut(&mut self, kind: Kind) -> &mut BTreeMap<ActionsName, Pushed> {
        match kind {
            Kind::Secret => &mut self.secrets,
            Kind::Variable => &mut self.variables,
        }
    }
}

fn read(entries: BTreeMap<String, Entry>) -> Result<BTreeMap<ActionsName, Pushed>, RecordError> {
    let read_entry = |(name, entry): (String, Entry)| {
        let name = ActionsName::listed(&name).ok_or_else(|| RecordError("a name is none".to_owned()))?;
        let bad_time = |_| RecordError(format!("{name} has no readable time"));
        let updated_at = entry.updated_at.map(|at| at.parse().map_err(bad_time)).transpose()?;
        Ok((name, Pushed { digest: entry.digest, updated_at }))
    };
    entries.into_iter().map(read_entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_spelling() {
        let text = "secrets.A = { digest = \"0011223344556677\", updated_at = \"2026-11-23T12:00:00Z\" }\n\
                    secrets.B = { digest = \"8899aabbccddeeff\" }\n\
                    variables.C = { digest = \"0000000000000000\", updated_at = \"2026-11-23T12:00:01Z\" }\n";
        let record = PushRecord::parse(text).unwrap();
        assert_eq!((record.secrets.len(), record.variables.len()), (2, 1));
        assert_eq!(record.to_toml(), text);
        assert_eq!(PushRecord::parse("").unwrap(), PushRecord::default());
    }

    #[test]
    fn a_damaged_record_is_refused() {
        for text in [
            "secrets.A = 1",
            "secrets.A = { digest = \"0\", updated_at = \"yesterday\" }",
            "secrets.A = { digest = \"0\", value = \"x\" }",
            "secrets.\"a b\" = { digest = \"0\" }",
            "other = 1",
        ] {
            assert!(PushRecord::parse(text).is_err(), "{text}");
        }
    }
}
