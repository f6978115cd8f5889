//! What one rotation costs: connections, round trips and time, through something that counts them. Waits are left out.

use std::io::Write;
use std::time::{Duration, Instant};

use luca_secrets::rotate::{Action, Assisted, Clerk, Credential, Webhook};
use luca_secrets::schema::{ClerkRotation, WebhookRotation};
use luca_secrets::store::Values;
use luca_secrets::sys::Environment;
use serde_json::json;

use super::clerk::Stand;
use super::command::Project;
use super::s3::{access_keys, assisted, end_key, iam_keys, pair, set_free, user};
use super::ssh_key::{current, key_of, server};
use super::walk::{Walk, name, value, values};
use crate::harness::proxy::Proxy;
use crate::harness::s3::moto_alone;
use crate::harness::sshd::Sshd;

/// Brings a rotation from its first look to its end. `paste` is what a person gives, `ended` what is done when one is asked
/// to end the old credential.
fn whole(credential: &mut dyn Credential, current: &Values, paste: &[&str], ended: impl Fn()) -> Duration {
    let mut begun = Instant::now();
    let mut walk = Walk::begin(credential, current).unwrap();
    for step in credential.steps() {
        let answers = if step.name == "paste" { paste } else { &[] };
        if step.name == "delete" && step.action == Action::Ask {
            ended();
        }
        while let Err(trouble) = walk.answer(credential, &step, answers) {
            // Used a moment ago, by whole seconds.
            assert!(matches!(step.action, Action::Wait(_)), "{}: {trouble}", step.name);
            let slept = Instant::now();
            std::thread::sleep(Duration::from_millis(100));
            begun += slept.elapsed();
        }
    }
    begun.elapsed()
}

/// A proxy before what answers at an address, and that address through it.
fn before(url: &str) -> (Proxy, String) {
    let proxy = Proxy::before(url.rsplit(':').next().unwrap().parse().unwrap());
    let url = format!("http://127.0.0.1:{}", proxy.port);
    (proxy, url)
}

fn say(line: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{line}").unwrap();
}

fn tell(kind: &str, time: Duration, proxy: &Proxy, most: (usize, usize)) {
    let (connections, turns) = proxy.counts();
    say(&format!("{kind}: {} ms, {connections} connections, {turns} round trips", time.as_millis()));
    assert!(connections <= most.0 && turns <= most.1, "{kind}: {connections} {turns}");
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn an_ssh_key_needs_few_logins() {
    let sshd = Sshd::start();
    let proxy = Proxy::before(sshd.port);
    let mut place = server(&sshd, 1);
    place.destination.port = proxy.port;
    let mut key = key_of(vec![place], Vec::new());
    let time = whole(&mut key, &current(&sshd), &[], || {});
    tell("ssh-key, on one server", time, &proxy, (20, 200));
}

#[test]
#[ignore = "needs moto; run tests/run"]
fn a_pair_of_s3_keys_needs_few_requests() {
    let service = moto_alone();
    let bucket = service.bucket();
    let (old, new) = (user(&service, "rotated"), access_keys(&service, "rotated"));
    set_free(&service, false);
    let (proxy, url) = before(&service.endpoint);
    let mut keys = assisted(&url, &bucket);
    let end = || end_key(&service, "rotated", &old.0);
    let time = whole(&mut keys, &pair((&old.0, &old.1)), &[&new.0, &new.1], end);
    tell("s3-keys, by a person", time, &proxy, (60, 60));

    let (proxy, url) = before(&service.endpoint);
    let mut keys = iam_keys(&url, &url, &bucket, Duration::ZERO);
    let time = whole(&mut keys, &pair((&new.0, &new.1)), &[], || {});
    tell("s3-keys, by IAM", time, &proxy, (60, 60));
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn what_clerk_and_an_application_are_asked_is_little() {
    const OLD: &str = "sk_test_OldCanary7xq2Lk";
    const NEW: &str = "sk_test_NewCanary9wm4Rt";
    let stand = Stand::start();
    stand.set(&json!({ "keys": { OLD: ["ins_1", "development"], NEW: ["ins_1", "development"] } }));
    let (proxy, url) = before(&stand.url);
    let settings = ClerkRotation { api: url.clone(), url: None, publishable: None };
    let publishable = value("pk_test_YnJhdmUtb3R0ZXItMTIuY2xlcmsuYWNjb3VudHMuZGV2JA");
    let clerk = Clerk::new(name("clerk.key"), settings, Some(publishable), Environment::new([]));
    let mut clerk = Assisted::new(clerk, Duration::ZERO);
    let end = || stand.set(&json!({ "keys": { NEW: ["ins_1", "development"] } }));
    let time = whole(&mut clerk, &values(&[("clerk.key", OLD)]), &[NEW], end);
    tell("clerk", time, &proxy, (30, 30));

    let (old, new) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    stand.set(&json!({ "webhook": [old, new] }));
    let (proxy, url) = before(&stand.url);
    let settings = WebhookRotation {
        endpoint: Some(format!("{url}/hooks")),
        previous: Some(name("clerk.previous")),
        url: None,
    };
    let webhook = Webhook::new(name("clerk.hook"), settings, Environment::new([]));
    let mut webhook = Assisted::new(webhook, Duration::ZERO);
    // The programs forget the old one in the last deploy.
    let end = || stand.set(&json!({ "webhook": [new] }));
    let time = whole(&mut webhook, &values(&[("clerk.hook", old)]), &[new], end);
    tell("webhook, with the secret before", time, &proxy, (10, 10));
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_program_is_started_a_few_times() {
    let project = Project::new(&json!({}));
    let mut command = project.command("");
    let time = whole(&mut command, &values(&[("mail.key", super::command::OLD)]), &[], || {});
    let starts = project.source()["log"].as_array().unwrap().len();
    say(&format!("command: {} ms, {starts} starts of the program", time.as_millis()));
    assert!(starts <= 12, "{starts}");
}
