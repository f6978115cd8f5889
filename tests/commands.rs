//! What each command says and does, whole.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::{IDENTITY, World};

const HEADER: &str =
    "# rendered by luca-secrets from generation 3 of the store; change it with `luca-secrets edit`\n";
const RENDERED: &str = "DB_PASSWORD='correct horse battery'\nDB_PORT=5432\n";

#[test]
fn init_makes_identity_schema_and_store_and_overwrites_nothing() {
    let world = World::empty();
    world.run(&["init"]).gives(
        0,
        "",
        "ok: made the identity [world]/home/.config/luca-secrets/identity.txt\n\
         ok: made the starter schema schemas/secrets.toml\n\
         ok: made the store secrets.enc\n\
         hint: back up [world]/home/.config/luca-secrets/identity.txt: without it nobody can open the store\n\
         hint: next: `luca-secrets edit` to put secrets in, `luca-secrets render` to write the env files\n",
    );
    let identity = world.home().join(".config/luca-secrets/identity.txt");
    assert_eq!(std::fs::metadata(&identity).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(world.mode("secrets.enc"), 0o600);
    let (before, key) = (world.store_bytes(), std::fs::read(&identity).unwrap());
    world.run(&["init"]).gives(
        1,
        "",
        "error: secrets.enc: a store exists already\n\
         hint: `luca-secrets edit` changes it; to start anew, move it away first\n",
    );
    assert!(world.store_bytes() == before && std::fs::read(&identity).unwrap() == key);
    std::fs::remove_file(world.path("secrets.enc")).unwrap();
    world.run(&["init"]).gives(
        0,
        "",
        "ok: using the identity that is there already\n\
         ok: added the store to [world]/home/.config/luca-secrets/identity.txt\n\
         ok: made the store secrets.enc\n\
         hint: back up [world]/home/.config/luca-secrets/identity.txt: without it nobody can open the store\n\
         hint: next: `luca-secrets edit` to put secrets in, `luca-secrets render` to write the env files\n",
    );
    let longer = std::fs::read(&identity).unwrap();
    assert!(longer.starts_with(b"# luca-secrets store: ") && longer.ends_with(&key));
    assert_eq!(longer.len(), key.len() + "# luca-secrets store: \n".len() + 32);
    world.run(&["list"]).success();
}

#[test]
fn init_with_dry_run_makes_nothing() {
    let world = World::empty();
    world.run(&["init", "-n"]).gives(
        0,
        "",
        "the identity [world]/home/.config/luca-secrets/identity.txt would be made\n\
         the schema schemas would be made\n\
         the store secrets.enc would be made\n",
    );
    assert_eq!(std::fs::read_dir(world.folder()).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(world.home()).unwrap().count(), 0);
}

#[test]
fn the_starter_schema_is_in_order() {
    let world = World::empty();
    world.run(&["init", "-q"]).success();
    world.run(&["generate", "--missing"]).gives(
        0,
        "",
        "ok: database.password added\nok: django.secret_key added\n",
    );
}

#[test]
fn set_takes_values_from_standard_input_a_file_or_a_person() {
    let world = World::new();
    world.run(&["set", "database.password"]).stdin("first value\n").gives(
        0,
        "",
        "ok: database.password added\n",
    );
    world.run(&["get", "database.password"]).gives(0, "first value", "");
    world.write("value.txt", "second value\r\n");
    world.run(&["set", "database.password", "--from-file", "value.txt"]).gives(
        0,
        "",
        "ok: database.password changed\n",
    );
    world.run(&["get", "database.password"]).gives(0, "second value", "");
    world.run(&["set", "database.password"]).answers(&["third value", "third value"]).gives(
        0,
        "",
        "ok: database.password changed\n",
    );
    world.run(&["get", "database.password"]).on_terminal().gives(0, "third value\n", "");
    world.run(&["set", "database.password"]).answers(&["a", "b"]).gives(
        1,
        "",
        "error: the two values differ\nhint: nothing was changed; try again\n",
    );
    world.run(&["set", "database.password"]).gives(
        1,
        "",
        "error: there is nobody to ask for the value\nhint: pipe it in, or pass --from-file FILE\n",
    );
    world.run(&["get", "database.password", "--json"]).gives(
        0,
        "{\n  \"name\": \"database.password\",\n  \"value\": \"third value\"\n}\n",
        "",
    );
}

#[test]
fn setting_the_same_value_leaves_the_bytes_alone() {
    let world = World::filled();
    let before = world.store_bytes();
    world.run(&["set", "database.port"]).stdin("5432").gives(
        0,
        "",
        "ok: nothing changed, so the store was left alone\n",
    );
    assert!(world.store_bytes() == before);
}

#[test]
fn values_of_several_lines_are_kept_byte_for_byte() {
    let world = World::new();
    for value in [
        "a\nb\n",
        "a\r\nb\r\n",
        "  a\n\n",
        "\u{feff}a\nb",
        "'''\n\"\"\"\n",
        "a\\\nb",
        "#\n[secrets.x]\ny = 1\n",
    ] {
        world.run(&["set", "-q", "notes.text", "--undeclared"]).stdin(value).success();
        world.run(&["get", "notes.text"]).gives(0, value, "");
    }
}

#[test]
fn names_that_the_schema_does_not_know_are_refused_with_a_guess() {
    let world = World::filled();
    let before = world.store_bytes();
    world.run(&["set", "database.pasword"]).stdin("x").gives(
        1,
        "",
        "error: database.pasword is not declared in the schema\n\
         hint: did you mean database.password?\n\
         hint: declare it as [secrets.database.pasword] in the schema, or pass --undeclared\n",
    );
    world.run(&["get", "database.prot"]).gives(
        1,
        "",
        "error: database.prot is not in the store\nhint: did you mean database.port?\n",
    );
    world.run(&["get", "Database"]).gives(
        2,
        "",
        "error: a secret's name has the form group.key, such as database.password\n",
    );
    assert!(world.store_bytes() == before);
}

#[test]
fn list_shows_names_and_ages_but_no_values() {
    let world = World::filled();
    world.run(&["set", "-q", "--undeclared", "old.thing"]).stdin("v").success();
    world.run(&["list"]).gives(
        0,
        "database.password  password         set         2026-11-23  edit\n\
         database.port      port             set         2026-11-23  edit\n\
         sentry.dsn         url              unset       -           -\n\
         old.thing          -                undeclared  2026-11-23  edit\n",
        "",
    );
    let json = world.run(&["list", "--json"]).success().stdout;
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        rows[0],
        serde_json::json!({
            "name": "database.password", "type": "password", "state": "set",
            "since": "2026-11-23T12:00:00Z", "origin": "edit"
        })
    );
}

