//! From one login role that owns a database to alternating users, and back: the statements, as a plan to be shown, and all
//! of them in one transaction.
//!
//! The role in use stays what it is, with its password: who is logged in goes on, since it inherits what it owned. From its
//! next login on it acts as the owner.

use serde::Deserialize;

use crate::rotate::Trouble;
use crate::secret::SecretText;
use crate::store::Values;

use super::facts::Facts;
use super::moves;
use super::roles::Roles;
use super::site::Site;
use super::sql::{literal, name};
use super::visit::{Visit, visit};

/// The three roles of a database with alternating users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The one that owns and does not log in.
    pub owner: String,
    /// The one in use.
    pub live: String,
    /// The one whose turn comes next.
    pub idle: String,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The roles.
    pub names: Names,
    /// The database.
    pub database: String,
    /// The statements, in their order.
    pub statements: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// What is known of the role in use.
#[derive(Deserialize)]
struct Found {
    objections: Vec<String>,
    notes: Vec<String>,
    attributes: String,
    inherits: bool,
    settings: Vec<Setting>,
}

/// A setting of a role: the clause that says where it counts, its name and its value, spelled for a statement. A list of
/// names is kept spelled by the server, and as one literal would be one name.
#[derive(Deserialize)]
struct Setting {
    place: String,
    name: String,
    value: String,
}

impl Adoption {
    /// What would make a single user's database one of alternating users. Looks only.
    pub fn plan(site: &Site, current: &Values) -> Result<Self, Trouble> {
        let (roles, database) = known(site, current)?;
        visit(site, &site.place(current)?, async |visit| {
            let facts = Facts::of(visit, &roles.all()).await?;
            let taken: Vec<&str> = [&roles.owner, &roles.idle]
                .into_iter()
                .filter(|role| facts.role(role).is_some())
                .map(String::as_str)
                .collect();
            if !taken.is_empty() {
                return Err(there_already(&facts, &roles, &taken));
            }
            let found = look(visit, &roles.live).await?;
            if !found.objections.is_empty() {
                return Err(Trouble::rejected(found.objections.join("; ")));
            }
            let moved = moves::from_to(visit, &roles.live, &roles.owner, &[&roles.live, &roles.idle]).await?;
            let statements = forward(&roles, &found, moved);
            Ok(Self { names: roles.into_names(), database, statements, notes: found.notes })
        })
    }

    /// What would make the role in use own everything again. Looks only. The owner stays, as a member of that role and with
    /// nothing of its own, since sessions that are open act as it.
    pub fn plan_undo(site: &Site, current: &Values) -> Result<Self, Trouble> {
        let (roles, database) = known(site, current)?;
        visit(site, &site.place(current)?, async |visit| {
            let facts = Facts::of(visit, &roles.all()).await?;
            let Roles { owner, live, idle } = &roles;
            let against = facts.against_turns(owner, live, idle);
            if !against.is_empty() {
                return Err(Trouble::rejected(against.join("; ")));
            }
            if facts.role(idle).is_some_and(|role| role.can_log_in || role.sessions > 0) {
                return Err(Trouble::rejected(format_args!("{idle} is in use, or can log in"))
                    .hint("bring the rotation that is under way to its end first, or take it back"));
            }
            let found = look(visit, owner).await?;
            if !found.objections.is_empty() {
                return Err(Trouble::rejected(found.objections.join("; ")));
            }
            let moved = moves::from_to(visit, owner, live, &[live, idle]).await?;
            let statements = back(&roles, moved);
            let left = format!("once no session from before is open any more: DROP ROLE {}", name(owner));
            Ok(Self { names: roles.into_names(), database, statements, notes: vec![left] })
        })
    }

