//! Whether services are well after a push, and whether it is the new content that they run on.

use std::fmt;
use std::time::{Duration, Instant};

use crate::bundle::{HealthCheck, ReadyProbe};
use crate::http::{self, Address, LazyClient, Method};
use crate::schema::{GenerationProof, Vantage};
use crate::secret::{Redactor, SecretValue};
use crate::sys::describe;
use crate::target::server::{Broken, Container, Ran, Reply, Request, Run, ServerPath};

use super::host::{Host, HostError};
use super::step::Problem;
use super::transaction::{Change, Setting, place};

/// The longest time of one try.
const ONE_TRY: Duration = Duration::from_secs(10);

/// The time within which containers must show the new marker where no health check gives one.
const PROOF_TIME: Duration = Duration::from_mins(1);

/// How the hint begins that says what to do about a container that a killed recreation has left. Until then, every further
/// recreation leaves one more.
pub const REMOVE_LEFTOVER: &str = "on the server: docker rm -f";

/// The time between two looks at containers.
const PROOF_PAUSE: Duration = Duration::from_secs(2);

/// Why services are taken to be not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhealthy {
    /// What was tried, as the schema has it.
    shown: String,
    /// Within which time it did not hold.
    within: Duration,
    /// What the last try gave.
    reason: String,
    lines: Vec<String>,
    hint: Option<String>,
}

impl Unhealthy {
    /// The last lines that a command has said, without values.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (for {} s)", self.shown, self.reason, self.within.as_secs())
    }
}

/// What one try gave.
enum Try {
    Holds,
    /// It does not, for this reason, with what was said.
    Fails(String, Vec<String>),
}

impl Try {
    fn fails(reason: impl fmt::Display) -> Self {
        Self::Fails(reason.to_string(), Vec::new())
    }
}

/// Waits until everything holds that the schema wants after an install; `is_new` says that the content is the new one,
/// which the programs must show then.
pub(super) async fn wait_until_healthy(
    change: &Change<'_>,
    is_new: bool,
    host: &mut Host,
    setting: &Setting<'_>,
    redactor: &Redactor,
) -> Result<(), Problem> {
    let marker = change.marker.filter(|_| is_new);
    let field = change.proofs.iter().find_map(|proof| match (proof, marker) {
        (GenerationProof::HealthField(path), Some((_, value))) => Some((path.as_slice(), value)),
        _ => None,
    });
    let mut field = field;
    for check in change.health {
        // The marker is in the reply of the first URL.
        let wanted = if check.is_by_url() { field.take() } else { None };
        wait_for(check, wanted, change, host, setting, redactor).await?;
    }
    for proof in change.proofs {
        if let (GenerationProof::Containers { services, folder, compose_file }, Some((variable, value))) =
            (proof, marker)
        {
            let folder = project_folder(folder, compose_file.as_deref());
            wait_for_containers(change, services, &folder, (variable, value), host, setting).await?;
        }
    }
    Ok(())
}

async fn wait_for(
    check: &HealthCheck,
    marker: Option<(&[String], &SecretValue)>,
    change: &Change<'_>,
    host: &mut Host,
    setting: &Setting<'_>,
    redactor: &Redactor,
) -> Result<(), Problem> {
    let end = Instant::now() + check.within;
    let mut in_a_row = 0;
    let mut last = (String::from("it was never tried"), Vec::new());
    loop {
        if (setting.is_interrupted)() {
            return Err(Problem::Interrupted);
        }
        let limit = end.saturating_duration_since(Instant::now()).min(ONE_TRY);
        if limit.is_zero() {
            let shown = check.shown.clone();
            let (reason, lines) = last;
            return Err(Problem::Unhealthy(Unhealthy {
                shown,
                within: check.within,
                reason,
                lines,
                hint: None,
            }));
        }
        match try_once(check, marker, change, limit, host, setting.client, redactor).await? {
            Try::Holds => {
                in_a_row += 1;
                if in_a_row >= check.in_a_row {
                    return Ok(());
                }
            }
            Try::Fails(reason, lines) => {
                in_a_row = 0;
                last = (reason, lines);
            }
        }
        let pause = check.every.min(end.saturating_duration_since(Instant::now()));
        tokio::time::sleep(pause).await;
    }
}