#[test]
fn rm_says_who_uses_it_and_asks() {
    let world = World::filled();
    let before = world.store_bytes();
    let used = "warn: database.port is used by DB_PORT of django\n";
    world.run(&["rm", "database.port"]).gives(
        1,
        "",
        &format!(
            "{used}error: a person would have to confirm this, and nobody is there to ask\n\
             hint: pass --yes to go ahead without asking\n"
        ),
    );
    world.run(&["rm", "database.port"]).answers(&["n"]).gives(
        1,
        "",
        &format!("{used}error: nothing was removed\n"),
    );
    world.run(&["rm", "database.port", "-n"]).gives(
        0,
        "",
        &format!("{used}database.port would be removed\n"),
    );
    assert!(world.store_bytes() == before);
    world.run(&["rm", "database.port"]).answers(&["y"]).gives(
        0,
        "",
        &format!("{used}ok: database.port removed\n"),
    );
    world.run(&["rm", "database.port", "--yes"]).gives(
        1,
        "",
        "error: database.port is not in the store\nhint: `luca-secrets list` shows what there is\n",
    );
}

#[test]
fn generate_follows_the_policy_and_does_not_replace_unasked() {
    let world = World::new();
    world.run(&["generate", "database.password"]).gives(0, "", "ok: database.password added\n");
    let value = world.run(&["get", "database.password"]).success().stdout;
    assert!(value.len() == 40 && value.bytes().all(|b| b.is_ascii_alphanumeric()));
    world.run(&["generate", "database.password"]).gives(
        1,
        "",
        "error: database.password is set already\n\
         hint: pass --replace if its old value is no longer needed anywhere\n",
    );
    world.run(&["generate", "database.password", "--replace"]).gives(
        0,
        "",
        "ok: database.password changed\n",
    );
    assert!(world.run(&["get", "database.password"]).success().stdout != value);
    world.run(&["generate", "-n", "--replace", "database.password"]).gives(
        0,
        "",
        "database.password would be changed\n",
    );
    let refused = world.run(&["generate", "database.port"]).done();
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(
        refused.stderr.starts_with("error: database.port cannot be generated here: "),
        "{}",
        refused.stderr
    );
}

