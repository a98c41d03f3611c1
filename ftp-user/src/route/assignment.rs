//! What an attempt is asked to move, what connects it with the race of its candidates, and what attempts come to.

use super::explain;
use super::path::{Path, Sessions};
use crate::account::{LastReply, shortened};
use crate::context::{Cancel, Context};
use crate::endpoint::files::most;
use crate::failure::{Failure, Kind, Result};
use crate::ladder::Allowed;
use crate::outcome::{FileCopy, Protection, Relayed, StreamedDigests, TransferFacts};
use ftp_io::copy::Digest;
use ftp_proto::command::Partial;
use ftp_proto::digest::Algorithm;
use ftp_proto::reply::{Blame, Reply};
use ftp_proto::transfer::{self, FailedPosture, Outcome, Side, Store};
use ftp_proto::wire::{ByteRange, PathName};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Who may continue what an attempt leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum ContinuedBy {
    /// Nobody: it is deleted.
    #[default]
    Nobody,
    /// After an interruption, an attempt of `resume`.
    Resume,
    /// Another attempt of this run, and `resume` where the journal has the job.
    ThisRun,
}

impl ContinuedBy {
    /// Whether what the attempt leaves is kept for somebody.
    pub(crate) const fn is_kept(self) -> bool {
        matches!(self, Self::Resume | Self::ThisRun)
    }

    /// What a server does with the first part of a broken transfer.
    pub(crate) const fn partial(self) -> Partial {
        if self.is_kept() { Partial::Keep } else { Partial::Discard }
    }
}

/// What an attempt is asked to move, and how. It borrows nothing.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    /// The name of the source in reports.
    pub(crate) name: String,
    /// Its path at the source.
    pub(crate) source: PathName,
    /// What told the source from other files when it was looked at, if that is known.
    pub(crate) seen: Option<String>,
    /// The final name at the destination, for people.
    pub(crate) target: PathName,
    /// The path at which the destination stores it.
    pub(crate) stored: PathName,
    /// Whether the destination replaces or appends.
    pub(crate) store: Store,
    /// The size of the source, if known.
    pub(crate) size: Option<u64>,
    /// How many bytes the destination has already: what APPE appends to, or what STOR continues.
    pub(crate) before: u64,
    /// Where the part that moves ends (RANG). The destination has what follows. `None`: at the end of the source.
    pub(crate) until: Option<u64>,
    /// Who may continue what this attempt leaves.
    pub(crate) continued: ContinuedBy,
    /// Whether only the final reply of the destination says that the file is stored, because its source is deleted then.
    pub(crate) needs_final_reply: bool,
    /// Whether only the path is tried, and nothing moves (PROB).
    pub(crate) probes: bool,
    /// Whether both control connections are closed as soon as both ends say that the transfer has begun (DETA).
    pub(crate) detaches: bool,
    /// Which paths are allowed.
    pub(crate) allowed: Allowed,
    /// Whether to compute a digest if the data passes this host.
    pub(crate) look: Digest,
    /// The slowest rate that a file between these two servers has shown in this run, in bytes a second.
    pub(crate) slowest: Option<u64>,
    /// The digest that servers which know DGST compute while the file moves.
    pub(crate) digest: Option<Algorithm>,
    /// If it is one range of several that move beside each other: what connects it with them.
    pub(crate) beside: Option<RangeControl>,
    /// Whether other small files may follow over the same data connection.
    pub(crate) leads_others: bool,
}

impl Assignment {
    /// A whole file that is stored under its final name, by any path, and that nobody continues.
    pub(crate) fn new(name: String, source: &PathName, target: &PathName, size: Option<u64>) -> Self {
        Self {
            name,
            source: source.clone(),
            seen: None,
            target: target.clone(),
            stored: target.clone(),
            store: Store::Replace,
            size,
            before: 0,
            until: None,
            continued: ContinuedBy::Nobody,
            needs_final_reply: false,
            probes: false,
            detaches: false,
            allowed: Allowed::default(),
            look: Digest::Off,
            slowest: None,
            digest: None,
            beside: None,
            leads_others: false,
        }
    }

    /// How many bytes of the source are not sent, because the destination has them already.
    pub(crate) const fn skips(&self) -> u64 {
        match self.store {
            Store::Replace => self.before,
            Store::Append => 0,
        }
    }

    /// How many bytes come from the source, if that is known.
    pub(crate) fn to_move(&self) -> Option<u64> {
        self.until.or(self.size).map(|end| end.saturating_sub(self.skips()))
    }

    /// How many bytes may come from the source.
    pub(crate) fn most(&self) -> u64 {
        most(self.to_move())
    }

