//! Rotations that meet containers which Compose cannot deal with: what is wrong is named, everything is as it was, and once
//! a person has done what is said there, the rotation comes to its end.

use crate::harness::Done;

use super::App;
use super::django::BOBS;
use super::kills::Journal;

const KEY: &str = r#"{ with = "django-secret-key", [manage] }"#;
const NAME: &str = "django.secret_key";
const COMPOSE: &str = "docker-compose.production.yml";

fn rotate(app: &App, arguments: &[&str], now: &'static str) -> Done {
    let all: Vec<&str> = ["rotate", "--yes", "--local"].iter().chain(arguments).copied().collect();
    app.world.run(&all).at(now).done()
}

/// What a rotation says that fails with this exit code. The application is left with the old key.
fn fails(app: &App, code: u8, arguments: &[&str], now: &'static str) -> String {
    let before = app.get(NAME);
    let done = rotate(app, arguments, now);
    assert_eq!(done.code, code, "{}", done.stderr);
    let file = app.read("app.env");
    assert!(file.contains(&before) && !file.contains("FALLBACKS"), "{}", done.stderr);
    assert!(!done.stderr.contains(&before));
    done.stderr
}

/// Goes on with it: it comes to where both keys are accepted.
fn goes_on(app: &App, arguments: &[&str], now: &'static str) {
    let done = rotate(app, arguments, now);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(Journal::of(&app.world, NAME).unwrap().state, "grace");
    assert!(app.read("app.env").contains("FALLBACKS"));
    assert_eq!(app.engine().containers(), ["shop-django-1"]);
}

#[test]
#[ignore = "needs sshd, Docker's clients, Django and gunicorn; run tests/run"]
fn what_a_killed_recreation_leaves_holds_a_rotation_until_it_is_removed() {
    let app = App::in_container(KEY, r#"{ with = "generated" }"#);
    let mut bob = app.signed_in("bob", BOBS);
    let schema = app.world.read("schemas/schema.toml");
    // Nothing is stopped from now on, however long one waits.
    app.world.write("schemas/schema.toml", schema.replace("within = \"30s\"", "within = \"5s\""));
    app.engine().stall(true);
    let left = || -> Vec<String> {
        app.engine().containers().into_iter().filter(|name| name.ends_with("_shop-django-1")).collect()
    };
    for arguments in [&[NAME][..], &["--resume", NAME]] {
        let said = fails(&app, 4, arguments, "2026-11-24T12:00:00Z");
        let left = left();
        let named = left.iter().any(|name| {
            said.contains(&format!("{name} is left over from a recreation of shop-django-1 that was killed"))
                && said.contains(&format!("hint: on the server: docker rm -f {name}, then try again\n"))
        });
        assert!(named && said.contains("error: django.secret_key: held: "), "{left:?}: {said}");
        assert_eq!(Journal::of(&app.world, NAME).unwrap().state, "held", "{said}");
        assert_eq!(bob.get("/who/").unwrap().status, 200);
        // Each try would leave another one, so nobody tries again unasked.
        assert_eq!(said.matches("\ndjango.secret_key: bring the new").count(), 1, "{said}");
    }

    app.engine().stall(false);
    for name in left() {
        app.engine().docker(&app.folder(), &["rm", "-f", &name]);
    }
    app.world.write("schemas/schema.toml", schema);
    goes_on(&app, &["--resume", NAME], "2026-11-24T13:00:00Z");
    assert_eq!(bob.get("/who/").unwrap().status, 200);
}

#[test]
#[ignore = "needs sshd, Docker's clients, Django and gunicorn; run tests/run"]
fn a_container_that_is_not_the_new_one_or_does_not_stay_up_stops_a_rotation() {
    let app = App::in_container(KEY, r#"{ with = "generated" }"#);
    let mut bob = app.signed_in("bob", BOBS);
    let schema = app.world.read("schemas/schema.toml");
    // Where it is not to become well, nobody waits for long.
    let hasty = schema.replace("within = \"20s\"", "within = \"2s\"");

    // An apply command that leaves the old container, which answers as if all were well.
    let recreate = format!(
        "\"docker\", \"compose\", \"-f\", \"{COMPOSE}\", \"up\", \"-d\", \"--force-recreate\", \"django\""
    );
    assert!(hasty.contains(&recreate));
    app.world.write("schemas/schema.toml", hasty.replace(&recreate, "\"true\""));
    let said = fails(&app, 1, &[NAME], "2026-11-24T12:00:00Z");
    let reason = "shop-django-1 runs on another generation of the file (for 2 s); a restart keeps the old environment: the \
                  apply command must recreate the containers\n";
    assert!(said.contains("error: django.secret_key: taken back: ") && said.contains(reason), "{said}");
    assert!(Journal::of(&app.world, NAME).unwrap().is_over());

    // An image whose program does not stay up, with the old file no more than with the new one.
    app.world.write("schemas/schema.toml", &hasty);
    let compose = app.read(COMPOSE);
    let crashing = compose.replace(
        "command: [",
        "restart: unless-stopped\n    command: [sh, -c, 'test ! -e crash && exec \"$$0\" \"$$@\"', ",
    );
    assert_ne!(compose, crashing);
    std::fs::write(app.path(COMPOSE), crashing).unwrap();
    std::fs::write(app.path("crash"), "").unwrap();
    let said = fails(&app, 4, &[NAME], "2026-11-25T12:00:00Z");
    assert!(
        said.contains("not healthy with it either: http://127.0.0.1:")
            && said.contains("error: django.secret_key: held: "),
        "{said}"
    );
    assert_eq!(Journal::of(&app.world, NAME).unwrap().state, "held");

    // Once the image is mended, it goes on from there, and nobody was signed out.
    std::fs::remove_file(app.path("crash")).unwrap();
    app.world.write("schemas/schema.toml", &schema);
    goes_on(&app, &["--resume", NAME], "2026-11-25T13:00:00Z");
    assert_eq!(bob.get("/who/").unwrap().status, 200);
}