#[test]
fn check_shows_everything_at_once() {
    let world = World::new();
    world.run(&["check"]).gives(
        3,
        "",
        "error: database.password: required and not set\nhint: luca-secrets generate database.password\n\
         error: database.port: required and not set\nhint: luca-secrets set database.port\n",
    );
    let world = World::filled();
    world.run(&["check"]).gives(0, "", "ok: 2 secrets, nothing missing, nothing wrong\n");
    world.run(&["check", "--explain"]).gives(
        0,
        "database.password: password: fine\ndatabase.port: port: fine\nsentry.dsn: url: not set, optional\n",
        "ok: 2 secrets, nothing missing, nothing wrong\n",
    );
    world.run(&["check", "--json"]).gives(0, "[]\n", "");
    world.run(&["set", "-q", "--undeclared", "databse.password"]).stdin("v").success();
    let said = "warn: databse.password: not declared in the schema\n\
                hint: did you mean database.password?\n";
    world.run(&["check"]).gives(0, "", &format!("{said}ok: 3 secrets, nothing missing, 1 warning\n"));
    world.run(&["check", "--strict"]).gives(3, "", said);
}

#[test]
fn render_writes_once_and_leaves_what_is_unchanged() {
    let world = World::filled();
    let file = ".envs/.production/.django";
    world.run(&["render"]).gives(0, "", &format!("ok: {file}: 2 variables, generation 3\n"));
    assert_eq!(world.read(file), format!("{HEADER}{RENDERED}"));
    assert_eq!(world.mode(file), 0o600);
    let before = std::fs::metadata(world.path(file)).unwrap();
    world.run(&["render"]).gives(0, "", &format!("ok: {file}: unchanged, 2 variables\n"));
    world.run(&["set", "-q", "--undeclared", "other.thing"]).stdin("v").success();
    world.run(&["render"]).gives(0, "", &format!("ok: {file}: unchanged, 2 variables\n"));
    let after = std::fs::metadata(world.path(file)).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    std::fs::set_permissions(world.path(file), std::fs::Permissions::from_mode(0o644)).unwrap();
    world.run(&["render"]).gives(0, "", &format!("ok: {file}: 2 variables, generation 4\n"));
    assert_eq!(world.mode(file), 0o600);
}

#[test]
fn render_goes_where_it_is_told() {
    let world = World::filled();
    world.run(&["render", "django", "-"]).gives(0, &format!("{HEADER}{RENDERED}"), "");
    world.run(&["render", "--to", "-"]).gives(0, &format!("{HEADER}{RENDERED}"), "");
    world.run(&["render", "-n"]).gives(
        0,
        "",
        ".envs/.production/.django would be written: 2 variables, generation 3\n",
    );
    assert!(!world.path(".envs").exists());
    world.run(&["render", "--to", "own.env"]).gives(0, "", "ok: own.env: 2 variables, generation 3\n");
    assert_eq!(world.mode("own.env"), 0o600);
    world.run(&["render", "github.deploy", "-"]).gives(
        0,
        &format!("{HEADER}DB_PASSWORD='correct horse battery'\n"),
        "",
    );
    world.run(&["render", "github.deploy"]).gives(
        2,
        "",
        "error: github.deploy has no file of its own\n\
         hint: say where it goes: luca-secrets render github.deploy - or --to FILE\n",
    );
    world.run(&["render", "djnago"]).gives(
        1,
        "",
        "error: the schema has no target djnago\nhint: did you mean django?\nhint: nothing was written\n",
    );
    std::fs::create_dir(world.path("below")).unwrap();
    world.run(&["render", "-n"]).within("below").gives(
        0,
        "",
        "[world]/project/.envs/.production/.django would be written: 2 variables, generation 3\n",
    );
}

#[test]
fn render_refuses_symlinks_and_shared_folders() {
    let world = World::filled();
    world.write("elsewhere", "untouched");
    symlink("elsewhere", world.path("link.env")).unwrap();
    world.run(&["render", "--to", "link.env"]).gives(
        1,
        "",
        "error: link.env: a symlink, which would be replaced or followed\n\
         hint: remove the symlink, or name the file that it points to with --to\n",
    );
    assert_eq!(world.read("elsewhere"), "untouched");
    std::fs::create_dir(world.path("shared")).unwrap();
    std::fs::set_permissions(world.path("shared"), std::fs::Permissions::from_mode(0o777)).unwrap();
    world.run(&["render", "--to", "shared/own.env"]).gives(
        1,
        "",
        "error: shared: the folder can be written to by others\n\
         hint: take the right away from others: chmod go-w shared\n",
    );
    assert!(!world.path("shared/own.env").exists());
}

