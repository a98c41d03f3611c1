//! The name under which an attempt stores a file, and what earlier attempts and runs have left. In the end the part gets its
//! final name or is deleted.
//!
//! | file | what |
//! |---|---|
//! | this one | the name of a part, and its removal; what a broken attempt has stored, and how much of it is right |
//! | `publish` | the part gets its final name; what becomes of the file that had it |

pub(super) mod publish;

use crate::context::Context;
use crate::endpoint::{Debt, Host, Pools, Server, both, files};
use crate::failure::{About, Failure, Kind, Result};
use crate::id::JobId;
use crate::job::Item;
use crate::job::check::{prefix_algorithm, same_parts};
use crate::job::summary::may_pass;
use crate::journal::PartId;
use crate::outcome::Verified;
use crate::place;
use crate::report::{Topic, several};
use crate::route::{Ends, StoreReply};
use crate::session::{Facts, Role};
use crate::world::random_number;
use ftp_proto::deletion::has_changed;
use ftp_proto::timer::Moment;
use ftp_proto::wire::{ByteRange, PathName, counted};
use std::time::Duration;

/// A file that is not complete or not verified yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Its name: in the directory of the target, so that renaming it is enough to publish it.
    pub(super) stored: PathName,
    /// The final name of the file.
    pub(super) target: PathName,
}

/// A random number for a part.
pub(super) fn new_id() -> Result<PartId> {
    random_number().map(PartId)
}

/// The number of the name that a job gives to a source for a moment. It is the same in each of its runs (FNV-1a).
pub(super) fn id_of(job: JobId, source: &PathName) -> PartId {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    PartId(source.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325 ^ job.number(), hash))
}

/// What became of a part that was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Discarded {
    /// How many bytes were stored, if that is known.
    pub(super) bytes: Option<u64>,
    /// Whether nothing of it is left.
    pub(super) gone: bool,
    /// Whether its host has refused to delete it.
    pub(super) refused: bool,
}

impl Part {
    /// The part with that number.
    pub(super) fn new(id: PartId, target: &PathName) -> Result<Self> {
        let PartId(id) = id;
        let name = PathName::from_user(format!(".{id:016x}.ftp-user.part"))
            .map_err(|bad| Failure::new(Kind::Other, bad.to_string()))?;
        Ok(Self { stored: place::sibling(target, &name), target: target.clone() })
    }

    /// The name that the old file has while this one gets its final name, at a server that renames to no name that is taken:
    /// the name of the part with another end.
    pub(super) fn aside(&self) -> Result<PathName> {
        let name = self.stored.as_bytes();
        let id = name.strip_suffix(b".part").unwrap_or(name);
        PathName::from_wire([id, b".old"].concat()).map_err(|bad| Failure::new(Kind::Other, bad.to_string()))
    }

    /// The number in the last name of a file, if it may be a part of some job, or an old file that was renamed aside for one.
    pub(super) fn id_in(path: &PathName) -> Option<PartId> {
        let name = path.as_bytes().rsplit(|byte| *byte == b'/').next()?;
        let (id, kind) = name.strip_prefix(b".")?.split_at_checked(16)?;
        let id = str::from_utf8(id).ok().filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let id = u64::from_str_radix(id, 16).ok()?;
        [&b".ftp-user.part"[..], b".ftp-user.old"].contains(&kind).then_some(PartId(id))
    }

    /// Whether a file with this last name may be one under way of some job: a part, or an old file that was renamed aside for one.
    pub(super) fn is_under_way(path: &PathName) -> bool {
        Self::id_in(path).is_some()
    }

    /// Whether a file with this last name may be a part of some job.
    pub(super) fn is_name(path: &PathName) -> bool {
        path.as_bytes().ends_with(b".part") && Self::id_in(path).is_some()
    }

    /// A part with a random number.
    pub(super) fn random(target: &PathName) -> Result<Self> {
        Self::new(new_id()?, target)
    }

    /// A file that is stored under its final name, because its server cannot rename.
    pub(super) fn in_place(target: &PathName) -> Self {
        Self { stored: target.clone(), target: target.clone() }
    }

    /// What has its final name now, unless it is stored there itself.
    async fn now_there(&self, context: &Context, host: &mut Host) -> Result<Option<Facts>> {
        if self.stored == self.target { Ok(None) } else { files::facts(context, host, &self.target).await }
    }

    /// The failure of its publication, which says whether its host refuses the final name.
    pub(super) fn not_named(&self, failure: Failure) -> Failure {
        let is_refusal = failure.kind == Kind::Refused && failure.about == About::Operation;
        if is_refusal && self.stored != self.target { failure.about(About::NotNamed) } else { failure }
    }