    /// Which part of the source moves, if not all of it.
    pub(crate) fn part(&self) -> Option<ByteRange> {
        match self.until {
            Some(until) => ByteRange::before(self.skips(), until),
            None => Some(ByteRange::from(self.skips())).filter(|part| *part != ByteRange::WHOLE),
        }
    }

    /// The file of the destination, if it gets longer while bytes come.
    pub(crate) fn grows(&self) -> Option<PathName> {
        self.until.is_none().then(|| self.stored.clone())
    }

    /// Whether the destination gets a new file.
    pub(crate) fn is_new(&self) -> bool {
        self.store == Store::Replace && self.before == 0 && self.until.is_none()
    }

    /// Whether a refusal with this blame may mean that the server cannot continue in the middle of a file. Some
    /// servers say so only at the transfer command (ProFTPD's 451).
    pub(crate) fn may_refuse_to_go_on(&self, blame: Blame) -> bool {
        self.part().is_some() && matches!(blame, Blame::File | Blame::Busy | Blame::Unsupported | Blame::Peer)
    }
}

/// What connects the transfer of a range with whoever moves the others.
#[derive(Clone, Debug)]
pub(crate) struct RangeControl {
    /// Told as soon as a data connection stands.
    pub(crate) moving: Arc<Notify>,
    /// The transfer ends as soon as all bytes of the file before this one are stored: others send the rest. Only a direct path
    /// obeys it, where the destination says what it has stored.
    pub(crate) enough: Arc<AtomicU64>,
    /// Whether it has ended for that reason.
    pub(crate) has_ended: Arc<AtomicBool>,
}

impl RangeControl {
    /// Whether the bytes before this one are enough: then the transfer ends.
    pub(super) fn is_enough(&self, stored: u64) -> bool {
        let is_enough = stored >= self.enough.load(Ordering::Relaxed);
        self.has_ended.fetch_or(is_enough, Ordering::Relaxed);
        is_enough
    }
}

/// What a candidate tells the race.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    /// It has its sessions, and begins.
    Ready,
    /// The first transfer command was sent, or the first data connection is being opened.
    Connecting,
    /// The data connection of this end stands.
    Moving(Side),
    /// This end has said that the transfer has begun. It may say so before its data connection stands.
    Claims(Side),
    /// The destination has received nothing yet.
    Idle,
}

/// What connects the attempt of a candidate with the race: its signs go there, and from there comes that it has
/// lost.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    number: usize,
    signs: mpsc::UnboundedSender<(usize, Sign)>,
    lost: Cancel,
}

impl Lane {
    /// The lane of the candidate with this number. Sending `true` tells it that it has lost.
    pub(crate) fn new(
        number: usize,
        signs: mpsc::UnboundedSender<(usize, Sign)>,
    ) -> (watch::Sender<bool>, Self) {
        let (sender, lost) = Cancel::new();
        (sender, Self { number, signs, lost })
    }

    /// The lane of what takes part in no race.
    pub(super) fn alone() -> Self {
        Self { number: 0, signs: mpsc::unbounded_channel().0, lost: Cancel::never() }
    }

    /// A lane whose signs nobody hears. It loses when this one does.
    pub(crate) fn unheard(&self) -> Self {
        let (signs, _) = mpsc::unbounded_channel();
        Self { signs, ..self.clone() }
    }

    /// Tells the race something. A race that is over does not hear it.
    pub(crate) fn say(&self, sign: Sign) {
        let _ = self.signs.send((self.number, sign));
    }

    /// Returns as soon as the candidate has lost.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Whether it has lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }

    /// The result of `work`, or an interruption if the candidate loses meanwhile.
    ///
    /// # Errors
    ///
    /// Fails as `work` does, or because the candidate has lost.
    pub(crate) async fn unless_lost<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.lost() => Err(Failure::interrupted()),
        }
    }
}

/// How one attempt ended.
#[derive(Debug)]
pub(crate) struct AttemptResult {
    /// The outcome of the machine.
    pub(crate) outcome: Outcome,
    /// Why this program cancelled the attempt, if that is the reason for its end.
    pub(crate) given_up: Option<GivenUp>,
    /// The failure, for people.
    pub(crate) failure: Option<Failure>,
    /// How many bytes have moved, as far as is known.
    pub(crate) moved: u64,
    /// Whether the final reply to the command that stores the file was received.
    pub(crate) store_reply: StoreReply,
    /// Whether the destination has shown less of the file than all of it while it moved.
    pub(crate) was_shorter: bool,
    /// How long the servers have said that they move the file.
    pub(crate) took: Duration,
    /// The SHA-256 of what this program copied, if it was computed.
    pub(crate) sha256: Option<String>,
    /// The digests that the servers have computed while the file moved.
    pub(crate) streamed: StreamedDigests,
    /// What has passed a relay.
    pub(crate) relayed: Option<Relayed>,
    /// What protected the bytes on their whole path.
    pub(crate) protection: Protection,
    /// What each end said last.
    pub(crate) said: Vec<LastReply>,
    /// What is known of the transfer.
    pub(crate) facts: TransferFacts,
    /// Why servers have turned to the other posture for their data connection with this host.
    pub(super) failed_postures: Vec<FailedPosture>,
    /// The server at whose address somebody else is, if that is why the attempt failed.
    pub(super) intruded: Option<Side>,
}

