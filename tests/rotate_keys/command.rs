//! `command` against a real program, which also misbehaves in every way.

use std::path::PathBuf;

use serde_json::{Value, json};

use luca_secrets::rotate::{Command, Credential, TroubleKind};
use luca_secrets::schema::RotationKind;
use luca_secrets::sys::{Environment, process_exists};

use super::walk::{Walk, assert_trouble, declared, name, parsed, text, values};

pub const OLD: &str = "old-canary-9b1f44";

/// A project with the program's source in it.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    pub fn new(source: &Value) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        let mut source = source.clone();
        source["accepted"] = json!([OLD]);
        project.write(&source);
        let program = std::fs::read("tests/rotate_keys/program.py").unwrap();
        std::fs::write(project.folder.path().join("program.py"), program).unwrap();
        project
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("source.json")
    }

    fn write(&self, source: &Value) {
        std::fs::write(self.path(), source.to_string()).unwrap();
    }

    pub fn source(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path()).unwrap()).unwrap()
    }

    fn accepted(&self) -> Vec<String> {
        serde_json::from_value(self.source()["accepted"].clone()).unwrap()
    }

    /// Has a verb misbehave.
    fn bad(&self, verb: &str, how: &str, once: bool) {
        let mut source = self.source();
        source["bad"] = json!({ verb: how });
        source["once"] = json!(once);
        self.write(&source);
    }

    pub fn command(&self, more: &str) -> Command {
        self.within("60s", more)
    }

    /// Which waits for no longer than it takes to see that the program never ends; for others as long as a busy machine
    /// needs.
    fn hasty(&self, how: &str) -> Command {
        let never_ends = ["hang", "hang-after", "leave", "huge"].contains(&how);
        self.within(if never_ends { "2s" } else { "60s" }, "")
    }

    fn within(&self, limit: &str, more: &str) -> Command {
        let schema = parsed(&format!(
            "[secrets.mail.key]\ntype = \"token\"\ngenerate = {{ length = 40 }}\n[secrets.mail.id]\n[secrets.mail.admin]\n\
             [secrets.mail.key.rotate]\nwith = \"command\"\nrun = [\"python3\", \"program.py\", \"source.json\"]\n\
             within = \"{limit}\"\n{more}\n"
        ));
        let (entry, kind) = declared(&schema, "mail.key");
        let RotationKind::Command(settings) = kind else { panic!() };
        let path = std::env::var_os("PATH").unwrap();
        let env = Environment::new([
            ("PATH".into(), path),
            ("HOME".into(), self.folder.path().into()),
            ("LUCA_SECRETS_IDENTITY".into(), "AGE-SECRET-KEY-canary".into()),
            ("GH_TOKEN".into(), "token-canary".into()),
        ]);
        Command::new(name("mail.key"), entry, settings, None, self.folder.path().to_owned(), &env)
    }

    fn begun(command: &mut Command) -> Walk {
        Walk::begin(command, &values(&[("mail.key", OLD)])).unwrap()
    }
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_program_replaces_a_credential_and_takes_it_back() {
    let project = Project::new(&json!({}));
    let mut command = project.command("");
    let mut walk = Project::begun(&mut command);
    let new = text(&walk.record.pending, "mail.key");
    assert_eq!(new.len(), 40);
    walk.until(&mut command, "deploy").unwrap();
    assert_eq!(project.accepted(), [OLD, new.as_str()]);
    assert_eq!(text(&walk.deployed, "mail.key"), new);
    walk.finish(&mut command).unwrap();
    assert_eq!(project.accepted(), [new.as_str()]);
    // Preflight; then apply, test with its wrong value, finish, and the proof of the end.
    assert_eq!(project.source()["log"], json!(["probe", "apply", "test", "probe", "finish", "probe"]));

    for (begun, last) in [(1, "apply"), (2, "test"), (3, "deploy"), (4, "wait")] {
        let project = Project::new(&json!({}));
        let mut walk = Project::begun(&mut command_of(&project));
        walk.until(&mut command_of(&project), last).unwrap();
        walk.undo(&mut command_of(&project), begun).unwrap();
        assert_eq!(project.accepted(), [OLD]);
        assert_eq!(text(&walk.deployed, "mail.key"), OLD);
    }
}

