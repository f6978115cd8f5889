//! `django-password` on a real Django.

use luca_secrets::rotate::{Answer, Probed, TroubleKind};
use luca_secrets::secret::SecretValue;

use super::App;
use super::by_hand::ByHand;
use super::http::Browser;
use super::observer::{Look, Observer, watch_processes};

const KEY: &str = r#"{ with = "generated" }"#;
const PASSWORD: &str = r#"{ with = "django-password", user = "alice@example.com", login = "http://127.0.0.1:[port]/admin/login/", [manage] }"#;

fn answers(app: &App, password: &str) -> u16 {
    let mut browser = Browser::new(app.port);
    browser.post("/sign-in/", &[("username", "alice"), ("password", password)]).unwrap().status
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_password_is_set_proven_by_logins_and_set_back() {
    let app = App::start(KEY, PASSWORD);
    let deploy = || drop(app.pushed());
    let old = app.get("alice.password");
    let mut way = ByHand::new(&app.world, "alice.password", &deploy);
    let found = way.begin();
    assert_eq!(
        found,
        [
            "the application on web has the present alice.password",
            &format!("the login at 127.0.0.1:{} accepts it", app.port),
            "this user's sessions will end, and there is no moment at which both passwords are valid"
        ]
    );
    assert_eq!(app.failures(), 0, "a look is no login");
    let new = way.record.pending(&way.name).unwrap().expose().to_owned();
    let needles: Vec<String> = way.values().iter().map(|value| value.expose().to_owned()).collect();
    let needles: Vec<String> = needles.into_iter().filter(|needle| needle != "alice@example.com").collect();
    let processes = watch_processes(&needles, &["cmdline", "environ"]);
    // At every moment exactly one of the two lets alice in.
    let (port, both) = (app.port, [old.clone(), new.clone()]);
    let watched = Observer::start((), move |()| {
        let mut statuses = Vec::new();
        for password in &both {
            let mut browser = Browser::new(port);
            let fields = [("username", "alice"), ("password", password.as_str())];
            statuses.extend(browser.post("/sign-in/", &fields).map(|reply| reply.status));
        }
        match statuses[..] {
            [200, 401] | [401, 200] => Look::Well,
            // The change came between the two.
            [401, 401] | [200, 200] => Look::Wrong(format!("{statuses:?}")),
            _ => Look::Silent,
        }
    });
    let mut session = app.signed_in("alice", &old);

    let steps = way.credential.steps();
    let set = &steps[0];
    assert_eq!(way.credential.probe(set, &way.record), Ok(Probed::NotApplied));
    assert_eq!(way.stepped(set), "the application on web has set it");
    assert_eq!(way.stepped(set), "the application on web has it already");
    let applied = Probed::Applied("the application on web has it".to_owned());
    assert_eq!(way.credential.probe(set, &way.record), Ok(applied));
    assert_eq!(session.get("/who/").unwrap().status, 401, "the old sessions have ended, as was said");
    let ((), seen) = watched.end();
    assert!(seen.well > 2 && seen.wrong.len() <= 1, "{seen:?}");

    let failures = app.failures();
    let port = app.port;
    assert_eq!(
        way.stepped(&steps[1]),
        format!(
            "the login at 127.0.0.1:{port} accepts it and refuses a wrong one; authenticate on web accepts it and refuses a wrong one"
        )
    );
    assert_eq!(app.failures() - failures, 2, "one wrong password by each way");
    way.stepped(&steps[2]);
    assert_eq!(app.get("alice.password"), new);
    let standing = way.credential.standing(&way.record).unwrap();
    assert_eq!((standing.current, standing.pending), (Answer::Refused, Answer::Accepted));
    assert_eq!(answers(&app, &new), 200);

    for step in way.credential.undo_steps(3) {
        way.stepped(&step);
    }
    assert_eq!((answers(&app, &old), answers(&app, &new)), (200, 401));
    assert_eq!(app.get("alice.password"), old);
    let (_, processes) = processes.end();
    assert!(processes.well > 10 && processes.wrong.is_empty(), "{processes:?}");
    for needle in &needles {
        assert!(!app.host.log().contains(needle.as_str()));
        assert!(!app.read("gunicorn.log").contains(needle.as_str()));
    }
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn a_password_that_somebody_else_has_changed_is_left_alone() {
    let app = App::start(KEY, PASSWORD);
    let deploy = || drop(app.pushed());
    let mut way = ByHand::new(&app.world, "alice.password", &deploy);
    way.begin();
    let theirs = "import sys; from django.contrib.auth import get_user_model as g; u = g().objects.get(username='alice'); u.set_password(sys.stdin.readline().strip()); u.save()";
    app.manage(&["shell", "-c", theirs], "somebody elses choice\n");
    let set = way.named("set");
    let trouble = way.step(&set).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Held);
    assert_eq!(
        trouble.message,
        "the application on web has neither the old nor the new alice.password: somebody has changed it"
    );
    let changed = Probed::Changed("the application on web has neither of the two".to_owned());
    assert_eq!(way.credential.probe(&set, &way.record), Ok(changed));
    assert_eq!(answers(&app, "somebody elses choice"), 200);
    let refused = way.credential.preflight(&way.record.current).unwrap_err();
    assert_eq!(refused.message, "the application on web has another password than alice.password");

    // A new one that the validators refuse changes nothing.
    app.manage(&["shell", "-c", theirs], &format!("{}\n", app.get("alice.password")));
    way.record.pending.insert(way.name.clone(), Some(SecretValue::new("1234567".to_owned())));
    let trouble = way.step(&set).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Rejected);
    assert_eq!(
        trouble.message,
        "the application's validators refuse the new alice.password: password_too_short, password_entirely_numeric"
    );
    assert_eq!(answers(&app, &app.get("alice.password")), 200);
}

