//! Attacks of one account at a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use ftp_proto::dialect::Dialect;
use integration_tests::site::{PASSWORD, Site, USER, sample};
use integration_tests::socket;

use super::{Scene, Stop, again_and_again, rest};
use crate::plan::Plan;
use crate::report::Report;

const ATTACKER: &str = "eve";
const WORD: &str = "sesame";
/// Where the other one comes from. The attacker has an address for each of its threads.
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 3, 1));
const THREADS: u8 = 16;
/// A client waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const SMALL: usize = 4096;
const PIECE: usize = 1 << 16;

pub(super) fn table(plan: &Plan, report: &mut Report) {
    let names =
        (0..2_000).fold(Site::new("insiders"), |site, number| site.file(&format!("d/{number:05}"), ""));
    let site = names.file("small", sample(SMALL)).file("large", sample(64 << 20));
    let account = format!("{ATTACKER}:{WORD}");
    let server = site.args(["--user", &account]).start();
    let at = server.address(Dialect::Rfc959);
    let probe = || login_and_file(at);
    let scene = Scene { id: server.running.id(), probe: &probe };
    let alone = scene.alone("a login and a small file, alone", report);
    for (name, attack) in ATTACKS {
        scene.beside(
            plan,
            alone,
            name,
            |stop| {
                (0..THREADS)
                    .map(|number| {
                        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 4, 1 + number));
                        again_and_again(stop, move |stop| attack(&mut Client::enter(at, from)?, number, stop))
                    })
                    .collect()
            },
            report,
        );
        rest();
    }
}

/// What each thread does with a session, again and again.
type Attack = fn(&mut Client, u8, &Stop) -> Option<()>;

const ATTACKS: [(&str, Attack); 5] = [
    ("all the sessions that an account may have", |client, _, stop| {
        let mut more = Vec::new();
        while !stop.is_told() {
            more.push(client.beside()?);
        }
        Some(())
    }),
    ("uploads that are deleted as they arrive", |client, number, _| {
        let mut data = client.data(&format!("STOR up{number}"))?;
        data.write_all(&[7; PIECE]).ok()?;
        let mut other = client.beside()?;
        other.ask(&format!("DELE up{number}"))?;
        drop(data.write_all(&[7; PIECE]));
        drop(data);
        client.reply()?;
        other.ask(&format!("DELE up{number}")).map(drop)
    }),
    ("downloads that nobody reads", |client, _, stop| {
        let _data = client.data("RETR large")?;
        while !stop.is_told_within(Duration::from_millis(50)) {
            client.ask("NOOP")?;
        }
        Some(())
    }),
    ("digests of a large file", |client, _, _| client.ask("HASH large").map(drop)),
    ("listings of 2,000 names, pipelined", |client, _, _| {
        client.send(&"STAT d\r\n".repeat(32))?;
        (0..32).try_for_each(|_| client.reply().map(drop))
    }),
];

/// A login, a small file and the end, from another address.
fn login_and_file(at: SocketAddr) -> Result<(), String> {
    let mut client = Client::open(at, OTHER).ok_or("no greeting")?;
    client.login(USER, PASSWORD).ok_or("no login")?;
    let mut data = client.data("RETR small").ok_or("no data connection")?;
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    // The server waits for that before it says that the file was taken.
    drop(data);
    let last = client.reply().ok_or("no final reply")?;
    if bytes.len() == SMALL && last.starts_with("226") { Ok(()) } else { Err(last) }
}

/// A client that takes every answer, and gives up if none comes.
struct Client {
    at: SocketAddr,
    from: IpAddr,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn open(at: SocketAddr, from: IpAddr) -> Option<Self> {
        let stream = socket::try_connect(SocketAddr::new(from, 0), at).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        stream.set_nodelay(true).ok()?;
        let mut client = Self { at, from, lines: BufReader::new(stream) };
        client.reply()?.starts_with("220").then_some(client)
    }

    /// A session of the attacker.
    fn enter(at: SocketAddr, from: IpAddr) -> Option<Self> {
        let mut client = Self::open(at, from)?;
        client.login(ATTACKER, WORD)?;
        Some(client)
    }

    /// One more session of it.
    fn beside(&self) -> Option<Self> {
        Self::enter(self.at, self.from)
    }

    fn login(&mut self, user: &str, word: &str) -> Option<()> {
        self.ask(&format!("USER {user}"))?;
        self.ask(&format!("PASS {word}"))?.starts_with("230").then_some(())?;
        self.ask("TYPE I").map(drop)
    }

    fn send(&mut self, text: &str) -> Option<()> {
        self.lines.get_mut().write_all(text.as_bytes()).ok()
    }

    fn ask(&mut self, command: &str) -> Option<String> {
        self.send(&format!("{command}\r\n"))?;
        self.reply()
    }

    /// The last line of the next reply.
    fn reply(&mut self) -> Option<String> {
        loop {
            let mut line = Vec::new();
            if self.lines.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let is_last = line.get(..3).is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
                && line.as_bytes().get(3) != Some(&b'-');
            if is_last {
                return Some(line);
            }
        }
    }

    /// The data connection of a command that has begun.
    fn data(&mut self, command: &str) -> Option<TcpStream> {
        let passive = self.ask("EPSV")?;
        let port: u16 = passive.split('|').nth(3)?.parse().ok()?;
        self.send(&format!("{command}\r\n"))?;
        let data = SocketAddr::new(self.at.ip(), port);
        let data = socket::try_connect(SocketAddr::new(self.from, 0), data).ok()?;
        data.set_read_timeout(Some(PATIENCE)).ok()?;
        data.set_write_timeout(Some(PATIENCE)).ok()?;
        self.reply()?.starts_with('1').then_some(data)
    }
}
