//! A fixture under way: real servers, control connections, and the sockets that its steps name.

use super::script::{Transcript, unescape};
use crate::raw::{Raw, names};
use crate::site::{PASSWORD, Server, Site, USER};
use crate::socket;
use ftp_proto::dialect::Dialect;
use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

impl Transcript {
    /// Plays it against real servers of one dialect.
    pub fn play(&self, dialect: Dialect) {
        let network = network();
        let host = |last: u8| format!("{network}.{last}");
        let own: IpAddr = host(1).parse().unwrap();
        let free = socket::free_port(&host(2)).to_string();
        let flags: Vec<String> = self.flags.iter().map(|flag| flag.replace("<free>", &free)).collect();
        let servers: Vec<Server> = (0..self.sites)
            .map(|index| {
                let files = self.files.iter().filter(|(site, ..)| *site == index);
                let site = Site::new(if index == 0 { "one" } else { "two" });
                let site = site.at(&host(if index == 0 { 2 } else { 3 }));
                let site = site.args(flags.iter().map(String::as_str));
                files.fold(site, |site, (_, name, content)| site.file(name, content)).start()
            })
            .collect();
        let second = servers.last().unwrap();
        let mut controls = vec![servers[0].connect_from(own, dialect)];
        if self.steps.iter().any(|(_, head, _)| head.contains('2')) {
            controls.push(second.connect_from(own, dialect));
        }
        if self.login {
            controls.iter_mut().for_each(|control| control.login(USER, PASSWORD));
        }
        let mut play = Play {
            dialect,
            own,
            servers: &servers,
            controls,
            known: HashMap::new(),
            listeners: HashMap::new(),
            connections: HashMap::new(),
        };
        play.know("free", &free);
        play.know("own", host(1));
        play.know("owncommas", host(1).replace('.', ","));
        play.know("ownhost", host(1).parse::<Ipv4Addr>().unwrap().to_bits());
        play.know("third", host(9));
        for (index, server) in servers.iter().chain((servers.len() == 1).then_some(second)).enumerate() {
            play.know(&format!("ip{}", index + 1), server.ip());
            play.know(&format!("host{}", index + 1), server.host_number());
            play.know(&format!("port{}", index + 1), server.address(dialect).port());
            let ip = server.ip().to_string().replace('.', ",");
            play.know(&format!("commas{}", index + 1), ip);
        }
        for (number, head, rest) in &self.steps {
            // A failure says where; the panic's own message says what.
            let place = Place { name: &self.name, number: *number, dialect };
            play.line(head, rest);
            place.passed();
        }
    }
}

/// Three numbers that no other play of this machine uses now.
fn network() -> String {
    static PLAYS: AtomicU32 = AtomicU32::new(0);
    let play = PLAYS.fetch_add(1, Ordering::Relaxed);
    format!("127.{}.{}", 64 + std::process::id() % 128, play % 256)
}

/// Says on a panic which line of which fixture it was.
struct Place<'a> {
    name: &'a str,
    number: usize,
    dialect: Dialect,
}

impl Place<'_> {
    const fn passed(self) {
        std::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        eprintln!("fixture {} line {} ({:?}) failed", self.name, self.number, self.dialect);
    }
}

/// A fixture under way.
struct Play<'a> {
    dialect: Dialect,
    own: IpAddr,
    servers: &'a [Server],
    controls: Vec<Raw>,
    known: HashMap<String, String>,
    listeners: HashMap<String, TcpListener>,
    /// `None`: closed by the server before the connect had returned.
    connections: HashMap<String, Option<TcpStream>>,
}

