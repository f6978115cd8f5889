//! The form of a login, as far as it must be understood to fill it in.

use crate::secret::{SecretText, SecretValue};

/// What the form is to be filled in with, and what it asks to be sent back.
pub(super) struct Form {
    /// The field of the user's name, and that of the password.
    user: String,
    password: String,
    /// Fields that are sent back as they came.
    hidden: Vec<(String, String)>,
}

/// One `<input>`.
struct Input {
    kind: String,
    name: String,
    value: String,
}

impl Form {
    /// The form of a page: the inputs around the only one of type `password`.
    pub(super) fn read(page: &str) -> Option<Self> {
        let inputs: Vec<Input> = page.split("<input").skip(1).filter_map(Input::read).collect();
        let mut passwords = inputs.iter().filter(|input| input.kind == "password");
        let password = passwords.next().filter(|_| passwords.next().is_none())?;
        let user = inputs.iter().find(|input| matches!(input.kind.as_str(), "text" | "email" | ""))?;
        let hidden = inputs.iter().filter(|input| input.kind == "hidden");
        Some(Self {
            user: user.name.clone(),
            password: password.name.clone(),
            hidden: hidden.map(|input| (input.name.clone(), input.value.clone())).collect(),
        })
    }

    /// The form filled in, as `application/x-www-form-urlencoded`.
    pub(super) fn filled(&self, user: &SecretValue, password: &SecretValue) -> SecretText {
        let mut body = SecretText::with_capacity(512 + 3 * (user.expose().len() + password.expose().len()));
        for (name, value) in &self.hidden {
            push(&mut body, name, value);
        }
        push(&mut body, &self.user, user.expose());
        push(&mut body, &self.password, password.expose());
        body
    }

    /// A field that came with it.
    pub(super) fn hidden(&self, name: &str) -> Option<&str> {
        self.hidden.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Input {
    /// What stands behind `<input`.
    fn read(text: &str) -> Option<Self> {
        let tag = text.split('>').next()?;
        let name = attribute(tag, "name")?;
        let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
        Some(Self { kind, name, value: attribute(tag, "value").unwrap_or_default() })
    }
}

/// An attribute's value; Django's forms quote them all.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut from = 0;
    while let Some(found) = tag.get(from..)?.find(name) {
        let at = from + found;
        from = at + name.len();
        let stands_alone = tag[..at].ends_with(|c: char| c.is_ascii_whitespace());
        let Some(rest) = tag[from..].strip_prefix('=').filter(|_| stands_alone) else { continue };
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let value = rest.get(1..)?.split(quote).next()?;
        return Some(unescaped(value));
    }
    None
}

/// The characters that Django escapes in a page.
fn unescaped(text: &str) -> String {
    let pairs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// One more field, percent-encoded.
fn push(body: &mut SecretText, name: &str, value: &str) {
    if !body.is_empty() {
        body.push('&');
    }
    push_encoded(body, name);
    body.push('=');
    push_encoded(body, value);
}

fn push_encoded(body: &mut SecretText, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            body.push(char::from(byte));
        } else {
            body.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_djangos_admin_is_filled_in() {
        let page = r#"<form action="/admin/login/" method="post" id="login-form">
            <input type="hidden" name="csrfmiddlewaretoken" value="a&amp;b">
            <input type="text" name="username" autofocus maxlength="150" required id="id_username">
            <input type="password" name="password" required id="id_password">
            <input type="hidden" name="next" value="/admin/"><input type="submit" value="Log in"></form>"#;
        let form = Form::read(page).unwrap();
        assert_eq!(form.hidden("csrfmiddlewaretoken"), Some("a&b"));
        let value = |text: &str| SecretValue::new(text.to_owned());
        let body = form.filled(&value("me@example.com"), &value("p&=ä +"));
        let expected = "csrfmiddlewaretoken=a%26b&next=%2Fadmin%2F&username=me%40example.com&password=p%26%3D%C3%A4%20%2B";
        assert_eq!(body.expose(), expected);
    }

    #[test]
    fn pages_without_a_login_are_none() {
        for page in [
            "",
            "<input type=\"text\" name=\"q\">",
            "<input type=\"password\" name=\"a\"><input type=\"password\" name=\"b\">",
            "<input type=password name=a>",
        ] {
            assert!(Form::read(page).is_none(), "{page}");
        }
    }
}
