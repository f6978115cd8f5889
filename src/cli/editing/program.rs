//! The user's editor, told to leave no copies of what it shows.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use crate::cli::failure::Failure;
use crate::sys::{self, Environment, Session, SessionEnd, Signals, Variable};

/// The variable in which vim finds the folder of its file.
const FOLDER: &str = "LUCA_SECRETS_EDIT_FOLDER";

/// Settings that keep vim and neovim from writing a copy, and from taking orders from the text (modelines).
const VIM_BEFORE: &str = "set nobackup nowritebackup noundofile noswapfile nomodeline";

/// The same once the user's own configuration has spoken; what it brings back on later events lands in our folder.
const VIM_AFTER: &[&str] = &[
    "set nobackup nowritebackup noundofile noswapfile viminfo= updatetime=500",
    "silent! let &backupdir=$LUCA_SECRETS_EDIT_FOLDER | let &undodir=&backupdir | let &directory=&backupdir",
];

/// Without a swap file vim would lose what was typed if the terminal goes away, so it holds a copy in our folder,
/// brought up to date when the typing rests for half a second (`updatetime`).
const VIM_HOLD: &str = "silent! autocmd TextChanged,InsertLeave,CursorHold,CursorHoldI <buffer> \
    silent! call writefile(getline(1, '$'), $LUCA_SECRETS_EDIT_FOLDER . '/held.toml')";

/// The same for emacs, whose auto-save file is to stand beside its file and nowhere else.
const EMACS: &str = "(progn (setq make-backup-files nil create-lockfiles nil auto-save-default t \
    auto-save-file-name-transforms nil auto-save-list-file-prefix nil enable-local-variables nil \
    undo-tree-auto-save-history nil savehist-additional-variables nil) \
    (if (bound-and-true-p auto-save-visited-mode) (auto-save-visited-mode -1)))";

/// Editors that keep copies of what they show, and cannot be told from outside not to: the user has to do it.
const KEEP_COPIES: &[(&str, &str)] = &[
    ("code", CODE),
    ("code-insiders", CODE),
    ("codium", CODE),
    ("cursor", CODE),
    ("windsurf", CODE),
    ("emacsclient", "a running Emacs makes backups and auto-saves as it is configured"),
];
const CODE: &str = "it keeps a local history: exclude `**/luca-secrets-edit-*/**` in its setting workbench.localHistory.exclude";

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
    "gnome-text-editor",
    "gvim",
    "mvim",
];

/// The options by which they are told.
const WAIT: &[&str] = &["--wait", "-w", "--block", "-b", "--nofork", "-f", "-s", "--standalone"];

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
    /// Where the command was found.
    variable: Variable,
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
        // `env NAME=value vim` is vim.
        let is_prefix = |word: &String| file_name(word) == "env" || word.contains('=');
        let Some(program) = words.iter().find(|word| !is_prefix(word)) else {
            return Err(Failure::new(format_args!("{}: there is no program in it", variable.name())));
        };
        let name = file_name(program);
        let waits = words.iter().any(|word| WAIT.contains(&word.as_str()));
        if RETURN_AT_ONCE.contains(&name.as_str()) && !waits {
            return Err(Failure::new(format_args!("{name} returns before you have finished editing")).hint(
                format_args!(
                    "tell it to wait: export {}='{command} {}'",
                    variable.name(),
                    wait_option(&name)
                ),
            ));
        }
        let family = family(&name, program, env);
        Ok(Self { words, family, variable })
    }

    /// Shows a file at a line and waits.
    pub(in crate::cli) fn open(
        &self,
        file: &Path,
        line: Option<usize>,
        env: &Environment,
        signals: &Signals,
    ) -> Result<SessionEnd, Failure> {
        let (program, typed) = self.words.split_first().ok_or_else(|| Failure::new("there is no editor"))?;
        let fail = |error: io::Error| self.not_started(&error);
        let mut arguments: Vec<OsString> = typed.iter().map(Into::into).collect();
        arguments.extend(self.hardening().into_iter().map(Into::into));
        if let Some(line) = line.filter(|_| self.family != Family::Other) {
            arguments.push(format!("+{line}").into());
        }
        arguments.push(file.into());
        let folder = file.parent().unwrap_or(file).as_os_str();
        let environment = env.for_children().chain([(OsStr::new(FOLDER), folder)]);
        let session = Session::start(program, &arguments, environment, signals).map_err(fail)?;
        session.wait().map_err(fail)
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        let name = self.name();
        match error.kind() {
            io::ErrorKind::NotFound => Failure::new(format_args!("{name}: there is no such program"))
                .hint(format_args!("correct {}, or install it", self.variable.name())),
            io::ErrorKind::PermissionDenied => Failure::new(format_args!("{name}: it may not be run"))
                .hint(format_args!("correct {}", self.variable.name())),
            _ => Failure::new(format_args!("{name}: the editor cannot be started: {error}")),
        }
    }

    /// What a person should know before secrets are shown in this editor.
    pub(in crate::cli) fn caution(&self) -> Option<String> {
        let name = file_name(self.name());
        let (_, why) = KEEP_COPIES.iter().find(|(editor, _)| *editor == name)?;
        Some(format!("{name} may leave copies of what it shows; {why}"))
    }

    /// Whether this exit code means that the person gave up, so that what was not saved was not meant to be kept.
    pub(in crate::cli) fn gives_up_with(&self, code: i32) -> bool {
        self.family == Family::Vim && code != 0
    }

    /// The editor's name, for messages.
    pub(in crate::cli) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn hardening(&self) -> Vec<&'static str> {
        match self.family {
            // -n: no swap file; -i NONE: no viminfo, no shada; the settings twice, since a vimrc may turn them back on.
            Family::Vim => {
                let mut arguments = vec!["-n", "-i", "NONE", "--cmd", VIM_BEFORE];
                arguments.extend(VIM_AFTER.iter().chain([&VIM_HOLD]).flat_map(|command| ["-c", command]));
                arguments
            }
            Family::Nano => vec!["--ignorercfiles"],
            Family::Emacs => vec!["--eval", EMACS],
            Family::Other => Vec::new(),
        }
    }
}

/// The program's name without its folder.
fn file_name(program: &str) -> String {
    Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// How an editor that returns at once is told to wait.
fn wait_option(name: &str) -> &'static str {
    match name {
        "kate" => "--block",
        "gnome-text-editor" => "--standalone",
        "gvim" | "mvim" => "--nofork",
        _ => "--wait",
    }
}

fn family(name: &str, program: &str, env: &Environment) -> Family {
    match name {
        "vim" | "nvim" | "gvim" | "mvim" | "vimx" | "vim.tiny" | "vim.basic" | "vim.nox" | "vim.gtk3" => {
            Family::Vim
        }
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
