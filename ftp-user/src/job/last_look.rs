//! The last look at the destination of a job, after it has lost a session, or goes on after an earlier run: a server that was
//! restarted may have another disk, and what was stored or found there before may be gone. Otherwise nothing is asked.

use super::Item;
use super::claims::claim::{self, PendingClaims};
use super::file::copy;
use super::file_tally::FileTally;
use super::moving::expected_copy;
use super::request::job::Options;
use super::retry::{connect, facts};
use super::spool::Spool;
use super::summary::Tally;
use crate::context::Context;
use crate::endpoint::{Losses, files};
use crate::failure::{Failure, Kind, Result};
use crate::outcome::{FailedItem, FileCopy, Verified};
use crate::report::Topic;
use crate::route::Ends;
use crate::session::{Facts, SessionId};
use ftp_proto::deletion::{CopyState, ExpectedCopy};
use ftp_proto::wire::{PathName, counted};
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;

/// The files that a job has stored at a server, or has found there.
#[derive(Debug, Default)]
pub(in crate::job) struct StoredFiles {
    files: Spool<StoredFile>,
    /// The directories that have the trees of which they are.
    roots: Vec<Arc<PathName>>,
    /// Whether an earlier run has stored one of them, and this one has not looked at it.
    has_earlier: bool,
    /// Why not all of them are kept.
    broken: Option<io::Error>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
struct StoredFile {
    number: u64,
    source: PathName,
    copy: PathName,
    expected: ExpectedCopy,
    /// The session in which it was seen last; `None` if nobody knows.
    session: Option<SessionId>,
    /// It was gone, and was copied again.
    is_again: bool,
    /// What it has added to the counts of the job.
    counts: FileTally,
    /// An earlier run has stored it, and this one has not looked at it.
    is_earlier: bool,
}

impl StoredFiles {
    /// Notes that a file is at the destination, unless that is this host. `counts`: what it has added to the counts of the job.
    pub(in crate::job) fn note(
        &mut self,
        ends: &Ends,
        options: Options,
        item: &Item,
        done: &FileCopy,
        counts: FileTally,
    ) {
        if ends.destination.is_local() || options.mode.is_dry() || done.is_detached() {
            return;
        }
        self.note_roots(&item.root);
        self.push(StoredFile {
            number: item.number,
            source: item.source.clone(),
            copy: item.destination.clone(),
            expected: expected_copy(ends, options, done),
            session: done.session,
            is_again: false,
            counts,
            is_earlier: done.is_earlier(),
        });
    }

    /// Whether there are none.
    pub(in crate::job) fn is_empty(&self) -> bool {
        self.files.len() == 0 && self.broken.is_none()
    }

    fn note_roots<'a>(&mut self, roots: impl IntoIterator<Item = &'a Arc<PathName>>) {
        for root in roots {
            if !self.roots.contains(root) {
                self.roots.push(Arc::clone(root));
            }
        }
    }

    /// Takes over others.
    pub(in crate::job) fn append(&mut self, mut other: Self) {
        self.note_roots(&other.roots);
        while let Some(file) = other.pop() {
            self.push(file);
        }
        if let Some(error) = other.broken {
            self.broken.get_or_insert(error);
        }
    }

    fn push(&mut self, file: StoredFile) {
        self.has_earlier |= file.is_earlier;
        if let Err(error) = self.files.push(file) {
            self.broken.get_or_insert(error);
        }
    }

    fn pop(&mut self) -> Option<StoredFile> {
        self.files.pop().unwrap_or_else(|error| {
            self.broken.get_or_insert(error);
            self.files = Spool::default();
            None
        })
    }

    /// The next files that a loss concerns.
    fn next(&mut self, losses: &Losses) -> Vec<StoredFile> {
        let files = std::iter::from_fn(|| self.pop());
        let concerned = files.filter(|file| file.is_earlier || losses.concern(file.session));
        concerned.take(AT_ONCE).collect()
    }

