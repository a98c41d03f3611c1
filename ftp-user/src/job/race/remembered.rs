//! The path that has carried a file between two servers in an earlier run. Small files move together on it at once, and no file
//! goes ahead of them to find it.

use super::findings::{FAILED_IN_SILENCE, Notes, remember};
use crate::account::CandidateFate;
use crate::context::Context;
use crate::endpoint::Host;
use crate::job::Item;
use crate::ladder::{Allowed, Candidate};
use crate::route::{Ends, Situation};
use ftp_proto::timer::Moment;
use ftp_proto::transfer::race::{CandidatePurpose, Manner};

/// Recalls what earlier runs know of the paths between two servers, if there are sessions with both. Returns whether there are.
pub(in crate::job) fn recall(context: &Context, ends: &mut Ends, allowed: Allowed) -> bool {
    let Some(situation) = situation(context, ends) else { return false };
    situation.recall(context, &mut ends.memory.lock(), allowed);
    true
}

/// Tells that small files take a path together, if none of this run has taken it before.
pub(in crate::job) fn announce(context: &Context, ends: &mut Ends, candidate: Candidate) {
    if ends.memory.lock().found_path().is_none()
        && let Some(situation) = situation(context, ends)
    {
        situation.describe(candidate).announce(context, &[]);
    }
}

/// Files of a batch that was the first of a run to take a path.
pub(in crate::job) struct FirstBatch {
    pub(in crate::job) candidate: Candidate,
    pub(in crate::job) allowed: Allowed,
    /// One of its files, a published one if there is one.
    pub(in crate::job) file: Item,
    /// What verifies them.
    pub(in crate::job) verified: &'static str,
    pub(in crate::job) begun: Moment,
}

/// Notes whether the data connection of the first batch of a run stood, for the next files, for `why` and for later runs. Files that
/// came after others say nothing new.
pub(in crate::job) fn note(context: &Context, ends: &mut Ends, batch: &FirstBatch, has_opened: bool) {
    if !ends.memory.lock().has_no_path_yet() {
        return;
    }
    let Some(situation) = situation(context, ends) else { return };
    let FirstBatch { candidate, allowed, begun, .. } = *batch;
    let now = context.world.clock.now();
    let mut memory = ends.memory.lock();
    let (ascent, known) = memory.ascend(situation.candidates(allowed), Manner::Beside, now);
    let mut notes = Notes::new(&situation, allowed, &ascent, &memory, begun);
    if has_opened {
        memory.worked(candidate, now);
    }
    drop(memory);
    if let Some(index) = ascent.candidates.iter().position(|other| *other == candidate) {
        notes.started(index, CandidatePurpose::Transfer, begun);
        notes.connecting(index, begun);
        if has_opened {
            notes.set_fate(index, CandidateFate::Moved, now);
        } else {
            notes.set_fate(index, CandidateFate::Failed, now);
            notes.ends_in_silence(index, candidate, FAILED_IN_SILENCE, now);
        }
    }
    let key = situation.key();
    if has_opened {
        remember(context, key, candidate, allowed);
    } else {
        notes.remember_silent(context, key, |_| false);
    }
    let name = ends.source.show(&batch.file.source);
    let race = notes.take_account(batch.file.number, &name, &ascent, &known);
    context.run.routes.note_race(&key.source.0, &key.destination.0, race);
    if has_opened {
        context.run.routes.verified(batch.file.number, batch.verified);
    }
}

/// What is known of two servers, if there are sessions with both.
fn situation(context: &Context, ends: &mut Ends) -> Option<Situation> {
    let (Host::Server(from), Host::Server(to)) = (&mut ends.source, &mut ends.destination) else {
        return None;
    };
    Situation::of_open(context, from, to)
}
