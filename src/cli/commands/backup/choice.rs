//! Which backup is meant.

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::cli::failure::Failure;
use crate::remote::BackupName;

/// Which backup.
#[derive(Args)]
pub(crate) struct ChoiceArgs {
    /// The backup: its name or the beginning of it, as `backup list` shows it [default: the newest]
    #[arg(value_name = "NAME", group = "which")]
    name: Option<String>,
    /// The last one that was written at or before a moment, or on or before a day (UTC): 2026-11-26T12:00:00Z
    #[arg(long, value_name = "TIME", group = "which")]
    at: Option<String>,
    /// The one of this generation
    #[arg(long, value_name = "NUMBER", group = "which")]
    generation: Option<u64>,
}

impl ChoiceArgs {
    /// Whether any is named.
    pub(super) fn is_named(&self) -> bool {
        self.name.is_some() || self.at.is_some() || self.generation.is_some()
    }

    /// The one that is meant, among backups in any order.
    pub(super) fn among(&self, mut names: Vec<BackupName>) -> Result<BackupName, Failure> {
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(Failure::new("there is no backup of this store"));
        }
        let not_there =
            |what: String| Failure::new(what).hint("`luca-secrets backup list` shows what there is");
        if let Some(at) = &self.at {
            let at = moment(at)?;
            let found = names.into_iter().rfind(|name| name.written() <= at);
            return found.ok_or_else(|| not_there(format!("no backup is as old as {at}")));
        }
        if let Some(generation) = self.generation {
            names.retain(|name| name.generation() == generation);
            return the_one(names, || not_there(format!("there is no backup of generation {generation}")));
        }
        if let Some(typed) = &self.name {
            names.retain(|name| name.is_called(typed));
            return the_one(names, || not_there("no backup of this store is called so".to_owned()));
        }
        names.pop().ok_or_else(|| Failure::new("there is no backup of this store"))
    }
}

fn the_one(mut names: Vec<BackupName>, none: impl FnOnce() -> Failure) -> Result<BackupName, Failure> {
    let Some(last) = names.pop() else { return Err(none()) };
    if names.is_empty() {
        return Ok(last);
    }
    let mut failure = Failure::usage("several backups are meant");
    for name in names.iter().chain([&last]).rev().take(5) {
        failure = failure.hint(format_args!("one is {name}"));
    }
    Err(failure)
}

/// A moment, or the end of a day of UTC.
fn moment(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let end = text.parse::<Date>().ok().filter(|_| text.len() == 10);
    let end = end.and_then(|date| Offset::UTC.to_timestamp(date.at(23, 59, 59, 0)).ok());
    end.ok_or_else(|| {
        Failure::usage("--at wants a moment or a day of UTC")
            .hint("write it as 2026-11-26T12:00:00Z or 2026-11-26")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_means_its_end() {
        assert_eq!(moment("2026-11-26").unwrap().to_string(), "2026-11-26T23:59:59Z");
        assert_eq!(moment("2026-11-26T13:00:00+01:00").unwrap().to_string(), "2026-11-26T12:00:00Z");
        for wrong in ["yesterday", "2026-11", "26.11.2026", "2026-11-26T12:00", "20261126", ""] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
