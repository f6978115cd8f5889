//! What a role has beside what it owns, as statements that give it to another: memberships, grants on what belongs to
//! others, default privileges, policies. `REASSIGN OWNED` leaves these alone.

use crate::rotate::Trouble;

use super::sql::{literal, literals};
use super::visit::Visit;

/// The statements, spelled by the server. `own` are the roles among whom things are moved.
pub(super) async fn from_to(
    visit: &Visit<'_>,
    from: &str,
    to: &str,
    own: &[&str],
) -> Result<Vec<String>, Trouble> {
    let parts = [members(from, to, own), grants(from, to), defaults(from, to), policies(from, to)];
    let mut all = Vec::new();
    for part in parts {
        let query =
            format!("SELECT coalesce(json_agg(text ORDER BY place, text), '[]') FROM ({part}) AS statements");
        let answer = visit.ask(&query).await?;
        let found: Vec<String> = serde_json::from_str(&answer)
            .map_err(|_| Trouble::unavailable("the answer about rights is not what was asked for"))?;
        all.extend(found);
    }
    Ok(all)
}

/// What a membership allows, whoever has granted it. Before PostgreSQL 16 there was one option.
const OPTIONS: &str = "CASE WHEN bool_or(to_jsonb(m) ? 'set_option') THEN format(' WITH ADMIN %s, INHERIT %s, SET %s', \
    bool_or(m.admin_option)::text, bool_or((to_jsonb(m) ->> 'inherit_option')::boolean)::text, \
    bool_or((to_jsonb(m) ->> 'set_option')::boolean)::text) WHEN bool_or(m.admin_option) THEN ' WITH ADMIN OPTION' END";

/// Since PostgreSQL 16 several can grant the same membership, and each takes back its own.
const GRANTOR: &str =
    "CASE WHEN to_jsonb(m) ? 'set_option' THEN format(' GRANTED BY %I', pg_get_userbyid(m.grantor)) END";

/// What the role is a member of, and who is a member of it.
fn members(from: &str, to: &str, own: &[&str]) -> String {
    let own = literals(own);
    let (from, to) = (literal(from), literal(to));
    format!(
        "SELECT 1 AS place, format('GRANT %I TO %I%s', g.rolname, {to}::text, {OPTIONS}) AS text \
         FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member \
         WHERE r.rolname = {from} AND g.rolname <> {to} GROUP BY g.rolname \
         UNION ALL SELECT 2, format('REVOKE %I FROM %I%s', g.rolname, {from}::text, {GRANTOR}) \
         FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member \
         WHERE r.rolname = {from} AND g.rolname <> {to} \
         UNION ALL SELECT 3, format('GRANT %I TO %I%s', {to}::text, r.rolname, {OPTIONS}) \
         FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member \
         WHERE g.rolname = {from} AND r.rolname NOT IN ({own}, {to}) GROUP BY r.rolname"
    )
}

/// Grants on what belongs to others. What the role owns itself is not among them: there the grants go along.
fn grants(from: &str, to: &str) -> String {
    let (from, to) = (literal(from), literal(to));
    format!(
        "WITH me AS (SELECT oid FROM pg_roles WHERE rolname = {from}), granted AS ( \
           SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || format('%I.%I', n.nspname, c.relname) AS what, \
             a.privilege_type AS may, a.is_grantable FROM me, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             CROSS JOIN aclexplode(c.relacl) a WHERE a.grantee = me.oid AND c.relowner <> me.oid \
           UNION ALL SELECT 'TABLE ' || format('%I.%I', n.nspname, c.relname), \
             a.privilege_type || format(' (%I)', t.attname), a.is_grantable \
             FROM me, pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             CROSS JOIN aclexplode(t.attacl) a WHERE a.grantee = me.oid AND c.relowner <> me.oid \
           UNION ALL SELECT 'SCHEMA ' || format('%I', n.nspname), a.privilege_type, a.is_grantable \
             FROM me, pg_namespace n CROSS JOIN aclexplode(n.nspacl) a WHERE a.grantee = me.oid AND n.nspowner <> me.oid \
           UNION ALL SELECT 'ROUTINE ' || format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), \
             a.privilege_type, a.is_grantable FROM me, pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             CROSS JOIN aclexplode(p.proacl) a WHERE a.grantee = me.oid AND p.proowner <> me.oid \
           UNION ALL SELECT 'DATABASE ' || format('%I', d.datname), a.privilege_type, a.is_grantable \
             FROM me, pg_database d CROSS JOIN aclexplode(d.datacl) a WHERE a.grantee = me.oid AND d.datdba <> me.oid) \
         SELECT 1 AS place, format('GRANT %s ON %s TO %I%s', may, what, {to}::text, \
           CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END) AS text FROM granted \
         UNION ALL SELECT 2, format('REVOKE %s ON %s FROM %I', may, what, {from}::text) FROM granted"
    )
}

/// What new objects grant by themselves: those that the role makes, and those that others make for it.
fn defaults(from: &str, to: &str) -> String {
    let (from, to) = (literal(from), literal(to));
    let kinds = "CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' \
                 WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END";
    format!(
        "WITH me AS (SELECT oid FROM pg_roles WHERE rolname = {from}), given AS ( \
           SELECT d.defaclrole = me.oid AS is_own, pg_get_userbyid(d.defaclrole) AS maker, \
             coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '') AS place, a.privilege_type AS may, {kinds} AS kind, \
             CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee, \
             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS more \
           FROM me, pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace \
           CROSS JOIN aclexplode(d.defaclacl) a \
           WHERE (d.defaclrole = me.oid) <> (a.grantee = me.oid) AND NOT (a.grantee = 0 AND d.defaclnamespace = 0 \
             AND d.defaclobjtype IN ('f', 'T'))), \
         taken AS (SELECT CASE d.defaclobjtype WHEN 'f' THEN 'EXECUTE ON FUNCTIONS' ELSE 'USAGE ON TYPES' END AS what \
           FROM me, pg_default_acl d WHERE d.defaclrole = me.oid AND d.defaclnamespace = 0 AND d.defaclobjtype IN ('f', 'T') \
             AND NOT EXISTS (SELECT FROM aclexplode(d.defaclacl) a WHERE a.grantee = 0)) \
         SELECT 1 AS place, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s GRANT %s ON %s TO %s%s', \
           CASE WHEN is_own THEN {to}::text ELSE maker END, g.place, may, kind, \
           CASE WHEN is_own THEN grantee ELSE quote_ident({to}) END, more) AS text FROM given g \
         UNION ALL SELECT 2, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s REVOKE %s ON %s FROM %s', maker, g.place, may, kind, \
           grantee) FROM given g \
         UNION ALL SELECT 3, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE %s FROM PUBLIC', {to}::text, what) FROM taken \
         UNION ALL SELECT 4, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT %s TO PUBLIC', {from}::text, what) FROM taken"
    )
}

/// Row-level policies that name the role.
fn policies(from: &str, to: &str) -> String {
    let (from, to) = (literal(from), literal(to));
    format!(
        "SELECT 1 AS place, format('ALTER POLICY %I ON %I.%I TO %s', p.polname, n.nspname, c.relname, \
           (SELECT string_agg(DISTINCT CASE WHEN r.rolname = {from} THEN quote_ident({to}) ELSE quote_ident(r.rolname) END, ', ') \
            FROM pg_roles r WHERE r.oid = ANY (p.polroles))) AS text \
         FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE (SELECT oid FROM pg_roles WHERE rolname = {from}) = ANY (p.polroles)"
    )
}
