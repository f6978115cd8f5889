//! `edit` with false editors: small shell scripts that do to the file what a person would.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use luca_secrets::sys::{Gate, Operation};

use crate::harness::{IDENTITY, PROGRAM, World, executable};

const KEPT: &str = "hint: the text is kept as an encrypted draft: `luca-secrets edit --resume` takes it up, \
    `luca-secrets edit --discard` throws it away\n";
const UNCHANGED: &str = "ok: nothing changed, so the store was left alone\n";
const HEADER: &str = "\
#  Save and quit to store your changes; quit without saving to change nothing.
#  What is not set yet stands below behind a #: take the # away and fill it in.
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
        let done = self.run(arguments, script).done();
        let file = done.stderr.split_whitespace().find(|word| word.contains("/luca-secrets-edit-"));
        let shortened = done.stderr.replace(file.unwrap_or("[memory]").trim_end_matches(':'), "[memory]");
        assert_eq!((done.code, done.stdout.as_str(), shortened.as_str()), (code, "", stderr));
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
    desk.world.run(&["rm", "-qy", "sentry.dsn"]).success();
    desk.edit(
        "sed -i 's|^#  dsn = \"\"|  dsn = \"https://b.example.com\"|' \"$1\"",
        0,
        "ok: sentry.dsn added\n",
    );
}

