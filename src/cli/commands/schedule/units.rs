//! The files that have `rotate --due` run on time, as text.

use std::path::Path;

use crate::secret::FingerprintKey;

/// How often a scheduler looks. No window is shorter than twice that.
const EVERY_MINUTES: u32 = 15;

/// What is run, and where.
pub(super) struct Job<'j> {
    /// The name of the units, `luca-secrets-shop`.
    pub(super) name: &'j str,
    /// This program.
    pub(super) program: &'j Path,
    /// The project's folder.
    pub(super) project: &'j Path,
    /// Whether the journal on this machine is enough.
    pub(super) is_local: bool,
}

/// Where systemd or cron finds the identity.
pub(super) enum IdentityFrom<'j> {
    /// A file, which systemd hands on to the service alone.
    File(&'j Path),
    /// A file that `systemd-creds` has encrypted for this machine.
    Encrypted(&'j Path),
}

impl Job<'_> {
    fn command(&self) -> String {
        let local = if self.is_local { " --local" } else { "" };
        format!("{} rotate --due --yes --non-interactive{local}", self.program.display())
    }

    /// The unit that does it. It may write below the project and nowhere else, and sees the identity as a credential.
    pub(super) fn service(&self, identity: &IdentityFrom<'_>, user: &str) -> String {
        let credential = match identity {
            IdentityFrom::File(path) => format!("LoadCredential=identity:{}", path.display()),
            IdentityFrom::Encrypted(path) => format!("LoadCredentialEncrypted=identity:{}", path.display()),
        };
        let name = self.name;
        marked(&format!(
            "{}User={user}\n\
             {credential}\n\
             Environment=LUCA_SECRETS_IDENTITY_FILE=%d/identity\n\
             Environment=LUCA_SECRETS_STATE=%S/{name}\n\
             StateDirectory={name}\n\
             StateDirectoryMode=0700\n\
             {HARDENED}{PRIVILEGED}",
            self.service_head("network-online.target")
        ))
    }

    /// The same for the user's own manager, which cannot encrypt credentials and needs none: the file is the user's.
    pub(super) fn user_service(&self, identity: &Path) -> String {
        marked(&format!(
            "{}Environment=LUCA_SECRETS_IDENTITY_FILE={}\n{HARDENED}PrivateUsers=yes\n",
            self.service_head("default.target"),
            identity.display()
        ))
    }

    fn service_head(&self, after: &str) -> String {
        let (project, command) = (self.project.display(), self.command());
        let wants = if after == "network-online.target" { "Wants=network-online.target\n" } else { "" };
        format!(
            "[Unit]\n\
             Description=Rotate the credentials of {project} that are due\n\
             {wants}After={after} time-sync.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             ExecStart={command}\n\
             WorkingDirectory={project}\n\
             ReadWritePaths={project}\n\
             # It stops at the next place where a rotation can rest.\n\
             TimeoutStartSec=3h\n\
             TimeoutStopSec=10min\n"
        )
    }

    /// When it is done: often, since the windows stand in the schema; and after a time without power at once.
    pub(super) fn timer(&self) -> String {
        marked(&format!(
            "[Unit]\n\
             Description=Look which credentials of {} are due\n\
             \n\
             [Timer]\n\
             OnCalendar=*:0/{EVERY_MINUTES}\n\
             RandomizedDelaySec=2min\n\
             Persistent=true\n\
             \n\
             [Install]\n\
             WantedBy=timers.target\n",
            self.project.display()
        ))
    }

    /// A file for `/etc/cron.d`, or without a user a line for `crontab -e`.
    pub(super) fn cron(&self, identity: &Path, user: Option<&str>) -> String {
        let user = user.map(|user| format!("{user} ")).unwrap_or_default();
        let (project, identity, command) = (self.project.display(), identity.display(), self.command());
        let variable = "LUCA_SECRETS_IDENTITY_FILE";
        marked(&format!(
            "*/{EVERY_MINUTES} * * * * {user}cd {project} && {variable}={identity} {command} --quiet\n"
        ))
    }

    /// A workflow. GitHub starts it late, and in the end not at all where nobody writes to the repository any more.
    pub(super) fn workflow(&self, folder: &str) -> String {
        let name = self.name;
        let folder = if folder.is_empty() { String::new() } else { format!(" --directory {folder}") };
        marked(&format!(
            "name: {name}\n\
             on:\n\
             \x20 schedule:\n\
             \x20   # In UTC; GitHub may be late. The windows stand in the schema.\n\
             \x20   - cron: \"17 * * * *\"\n\
             \x20 workflow_dispatch:\n\
             # One at a time, and none that is stopped in the middle.\n\
             concurrency:\n\
             \x20 group: {name}\n\
             \x20 cancel-in-progress: false\n\
             permissions:\n\
             \x20 # For a home of the store that is a branch of this repository.\n\
             \x20 contents: write\n\
             jobs:\n\
             \x20 rotate:\n\
             \x20   runs-on: ubuntu-latest\n\
             \x20   timeout-minutes: 180\n\
             \x20   steps:\n\
             \x20     - uses: actions/checkout@v4\n\
             \x20     # Put luca-secrets on the runner here, the way the project's other programs get there.\n\
             \x20     - run: luca-secrets{folder} remote pull\n\
             \x20       env:\n\
             \x20         LUCA_SECRETS_IDENTITY: ${{{{ secrets.LUCA_SECRETS_IDENTITY }}}}\n\
             \x20     - run: luca-secrets{folder} rotate --due --yes --non-interactive\n\
             \x20       env:\n\
             \x20         LUCA_SECRETS_IDENTITY: ${{{{ secrets.LUCA_SECRETS_IDENTITY }}}}\n"
        ))
    }
}

