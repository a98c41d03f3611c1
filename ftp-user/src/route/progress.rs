//! How far a transfer is: its progress events, how long it may stall, and which end is to blame. The clock is
//! [`Stall`].
//!
//! | path | where the count comes from |
//! |---|---|
//! | direct, our own destination | its replies to STAT |
//! | direct, our own source | the same; a second session asks for the size of the destination's file, because a source does not say that it sends too much |
//! | direct, other servers | that second session; markers (110) |
//! | relay | the relay's count |
//! | user | the meters of the copy |

use super::assignment::{Assignment, GivenUp, RangeControl};
use super::second::{DestinationFile, REMOTE_PERIOD, SecondSession};
use crate::context::Context;
use crate::endpoint::files::most;
use crate::report::{self, Event, Events, Topic};
use crate::session::{Session, Stall};
use ftp_io::clock::Clock;
use ftp_io::copy::Meters;
use ftp_io::program::duration;
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Markers, Reply};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use ftp_proto::wire::PathName;
use std::time::Duration;

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
    /// Give the attempt up.
    GiveUp(GivenUp),
}

/// What moves, as the progress events call it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// The name of the source. Of files that move together it is not told.
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
    /// A second session with the destination.
    second: Option<SecondSession>,
    stall: Stall,
    /// How long nothing may move.
    limit: Duration,
    /// How much longer nothing may move where nobody may be able to see it.
    unseen: Unseen,
    /// What the destination is called.
    destination: String,
    subject: Subject,
    /// Whether the second session has seen a part of the file, but not all of it.
    was_shorter: bool,
    /// How many bytes have moved before the transfer whose bytes the server tells.
    earlier: u64,
    /// If it is a range: who sends its end.
    beside: Option<RangeControl>,
    /// Who is told.
    reporting: Reporting,
    markers: Markers,
}

/// Who is told how far a transfer is.
#[derive(Debug)]
enum Reporting {
    /// It is a file, and has events of its own.
    File(Events),
    /// The files that move together are counted together, under this number.
    Together(Events, u64),
    /// The count is that of each of several files. What is told is that they arrive.
    Nothing,
}

/// Where the count comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// The server on that side answers STAT.
    Status(Side),
    /// Nobody but the second session tells it.
    Second,
    /// The relay counts.
    Relay,
    /// This program copies.
    Copy(Meters),
}

impl Origin {
    /// Who is asked about a direct transfer. STAT goes to our own servers only, whether the control connection is in clear or
    /// inside TLS: others answer it when the transfer has ended, with a listing, or not at all.
    pub(super) const fn direct(source_is_ours: bool, destination_is_ours: bool) -> Self {
        match (source_is_ours, destination_is_ours) {
            (_, true) => Self::Status(Side::Destination),
            (true, false) => Self::Status(Side::Source),
            (false, false) => Self::Second,
        }
    }
}

impl Subject {
    /// Files that nobody is told of one by one: the largest one, or all of them together, has that many bytes.
    pub(super) const fn untold(bytes: u64) -> Self {
        Self { name: String::new(), total: Some(bytes), skips: 0 }
    }
}

impl Progress {
    pub(super) fn new(context: &Context, origin: Origin, subject: Subject) -> Self {
        let period = match origin {
            Origin::Status(_) | Origin::Second => REMOTE_PERIOD,
            Origin::Relay | Origin::Copy(_) => PERIOD,
        };
        let limit = context.settings.patience.stall;
        Self {
            origin,
            second: None,
            stall: Stall::new(period.min(limit)),
            limit,
            unseen: Unseen { asked: context.settings.patience.unseen, ..Unseen::default() },
            destination: String::new(),
            subject,
            was_shorter: false,
            earlier: 0,
            beside: None,
            reporting: Reporting::File(context.run.events.clone()),
            markers: Markers::default(),
        }
    }

    /// The same of a direct transfer, whose copy a second session may look at. [`Progress::stores`] tells which file is stored, if
    /// there are several.
    pub(super) fn watching(self, context: &Context, destination: &Session, stored: DestinationFile) -> Self {
        let second = (!destination.is_ours()).then(|| SecondSession::open(context, stored));
        Self { second, destination: destination.title.clone(), ..self }
    }

    /// The same with what is known of earlier files, and, for a range, of those who may send its end.
    pub(super) fn of(self, assignment: &Assignment) -> Self {
        // What the source has sent may not be stored yet.
        let tells_stored = matches!(self.origin, Origin::Status(Side::Destination));
        let beside = assignment.beside.clone().filter(|_| tells_stored);
        Self { beside, unseen: Unseen { slowest: assignment.slowest, ..self.unseen }, ..self }
    }

