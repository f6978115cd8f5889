//! The same kinds by `luca-secrets rotate`: with the journal in the store, a person at a terminal, and other machines.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::clerk::Stand;
use super::ssh_key::listed;
use crate::harness::sshd::{Sshd, public_line, user};
use crate::harness::{NOW, PROGRAM, World};

const OLD: &str = "sk_test_OldCanary7xq2Lk";
const NEW: &str = "sk_test_NewCanary9wm4Rt";
const OTHER: &str = "sk_test_OtherCanary55x";
const LATER: &str = "2026-11-23T13:00:00Z";

fn clerk_world(stand: &Stand) -> World {
    let world = World::new();
    let schema = format!(
        "[secrets.clerk.secret_key]\ntype = \"token\"\n[secrets.clerk.secret_key.rotate]\nwith = \"clerk\"\napi = \"{}\"\n\
         url = \"https://example.com/keys\"\ngrace = \"1s\"\n\
         [env-file.app]\npath = \"app.env\"\n[env-file.app.variables]\nKEY = \"{{{{ clerk.secret_key }}}}\"\n",
        stand.url
    );
    world.write("schemas/schema.toml", schema);
    world.run(&["set", "-q", "clerk.secret_key"]).stdin(OLD).success();
    world
}

fn knows(stand: &Stand, keys: &[&str]) {
    let keys: serde_json::Map<_, _> = keys
        .iter()
        .map(|key| {
            let id = if *key == OTHER { "ins_2" } else { "ins_1" };
            ((*key).to_owned(), json!([id, "development"]))
        })
        .collect();
    stand.set(&json!({ "keys": keys }));
}

/// The exit code and all that a terminal has shown.
pub(super) fn on_terminal(world: &World, arguments: &[&str], steps: &[&str]) -> (i32, String) {
    let output = Command::new("/usr/bin/python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/terminal.py"))
        .arg(steps.join("\n"))
        .arg(PROGRAM)
        .args(arguments)
        .current_dir(world.folder())
        .env_clear()
        .env("HOME", world.home())
        .env("USER", "tester")
        .env("TERM", "xterm")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (code, shown) = text.split_once('\n').unwrap();
    (code.parse().unwrap(), shown.replace('\r', ""))
}

