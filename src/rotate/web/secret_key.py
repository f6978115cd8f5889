import hmac
from django.conf import settings
from django.core import signing

FALLBACKS = getattr(settings, "SECRET_KEY_FALLBACKS", [])  # since Django 4.1
KEYS = {name: asked[name] for name in ("current", "pending") if name in asked}
SALT = "luca-secrets.rotation"


def is_same(one, other):
    return hmac.compare_digest(str(one).encode(), str(other).encode())


def name_of(key):
    return next((name for name, known in KEYS.items() if is_same(key, known)), "another")


def loads(signed):
    try:
        signing.loads(signed, salt=SALT)
    except signing.BadSignature:
        return False
    return True


def places(value, path, depth=0):
    """Where the key is used by a setting other than those that know fallbacks."""
    if isinstance(value, (str, bytes)):
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if is_same(text, settings.SECRET_KEY):
            yield path
    elif depth < 4 and isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, f"{path}.{key}", depth + 1)
    elif depth < 4 and isinstance(value, (list, tuple)):
        for inner in value:
            yield from places(inner, path, depth + 1)


def elsewhere():
    for name in dir(settings):
        if name.isupper() and name not in ("SECRET_KEY", "SECRET_KEY_FALLBACKS"):
            yield from places(getattr(settings, name), name)
    used = [*settings.INSTALLED_APPS, *getattr(settings, "REST_FRAMEWORK", {}).get("DEFAULT_AUTHENTICATION_CLASSES", ())]
    if any("rest_framework_simplejwt" in str(app) for app in used):
        from rest_framework_simplejwt.settings import api_settings

        if api_settings.ALGORITHM.startswith("HS") and is_same(api_settings.SIGNING_KEY, settings.SECRET_KEY):
            yield "SIMPLE_JWT.SIGNING_KEY"


answer(
    key=name_of(settings.SECRET_KEY),
    fallbacks=[name_of(key) for key in FALLBACKS],
    knows_fallbacks=settings.is_overridden("SECRET_KEY_FALLBACKS"),
    loads={name: loads(signing.dumps("", key=key, salt=SALT)) for name, key in KEYS.items()},
    loads_wrong=loads(signing.dumps("", key=str(asked.get("wrong", "wrong")), salt=SALT)),
    loads_earlier=loads(asked["signed"]) if "signed" in asked else None,
    signed=signing.dumps("", salt=SALT) if asked["task"] == "sign" else None,
    session_age=settings.SESSION_COOKIE_AGE,
    reset_timeout=settings.PASSWORD_RESET_TIMEOUT,
    elsewhere=sorted(set(elsewhere())),
)