#[test]
fn a_stub_filled_in_behind_its_mark_is_not_lost_in_a_comment() {
    let desk = Desk::new();
    desk.edit(
        "cp \"$1\" \"$HERE/shown\"; sed -i 's|^#  dsn = \"\"|#  dsn = \"https://a.example.com\"|' \"$1\"",
        1,
        &format!(
            "error: line 13: this is filled in, but still a comment: take the # away\n\
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
    desk.edit(
        "printf '\\357\\273\\277' > \"$1.new\"; cat \"$1\" >> \"$1.new\"; mv \"$1.new\" \"$1\"",
        0,
        UNCHANGED,
    );
    assert_eq!(desk.world.store_bytes(), before);
    assert!(desk.drafts().is_empty());
}

#[test]
fn an_unchanged_text_does_not_undo_what_others_wrote_meanwhile() {
    let desk = Desk::new();
    let script =
        format!("cd '{}' && printf 1234 | '{PROGRAM}' set -q database.port", desk.world.folder().display());
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
    desk.edit(
        "printf '[secrets.empty]\\n\\n' > \"$1.n\"; cat \"$1\" >> \"$1.n\"; mv \"$1.n\" \"$1\"",
        0,
        "ok: comments changed\n",
    );
    let before = desk.world.store_bytes();
    desk.edit("true", 0, UNCHANGED);
    assert_eq!(desk.world.store_bytes(), before);
}

#[test]
fn editors_that_replace_the_file_are_fine() {
    let desk = Desk::new();
    desk.edit(
        "sed 's/5432/6543/' \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"",
        0,
        "ok: database.port changed\n",
    );
    desk.edit(
        "cp \"$1\" \"$1~\"; mkdir \"$(dirname \"$1\")/.d\"; touch \"$(dirname \"$1\")/.d/x\"",
        0,
        UNCHANGED,
    );
}

// Mistakes.

#[test]
fn a_text_that_is_no_toml_comes_back_with_a_note_above_the_line() {
    let desk = Desk::new();
    let script = "\
        if [ -e \"$HERE/again\" ]; then cp \"$1\" \"$HERE/noted\"; sed -i 's/^port = .*/port = \"6543\"/' \"$1\"
        else touch \"$HERE/again\"; sed -i 's/^port = .*/port = \"6543/' \"$1\"; fi";
    desk.edit(script, 0, "error: line 9: column 8: not valid TOML: the text has no closing quote, or a backslash before a character that takes none\nok: database.port changed\n");
    let noted = desk.home("noted");
    assert!(noted.starts_with(&format!("{UNSTORED}{HEADER}")), "{noted}");
    assert!(
        noted.contains("\"\n#! column 8: not valid TOML: the text has no closing quote, or a backslash before a character that takes none\nport = \"6543\n"),
        "{noted}"
    );
    assert!(!desk.shown().contains("#!"));
}

#[test]
fn a_note_about_a_value_of_several_lines_is_taken_out_again() {
    let desk = Desk::new();
    let script = "\
        if [ -e \"$HERE/again\" ]; then cp \"$1\" \"$HERE/noted\"; sed -i 's/\\\\q/q/' \"$1\"
        else touch \"$HERE/again\"; sed -i 's/^password = .*/password = \"\"\"\\\\\\nwith a \\\\q in it \\\\\\n  and more\"\"\"/' \"$1\"; fi";
    let done = desk.run(&["edit"], script).done();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(desk.home("noted").contains("\n#! column"), "{}", desk.home("noted"));
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
    assert_eq!(third.lines().filter(|line| line.starts_with("#! ")).count(), 2, "{third}");
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
        (
            "s/^port = .*/&\\n[secrets]/",
            10,
            "column 1: tables among the secrets have the form [secrets.group]",
        ),
        (
            "s/^port = .*/&\\n[[secrets.x]]/",
            10,
            "column 1: tables among the secrets have the form [secrets.group]",
        ),
        ("s/^port = .*/port = correct/", 9, "column 8: not valid TOML: a text needs quotes around it"),
        ("s/^port = .*/port = correct horse/", 9, "column 8: not valid TOML: a text needs quotes around it"),
        (
            "s/^port = .*/port = [1]/",
            9,
            "column 1: database.port is a table or an array where a text belongs",
        ),
        (
            "s/^port = .*/port = 0x10/",
            9,
            "column 1: the value of database.port has several spellings, so write it as a text in quotes",
        ),
        ("s/^port = .*/port = \"\"/", 9, "database.port: set to nothing"),
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
        &format!("error: line 3: column 7: not valid TOML: key with no value\nerror: the text still has mistakes and was not changed any more\n{KEPT}"),
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
        &format!("error: line 14: a character here is not UTF-8; it now reads \u{fffd}\nerror: sh ended with exit code 1\n{KEPT}"),
    );
    assert!(desk.home("noted").contains("port = \"6543\""));
    assert!(desk.home("noted").contains("# caf\u{fffd}\n"));
}

// Losing much.

#[test]
fn dropping_more_than_half_asks_first() {
    let desk = Desk::new();
    let empty = "cp /dev/null \"$1\"";
    let warning = "warn: 2 of 2 secrets would be removed: database.password, database.port\n";
    let before = desk.world.store_bytes();
    desk.edit(
        empty,
        1,
        &format!(
            "{warning}error: a person would have to confirm this, and nobody is there to ask\n\
             hint: pass --yes to go ahead without asking\n{KEPT}"
        ),
    );
    desk.edit_with(&["edit", "--discard"], "", 0, "ok: the draft is gone\n");
    desk.run(&["edit"], empty).answers(&["n"]).gives(
        1,
        "",
        &format!("{warning}error: nothing was removed\n{KEPT}"),
    );
    desk.edit_with(&["edit", "--discard"], "", 0, "ok: the draft is gone\n");
    desk.run(&["edit"], empty).answers(&[]).gives(
        1,
        "",
        &format!("{warning}error: the question was not answered\n{KEPT}"),
    );
    assert_eq!(desk.world.store_bytes(), before);
    // The draft is taken up as it is, once it is saved.
    desk.edit_with(&["edit", "--resume"], "true", 0, "ok: nothing was saved, so the draft stays as it was\n");
    desk.run(&["edit", "--resume"], "touch \"$1\"").answers(&["y"]).gives(
        0,
        "",
        &format!("{warning}ok: database.password removed\nok: database.port removed\n"),
    );
    assert!(desk.drafts().is_empty());
}

#[test]
fn yes_answers_beforehand_and_half_is_not_more_than_half() {
    let desk = Desk::new();
    desk.edit("sed -i '/^port/d' \"$1\"", 0, "ok: database.port removed\n");
    desk.edit_with(&["edit", "--yes"], "sed -i '/^password/d' \"$1\"", 0, "ok: database.password removed\n");
}

// Editors.

#[test]
fn editors_that_cannot_be_used() {
    let desk = Desk::new();
    let refuse = |value: &str, stderr: &str| {
        desk.world.run(&["edit"]).env("EDITOR", value).gives(1, "", stderr);
        assert!(desk.drafts().is_empty());
    };
    refuse(
        "",
        "error: there is no editor: none of LUCA_SECRETS_EDITOR, VISUAL and EDITOR is set\nhint: for example: export EDITOR=nano\n",
    );
    refuse("'vim", "error: EDITOR: a quote is not closed\n");
    refuse(" ", "error: EDITOR: there is no program in it\n");
    refuse(
        "/does/not/exist -x",
        "error: /does/not/exist: there is no such program\nhint: correct EDITOR, or install it\n",
    );
    refuse("/etc/passwd", "error: /etc/passwd: it may not be run\nhint: correct EDITOR\n");
    refuse(
        "/opt/bin/code -n",
        "error: code returns before you have finished editing\nhint: tell it to wait: export EDITOR='/opt/bin/code -n --wait'\n",
    );
    refuse(
        "gvim",
        "error: gvim returns before you have finished editing\nhint: tell it to wait: export EDITOR='gvim --nofork'\n",
    );
}

#[test]
fn the_most_particular_variable_wins_and_arguments_may_hold_spaces() {
    let desk = Desk::new();
    let script = "echo \"$1|$2|$#\" > \"$HERE/arguments\"; false";
    let editor = format!("{} 'one argument' \"two'\"", desk.editor(script));
    let done = desk.run(&["edit"], script).env("LUCA_SECRETS_EDITOR", editor).env("VISUAL", "vim").done();
    assert_eq!(done.stderr, "error: sh ended with exit code 1\nhint: nothing was changed\n");
    assert_eq!(desk.home("arguments"), "one argument|two'|3\n");
}

#[test]
fn editors_that_keep_copies_are_warned_about() {
    let desk = Desk::new();
    let code = desk.world.home().join("code");
    executable(&code, "#!/bin/sh\n");
    let editor = format!("{} --wait", code.display());
    desk.run(&["edit"], "").env("EDITOR", editor).gives(
        0,
        "",
        "warn: code may leave copies of what it shows; it keeps a local history: exclude `**/luca-secrets-edit-*/**` \
         in its setting workbench.localHistory.exclude\nok: nothing changed, so the store was left alone\n",
    );
}

#[test]
fn the_file_is_private_in_memory_and_the_editor_gets_no_identity() {
    let desk = Desk::new();
    let script = "\
        { stat -c '%a' \"$1\" \"$(dirname \"$1\")\"; stat -f -c '%T' \"$1\"; env | grep IDENTITY; echo \"$1\"; } > \"$HERE/facts\"";
    desk.run(&["edit"], script)
        .env("LUCA_SECRETS_IDENTITY", IDENTITY)
        .env("LUCA_SECRETS_IDENTITY_FILE", "/x")
        .gives(0, "", UNCHANGED);
    let facts = desk.home("facts");
    assert!(
        facts.starts_with(&format!("600\n700\ntmpfs\n{}/luca-secrets-edit-", desk.memory.path().display())),
        "{facts}"
    );
}

#[test]
fn a_place_prepared_by_somebody_else_is_not_used() {
    // In this process the folder's name is known beforehand, as it is to an attacker.
    let desk = Desk::new();
    desk.edit("echo \"$1\" > \"$HERE/file\"", 0, UNCHANGED);
    let file = PathBuf::from(desk.home("file").trim());
    let elsewhere = desk.world.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, file.parent().unwrap()).unwrap();
    let done = desk.run(&["edit"], "true").done();
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{}", done.stderr);
}

