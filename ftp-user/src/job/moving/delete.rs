//! Deletes the sources of a portion: their copies are looked at, and the sources unless their server compares them itself, and
//! what may go is deleted together. A source needs questions of its own if the session that has verified its copy has ended, if
//! both places may be one, or if the reply to its deletion is missing.

use super::directories::{has_directory_of, name_aside, named_again, report_moved};
use super::links::MovedLinks;
use super::look::{DirectorySizes, ExpectedFile, look_at_files};
use super::portion::{CopiedFile, KeptSource, MOST, MovedPortion, MovedTree};
use crate::context::Context;
use crate::endpoint::files::{self, SetFact};
use crate::endpoint::{AskedDisk, Host};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::check::{self, ComparedFiles};
use crate::job::checked_directories::CheckedDirectories;
use crate::job::claims::names::{learn, place_at};
use crate::job::removal::{Removal, rename_free};
use crate::job::retry::{Question, ask, connect, facts};
use crate::outcome::{StreamedDigests, Verified};
use crate::place;
use crate::report::Topic;
use crate::route::Ends;
use crate::session::{Facts, SessionId};
use ftp_proto::deletion::{CopyProof, CopyState, MoveEvidence, SourceNow, has_changed};
use ftp_proto::listing::{self, Entry};
use ftp_proto::wire::PathName;
use std::collections::VecDeque;

/// Deletes the sources of what a worker has copied, by its own sessions. Returns those that stay.
pub(in crate::job) async fn delete_sources(
    context: &Context,
    ends: &mut Ends,
    portion: &mut MovedPortion,
    tree: Option<&MovedTree>,
    (sizes, links): (&DirectorySizes, &MovedLinks),
) -> Vec<KeptSource> {
    let mut files = portion.take();
    if files.is_empty() || context.run.cancel.is_cancelled() {
        return Vec::new();
    }
    let kept = Box::pin(keep_for_other_moves(context, ends, &mut files)).await;
    let disk = stable(context, ends, &files).await;
    let checked = tree.map(|tree| CheckedDirectories::of_move(context, &tree.scope, &tree.links));
    let mut deletion = SourceDeletion { context, ends, disk, checked, sizes, links, kept };
    // What a link leads to goes after it, and stays until all links to it have gone.
    let (first, files): (Vec<CopiedFile>, Vec<CopiedFile>) =
        files.into_iter().partition(|copied| copied.leads_to.is_some());
    links.note_deleting(&first);
    deletion.each_directory(first).await;
    let (later, files) = files.into_iter().partition(|copied| links.keeps(copied).is_some());
    portion.put_back(later, context.world.clock.now());
    deletion.each_directory(files).await;
    deletion.kept
}

/// The sources of a portion that stay, because symbolic links to them were not moved.
pub(in crate::job) fn kept_for_links(portion: &mut MovedPortion, links: &MovedLinks) -> Vec<KeptSource> {
    let keep = |copied: CopiedFile| links.keeps(&copied).map(|failure| stays(copied, failure));
    portion.take().into_iter().filter_map(keep).collect()
}

/// Takes out the sources that are copies of another move, which may be about to delete what they were copied to. Two moves in
/// opposite directions have both claimed a file before either looks at it for the last time, so at least one of them keeps it.
///
/// Everything that this move has finished is on the disk afterwards: whoever finds a source missing in a later run knows that
/// its copy is there.
async fn keep_for_other_moves(
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
            Some(job) => kept.push(stays(copied, claimed_by_move(job))),
            None => rest.push(copied),
        }
    }
    *files = rest;
    kept
}

/// Has the destination put all copies on its disk, or says once that it cannot be asked.
async fn stable(context: &Context, ends: &mut Ends, files: &[CopiedFile]) -> AskedDisk {
    let copies: Vec<&PathName> = files.iter().map(|copied| &copied.copy).collect();
    let disk = files::make_stable(context, &mut ends.destination, &copies).await;
    if disk.is_unasked() {
        let text = "sources are deleted although nobody can tell whether their copies would survive a power failure: \
            this server cannot be asked for stable storage";
        context.run.events.warn_of(Topic::Storage, ends.destination.name(), text);
    }
    disk
}

