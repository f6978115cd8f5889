//! How long one call may go on, whatever number of requests it takes.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::trouble::Trouble;
use crate::remote::error::RemoteProblem;
use crate::sys::{OsRandom, Random};

/// How long a whole call may take.
const WHOLE: Duration = Duration::from_secs(50);

/// How long one request may take, its answer included.
const ONE: Duration = Duration::from_secs(15);

/// The longest wait before the second try; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// What is left of the time for a call.
pub(super) struct Patience {
    until: Instant,
}

impl Patience {
    /// All of it. To be called within the runtime.
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + WHOLE }
    }

    /// Waits before another try: a random part of a time that doubles with their number. `false` if there is no time left
    /// for one, or there were as many as it is worth.
    pub(super) async fn pause(&self, tries: &mut u32, most: u32) -> bool {
        let longest = FIRST_PAUSE.saturating_mul(1 << (*tries).min(10)).min(LONGEST_PAUSE);
        *tries += 1;
        if *tries >= most {
            return false;
        }
        let mut byte = [u8::MAX];
        // Without randomness the longest wait serves too.
        let _ = OsRandom.fill(&mut byte);
        let pause = longest.mul_f64(f64::from(byte[0]) / 255.0);
        if Instant::now() + pause >= self.until {
            return false;
        }
        sleep(pause).await;
        true
    }

    /// Lets a request take its time, but no more.
    pub(super) async fn one<T>(
        &self,
        request: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let left = self.until.saturating_duration_since(Instant::now()).min(ONE);
        timeout(left, request).await.unwrap_or_else(|_| {
            let text = format!("no answer within {} seconds", ONE.as_secs());
            Err(Trouble::passing(RemoteProblem::Unreachable(text)))
        })
    }
}
