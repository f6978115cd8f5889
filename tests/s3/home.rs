//! A bucket as the store's home, through the commands.

use serde_json::json;

use crate::harness::s3::{Service, ceph, moto};
use crate::harness::{Run, World};

/// A bucket, and people who keep their store in it.
pub struct Team {
    pub service: &'static Service,
    pub bucket: String,
    /// What the service is called at, which may be something in between.
    pub endpoint: String,
}

/// One of them.
pub struct Person {
    pub world: World,
    keys: (String, String),
}

impl Team {
    pub fn new(service: &'static Service) -> Self {
        Self::of(service, service.bucket())
    }

    pub fn of(service: &'static Service, bucket: String) -> Self {
        Self { service, bucket, endpoint: service.endpoint.clone() }
    }

    /// What messages call the home.
    pub fn label(&self) -> String {
        format!("s3://{}/secrets.enc at {}", self.bucket, self.endpoint)
    }

    pub fn schema(&self) -> String {
        let (bucket, endpoint) = (&self.bucket, &self.endpoint);
        format!("[remote]\nkind = \"s3\"\nbucket = \"{bucket}\"\nendpoint = \"{endpoint}\"\n")
    }

    fn person(&self, world: World) -> Person {
        world.write("schemas/remote.toml", self.schema());
        Person { world, keys: self.service.keys.clone() }
    }

    /// Somebody with a store of her own, which is nowhere else.
    pub fn founder(&self) -> Person {
        self.person(World::filled())
    }

    /// Somebody with the first copy of the store, which is there.
    pub fn ada(&self) -> Person {
        let ada = self.founder();
        let label = self.label();
        ada.run(&["remote", "push"]).gives(0, "", &format!("ok: {label} is at generation 3\n"));
        ada
    }

    /// Somebody with the schema only.
    pub fn newcomer(&self) -> Person {
        let world = World::new();
        std::fs::remove_file(world.path("secrets.enc")).unwrap();
        world.forget_stores();
        self.person(world)
    }

    /// Somebody who has taken a copy.
    pub fn bob(&self) -> Person {
        let bob = self.newcomer();
        assert_eq!(bob.run(&["remote", "pull"]).done().code, 0);
        bob
    }
}

/// The key of a version.
pub fn version(number: u64) -> String {
    format!("secrets.enc.d/{number:020}.age")
}

impl Person {
    /// The person that another process has made.
    pub fn at(root: &std::path::Path, keys: (String, String)) -> Self {
        Self { world: World::at(root), keys }
    }

    #[must_use = "say what is expected of it"]
    pub fn run(&self, arguments: &[&str]) -> Run<'_> {
        let run = self.world.run(arguments).env("AWS_ACCESS_KEY_ID", &self.keys.0);
        run.env("AWS_SECRET_ACCESS_KEY", &self.keys.1)
    }

    /// The same in a process of its own.
    pub fn spawn(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.world.spawn(arguments);
        command.env("AWS_ACCESS_KEY_ID", &self.keys.0).env("AWS_SECRET_ACCESS_KEY", &self.keys.1);
        command
    }

    /// Writes a value, which must work; what was said.
    #[track_caller]
    pub fn set(&self, name: &str, value: &str) -> String {
        let done = self.run(&["set", name]).stdin(value).done();
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stderr
    }

    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        let done = self.run(&["get", name]).done();
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
        done.stdout
    }
}

/// What else there is to do without the right credentials.
const HINT: &str = "hint: other commands than `remote` can leave the store's home alone: --offline\n";

