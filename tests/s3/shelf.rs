//! A bucket as a place for backups.

use luca_secrets::remote::{Put, RemoteProblem, Removed, S3Place, S3Shelf, Shelf};
use luca_secrets::schema::Bucket;
use luca_secrets::secret::SecretValue;
use luca_secrets::sys::Environment;
use serde_json::json;

use crate::harness::NOW;
use crate::harness::s3::{Service, ceph, moto};

fn bucket(service: &Service, name: &str) -> Bucket {
    Bucket {
        name: name.to_owned(),
        endpoint: Some(service.endpoint.clone()),
        region: "us-east-1".to_owned(),
        path_style: true,
        credentials: None,
        ca_file: None,
    }
}

fn shelf_with(bucket: &Bucket, keys: &(String, String), authorities: Option<Vec<u8>>) -> S3Shelf {
    let stored = Some((SecretValue::new(keys.0.clone()), SecretValue::new(keys.1.clone())));
    let env = Environment::default();
    let place = S3Place { bucket, authorities, stored, now: NOW.parse().unwrap(), env: &env };
    S3Shelf::new(&place, "backups/").unwrap()
}

fn shelf(service: &Service, name: &str) -> S3Shelf {
    shelf_with(&bucket(service, name), &service.keys, None)
}

/// What holds on every service, whether the bucket keeps versions or not.
fn keeps_its_contract(service: &Service, name: &str) {
    let mut shelf = shelf(service, name);
    assert_eq!(shelf.get("a/1").unwrap(), None);
    assert_eq!(shelf.list("", None, 10).unwrap(), []);
    assert_eq!(shelf.remove("a/1").unwrap(), Removed::Done);
    for key in ["a/2", "a/1", "b/1"] {
        assert_eq!(shelf.put(key, key.as_bytes()).unwrap(), Put::Done);
    }
    assert_eq!(shelf.put("a/1", b"other").unwrap(), Put::Exists);
    assert_eq!(shelf.get("a/1").unwrap().as_deref(), Some(&b"a/1"[..]));
    let keys = |found: Vec<luca_secrets::remote::Item>| -> Vec<String> {
        assert!(found.iter().all(|item| item.size == 3 && item.at.is_some()));
        found.into_iter().map(|item| item.key).collect()
    };
    assert_eq!(keys(shelf.list("", None, 10).unwrap()), ["a/1", "a/2", "b/1"]);
    assert_eq!(keys(shelf.list("a/", None, 10).unwrap()), ["a/1", "a/2"]);
    assert_eq!(keys(shelf.list("", Some("a/1"), 1).unwrap()), ["a/2"]);
    assert_eq!(shelf.remove("a/1").unwrap(), Removed::Done);
    assert_eq!(shelf.get("a/1").unwrap(), None);
    assert_eq!(keys(shelf.list("a/", None, 10).unwrap()), ["a/2"]);
    // Nothing outside its own keys was touched, and another client reads what was put.
    assert_eq!(service.keys_in(name), ["backups/a/2", "backups/b/1"]);
    assert_eq!(service.get(name, "backups/b/1").as_deref(), Some(&b"b/1"[..]));
    service.put(name, "backups/c/1", b"by another client");
    assert_eq!(shelf.get("c/1").unwrap().as_deref(), Some(&b"by another client"[..]));
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_bucket_keeps_the_contract() {
    for service in [ceph(), moto()] {
        keeps_its_contract(service, &service.bucket());
        keeps_its_contract(service, &service.versioned_bucket());
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn long_lists_come_in_pages() {
    let service = moto();
    let name = service.bucket();
    for number in 0..1003 {
        service.put(&name, &format!("backups/{number:04}"), b"x");
    }
    let mut shelf = shelf(service, &name);
    let found = shelf.list("", None, 5000).unwrap();
    let keys: Vec<&str> = found.iter().map(|item| item.key.as_str()).collect();
    let wanted: Vec<String> = (0..1003).map(|number| format!("{number:04}")).collect();
    assert_eq!(keys, wanted);
    assert_eq!(shelf.list("", None, 1001).unwrap().len(), 1001);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn what_is_locked_stays() {
    for service in [ceph(), moto()] {
        let name = format!("locked-{}", service.kind);
        service.must("create_bucket", &json!({ "Bucket": name, "ObjectLockEnabledForBucket": true }));
        let rule = json!({ "DefaultRetention": { "Mode": "GOVERNANCE", "Days": 1 } });
        let rules = json!({ "ObjectLockEnabled": "Enabled", "Rule": rule });
        service.must(
            "put_object_lock_configuration",
            &json!({ "Bucket": name, "ObjectLockConfiguration": rules }),
        );
        let mut shelf = shelf(service, &name);
        assert_eq!(shelf.put("a", b"kept").unwrap(), Put::Done, "{}", service.kind);
        assert_eq!(shelf.remove("a").unwrap(), Removed::Kept, "{}", service.kind);
        assert_eq!(shelf.get("a").unwrap().as_deref(), Some(&b"kept"[..]));
    }
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn what_is_wrong_is_said() {
    let service = ceph();
    let name = service.bucket();
    let problem = |mut shelf: S3Shelf| shelf.get("a").unwrap_err().problem;
    let denied = |text: &str| RemoteProblem::Denied(text.to_owned());
    let wrong = |access: &str, secret: &str| (access.to_owned(), secret.to_owned());
    let (access, secret) = (&service.keys.0, &service.keys.1);
    let here = bucket(service, &name);
    assert_eq!(
        problem(shelf_with(&here, &wrong("AKIDNOBODY", secret), None)),
        denied("the access key is not known there")
    );
    assert_eq!(
        problem(shelf_with(&here, &wrong(access, "wrong"), None)),
        denied("the secret key does not fit the access key (or something on the way changes requests)")
    );
    assert_eq!(
        problem(shelf_with(&here, &service.other_keys, None)),
        denied("the credentials may not do this: they need to read, write and list in the bucket")
    );
    assert_eq!(
        problem(shelf(service, "no-such-bucket")),
        RemoteProblem::Missing("there is no such bucket".to_owned())
    );
    let nobody = Bucket { endpoint: Some("http://127.0.0.1:1".to_owned()), ..here.clone() };
    let mut error = shelf_with(&nobody, &service.keys, None).put("a", b"a").unwrap_err();
    assert_eq!(error.problem, RemoteProblem::Unreachable("nobody listens there".to_owned()));
    assert!(error.is_offline() && !error.in_doubt);
    error = shelf_with(&nobody, &service.keys, None).get("a").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("s3://{name}/backups/ at http://127.0.0.1:1: nobody listens there")
    );
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn tls_goes_with_the_authorities_that_the_schema_names() {
    let service = ceph();
    let name = service.bucket();
    let https = Bucket { endpoint: Some(service.https.clone()), ..bucket(service, &name) };
    let authorities = std::fs::read(&service.ca).unwrap();
    let mut shelf = shelf_with(&https, &service.keys, Some(authorities));
    assert_eq!(shelf.put("a", b"a").unwrap(), Put::Done);
    assert_eq!(shelf.get("a").unwrap().as_deref(), Some(&b"a"[..]));
    let error = shelf_with(&https, &service.keys, None).get("a").unwrap_err();
    assert!(matches!(&error.problem, RemoteProblem::Settings(text) if text.contains("`ca-file`")), "{error}");
}
