//! Both ends of an attempt whose octets are carried by something between them, this host or a relay:
//! each end has a data connection of its own, and listens for it as it likes best.

use super::ends::Ends;
use super::heard::News;
use super::judge::{Verdict, is_decisive};
use super::leg::Run;
use super::{Cause, Heard, Job, Opening, Party, Side, Timeouts, script};
use crate::address::Family;
use crate::command::{Command, Direction, Epsv};
use crate::dialect::Dialect;
use crate::reply::Blame;
use crate::timer::{Moment, Timer};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What fails when a data connection cannot be had.
pub(super) const CONNECTING: &str = "the data connection";

/// Both ends, each with its data connection.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) ends: Ends,
    /// The commands that may make an end listen, best first; those that were tried are gone.
    source: VecDeque<Opening>,
    destination: VecDeque<Opening>,
    /// Both data connections stand.
    pub(super) open: bool,
    /// The data connection that broke, and how. Its server's own words are waited for.
    pub(super) broken: Option<(Side, String)>,
}

impl Carried {
    pub(super) fn new(job: Job, source: Party, destination: Party, timeouts: Timeouts) -> Self {
        let (for_source, for_destination) = (openings(&source), openings(&destination));
        Self {
            ends: Ends::new(job, source, destination, timeouts),
            source: for_source,
            destination: for_destination,
            open: false,
            broken: None,
        }
    }

    const fn openings(&mut self, side: Side) -> &mut VecDeque<Opening> {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }

    /// The next command that may make an end listen.
    pub(super) fn listen(&mut self, side: Side) -> Option<Command> {
        self.openings(side).pop_front().map(|opening| match opening {
            Opening::Lstn => Command::Lstn(match side {
                Side::Source => Direction::Send,
                Side::Destination => Direction::Receive,
            }),
            Opening::Pasv => Command::Pasv,
            Opening::Epsv => Command::Epsv(Epsv::Same),
        })
    }

    /// A reply of the set-up. Gives the address at which the end listens now.
    pub(super) fn setup_heard(&mut self, now: Moment, side: Side, heard: Heard) -> Option<SocketAddr> {
        let judged = self.ends.setup_heard(side, heard)?;
        match judged.verdict {
            Verdict::Listens(at, _) => return Some(at),
            Verdict::WantsPret => *self.openings(side) = openings(&self.ends.leg(side).party),
            Verdict::Bad(cause, blame) => {
                let closed = matches!(blame, Blame::Path | Blame::Unsupported);
                let lied = matches!(cause, Cause::Policy(..));
                if judged.step == script::Step::Listen && closed && !lied && !self.openings(side).is_empty() {
                    self.ends.leg_mut(side).steps.push_front(script::Step::Listen);
                } else {
                    self.ends.fail(now, side, judged.during, cause, blame);
                }
            }
            // Each end has to do with its carrier alone: who connects from where is the same to the other.
            Verdict::Wait | Verdict::Fine | Verdict::ConnectsFrom(_) => {}
        }
        None
    }

    /// A reply while the transfer commands run: whether the end has begun, or is complete.
    pub(super) fn running_heard(&mut self, now: Moment, side: Side, heard: Heard) -> bool {
        match self.ends.running_heard(side, heard) {
            News::None => false,
            News::Good => true,
            News::Bad(during, cause, blame) => {
                self.refused(now, side, during, cause, blame);
                false
            }
        }
    }

    /// The final reply of `side` says that its part has failed.
    fn refused(&mut self, now: Moment, side: Side, during: &'static str, cause: Cause, blame: Blame) {
        // The other end's connection broke and this one was reset for it: no news.
        let broken = self.broken.as_ref().map(|(broken, _)| *broken).filter(|broken| *broken != side);
        if let Some(broken) = broken.filter(|_| !is_decisive(blame)) {
            if !self.ends.leg(broken).runs() {
                self.give_up(now); // it has said what it had to say
            }
            return;
        }
        let blame = if blame == Blame::Path { self.blame(side) } else { blame };
        self.ends.fail(now, side, during, cause, blame);
    }

    /// The blame when the data connection of `side` fails. The way was open where octets may have
    /// moved: what broke may hold the next time.
    pub(super) fn blame(&self, side: Side) -> Blame {
        let moving = self.open && self.ends.source.run != Run::Not && self.ends.leg(side).started;
        if moving { Blame::Busy } else { Blame::Path }
    }

    /// The data connection of `side` has broken while its transfer command ran: its server knows more
    /// about it, and may be about to say so.
    pub(super) fn broke(&mut self, now: Moment, side: Side, why: String) {
        self.broken = Some((side, why));
        self.ends.timers.arm(Timer::HalfDone, now + self.ends.timeouts.abort);
    }

    /// The connection that broke is all that is known.
    pub(super) fn give_up(&mut self, now: Moment) {
        if let Some((side, why)) = self.broken.clone() {
            let during = self.ends.transfer_name(side);
            self.ends.fail(now, side, during, Cause::Data(why), Blame::Busy);
        }
    }

    /// The wait for final replies is over.
    pub(super) fn half_done(&mut self, now: Moment) {
        if self.broken.is_some() {
            return self.give_up(now);
        }
        let side = if self.ends.source.runs() { Side::Source } else { Side::Destination };
        let during = self.ends.transfer_name(side);
        self.ends.fail(now, side, during, Cause::Silent(Timer::HalfDone), Blame::Busy);
    }
}

/// How an end can listen, best first (I07: each in its own family).
fn openings(party: &Party) -> VecDeque<Opening> {
    let v4 = Family::of(party.address) == Family::V4;
    let able = &party.capabilities;
    match party.dialect {
        Dialect::Rfc354 if able.lstn => VecDeque::from([Opening::Lstn]),
        Dialect::Rfc354 => VecDeque::from([Opening::Pasv]),
        Dialect::Rfc959 if !v4 => VecDeque::from([Opening::Epsv]),
        // Servers without FEAT may know EPSV all the same.
        Dialect::Rfc959 if able.epsv || !able.known => VecDeque::from([Opening::Epsv, Opening::Pasv]),
        Dialect::Rfc959 => VecDeque::from([Opening::Pasv]),
    }
}
