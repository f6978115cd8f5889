//! Whoever sits at the terminal.

use crate::cli::context::Context;
use crate::http::Address;
use crate::rotate::{Field, Person, Question, Step};
use crate::secret::SecretValue;
use crate::sys::Browser;

use super::desk::Seat;

/// A page that can be opened for whoever is asked.
struct Page<'q> {
    url: &'q str,
    browser: Browser,
}

impl Person for Seat<'_, '_> {
    fn ask(&mut self, step: &Step, question: &Question, is_again: bool) -> Option<Vec<SecretValue>> {
        let mut context = self.0.context.borrow_mut();
        if !context.settings.interactive {
            return None;
        }
        if !is_again {
            self.0.opened.set(false);
            say(&mut context, &format!("{}: {}", self.0.name, step.shown));
            for line in question.lines.iter().chain(&question.url) {
                say(&mut context, &format!("  {line}"));
            }
            say(&mut context, "  (Ctrl-C leaves it for later)");
        }
        let mut page = question.url.as_deref().and_then(|url| page(url, &context));
        page.take_if(|_| self.0.opened.get());
        let mut open = |context: &mut Context, page: Page<'_>| {
            self.0.opened.set(true);
            let is_opened = page.browser.open(page.url);
            let failed = "  (no browser could be started: the address stands above)";
            say(context, if is_opened { "  (opening it)" } else { failed });
        };
        if question.fields.is_empty() {
            return confirmed(&mut context, page, &mut open);
        }
        let mut answers = Vec::new();
        for field in &question.fields {
            let mut answer = answer(&mut context, field, page.is_some())?;
            // It is asked for hidden all the same: whoever has copied the value already may paste it here at once.
            if answer.is_empty()
                && let Some(page) = page.take()
            {
                open(&mut context, page);
                answer = self::answer(&mut context, field, false)?;
            }
            // Nothing typed is as good as Ctrl-C.
            if answer.is_empty() {
                return None;
            }
            page = None;
            answers.push(answer);
        }
        Some(answers)
    }
}

/// Says a part of a question. Whoever wants no talk is asked all the same, and has to know what.
fn say(context: &mut Context, line: &str) {
    if context.ui.is_quiet() { context.terminal.tell(line) } else { context.ui.say(line) }
}

/// The page, if there is a browser to show it, and it is one that nobody on the way can replace by another.
fn page<'q>(url: &'q str, context: &Context) -> Option<Page<'q>> {
    let is_safe = Address::parse(url).is_ok_and(|address| address.is_private());
    Some(Page { url, browser: Browser::of(&context.env)? }).filter(|_| is_safe)
}

fn answer(context: &mut Context, field: &Field, opens: bool) -> Option<SecretValue> {
    let Field { label, is_hidden } = field;
    let opens = if opens { "Enter opens the page" } else { "" };
    if *is_hidden {
        let comma = if opens.is_empty() { "" } else { "; " };
        return context.terminal.ask_secret(&format!("{label} (not shown{comma}{opens}): ")).ok();
    }
    let opens = if opens.is_empty() { String::new() } else { format!(" ({opens})") };
    context.terminal.ask(&format!("{label}{opens}: ")).ok().map(SecretValue::new)
}

/// Asks whether it was done.
fn confirmed(
    context: &mut Context,
    mut page: Option<Page<'_>>,
    open: &mut impl FnMut(&mut Context, Page<'_>),
) -> Option<Vec<SecretValue>> {
    loop {
        let question = if page.is_some() { "done? [y/N; o opens the page] " } else { "done? [y/N] " };
        let answer = context.terminal.ask(question).ok()?.trim().to_lowercase();
        match answer.as_str() {
            "y" | "yes" => return Some(Vec::new()),
            "o" | "open" if page.is_some() => {
                if let Some(page) = page.take() {
                    open(context, page);
                }
            }
            _ => return None,
        }
    }
}
