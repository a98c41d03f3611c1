//! What must hold in every run, whatever the seed.

use super::SIDES;
use super::relay::Relay;
use super::scenario::ExpectedEnd;
use super::victim::RENDEZVOUS;
use super::wire::{EndTls, Owner};
use super::world::World;
use ftp_proto::policy::Foreign;
use ftp_proto::server::Timer;
use ftp_proto::server::ask::{self, ConnId};
use ftp_proto::transfer::{Outcome, Side, Store};

impl World {
    /// Nothing moves without policy: the other end of a data connection that carries a file is the
    /// other server, and where a proof was due both were given the same secret.
    pub(super) fn may_move(&self, side: Side, conn: usize, end: usize) -> Result<(), String> {
        let peer = match (self.wire.peer((conn, end)), &self.relay) {
            // What the relay has joined is one connection.
            (Owner::Relay(_), Some(relay)) => {
                let far = relay.other_leg((conn, 1 - end)).map(|leg| self.wire.peer(leg));
                far.unwrap_or(Owner::Server(side.other(), ConnId(0)))
            }
            (peer, _) => peer,
        };
        match peer {
            Owner::Server(other, _) if other == side.other() => {}
            Owner::User(of) if of == side && self.scenario.is_own(side) => {}
            Owner::Server(..) | Owner::Relay(_) | Owner::User(_) | Owner::Stranger(_) => {
                return Err(format!("the other end is {peer:?}"));
            }
        }
        if self.scenario.tls.is_some() && self.wire.end(conn, end).tls != EndTls::Private {
            return Err("the data connection is in clear".to_owned());
        }
        let (own, other) = (&self.hosts.at(side).secret, &self.hosts.at(side.other()).secret);
        let same = own.is_some() && own == other;
        match self.scenario.foreign.at(side) {
            _ if self.scenario.is_own(side) && own.is_none() => Ok(()),
            Foreign::Never if self.scenario.is_own(side) && same => Ok(()),
            Foreign::Never => Err("foreign hosts are never allowed".to_owned()),
            Foreign::Proven if !same => Err("the other end cannot have proven itself".to_owned()),
            Foreign::Authenticated if own.is_some() && !same => {
                Err("RNDZ is in force and the other end cannot have proven itself".to_owned())
            }
            Foreign::Proven | Foreign::Authenticated => Ok(()),
        }
    }

    /// After each attempt.
    pub(super) fn judge_outcome(&mut self, outcome: &Outcome) {
        let moved = matches!(outcome, Outcome::Moved { .. });
        match self.scenario.must() {
            ExpectedEnd::Move if !moved => {
                self.violation("the file has not moved, though nothing was wrong".to_owned())
            }
            ExpectedEnd::Fail if moved => self.violation("the file has moved, though it must not".to_owned()),
            ExpectedEnd::Move | ExpectedEnd::Fail | ExpectedEnd::Either => {}
        }
        let stored = self.hosts.destination.disk.get(&self.user.destination_path).map(<[u8]>::to_vec);
        match outcome {
            _ if self.scenario.probes => {
                if stored != self.old {
                    self.violation("a probe has changed the destination".to_owned());
                }
            }
            Outcome::Moved { .. } if stored.as_ref() != Some(&self.whole()) => {
                self.violation("a file that is not whole is called whole".to_owned());
            }
            Outcome::Failed(obstacle) if !obstacle.touched && stored != self.old => {
                self.violation("the destination has changed, though it is said to be untouched".to_owned());
            }
            Outcome::Failed(_)
                if self.scenario.must() == ExpectedEnd::Fail && !self.is_untouched(stored.as_deref()) =>
            {
                self.violation("the destination has changed, though nothing may have moved".to_owned());
            }
            Outcome::Failed(_) if !self.is_bearable(stored.as_deref()) => {
                self.violation("after a failure the destination is neither old nor whole".to_owned());
            }
            Outcome::Moved { .. } | Outcome::Failed(_) => {}
        }
        // What a second attempt begins with.
        self.old = stored;
    }

    /// Whether a process that sends to the destination has died.
    fn sender_has_crashed(&self) -> bool {
        self.hosts.source.has_crashed() || self.relay.as_ref().is_some_and(|relay| relay.crashed)
    }

    /// The destination's file after success.
    pub(super) fn whole(&self) -> Vec<u8> {
        match self.scenario.store {
            Store::Replace => self.file.clone(),
            Store::Append => [self.old.as_deref().unwrap_or_default(), &self.file].concat(),
        }
    }

