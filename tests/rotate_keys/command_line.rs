//! The same kinds by `luca-secrets rotate`: with the journal in the store, a person at a terminal, and other machines.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::clerk::Stand;
use super::people::{assert_shown, on_terminal, on_terminal_with, plain, value_of};
use super::ssh_key::listed;
use crate::harness::sshd::{Sshd, public_line, user};
use crate::harness::{NOW, World, executable};

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

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_tired_person_pastes_and_another_machine_ends_it_days_later() {
    let stand = Stand::start();
    knows(&stand, &[OLD, NEW, OTHER]);
    let world = clerk_world(&stand);
    let begin = ["rotate", "--local", "--yes", "clerk.secret_key"];
    let all = [OLD, NEW, OTHER, "hunter22hunter22"];

    // Ctrl-C at the first question: nothing was begun that could not be begun again.
    let (code, shown) = on_terminal(&world, &begin, &["wait (not shown)", "type \\x03", "end"]);
    assert_ne!(code, 0, "{shown}");
    assert_eq!(value_of(&world, "clerk.secret_key"), OLD);

    // The old value, nonsense, the key of another project; then the right one; then it is left. What to do is told once.
    let (code, shown) = on_terminal(
        &world,
        &begin,
        &[
            "wait (not shown): ",
            &format!("type {OLD}\\n"),
            "next (not shown): ",
            "type hunter22hunter22\\n",
            "next (not shown): ",
            &format!("type {OTHER}\\n"),
            "next (not shown): ",
            &format!("type {NEW}\\n"),
            "next done? [y/N] ",
            "type \\n",
            "end",
        ],
    );
    assert_shown(&plain(&shown), PASTED, &all);
    assert_eq!(code, 4);
    assert_eq!(value_of(&world, "clerk.secret_key"), NEW);

    // Another machine, which has the project and an identity and nothing else.
    let other = World::empty();
    copy(&world.folder(), &other.folder());
    fs::create_dir_all(other.home().join(".config")).unwrap();
    copy(&world.home().join(".config/luca-secrets"), &other.home().join(".config/luca-secrets"));
    let resume = ["rotate", "--local", "--yes", "--resume"];
    // Said and not done; then done, and said.
    let said = ["wait done? [y/N] ", "type y\\n", "next done? [y/N] ", "type n\\n", "end"];
    let (_, shown) = on_terminal(&other, &resume, &said);
    assert_shown(&plain(&shown), SAID, &all);
    knows(&stand, &[NEW]);
    let (code, shown) = on_terminal(&other, &resume, &["wait done? [y/N] ", "type y\\n", "end"]);
    assert_shown(&plain(&shown), ENDED, &all);
    assert_eq!(code, 0);
    assert_eq!(value_of(&other, "clerk.secret_key"), NEW);
    // Twice is once.
    other.run(&["rotate", "--local", "--yes", "--resume"]).success();
    let inside = crate::faults::unseal(&other.store_bytes());
    assert_eq!(inside.matches(NEW).count(), 1, "{inside}");
}

const PASTED: &str = r"clerk.secret_key: ask for the new secret key of Clerk's
  make a new secret key of Clerk's, and leave the old one as it is:
    Configure, API keys, Secret keys: add one; it is shown once
  https://example.com/keys
  (Ctrl-C leaves it for later)
secret key (not shown):
warn: clerk.secret_key: that is the secret key of Clerk's that the store has already
hint: make a new one on the page, and paste that
secret key (not shown):
warn: clerk.secret_key: that is no secret key of Clerk's: those start with sk_test_ or sk_live_
secret key (not shown):
warn: clerk.secret_key: the key belongs to another instance than the current one
secret key (not shown):
clerk.secret_key: ask for the new secret key of Clerk's (0.0 s)
clerk.secret_key: prove that it works (0.0 s)
warn: no server gets env-file app: whoever uses it renders it
clerk.secret_key: give it to the programs (0.0 s)
clerk.secret_key: keep the old secret key of Clerk's for a while (0.0 s)
clerk.secret_key: ask for the end of the old secret key of Clerk's
  end the secret key of Clerk's from before; the new one stays:
    Configure, API keys, Secret keys: see when each was used last, and delete the one
  https://example.com/keys
  (Ctrl-C leaves it for later)
done? [y/N]
error: clerk.secret_key: waits for a person: ask for the end of the old secret key of Clerk's
hint: `luca-secrets rotate --resume clerk.secret_key` at a terminal goes on, on any machine and whenever it suits; `luca-secrets rotate --undo clerk.secret_key` takes it back
";
const SAID: &str = r"clerk.secret_key: ask for the end of the old secret key of Clerk's
  end the secret key of Clerk's from before; the new one stays:
    Configure, API keys, Secret keys: see when each was used last, and delete the one
  https://example.com/keys
  (Ctrl-C leaves it for later)
