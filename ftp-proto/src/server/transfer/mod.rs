//! RETR, STOR, APPE, LIST, NLST, MLSD: check, obtain the connection, announce, move, conclude.
//!
//! ```text
//! Preparing --file error--> 550, nothing touched, nothing used up (RFC 614.3)
//!     | policy, no way to connect --> 425 at once
//!     v
//! Dialling | Accepting --time over, too many strangers--> 425; PASV, RNDZ, SOCK are used up
//!     | one connection, proven where RNDZ is in force
//!     v
//! Moving --Started--> 150 --Moved--> 226 | 426 | 451 | 552
//! ```

mod abort;
mod accept;
mod dial;
mod moving;
pub(super) mod prove;

use crate::address::unmapped;
use crate::command::{DataType, Direction, Verb};
use crate::dialect::Dialect;
use crate::policy::{self, Cargo, Filter, Grant};
use crate::reply::Meaning;
use crate::server::ask::{Answer, Ask, Event, FileFailure, Intent, ListStyle, Ticket};
use crate::server::files;
use crate::server::session::Session;
use crate::server::sockets::Target;
use crate::server::state::Work;
use crate::timer::{Moment, Timer};
use crate::wire::PathName;
use accept::Accept;
use dial::Dial;
use moving::Moving;
use std::net::SocketAddr;

/// A transfer command under way.
#[derive(Debug)]
pub(in crate::server) struct Transfer {
    pub(in crate::server) verb: Verb,
    pub(in crate::server) path: PathName,
    pub(in crate::server) intent: Intent,
    pub(in crate::server) data_type: DataType,
    /// When the command came: the uniform failure is counted from here.
    pub(in crate::server) since: Moment,
    pub(in crate::server) prepared: Ticket,
    pub(in crate::server) phase: Phase,
}

/// How far it is.
#[derive(Debug)]
pub(in crate::server) enum Phase {
    /// The file is being looked at.
    Preparing,
    /// We connect.
    Dialling(Dial),
    /// We wait for a connection.
    Accepting(Accept),
    /// The connection is there.
    Moving(Moving),
}

impl Transfer {
    pub(in crate::server) const fn direction(&self) -> Direction {
        self.intent.direction()
    }

    pub(in crate::server) const fn cargo(&self) -> Cargo {
        match self.intent {
            Intent::List(_) => Cargo::Listing,
            Intent::Send { .. } | Intent::Replace | Intent::WriteAt { .. } | Intent::Append => Cargo::File,
        }
    }
}

impl Session {
    /// RETR.
    pub(in crate::server) fn retr(&mut self, name: &PathName, offset: u64) {
        self.transfer_file(Verb::Retr, name, offset, Intent::Send { offset });
    }

    /// STOR. After REST the file is written in place from that offset on (RFC 3659 5.4); otherwise
    /// the new file is written beside the old one and then replaces it.
    pub(in crate::server) fn stor(&mut self, name: &PathName, offset: u64) {
        let intent = if offset > 0 { Intent::WriteAt { offset } } else { Intent::Replace };
        if self.may_write() {
            self.transfer_file(Verb::Stor, name, offset, intent);
        }
    }

    /// APPE. A restart point contradicts "at the end" (E14).
    pub(in crate::server) fn appe(&mut self, name: &PathName, offset: u64) {
        if offset > 0 {
            let text = "APPE writes at the end of the file; send STOR after REST";
            self.out.reply(Meaning::BadSequence, text);
        } else if self.may_write() {
            self.transfer_file(Verb::Appe, name, 0, Intent::Append);
        }
    }

    fn transfer_file(&mut self, verb: Verb, name: &PathName, offset: u64, intent: Intent) {
        // A restart point counts octets of the file; in TYPE A those of the connection differ.
        if offset > 0 && self.parameters.data_type == DataType::Ascii {
            let text = "REST needs TYPE I: send TYPE I, REST and this command again";
            return self.out.reply(Meaning::ParametersConflict, text);
        }
        let data_type = self.parameters.data_type;
        if let Some(path) = self.resolve(name) {
            self.begin(verb, path, intent, data_type);
        }
    }

    /// LIST, NLST, MLSD. Their lines end with CR LF under every TYPE (E18).
    pub(in crate::server) fn list(&mut self, verb: Verb, name: Option<&PathName>, style: ListStyle) {
        let path = self.resolve_or_cwd(name);
        if let Some(path) = path {
            self.begin(verb, path, Intent::List(style), DataType::Ascii);
        }
    }

    fn begin(&mut self, verb: Verb, path: PathName, intent: Intent, data_type: DataType) {
        let prepared = self.out.ticket();
        self.out.ask(Ask::Prepare { ticket: prepared, path: path.clone(), intent: intent.clone() });
        self.timers.arm(Timer::Question, self.now + self.config.timeouts.question);
        let since = self.now;
        let phase = Phase::Preparing;
        let transfer = Transfer { verb, path, intent, data_type, since, prepared, phase };
        self.work = Work::Transfer(Box::new(transfer));
    }

