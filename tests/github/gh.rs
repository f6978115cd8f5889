//! The real `gh` against the same server: it sees what we push, and we see what it sets.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use luca_secrets::target::github::{Kind, PushRecord};

use super::fake::{Fake, Push, repository};
use crate::harness::tools;

/// Runs `gh` as somebody who uses a GitHub Enterprise server; its output with the port taken out.
fn gh(program: &Path, fake: &Fake, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let host = format!("127.0.0.1:{}", fake.port);
    let done = Command::new(program)
        .args(arguments)
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", folder.path())
        .env("GH_CONFIG_DIR", folder.path())
        .env("GH_NO_UPDATE_NOTIFIER", "1")
        .env("GH_HOST", &host)
        .env("GH_REPO", format!("{host}/example/shop"))
        .env("GH_ENTERPRISE_TOKEN", "made-up")
        .env("SSL_CERT_FILE", &fake.certificate)
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    text.replace(&fake.port.to_string(), "PORT")
}

/// Debian 12's `gh`, which knows no variables yet, and that of Debian 13.
fn versions() -> [(PathBuf, bool); 2] {
    [(PathBuf::from("/usr/bin/gh"), false), (tools().join("debian-13/usr/bin/gh"), true)]
}

#[test]
#[ignore = "needs gh, PyNaCl and openssl; run tests/run"]
fn gh_finds_the_server_to_be_github() {
    for (program, knows_variables) in versions() {
        let fake = Fake::start();
        let run = |arguments: &[&str]| gh(&program, &fake, arguments);
        assert_eq!(run(&["secret", "set", "lower", "--body", "one"]), "");
        assert_eq!(run(&["secret", "set", "LOWER", "--body", "two"]), "");
        assert_eq!(run(&["secret", "set", "E", "--env", "eu west", "--body", "three"]), "");
        assert_eq!(
            run(&["secret", "set", "O", "--org", "example", "--visibility", "all", "--body", "four"]),
            ""
        );
        let mut expected = json!({
            "repos/example/shop": {"secrets": {"LOWER": {"value": "two"}}},
            "repos/example/shop/environments/eu west": {"secrets": {"E": {"value": "three"}}},
            "orgs/example": {"secrets": {"O": {"value": "four", "visibility": "all", "selected": []}}},
        });
        assert_eq!(fake.state(), expected);
        let list = run(&["secret", "list"]);
        assert!(list.starts_with("LOWER\t2026-11-23") && list.lines().count() == 1, "{list}");
        if knows_variables {
            assert_eq!(run(&["variable", "set", "v", "--body", "one"]), "");
            assert_eq!(run(&["variable", "set", "v", "--body", "two"]), "");
            assert_eq!(run(&["variable", "list"]), "V\ttwo\t2026-11-23T12:00:06Z\n");
            expected["repos/example/shop"]["variables"] = json!({"V": {"value": "two"}});
            assert_eq!(fake.state(), expected);
            assert_eq!(run(&["variable", "delete", "V"]), "");
        }
        assert_eq!(run(&["secret", "delete", "LOWER"]), "");
        assert_eq!(run(&["secret", "list"]), "");
        let refused = run(&["secret", "set", "GITHUB_X", "--body", "x"]);
        assert!(refused.contains("HTTP 422: Secret names must not start with GITHUB_."), "{refused}");
        let missing = run(&["secret", "delete", "NONE"]);
        assert!(missing.contains("failed to delete secret NONE: HTTP 404: Not Found"), "{missing}");
    }
}

#[test]
#[ignore = "needs gh, PyNaCl and openssl; run tests/run"]
fn gh_and_we_see_each_other_s_work() {
    for (program, knows_variables) in versions() {
        let fake = Fake::start();
        let mut push = Push::new(&fake, repository());
        for number in 0..40 {
            push.want(Kind::Variable, &format!("V{number:02}"), "value");
        }
        push.want(Kind::Secret, "OURS", "value");
        let first = push.run(&PushRecord::default()).unwrap();
        assert!(gh(&program, &fake, &["secret", "list"]).starts_with("OURS\t2026-11-23"));
        if knows_variables {
            let list = gh(&program, &fake, &["variable", "list"]);
            assert_eq!(list.lines().count(), 40, "{list}");
            assert!(list.starts_with("V00\tvalue\t"), "{list}");
        }
        assert_eq!(gh(&program, &fake, &["secret", "set", "OURS", "--body", "theirs"]), "");
        let second = push.run(&first.applied.record).unwrap();
        assert_eq!(second.changes(), "drifted OURS");
    }
}