    /// Refuses to replace what somebody has stored under its final name since the copy began: renaming replaces it at most
    /// servers.
    pub(super) async fn replaces_nothing(&self, context: &Context, host: &mut Host) -> Result<()> {
        if self.now_there(context, host).await?.is_none() {
            return Ok(());
        }
        let what = format!("{} exists: somebody has made it since the copy began", host.show(&self.target));
        Err(Failure::not_replaced(what))
    }

    /// Deletes what may be stored. `store_reply` says whether the command that stored it has ended for certain. Ctrl-C does not
    /// interrupt it, but it ends after a short time. What a server does not delete now is asked of it again before the run ends
    /// (see [`settle`]).
    pub(super) async fn discard(&self, context: &Context, host: &mut Host, reply: StoreReply) -> Discarded {
        match host {
            Host::Server(server) => self.discard_at(context, server, reply).await,
            Host::Local(_) => {
                let (cleanup, end) = context.for_cleanup();
                let mut bytes = None;
                let work = async {
                    bytes = files::size(&cleanup, host, &self.stored).await.ok().flatten();
                    files::delete_own(&cleanup, host, &self.stored).await
                };
                let deleted = in_time(context, end, work).await;
                if let Err(failure) = &deleted {
                    warn(context, &host.show(&self.stored), &failure.to_string());
                }
                Discarded { bytes, gone: deleted.is_ok(), refused: is_refused(&deleted) }
            }
        }
    }

    /// The same at a server.
    pub(super) async fn discard_at(
        &self,
        context: &Context,
        server: &mut Server,
        store_reply: StoreReply,
    ) -> Discarded {
        // A session that has ended may be the one that has stored.
        let is_certain = store_reply == StoreReply::Received && server.open().is_some();
        let (cleanup, end) = context.for_cleanup();
        let mut bytes = None;
        let work = async {
            let session = server.session(&cleanup).await?;
            bytes = files::size_by_command(session, &self.stored).await.ok().flatten();
            files::delete_own_at_server(session, &self.stored).await
        };
        let deleted = in_time(context, end, work).await;
        let (gone, refused) = (deleted.is_ok(), is_refused(&deleted));
        let why = match deleted {
            Ok(existed) if existed || is_certain => {
                server.pool.debts.paid(&self.stored);
                note_deleted(context, &self.stored);
                return Discarded { bytes, gone, refused };
            }
            Ok(_) => None,
            Err(failure) => Some(failure),
        };
        let may_come = why.is_none() || store_reply == StoreReply::Missing;
        let debt = Debt { path: self.stored.clone(), why, may_come };
        if let Some(id) = Self::id_in(&self.stored) {
            context.run.job_journal.note_undeleted(id);
        }
        // The final name is that of the whole copy, if a later attempt succeeds.
        let unpaid = if self.stored == self.target { Some(debt) } else { server.pool.debts.add(debt) };
        if let Some(Debt { path, why: Some(why), .. }) = unpaid {
            warn(context, &format!("{} at {}", path.display(), server.site), &why.to_string());
        }
        Discarded { bytes, gone, refused }
    }
}

/// Has [`settle`] delete parts of a file that earlier runs of the job have not seen deleted.
pub(super) fn delete_at_end(server: &Server, target: &PathName, names: &[PartId]) {
    for part in names.iter().filter_map(|id| Part::new(*id, target).ok()) {
        let why = Some(Failure::new(Kind::Other, "an earlier run has not seen it deleted"));
        // What a full list leaves out stays in the journal. This run knows more of its own parts.
        if !server.pool.debts.have(&part.stored) {
            server.pool.debts.add(Debt { path: part.stored, why, may_come: false });
        }
    }
}

fn note_deleted(context: &Context, path: &PathName) {
    if let Some(id) = Part::id_in(path) {
        context.run.job_journal.note_deleted(id);
    }
}

