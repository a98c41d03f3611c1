//! Whether anything moves between two servers, which this program does not see.
//!
//! Our own servers say it: STAT while data moves. Of other servers a second session asks the size of
//! what has been stored so far; some tell it unasked, with markers. Where neither tells anything, the size of the file bounds the wait.

use crate::context::{Cancel, Context};
use crate::control::{Role, Session};
use crate::place::Site;
use crate::report::{Event, Events};
use ftp_io::clock::Clock;
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Markers, Reply};
use ftp_proto::third_party::Side;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sight {
    /// Time to ask that end with STAT.
    Ask(Side),
    /// Nothing has moved for too long.
    Stalled,
    /// Nothing new.
    Nothing,
}

/// Watches one attempt.
#[derive(Debug)]
pub(super) struct Watch {
    eyes: Eyes,
    events: Events,
    name: String,
    total: Option<u64>,
    skips: u64,
    stall: Duration,
    moved: u64,
    markers: Markers,
    /// Since when nothing has moved; `None` before the transfer has begun.
    still: Option<Moment>,
    next: Option<Moment>,
}

/// Who tells.
#[derive(Debug)]
enum Eyes {
    /// The server on that side, asked with STAT.
    Status(Side),
    /// A second session.
    Second(Second),
}

/// A second session at the destination, ended with this value.
#[derive(Debug)]
struct Second {
    seen: watch::Receiver<u64>,
    task: AbortHandle,
}

impl Drop for Second {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is moved, for the watch.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// How reports call the source.
    pub(super) name: String,
    /// Its size, where known.
    pub(super) total: Option<u64>,
    /// The destination.
    pub(super) site: &'a Site,
    /// Where it is stored there.
    pub(super) stored: &'a PathName,
    /// How much was there before.
    pub(super) before: u64,
    /// Octets that are not moved, since they are there already.
    pub(super) skips: u64,
}

impl Watch {
    /// A watch over a transfer from `source` to `destination`.
    pub(super) fn new(
        context: &Context,
        source: &Session,
        destination: &Session,
        subject: Subject<'_>,
    ) -> Self {
        let eyes = if destination.is_ours() {
            Eyes::Status(Side::Destination)
        } else if source.is_ours() {
            Eyes::Status(Side::Source)
        } else {
            Eyes::Second(look_from_beside(context, subject.site, subject.stored, subject.before))
        };
        Self {
            eyes,
            events: context.events.clone(),
            name: subject.name,
            total: subject.total,
            skips: subject.skips,
            stall: context.patience.stall,
            moved: 0,
            markers: Markers::default(),
            still: None,
            next: None,
        }
    }

    /// The size of the file, where known.
    pub(super) const fn total(&self) -> Option<u64> {
        self.total
    }

    /// Octets seen to have moved.
    pub(super) const fn moved(&self) -> u64 {
        self.moved
    }

    /// The transfer has begun.
    pub(super) fn started(&mut self, now: Moment) {
        if self.still.is_none() {
            self.still = Some(now);
            self.next = Some(now + BEAT.min(self.stall));
        }
    }

    /// What a server says in mid-transfer of its own accord.
    pub(super) fn marker(&mut self, now: Moment, dialect: Dialect, reply: &Reply) {
        if let Some(bytes) = self.markers.heard(dialect, reply) {
            self.seen(now, bytes);
        }
    }

    /// A reply to STAT: one of its lines is `Bytes n`.
    pub(super) fn status(&mut self, now: Moment, reply: &Reply) {
        if let Some(bytes) = bytes(reply) {
            self.seen(now, bytes);
        }
    }

    /// Waits for the next thing to see. May be dropped at any point.
    pub(super) async fn look(&mut self, clock: Clock) -> Sight {
        let next = self.next;
        let beat = match &mut self.eyes {
            Eyes::Status(_) => {
                clock.sleep_until(next).await;
                None
            }
            Eyes::Second(second) => tokio::select! {
                changed = second.seen.changed() => match changed {
                    Ok(()) => Some(*second.seen.borrow_and_update()),
                    // It has given up.
                    Err(_) => {
                        clock.sleep_until(next).await;
                        None
                    }
                },
                () = clock.sleep_until(next) => None,
            },
        };
        let now = clock.now();
        if let Some(bytes) = beat {
            self.seen(now, bytes);
            return Sight::Nothing;
        }
        self.next = Some(now + BEAT.min(self.stall));
        if self.still.is_some_and(|still| now.since(still) >= self.patience()) {
            return Sight::Stalled;
        }
        match self.eyes {
            Eyes::Status(side) => Sight::Ask(side),
            Eyes::Second(_) => Sight::Nothing,
        }
    }

    /// How long nothing may be seen to move. Who has never seen anything move cannot tell a stall
    /// from a server that shows nothing: the file gets the time that a slow line needs.
    fn patience(&self) -> Duration {
        if self.moved > 0 || matches!(self.eyes, Eyes::Status(_)) {
            return self.stall;
        }
        let octets = self.total.unwrap_or(UNKNOWN_SIZE);
        self.stall + Duration::from_secs(octets / SLOWEST_LINE)
    }

    fn seen(&mut self, now: Moment, bytes: u64) {
        if bytes <= self.moved {
            return;
        }
        self.moved = bytes;
        self.still = Some(now);
        let bytes = self.skips + bytes;
        self.events.say(Event::Progress { source: self.name.clone(), bytes, total: self.total });
    }
}

fn bytes(reply: &Reply) -> Option<u64> {
    reply.lines.iter().find_map(|line| {
        let line = str::from_utf8(line).ok()?.trim();
        line.strip_prefix("Bytes ")?.split_whitespace().next()?.parse().ok()
    })
}

/// A second session asks again and again how large the file has become. Whatever fails there, it
/// only ends the watching.
fn look_from_beside(context: &Context, site: &Site, stored: &PathName, before: u64) -> Second {
    let (sender, seen) = watch::channel(0);
    let (context, site, stored) =
        (Context { cancel: Cancel::never(), ..context.clone() }, site.clone(), stored.clone());
    let task = tokio::spawn(async move {
        let clock = context.clock;
        // Most transfers are over before anybody wants to know how far they are.
        clock.sleep_until(Some(clock.now() + PATIENCE)).await;
        let Ok(mut session) = Session::open(&context, &site, Role::Destination).await else { return };
        while let Ok(size) = session.size(&stored).await {
            if sender.send(size.unwrap_or(0).saturating_sub(before)).is_err() {
                return;
            }
            clock.sleep_until(Some(clock.now() + BEAT)).await;
        }
    });
    Second { seen, task: task.abort_handle() }
}

const BEAT: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
/// Octets per second of the slowest line that is waited for where nothing can be seen.
const SLOWEST_LINE: u64 = 16 * 1024;
const UNKNOWN_SIZE: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::reply::Code;

    #[test]
    fn the_octets_moved_are_read_from_the_status() {
        let check = |lines: &[&str], expect| {
            let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            assert_eq!(bytes(&Reply { code: Code(0), lines }), expect);
        };
        check(&["Status", " Bytes 4096", "End"], Some(4096));
        check(&["Status", "Bytes 7 of 9", "End"], Some(7));
        check(&["Status of Bytes", "End"], None);
    }
}