/// A file that was copied, and what was at the place of its copy.
type SeenCopy = (CopiedFile, Result<Option<Facts>>);

/// The deletion of the sources of a portion.
struct SourceDeletion<'a> {
    context: &'a Context,
    ends: &'a mut Ends,
    /// What the destination has said of its disk.
    disk: AskedDisk,
    /// The directories of the tree, if a tree is moved.
    checked: Option<CheckedDirectories<'a>>,
    sizes: &'a DirectorySizes,
    links: &'a MovedLinks,
    kept: Vec<KeptSource>,
}

impl SourceDeletion<'_> {
    fn keep(&mut self, copied: CopiedFile, failure: Failure) {
        self.kept.push(stays(copied, failure));
    }

    /// Deletes files, directory by directory.
    async fn each_directory(&mut self, mut files: Vec<CopiedFile>) {
        while !files.is_empty() && !self.context.run.cancel.is_cancelled() {
            let together = files.chunk_by(CopiedFile::is_beside).next().map_or(1, <[CopiedFile]>::len);
            let rest = files.split_off(together.min(MOST));
            Box::pin(self.directory(std::mem::replace(&mut files, rest))).await;
        }
    }

    /// Deletes files of one directory.
    async fn directory(&mut self, files: Vec<CopiedFile>) {
        let context = self.context;
        let directory = files.first().and_then(|copied| copied.below.as_ref()).map(place::parent);
        if let (Some(checked), Some(directory)) = (&mut self.checked, directory) {
            match checked.is_within(&mut self.ends.source, directory.as_ref()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => {
                    return files.into_iter().for_each(|copied| self.keep(copied, failure.clone()));
                }
            }
        }
        let copies: Vec<ExpectedFile> = files.iter().map(CopiedFile::expected_copy).collect();
        let there = look_at_files(context, &mut self.ends.destination, &copies, Some(self.sizes)).await;
        let mut files: VecDeque<SeenCopy> = files.into_iter().zip(there).collect();
        let mut singly = Vec::new();
        while !files.is_empty() && !context.run.cancel.is_cancelled() {
            let together = self.deleted_together(files.make_contiguous());
            singly.extend(Box::pin(self.portion(files.drain(..together).collect())).await);
        }
        for mut copied in singly {
            if let Err(failure) = Box::pin(self.delete_singly(&mut copied)).await {
                self.keep(copied, failure);
            }
        }
    }

    /// How many of these are looked at and deleted together: all of them if their server compares them itself.
    fn deleted_together(&mut self, files: &[SeenCopy]) -> usize {
        let source = &mut self.ends.source;
        if source.deletes_if_same() && files.iter().all(|(copied, _)| copied.same_file().is_some()) {
            return files.len();
        }
        let paths = files.iter().take(MOST_LOOKED_AT).map(|(copied, _)| copied.source.clone());
        source.deleted_at_once(&paths.collect::<Vec<_>>())
    }

    /// Looks at sources, and deletes them at once. Returns those that need questions of their own.
    async fn portion(&mut self, files: Vec<SeenCopy>) -> Vec<CopiedFile> {
        let session = self.ends.source.evidence_session();
        let (files, there): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let now = self.sources_now(&files).await;
        let (mut singly, mut together) = (Vec::new(), Vec::new());
        for (copied, seen) in files.into_iter().zip(now.into_iter().zip(there)) {
            let (source, copy) = match seen {
                (Ok(Some(source)), Ok(copy)) => (source, copy),
                (Ok(None), _) => {
                    singly.push(copied);
                    continue;
                }
                (Err(failure), _) | (_, Err(failure)) => {
                    self.keep(copied, failure);
                    continue;
                }
            };
            let is_renewed =
                matches!(&source, SourceNow::Seen(now) if is_renewed(copied.source_before(), now));
            let is_asked_again = session.is_some() && copied.has_session(&mut self.ends.destination);
            let is_clear = copied.expected.is(copy.as_ref()) != CopyState::OtherTime;
            if !is_asked_again || !is_clear || is_renewed || copied.verified_copy.is_doubtful {
                singly.push(copied);
                continue;
            }
            match self.permit(&copied, &source, copy.as_ref(), CopyProof::SameSession, session) {
                Ok(removal) => together.push((copied, removal)),
                Err(failure) => self.keep(copied, failure),
            }
        }
        singly.extend(self.delete_together(together).await);
        singly
    }

    /// What is at the source of files of one directory, unless their server compares them right before it deletes them.
    async fn sources_now(&mut self, files: &[CopiedFile]) -> Vec<Result<Option<SourceNow>>> {
        let source = &mut self.ends.source;
        if source.deletes_if_same()
            && let Some(all) = files.iter().map(CopiedFile::same_file).collect::<Option<Vec<_>>>()
        {
            return all.into_iter().map(|same| Ok(Some(SourceNow::Compared(same)))).collect();
        }
        let expected: Vec<ExpectedFile> = files.iter().map(CopiedFile::expected_source).collect();
        let found = look_at_files(self.context, source, &expected, None).await;
        found.into_iter().map(|found| Ok(found?.map(SourceNow::Seen))).collect()
    }

    /// The permit to delete a source. `session` is the one of the source in which it was looked at.
    fn permit(
        &self,
        copied: &CopiedFile,
        source_now: &SourceNow,
        copy_now: Option<&Facts>,
        proof: CopyProof,
        session: Option<SessionId>,
    ) -> Result<Removal> {
        let (source_before, is_by_hash) = copied.verified_copy.parts();
        let (expected, storage) = (copied.expected, &self.disk.of(copied.verified));
        let evidence =
            MoveEvidence { source_before, source_now, is_by_hash, expected, copy_now, proof, storage };
        Removal::moved(&copied.scope, copied.below.as_ref(), &evidence, session)
    }

    /// Deletes them together. Returns those of which the source has not said what came of them: they are looked at again.
    async fn delete_together(&mut self, files: Vec<(CopiedFile, Removal)>) -> Vec<CopiedFile> {
        let (context, ends) = (self.context, &mut *self.ends);
        let (files, removals): (Vec<CopiedFile>, Vec<Removal>) = files.into_iter().unzip();
        let session = ends.destination.session_id();
        // A destination that has hung up meanwhile is noticed without a question.
        if !ends.destination.is_alive(context).await || ends.destination.session_id() != session {
            return files;
        }
        let Some(deleted) = Removal::carry_out_all(context, &mut ends.source, &removals).await else {
            return files;
        };
        let (mut deleted, mut rest) = (deleted.into_iter(), Vec::new());
        for copied in files {
            match deleted.next() {
                Some(Ok(true)) => self.report_deleted(&copied, copied.source_before().size),
                // What is there is looked at: a server may say of a link that there is no such file.
                Some(Ok(false)) => rest.push(copied),
                Some(Err(failure)) if failure.kind != Kind::Temporary => {
                    self.keep(copied, undeleted(failure));
                }
                Some(Err(_)) | None => rest.push(CopiedFile { was_told: true, ..copied }),
            }
        }
        rest
    }

    /// Looks at a source and its copy, and deletes the source if it may go.
    async fn delete_singly(&mut self, copied: &mut CopiedFile) -> Result<()> {
        let mut question = Question::new(self.context);
        let mut was_told = copied.was_told;
        loop {
            connect(self.context, &mut self.ends.source).await?;
            connect(self.context, &mut self.ends.destination).await?;
            match self.try_singly(copied, &mut was_told).await {
                Ok(ended) => return ended,
                // Everything is looked at again: what was seen holds for the session that is lost.
                Err(failure) => question.again(failure).await?,
            }
        }
    }

    /// The inner result is final. The outer failure may pass. `was_told` is whether the source was told to delete it.
    async fn try_singly(&mut self, copied: &mut CopiedFile, was_told: &mut bool) -> Result<Result<()>> {
        let context = self.context;
        let session = self.ends.source.evidence_session();
        let mut there = files::facts(context, &mut self.ends.destination, &copied.copy).await?;
        let Some(mut before) = files::facts(context, &mut self.ends.source, &copied.source).await? else {
            return self.not_seen(copied, *was_told).await;
        };
        let has_session = copied.has_session(&mut self.ends.destination);
        // Another version need not have other bytes: digests tell.
        let is_clear = has_session && !is_renewed(copied.source_before(), &before);
        let mut proof = match (copied.expected.is(there.as_ref()), is_clear) {
            (CopyState::Same, true) => CopyProof::SameSession,
            (CopyState::Same | CopyState::OtherTime, _) => self.compare(copied, before.size).await?,
            (CopyState::Other | CopyState::Missing, _) => CopyProof::NoDigest,
        };
        // Digests take long: both are looked at again. Another worker may have deleted another name of the file meanwhile.
        let mut rest = MOST_COMPARED;
        let now = loop {
            if proof != CopyProof::ComparedAgain {
                break before;
            }
            if is_renewed(copied.source_before(), &before) {
                copied.verified_copy.is_compared_again(before);
            }
            there = files::facts(context, &mut self.ends.destination, &copied.copy).await?;
            let Some(now) = files::facts(context, &mut self.ends.source, &copied.source).await? else {
                return self.not_there(copied, *was_told).await;
            };
            if rest == 0 || !is_renewed(copied.source_before(), &now) {
                break now;
            }
            rest -= 1;
            proof = self.compare(copied, now.size).await?;
            before = now;
        };
        let seen = SourceNow::Seen(now.clone());
        let removal = match self.permit(copied, &seen, there.as_ref(), proof, session) {
            Ok(removal) => removal,
            Err(failure) => return Ok(Err(failure)),
        };
        if copied.verified_copy.is_doubtful {
            let Some(copy) = there else { return Ok(Err(self.missing())) };
            let seen = SeenBefore { source: now.clone(), copy };
            let deleted = self.delete_aside(copied, removal, &seen).await;
            return Ok(deleted.map(|()| self.report_deleted(copied, now.size)));
        }
        if session.is_none() || session != self.ends.source.evidence_session() {
            return Err(Failure::new(Kind::Temporary, "a session with the source was lost"));
        }
        let was_told_before = std::mem::replace(was_told, true);
        match removal.carry_out(context, &mut self.ends.source).await {
            Ok(true) => {
                self.report_deleted(copied, copied.source_before().size);
                Ok(Ok(()))
            }
            Ok(false) => self.not_there(copied, was_told_before).await,
            Err(failure) if failure.kind == Kind::Temporary => Err(failure),
            Err(failure) => Ok(Err(undeleted(failure))),
        }
    }

    /// Nothing is seen of a source. A symbolic link may be there that leads nowhere now, because another one of this move that
    /// was on its way has gone: then it goes, too.
    async fn not_seen(&mut self, copied: &CopiedFile, was_told: bool) -> Result<Result<()>> {
        let (context, source) = (self.context, &mut self.ends.source);
        if !was_told
            && self.links.may_be_cut(copied)
            && is_listed_link(context, source, &copied.source).await?
        {
            let link = Removal::link(&copied.scope, copied.below.as_ref())?;
            if link.carry_out(context, source).await? {
                self.report_deleted(copied, copied.source_before().size);
                return Ok(Ok(()));
            }
        }
        self.not_there(copied, was_told).await
    }

    /// What became of a source that is missing. It was deleted if this run has told its server to do so, and its directory is still
    /// there: if its disk is not mounted, most directories are missing as well.
    async fn not_there(&mut self, copied: &CopiedFile, was_told: bool) -> Result<Result<()>> {
        let unique = copied.source_before().unique.as_deref();
        if !was_told || !has_directory_of(self.context, &mut self.ends.source, &copied.source, unique).await?
        {
            return Ok(Err(self.missing()));
        }
        self.report_deleted(copied, copied.source_before().size);
        Ok(Ok(()))
    }

    /// Compares the digests of both ends.
    async fn compare(&mut self, copied: &CopiedFile, size: Option<u64>) -> Result<CopyProof> {
        let Some(algorithm) = check::common(self.context, self.ends, &[]).await? else {
            return Ok(CopyProof::NoDigest);
        };
        let streamed = &StreamedDigests::default();
        let files =
            ComparedFiles { source: &copied.source, copy: &copied.copy, size, streamed, passed: None };
        match check::compare(self.context, self.ends, &files, Verified::Hash(algorithm)).await {
            Ok(Ok(_)) => Ok(CopyProof::ComparedAgain),
            Ok(Err(_)) => Ok(CopyProof::NoDigest),
            Err(failure) if failure.kind == Kind::Unverified => Ok(CopyProof::Differs),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes a source that may be its own copy: it gets another name first. `seen` is what both were right before.
    async fn delete_aside(&mut self, copied: &CopiedFile, removal: Removal, seen: &SeenBefore) -> Result<()> {
        let removal = self.set_aside(copied, removal, seen).await?;
        let (context, mut questions) = (self.context, 0_u32);
        let host = &mut self.ends.source;
        let deleted = ask!(context, host, {
            questions += 1;
            removal.carry_out(context, host)
        });
        match deleted {
            Ok(true) => Ok(()),
            Ok(false) => {
                let was = format!("its name was {} meanwhile", self.ends.source.show(removal.path()));
                // An earlier question may have deleted it, and lost its reply.
                let unique = seen.source.unique.as_deref();
                match has_directory_of(self.context, &mut self.ends.source, removal.path(), unique).await {
                    Ok(true) if questions > 1 => Ok(()),
                    Ok(_) => Err(self.missing().during(was)),
                    Err(failure) => Err(failure.during_unless_interrupted(was)),
                }
            }
            Err(failure) => {
                let (source, aside, why) = (&mut self.ends.source, removal.path(), undeleted(failure));
                Err(named_again(self.context, source, aside, &copied.source, why).await)
            }
        }
    }

    /// Gives a source another name and looks whether its copy is still there: both places may be one file, which two hosts or
    /// two users show. If the copy is gone with it or is another file now, or somebody has written to the source meanwhile, it gets
    /// its name back.
    async fn set_aside(
        &mut self,
        copied: &CopiedFile,
        removal: Removal,
        seen: &SeenBefore,
    ) -> Result<Removal> {
        let (context, copy, source) = (self.context, &copied.copy, removal.path().clone());
        let Ends { source: host, destination, .. } = &mut *self.ends;
        let aside = name_aside(context, &source)?;
        let name = host.show(&source);
        rename_free(context, host, &source, &aside).await.map_err(|failure| {
            failure.during_unless_interrupted(format!(
                "{name} stays, because nobody can tell whether its copy is the same file"
            ))
        })?;
        let (now, there) = tokio::join!(facts(context, host, &aside), facts(context, destination, copy));
        let is_there = match there {
            Ok(Some(found)) if found.kind == listing::Kind::File && !is_other_file(&seen.copy, &found) => {
                touch(context, destination, copy, &found).await
            }
            Ok(Some(_)) => Err(Failure::new(Kind::Unverified, "its copy has changed since it was verified")),
            found => found.map(|_| false),
        };
        let stays = |failure: Failure| failure.during_unless_interrupted(format!("{name} stays"));
        let why = match (is_there, now) {
            (Ok(true), Ok(Some(now))) => match removal.set_aside(aside.clone(), &seen.source, &now) {
                Ok(removal) => return Ok(removal),
                Err(changed) => changed,
            },
            (Ok(true), Ok(None)) => return Err(self.missing()),
            (Ok(false), _) => Failure::usage(format!("{name} and its copy are one file, so it stays")),
            (Err(failure), _) | (Ok(true), Err(failure)) => stays(failure),
        };
        Err(named_again(context, host, &aside, &source, why).await)
    }

    /// The failure if a source is missing, and nothing shows that this run has deleted it.
    fn missing(&self) -> Failure {
        let host = self.ends.source.name();
        let what =
            format!("it is no longer at {host}, and no reply says that it was deleted; its copy is verified");
        Failure::new(Kind::Unverified, what).hint("look whether the disk of the source is mounted")
    }

    fn report_deleted(&self, copied: &CopiedFile, size: Option<u64>) {
        self.links.note_deleted(copied);
        report_moved(self.context, self.ends.source.show(&copied.source), listing::Kind::File, size);
    }
}

/// What a source and its copy were right before the source gets another name.
struct SeenBefore {
    source: Facts,
    copy: Facts,
}

/// Whether the listing of its directory shows a name as a symbolic link. One that leads nowhere is not shown otherwise.
async fn is_listed_link(context: &Context, host: &mut Host, path: &PathName) -> Result<bool> {
    let Some(name) = place::base_name(path) else { return Ok(false) };
    let mut is_link = false;
    let mut look = |entry: Entry| is_link |= entry.name == name && entry.kind == listing::Kind::Link;
    files::list_each(context, host, &place::parent_or_here(path), &mut look).await?;
    Ok(is_link)
}

/// Whether only the version of a file is another one now, as when another name of it was deleted.
fn is_renewed(before: &Facts, now: &Facts) -> bool {
    has_changed(before, now) && !is_other_file(before, now)
}

/// Whether a file is another one now, or has other bytes as far as its size and time tell.
fn is_other_file(before: &Facts, now: &Facts) -> bool {
    has_changed(before, &Facts { version: before.version, ..now.clone() })
}

/// Gives a copy, which this run has not stored, another version, by the time that it has. The copy may be the source of
/// another `move`, in the other direction: its server deletes it only with the version that it had when that one has read it.
/// Returns whether the copy is still there.
async fn touch(context: &Context, host: &mut Host, copy: &PathName, found: &Facts) -> Result<bool> {
    let Some(time) = found.modified.filter(|_| found.version.is_some()) else { return Ok(true) };
    context.confirm_job().await?;
    let refusal = files::set_facts(context, host, &[(copy.clone(), SetFact::Modified(time))]).await?;
    // Whoever may not set it has seen the copy right before.
    Ok(refusal.is_none_or(|refusal| refusal.kind != Kind::Missing))
}

fn stays(CopiedFile { number, source, copy, .. }: CopiedFile, failure: Failure) -> KeptSource {
    KeptSource { number, source, copy, failure }
}

/// The failure if another move that runs has claimed the name of a source as the destination of a file.
fn claimed_by_move(job: JobId) -> Failure {
    let what = format!("it stays, because job {job} moves a file to this name; its copy is verified");
    Failure::new(Kind::Exists, what)
        .hint(format!("wait for the end of that job ({FtpUser} jobs), then move again"))
}

/// The largest number of sources that are looked at together.
const MOST_LOOKED_AT: usize = 64;
/// How many times a file is compared again whose other names are being deleted.
const MOST_COMPARED: u32 = 16;

/// The failure to delete a source.
fn undeleted(failure: Failure) -> Failure {
    failure.during_unless_interrupted("its copy is verified, and it stays")
}