/// The services, and buckets of theirs in which a team can write.
fn teams() -> [Team; 3] {
    [Team::new(ceph()), Team::new(moto()), Team::of(moto(), moto().versioned_bucket())]
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn what_two_people_write_becomes_one() {
    for team in teams() {
        let (ada, bob) = (team.ada(), team.bob());
        let label = team.label();
        assert_eq!(ada.set("database.password", "from ada"), "ok: database.password changed\n");
        assert_eq!(
            bob.set("database.port", "6432"),
            format!(
                "ok: took in what others wrote to {label}: 1 secret changed\nok: database.port changed\n"
            )
        );
        assert_eq!(bob.value("database.password"), "from ada");
        ada.run(&["remote", "pull"]).gives(
            0,
            "",
            &format!("database.port changed\nok: the store is as it is in {label}\n"),
        );
        assert_eq!(ada.world.store_bytes(), bob.world.store_bytes());
        ada.run(&["remote", "log"]).gives(
            0,
            "     5  2026-11-23T12:00:00Z  tester@[host]  database.port changed\n     4  2026-11-23T12:00:00Z  tester@[host]  database.password changed\n     3  2026-11-23T12:00:00Z  tester@[host]  Put the store here\n",
            "",
        );
        ada.run(&["remote", "status"]).gives(
            0,
            &format!("home      {label}\nhere      generation 5, written 2026-11-23T12:00:00Z by tester@[host]\nstanding  both are the same\n"),
            "",
        );
        // Nothing else lies there, and the newest store can be downloaded.
        let versions = (1..=3).map(version);
        let keys: Vec<String> = std::iter::once("secrets.enc".to_owned()).chain(versions).collect();
        assert_eq!(team.service.keys_in(&team.bucket), keys);
        assert_eq!(team.service.get(&team.bucket, "secrets.enc"), Some(ada.world.store_bytes()));
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn what_another_program_puts_there_is_read_and_built_upon() {
    for team in teams() {
        let ada = team.founder();
        team.service.put(&team.bucket, "secrets.enc", &ada.world.store_bytes());
        let bob = team.bob();
        assert_eq!(bob.world.store_bytes(), ada.world.store_bytes());
        assert_eq!(bob.set("database.port", "6432"), "ok: database.port changed\n");
        assert_eq!(team.service.get(&team.bucket, "secrets.enc"), Some(bob.world.store_bytes()));
        let said = ada.set("database.password", "from ada");
        assert!(said.ends_with("ok: database.password changed\n"), "{said}");
        assert_eq!(ada.value("database.port"), "6432");
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn the_key_for_downloads_may_be_gone_or_old() {
    for team in teams() {
        let ada = team.ada();
        let bob = team.bob();
        ada.set("database.password", "from ada");
        let second = ada.world.store_bytes();
        ada.set("database.port", "6432");
        // Somebody has put an older store back there by hand.
        team.service.put(&team.bucket, "secrets.enc", &second);
        bob.run(&["remote", "pull"]).done();
        assert!(bob.world.store_bytes() == ada.world.store_bytes());
        team.service.must("delete_object", &json!({ "Bucket": team.bucket, "Key": "secrets.enc" }));
        assert_eq!(team.bob().world.store_bytes(), ada.world.store_bytes());
        bob.run(&["remote", "pull"]).gives(0, "", &format!("ok: there is nothing new in {}\n", team.label()));
        // The next write mends it.
        bob.set("database.port", "7432");
        assert_eq!(team.service.get(&team.bucket, "secrets.enc"), Some(bob.world.store_bytes()));
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_store_that_is_gone_from_there_is_not_put_back_unasked() {
    let team = Team::new(ceph());
    let ada = team.ada();
    for key in team.service.keys_in(&team.bucket) {
        team.service.must("delete_object", &json!({ "Bucket": team.bucket, "Key": key }));
    }
    let refused = format!(
        "error: {}: the store is gone from there\nhint: to put the copy here back: `luca-secrets remote push --overwrite`\n",
        team.label()
    );
    ada.run(&["remote", "push"]).gives(4, "", &refused);
    ada.run(&["set", "database.port"]).stdin("1").gives(4, "", &refused);
    let label = team.label();
    let done = ada.run(&["remote", "push", "--overwrite"]).done();
    assert_eq!((done.code, done.stderr), (0, format!("ok: {label} is at generation 3\n")));
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_bucket_that_ignores_conditions_is_refused() {
    let team = Team::of(ceph(), ceph().versioned_bucket());
    let ada = team.founder();
    let before = ada.world.store_bytes();
    let refused = format!(
        "error: {}: the service does not enforce conditions (If-None-Match) in a bucket that keeps versions, so that two who write at once would overwrite each other: use a bucket without versioning\n",
        team.label()
    );
    ada.run(&["remote", "push"]).gives(4, "", &refused);
    assert_eq!(ada.world.store_bytes(), before);
    assert_eq!(team.service.keys_in(&team.bucket), Vec::<String>::new());
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_bucket_that_comes_to_keep_versions_is_noticed() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let status = json!({ "Status": "Enabled" });
    team.service
        .must("put_bucket_versioning", &json!({ "Bucket": team.bucket, "VersioningConfiguration": status }));
    let done = ada.run(&["set", "database.port"]).stdin("6432").done();
    assert!(done.stderr.contains("use a bucket without versioning"), "{}", done.stderr);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_bucket_that_everybody_can_read_is_refused() {
    for service in [ceph(), moto()] {
        for resource in ["*", "secrets.enc"] {
            let team = Team::new(service);
            let statement = json!({
                "Effect": "Allow",
                "Principal": "*",
                "Action": ["s3:GetObject"],
                "Resource": [format!("arn:aws:s3:::{}/{resource}", team.bucket)],
            });
            let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
            service.must("put_bucket_policy", &json!({ "Bucket": team.bucket, "Policy": policy }));
            let ada = team.founder();
            let refused = format!(
                "error: {}: anybody can read what lies there, without credentials: take the right to read from the public (the bucket's policy, its ACL), or name another bucket\n",
                team.label()
            );
            let done = ada.run(&["remote", "push"]).done();
            assert_eq!((done.code, done.stderr), (4, refused), "{} {resource}", service.kind);
            assert_eq!(service.keys_in(&team.bucket), Vec::<String>::new(), "{} {resource}", service.kind);
            service.must("delete_bucket_policy", &json!({ "Bucket": team.bucket }));
            let done = ada.run(&["remote", "push"]).done();
            assert_eq!(done.code, 0, "{}", done.stderr);
        }
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn without_a_network_the_copy_here_is_written_and_brought_there_later() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let bob = team.bob();
    let gone =
        Team { endpoint: "http://127.0.0.1:1".to_owned(), ..Team::of(team.service, team.bucket.clone()) };
    ada.world.write("schemas/remote.toml", gone.schema());
    ada.run(&["set", "database.password"]).stdin("from ada").gives(
        0,
        "",
        &format!("warn: {}: nobody listens there\nhint: the store here is written all the same; `luca-secrets remote push` brings it there, or the next command that writes\nok: database.password changed\n", gone.label()),
    );
    ada.run(&["remote", "pull"]).gives(
        1,
        "",
        &format!(
            "error: {}: nobody listens there\nhint: try again, or work on the copy here with --offline\n",
            gone.label()
        ),
    );
    ada.world.write("schemas/remote.toml", team.schema());
    bob.set("database.port", "6432");
    ada.set("sentry.dsn", "https://key@sentry.example.com/1");
    bob.run(&["remote", "pull"]).done();
    assert_eq!(bob.value("database.password"), "from ada");
    assert_eq!(bob.value("sentry.dsn"), "https://key@sentry.example.com/1");
    assert_eq!(ada.world.store_bytes(), bob.world.store_bytes());
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn the_store_may_hold_the_credentials() {
    let team = Team::new(ceph());
    let schema = team.schema()
        + "access-key = \"s3.access_key\"\nsecret-key = \"s3.secret_key\"\n[secrets.s3.access_key]\ntype = \"string\"\nsecret = true\n[secrets.s3.secret_key]\ntype = \"string\"\nsecret = true\n";
    let world = World::filled();
    world.write("schemas/remote.toml", schema);
    let (access, secret) = team.service.keys.clone();
    world.run(&["set", "-q", "--offline", "s3.access_key"]).stdin(access).success();
    world.run(&["set", "-q", "--offline", "s3.secret_key"]).stdin(secret).success();
    world.run(&["remote", "push"]).gives(0, "", &format!("ok: {} is at generation 5\n", team.label()));
    world.run(&["remote", "log"]).success();
    // What the environment says comes first.
    let done = world
        .run(&["remote", "status"])
        .env("AWS_ACCESS_KEY_ID", "AKIDNOBODY")
        .env("AWS_SECRET_ACCESS_KEY", "nothing")
        .done();
    assert_eq!(
        (done.code, done.stderr),
        (1, format!("error: {}: the access key is not known there\n{HINT}", team.label()))
    );
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn who_has_no_credentials_or_no_right_is_told() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let label = team.label();
    let bare = ada.world.run(&["remote", "pull"]).done();
    assert_eq!(
        (bare.code, bare.stderr),
        (
            1,
            format!(
                "error: {label}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE\n{HINT}"
            )
        )
    );
    let half = ada.world.run(&["remote", "pull"]).env("AWS_ACCESS_KEY_ID", "AKIDNOBODY").done();
    assert_eq!(
        half.stderr,
        format!("error: {label}: AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not\n{HINT}")
    );
    let other = Person { world: ada.world, keys: team.service.other_keys.clone() };
    let done = other.run(&["remote", "pull"]).done();
    assert_eq!(
        done.stderr,
        format!(
            "error: {label}: the credentials may not do this: they need to read, write and list in the bucket\n{HINT}"
        )
    );
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn aws_s_own_files_may_hold_the_credentials() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let (access, secret) = &team.service.keys;
    let file = format!("[team]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n");
    std::fs::create_dir(ada.world.home().join(".aws")).unwrap();
    std::fs::write(ada.world.home().join(".aws/credentials"), file).unwrap();
    for (profile, code) in [("team", Some(0)), ("other", Some(1))] {
        let done = ada.world.spawn(&["remote", "pull"]).env("AWS_PROFILE", profile).output().unwrap();
        assert_eq!(done.status.code(), code, "{profile}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_clock_that_is_wrong_is_named() {
    let team = Team::new(ceph());
    let ada = team.ada();
    let (access, secret) = &team.service.keys;
    let mut command = std::process::Command::new("faketime");
    let done = command
        .args(["-f", "+1h", crate::harness::PROGRAM, "remote", "pull"])
        .current_dir(ada.world.folder())
        .env_clear()
        .env("HOME", ada.world.home())
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_ACCESS_KEY_ID", access)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    let start = format!(
        "error: {}: this machine's clock differs too much from the service's, which says 20",
        team.label()
    );
    assert!(said.starts_with(&start), "{said}");
    assert!(said.ends_with("hint: set the clock of this machine, then try again\n"), "{said}");
}
