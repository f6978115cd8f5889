//! The time of day.

use jiff::Timestamp;

/// Tells the time.
pub trait Clock {
    /// The present moment, in UTC, cut to whole seconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// A clock that stands still.
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Waits.
pub fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}
