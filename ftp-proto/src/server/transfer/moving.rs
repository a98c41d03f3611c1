//! The connection is there: octets move until the end, an ABOR or a stall, and the final reply.

use crate::address::unmapped;
use crate::command::Direction;
use crate::dialect::Dialect;
use crate::policy::Grant;
use crate::reply::Meaning;
use crate::server::ask::{Answer, Ask, ConnId, End, Event, Ticket};
use crate::server::files;
use crate::server::session::Session;
use crate::server::state::Work;
use crate::server::transfer::Phase;
use crate::timer::Timer;
use std::net::SocketAddr;

/// Octets move, or the file is about to be opened for that.
#[derive(Debug)]
pub(in crate::server) struct Moving {
    pub(in crate::server) ticket: Ticket,
    peer: Peer,
    started: bool,
    /// Moved and durable octets when the stall timer looked last.
    seen: (u64, u64),
    /// The question of a STAT.
    pub(in crate::server) stat: Option<Ticket>,
    /// The question of the stall timer.
    stall: Option<Ticket>,
    pub(in crate::server) stop: Option<Stop>,
}

/// Why a move is being stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server) enum Stop {
    /// ABOR.
    Abort,
    /// Nothing moved for too long.
    Stall,
}

/// The other end, for the final reply.
#[derive(Clone, Copy, Debug)]
struct Peer {
    address: SocketAddr,
    grant: Grant,
    proven: bool,
    strangers: u32,
}

impl Session {
    /// The one connection is there, and proven where that was due: move.
    pub(in crate::server) fn obtained(
        &mut self,
        conn: ConnId,
        address: SocketAddr,
        grant: Grant,
        proven: bool,
    ) {
        let strangers = self.use_up();
        let partial = self.parameters.partial;
        for timer in [Timer::PeerArrival, Timer::Connect, Timer::Retry] {
            self.timers.disarm(timer);
        }
        self.timers.arm(Timer::Question, self.now + self.config.timeouts.question);
        let ticket = self.out.ticket();
        let Work::Transfer(transfer) = &mut self.work else { return };
        let (prepared, data_type) = (transfer.prepared, transfer.data_type);
        self.out.ask(Ask::Move { ticket, prepared, conn, data_type, partial });
        let peer = Peer { address, grant, proven, strangers };
        transfer.phase = Phase::Moving(Moving {
            ticket,
            peer,
            started: false,
            seen: (0, 0),
            stat: None,
            stall: None,
            stop: None,
        });
    }

    pub(in crate::server) fn move_answered(&mut self, ticket: Ticket, answer: Answer) {
        let Work::Transfer(transfer) = &self.work else { return };
        let Phase::Moving(moving) = &transfer.phase else { return };
        let mine = moving.ticket == ticket;
        match answer {
            Answer::Started if mine => self.started(),
            Answer::Moved { octets, end } if mine => self.moved(octets, end),
            Answer::Progress { moved, durable } => self.progressed(ticket, moved, durable),
            Answer::Connected { .. }
            | Answer::Started
            | Answer::Moved { .. }
            | Answer::Login(_)
            | Answer::Port(_)
            | Answer::Failed(_)
            | Answer::Permit(_)
            | Answer::Prepared { .. }
            | Answer::File(_) => self.ignore(answer),
        }
    }

    fn started(&mut self) {
        let Work::Transfer(transfer) = &mut self.work else { return };
        let Phase::Moving(moving) = &mut transfer.phase else { return };
        if moving.started || moving.stop.is_some() {
            return;
        }
        moving.started = true;
        self.timers.disarm(Timer::Question);
        self.timers.arm(Timer::Stall, self.now + self.config.timeouts.stall);
        let text = match transfer.direction() {
            Direction::Send => "Data connection open, sending",
            Direction::Receive => "Data connection open, receiving",
        };
        self.out.reply(Meaning::Started, text);
    }

    fn progressed(&mut self, ticket: Ticket, moved: u64, durable: u64) {
        let stall_at = self.now + self.config.timeouts.stall;
        let Work::Transfer(transfer) = &mut self.work else { return };
        let Phase::Moving(moving) = &mut transfer.phase else { return };
        let (for_stat, for_stall) = (moving.stat == Some(ticket), moving.stall == Some(ticket));
        if for_stat {
            moving.stat = None;
        }
        let seen = moving.seen;
        if for_stall {
            moving.stall = None;
            moving.seen = (moved, durable);
        }
        if moving.stat.is_none() && moving.stall.is_none() && moving.started && moving.stop.is_none() {
            self.timers.disarm(Timer::Question);
        }
        if for_stat {
            self.status_of_transfer(&[format!("Bytes {moved}"), format!("Durable {durable}")]);
        } else if for_stall && seen == (moved, durable) {
            self.stop_move(Stop::Stall);
        } else if for_stall {
            self.timers.arm(Timer::Stall, stall_at);
        }
    }

