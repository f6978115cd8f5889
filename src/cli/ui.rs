//! What people see.
//!
//! The policy: data goes to standard output and nothing else does; talk goes to standard error, one thought a line, in
//! lower case, without a full stop, headed `ok`, `warn`, `error` or `hint`; questions go to the terminal. A message
//! names the secret, the file and the next command, never a value and never the line it stood on.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::secret::SecretText;

use super::failure::Failure;

/// The streams and how to use them.
pub(super) struct Ui {
    stdout: Box<dyn Write>,
    stderr: Box<dyn Write>,
    colours: bool,
    quiet: bool,
    /// Whether a person watches standard error, where lines can be drawn over.
    live: bool,
    /// How many lines at its end are to be drawn over.
    drawn: usize,
    /// Paths below this folder are shown relative to it.
    folder: PathBuf,
}

/// The heading of a line of talk, and its colour (SGR parameters, ECMA-48).
#[derive(Clone, Copy)]
enum Heading {
    Ok,
    Warn,
    Error,
    Hint,
}

impl Heading {
    const fn text_and_colour(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("ok", "32"),
            Self::Warn => ("warn", "33"),
            Self::Error => ("error", "31"),
            Self::Hint => ("hint", "36"),
        }
    }
}

impl Ui {
    /// The streams; colours only where a person looks and `NO_COLOR` is not set.
    pub(super) fn new(
        stdout: Box<dyn Write>,
        stderr: Box<dyn Write>,
        colours: bool,
        quiet: bool,
        live: bool,
        folder: &Path,
    ) -> Self {
        Self { stdout, stderr, colours, quiet, live: live && !quiet, drawn: 0, folder: folder.to_owned() }
    }

    /// Whether lines can be drawn over.
    pub(super) const fn is_live(&self) -> bool {
        self.live
    }

    /// Whether no talk is wanted.
    pub(super) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Draws lines at the end, over those that were drawn there before. Whatever is said next takes their place.
    pub(super) fn draw(&mut self, lines: &[String]) {
        if !self.live || self.drawn == 0 && lines.is_empty() {
            return;
        }
        // To the first of them, and everything from there cleared (ECMA-48, CUU and ED).
        let mut text = if self.drawn > 0 { format!("\r\x1b[{}A\x1b[J", self.drawn) } else { String::new() };
        text.extend(lines.iter().flat_map(|line| [line.as_str(), "\n"]));
        let _ = self.stderr.write_all(text.as_bytes());
        self.drawn = lines.len();
    }

    /// Writes data to standard output, as it is.
    pub(super) fn data(&mut self, text: &str) -> Result<(), Failure> {
        self.draw(&[]);
        Ok(self.stdout.write_all(text.as_bytes())?)
    }

    /// Writes secret data to standard output, as it is: the exit that the user asked for.
    pub(super) fn secret_data(&mut self, text: &SecretText) -> Result<(), Failure> {
        Ok(self.stdout.write_all(text.expose().as_bytes())?)
    }

    /// Brings everything out; a full disk behind a redirection shows here.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }

    /// Writes a report as JSON to standard output.
    pub(super) fn json(&mut self, report: &impl serde::Serialize) -> Result<(), Failure> {
        // Straight into the stream, which wipes its buffer: reports can hold values.
        serde_json::to_writer_pretty(&mut self.stdout, report).map_err(io::Error::from)?;
        self.data("\n")
    }

    /// The same on one line, for whoever reads line by line.
    pub(super) fn json_line(&mut self, report: &impl serde::Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.stdout, report).map_err(io::Error::from)?;
        self.data("\n")
    }

    /// Something was done.
    pub(super) fn ok(&mut self, message: &str) {
        if !self.quiet {
            self.line(Heading::Ok, message);
        }
    }

    /// Something may be wrong.
    pub(super) fn warn(&mut self, message: &str) {
        self.line(Heading::Warn, message);
    }

    /// Something is wrong.
    pub(super) fn error(&mut self, message: &str) {
        self.line(Heading::Error, message);
    }

    /// What to do next.
    pub(super) fn hint(&mut self, message: &str) {
        if !self.quiet {
            self.line(Heading::Hint, message);
        }
    }

    /// Plain talk without a heading.
    pub(super) fn say(&mut self, message: &str) {
        if !self.quiet {
            self.before_talk();
            let message = self.shortened(message);
            // Where standard error is gone there is nobody to tell.
            let _ = writeln!(self.stderr, "{message}");
        }
    }

    /// A command for the GitHub Actions runner, which reads standard error as well as standard output.
    pub(super) fn runner_command(&mut self, line: &SecretText) {
        let _ = writeln!(self.stderr, "{}", line.expose());
    }

    fn line(&mut self, heading: Heading, message: &str) {
        self.before_talk();
        let (text, colour) = heading.text_and_colour();
        let message = self.shortened(message);
        let _ = if self.colours {
            writeln!(self.stderr, "\x1b[1;{colour}m{text}\x1b[0m: {message}")
        } else {
            writeln!(self.stderr, "{text}: {message}")
        };
    }

    /// What was drawn goes away; and where a person sees both streams, data that was written before comes before.
    fn before_talk(&mut self) {
        self.draw(&[]);
        if self.live {
            // What fails here fails again in the end, where it is said.
            let _ = self.stdout.flush();
        }
    }

    fn shortened(&self, message: &str) -> String {
        let folder = self.folder.display().to_string();
        if folder.len() < 2 { message.to_owned() } else { message.replace(&format!("{folder}/"), "") }
    }
}
