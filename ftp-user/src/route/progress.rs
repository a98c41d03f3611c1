//! How far a transfer is: its progress events, how long it may stall, and which end is to blame. The clock is
//! [`Stall`].
//!
//! | path | where the count comes from |
//! |---|---|
//! | direct, one of our servers | its replies to STAT |
//! | direct, other servers | a second session asks for the size of the destination's file; markers (110) |
//! | relay | the relay's count |
//! | user | the meters of the copy |

use crate::context::{Cancel, Context};
use crate::control::{Role, Session, Stall, most};
use crate::place::Site;
use crate::report::{self, Event, Events};
use ftp_io::clock::Clock;
use ftp_io::copy::Meters;
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Markers, Reply};
use ftp_proto::third_party::Side;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What the driver has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sight {
    /// Nothing to do.
    Nothing,
    /// Ask the server on that side with STAT.
    AskServer(Side),
    /// Ask the relay.
    AskRelay,
    /// A second session has seen that the destination has received so many bytes.
    Stored(u64),
    /// Nothing has moved for too long. If it is known which end is the reason, that end.
    Stalled(Option<Side>),
    /// More has moved than the bytes that the source announced.
    TooMuch(u64),
}

/// The file, as the progress events call it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The name of the source.
    pub(super) name: String,
    /// Its size, if known.
    pub(super) total: Option<u64>,
    /// Bytes that are at the destination already and are not sent.
    pub(super) skips: u64,
}

/// The progress of one attempt.
#[derive(Debug)]
pub(super) struct Progress {
    origin: Origin,
    stall: Stall,
    /// How long nothing may move.
    limit: Duration,
    subject: Subject,
    events: Events,
    markers: Markers,
}

/// Where the count comes from.
#[derive(Debug)]
enum Origin {
    /// The server on that side answers STAT.
    Status(Side),
    /// A second session with the destination.
    Second(Second),
    /// The relay counts.
    Relay,
    /// This program copies.
    Copy(Meters),
}

/// A second session that reports the size of the destination's file. Dropping it ends the session.
#[derive(Debug)]
struct Second {
    /// How many bytes the destination has received, once it has said so.
    sizes: watch::Receiver<Option<u64>>,
    /// Sending `true` makes the session begin soon.
    hurry: watch::Sender<bool>,
    task: AbortHandle,
}

impl Drop for Second {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The destination's file, for a second session.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// The site of the destination.
    pub(super) site: Site,
    /// The path at which it stores.
    pub(super) path: PathName,
    /// How large the file was before.
    pub(super) before: u64,
}

impl Progress {
    /// The progress of a direct transfer.
    pub(super) fn direct(
        context: &Context,
        source: &Session,
        destination: &Session,
        stored: Stored,
        subject: Subject,
    ) -> Self {
        let origin = if destination.is_ours() {
            Origin::Status(Side::Destination)
        } else if source.is_ours() {
            Origin::Status(Side::Source)
        } else {
            Origin::Second(ask_beside(context, stored))
        };
        Self::new(context, origin, subject)
    }

    /// The progress of a transfer through a relay.
    pub(super) fn relay(context: &Context, subject: Subject) -> Self {
        Self::new(context, Origin::Relay, subject)
    }

    /// The progress of a transfer through this program.
    pub(super) fn copy(context: &Context, meters: Meters, subject: Subject) -> Self {
        Self::new(context, Origin::Copy(meters), subject)
    }

    fn new(context: &Context, origin: Origin, subject: Subject) -> Self {
        let period = match origin {
            Origin::Status(_) | Origin::Second(_) => REMOTE_PERIOD,
            Origin::Relay | Origin::Copy(_) => PERIOD,
        };
        let limit = context.patience.stall;
        Self {
            origin,
            stall: Stall::new(period.min(limit)),
            limit,
            subject,
            events: context.events.clone(),
            markers: Markers::default(),
        }
    }

    /// How many bytes have moved, as far as is known.
    pub(super) fn moved(&self) -> u64 {
        match &self.origin {
            Origin::Copy(meters) => meters.given.moved(),
            Origin::Status(_) | Origin::Second(_) | Origin::Relay => self.stall.moved(),
        }
    }

    /// Starts the stall clock: from here on data must move.
    pub(super) fn start(&mut self, now: Moment) {
        self.stall.start(now);
    }

    /// Starts the stall clock of a direct transfer. The servers reply when they have begun; on the other paths
    /// the host in the middle knows it better.
    pub(super) fn server_started(&mut self, now: Moment) {
        match self.origin {
            Origin::Status(_) | Origin::Second(_) => self.start(now),
            Origin::Relay | Origin::Copy(_) => {}
        }
    }