    /// Looks at the files that were seen before a session was lost, or by an earlier run. What is gone is copied again, once. What
    /// is not there then, or cannot be asked for, is a failure. All sessions of `ends` have ended in order, so that every loss
    /// was noticed.
    pub(in crate::job) async fn look(
        mut self,
        context: &Context,
        ends: &mut Ends,
        options: Options,
        tally: &mut Tally,
    ) {
        let has_earlier = self.has_earlier;
        let roots = std::mem::take(&mut self.roots);
        let mut last = LastLook { context, options, tally, roots, has_earlier, again: 0 };
        for _ in 0..MOST_LOOKS {
            if !last.is_needed(ends) {
                break;
            }
            let before = ends.destination.losses().map_or(0, Losses::number);
            let mut seen = Self::default();
            while let Some(some) = ends.destination.losses().map(|losses| self.next(losses))
                && !some.is_empty()
                && last.is_needed(ends)
            {
                last.batch(ends, some, &mut seen).await;
            }
            seen.broken = self.broken.take().or(seen.broken);
            self = seen;
            if ends.destination.losses().map_or(0, Losses::number) == before {
                break;
            }
        }
        last.finish(ends, self).await;
    }
}

/// A last look under way.
struct LastLook<'a> {
    context: &'a Context,
    options: Options,
    tally: &'a mut Tally,
    /// Those of the files.
    roots: Vec<Arc<PathName>>,
    /// Whether an earlier run has stored some of the files.
    has_earlier: bool,
    /// How many files were copied again.
    again: u64,
}

/// A file that is not whole, or of which nobody can tell.
struct LostCopy {
    failure: Failure,
    is_unconfirmed: bool,
}

impl LostCopy {
    fn unconfirmed(failure: Failure) -> Self {
        Self { failure: failure.during_unless_interrupted(UNKNOWN), is_unconfirmed: true }
    }

    const fn gone(failure: Failure) -> Self {
        Self { failure, is_unconfirmed: false }
    }
}

impl LastLook<'_> {
    fn is_needed(&self, ends: &Ends) -> bool {
        (ends.destination.has_lost_session() || self.has_earlier) && !self.context.run.cancel.is_cancelled()
    }

    /// Looks at files. Those that are there go to `seen`.
    async fn batch(&mut self, ends: &mut Ends, files: Vec<StoredFile>, seen: &mut StoredFiles) {
        let context = self.context;
        let mut found = match connect(context, &mut ends.destination).await {
            Ok(()) => {
                let paths: Vec<PathName> = files.iter().map(|file| file.copy.clone()).collect();
                files::facts_of_all(context, &mut ends.destination, &paths).await
            }
            Err(failure) => {
                let lost = |file| (file, LostCopy::unconfirmed(failure.clone()));
                return self.failed(ends, files.into_iter().map(lost).collect()).await;
            }
        }
        .into_iter();
        let session = ends.destination.session_id();
        let mut failed = Vec::new();
        for file in files {
            let (there, session) = match found.next() {
                Some(there) => (there, session),
                None => {
                    let there = facts(context, &mut ends.destination, &file.copy).await;
                    (there, ends.destination.session_id())
                }
            };
            match self.judge(ends, &file, there, session).await {
                Ok((session, is_again)) => {
                    seen.push(StoredFile { session, is_again, is_earlier: false, ..file });
                }
                Err(lost) => failed.push((file, lost)),
            }
        }
        self.failed(ends, failed).await;
    }

    /// The session in which a file was seen to be there, and whether it was copied again.
    async fn judge(
        &mut self,
        ends: &mut Ends,
        file: &StoredFile,
        there: Result<Option<Facts>>,
        session: Option<SessionId>,
    ) -> Result<(Option<SessionId>, bool), LostCopy> {
        let there = there.map_err(LostCopy::unconfirmed)?;
        if file.expected.is(there.as_ref()) == CopyState::Same {
            return Ok((session, file.is_again));
        }
        if file.is_again {
            return Err(LostCopy::gone(Failure::new(Kind::Unverified, GONE).hint(LOOK)));
        }
        match self.copy_again(ends, file).await {
            Ok(done) => {
                self.again += 1;
                Ok((done.session, true))
            }
            Err(failure) if failure.kind == Kind::Missing && self.options.moves => {
                let what = format!("{GONE}, and its source was deleted after it was seen there");
                Err(LostCopy::gone(Failure::new(Kind::Unverified, what).hint(LOOK)))
            }
            Err(failure) => Err(LostCopy::gone(failure.during_unless_interrupted(GONE))),
        }
    }

    /// Copies a file again that is not there any more.
    async fn copy_again(&self, ends: &mut Ends, file: &StoredFile) -> Result<FileCopy> {
        let root = self.roots.iter().find(|root| file.copy.is_below(root)).cloned();
        let item = Item { root, ..item(file) };
        let made = item.make_parents(self.context, &mut ends.destination).await;
        made.map_err(|failure| failure.during_unless_interrupted("its directory is gone as well"))?;
        let mut claimed = claim::claim(self.context, ends, &item).await?;
        // The journal has the end of the first copy.
        claimed.done = None;
        let done = Box::pin(copy::copy_claimed(self.context, ends, &item, self.options, claimed)).await?;
        match done.moved_by().is_some() || done.verified != Verified::None {
            true => Ok(done),
            false => Err(Failure::new(Kind::Unverified, "something else has its name")),
        }
    }

    /// Tells that files are not whole, and has the journal forget that they were.
    async fn failed(&mut self, ends: &Ends, failed: Vec<(StoredFile, LostCopy)>) {
        let items = failed.iter().map(|(file, _)| item(file)).collect();
        let claimed =
            PendingClaims::begin(self.context, ends, items, |_| false).ready(self.context, ends).await;
        for (file, (_, LostCopy { failure, .. })) in claimed.into_iter().zip(&failed) {
            if let Ok(claim) = file.claim {
                claim::lost(&claim.journal(self.context), failure);
            }
        }
        for (file, LostCopy { failure, is_unconfirmed }) in failed {
            let (source, dest) = item(&file).names(ends);
            // Where its source stays, the file has failed already.
            let text = format!("{dest} was stored and may not be there, and its source stays: {failure}");
            let failed = FailedItem { source, dest, failure };
            if !self.tally.not_whole(file.number, file.counts, failed, is_unconfirmed) {
                self.context.run.events.warn_of(Topic::Unverified, ends.destination.name(), text);
            }
        }
    }

    /// Tells what came of it.
    async fn finish(&mut self, ends: &mut Ends, mut rest: StoredFiles) {
        if !self.is_needed(ends) {
            return;
        }
        loop {
            let some = ends.destination.losses().map(|losses| rest.next(losses)).unwrap_or_default();
            if some.is_empty() {
                break;
            }
            let unknown = || Failure::new(Kind::Temporary, "sessions were lost again and again").hint(LOOK);
            let lost = |file| (file, LostCopy::unconfirmed(unknown()));
            self.failed(ends, some.into_iter().map(lost).collect()).await;
        }
        if let Some(error) = rest.broken.take() {
            let what = "a session with the destination was lost, and not all files can be looked at again";
            let name = ends.destination.name();
            self.tally.failed(ends.source.name(), name, Failure::of_this_host(what, &error));
        }
        if self.again > 0 {
            let (name, files) = (ends.destination.name(), counted(self.again, "file"));
            let kept = if self.options.moves { "; a source that was kept meanwhile stays" } else { "" };
            self.context.run.events.warn(format!(
                "{files} that had been stored at {name} were not there any more, and were copied again{kept}"
            ));
        }
    }
}