    /// Does it: all, or nothing. What shows it.
    pub fn apply(&self, site: &Site, current: &Values) -> Result<Vec<String>, Trouble> {
        let Names { owner, live, idle } = &self.names;
        let mut text = SecretText::with_capacity(4096);
        for statement in &self.statements {
            text.push_str(statement);
            text.push_str(";\n");
        }
        let (_, password) = site.login(current)?;
        visit(site, &site.place(current)?, async |visit| {
            visit.change(&text).await?;
            let seen = super::proof::look(visit, live, &password).await?;
            let mut shown = vec![format!("{live} logs in with its password and acts as {}", seen.current)];
            if seen.current == *owner {
                let facts = Facts::of(visit, &[owner, live, idle]).await?;
                let against = facts.against_turns(owner, live, idle);
                if !against.is_empty() {
                    return Err(Trouble::held(against.join("; ")));
                }
                shown.push(format!("{idle} is its twin"));
            }
            Ok(shown)
        })
    }
}

impl Roles {
    fn into_names(self) -> Names {
        Names { owner: self.owner, live: self.live, idle: self.idle }
    }
}

fn known(site: &Site, current: &Values) -> Result<(Roles, String), Trouble> {
    let (user, _) = site.login(current)?;
    Ok((Roles::of(site, &user)?, site.place(current)?.database))
}

fn there_already(facts: &Facts, roles: &Roles, taken: &[&str]) -> Trouble {
    if taken.len() == 2 && facts.against_turns(&roles.owner, &roles.live, &roles.idle).is_empty() {
        return Trouble::rejected("the database has alternating users already");
    }
    let there = taken.join(" and ");
    Trouble::rejected(format_args!("there is a role {there} already")).hint(
        "name others in the schema: owner = \"…\", roles = [\"…\", \"…\"]; one that is left over and owns nothing: DROP ROLE",
    )
}

async fn look(visit: &Visit<'_>, role: &str) -> Result<Found, Trouble> {
    let answer = visit.ask(&query(role)).await?;
    serde_json::from_str(&answer)
        .map_err(|_| Trouble::unavailable("the answer about the role is not what was asked for"))
}

/// The statements that make the roles take turns, around those that move what the one has.
fn forward(roles: &Roles, found: &Found, moved: Vec<String>) -> Vec<String> {
    let (owner, live, idle) = (name(&roles.owner), name(&roles.live), name(&roles.idle));
    let attributes = &found.attributes;
    let mut all = vec![
        format!("CREATE ROLE {owner} NOLOGIN INHERIT {attributes}"),
        format!("CREATE ROLE {idle} NOLOGIN INHERIT {attributes}"),
    ];
    if !found.inherits {
        // Whoever is logged in loses nothing only if it inherits.
        all.push(format!("ALTER ROLE {live} INHERIT"));
    }
    let settings = found
        .settings
        .iter()
        .map(|Setting { place, name: key, value }| format!("ALTER ROLE {idle}{place} SET {key} TO {value}"));
    all.extend(settings);
    all.push(format!("GRANT {owner} TO {live}, {idle}"));
    all.push(format!("REASSIGN OWNED BY {live} TO {owner}"));
    all.extend(moved);
    for role in [&live, &idle] {
        all.push(format!("ALTER ROLE {role} SET role TO {}", literal(&roles.owner)));
    }
    all.push(nothing_left(&roles.live));
    all
}

/// The statements that give everything to the role in use.
fn back(roles: &Roles, moved: Vec<String>) -> Vec<String> {
    let (owner, live, idle) = (name(&roles.owner), name(&roles.live), name(&roles.idle));
    let mut all = vec![
        format!("ALTER ROLE {live} RESET role"),
        format!("REVOKE {owner} FROM {live}, {idle}"),
        format!("REASSIGN OWNED BY {owner} TO {live}"),
    ];
    all.extend(moved);
    all.push(format!("DROP ROLE {idle}"));
    // Sessions that are open act as the owner: they go on as members of the role that has everything now.
    all.push(format!("GRANT {live} TO {owner}"));
    all.push(nothing_left(&roles.owner));
    all
}