    /// It is not certain that the transfer has begun. A second session will soon show it.
    pub(super) fn doubts(&self) {
        if let Origin::Second(second) = &self.origin {
            second.hurry.send_replace(true);
        }
    }

    /// Stops the stall clock: nothing needs to move any more.
    pub(super) const fn stop(&mut self) {
        self.stall.stop();
    }

    /// Handles a marker that a server sent during the transfer. On the paths with a host in the middle, that
    /// host counts. Returns whether it shows that bytes have moved.
    pub(super) fn marker(&mut self, now: Moment, dialect: Dialect, reply: &Reply) -> bool {
        if matches!(self.origin, Origin::Status(_) | Origin::Second(_))
            && let Some(bytes) = self.markers.heard(dialect, reply)
        {
            self.saw(now, bytes);
            return bytes > 0;
        }
        false
    }

    /// Handles a reply to STAT.
    pub(super) fn status(&mut self, now: Moment, reply: &Reply) {
        if let Some(bytes) = bytes(reply) {
            self.saw(now, bytes);
        }
    }

    /// Records how many bytes have moved in all.
    pub(super) fn saw(&mut self, now: Moment, moved: u64) {
        if !self.stall.saw(now, moved) {
            return;
        }
        let Subject { name, total, skips } = &self.subject;
        let bytes = skips.saturating_add(moved);
        let bytes = match self.origin {
            // The proof of the servers to each other passes the relay as well and is counted.
            Origin::Relay => bytes.min(total.unwrap_or(u64::MAX)),
            Origin::Status(_) | Origin::Second(_) | Origin::Copy(_) => bytes,
        };
        let (before, time) = (*skips, self.stall.age(now));
        let told = report::Progress { source: name.clone(), bytes, total: *total, before, time };
        self.events.say(Event::Progress(told));
    }

    /// Waits until there is something to see. May be dropped at any point.
    pub(super) async fn look(&mut self, clock: Clock) -> Sight {
        let next = self.stall.next();
        if let Some(size) = wait(&mut self.origin, clock, next).await {
            self.saw(clock.now(), size);
            return excess(size, &self.subject).map_or(Sight::Stored(size), Sight::TooMuch);
        }
        let now = clock.now();
        if let Origin::Copy(meters) = &self.origin {
            let moved = meters.given.moved();
            self.saw(now, moved);
        }
        if let Some(announced) = excess(self.moved(), &self.subject) {
            return Sight::TooMuch(announced);
        }
        if self.stall.look(now, self.limit()) {
            return Sight::Stalled(self.idle_end());
        }
        match self.origin {
            Origin::Status(side) => Sight::AskServer(side),
            Origin::Relay => Sight::AskRelay,
            Origin::Second(_) | Origin::Copy(_) => Sight::Nothing,
        }
    }

    /// How long nothing may move. As long as no count has come from a server that may not show any, a stall
    /// cannot be told from a slow line, so the file gets the time that a slow line needs.
    fn limit(&self) -> Duration {
        match self.origin {
            Origin::Second(_) if self.stall.moved() == 0 => self.limit + unseen(self.subject.total),
            Origin::Second(_) | Origin::Status(_) | Origin::Relay | Origin::Copy(_) => self.limit,
        }
    }

    /// The end that is the reason why nothing moves. Data that has come from the source and has not gone waits
    /// for the destination (I13).
    fn idle_end(&self) -> Option<Side> {
        match &self.origin {
            Origin::Copy(meters) if meters.taken.moved() > meters.given.moved() => Some(Side::Destination),
            Origin::Copy(_) => Some(Side::Source),
            Origin::Status(_) | Origin::Second(_) | Origin::Relay => None,
        }
    }
}

/// How long a file of that size takes on the slowest line, but no longer than [`LONGEST_UNSEEN`]: the size is a word of the
/// source.
fn unseen(size: Option<u64>) -> Duration {
    Duration::from_secs(size.unwrap_or(UNKNOWN_SIZE) / SLOWEST_LINE).min(LONGEST_UNSEEN)
}

/// The size that the source has announced, if so many bytes are too many for it: a source that sends without an end must
/// not fill the disk of the destination.
fn excess(moved: u64, subject: &Subject) -> Option<u64> {
    subject.total.filter(|total| moved > most(Some(total.saturating_sub(subject.skips))))
}

/// Waits for the next look, or for a size from a second session.
async fn wait(origin: &mut Origin, clock: Clock, next: Option<Moment>) -> Option<u64> {
    if let Origin::Second(second) = origin {
        tokio::select! {
            Ok(()) = second.sizes.changed() => return *second.sizes.borrow_and_update(),
            () = clock.sleep_until(next) => return None,
        }
    }
    clock.sleep_until(next).await;
    None
}

