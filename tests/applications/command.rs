//! The same rotations by the command: with the journal in the store, left and taken up again.

use crate::harness::{Done, World};

use super::App;
use super::django::BOBS;
use super::observer::{Look, Observer, watch_processes};

const KEY: &str = r#"{ with = "django-secret-key", [manage] }"#;
const PASSWORD: &str = r#"{ with = "django-password", user = "{{ alice.name }}", login = "http://127.0.0.1:[port]/admin/login/", [manage] }"#;

/// Runs `rotate` at a moment.
fn rotate(world: &World, arguments: &[&str], now: &'static str) -> Done {
    let mut all = vec!["rotate", "--yes", "--local"];
    all.extend(arguments);
    world.run(&all).at(now).done()
}

/// The text with the times that steps took replaced.
fn timeless(text: &str) -> String {
    let word = |word: &str| {
        if word.starts_with('(') && word[1..].parse::<f64>().is_ok() {
            "([time]".to_owned()
        } else {
            word.to_owned()
        }
    };
    text.lines().map(|line| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n").collect()
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_key_rests_for_a_fortnight_between_two_runs_and_nobody_is_signed_out() {
    let app = App::start(KEY, PASSWORD);
    let watched = Observer::start(app.signed_in("bob", BOBS), |browser| match browser.get("/who/") {
        None => Look::Silent,
        Some(reply) if reply.status == 200 => Look::Well,
        Some(reply) => Look::Wrong(format!("{}: {}", reply.status, reply.body)),
    });
    let old = app.get("django.secret_key");
    let done = rotate(&app.world, &["django.secret_key"], "2026-11-23T12:00:00Z");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let steps: Vec<&str> =
        done.stderr.lines().filter(|line| line.ends_with("s)") && !line.contains("server web: ")).collect();
    assert_eq!(steps.len(), 5, "{}", done.stderr);
    assert!(
        timeless(&done.stderr).contains(
            "ok: django.secret_key: in use; the old one is ended later, not before 2026-12-07T12:00"
        ),
        "{}",
        done.stderr
    );
    let new = app.get("django.secret_key");
    assert!(new != old && app.get("django.secret_key_fallbacks") == old);

    // Taken back over the state in which both are accepted; too early, it goes on resting.
    let done = rotate(&app.world, &["--undo", "django.secret_key"], "2026-11-25T12:00:00Z");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(app.get("django.secret_key") == old && app.get("django.secret_key_fallbacks") == new);
    let done = rotate(&app.world, &["--resume"], "2026-12-09T11:00:00Z");
    assert!(done.code == 0 && app.get("django.secret_key_fallbacks") == new, "{}", done.stderr);
    let done = rotate(&app.world, &["--resume"], "2026-12-09T13:00:00Z");
    assert!(done.stderr.contains("django.secret_key: taken back"), "{}", done.stderr);
    assert_eq!(app.get("django.secret_key"), old);
    assert!(!app.read("app.env").contains("FALLBACKS"));

    let done = rotate(&app.world, &["django.secret_key"], "2026-12-10T12:00:00Z");
    assert_eq!(done.code, 0, "{}", done.stderr);
    let done = rotate(&app.world, &["--resume"], "2026-12-24T13:00:00Z");
    assert!(done.stderr.contains("ok: django.secret_key: rotated"), "{}", done.stderr);
    assert!(!app.read("app.env").contains("FALLBACKS"));
    assert!(app.get("django.secret_key") != old);
    let (_, seen) = watched.end();
    assert!(seen.well > 20 && seen.wrong.is_empty(), "{seen:?}");
}

/// A `manage.py` that ends where it would first say that a password is set.
const DEAF: &str = r#"
class Deaf:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        if '"done": "set"' in text and not os.path.exists("lost"):
            open("lost", "w").close()
            os._exit(1)
        return self.stream.write(text)

    def flush(self):
        self.stream.flush()


sys.stdout = Deaf(sys.stdout)
execute_from_command_line(sys.argv)
"#;

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_reply_that_is_lost_makes_no_second_value() {
    let app = App::start(KEY, PASSWORD);
    // The first change is made, and nobody hears of it.
    let manage = app.read("manage.py");
    let deaf = manage.replace("execute_from_command_line(sys.argv)", DEAF);
    std::fs::write(app.path("manage.py"), deaf).unwrap();
    let before = app.get("alice.password");
    let done = rotate(&app.world, &["alice.password"], "2026-11-23T12:00:00Z");
    assert!(app.path("lost").exists(), "{}", done.stderr);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let after = app.get("alice.password");
    assert!(after != before);
    app.signed_in("alice", &after);
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn no_value_shows_in_any_list_of_processes() {
    let app = App::start(KEY, PASSWORD);
    let old = [app.get("alice.password"), app.get("django.secret_key")];
    let processes = watch_processes(&old, &["cmdline", "environ"]);
    for name in ["alice.password", "django.secret_key"] {
        let done = rotate(&app.world, &[name], "2026-11-23T12:00:00Z");
        assert_eq!(done.code, 0, "{}", done.stderr);
        for value in &old {
            assert!(!done.stderr.contains(value.as_str()) && !done.stdout.contains(value.as_str()));
        }
    }
    let (_, seen) = processes.end();
    assert!(seen.well > 10 && seen.wrong.is_empty(), "{seen:?}");
    let done = rotate(&app.world, &["--plan", "alice.password"], "2026-11-23T12:00:00Z");
    assert!(
        done.stdout
            .contains("set the new alice.password in the application, which signs this user out everywhere"),
        "{}",
        done.stdout
    );
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_password_that_was_changed_by_hand_is_adopted() {
    let app = App::start(KEY, PASSWORD);
    let theirs = "import sys; from django.contrib.auth import get_user_model as g; u = g().objects.get(username='alice'); u.set_password(sys.stdin.readline().strip()); u.save()";
    app.manage(&["shell", "-c", theirs], "somebody elses choice\n");
    let refused = rotate(&app.world, &["alice.password"], "2026-11-23T12:00:00Z");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("has another password than alice.password"), "{}", refused.stderr);
    let adopt = |value: &str| {
        let arguments = ["rotate", "--yes", "--local", "--adopt", "alice.password"];
        app.world.run(&arguments).stdin(value).done()
    };
    let wrong = adopt("something else again");
    assert_eq!(wrong.code, 4, "{}", wrong.stderr);
    let right = adopt("somebody elses choice");
    assert_eq!(right.code, 0, "{}", right.stderr);
    assert_eq!(app.get("alice.password"), "somebody elses choice");
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn signing_everybody_out_waits_for_a_person() {
    let app = App::start(r#"{ with = "django-secret-key", fallbacks = false, [manage] }"#, PASSWORD);
    let old = app.get("django.secret_key");
    let left = rotate(&app.world, &["--non-interactive", "django.secret_key"], "2026-11-23T12:00:00Z");
    assert_eq!((left.code, app.get("django.secret_key") == old), (4, true), "{}", left.stderr);
    let run = app.world.run(&["rotate", "--yes", "--local", "--resume"]).answers(&["y"]).done();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("a new django.secret_key signs everybody out"), "{}", run.stderr);
    assert!(app.get("django.secret_key") != old);
}