/// What a service needs no right for: it runs with these as root, and as anybody else.
const HARDENED: &str = "\
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
";

/// What only the system's manager can take away.
const PRIVILEGED: &str = "\
CapabilityBoundingSet=
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectProc=invisible
RemoveIPC=yes
KeyringMode=private
LimitMEMLOCK=64M
";

const MARK: &str =
    "# Made by `luca-secrets schedule install`, which replaces it as long as nobody has changed it: ";

/// The text below a line that says who made it, with a digest of it.
fn marked(text: &str) -> String {
    format!("{MARK}{}\n{text}", digest(text))
}

/// Whether a file is one that was made here, and that nobody has changed since.
pub(super) fn is_ours(content: &str) -> bool {
    let parts = content.strip_prefix(MARK).and_then(|rest| rest.split_once('\n'));
    parts.is_some_and(|(mark, text)| mark == digest(text))
}

fn digest(text: &str) -> String {
    FingerprintKey::new("schedule").of_text(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job<'static> {
        let (program, project) = (Path::new("/usr/bin/luca-secrets"), Path::new("/srv/shop"));
        Job { name: "luca-secrets-shop", program, project, is_local: false }
    }

    #[test]
    fn what_was_made_is_known_again_until_it_is_changed() {
        let timer = job().timer();
        assert!(is_ours(&timer));
        for changed in [
            timer.replace("0/15", "0/5"),
            format!("{timer}\n"),
            timer.replacen('#', ";", 1),
            timer.split_once('\n').unwrap().1.to_owned(),
            String::new(),
        ] {
            assert!(!is_ours(&changed), "{changed}");
        }
    }

    #[test]
    fn a_line_for_cron_is_one_line() {
        let cron = job().cron(Path::new("/root/id.txt"), None);
        let (_, line) = cron.split_once('\n').unwrap();
        assert_eq!(
            line,
            "*/15 * * * * cd /srv/shop && LUCA_SECRETS_IDENTITY_FILE=/root/id.txt \
             /usr/bin/luca-secrets rotate --due --yes --non-interactive --quiet\n"
        );
    }
}
