//! `manage.py` as it is run by default, `docker compose … exec -T django python manage.py`: the real docker and Compose
//! before a stand-in for the engine, in whose container the real Django runs with the env file's variables.

use luca_secrets::rotate::{Answer, Probed, TroubleKind};

use super::App;
use super::by_hand::ByHand;
use super::django::BOBS;
use super::observer::{Look, Observer, watch_processes};

const KEY: &str = r#"{ with = "django-secret-key", [manage] }"#;
const PASSWORD: &str = r#"{ with = "django-password", user = "alice@example.com", login = "http://127.0.0.1:[port]/admin/login/", [manage] }"#;

/// Takes every step: what was seen.
fn walked(way: &mut ByHand<'_>) -> Vec<String> {
    way.credential.steps().iter().map(|step| way.stepped(step)).collect()
}

/// What a rotation knows that must not be seen anywhere.
fn needles(way: &ByHand<'_>) -> Vec<String> {
    let values = way.values().into_iter().map(|value| value.expose().to_owned());
    values.filter(|value| value != "alice@example.com").collect()
}

#[test]
#[ignore = "needs sshd, Docker's clients, Django and gunicorn; run tests/run"]
fn values_reach_the_container_by_standard_input_alone() {
    let app = App::in_container(KEY, PASSWORD);
    let deploy = || drop(app.pushed());
    let mut all = Vec::new();

    let mut way = ByHand::new(&app.world, "alice.password", &deploy);
    way.begin();
    all.extend(needles(&way));
    // Not even of the container's own environment: the password stands in no env file.
    let processes = watch_processes(&all, &["cmdline", "environ"]);
    let port = app.port;
    assert_eq!(
        walked(&mut way),
        [
            "the application on web has set it".to_owned(),
            format!(
                "the login at 127.0.0.1:{port} accepts it and refuses a wrong one; authenticate on web accepts it and refuses a wrong one"
            ),
            "deployed".to_owned()
        ]
    );
    let standing = way.credential.standing(&way.record).unwrap();
    assert_eq!((standing.current, standing.pending), (Answer::Refused, Answer::Accepted));
    let (_, seen) = processes.end();
    assert!(seen.well > 10 && seen.wrong.is_empty(), "{seen:?}");
    app.signed_in("alice", &app.get("alice.password"));

    let mut way = ByHand::new(&app.world, "django.secret_key", &deploy);
    way.begin();
    let keys = needles(&way);
    let processes = watch_processes(&keys, &["cmdline"]);
    let session = app.signed_in("bob", BOBS);
    let watched = Observer::start(session, |browser| match browser.get("/who/") {
        None => Look::Silent,
        Some(reply) if reply.status == 200 => Look::Well,
        Some(reply) => Look::Wrong(reply.status.to_string()),
    });
    assert_eq!(
        walked(&mut way),
        [
            "deployed",
            "the application on web signs with the old key and accepts both, and no other",
            "deployed",
            "the application on web signs with the new key and accepts both, and no other",
            "Yes(\"everything that it has signed is too old to be accepted\")",
            "deployed",
            "the application on web signs with the new key and accepts no other",
        ]
    );
    for seen in [processes.end().1, watched.end().1] {
        assert!(seen.well > 10 && seen.wrong.is_empty(), "{seen:?}");
    }
    all.extend(keys);

    let execs = app.engine().execs();
    assert!(execs.len() > 16, "{}", execs.len());
    for exec in execs.iter().filter(|exec| exec.contains("\"Cmd\"")) {
        assert!(exec.contains(r#""Cmd":["python","manage.py","shell","-c","import json, sys"#), "{exec}");
        assert!(exec.contains(r#""Env":null"#) && exec.contains(r#""AttachStdin":true"#), "{exec}");
    }
    for (number, needle) in all.iter().enumerate() {
        assert!(!execs.iter().any(|exec| exec.contains(needle.as_str())), "{number}");
        let logs = [app.host.log(), app.engine().log(), app.read("gunicorn.log")];
        assert!(!logs.iter().any(|log| log.contains(needle.as_str())), "{number}");
    }
}

#[test]
#[ignore = "needs sshd, Docker's clients, Django and gunicorn; run tests/run"]
fn what_keeps_it_from_running_is_said_without_values() {
    let app = App::in_container(KEY, PASSWORD);
    let deploy = || drop(app.pushed());
    let mut way = ByHand::new(&app.world, "alice.password", &deploy);
    way.begin();
    let set = way.named("set");
    let mut fails = |kind: TroubleKind, message: &str| {
        let trouble = way.step(&set).unwrap_err();
        assert_eq!((trouble.kind, trouble.message.as_str()), (kind, message));
        let hint = trouble.hint.unwrap();
        assert!(
            hint.starts_with("on web, in /")
                && hint.ends_with("exec -T django python manage.py check` says more"),
            "{hint}"
        );
        assert_eq!(way.credential.probe(&set, &way.record).unwrap_err().kind, TroubleKind::Unavailable);
        // The key's proof says the same.
        let key = ByHand::new(&app.world, "django.secret_key", &deploy);
        let mut credential = key.credential;
        let trouble = credential.preflight(&key.record.current).unwrap_err();
        assert_eq!((trouble.kind, trouble.message.as_str()), (TroubleKind::Unavailable, message));
    };

    // Settings that cannot be read: what an exception says may be a value.
    let settings = app.read("settings.py");
    let broken =
        |line: &str| std::fs::write(app.path("settings.py"), format!("{settings}\n{line}\n")).unwrap();
    broken("raise ValueError(SECRET_KEY)");
    fails(TroubleKind::InDoubt, "server web: manage.py gave no answer and exit code 1: it raised ValueError");
    broken("raise SystemExit(3)");
    fails(TroubleKind::InDoubt, "server web: manage.py gave no answer and exit code 3");
    broken("");

    // A service that no compose file has, or that has no container.
    let compose = app.read("docker-compose.production.yml");
    let file = app.path("docker-compose.production.yml");
    app.engine().docker(&app.folder(), &["stop", "shop-django-1"]);
    let stopped = "server web: manage.py could not be started: its container is not running";
    fails(TroubleKind::Unavailable, stopped);
    std::fs::write(&file, compose.replace("  django:", "  web:")).unwrap();
    fails(TroubleKind::Unavailable, stopped);
    std::fs::remove_file(&file).unwrap();
    fails(
        TroubleKind::Unavailable,
        "server web: manage.py could not be started: there is no such compose file",
    );

    // An image whose program does not stay up.
    let crashing =
        compose.replace("    command: [", "    restart: unless-stopped\n    command: [no-such-module, ");
    std::fs::write(&file, crashing.replace("[no-such-module, python, -m", "[python, -m, no_such_module"))
        .unwrap();
    app.engine().docker(&app.folder(), &["compose", "-f", "docker-compose.production.yml", "up", "-d"]);
    fails(
        TroubleKind::Unavailable,
        "server web: manage.py could not be started: its container is restarting again and again",
    );

    // All is well again, and nothing was changed meanwhile.
    std::fs::write(&file, &compose).unwrap();
    app.engine().docker(&app.folder(), &["compose", "-f", "docker-compose.production.yml", "up", "-d"]);
    assert_eq!(way.credential.probe(&set, &way.record), Ok(Probed::NotApplied));
}
