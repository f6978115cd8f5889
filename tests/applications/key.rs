//! `django-secret-key` on a real Django: nobody is signed out, neither by the rotation nor by taking it back.

use luca_secrets::rotate::{Action, TroubleKind};
use luca_secrets::secret::SecretValue;
use std::time::Duration;

use super::App;
use super::by_hand::ByHand;
use super::django::BOBS;
use super::http::Browser;
use super::observer::{Look, Observer, files_with, watch_processes};

const KEY: &str = r#"{ with = "django-secret-key", [manage] }"#;
const PASSWORD: &str = r#"{ with = "generated" }"#;

/// What somebody has from the application at one moment: a session, a link to reset a password, and a signed value.
pub struct Held {
    browser: Browser,
    token: String,
    signed: String,
}

pub fn taken(app: &App) -> Held {
    let mut browser = app.signed_in("bob", BOBS);
    let token = browser.get("/token/").unwrap().body;
    let signed = browser.get("/signed/").unwrap().body;
    Held { browser, token, signed }
}

impl Held {
    /// What of it the application still takes: the session, the link, the signed value.
    pub fn accepted(&mut self, app: &App) -> [bool; 3] {
        let who = self.browser.get("/who/").unwrap();
        assert!(matches!(who.status, 200 | 401), "{}: {}", who.body, app.read("gunicorn.log"));
        let mut anybody = app.browser();
        let token = anybody.get(&format!("/token/?given={}", self.token)).unwrap().status;
        let signed = anybody.get(&format!("/signed/?given={}", self.signed)).unwrap().status;
        [who.status == 200, token == 200, signed == 200]
    }
}

