//! The driver of the session: what it holds, and how it performs what it is asked for.

use super::answers::{account, detached, end, failure, found, handshake};
use super::client::Client;
use ftp_proto::server::Session;
use ftp_proto::server::ask::{
    Answer, Ask, ConnId, End, Ending, Input, Intent, Output, Ticket, TransferTerms,
};
use ftp_proto::timer::Moment;
use std::collections::{BTreeMap, BTreeSet};

/// The variant of the answer about a move that says that it was stopped.
pub(super) const STOPPED: u8 = 3;
/// The same of the answer about a copy ([`FileFailure::Stopped`](ftp_proto::server::ask::FileFailure::Stopped)).
const COPY_STOPPED: u8 = 29;
/// Answers come late that are neither about files nor about moves.
const LATE: u8 = 16;
/// Answers about files come late.
const FILES_LATE: u8 = 32;
/// Moves begin late.
const MOVES_LATE: u8 = 64;
/// Moves and copies that are to stop end late.
const STOPS_LATE: u8 = 128;

/// The session, and everything that its driver holds for it.
pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) now: Moment,
    pub(super) deadline: Option<Moment>,
    pub(super) closed: bool,
    pub(super) client: Client,
    /// Whether every line has exactly one reply: not in 1973, and not for a client that has gone.
    pub(super) counts: bool,
    /// Whether the client has gone.
    pub(super) left: bool,
    /// How questions are answered at once: a variant of the answer, and which of them are not.
    pub(super) mood: u8,
    /// What accounts may do. With 64, the texts for logs are read, which takes most of the time; with 128, the client ends in
    /// order.
    pub(super) account: u8,
    /// Every ticket so far.
    tickets: BTreeSet<Ticket>,
    /// The questions that are not answered yet, and moves that have not ended.
    pub(super) open: BTreeMap<Ticket, Ask>,
    moving: Option<Moving>,
    /// Attempts to connect that were given up, and may have succeeded all the same.
    pub(super) cancelled: Vec<Ticket>,
    prepared: BTreeMap<Ticket, Intent>,
    pub(super) reserved: BTreeSet<Ticket>,
    pub(super) listeners: BTreeSet<Ticket>,
    permits: BTreeSet<Ticket>,
    pub(super) conns: BTreeMap<ConnId, Conn>,
    next: u16,
}

/// A move that has not ended.
struct Moving {
    conn: ConnId,
    terms: TransferTerms,
    intent: Intent,
    started: bool,
}

/// A data connection that no move uses.
#[derive(Default)]
pub(super) struct Conn {
    /// How many bytes may be read from it, if it is being read.
    pub(super) reads: Option<usize>,
    pub(super) written: Vec<u8>,
    pub(super) kept: bool,
}

impl Driver {
    pub(super) fn new(session: Session, client: Client) -> Self {
        Self {
            session,
            now: Moment::START,
            deadline: None,
            closed: false,
            client,
            counts: true,
            left: false,
            mood: 0,
            account: 0,
            tickets: BTreeSet::new(),
            open: BTreeMap::new(),
            moving: None,
            cancelled: Vec::new(),
            prepared: BTreeMap::new(),
            reserved: BTreeSet::new(),
            listeners: BTreeSet::new(),
            permits: BTreeSet::new(),
            conns: BTreeMap::new(),
            next: 10_000,
        }
    }

    /// One input, and everything that follows from it.
    pub(super) fn input(&mut self, input: Input<'_>) {
        self.session.input(self.now, input);
        for _ in 0..2_000 + 16 * self.client.owed() {
            let output = self.session.poll();
            assert!(!self.closed || matches!(output, Output::Wait(None)), "{output:?} after the end");
            match output {
                Output::Send(bytes) => self.client.hears(&bytes),
                Output::Ask(ask) => self.ask(ask),
                Output::Event(event) if self.account & 64 != 0 => {
                    self.client.judge(format!("{event:?}").as_bytes())
                }
                Output::Event(_) => {}
                Output::Close => self.closed = true,
                Output::Wait(deadline) => return self.rest(deadline),
            }
        }
        panic!("the session does not come to rest");
    }

    /// Nothing more happens before the next input.
    fn rest(&mut self, deadline: Option<Moment>) {
        assert_eq!(deadline.is_none(), self.closed, "no state waits without a timer");
        self.deadline = deadline;
        assert!(self.conns.len() <= 2 * 8 + 16 + 1 || self.closed, "{} connections", self.conns.len());
        assert!(self.listeners.len() <= 3 && self.reserved.len() <= 8, "{} ports", self.reserved.len());
        assert!(self.prepared.len() <= 1 && self.permits.len() <= 1, "{:?}", self.prepared);
        assert!(self.open.len() <= 64, "{} questions", self.open.len());
        let rests = self.session.is_idle() && !self.session.has_commands() && !self.session.is_detached();
        if self.counts && rests && !self.closed {
            self.client.expects_nothing();
        }
    }

