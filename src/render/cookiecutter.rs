//! What the files of a cookiecutter-django project meet: compose v2, django-environ, dotenvy (uv) and systemd.

use super::grammar::Grammar;
use super::{compose, django_environ, dotenvy, spelling, systemd};

pub(super) const GRAMMAR: Grammar = Grammar {
    // The unescaped spellings come first for django-environ 0.11, which cuts double quotes at a `#`.
    spellings: &[spelling::single, spelling::double, spelling::escaped],
    models: &[django_environ::MODEL, compose::MODEL, dotenvy::MODEL, systemd::MODEL],
    limits: &[django_environ::LINE_BREAK, systemd::NONCHARACTER],
    ..Grammar::ONE_LINE
};
