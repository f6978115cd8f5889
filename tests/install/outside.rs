//! What others on the server can see, and what docker is asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use luca_secrets::name::VariableName;
use luca_secrets::target::server::{Request, Session};

use super::peer::{Host, shells, transaction};

/// A value that is looked for, and the start of it in base64.
const MARKER: &str = "marker-3fb1c2-value";
const MARKER_BASE64: &str = "bWFya2VyLTNmYjFjMi12YWx1";

/// Looks through the arguments and environments of all processes until it is told to stop: what was found, and how
/// many processes of the script were seen.
fn watch(stop: &AtomicBool, transaction: &str) -> (BTreeSet<String>, BTreeSet<u32>) {
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(process) = entry.file_name().to_str().unwrap_or_default().parse::<u32>() else { continue };
            if process == std::process::id() {
                continue;
            }
            for what in ["cmdline", "environ"] {
                let bytes = std::fs::read(entry.path().join(what)).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                if text.contains(transaction) || text.contains("luca-secrets-install-test") {
                    seen.insert(process);
                }
                if text.contains(MARKER) || text.contains(MARKER_BASE64) {
                    found.insert(format!("{what}: {}", text.len()));
                }
            }
        }
    }
    (found, seen)
}

#[test]
fn no_value_is_in_any_argument_or_environment() {
    for shell in shells() {
        let host = Host::new(shell);
        let transaction = transaction();
        let stop = Arc::new(AtomicBool::new(false));
        let watcher = {
            let (stop, name) = (Arc::clone(&stop), transaction.to_string());
            std::thread::spawn(move || watch(&stop, &name))
        };
        let content = format!("A={MARKER}\n").repeat(200);
        let mut old: Option<String> = None;
        for round in 0..5 {
            let mut peer = host.connect_as(&transaction, "ada");
            peer.begin(&host, "env");
            let new = format!("{round}\n{content}");
            assert_eq!(peer.stage(old.as_deref(), &new), "staged");
            assert_eq!(peer.ask(&Request::Swap(1)), "swapped");
            // The command's own environment, as it sees it itself; the output comes back and holds the value.
            assert!(peer.apply(&host, "tail -n 1 env; sleep 0.1", 9).contains(MARKER));
            let clean = "if tr '\\000' '\\n' </proc/$$/environ | grep -q marker-; then echo leaked; fi";
            assert_eq!(peer.apply(&host, clean, 9), "", "{shell}");
            assert_eq!(peer.ask(&Request::Commit), "committed");
            peer.cut();
            old = Some(new);
        }
        stop.store(true, Ordering::Relaxed);
        let (found, seen) = watcher.join().unwrap();
        assert_eq!(found, BTreeSet::new(), "{shell}");
        assert!(seen.len() >= 5, "{shell}: the watcher saw too little: {}", seen.len());
    }
}

#[test]
fn the_command_line_holds_the_script_and_three_words() {
    let transaction = transaction();
    let session =
        Session::new(transaction.clone(), "ada's\nlaptop", &mut luca_secrets::sys::OsRandom).unwrap();
    let command = session.command(true);
    assert!(command.starts_with("exec sudo -n sh -c 'unset applies "));
    assert!(command.ends_with(&format!(" {transaction} 'ada'\\''slaptop'")));
    assert!(!command.contains("\n#") && !command.contains("\n "));
}

#[test]
fn only_the_asked_variable_of_the_containers_leaves_the_server() {
    for shell in shells() {
        let host = Host::new(shell);
        // Answers as docker does, with the arguments it was asked with noted beside.
        host.write(
            "docker",
            "#!/bin/sh\nfor word; do printf '[%s]' \"$word\"; done >>\"${0%/*}/asked\"; echo >>\"${0%/*}/asked\"\n\
             case $1 in ps) echo c1; echo c2 ;; *) echo '/shop-django-1 running django \"g-7\"'; \
             echo '/0123456789ab_shop-beat-1 exited beat ' ;; esac\n",
            0o755,
        );
        host.link("docker", &host.app().join("docker"));
        let mut peer = host.connect();
        let variable = VariableName::parse("LUCA_SECRETS_GENERATION").unwrap();
        let folder = host.at("it's");
        let told = peer.ask(&Request::Attest { folder: &folder, variable: &variable });
        assert_eq!(
            told,
            "[Container { name: \"shop-django-1\", state: \"running\", service: \"django\", value: Some(\"g-7\") }, \
             Container { name: \"0123456789ab_shop-beat-1\", state: \"exited\", service: \"beat\", value: None }]",
            "{shell}"
        );
        peer.cut();
        let form = "{{.Name}} {{.State.Status}} {{index .Config.Labels \"com.docker.compose.service\"}} \
                    {{range .Config.Env}}{{$pair := split . \"=\"}}{{if eq (index $pair 0) \
                    \"LUCA_SECRETS_GENERATION\"}}{{json (index $pair 1)}}{{end}}{{end}}";
        let asked = String::from_utf8(host.read("../bin/asked")).unwrap();
        assert_eq!(
            asked,
            format!(
                "[ps][-aq][--no-trunc][--filter][label=com.docker.compose.project.working_dir={folder}]\n\
                 [inspect][--type][container][--format][{form}][c1][c2]\n"
            )
        );
    }
}

#[test]
fn a_server_without_docker_says_so() {
    let mut host = Host::new("bash");
    host.only(&["id"]);
    let mut peer = host.connect();
    let variable = VariableName::parse("GENERATION").unwrap();
    let folder = host.at("shop");
    let told = peer.ask(&Request::Attest { folder: &folder, variable: &variable });
    assert_eq!(told, format!("{folder}: docker is not installed there"));
    peer.cut();
}
