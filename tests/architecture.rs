//! The rule of the house: modules in one strict order, one door to the outside world, few exits for secrets, small
//! files and functions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files that may take a value out of its type, each for the reason given.
const EXITS: &[(&str, &str)] = &[
    ("src/secret/", "the types themselves"),
    ("src/sys/keyring.rs", "hands an identity to the system's keyring"),
    ("src/schema/", "types, rules and templates look at values"),
    ("src/store/", "spells and reads the document"),
    ("src/bundle/", "digests a file's content, and takes addresses out for a connection"),
    ("src/render/", "spells and reads env files"),
    ("src/ssh/key.rs", "reads a private key and its passphrase"),
    ("src/ssh/process.rs", "sends a command its input"),
    ("src/import/", "reads values out of other files and redacts them there"),
    ("src/remote/s3/credentials.rs", "hands the SDK the key pair that the store holds"),
    ("src/http/client.rs", "the header that carries a token"),
    ("src/remote/s3/pair.rs", "hands the SDK a pair of keys that is put to the test"),
    ("src/target/github/", "seals, spells variables, measures"),
    ("src/target/server/request.rs", "spells the content for the server"),
    ("src/target/server/output.rs", "redacts what a command over there has said"),
    ("src/push/reach.rs", "reads host keys out of a file"),
    ("src/push/provenance.rs", "digests variables"),
    ("src/push/plan.rs", "reads the files that were found on servers"),
    ("src/push/health.rs", "asks for URLs, and compares a marker"),
    ("src/rotate/postgres/", "logs in, and spells the verifier in a statement"),
    ("src/rotate/command/", "tells the user's program its values, and hides them in what it says"),
    ("src/rotate/assisted/", "looks at what was pasted, signs a test event"),
    ("src/rotate/from_schema.rs", "takes the names of buckets and services out for a connection"),
    ("src/rotate/s3_keys/", "signs requests to IAM, looks at what was pasted"),
    ("src/rotate/web/", "asks applications, by the input of their shell and by requests, what they accept"),
    ("src/cli/ui.rs", "prints what the user asked for"),
    ("src/cli/context.rs", "tells the runner what to hide"),
    ("src/cli/identities.rs", "parses identities"),
    ("src/cli/commands/recipients/who.rs", "looks whether a file of public keys is a private one by mistake"),
    ("src/cli/keyring.rs", "compares what the keyring gives back"),
    ("src/cli/commands/server/pin.rs", "host keys, which are public"),
    ("src/cli/commands/readers.rs", "finds the public key among the lines of a file"),
    ("src/cli/commands/unseal.rs", "writes the file that the user asked for"),
    ("src/cli/commands/edit.rs", "compares what came back from the editor"),
    ("src/cli/editing/", "the editor's buffer"),
    ("src/cli/commands/export.rs", "other forms"),
    ("src/cli/commands/git/staged.rs", "looks for values in what is about to be committed"),
    ("src/cli/commands/get.rs", "prints one value"),
    ("src/cli/commands/history.rs", "shows earlier values"),
    ("src/cli/commands/import.rs", "reads the file, writes the redacted page"),
    ("src/cli/commands/init.rs", "writes the identity"),
    ("src/cli/commands/render.rs", "writes the file"),
    ("src/cli/commands/run.rs", "the child's environment"),
    ("src/cli/commands/set.rs", "drops a final line feed"),
];

/// Most lines of a file, tests apart.
const LONGEST_FILE: usize = 400;

