//! Copies a file from one FTP server straight to another, over plain TCP and the standard library.
//!
//! ```sh
//! cargo run -p ftp-proto --example third_party_std -- ftp://ann:secret@192.0.2.1/a ftp://ann:secret@192.0.2.2/b
//! ```
//!
//! It prints the dialogue of both control connections. The contents of the file never come here.
//!
//! This is all that a driver has to do: carry bytes between the sockets and the two [`Session`]s, carry
//! commands and replies between the sessions and the [`Attempt`], and tell all three what time it is.
#![allow(clippy::print_stdout, reason = "the dialogue is what this program shows")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a driver owns the sockets and the clock"
)]

use ftp_proto::client::{self, Config, Event, Session, Standing};
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::{
    Attempt, DataTls, Input, Opening, Outcome, Output, Party, Roles, Side, Store, Timeouts, Transfer, opening,
};
use ftp_proto::wire::{PathName, Secret};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Problem = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, destination] = arguments.as_slice() else {
        eprintln!("usage: third_party_std ftp://[user[:password]@]host[:port]/path ftp://...");
        return ExitCode::from(2);
    };
    match copy(source, destination) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("third_party_std: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The machines' clock.
struct Clock(Instant);

impl Clock {
    fn now(&self) -> Moment {
        Moment::after_start(self.0.elapsed())
    }
}

fn copy(source: &str, destination: &str) -> Result<(), Problem> {
    let (source, destination) = (Place::parse(source)?, Place::parse(destination)?);
    let clock = Clock(Instant::now());
    let mut ends = [
        End::connect(Side::Source, &source, &clock)?,
        End::connect(Side::Destination, &destination, &clock)?,
    ];

    let mut attempt: Option<Attempt> = None;
    let outcome = loop {
        for end in &mut ends {
            end.read(clock.now())?;
            for input in end.drain(clock.now())? {
                match (&mut attempt, input) {
                    (None, Input::Ended(side, failure)) => return Err(format!("{side:?}: {failure}").into()),
                    (None, _) => {}
                    (Some(attempt), input) => attempt.input(clock.now(), input),
                }
            }
        }
        match &mut attempt {
            Some(attempt) => {
                if let Some(outcome) = step(attempt, &clock, &mut ends) {
                    break outcome;
                }
            }
            None => attempt = begin(&source, &destination, &ends, clock.now())?,
        }
    };

    for end in &mut ends {
        end.session.input(clock.now(), client::Input::Quit);
        end.drain(clock.now())?;
    }
    match outcome {
        Outcome::Moved { .. } => {
            println!("both servers say that it is complete");
            Ok(())
        }
        Outcome::Failed(failure) => {
            Err(format!("{:?} failed at {:?}: {}", failure.side, failure.stage, failure.cause).into())
        }
    }
}

/// Starts the attempt when both ends have logged in. The destination listens if it can.
fn begin(
    source: &Place,
    destination: &Place,
    ends: &[End; 2],
    now: Moment,
) -> Result<Option<Attempt>, Problem> {
    let [End { party: Some(from), .. }, End { party: Some(to), .. }] = ends else {
        return Ok(None);
    };
    let listening = |passive, by: Option<Opening>| by.map(|opening| (passive, opening));
    let (passive, opening) = listening(Side::Destination, opening(to, from))
        .or_else(|| listening(Side::Source, opening(from, to)))
        .ok_or("the two servers have no address family in common")?;

    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let transfer = Transfer {
        source_path: source.path.clone(),
        destination_path: destination.path.clone(),
        store: Store::Replace,
        part: None,
        secret: Some(RendezvousSecret::new(secret)),
        probes: false,
        digest: None,
    };
    let roles = Roles { passive, opening, filter: true, first: None, tls: DataTls::Clear };
    Ok(Some(Attempt::direct(transfer, roles, from.clone(), to.clone(), Timeouts::default(), now)))
}

/// Performs what the attempt asks for. Returns the outcome when there is one.
fn step(attempt: &mut Attempt, clock: &Clock, ends: &mut [End; 2]) -> Option<Outcome> {
    loop {
        let now = clock.now();
        match attempt.poll() {
            Output::Command(side, command) => end(ends, side).send(now, command),
            Output::Abort(side) => end(ends, side).session.input(now, client::Input::Abort),
            Output::Close(side) => end(ends, side).session.input(now, client::Input::Closed),
            Output::Done(outcome) => return Some(outcome),
            Output::Wait(Some(deadline)) if deadline <= now => attempt.input(now, Input::Timeout),
            Output::Wait(_) => return None,
            // These are for paths with a host in the middle, and for several files.
            Output::Connect(..)
            | Output::Listen(_)
            | Output::JoinAtRelay { .. }
            | Output::Copy
            | Output::Finish
            | Output::Cut
            | Output::Begins(_)
            | Output::FileEnded(..)
            | Output::AllEnded => {}
        }
    }
}

fn end(ends: &mut [End; 2], side: Side) -> &mut End {
    let [source, destination] = ends;
    match side {
        Side::Source => source,
        Side::Destination => destination,
    }
}

/// One control connection with its session.
struct End {
    side: Side,
    stream: TcpStream,
    session: Session,
    address: IpAddr,
    /// Known when it is logged in.
    party: Option<Party>,
}

impl End {
    fn connect(side: Side, place: &Place, clock: &Clock) -> Result<Self, Problem> {
        let address = (place.host.as_str(), place.port).to_socket_addrs()?.next().ok_or("no such host")?;
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(15))?;
        // The two connections are read in turn, and none is waited for longer than this.
        stream.set_read_timeout(Some(Duration::from_millis(10)))?;
        let config = Config {
            user: place.user.clone(),
            password: Some(Secret::new(place.password.clone())),
            ..Config::default()
        };
        let session = Session::new(config, clock.now());
        Ok(Self { side, stream, session, address: address.ip(), party: None })
    }

    fn send(&mut self, now: Moment, command: ftp_proto::command::Command) {
        self.session.send(now, command, None);
    }

    fn read(&mut self, now: Moment) -> Result<(), Problem> {
        let mut piece = [0; 4096];
        match self.stream.read(&mut piece) {
            Ok(0) => self.session.input(now, client::Input::Closed),
            Ok(count) => {
                self.session.input(now, client::Input::Bytes(piece.get(..count).unwrap_or_default()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.session.input(now, client::Input::Closed),
        }
        Ok(())
    }

    /// Performs what the session asks for. Returns what the attempt must be told.
    fn drain(&mut self, now: Moment) -> Result<Vec<Input>, Problem> {
        let mut inputs = Vec::new();
        loop {
            match self.session.poll() {
                client::Output::Send(bytes) => {
                    if self.stream.write_all(&bytes).is_err() {
                        self.session.input(now, client::Input::Closed);
                    }
                }
                client::Output::Event(event) => inputs.extend(self.event(event)),
                // TLS was not asked for.
                client::Output::StartTls => self.session.input(now, client::Input::Closed),
                client::Output::Close => {
                    let _ = self.stream.shutdown(std::net::Shutdown::Both);
                }
                client::Output::Wait(Some(deadline)) if deadline <= now => {
                    self.session.input(now, client::Input::Timeout)
                }
                client::Output::Wait(_) => return Ok(inputs),
            }
        }
    }

    fn event(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Sent(line) => println!("{:>11} < {}", format!("{:?}", self.side), line.trim_end()),
            Event::Received { reply, .. } => {
                println!("{:>11} > {}", format!("{:?}", self.side), reply.display())
            }
            // This program asks for no TLS, and has nothing to say before the login is over.
            Event::TlsAbsent | Event::TakesMore => {}
            Event::Ready { dialect, capabilities } => {
                self.party = Some(Party {
                    dialect,
                    capabilities,
                    address: self.address,
                    given: false,
                    standing: Standing::default(),
                    leaf: None,
                });
            }
            Event::Reply { reply, class, .. } => {
                return Some(Input::Reply { side: self.side, reply, class });
            }
            Event::Unasked(reply) => return Some(Input::Unasked { side: self.side, reply }),
            Event::AbortDone => return Some(Input::Aborted(self.side)),
            Event::Ended(failure) => return Some(Input::Ended(self.side, failure)),
        }
        None
    }
}

/// `ftp://[user[:password]@]host[:port]/path`, the path relative to the login directory (RFC 1738).
struct Place {
    user: Vec<u8>,
    password: Vec<u8>,
    host: String,
    port: u16,
    path: PathName,
}

impl Place {
    fn parse(url: &str) -> Result<Self, Problem> {
        let rest = url.strip_prefix("ftp://").ok_or("an address begins with ftp://")?;
        let (authority, path) = rest.split_once('/').ok_or("the path is missing")?;
        let (login, host) = authority.rsplit_once('@').unwrap_or(("anonymous:guest@", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse()?),
            Some(_) | None => (host, 21),
        };
        Ok(Self {
            user: decoded(user)?,
            password: decoded(password)?,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: PathName::from_user(decoded(path)?)?,
        })
    }
}

/// Undoes `%XX`.
fn decoded(text: &str) -> Result<Vec<u8>, Problem> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2).ok_or("% without two hex digits")?;
        bytes.push(u8::from_str_radix(hex, 16)?);
        bytes.extend(rest.as_bytes());
    }
    Ok(bytes)
}
