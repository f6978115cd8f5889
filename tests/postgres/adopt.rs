//! A single user's database becomes one of alternating users, and comes back.

use super::*;
use crate::harness::World;

/// A database with a little of everything, that one role owns.
const THINGS: &str = r#"
SET ROLE shop;
CREATE TABLE item2 (id serial PRIMARY KEY, name text NOT NULL);
CREATE SEQUENCE "Odd Sequence";
CREATE VIEW names AS SELECT name FROM item2;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM item2;
CREATE TYPE mood AS ENUM ('well', 'unwell');
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
CREATE SCHEMA private;
CREATE TABLE private.note (id integer, owner_name text);
ALTER TABLE private.note ENABLE ROW LEVEL SECURITY;
ALTER TABLE private.note FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON private.note TO shop, reporting USING (id > 0);
GRANT SELECT ON item2 TO reporting;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reporting;
ALTER DEFAULT PRIVILEGES IN SCHEMA private GRANT USAGE ON SEQUENCES TO reporting;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
RESET ROLE;
CREATE TABLE elses (n integer, secret text);
GRANT SELECT, INSERT ON elses TO shop;
GRANT UPDATE (n) ON elses TO shop WITH GRANT OPTION;
CREATE FUNCTION elses_function(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
REVOKE EXECUTE ON FUNCTION elses_function(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION elses_function(text) TO shop;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO shop;
CREATE EXTENSION IF NOT EXISTS plpgsql;
"#;

const ROLES: &str = "
CREATE ROLE reporting LOGIN;
CREATE ROLE helpers NOLOGIN;
CREATE ROLE shop LOGIN CREATEDB CONNECTION LIMIT 30 PASSWORD 'made-up-old-password';
CREATE ROLE rotator LOGIN SUPERUSER PASSWORD 'made-up-admin-password';
CREATE DATABASE shop OWNER shop;
ALTER ROLE shop SET work_mem = '8MB';
ALTER ROLE shop IN DATABASE shop SET search_path = 'public', 'private';
GRANT helpers TO shop;
GRANT shop TO reporting;
GRANT CREATE ON DATABASE postgres TO shop;
";

/// What somebody may do, and what comes of new objects: as it was before, seen by one who logs in.
const RIGHTS: &str = "
SELECT 'work_mem ' || current_setting('work_mem') || ', path ' || current_setting('search_path');
SELECT format('%s %s', c.oid::regclass, has_table_privilege(c.oid, 'SELECT, INSERT')) FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'private') AND c.relkind IN ('r', 'v', 'm') ORDER BY 1;
SELECT twice(4), elses_function('x'), pg_has_role('helpers', 'USAGE'), has_column_privilege('elses', 'n', 'UPDATE WITH GRANT OPTION');
SELECT count(*) FROM private.note;
BEGIN;
CREATE TABLE fresh (id serial, note text);
ALTER TABLE item2 ADD COLUMN price integer;
CREATE FUNCTION fresh_function() RETURNS integer LANGUAGE sql AS 'SELECT 1';
DROP VIEW names;
SELECT has_table_privilege('reporting', 'fresh', 'SELECT'), has_function_privilege('reporting', 'fresh_function()', 'EXECUTE');
CREATE TABLE private.fresh (id serial);
SELECT has_sequence_privilege('reporting', 'private.fresh_id_seq', 'USAGE');
ROLLBACK;
SELECT has_table_privilege('reporting', 'item2', 'SELECT'), has_table_privilege('reporting', 'item2', 'INSERT');
";

/// All that a database says of owners and rights, with one role's name in place of another.
fn state(cluster: &Cluster) -> String {
    let query = "SELECT c.oid::regclass, pg_get_userbyid(c.relowner), c.relacl FROM pg_class c JOIN pg_namespace n \
                 ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'private') ORDER BY c.oid; \
                 SELECT proname, pg_get_userbyid(proowner), proacl FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1; \
                 SELECT datname, pg_get_userbyid(datdba), datacl FROM pg_database ORDER BY 1; \
                 SELECT nspname, pg_get_userbyid(nspowner), nspacl FROM pg_namespace WHERE nspname IN ('public', 'private') ORDER BY 1; \
                 SELECT pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 1, 2, 3; \
                 SELECT polname, (SELECT string_agg(pg_get_userbyid(r), ',' ORDER BY pg_get_userbyid(r)) FROM unnest(polroles) r) FROM pg_policy; \
                 SELECT g.rolname, r.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = roleid JOIN pg_roles r ON r.oid = member \
                   WHERE g.rolname !~ '^pg_' ORDER BY 1, 2; \
                 SELECT rolname, rolcanlogin, rolinherit, rolconnlimit FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1; \
                 SELECT setrole::regrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2";
    cluster.sql("shop", query)
}

/// A shop whose database has all kinds of things, in a project with a store.
struct Project {
    cluster: Cluster,
    _sshd: Sshd,
    world: World,
}

impl Project {
    fn new() -> Self {
        Self::on(Cluster::start())
    }

    fn on(cluster: Cluster) -> Self {
        for statement in ROLES.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            cluster.sql("postgres", statement);
        }
        cluster.sql("shop", THINGS);
        let sshd = Sshd::start();
        let world = World::new();
        world.write(
            "schemas/schema.toml",
            schema_text(&cluster, &sshd, cluster.port, sshd.port, "postgres-alternating", Means::Peer).0,
        );
        for (name, value) in
            [("db.user", "shop"), ("db.password", OLD), ("db.name", "shop"), ("db.host", "127.0.0.1")]
        {
            world.run(&["set", "-q", name]).stdin(value).success();
        }
        world.run(&["set", "-q", "db.port"]).stdin(cluster.port.to_string()).success();
        Self { cluster, _sshd: sshd, world }
    }

    /// What somebody sees who logs in.
    fn rights(&self, user: &str, password: &str) -> String {
        let done = self.cluster.psql(user, password, "shop", RIGHTS);
        assert!(done.status.success(), "{user}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn a_single_user_s_database_gets_two_that_take_turns_and_comes_back() {
    comes_and_goes(&Project::new());
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn memberships_of_others_and_with_options_are_moved_too() {
    let project = Project::on(Cluster::newer());
    let (cluster, world) = (&project.cluster, &project.world);
    for statement in [
        "CREATE ROLE boss",
        "GRANT helpers TO boss WITH ADMIN OPTION",
        "CREATE ROLE guests",
        "GRANT guests TO boss WITH ADMIN OPTION",
        "SET ROLE boss; GRANT guests TO shop WITH INHERIT FALSE, SET TRUE; GRANT helpers TO shop",
        "SET ROLE shop; ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO reporting",
    ] {
        cluster.sql("shop", statement);
    }
    let options = "SELECT pg_get_userbyid(member), inherit_option, set_option FROM pg_auth_members \
                   WHERE roleid = 'guests'::regrole AND member <> 'boss'::regrole ORDER BY 1";
    assert_eq!(cluster.sql("shop", options), "shop|f|t");
    world.run(&["postgres", "adopt", "--yes", "-q", "db.password"]).success();
    assert_eq!(cluster.sql("shop", options), "shop_owner|f|t");
    world.run(&["postgres", "adopt", "--undo", "--yes", "-q", "db.password"]).success();
    assert_eq!(cluster.sql("shop", options), "shop|f|t");
    cluster.sql("postgres", "DROP ROLE shop_owner; DROP ROLE boss, guests");
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn the_newest_release_has_it_too() {
    comes_and_goes(&Project::on(Cluster::newer()));
}

fn comes_and_goes(project: &Project) {
    let (cluster, world) = (&project.cluster, &project.world);
    let (before, rights) = (state(cluster), project.rights("shop", OLD));
    assert!(rights.contains("work_mem 8MB, path public, private"), "{rights}");

    // The plan changes nothing.
    let done = world.run(&["postgres", "adopt", "-n", "db.password"]).success();
    for part in [
        "  CREATE ROLE \"shop_owner\" NOLOGIN INHERIT CREATEDB CONNECTION LIMIT 30\n",
        "  REASSIGN OWNED BY \"shop\" TO \"shop_owner\"\n",
        "  ALTER POLICY mine ON private.note TO reporting, shop_owner\n",
        "nothing was changed\n",
    ] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
    assert_eq!(state(cluster), before);
    world.run(&["postgres", "adopt", "--non-interactive", "db.password"]).done();
    assert_eq!(world.run(&["postgres", "adopt", "db.password"]).answers(&["n"]).done().code, 1);
    assert_eq!(state(cluster), before);

    // A session that is open goes on through it.
    let mut open = Session::new(cluster, "shop", OLD);
    assert_eq!(open.ask("SELECT count(*) FROM item2"), "0");
    let done = world.run(&["postgres", "adopt", "db.password"]).answers(&["y"]).success();
    assert!(
        done.stderr
            .contains("ok: shop logs in with its password and acts as shop_owner\nok: shop_b is its twin\n"),
        "{}",
        done.stderr
    );
    assert_eq!(open.ask("INSERT INTO item2 (name) VALUES ('a'); SELECT count(*) FROM item2"), "1");
    assert_eq!(project.rights("shop", OLD), rights, "the same rights as before");
    let done = world.run(&["postgres", "adopt", "--yes", "db.password"]).done();
    assert_eq!((done.code, done.stderr.as_str()), (1, "error: the database has alternating users already\n"));

    // Both twins can do the same, a migration's statements too.
    cluster.sql("postgres", "ALTER ROLE shop_b LOGIN PASSWORD 'made-up-other-password'");
    assert_eq!(project.rights("shop_b", "made-up-other-password"), rights);
    let done = world.run(&["postgres", "adopt", "--undo", "--yes", "db.password"]).done();
    assert_eq!((done.code, done.stderr.lines().next()), (1, Some("error: shop_b is in use, or can log in")));
    cluster.sql("postgres", "ALTER ROLE shop_b NOLOGIN");

    // And back, under a session that acts as the owner.
    let mut open = Session::new(cluster, "shop", OLD);
    assert_eq!(open.ask("SELECT current_user"), "shop_owner");
    let done = world.run(&["postgres", "adopt", "--undo", "db.password"]).answers(&["y"]).success();
    assert!(done.stderr.contains("ok: shop logs in with its password and acts as shop\n"), "{}", done.stderr);
    assert_eq!(open.ask("INSERT INTO item2 (name) VALUES ('b'); SELECT count(*) FROM item2"), "2");
    drop(open);
    assert_eq!(project.rights("shop", OLD), rights);
    cluster.sql("postgres", "DROP ROLE shop_owner");
    assert_eq!(state(cluster), before, "as it was, to the letter");
    // Nothing keeps it from being done again.
    world.run(&["postgres", "adopt", "--yes", "-q", "db.password"]).success();
}

#[test]
#[ignore = "needs PostgreSQL and sshd; run tests/run"]
fn what_cannot_be_moved_is_named_and_nothing_is_changed() {
    let project = Project::new();
    let (cluster, world) = (&project.cluster, &project.world);
    let refused = |change: &str, back: &str, message: &str| {
        cluster.sql("shop", change);
        let before = state(cluster);
        let done = world.run(&["postgres", "adopt", "--yes", "db.password"]).done();
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(done.stderr.contains(&format!("error: {message}\n")), "{}", done.stderr);
        assert_eq!(state(cluster), before);
        cluster.sql("shop", back);
    };
    refused(
        "ALTER ROLE shop SUPERUSER",
        "ALTER ROLE shop NOSUPERUSER",
        "shop is a superuser: give the application a role of its own first",
    );
    refused("CREATE ROLE shop_b", "DROP ROLE shop_b", "there is a role shop_b already");
    refused(
        "GRANT USAGE ON LANGUAGE sql TO shop",
        "REVOKE USAGE ON LANGUAGE sql FROM shop",
        "something was granted on it that is not moved: language sql",
    );
    refused(
        "CREATE POLICY who ON private.note USING (owner_name = current_user)",
        "DROP POLICY who ON private.note",
        "the policy who of private.note asks who the user is",
    );
    // The other database comes to an end before the next one is tried.
    cluster.sql("postgres", "CREATE DATABASE other");
    cluster.sql("other", "CREATE TABLE theirs (n integer); GRANT SELECT ON theirs TO shop");
    refused("SELECT 1", "SELECT 1", "shop has something in the database other too");
    cluster.sql("postgres", "DROP DATABASE other");
    // Somebody who reads a table for long keeps it from being given away: it is given up soon, and nothing is half done.
    let mut open = Session::new(cluster, "shop", OLD);
    open.ask("BEGIN; SELECT count(*) FROM item2");
    let before = state(cluster);
    let done = world.run(&["postgres", "adopt", "--yes", "db.password"]).done();
    assert!(done.stderr.contains("error: ") && done.stderr.contains("(55P03)"), "{}", done.stderr);
    assert_eq!(state(cluster), before);
}

/// A session of psql that stays open.
struct Session {
    child: std::process::Child,
    answers: std::io::BufReader<std::process::ChildStdout>,
}

impl Session {
    fn new(cluster: &Cluster, user: &str, password: &str) -> Self {
        let mut child = std::process::Command::new("psql")
            .env("PGPASSWORD", password)
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1"])
            .arg(format!("host=127.0.0.1 port={} user={user} dbname=shop", cluster.port))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let answers = std::io::BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// The first line that a statement gives.
    fn ask(&mut self, statement: &str) -> String {
        use std::io::{BufRead, Write};
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{statement};\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.child.stdin.take();
        let _ = self.child.wait();
    }
}