    /// Whether others send other ranges of the file.
    pub(super) const fn is_of_range(&self) -> bool {
        self.beside.is_some()
    }

    /// Whether others send the rest of the range.
    pub(super) fn has_enough(&self) -> bool {
        let stored = self.subject.skips.saturating_add(self.moved());
        self.beside.as_ref().is_some_and(|signs| signs.is_enough(stored))
    }

    /// How long ago the stall clock was started.
    pub(super) fn age(&self, now: Moment) -> Duration {
        self.stall.age(now)
    }

    /// The same of files that move together: the bytes of all of them, or of each alone if `all` is `None`. Whoever has the
    /// servers move them decides that they have stalled.
    pub(super) fn together(self, all: Option<u64>) -> Self {
        let reporting = match (self.reporting, all) {
            (Reporting::File(events) | Reporting::Together(events, _), Some(number)) => {
                Reporting::Together(events, number)
            }
            (_, _) => Reporting::Nothing,
        };
        Self { reporting, limit: Duration::MAX, ..self }
    }

    /// So many bytes more are to be moved.
    pub(super) const fn expect_more(&mut self, bytes: u64) {
        if let Some(total) = &mut self.subject.total {
            *total = total.saturating_add(bytes);
        }
    }

    /// The destination stores this file now.
    pub(super) fn stores(&self, path: Option<&PathName>) {
        if let Some(second) = &self.second {
            second.asks_about(path);
        }
    }

    /// How many bytes have moved, as far as is known.
    pub(super) fn moved(&self) -> u64 {
        match &self.origin {
            Origin::Copy(meters) => meters.given.moved(),
            Origin::Status(_) | Origin::Second | Origin::Relay => self.stall.moved(),
        }
    }

    /// Whether so many bytes are all that were to be moved.
    pub(super) fn is_all(&self, moved: u64) -> bool {
        self.subject.total == Some(self.subject.skips.saturating_add(moved))
    }

    /// Whether the destination has shown less of the file than all of it.
    pub(super) const fn was_shorter(&self) -> bool {
        self.was_shorter
    }

    /// Starts the stall clock: from here on data must move.
    pub(super) fn start(&mut self, now: Moment) {
        self.stall.start(now);
    }

    /// Starts the stall clock of a direct transfer. The servers reply when they have begun; on the other paths
    /// the host in the middle knows it better.
    pub(super) fn server_started(&mut self, now: Moment) {
        match self.origin {
            Origin::Status(_) | Origin::Second => self.start(now),
            Origin::Relay | Origin::Copy(_) => {}
        }
    }

    /// It is not certain that the transfer has begun. A second session will soon show it.
    pub(super) fn doubts(&self) {
        if let Some(second) = &self.second {
            second.hurry();
        }
    }

    /// Stops the stall clock: nothing needs to move any more.
    pub(super) const fn stop(&mut self) {
        self.stall.stop();
    }

