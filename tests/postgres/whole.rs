//! Whole rotations through the program: a real Django under gunicorn on a real server, with people buying all the while,
//! and an observer who logs in with whatever the server's env file says.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::harness::postgres::wait_until;
use crate::harness::{executable, rotations, tools};

/// A project whose Django runs on a server.
struct Live {
    cluster: Cluster,
    sshd: Sshd,
    world: World,
    /// Where Django listens.
    web: u16,
}

impl Live {
    /// Everything up, pushed, and healthy.
    fn new(kind: &str, means: Means, roles: &str) -> Self {
        let cluster = Cluster::start();
        for statement in roles.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            cluster.sql("postgres", statement);
        }
        let things =
            format!("SET ROLE {}; CREATE TABLE item (id serial PRIMARY KEY, name text)", owner(roles));
        cluster.sql("shop", &things);
        let (sshd, world, web) = (Sshd::start(), World::new(), sshd::free_port("127.0.0.1"));
        let live = Self { cluster, sshd, world, web };
        live.write_schema(kind, means);
        live.install_site();
        let port = live.cluster.port.to_string();
        fill(&live.world, &port);
        live.expect(&["push", "--yes"]);
        live
    }

    fn write_schema(&self, kind: &str, means: Means) {
        let (schema, _) =
            schema_text(&self.cluster, &self.sshd, self.cluster.port, self.sshd.port, kind, means);
        let schema = schema.replace("rotate = {", "rotate = { grace = \"1s\",");
        let app = self.app().display().to_string();
        let schema = format!(
            "{schema}\n[[server.dbhost.install]]\nenv-file = \"django\"\nto = \"{app}/app.env\"\n\
             apply = {{ in = \"{app}\", run = [\"./restart\"], within = \"60s\" }}\n\
             health = {{ url = \"http://127.0.0.1:{}/health/\", within = \"90s\", every = \"1s\", in-a-row = 2 }}\n\
             generation-from = {{ health-field = \"generation\" }}\n\
             [env-file.django]\npath = \".envs/django\"\nmarker = \"APP_GENERATION\"\n[env-file.django.variables]\n\
             DATABASE_URL = \"postgres://{{{{ db.user|urlencode }}}}:{{{{ db.password|urlencode }}}}@{{{{ db.host }}}}:{{{{ \
             db.port }}}}/{{{{ db.name }}}}\"\nDB_USER = \"{{{{ db.user }}}}\"\nDB_PASSWORD = \"{{{{ db.password }}}}\"\n",
            self.web
        );
        self.world.write("schemas/schema.toml", schema);
    }

    /// The application's folder; it is reloaded without dropping a request, as gunicorn does on SIGHUP.
    fn install_site(&self) {
        let app = self.app();
        std::fs::create_dir(&app).unwrap();
        let site = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/postgres/shop_site.py");
        std::fs::copy(site, app.join("shop_site.py")).unwrap();
        let restart = format!(
            "#!/bin/sh\nif [ -e gunicorn.pid ]; then exec kill -HUP $(cat gunicorn.pid); fi\n\
             exec {}/python/bin/gunicorn --daemon --pid gunicorn.pid --workers 3 --graceful-timeout 20 \
             --log-file gunicorn.log -b 127.0.0.1:{} shop_site:application\n",
            tools().display(),
            self.web
        );
        executable(app.join("restart"), restart);
    }

    fn app(&self) -> PathBuf {
        self.sshd.path("app")
    }

    /// The program, as a process of its own.
    fn run(&self, arguments: &[&str]) -> Output {
        self.world.spawn(arguments).output().unwrap()
    }

    #[track_caller]
    fn expect(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        let said = String::from_utf8(done.stderr).unwrap();
        let log = || std::fs::read_to_string(self.app().join("gunicorn.log")).unwrap_or_default();
        assert!(done.status.success(), "{arguments:?}: {said}\n{}", log());
        said
    }

    fn rotate(&self) -> String {
        self.expect(&["rotate", "--yes", "--local", "db.password"])
    }

    /// A value of the store.
    fn value(&self, name: &str) -> String {
        self.world.run(&["get", name]).success().stdout.trim_end().to_owned()
    }

    /// `manage.py` with these arguments, as the env file says now.
    fn manage(&self, arguments: &[&str]) {
        let python = tools().join("python/bin/python");
        let done = Command::new(python)
            .arg("shop_site.py")
            .args(arguments)
            .current_dir(self.app())
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Ok(id) = std::fs::read_to_string(self.app().join("gunicorn.pid")) {
            let _ = Command::new("kill").arg(id.trim()).status();
            let end = Instant::now() + Duration::from_secs(30);
            while self.app().join("gunicorn.pid").exists() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// What was seen while something went on.
#[derive(Default)]
struct Witness {
    is_over: AtomicBool,
    /// How often it was looked, and what went wrong.
    logins: Mutex<(usize, Vec<(Duration, String)>)>,
    sales: Mutex<(usize, Vec<String>)>,
    /// Every command line that ran.
    command_lines: Mutex<BTreeSet<String>>,
}

impl Witness {
    /// Looks all the while that something goes on.
    fn of<T>(&self, live: &Live, work: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            scope.spawn(|| self.log_in(&live.app().join("app.env"), live.cluster.port));
            scope.spawn(|| self.buy(live.web));
            scope.spawn(|| self.watch_processes());
            let end = OnDrop(&self.is_over);
            let done = work();
            drop(end);
            done
        })
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    /// Every 50 ms, with what the server's env file says.
    fn log_in(&self, file: &Path, port: u16) {
        let begun = Instant::now();
        while self.goes_on() {
            let next = Instant::now() + Duration::from_millis(50);
            let text = std::fs::read_to_string(file).unwrap();
            let get = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
                line.unwrap().trim_matches(['"', '\'']).to_owned()
            };
            let problem = login_problem(&get("DB_USER"), &get("DB_PASSWORD"), port);
            let mut seen = self.logins.lock().unwrap();
            seen.0 += 1;
            seen.1.extend(problem.map(|problem| (begun.elapsed(), problem)));
            drop(seen);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// A request each 200 ms whatever comes of the one before: the load does not wait for whoever is slow.
    fn buy(&self, web: u16) {
        std::thread::scope(|scope| {
            while self.goes_on() {
                let next = Instant::now() + Duration::from_millis(200);
                scope.spawn(move || {
                    let answer = asked(web, "/");
                    let mut seen = self.sales.lock().unwrap();
                    seen.0 += 1;
                    if !answer.starts_with("HTTP/1.1 200") {
                        seen.1.push(answer);
                    }
                });
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
    }

    /// Both machines are this one.
    fn watch_processes(&self) {
        while self.goes_on() {
            for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                if let Ok(line) = std::fs::read(entry.path().join("cmdline"))
                    && !line.is_empty()
                {
                    self.command_lines.lock().unwrap().insert(String::from_utf8_lossy(&line).into_owned());
                }
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// That nothing was refused, and that enough was tried for that to say something.
    #[track_caller]
    fn saw_nothing_wrong(&self) -> (usize, usize) {
        let (logins, sales) = (self.logins.lock().unwrap(), self.sales.lock().unwrap());
        assert_eq!((&logins.1, &sales.1), (&Vec::new(), &Vec::new()));
        assert!(logins.0 >= 10 && sales.0 >= 20, "{} {}", logins.0, sales.0);
        (logins.0, sales.0)
    }

    /// That no new value stood in a process list; the first one stands there when these tests make its role.
    #[track_caller]
    fn saw_no_value(&self, values: &[String]) {
        let lines = self.command_lines.lock().unwrap();
        assert!(lines.iter().any(|line| line.contains("psql") || line.contains("gunicorn")));
        for line in lines.iter() {
            assert!(
                !values.iter().skip(1).any(|value| line.contains(value)),
                "a value in {}",
                line.replace('\0', " ")
            );
        }
    }
}

/// Ends the watch whatever happens.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The answer to a GET, or why there is none.
fn asked(web: u16, path: &str) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", web))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().unwrap_or_else(|error| error.to_string())
}

#[test]
#[ignore = "needs PostgreSQL, sshd, Django and gunicorn; run tests/run"]
fn no_login_and_no_request_fails_while_alternating_users_are_rotated() {
    let live = Live::new("postgres-alternating", Means::Peer, TWINS);
    let witness = Witness::default();
    let mut passwords = vec![OLD.to_owned()];
    let begun = Instant::now();
    witness.of(&live, || {
        for number in 0..rotations() {
            live.rotate();
            let expected = if number % 2 == 0 { "shop_b" } else { "shop" };
            assert_eq!(live.value("db.user"), expected);
            passwords.push(live.value("db.password"));
        }
    });
    let (logins, sales) = witness.saw_nothing_wrong();
    let time = begun.elapsed().as_secs_f64();
    writeln!(
        std::io::stderr(),
        "{} rotations in {time:.1} s: {logins} logins and {sales} requests, none failed",
        rotations()
    )
    .unwrap();
    witness.saw_no_value(&passwords);
    let mut distinct = passwords.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), rotations() + 1);
    let log = live.cluster.log();
    assert!(!passwords.iter().skip(1).any(|password| log.contains(password.as_str())));
    // Nobody but the last is let in.
    for (number, password) in passwords.iter().enumerate() {
        let user = if number % 2 == 0 { "shop" } else { "shop_b" };
        assert_eq!(live.cluster.lets_in(user, password, "shop"), number == rotations(), "{number}");
    }
}

#[test]
#[ignore = "needs PostgreSQL, sshd, Django and gunicorn; run tests/run"]
fn a_rotation_that_is_killed_anywhere_is_taken_up_and_nobody_notices() {
    let live = Live::new("postgres-alternating", Means::Peer, TWINS);
    let witness = Witness::default();
    witness.of(&live, || {
        for delay in [300, 900, 1600, 3000] {
            let before = live.value("db.user");
            let mut child =
                live.world.spawn(&["rotate", "--yes", "--local", "-q", "db.password"]).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(delay));
            let _ = child.kill();
            child.wait().unwrap();
            // The push that was killed is put back, or was done: what is on the server is the program's business.
            let state = live.world.run(&["list"]).success();
            assert!(state.stdout.contains("db.password"));
            live.expect(&["rotate", "--yes", "--local", "db.password"]);
            let (user, password) = (live.value("db.user"), live.value("db.password"));
            assert!(live.cluster.lets_in(&user, &password, "shop"), "{delay} ms, from {before}");
        }
    });
    let logins = witness.logins.lock().unwrap();
    assert_eq!(logins.1, [], "{} logins", logins.0);
    let sales = witness.sales.lock().unwrap();
    let credential =
        |answer: &&String| ["password", "permitted", "role"].iter().any(|word| answer.contains(word));
    assert_eq!(sales.1.iter().filter(credential).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
#[ignore = "needs PostgreSQL, sshd, Django and gunicorn; run tests/run"]
fn a_migration_begun_by_the_one_is_ended_by_the_other() {
    let live = Live::new("postgres-alternating", Means::Direct, TWINS);
    live.manage(&["migrate", "auth", "0005", "-v", "0"]);
    live.rotate();
    assert_eq!(live.value("db.user"), "shop_b");
    live.manage(&["migrate", "auth", "0008", "-v", "0"]);
    live.rotate();
    assert_eq!(live.value("db.user"), "shop");
    live.manage(&["migrate", "-v", "0"]);
    live.manage(&["migrate", "auth", "zero", "-v", "0"]);
    let owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(live.cluster.sql("shop", owners), "shop_owner");
}

#[test]
#[ignore = "needs PostgreSQL, sshd, Django and gunicorn; run tests/run"]
fn a_single_role_is_refused_for_a_while_that_ends() {
    let live = Live::new("postgres-single", Means::Peer, ONE);
    let witness = Witness::default();
    let mut passwords = vec![OLD.to_owned()];
    witness.of(&live, || {
        for _ in 0..2 {
            live.rotate();
            passwords.push(live.value("db.password"));
        }
        // After the end all is well for good.
        let count = || witness.logins.lock().unwrap().0;
        let after = count() + 10;
        let failed = witness.logins.lock().unwrap().1.len();
        wait_until(|| count() >= after);
        assert_eq!(witness.logins.lock().unwrap().1.len(), failed);
    });
    let logins = witness.logins.lock().unwrap();
    assert!(!logins.1.is_empty(), "an observer sees the old password refused before the file is replaced");
    assert!(
        logins.1.iter().all(|(_, problem)| problem.contains("password authentication failed")),
        "{:?}",
        logins.1
    );
    let sales = witness.sales.lock().unwrap();
    assert!(sales.1.iter().all(|answer| answer.contains("password authentication failed")), "{:?}", sales.1);
    writeln!(
        std::io::stderr(),
        "2 rotations of a single role: of {} logins, one each 50 ms, {} were refused; of {} requests, one each 200 ms, {}",
        logins.0,
        logins.1.len(),
        sales.0,
        sales.1.len()
    )
    .unwrap();
    assert!(logins.1.len() < logins.0 / 2);
    witness.saw_no_value(&passwords);
    let log = live.cluster.log();
    assert!(!passwords.iter().skip(1).any(|password| log.contains(password.as_str())));
}
