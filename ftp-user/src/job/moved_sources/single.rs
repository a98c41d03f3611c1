//! Deletes one source that needs questions of its own: the session that has verified its copy has ended, both places may be
//! one, or the reply to its deletion is missing.

use super::copied::CopiedFile;
use super::permit::{PortionContext, missing, tell, undeleted};
use crate::check::{self, Compared, CopyProof, CopyState, Removal, SourceNow};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::job::aside::{named_again, set_aside};
use crate::job::retrying::outage::Question;
use crate::outcome::{StreamedDigests, Verified};
use crate::route::Ends;

/// Looks at a source and its copy, and deletes the source if it may go.
///
/// # Errors
///
/// It stays, and why.
pub(super) async fn delete_source(
    portion: PortionContext<'_>,
    ends: &mut Ends,
    copied: &CopiedFile,
) -> Result<(), Failure> {
    let mut question = Question::new(portion.context);
    let mut was_told = copied.was_told;
    loop {
        question.connect(&mut ends.source).await?;
        question.connect(&mut ends.destination).await?;
        match portion.once(ends, copied, &mut was_told).await {
            Ok(ended) => return ended,
            // Everything is looked at again: what was seen holds for the session that is lost.
            Err(failure) => question.again(failure).await?,
        }
    }
}

impl PortionContext<'_> {
    /// The inner result is final. The outer failure may pass. `was_told` is whether the source was told to delete it.
    async fn once(
        self,
        ends: &mut Ends,
        copied: &CopiedFile,
        was_told: &mut bool,
    ) -> Result<Result<(), Failure>, Failure> {
        let context = self.context;
        let session = ends.source.evidence_session();
        let is_gone = |ends: &Ends, was_told: bool| match was_told {
            true => {
                let (source, _) = copied.verified_copy.parts();
                tell(context, ends, &copied.source, source.size);
                Ok(())
            }
            false => Err(missing(ends.source.name())),
        };
        let Some(before) = ends.source.facts(context, &copied.source).await? else {
            return Ok(is_gone(ends, *was_told));
        };
        let there = ends.destination.facts(context, &copied.copy).await?;
        let proof = match (copied.expected.is(there.as_ref()), copied.has_session(&mut ends.destination)) {
            (CopyState::Same, true) => CopyProof::SameSession,
            (CopyState::Same | CopyState::OtherTime, _) => self.compare(ends, copied, before.size).await?,
            (CopyState::Other | CopyState::Missing, _) => CopyProof::NoDigest,
        };
        // Digests take long: both are looked at again.
        let (now, there) = match proof {
            CopyProof::ComparedAgain => {
                let Some(now) = ends.source.facts(context, &copied.source).await? else {
                    return Ok(is_gone(ends, *was_told));
                };
                (now, ends.destination.facts(context, &copied.copy).await?)
            }
            CopyProof::SameSession | CopyProof::Differs | CopyProof::NoDigest => (before, there),
        };
        let removal = match self.removal(copied, (SourceNow::Seen(&now), there.as_ref()), (proof, session)) {
            Ok(removal) => removal,
            Err(failure) => return Ok(Err(failure)),
        };
        if copied.verified_copy.is_doubtful() {
            let deleted = self.delete_aside(ends, copied, removal, now.size).await;
            return Ok(deleted.map(|()| tell(context, ends, &copied.source, now.size)));
        }
        if session.is_none() || session != ends.source.evidence_session() {
            return Err(Failure::new(Kind::Temporary, "a session with the source was lost"));
        }
        let was_told_before = std::mem::replace(was_told, true);
        match removal.carry_out(context, &mut ends.source).await {
            Ok(is_deleted) => Ok(is_gone(ends, is_deleted || was_told_before)),
            Err(failure) if failure.kind == Kind::Temporary => Err(failure),
            Err(failure) => Ok(Err(undeleted(failure))),
        }
    }

    /// Compares the digests of both ends.
    async fn compare(
        self,
        ends: &mut Ends,
        copied: &CopiedFile,
        size: Option<u64>,
    ) -> Result<CopyProof, Failure> {
        let context = self.context;
        let Some(algorithm) = check::common(context, ends, &[]).await? else {
            return Ok(CopyProof::NoDigest);
        };
        let streamed = &StreamedDigests::default();
        let files = Compared { source: &copied.source, copy: &copied.copy, size, streamed };
        match check::compare(context, ends, &files, Verified::Hash(algorithm)).await {
            Ok(Ok(_)) => Ok(CopyProof::ComparedAgain),
            Ok(Err(_)) => Ok(CopyProof::NoDigest),
            Err(failure) if failure.kind == Kind::Unverified => Ok(CopyProof::Differs),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes a source that may be its own copy: it gets another name first.
    async fn delete_aside(
        self,
        ends: &mut Ends,
        copied: &CopiedFile,
        removal: Removal,
        size: Option<u64>,
    ) -> Result<(), Failure> {
        let removal = set_aside(self.context, ends, removal, (&copied.copy, size)).await?;
        let failure = match remove(self.context, &mut ends.source, &removal).await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                let was = format!("its name was {} meanwhile", ends.source.show(removal.path()));
                return Err(missing(ends.source.name()).during(was));
            }
            Err(failure) => failure,
        };
        let names = (removal.path(), &copied.source);
        Err(named_again(self.context, &mut ends.source, names, undeleted(failure)).await)
    }
}

/// Deletes a name, and asks again until the host has answered. `Ok(false)` if it was not there before it was asked for the first time.
async fn remove(context: &Context, host: &mut Host, removal: &Removal) -> Result<bool, Failure> {
    let (mut question, mut was_told) = (Question::new(context), false);
    loop {
        question.connect(host).await?;
        match removal.carry_out(context, host).await {
            Ok(is_deleted) => return Ok(is_deleted || was_told),
            Err(failure) => question.again(failure).await?,
        }
        was_told = true;
    }
}
