//! The user's editor, told to leave no copies of what it shows.

use std::ffi::OsString;
use std::path::Path;

use crate::cli::failure::Failure;
use crate::sys::{self, Environment, Session, SessionEnd, Variable};

/// Settings that keep vim and neovim from writing a copy, before and after the user's own configuration.
const VIM: &str = "set nobackup nowritebackup noundofile noswapfile";

/// The same for emacs.
const EMACS: &str = "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)";

/// Editors that open a window and return at once unless they are told to wait.
const RETURN_AT_ONCE: &[&str] = &[
    "code",
    "code-insiders",
    "codium",
    "cursor",
    "windsurf",
    "zed",
    "subl",
    "atom",
    "mate",
    "gedit",
    "kate",
];

/// How an editor wants to be told the line to start at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Vim,
    Nano,
    Emacs,
    Other,
}

/// An editor and its arguments.
pub(in crate::cli) struct Program {
    words: Vec<String>,
    family: Family,
}

impl Program {
    /// The user's editor: `LUCA_SECRETS_EDITOR`, else `VISUAL`, else `EDITOR`, split into words as a shell would.
    pub(in crate::cli) fn find(env: &Environment) -> Result<Self, Failure> {
        let variables = [Variable::LucaSecretsEditor, Variable::Visual, Variable::Editor];
        let found = variables.into_iter().find_map(|variable| Some((variable, env.text(variable)?)));
        let Some((variable, command)) = found else {
            return Err(Failure::new(
                "there is no editor: none of LUCA_SECRETS_EDITOR, VISUAL and EDITOR is set",
            )
            .hint("for example: export EDITOR=nano"));
        };
        let words = shell_words::split(command)
            .map_err(|_| Failure::new(format_args!("{}: a quote is not closed", variable.name())))?;
        let Some(program) = words.first() else {
            return Err(Failure::new(format_args!("{}: there is no program in it", variable.name())));
        };
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let waits =
            words.iter().any(|word| word == "--wait" || word == "-w" || word == "--block" || word == "-b");
        if RETURN_AT_ONCE.contains(&name.as_str()) && !waits {
            return Err(Failure::new(format_args!("{name} returns before you have finished editing"))
                .hint(format_args!("tell it to wait: export {}='{command} --wait'", variable.name())));
        }
        let family = family(&name, program, env);
        Ok(Self { words, family })
    }

    /// Shows a file at a line and waits.
    pub(in crate::cli) fn open(
        &self,
        file: &Path,
        line: Option<usize>,
        env: &Environment,
    ) -> Result<SessionEnd, Failure> {
        let (program, typed) = self.words.split_first().ok_or_else(|| Failure::new("there is no editor"))?;
        let fail = |error| Failure::new(format_args!("{program}: the editor cannot be started: {error}"));
        let mut arguments: Vec<OsString> = typed.iter().map(Into::into).collect();
        arguments.extend(self.hardening().into_iter().map(Into::into));
        if let Some(line) = line.filter(|_| self.family != Family::Other) {
            arguments.push(format!("+{line}").into());
        }
        arguments.push(file.into());
        let session = Session::start(program, &arguments, env.for_children()).map_err(fail)?;
        session.wait().map_err(fail)
    }

    /// The editor's name, for messages.
    pub(in crate::cli) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn hardening(&self) -> Vec<&'static str> {
        match self.family {
            // -n: no swap file; -i NONE: no viminfo, no shada; the settings twice, since a vimrc may turn them back on.
            Family::Vim => vec!["-n", "-i", "NONE", "--cmd", VIM, "-c", VIM],
            Family::Nano => vec!["--ignorercfiles"],
            Family::Emacs => vec!["--eval", EMACS],
            Family::Other => Vec::new(),
        }
    }
}

fn family(name: &str, program: &str, env: &Environment) -> Family {
    match name {
        "vim" | "nvim" | "vim.tiny" | "vim.basic" | "vim.nox" | "vim.gtk3" => Family::Vim,
        // Other programs call themselves vi too; only vim understands vim's options.
        "vi" | "view" | "editor" | "sensible-editor" => {
            let version = sys::output(program, &["--version"], env.for_children()).unwrap_or_default();
            if version.contains("VIM") {
                Family::Vim
            } else if version.contains("GNU nano") {
                Family::Nano
            } else {
                Family::Other
            }
        }
        "nano" | "rnano" => Family::Nano,
        "emacs" | "emacs-nox" | "emacs-gtk" => Family::Emacs,
        _ => Family::Other,
    }
}