#[test]
fn render_names_everything_that_is_missing_and_writes_nothing() {
    let world = World::new();
    world.run(&["render"]).gives(
        1,
        "",
        "error: database.password is not set, and DB_PASSWORD needs it\n\
         error: database.port is not set, and DB_PORT needs it\n\
         hint: `luca-secrets check` shows everything that is missing or wrong\n\
         hint: nothing was written\n",
    );
    assert!(!world.path(".envs").exists());
}

#[test]
fn values_are_masked_in_github_actions_line_by_line() {
    let world = World::filled();
    world.run(&["set", "-q", "--undeclared", "deploy.key"]).stdin("first line\nabc\n100%\nlast\n").success();
    world.run(&["get", "deploy.key"]).env("GITHUB_ACTIONS", "true").gives(
        0,
        "first line\nabc\n100%\nlast\n",
        "::add-mask::first line\n::add-mask::100%25\n::add-mask::last\n",
    );
    world.run(&["render"]).env("GITHUB_ACTIONS", "true").gives(
        0,
        "",
        "::add-mask::correct horse battery\nok: .envs/.production/.django: 2 variables, generation 4\n",
    );
}

#[test]
fn export_speaks_five_forms() {
    let world = World::filled();
    world.run(&["export", "--format", "json"]).gives(
        0,
        "{\n  \"database\": {\n    \"password\": \"correct horse battery\",\n    \"port\": \"5432\"\n  }\n}\n",
        "",
    );
    world.run(&["export", "--format", "toml"]).gives(
        0,
        "[database]\npassword = \"correct horse battery\"\nport = \"5432\"\n",
        "",
    );
    world.run(&["export", "--format", "yaml"]).gives(
        0,
        "\"database\":\n  \"password\": \"correct horse battery\"\n  \"port\": \"5432\"\n",
        "",
    );
    world.run(&["export", "--format", "dotenv"]).gives(
        0,
        "DATABASE_PASSWORD='correct horse battery'\nDATABASE_PORT=5432\n",
        "",
    );
    world.run(&["export", "--format", "k8s", "django"]).gives(
        0,
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: django\ntype: Opaque\ndata:\n  \
         \"DB_PASSWORD\": \"Y29ycmVjdCBob3JzZSBiYXR0ZXJ5\"\n  \"DB_PORT\": \"NTQzMg==\"\n",
        "",
    );
    world.run(&["export", "--format", "json", "django", "--to", "out.json"]).gives(
        0,
        "",
        "ok: out.json: 2 values\n",
    );
    assert_eq!(world.mode("out.json"), 0o600);
    assert_eq!(
        world.read("out.json"),
        "{\n  \"DB_PASSWORD\": \"correct horse battery\",\n  \"DB_PORT\": \"5432\"\n}\n"
    );
}

#[test]
fn run_hands_over_exactly_the_variables() {
    let world = World::filled();
    let done = world.spawn(&["run", "--pristine", "--", "/usr/bin/env"]).output().unwrap();
    let mut lines: Vec<_> = std::str::from_utf8(&done.stdout).unwrap().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["DB_PASSWORD=correct horse battery", "DB_PORT=5432"]);
    let done = world
        .spawn(&["run", "--", "/usr/bin/env"])
        .env("OWN", "kept")
        .env("DB_PORT", "overruled")
        .env("LUCA_SECRETS_IDENTITY", IDENTITY)
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.contains("OWN=kept\n") && text.contains("DB_PORT=5432\n"), "{text}");
    assert!(!text.contains("LUCA_SECRETS") && !text.contains("AGE-SECRET-KEY"), "{text}");
}

