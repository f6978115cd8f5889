//! `[server.NAME]`: how a server is reached.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use crate::name::{SecretName, TargetName};
use crate::schema::model::Type;
use crate::schema::template::Template;
use crate::schema::{Fit, HostKeys, Server, ServerKey};

use super::context::Context;
use super::target::{Targets, require, target_name};
use super::tree::{Key, Node, Table, Value};

const KEYS: [&str; 12] = [
    "address",
    "port",
    "user",
    "host-keys",
    "known-hosts",
    "key",
    "key-passphrase",
    "jump",
    "sudo",
    "connect-timeout",
    "timeout",
    "install",
];
const KEY_KEYS: [&str; 1] = ["file"];

/// How long a connection may take where the schema does not say.
const USUAL_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a step over there may take where the schema does not say.
const USUAL_TIMEOUT: Duration = Duration::from_mins(1);

/// That one server is reached through another, and where that is said.
pub(super) struct Jump<'c> {
    from: TargetName,
    to: TargetName,
    context: Context<'c>,
    at: Range<usize>,
}

impl<'c> Targets<'_, 'c> {
    /// Reads `[server.NAME]`. What is wrong in it is complained about; the rest is taken in as well as it can be.
    pub(super) fn server(&mut self, context: Context<'c>, key: &Key<'_>, value: &Value<'_>) {
        let first = |name: &TargetName| self.servers.get(name).map(|server| &server.place);
        let Some(name) = target_name(context, key, first) else { return };
        let Some(table) = context.table(key, value) else { return };
        require(context, key, table, &["address", "user", "key"]);
        let template = |wanted, kind: Fit| {
            let (key, value) = table.get_key_value(wanted)?;
            self.fitting(context, key, value, &kind)
        };
        let empty = || Template::compile("").ok();
        let address = template("address", Fit::Type(Type::Host)).or_else(empty);
        let user = template("user", Fit::Account).or_else(empty);
        let port = self.port(context, table);
        let (Some(address), Some(user), Some(port)) = (address, user, port) else { return };
        let mut server = Server {
            address,
            port,
            user,
            host_keys: self.host_keys(context, key, table),
            key: self.key(context, table),
            jump: None,
            sudo: false,
            connect_timeout: USUAL_CONNECT_TIMEOUT,
            timeout: USUAL_TIMEOUT,
            installs: Vec::new(),
            place: context.place(&key.span()),
        };
        for (key, value) in table.iter() {
            match key.get_ref().as_ref() {
                "jump" => server.jump = self.jump(context, &name, key, value),
                "sudo" => server.sudo = context.flag(key, value).unwrap_or(false),
                "connect-timeout" => {
                    server.connect_timeout = context.duration(key, value).unwrap_or(USUAL_CONNECT_TIMEOUT);
                }
                "timeout" => server.timeout = context.duration(key, value).unwrap_or(USUAL_TIMEOUT),
                "install" => server.installs = self.installs(context, key, value),
                known if KEYS.contains(&known) => {}
                _ => context.unknown_key(key, &KEYS),
            }
        }
        self.servers.insert(name, server);
    }

    /// A template whose value, where it needs no secret, is held against what is wanted of it.
    pub(super) fn fitting(
        &self,
        context: Context<'_>,
        key: &Key<'_>,
        value: &Value<'_>,
        fit: &Fit,
    ) -> Option<Template> {
        context.text(key, value)?;
        let template = self.template(context, value)?;
        if template.references().is_empty()
            && let Ok(literal) = template.render(&|_| None)
            && let Err(reason) = fit.check(&literal)
        {
            context.error(&value.span(), format!("`{}` is {reason}", key.get_ref()));
        }
        Some(template)
    }

    /// A number, or a template for one.
    fn port(&self, context: Context<'_>, table: &Table<'_>) -> Option<Template> {
        let Some((key, value)) = table.get_key_value("port") else { return Template::compile("22").ok() };
        let Node::Integer(..) = value.get_ref() else {
            return self.fitting(context, key, value, &Fit::Type(Type::Port));
        };
        let port = context.count(key, value).filter(|port| (1..=usize::from(u16::MAX)).contains(port));
        if port.is_none() {
            context.error(&value.span(), "`port` must lie between 1 and 65535");
        }
        Template::compile(&port.unwrap_or(22).to_string()).ok()
    }

    fn host_keys(&self, context: Context<'_>, at: &Key<'_>, table: &Table<'_>) -> HostKeys {
        let nowhere = HostKeys::File(PathBuf::new());
        match (table.get_key_value("host-keys"), table.get_key_value("known-hosts")) {
            (Some((key, value)), None) => {
                let lines = self.fitting(context, key, value, &Fit::Type(Type::KnownHosts));
                lines.map_or(nowhere, HostKeys::Lines)
            }
            (None, Some((key, value))) => file(context, key, value).map_or(nowhere, HostKeys::File),
            (Some(_), Some((key, _))) => {
                context.error(&key.span(), "`host-keys` and `known-hosts` exclude each other");
                nowhere
            }
            (None, None) => {
                let message = format!("`{}` has neither `host-keys` nor `known-hosts`", at.get_ref());
                let hint = "ssh-keyscan shows a server's keys; compare them with those on its console";
                context.error_with(&at.span(), message, Some(hint.to_owned()));
                nowhere
            }
        }
    }

    fn key(&self, context: Context<'_>, table: &Table<'_>) -> ServerKey {
        let passphrase = table.get_key_value("key-passphrase");
        let secret = passphrase.and_then(|(key, value)| self.secret(context, key, value));
        let Some((key, value)) = table.get_key_value("key") else { return ServerKey::Agent };
        match value.get_ref() {
            Node::String(word) if word == "agent" => {
                if let Some((key, _)) = passphrase {
                    context
                        .error(&key.span(), "the agent knows its keys' passphrases: drop `key-passphrase`");
                }
                ServerKey::Agent
            }
            Node::String(_) => {
                let found = self.secret(context, key, value);
                if let Some(name) = &found {
                    self.refuse_other_than_key(context, name, value);
                }
                found.map_or(ServerKey::Agent, |name| ServerKey::Secret { secret: name, passphrase: secret })
            }
            Node::Table(fields) => {
                for (key, _) in fields.iter().filter(|(key, _)| !KEY_KEYS.contains(&key.get_ref().as_ref())) {
                    context.unknown_key(key, &KEY_KEYS);
                }
                require(context, key, fields, &KEY_KEYS);
                let found = fields.get_key_value("file");
                let path = found.and_then(|(key, value)| file(context, key, value)).unwrap_or_default();
                ServerKey::File { path, passphrase: secret }
            }
            _ => {
                let wanted = "the name of a secret, \"agent\" or { file = \"…\" }";
                context.wrong_type(key, value, wanted).unwrap_or(ServerKey::Agent)
            }
        }
    }

    fn refuse_other_than_key(&self, context: Context<'_>, name: &SecretName, value: &Value<'_>) {
        let kind = self.secrets.get(name).map(|entry| &entry.kind);
        if let Some(kind) = kind.filter(|kind| **kind != Type::SshPrivateKey) {
            let message = format!("`{name}` is of type {}, not ssh-private-key", kind.name());
            context.error(&value.span(), message);
        }
    }

    fn jump(
        &mut self,
        context: Context<'c>,
        from: &TargetName,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Option<TargetName> {
        let to = TargetName::parse(context.text(key, value)?);
        let refuse = |error| context.error(&value.span(), format!("`jump`: {error}"));
        let to = to.map_err(refuse).ok()?;
        self.jumps.push(Jump { from: from.clone(), to: to.clone(), context, at: value.span() });
        Some(to)
    }

    /// Complains about jumps to nowhere and in circles, once all servers are known.
    pub(super) fn check_jumps(&self) {
        for jump in &self.jumps {
            if self.complete && !self.servers.contains_key(&jump.to) {
                let known = self.servers.keys().map(TargetName::as_str);
                let hint = jump.context.did_you_mean(jump.to.as_str(), known);
                let message = format!("no server `{}` is declared", jump.to);
                jump.context.error_with(&jump.at, message, hint);
            }
            let circle = self.circle(&jump.from);
            // Each circle once, at its first server by name.
            if circle.iter().min() == Some(&&jump.from) {
                let path: Vec<&str> = circle.iter().map(|name| name.as_str()).collect();
                let message = format!("these servers are reached through each other: {}", path.join(", "));
                jump.context.error(&jump.at, message);
            }
        }
    }

    /// The servers on the way from one back to itself; empty if the way ends.
    fn circle<'t>(&'t self, start: &'t TargetName) -> Vec<&'t TargetName> {
        let mut way = vec![start];
        let mut at = start;
        while let Some(next) = self.servers.get(at).and_then(|server| server.jump.as_ref()) {
            if next == start {
                return way;
            }
            // A circle further along is not this one's.
            if way.contains(&next) {
                break;
            }
            way.push(next);
            at = next;
        }
        Vec::new()
    }
}

/// A path on this machine: from the root, from home, or relative to the project's folder.
fn file(context: Context<'_>, key: &Key<'_>, value: &Value<'_>) -> Option<PathBuf> {
    let text = context.text(key, value)?;
    let is_file = !text.is_empty() && !text.ends_with('/') && text != "~" && !text.contains(char::is_control);
    if !is_file {
        context.error(&value.span(), format!("`{}` must be the path of a file", key.get_ref()));
    }
    Some(PathBuf::from(text))
}