/// Most lines of a function.
const LONGEST_FUNCTION: usize = 80;

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if is_product(&path) {
                found.push((path, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn is_product(path: &Path) -> bool {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    is_rust && !path.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The part of a file that is not its tests.
fn product(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap()
}

fn modules_in_order() -> Vec<String> {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    lib.lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
        .collect()
}

#[test]
fn a_module_uses_only_those_above_it() {
    let order = modules_in_order();
    assert!(order.len() >= 7, "{order:?}");
    for (path, source) in sources() {
        let module = path
            .components()
            .nth(1)
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        let Some(rank) = order.iter().position(|name| *name == module) else {
            assert!(["lib", "main"].contains(&module.as_str()), "{} is in no module", path.display());
            continue;
        };
        for (number, line) in product(&source).lines().enumerate() {
            for used in line.split("crate::").skip(1) {
                let used: String = used.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let rank_used = order.iter().position(|name| *name == used);
                assert!(
                    rank_used.is_some_and(|used| used <= rank),
                    "{}:{}: {module} stands above {used} and may not use it",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn only_sys_and_main_touch_the_outside_world() {
    for (path, source) in sources() {
        if path.starts_with("src/sys") || path == Path::new("src/main.rs") {
            continue;
        }
        for (number, line) in product(&source).lines().enumerate() {
            for forbidden in [
                "std::fs",
                "std::env::",
                "std::process",
                "std::net::Tcp",
                "std::net::Udp",
                "std::os::unix::net",
                "SystemTime",
                "Timestamp::now",
            ] {
                assert!(!line.contains(forbidden), "{}:{}: {forbidden}", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn secrets_leave_their_type_only_where_listed() {
    let mut used: BTreeMap<&str, bool> = EXITS.iter().map(|(path, _)| (*path, false)).collect();
    for (path, source) in sources() {
        if !product(&source).contains(".expose()") {
            continue;
        }
        let text = path.to_str().unwrap();
        let exit = EXITS.iter().find(|(allowed, _)| text.starts_with(allowed));
        let (allowed, _) = exit.unwrap_or_else(|| panic!("{text} is not among the exits for secrets"));
        used.insert(allowed, true);
    }
    let unused: Vec<_> = used.iter().filter(|(_, used)| !**used).collect();
    assert!(unused.is_empty(), "listed and not needed: {unused:?}");
}

#[test]
fn secret_types_have_no_way_to_be_printed() {
    for file in ["src/secret/value.rs", "src/secret/text.rs", "src/store/identity.rs"] {
        let source = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        for name in ["SecretValue", "SecretText", "Identity"] {
            for what in ["Debug", "fmt::Debug", "Display", "fmt::Display", "Serialize", "Deref"] {
                let implementation = format!("impl {what} for {name} ");
                assert!(!source.contains(&implementation), "{file}: {implementation}");
            }
            let at = source.find(&format!("pub struct {name}("));
            let derives = at.and_then(|at| source[..at].lines().next_back()).unwrap_or_default();
            assert!(!derives.contains("Debug") && !derives.contains("Serialize"), "{file}: {derives}");
        }
    }
}

#[test]
fn files_and_functions_are_small() {
    for (path, source) in sources() {
        let lines: Vec<&str> = product(&source).lines().collect();
        assert!(lines.len() <= LONGEST_FILE, "{}: {} lines", path.display(), lines.len());
        let mut start = None;
        for (number, line) in lines.iter().enumerate() {
            let trimmed = line.trim_start();
            let is_header = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "const fn "]
                .iter()
                .any(|header| trimmed.starts_with(header));
            if is_header {
                start = Some((number, line.len() - trimmed.len()));
            }
            let Some((first, indent)) = start else { continue };
            if line.len() == indent + 1 && trimmed == "}" {
                let length = number - first + 1;
                assert!(length <= LONGEST_FUNCTION, "{}:{}: {length} lines", path.display(), first + 1);
                start = None;
            }
        }
    }
}

#[test]
fn a_folder_s_mod_file_holds_no_functions() {
    for (path, source) in sources() {
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            assert!(!product(&source).contains("fn "), "{}", path.display());
        }
    }
}

#[test]
fn every_test_file_is_registered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(main.contains(&format!("mod {module};")), "{name} is not in tests/main.rs");
        }
    }
}

#[test]
fn the_top_level_holds_only_what_was_agreed() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "secrets.enc",
        "schemas",
        "tests",
        "README.md",
        "LICENSE",
        "target",
    ];
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name}");
    }
}

/// The files that may start a thread or wait in one, each for the reason given.
const THREADS: &[(&str, &str)] = &[
    ("src/bundle.rs", "gathers large targets in two halves"),
    ("src/store/state.rs", "reads the store beside a large schema"),
    ("src/render/file.rs", "reads large files back by two halves of the models"),
    ("src/sys/", "waits for an editor and for locks"),
];

#[test]
fn threads_start_only_where_listed() {
    for (path, source) in sources() {
        let listed = THREADS.iter().any(|(allowed, _)| path.to_str().unwrap().starts_with(allowed));
        assert!(listed || !product(&source).contains("thread::"), "{}", path.display());
    }
}

/// Where asynchronous work may be written; each talks with other machines.
const ASYNCHRONOUS: &[&str] =
    &["src/ssh/", "src/http", "src/remote", "src/target", "src/push", "src/rotate", "src/sys/runtime.rs"];

#[test]
fn local_commands_start_no_runtime() {
    for (path, source) in sources() {
        let path = path.to_str().unwrap();
        let source = product(&source);
        if !ASYNCHRONOUS.iter().any(|allowed| path.starts_with(allowed)) {
            for word in ["tokio::", "russh::"] {
                assert!(!source.contains(word), "{path}: {word}");
            }
        }
        // The commands start it, and what does one thing elsewhere for them.
        let starters = [
            "src/sys/runtime.rs",
            "src/sys/mod.rs",
            "src/http/blocking.rs",
            "src/remote/s3/",
            "src/rotate/",
            "src/cli/",
        ];
        let starts = starters.iter().any(|allowed| path.starts_with(allowed));
        assert!(starts || !source.contains("block_on"), "{path} starts a runtime");
        let builds = path == "src/sys/runtime.rs";
        assert!(builds || !source.contains("runtime::Builder"), "{path} builds a runtime");
    }
}

#[test]
fn only_http_and_ssh_open_connections() {
    for (path, source) in sources() {
        let listed = path.starts_with("src/http") || path.starts_with("src/ssh");
        assert!(listed || !product(&source).contains("tokio::net"), "{}", path.display());
    }
}

#[test]
fn one_runtime_and_one_provider_of_cryptography_are_linked() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let others =
        ["async-std", "smol", "async-global-executor", "aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys"];
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let name = line.split(' ').next().unwrap();
        assert!(!others.contains(&name), "{line}");
    }
}