// Editors that do not end well.

#[test]
fn an_editor_that_fails() {
    let desk = Desk::new();
    desk.edit("exit 3", 1, "error: sh ended with exit code 3\nhint: nothing was changed\n");
    desk.edit("kill -9 $$", 1, "error: sh was killed by signal 9\nhint: nothing was changed\n");
    desk.edit("rm \"$1\"", 1, "error: [memory]: no such file or directory\nhint: nothing was changed\n");
    assert!(desk.drafts().is_empty());
    for (end, says) in [
        ("exit 3", "sh ended with exit code 3"),
        ("kill -9 $$", "sh was killed by signal 9"),
        ("kill -SEGV $$", "sh was killed by signal 11"),
        ("kill -INT $$", "the edit was interrupted"),
    ] {
        desk.edit(&format!("{SET_PORT}; {end}"), 1, &format!("error: {says}\n{KEPT}"));
        let draft = desk.drafts().remove(0);
        assert!(draft.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
        assert_eq!(desk.get("database.port").as_deref(), Some("5432"));
        desk.edit_with(&["edit", "--discard"], "", 0, "ok: the draft is gone\n");
    }
    desk.edit_with(&["edit", "--discard"], "", 0, "ok: there was no draft\n");
}

#[test]
fn a_file_deleted_in_the_second_round_costs_nothing() {
    let desk = Desk::new();
    let script = "if [ -e \"$HERE/n\" ]; then rm \"$1\"; else touch \"$HERE/n\"; sed -i 's/^port = .*/port = \"x\"/' \"$1\"; fi";
    let done = desk.run(&["edit"], script).done();
    assert!(done.stderr.ends_with(KEPT), "{}", done.stderr);
    desk.edit_with(
        &["edit", "--resume"],
        "sed -i 's/^port = \"x\"/port = \"1\"/' \"$1\"",
        0,
        "ok: database.port changed\n",
    );
}

#[test]
fn what_an_editor_saved_on_its_way_out_is_taken() {
    for name in ["secrets.toml.save", "#secrets.toml#", "held.toml"] {
        let desk = Desk::new();
        let script =
            format!("sleep 0.05; sed 's/5432/6543/' \"$1\" > \"$(dirname \"$1\")/{name}\"; kill -9 $$");
        desk.edit(&script, 1, &format!("error: sh was killed by signal 9\n{KEPT}"));
        desk.edit_with(&["edit", "--resume"], "touch \"$1\"", 0, "ok: database.port changed\n");
    }
}

// Drafts.

#[test]
fn a_draft_blocks_plain_edits_and_is_taken_up_with_what_others_wrote() {
    let desk = Desk::new();
    desk.edit(
        &format!("{SET_PORT}; sed -i 's/^port/# mine\\n&/' \"$1\"; exit 1"),
        1,
        &format!("error: sh ended with exit code 1\n{KEPT}"),
    );
    desk.edit(
        "true",
        1,
        &format!(
            "error: the text of an interrupted edit is kept as a draft\n{}",
            KEPT.replace("the text is kept as an encrypted draft: ", "")
        ),
    );
    desk.world.run(&["set", "-q", "database.password"]).stdin("somebody else's").success();
    desk.edit_with(
        &["edit", "--resume"],
        "cp \"$1\" \"$HERE/shown\"; touch \"$1\"",
        0,
        "ok: database.port changed\n",
    );
    // The draft is shown as it was left, help and stubs included.
    assert!(desk.home("shown").starts_with(HEADER));
    assert!(desk.home("shown").contains("# mine\nport = \"6543\""));
    assert_eq!(desk.get("database.password").as_deref(), Some("somebody else's"));
    assert_eq!(desk.get("database.port").as_deref(), Some("6543"));
    assert!(desk.shown().contains("# mine\n"));
    assert!(desk.drafts().is_empty());
    desk.edit_with(&["edit", "--resume"], "true", 1, "error: there is no draft to take up\n");
}

#[test]
fn a_broken_text_is_kept_and_resumed_as_it_is() {
    let desk = Desk::new();
    desk.edit("echo 'half a li' >> \"$1\"; exit 1", 1, &format!("error: sh ended with exit code 1\n{KEPT}"));
    desk.edit_with(
        &["edit", "--resume"],
        "cp \"$1\" \"$HERE/shown\"; sed -i '/^half/d' \"$1\"",
        0,
        UNCHANGED,
    );
    assert!(
        desk.home("shown").ends_with("\n#! column 6: not valid TOML: key with no value\nhalf a li\n"),
        "{}",
        desk.home("shown")
    );
    assert!(desk.drafts().is_empty());
}

#[test]
fn two_changes_to_one_secret_are_a_conflict_that_resuming_settles() {
    let desk = Desk::new();
    let script = format!(
        "{SET_PORT}; cd '{}' && printf 1234 | '{PROGRAM}' set -q database.port",
        desk.world.folder().display()
    );
    desk.edit(
        &script,
        5,
        &format!(
            "error: somebody else changed database.port meanwhile, in another way\n\
             hint: nothing was written; look at the new values and do it again\n{KEPT}"
        ),
    );
    assert_eq!(desk.get("database.port").as_deref(), Some("1234"));
    desk.edit_with(
        &["edit", "--resume"],
        "cp \"$1\" \"$HERE/shown\"; touch \"$1\"",
        0,
        "ok: database.port changed\n",
    );
    let note = "#! database.port: somebody else changed it meanwhile, see `luca-secrets get database.port`; what you save now wins\nport = \"6543\"\n";
    assert!(desk.home("shown").contains(note), "{}", desk.home("shown"));
    assert_eq!(desk.get("database.port").as_deref(), Some("6543"));
}

#[test]
fn changes_to_different_secrets_are_merged() {
    let desk = Desk::new();
    let script = format!(
        "{SET_PORT}; cd '{}' && printf other | '{PROGRAM}' set -q database.password",
        desk.world.folder().display()
    );
    desk.edit(&script, 0, "ok: database.port changed\nok: merged with what somebody else wrote meanwhile\n");
    assert_eq!(desk.get("database.port").as_deref(), Some("6543"));
    assert_eq!(desk.get("database.password").as_deref(), Some("other"));
}

/// Refuses one kind of operation on paths that hold a word.
struct Refuse(Operation, &'static str);

impl Gate for Refuse {
    fn pass(&self, operation: Operation, path: &Path) -> io::Result<()> {
        if operation == self.0 && path.to_str().unwrap().contains(self.1) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

#[test]
fn a_store_that_cannot_be_written_costs_no_text() {
    for operation in [Operation::CreateTemporary, Operation::Write, Operation::SyncFile, Operation::Rename] {
        let desk = Desk::new();
        let before = desk.world.store_bytes();
        let done = desk.run(&["edit"], SET_PORT).gate(Arc::new(Refuse(operation, "secrets.enc"))).done();
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert!(done.stderr.ends_with(KEPT), "{}", done.stderr);
        assert_eq!(desk.world.store_bytes(), before);
        assert!(desk.left_in_memory().is_empty());
        desk.edit_with(&["edit", "--resume"], "touch \"$1\"", 0, "ok: database.port changed\n");
    }
}

#[test]
fn where_no_draft_can_be_kept_the_text_is_left_and_named_and_found_again() {
    let desk = Desk::new();
    let gate = Arc::new(Refuse(Operation::Rename, "drafts/"));
    let done = desk.run(&["edit"], &format!("{SET_PORT}; exit 1")).gate(gate).done();
    let left = desk.left_in_memory();
    assert_eq!(left.len(), 1);
    let file = left[0].join("secrets.toml");
    assert_eq!(
        done.stderr,
        format!(
            "error: sh ended with exit code 1\nhint: no draft could be kept, so the text was left in {}\n",
            file.display()
        )
    );
    assert!(fs::read_to_string(&file).unwrap().contains("port = \"6543\""));
    // Its owner is this process, which lives; under another number it counts as left behind.
    let name = left[0].to_str().unwrap().replace(&format!("-{}", std::process::id()), "-4194305");
    fs::rename(&left[0], &name).unwrap();
    desk.edit_with(
        &["edit", "--resume"],
        "touch \"$1\"",
        0,
        "warn: an earlier edit was killed; its text is kept as a draft\nok: database.port changed\n",
    );
}

// Signals, to the real program.

#[test]
fn a_signal_keeps_a_draft_and_leaves_nothing_in_memory() {
    for stop in ["-TERM", "-HUP"] {
        for (ignore, change, hint) in [
            ("", "", "hint: nothing was changed\n"),
            ("", SET_PORT, KEPT),
            ("trap '' TERM HUP;", SET_PORT, KEPT),
        ] {
            let desk = Desk::new();
            let before = desk.world.store_bytes();
            let child = desk.spawn(&format!(
                "{ignore} {change}\n touch \"$HERE/up\"; for i in 1 2 3 4 5 6 7 8 9; do sleep 1; done"
            ));
            desk.wait_for("up");
            assert_eq!(desk.left_in_memory().len(), 1);
            signal(&child, stop);
            let output = child.wait_with_output().unwrap();
            let expected = format!("error: the edit was interrupted\n{hint}");
            assert_eq!(texts(&output), (Some(1), String::new(), expected));
            assert!(desk.left_in_memory().is_empty());
            assert_eq!(desk.drafts().len(), usize::from(!change.is_empty()));
            assert_eq!(desk.world.store_bytes(), before);
        }
    }
}

#[test]
fn ctrl_c_is_left_to_the_editor() {
    // The terminal sends it to both. Vim and emacs go on, and so must we.
    let desk = Desk::new();
    let child = desk
        .spawn(&format!("touch \"$HERE/up\"; while [ ! -e \"$HERE/go\" ]; do sleep 0.05; done; {SET_PORT}"));
    desk.wait_for("up");
    signal(&child, "-INT");
    signal(&child, "-QUIT");
    std::thread::sleep(Duration::from_millis(100));
    fs::write(desk.world.home().join("go"), "").unwrap();
    assert_eq!(
        texts(&child.wait_with_output().unwrap()),
        (Some(0), String::new(), "ok: database.port changed\n".to_owned())
    );
}

#[test]
fn a_killed_edit_is_found_by_the_next_one_and_merged_from_where_it_began() {
    let desk = Desk::new();
    let mut child = desk.spawn(&format!("{SET_PORT}; touch \"$HERE/up\"; exec sleep 3"));
    desk.wait_for("up");
    signal(&child, "-KILL");
    child.wait().unwrap();
    desk.world.run(&["set", "-q", "database.password"]).stdin("newer").success();
    desk.edit(
        "true",
        1,
        &format!(
            "warn: an earlier edit was killed; its text is kept as a draft\n\
             error: the text of an interrupted edit is kept as a draft\n{}",
            KEPT.replace("the text is kept as an encrypted draft: ", "")
        ),
    );
    desk.edit_with(&["edit", "--resume"], "touch \"$1\"", 0, "ok: database.port changed\n");
    assert_eq!(desk.get("database.password").as_deref(), Some("newer"));
}

#[test]
fn a_killed_edit_without_changes_is_swept_away() {
    let desk = Desk::new();
    let mut child = desk.spawn("touch \"$HERE/up\"; exec sleep 3");
    desk.wait_for("up");
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert_eq!(desk.left_in_memory().len(), 1);
    desk.edit("true", 0, UNCHANGED);
}

#[test]
fn two_people_at_once_do_not_sweep_each_other_away() {
    let desk = Desk::new();
    let child = desk
        .spawn(&format!("touch \"$HERE/up\"; while [ ! -e \"$HERE/go\" ]; do sleep 0.05; done; {SET_PORT}"));
    desk.wait_for("up");
    desk.run(&["edit"], "").env("EDITOR", "true").gives(0, "", UNCHANGED);
    assert_eq!(desk.left_in_memory().len(), 1);
    fs::write(desk.world.home().join("go"), "").unwrap();
    assert_eq!(texts(&child.wait_with_output().unwrap()).2, "ok: database.port changed\n");
}

/// Runs the program under a terminal of its own by a script of steps (see `tests/tools/terminal.py`); gives the exit
/// code and all that the terminal showed.
fn on_terminal(desk: &Desk, arguments: &[&str], editor: &str, steps: &[&str]) -> (i32, String) {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/terminal.py");
    let output = Command::new("/usr/bin/python3")
        .arg(tool)
        .arg(steps.join("\n"))
        .arg(PROGRAM)
        .args(arguments)
        .current_dir(desk.world.folder())
        .env_clear()
        .env("HOME", desk.world.home())
        .env("HERE", desk.world.home())
        .env("USER", "tester")
        .env("TERM", "xterm")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("XDG_RUNTIME_DIR", desk.memory.path())
        .env("EDITOR", editor)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (code, shown) = text.split_once('\n').unwrap();
    (code.parse().unwrap(), shown.replace('\r', ""))
}

const EMPTY: &str = "cp /dev/null \"$1\"";
const QUESTION: &str =
    "warn: 2 of 2 secrets would be removed: database.password, database.port\nremove them? [y/N] ";

fn plain(text: &str) -> String {
    let mut plain = text.to_owned();
    for colour in ["\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m", "\x1b[1;36m", "\x1b[0m"] {
        plain = plain.replace(colour, "");
    }
    plain
}

#[test]
fn ctrl_c_or_a_signal_at_the_question_keeps_a_draft() {
    for step in ["type \\x03", "signal TERM", "type \\x04"] {
        let desk = Desk::new();
        let (code, shown) = on_terminal(&desk, &["edit"], &desk.editor(EMPTY), &["wait [y/N]", step, "end"]);
        let shown = plain(&shown)
            .replace("^C", "")
            .replace("[y/N] error", "[y/N] \nerror")
            .replace("[y/N] \n", "[y/N] ");
        assert_eq!(
            (code, shown),
            (1, format!("{QUESTION}error: the question was not answered\n{KEPT}")),
            "{step}"
        );
        assert!(desk.left_in_memory().is_empty());
        assert_eq!(desk.drafts().len(), 1);
    }
}

#[test]
fn a_terminal_that_goes_away_keeps_a_draft() {
    for script in [format!("{SET_PORT}; touch \"$HERE/up\"; exec sleep 9"), EMPTY.to_owned()] {
        let desk = Desk::new();
        let is_asked = script == EMPTY;
        let wait = if is_asked {
            "wait [y/N]".to_owned()
        } else {
            format!("file {}/up", desk.world.home().display())
        };
        let (code, _) = on_terminal(&desk, &["edit"], &desk.editor(&script), &[&wait, "hang up", "end"]);
        assert_eq!(code, 1);
        assert!(desk.left_in_memory().is_empty());
        assert_eq!(desk.drafts().len(), 1);
    }
}

#[test]
fn ctrl_c_in_an_editor_that_dies_of_it_keeps_a_draft() {
    let desk = Desk::new();
    let script = format!("{SET_PORT}; touch \"$HERE/up\"; exec sleep 9");
    let up = format!("file {}/up", desk.world.home().display());
    let (code, shown) = on_terminal(&desk, &["edit"], &desk.editor(&script), &[&up, "type \\x03", "end"]);
    assert_eq!(
        (code, plain(&shown).replace("^C", "")),
        (1, format!("error: the edit was interrupted\n{KEPT}"))
    );
}

// Real editors.

/// A home whose configuration asks for every copy that an editor can make.
fn hostile(desk: &Desk) {
    let home = desk.world.home();
    let vimrc = "set backup writebackup undofile swapfile viminfo='100,<1000,n~/.viminfo backupdir=~ undodir=~ directory=~\n\
                 autocmd BufWritePre * set backup undofile\n";
    for path in [".vimrc", ".config/nvim/init.vim"] {
        fs::create_dir_all(home.join(path).parent().unwrap()).unwrap();
        fs::write(home.join(path), vimrc).unwrap();
    }
    fs::write(
        home.join(".nanorc"),
        "set backup\nset backupdir \"~\"\nset locking\nset historylog\nset positionlog\n",
    )
    .unwrap();
    fs::write(
        home.join(".emacs"),
        "(setq make-backup-files t backup-directory-alist '((\".\" . \"~/backups\")) auto-save-interval 1 version-control t\n\
         auto-save-file-name-transforms '((\".*\" \"~/saves\" t)))\n(savehist-mode 1)\n(setq savehist-additional-variables '(kill-ring))\n",
    )
    .unwrap();
}

/// Every file below these folders that holds the word, in plain.
fn files_with(word: &str, folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut open: Vec<PathBuf> = folders.to_vec();
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                // A build's folder may lie below `/tmp`, with gigabytes in it.
                if !entry.path().join("CACHEDIR.TAG").exists() && entry.file_name() != ".git" {
                    open.push(entry.path());
                }
            } else if !entry.metadata().is_ok_and(|metadata| metadata.len() <= 1024 * 1024) {
                // No copy of a buffer of a few lines is that large.
                // Edits of other tests may be under way; the test's own folder in memory is looked at apart.
            } else if kind.is_file() && !entry.path().to_string_lossy().contains("/luca-secrets-edit-") {
                let content = fs::read(entry.path()).unwrap_or_default();
                if content.windows(word.len()).any(|window| window == word.as_bytes()) {
                    found.push(entry.path());
                }
            }
        }
    }
    found
}

/// An editor, the keys that put a comment at the top and save, and those that type one without saving.
const EDITORS: &[(&str, &str, &str)] = &[
    ("vim", "type ggO# MARKER-typed\\x1b:wq\\r", "type ggO# MARKER-typed\\x1b"),
    ("env LC_ALL=C vim", "type ggO# MARKER-typed\\x1b:wq\\r", "type ggO# MARKER-typed"),
    ("nvim", "type ggO# MARKER-typed\\x1b:wq\\r", "type ggO# MARKER-typed\\x1b"),
    ("nano", "type # MARKER-typed\\r\\x0f\\r\\x18", "type # MARKER-typed\\r"),
    ("emacs -nw", "type # MARKER-typed\\r\\x18\\x13\\x18\\x03", "type # MARKER-typed\\r"),
];

#[test]
#[ignore = "needs vim, neovim, nano and emacs; run tests/run"]
fn real_editors_save_and_leave_no_copy() {
    for (editor, save, _) in EDITORS {
        let desk = Desk::new();
        hostile(&desk);
        let kept = format!("MARKER-kept-{}", std::process::id());
        desk.world.run(&["set", "-q", "database.password"]).stdin(&kept).success();
        let typed = format!("MARKER-typed-{}", std::process::id());
        let save = save.replace("MARKER-typed", &typed);
        let (code, shown) = on_terminal(&desk, &["edit"], editor, &["wait database", "pause", &save, "end"]);
        assert_eq!(code, 0, "{editor}: {shown}");
        assert!(shown.contains("comments changed"), "{editor}: {shown}");
        let places = [
            desk.world.home(),
            desk.world.folder(),
            desk.memory.path().to_owned(),
            "/tmp".into(),
            "/dev/shm".into(),
        ];
        let none = Vec::<PathBuf>::new();
        assert_eq!(desk.left_in_memory(), none, "{editor}");
        assert_eq!(files_with(&typed, &places), none, "{editor}");
        assert_eq!(files_with(&kept, &places), none, "{editor}");
        assert!(desk.shown().contains("# MARKER-typed"), "{editor}");
    }
}

/// The test above would see a copy: without the options that we add, the same configuration leaves them.
#[test]
#[ignore = "needs vim, neovim, nano and emacs; run tests/run"]
fn the_same_vim_without_our_options_leaves_copies() {
    let desk = Desk::new();
    hostile(&desk);
    let kept = format!("MARKER-control-{}", std::process::id());
    desk.world.run(&["set", "-q", "database.password"]).stdin(&kept).success();
    let editor = desk.editor("exec vim \"$1\"");
    let (code, _) =
        on_terminal(&desk, &["edit"], &editor, &["wait database", "pause", "type ggO# x\\x1b:wq\\r", "end"]);
    assert_eq!(code, 0);
    assert_ne!(files_with(&kept, &[desk.world.home()]), Vec::<PathBuf>::new());
}

#[test]
#[ignore = "needs vim, neovim, nano and emacs; run tests/run"]
fn what_was_typed_and_not_saved_survives_a_terminal_that_goes_away() {
    for (editor, _, type_only) in EDITORS {
        for stop in ["hang up", "signal TERM"] {
            let desk = Desk::new();
            hostile(&desk);
            let typed = format!("MARKER-typed-{}", std::process::id());
            let type_only = type_only.replace("MARKER-typed", &typed);
            let steps = ["wait database", "pause", &type_only, "pause", stop, "end"];
            let (code, shown) = on_terminal(&desk, &["edit"], editor, &steps);
            assert_eq!(code, 1, "{editor}: {shown}");
            assert!(desk.left_in_memory().is_empty());
            let places = [desk.world.home(), desk.world.folder(), "/tmp".into()];
            assert_eq!(files_with(&typed, &places), Vec::<PathBuf>::new(), "{editor}");
            desk.edit_with(&["edit", "--resume"], "touch \"$1\"", 0, "ok: comments changed\n");
            assert!(desk.shown().contains("# MARKER-typed"), "{editor}");
        }
    }
}

#[test]
#[ignore = "needs vim, neovim, nano and emacs; run tests/run"]
fn leaving_a_real_editor_without_saving_changes_nothing() {
    for (editor, keys) in [
        ("vim", "type ggOtyped\\x1b:q!\\r"),
        ("vim", "type :q\\r"),
        ("nvim", "type ggOtyped\\x1b:q!\\r"),
        ("nano", "type typed\\x18n"),
        ("emacs -nw", "type \\x18\\x03"),
    ] {
        let desk = Desk::new();
        let before = desk.world.store_bytes();
        let (code, shown) = on_terminal(&desk, &["edit"], editor, &["wait database", "pause", keys, "end"]);
        assert_eq!(code, 0, "{editor}: {shown}");
        assert_eq!(desk.world.store_bytes(), before);
        assert!(desk.drafts().is_empty() && desk.left_in_memory().is_empty());
    }
}
