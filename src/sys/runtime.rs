//! The one place where asynchronous work is started. Local commands never come here.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// Does asynchronous work on this thread and gives what came of it. Must not be called from within such work.
pub fn block_on<F: Future>(work: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A name that is still being looked up has a thread that cannot be stopped; nobody waits for it.
    runtime.shutdown_background();
    Ok(done)
}

/// Does asynchronous work, and calls `tick` every so often while it lasts.
pub async fn with_ticks<F: Future>(work: F, every: Duration, mut tick: impl FnMut()) -> F::Output {
    let mut work = pin!(work);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick() => tick(),
        }
    }
}
