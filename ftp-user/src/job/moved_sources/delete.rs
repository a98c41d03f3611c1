//! Deletes the sources of a portion: their copies are looked at, and the sources unless their server compares them itself, and
//! what may go is deleted together.

use super::copied::{CopiedFile, KeptSource, MOST, MovedPortion, MovedTree};
use super::look::{DirectorySizes, End, ExpectedFile, look};
use super::permit::{PortionContext, claimed_by_move, missing, tell, undeleted};
use super::single;
use crate::check::{CopyProof, CopyState, ExpectedCopy, Removal, SameFile, SourceNow};
use crate::context::Context;
use crate::endpoint::{self, AskedDisk, Host};
use crate::failure::{self, Failure};
use crate::job::checked_directories::{CheckedDirectories, CheckedEntry, DeletionPurpose};
use crate::job::claims::names::{learn, place_at};
use crate::place;
use crate::report::Topic;
use crate::route::Ends;
use crate::session::{Facts, SessionId};
use ftp_proto::listing::Kind;
use ftp_proto::wire::PathName;

/// Deletes the sources of what a worker has copied, by its own sessions. Returns those that stay.
pub(in crate::job) async fn delete_sources(
    context: &Context,
    ends: &mut Ends,
    portion: &mut MovedPortion,
    (tree, sizes): (Option<&MovedTree>, &DirectorySizes),
) -> Vec<KeptSource> {
    let mut files = portion.take();
    if files.is_empty() || context.run.cancel.is_cancelled() {
        return Vec::new();
    }
    let mut kept = Box::pin(kept_for_other_moves(context, ends, &mut files)).await;
    let disk = stable(context, ends, &files).await;
    let of_portion = PortionContext { context, disk: &disk };
    let mut guard =
        tree.map(|tree| CheckedDirectories::sharing(&tree.scope, DeletionPurpose::Move, &tree.links));
    while !files.is_empty() && !context.run.cancel.is_cancelled() {
        let together = files.iter().take(MOST).take_while(|copied| copied.is_beside_first(&files)).count();
        let rest = files.split_off(together.max(1));
        let some = std::mem::replace(&mut files, rest);
        kept.extend(Box::pin(of_portion.directory(ends, some, guard.as_mut(), sizes)).await);
    }
    kept
}

/// Takes out the sources that are copies of another move, which may be about to delete what they were copied to. Two moves in
/// opposite directions have both claimed a file before either looks at it for the last time, so at least one of them keeps it.
///
/// Everything that this move has finished is on the disk afterwards: whoever finds a source missing in a later run knows that
/// its copy is there.
async fn kept_for_other_moves(
    context: &Context,
    ends: &mut Ends,
    files: &mut Vec<CopiedFile>,
) -> Vec<KeptSource> {
    let (true, Some(first)) = (context.run.job_journal.has_other_move().await, files.first()) else {
        return Vec::new();
    };
    learn(context, &mut ends.source, &first.source).await;
    let places = files.iter().map(|copied| place_at(&ends.source, &copied.source)).collect();
    let moves = context.run.job_journal.claimed_by_moves(places).await;
    let (mut kept, mut rest) = (Vec::new(), Vec::new());
    for (copied, other) in std::mem::take(files).into_iter().zip(moves) {
        match other {
            Some(job) => kept.push(copied.stays(claimed_by_move(job))),
            None => rest.push(copied),
        }
    }
    *files = rest;
    kept
}

/// Has the destination put all copies on its disk, or says once that it cannot be asked.
async fn stable(context: &Context, ends: &mut Ends, files: &[CopiedFile]) -> AskedDisk {
    let copies: Vec<&PathName> = files.iter().map(|copied| &copied.copy).collect();
    let disk = endpoint::make_stable(context, &mut ends.destination, &copies).await;
    if disk.is_unasked() {
        let text = "sources are deleted although nobody can tell whether their copies would survive a power failure: \
            this server cannot be asked for stable storage";
        context.run.events.warn_of(Topic::Storage, ends.destination.name(), text);
    }
    disk
}

impl CopiedFile {
    fn is_beside_first(&self, files: &[Self]) -> bool {
        files.first().is_some_and(|first| self.is_beside(first))
    }

    fn expected_source(&self) -> ExpectedFile {
        ExpectedFile { path: self.source.clone(), facts: self.verified_copy.parts().0.clone() }
    }

    /// What its server has to compare; `None` if a command cannot say all of it.
    fn same_file(&self) -> Option<SameFile> {
        let file = self.expected_source().described()?;
        let same = SameFile { directory: place::parent(&self.source)?, file };
        (same.path() == self.scope.path(self.below.as_ref())).then_some(same)
    }

    fn expected_copy(&self) -> ExpectedFile {
        let ExpectedCopy { size, modified } = self.expected;
        let facts = Facts { kind: Kind::File, size, modified, unique: None, version: None, mode: None };
        ExpectedFile { path: self.copy.clone(), facts }
    }

    /// Whether the session that has verified the copy is open. This host is always there.
    pub(super) fn has_session(&self, destination: &mut Host) -> bool {
        destination.is_local() || (self.session.is_some() && self.session == destination.session_id())
    }

    /// It is not deleted.
    pub(super) fn stays(self, failure: Failure) -> KeptSource {
        KeptSource { source: self.source, copy: self.copy, failure }
    }
}