async fn try_once(
    check: &HealthCheck,
    marker: Option<(&[String], &SecretValue)>,
    change: &Change<'_>,
    limit: Duration,
    host: &mut Host,
    client: &LazyClient,
    redactor: &Redactor,
) -> Result<Try, Problem> {
    Ok(match &check.probe {
        ReadyProbe::Url { url, status, contains, header } => {
            let wanted = Wanted { status: *status, contains: contains.as_deref(), marker };
            let header = header.as_ref().map(|(name, value)| (name.as_str(), value));
            match get(url, header, check.from, limit, host, client).await {
                Ok(response) => wanted.held_against(&response),
                Err(reason) => Try::fails(reason),
            }
        }
        ReadyProbe::Command(words) => {
            let (folder, words) = place(None, words, change.path);
            let seconds = limit.as_secs().max(1);
            host.send(&Request::Probe(Run { folder: &folder, words: &words, seconds })).await?;
            match host.hear_within(limit + ONE_TRY).await? {
                Reply::Ran(Ran::Done, _) => Try::Holds,
                Reply::Ran(Ran::Exit(code), output) => {
                    Try::Fails(format!("exit code {code}"), output.last_lines(3, redactor))
                }
                Reply::Ran(Ran::Deadline(seconds), output) => {
                    Try::Fails(format!("did not end within {seconds} s"), output.last_lines(3, redactor))
                }
                _ => return Err(HostError::from(Broken::NotAReply).into()),
            }
        }
        ReadyProbe::Tcp { host: name, port } => {
            let result = match check.from {
                Vantage::Here => http::connect(name, *port, limit).await.map_err(|error| describe(&error)),
                Vantage::Server => {
                    host.connection().tunnel(name, *port).await.map(|_| ()).map_err(|error| error.to_string())
                }
            };
            result.map_or_else(Try::fails, |()| Try::Holds)
        }
    })
}

/// Asks for a URL from this machine, or through a tunnel from the server.
async fn get(
    url: &SecretValue,
    header: Option<(&str, &SecretValue)>,
    from: Vantage,
    limit: Duration,
    host: &Host,
    client: &LazyClient,
) -> Result<http::Response, String> {
    let address = Address::parse(url.expose()).map_err(|error| error.to_string())?;
    let mut request = http::Request::new(Method::GET, address);
    request.follows = false;
    if let Some((name, value)) = header {
        request = request.header(name, value.expose());
    }
    let client = client.get().map_err(|error| error.to_string())?;
    let sent = async {
        match from {
            Vantage::Here => client.send(&request).await.map_err(|error| error.to_string()),
            Vantage::Server => {
                let (name, port) = request.address.endpoint();
                let tunnel = host.connection().tunnel(name, port).await.map_err(|error| error.to_string())?;
                client.send_over(tunnel, &request).await.map_err(|error| error.to_string())
            }
        }
    };
    let late = |_| format!("no answer within {} s", limit.as_secs().max(1));
    tokio::time::timeout(limit, sent).await.map_err(late)?
}

/// What a reply must be.
struct Wanted<'a> {
    status: u16,
    contains: Option<&'a str>,
    /// A field of a JSON reply, from the outside in, and the value that it must have.
    marker: Option<(&'a [String], &'a SecretValue)>,
}

impl Wanted<'_> {
    fn held_against(&self, response: &http::Response) -> Try {
        if response.status != self.status {
            return Try::fails(format_args!("status {}", response.status));
        }
        let body = String::from_utf8_lossy(&response.body);
        if self.contains.is_some_and(|text| !body.contains(text)) {
            return Try::fails("the reply does not hold the text that the schema wants");
        }
        let Some((path, value)) = self.marker else { return Try::Holds };
        let Ok(json) = serde_json::from_str::<serde_json::Value>(&body) else {
            return Try::fails("the reply is no JSON, and the schema wants a field of it");
        };
        let field = path.iter().try_fold(&json, |json, part| json.get(part));
        match field.and_then(serde_json::Value::as_str) {
            Some(text) if text == value.expose() => Try::Holds,
            Some(_) => Try::fails(format_args!("the field {} is of another generation", path.join("."))),
            None => Try::fails(format_args!("the reply has no text in the field {}", path.join("."))),
        }
    }
}