/// The application runs on these two.
fn run_on(app: &App, key: &str, fallbacks: Option<&str>) {
    app.set("django.secret_key", key);
    match fallbacks {
        Some(keys) => app.set("django.secret_key_fallbacks", keys),
        None => drop(app.world.run(&["rm", "-q", "--yes", "django.secret_key_fallbacks"]).done()),
    }
    app.pushed();
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn what_django_accepts_is_what_the_phases_are_built_on() {
    let app = App::start(KEY, PASSWORD);
    let old = app.get("django.secret_key");
    let new = "N".repeat(64);
    let (all, none) = ([true; 3], [false; 3]);

    let mut held = taken(&app);
    run_on(&app, &new, None);
    assert_eq!(held.accepted(&app), none, "new key, no fallback");

    run_on(&app, &old, None);
    let mut held = taken(&app);
    run_on(&app, &new, Some(&old));
    assert_eq!(held.accepted(&app), all, "new key, the old one as a fallback");

    // The session was made again with the new key: without the phase between, the way back signs everybody out.
    let mut newer = taken(&app);
    run_on(&app, &old, None);
    assert!(!held.accepted(&app)[0], "old key, no fallback, a session that the new one made again");
    assert_eq!(newer.accepted(&app), none, "old key, no fallback, all made by the new one");

    run_on(&app, &new, Some(&old));
    let mut newer = taken(&app);
    run_on(&app, &old, Some(&new));
    assert_eq!(newer.accepted(&app), all, "old key, the new one as a fallback");
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn nobody_is_signed_out_by_a_rotation_nor_by_taking_it_back_at_any_of_its_steps() {
    let app = App::start(KEY, PASSWORD);
    let deploy = || drop(app.pushed());
    let watched = Observer::start(app.signed_in("bob", BOBS), |browser| match browser.get("/who/") {
        None => Look::Silent,
        Some(reply) if reply.status == 200 => Look::Well,
        Some(reply) => Look::Wrong(format!("{}: {}", reply.status, reply.body)),
    });
    let before = app.get("django.secret_key");
    for begun in 1..=5 {
        let mut way = ByHand::new(&app.world, "django.secret_key", &deploy);
        let mut held = vec![taken(&app)];
        let mut by_new = vec![false];
        way.begin();
        for step in way.credential.steps().into_iter().take(begun) {
            way.stepped(&step);
            held.push(taken(&app));
            by_new.push(matches!(step.name, "sign" | "signs" | "age"));
            all_is_well(&app, &mut held, step.name);
        }
        for step in way.credential.undo_steps(begun) {
            way.stepped(&step);
            if matches!(step.name, "restore" | "restored") {
                break;
            }
            held.push(taken(&app));
            by_new.push(false);
            all_is_well(&app, &mut held, step.name);
        }
        // What the new key has signed is older than all that is accepted, and gone; every session has lived on.
        for (one, by_new) in held.iter_mut().zip(by_new) {
            assert_eq!(one.accepted(&app), [true, !by_new, !by_new], "taken back after {begun} steps");
        }
        assert_eq!(app.get("django.secret_key"), before);
        assert!(!app.read("app.env").contains("FALLBACKS"));
    }
    let (_, seen) = watched.end();
    assert!(seen.well > 50 && seen.wrong.is_empty(), "{seen:?}");
}

fn all_is_well(app: &App, held: &mut [Held], when: &str) {
    for (number, one) in held.iter_mut().enumerate() {
        assert_eq!(one.accepted(app), [true; 3], "after {when}, what was taken as number {number}");
    }
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_rotation_proves_each_phase_and_ends_with_the_old_key_refused() {
    let app = App::start(KEY, PASSWORD);
    let deploy = || drop(app.pushed());
    let mut way = ByHand::new(&app.world, "django.secret_key", &deploy);
    let found = way.begin();
    assert_eq!(found, ["the application on web runs on the present django.secret_key and knows fallbacks"]);
    let needles: Vec<String> = way.values().iter().map(|value| value.expose().to_owned()).collect();
    let processes = watch_processes(&needles, &["cmdline", "environ"]);
    let mut held = taken(&app);

    let steps = way.credential.steps();
    let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["accept", "accepted", "sign", "signs", "age", "drop", "dropped"]);
    assert_eq!(steps[4].action, Action::Wait(Duration::from_hours(14 * 24)));
    assert_eq!(steps.iter().filter(|step| step.is_final).count(), 1);

    // A proof of what is not so yet fails, and says what is wrong.
    let early = way.step(&way.named("accepted")).unwrap_err();
    assert_eq!(early.kind, TroubleKind::Rejected);
    assert_eq!(early.message, "the application on web does not have the new key among its fallbacks");

    let mut seen = Vec::new();
    for step in &steps {
        seen.push(way.stepped(step));
        let standing = way.credential.standing(&way.record).unwrap();
        seen.push(format!("{:?} {:?}", standing.current, standing.pending));
        if step.name != "drop" && step.name != "dropped" {
            assert_eq!(held.accepted(&app), [true; 3], "{}", step.name);
        }
    }
    let expected = [
        "deployed",
        "Accepted Accepted",
        "the application on web signs with the old key and accepts both, and no other",
        "Accepted Accepted",
        "deployed",
        "Accepted Accepted",
        "the application on web signs with the new key and accepts both, and no other",
        "Accepted Accepted",
        "Yes(\"everything that it has signed is too old to be accepted\")",
        "Accepted Accepted",
        "deployed",
        "Refused Accepted",
        "the application on web signs with the new key and accepts no other",
        "Refused Accepted",
    ];
    assert_eq!(seen, expected);
    // What was signed before is refused now; the session was made again by the new key.
    assert_eq!(held.accepted(&app), [true, false, false]);
    let (_, processes) = processes.end();
    assert!(processes.well > 10 && processes.wrong.is_empty(), "{processes:?}");
    assert!(!app.read("app.env").contains("FALLBACKS"));
    // Nowhere on the server but in the file, and in the one from before it.
    let [old, new] = [way.record.current(&way.name), way.record.pending(&way.name)];
    let files = |key: Option<&SecretValue>| files_with(&app.host.path(""), key.unwrap().expose());
    assert_eq!(files(old), ["app/.app.env.luca-secrets-previous"]);
    assert_eq!(files(new), ["app/.app.env.luca-secrets-previous", "app/app.env"]);
    for (number, needle) in needles.iter().enumerate() {
        assert!(!app.host.log().contains(needle.as_str()), "{number}");
        assert!(!app.read("gunicorn.log").contains(needle.as_str()), "{number}");
    }
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn what_would_sign_people_out_is_seen_before_anything_is_made() {
    let app = App::start(&KEY.replace(", [", ", session-age = \"1d\", reset-timeout = \"1h\", ["), PASSWORD);
    let deploy = || drop(app.pushed());
    let refusal = || {
        let mut way = ByHand::new(&app.world, "django.secret_key", &deploy);
        let trouble = way.credential.preflight(&way.record.current).unwrap_err();
        assert_eq!(trouble.kind, TroubleKind::Rejected);
        (trouble.message, trouble.hint.unwrap_or_default())
    };
    let (message, hint) = refusal();
    assert_eq!(
        message,
        "SESSION_COOKIE_AGE of the application is longer than the wait for django.secret_key"
    );
    assert_eq!(hint, "in its `rotate`: session-age = \"1209600s\"");

    std::fs::write(app.path("signs-elsewhere"), "").unwrap();
    let (message, _) = refusal();
    assert_eq!(message, "django.secret_key is also used by SIMPLE_JWT.SIGNING_KEY, which know no fallbacks");

    std::fs::write(app.path("has-no-fallbacks"), "").unwrap();
    let (message, _) = refusal();
    assert_eq!(message, "the settings of the application on web have no SECRET_KEY_FALLBACKS");

    let key = app.get("django.secret_key");
    app.set("django.secret_key", &format!("{key}x"));
    let (message, hint) = refusal();
    assert_eq!(message, "the application on web runs on another django.secret_key than the store has");
    assert_eq!(hint, "bring it there first: `luca-secrets push`");

    app.set("django.secret_key", &format!("{key},x"));
    let (message, _) = refusal();
    assert_eq!(
        message,
        "the present django.secret_key holds a comma, at which the list of fallbacks is split"
    );
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn without_fallbacks_everybody_is_signed_out_and_that_is_said_and_asked() {
    let app = App::start(r#"{ with = "django-secret-key", fallbacks = false, [manage] }"#, PASSWORD);
    let deploy = || drop(app.pushed());
    let mut way = ByHand::new(&app.world, "django.secret_key", &deploy);
    let mut held = taken(&app);
    assert_eq!(
        way.begin(),
        [
            "everybody will be signed out, and links to reset passwords end",
            "the application on web runs on the present django.secret_key"
        ]
    );
    let steps = way.credential.steps();
    assert_eq!(steps[0].action, Action::Ask);
    assert!(way.stepped(&steps[0]).starts_with("a new django.secret_key signs everybody out"));
    assert_eq!(held.accepted(&app), [true; 3]);
    way.stepped(&steps[1]);
    let seen = way.stepped(&steps[2]);
    assert_eq!(seen, "the application on web signs with the new key and accepts no other");
    assert_eq!(held.accepted(&app), [false; 3]);
    for step in way.credential.undo_steps(steps.len()) {
        way.stepped(&step);
    }
    assert_eq!(held.accepted(&app)[1..], [true, true]);
}
