//! What a transfer through a relay needs besides the control sessions: the line to the relay, which joins the
//! two data connections. The data does not pass this host.

use super::progress::Progress;
use super::sessions::Sessions;
use crate::context::Context;
use crate::control::Session;
use crate::relay::{Line, Said};
use ftp_proto::address::unmapped;
use ftp_proto::relay::message::{Id, Leg, Pin};
use ftp_proto::third_party::{Input, Junction, Side};
use ftp_proto::timer::Moment;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

/// The join at a relay.
#[derive(Debug)]
pub(super) struct Relay<'a> {
    name: &'a str,
    line: &'a mut Line,
    join: Option<Id>,
    /// Whether the relay has told the last count.
    counted: bool,
}

impl<'a> Relay<'a> {
    /// No join yet.
    pub(super) const fn new(name: &'a str, line: &'a mut Line) -> Self {
        Self { name, line, join: None, counted: false }
    }

    /// What the relay says next. May be dropped without losing anything.
    pub(super) async fn next(&mut self) -> Said {
        self.line.next().await
    }

    /// The tunnels of a relay that dies may end a little before the session with it. Waits a moment for the
    /// latter, because it explains more.
    pub(super) async fn last_words(&mut self) -> Option<Said> {
        timeout(MOMENT, self.line.next()).await.ok()
    }

    /// Has the relay join the data connections.
    pub(super) fn join(&mut self, sessions: &Sessions<'_>, source: Junction, destination: Junction) {
        let leg = |junction, session: &Session| match junction {
            Junction::Dial(at) => Leg::Dial(at),
            // A server may connect from any port.
            Junction::Listen => Leg::Listen(Pin { ip: session.peer, port: None }),
        };
        let (source, destination) = (leg(source, sessions.source), leg(destination, sessions.destination));
        self.join = Some(self.line.join(source, destination));
    }

    /// Asks the relay how far it is.
    pub(super) fn ask(&mut self) {
        if let Some(join) = self.join {
            self.line.stat(join);
        }
    }

    /// Has the relay reset both data connections.
    pub(super) fn cut(&mut self) {
        if let Some(join) = self.join.take() {
            self.line.close(join);
        }
    }

    /// What the attempt is told of something that the relay said.
    pub(super) fn take(
        &mut self,
        context: &Context,
        said: Said,
        sessions: &mut Sessions<'_>,
        progress: &mut Progress,
    ) -> Option<Input> {
        let now = context.clock.now();
        match said {
            Said::Ready { source, destination } => {
                let ends = [(source, sessions.source.local), (destination, sessions.destination.local)];
                Some(match ends.into_iter().find_map(|(at, seen)| elsewhere(at?, seen)) {
                    Some(why) => Input::RelayRefused(why),
                    None => Input::RelayReady { source, destination },
                })
            }
            Said::Flows => {
                progress.start(now);
                Some(Input::RelayFlowing)
            }
            Said::Refused { why, for_now: true, .. } => Some(Input::RelayLost(why)),
            Said::Refused { side, why, for_now: false } => Some(fault(side, why)),
            Said::Stranger { side, peer } => {
                let end = sessions.of(side).role.name();
                context.events.warn(format!(
                    "the relay {} rejected a connection from {peer}, which is not the {end}",
                    self.name
                ));
                None
            }
            Said::Stat { bytes } => {
                progress.saw(now, bytes);
                None
            }
            Said::Ended { bytes, in_order, side, why } => {
                progress.saw(now, bytes);
                progress.stop();
                self.counted = in_order;
                Some(if in_order { Input::RelayPassed } else { fault(side, why) })
            }
            Said::Lost(why) => Some(Input::RelayLost(why)),
        }
    }

    /// Waits for the relay's last count, after both servers have said that the file is complete.
    pub(super) async fn last_count(&mut self, context: &Context, progress: &mut Progress) {
        let clock = context.clock;
        let deadline: Option<Moment> = Some(clock.now() + COUNT);
        while !self.counted && !self.line.is_over() {
            let said = tokio::select! {
                () = context.cancel.cancelled() => return,
                said = self.line.next() => said,
                () = clock.sleep_until(deadline) => return,
            };
            match said {
                Said::Stat { bytes } => progress.saw(clock.now(), bytes),
                Said::Ended { bytes, .. } => {
                    progress.saw(clock.now(), bytes);
                    self.counted = true;
                }
                Said::Lost(_) => return,
                Said::Ready { .. } | Said::Flows | Said::Refused { .. } | Said::Stranger { .. } => {}
            }
        }
    }
}

/// What the relay says went wrong: with the data connection of one end, or with the join.
fn fault(side: Option<Side>, why: String) -> Input {
    match side {
        Some(side) => Input::DataFailed(side, why),
        None => Input::RelayRefused(why),
    }
}

/// Checks the address at which a relay says that it listens for a server that sees the relay at `seen`. If they
/// differ, returns what is wrong: the server would connect to a host that has not asked for it (as with
/// H08).
fn elsewhere(at: SocketAddr, seen: IpAddr) -> Option<String> {
    if unmapped(at.ip()) == seen && at.port() != 0 {
        return None;
    }
    Some(format!("it says that it listens at {at}, but the server sees it at {seen}"))
}

/// How long to wait for the end of a relay to be noticed everywhere.
const MOMENT: Duration = Duration::from_millis(200);
/// How long to wait for the relay's last count.
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
