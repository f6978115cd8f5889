//! What `rotate --due` remembers on this machine from one look to the next: when it looked last, by which clock, and what
//! it has told to whom it was to tell. Without it everything is as at the first look.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::store::path_digest;
use crate::sys::Uptime;

use super::context::Context;

/// Largest memory that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// By how much a clock may be set without anybody taking notice.
const SMALL: SignedDuration = SignedDuration::from_mins(10);

/// How long nothing is told twice.
const SILENCE: SignedDuration = SignedDuration::from_hours(24);

/// The memory.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Lookout {
    last: Option<Look>,
    /// By what it was about.
    #[serde(default)]
    told: BTreeMap<String, Told>,
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// One look.
#[derive(Serialize, Deserialize)]
struct Look {
    at: String,
    /// The name of the run of the machine, and for how many seconds it had lasted.
    boot: String,
    up: u64,
}

/// What was told last about something.
#[derive(Serialize, Deserialize)]
struct Told {
    event: String,
    at: String,
}

impl Lookout {
    /// What is remembered for this store. What cannot be read is as good as nothing.
    pub(super) fn load(context: &Context) -> Self {
        let store = context.disk.real_path(&context.settings.store);
        let state = context.env.state_folder();
        let file = state.map(|state| state.join("lookouts").join(path_digest(&store)));
        let bytes = file.as_ref().and_then(|file| context.disk.read(file, LIMIT).ok());
        let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { file, ..known.unwrap_or_default() }
    }

    /// Notes that a look is taken now. By how much the clock was put forward since the last one, while the machine was
    /// running all the time; `None` if it was not, or nobody can tell.
    pub(super) fn look(&mut self, now: Timestamp, uptime: Option<&Uptime>) -> Option<SignedDuration> {
        let uptime = uptime?;
        let (boot, up) = (uptime.boot.clone(), uptime.since.as_secs());
        let last = self.last.replace(Look { at: now.to_string(), boot, up })?;
        let before: Timestamp = last.at.parse().ok()?;
        if last.boot != uptime.boot {
            return None;
        }
        let passed = i64::try_from(up.checked_sub(last.up)?).ok()?;
        let jump = now.duration_since(before) - SignedDuration::from_secs(passed);
        (jump > SMALL).then_some(jump)
    }

    /// Whether to tell something: not twice within a day.
    pub(super) fn is_news(&self, about: &str, event: &str, now: Timestamp) -> bool {
        let is_recent = |told: &Told| {
            let at: Option<Timestamp> = told.at.parse().ok();
            at.is_some_and(|at| at <= now && now.duration_since(at) < SILENCE)
        };
        !self.told.get(about).is_some_and(|told| told.event == event && is_recent(told))
    }

    /// Notes that something was told.
    pub(super) fn told(&mut self, about: &str, event: &str, now: Timestamp) {
        self.told.insert(about.to_owned(), Told { event: event.to_owned(), at: now.to_string() });
    }

    /// Notes that there is nothing to tell about something any more.
    pub(super) fn is_quiet(&mut self, about: &str) {
        self.told.remove(about);
    }

    /// Remembers all that. Where that cannot be done, the next look is like the first.
    pub(super) fn save(&self, context: &mut Context) {
        let Some(file) = &self.file else { return };
        let folder = file.parent().map_or(Ok(()), |folder| context.disk.create_private_folder(folder));
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        if let Err(error) = folder.and_then(|()| context.disk.replace_soon(file, &bytes, 0o600)) {
            context.explain(&format!("this look was not noted: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn up(boot: &str, seconds: u64) -> Uptime {
        Uptime { boot: boot.to_owned(), since: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_clock_that_is_put_forward_is_noticed_once() {
        let mut lookout = Lookout::default();
        let mut look = |seconds, uptime: Option<Uptime>| lookout.look(at(seconds), uptime.as_ref());
        assert_eq!(look(0, Some(up("a", 100))), None);
        assert_eq!(look(900, Some(up("a", 1_000))), None);
        // A week later, and the machine was up all the time.
        assert_eq!(look(604_800, Some(up("a", 604_900))), None);
        assert_eq!(look(10_000_000, Some(up("a", 605_800))), Some(SignedDuration::from_secs(9_394_300)));
        assert_eq!(look(10_000_900, Some(up("a", 606_700))), None);
        // Back again: the store's own date shows that.
        assert_eq!(look(605_000, Some(up("a", 607_600))), None);
        // A machine that was off, or that does not tell.
        assert_eq!(look(20_000_000, Some(up("b", 60))), None);
        assert_eq!(look(90_000_000, None), None);
    }

    #[test]
    fn nothing_is_told_twice_within_a_day() {
        let mut lookout = Lookout::default();
        assert!(lookout.is_news("a.b", "held", at(0)));
        lookout.told("a.b", "held", at(0));
        assert!(!lookout.is_news("a.b", "held", at(86_399)) && lookout.is_news("a.b", "held", at(86_400)));
        assert!(lookout.is_news("a.b", "overdue", at(1)) && lookout.is_news("c.d", "held", at(1)));
        lookout.is_quiet("a.b");
        assert!(lookout.is_news("a.b", "held", at(1)));
    }
}