/// The file as it is copied.
fn item(file: &StoredFile) -> Item {
    Item::new(file.number, file.source.clone(), file.copy.clone())
}

/// How many are looked at together.
const AT_ONCE: usize = 1_000;
/// How often a server may lose sessions during the last look.
const MOST_LOOKS: u32 = 3;
/// What a failure says of a file that cannot be looked at.
const UNKNOWN: &str = "it was stored, but is not confirmed: since then a session with the destination was lost, or the run has ended, and nobody can tell whether it is still there";
/// The same of a file that is not there.
const GONE: &str = "it was stored, and is not there any more";
const LOOK: &str = "look whether the disk of the destination is mounted";

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::listing::When;

    #[test]
    fn only_what_was_seen_before_a_loss_is_looked_at() {
        let losses = Losses::default();
        let name = |number: u64| PathName::from_user(format!("d/{number}")).unwrap();
        let file = |number: u64| StoredFile {
            number,
            source: name(number),
            copy: name(number + 1),
            expected: ExpectedCopy {
                size: Some(number),
                modified: number.is_multiple_of(2).then_some(When(-5)),
            },
            session: number.is_multiple_of(3).then_some(SessionId::new(u64::MAX)),
            is_again: number.is_multiple_of(5),
            counts: FileTally::of(&FileCopy::skipped(Some(number), Verified::Size)),
            is_earlier: number.is_multiple_of(11),
        };
        let mut stored = StoredFiles::default();
        (0..5000).for_each(|number| stored.push(file(number)));
        losses.note();
        let mut found = Vec::new();
        loop {
            let some = stored.next(&losses);
            if some.is_empty() {
                break;
            }
            assert!(some.len() <= AT_ONCE);
            found.extend(some);
        }
        let expect: Vec<StoredFile> =
            (0..5000).filter(|number| number % 3 != 0 || number % 11 == 0).map(file).collect();
        assert!(found == expect && stored.broken.is_none());
    }
}