fn command_of(project: &Project) -> Command {
    project.command("")
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn the_program_or_its_source_can_make_the_values() {
    let project = Project::new(&json!({ "also": { "mail.id": "key-17" } }));
    let mut command =
        project.command("made-by = \"program\"\nalso = [\"mail.id\"]\nreads = [\"mail.admin\"]");
    let current = values(&[("mail.key", OLD), ("mail.id", "key-16"), ("mail.admin", "root")]);
    let mut walk = Walk::begin(&mut command, &current).unwrap();
    assert_eq!(text(&walk.record.pending, "mail.id"), "key-17");
    assert_eq!(walk.until(&mut command, "apply").unwrap(), "apply of 17");
    walk.finish(&mut command).unwrap();
    assert_eq!(project.accepted(), [text(&walk.deployed, "mail.key")]);

    // A reply that got lost: the next try takes away what nobody has.
    let project = Project::new(&json!({ "issues": true }));
    let mut command = project.command("made-by = \"source\"");
    let mut walk = Project::begun(&mut command);
    let create = Walk::named(&command, "create");
    project.bad("create", "crash-after", true);
    assert_trouble(walk.step(&mut command, &create), TroubleKind::InDoubt, "killed by signal 9", &[]);
    assert_eq!(project.accepted().len(), 2);
    walk.finish(&mut command).unwrap();
    assert_eq!(project.accepted(), [text(&walk.deployed, "mail.key")]);

    // The same, and given up: nothing is left.
    let project = Project::new(&json!({ "issues": true }));
    let mut command = project.command("made-by = \"source\"");
    let mut walk = Project::begun(&mut command);
    project.bad("create", "crash-after", true);
    walk.step(&mut command, &create).unwrap_err();
    walk.undo(&mut command, 1).unwrap();
    assert_eq!(project.accepted(), [OLD]);
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn where_only_one_can_be_valid_the_source_goes_first_and_back_first() {
    let project = Project::new(&json!({ "overlap": false }));
    let mut command = project.command("overlap = false");
    let names: Vec<&str> = command.steps().iter().map(|step| step.name).collect();
    assert_eq!(names, ["apply", "test", "deploy", "finish", "ended"]);
    let names: Vec<&str> = command.undo_steps(3).iter().map(|step| step.name).collect();
    assert_eq!(names, ["undo", "deploy-back", "still"]);
    let mut walk = Project::begun(&mut command);
    walk.until(&mut command, "deploy").unwrap();
    assert_eq!(project.accepted(), [text(&walk.deployed, "mail.key")]);
    walk.undo(&mut command, 3).unwrap();
    assert_eq!(project.accepted(), [OLD]);
}

/// What each misbehaviour of an effect is taken for, and a part of the message.
const BAD: &[(&str, TroubleKind, &str)] = &[
    ("hang", TroubleKind::InDoubt, "it did not end within 2 s"),
    ("hang-after", TroubleKind::InDoubt, "it did not end within 2 s"),
    ("leave", TroubleKind::InDoubt, "it did not end within 2 s"),
    ("crash-before", TroubleKind::InDoubt, "it ended with code 1"),
    ("crash-after", TroubleKind::InDoubt, "it was killed by signal 9"),
    ("garbage", TroubleKind::InDoubt, "its reply is not one of the contract"),
    ("silent", TroubleKind::InDoubt, "its reply is not one of the contract"),
    ("typo", TroubleKind::InDoubt, "its reply is not one of the contract"),
    ("huge", TroubleKind::InDoubt, "with a short answer"),
    ("wrong-code", TroubleKind::InDoubt, "it says `rejected`, and ended with code 4"),
    ("held", TroubleKind::Held, "it says `held`: as [redacted] says"),
    ("unavailable", TroubleKind::Unavailable, "it says `unavailable`: as [redacted] says"),
    ("rejected", TroubleKind::Rejected, "it says `rejected`: as [redacted] says"),
    ("leak", TroubleKind::InDoubt, "it ended with code 1: ValueError: cannot use [redacted] [redacted]"),
];

#[test]
#[ignore = "needs python3; run tests/run"]
fn whatever_the_program_does_nothing_is_taken_for_done_and_nothing_leaks() {
    for (how, kind, part) in BAD {
        let project = Project::new(&json!({}));
        let mut command = project.command("");
        let mut walk = Project::begun(&mut command);
        let new = text(&walk.record.pending, "mail.key");
        let apply = Walk::named(&command, "apply");
        project.bad("apply", how, true);
        let mut hasty = project.hasty(how);
        assert_trouble(hasty.run(&apply, &walk.record), *kind, part, &[OLD, &new]);
        // The same value again, or it was done: never a second one.
        walk.finish(&mut command).unwrap();
        assert_eq!(project.accepted(), [new], "{how}");
    }
    // Words of its own may quote, and are hidden too.
    let project = Project::new(&json!({}));
    let mut command = project.command("");
    let mut walk = Project::begun(&mut command);
    project.bad("apply", "leak-evidence", true);
    assert_eq!(walk.until(&mut command, "apply").unwrap(), "replaced [redacted] by [redacted]");
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn looking_in_vain_is_never_in_doubt_and_stops_before_the_deploy() {
    for how in ["hang", "crash-after", "garbage", "huge"] {
        let project = Project::new(&json!({}));
        let mut command = project.command("");
        let mut walk = Project::begun(&mut command);
        walk.until(&mut command, "apply").unwrap();
        project.bad("test", how, false);
        let mut hasty = project.hasty(how);
        assert_trouble(walk.until(&mut hasty, "deploy"), TroubleKind::Unavailable, "(test)", &[OLD]);
        assert_eq!(text(&walk.deployed, "mail.key"), OLD, "{how}");
    }
    let project = Project::new(&json!({}));
    let mut command = project.command("");
    let mut walk = Project::begun(&mut command);
    walk.until(&mut command, "apply").unwrap();
    let mut source = project.source();
    source["accepted"] = json!([OLD]);
    project.write(&source);
    assert_trouble(
        walk.until(&mut command, "deploy"),
        TroubleKind::Rejected,
        "the service refuses it",
        &[OLD],
    );
    project.write(&json!({ "accepted": ["somebody else's"] }));
    assert_trouble(
        Walk::begin(&mut command, &values(&[("mail.key", OLD)])),
        TroubleKind::Held,
        "is refused",
        &[OLD],
    );
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn a_program_gets_the_project_s_folder_and_no_more_of_the_environment_than_it_needs() {
    let project = Project::new(&json!({}));
    let mut command = project.command("");
    let walk = Project::begun(&mut command);
    project.bad("apply", "environment", false);
    let apply = Walk::named(&command, "apply");
    let message = command.run(&apply, &walk.record).unwrap_err().message;
    let folder = project.folder.path().canonicalize().unwrap();
    assert!(message.ends_with(&format!(" in {}", folder.display())), "{message}");
    let names: Vec<&str> = message.split(' ').collect();
    assert!(["HOME", "LC_ALL", "PATH"].iter().all(|name| names.contains(name)), "{message}");
    assert!(!message.contains("LUCA_SECRETS") && !message.contains("TOKEN"), "{message}");
}

#[test]
#[ignore = "needs python3; run tests/run"]
fn what_a_hanging_program_has_started_is_stopped_with_it() {
    let project = Project::new(&json!({}));
    std::fs::write(
        project.folder.path().join("program.py"),
        "import subprocess, sys\nchild = subprocess.Popen(['sleep', '1000'])\nopen('child', 'w').write(str(child.pid))\nchild.wait()\n",
    )
    .unwrap();
    let mut command = project.within("2s", "");
    let outcome = command.preflight(&values(&[("mail.key", OLD)]));
    assert_trouble(outcome, TroubleKind::Unavailable, "it did not end within 2 s", &[]);
    let child: u32 = std::fs::read_to_string(project.folder.path().join("child")).unwrap().parse().unwrap();
    // It is nobody's child any more; whoever collects such may take a moment.
    for _ in 0..200 {
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        if !process_exists(child) || state.contains(") Z ") {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("{child} lives on");
}

#[test]
fn a_program_that_is_not_there_changes_nothing() {
    let project = Project::new(&json!({}));
    let schema = parsed(
        "[secrets.mail.key]\ntype = \"password\"\nrotate = { with = \"command\", run = [\"./scripts/no such\"] }\n",
    );
    let (entry, RotationKind::Command(settings)) = declared(&schema, "mail.key") else { panic!() };
    let root = project.folder.path().to_owned();
    let mut command = Command::new(name("mail.key"), entry, settings, None, root, &Environment::new([]));
    let outcome = command.preflight(&values(&[("mail.key", OLD)]));
    assert_trouble(outcome, TroubleKind::Unavailable, "./scripts/no such cannot be started", &[OLD]);
}
