//! A page shown to whoever sits here, by their own browser, which nobody waits for.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::env::{Environment, Variable};
use super::memory::with_inherited_limits;

/// What a browser needs of the environment: where its desktop is, and how it speaks. Tokens and keys are not among it.
const NAMES: [&str; 15] = [
    "BROWSER",
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "USER",
    "WAYLAND_DISPLAY",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "XAUTHORITY",
];

/// What other such names begin with.
const PREFIXES: [&str; 4] = ["GNOME_", "KDE_", "LC_", "XDG_"];

/// Stands for the address in a command of `BROWSER`.
const ADDRESS: &str = "%s";

/// A program that shows pages, or several to be tried in turn.
pub struct Browser {
    /// Each in words.
    commands: Vec<Vec<String>>,
    environment: Vec<(OsString, OsString)>,
}

impl Browser {
    /// What `BROWSER` names, or else the desktop's own; `None` where there is neither.
    pub fn of(env: &Environment) -> Option<Self> {
        let split = |command: &str| command.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut commands: Vec<_> =
            env.text(Variable::Browser).unwrap_or_default().split(':').map(split).collect();
        commands.retain(|words| !words.is_empty());
        if commands.is_empty() {
            let has_desktop = [Variable::Display, Variable::WaylandDisplay].map(|one| env.get(one).is_some());
            let opener = match has_desktop {
                _ if cfg!(target_os = "macos") => "open",
                [false, false] => return None,
                _ => "xdg-open",
            };
            commands.push(vec![opener.to_owned()]);
        }
        let is_good =
            |name: &str| NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        Some(Self { commands, environment: env.only(is_good) })
    }

    /// Shows a page: whether a program could be started. What becomes of it nobody looks at.
    pub fn open(&self, url: &str) -> bool {
        self.commands.iter().any(|words| self.start(words, url))
    }

    fn start(&self, words: &[String], url: &str) -> bool {
        let mut words: Vec<String> = words.iter().map(|word| word.replace(ADDRESS, url)).collect();
        if !words.iter().any(|word| word.contains(url)) {
            words.push(url.to_owned());
        }
        let Some((name, arguments)) = words.split_first() else { return false };
        let mut command = Command::new(name);
        command.args(arguments).current_dir("/").env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // A group of its own, so that Ctrl-C at a question does not end it.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let Ok(mut child) = with_inherited_limits(|| command.spawn()) else { return false };
        std::thread::spawn(move || child.wait());
        true
    }
}