    /// Handles a marker that a server sent during the transfer. On the paths with a host in the middle, that
    /// host counts. Returns whether it shows that bytes have moved.
    pub(super) fn marker(&mut self, now: Moment, dialect: Dialect, reply: &Reply) -> bool {
        if matches!(self.origin, Origin::Status(_) | Origin::Second)
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
            self.saw(now, self.earlier.saturating_add(bytes));
        }
    }

    /// What the server tells from now on are bytes of another transfer, where several are one after the other.
    pub(super) const fn next_transfer(&mut self) {
        self.earlier = self.stall.moved();
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
            Origin::Status(_) | Origin::Second | Origin::Copy(_) => bytes,
        };
        let (before, time) = (*skips, self.stall.age(now));
        match &self.reporting {
            Reporting::File(events) => {
                let told = report::FileProgress { source: name.clone(), bytes, total: *total, before, time };
                events.say(Event::Progress(told));
            }
            Reporting::Together(events, batch) => {
                // Their blocks count as well.
                let bytes = Some(bytes.min(total.unwrap_or(u64::MAX)));
                events.say(Event::Together { batch: *batch, bytes, time });
            }
            Reporting::Nothing => {}
        }
    }

    /// Waits until there is something to see. May be dropped at any point.
    pub(super) async fn look(&mut self, clock: Clock) -> Sight {
        let next = self.stall.next();
        if let Some(size) = wait(self.second.as_mut(), clock, next).await {
            self.saw(clock.now(), size);
            self.was_shorter |= size > 0
                && self.subject.total.is_some_and(|total| self.subject.skips.saturating_add(size) < total);
            return match (excess(size, &self.subject), &self.origin) {
                (Some(announced), _) => Sight::GiveUp(GivenUp::TooMuch(announced)),
                (None, Origin::Second) => Sight::Stored(size),
                (None, Origin::Status(_) | Origin::Relay | Origin::Copy(_)) => Sight::Nothing,
            };
        }
        let now = clock.now();
        self.saw(now, self.moved());
        if let Some(announced) = excess(self.moved(), &self.subject) {
            return Sight::GiveUp(GivenUp::TooMuch(announced));
        }
        if self.stall.look(now, self.limit) {
            match self.unseen_for() {
                None => return Sight::GiveUp(GivenUp::Stalled(self.idle_end())),
                Some(time) if self.stall.look(now, self.limit.saturating_add(time)) => {
                    return Sight::GiveUp(GivenUp::Unseen(time));
                }
                Some(time) => self.tell_unseen(time),
            }
        }
        match self.origin {
            Origin::Status(side) => Sight::AskServer(side),
            Origin::Relay => Sight::AskRelay,
            Origin::Second | Origin::Copy(_) => Sight::Nothing,
        }
    }

    /// How long it may go on unseen in addition to the stall time: as long as no count has come from a server that may not show any, a
    /// stall cannot be told from a slow line. `None` where somebody would have seen it move.
    fn unseen_for(&self) -> Option<Duration> {
        match self.origin {
            Origin::Second if self.stall.moved() == 0 => Some(self.unseen.limit(self.subject.total)),
            Origin::Second | Origin::Status(_) | Origin::Relay | Origin::Copy(_) => None,
        }
    }

    /// Tells once that nobody sees the file move, and how long it may go on so.
    fn tell_unseen(&mut self, time: Duration) {
        if let Reporting::File(events) = &self.reporting
            && self.unseen.is_to_be_told()
        {
            let (name, time) = (&self.subject.name, duration::words(time));
            let text = format!(
                "neither server reports the progress of {name}; it is given up after another {time} (--unseen T changes that)"
            );
            events.warn_of(Topic::Unseen, &self.destination, text);
        }
    }

    /// The end that is the reason why nothing moves. Data that has come from the source and has not gone waits
    /// for the destination (I13).
    fn idle_end(&self) -> Option<Side> {
        match &self.origin {
            Origin::Copy(meters) if meters.taken.moved() > meters.given.moved() => Some(Side::Destination),
            Origin::Copy(_) => Some(Side::Source),
            Origin::Status(_) | Origin::Second | Origin::Relay => None,
        }
    }
}

/// The size that the source has announced, if so many bytes are too many for it: a source that sends without an end must
/// not fill the disk of the destination.
fn excess(moved: u64, subject: &Subject) -> Option<u64> {
    subject.total.filter(|total| moved > most(Some(total.saturating_sub(subject.skips))))
}

