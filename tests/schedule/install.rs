//! The files of systemd, cron and GitHub.

use std::path::Path;
use std::process::Command;

use super::{project, versions};
use crate::harness::{World, tools};

fn shop() -> World {
    let world = project("", &versions("2026-11-20T12:00:00Z"));
    // What is printed names the folders as they are; a temporary one starts with a dot.
    world.write("schemas/remote.toml", "[remote]\nkind = \"git\"\nremote = \"origin\"\n");
    world
}

#[test]
fn the_files_are_shown_and_written_after_a_question_only() {
    let world = shop();
    let install = ["schedule", "install", "--systemd", "--to", "units"];
    let no = world.run(&install).answers(&["n"]).done();
    assert_eq!(no.code, 1);
    assert!(no.stderr.ends_with("error: not confirmed\nhint: nothing was written\n"), "{}", no.stderr);
    assert!(no.stderr.contains("units/luca-secrets-project.service:\n# Made by"), "{}", no.stderr);
    assert!(!world.path("units").exists());
    let yes = world.run(&install).answers(&["y"]).success();
    assert!(
        yes.stderr.contains("systemctl daemon-reload && systemctl enable --now luca-secrets-project.timer")
    );
    let service = world.read("units/luca-secrets-project.service");
    assert_eq!(world.mode("units/luca-secrets-project.service"), 0o644);
    assert!(service.contains(" rotate --due --yes --non-interactive\n"), "{service}");
    assert!(service.contains("Environment=LUCA_SECRETS_IDENTITY_FILE=%d/identity\n"), "{service}");
    // The same again changes nothing.
    let again = world.run(&install).success();
    assert!(again.stderr.starts_with("ok: units/luca-secrets-project.service: in place already\n"));
}

#[test]
fn what_was_not_made_here_is_never_replaced() {
    let world = shop();
    let install = ["schedule", "install", "--systemd", "--yes", "-q", "--to", "units"];
    world.run(&install).success();
    // Ours of an earlier release, or with other options, is replaced.
    world.run(&[&install[..], &["--credential", "schemas/remote.toml"]].concat()).success();
    assert!(world.read("units/luca-secrets-project.service").contains("/schemas/remote.toml\n"));
    for content in [
        "[Timer]\nOnCalendar=daily\n".to_owned(),
        world.read("units/luca-secrets-project.timer").replace("0/15", "0/5"),
    ] {
        world.write("units/luca-secrets-project.timer", &content);
        world.run(&install).gives(
            5,
            "",
            "error: units/luca-secrets-project.timer: not made by `schedule install`, or changed since\n",
        );
        assert_eq!(world.read("units/luca-secrets-project.timer"), content);
    }
}

#[test]
fn what_could_not_work_is_refused() {
    let world = project("", "");
    let homeless = world.run(&["schedule", "install", "--cron", "--print"]).done();
    assert_eq!(homeless.code, 1);
    assert!(
        homeless.stderr.contains("hint: add [remote] to the schema, or pass --local"),
        "{}",
        homeless.stderr
    );
    let print =
        world.run(&["schedule", "install", "--cron", "--user", "--print", "--local"]).success().stdout;
    assert!(print.contains(" rotate --due --yes --non-interactive --local --quiet\n"), "{print}");
    std::fs::remove_file(world.home().join(".config/luca-secrets/identity.txt")).unwrap();
    let locked = world.run(&["schedule", "install", "--cron", "--print", "--local"]).done();
    assert_eq!(locked.code, 1);
    assert!(
        locked.stderr.starts_with("error: there is no file with an identity that the scheduler could use\n")
    );
}

/// `systemd-analyze` with these arguments, and what it printed.
fn analyze(arguments: &[&str], folder: &Path) -> (bool, String) {
    let done = Command::new("systemd-analyze")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
#[ignore = "needs systemd; run tests/run"]
fn systemd_takes_the_units_and_finds_them_safe() {
    let world = shop();
    // The program itself, as `ExecStart` names it, is what has installed them.
    let done = world.spawn(&["schedule", "install", "--systemd", "--yes", "--to", "units"]).status().unwrap();
    assert!(done.success());
    let units = ["units/luca-secrets-project.service", "units/luca-secrets-project.timer"];
    let (is_fine, said) = analyze(&["verify", units[0], units[1]], &world.folder());
    assert_eq!((is_fine, said.as_str()), (true, ""));
    let (_, said) = analyze(&["security", "--offline=true", "--threshold=25", units[0]], &world.folder());
    let level = said.split("exposure level for luca-secrets-project.service: ").nth(1).unwrap();
    let level: f32 = level.split(' ').next().unwrap().parse().unwrap();
    assert!(level <= 2.5, "{said}");
    let (is_fine, said) = analyze(&["calendar", "*:0/15"], &world.folder());
    assert!(is_fine, "{said}");
    // The same for the user's own manager.
    let done =
        world.spawn(&["schedule", "install", "--systemd", "--user", "--yes", "-q", "--to", "own"]).status();
    assert!(done.unwrap().success());
    let units = ["own/luca-secrets-project.service", "own/luca-secrets-project.timer"];
    let (is_fine, said) = analyze(&["verify", "--user", units[0], units[1]], &world.folder());
    assert_eq!((is_fine, said.as_str()), (true, ""));
}

#[test]
#[ignore = "needs Python with YAML; run tests/run"]
fn the_workflow_is_one() {
    let world = shop();
    std::fs::create_dir(world.path(".git")).unwrap();
    world.run(&["schedule", "install", "--github", "--yes", "-q"]).success();
    let path = world.path(".github/workflows/luca-secrets-project.yml");
    let script = "import json, sys, yaml; print(json.dumps(yaml.load(open(sys.argv[1]), yaml.BaseLoader)))";
    let python = tools().join("python/bin/python");
    let done = Command::new(python).args(["-c", script]).arg(path).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let workflow: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(workflow["on"]["schedule"][0]["cron"], "17 * * * *");
    assert_eq!(workflow["concurrency"]["cancel-in-progress"], "false");
    let mut runs = Vec::new();
    for step in workflow["jobs"]["rotate"]["steps"].as_array().unwrap() {
        let Some(run) = step["run"].as_str() else { continue };
        assert_eq!(step["env"]["LUCA_SECRETS_IDENTITY"], "${{ secrets.LUCA_SECRETS_IDENTITY }}");
        luca_secrets::cli::command_line().try_get_matches_from(run.split(' ')).unwrap();
        runs.push(run.to_owned());
    }
    assert_eq!(runs, ["luca-secrets remote pull", "luca-secrets rotate --due --yes --non-interactive"]);
}