#[test]
#[ignore = "needs sshd, Django and gunicorn; run tests/run"]
fn what_has_no_answer_is_in_doubt_and_never_a_refusal() {
    let mut app = App::start(KEY, PASSWORD);
    let deploy = || ();
    let mut way = ByHand::new(&app.world, "alice.password", &deploy);
    way.begin();
    let (set, entered) = (way.named("set"), way.named("entered"));

    // The application cannot start.
    let settings = app.read("settings.py");
    std::fs::write(app.path("settings.py"), "raise SystemExit(3)\n").unwrap();
    let trouble = way.step(&set).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::InDoubt);
    assert_eq!(trouble.message, "server web: manage.py gave no answer and exit code 3");
    assert_eq!(way.credential.probe(&set, &way.record).unwrap_err().kind, TroubleKind::Unavailable);
    assert_eq!(way.step(&entered).unwrap_err().kind, TroubleKind::Unavailable);
    std::fs::write(app.path("settings.py"), settings).unwrap();

    // It does what it was told, and the answer is lost.
    let manage = app.read("manage.py");
    std::fs::write(
        app.path("manage.py"),
        format!("{manage}\n").replace(
            "execute_from_command_line(sys.argv)",
            "sys.stdout = open(os.devnull, 'w')\nexecute_from_command_line(sys.argv)\nsys.exit(1)",
        ),
    )
    .unwrap();
    assert_eq!(way.step(&set).unwrap_err().kind, TroubleKind::InDoubt);
    std::fs::write(app.path("manage.py"), manage).unwrap();
    let applied = Probed::Applied("the application on web has it".to_owned());
    assert_eq!(way.credential.probe(&set, &way.record), Ok(applied));

    // The server is gone.
    let name = way.name.clone();
    let (record, mut credential) = (way.record.clone(), super::by_hand::credential(&app.world, &name));
    app.host.kill();
    let trouble = credential.run(&set, &record).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Unavailable);
    assert!(trouble.message.starts_with("server web: "), "{}", trouble.message);
    assert_eq!(credential.standing(&record).unwrap_err().kind, TroubleKind::Unavailable);
}