/// Waits for the next look, or for a size from a second session.
async fn wait(second: Option<&mut SecondSession>, clock: Clock, next: Option<Moment>) -> Option<u64> {
    if let Some(second) = second {
        tokio::select! {
            biased;
            size = second.size() => return size,
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

/// How often this program's own meters and the relay are looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// How long a transfer may be unseen that goes directly to a server of other people.
#[derive(Debug, Default)]
struct Unseen {
    /// What was asked for (`--unseen`).
    asked: Option<Duration>,
    /// The slowest rate at which an earlier file has gone from server to server, in bytes a second.
    slowest: Option<u64>,
    /// Whether it was told that nobody sees the transfer move.
    told: bool,
}

impl Unseen {
    /// How long a file of that size may be unseen, in addition to the stall time. Without another word that is the time that it takes
    /// on the slowest line. The size is a word of the source, so no size makes it longer than [`LONGEST_UNSEEN`].
    ///
    /// Where an earlier file has shown a rate, the line is not slower than a part of it. Where none has, a file has
    /// [`USUAL_UNSEEN`], and a very large one the time that it takes at [`USUAL_LINE`].
    fn limit(&self, size: Option<u64>) -> Duration {
        if let Some(asked) = self.asked {
            return asked;
        }
        let size = size.unwrap_or(UNKNOWN_SIZE);
        let line = self.slowest.map_or(SLOWEST_LINE, |rate| (rate / SLOWER).max(SLOWEST_LINE));
        let longest = match self.slowest {
            Some(_) => LONGEST_UNSEEN,
            None => USUAL_UNSEEN.max(Duration::from_secs(size / USUAL_LINE)).min(LONGEST_UNSEEN),
        };
        Duration::from_secs(size / line).min(longest)
    }

    /// Whether it is to be told now that nobody sees the transfer move: once.
    const fn is_to_be_told(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}

/// Bytes per second of the slowest line that is waited for if no count is known.
const SLOWEST_LINE: u64 = 16 * 1024;
/// How much slower than the slowest file before it a file may be that nobody sees move.
const SLOWER: u64 = 16;
/// Bytes per second that a large file is trusted to have, if no earlier one has shown a rate.
const USUAL_LINE: u64 = 4 << 20;
const UNKNOWN_SIZE: u64 = 1 << 30;
/// How long the first file of a run may be unseen, if it is not very large.
pub const USUAL_UNSEEN: Duration = Duration::from_secs(6 * 3600);
/// How long a file may be unseen at most, if nothing else was asked for.
pub const LONGEST_UNSEEN: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use ftp_proto::reply::Code;

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
            progress.start(context.world.clock.now());
            progress.saw(context.world.clock.now(), 1 << 30);
            assert_eq!(progress.look(context.world.clock).await, Sight::GiveUp(GivenUp::TooMuch(4)));
        }
        let (second, sizes) = SecondSession::for_tests();
        let mut progress = Progress::new(&context, Origin::Second, subject);
        progress.second = Some(second);
        progress.start(context.world.clock.now());
        sizes.send(Some(1 << 30)).unwrap();
        assert_eq!(progress.look(context.world.clock).await, Sight::GiveUp(GivenUp::TooMuch(4)));
    }

    #[test]
    fn h36_stat_is_sent_to_our_own_servers_only_in_clear_and_under_tls() {
        for (source_is_ours, destination_is_ours, expect) in [
            (true, true, Some(Side::Destination)),
            (false, true, Some(Side::Destination)),
            (true, false, Some(Side::Source)),
            // Servers of others are asked nothing on a connection over which they were told to transfer.
            (false, false, None),
        ] {
            let asked = match Origin::direct(source_is_ours, destination_is_ours) {
                Origin::Status(side) => Some(side),
                Origin::Second | Origin::Relay | Origin::Copy(_) => None,
            };
            assert_eq!(asked, expect, "{source_is_ours} {destination_is_ours}");
        }
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

    fn unseen(size: Option<u64>, slowest: Option<u64>) -> u64 {
        Unseen { slowest, ..Unseen::default() }.limit(size).as_secs()
    }

    #[test]
    fn no_size_makes_the_wait_for_the_first_byte_endless() {
        assert_eq!(unseen(Some(0), None), 0);
        assert_eq!(unseen(Some(SLOWEST_LINE * 60), None), 60);
        assert_eq!(unseen(None, None), 6 * 3600);
        for size in [4_000_000_000_000_000_000, u64::MAX] {
            assert_eq!(unseen(Some(size), None), 24 * 3600, "{size}");
            assert_eq!(unseen(Some(size), Some(1)), 24 * 3600, "{size}");
        }
    }

    #[test]
    fn the_first_large_file_has_hours_and_no_day_and_what_was_asked_for_counts_alone() {
        let gb = 1_000_000_000;
        assert_eq!(unseen(Some(10 * gb), None), 6 * 3600);
        assert_eq!(unseen(Some(100 * gb), None), 6 * 3600 + 2241);
        assert_eq!(unseen(Some(1000 * gb), None), 24 * 3600);
        for time in [1, 7 * 24 * 3600] {
            let asked = Unseen { asked: Some(Duration::from_secs(time)), ..Unseen::default() };
            assert_eq!(asked.limit(Some(10 * gb)).as_secs(), time);
            assert_eq!(Unseen { slowest: Some(gb), ..asked }.limit(None).as_secs(), time);
        }
    }

    #[test]
    fn a_rate_that_was_seen_finds_a_stall_that_nobody_sees_long_before_a_day_is_over() {
        let (size, mib) = (100_000_000_000, 1 << 20);
        // 100 MB/s before: the file takes 17 minutes, and has more than four hours.
        assert_eq!(unseen(Some(size), Some(100_000_000)), 16_000);
        assert_eq!(unseen(Some(10 * mib), None), 640);
        assert_eq!(unseen(Some(10 * mib), Some(10 * mib)), 16);
        // A slow line is no reason to wait for a shorter time than its files take.
        assert_eq!(unseen(Some(10 * mib), Some(20_000)), unseen(Some(10 * mib), None));
        assert_eq!(unseen(Some(size), Some(100_000)), 24 * 3600);
    }

    #[test]
    fn that_nobody_sees_a_transfer_move_is_told_once() {
        let mut unseen = Unseen::default();
        assert_eq!([unseen.is_to_be_told(), unseen.is_to_be_told()], [true, false]);
    }
}
