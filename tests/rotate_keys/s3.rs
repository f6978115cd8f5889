//! `s3-keys` against Ceph's gateway and moto.

use std::time::Duration;

use serde_json::json;

use luca_secrets::http::{Address, Method, Request, encode_part, send_and_wait};
use luca_secrets::rotate::{
    Answer, Assisted, Credential, Iam, IamKeys, KeyedBucket, Probed, S3Keys, TroubleKind,
};
use luca_secrets::schema::Bucket;
use luca_secrets::store::Values;
use luca_secrets::sys::Environment;

use super::walk::{Walk, assert_trouble, name, text, values};
use crate::harness::s3::{Service, ceph, moto, moto_alone};

fn keyed(endpoint: &str, bucket: &str) -> KeyedBucket {
    let bucket = Bucket {
        name: bucket.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        region: "us-east-1".to_owned(),
        path_style: true,
        credentials: None,
        ca_file: None,
    };
    KeyedBucket { bucket, authorities: None, prefix: "probes/".to_owned(), env: Environment::new([]) }
}

/// The keys of a bucket that a person makes.
pub fn assisted(endpoint: &str, bucket: &str) -> Assisted<S3Keys> {
    let keys = S3Keys {
        access: name("s3.access_key"),
        secret: name("s3.secret_key"),
        bucket: keyed(endpoint, bucket),
        url: Some("https://console.example.com/".to_owned()),
    };
    Assisted::new(keys, Duration::from_secs(1))
}

