//! One attempt: moves one file between two ends by one candidate.
//!
//! ```text
//!  attempt    prepares both sessions for a candidate, and runs the drive
//!  assignment what an attempt is asked to move, and what it comes to
//!  drive      the one loop over the machines of transfers
//!  path       the sessions of a transfer, and what each path needs besides: relay, through
//!  together   small files that move together: over one connection, or with commands ahead
//!  progress   how far the transfer is; how long it may stall, and which end is to blame; second: another session tells it
//!  local      a file between this host and a server
//!  situation  what is known of two servers before a candidate is chosen
//!  explain    candidates and failures in words; considered: why a candidate cannot be used
//! ```

mod assignment;
mod attempt;
mod considered;
mod drive;
mod explain;
mod local;
mod path;
mod progress;
mod relay;
mod second;
mod situation;
mod through;
mod together;

pub(crate) use assignment::{
    Assignment, AttemptResult, ContinuedBy, Count, GivenUp, Lane, RangeControl, Sign, StoreReply,
};
pub(crate) use attempt::AttemptContext;
pub use attempt::timeouts;
pub(crate) use explain::{FAILED_FOR_EARLIER_FILE, SILENT_SO_FAR};
pub(crate) use local::{receive_local, send_local, tell_progress};
pub use progress::{LONGEST_UNSEEN, USUAL_UNSEEN};
pub use relay::Circuit;
pub(crate) use second::{UnendedFile, warn_as_long};
pub(crate) use situation::{Situation, first_rung};
pub(crate) use together::{BatchPath, BatchResult, Fate, Manner, SmallFile, SmallFiles, batch};

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{About, Failure, Kind, MAKE_ROOM, Result};
use crate::ladder::SharedMemory;
use ftp_proto::timer::Moment;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The two ends of a copy.
#[derive(Debug)]
pub struct Ends {
    /// Where files come from.
    pub source: Host,
    /// Where they go.
    pub destination: Host,
    /// What is known of the candidates between them.
    pub memory: SharedMemory,
    /// What is kept with a relay between them.
    pub circuit: Option<Circuit>,
    /// The destination sets no times of files; that was told. Workers share it.
    pub no_times: Arc<AtomicBool>,
    /// The destination sets no permissions; that was told. Workers share it.
    pub no_modes: Arc<AtomicBool>,
    /// What the destination has had no room for. Workers share it.
    pub room: Arc<Room>,
}

impl Ends {
    /// Two ends without memory or relay session.
    pub fn new(source: Host, destination: Host) -> Self {
        let (memory, no_times, no_modes, room) = Default::default();
        Self { source, destination, memory, circuit: None, no_times, no_modes, room }
    }

    /// Forgets what is known between the two ends: one of them is another host now.
    pub fn forget(&mut self) {
        self.circuit = None;
        (self.memory, self.no_times, self.no_modes, self.room) = Default::default();
    }

    /// The same ends without sessions, for another worker. What is known of the candidates is shared.
    #[must_use]
    pub fn beside(&self) -> Self {
        let Self { source, destination, memory, circuit: _, no_times, no_modes, room } = self;
        Self {
            source: source.beside(),
            destination: destination.beside(),
            memory: memory.clone(),
            circuit: None,
            no_times: Arc::clone(no_times),
            no_modes: Arc::clone(no_modes),
            room: Arc::clone(room),
        }
    }

    /// Whether both are servers.
    pub const fn are_servers(&self) -> bool {
        !self.source.is_local() && !self.destination.is_local()
    }

    /// Whether both, as far as that is known, take many questions at once.
    pub fn are_asked_at_once(&mut self) -> bool {
        self.source.is_asked_at_once() && self.destination.is_asked_at_once()
    }

    /// Whether the rate of `--limit` would be kept for each session alone, because a server does not share it among sessions.
    pub fn keep_rate_for_each_session(&mut self, context: &Context) -> bool {
        let mut any = |line| self.source.has_line(line) || self.destination.has_line(line);
        context.settings.limit.is_some() && any("RATE") && !any("RATE GROUP")
    }

    /// The moment from which the session of an end counts as long idle.
    pub fn long_idle_at(&self) -> Option<Moment> {
        [&self.source, &self.destination].into_iter().filter_map(Host::long_idle_at).min()
    }

    /// Leaves their sessions to whoever needs one next.
    pub fn release_sessions(&mut self) {
        for end in [&mut self.source, &mut self.destination] {
            let without = end.beside();
            std::mem::replace(end, without).release();
        }
    }

