//! One attempt through a relay agent: drives the machine of two ends that meet there with two sessions
//! and the line to the relay. No octet of the file passes this host.

mod circuit;

pub use circuit::Circuit;

use super::through::Told;
use super::two::{GivenUp, Happened, Ran, Two, timeouts};
use crate::context::Context;
use crate::control::Session;
use crate::relay::{Line, Said};
use crate::report::{Event as Report, Passage};
use ftp_proto::address::unmapped;
use ftp_proto::client::Event;
use ftp_proto::relay::message::{Id, Leg, Pin};
use ftp_proto::third_party::{Attempt, Input, Junction, Outcome, Output, Postures, Side, Transfer};
use ftp_proto::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Two sessions, a line to their relay, and the machine between them.
#[derive(Debug)]
pub(super) struct ByRelay<'a> {
    two: Two<'a>,
    name: &'a Arc<str>,
    line: &'a mut Line,
    machine: Attempt,
    told: Told,
    join: Option<Id>,
    /// Octets of the file that the relay has passed on, as it said last.
    octets: u64,
    /// The relay has said that all of them have gone.
    whole: bool,
    pulse: Option<Pulse>,
}

/// When the relay is asked how far it is, and since when that has not changed.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    next: Moment,
    since: Moment,
}

impl<'a> ByRelay<'a> {
    /// Starts an attempt.
    pub(super) fn new(
        context: &'a Context,
        circuit: &'a mut Circuit,
        transfer: Transfer,
        postures: Postures,
        told: Told,
    ) -> Self {
        let Circuit { name, line, source, destination, .. } = circuit;
        let two = Two::new(context, source, destination);
        let (one, other) = two.parties();
        let machine = Attempt::relayed(
            transfer,
            postures,
            one,
            other,
            timeouts(context, told.total),
            context.clock.now(),
        );
        Self { two, name, line, machine, told, join: None, octets: 0, whole: false, pulse: None }
    }

    /// Runs it to its end, which comes in bounded time. With it what has passed the relay.
    pub(super) async fn run(mut self) -> (Ran, Passage) {
        loop {
            let deadline = match self.perform() {
                Ok(outcome) => return self.ran(outcome).await,
                Err(deadline) => deadline,
            };
            let clock = self.two.context.clock;
            let beat = self.pulse.map(|pulse| pulse.next);
            tokio::select! {
                happened = self.two.next() => match happened {
                    Happened::Said(side, event) => self.heard_after_relay(side, event).await,
                    Happened::Interrupted => self.two.give_up(&mut self.machine, GivenUp::Interrupted),
                    Happened::Late => {
                        let outcome = self.two.hang_up();
                        return self.ran(outcome).await;
                    }
                },
                said = self.line.next() => self.said(said),
                () = clock.sleep_until(deadline) => self.machine.input(clock.now(), Input::Timeout),
                () = clock.sleep_until(beat), if beat.is_some() => self.beat(),
            }
        }
    }

    /// Does what the machine asks, up to its end or its next deadline.
    fn perform(&mut self) -> Result<Outcome, Option<Moment>> {
        loop {
            match self.machine.poll() {
                Output::JoinAtRelay { source, destination } => self.join(source, destination),
                Output::Cut => self.cut(),
                output => {
                    if let Some(done) = self.two.perform(output) {
                        return done;
                    }
                }
            }
        }
    }

    fn join(&mut self, source: Junction, destination: Junction) {
        let leg = |junction, session: &Session| match junction {
            Junction::Dial(at) => Leg::Dial(at),
            // Servers connect from any port, and behind one address from no other.
            Junction::Listen => Leg::Listen(Pin { ip: session.peer, port: None }),
        };
        let (a, b) = (leg(source, self.two.source), leg(destination, self.two.destination));
        self.join = Some(self.line.join(a, b));
    }

    fn cut(&mut self) {
        self.pulse = None;
        if let Some(join) = self.join.take() {
            self.line.close(join);
        }
    }

    fn said(&mut self, said: Said) {
        let now = self.two.context.clock.now();
        match said {
            Said::Ready { source, destination } => {
                let ends = [(source, self.two.source.local), (destination, self.two.destination.local)];
                match ends.into_iter().find_map(|(at, seen)| elsewhere(at?, seen)) {
                    Some(why) => self.machine.input(now, Input::RelayRefused(why)),
                    None => self.machine.input(now, Input::RelayReady { source, destination }),
                }
            }
            Said::Flows => {
                self.pulse = Some(Pulse { next: now + self.rest(), since: now });
                self.machine.input(now, Input::RelayFlowing);
            }
            Said::Refused { why, for_now: true, .. } => self.machine.input(now, Input::RelayLost(why)),
            Said::Refused { side, why, for_now: false } => self.machine.input(now, fault(side, why)),
            Said::Stranger { side, peer } => {
                let end = self.two.session(side).role.name();
                self.two.context.events.warn(format!(
                    "a stranger from {peer} came to the relay {} in place of the {end} and was turned away",
                    self.name
                ));
            }
            Said::Stat { octets } => self.seen(octets),
            Said::Ended { octets, in_order, side, why } => {
                self.seen(octets);
                self.pulse = None;
                self.whole = in_order;
                if in_order {
                    self.machine.input(now, Input::RelayPassed);
                } else {
                    self.machine.input(now, fault(side, why));
                }
            }
            Said::Lost(why) => self.machine.input(now, Input::RelayLost(why)),
        }
    }

