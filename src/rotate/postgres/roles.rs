//! The three roles of a database with alternating users.

use crate::name::SecretName;
use crate::rotate::Trouble;

use super::facts::Facts;
use super::site::Site;
use super::sql;

/// The roles of a database with alternating users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Roles {
    pub(super) owner: String,
    /// The one in use.
    pub(super) live: String,
    /// The one whose turn comes.
    pub(super) idle: String,
}

impl Roles {
    /// The roles as the schema names them, else after the one in use: `luca` and `luca_b`, owner `luca_owner`.
    pub(super) fn of(site: &Site, live: &str) -> Result<Self, Trouble> {
        let first = live.strip_suffix("_b").filter(|first| !first.is_empty()).unwrap_or(live);
        let owner = site.settings.owner.clone().unwrap_or_else(|| format!("{first}_owner"));
        let [a, b] = site.settings.roles.clone().unwrap_or_else(|| [first.to_owned(), format!("{first}_b")]);
        let idle = match live {
            _ if live == a => b,
            _ if live == b => a,
            _ => {
                let message =
                    format!("{} is neither {a} nor {b}, the roles that take turns", site.secrets.user);
                return Err(Trouble::held(message).hint("name them in the schema: roles = [\"…\", \"…\"]"));
            }
        };
        Ok(Self { owner, live: live.to_owned(), idle })
    }

    pub(super) fn all(&self) -> [&str; 3] {
        [&self.owner, &self.live, &self.idle]
    }

    /// Whether they can take turns now.
    pub(super) fn take_turns(&self, facts: &Facts, name: &SecretName) -> Result<(), Trouble> {
        if facts.standby {
            return Err(Trouble::rejected("the server only reads: it is a standby"));
        }
        let Self { owner, live, idle } = self;
        if let Some(against) = joined(&facts.against_turns(owner, live, idle)) {
            let convert = format!("`luca-secrets postgres adopt {name}` shows how to make them so");
            return Err(Trouble::rejected(against).hint(convert));
        }
        let Some(found) = facts.role(idle) else { return Ok(()) };
        if found.sessions > 0 {
            let message = format!("somebody is logged in as {idle}, whose turn it is");
            return Err(Trouble::rejected(message).hint("find out who, from pg_stat_activity"));
        }
        if found.can_log_in {
            let message = format!("{idle} can log in, so somebody may use it");
            let hint = format!("if nobody does: ALTER ROLE {} NOLOGIN", sql::name(idle));
            return Err(Trouble::rejected(message).hint(hint));
        }
        Ok(())
    }
}

/// Messages as one; nothing without any.
pub(super) fn joined(messages: &[String]) -> Option<String> {
    (!messages.is_empty()).then(|| messages.join("; "))
}