    fn ask(&mut self, ask: Ask) {
        if self.account & 64 != 0 {
            self.client.judge(format!("{ask:?}").as_bytes());
        }
        let ticket = match &ask {
            Ask::LogOut | Ask::DropGroup(_) | Ask::PeerProven { .. } => return,
            Ask::Unlisten(listener) => {
                let asked = self.open.remove(listener).is_some();
                return assert!(self.listeners.remove(listener) || asked, "{ask:?}");
            }
            Ask::Release(port) => return assert!(self.reserved.remove(port), "{ask:?}"),
            Ask::PermitDone { ticket, .. } => return assert!(self.permits.remove(ticket), "{ask:?}"),
            Ask::Cancel(ticket) => return self.cancel(*ticket),
            Ask::Drop { conn, how } => return self.drop_connection(*conn, *how),
            Ask::Write { conn, bytes } => return self.conn(*conn).written.extend(bytes),
            Ask::Read { conn, limit } => {
                assert!((1..=32).contains(limit), "{ask:?}");
                self.conn(*conn).reads = Some(*limit);
                return;
            }
            Ask::Doubt { of, .. } => return assert!(self.open.contains_key(of), "{ask:?}"),
            Ask::Stop(of) => return self.stop(*of),
            Ask::Secure { ticket, last } | Ask::Clear { ticket, last } => {
                self.client.hears(last);
                self.client.begins_anew();
                *ticket
            }
            Ask::SecureData { ticket, conn, .. } => {
                self.conn(*conn);
                *ticket
            }
            Ask::Move { ticket, conn, prepared, terms } => {
                assert!(self.conns.remove(conn).is_some() && self.moving.is_none(), "{ask:?}");
                let intent = self.prepared.remove(prepared).expect("what moves was prepared");
                self.moving = Some(Moving { conn: *conn, terms: *terms, intent, started: false });
                *ticket
            }
            Ask::Listen { ticket, reservation, .. } => {
                assert!(self.reserved.contains(reservation), "{ask:?}");
                *ticket
            }
            Ask::Connect { ticket, from, .. } => {
                assert!(from.is_none_or(|from| self.reserved.contains(&from)), "{ask:?}");
                *ticket
            }
            Ask::Progress { ticket, of } => {
                assert!(self.open.contains_key(of), "{ask:?}");
                *ticket
            }
            Ask::Login { ticket, .. }
            | Ask::Recognise { ticket, .. }
            | Ask::Limits(ticket)
            | Ask::Reserve { ticket, .. }
            | Ask::ReservePair { ticket, .. }
            | Ask::Permit { ticket, .. }
            | Ask::Room { ticket, .. }
            | Ask::Prepare { ticket, .. }
            | Ask::Detach { ticket, .. }
            | Ask::Detached { ticket, .. }
            | Ask::File { ticket, .. } => *ticket,
        };
        self.question(ticket, ask);
    }

    /// A question is answered now or later.
    fn question(&mut self, ticket: Ticket, ask: Ask) {
        assert!(self.tickets.insert(ticket), "a ticket is used twice");
        let is_about_files = matches!(ask, Ask::File { .. } | Ask::Prepare { .. });
        let is_move = matches!(ask, Ask::Move { .. });
        let late = if is_about_files {
            FILES_LATE
        } else if is_move {
            MOVES_LATE
        } else {
            LATE
        };
        self.open.insert(ticket, ask);
        if self.mood & late == 0 {
            self.answer(ticket, self.mood & 15);
        }
    }

    /// A data connection that must be there.
    fn conn(&mut self, conn: ConnId) -> &mut Conn {
        self.conns.get_mut(&conn).expect("a data connection that is not there")
    }

    fn cancel(&mut self, ticket: Ticket) {
        if let Some(Ask::Connect { .. }) = self.open.remove(&ticket) {
            self.cancelled.push(ticket);
        }
        self.prepared.remove(&ticket);
    }

    fn drop_connection(&mut self, conn: ConnId, how: Ending) {
        let Conn { kept, .. } = self.conns.remove(&conn).expect("a data connection is dropped once");
        assert_eq!(how, if kept { Ending::Close } else { Ending::Reset });
        self.open.retain(|_, ask| !matches!(ask, Ask::SecureData { conn: of, .. } if *of == conn));
    }

    fn stop(&mut self, ticket: Ticket) {
        let asked = self.open.get(&ticket).expect("something is stopped that has ended");
        let is_move = matches!(asked, Ask::Move { .. });
        assert!(is_move || matches!(asked, Ask::File { .. }), "{asked:?} is stopped");
        if self.mood & STOPS_LATE == 0 && is_move {
            self.end_move(ticket, STOPPED);
        } else if self.mood & STOPS_LATE == 0 {
            self.answer(ticket, COPY_STOPPED);
        }
    }

