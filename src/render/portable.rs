//! What compose v2, python-dotenv, django-environ, npm dotenv and bash all read alike.
//!
//! No escape means the same to all five, so there are only the verbatim spellings. npm dotenv never removes a
//! backslash, and django-environ reads a value back only from itself, `'v'` and `"escaped(v)"`.

use super::grammar::{Grammar, Limit};
use super::{compose, django_environ, node_dotenv, python_dotenv, sh, spelling};

pub(super) const GRAMMAR: Grammar = Grammar {
    spellings: &[spelling::single, spelling::double, spelling::bare],
    models: &[
        django_environ::MODEL,
        compose::MODEL,
        node_dotenv::MODEL,
        sh::MODEL,
        python_dotenv::MODEL,
        python_dotenv::OLD_MODEL,
    ],
    limits: &[
        django_environ::LINE_BREAK,
        Limit { applies: |value| value.contains("${"), reason: "`${` (python-dotenv expands it)" },
        Limit {
            applies: |value| value.contains("\\\\"),
            reason: "two backslashes in a row (the parsers differ)",
        },
        Limit {
            applies: |value| value.ends_with('\\'),
            reason: "a backslash at the end (the parsers differ)",
        },
        Limit {
            applies: |value| value.contains('\''),
            reason: "a single quote beside one of \" \\ $ ` # (the parsers differ)",
        },
    ],
    reserved: sh::reserved,
    ..Grammar::ONE_LINE
};