/// The folder that compose takes for its project's: the one that the compose file is in.
fn project_folder(folder: &str, compose_file: Option<&str>) -> String {
    let file = compose_file.unwrap_or_default();
    let whole = if file.starts_with('/') { file.to_owned() } else { format!("{folder}/{file}") };
    let is_part = |part: &&str| !matches!(*part, "" | ".");
    let mut parts: Vec<&str> = whole.split('/').filter(is_part).collect();
    if compose_file.is_some() {
        parts.pop();
    }
    format!("/{}", parts.join("/"))
}

/// Waits until every container of the services has the marker in its environment.
async fn wait_for_containers(
    change: &Change<'_>,
    services: &[String],
    folder: &str,
    (variable, value): (&crate::name::VariableName, &SecretValue),
    host: &mut Host,
    setting: &Setting<'_>,
) -> Result<(), Problem> {
    let within = change.health.iter().map(|check| check.within).max().unwrap_or(PROOF_TIME);
    let end = Instant::now() + within;
    let (folder, _) = place(Some(folder), &[], change.path);
    loop {
        if (setting.is_interrupted)() {
            return Err(Problem::Interrupted);
        }
        let Reply::Attested(containers) = host.ask(&Request::Attest { folder: &folder, variable }).await?
        else {
            return Err(HostError::from(Broken::NotAReply).into());
        };
        let Some((reason, hint)) = objection(&containers, services, value, &folder) else { return Ok(()) };
        if Instant::now() >= end {
            let shown = format!("containers of {folder}");
            let lines = Vec::new();
            return Err(Problem::Unhealthy(Unhealthy { shown, within, reason, lines, hint }));
        }
        tokio::time::sleep(PROOF_PAUSE).await;
    }
}

/// What speaks against the containers, and the way out.
fn objection(
    containers: &[Container],
    services: &[String],
    value: &SecretValue,
    folder: &ServerPath,
) -> Option<(String, Option<String>)> {
    for service in services {
        let of_service: Vec<&Container> =
            containers.iter().filter(|container| container.service == *service).collect();
        if let Some((reason, hint)) = of_service.iter().find_map(|one| left_over(one)) {
            return Some((reason, Some(hint)));
        }
        let running: Vec<&&Container> = of_service.iter().filter(|one| one.state == "running").collect();
        if running.is_empty() {
            let reason = format!("no container of service {service} is running");
            return Some((
                reason,
                Some(format!("on the server: docker compose logs {service}, in {folder}")),
            ));
        }
        let is_new = |one: &&&Container| one.value.as_deref() == Some(value.expose());
        if let Some(old) = running.iter().find(|one| !is_new(one)) {
            let reason = format!("{} runs on another generation of the file", old.name);
            let hint = "a restart keeps the old environment: the apply command must recreate the containers";
            return Some((reason, Some(hint.to_owned())));
        }
    }
    None
}

/// That a container is left over, and the way out.
fn left_over(container: &Container) -> Option<(String, String)> {
    let (name, of) = (&container.name, container.leftover_of()?);
    let reason = format!("{name} is left over from a recreation of {of} that was killed");
    Some((reason, format!("{REMOVE_LEFTOVER} {name}, then try again")))
}

/// A container of a folder's project that is left over, and the way out; none where docker does not tell.
pub(super) async fn leftover(folder: &ServerPath, host: &mut Host) -> Option<(String, String)> {
    // No value is wanted, so a name that no container has.
    let variable = crate::name::VariableName::parse("_").ok()?;
    match host.ask(&Request::Attest { folder, variable: &variable }).await {
        Ok(Reply::Attested(containers)) => containers.iter().find_map(left_over),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_where_its_compose_file_is() {
        for (file, expected) in [
            (None, "/srv/app"),
            (Some("production.yml"), "/srv/app"),
            (Some("./docker/production.yml"), "/srv/app/docker"),
            (Some("/srv/compose/app.yml"), "/srv/compose"),
        ] {
            assert_eq!(project_folder("/srv/app", file), expected);
        }
    }
}
