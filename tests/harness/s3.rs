//! S3 services on loopback, one of each kind for the whole test binary: Ceph's gateway and moto. They end when the test
//! binary does, however that happens: they wait for the end of a pipe.

use std::io::{BufRead, BufReader, Write};

use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::tools;

/// A service that runs.
pub struct Service {
    /// `ceph` or `moto`.
    pub kind: &'static str,
    /// Its address.
    pub endpoint: String,
    /// The same with TLS; empty where it has none.
    pub https: String,
    /// The certificate to trust for that.
    pub ca: String,
    /// The key pair of its owner.
    pub keys: (String, String),
    /// The key pair of somebody else.
    pub other_keys: (String, String),
    client: Mutex<Client>,
    /// Its standard input: it stops when that ends.
    _process: Child,
}

/// Another program that speaks S3.
struct Client {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    _process: Child,
}

/// One of the scripts in `tests/tools`, under the Python that has what it needs.
fn script(name: &str) -> Command {
    let mut command = Command::new(tools().join("python/bin/python"));
    command.arg(format!("{}/tests/tools/{name}", env!("CARGO_MANIFEST_DIR")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Ceph's gateway.
pub fn ceph() -> &'static Service {
    static CEPH: OnceLock<Service> = OnceLock::new();
    CEPH.get_or_init(|| Service::start("ceph"))
}

/// moto, which behaves as Amazon's.
pub fn moto() -> &'static Service {
    static MOTO: OnceLock<Service> = OnceLock::new();
    MOTO.get_or_init(|| Service::start("moto"))
}

/// Another moto, for a test that changes what it lets through.
pub fn moto_alone() -> Service {
    Service::start("moto")
}

impl Service {
    fn start(kind: &'static str) -> Self {
        let mut process = script("s3-server").arg(kind).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let about = line.strip_prefix("ready ").unwrap_or_else(|| panic!("{kind} did not start"));
        let about: Value = serde_json::from_str(about).unwrap();
        let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
        let endpoint = text("endpoint");
        let keys = (text("access"), text("secret"));
        let client = Client::start(&endpoint, &keys);
        Self {
            kind,
            https: text("https"),
            ca: text("ca"),
            other_keys: (text("access2"), text("secret2")),
            client: Mutex::new(client),
            endpoint,
            keys,
            _process: process,
        }
    }

    /// What comes of a call of the other client: its name there, and its arguments.
    pub fn call(&self, name: &str, arguments: &Value) -> Value {
        self.client.lock().unwrap_or_else(std::sync::PoisonError::into_inner).call(name, arguments)
    }

    /// What comes of a call of a client with other keys.
    pub fn call_as(&self, keys: &(String, String), name: &str, arguments: &Value) -> Value {
        let mut client = Client::start(&self.endpoint, keys);
        client.call(name, arguments)
    }

    /// The same, which must work.
    #[track_caller]
    pub fn must(&self, name: &str, arguments: &Value) -> Value {
        let answer = self.call(name, arguments);
        assert!(answer.get("error").is_none(), "{name}: {answer}");
        answer
    }

    /// A new bucket.
    #[track_caller]
    pub fn bucket(&self) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("team-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.must("create_bucket", &json!({ "Bucket": name }));
        name
    }

    /// A new bucket that keeps versions.
    #[track_caller]
    pub fn versioned_bucket(&self) -> String {
        let name = self.bucket();
        let status = json!({ "Status": "Enabled" });
        self.must("put_bucket_versioning", &json!({ "Bucket": name, "VersioningConfiguration": status }));
        name
    }

    /// Puts an object in place with the other client.
    #[track_caller]
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let body = json!({ "base64": BASE64_STANDARD.encode(bytes) });
        self.must("put_object", &json!({ "Bucket": bucket, "Key": key, "Body": body }));
    }

    /// What the other client reads; `None` if there is no such object.
    #[track_caller]
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let answer = self.call("get_object", &json!({ "Bucket": bucket, "Key": key }));
        if answer["error"] == "NoSuchKey" {
            return None;
        }
        Some(BASE64_STANDARD.decode(answer["Body"]["base64"].as_str().unwrap()).unwrap())
    }

    /// The keys in a bucket, up to a thousand.
    #[track_caller]
    pub fn keys_in(&self, bucket: &str) -> Vec<String> {
        let answer = self.must("list_objects_v2", &json!({ "Bucket": bucket }));
        let objects = answer["Contents"].as_array().cloned().unwrap_or_default();
        objects.iter().map(|object| object["Key"].as_str().unwrap().to_owned()).collect()
    }
}

impl Client {
    fn start(endpoint: &str, (access, secret): &(String, String)) -> Self {
        let mut process = script("s3-client").args([endpoint, access, secret]).spawn().unwrap();
        let (to, from) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { to, from: BufReader::new(from), _process: process }
    }

    fn call(&mut self, name: &str, arguments: &Value) -> Value {
        writeln!(self.to, "{}", json!({ "do": name, "with": arguments })).unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
