//! Waiting, as a value handed in: tests do not wait.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Lets time pass between two requests.
pub trait Pause {
    /// Waits that long.
    fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>>;
}

/// Waits by the runtime's timer.
pub struct TimerPause;

impl Pause for TimerPause {
    fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}
