//! What one rotation costs: time, connections and commands by SSH, and requests, through something that counts them.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::harness::World;
use crate::harness::proxy::Proxy;
use crate::harness::sshd::Sshd;

use super::App;

/// What stands before a server and its application, once the schema leads there.
pub struct Meter<'a> {
    host: &'a Sshd,
    ssh: Proxy,
    http: Proxy,
}

/// What was counted.
pub struct Cost {
    pub connections: usize,
    pub commands: usize,
    pub requests: usize,
    time: Duration,
    turns: usize,
}

impl<'a> Meter<'a> {
    /// Leads the world's schema through proxies to the server, and to the application at a port of it.
    pub fn new(world: &World, host: &'a Sshd, port: u16) -> Self {
        let (ssh, http) = (Proxy::before(host.port), Proxy::before(port));
        let schema = world.read("schemas/schema.toml");
        let led = schema
            .replace(&format!("port = \"{}\"", host.port), &format!("port = \"{}\"", ssh.port))
            .replace(&format!("127.0.0.1:{port}/"), &format!("127.0.0.1:{}/", http.port));
        assert_ne!(schema, led);
        world.write("schemas/schema.toml", led);
        Self { host, ssh, http }
    }

    fn counts(&self) -> [usize; 4] {
        let (connections, turns) = self.ssh.counts();
        let commands = self.host.log().matches("Starting session: command").count();
        [connections, turns, commands, self.http.counts().1]
    }

    /// Counts while something is done.
    pub fn of(&self, what: impl FnOnce()) -> Cost {
        let (before, begun) = (self.counts(), Instant::now());
        what();
        let time = begun.elapsed();
        let after = self.counts();
        let [connections, turns, commands, requests] = std::array::from_fn(|at| after[at] - before[at]);
        Cost { connections, commands, requests, time, turns }
    }
}

impl Cost {
    /// Says it, whatever is done with what tests print.
    pub fn say(&self, kind: &str) {
        let Self { connections, commands, requests, time, turns } = self;
        let text = format!(
            "{kind}: {} ms, {connections} connections by SSH with {commands} commands and {turns} round trips, {requests} \
             requests by HTTP\n",
            time.as_millis()
        );
        std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
}

#[test]
#[ignore = "needs sshd, Docker's clients, Django and gunicorn; run tests/run"]
fn a_rotation_of_django_needs_few_connections() {
    let app = App::in_container(
        r#"{ with = "django-secret-key", [manage] }"#,
        r#"{ with = "django-password", user = "{{ alice.name }}", login = "http://127.0.0.1:[port]/admin/login/", [manage] }"#,
    );
    let meter = Meter::new(&app.world, &app.host, app.port);
    let rotate = |what: &str, now| {
        let done = app.world.run(&["rotate", "--yes", "--local", what]).at(now).done();
        assert_eq!(done.code, 0, "{}", done.stderr);
    };
    let cost = meter.of(|| rotate("alice.password", "2026-11-24T12:00:00Z"));
    cost.say("django-password");
    // The look before, the new value's validation, the change, the name and the proof; the form twice, by five requests and
    // by two.
    assert!(cost.connections <= 6 && cost.commands <= 6, "{} {}", cost.connections, cost.commands);

    let cost = meter.of(|| {
        rotate("django.secret_key", "2026-11-25T12:00:00Z");
        rotate("--resume", "2026-12-10T12:00:00Z");
    });
    cost.say("django-secret-key");
    assert!(cost.connections <= 20 && cost.commands <= 20, "{} {}", cost.connections, cost.commands);
}
