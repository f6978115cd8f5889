//! A login over HTTP, as a browser does it: the form with its token, then the cookie, then the page behind.

use crate::http::{Address, Method, Response};
use crate::rotate::credential::Answer;
use crate::rotate::trouble::Trouble;
use crate::secret::SecretValue;

use super::form::Form;
use super::page::Visit;

/// How Django calls the field of its token, and what it wants to be sent back besides.
const TOKEN: &str = "csrfmiddlewaretoken";

/// One browser's visit.
struct Browser<'v> {
    visit: &'v Visit<'v>,
    origin: String,
    cookies: Vec<(String, String)>,
}

/// Logs in with this password, and out again. Whether the application lets the user in.
pub(super) async fn log_in(
    visit: &Visit<'_>,
    user: &SecretValue,
    password: &SecretValue,
) -> Result<Answer, Trouble> {
    let mut browser = Browser { visit, origin: origin(visit.address()), cookies: Vec::new() };
    let page = browser.send(Method::GET, visit.address().clone(), None).await?;
    let text = String::from_utf8_lossy(&page.body);
    let Some(form) = Form::read(&text).filter(|_| page.status == 200) else {
        let message =
            format!("{} shows no login at that page (status {})", visit.address().host(), page.status);
        return Err(
            Trouble::unavailable(message).hint("`login` must be the page with the form, as /admin/login/")
        );
    };
    let before = browser.cookies.clone();
    let body = form.filled(user, password).expose().as_bytes().to_vec();
    let reply = browser.send(Method::POST, visit.address().clone(), Some(body)).await?;
    // A session of its own; the token's cookie changes with every login that is tried.
    let is_new = |cookie: &&(String, String)| !cookie.0.contains("csrf") && !before.contains(cookie);
    let has_new_cookie = browser.cookies.iter().any(|cookie| is_new(&cookie));
    match reply.status {
        302 | 303 if has_new_cookie => {
            let answer = browser.behind(&reply).await;
            browser.log_out(&form).await;
            answer
        }
        // The form again, with its complaint.
        200 => Ok(Answer::Refused),
        // Too many attempts, by whatever counts them: this says nothing of the password.
        status => Err(Trouble::unavailable(format_args!(
            "{} answers a login with status {status}",
            visit.address().host()
        ))),
    }
}

fn origin(address: &Address) -> String {
    let text = address.to_string();
    let scheme = text.split("://").next().unwrap_or("https");
    format!("{scheme}://{}", address.host())
}

impl Browser<'_> {
    async fn send(
        &mut self,
        method: Method,
        address: Address,
        body: Option<Vec<u8>>,
    ) -> Result<Response, Trouble> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let referer = format!("{}/", self.origin);
        let mut headers = vec![("referer", referer.as_str()), ("accept", "text/html")];
        if !cookies.is_empty() {
            headers.push(("cookie", &cookies));
        }
        if body.is_some() {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            headers.push(("origin", &self.origin));
        }
        let reply = self.visit.send(method, address, &headers, body).await;
        let reply = reply.map_err(|reason| Trouble::unavailable(format_args!("the login: {reason}")))?;
        self.take_cookies(&reply);
        Ok(reply)
    }

    fn take_cookies(&mut self, reply: &Response) {
        for header in reply.headers.get_all("set-cookie") {
            let pair = header.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() && value != "\"\"" {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Whether the page that the login leads to can be seen.
    async fn behind(&mut self, reply: &Response) -> Result<Answer, Trouble> {
        let next = reply.header("location").and_then(|location| self.visit.within(location));
        let Some(next) = next else {
            return Err(Trouble::unavailable("the login leads to another host"));
        };
        let page = self.send(Method::GET, next, None).await?;
        match page.status {
            200 => Ok(Answer::Accepted),
            status => {
                Err(Trouble::unavailable(format_args!("the page behind the login has status {status}")))
            }
        }
    }

    /// Leaves no session behind, where the way out lies beside the way in, as in the admin site.
    async fn log_out(&mut self, form: &Form) {
        let page = self.visit.address().to_string();
        let Some(base) = page.strip_suffix("login/") else { return };
        let token =
            self.cookies.iter().find(|(name, _)| name.contains("csrf")).map(|(_, value)| value.clone());
        let token = token.or_else(|| form.hidden(TOKEN).map(str::to_owned)).unwrap_or_default();
        if let Ok(address) = Address::parse(&format!("{base}logout/")) {
            // Best effort: the session ends by itself.
            let _ = self.send(Method::POST, address, Some(format!("{TOKEN}={token}").into_bytes())).await;
        }
    }
}
