//! What is asked of a server, and how it is spelled.

use zeroize::Zeroizing;

use super::words::{Digest, ServerPath, TransactionId, quote};
use crate::name::VariableName;
use crate::secret::SecretText;
use crate::sys::PrivateBytes;

/// The number by which a conversation calls a file: 1, 2, 3 in the order in which they are first looked at.
pub type FileNumber = usize;

/// What a file's next content comes from.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// A rendered text.
    Text(&'a SecretText),
    /// Bytes that were read from a file, such as the one to put back.
    Bytes(&'a PrivateBytes),
    /// The backup beside the file, to put it back by hand.
    Previous,
}

/// A file to be put in place.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Which file, by the number it was looked at with.
    pub file: FileNumber,
    /// What it must hold now; `None` if there must be none.
    pub expected: Option<Digest>,
    /// What it will hold.
    pub content: Content<'a>,
    /// Its mode, such as `0o640`; `None` keeps the one it has, or 0600 for a new file.
    pub mode: Option<u32>,
    /// Its owner, as `chown` takes it; `None` keeps the one it has.
    pub owner: Option<&'a str>,
}

/// A command to run over there.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The folder to run it in.
    pub folder: &'a ServerPath,
    /// The program and its arguments.
    pub words: &'a [String],
    /// When it is ended, in seconds.
    pub seconds: u64,
}

/// Which way to leave an interrupted transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the file as it was before. Refused where somebody has changed the file since.
    Back,
    /// With the file as it stands now.
    Forward,
}

/// One request. Any number may be sent before the first reply: after one that fails, the ones that change something
/// are skipped until [`Request::Undo`].
#[derive(Clone, Copy)]
pub enum Request<'a> {
    /// Takes the lock on a folder, and ends the process of `takeover` if that transaction's lost conversation has it.
    Lock {
        /// The folder of a file, or one in which an apply command runs. Up to six different ones.
        folder: &'a ServerPath,
        /// The transaction that may be ended.
        takeover: Option<&'a TransactionId>,
    },
    /// Says what a file is now. Needs no lock.
    Look {
        /// The number to call it by.
        file: FileNumber,
        /// Where it is.
        path: &'a ServerPath,
        /// Whether its content is wanted, or only the digest.
        with_content: bool,
    },
    /// Writes the new file beside the old one.
    Stage(Stage<'a>),
    /// Puts the staged file in place.
    Swap(FileNumber),
    /// Makes services read the file. Is run again if the file is put back.
    Apply(Run<'a>),
    /// Asks whether the services are well. One that fails is an answer, and stops nothing.
    Probe(Run<'a>),
    /// Keeps the new files.
    Commit,
    /// Puts the old files back, and clears what was staged.
    Undo,
    /// Says that the services have read the files that were put back.
    Settle,
    /// Ends a transaction that was interrupted.
    Heal {
        /// Which file.
        file: FileNumber,
        /// Which way.
        direction: Direction,
    },
    /// Reads one variable of the containers of the compose project in `folder`.
    Attest {
        /// The folder of the compose file.
        folder: &'a ServerPath,
        /// The only variable that leaves the server.
        variable: &'a VariableName,
    },
    /// Ends the conversation. What is not committed is put back.
    Bye,
}

impl Request<'_> {
    /// The bytes to send, wiped when dropped.
    pub fn spell(&self) -> Zeroizing<Vec<u8>> {
        let line = match self {
            Self::Lock { folder, takeover } => {
                format!("lock {} {}", quote(folder.as_str()), takeover.map_or("-", TransactionId::as_str))
            }
            Self::Look { file, path, with_content } => {
                let wanted = if *with_content { "content" } else { "digest" };
                format!("look {file} {} {wanted}", quote(path.as_str()))
            }
            Self::Stage(stage) => return stage.spell(),
            Self::Swap(file) => format!("swap {file}"),
            Self::Apply(run) => format!("apply {}", run.spell()),
            Self::Probe(run) => format!("probe {}", run.spell()),
            Self::Commit => "commit".to_owned(),
            Self::Undo => "undo".to_owned(),
            Self::Settle => "settle".to_owned(),
            Self::Heal { file, direction: Direction::Back } => format!("heal {file} back"),
            Self::Heal { file, direction: Direction::Forward } => format!("heal {file} forward"),
            Self::Attest { folder, variable } => format!("attest {} {variable}", quote(folder.as_str())),
            Self::Bye => "bye".to_owned(),
        };
        Zeroizing::new((line + "\n").into_bytes())
    }
}

impl Stage<'_> {
    /// The request's line, then the content as it is, and a line with its digest: where it ends, whatever was taken of
    /// it.
    fn spell(&self) -> Zeroizing<Vec<u8>> {
        let content = match self.content {
            Content::Text(text) => text.expose().as_bytes(),
            Content::Bytes(bytes) => bytes.as_slice(),
            Content::Previous => &[],
        };
        let is_previous = matches!(self.content, Content::Previous);
        let digest = Digest::of(content).to_string();
        let head = format!(
            "stage {} {} {} {} {} {}\n",
            self.file,
            self.expected.map_or_else(|| "-".to_owned(), |digest| digest.to_string()),
            if is_previous { "-" } else { &digest },
            self.mode.map_or_else(|| "-".to_owned(), |mode| format!("{mode:o}")),
            quote(self.owner.unwrap_or("-")),
            if is_previous { "previous".to_owned() } else { content.len().to_string() },
        );
        if is_previous {
            return Zeroizing::new(head.into_bytes());
        }
        // Of the length that is needed, so that no copy is left behind where it would grow.
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + content.len() + digest.len() + 2));
        for part in [head.as_bytes(), content, b"\n", digest.as_bytes(), b"\n"] {
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

impl Run<'_> {
    fn spell(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| quote(word)).collect();
        format!("{} {} {}", self.seconds, quote(self.folder.as_str()), words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(request: Request<'_>) -> String {
        String::from_utf8(request.spell().to_vec()).unwrap()
    }

    #[test]
    fn words_stand_in_quotes_and_on_one_line() {
        let folder = ServerPath::parse("/it's $HOME").unwrap();
        let words = ["sh".to_owned(), "a\nb'".to_owned()];
        let run = Run { folder: &folder, words: &words, seconds: 90 };
        assert_eq!(spelled(Request::Apply(run)), "apply 90 '/it'\\''s $HOME' 'sh' 'a'\"$nl\"'b'\\'''\n");
    }

    #[test]
    fn content_follows_as_it_is_up_to_its_digest() {
        let text = SecretText::new("A=1\n".to_owned());
        let content = Content::Text(&text);
        let stage = Stage { file: 2, expected: None, content, mode: Some(0o640), owner: None };
        let digest = Digest::of(b"A=1\n");
        assert_eq!(
            spelled(Request::Stage(stage)),
            format!("stage 2 - {digest} 640 '-' 4\nA=1\n\n{digest}\n")
        );
        let back = Stage { expected: Some(digest), content: Content::Previous, mode: None, ..stage };
        assert_eq!(spelled(Request::Stage(back)), format!("stage 2 {digest} - - '-' previous\n"));
    }
}
