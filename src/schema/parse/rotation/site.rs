//! Pages and programs by which a rotation proves something.

use crate::schema::Fit;
use crate::schema::parse::context::Context;
use crate::schema::parse::install::remote_path;
use crate::schema::parse::tree::{Key, Node, Value};
use crate::schema::rotation::{Manage, Site};
use crate::schema::server::Vantage;

use super::reader::Reader;

/// How `manage.py` of a cookiecutter-django project is run on its server.
const USUAL_MANAGE: [&str; 9] = [
    "docker",
    "compose",
    "-f",
    "docker-compose.production.yml",
    "exec",
    "-T",
    "django",
    "python",
    "manage.py",
];

impl Reader<'_, '_> {
    /// Complains about a key that is not there.
    pub(super) fn missing(&self, key: &str, hint: &str) {
        let message = format!("`rotate` of `{}` has no `{key}`", self.name);
        self.context.error_with(&self.at.span(), message, Some(hint.to_owned()));
    }

    /// The page whose URL stands under a key, asked for from where `from` says.
    pub(super) fn site(&self, key: &str) -> Option<Site> {
        let url = self.template(key)?;
        let (_, value) = self.find(key)?;
        if url.references().is_empty()
            && let Ok(literal) = url.render(&|_| None)
            && let Err(reason) = Fit::HttpUrl.check(&literal)
        {
            self.context.error(&value.span(), format!("`{key}` is {reason}"));
        }
        Some(Site { url, from: self.vantage().unwrap_or(Vantage::Here) })
    }

    fn vantage(&self) -> Option<Vantage> {
        let (key, value) = self.find("from")?;
        match self.context.text(key, value)? {
            "here" => Some(Vantage::Here),
            "server" => {
                if self.find("on").is_none() {
                    self.missing("on", "the server that asks for the page: on = \"NAME\"");
                }
                Some(Vantage::Server)
            }
            word => {
                self.context.unknown_word("a place to ask from", word, value, &["here", "server"]);
                None
            }
        }
    }

    /// How `manage.py` is run on the server that `on` names: as `manage` says, in the folder `in`.
    pub(super) fn manage(&self) -> Option<Manage> {
        let own = self.find("manage");
        if self.find("on").is_none() {
            for (key, _) in own.into_iter().chain(self.find("in")) {
                self.context
                    .error(&key.span(), format!("`{}` needs `on`, the server it is about", key.get_ref()));
            }
            return None;
        }
        let folder = self.find("in").and_then(|(key, value)| remote_path(self.context, key, value));
        let run = if let Some((key, value)) = own {
            let words = self.context.texts(key, value)?;
            refuse_odd_words(self.context, key, value, &words);
            words
        } else {
            if self.find("in").is_none() {
                self.missing("in", "the project's folder on the server, where the compose file is");
            }
            USUAL_MANAGE.map(str::to_owned).to_vec()
        };
        Some(Manage { folder, run })
    }
}

/// Complains about a command that is none, or that others could read a value from.
fn refuse_odd_words(context: Context<'_>, key: &Key<'_>, value: &Value<'_>, words: &[String]) {
    if words.first().is_none_or(String::is_empty) {
        context.error(
            &value.span(),
            format!("`{}` must be an array of strings, the program first", key.get_ref()),
        );
    }
    let Node::Array(items) = value.get_ref() else { return };
    for (word, item) in words.iter().zip(items) {
        if word.contains("{{") {
            let hint = "arguments show in the server's list of processes".to_owned();
            context.error_with(&item.span(), "commands take no templates", Some(hint));
        }
        if word.contains('\0') {
            context.error(&item.span(), "an argument cannot hold a NUL byte");
        }
    }
}