/// Deletes what could not be deleted during the run. What is still there then is told. After an interruption nothing is
/// tried again. Returns why a part may still be there, if a later run can delete it.
pub(super) async fn settle(context: &Context, pools: &Pools) -> Option<Failure> {
    let mut undeleted = None;
    for pool in pools.all() {
        let debts = pool.debts.take();
        if debts.is_empty() {
            continue;
        }
        let mut server = Server::new(pool, Role::Destination);
        let was_stopped = context.run.cancel.is_cancelled();
        let debts = if was_stopped { debts } else { pay(context, &mut server, debts).await };
        // Our own servers end what a session has begun when it is closed. After an interruption the journal has the names.
        let is_over = was_stopped || server.open().is_some_and(|session| session.is_ours());
        let unsaid = (!is_over).then_some(UNSAID);
        undeleted = undeleted.or_else(|| debts.iter().find_map(|debt| to_pay_later(debt, was_stopped)));
        let why = |why: Option<Failure>| why.map(|why| why.to_string()).or_else(|| unsaid.map(str::to_owned));
        let left = debts.into_iter().filter_map(|debt| Some((debt.path.display(), why(debt.why)?)));
        let (names, whys): (Vec<String>, Vec<String>) = left.unzip();
        if let Some(why) = whys.first() {
            warn(context, &format!("{} at {}", named(&names), server.site), why);
        }
        server.release();
    }
    undeleted
}

/// Why a file may still be there, if a later run can delete it. After an interruption (`was_stopped`) nothing was tried, so a later
/// run can.
fn to_pay_later(debt: &Debt, was_stopped: bool) -> Option<Failure> {
    if was_stopped {
        return Some(Failure::interrupted());
    }
    let why = debt.why.as_ref().filter(|why| may_pass(why))?.clone();
    Some(why.during(format!("{} may still be there", debt.path.display())))
}

/// Deletes these files. Returns those that could not be deleted.
async fn pay(context: &Context, server: &mut Server, mut debts: Vec<Debt>) -> Vec<Debt> {
    let (cleanup, end) = context.for_cleanup();
    for pause in PAUSES {
        let mut is_slow = debts.iter().any(|debt| debt.may_come);
        for mut debt in std::mem::take(&mut debts) {
            let work =
                async { files::delete_own_at_server(server.session(&cleanup).await?, &debt.path).await };
            match in_time(context, end, work).await {
                Ok(false) if debt.may_come => debt.why = None,
                Ok(_) => {
                    note_deleted(context, &debt.path);
                    continue;
                }
                Err(failure) => {
                    is_slow |= failure.kind == Kind::Temporary && failure.about != About::GivenUp;
                    debt.why = Some(failure);
                }
            }
            debts.push(debt);
        }
        let now = context.world.clock.now();
        if !is_slow || now >= end || context.run.cancel.is_cancelled() {
            break;
        }
        context.world.clock.sleep_until(Some(now + pause)).await;
    }
    debts
}

/// Whether a host has refused a deletion.
fn is_refused(deleted: &Result<bool>) -> bool {
    deleted.as_ref().is_err_and(|failure| failure.kind == Kind::Refused)
}

/// The first of these names, and how many more there are.
fn named(names: &[String]) -> String {
    let (first, others) = names.split_at(names.len().min(MOST_NAMED));
    match others.len() {
        0 => first.join(", "),
        _ => format!("{} and {}", first.join(", "), several(others.len() as u64, "more file")),
    }
}

/// The result of some work at a server, which ends at `end`.
pub(super) async fn in_time<T>(
    context: &Context,
    end: Moment,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        done = work => done,
        () = context.world.clock.sleep_until(Some(end)) => {
            Err(Failure::new(Kind::Temporary, "the server did not answer in time"))
        }
    }
}

fn warn(context: &Context, shown: &str, why: &str) {
    context.run.events.warn(format!("{shown} may still be there and can be deleted: {why}"));
}

/// Why a file may be there that a server has not shown.
const UNSAID: &str = "its server has not said whether it has ended the command that stores it";
/// How many files that are left are named.
const MOST_NAMED: usize = 10;
/// After each attempt of [`settle`]: a server may need some time to see that a session has ended, and to release its file.
const PAUSES: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::ZERO];

/// What a broken attempt leaves at the destination: all that a later one must know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Leftover {
    /// What is stored.
    pub(super) part: Part,
    /// The facts of the source before its first byte was read. If they are not known, only the digest decides.
    pub(super) source: Option<Facts>,
    /// Whether the final reply to the command that has stored it was received.
    pub(super) store_reply: StoreReply,
}

/// What can be continued of a broken copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum FoundPart {
    /// Nothing is stored.
    Nothing,
    /// So many bytes are stored, and more behind them may be wrong.
    Stored {
        /// The number of bytes.
        bytes: u64,
        /// Whether a digest has compared them with the source. If not, a digest of the whole copy will.
        compared: bool,
    },
    /// What is stored cannot be continued, and why.
    Useless(String),
}

