//! What `schedule install` writes, run as the scheduler runs it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::{both_due, project, value, versions};
use crate::harness::home::Home;
use crate::harness::{IDENTITY, PROGRAM, World, tools};

const UNIT: &str = "units/luca-secrets-project.service";

fn install(world: &World, more: &[&str]) {
    let arguments = [&["schedule", "install", "--yes", "-q", "--local", "--to", "units"], more].concat();
    let done = world.spawn(&arguments).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// What a unit says of a setting.
fn setting(unit: &str, name: &str) -> String {
    let line = unit.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("no {name} in {unit}")).to_owned()
}

/// Runs the service's line as systemd does: with credentials and state in folders of their own, and nothing else of the
/// environment, and without what a person has in their home.
fn start(world: &World, credentials: &Path) -> Output {
    let unit = world.read(UNIT);
    let state = world.path("state");
    let start = setting(&unit, "ExecStart");
    let mut words = start.split(' ');
    assert_eq!(words.next(), Some(PROGRAM));
    let mut command = Command::new(PROGRAM);
    command
        .args(words)
        .current_dir(setting(&unit, "WorkingDirectory"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    for line in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        let (name, value) = line.split_once('=').unwrap();
        let value = value.replace("%d", credentials.to_str().unwrap()).replace("%S", state.to_str().unwrap());
        command.env(name, value);
    }
    // On a file system with ACLs that is the mode that a service's account sees (systemd.exec(5), 255 and later).
    let identity = credentials.join("identity");
    std::fs::set_permissions(identity, std::fs::Permissions::from_mode(0o440)).unwrap();
    std::fs::remove_dir_all(world.home().join(".config")).unwrap();
    command.env("CREDENTIALS_DIRECTORY", credentials).output().unwrap()
}

fn assert_has_looked(world: &World, done: &Output) {
    assert_eq!(done.status.code(), Some(0), "{}", said(done));
    assert!(said(done).contains("ok: app.token: seen for the first time"), "{}", said(done));
    assert!(world.path("state/luca-secrets-project/lookouts").exists());
}

#[test]
fn the_line_of_the_service_does_what_is_due() {
    let world = project("", &versions("2026-11-20T12:00:00Z"));
    install(&world, &["--systemd"]);
    let credentials = world.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let source = setting(&world.read(UNIT), "LoadCredential");
    std::fs::copy(source.strip_prefix("identity:").unwrap(), credentials.join("identity")).unwrap();
    assert_has_looked(&world, &start(&world, &credentials));
}

/// `systemd-creds` with a key of this world, and not the machine's.
fn creds(world: &World, arguments: &[&str]) {
    let done = Command::new("systemd-creds")
        .args(arguments)
        .current_dir(world.folder())
        .env("SYSTEMD_CREDENTIAL_SECRET", world.path("credential.secret"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

#[test]
#[ignore = "needs systemd; run tests/run"]
fn an_encrypted_credential_is_what_the_service_opens_the_store_with() {
    let world = project("", &versions("2026-11-20T12:00:00Z"));
    let identity = world.home().join(".config/luca-secrets/identity.txt");
    // As the help and the hint have it.
    let name = "--name=identity";
    creds(&world, &["encrypt", "--with-key=host", name, identity.to_str().unwrap(), "identity.cred"]);
    assert!(!world.read("identity.cred").contains("AGE-SECRET-KEY"));
    install(&world, &["--systemd", "--credential", "identity.cred", "--encrypted"]);
    let loaded = setting(&world.read(UNIT), "LoadCredentialEncrypted");
    let (name, file) = loaded.split_once(':').unwrap();
    let credentials = world.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let to = credentials.join(name);
    creds(&world, &["decrypt", &format!("--name={name}"), file, to.to_str().unwrap()]);
    assert_has_looked(&world, &start(&world, &credentials));
}

#[test]
fn the_line_for_cron_does_what_is_due() {
    for user in [false, true] {
        let world = project("", &versions("2026-11-20T12:00:00Z"));
        let line = if user {
            let printed =
                world.spawn(&["schedule", "install", "--cron", "--user", "--local"]).output().unwrap();
            String::from_utf8(printed.stdout).unwrap()
        } else {
            install(&world, &["--cron"]);
            assert_eq!(world.mode("units/luca-secrets-project"), 0o644);
            world.read("units/luca-secrets-project")
        };
        // crontab(5): five fields, in the system's files an account, and the rest of the line, in which % would end it.
        let line = line.lines().find(|line| !line.starts_with('#')).unwrap();
        let mut fields = line.splitn(if user { 6 } else { 7 }, ' ');
        let when: Vec<&str> = fields.by_ref().take(5).collect();
        assert_eq!(when, ["*/15", "*", "*", "*", "*"]);
        let command = fields.last().unwrap();
        assert!(!command.contains('%') && command.starts_with("cd /"), "{command}");
        let done = Command::new("/bin/sh")
            .args(["-c", command])
            .current_dir(world.home())
            .env_clear()
            .envs([("SHELL", "/bin/sh"), ("LOGNAME", "tester"), ("PATH", "/usr/bin:/bin")])
            .env("HOME", world.home())
            .output()
            .unwrap();
        // Whatever is said, cron sends by mail: nothing.
        assert_eq!((done.status.code(), said(&done).as_str(), done.stdout.len()), (Some(0), "", 0));
        assert!(super::due(&world, "app.token").is_some());
    }
}

/// The jobs of a workflow, by Python's parser.
fn workflow(path: &Path) -> serde_json::Value {
    let script = "import json, sys, yaml; print(json.dumps(yaml.load(open(sys.argv[1]), yaml.BaseLoader)))";
    let python = tools().join("python/bin/python");
    let done = Command::new(python).args(["-c", script]).arg(path).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
    let done = command.current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", said(&done));
}

/// Runs a workflow's steps as GitHub's runner does: a fresh machine, a checkout, `bash -e` for each step, with what the
/// step says of the environment. What the steps said.
fn run_workflow(repository: &Path) -> String {
    let machine = tempfile::tempdir().unwrap();
    let checkout = machine.path().join("checkout");
    git(
        machine.path(),
        &["clone", "-q", "--depth", "1", &format!("file://{}", repository.display()), "checkout"],
    );
    let workflow = workflow(&checkout.join(".github/workflows/luca-secrets-shop.yml"));
    let mut all = String::new();
    for step in workflow["jobs"]["rotate"]["steps"].as_array().unwrap() {
        let Some(script) = step["run"].as_str() else { continue };
        let file = machine.path().join("step.sh");
        std::fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        command.arg("-e").arg(file).current_dir(&checkout).env_clear();
        let programs = Path::new(PROGRAM).parent().unwrap();
        command.env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
        command.env("HOME", machine.path()).env("CI", "true").env("GITHUB_ACTIONS", "true");
        for (name, value) in step["env"].as_object().unwrap() {
            assert_eq!(value, &format!("${{{{ secrets.{name} }}}}"));
            assert_eq!(name, "LUCA_SECRETS_IDENTITY");
            command.env(name, IDENTITY);
        }
        let done = command.output().unwrap();
        assert!(done.status.success(), "{script}: {}", said(&done));
        all += &said(&done);
    }
    all
}

#[test]
#[ignore = "needs git, and Python with YAML; run tests/run"]
fn the_steps_of_the_workflow_rotate_what_is_due_and_the_next_run_knows_of_it() {
    // The project lies in a folder of the repository, and the store's home is a branch of it.
    let home = Home::new();
    let world = project("", &both_due());
    world.write("schemas/remote.toml", home.schema());
    world.run(&["remote", "push", "-q"]).success();
    let repository = world.root().join("repository");
    std::fs::create_dir_all(repository.join("shop")).unwrap();
    git(&repository, &["init", "-q"]);
    let shop = repository.join("shop");
    let mut copy = Command::new("cp");
    copy.arg("-r").args([world.path("schemas"), world.path("secrets.enc")]).arg(&shop);
    assert!(copy.status().unwrap().success());
    let arguments = ["-C", shop.to_str().unwrap(), "schedule", "install", "--github", "--yes", "-q"];
    let installed = world.spawn(&arguments).output().unwrap();
    assert!(installed.status.success(), "{}", said(&installed));
    git(&repository, &["add", "-A"]);
    git(&repository, &["commit", "-q", "-m", "the project"]);
    let first = run_workflow(&repository);
    assert!(first.contains("ok: app.token: rotated"), "{first}");
    assert!(!first.contains("first token"), "{first}");
    // The checkout has the old store still; the home has what was done.
    let second = run_workflow(&repository);
    assert!(!second.contains("rotated"), "{second}");
    world.run(&["remote", "pull", "-q"]).success();
    assert_ne!(value(&world, "app.token"), "first token\n");
}