fn value_of(world: &World, name: &str) -> String {
    world.run(&["get", name]).success().stdout
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_tired_person_pastes_and_another_machine_ends_it_days_later() {
    let stand = Stand::start();
    knows(&stand, &[OLD, NEW, OTHER]);
    let world = clerk_world(&stand);
    let begin = ["rotate", "--local", "--yes", "clerk.secret_key"];

    // Ctrl-C at the first question: nothing was begun that could not be begun again.
    let (code, shown) = on_terminal(&world, &begin, &["wait (not shown)", "type \\x03", "end"]);
    assert_ne!(code, 0, "{shown}");
    assert_eq!(value_of(&world, "clerk.secret_key"), OLD);

    // The old value, nonsense, the key of another project; then the right one; then it is left.
    let (code, shown) = on_terminal(
        &world,
        &begin,
        &[
            "wait (not shown)",
            &format!("type {OLD}\\n"),
            "wait that the store has already",
            "pause",
            "type hunter22hunter22\\n",
            "wait no secret key of Clerk",
            "pause",
            &format!("type {OTHER}\\n"),
            "wait another instance",
            "pause",
            &format!("type {NEW}\\n"),
            "wait done? [y/N]",
            "type \\n",
            "end",
        ],
    );
    assert_ne!(code, 1, "{shown}");
    assert!(shown.contains("https://example.com/keys"), "{shown}");
    for hidden in [OLD, NEW, OTHER, "hunter22hunter22"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert_eq!(value_of(&world, "clerk.secret_key"), NEW);

    // Another machine, which has the project and an identity and nothing else.
    let other = World::empty();
    copy(&world.folder(), &other.folder());
    fs::create_dir_all(other.home().join(".config")).unwrap();
    copy(&world.home().join(".config/luca-secrets"), &other.home().join(".config/luca-secrets"));
    let resume = ["rotate", "--local", "--yes", "--resume"];
    // Said and not done; then done, and said.
    let (_, shown) = on_terminal(
        &other,
        &resume,
        &[
            "wait done? [y/N]",
            "type y\\n",
            "wait still accepted",
            "wait done? [y/N]",
            "pause",
            "type n\\n",
            "end",
        ],
    );
    assert!(!shown.contains(OLD) && !shown.contains(NEW), "{shown}");
    knows(&stand, &[NEW]);
    let (code, shown) = on_terminal(&other, &resume, &["wait done? [y/N]", "type y\\n", "end"]);
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(OLD) && !shown.contains(NEW), "{shown}");
    assert_eq!(value_of(&other, "clerk.secret_key"), NEW);
    // Twice is once.
    other.run(&["rotate", "--local", "--yes", "--resume"]).success();
    let inside = crate::faults::unseal(&other.store_bytes());
    assert_eq!(inside.matches(NEW).count(), 1, "{inside}");
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-rT").arg(from).arg(to).status().unwrap().success());
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn what_waits_for_a_person_is_no_failure_without_one() {
    let stand = Stand::start();
    knows(&stand, &[OLD, NEW]);
    let world = clerk_world(&stand);
    let done = world.run(&["rotate", "--local", "--yes", "clerk.secret_key"]).done();
    assert!(!done.stderr.contains(OLD) && !done.stdout.contains(OLD), "{}", done.stderr);
    assert_eq!(value_of(&world, "clerk.secret_key"), OLD);
    world.run(&["rotate", "--local", "--yes", "--undo", "clerk.secret_key"]).done();
    assert_eq!(value_of(&world, "clerk.secret_key"), OLD);
    assert!(!crate::faults::unseal(&world.store_bytes()).contains(NEW));
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_key_by_which_the_program_itself_logs_in_is_replaced_under_it() {
    let sshd = Sshd::start();
    let world = World::new();
    let schema = format!(
        "[secrets.deploy.key]\ntype = \"ssh-private-key\"\n\
         rotate = {{ with = \"ssh-key\", grace = \"30m\", authorized-keys = \"{}\", public = \"deploy.public\" }}\n\
         [secrets.deploy.public]\ntype = \"ssh-public-key\"\nrequired = false\n\
         [secrets.deploy.host_keys]\ntype = \"known-hosts\"\n\
         [env-file.app]\npath = \"app.env\"\n[env-file.app.variables]\nPUBLIC = '{{{{ deploy.public|default(\"\") }}}}'\n\
         [server.web]\naddress = \"{}\"\nport = {}\nuser = \"{}\"\nhost-keys = \"{{{{ deploy.host_keys }}}}\"\nkey = \"deploy.key\"\n\
         [[server.web.install]]\nenv-file = \"app\"\nto = \"{}\"\n",
        sshd.path("authorized_keys").display(),
        sshd.address,
        sshd.port,
        user(),
        sshd.path("app.env").display(),
    );
    world.write("schemas/schema.toml", schema);
    world.run(&["set", "-q", "deploy.key"]).stdin(fs::read(sshd.client_key()).unwrap()).success();
    world.run(&["set", "-q", "deploy.host_keys"]).stdin(sshd.host_key("ed25519")).success();
    world.run(&["push", "-q", "--yes"]).done();
    let old = public_line(&sshd.path("client.pub"));
    let old_value = value_of(&world, "deploy.key");

    let done = world.run(&["rotate", "--local", "--yes", "deploy.key"]).at(NOW).done();
    let new_value = value_of(&world, "deploy.key");
    assert_ne!(new_value, old_value, "{}", done.stderr);
    assert_eq!(listed(&sshd).lines().count(), 2, "{}", done.stderr);
    // The program logs in with the new key already, and brings the public half along.
    world.run(&["diff"]).at(NOW).done();
    let public = value_of(&world, "deploy.public");
    assert!(fs::read_to_string(sshd.path("app.env")).unwrap().contains(public.split(' ').nth(1).unwrap()));
    // The time has passed.
    let done = world.run(&["rotate", "--local", "--yes", "--resume"]).at(LATER).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let lines = listed(&sshd);
    assert!(!lines.contains(&old) && lines.lines().count() == 1, "{lines}");
    world.run(&["push", "-q", "--yes"]).at(LATER).success();
    for secret in old_value.lines().chain(new_value.lines()).filter(|line| !line.starts_with('-')) {
        assert!(!done.stderr.contains(secret) && !done.stdout.contains(secret));
    }
}

#[test]
#[ignore = "needs openssh-server; run tests/run"]
fn a_key_is_taken_back_by_the_command() {
    let sshd = Sshd::start();
    let world = World::new();
    let schema = format!(
        "[secrets.deploy.key]\ntype = \"ssh-private-key\"\n\
         rotate = {{ with = \"ssh-key\", grace = \"30m\", authorized-keys = \"{}\" }}\n\
         [secrets.deploy.host_keys]\ntype = \"known-hosts\"\n\
         [server.web]\naddress = \"{}\"\nport = {}\nuser = \"{}\"\nhost-keys = \"{{{{ deploy.host_keys }}}}\"\nkey = \"deploy.key\"\n",
        sshd.path("authorized_keys").display(),
        sshd.address,
        sshd.port,
        user(),
    );
    world.write("schemas/schema.toml", schema);
    world.run(&["set", "-q", "deploy.key"]).stdin(fs::read(sshd.client_key()).unwrap()).success();
    world.run(&["set", "-q", "deploy.host_keys"]).stdin(sshd.host_key("ed25519")).success();
    let (before, value) = (listed(&sshd), value_of(&world, "deploy.key"));
    let done = world.run(&["rotate", "--local", "--yes", "deploy.key"]).at(NOW).done();
    assert_eq!(listed(&sshd).lines().count(), 2, "{}", done.stderr);
    let done = world.run(&["rotate", "--local", "--yes", "--undo", "deploy.key"]).at(NOW).done();
    assert_eq!((listed(&sshd), value_of(&world, "deploy.key")), (before, value), "{}", done.stderr);
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_program_that_crashes_after_its_work_is_probed_and_makes_no_second_value() {
    let world = World::new();
    world.write(
        "schemas/schema.toml",
        "[secrets.mail.key]\ntype = \"password\"\ngenerate = { length = 40 }\n\
         rotate = { with = \"command\", run = [\"/usr/bin/python3\", \"program.py\", \"source.json\"], grace = \"30m\" }\n",
    );
    world.write("program.py", fs::read("tests/rotate_keys/program.py").unwrap());
    let old = "OldCanaryOfTheProgram77";
    world.run(&["set", "-q", "mail.key"]).stdin(old).success();
    let source = json!({ "accepted": [old], "bad": { "apply": "crash-after" }, "once": true });
    world.write("source.json", source.to_string());
    let done = world.run(&["rotate", "--local", "--yes", "mail.key"]).at(NOW).done();
    let new = value_of(&world, "mail.key");
    let source =
        |world: &World| -> serde_json::Value { serde_json::from_str(&world.read("source.json")).unwrap() };
    assert_eq!(source(&world)["accepted"], json!([old, new]), "{}", done.stderr);
    assert!(!done.stderr.contains(old) && !done.stderr.contains(&new), "{}", done.stderr);
    let done = world.run(&["rotate", "--local", "--yes", "--resume"]).at(LATER).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(source(&world)["accepted"], json!([new]));
    let log = source(&world)["log"].clone();
    let applied = log.as_array().unwrap().iter().filter(|verb| *verb == "apply").count();
    assert_eq!(applied, 1, "{log}");
}
