//! When rotations may begin by themselves: days and hours on the clocks of a place.

use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

/// How many days ahead the next opening is looked for: it comes every week, and once a zone has left out a day.
const DAYS_AHEAD: i32 = 15;

/// Days and hours, by the clocks of a time zone.
///
/// Where those clocks are put forward over its beginning, it opens as soon as they have been; where they are put forward
/// over all of it, it opens then for as long as it usually is. Where they are put back it opens once, with the hour that
/// comes twice counted from its first coming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it opens, in the order of the week; never empty.
    pub days: Vec<Weekday>,
    /// The hour at which it opens.
    pub from: Time,
    /// The hour at which it closes: on the next day if it is not later than `from`.
    pub to: Time,
    /// Whose clocks.
    pub zone: TimeZone,
}

/// One time that a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// When it opens.
    pub from: Timestamp,
    /// When it closes; no longer open then.
    pub to: Timestamp,
}

impl Opening {
    /// Whether it is open at a moment.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

impl Window {
    /// The names of the days in schemas.
    pub const DAYS: [(&'static str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];

    /// The zone with a name of the IANA database, by the copy of it in this program.
    pub fn zone(name: &str) -> Option<TimeZone> {
        TimeZoneDatabase::bundled().get(name).ok().filter(|zone| zone.iana_name().is_some())
    }

    /// The opening at a moment, or else the next one after it. `None` at the end of time only.
    pub fn opening(&self, at: Timestamp) -> Option<Opening> {
        let today = self.zone.to_datetime(at).date();
        // One that began the day before yesterday may still be open: clocks can be put back by a day.
        let days = (-2..=DAYS_AHEAD).filter_map(|days| today.checked_add(days.days()).ok());
        let opens = days.filter(|day| self.days.contains(&day.weekday()));
        opens.filter_map(|day| self.on(day)).find(|opening| at < opening.to)
    }

    /// The opening that begins on a day.
    fn on(&self, day: Date) -> Option<Opening> {
        let last = if self.to <= self.from { day.tomorrow().ok()? } else { day };
        let (opens, closes) = (day.to_datetime(self.from), last.to_datetime(self.to));
        // An hour that is left out is taken for as much later, and of one that comes twice the first is meant.
        let from = self.zone.to_timestamp(opens).ok()?;
        let to = self.zone.to_timestamp(closes).ok()?;
        let to = if to <= from { from.checked_add(opens.duration_until(closes)).ok()? } else { to };
        Some(Opening { from, to })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.days.len() < Self::DAYS.len() {
            let names = Self::DAYS.iter().filter(|(_, day)| self.days.contains(day));
            let names: Vec<&str> = names.map(|(name, _)| *name).collect();
            write!(f, "{} ", names.join(","))?;
        }
        let (from, to) = (self.from.strftime("%H:%M"), self.to.strftime("%H:%M"));
        write!(f, "{from}-{to} {}", self.zone.iana_name().unwrap_or("UTC"))
    }
}

#[cfg(test)]
mod tests;