impl PortionContext<'_> {
    /// Deletes files of one directory.
    async fn directory(
        self,
        ends: &mut Ends,
        files: Vec<CopiedFile>,
        guard: Option<&mut CheckedDirectories>,
        sizes: &DirectorySizes,
    ) -> Vec<KeptSource> {
        let context = self.context;
        let directory = files.first().and_then(|copied| copied.below.as_ref()).map(place::parent);
        if let (Some(guard), Some(directory)) = (guard, directory) {
            let failure = match guard.enter(context, &mut ends.source, directory.as_ref()).await {
                Ok(CheckedEntry::Directory) => None,
                // The link is deleted, and what it leads to stays.
                Ok(CheckedEntry::Link(_)) => return Vec::new(),
                Ok(CheckedEntry::Elsewhere(_, failure)) | Err(failure) => Some(failure),
            };
            if let Some(failure) = failure {
                return files.into_iter().map(|copied| copied.stays(failure.clone())).collect();
            }
        }
        let copies: Vec<ExpectedFile> = files.iter().map(CopiedFile::expected_copy).collect();
        let session = ends.source.evidence_session();
        let Ends { source, destination, .. } = &mut *ends;
        let (now, there) = tokio::join!(
            sources(context, source, &files, sizes),
            look(context, (End::Destination, destination), &copies, sizes)
        );
        let (mut kept, mut singly, mut ready) = (Vec::new(), Vec::new(), Vec::new());
        for (copied, seen) in files.into_iter().zip(now.into_iter().zip(there)) {
            match seen {
                (Ok(None), _) => {
                    let missing = missing(ends.source.name());
                    kept.push(copied.stays(missing));
                }
                (Ok(Some(source)), Ok(copy)) => {
                    match self.judge(ends, &copied, (source.now(), copy.as_ref()), session) {
                        Judged::Singly => singly.push(copied),
                        Judged::Kept(failure) => kept.push(copied.stays(failure)),
                        Judged::Leaves(removal) => ready.push(Ready { copied, removal }),
                    }
                }
                (Err(failure), _) | (_, Err(failure)) => kept.push(copied.stays(failure)),
            }
        }
        let rest = self.delete(ends, ready, &mut kept).await;
        for copied in singly.into_iter().chain(rest) {
            if let Err(failure) = Box::pin(single::delete_source(self, ends, &copied)).await {
                kept.push(copied.stays(failure));
            }
        }
        kept
    }

    /// Whether a source can be deleted together with others.
    fn judge(
        self,
        ends: &mut Ends,
        copied: &CopiedFile,
        (source, copy): (SourceNow<'_>, Option<&Facts>),
        session: Option<SessionId>,
    ) -> Judged {
        let is_asked_again = session.is_some() && copied.has_session(&mut ends.destination);
        let is_clear = copied.expected.is(copy) != CopyState::OtherTime;
        if !is_asked_again || !is_clear || copied.verified_copy.is_doubtful() {
            return Judged::Singly;
        }
        match self.removal(copied, (source, copy), (CopyProof::SameSession, session)) {
            Ok(removal) => Judged::Leaves(removal),
            Err(failure) => Judged::Kept(failure),
        }
    }

    /// Deletes them together. Returns those of which the source has not said what came of them: they are looked at again.
    async fn delete(self, ends: &mut Ends, ready: Vec<Ready>, kept: &mut Vec<KeptSource>) -> Vec<CopiedFile> {
        let context = self.context;
        let session = ends.destination.session_id();
        // A destination that has hung up meanwhile is noticed without a question.
        if !ends.destination.is_alive(context).await || ends.destination.session_id() != session {
            return ready.into_iter().map(|ready| ready.copied).collect();
        }
        let removals: Vec<Removal> = ready.iter().map(|ready| ready.removal.clone()).collect();
        let Some(deleted) = Removal::carry_out_all(context, &mut ends.source, &removals).await else {
            return ready.into_iter().map(|ready| ready.copied).collect();
        };
        let mut deleted = deleted.into_iter();
        let mut rest = Vec::new();
        for Ready { copied, .. } in ready {
            match deleted.next() {
                Some(Ok(true)) => {
                    let (source, _) = copied.verified_copy.parts();
                    tell(context, ends, &copied.source, source.size);
                }
                // What is there is looked at: a server may say of a link that there is no such file.
                Some(Ok(false)) => rest.push(copied),
                Some(Err(failure)) if failure.kind != failure::Kind::Temporary => {
                    kept.push(copied.stays(undeleted(failure)))
                }
                Some(Err(_)) | None => rest.push(CopiedFile { was_told: true, ..copied }),
            }
        }
        rest
    }
}

/// What becomes of a source.
enum Judged {
    /// It needs questions of its own.
    Singly,
    Kept(Failure),
    Leaves(Removal),
}

/// A source that can be deleted.
struct Ready {
    copied: CopiedFile,
    removal: Removal,
}

/// What is known of a source before its deletion is asked for.
enum Source {
    Seen(Facts),
    /// Its server compares it.
    Compared(SameFile),
}

impl Source {
    const fn now(&self) -> SourceNow<'_> {
        match self {
            Self::Seen(facts) => SourceNow::Seen(facts),
            Self::Compared(same) => SourceNow::Compared(same),
        }
    }
}

/// Looks at files of one directory at the source, unless their server compares them right before it deletes them.
async fn sources(
    context: &Context,
    source: &mut Host,
    files: &[CopiedFile],
    sizes: &DirectorySizes,
) -> Vec<Result<Option<Source>, Failure>> {
    if source.deletes_if_same()
        && let Some(all) = files.iter().map(CopiedFile::same_file).collect::<Option<Vec<_>>>()
    {
        return all.into_iter().map(|same| Ok(Some(Source::Compared(same)))).collect();
    }
    let expected: Vec<ExpectedFile> = files.iter().map(CopiedFile::expected_source).collect();
    let found = look(context, (End::Source, source), &expected, sizes).await;
    found.into_iter().map(|found| Ok(found?.map(Source::Seen))).collect()
}
