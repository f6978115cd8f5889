//! How long one call may go on, whatever number of requests it takes.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, sleep, timeout};

use super::trouble::{Answer, Refusal, Trouble, answer};
use crate::remote::error::RemoteProblem;
use crate::sys::{OsRandom, Random};

/// How long a whole call may take.
const WHOLE: Duration = Duration::from_secs(50);

/// How long an answer may take to begin, and each part of it to follow.
const ONE: Duration = Duration::from_secs(15);

/// How many bytes go out in a second at least.
const SLOWEST: usize = 32 * 1024;

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

    /// Asks the service: its answer, or how it refuses. `sent` is how many bytes go along.
    pub(super) async fn ask<T, E>(
        &self,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        sent: usize,
    ) -> Result<Result<T, Refusal>, Trouble>
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match self.one(sent, Box::pin(request)).await? {
            Ok(output) => Ok(Ok(output)),
            Err(error) => match answer(&error) {
                Answer::Refused(refusal) => Ok(Err(refusal)),
                Answer::None(trouble) => Err(trouble),
            },
        }
    }

    /// Lets something take its time, but no more.
    pub(super) async fn one<T>(&self, sent: usize, work: impl Future<Output = T>) -> Result<T, Trouble> {
        let time = ONE + Duration::from_secs(u64::try_from(sent / SLOWEST).unwrap_or(u64::MAX));
        let left = self.until.saturating_duration_since(Instant::now()).min(time);
        timeout(left, work).await.map_err(|_| {
            let text = format!("no answer within {} seconds", left.as_secs());
            Trouble::passing(RemoteProblem::Unreachable(text))
        })
    }
}