/// Whether the destination's final reply to the command that stores the file was received. If not, the server may still execute
/// it, also after the file was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum StoreReply {
    /// It was, or no such command was sent, as in an attempt that has not begun.
    #[default]
    Received,
    /// The session has ended before.
    Missing,
}

impl StoreReply {
    /// That of a session that has stored, and that `is_open` or has ended.
    pub(crate) const fn of_session(is_open: bool) -> Self {
        if is_open { Self::Received } else { Self::Missing }
    }

    /// Adds that of another command that stores the same file.
    pub(crate) fn add(&mut self, other: Self) {
        if other == Self::Missing {
            *self = other;
        }
    }
}

/// Why this program cancelled an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum GivenUp {
    /// The work should stop.
    Interrupted,
    /// Another candidate moves the file.
    Lost,
    /// Nothing moved for too long. If it is known which end is the reason, that end.
    Stalled(Option<Side>),
    /// Nobody has seen anything move for that much longer than the stall time. Perhaps nobody can see it.
    Unseen(Duration),
    /// Both ends move the file, and go on without their control connections. Nothing has failed.
    Detached,
    /// The source sends more than the bytes that it announced.
    TooMuch(u64),
    /// Others send what is left of its range.
    Enough,
}

impl AttemptResult {
    /// How it has failed: for the race, and for people. `None` if it has moved the file.
    pub(crate) fn failed(&self) -> Option<(&transfer::Failure, Failure)> {
        let Outcome::Failed(failed) = &self.outcome else { return None };
        // Without words it has failed all the same.
        let failure = self.failure.clone();
        Some((failed, failure.unwrap_or_else(|| Failure::new(Kind::Other, "the attempt has failed"))))
    }

    /// An attempt with this outcome, in which nothing was opened.
    pub(super) fn early(outcome: Outcome) -> Self {
        Self {
            outcome,
            given_up: None,
            failure: None,
            moved: 0,
            store_reply: StoreReply::Received,
            was_shorter: false,
            took: Duration::ZERO,
            sha256: None,
            streamed: StreamedDigests::default(),
            relayed: None,
            protection: Protection::Clear,
            said: Vec::new(),
            facts: TransferFacts::default(),
            failed_postures: Vec::new(),
            intruded: None,
        }
    }

    /// The same with its failure in words, and what is known of its path. `said` are the last replies of the source and of the
    /// destination before the attempt was given up.
    pub(super) fn explained(
        self,
        context: &Context,
        sessions: &Sessions<'_>,
        path: &Path<'_>,
        said: [Option<Reply>; 2],
    ) -> Self {
        let (source, destination) = (&*sessions.source, &*sessions.destination);
        let intermediary = path.intermediary();
        let ends = explain::Ends { source, destination, intermediary: intermediary.as_deref() };
        let failure = explain::failure(context.settings.patience.stall, &ends, &self);
        // A wrong certificate at a data connection, or somebody else at a server's address, explains more.
        let impostor = || source.impostor().or_else(|| destination.impostor());
        let intruded = self.intruded.map(|side| side.of([source, destination]).intruded_words());
        // The tunnel was permitted, so the data port is what is not.
        let is_denied = matches!(path, Path::Relay(relay) if relay.is_denied);
        let failure = failure.map(|failure| if is_denied { explain::data_ports(failure) } else { failure });
        let failure = failure.map(|failure| impostor().or(intruded).unwrap_or(failure));
        let said = [source, destination].into_iter().zip(said).filter_map(|(session, reply)| {
            let reply = shortened(&session.shown(&reply?));
            Some(LastReply { end: session.role.name().to_owned(), reply })
        });
        let path = sessions.path_facts(path.agreed(self.protection));
        let facts = TransferFacts { path: Some(Arc::new(path)), ..self.facts };
        let streamed = StreamedDigests::of(&self.outcome);
        Self { failure, streamed, said: said.collect(), facts, ..self }
    }
}

