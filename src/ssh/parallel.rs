//! Many servers at once.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Does work for each item, at most `bound` of them at a time, and gives the results in the items' order. What has
/// begun is brought to its end whatever comes of the others.
pub async fn in_parallel<I, F, T>(
    items: impl IntoIterator<Item = I>,
    bound: usize,
    work: impl Fn(I) -> F,
) -> Vec<T>
where
    F: Future<Output = T>,
{
    let mut waiting = items.into_iter();
    let mut running: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    let mut done: Vec<Option<T>> = Vec::new();
    poll_fn(|context| {
        loop {
            while running.len() < bound.max(1) {
                let Some(item) = waiting.next() else { break };
                running.push((done.len(), Box::pin(work(item))));
                done.push(None);
            }
            let before = running.len();
            running.retain_mut(|(place, work)| match work.as_mut().poll(context) {
                Poll::Ready(result) => {
                    done[*place] = Some(result);
                    false
                }
                Poll::Pending => true,
            });
            // Only work that was polled can wake us, so whatever took a free place is polled too.
            if running.len() == before {
                return if running.is_empty() { Poll::Ready(()) } else { Poll::Pending };
            }
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
