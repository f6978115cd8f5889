//! What is done on a server: one script on the standard input of `sh`, so that nothing of it stands in a list of
//! processes, and a connection that breaks off in the middle leaves it incomplete and so undone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::secret::{SecretText, hex};

/// What every script begins with: where the file is, and whether it is one that may be changed.
const PLACE: &str = r#"set -u
LC_ALL=C PATH="$PATH:/usr/local/bin:/usr/bin:/bin"; export LC_ALL PATH
temp=
say() { printf 'luca-secrets: %s\n' "$*"; }
fail() { [ -z "$temp" ] || rm -f -- "$temp"; say "failed $*"; exit 0; }
digest() { sha256sum | cut -d ' ' -f 1; }
place() {
  case $file in /*) ;; *) file=$HOME/$file ;; esac
  folder=${file%/*}
  [ ! -L "$file" ] || fail symlink
  [ -e "$file" ] || fail missing
  [ -f "$file" ] && [ -r "$file" ] || fail unreadable
  me=$(id -u)
  for part in "$file" "${folder:-/}"; do
    set -- $(stat -c '%u %a' -- "$part") || fail unreadable
    [ "$1" = 0 ] || [ "$1" = "$me" ] || fail owner
    case $2 in *[2367]? | *[2367]) fail modes ;; esac
  done
}
"#;

const LOOK: &str = r#"main() {
  place
  say "content $(digest <"$file") $(base64 <"$file" | tr -d '\n')"
}
main
"#;

/// The copy has owner and mode of the file; only its content is changed. What was not written whole is not put in place.
const SWAP: &str = r#"main() {
  place
  exec 9<"${folder:-/}" || fail lock
  flock -w 20 9 || fail lock
  rm -f -- "$file".luca-secrets-*
  [ "$(digest <"$file")" = "$before" ] || fail changed
  umask 077
  temp=$file.luca-secrets-$id
  cp -p -- "$file" "$temp" 2>/dev/null || fail write
  content 2>/dev/null >"$temp" || fail write
  [ "$(digest <"$temp")" = "$after" ] || fail write
  [ "$(stat -c '%u %g %a' -- "$temp")" = "$(stat -c '%u %g %a' -- "$file")" ] || fail owner
  sync -- "$temp" 2>/dev/null || sync
  [ "$(digest <"$file")" = "$before" ] || fail changed
  mv -f -- "$temp" "$file" 2>/dev/null || fail write
  temp=
  sync -- "${folder:-/}" 2>/dev/null || sync
  say swapped
}
main
"#;

/// What came of a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The file's content.
    Content(Vec<u8>),
    /// The file is as it should be now.
    Swapped,
    /// Nothing was changed, for the reason given.
    Failed(Fault),
    /// No word of ours.
    Nothing,
}

/// Why nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Symlink,
    Missing,
    Unreadable,
    Owner,
    Modes,
    Lock,
    Changed,
    Write,
}

impl Fault {
    const WORDS: [(&'static str, Self); 8] = [
        ("symlink", Self::Symlink),
        ("missing", Self::Missing),
        ("unreadable", Self::Unreadable),
        ("owner", Self::Owner),
        ("modes", Self::Modes),
        ("lock", Self::Lock),
        ("changed", Self::Changed),
        ("write", Self::Write),
    ];

    /// What is wrong with the file of that name.
    pub(super) fn message(self, file: &str) -> String {
        match self {
            Self::Symlink => format!("{file} is a symbolic link, which is not followed"),
            Self::Missing => format!("{file} is not there"),
            Self::Unreadable => format!("{file} cannot be read, or is no file"),
            Self::Owner => format!("{file} or its folder belongs to somebody else"),
            Self::Modes => {
                format!("{file} or its folder can be written by others, and sshd ignores such a file")
            }
            Self::Lock => format!("somebody else has been changing {file} for 20 s, or flock is missing"),
            Self::Changed => format!("somebody has changed {file} meanwhile"),
            Self::Write => format!("{file} could not be written: is the disk full, or the file protected?"),
        }
    }
}

/// Reads the file.
pub(super) fn look(file: &str) -> SecretText {
    SecretText::new(format!("{PLACE}file={}\n{LOOK}", quoted(file)))
}

/// Replaces the file's content, if it still is what it was.
pub(super) fn swap(file: &str, id: &str, before: &[u8], after: &[u8]) -> SecretText {
    let digest = |bytes: &[u8]| hex(&Sha256::digest(bytes));
    SecretText::new(format!(
        "{PLACE}file={}\nid={}\nbefore={}\nafter={}\ncontent() {{ base64 -d <<'END'\n{}\nEND\n}}\n{SWAP}",
        quoted(file),
        quoted(id),
        digest(before),
        digest(after),
        STANDARD.encode(after),
    ))
}

/// Finds our word among what a server has printed: its shell's profile may have said more.
pub(super) fn read(stdout: &[u8]) -> Said {
    let text = String::from_utf8_lossy(stdout);
    let Some(word) = text.lines().rev().find_map(|line| line.strip_prefix("luca-secrets: ")) else {
        return Said::Nothing;
    };
    if word == "swapped" {
        return Said::Swapped;
    }
    if let Some(reason) = word.strip_prefix("failed ") {
        let fault = Fault::WORDS.iter().find(|(known, _)| *known == reason);
        return fault.map_or(Said::Nothing, |(_, fault)| Said::Failed(*fault));
    }
    word.strip_prefix("content ").and_then(whole).map_or(Said::Nothing, Said::Content)
}

/// The content, if it is the one that the digest before it is of.
fn whole(word: &str) -> Option<Vec<u8>> {
    let (digest, content) = word.split_once(' ')?;
    let content = STANDARD.decode(content).ok()?;
    (hex(&Sha256::digest(&content)) == digest).then_some(content)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