    /// The stall timer looks whether anything has moved since.
    pub(in crate::server) fn look_for_stall(&mut self) {
        let Work::Transfer(transfer) = &mut self.work else { return };
        let Phase::Moving(moving) = &mut transfer.phase else { return };
        let ticket = self.out.ticket();
        moving.stall = Some(ticket);
        self.out.ask(Ask::Progress { ticket, of: moving.ticket });
        self.timers.arm(Timer::Question, self.now + self.config.timeouts.question);
    }

    /// Stops the move; its end is told when [`Answer::Moved`] comes.
    pub(in crate::server) fn stop_move(&mut self, why: Stop) {
        let Work::Transfer(transfer) = &mut self.work else { return };
        let Phase::Moving(moving) = &mut transfer.phase else { return };
        if moving.stop.is_none() {
            self.out.ask(Ask::Stop(moving.ticket));
        }
        // ABOR after a stall has its own reply as well.
        if moving.stop != Some(Stop::Abort) {
            moving.stop = Some(why);
        }
        self.timers.disarm(Timer::Stall);
        self.timers.arm(Timer::Question, self.now + self.config.timeouts.question);
    }

    /// The move is over: its final reply, and that of an ABOR that waited for it.
    fn moved(&mut self, octets: u64, end: End) {
        let Work::Transfer(transfer) = &self.work else { return };
        let Phase::Moving(moving) = &transfer.phase else { return };
        let (peer, stop, stat) = (moving.peer, moving.stop, moving.stat);
        let whole = end == End::Whole;
        self.out.event(Event::Transfer {
            path: transfer.path.clone(),
            direction: transfer.direction(),
            octets,
            peer: Some(peer.address),
            whole,
        });
        let verb = transfer.verb;
        if stat.is_some() {
            self.status_of_transfer(&[format!("Bytes {octets}")]);
        }
        match (end, stop) {
            (End::Whole, _) => self.whole(peer, octets),
            (End::Stopped, Some(Stop::Abort)) => self.out.reply(Meaning::TransferAborted, "Transfer aborted"),
            (End::Stopped, None) => {
                self.out.reply(Meaning::TransferAborted, "Transfer stopped by the server")
            }
            (End::Stopped, Some(Stop::Stall)) => {
                self.out.event(Event::TimedOut(Timer::Stall));
                let text =
                    format!("Nothing moved for {} s, transfer ended", self.config.timeouts.stall.as_secs());
                self.out.reply(Meaning::TransferAborted, text);
            }
            (End::Broken(_), _) => {
                let text = format!("Data connection broken after {octets} octets");
                self.out.reply(Meaning::TransferAborted, text);
            }
            (End::Failed(failure), _) => {
                self.out.reply(files::meaning(verb, failure), failure.to_string());
            }
        }
        if stop == Some(Stop::Abort) {
            let meaning = if whole { Meaning::NothingToAbort } else { Meaning::Aborted };
            self.out.reply(meaning, "ABOR done");
        }
        self.conclude();
    }

    /// The final reply of a transfer that ended well, with facts where the peer was foreign.
    fn whole(&mut self, peer: Peer, octets: u64) {
        let by = match peer.grant {
            _ if self.config.dialect == Dialect::Rfc354 => None,
            Grant::Own => None,
            Grant::Foreign | Grant::AfterProof if peer.proven => Some("rndz"),
            Grant::Foreign | Grant::AfterProof => Some("foreign-networks"),
        };
        let end = "Transfer complete.";
        let Some(by) = by else { return self.out.reply(Meaning::Transferred, end) };
        let address = SocketAddr::new(unmapped(peer.address.ip()), peer.address.port());
        let facts = [
            format!("Peer {address} proven-by={by}"),
            format!("Strangers-refused {}", peer.strangers),
            format!("Bytes {octets}"),
        ];
        self.out.reply_facts(Meaning::Transferred, &facts, end);
    }
}
