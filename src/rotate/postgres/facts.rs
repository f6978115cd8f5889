//! What the administrator sees of the roles.

use serde::Deserialize;
use serde_json::Value;

use crate::rotate::Trouble;

use super::sql::{literal, literals};
use super::visit::Visit;

/// What is known of a server and of some of its roles.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Facts {
    /// When the server was started, in microseconds: two logins that see the same have reached the same server.
    pub(super) started: String,
    /// Whether it only reads, following another.
    pub(super) standby: bool,
    /// How many more connections it has room for.
    pub(super) free: i64,
    roles: Vec<Role>,
}

/// What is known of a role.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Role {
    name: String,
    pub(super) can_log_in: bool,
    /// `SUPERUSER`, `CREATEDB` and the like.
    attributes: Vec<String>,
    limit: i64,
    until: Option<String>,
    /// `role=luca_owner`, with the name of a database before it where it counts only there.
    settings: Vec<String>,
    /// The roles that it is a member of, and how.
    member_of: Vec<(String, Value)>,
    /// How many objects belong to it, in all databases.
    owns: i64,
    /// The objects that something was granted on to it.
    granted: Vec<String>,
    /// How many sessions it has.
    pub(super) sessions: i64,
}

/// What two roles that should be twins are compared by, spelled out.
type Compared = (&'static str, fn(&Role) -> String);

const COMPARED: [Compared; 6] = [
    ("attributes", |role| format!("{:?}", role.attributes)),
    ("connection limit", |role| role.limit.to_string()),
    ("`valid until`", |role| format!("{:?}", role.until)),
    ("settings", |role| format!("{:?}", role.settings)),
    ("memberships", |role| format!("{:?}", role.member_of)),
    ("grants of its own", |role| format!("{:?}", role.granted)),
];

impl Facts {
    /// Asks the administrator.
    pub(super) async fn of(visit: &Visit<'_>, roles: &[&str]) -> Result<Self, Trouble> {
        let answer = visit.ask(&query(roles)).await?;
        serde_json::from_str(&answer)
            .map_err(|_| Trouble::unavailable("the answer about the roles is not what was asked for"))
    }

    /// What is known of a role, if there is one of this name.
    pub(super) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// What keeps two roles from taking turns; `live` is the one in use.
    pub(super) fn against_turns(&self, owner: &str, live: &str, idle: &str) -> Vec<String> {
        let mut found = Vec::new();
        let missing: Vec<&str> =
            [owner, live, idle].into_iter().filter(|name| self.role(name).is_none()).collect();
        if !missing.is_empty() {
            return vec![format!("there is no role {}", missing.join(", "))];
        }
        if self.role(owner).is_some_and(|owner| owner.can_log_in) {
            found.push(format!("{owner} can log in, and should only own things"));
        }
        for role in [live, idle].into_iter().filter_map(|name| self.role(name)) {
            if !role.member_of.iter().any(|(name, _)| name == owner) {
                found.push(format!("{} is no member of {owner}", role.name));
            }
            if !role.settings.iter().any(|setting| setting.ends_with(&format!("role={owner}"))) {
                found.push(format!("{} does not become {owner} by itself: ALTER ROLE … SET role", role.name));
            }
            if role.owns > 0 {
                found.push(format!(
                    "{} owns {} itself, which the other role could not change",
                    role.name,
                    count(role.owns)
                ));
            }
        }
        let pair = self.role(live).zip(self.role(idle));
        let differs = pair.into_iter().flat_map(|(live, idle)| {
            COMPARED.iter().filter(move |(_, of)| of(live) != of(idle)).map(|(what, _)| *what)
        });
        found.extend(differs.map(|what| format!("{live} and {idle} differ in their {what}")));
        found
    }
}

fn count(objects: i64) -> String {
    if objects == 1 { "an object".to_owned() } else { format!("{objects} objects") }
}

/// Works with PostgreSQL 12 and later: options of a membership that an older server has not are not looked at.
fn query(roles: &[&str]) -> String {
    format!(
        "SELECT json_build_object('started', (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text, \
         'standby', pg_is_in_recovery(), \
         'free', current_setting('max_connections')::int \
           - (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL), \
         'roles', (SELECT coalesce(json_agg(json_build_object('name', r.rolname, 'can_log_in', r.rolcanlogin, \
           'attributes', array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'SUPERUSER' END, \
             CASE WHEN r.rolinherit THEN 'INHERIT' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, \
             CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END, \
             CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL), \
           'limit', r.rolconnlimit, 'until', r.rolvaliduntil, \
           'settings', (SELECT coalesce(json_agg(concat(d.datname || ': ', setting) ORDER BY d.datname, setting), '[]') \
             FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase \
             CROSS JOIN unnest(s.setconfig) AS setting WHERE s.setrole = r.oid), \
           'member_of', (SELECT coalesce(json_agg(json_build_array(g.rolname, \
               to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor') ORDER BY g.rolname), '[]') \
             FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), \
           'owns', (SELECT count(*) FROM pg_shdepend d \
             WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o'), \
           'granted', (SELECT coalesce(json_agg(concat_ws('.', d.dbid, d.classid, d.objid, d.objsubid) \
               ORDER BY d.dbid, d.classid, d.objid, d.objsubid), '[]') FROM pg_shdepend d \
             WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'a'), \
           'sessions', (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid))), '[]') \
           FROM pg_roles r WHERE r.rolname IN ({})))",
        literals(roles)
    )
}

/// How many sessions a role has, and where from; what is needed to find them.
pub(super) async fn sessions(visit: &Visit<'_>, role: &str) -> Result<(i64, String), Trouble> {
    #[derive(Deserialize)]
    struct Found {
        count: i64,
        from: Option<String>,
    }
    let query = format!(
        "SELECT json_build_object('count', count(*), 'from', string_agg(DISTINCT coalesce(host(client_addr), \
         CASE WHEN backend_type IS NULL THEN 'where only pg_read_all_stats sees' ELSE 'a socket' END), ', ')) FROM pg_stat_activity WHERE usename = {}",
        literal(role)
    );
    let answer = visit.ask(&query).await?;
    let found: Found = serde_json::from_str(&answer)
        .map_err(|_| Trouble::unavailable("the answer about sessions is not what was asked for"))?;
    Ok((found.count, found.from.unwrap_or_default()))
}
