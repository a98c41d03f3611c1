//! A driver for one session: answers what a server with some files would, records what is said.

use crate::address::Parity;
use crate::dialect::Dialect;
use crate::digest::Digest;
use crate::policy::{Exchange, Foreign, Rules};
use crate::reply::{FileOutcome, LeftOut};
use crate::server::ask::{
    Answer, Ask, Carried, ConnId, DetachedTransfer, End, Event, FileAnswer, FileFailure, Input, Intent,
    ListStyle, Output, Ticket, TransferTerms,
};
use crate::server::{Access, Connection, Rights, Session};
use crate::timer::Moment;
use crate::wire::{ByteRange, Fingerprint, PathName, TransferId};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(super) use crate::server::Config;

mod accounts;
mod files;
mod looks;
mod moves;
mod secrets;

/// The user's own host.
pub(super) const OWN: &str = "192.0.2.7";
/// Another host.
pub(super) const FOREIGN: &str = "198.51.100.9";
/// The server's address.
pub(super) const LOCAL: &str = "192.0.2.1";

pub(super) struct Harness {
    pub(super) session: Session,
    pub(super) now: Moment,
    deadline: Option<Moment>,
    /// Replies, line by line, since they were taken last.
    replies: Vec<String>,
    /// Everything said since the start.
    pub(super) transcript: Vec<String>,
    /// What was asked, as short words, since it was taken last.
    pub(super) did: Vec<String>,
    pub(super) events: Vec<Event>,
    pub(super) closed: bool,
    /// Sizes of the files there are.
    pub(super) files: BTreeMap<String, u64>,
    /// What was stored.
    pub(super) progress: (u64, u64),
    /// Whether the driver says at once how far a transfer is.
    pub(super) answers_progress: bool,
    /// The questions how far a transfer is that are not answered yet.
    asks_progress: Vec<Ticket>,
    /// How the driver answers `Permit`; not at all when `None`.
    pub(super) permit: Option<bool>,
    /// What the account may do with files.
    pub(super) access: Access,
    /// What accounts may exchange with foreign hosts.
    pub(super) exchanges: Vec<Exchange>,
    /// Whether ports are to be had.
    pub(super) ports: bool,
    /// Whether a move begins at once.
    pub(super) opens: Result<(), FileFailure>,
    /// Whether a move that begins says so at once.
    pub(super) starts: bool,
    /// Whether a move that is to stop does so at once.
    pub(super) stops: bool,
    /// How many names the directory has that FTP cannot carry.
    pub(super) omitted: u64,
    /// Whether every listing of a name finds nothing.
    pub(super) lists_nothing: bool,
    /// Whether questions about files are answered at once.
    pub(super) answers_files: bool,
    /// Whether there is room for the hooks after uploads.
    pub(super) has_room: bool,
    /// The question for room that is not answered yet.
    room: Option<Ticket>,
    /// A transfer command whose file is not found yet.
    preparing: Option<(Ticket, PathName, Intent)>,
    /// Questions about files that are not answered yet.
    unanswered: Vec<(Ticket, Result<FileAnswer, FileFailure>)>,
    /// Whether users see the limits of the server.
    pub(super) admin: bool,
    /// The certificate by which the user u logs in without a password.
    pub(super) recognises: Option<Fingerprint>,
    /// Handshakes that are under way.
    securing: Vec<Ticket>,
    next_port: u16,
    next_conn: u64,
    ports_of: BTreeMap<Ticket, u16>,
    listeners: BTreeMap<Ticket, u16>,
    connecting: VecDeque<(Ticket, SocketAddr)>,
    permits: VecDeque<Ticket>,
    moving: Option<(Ticket, ConnId)>,
    /// Whether the driver keeps a connection where it may.
    pub(super) keeps: bool,
    /// Whether there are places for transfers that outlive their control connection.
    pub(super) places: bool,
    /// The last name that such a transfer got, and how far it is.
    pub(super) detached: Option<TransferId>,
    pub(super) transfer: Option<DetachedTransfer>,
    /// Data connections that are kept between two files.
    pub(super) kept: Vec<ConnId>,
    pub(super) intent: Option<Intent>,
    /// How the last move was to move its bytes.
    pub(super) terms: Option<TransferTerms>,
    /// What is left out of every group that gets its names; `HeldGroups`: none finds a place.
    pub(super) left: Result<Vec<(u16, LeftOut)>, FileFailure>,
    /// Octets written to each data connection.
    pub(super) written: BTreeMap<ConnId, Vec<u8>>,
    /// Data connections that are not closed.
    pub(super) open: Vec<ConnId>,
}

