//! When to try again: what GitHub's headers ask for, and pauses that grow (docs.github.com, "Best practices for using
//! the REST API").

use std::time::Duration;

use jiff::Timestamp;

use crate::http::Response;

/// How often a request is sent whose outcome is unknown or that GitHub failed to serve.
pub(super) const ATTEMPTS: u32 = 5;

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The pause after a secondary limit without headers: GitHub asks for at least a minute.
const SECONDARY: Duration = Duration::from_mins(1);

/// How long GitHub asks to wait, if the answer is about a rate limit.
pub(super) fn asked_to_wait(response: &Response, now: Timestamp) -> Option<Duration> {
    if response.status != 403 && response.status != 429 {
        return None;
    }
    if let Some(seconds) = number(response, "retry-after") {
        return Some(Duration::from_secs(seconds));
    }
    if number(response, "x-ratelimit-remaining") == Some(0) {
        let reset = number(response, "x-ratelimit-reset").and_then(|at| i64::try_from(at).ok());
        let left = reset.map_or(0, |at| at.saturating_sub(now.as_second()));
        // One second more: both clocks are cut to whole ones.
        return Some(Duration::from_secs(u64::try_from(left).unwrap_or(0) + 1));
    }
    let secondary = response.status == 429 || mentions_limit(&response.body);
    secondary.then_some(SECONDARY)
}

/// Whether a message without headers is about a rate limit. It is only looked at, never shown.
fn mentions_limit(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.contains("secondary rate limit")
        || text.contains("rate limit exceeded")
        || text.contains("abuse detection")
}

fn number(response: &Response, name: &str) -> Option<u64> {
    response.header(name)?.trim().parse().ok()
}

/// The pause before the next attempt, between half and the whole of a time that doubles; `dice` is random.
pub(super) fn pause(attempt: u32, dice: u32) -> Duration {
    let whole = FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(6));
    let half = whole / 2;
    half + half.mul_f64(f64::from(dice) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), hyper::header::HeaderValue::from_static(value))
        });
        Response { status, headers: headers.collect(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn headers_say_how_long_to_wait() {
        let now = Timestamp::from_second(1_000).unwrap();
        let wait = |status, headers: &[_], body| {
            asked_to_wait(&response(status, headers, body), now).map(|time| time.as_secs())
        };
        assert_eq!(wait(403, &[("retry-after", "7"), ("x-ratelimit-remaining", "0")], ""), Some(7));
        let primary = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1030")];
        assert_eq!(wait(403, &primary, ""), Some(31));
        assert_eq!(wait(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")], ""), Some(1));
        assert_eq!(wait(429, &[], ""), Some(60));
        assert_eq!(wait(403, &[], "You have exceeded a secondary rate limit"), Some(60));
        assert_eq!(wait(403, &[("x-ratelimit-remaining", "12")], "Resource not accessible"), None);
        assert_eq!(wait(200, &primary, ""), None);
        assert_eq!(wait(403, &[("retry-after", "soon")], ""), None);
    }

    #[test]
    fn pauses_grow_and_are_never_the_same_for_all() {
        assert_eq!(pause(1, 0), Duration::from_millis(250));
        assert_eq!(pause(1, u32::MAX), Duration::from_millis(500));
        assert_eq!(pause(4, u32::MAX), Duration::from_secs(4));
        assert_eq!(pause(99, 0), Duration::from_secs(16));
    }
}