/// What is known of all attempts for one file.
#[derive(Debug, Default)]
pub(crate) struct Count {
    /// How many attempts have sent data, or may have.
    pub(crate) attempts: u32,
    /// Whether the destination's file may have changed.
    pub(crate) touched: bool,
    /// Whether the final reply to the command that stores it was received.
    pub(crate) store_reply: StoreReply,
    /// How many bytes have moved in the last attempt, as far as is known.
    pub(crate) bytes: u64,
    /// Their SHA-256, if they passed this host and it was computed (I14).
    pub(crate) sha256: Option<String>,
    /// The digests that the servers have computed while the file moved, in the last attempt.
    pub(crate) streamed: StreamedDigests,
    /// What has passed a relay.
    pub(crate) relayed: Option<Relayed>,
    /// Who carried what the destination may have stored.
    pub(crate) carried_by: CarriedBy,
    /// What protected the bytes that have moved; `None` if none have.
    pub(crate) protection: Option<Protection>,
    /// Whether an end refused to continue in the middle of the file.
    pub(crate) refused: bool,
    /// Whether the file moves on without this program.
    pub(crate) detached: bool,
    /// How many data connections have moved ranges of the file at the same time, if there were several.
    pub(crate) streams: Option<u32>,
    /// What is known of the transfer, of the last attempt.
    pub(crate) facts: TransferFacts,
}

/// Who carried what the destination may have stored of a file.
#[derive(Debug, Default)]
pub(crate) enum CarriedBy {
    /// Nobody so far.
    #[default]
    Nobody,
    /// Relays and nobody else; this was the last one.
    Relay(Relayed),
    /// Somebody else, too.
    Others,
}

impl Count {
    /// No attempts yet, at a file of which the destination has most from elsewhere.
    pub(crate) fn of_others() -> Self {
        Self { carried_by: CarriedBy::Others, ..Self::default() }
    }

    /// Adds the attempts at a part of the file that follows. They are those of one copy.
    pub(crate) fn follow(&mut self, part: Self) {
        self.attempts = self.attempts.max(part.attempts);
        self.touched |= part.touched;
        self.store_reply.add(part.store_reply);
        self.bytes = self.bytes.saturating_add(part.bytes);
        Relayed::add(&mut self.relayed, part.relayed);
        Protection::add(&mut self.protection, part.protection);
        self.refused |= part.refused;
        self.facts = part.facts;
    }

    /// The relay that has passed on what the destination has stored, with what all relays have said that they passed on; `None`
    /// if some of it may have come by another path. A relay that died could not say the last of it.
    pub(crate) fn by_relay(&self) -> Option<Relayed> {
        let CarriedBy::Relay(relay) = &self.carried_by else { return None };
        let bytes = self.relayed.as_ref().map_or(0, |relayed| relayed.bytes);
        Some(Relayed { bytes, ..relay.clone() })
    }

    /// Adds these attempts to what has become of their file.
    pub(crate) fn add_to(&self, copy: &mut FileCopy) {
        copy.attempts += self.attempts;
        Relayed::add(&mut copy.relayed, self.relayed.clone());
        Protection::add(&mut copy.protection, self.protection);
    }

    /// Adds an attempt between two servers that has ended.
    pub(crate) fn add(&mut self, attempted: &AttemptResult) {
        let complete = matches!(attempted.outcome, Outcome::Moved { .. });
        let relayed = attempted.relayed.clone().filter(|relayed| complete || relayed.bytes > 0);
        Relayed::add(&mut self.relayed, relayed);
        if complete || attempted.moved > 0 {
            Protection::add(&mut self.protection, Some(attempted.protection));
        }
        self.bytes = attempted.moved;
        self.detached = attempted.given_up == Some(GivenUp::Detached);
        self.sha256.clone_from(&attempted.sha256);
        self.streamed.clone_from(&attempted.streamed);
        self.facts.clone_from(&attempted.facts);
        if !matches!(&attempted.outcome, Outcome::Failed(failure) if !failure.touched) {
            self.attempts += 1;
            self.touched = true;
            self.store_reply.add(attempted.store_reply);
            self.carried_by = match (&attempted.relayed, &self.carried_by) {
                (Some(relayed), CarriedBy::Nobody | CarriedBy::Relay(_)) => CarriedBy::Relay(relayed.clone()),
                (Some(_), CarriedBy::Others) | (None, _) => CarriedBy::Others,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder;
    use ftp_proto::reply::Code;
    use ftp_proto::transfer::{Cause, Stage};

    #[test]
    fn an_attempt_has_moved_the_file_only_if_its_machine_says_so() {
        let failed = ladder::failed(Side::Source, Stage::Attempt, Cause::Cancelled, Blame::Path);
        let failed = transfer::Failure { touched: true, ..failed };
        assert!(AttemptResult::early(Outcome::Failed(failed)).failed().is_some(), "also without words");
        let reply = Reply { code: Code(226), lines: Vec::new() };
        let moved = Outcome::Moved { source: reply.clone(), destination: reply };
        assert!(AttemptResult::early(moved).failed().is_none());
    }
}