impl Leftover {
    /// Decides what can be continued. `source` are the facts of the source now; `means` will verify the copy. `in_ranges`: what stands
    /// behind the first wrong byte is looked at later, since there may be holes.
    pub(super) async fn look(
        &self,
        context: &Context,
        ends: &mut Ends,
        item: &Item,
        source: &Facts,
        (means, in_ranges): (Verified, bool),
    ) -> Result<FoundPart> {
        if self.source.as_ref().is_some_and(|before| has_changed(before, source)) {
            return Ok(FoundPart::Useless("the source has changed since the last attempt".to_owned()));
        }
        let bytes = match (files::size(context, &mut ends.destination, &self.part.stored).await?, source.size)
        {
            (None | Some(0), _) => return Ok(FoundPart::Nothing),
            (Some(stored), Some(size)) if stored <= size => stored,
            (Some(stored), _) => {
                return Ok(FoundPart::Useless(format!(
                    "{} stored, more than the source has",
                    counted(stored, "byte")
                )));
            }
        };
        let count = counted(bytes, "byte");
        let differs = format!("what is stored ({count}) differs from the source");
        let right = match bytes_right(context, ends, &item.source, &self.part.stored, bytes).await {
            // What cannot be read cannot be continued either. If it is the source, the next attempt finds out.
            Err(unread)
                if unread.about == About::Operation
                    && matches!(unread.kind, Kind::Missing | Kind::Refused | Kind::Other) =>
            {
                return Ok(FoundPart::Useless(unread.to_string()));
            }
            right => right?,
        };
        Ok(match right {
            Some(0) if !in_ranges => FoundPart::Useless(differs),
            Some(right) => {
                if right < bytes && !in_ranges {
                    let text = format!("{differs}: the first {} are right and kept", counted(right, "byte"));
                    context.run.events.warn_of(Topic::Prefix, ends.destination.name(), text);
                }
                FoundPart::Stored { bytes: right, compared: true }
            }
            None if matches!(means, Verified::Hash(_)) => FoundPart::Stored { bytes, compared: false },
            None => {
                FoundPart::Useless(format!("no digest can show whether what is stored ({count}) is right"))
            }
        })
    }

    /// What there is of it where it cannot be continued: nothing, if no byte was stored under its name.
    pub(super) async fn useless(&self, context: &Context, ends: &mut Ends) -> Result<FoundPart> {
        let (host, path) = (&mut ends.destination, &self.part.stored);
        let is_stored = match files::size(context, host, path).await? {
            Some(bytes) => bytes > 0,
            None => files::tells_no_size(context, host, path).await?,
        };
        let why = || "it cannot be continued".to_owned();
        Ok(if is_stored { FoundPart::Useless(why()) } else { FoundPart::Nothing })
    }
}

/// Whether a broken copy could be continued at all: both ends can start in the middle of a file (REST STREAM;
/// REST of 1973 means something else), and a digest will show whether the copy is right.
pub(super) async fn can_continue(
    context: &Context,
    ends: &mut Ends,
    source: &Facts,
    means: Verified,
) -> Result<bool> {
    if source.size.is_none()
        || !ends.source.restarts(context).await?
        || !ends.destination.restarts(context).await?
    {
        return Ok(false);
    }
    Ok(match means {
        Verified::Hash(_) => true,
        Verified::Size | Verified::None => prefix_algorithm(context, ends).await?.is_some(),
    })
}

/// How many of the `bytes` that are stored are those of the source; `None` if no digest can tell.
async fn bytes_right(
    context: &Context,
    ends: &mut Ends,
    source: &PathName,
    stored: &PathName,
    bytes: u64,
) -> Result<Option<u64>> {
    let Some(algorithm) = prefix_algorithm(context, ends).await? else { return Ok(None) };
    let Ends { source: from, destination: to, .. } = ends;
    let begin = ByteRange { first: 0, length: Some(bytes) };
    let (there, here) = both(
        files::part_digest(context, from, algorithm, source, begin),
        files::digest(context, to, algorithm, stored, bytes),
    )
    .await?;
    let (Ok(there), Ok(here)) = (there, here) else { return Ok(None) };
    if there.hex.eq_ignore_ascii_case(&here.hex) {
        return Ok(Some(bytes));
    }
    let mut search = Search { good: 0, bad: bytes };
    if !to.part_algorithms(context).await?.contains(&algorithm) {
        return Ok(Some(search.good));
    }
    while let Some(part) = search.next() {
        match same_parts(context, (from, to), algorithm, [source, stored], &[part]).await? {
            Ok(same) => search.note(!same.is_empty()),
            // What is known so far is right.
            Err(_) => break,
        }
    }
    Ok(Some(search.good))
}