    /// An answer while a transfer is under way.
    pub(in crate::server) fn transfer_answered(&mut self, ticket: Ticket, answer: Answer) {
        let Work::Transfer(transfer) = &self.work else { return self.ignore(answer) };
        match &transfer.phase {
            Phase::Preparing if ticket == transfer.prepared => self.was_prepared(answer),
            Phase::Dialling(_) => self.dial_answered(ticket, answer),
            Phase::Moving(_) => self.move_answered(ticket, answer),
            Phase::Preparing | Phase::Accepting(_) => self.ignore(answer),
        }
    }

    fn was_prepared(&mut self, answer: Answer) {
        self.timers.disarm(Timer::Question);
        if let Answer::Prepared { .. } = answer {
            self.obtain();
        } else if let Answer::File(Err(failure)) = answer {
            self.fail_file(failure);
        } else {
            self.ignore(answer);
            self.fail_file(FileFailure::Other);
        }
    }

    /// The file is there: now the connection, if policy lets it exist.
    fn obtain(&mut self) {
        let Work::Transfer(transfer) = &self.work else { return };
        let (direction, cargo) = (transfer.direction(), transfer.cargo());
        let proof = self.sockets.rendezvous.is_some();
        let Some(listener) = self.sockets.listener(direction) else {
            return match self.sockets.target {
                Target::None => self.refuse("Send PASV, EPSV, PORT, EPRT or SOCK first"),
                Target::Sock(to) if to.port() == 0 => {
                    self.refuse("SOCK with port 0 is a filter only; nothing can be connected to");
                }
                Target::Sock(to) | Target::Port(to) => match self.judge_peer(to, cargo, proof) {
                    Ok(grant) => self.dial(to, grant),
                    Err(text) => self.refuse(&text),
                },
            };
        };
        let named = match listener.filter {
            Filter::Open => None,
            Filter::Host(host) => Some(SocketAddr::new(host, 0)),
            Filter::Socket(socket) => Some(socket),
            Filter::Nobody => return self.refuse("The last SOCK was refused, so nobody may connect"), // B24
        };
        match named.map(|peer| self.judge_peer(peer, cargo, proof)) {
            None | Some(Ok(_)) => self.accept(),
            Some(Err(text)) => self.refuse(&text),
        }
    }

    fn judge_peer(&mut self, peer: SocketAddr, cargo: Cargo, proof: bool) -> Result<Grant, String> {
        let ask = policy::Ask::Transfer { peer: unmapped(peer.ip()), cargo, proof };
        self.decide(&ask).map_err(|why| {
            self.out.event(Event::Refused { why, address: peer });
            match cargo {
                Cargo::File => format!("No data connection: {why}"),
                Cargo::Listing => format!("No data connection: {why}; send EPSV, PORT or SOCK"),
            }
        })
    }

    /// No connection, and nothing was tried: nothing is used up.
    fn refuse(&mut self, text: &str) {
        self.cancel_prepared();
        self.out.reply(Meaning::CannotConnect, text);
        self.conclude();
    }

    /// The connection phase has failed: what was meant for this one connection is used up.
    pub(in crate::server) fn fail_connection(&mut self, text: &str) {
        self.release_attempt();
        self.use_up();
        self.cancel_prepared();
        self.out.reply(Meaning::CannotConnect, text);
        self.conclude();
    }

    /// RNDZ, PASV and today's SOCK are for one data connection, or one failure to get it: an old SOCK
    /// must not filter the next PASV of a coordinator that tries another way. Gives the strangers.
    pub(in crate::server) fn use_up(&mut self) -> u32 {
        let Work::Transfer(transfer) = &self.work else { return 0 };
        let strangers = self.sockets.used(transfer.direction(), self.now, &mut self.out);
        self.sockets.rendezvous = None;
        if self.config.dialect == Dialect::Rfc959 {
            self.sockets.forget_sock(); // B12
        }
        if let Some(own) = &mut self.sockets.own {
            own.since = self.now;
        }
        strangers
    }

    /// The file was prepared and will not be moved.
    pub(in crate::server) fn cancel_prepared(&mut self) {
        if let Work::Transfer(transfer) = &self.work {
            self.out.ask(Ask::Cancel(transfer.prepared));
        }
    }

    fn fail_file(&mut self, failure: FileFailure) {
        let Work::Transfer(transfer) = &self.work else { return };
        let meaning = files::meaning(transfer.verb, failure);
        self.out.reply(meaning, failure.to_string());
        self.conclude();
    }

    /// The transfer command has had its final reply.
    pub(in crate::server) fn conclude(&mut self) {
        for timer in [Timer::Question, Timer::PeerArrival, Timer::Connect, Timer::Retry, Timer::Stall] {
            self.timers.disarm(timer);
        }
        self.work = Work::Idle;
    }
}
