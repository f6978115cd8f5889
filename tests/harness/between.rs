//! Something between a client and a service that goes wrong on command: it refuses, loses requests or replies, or waits.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it goes through.
    None,
    /// It goes nowhere, and the answer is this status with this code.
    Refused(u16, &'static str),
    /// It goes through, and the answer is this status with this code.
    Misreported(u16, &'static str),
    /// It goes nowhere, and there is no answer.
    RequestLost,
    /// It goes through, and there is no answer.
    ReplyLost,
    /// It goes through, and half of the answer comes.
    ReplyCut,
    /// It goes nowhere, and an answer is waited for in vain.
    Stalled,
    /// It goes through, and an answer is waited for in vain.
    ReplyStalled,
}

/// A request as it is seen here.
pub struct Asked {
    /// Which it is, from 1.
    pub number: usize,
    pub method: String,
}

/// Stands between. It ends with the process.
pub struct Proxy {
    pub endpoint: String,
    inner: Arc<Inner>,
}

struct Inner {
    service: String,
    plan: Mutex<Plan>,
    asked: AtomicUsize,
    /// How often the service has created each object, where that was asked for on the condition that it did not exist.
    created: Mutex<BTreeMap<String, usize>>,
}

type Plan = Arc<dyn Fn(&Asked) -> Fault + Send + Sync>;

impl Proxy {
    /// Before the service at `endpoint`; `plan` says what happens to each request.
    pub fn new(endpoint: &str, plan: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = endpoint.strip_prefix("http://").unwrap().to_owned();
        let inner = Arc::new(Inner {
            service,
            plan: Mutex::new(Arc::new(plan)),
            asked: AtomicUsize::new(0),
            created: Mutex::default(),
        });
        let shared = inner.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let inner = shared.clone();
                thread::spawn(move || {
                    let _ = pass(client, &inner);
                });
            }
        });
        Self { endpoint: format!("http://127.0.0.1:{port}"), inner }
    }

    /// Has another plan from now on, and counts anew.
    pub fn plan(&self, plan: impl Fn(&Asked) -> Fault + Send + Sync + 'static) {
        *self.inner.plan.lock().unwrap() = Arc::new(plan);
        self.inner.asked.store(0, Ordering::SeqCst);
    }

    /// What the service has created more than once, against the condition: then it is the service that loses updates.
    pub fn created_twice(&self) -> Vec<String> {
        let created = self.inner.created.lock().unwrap();
        created.iter().filter(|(_, count)| **count > 1).map(|(path, _)| path.clone()).collect()
    }

    /// How many requests there were.
    pub fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }
}

/// Passes one request on. A connection carries one only.
fn pass(mut client: TcpStream, inner: &Inner) -> std::io::Result<()> {
    let Some((head, body)) = read_request(&mut client)? else { return Ok(()) };
    let mut words = head.lines().next().unwrap_or_default().split(' ').map(ToOwned::to_owned);
    let number = inner.asked.fetch_add(1, Ordering::SeqCst) + 1;
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let plan = inner.plan.lock().unwrap().clone();
    let fault = plan(&Asked { number, method });
    let goes_through = !matches!(fault, Fault::Refused(..) | Fault::RequestLost | Fault::Stalled);
    let mut answer = Vec::new();
    if goes_through {
        let mut upstream = TcpStream::connect(&inner.service)?;
        let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let head: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        upstream.write_all(format!("{}\r\nConnection: close\r\n\r\n", head.join("\r\n")).as_bytes())?;
        upstream.write_all(&body)?;
        upstream.read_to_end(&mut answer)?;
    }
    if head.to_ascii_lowercase().contains("if-none-match: *") && answer.get(9..12) == Some(b"200") {
        *inner.created.lock().unwrap().entry(path).or_default() += 1;
    }
    match fault {
        Fault::None => client.write_all(&answer)?,
        Fault::Refused(status, code) | Fault::Misreported(status, code) => {
            let text = format!(
                "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>made up</Message></Error>"
            );
            let length = text.len();
            write!(
                client,
                "HTTP/1.1 {status} Made Up\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            )?;
        }
        Fault::ReplyCut => client.write_all(&answer[..answer.len() / 2])?,
        Fault::RequestLost | Fault::ReplyLost => {}
        Fault::Stalled | Fault::ReplyStalled => {
            // Until the other side has had enough.
            client.set_read_timeout(Some(Duration::from_mins(1)))?;
            let _ = client.read(&mut [0]);
        }
    }
    client.shutdown(Shutdown::Both)
}

/// The head of a request and its body; `None` if the connection ends before.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |name: &str| {
        let value = |line: &str| Some(line.split_once(':')?.1.trim().to_owned());
        head.lines().find(|line| line.to_ascii_lowercase().starts_with(name)).and_then(value)
    };
    let length = header("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
    if header("expect:").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = bytes.split_off(end);
    while body.len() < length {
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            count => body.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(Some((head, body)))
}
