//! A bucket as a place for backups: Ceph's gateway and moto, with versions and without, and with object lock.

use serde_json::json;

use crate::harness::Run;
use crate::harness::s3::{Service, ceph, moto};

use super::{NAS, gives, plain, world};

/// A place in a bucket.
fn away(service: &Service, bucket: &str) -> String {
    let endpoint = &service.endpoint;
    format!(
        "[backup.away]\nkind = \"s3\"\nbucket = \"{bucket}\"\nprefix = \"shop\"\nendpoint = \"{endpoint}\"\n"
    )
}

impl Run<'_> {
    /// With the credentials of a service's owner in the environment.
    fn with(self, service: &Service) -> Self {
        let (access, secret) = &service.keys;
        self.env("AWS_ACCESS_KEY_ID", access).env("AWS_SECRET_ACCESS_KEY", secret)
    }
}

/// The keys of the backups in a bucket.
fn backups(service: &Service, bucket: &str) -> Vec<String> {
    service.keys_in(bucket).into_iter().filter(|key| key.starts_with("shop/")).collect()
}

/// What holds on every service, whether the bucket keeps versions or not.
fn serves(service: &Service, bucket: &str) {
    let world = world(&format!(
        "{}every-write = true\nkeep = {{ last = 1, hourly = 0, daily = 0, weekly = 0, monthly = 0 }}\n",
        away(service, bucket)
    ));
    service.put(bucket, "secrets.enc", b"somebody else's");
    let created = "ok: backup away: generation 3 is backed up as 20261123T120000Z-000003…\n";
    gives(&world.run(&["backup", "create"]).with(service).done(), 0, "", created);
    let exists = "ok: backup away: generation 3 is there already: 20261123T120000Z-000003…\n";
    gives(&world.run(&["backup", "create"]).with(service).done(), 0, "", exists);
    let three = backups(service, bucket).pop().unwrap();
    assert_eq!(service.get(bucket, &three), Some(world.store_bytes()));
    // Every write, and what could not be brought there at once.
    world.run(&["set", "-q", "database.port"]).stdin("6432").with(service).success();
    let schema = world.read("schemas/backup.toml");
    world.write("schemas/backup.toml", schema.replace(&service.endpoint, "http://127.0.0.1:1"));
    let done = world.run(&["set", "database.port"]).stdin("7432").with(service).done();
    assert_eq!(done.code, 0);
    let warned =
        format!("warn: backup away: s3://{bucket}/shop/ at http://127.0.0.1:1: nobody listens there\n");
    assert!(done.stderr.starts_with(&warned), "{}", done.stderr);
    world.write("schemas/backup.toml", schema);
    assert!(done.stderr.contains("hint: the store is written, but generation 5 "), "{}", done.stderr);
    world.run(&["set", "--offline", "-q", "database.port"]).stdin("8432").with(service).success();
    assert_eq!(backups(service, bucket).len(), 2);
    world.run(&["set", "database.port"]).stdin("9432").with(service).gives(
        0,
        "",
        "ok: backup away: 2 backups from before brought there\nok: database.port changed\n",
    );
    let listed = world.run(&["backup", "list"]).with(service).done();
    let generations: Vec<&str> =
        listed.stdout.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    assert_eq!(generations, ["7", "6", "5", "4", "3"], "{}", listed.stderr);
    world.run(&["backup", "verify", "--all"]).with(service).gives(0, "", "ok: 5 backups proven\n");
    // Somebody writes over one of them.
    service.put(bucket, &three, b"-----BEGIN AGE ENCRYPTED FILE-----\nspoiled");
    let done = world.run(&["backup", "verify", "--all"]).with(service).done();
    assert_eq!((done.code, done.stderr.as_str()), (3, "ok: 4 backups proven\n"));
    assert!(plain(&done.stdout).starts_with("away  20261123T120000Z-000003…  damaged: "), "{}", done.stdout);
    let done = world.run(&["backup", "restore", "--yes", "--generation", "4"]).with(service).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    world.run(&["get", "database.port"]).gives(0, "6432", "");
    let done = world.run(&["backup", "prune", "--yes"]).with(service).done();
    gives(&done, 0, "", "ok: backup away: 5 backups removed, 1 kept\n");
    assert_eq!(backups(service, bucket).len(), 1);
    assert_eq!(service.get(bucket, "secrets.enc").as_deref(), Some(&b"somebody else's"[..]));
    // A machine that has nothing but the schema, the identity and the bucket.
    let bytes = world.store_bytes();
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    world.forget_stores();
    let done = world.run(&["backup", "restore", "--yes"]).with(service).done();
    assert_eq!((done.code, world.store_bytes() == bytes), (0, true), "{}", done.stderr);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_bucket_serves_as_a_folder_does() {
    for service in [ceph(), moto()] {
        serves(service, &service.bucket());
        serves(service, &service.versioned_bucket());
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn what_is_locked_is_kept_and_said() {
    for service in [ceph(), moto()] {
        let bucket = format!("backups-locked-{}", service.kind);
        service.must("create_bucket", &json!({ "Bucket": bucket, "ObjectLockEnabledForBucket": true }));
        let rule = json!({ "DefaultRetention": { "Mode": "GOVERNANCE", "Days": 1 } });
        let rules = json!({ "ObjectLockEnabled": "Enabled", "Rule": rule });
        service.must(
            "put_object_lock_configuration",
            &json!({ "Bucket": bucket, "ObjectLockConfiguration": rules }),
        );
        let keep = "keep = { last = 1, hourly = 0, daily = 0, weekly = 0, monthly = 0 }\n";
        let world = world(&format!("{}every-write = true\n{keep}", away(service, &bucket)));
        for port in ["1", "2", "3"] {
            world.run(&["set", "-q", "database.port"]).stdin(port).with(service).success();
        }
        let done = world.run(&["backup", "prune", "--yes"]).with(service).done();
        gives(
            &done,
            0,
            "",
            "warn: backup away: 2 backups not removed: protected there until their time has passed\n",
        );
        world.run(&["backup", "verify", "--all"]).with(service).gives(0, "", "ok: 3 backups proven\n");
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn the_credentials_may_stand_in_the_store() {
    let service = moto();
    let bucket = service.bucket();
    let secrets = "[secrets.s3.access]\ntype = \"token\"\n[secrets.s3.secret]\ntype = \"token\"\n";
    let keys = "access-key = \"s3.access\"\nsecret-key = \"s3.secret\"\n";
    let world = world(&format!("{secrets}{}{keys}{NAS}", away(service, &bucket)));
    world.run(&["set", "-q", "s3.access"]).stdin(&service.keys.0).success();
    world.run(&["set", "-q", "s3.secret"]).stdin(&service.keys.1).success();
    world.run(&["backup", "create", "-q"]).success();
    assert_eq!(backups(service, &bucket).len(), 1);
    world.run(&["backup", "verify"]).gives(0, "", "ok: 2 backups proven\n");
    assert_eq!(world.run(&["backup", "list"]).done().stdout.lines().count(), 2);
    // With the store its credentials are gone; another place has the store.
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    let done = world.run(&["backup", "restore", "--yes"]).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.starts_with("warn: backup away: s3://"), "{}", done.stderr);
    world.run(&["backup", "verify"]).gives(0, "", "ok: 2 backups proven\n");
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_bucket_that_is_out_of_reach_stops_no_other_place() {
    let world = world(&format!(
        "{NAS}[backup.away]\nkind = \"s3\"\nbucket = \"gone\"\nendpoint = \"http://127.0.0.1:1\"\n"
    ));
    let run = |arguments: &[&str]| {
        world.run(arguments).env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x").done()
    };
    let gone = "error: backup away: s3://gone/ at http://127.0.0.1:1: nobody listens there\n";
    let done = run(&["backup", "create"]);
    let created = "ok: backup nas: generation 3 is backed up as 20261123T120000Z-000003…\n";
    gives(&done, 1, "", &format!("{created}{gone}"));
    gives(
        &run(&["backup", "verify"]),
        1,
        "",
        &format!("ok: backup nas: 20261123T120000Z-000003… is proven\n{gone}"),
    );
}
