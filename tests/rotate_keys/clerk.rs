//! `clerk` and `webhook` against a stand-in after their published descriptions.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use luca_secrets::rotate::{Answer, Assisted, Clerk, Credential, TroubleKind, Webhook};
use luca_secrets::schema::{ClerkRotation, WebhookRotation};
use luca_secrets::sys::Environment;

use super::walk::{Walk, assert_trouble, name, text, value, values};

const OLD: &str = "sk_test_OldCanary7xq2Lk";
const NEW: &str = "sk_test_NewCanary9wm4Rt";

/// The stand-in; it ends with this value.
pub struct Stand {
    child: Child,
    talk: RefCell<(Option<ChildStdin>, BufReader<ChildStdout>)>,
    pub url: String,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.talk.get_mut().0 = None;
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

impl Stand {
    pub fn start() -> Self {
        let mut child = Command::new("python3")
            .arg("tests/rotate_keys/clerk_server.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        reader.read_line(&mut port).unwrap();
        let talk = RefCell::new((child.stdin.take(), reader));
        Self { child, talk, url: format!("http://127.0.0.1:{}", port.trim()) }
    }

    /// Changes what it knows.
    pub fn set(&self, state: &Value) {
        let mut talk = self.talk.borrow_mut();
        writeln!(talk.0.as_mut().unwrap(), "{state}").unwrap();
        let mut line = String::new();
        talk.1.read_line(&mut line).unwrap();
        assert_eq!(line, "ok\n");
    }

    fn keys(&self, keys: &[(&str, &str, &str)]) {
        let keys: serde_json::Map<_, _> =
            keys.iter().map(|(key, id, kind)| ((*key).to_owned(), json!([id, kind]))).collect();
        self.set(&json!({ "keys": keys }));
    }
}

fn clerk(stand: &Stand, publishable: Option<&str>) -> Assisted<Clerk> {
    let settings = ClerkRotation {
        api: stand.url.clone(),
        url: Some("https://example.com/keys".to_owned()),
        publishable: None,
    };
    let clerk = Clerk::new(name("clerk.secret_key"), settings, publishable.map(value), Environment::new([]));
    Assisted::new(clerk, Duration::from_secs(1))
}

fn begun(clerk: &mut Assisted<Clerk>) -> Walk {
    Walk::begin(clerk, &values(&[("clerk.secret_key", OLD)])).unwrap()
}

/// Both keys are of the same development instance.
const BOTH: &[(&str, &str, &str)] = &[(OLD, "ins_1", "development"), (NEW, "ins_1", "development")];

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_key_that_a_person_made_is_proven_deployed_and_the_old_one_seen_dead() {
    let stand = Stand::start();
    stand.keys(BOTH);
    let mut clerk = clerk(&stand, Some("pk_test_YnJhdmUtb3R0ZXItMTIuY2xlcmsuYWNjb3VudHMuZGV2JA"));
    let mut walk = begun(&mut clerk);
    let (paste, delete) = (Walk::named(&clerk, "paste"), Walk::named(&clerk, "delete"));
    let question = clerk.question(&paste, &walk.record).unwrap();
    assert_eq!(question.url.as_deref(), Some("https://example.com/keys"));
    assert_eq!((question.fields.len(), question.fields[0].is_hidden), (1, true));
    walk.answer(&mut clerk, &paste, &[&format!("  {NEW}\n")]).unwrap();
    assert_eq!(
        walk.until(&mut clerk, "test").unwrap(),
        "Clerk accepts it for the same test instance, and refuses a wrong one"
    );
    walk.until(&mut clerk, "wait").unwrap();
    assert_eq!(text(&walk.deployed, "clerk.secret_key"), NEW);
    // Said and not done.
    let said = walk.answer(&mut clerk, &delete, &[]);
    assert_trouble(said, TroubleKind::Rejected, "from before is still accepted", &[OLD, NEW]);
    // Whoever deleted the wrong one of the two.
    stand.keys(&BOTH[..1]);
    let wrong = walk.answer(&mut clerk, &delete, &[]);
    assert_trouble(wrong, TroubleKind::Held, "from this rotation is refused", &[OLD, NEW]);
    stand.keys(&BOTH[1..]);
    walk.answer(&mut clerk, &delete, &[]).unwrap();
    walk.finish(&mut clerk).unwrap();
    let asked = clerk.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Refused, Answer::Accepted));
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn what_is_pasted_by_mistake_is_refused_and_leaves_no_trace() {
    let stand = Stand::start();
    let live = "sk_live_Canary7xq2Lkw4";
    let other = "sk_test_OtherCanary55x";
    let mut keys = BOTH.to_vec();
    keys.extend([(live, "ins_2", "production"), (other, "ins_3", "development")]);
    stand.keys(&keys);
    let mut clerk = clerk(&stand, None);
    let mut walk = begun(&mut clerk);
    let paste = Walk::named(&clerk, "paste");
    for (pasted, part) in [
        ("", "no secret key was given"),
        (OLD, "is the secret key of Clerk's that the store has already"),
        ("pk_test_YnJhdmU", "that is a publishable key"),
        ("whsec_MfKQ9r8GKYqrTwjU", "that is a webhook's secret"),
        ("hunter22hunter22", "that is no secret key of Clerk's"),
        ("sk_test_ab", "that is no secret key of Clerk's"),
        ("sk_test_Canary sk_test_Canary", "has spaces or line ends in it"),
        (live, "that key is for a live instance, and the project uses a test one"),
        (other, "the key belongs to another instance than the current one"),
        ("sk_test_NobodyHasThis1", "Clerk refuses the new key"),
        ("sk_test_Canäry7xq2Lk", "holds characters that no key"),
    ] {
        let outcome = walk.answer(&mut clerk, &paste, &[pasted]);
        if let Err(trouble) = &outcome
            && pasted.contains('ä')
            && trouble.message.contains("Clerk refuses")
        {
            continue;
        }
        let hidden: &[&str] = if pasted.is_empty() { &[OLD] } else { &[OLD, pasted] };
        assert_trouble(outcome, TroubleKind::Rejected, part, hidden);
        assert!(walk.record.pending.is_empty() && walk.record.done == 0);
    }
    // A test key of an instance that calls itself otherwise.
    stand.keys(&[BOTH[0], (NEW, "ins_1", "production")]);
    let outcome = walk.answer(&mut clerk, &paste, &[NEW]);
    assert_trouble(outcome, TroubleKind::Rejected, "Clerk calls its instance a production one", &[OLD, NEW]);
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_key_goes_with_the_publishable_key_of_the_schema() {
    let publishable = |host: &str| {
        let coded = base64::engine::general_purpose::STANDARD.encode(format!("{host}$"));
        format!("pk_test_{coded}")
    };
    let stand = Stand::start();
    stand.keys(BOTH);
    let current = values(&[("clerk.secret_key", OLD)]);
    // The store has a key of an instance whose tokens the project's programs would refuse: nothing is begun.
    let mut other = clerk(&stand, Some(&publishable("calm-heron-34.clerk.accounts.dev")));
    let outcome = Walk::begin(&mut other, &current);
    let part = "the key belongs to another instance than the project's publishable key";
    assert_trouble(outcome, TroubleKind::Rejected, part, &[OLD]);
    // Whatever that one accepts, so is a new key: before it is stored.
    let mut walk = Walk::begin_unseen(&mut other, &current).unwrap();
    let paste = Walk::named(&other, "paste");
    assert_trouble(walk.answer(&mut other, &paste, &[NEW]), TroubleKind::Rejected, part, &[OLD, NEW]);
    assert!(walk.record.pending.is_empty());
    // An instance with a domain of its own.
    stand.set(&json!({ "frontends": { "ins_1": "https://clerk.example.com/" } }));
    let mut own = clerk(&stand, Some(&publishable("Clerk.example.com")));
    let mut walk = begun(&mut own);
    walk.give(&mut own, "paste", &[NEW]).unwrap();
    let mut broken = clerk(&stand, Some("pk_test_c2hvcnQ"));
    let outcome = Walk::begin(&mut broken, &current);
    assert_trouble(outcome, TroubleKind::Rejected, "names no frontend API", &[OLD]);
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn only_clerk_itself_can_refuse_a_key() {
    let stand = Stand::start();
    stand.keys(BOTH);
    let mut clerk = clerk(&stand, Some("pk_test_YnJhdmUtb3R0ZXItMTIuY2xlcmsuYWNjb3VudHMuZGV2JA"));
    let mut walk = begun(&mut clerk);
    // While the domains are asked for.
    stand.set(&json!({ "domains": 429 }));
    let paste = Walk::named(&clerk, "paste");
    let outcome = walk.answer(&mut clerk, &paste, &[NEW]);
    assert_trouble(outcome, TroubleKind::Unavailable, "429, which says nothing of the key", &[OLD, NEW]);
    stand.set(&json!({ "domains": null }));
    walk.give(&mut clerk, "paste", &[NEW]).unwrap();
    walk.until(&mut clerk, "wait").unwrap();
    stand.keys(&BOTH[1..]);
    let gone = Walk::named(&clerk, "gone");
    for fault in [json!(429), json!(500), json!(503), json!(403), json!("proxy"), json!("elsewhere")] {
        stand.set(&json!({ "status": fault }));
        let outcome = clerk.prove(&gone, &walk.record);
        assert_trouble(outcome, TroubleKind::Unavailable, "says nothing of the key", &[OLD, NEW]);
        let current = values(&[("clerk.secret_key", OLD)]);
        assert_trouble(Walk::begin(&mut clerk, &current), TroubleKind::Unavailable, "says nothing", &[OLD]);
    }
    // Whoever accepts anything proves nothing.
    let frontends = json!({ "ins_open": "https://brave-otter-12.clerk.accounts.dev" });
    stand.set(&json!({ "status": null, "open": true, "frontends": frontends }));
    let current = values(&[("clerk.secret_key", OLD)]);
    assert_trouble(Walk::begin(&mut clerk, &current), TroubleKind::Held, "accepts any key", &[OLD]);
    drop(stand);
    let outcome = clerk.prove(&gone, &walk.record);
    assert_trouble(outcome, TroubleKind::Unavailable, "cannot be reached", &[OLD, NEW]);
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_key_is_taken_back_only_while_the_old_one_works() {
    let stand = Stand::start();
    for (begun_steps, last) in [(1, None), (3, Some("deploy")), (4, Some("wait"))] {
        stand.keys(BOTH);
        let mut clerk = clerk(&stand, None);
        let mut walk = begun(&mut clerk);
        if let Some(last) = last {
            walk.give(&mut clerk, "paste", &[NEW]).unwrap();
            walk.until(&mut clerk, last).unwrap();
            // The person has not deleted the new one yet.
            let mut early = Walk { record: walk.record.clone(), deployed: walk.deployed.clone() };
            let outcome = early.undo(&mut clerk, begun_steps);
            assert_trouble(
                outcome,
                TroubleKind::Rejected,
                "from this rotation is still accepted",
                &[OLD, NEW],
            );
        }
        stand.keys(&BOTH[..1]);
        walk.undo(&mut clerk, begun_steps).unwrap();
        assert_eq!(text(&walk.deployed, "clerk.secret_key"), OLD);
    }
    stand.keys(BOTH);
    let mut clerk = clerk(&stand, None);
    let mut walk = begun(&mut clerk);
    walk.give(&mut clerk, "paste", &[NEW]).unwrap();
    walk.until(&mut clerk, "wait").unwrap();
    stand.keys(&BOTH[1..]);
    // Its programs keep the new key.
    assert_trouble(walk.undo(&mut clerk, 5), TroubleKind::Held, "from before is refused", &[OLD, NEW]);
    assert_eq!(text(&walk.deployed, "clerk.secret_key"), NEW);
}

const OLD_HOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW_HOOK: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_webhook_s_secret_is_proven_by_the_endpoint_that_has_it() {
    let stand = Stand::start();
    let settings =
        WebhookRotation { endpoint: Some(format!("{}/hooks", stand.url)), ..WebhookRotation::default() };
    let webhook = Webhook::new(name("clerk.hook"), settings, Environment::new([]));
    let mut webhook = Assisted::new(webhook, Duration::from_secs(1));
    let names: Vec<&str> = webhook.steps().iter().map(|step| step.name).collect();
    assert_eq!(names, ["paste", "deploy", "test", "wait", "delete"]);
    assert!(webhook.steps()[4].is_final);
    let mut walk = Walk::begin(&mut webhook, &values(&[("clerk.hook", OLD_HOOK)])).unwrap();
    let paste = Walk::named(&webhook, "paste");
    for (pasted, part) in [
        (OLD_HOOK, "that the store has already"),
        (NEW, "that is a secret key, not the secret of a webhook"),
        ("hunter22", "those start with whsec_"),
        ("whsec_C2FVsBQI", "is not whole"),
        ("whsec_?", "is not whole"),
    ] {
        assert_trouble(walk.answer(&mut webhook, &paste, &[pasted]), TroubleKind::Rejected, part, &[pasted]);
    }
    walk.answer(&mut webhook, &paste, &[NEW_HOOK]).unwrap();
    walk.until(&mut webhook, "deploy").unwrap();
    let test = Walk::named(&webhook, "test");
    // The programs have not taken it in.
    stand.set(&json!({ "webhook": [OLD_HOOK] }));
    let outcome = walk.step(&mut webhook, &test);
    assert_trouble(
        outcome,
        TroubleKind::Rejected,
        "refuses an event signed with the new secret",
        &[NEW_HOOK],
    );
    stand.set(&json!({ "webhook": [NEW_HOOK], "checks": false }));
    let outcome = walk.step(&mut webhook, &test);
    assert_trouble(outcome, TroubleKind::Rejected, "whose signature is wrong", &[NEW_HOOK]);
    stand.set(&json!({ "checks": true, "status": 502 }));
    let outcome = walk.step(&mut webhook, &test);
    assert_trouble(outcome, TroubleKind::Unavailable, "neither yes nor no", &[NEW_HOOK]);
    stand.set(&json!({ "status": null }));
    walk.finish(&mut webhook).unwrap();
    assert_eq!(text(&walk.deployed, "clerk.hook"), NEW_HOOK);

    let mut walk = Walk::begin(&mut webhook, &values(&[("clerk.hook", OLD_HOOK)])).unwrap();
    walk.answer(&mut webhook, &paste, &[NEW_HOOK]).unwrap();
    walk.until(&mut webhook, "deploy").unwrap();
    walk.undo(&mut webhook, 2).unwrap();
    assert_eq!(text(&walk.deployed, "clerk.hook"), OLD_HOOK);
}

#[test]
fn a_webhook_without_an_endpoint_is_a_person_s_word() {
    let webhook = Webhook::new(name("clerk.hook"), WebhookRotation::default(), Environment::new([]));
    let mut webhook = Assisted::new(webhook, Duration::from_secs(1));
    let mut walk = Walk::begin(&mut webhook, &values(&[("clerk.hook", OLD_HOOK)])).unwrap();
    walk.give(&mut webhook, "paste", &[NEW_HOOK]).unwrap();
    walk.finish(&mut webhook).unwrap();
    assert_eq!(text(&walk.deployed, "clerk.hook"), NEW_HOOK);
}