done? [y/N] y
warn: clerk.secret_key: the secret key of Clerk's from before is still accepted
hint: delete it on the page; it can take a minute until that is in force
done? [y/N] n
error: clerk.secret_key: waits for a person: ask for the end of the old secret key of Clerk's
hint: `luca-secrets rotate --resume clerk.secret_key` at a terminal goes on, on any machine and whenever it suits; `luca-secrets rotate --undo clerk.secret_key` takes it back
";
const ENDED: &str = r"clerk.secret_key: ask for the end of the old secret key of Clerk's
  end the secret key of Clerk's from before; the new one stays:
    Configure, API keys, Secret keys: see when each was used last, and delete the one
  https://example.com/keys
  (Ctrl-C leaves it for later)
done? [y/N] y
clerk.secret_key: ask for the end of the old secret key of Clerk's (0.0 s)
clerk.secret_key: prove that the old secret key of Clerk's is refused (0.0 s)
ok: clerk.secret_key: rotated (0.0 s)
";

/// A program in the place of a browser: it notes what it was given, and stays open for as long as its folder is there.
fn browser(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    let note = folder.join("opened");
    let script = format!(
        "#!/bin/sh\nenv >'{0}.part'; echo \"$@\" >>'{0}.part'; mv '{0}.part' '{0}'\nwhile [ -e '{0}' ]; do sleep 0.2; done\n",
        note.display()
    );
    executable(&path, script);
    path.display().to_string()
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn the_page_is_opened_for_whoever_wants_it_and_never_waited_for() {
    let stand = Stand::start();
    knows(&stand, &[OLD, NEW]);
    let world = clerk_world(&stand);
    let folder = tempfile::tempdir().unwrap();
    let browser = browser(folder.path(), "browser");
    let begin = ["rotate", "--local", "--yes", "clerk.secret_key"];
    let env = [
        ("BROWSER", browser.as_str()),
        ("GH_TOKEN", "token-canary"),
        ("AWS_SECRET_ACCESS_KEY", "key-canary"),
        ("DISPLAY", ":77"),
        ("LC_TIME", "C"),
    ];
    let opened = folder.path().join("opened");
    let steps = [
        "wait secret key (not shown; Enter opens the page): ",
        "type \\n",
        &format!("file {}", opened.display()),
        "next secret key (not shown): ",
        "type hunter22hunter22\\n",
        // It is open: it is not offered again.
        "next secret key (not shown): ",
        &format!("type {NEW}\\n"),
        "next done? [y/N; o opens the page] ",
        "type \\n",
        "end",
    ];
    let (code, shown) = on_terminal_with(&world, &env, &begin, &steps);
    assert_eq!(code, 4, "{shown}");
    assert!(shown.contains("  https://example.com/keys\n"), "{shown}");
    assert!(!shown.contains(NEW) && !shown.contains("hunter22"), "{shown}");
    let mut lines: Vec<String> = fs::read_to_string(&opened).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(lines.pop().unwrap(), "https://example.com/keys");
    let mut names: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // What the stand-in's shell and whoever types here add themselves.
    names.retain(|name| !["LC_CTYPE", "OLDPWD", "PWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["BROWSER", "DISPLAY", "HOME", "LC_TIME", "PATH", "USER"]);
}

/// Has the page opened at the question that ends a rotation, and leaves it again.
fn opens_it(world: &World, env: &[(&str, &str)], opened: &Path) -> String {
    let steps = [
        "wait done? [y/N; o opens the page] ",
        "type o\\n",
        &format!("file {}", opened.display()),
        "next done? [y/N] ",
        "type n\\n",
        "end",
    ];
    let (code, shown) = on_terminal_with(world, env, &["rotate", "--local", "--yes", "--resume"], &steps);
    assert_eq!(code, 4, "{shown}");
    let note = fs::read_to_string(opened).unwrap();
    fs::remove_file(opened).unwrap();
    note
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn the_page_is_opened_by_what_is_named_or_by_the_desktop_or_not_at_all() {
    let stand = Stand::start();
    knows(&stand, &[OLD, NEW]);
    let world = clerk_world(&stand);
    let folder = tempfile::tempdir().unwrap();
    let (desktop, browser) = (browser(folder.path(), "xdg-open"), browser(folder.path(), "browser"));
    let opened = folder.path().join("opened");
    let steps = ["wait (not shown): ", &format!("type {NEW}\\n"), "next done? [y/N] ", "type n\\n", "end"];
    on_terminal(&world, &["rotate", "--local", "--yes", "clerk.secret_key"], &steps);

    // A list of which only the last can be started, with the address in its middle.
    let list = format!("/no/such/browser:{browser} --at=%s --new");
    let note = opens_it(&world, &[("BROWSER", &list)], &opened);
    assert!(note.ends_with("\n--at=https://example.com/keys --new\n"), "{note}");
    // What the desktop has serves where nothing is named.
    let path = format!("{}:/usr/bin:/bin", Path::new(&desktop).parent().unwrap().display());
    for display in [("DISPLAY", ":77"), ("WAYLAND_DISPLAY", "wayland-7")] {
        let note = opens_it(&world, &[("PATH", &path), display], &opened);
        assert!(note.ends_with("\nhttps://example.com/keys\n"), "{note}");
    }

    let resume = ["rotate", "--local", "--yes", "--resume"];
    // That it cannot be opened hinders nothing.
    let steps = [
        "wait done? [y/N; o opens the page] ",
        "type o\\n",
        "next no browser could be started",
        "next done? [y/N] ",
        "type n\\n",
        "end",
    ];
    let (code, shown) = on_terminal_with(&world, &[("BROWSER", "/no/such/browser")], &resume, &steps);
    assert_eq!(code, 4, "{shown}");

    // A page that anybody on the way could replace is not offered.
    let schema =
        world.read("schemas/schema.toml").replace("https://example.com/keys", "http://example.com/keys");
    world.write("schemas/schema.toml", schema);
    let steps = ["wait done? [y/N] ", "type n\\n", "end"];
    // It is shown, as all of the question is, whatever else is not.
    let quiet = ["rotate", "-q", "--local", "--yes", "--resume"];
    let (code, shown) = on_terminal_with(&world, &[("BROWSER", &browser)], &quiet, &steps);
    assert_eq!(code, 4, "{shown}");
    assert!(shown.contains("  end the secret key of Clerk's from before; the new one stays:\n"), "{shown}");
    assert!(shown.contains("  http://example.com/keys\n"), "{shown}");
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
    let first = done.stderr;
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
    let secrets: Vec<&str> =
        old_value.lines().chain(new_value.lines()).filter(|line| !line.starts_with('-')).collect();
    assert_shown(&plain(&(first + &done.stderr)), SSH_KEY, &secrets);
}

const SSH_KEY: &str = r"deploy.key: look whether it can be done (0.0 s)
deploy.key: add the new key on web (0.0 s)
deploy.key: log in to web with the new key alone (0.0 s)
server web: staged (0.0 s)
server web: in place (0.0 s)
server web: applied (0.0 s)
server web: healthy (0.0 s)
server web: committed (0.0 s)
deploy.key: give the new key to whoever logs in (0.0 s)
ok: deploy.key: in use; the old one is ended later, not before 2026-11-23T12:30:00Z: keep the old key for a while
hint: `luca-secrets rotate --resume deploy.key` goes on then, and `rotate --due` does by itself; `luca-secrets rotate --undo deploy.key` takes it back
deploy.key: keep the old key for a while (0.0 s)
deploy.key: take the old key away on web (0.0 s)
deploy.key: prove that the old key is refused by web (0.0 s)
ok: deploy.key: rotated (0.0 s)
";

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
    let first = done.stderr;
    let done = world.run(&["rotate", "--local", "--yes", "--resume"]).at(LATER).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(source(&world)["accepted"], json!([new]));
    assert_shown(&plain(&(first + &done.stderr)), PROGRAM, &[old, &new]);
    let log = source(&world)["log"].clone();
    let applied = log.as_array().unwrap().iter().filter(|verb| *verb == "apply").count();
    assert_eq!(applied, 1, "{log}");
}

const PROGRAM: &str = r"mail.key: look whether it can be done (0.0 s)
mail.key: make the new credential valid (/usr/bin/python3) (0.0 s)
mail.key: prove that it works (/usr/bin/python3) (0.0 s)
mail.key: give it to the programs (0.0 s)
ok: mail.key: in use; the old one is ended later, not before 2026-11-23T12:30:00Z: keep the old one valid for a while
hint: `luca-secrets rotate --resume mail.key` goes on then, and `rotate --due` does by itself; `luca-secrets rotate --undo mail.key` takes it back
mail.key: keep the old one valid for a while (0.0 s)
mail.key: end the old one (/usr/bin/python3) (0.0 s)
mail.key: prove that the old one is refused (/usr/bin/python3) (0.0 s)
ok: mail.key: rotated (0.0 s)
";