    /// Opens a session at each end that is a server, at the same time.
    ///
    /// # Errors
    ///
    /// Fails if one of them refuses or does not answer.
    pub async fn connect(&mut self, context: &Context) -> Result<()> {
        let Self { source, destination, .. } = self;
        tokio::try_join!(source.connect(context), destination.connect(context)).map(drop)
    }

    /// Says goodbye to both. If the work should stop, the answers are not awaited (H33).
    pub async fn quit(self, context: &Context) {
        let Self { source, destination, circuit, .. } = self;
        let relayed = async {
            if let Some(circuit) = circuit {
                circuit.quit().await;
            }
        };
        let now = context.world.clock.now();
        let hurry = context.run.cancel.is_cancelled().then(|| context.run.interruption.say_goodbye(now));
        tokio::select! {
            biased;
            _ = async { tokio::join!(relayed, source.quit(), destination.quit()) } => {}
            () = context.world.clock.sleep_until(hurry) => {}
        }
    }
}

/// What a destination takes no more. Clones of the ends share it.
///
/// A disk that is full would otherwise take what fits of each further file, which is removed again. Small files may fit
/// where a large one did not; a limit for single files looks the same. A server that neither renames nor deletes would keep each further file whole, under the name of a part.
#[derive(Debug)]
pub struct Room {
    /// The size of the smallest file that there was no room for, in bytes; the largest number if there was none.
    refused: AtomicU64,
    /// Whether a part could be neither renamed nor deleted.
    is_shut: AtomicBool,
}

impl Default for Room {
    fn default() -> Self {
        Self { refused: AtomicU64::new(u64::MAX), is_shut: AtomicBool::new(false) }
    }
}

impl Room {
    /// Notes why a file of that size was not stored. A file whose size is not known says nothing about others.
    pub fn note(&self, failure: &Failure, size: Option<u64>) {
        if let (About::NoRoom, Some(size)) = (failure.about, size) {
            self.refused.fetch_min(size, Ordering::Relaxed);
        }
    }

    /// Refuses a file of that size that will not be taken. `is_begun`: something of it is stored there.
    ///
    /// # Errors
    ///
    /// Why it is not begun.
    pub fn check(&self, dest: &str, size: Option<u64>, is_begun: bool) -> Result<()> {
        let refused = |kind, why: &str| Failure::new(kind, format!("{dest} was not copied")).said(why);
        if self.is_shut.load(Ordering::Relaxed) {
            let why = "what was sent before could be neither renamed nor deleted there";
            let failure = refused(Kind::Refused, why);
            return Err(failure.hint("its account needs the rights to rename and to delete"));
        }
        if is_begun || self.may_take(size) {
            return Ok(());
        }
        let failure = refused(Kind::Other, "there was no room for another file of at most this size");
        Err(failure.hint(MAKE_ROOM).about(About::NoRoom))
    }

    /// Whether a file of that size may fit.
    fn may_take(&self, size: Option<u64>) -> bool {
        let refused = self.refused.load(Ordering::Relaxed);
        refused == u64::MAX || size.is_none_or(|size| size < refused)
    }

    /// Notes that a part could be neither renamed nor deleted. Returns whether it is the first one.
    pub fn shut(&self) -> bool {
        !self.is_shut.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_smaller_than_a_file_that_did_not_fit_does_not_fit_either() {
        let room = Room::default();
        let other = Failure::new(Kind::Other, "refused");
        let full = other.clone().about(About::NoRoom);
        assert!(room.may_take(Some(u64::MAX)) && room.may_take(None));
        room.note(&full, None);
        room.note(&other, Some(5));
        assert!(room.may_take(Some(u64::MAX)));
        room.note(&full, Some(100));
        room.note(&full, Some(200));
        assert!(room.may_take(Some(99)) && !room.may_take(Some(100)) && room.may_take(None));
    }

    #[test]
    fn who_keeps_every_part_gets_no_file_whatever_its_size() {
        let room = Room::default();
        assert!(room.check("d", Some(5), false).is_ok());
        assert!(room.shut() && !room.shut(), "it is told once");
        for (size, is_begun) in [(Some(0), false), (None, false), (Some(5), true)] {
            assert_eq!(room.check("d", size, is_begun).unwrap_err().kind, Kind::Refused);
        }
    }
}
