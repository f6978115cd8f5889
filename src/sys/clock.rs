//! The time of day.

use std::time::Duration;

use jiff::Timestamp;

/// Tells the time.
pub trait Clock {
    /// The present moment, in UTC, cut to whole seconds.
    fn now(&self) -> Timestamp;

    /// For how long the machine has been running, if that can be told.
    fn uptime(&self) -> Option<Uptime> {
        None
    }
}

/// For how long a machine has been running, by a clock that nobody can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    /// The name of this run, which no other has.
    pub boot: String,
    /// The time since its start, in which it may have slept.
    pub since: Duration,
}

/// Where Linux names the run (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn uptime(&self) -> Option<Uptime> {
        let boot = std::fs::read_to_string(BOOT_ID).ok()?.trim().to_owned();
        Some(Uptime { boot, since: Duration::from_secs(since_start().as_secs()) })
    }
}

/// A clock that stands still.
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The time since the machine's start, in which it may have slept: a clock that nobody can set.
pub fn since_start() -> Duration {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = Duration::from_secs(u64::try_from(since.tv_sec).unwrap_or_default());
    seconds + Duration::from_nanos(u64::try_from(since.tv_nsec).unwrap_or_default())
}

/// Waits.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
