//! The settings of the kinds `django-secret-key` and `django-password`.

use std::time::Duration;

use crate::name::SecretName;
use crate::schema::template::Template;

use super::Site;

/// `django-secret-key`: a key that signs, which the application accepts beside the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DjangoSecretKey {
    /// The secret with the further keys that the application accepts, with commas between them; without one, the
    /// application has no such setting, and a new key signs everybody out.
    pub fallbacks: Option<SecretName>,
    /// How the application is asked what it runs on.
    pub manage: Option<Manage>,
    /// The longest life of a session: Django's `SESSION_COOKIE_AGE`. Default: 14 days.
    pub session_age: Duration,
    /// The longest life of a link to reset a password: `PASSWORD_RESET_TIMEOUT`. Default: 3 days.
    pub reset_timeout: Duration,
    /// The longest life of anything else that the application signs.
    pub max_age: Option<Duration>,
}

impl DjangoSecretKey {
    /// How long something that the old key signed can be of use.
    pub fn longest_age(&self) -> Duration {
        let ages = [Some(self.session_age), Some(self.reset_timeout), self.max_age];
        ages.into_iter().flatten().max().unwrap_or_default()
    }
}

/// `django-password`: the password of one user in the application's own database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DjangoPassword {
    /// The user, by what one logs in with or by the e-mail address.
    pub user: Template,
    /// How the application is told.
    pub manage: Manage,
    /// The page with the form of a login, such as the admin site's.
    pub login: Option<Site>,
}

/// How `manage.py` is run on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manage {
    /// The folder it runs in, absolute; without one, the account's home.
    pub folder: Option<String>,
    /// The program and its arguments up to `manage.py`, for no shell.
    pub run: Vec<String>,
}
