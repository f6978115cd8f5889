use std::time::Duration;

use super::*;
use crate::schema::{Manage, RotationKind, Vantage};

const DAY: Duration = Duration::from_hours(24);

/// A project with a key, a user and Flower on one server, and what else a test adds.
fn project(rotations: &str) -> String {
    format!(
        r#"
[server.web]
address = "192.0.2.10"
user = "root"
known-hosts = "known_hosts"
key = "agent"
[secrets.django.secret_key_fallbacks]
required = false
[secrets.admin.email]
type = "email"
[secrets.flower.username]
[secrets.flower.previous]
required = false
[env-file.django]
path = ".django"
[env-file.django.variables]
KEY = "{{{{ django.secret_key }}}}"
KEY_FALLBACKS = "{{{{ django.secret_key_fallbacks }}}}"
FLOWER = "{{{{ flower.password }}}}{{% if flower.previous is defined %}},{{{{ flower.username }}}}:{{{{ flower.previous }}}}{{% endif %}}"
{rotations}"#
    )
}

fn kind(schema: &Schema, name: &str) -> RotationKind {
    secret(schema, name).rotate.unwrap().with
}

#[test]
fn what_django_and_flower_need_has_defaults() {
    let schema = parsed(&project(
        r#"
[secrets.django.secret_key]
rotate = { with = "django-secret-key", on = "web", in = "/app/", max-age = "30d" }
[secrets.admin.password]
rotate = { with = "django-password", on = "web", manage = ["python3", "manage.py"], user = "{{ admin.email }}" }
[secrets.flower.password]
rotate = { with = "flower", url = "http://127.0.0.1:5555/api/workers", from = "server", on = "web" }
"#,
    ));
    let RotationKind::DjangoSecretKey(key) = kind(&schema, "django.secret_key") else { panic!() };
    assert_eq!(key.fallbacks.as_ref().unwrap().as_str(), "django.secret_key_fallbacks");
    assert_eq!((key.session_age, key.reset_timeout, key.longest_age()), (14 * DAY, 3 * DAY, 30 * DAY));
    let Manage { folder, run } = key.manage.unwrap();
    assert_eq!(folder.as_deref(), Some("/app"));
    let usual = "docker compose -f docker-compose.production.yml exec -T django python manage.py";
    assert_eq!(run.join(" "), usual);
    let RotationKind::DjangoPassword(password) = kind(&schema, "admin.password") else { panic!() };
    assert_eq!((password.user.source(), password.login), ("{{ admin.email }}", None));
    assert_eq!(password.manage, Manage { folder: None, run: vec!["python3".into(), "manage.py".into()] });
    let RotationKind::Flower(flower) = kind(&schema, "flower.password") else { panic!() };
    assert_eq!((flower.username.as_str(), flower.previous.as_str()), ("flower.username", "flower.previous"));
    assert_eq!(flower.workers.from, Vantage::Server);
}

#[test]
fn an_application_without_fallbacks_says_so() {
    let schema = parsed(
        "[secrets.django.secret_key]\nrotate = { with = \"django-secret-key\", fallbacks = false }\n\
         [env-file.x]\npath = \"x\"\n[env-file.x.variables]\nKEY = \"{{ django.secret_key }}\"\n",
    );
    let RotationKind::DjangoSecretKey(key) = kind(&schema, "django.secret_key") else { panic!() };
    assert_eq!((key.fallbacks, key.manage), (None, None));
    let found = errors("[secrets.a.key]\nrotate = { with = \"django-secret-key\" }\n");
    let hint = "declare it with `required = false` and give it to the application as DJANGO_SECRET_KEY_FALLBACKS; \
                an application without that setting: `fallbacks = false`, which signs everybody out";
    let message = "no secret `a.key_fallbacks` is declared, and `a.key` cannot be rotated without it";
    assert_eq!(found, [format!("s.toml:1:12: {message} ({hint})")]);
}

#[test]
fn a_rotation_names_only_what_is_declared() {
    let found = errors(&project(
        r#"
[secrets.django.secret_key]
rotate = { with = "django-secret-key", fallbacks = "django.secret_key_fallback", on = "wbe", in = "app" }
[secrets.admin.password]
rotate = { with = "django-password", user = "{{ admin.mail }}", from = "here" }
[secrets.flower.password]
rotate = { with = "flower", url = "https://example.com/healthcheck/", from = "server", username = "flower.username" }
[secrets.other.password]
rotate = { with = "flowers", urll = "x" }
"#,
    ));
    let expected = [
        "s.toml:22:52: no secret `django.secret_key_fallback` is declared (did you mean `django.secret_key_fallbacks`?)",
        "s.toml:22:87: no server `wbe` is declared (did you mean `web`?)",
        "s.toml:22:99: `in` must be absolute: it starts with /",
        "s.toml:24:1: `rotate` of `admin.password` has no `on` (the server where manage.py runs: on = \"NAME\")",
        "s.toml:24:49: no secret `admin.mail` is declared (did you mean `admin.email`?)",
        "s.toml:24:65: `from` says from where `login` is asked for, and there is none",
        "s.toml:26:1: `rotate` of `flower.password` has no `on` (the server that asks for the page: on = \"NAME\")",
        "s.toml:26:35: Flower answers /healthcheck whatever the password is (use /api/workers)",
        "s.toml:28:19: `flowers` is not a kind of rotation (did you mean `flower`?)",
        "s.toml:28:30: unknown key `urll` (it is one of: …)",
    ];
    assert_eq!(found[..9], expected[..9]);
    assert!(found[9].starts_with("s.toml:28:30: unknown key `urll`"), "{}", found[9]);
}

#[test]
fn both_values_reach_whoever_reads_them() {
    let text = project(
        r#"
[secrets.django.secret_key]
rotate = { with = "django-secret-key" }
[secrets.flower.password]
rotate = { with = "flower", url = "https://example.com/api/workers" }
[env-file.other]
path = ".other"
[env-file.other.variables]
SECRET_KEY = "{{ django.secret_key }}"
PASSWORD = "{{ flower.password }}"
"#,
    );
    let found =
        errors(&text.replace("[secrets.flower.previous]\nrequired = false", "[secrets.flower.previous]"));
    let expected = [
        "s.toml:12:17: `flower.previous` is empty between two rotations: it needs `required = false`",
        "s.toml:27:1: env file other has `django.secret_key` and not `django.secret_key_fallbacks`: users would be \
         signed out (SECRET_KEY_FALLBACKS = \"{{ django.secret_key_fallbacks }}\")",
        "s.toml:28:1: PASSWORD of env file other has `flower.password` and not `flower.previous`: who has the old \
         password would be refused (PASSWORD = '{{ flower.password }}{% if flower.previous is defined %},\
         {{ flower.username }}:{{ flower.previous }}{% endif %}')",
    ];
    assert_eq!(found, expected);
}
