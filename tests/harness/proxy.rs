//! Something between a client and a server, that can break what goes through it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::trap::{Side, Trap};

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(2);

/// Takes connections on a port of its own and hands them on to a server's.
pub struct Proxy {
    /// Its port, on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    open: Mutex<Vec<TcpStream>>,
    is_mute: AtomicBool,
    is_late: AtomicBool,
    is_shut: AtomicBool,
    is_over: AtomicBool,
    taken: AtomicUsize,
    turns: AtomicUsize,
    trap: Trap,
}

impl Proxy {
    /// Starts one before a server on 127.0.0.1.
    pub fn before(server: u16) -> Self {
        Self::with_trap(server, &Trap::default())
    }

    /// The same with a trap at each turn of the talk from the server to the client.
    pub fn with_trap(server: u16, trap: &Trap) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { trap: trap.clone(), ..Shared::default() });
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if own.is_over.load(Ordering::SeqCst) {
                    return;
                }
                own.taken.fetch_add(1, Ordering::SeqCst);
                if !own.is_shut.load(Ordering::SeqCst) {
                    join(client, server, &own);
                }
            }
        });
        Self { port, shared }
    }

    /// From now on the client hears nothing, while the server still gets what is sent.
    pub fn mute(&self) {
        self.shared.is_mute.store(true, Ordering::SeqCst);
    }

    /// Has the client wait for what the server says, or lets it arrive.
    pub fn delay(&self, is_late: bool) {
        self.shared.is_late.store(is_late, Ordering::SeqCst);
    }

    /// Cuts every connection, at the client's end and at the server's.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Ends every new connection as soon as it is made.
    pub fn shut(&self) {
        self.shared.is_shut.store(true, Ordering::SeqCst);
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        self.shared.is_mute.store(false, Ordering::SeqCst);
        self.shared.is_shut.store(false, Ordering::SeqCst);
    }

    /// How many connections were made, and how often the talk has turned from the client to the server: the round trips.
    pub fn counts(&self) -> (usize, usize) {
        (self.shared.taken.load(Ordering::SeqCst), self.shared.turns.load(Ordering::SeqCst))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes whoever waits for a connection.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn join(client: TcpStream, server: u16, shared: &Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
    shared.open.lock().unwrap().extend(ends);
    // Whether the server was the last to say something, and whether what it says next is held.
    let (answered, is_held) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    for (mut from, mut to, is_answer) in
        [(client.try_clone().unwrap(), server.try_clone().unwrap(), false), (server, client, true)]
    {
        let (shared, answered, is_held) = (Arc::clone(shared), Arc::clone(&answered), Arc::clone(&is_held));
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let length = from.read(&mut buffer).unwrap_or(0);
                // An end is an answer too.
                if is_answer && is_held.swap(false, Ordering::SeqCst) && !shared.trap.hold() || length == 0 {
                    break;
                }
                while is_answer && shared.is_late.load(Ordering::SeqCst) {
                    std::thread::sleep(PAUSE);
                }
                if is_answer && shared.is_mute.load(Ordering::SeqCst) {
                    continue;
                }
                if answered.swap(is_answer, Ordering::SeqCst) && !is_answer {
                    shared.turns.fetch_add(1, Ordering::SeqCst);
                    match shared.trap.turn() {
                        Some(Side::Before) if !shared.trap.hold() => break,
                        Some(Side::After) => is_held.store(true, Ordering::SeqCst),
                        _ => {}
                    }
                }
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}