#[test]
fn run_hands_the_exit_code_and_signals_on() {
    use std::os::unix::process::ExitStatusExt as _;
    let world = World::filled();
    let code = |arguments: &[&str]| world.spawn(arguments).output().unwrap().status;
    assert_eq!(code(&["run", "--", "sh", "-c", "exit 42"]).code(), Some(42));
    assert_eq!(code(&["run", "--", "sh", "-c", "kill -TERM $$"]).signal(), Some(15));
    assert_eq!(code(&["run", "--", "no-such-program"]).code(), Some(127));
    let script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child =
        world.spawn(&["run", "--", "sh", "-c", script]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn import_shows_a_plan_and_redacts_what_it_took() {
    let world = World::new();
    let page = "# Shop\n\n## Database\n- Password: Made*Up*Pass\n- Port: 5432\n- Note: nothing\n\n\
                ```\npsql postgres://u:Made*Up*Pass@192.0.2.20:5432/shop\n```\n";
    world.write("page.md", page);
    let plan = "line 4    database.password  new\nline 5    database.port  new\n\
                line 6    skipped: the schema declares no such secret\n";
    world.run(&["import", "page.md", "-n"]).gives(0, "", plan);
    assert_eq!(world.read("page.md"), page);
    world.run(&["import", "page.md", "--redact"]).answers(&["yes"]).gives(
        0,
        "",
        &format!(
            "{plan}ok: database.password added\nok: database.port added\nok: page.md: 2 places redacted\n\
             hint: earlier versions of the file, in git's history too, still hold the values: rotate them\n"
        ),
    );
    assert_eq!(world.read("page.md"), page.replace("Made*Up*Pass", "(in secrets.enc: database.password)"));
    world.run(&["get", "database.password"]).gives(0, "Made*Up*Pass", "");
    world.write("other.env", "DB_PASSWORD=another-one\nDB_PORT=5432\n");
    world.run(&["import", "other.env", "--yes"]).gives(
        0,
        "",
        "line 1    database.password  kept as it is: the store has another value (--replace takes this one)\n\
         line 2    database.port  the store has this value already\n\
         ok: there is nothing to import\n",
    );
    world.run(&["import", "other.env", "--yes", "--replace"]).success();
    world.run(&["get", "database.password"]).gives(0, "another-one", "");
}

#[test]
fn the_identity_is_looked_for_in_order() {
    let world = World::filled();
    let port = |run: crate::harness::Run<'_>| run.success().stdout;
    assert_eq!(port(world.run(&["get", "database.port", "-i", "-"]).stdin(IDENTITY)), "5432");
    let usual = world.home().join(".config/luca-secrets/identity.txt");
    let moved = world.path("moved.txt");
    std::fs::rename(usual, &moved).unwrap();
    assert_eq!(port(world.run(&["get", "database.port"]).env("LUCA_SECRETS_IDENTITY", IDENTITY)), "5432");
    assert_eq!(port(world.run(&["get", "database.port"]).env("LUCA_SECRETS_IDENTITY_FILE", &moved)), "5432");
    assert_eq!(port(world.run(&["get", "database.port", "--identity", "moved.txt"])), "5432");
    world.run(&["get", "database.port", "-v", "--identity", "moved.txt"]).gives(
        0,
        "5432",
        "identity from --identity: moved.txt\n",
    );
    world.run(&["get", "database.port"]).gives(
        1,
        "",
        "error: [world]/home/.config/luca-secrets/identity.txt: no identity here\n\
         hint: name one with --identity FILE, set LUCA_SECRETS_IDENTITY or LUCA_SECRETS_IDENTITY_FILE, or make one with `luca-secrets init`\n",
    );
}

#[test]
fn no_help_names_a_flag_twice() {
    let mut program = luca_secrets::cli::command_line();
    program.build();
    let mut open = vec![program];
    let mut looked = 0;
    while let Some(command) = open.pop() {
        let mut flags: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
        let count = flags.len();
        flags.sort_unstable();
        flags.dedup();
        assert_eq!(flags.len(), count, "{}", command.get_name());
        open.extend(command.get_subcommands().cloned());
        looked += 1;
    }
    assert!(looked > 40, "{looked}");
}

#[test]
fn help_completions_and_manual_pages_come_out() {
    let world = World::empty();
    let help = world.run(&["--help"]).success().stdout;
    assert!(help.contains("Start with `luca-secrets init`."), "{help}");
    for command in luca_secrets::cli::command_line().get_subcommands() {
        let name = command.get_name();
        let text = world.run(&[name, "--help"]).success().stdout;
        assert!(text.contains("Usage: luca-secrets") && text.len() > 600, "{name}: {text}");
        let page = world.run(&["man", name]).success().stdout;
        assert!(page.contains(".TH"), "{name}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(world.run(&["completions", shell]).success().stdout.contains("luca-secrets"), "{shell}");
    }
    assert!(world.run(&["--version"]).success().stdout.starts_with("luca-secrets "));
    assert_eq!(world.run(&["frobnicate"]).done().code, 2);
}

#[test]
fn the_demo_opens_and_is_in_order() {
    let world = World::empty();
    let root = env!("CARGO_MANIFEST_DIR");
    let identity = std::fs::read(format!("{root}/tests/demo/identity.txt")).unwrap();
    let done = world.run(&["-C", root, "check", "-i", "-"]).stdin(&identity).success();
    assert!(done.stderr.ends_with("ok: 22 secrets, nothing missing, 1 warning\n"), "{}", done.stderr);
    let rendered =
        world.run(&["-C", root, "render", "django", "-", "-i", "-"]).stdin(&identity).success().stdout;
    assert!(
        rendered.contains("\nCLERK_JWKS_URL=https://brave-otter-12.clerk.accounts.example.com/"),
        "{rendered}"
    );
}
