//! A real server that lies: what it says on its control connections is changed on the way, and so is what it hears. Its data
//! connections, its files and its proofs stay real, so a lie is the only thing that is wrong.

use crate::site::{PASSWORD, USER};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What becomes of a reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lie {
    /// It is said as it is.
    None,
    /// This is said in its place, with a line end.
    Says(String),
    /// It is said after the next one.
    Later,
    /// This is said in its place, again and again, until nobody listens.
    Endless(String),
    /// The control connection ends, on both sides.
    Closes,
    /// Nothing is said any more.
    Silence,
}

/// What is heard in the place of a command.
type Hears = dyn Fn(&str) -> Option<String> + Send + Sync;
/// What is said to a command (empty: the greeting) in the place of a reply, whose lines are in one text.
type Says = dyn Fn(&str, &str) -> Lie + Send + Sync;

/// A listener before a control port, at the same address.
#[derive(Clone, Copy, Debug)]
pub struct Liar(SocketAddr);

/// The lies of one server.
#[derive(Clone)]
struct Lies {
    hears: Arc<Hears>,
    says: Arc<Says>,
}

impl fmt::Debug for Lies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lies")
    }
}

impl Liar {
    /// Lies about what `server` says.
    pub fn before(server: SocketAddr, says: impl Fn(&str, &str) -> Lie + Send + Sync + 'static) -> Self {
        Self::between(server, |_| None, says)
    }

    /// The same; `hears` may change commands.
    pub fn between(
        server: SocketAddr,
        hears: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        says: impl Fn(&str, &str) -> Lie + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((server.ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let lies = Lies { hears: Arc::new(hears), says: Arc::new(says) };
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { continue };
                converse(client, server, &lies);
            }
        });
        Self(address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.0
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("ftp://{USER}:{}@{}/{path}", PASSWORD.replace(':', "%3A"), self.0)
    }
}

/// Passes on one control connection, in both directions.
fn converse(client: TcpStream, server: TcpStream, lies: &Lies) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // The commands without a reply; the greeting answers none.
    let asked = Arc::new(Mutex::new(VecDeque::from([String::new()])));
    let (heard, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (hears, known) = (Arc::clone(&lies.hears), Arc::clone(&asked));
    // It is gone as soon as the client is.
    let (present, presence) = mpsc::channel();
    thread::spawn(move || {
        let _present: Sender<Infallible> = present;
        for line in lines(heard) {
            let command = hears(&line).unwrap_or_else(|| line.clone());
            known.lock().unwrap().push_back(line);
            if to_server.write_all(format!("{command}\r\n").as_bytes()).is_err() {
                break;
            }
        }
        // What the server still says is passed on, if somebody listens.
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let says = Arc::clone(&lies.says);
    thread::spawn(move || {
        let _ = answer(&client, &server, &asked, &*says, &presence);
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    });
}

/// The lines of a connection without their ends; commands and replies are bytes that are shown one by one.
fn lines(stream: TcpStream) -> impl Iterator<Item = String> {
    let mut stream = BufReader::new(stream);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        match stream.read_until(b'\n', &mut line) {
            Ok(1..) => Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
            Ok(0) | Err(_) => None,
        }
    })
}

/// Says what the server says, or something else.
fn answer(
    mut client: &TcpStream,
    server: &TcpStream,
    asked: &Mutex<VecDeque<String>>,
    says: &Says,
    presence: &Receiver<Infallible>,
) -> std::io::Result<()> {
    let mut lines = lines(server.try_clone()?);
    let mut later: Option<String> = None;
    while let Some(first) = lines.next() {
        let mut reply = first.clone();
        let (code, mark) = (first.get(..3).unwrap_or_default().to_owned(), first.get(3..4));
        if mark == Some("-") {
            for line in lines.by_ref() {
                reply.push_str("\r\n");
                reply.push_str(&line);
                if line.starts_with(&format!("{code} ")) {
                    break;
                }
            }
        }
        let command = {
            let mut asked = asked.lock().unwrap();
            let command = asked.front().cloned().unwrap_or_default();
            if !code.starts_with('1') {
                asked.pop_front();
            }
            command
        };
        let mut said = match says(&command, &reply) {
            Lie::None => reply,
            Lie::Says(other) => other,
            Lie::Later => {
                later = Some(reply);
                continue;
            }
            Lie::Endless(text) => loop {
                client.write_all(format!("{text}\r\n").as_bytes())?;
                // The next one comes a little later, unless the client has left.
                if presence.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Disconnected) {
                    return Ok(());
                }
            },
            Lie::Closes => return Ok(()),
            Lie::Silence => {
                // The connection stays open until the client leaves.
                let _ = presence.recv();
                return Ok(());
            }
        };
        if let Some(later) = later.take() {
            said = format!("{said}\r\n{later}");
        }
        client.write_all(format!("{said}\r\n").as_bytes())?;
    }
    Ok(())
}
