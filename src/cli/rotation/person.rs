//! Whoever sits at the terminal.

use crate::rotate::{Field, Person, Question, Step};
use crate::secret::SecretValue;

use super::desk::Seat;

impl Person for Seat<'_, '_> {
    fn ask(&mut self, step: &Step, question: &Question) -> Option<Vec<SecretValue>> {
        let mut context = self.0.context.borrow_mut();
        if !context.settings.interactive {
            return None;
        }
        context.ui.say(&format!("{}: {}", self.0.name, step.shown));
        for line in &question.lines {
            context.ui.say(&format!("  {line}"));
        }
        if let Some(url) = &question.url {
            context.ui.say(&format!("  {url}"));
        }
        context.ui.say("  (Ctrl-C leaves it for later)");
        let terminal = &mut context.terminal;
        if question.fields.is_empty() {
            let answer = terminal.ask("done? [y/N] ").ok()?;
            let is_yes = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
            return is_yes.then(Vec::new);
        }
        let mut answers = Vec::new();
        for Field { label, is_hidden } in &question.fields {
            let answer = if *is_hidden {
                terminal.ask_secret(&format!("{label} (not shown): ")).ok()?
            } else {
                SecretValue::new(terminal.ask(&format!("{label}: ")).ok()?)
            };
            // Nothing typed is as good as Ctrl-C.
            if answer.is_empty() {
                return None;
            }
            answers.push(answer);
        }
        Some(answers)
    }
}