/// The bytes moved, from a line `Bytes n` of a reply to STAT.
fn bytes(reply: &Reply) -> Option<u64> {
    reply.lines.iter().find_map(|line| {
        let line = str::from_utf8(line).ok()?.trim();
        line.strip_prefix("Bytes ")?.split_whitespace().next()?.parse().ok()
    })
}

/// Opens a second session that asks again and again how large the file has become. If anything fails there,
/// it stops asking.
fn ask_beside(context: &Context, stored: Stored) -> Second {
    let (sender, sizes) = watch::channel(None);
    let (hurry, mut hurries) = watch::channel(false);
    let context = Context { cancel: Cancel::never(), ..context.clone() };
    let task = tokio::spawn(async move {
        let clock = context.clock;
        tokio::select! {
            () = clock.sleep_until(Some(clock.now() + HEAD_START)) => {}
            Ok(()) = async { hurries.wait_for(|hurries| *hurries).await.map(drop) } => {
                clock.sleep_until(Some(clock.now() + SOON)).await;
            }
        }
        let Ok(mut session) = Session::open(&context, &stored.site, Role::Destination).await else { return };
        while let Ok(size) = session.size(&stored.path).await {
            // A file that is not shown may have another name until it is complete.
            let received = size.map(|size| size.saturating_sub(stored.before));
            if sender.send(received).is_err() {
                return;
            }
            let hurried = *hurries.borrow();
            let pause = if hurried && received.unwrap_or(0) == 0 { SOON } else { REMOTE_PERIOD };
            clock.sleep_until(Some(clock.now() + pause)).await;
        }
    });
    Second { sizes, hurry, task: task.abort_handle() }
}

/// How often this program's own meters and the relay are looked at.
const PERIOD: Duration = Duration::from_millis(500);
/// How often a server is asked.
const REMOTE_PERIOD: Duration = Duration::from_secs(1);
/// Most transfers end before a second session would be useful.
const HEAD_START: Duration = Duration::from_secs(3);
/// The same if it is not certain that the transfer has begun, and between two questions of that time.
const SOON: Duration = Duration::from_millis(300);
/// Bytes per second of the slowest line that is waited for if no count is known.
const SLOWEST_LINE: u64 = 16 * 1024;
const UNKNOWN_SIZE: u64 = 1 << 30;
/// How long a transfer may move nothing that anybody sees, at most, beside the stall time.
const LONGEST_UNSEEN: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::reply::Code;

    #[test]
    fn no_size_makes_the_wait_for_the_first_byte_endless() {
        assert_eq!(unseen(Some(0)), Duration::ZERO);
        assert_eq!(unseen(Some(SLOWEST_LINE * 60)), Duration::from_secs(60));
        assert_eq!(unseen(None), Duration::from_secs(65_536));
        for size in [4_000_000_000_000_000_000, u64::MAX] {
            assert_eq!(unseen(Some(size)), LONGEST_UNSEEN, "{size}");
        }
    }

    #[test]
    fn a_source_may_send_twice_what_it_announced_and_16_mib() {
        let subject = |total, skips| Subject { name: String::new(), total, skips };
        let bound = 8 + (16 << 20);
        assert_eq!(excess(bound, &subject(Some(4), 0)), None);
        assert_eq!(excess(bound + 1, &subject(Some(4), 0)), Some(4));
        assert_eq!(excess(bound - 5, &subject(Some(4), 3)), Some(4), "3 bytes are not sent");
        assert_eq!(excess(u64::MAX, &subject(None, 0)), None);
    }

    #[tokio::test]
    async fn a_direct_or_relayed_transfer_of_too_much_is_seen() {
        let context = Context::for_tests(Cancel::never());
        let subject = Subject { name: String::new(), total: Some(4), skips: 0 };
        for origin in [Origin::Status(Side::Destination), Origin::Relay] {
            let mut progress = Progress::new(&context, origin, subject.clone());
            progress.start(context.clock.now());
            progress.saw(context.clock.now(), 1 << 30);
            assert_eq!(progress.look(context.clock).await, Sight::TooMuch(4));
        }
        let (sizes, hurry) = (watch::channel(None), watch::channel(false));
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let second = Second { sizes: sizes.1, hurry: hurry.0, task };
        let mut progress = Progress::new(&context, Origin::Second(second), subject);
        progress.start(context.clock.now());
        sizes.0.send(Some(1 << 30)).unwrap();
        assert_eq!(progress.look(context.clock).await, Sight::TooMuch(4));
    }

    #[test]
    fn the_bytes_moved_are_read_from_the_status() {
        let check = |lines: &[&str], expect| {
            let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            assert_eq!(bytes(&Reply { code: Code(0), lines }), expect);
        };
        check(&["Status", " Bytes 4096", "End"], Some(4096));
        check(&["Status", "Bytes 7 of 9", "End"], Some(7));
        check(&["Status of Bytes", "End"], None);
    }
}