impl Play<'_> {
    fn know(&mut self, name: &str, value: impl ToString) {
        self.known.insert(name.into(), value.to_string());
    }

    fn line(&mut self, head: &str, rest: &str) {
        let control = usize::from(head.contains('2'));
        let other_dialect = match self.dialect {
            Dialect::Rfc354 => 'm',
            Dialect::Rfc959 => 'o',
        };
        if head.contains(other_dialect) {
            return;
        }
        match head.replace(['1', '2', 'o', 'm'], "").as_str() {
            "C" => {
                let mut bytes = unescape(&self.fill(rest));
                bytes.extend_from_slice(b"\r\n");
                self.controls[control].send_bytes(&bytes);
            }
            "C!" => {
                let bytes = unescape(&self.fill(rest));
                self.controls[control].send_bytes(&bytes);
            }
            "C^" => self.controls[control].send_urgent(unescape(rest)[0]),
            "S" => self.heard(control, rest, false),
            "S?" => self.heard(control, rest, true),
            "S!" => {
                let expected = unescape(rest);
                let bytes = self.controls[control].read_bytes(expected.len());
                assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
            }
            "Q" => assert!(self.controls[control].is_quiet(), "something was said"),
            "E" => self.controls[control].closed(),
            "=" => {
                let rest = self.fill(rest.trim());
                self.step(control, &rest);
            }
            _ => panic!("unknown line {head}: {rest}"),
        }
    }

    /// Replaces `<name>` by what was captured.
    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.known {
            filled = filled.replace(&format!("<{name}>"), value);
        }
        filled
    }

    fn heard(&mut self, control: usize, expected: &str, optional: bool) {
        let (codes, text) = expected.split_once(' ').unwrap_or((expected, ""));
        let reply = self.controls[control].reply();
        let code = names(codes, self.dialect, reply.code);
        if let Some(name) = text.strip_prefix("passive ").filter(|_| code) {
            self.know(name.trim_matches(['<', '>']), reply.port());
            return;
        }
        let captured = if text.is_empty() { Some(Vec::new()) } else { self.matched(text, &reply.text()) };
        match captured.filter(|_| code) {
            Some(captured) => captured.iter().for_each(|(name, value)| self.know(name, value)),
            None if optional => self.controls[control].hold(reply),
            None => {
                let heard = format!("expected {expected}, heard {} {}", reply.code, reply.text());
                self.controls[control].fail(&heard);
            }
        }
    }

    /// Matches a text: `*` is anything, `<name>` a word, known or captured.
    fn matched(&self, pattern: &str, text: &str) -> Option<Vec<(String, String)>> {
        let pattern = self.fill(pattern);
        fn go(pattern: &str, text: &str, captured: &mut Vec<(String, String)>) -> bool {
            if let Some(rest) = pattern.strip_prefix('*') {
                return (0..=text.len())
                    .filter(|at| text.is_char_boundary(*at))
                    .any(|at| go(rest, &text[at..], captured));
            }
            if let Some((name, rest)) = pattern.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                let word = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
                captured.push((name.into(), text[..word].into()));
                return word > 0 && go(rest, &text[word..], captured) || captured.pop().is_none();
            }
            match (pattern.chars().next(), text.chars().next()) {
                (None, None) => true,
                (Some(p), Some(t)) if p == t => go(&pattern[p.len_utf8()..], &text[t.len_utf8()..], captured),
                _ => false,
            }
        }
        let mut captured = Vec::new();
        go(&pattern, text, &mut captured).then_some(captured)
    }

    fn own(&self, port: &str) -> SocketAddr {
        match port.parse() {
            Ok(full) => full,
            Err(_) => SocketAddr::new(self.own, port.parse().unwrap()),
        }
    }

    fn connection(&self, name: &str) -> &TcpStream {
        let connection = self.connections.get(name).and_then(Option::as_ref);
        connection.unwrap_or_else(|| panic!("no data connection {name}"))
    }

    fn take(&mut self, name: &str) -> TcpStream {
        self.connections.remove(name).flatten().unwrap_or_else(|| panic!("no data connection {name}"))
    }

    fn connect(&mut self, name: &str, from: SocketAddr, to: SocketAddr) {
        let connected = socket::connect_or_reset(from, to);
        self.connections.insert(name.into(), connected);
    }

    /// One step beside the control connections. Addresses are `PORT` (ours, the
    /// server's: site 1) or `IP:PORT`.
    fn step(&mut self, control: usize, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        let server = self.servers.get(control).unwrap_or(&self.servers[0]);
        match words[..] {
            ["hangup"] => drop(self.controls.remove(control)),
            ["differ", one, other] => assert_ne!(one, other),
            ["same", one, other] => assert_eq!(one, other),
            _ => {
                let known =
                    self.open(server, &words) || self.carry(&words, step) || self.check(server, &words, step);
                assert!(known, "unknown step {step:?}");
            }
        }
    }

    /// Steps that open and close listeners and connections; whether it is one of them.
    fn open(&mut self, server: &Server, words: &[&str]) -> bool {
        let site = |port: &str| at(server, port);
        match *words {
            ["listen", name] => self.listen(name, &self.own.to_string()),
            ["listen", name, "on", ip] => self.listen(name, ip),
            ["free", name] => self.know(name, socket::free_port(&self.own.to_string())),
            ["reopen", name, port] => {
                self.listeners
                    .insert(name.into(), socket::listen(&self.own.to_string(), port.parse().unwrap()));
            }
            ["quiet", name] => assert!(socket::is_quiet(&self.listeners[name]), "somebody came to {name}"),
            ["unlisten", name] => drop(self.listeners.remove(name)),
            ["accept", name, "at", listener] => {
                let (stream, _) = socket::accept(&self.listeners[listener]);
                self.connections.insert(name.into(), Some(stream));
            }
            ["accept", name, "at", listener, "from", port] => {
                let (stream, from) = socket::accept(&self.listeners[listener]);
                assert_eq!(from, site(port), "the data connection's source");
                self.connections.insert(name.into(), Some(stream));
            }
            ["connect", name, "to", port] => self.connect(name, self.own("0"), site(port)),
            ["connect", name, "from", from, "to", port] => self.connect(name, self.own(from), site(port)),
            ["end", name] => drop(self.take(name)),
            ["reset", name] => socket::reset(self.take(name)),
            _ => return false,
        }
        true
    }

    /// Steps that send and receive on data connections; whether it is one of them.
    fn carry(&mut self, words: &[&str], step: &str) -> bool {
        let rest = || unescape(step.splitn(3, ' ').nth(2).unwrap_or_default());
        match *words {
            ["send", name, ..] => self.connection(name).write_all(&rest()).unwrap(),
            ["receive", name, ..] => {
                let bytes = socket::drain(self.take(name));
                assert_eq!(bytes.escape_ascii().to_string(), rest().escape_ascii().to_string());
            }
            ["receive-like", name, ..] => {
                let bytes = String::from_utf8(socket::drain(self.take(name))).unwrap();
                let pattern = String::from_utf8(rest()).unwrap();
                assert!(self.matched(&pattern, &bytes).is_some(), "{pattern:?} does not match {bytes:?}");
            }
            ["closed", name] => {
                let connection = self.connections.remove(name).unwrap_or_else(|| panic!("no {name}"));
                assert!(
                    connection.is_none_or(|stream| socket::is_closed_unused(&stream)),
                    "{name} carries data"
                );
            }
            _ => return false,
        }
        true
    }

    /// Steps that look at the server's ports and files; whether it is one of them.
    fn check(&self, server: &Server, words: &[&str], step: &str) -> bool {
        match *words {
            ["gone", port] => {
                let port = at(server, port);
                socket::until(&format!("{port} is closed"), || socket::is_refused(self.own("0"), port));
            }
            ["bindable", port] => {
                let port = at(server, port);
                socket::until(&format!("{port} is free"), || TcpListener::bind(port).is_ok());
            }
            ["in", port, range] => {
                let (low, high) = range.split_once('-').unwrap();
                let numbers = [low, port, high].map(|number| number.parse::<u16>().unwrap());
                assert!(numbers.is_sorted(), "{step}");
            }
            ["has", file, ..] => {
                let expected = unescape(step.splitn(3, ' ').nth(2).unwrap_or_default());
                let content = server.bytes(file);
                assert_eq!(content.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{file}");
            }
            ["missing", file] => assert!(!server.path(file).exists(), "{file} exists"),
            ["only", ..] => {
                let expected = unescape(step["only".len()..].trim_start());
                assert_eq!(
                    server.names().join(" ").as_bytes().escape_ascii().to_string(),
                    expected.escape_ascii().to_string()
                );
            }
            _ => return false,
        }
        true
    }

    fn listen(&mut self, name: &str, ip: &str) {
        let listener = socket::listen(ip, 0);
        self.know(name, listener.local_addr().unwrap().port());
        self.listeners.insert(name.into(), listener);
    }
}

/// An address as a step names it: `PORT` of this server, or `IP:PORT`.
fn at(server: &Server, port: &str) -> SocketAddr {
    port.parse().unwrap_or_else(|_| SocketAddr::new(server.ip(), port.parse().unwrap()))
}