    /// Whether TLS begins or ends on the control connection. What comes in clear meanwhile counts for nothing.
    pub(super) fn secures(&self) -> bool {
        self.open.values().any(|ask| matches!(ask, Ask::Secure { .. } | Ask::Clear { .. }))
    }

    /// A new data connection.
    pub(super) fn connect(&mut self) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next.into());
        self.conns.insert(conn, Conn::default());
        conn
    }

    /// Answers a question; `how` is the variant of the answer.
    pub(super) fn answer(&mut self, ticket: Ticket, how: u8) {
        let Some(ask) = self.open.remove(&ticket) else { return };
        let bad = how & 3 == 1;
        let answer = match ask {
            Ask::Login { user, password, .. } => {
                Answer::Login(account(user, Some(&password), self.account).filter(|_| !bad))
            }
            Ask::Recognise { user, .. } => {
                Answer::Login(account(user, None, self.account).filter(|_| how & 2 != 0))
            }
            Ask::Limits(_) => Answer::Limits(vec!["max-sessions 1/10".to_owned(); usize::from(how)]),
            Ask::Reserve { parity, .. } => {
                self.next += if parity.allows(self.next + 1) { 1 } else { 2 };
                Answer::Port((!bad && self.reserved.insert(ticket)).then_some(self.next))
            }
            Ask::ReservePair { odd, .. } => {
                self.next = (self.next | 1) + 1;
                let both = !bad && self.reserved.insert(ticket) && self.reserved.insert(odd);
                assert!(self.tickets.insert(odd), "a ticket is used twice");
                Answer::Port(both.then_some(self.next))
            }
            Ask::Listen { .. } => Answer::Port((!bad && self.listeners.insert(ticket)).then_some(self.next)),
            Ask::Connect { .. } if !bad => Answer::Connected { conn: self.connect() },
            Ask::Clear { .. } if !bad => Answer::Cleared,
            Ask::Secure { .. } | Ask::SecureData { .. } if !bad => Answer::Secured(handshake(how)),
            Ask::Connect { .. } | Ask::Clear { .. } | Ask::Secure { .. } | Ask::SecureData { .. } => {
                Answer::Failed("reset".to_owned())
            }
            Ask::Permit { .. } => Answer::Permit(!bad && self.permits.insert(ticket)),
            Ask::Room { .. } => Answer::Room,
            Ask::Prepare { .. } if bad => Answer::File(Err(failure(how >> 2))),
            Ask::Prepare { intent, .. } => {
                let size = matches!(intent, Intent::Send { .. }).then_some(u64::from(how));
                self.prepared.insert(ticket, intent);
                Answer::Prepared { size }
            }
            Ask::Move { .. } if self.moving.as_ref().is_some_and(|moving| moving.started) || how & 3 != 0 => {
                return self.end_move(ticket, how);
            }
            Ask::Move { .. } => {
                self.moving.iter_mut().for_each(|moving| moving.started = true);
                self.open.insert(ticket, ask);
                Answer::Started
            }
            Ask::Progress { .. } => Answer::Progress { moved: u64::from(how), durable: 0 },
            Ask::Detach { .. } => Answer::Detach(!bad),
            Ask::Detached { .. } => Answer::Detached(detached(how)),
            Ask::File { ask, .. } => Answer::File(found(&ask, how)),
            Ask::LogOut
            | Ask::DropGroup(_)
            | Ask::PeerProven { .. }
            | Ask::Unlisten(_)
            | Ask::Release(_)
            | Ask::PermitDone { .. }
            | Ask::Cancel(_)
            | Ask::Drop { .. }
            | Ask::Write { .. }
            | Ask::Read { .. }
            | Ask::Doubt { .. }
            | Ask::Stop(_) => panic!("{ask:?} is no question"),
        };
        self.session.input(self.now, Input::Answer(ticket, answer));
    }

    /// A move ends; one that has not begun has failed.
    fn end_move(&mut self, ticket: Ticket, how: u8) {
        self.open.remove(&ticket);
        let Moving { conn, terms, intent, started } = self.moving.take().expect("a move has one end");
        let how = if started || how & 3 != 0 { how } else { how | 2 };
        let end = end(&intent, &terms, how);
        let kept = terms.keep && end.is_whole() && how & 64 == 0;
        if kept {
            self.conns.insert(conn, Conn { kept, ..Conn::default() });
        }
        let bytes = if end == End::Stopped { 0 } else { u64::from(how) };
        self.session.input(self.now, Input::Answer(ticket, Answer::Moved { bytes, kept, end }));
    }
}