/// The search for the first wrong byte. Pure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Search {
    /// All bytes before this one are right.
    good: u64,
    /// A wrong byte stands before this one.
    bad: u64,
}

impl Search {
    /// The part to compare next: the first half of the region in which the first wrong byte is.
    fn next(self) -> Option<ByteRange> {
        let length = self.bad.saturating_sub(self.good);
        let half = (length / 2).next_multiple_of(CHUNK);
        (length > CHUNK).then_some(ByteRange { first: self.good, length: Some(half) })
    }

    /// Notes whether that part is right.
    fn note(&mut self, is_right: bool) {
        let Some(ByteRange { first, length: Some(length) }) = self.next() else { return };
        let end = first.saturating_add(length);
        if is_right { self.good = end } else { self.bad = end }
    }
}

/// The size of a chunk in bytes: that much at most is stored again although it was right.
const CHUNK: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_has_a_name_of_its_job_and_its_path() {
        let id = |job, path: &str| id_of(JobId::new(job), &PathName::from_user(path).unwrap());
        assert_eq!(id(0, "a"), PartId(0xaf63_dc4c_8601_ec8c));
        assert_eq!(id(1, "t/a"), id(1, "t/a"));
        assert_ne!(id(1, "t/a"), id(2, "t/a"));
        assert_ne!(id(1, "t/a"), id(1, "t/b"));
    }

    #[test]
    fn the_first_files_that_are_left_are_named_and_the_others_counted() {
        let names: Vec<String> = (0..12).map(|number| format!("n{number}")).collect();
        let check = |count: usize, expect: &str| assert_eq!(named(&names[..count]), expect);
        check(1, "n0");
        check(3, "n0, n1, n2");
        check(11, "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 1 more file");
        check(12, "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 2 more files");
    }

    #[test]
    fn a_later_run_deletes_what_had_no_answer_and_what_an_interruption_has_left() {
        let debt = |why| Debt { path: PathName::from_user("a").unwrap(), why, may_come: false };
        let failed = |kind| debt(Some(Failure::new(kind, "no")));
        let later = |debt: &Debt, was_stopped| to_pay_later(debt, was_stopped).map(|why| why.kind);
        assert_eq!(later(&failed(Kind::Temporary), false), Some(Kind::Temporary));
        // What an earlier run has not seen deleted is of the last kind.
        for debt in [debt(None), failed(Kind::Refused), failed(Kind::Other)] {
            assert_eq!(later(&debt, false), None, "{debt:?}");
            assert_eq!(later(&debt, true), Some(Kind::Interrupted), "{debt:?}");
        }
    }

    #[test]
    fn a_part_is_stored_beside_its_target() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let check = |target: &str, stored: &str| {
            let part = Part::new(PartId(0xab), &name(target)).unwrap();
            assert_eq!(part.stored, name(stored));
            assert_eq!(part.aside().unwrap(), name(&stored.replace(".part", ".old")));
            for (path, id) in
                [(&part.stored, Some(0xab)), (&part.aside().unwrap(), Some(0xab)), (&part.target, None)]
            {
                assert_eq!(Part::id_in(path), id.map(PartId));
                assert_eq!(Part::is_name(path), *path == part.stored);
            }
        };
        check("b.bin", ".00000000000000ab.ftp-user.part");
        check("dir/b.bin", "dir/.00000000000000ab.ftp-user.part");
        check("/b.bin", "/.00000000000000ab.ftp-user.part");
    }

    #[test]
    fn h21_the_search_ends_at_the_chunk_of_the_first_wrong_byte() {
        for bytes in [1, CHUNK, CHUNK + 1, 10 * CHUNK - 1, 10 * CHUNK, 1000 * CHUNK + 17] {
            for wrong in [0, 1, CHUNK - 1, CHUNK, bytes / 3, bytes / 2, bytes - 1] {
                let wrong = wrong.min(bytes - 1);
                let mut search = Search { good: 0, bad: bytes };
                let mut asked = 0;
                while let Some(part) = search.next() {
                    let end = part.first + part.length.unwrap();
                    assert!(part.first >= search.good && end < search.bad, "{search:?} {part:?}");
                    search.note(end <= wrong);
                    asked += 1;
                }
                assert!(search.good <= wrong && wrong < search.bad, "{bytes} {wrong} {search:?}");
                assert!(search.bad - search.good <= CHUNK, "{bytes} {wrong} {search:?}");
                assert!(asked <= 12, "{bytes} {wrong}: {asked}");
            }
        }
    }
}