/// The configuration of a listener of which nothing else is said.
pub(super) fn config() -> Config {
    Config { software: "server".to_owned(), ..Config::default() }
}

/// A control connection between these addresses.
pub(super) fn connection(peer: &str, local: &str) -> Connection {
    let (peer, local) = (address(peer), address(local));
    Connection { peer, local, proxied: false, public_address: None, entropy: [9; 32] }
}

pub(super) fn over_ipv6() -> Connection {
    connection("[2001:db8::1]:5000", "[2001:db8::2]:21")
}

pub(super) fn old() -> Harness {
    Harness::new(Config { dialect: Dialect::Rfc354, ..config() }).logged_in()
}

pub(super) fn modern() -> Harness {
    Harness::new(config()).logged_in()
}

/// `--foreign authenticated` with all networks named.
pub(super) fn all_networks() -> Rules {
    Rules {
        foreign: Foreign::Authenticated,
        foreign_networks: Some(vec!["0.0.0.0/0".parse().unwrap()]),
        ..Rules::default()
    }
}

/// A listener under these rules: the bare scripts.
pub(super) fn open_to_all(dialect: Dialect) -> Harness {
    Harness::new(Config { dialect, rules: all_networks(), ..config() }).logged_in()
}

pub(super) fn both() -> [Harness; 2] {
    [old(), modern()]
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Harness {
    /// A session of the user's own host.
    pub(super) fn new(config: Config) -> Self {
        Self::over(config, connection(&format!("{OWN}:50000"), &format!("{LOCAL}:21")))
    }

    pub(super) fn over(config: Config, connection: Connection) -> Self {
        let mut harness = Self {
            session: Session::new(Arc::new(config), connection),
            now: Moment::START,
            deadline: None,
            replies: Vec::new(),
            transcript: Vec::new(),
            did: Vec::new(),
            events: Vec::new(),
            closed: false,
            files: BTreeMap::from([("/a".to_owned(), 1000), ("/b".to_owned(), 5)]),
            progress: (0, 0),
            answers_progress: true,
            asks_progress: Vec::new(),
            permit: Some(true),
            access: Access::everywhere(Rights::ALL),
            exchanges: Vec::new(),
            ports: true,
            opens: Ok(()),
            starts: true,
            stops: true,
            omitted: 0,
            lists_nothing: false,
            answers_files: true,
            has_room: true,
            room: None,
            preparing: None,
            unanswered: Vec::new(),
            admin: false,
            recognises: None,
            securing: Vec::new(),
            next_port: 40_001,
            next_conn: 1,
            ports_of: BTreeMap::new(),
            listeners: BTreeMap::new(),
            connecting: VecDeque::new(),
            permits: VecDeque::new(),
            moving: None,
            keeps: true,
            places: true,
            detached: None,
            transfer: None,
            kept: Vec::new(),
            intent: None,
            terms: None,
            left: Ok(Vec::new()),
            written: BTreeMap::new(),
            open: Vec::new(),
        };
        harness.input(Input::Start);
        harness
    }

    pub(super) fn log_in(&mut self) {
        self.say("USER u");
        self.say("PASS secret");
    }

    pub(super) fn logged_in(mut self) -> Self {
        self.log_in();
        self.say("TYPE I");
        self.did.clear();
        self
    }

    /// One input, and everything that follows from it.
    pub(super) fn input(&mut self, input: Input<'_>) {
        self.session.input(self.now, input);
        loop {
            match self.session.poll() {
                Output::Send(bytes) => self.hear(bytes),
                Output::Ask(ask) => self.perform(ask),
                Output::Event(event) => self.events.push(event),
                Output::Close => self.closed = true,
                Output::Wait(deadline) => {
                    assert_eq!(deadline.is_none(), self.closed, "no state waits without a timer");
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn hear(&mut self, bytes: Vec<u8>) {
        assert!(!self.closed, "nothing is said after Close");
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        for line in text.lines() {
            self.replies.push(line.to_owned());
            self.transcript.push(line.to_owned());
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.session.input(self.now, Input::Answer(ticket, answer));
    }

    fn perform(&mut self, ask: Ask) {
        match ask {
            Ask::Login { ticket, user, password, .. } => self.login(ticket, user, &password),
            Ask::Recognise { ticket, user, certificate } => self.recognise(ticket, user, certificate),
            Ask::Limits(ticket) => self.tell_limits(ticket),
            Ask::LogOut => self.did.push("log out".to_owned()),
            Ask::DropGroup(group) => self.did.push(format!("drop group {group}")),
            Ask::Reserve { ticket, parity, .. } => self.reserve(ticket, parity, None),
            Ask::ReservePair { ticket, odd, .. } => self.reserve(ticket, Parity::Even, Some(odd)),
            Ask::Listen { ticket, reservation, .. } => self.listen(ticket, reservation),
            Ask::Unlisten(ticket) => {
                let port = self.listeners.remove(&ticket).unwrap();
                self.did.push(format!("unlisten {port}"));
            }
            Ask::Release(ticket) => {
                let port = self.ports_of.remove(&ticket).unwrap();
                self.did.push(format!("release {port}"));
            }
            Ask::Connect { ticket, from, to, .. } => {
                let from = from.map_or("any".to_owned(), |from| self.ports_of[&from].to_string());
                self.did.push(format!("connect {from} -> {to}"));
                self.connecting.push_back((ticket, to));
            }
            Ask::Cancel(ticket) => {
                self.connecting.retain(|(waiting, _)| *waiting != ticket);
                self.permits.retain(|waiting| *waiting != ticket);
                self.room.take_if(|waiting| *waiting == ticket);
                self.did.push("cancel".to_owned());
            }
            Ask::Drop { conn, how } => self.drop_connection(conn, how),
            Ask::Write { conn, bytes } => {
                assert!(self.open.contains(&conn));
                self.written.entry(conn).or_default().extend(bytes);
            }
            Ask::Read { conn, limit } => assert!(limit > 0 && limit <= 32 && self.open.contains(&conn)),
            Ask::Secure { ticket, last } => self.change_tls("secure", ticket, last),
            Ask::Clear { ticket, last } => self.change_tls("clear", ticket, last),
            Ask::SecureData { ticket, conn, how } => self.secure(ticket, conn, how),
            Ask::Permit { ticket, account, target } => self.ask_permit(ticket, &account, target),
            Ask::PermitDone { end, .. } => self.did.push(format!("permit done {end:?}")),
            Ask::PeerProven { account, peer } => self.note_proof(&account, peer),
            Ask::Room { ticket, of } => self.ask_room(ticket, &of),
            Ask::Prepare { ticket, path, intent } => self.prepare(ticket, &path, intent),
            Ask::Move { ticket, conn, terms, .. } => self.begin_move(ticket, conn, terms),
            Ask::Progress { ticket, of } => self.ask_progress(ticket, of),
            Ask::Doubt { of, unless } => {
                assert_eq!(self.moving.map(|(ticket, _)| ticket), Some(of));
                self.did.push(format!("doubt {unless:?}"));
            }
            Ask::Stop(ticket) => self.stop_move(ticket),
            Ask::Detach { ticket, id } => {
                self.detached = Some(id);
                self.answer(ticket, Answer::Detach(self.places));
            }
            Ask::Detached { ticket, id, stop } => {
                self.did.push(if stop { "stop it" } else { "look at it" }.to_owned());
                let found = self.transfer.clone().filter(|_| self.detached == Some(id));
                self.answer(ticket, Answer::Detached(found));
            }
            Ask::File { ticket, ask } => {
                self.did.push(format!("{ask:?}"));
                let found = self.look_up(ask);
                if self.answers_files {
                    self.answer(ticket, Answer::File(found));
                } else {
                    self.unanswered.push((ticket, found));
                }
            }
        }
    }

    fn reserve(&mut self, ticket: Ticket, parity: Parity, next: Option<Ticket>) {
        if !parity.allows(self.next_port) {
            self.next_port += 1;
        }
        let port = self.ports.then_some(self.next_port);
        self.next_port += 1;
        if let Some(port) = port {
            self.ports_of.insert(ticket, port);
            self.did.push(format!("reserve {port}"));
            if let Some(next) = next {
                self.next_port += 1;
                self.ports_of.insert(next, port + 1);
                self.did.push(format!("reserve {}", port + 1));
            }
        }
        self.answer(ticket, Answer::Port(port));
    }

    fn listen(&mut self, ticket: Ticket, reservation: Ticket) {
        let port = self.ports_of[&reservation];
        assert!(!self.listeners.values().any(|open| *open == port), "{port} is listened on twice");
        self.listeners.insert(ticket, port);
        self.did.push(format!("listen {port}"));
        self.answer(ticket, Answer::Port(Some(port)));
    }

    fn prepare(&mut self, ticket: Ticket, path: &PathName, intent: Intent) {
        self.did.push(format!("prepare {}", path.display()));
        if !self.answers_files {
            self.preparing = Some((ticket, path.clone(), intent));
            return;
        }
        let size = self.files.get(&path.display()).copied();
        let (no, no_place) = (|failure| Answer::File(Err(failure)), Err(FileFailure::HeldGroups));
        let answer = match (&intent, size) {
            (Intent::Send { range }, Some(size)) if range.first > size => no(FileFailure::BeyondEnd),
            (Intent::Send { .. }, Some(size)) => Answer::Prepared { size: Some(size) },
            (Intent::Send { .. }, None) => Answer::File(Err(FileFailure::NotFound)),
            (Intent::List(style), _)
                if self.lists_nothing && !matches!(style, ListStyle::Matching { .. }) =>
            {
                Answer::File(Err(FileFailure::NotFound))
            }
            (Intent::StoreGroup { .. }, _) if self.left == no_place => no(FileFailure::HeldGroups),
            (Intent::List(_), Some(_)) => Answer::File(Err(FileFailure::NotDirectory)),
            _ => Answer::Prepared { size: None },
        };
        self.intent = Some(intent);
        self.answer(ticket, answer);
    }

    /// Sends one command line and gives the replies since.
    pub(super) fn say(&mut self, line: &str) -> Vec<String> {
        self.send(&format!("{line}\r\n"));
        self.take()
    }

    pub(super) fn send(&mut self, bytes: &str) {
        self.input(Input::Bytes(bytes.as_bytes()));
    }

    /// The replies since they were taken last.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.replies)
    }

    /// Checks the codes of the replies that a line gives: the first four characters of each line, as [`Self::code`] has them.
    #[track_caller]
    pub(super) fn check(&mut self, line: &str, codes: &[&str]) {
        let replies = self.say(line);
        let codes: Vec<&str> = codes.iter().map(|codes| self.code(codes)).collect();
        let found: Vec<&str> =
            replies.iter().filter(|line| !line.starts_with(' ')).map(|line| line[..4].trim_end()).collect();
        assert_eq!(found, codes, "{line}: {replies:?}");
    }

    /// What was asked since it was looked at last.
    pub(super) fn did(&mut self) -> Vec<String> {
        std::mem::take(&mut self.did)
    }

    /// The port in the last 255, 227 or 229.
    #[track_caller]
    pub(super) fn port(&mut self, line: &str) -> u16 {
        let replies = self.say(line);
        assert_eq!(replies.len(), 1, "{replies:?}");
        let text = replies[0].trim_end_matches(['.', ')', '|']);
        if text.starts_with("227") {
            let mut parts = text.rsplit(',').map(|part| part.parse::<u16>().unwrap());
            return parts.next().unwrap() + 256 * parts.next().unwrap();
        }
        text.rsplit([' ', '|']).next().unwrap().parse().unwrap_or_else(|_| panic!("no port in {replies:?}"))
    }

    /// Somebody connects to a port that is listened on; the name of the connection.
    #[track_caller]
    pub(super) fn arrive(&mut self, port: u16, from: &str) -> ConnId {
        let listener = *self.listeners.iter().find(|(_, at)| **at == port).expect("nobody listens there").0;
        let conn = self.new_conn();
        self.input(Input::Arrived { listener, conn, from: address(from) });
        conn
    }

    /// Somebody whose connection was on its way when the listener was closed.
    pub(super) fn late_arrival(&mut self, port: u16) {
        let listener = *self.listeners.iter().find(|(_, at)| **at == port).expect("nobody listens there").0;
        self.say("ACTV");
        let conn = self.new_conn();
        self.input(Input::Arrived { listener, conn, from: address(&format!("{OWN}:5000")) });
    }

    pub(super) fn new_conn(&mut self) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.open.push(conn);
        conn
    }

    /// The name of the oldest attempt to connect.
    #[track_caller]
    pub(super) fn connecting_ticket(&self) -> Ticket {
        self.connecting.front().expect("nobody connects").0
    }

    /// The oldest attempt to connect succeeds.
    #[track_caller]
    pub(super) fn connected(&mut self) -> ConnId {
        let (ticket, _) = self.connecting.pop_front().expect("nobody connects");
        let conn = self.new_conn();
        self.input(Input::Answer(ticket, Answer::Connected { conn }));
        conn
    }

    /// The oldest attempt to connect fails.
    #[track_caller]
    pub(super) fn refused(&mut self) {
        let (ticket, _) = self.connecting.pop_front().expect("nobody connects");
        self.input(Input::Answer(ticket, Answer::Failed("refused".to_owned())));
    }

    /// The same where there is one. Whether there was.
    pub(super) fn try_refuse(&mut self) -> bool {
        let connecting = self.is_connecting();
        if connecting {
            self.refused();
        }
        connecting
    }

    pub(super) fn is_connecting(&self) -> bool {
        !self.connecting.is_empty()
    }

    /// The other end of a connection goes away.
    pub(super) fn lose(&mut self, conn: ConnId) {
        self.input(Input::Lost(conn));
    }

    /// The move ends.
    #[track_caller]
    pub(super) fn finish(&mut self, bytes: u64, end: End) -> Vec<String> {
        let (ticket, conn) = self.moving.take().expect("nothing moves");
        let kept = self.keep(conn, &end);
        self.input(Input::Answer(ticket, Answer::Moved { bytes, kept, end }));
        self.take()
    }

    /// A listing that left out so many names ends.
    #[track_caller]
    pub(super) fn finish_listing(&mut self, bytes: u64, omitted: u64) -> Vec<String> {
        self.finish(bytes, End::Whole(Carried::Listing { omitted }))
    }

    /// A file with a digest ends.
    #[track_caller]
    pub(super) fn finish_digested(&mut self, bytes: u64, digest: (Digest, ByteRange)) -> Vec<String> {
        self.finish(bytes, End::Whole(Carried::File(Some(digest))))
    }

    /// A group ends, with what became of its files.
    #[track_caller]
    pub(super) fn finish_group(&mut self, bytes: u64, outcomes: Vec<FileOutcome>) -> Vec<String> {
        self.finish(bytes, End::Whole(Carried::Group(outcomes)))
    }

    /// The clock goes on; every deadline on the way fires.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.deadline.filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now);
            self.now = deadline;
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    /// The permit that was asked for is answered late.
    pub(super) fn permit_late(&mut self, may: bool) {
        let ticket = self.permits.pop_front().expect("no permit is asked for");
        self.input(Input::Answer(ticket, Answer::Permit(may)));
    }

    /// The file of a transfer command is found late.
    pub(super) fn prepare_late(&mut self) {
        let (ticket, path, intent) = self.preparing.take().expect("nothing is prepared");
        self.answers_files = true;
        self.prepare(ticket, &path, intent);
        self.send("");
    }

    /// Octets of the other end of a connection.
    pub(super) fn bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        self.input(Input::Data { conn, bytes });
    }
}
