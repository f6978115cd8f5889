//! `edit` with false editors: small shell scripts that do to the file what a person would.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use luca_secrets::sys::{Gate, Operation};
use proptest::prelude::*;

use crate::harness::{IDENTITY, PROGRAM, World};

const KEPT: &str = "hint: the text is kept as an encrypted draft: `luca-secrets edit --resume` takes it up, \
    `luca-secrets edit --discard` throws it away\n";
const UNCHANGED: &str = "ok: nothing changed, so the store was left alone\n";
const HEADER: &str = "\
#  Save and quit to store your changes; quit without saving to change nothing.
#  What is not set yet stands below as a line such as `#  port = \"\"`: take the # away and fill it in.
#  These lines vanish by themselves; comments of your own stay.
";
const UNSTORED: &str = "#! Nothing is stored yet: mend what stands below each #! line, then save and quit; quit without a change to give up.\n";

/// A world with a folder in memory of its own, which must be empty after every edit.
struct Desk {
    world: World,
    memory: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self::around(World::filled())
    }

    fn around(world: World) -> Self {
        Self { world, memory: tempfile::tempdir_in("/dev/shm").unwrap() }
    }

    /// An editor that runs this script, with the file as `$1`.
    fn editor(&self, script: &str) -> String {
        let path = self.world.home().join("an editor.sh");
        fs::write(&path, script).unwrap();
        format!("sh '{}'", path.display())
    }

    fn run<'d>(&'d self, arguments: &[&str], script: &str) -> crate::harness::Run<'d> {
        self.world
            .run(arguments)
            .env("EDITOR", self.editor(script))
            .env("HERE", self.world.home())
            .env("XDG_RUNTIME_DIR", self.memory.path())
    }

    /// Runs `edit` and expects a folder in memory that is empty again.
    #[track_caller]
    fn edit(&self, script: &str, code: u8, stderr: &str) {
        self.edit_with(&["edit"], script, code, stderr);
    }

    #[track_caller]
    fn edit_with(&self, arguments: &[&str], script: &str, code: u8, stderr: &str) {
        self.run(arguments, script).gives(code, "", stderr);
        assert_eq!(self.left_in_memory(), Vec::<PathBuf>::new());
    }

    fn left_in_memory(&self) -> Vec<PathBuf> {
        fs::read_dir(self.memory.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// What the next editor would show.
    fn shown(&self) -> String {
        self.edit("cp \"$1\" \"$HERE/shown\"", 0, UNCHANGED);
        self.home("shown")
    }

    fn home(&self, name: &str) -> String {
        fs::read_to_string(self.world.home().join(name)).unwrap()
    }

    fn drafts(&self) -> Vec<Vec<u8>> {
        let folder = self.world.home().join(".local/state/luca-secrets/drafts");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    fn get(&self, name: &str) -> Option<String> {
        let done = self.world.run(&["get", name]).done();
        (done.code == 0).then(|| done.stdout.trim_end_matches('\n').to_owned())
    }

    /// The real program with this editor.
    fn spawn(&self, script: &str) -> Child {
        self.command(&["edit"], script).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str], script: &str) -> Command {
        let mut command = self.world.spawn(arguments);
        command
            .env("EDITOR", self.editor(script))
            .env("HERE", self.world.home())
            .env("XDG_RUNTIME_DIR", self.memory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Waits until an editor has made this file in the home folder.
    #[track_caller]
    fn wait_for(&self, name: &str) {
        wait_until(|| self.world.home().join(name).exists());
    }
}

#[track_caller]
fn wait_until(what: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !what() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const SET_PORT: &str = "sed -i 's/^port = .*/port = \"6543\"/' \"$1\"";

// What is shown.

#[test]
fn what_is_missing_is_shown_below_its_group_with_its_description() {
    let desk = Desk::around(World::new());
    desk.world.write(
        "schemas/schema.toml",
        "[secrets.database]\ntitle = \"Database\"\n[secrets.database.password]\ntype = \"password\"\n\
         description = \"What Django logs in with.\"\ngenerate = { length = 40 }\n[secrets.database.port]\ntype = \"port\"\n\
         [secrets.mail]\ntitle = \"Mail\"\n[secrets.mail.key]\ntype = \"pem\"\nrequired = false\n\
         [secrets.mail.host]\ntype = \"host\"\nexample = \"mail.example.com\"\n",
    );
    desk.world.run(&["set", "-q", "database.port"]).stdin("5432").success();
    assert_eq!(
        desk.shown(),
        format!(
            "{HEADER}
[secrets.database]
port = \"5432\"
#  What Django logs in with (password, or run `luca-secrets generate database.password`)
#  password = \"\"

#  Mail
[secrets.mail]
#  (host, such as mail.example.com)
#  host = \"\"
#  (pem, optional, several lines go between ''' and ''')
#  key = \"\"
"
        )
    );
}

#[test]
fn a_stub_is_filled_in_by_taking_the_mark_away() {
    let desk = Desk::new();
    desk.edit(
        "sed -i 's|^#  dsn = \"\"|dsn = \"https://sentry.example.com/1\"|' \"$1\"",
        0,
        "ok: sentry.dsn added\n",
    );
    assert_eq!(desk.get("sentry.dsn").as_deref(), Some("https://sentry.example.com/1"));
    let shown = desk.shown();
    assert!(shown.ends_with("\n\n[secrets.sentry]\ndsn = \"https://sentry.example.com/1\"\n"), "{shown}");
    // One space less is fine too.
    desk.world.run(&["rm", "-q", "sentry.dsn"]).success();
    desk.edit("sed -i 's|^#  dsn = \"\"|  dsn = \"https://b.example.com\"|' \"$1\"", 0, "ok: sentry.dsn added\n");
}

#[test]
fn a_stub_filled_in_behind_its_mark_is_not_lost_in_a_comment() {
    let desk = Desk::new();
    desk.edit(
        "cp \"$1\" \"$HERE/shown\"; sed -i 's|^#  dsn = \"\"|#  dsn = \"https://a.example.com\"|' \"$1\"",
        1,
        &format!(
            "error: line 12: this is filled in, but still a comment: take the # away\n\
             error: the text still has mistakes and was not changed any more\n{KEPT}"
        ),
    );
}

#[test]
fn a_line_like_ours_that_was_there_before_stays() {
    let desk = Desk::new();
    let store = desk.world.store_bytes();
    desk.edit("printf '\\n#  (url, optional)\\n#  dsn = \"\"\\n#  Mine\\n' >> \"$1\"; sed -i 's/^#  These.*/&/' \"$1\"", 0, "ok: comments changed\n");
    assert_ne!(store, desk.world.store_bytes());
    let store = desk.world.store_bytes();
    desk.edit("true", 0, UNCHANGED);
    assert_eq!(store, desk.world.store_bytes());
}

// Storing.

#[test]
fn an_unchanged_text_leaves_the_bytes_alone() {
    let desk = Desk::new();
    let before = desk.world.store_bytes();
    desk.edit("true", 0, UNCHANGED);
    desk.edit("touch \"$1\"", 0, UNCHANGED);
    // Taking the stubs out, or rewriting the file with other line ends, is no change either.
    desk.edit("sed -i '/^#  /d' \"$1\"", 0, UNCHANGED);
    desk.edit("sed -i 's/$/\\r/' \"$1\"", 0, UNCHANGED);
    desk.edit("printf '\\357\\273\\277' > \"$1.new\"; cat \"$1\" >> \"$1.new\"; mv \"$1.new\" \"$1\"", 0, UNCHANGED);
    assert_eq!(desk.world.store_bytes(), before);
    assert!(desk.drafts().is_empty());
}

#[test]
fn an_unchanged_text_does_not_undo_what_others_wrote_meanwhile() {
    let desk = Desk::new();
    let script = format!("cd '{}' && printf 1234 | '{PROGRAM}' set -q database.port", desk.world.folder().display());
    desk.edit(&script, 0, UNCHANGED);
    assert_eq!(desk.get("database.port").as_deref(), Some("1234"));
}

#[test]
fn comments_order_and_spelling_survive() {
    let desk = Desk::new();
    let text = "# top\n\n[secrets.sentry]   # why\n\n# about it\ndsn='https://sentry.example.com/1' # end\n\n\n[secrets.database]\nport    = 5432\n  password = \"\"\"\\\n   correct \\\n   horse\"\"\"\n# end of database\n\n# the very end\n";
    fs::write(desk.world.home().join("text"), text).unwrap();
    desk.edit("cp \"$HERE/text\" \"$1\"", 0, "ok: database.password changed\nok: sentry.dsn added\n");
    assert_eq!(desk.shown(), format!("{HEADER}\n{text}"));
    desk.edit("sed -i 's/5432/6543/' \"$1\"", 0, "ok: database.port changed\n");
    assert_eq!(desk.shown(), format!("{HEADER}\n{}", text.replace("5432", "6543")));
    desk.edit("sed -i 's/# about it/# about/' \"$1\"", 0, "ok: comments changed\n");
}

#[test]
fn an_empty_table_of_the_writer_stays() {
    let desk = Desk::new();
    desk.edit("printf '[secrets.empty]\\n\\n' > \"$1.n\"; cat \"$1\" >> \"$1.n\"; mv \"$1.n\" \"$1\"", 0, "ok: comments changed\n");
    let before = desk.world.store_bytes();
    desk.edit("true", 0, UNCHANGED);
    assert_eq!(desk.world.store_bytes(), before);
}

#[test]
fn editors_that_replace_the_file_are_fine() {
    let desk = Desk::new();
    desk.edit("sed 's/5432/6543/' \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"", 0, "ok: database.port changed\n");
    desk.edit("cp \"$1\" \"$1~\"; mkdir \"$(dirname \"$1\")/.d\"; touch \"$(dirname \"$1\")/.d/x\"", 0, UNCHANGED);
}

// Mistakes.

#[test]
fn a_text_that_is_no_toml_comes_back_with_a_note_above_the_line() {
    let desk = Desk::new();
    let script = "\
        if [ -e \"$HERE/again\" ]; then cp \"$1\" \"$HERE/noted\"; sed -i 's/^port = .*/port = \"6543\"/' \"$1\"
        else touch \"$HERE/again\"; sed -i 's/^port = .*/port = \"6543/' \"$1\"; fi";
    desk.edit(script, 0, "error: line 9: column 8: not valid TOML: invalid basic string, expected `\"`\nok: database.port changed\n");
    let noted = desk.home("noted");
    assert!(noted.starts_with(&format!("{UNSTORED}{HEADER}")), "{noted}");
    assert!(
        noted.contains("\"\n#! column 8: not valid TOML: invalid basic string, expected `\"`\nport = \"6543\n"),
        "{noted}"
    );
    assert!(!desk.shown().contains("#!"));
}

#[test]
fn a_note_inside_a_value_of_several_lines_is_taken_out_again() {
    let desk = Desk::new();
    let script = "\
        if [ -e \"$HERE/again\" ]; then cp \"$1\" \"$HERE/noted\"; sed -i 's/\\\\q/q/' \"$1\"
        else touch \"$HERE/again\"; sed -i 's/^password = .*/password = \"\"\"\\\\\\nwith a \\\\q in it \\\\\\n  and more\"\"\"/' \"$1\"; fi";
    let done = desk.run(&["edit"], script).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(desk.home("noted").contains("\\\n#! column"), "{}", desk.home("noted"));
    assert_eq!(desk.get("database.password").as_deref(), Some("with a q in it and more"));
}

#[test]
fn mistakes_are_shown_all_at_once_and_again_until_they_are_mended() {
    let desk = Desk::new();
    let script = "\
        n=$(cat \"$HERE/n\" 2>/dev/null || echo 0); n=$((n + 1)); echo $n > \"$HERE/n\"; cp \"$1\" \"$HERE/shown$n\"
        case $n in
        1) sed -i 's/^port = .*/port = \"99999\"/; s/^password = .*/pasword = \"x\"/' \"$1\" ;;
        2) sed -i 's/^pasword/password/' \"$1\" ;;
        3) sed -i 's/^port = .*/port = \"6543\"/' \"$1\" ;;
        esac";
    desk.edit(
        script,
        0,
        "error: line 8: database.pasword: not declared in the schema; did you mean database.password?\n\
         error: line 10: database.port: not a port: a whole number from 1 to 65535\n\
         error: line 9: database.port: not a port: a whole number from 1 to 65535\n\
         ok: database.password changed\n\
         ok: database.port changed\n",
    );
    let third = desk.home("shown3");
    assert_eq!(third.matches("#! ").count(), 2, "{third}");
    assert_eq!(
        third.lines().nth(7),
        Some("#! database.port: not a port: a whole number from 1 to 65535"),
        "{third}"
    );
    assert!(!desk.shown().contains("#!"));
}

#[test]
fn other_mistakes() {
    for (change, line, message) in [
        ("s/^port = .*/&\\nport = \"1\"/", 10, "column 8: database.port is defined twice, first on line 7"),
        ("s/^port = .*/&\\n[secrets.database]/", 10, "column 1: the same table stands on line 5 already"),
        ("s/^port = .*/&\\n[other]/", 10, "column 1: tables among the secrets have the form [secrets.group]"),
        ("s/^port = .*/&\\n[secrets]/", 10, "column 1: tables among the secrets have the form [secrets.group]"),
        ("s/^port = .*/&\\n[[secrets.x]]/", 10, "column 1: tables among the secrets have the form [secrets.group]"),
        ("s/^port = .*/port = [1]/", 9, "column 1: database.port is a table or an array where a text belongs"),
        ("s/^port = .*/port = 0x10/", 9, "column 1: the value of database.port has several spellings, so write it as a text in quotes"),
        ("s/^port = .*/port = \"\"/", 9, "database.port: not a port: a whole number from 1 to 65535"),
    ] {
        let desk = Desk::new();
        let before = desk.world.store_bytes();
        desk.edit(
            &format!("[ -e \"$HERE/n\" ] || sed -i '{change}' \"$1\"; touch \"$HERE/n\""),
            1,
            &format!(
                "error: line {line}: {message}\nerror: the text still has mistakes and was not changed any more\n{KEPT}"
            ),
        );
        assert_eq!(desk.world.store_bytes(), before);
        assert_eq!(desk.drafts().len(), 1);
    }
}

#[test]
fn an_editor_that_always_writes_the_same_mistake_does_not_run_forever() {
    let desk = Desk::new();
    desk.edit(
        "echo broken > \"$1\"",
        1,
        &format!("error: line 3: column 7: not valid TOML: key with no value, expected `=`\nerror: the text still has mistakes and was not changed any more\n{KEPT}"),
    );
}

#[test]
fn bytes_that_are_no_text_cost_nothing_else() {
    let desk = Desk::new();
    let script = "\
        if [ -e \"$HERE/n\" ]; then cp \"$1\" \"$HERE/noted\"; exit 1; fi
        touch \"$HERE/n\"; sed -i 's/5432/6543/' \"$1\"; printf '# caf\\351\\n' >> \"$1\"";
    desk.edit(
        script,
        1,
        &format!("error: line 15: a character here is not UTF-8; it now reads \u{fffd}\nerror: sh ended with exit code 1\n{KEPT}"),
    );
    assert!(desk.home("noted").contains("port = \"6543\""));
    assert!(desk.home("noted").contains("# caf\u{fffd}\n"));
}
