use super::*;
use crate::schema::{Bucket, HomeKind};

fn home(text: &str) -> HomeKind {
    let keys = "[secrets.s3.access]\ntype = \"token\"\n[secrets.s3.secret]\ntype = \"token\"\n";
    parsed(&format!("{keys}[remote]\n{text}")).remote.unwrap().home
}

fn mistakes(text: &str) -> Vec<String> {
    errors(&format!("[remote]\n{text}"))
}

#[test]
fn a_git_home_says_all_it_can() {
    let git = |remote: &str, branch: &str, path: &str| {
        let [remote, branch, path] = [remote, branch, path].map(str::to_owned);
        HomeKind::Git { remote, branch, path }
    };
    assert_eq!(home("kind = \"git\"\nremote = \"origin\"\n"), git("origin", "secrets", "secrets.enc"));
    let all = "kind = \"git\"\nremote = \"ssh://git@example.com/shop.git\"\nbranch = \"ops/keys\"\npath = \"a/b.enc\"\n";
    assert_eq!(home(all), git("ssh://git@example.com/shop.git", "ops/keys", "a/b.enc"));
}

#[test]
fn a_bucket_says_all_it_can() {
    let bucket = Bucket {
        name: "luca-secrets".to_owned(),
        endpoint: None,
        region: "us-east-1".to_owned(),
        path_style: false,
        credentials: None,
        ca_file: None,
    };
    let expected = HomeKind::S3 { bucket: bucket.clone(), key: "secrets.enc".to_owned() };
    assert_eq!(home("kind = \"s3\"\nbucket = \"luca-secrets\"\n"), expected);
    let all = r#"
kind = "s3"
bucket = "luca-secrets"
key = "team/secrets.enc"
endpoint = "https://fsn1.your-objectstorage.com/"
region = "fsn1"
path-style = false
access-key = "s3.access"
secret-key = "s3.secret"
ca-file = "ca.pem"
"#;
    let pair = ["s3.access", "s3.secret"].map(|name| SecretName::parse(name).unwrap());
    let [access, secret] = pair;
    let bucket = Bucket {
        endpoint: Some("https://fsn1.your-objectstorage.com".to_owned()),
        region: "fsn1".to_owned(),
        credentials: Some((access, secret)),
        ca_file: Some(PathBuf::from("ca.pem")),
        ..bucket
    };
    assert_eq!(home(all), HomeKind::S3 { bucket, key: "team/secrets.enc".to_owned() });
    // Other services than AWS are mostly not reached by a host name for each bucket.
    let HomeKind::S3 { bucket, .. } =
        home("kind = \"s3\"\nbucket = \"abc\"\nendpoint = \"http://127.0.0.1:7480\"\n")
    else {
        panic!();
    };
    assert!(bucket.path_style);
}

#[test]
fn mistakes_in_a_home_are_named() {
    for (text, expected) in [
        ("", "s.toml:1:2: `remote` has no `kind`: it is git or s3"),
        ("kind = \"ftp\"\n", "s.toml:2:8: `ftp` is not a kind of home (it is one of: git, s3)"),
        (
            "kind = \"git\"\n",
            "s.toml:1:2: `kind = \"git\"` needs `remote`: a remote's name, as in origin, or a URL",
        ),
        (
            "kind = \"git\"\nremote = \"o\"\nbrnch = \"x\"\n",
            "s.toml:4:1: unknown key `brnch` (did you mean `branch`?)",
        ),
        (
            "kind = \"git\"\nremote = \"--upload-pack=x\"\n",
            "s.toml:3:10: `remote` must be the name of a git remote, a URL or a path",
        ),
        (
            "kind = \"git\"\nremote = \"ext::sh\"\n",
            "s.toml:3:10: `remote` must be the name of a git remote, a URL or a path",
        ),
        (
            "kind = \"git\"\nremote = \"https://me:word@example.com/x\"\n",
            "s.toml:3:10: `remote` holds a password, which has no place in a schema",
        ),
        ("kind = \"s3\"\n", "s.toml:1:2: `kind = \"s3\"` needs `bucket`"),
        ("kind = \"s3\"\nbucket = \"abc\"\nbranch = \"x\"\n", "s.toml:4:1: unknown key `branch`"),
        (
            "kind = \"s3\"\nbucket = \"Abc\"\n",
            "s.toml:3:10: `bucket` must be 3 to 63 lower-case letters, digits, hyphens and single dots, with a letter or digit at both ends",
        ),
        (
            "kind = \"s3\"\nbucket = \"abc\"\nendpoint = \"http://example.com\"\n",
            "s.toml:4:12: `endpoint` must be a URL that starts with https:// and has no path, such as https://fsn1.your-objectstorage.com",
        ),
        (
            "kind = \"s3\"\nbucket = \"abc\"\nendpoint = \"https://example.com/abc\"\n",
            "s.toml:4:12: `endpoint` must be a URL that starts with https:// and has no path, such as https://fsn1.your-objectstorage.com",
        ),
        (
            "kind = \"s3\"\nbucket = \"abc\"\naccess-key = \"a.b\"\n",
            "s.toml:4:1: `access-key` needs `secret-key`",
        ),
        (
            "kind = \"s3\"\nbucket = \"abc\"\nkey = \"a//b\"\n",
            "s.toml:4:7: `key` must be made of letters, digits, `-`, `_`, `.` and `/`, as in team/secrets.enc",
        ),
        (
            "kind = \"s3\"\nbucket = \"abc\"\nregion = \"EU\"\n",
            "s.toml:4:10: `region` must be the name of a region, such as fsn1 or eu-central-1",
        ),
    ] {
        assert_eq!(mistakes(text), [expected], "{text}");
    }
    for branch in ["", "a b", "a..b", "/a", "a/", "-a", "a.lock", ".a", "a@{1}", "@", "HEAD", "a:b"] {
        let text = format!("kind = \"git\"\nremote = \"o\"\nbranch = \"{branch}\"\n");
        assert_eq!(mistakes(&text), ["s.toml:4:10: `branch` must be the name of a git branch"], "{branch}");
    }
    for path in ["", "/a", "a/../b", ".git/config", "a//b"] {
        let text = format!("kind = \"git\"\nremote = \"o\"\npath = \"{path}\"\n");
        let expected = "s.toml:4:8: `path` must be a path inside the branch, such as secrets.enc";
        assert_eq!(mistakes(&text), [expected], "{path}");
    }
}

#[test]
fn a_store_has_one_home() {
    let one = "[remote]\nkind = \"git\"\nremote = \"origin\"\n";
    let files = [file("a.toml", one), file("b.toml", one)];
    assert_eq!(errors_of(&files), ["b.toml:1:2: `remote` is declared twice, first at a.toml:1:2"]);
}