/// Fails, and takes everything back with it, if the role has anything left in this database.
fn nothing_left(role: &str) -> String {
    format!(
        "DO $check$ BEGIN IF EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass \
         AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = {}) AND deptype IN ('o', 'a', 'r')) \
         THEN RAISE EXCEPTION 'something is left'; END IF; END $check$",
        literal(role)
    )
}

/// What is in the way, what is worth knowing, and what a twin needs to be one.
fn query(role: &str) -> String {
    let role = literal(role);
    format!(
        "WITH me AS (SELECT * FROM pg_roles WHERE rolname = {role}), \
         needs AS (SELECT d.* FROM pg_shdepend d, me WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = me.oid), \
         here AS (SELECT oid FROM pg_database WHERE datname = current_database()), \
         objections AS ( \
           SELECT 'the administrator is no superuser, and has to be one for this' AS text FROM pg_roles \
             WHERE rolname = current_user AND NOT rolsuper \
           UNION ALL SELECT 'there is no role ' || {role} WHERE NOT EXISTS (SELECT FROM me) \
           UNION ALL SELECT rolname || ' is a superuser: give the application a role of its own first' FROM me WHERE rolsuper \
           UNION ALL SELECT DISTINCT {role} || ' has something in the database ' || b.datname || ' too' \
             FROM needs d JOIN pg_database b ON b.oid = d.dbid WHERE d.dbid NOT IN (SELECT oid FROM here) \
           UNION ALL SELECT 'something was granted on it that is not moved: ' || pg_describe_object(d.classid, d.objid, 0) \
             FROM needs d WHERE d.deptype = 'a' AND d.dbid IN (0, (SELECT oid FROM here)) AND d.classid NOT IN \
               ('pg_class'::regclass, 'pg_namespace'::regclass, 'pg_proc'::regclass, 'pg_database'::regclass, \
                'pg_default_acl'::regclass) \
           UNION ALL SELECT 'it has a setting that is not copied: ' || split_part(setting, '=', 1) \
             FROM me JOIN pg_db_role_setting s ON s.setrole = me.oid CROSS JOIN unnest(s.setconfig) AS setting \
             WHERE setting LIKE '%preload_libraries=%' \
           UNION ALL SELECT format('the policy %s of %s asks who the user is', p.polname, p.polrelid::regclass) \
             FROM pg_policy p WHERE concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) \
               ~* '(current_user|session_user|current_role)'), \
         notes AS ( \
           SELECT format('the extension %s belongs to %s, and stays so', e.extname, r.rolname) AS text \
             FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner, me \
             WHERE e.extowner <> me.oid AND e.extname <> 'plpgsql') \
         SELECT json_build_object( \
           'objections', (SELECT coalesce(json_agg(text), '[]') FROM objections), \
           'notes', (SELECT coalesce(json_agg(text), '[]') FROM notes), \
           'attributes', coalesce((SELECT concat_ws(' ', CASE WHEN rolcreatedb THEN 'CREATEDB' END, \
             CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolreplication THEN 'REPLICATION' END, \
             CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, 'CONNECTION LIMIT ' || rolconnlimit, \
             'VALID UNTIL ' || quote_literal(rolvaliduntil)) FROM me), ''), \
           'inherits', coalesce((SELECT rolinherit FROM me), true), \
           'settings', (SELECT coalesce(json_agg(json_build_object( \
             'place', coalesce(' IN DATABASE ' || quote_ident(d.datname), ''), \
             'name', quote_ident(split_part(setting, '=', 1)), \
             'value', CASE WHEN split_part(setting, '=', 1) IN ('search_path', 'temp_tablespaces') \
               THEN substr(setting, strpos(setting, '=') + 1) \
               ELSE quote_literal(substr(setting, strpos(setting, '=') + 1)) END)), '[]') \
             FROM me JOIN pg_db_role_setting s ON s.setrole = me.oid LEFT JOIN pg_database d ON d.oid = s.setdatabase \
             CROSS JOIN unnest(s.setconfig) AS setting))"
    )
}