    /// The relay says how far it is.
    fn seen(&mut self, octets: u64) {
        if octets == self.octets {
            return;
        }
        self.octets = octets;
        if let Some(pulse) = &mut self.pulse {
            pulse.since = self.two.context.clock.now();
        }
        let Told { name, total, skips } = &self.told;
        // What proves the servers to each other passes the relay, too.
        let bytes = skips.saturating_add(octets).min(total.unwrap_or(u64::MAX));
        self.two.context.events.say(Report::Progress { source: name.clone(), bytes, total: *total });
    }

    /// The tunnels of a relay that dies may end a little before the session with it does, which is the
    /// better explanation.
    async fn heard_after_relay(&mut self, side: Side, event: Event) {
        if matches!(event, Event::Ended(_))
            && let Ok(said) = timeout(MOMENT, self.line.next()).await
        {
            self.said(said);
        }
        self.two.heard(&mut self.machine, side, event);
    }

    /// Asks how far it is; notices when nothing moves.
    fn beat(&mut self) {
        let now = self.two.context.clock.now();
        let next = now + self.rest();
        let Some(pulse) = &mut self.pulse else { return };
        pulse.next = next;
        if now.since(pulse.since) >= self.two.context.patience.stall {
            return self.two.give_up(&mut self.machine, GivenUp::Stalled);
        }
        if let Some(join) = self.join {
            self.line.stat(join);
        }
    }

    fn rest(&self) -> Duration {
        BEAT.min(self.two.context.patience.stall)
    }

    async fn ran(mut self, outcome: Outcome) -> (Ran, Passage) {
        if matches!(outcome, Outcome::Moved { .. }) {
            self.last_count().await;
        } else {
            self.cut();
        }
        let passage = Passage { relay: Arc::clone(self.name), octets: self.octets };
        (self.two.ran(outcome, self.octets), passage)
    }

    /// Both servers have said that they are done: the relay is about to say how much that was.
    async fn last_count(&mut self) {
        let deadline = Some(self.two.context.clock.now() + COUNT);
        let clock = self.two.context.clock;
        while !self.whole && !self.line.is_over() {
            tokio::select! {
                () = self.two.context.cancel.cancelled() => return,
                said = self.line.next() => match said {
                    Said::Stat { octets } => self.seen(octets),
                    Said::Ended { octets, .. } => {
                        self.seen(octets);
                        self.whole = true;
                    }
                    Said::Lost(_) => return,
                    Said::Ready { .. } | Said::Flows | Said::Refused { .. } | Said::Stranger { .. } => {}
                },
                () = clock.sleep_until(deadline) => return,
            }
        }
    }
}

/// What a relay says went wrong: with the data connection of one end, or with the join.
fn fault(side: Option<Side>, why: String) -> Input {
    match side {
        Some(side) => Input::DataFailed(side, why),
        None => Input::RelayRefused(why),
    }
}

/// What is wrong with the place where a relay says that it listens for a server that sees it at `seen`. It
/// joins what comes to its own address: a server that is sent anywhere else connects to somebody who has
/// not asked for it (as with H08).
fn elsewhere(at: SocketAddr, seen: IpAddr) -> Option<String> {
    if unmapped(at.ip()) == seen && at.port() != 0 {
        return None;
    }
    Some(format!("it says that it listens at {at}, and it has come to the server from {seen}"))
}

/// For the end of a relay to be noticed everywhere.
const MOMENT: Duration = Duration::from_millis(200);
const BEAT: Duration = Duration::from_millis(500);
/// For the relay's last word about a file that both servers have finished.
const COUNT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h08_a_relay_that_would_have_a_server_connect_elsewhere_is_not_believed() {
        let check = |at: &str, seen: &str, believed: bool| {
            let told = elsewhere(at.parse().unwrap(), seen.parse().unwrap());
            assert_eq!(told.is_none(), believed, "{at} {seen}: {told:?}");
        };
        check("203.0.113.9:50001", "203.0.113.9", true);
        check("[::ffff:203.0.113.9]:50001", "203.0.113.9", true);
        check("[2001:db8::9]:50001", "2001:db8::9", true);
        for elsewhere in ["203.0.113.10:50001", "0.0.0.0:50001", "127.0.0.1:21", "203.0.113.9:0", "[::]:1"] {
            check(elsewhere, "203.0.113.9", false);
        }
    }
}
