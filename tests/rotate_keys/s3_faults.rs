//! What only a service itself can refuse: a throttle, a failure, a cut or a wrong clock is never read as a wrong pair.

use std::time::Duration;

use luca_secrets::rotate::{Credential, TroubleKind};

use super::s3::{assisted, iam_keys, pair, user};
use super::walk::{Walk, assert_trouble};
use crate::harness::between::{Fault, Proxy};
use crate::harness::s3::{ceph, moto};

/// Such faults, and what is said of them.
const PASSING: [(Fault, &str); 6] = [
    (Fault::Refused(503, "SlowDown"), "the service asks to slow down"),
    (Fault::Refused(429, "TooManyRequests"), "the service asks to slow down"),
    (Fault::Refused(500, "InternalError"), "the service fails for now (500)"),
    (Fault::Refused(403, "RequestTimeTooSkewed"), "this machine's clock differs too much from the service's"),
    (Fault::ReplyLost, ""),
    (Fault::ReplyCut, ""),
];

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn at_no_request_of_a_proof_is_a_failure_taken_for_a_refusal() {
    let service = ceph();
    let bucket = service.bucket();
    let proxy = Proxy::new(&service.endpoint, |_| Fault::None);
    let mut keys = assisted(&proxy.endpoint, &bucket);
    let current = pair((&service.keys.0, &service.keys.1));
    Walk::begin(&mut keys, &current).unwrap();
    let requests = proxy.asked();
    assert!((8..=12).contains(&requests), "{requests}");
    for (number, (fault, part)) in PASSING.into_iter().enumerate() {
        // Each of them at every third request, so that each request meets two of them.
        for at in (1 + number % 3..=requests).step_by(3) {
            // What is refused to HEAD has no reason with it; a clock that is wrong shows at the requests before.
            let is_told = move |method: &str| method != "HEAD" || !matches!(fault, Fault::Refused(403, _));
            proxy.plan(
                move |asked| {
                    if asked.number == at && is_told(&asked.method) { fault } else { Fault::None }
                },
            );
            let Err(trouble) = Walk::begin(&mut keys, &current) else {
                assert!(!is_told("HEAD"), "{fault:?} at {at}: no trouble");
                continue;
            };
            assert_eq!(trouble.kind, TroubleKind::Unavailable, "{fault:?} at {at}: {trouble}");
            let is_said =
                trouble.message.contains(part) || trouble.message.contains("the service fails for now");
            assert!(is_said, "{fault:?} at {at}: {trouble}");
            assert!(!trouble.message.contains(&service.keys.1));
        }
    }
    // A wrong secret of a moment ago, which the service remembers, says nothing of the right one.
    proxy.plan(
        |asked| {
            if asked.number == 2 { Fault::Refused(403, "SignatureDoesNotMatch") } else { Fault::None }
        },
    );
    Walk::begin(&mut keys, &current).unwrap();
    // Neither is the old pair taken for dead.
    let mut walk = Walk::begin_unseen(&mut keys, &current).unwrap();
    walk.record.pending = current.clone();
    let gone = Walk::named(&keys, "gone");
    for (fault, part) in PASSING {
        proxy.plan(move |_| fault);
        assert_trouble(keys.prove(&gone, &walk.record), TroubleKind::Unavailable, part, &[&service.keys.1]);
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn iam_s_throttles_and_clocks_are_no_refusals() {
    let service = moto();
    let bucket = service.bucket();
    let (access, secret) = user(service, "throttled");
    let proxy = Proxy::new(&service.endpoint, |_| Fault::None);
    let mut keys = iam_keys(&service.endpoint, &proxy.endpoint, &bucket, Duration::from_secs(1));
    let mut walk = Walk::begin_unseen(&mut keys, &pair((&access, &secret))).unwrap();
    let create = Walk::named(&keys, "create");
    walk.step(&mut keys, &create).unwrap();
    let deactivate = Walk::named(&keys, "deactivate");
    for (fault, kind, part) in [
        (
            Fault::Refused(400, "Throttling"),
            TroubleKind::Unavailable,
            "Throttling: the service asks to slow down",
        ),
        (Fault::Refused(429, "TooManyRequests"), TroubleKind::Unavailable, "the service asks to slow down"),
        (Fault::Refused(400, "RequestExpired"), TroubleKind::Unavailable, "this machine's clock differs"),
        (Fault::Refused(503, "ServiceUnavailable"), TroubleKind::InDoubt, "the answer has status 503"),
        (Fault::Refused(500, "ServiceFailure"), TroubleKind::InDoubt, "the answer has status 500"),
        (Fault::Refused(403, "AccessDenied"), TroubleKind::Rejected, "AccessDenied"),
    ] {
        proxy.plan(move |_| fault);
        assert_trouble(keys.run(&deactivate, &walk.record), kind, part, &[&secret]);
    }
}
