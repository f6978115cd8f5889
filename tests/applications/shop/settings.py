"""A product like those that cookiecutter-django makes: what differs between machines comes from the env file, through
django-environ."""

from pathlib import Path

import environ

HOME = Path(__file__).resolve().parent
env = environ.Env()
# In a container, Compose has given its variables to the process.
if "IN_CONTAINER" not in env:
    env.read_env(HOME / "app.env", overwrite=True)

DEBUG = False
SECRET_KEY = env("DJANGO_SECRET_KEY")
if not (HOME / "has-no-fallbacks").exists():
    SECRET_KEY_FALLBACKS = env.list("DJANGO_SECRET_KEY_FALLBACKS", default=[])
if (HOME / "signs-elsewhere").exists():
    SIMPLE_JWT = {"ALGORITHM": "HS256", "SIGNING_KEY": SECRET_KEY}
GENERATION = env("APP_GENERATION")
if (HOME / "short-lives").exists():
    SESSION_COOKIE_AGE = PASSWORD_RESET_TIMEOUT = 1
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "shop"
WSGI_APPLICATION = "shop.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HOME / "db.sqlite3",
        "OPTIONS": {"timeout": 20, "init_command": "PRAGMA journal_mode=WAL", "transaction_mode": "IMMEDIATE"},
    }
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = ["backend.Counting"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# The usual one takes half a second for each login.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