/// A pair of keys as the store has it.
pub fn pair((access, secret): (&str, &str)) -> Values {
    values(&[("s3.access_key", access), ("s3.secret_key", secret)])
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_pair_is_proven_by_what_programs_do_before_it_is_stored() {
    let service = ceph();
    let bucket = service.bucket();
    let mut keys = assisted(&service.endpoint, &bucket);
    let (access, secret) = (service.keys.0.as_str(), service.keys.1.as_str());
    let (other, its_secret) = (service.other_keys.0.as_str(), service.other_keys.1.as_str());
    let mut walk = Walk::begin(&mut keys, &pair((access, secret))).unwrap();
    let paste = Walk::named(&keys, "paste");
    let wrong = "x".repeat(secret.len());
    for (given, part) in [
        ((access, secret), "that the store has already"),
        ((access, wrong.as_str()), "that the store has already"),
        ((its_secret, other), "in the wrong order"),
        ((other, wrong.as_str()), "the secret key does not fit the access key"),
        (("NOBODYHASTHISKEY0001", wrong.as_str()), "the access key is not known there"),
        // It is valid, and of somebody who may not use the bucket.
        ((other, its_secret), "the keys may not put an object"),
    ] {
        let outcome = walk.answer(&mut keys, &paste, &[given.0, given.1]);
        assert_trouble(outcome, TroubleKind::Rejected, part, &[secret, its_secret, &wrong]);
        assert!(walk.record.pending.is_empty());
    }
    assert_eq!(service.keys_in(&bucket), Vec::<String>::new());
    // A bucket that is not there.
    let mut elsewhere = assisted(&service.endpoint, "no-such-bucket");
    let outcome = Walk::begin(&mut elsewhere, &pair((access, secret)));
    assert_trouble(outcome, TroubleKind::Rejected, "no such bucket", &[secret]);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_policy_that_lets_keys_only_read_is_seen() {
    let service = ceph();
    let bucket = service.bucket();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": [format!("arn:aws:s3:::{bucket}"), format!("arn:aws:s3:::{bucket}/*")]}]});
    service.must("put_bucket_policy", &json!({ "Bucket": bucket, "Policy": policy.to_string() }));
    let mut keys = assisted(&service.endpoint, &bucket);
    let mut walk = Walk::begin(&mut keys, &pair((&service.keys.0, &service.keys.1))).unwrap();
    let paste = Walk::named(&keys, "paste");
    let outcome = walk.answer(&mut keys, &paste, &[&service.other_keys.0, &service.other_keys.1]);
    assert_trouble(
        outcome,
        TroubleKind::Rejected,
        "the keys may not put an object",
        &[&service.other_keys.1],
    );
}

pub fn post(address: &str, kind: &str, body: &str) -> String {
    let setup = "AWS4-HMAC-SHA256 Credential=setup/20260101/us-east-1/iam/aws4_request, Signature=none";
    let request = Request::new(Method::POST, Address::parse(address).unwrap())
        .header("authorization", setup)
        .header("content-type", kind)
        .body(body.as_bytes().to_vec());
    let answer = send_and_wait(&Environment::new([]), &request, Duration::from_secs(20)).unwrap();
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200, "{text}");
    text
}

/// A user of moto's IAM, with a pair of keys and leave to do everything.
pub fn user(service: &Service, user: &str) -> (String, String) {
    let iam = |action: &str, fields: &str| {
        let body = format!("Action={action}&Version=2010-05-08&UserName={user}{fields}");
        post(&service.endpoint, "application/x-www-form-urlencoded", &body)
    };
    iam("CreateUser", "");
    let policy =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    iam("PutUserPolicy", &format!("&PolicyName=all&PolicyDocument={}", encode_part(&policy.to_string())));
    access_keys(service, user)
}

/// Another pair of keys of a user.
pub fn access_keys(service: &Service, user: &str) -> (String, String) {
    let body = format!("Action=CreateAccessKey&Version=2010-05-08&UserName={user}");
    let xml = post(&service.endpoint, "application/x-www-form-urlencoded", &body);
    let between =
        |tag: &str| xml.split(&format!("<{tag}>")).nth(1).unwrap().split('<').next().unwrap().to_owned();
    (between("AccessKeyId"), between("SecretAccessKey"))
}

/// Whether moto lets everything through, or checks every signature.
pub fn set_free(service: &Service, is_free: bool) {
    let count = if is_free { "1000000" } else { "0" };
    post(&format!("{}/moto-api/reset-auth", service.endpoint), "text/plain", count);
}

/// What somebody does on the page: a pair of keys is deleted.
pub fn end_key(service: &Service, user: &str, access: &str) {
    set_free(service, true);
    let body = format!("Action=DeleteAccessKey&Version=2010-05-08&UserName={user}&AccessKeyId={access}");
    post(&service.endpoint, "application/x-www-form-urlencoded", &body);
    set_free(service, false);
}

/// The keys of a bucket that IAM makes, at an address of its own.
pub fn iam_keys(s3: &str, iam: &str, bucket: &str, grace: Duration) -> IamKeys {
    let iam = Iam::new(Some(iam), Environment::new([]));
    IamKeys::new(name("s3.access_key"), name("s3.secret_key"), keyed(s3, bucket), iam, grace)
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn iam_makes_a_pair_and_ends_the_old_one() {
    let service = moto();
    let bucket = service.bucket();
    let (access, secret) = user(service, "rotated");
    let mut keys = iam_keys(&service.endpoint, &service.endpoint, &bucket, Duration::from_secs(1));
    let mut walk = Walk::begin_unseen(&mut keys, &pair((&access, &secret))).unwrap();
    let create = Walk::named(&keys, "create");
    walk.step(&mut keys, &create).unwrap();
    let first = text(&walk.record.pending, "s3.access_key");
    // The reply got lost: what it made is deleted, and never the current one.
    walk.record.pending.clear();
    walk.record.done = 0;
    walk.step(&mut keys, &create).unwrap();
    let second = text(&walk.record.pending, "s3.access_key");
    assert_ne!(first, second);
    let (deactivate, delete) = (Walk::named(&keys, "deactivate"), Walk::named(&keys, "delete"));
    assert_eq!(keys.probe(&deactivate, &walk.record).unwrap(), Probed::NotApplied);
    walk.record.done = 4;
    walk.step(&mut keys, &deactivate).unwrap();
    assert!(matches!(keys.probe(&deactivate, &walk.record).unwrap(), Probed::Applied(_)));
    // Missed by somebody: active again, and the new one goes.
    let back = keys.undo_steps(5);
    assert_eq!(
        back.iter().map(|step| step.name).collect::<Vec<_>>(),
        ["reactivate", "deploy-back", "delete-new", "still"]
    );
    keys.run(&back[0], &walk.record).unwrap();
    assert!(matches!(keys.probe(&back[0], &walk.record).unwrap(), Probed::Applied(_)));
    walk.record.done = 6;
    walk.step(&mut keys, &delete).unwrap();
    assert!(matches!(keys.probe(&delete, &walk.record).unwrap(), Probed::Applied(_)));
    keys.run(&delete, &walk.record).unwrap();
    assert_eq!(text(&walk.record.deploys[0], "s3.access_key"), second);
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_pair_of_iam_is_replaced_where_signatures_are_checked() {
    let service = moto_alone();
    let bucket = service.bucket();
    let (access, secret) = user(&service, "rotated");
    set_free(&service, false);
    let mut keys = iam_keys(&service.endpoint, &service.endpoint, &bucket, Duration::from_secs(1));
    let mut walk = Walk::begin(&mut keys, &pair((&access, &secret))).unwrap();
    walk.until(&mut keys, "deploy").unwrap();
    let wait = Walk::named(&keys, "wait");
    // The old pair was in use a moment ago, by us.
    let mut waited = walk.step(&mut keys, &wait);
    for _ in 0..50 {
        match &waited {
            Ok(seen) => {
                assert!(seen.starts_with("the old pair was"), "{seen}");
                break;
            }
            Err(trouble) => assert!(trouble.message.starts_with("the old pair was used at"), "{trouble}"),
        }
        std::thread::sleep(Duration::from_millis(200));
        waited = walk.step(&mut keys, &wait);
    }
    waited.unwrap();
    walk.finish(&mut keys).unwrap();
    let asked = keys.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Refused, Answer::Accepted));
    assert!(walk.deployed == walk.record.pending);

    // Two keys already: nobody knows whose the other one is.
    let again = walk.deployed.clone();
    let mut walk = Walk::begin(&mut keys, &again).unwrap();
    walk.until(&mut keys, "create").unwrap();
    assert_trouble(Walk::begin(&mut keys, &again), TroubleKind::Held, "the user has two keys already", &[]);
    walk.until(&mut keys, "deploy").unwrap();
    walk.undo(&mut keys, 3).unwrap();
    let asked = keys.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Accepted, Answer::Refused));
}

#[test]
#[ignore = "needs Ceph and moto; run tests/run"]
fn a_pair_that_nobody_has_is_refused_and_the_other_accepted() {
    let service = ceph();
    let bucket = service.bucket();
    let mut keys = assisted(&service.endpoint, &bucket);
    let mut walk = Walk::begin(&mut keys, &pair((&service.keys.0, &service.keys.1))).unwrap();
    walk.record.pending = pair(("NOBODYHASTHISKEY0001", "x"));
    let asked = keys.standing(&walk.record).unwrap();
    assert_eq!((asked.current, asked.pending), (Answer::Accepted, Answer::Refused));
    let mut gone = assisted(&service.endpoint, &bucket);
    let step = Walk::named(&gone, "gone");
    walk.record.pending = pair((&service.keys.0, &service.keys.1));
    walk.record.current = pair(("NOBODYHASTHISKEY0001", "x"));
    assert_eq!(gone.prove(&step, &walk.record).unwrap(), "the old one is refused, and the new one accepted");
}