    /// No byte has reached the destination's file. Without RNDZ a STOR may have begun before the
    /// other end failed: then a new file may stand there, empty.
    pub(super) fn is_untouched(&self, stored: Option<&[u8]>) -> bool {
        // What a process that dies closes in order may be taken for an empty file.
        let dead = self.sender_has_crashed();
        stored == self.old.as_deref()
            || ((dead || self.old.is_none())
                && !self.scenario.is_proven()
                && stored.is_some_and(<[u8]>::is_empty))
    }

    /// The destination's file after a failure: the old one, byte for byte, or already the new one
    /// (the end that stored it could not say so any more). Where there was no old file, or where the
    /// file is written in place, the beginning of the new one.
    pub(super) fn is_bearable(&self, stored: Option<&[u8]>) -> bool {
        let whole = self.whole();
        if stored == self.old.as_deref() || stored == Some(&whole) {
            return true;
        }
        let in_place = self.scenario.store == Store::Append || self.scenario.restart.is_some();
        // A sender that dies closes in order: STREAM mode cannot tell. Hence the coordinator's
        // verdict, and the user agent's own name for each attempt.
        let cut_short = self.sender_has_crashed();
        let beginning = stored.is_some_and(|stored| whole.starts_with(stored));
        let kept = self.old.as_ref().is_none_or(|old| stored.is_some_and(|stored| stored.starts_with(old)));
        beginning && (cut_short || (in_place && kept) || self.old.is_none())
    }

    /// Long after the attempt: nothing of it is left at a server that has nothing to do.
    pub(super) fn judge_leftovers(&mut self) {
        for side in SIDES {
            if self.hosts.at(side).is_gone() || self.links.at(side).dead {
                continue;
            }
            let mut left = self.hosts.at(side).leftovers();
            if !self.wire.open_ends(|owner| owner.is_server(side)).is_empty() {
                left.push("a data connection");
            }
            for what in left {
                self.violation(format!("the {side:?} still holds {what}"));
            }
        }
    }

    /// Long after the attempt: nothing of it is left at the relay and at the user agent.
    pub(super) fn judge_the_middle(&mut self) {
        let relay = self.relay.as_ref().filter(|relay| !relay.is_gone());
        for what in relay.map(Relay::leftovers).unwrap_or_default() {
            self.violation(format!("the relay still holds {what}"));
        }
        let middle = |owner| matches!(owner, Owner::Relay(_) | Owner::User(_));
        if !self.wire.open_ends(middle).is_empty() {
            self.violation("a host in the middle still holds a data connection".to_owned());
        }
    }

    /// When all is over.
    pub(super) fn judge_the_end(&mut self) {
        let heard = self.wire.strangers_heard();
        if heard > RENDEZVOUS {
            self.violation(format!("a stranger has heard {heard} bytes"));
        }
        if let Some(batch) = self.scenario.batch().cloned() {
            return self.judge_batch(&batch);
        }
        if let Some(groups) = self.scenario.groups().cloned() {
            return self.judge_groups(&groups);
        }
        let names: Vec<_> = self.hosts.destination.disk.names().cloned().collect();
        if !self.scenario.is_hostile() && names.iter().any(|name| *name != self.user.destination_path) {
            self.violation("the destination has a file that nobody asked for".to_owned());
        }
    }

    /// What a server tells its log.
    pub(super) fn server_tells(&mut self, side: Side, event: &ask::Event) {
        match event {
            ask::Event::Refused { why, address } => self.say(side, format!("   refused {address}: {why}")),
            ask::Event::Stranger { from } => self.say(side, format!("   stranger {from} closed")),
            ask::Event::TimedOut(timer) => {
                self.say(side, format!("   timer: {}", timer.name()));
                // Where data connections are dead, one end may have moved the file, and its session is idle while the other waits.
                self.links.at_mut(side).harmed |= *timer == Timer::Idle && self.wire.dead;
            }
            ask::Event::Command(_)
            | ask::Event::Replied(_)
            | ask::Event::LoggedIn { .. }
            | ask::Event::LoggedOut
            | ask::Event::LoginFailed { .. }
            | ask::Event::LoginInClear { .. }
            | ask::Event::DataInClear { .. }
            | ask::Event::GavePortsUp
            | ask::Event::GaveConnectionsUp
            | ask::Event::Detached { .. }
            | ask::Event::Changed { .. }
            | ask::Event::Copied { .. }
            | ask::Event::Transfer { .. } => {}
            ask::Event::NotPrivate { from, why } if self.scenario.tls.is_some() => {
                self.say(side, format!("   no TLS with {from}: {why}"));
            }
            ask::Event::NotPrivate { .. } | ask::Event::NotFtp(_) => {
                self.violation(format!("nobody here speaks anything but FTP in clear: {event:?}"));
            }
            other => self.say(side, format!("   {other:?}")),
        }
    }
}
