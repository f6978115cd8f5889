//! What runs when: `schedule`, `rotate --due`, and who is told.

mod clock;
mod due;
mod install;
mod runs;
mod told;

use crate::faults::{store_with, unseal};
use crate::harness::{Done, World};

/// Two rotations that need nobody and nothing; the second in a window on Tuesdays from two to five.
pub const SCHEMA: &str = r#"
[secrets.app.token]
type = "password"
generate = { length = 40 }
rotate = { every = "30d" }
[secrets.app.worker]
type = "password"
generate = { length = 40 }
rotate = { every = "30d", window = { days = ["tue"], from = "02:00", to = "05:00", zone = "UTC" } }
[env-file.app]
path = "app.env"
variables = { TOKEN = "{{ app.token }}", WORKER = "{{ app.worker }}" }
"#;

/// A project with these rotations and more of a schema, whose store says this behind its header.
pub fn project(more: &str, rest: &str) -> World {
    let world = World::new();
    world.write("schemas/schema.toml", format!("{SCHEMA}{more}"));
    let secrets = "\n[secrets.app]\ntoken = \"first token\"\nworker = \"first worker\"\n";
    store_with(&world, &format!("{secrets}{rest}"));
    world
}

/// What the store says of one that is due since the end of October.
pub const KEPT: &str = "{ from = 2026-10-01T12:00:00Z, every = 2592000, next = 2026-10-31T12:00:00Z }";

/// `[due]` with both rotations due since then.
pub fn both_due() -> String {
    format!("\n[due]\n\"app.token\" = {KEPT}\n\"app.worker\" = {KEPT}\n")
}

/// Since when both secrets have their values.
pub fn versions(since: &str) -> String {
    let line = |name| format!("\"app.{name}\" = {{ since = {since}, origin = \"edit\" }}\n");
    format!("\n[versions]\n{}{}", line("token"), line("worker"))
}

/// The store's document.
pub fn document(world: &World) -> String {
    unseal(&world.store_bytes())
}

/// The line of a rotation in `[due]`; nothing if there is none.
pub fn due(world: &World, name: &str) -> Option<String> {
    let document = document(world);
    let table = document.split("[due]\n").nth(1)?.to_owned();
    let mut lines = table.lines().take_while(|line| !line.is_empty());
    lines.find_map(|line| Some(line.strip_prefix(&format!("\"{name}\" = "))?.to_owned()))
}

/// The value of a secret.
pub fn value(world: &World, name: &str) -> String {
    world.run(&["get", name]).success().stdout + "\n"
}

/// `rotate --due` by nobody, at a moment.
pub fn look(world: &World, now: &'static str) -> Done {
    look_with(world, now, &[])
}

pub fn look_with(world: &World, now: &'static str, more: &[&str]) -> Done {
    let arguments = [&["rotate", "--due", "--local", "--yes", "--non-interactive"], more].concat();
    world.run(&arguments).at(now).done()
}
