//! What permits to delete a source, and what is said of it.

use super::copied::CopiedFile;
use crate::check::{CopyProof, MoveEvidence, Removal, SourceNow};
use crate::context::Context;
use crate::endpoint::AskedDisk;
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::report::{Change, Event};
use crate::route::Ends;
use crate::session::{Facts, SessionId};
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// What every file of a portion needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortionContext<'a> {
    pub(super) context: &'a Context,
    /// What the destination has said of its disk.
    pub(super) disk: &'a AskedDisk,
}

impl PortionContext<'_> {
    /// The permit to delete a source. `session` is the one of the source in which it was looked at.
    ///
    /// # Errors
    ///
    /// It is kept, and why.
    pub(super) fn removal(
        self,
        copied: &CopiedFile,
        (source_now, copy_now): (SourceNow<'_>, Option<&Facts>),
        (proof, session): (CopyProof, Option<SessionId>),
    ) -> Result<Removal, Failure> {
        let (source_before, is_by_hash) = copied.verified_copy.parts();
        let (expected, storage) = (copied.expected, &self.disk.of(copied.verified));
        let evidence =
            MoveEvidence { source_before, source_now, is_by_hash, expected, copy_now, proof, storage };
        Removal::moved(&copied.scope, copied.below.as_ref(), &evidence, session)
    }
}

/// The failure if nothing has the name of a source, and this run has not deleted it.
pub(super) fn missing(host: String) -> Failure {
    let what =
        format!("it is not at {host} any more, and this program has not deleted it; its copy is verified");
    Failure::new(Kind::Unverified, what).hint("look whether the disk of the source is mounted")
}

/// The failure if another move that runs has claimed the name of a source as the destination of a file.
pub(super) fn claimed_by_move(job: JobId) -> Failure {
    let what = format!("it stays, because job {job} moves a file to this name; its copy is verified");
    Failure::new(Kind::Exists, what).hint("wait for the end of that job (ftp-user jobs), then move again")
}

/// The failure to delete a source.
pub(super) fn undeleted(failure: Failure) -> Failure {
    failure.during_unless_interrupted("its copy is verified, and it stays")
}

/// Tells that a source was deleted.
pub(super) fn tell(context: &Context, ends: &Ends, path: &PathName, size: Option<u64>) {
    let (verb, dest, dry_run, kind) = ("move", None, false, listing::Kind::File);
    let place = ends.source.show(path);
    context.run.events.say(Event::Changed(Change { verb, place, dest, kind, size, dry_run }));
}
