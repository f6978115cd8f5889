//! Requests as a browser sends them, one connection each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What came back.
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// Somebody at a browser.
#[derive(Clone, Default)]
pub struct Browser {
    port: u16,
    cookies: Vec<(String, String)>,
}

impl Browser {
    /// A browser without cookies, for the application at a port of 127.0.0.1.
    pub fn new(port: u16) -> Self {
        Self { port, cookies: Vec::new() }
    }

    /// Asks for a page; nothing if nobody answers.
    pub fn get(&mut self, path: &str) -> Option<Reply> {
        self.send(&format!("GET {path} HTTP/1.0\r\n"), "")
    }

    /// Sends fields.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Option<Reply> {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let body = body.join("&");
        let head = format!(
            "POST {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.send(&head, &body)
    }

    fn send(&mut self, head: &str, body: &str) -> Option<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies =
            if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        let request = format!("{head}Host: 127.0.0.1:{}\r\n{cookies}\r\n{body}", self.port);
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let reply = Reply { status, head: head.to_owned(), body: body.to_owned() };
        self.take_cookies(&reply);
        Some(reply)
    }

    fn take_cookies(&mut self, reply: &Reply) {
        for line in reply.head.lines() {
            let Some((name, value)) = line.split_once(": ") else { continue };
            if !name.eq_ignore_ascii_case("set-cookie") {
                continue;
            }
            let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if value != "\"\"" {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
