//! Files that other daemons copy: a long job offers them in parts, and takes back what nobody takes.
//!
//! ```text
//!  wait ── they would take long, all are busy ──> offered ── taken ──> ended: what came of each file
//!   ^                                                |                   or left: this daemon copies it
//!   '----- this daemon has nothing else to do <------'
//! ```

use super::worker::{FileResult, WorkerResults};
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::job::Item;
use crate::job::moving::{KeptSource, MovedTree};
use crate::job::request::job::{JobCount, Options};
use crate::journal::{PartRequest, TreePartState};
use crate::route::Ends;
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Files between two servers that another daemon may copy.
#[derive(Debug, Deserialize, Serialize)]
pub(in crate::job) struct SharedFiles {
    /// The source, as reports call it.
    pub(in crate::job) source: String,
    /// The destination, in the same form.
    pub(in crate::job) destination: String,
    /// The directory at the source that is moved, if this is a move.
    pub(in crate::job) moved: Option<PathName>,
    pub(in crate::job) items: Vec<Item>,
}

/// What came of them. Those that are not here were not begun, or have not ended.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(in crate::job) struct SharedResults {
    pub(in crate::job) files: Vec<FileResult>,
    /// Sources of a move that were copied and stay.
    pub(in crate::job) kept: Vec<KeptSource>,
    /// Whether a session with the destination was lost: what any daemon has stored there before may be gone.
    pub(in crate::job) has_lost_session: bool,
    /// Why a part of one of them may still be there, so that another run goes on. Older daemons do not tell it.
    #[serde(default)]
    pub(in crate::job) undeleted_part: Option<Failure>,
}

/// Whether files are offered to other daemons, and how many parts are.
#[derive(Debug)]
pub(super) struct Sharing {
    began: Moment,
    /// How many files have ended here.
    ended: usize,
    /// When the next part may be offered; `None` if none ever is.
    next_offer: Option<Moment>,
    /// How many parts are offered or carried.
    pub(super) parts: usize,
    /// Whether one of them was not taken yet.
    is_offered: Arc<AtomicBool>,
    /// What is done with those that were offered.
    request: watch::Sender<PartRequest>,
}

impl Sharing {
    /// What may be shared between these ends.
    pub(super) fn new(context: &Context, ends: &Ends, options: Options) -> Self {
        let is_alone = options.fail_fast
            || options.detach
            || options.mode.is_dry()
            || options.jobs.wanted != JobCount::Auto
            || context.settings.limit.is_some();
        let is_permitted = !is_alone && ends.are_servers() && context.run.job_journal.can_be_shared();
        let began = context.world.clock.now();
        Self {
            began,
            ended: 0,
            next_offer: is_permitted.then_some(began + NOT_BEFORE),
            parts: 0,
            is_offered: Arc::default(),
            request: watch::Sender::new(PartRequest::Look),
        }
    }

    /// Whether some of so many files that wait should be offered now: at the pace so far they would take this daemon long.
    pub(super) fn is_due(&self, waiting: usize, now: Moment) -> bool {
        let pace = |files: usize, seconds: f64| files as f64 * seconds;
        waiting > 1
            && self.next_offer.is_some_and(|at| at <= now)
            && self.parts < MOST
            && !self.is_offered.load(Ordering::Relaxed)
            && pace(waiting, now.since(self.began).as_secs_f64()) >= pace(self.ended, LONG.as_secs_f64())
    }

    /// Files have ended here.
    pub(super) const fn note_ended(&mut self, files: usize) {
        self.ended += files;
    }

    /// How many files a part has at most: as many as this daemon copies in a minute.
    pub(super) fn most(&self, now: Moment) -> usize {
        let seconds = now.since(self.began).as_secs().max(1);
        let in_a_minute =
            usize::try_from(seconds).map_or(0, |seconds| self.ended.saturating_mul(60) / seconds);
        in_a_minute.max(1)
    }

    /// Does that with all parts from now on.
    pub(super) fn request(&self, request: PartRequest) {
        self.request.send_if_modified(|before| std::mem::replace(before, request) != request);
    }

    /// Offers files to other daemons. The result is ready when nothing of them goes on elsewhere.
    pub(super) fn offer(
        &mut self,
        context: &Context,
        ends: &Ends,
        tree: Option<&MovedTree>,
        items: Vec<Item>,
    ) -> impl Future<Output = WorkerResults> + use<> {
        self.parts += 1;
        self.is_offered.store(true, Ordering::Relaxed);
        let files = SharedFiles {
            source: ends.source.name(),
            destination: ends.destination.name(),
            moved: tree.map(|tree| tree.root().clone()),
            items,
        };
        let offered = OfferedPart {
            context: context.clone(),
            is_offered: Arc::clone(&self.is_offered),
            request: self.request.subscribe(),
        };
        offered.results(files)
    }

    /// A part has ended. If nothing of it was copied, the next one is not offered soon.
    pub(super) fn part_ended(&mut self, results: &WorkerResults, now: Moment) {
        self.parts -= 1;
        if results.files.is_empty() {
            self.next_offer = self.next_offer.map(|_| now + NOBODY_TOOK);
        }
    }
}

/// A part that is offered or carried.
struct OfferedPart {
    context: Context,
    is_offered: Arc<AtomicBool>,
    request: watch::Receiver<PartRequest>,
}

impl OfferedPart {
    /// What has come of the files, as soon as nobody else has them.
    async fn results(mut self, files: SharedFiles) -> WorkerResults {
        let results = match serde_json::to_string(&files) {
            Ok(text) => self.until_ended(text).await,
            Err(_) => Some(SharedResults::default()),
        };
        let Some(SharedResults { files: ended, kept, has_lost_session, undeleted_part }) = results else {
            return WorkerResults { has_lost_tree_part: true, ..WorkerResults::default() };
        };
        let numbers: HashSet<u64> = ended.iter().map(|file| file.item.number).collect();
        let returned = files.items.into_iter().filter(|item| !numbers.contains(&item.number)).collect();
        let others = WorkerResults::default();
        WorkerResults { files: ended, kept, returned, has_lost_session, undeleted_part, ..others }
    }

    /// Waits for the end of a part. `None`: nobody knows what goes on there.
    async fn until_ended(&mut self, files: String) -> Option<SharedResults> {
        let (clock, cancel) = (self.context.world.clock, self.context.run.cancel.clone());
        let journal = self.context.run.job_journal.clone();
        let part = journal.offer_tree_part(files).await?;
        let (mut cancelled, mut waits_for_taker) = (None, true);
        loop {
            let now = clock.now();
            if cancel.is_cancelled() {
                cancelled.get_or_insert(now);
            }
            let request = match cancelled {
                // Whoever carries it is told by the queue, too, if its owner wants the job to stop.
                Some(since) if now.since(since) >= GRACE => PartRequest::Revoke,
                Some(_) => PartRequest::TakeBack,
                None => *self.request.borrow_and_update(),
            };
            let state = journal.tree_part_state(part, request).await;
            if state != Some(TreePartState::Offered) && std::mem::take(&mut waits_for_taker) {
                self.is_offered.store(false, Ordering::Relaxed);
            }
            match state? {
                TreePartState::Offered | TreePartState::Taken => {}
                TreePartState::Ended(None) => return Some(SharedResults::default()),
                TreePartState::Ended(Some(text)) => return Some(SharedResults::read(&text)),
                TreePartState::Lost => return None,
            }
            tokio::select! {
                () = clock.sleep_until(Some(now + LOOK_AGAIN)) => {}
                _ = self.request.changed() => {}
                () = cancel.cancelled(), if cancelled.is_none() => {}
            }
        }
    }
}

impl SharedResults {
    /// What came of files, as another daemon has told it. If it cannot be read, all of them are looked at again, and so is what was
    /// stored before: the daemon has ended its work.
    fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self { has_lost_session: true, ..Self::default() })
    }

    /// Notes what came of files. What was interrupted, or what this host cannot reach, is left to the daemon of the job. No password
    /// of a URL gets into the store.
    pub(super) fn note(&mut self, files: &[FileResult], kept: &[KeptSource]) {
        let is_left = |failure: &Failure| {
            failure.ends_the_work() || matches!(failure.kind, Kind::NoPath | Kind::Untrusted)
        };
        let ended = files.iter().filter(|file| !file.result.as_ref().is_err_and(is_left)).cloned();
        self.files.extend(ended.map(|file| FileResult {
            result: file.result.map_err(Failure::concealed),
            stays: file.stays.map(Failure::concealed),
            ..file
        }));
        let concealed =
            |kept: &KeptSource| KeptSource { failure: kept.failure.clone().concealed(), ..kept.clone() };
        self.kept.extend(kept.iter().map(concealed));
    }
}

/// What is done sooner is not shared.
const NOT_BEFORE: Duration = Duration::from_secs(10);
/// What takes this daemon less time is not shared: whoever takes a part logs in first.
const LONG: Duration = Duration::from_secs(5);
/// How often the store is asked about a part.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How long nothing is offered after nobody has taken a part.
const NOBODY_TOOK: Duration = Duration::from_secs(60);
/// How long a part may go on after the job was told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// The largest number of parts of a job at the same time.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_take_long_is_shared_and_one_part_at_a_time_waits_for_a_taker() {
        let at = |seconds| Moment::START + Duration::from_secs(seconds);
        let sharing = |from: Option<u64>, ended, parts| Sharing {
            began: at(0),
            ended,
            next_offer: from.map(at),
            parts,
            is_offered: Arc::default(),
            request: watch::Sender::new(PartRequest::Look),
        };
        for (from, ended, parts, waiting, now, expect) in [
            (None, 0, 0, 1_000, 100, false),
            (Some(10), 0, 0, 1_000, 9, false),
            // Not one file has ended yet.
            (Some(10), 0, 0, 2, 10, true),
            (Some(10), 0, 0, 1, 10, false),
            // At ten files a second, 50 files take five seconds.
            (Some(10), 100, 0, 50, 10, true),
            (Some(10), 100, 0, 49, 10, false),
            (Some(10), 200_000, 0, 2_048, 10, false),
            (Some(10), 0, MOST, 1_000, 10, false),
        ] {
            let shared = sharing(from, ended, parts);
            assert_eq!(
                shared.is_due(waiting, at(now)),
                expect,
                "{ended} ended, {waiting} wait after {now} s"
            );
            shared.is_offered.store(true, Ordering::Relaxed);
            assert!(!shared.is_due(waiting, at(now)));
        }
        let mut sharing = sharing(Some(10), 0, 1);
        sharing.part_ended(&WorkerResults::default(), at(20));
        assert_eq!((sharing.next_offer, sharing.parts), (Some(at(80)), 0), "nobody has copied any of it");
    }

    #[test]
    fn what_comes_back_is_what_was_sent_but_for_sessions_and_what_was_interrupted() {
        use crate::failure::About;
        use crate::ladder::Rung;
        use crate::outcome::{FileCopy, Verified};
        use ftp_proto::digest::Algorithm;
        let file = |number, result| FileResult::of(Item::of_both(number, "a\u{e9}"), result);
        let copy = FileCopy {
            session: Some(crate::session::SessionId::new(7)),
            facts: crate::outcome::TransferFacts::default().because("it is direct".to_owned()),
            ..FileCopy::moved(Some(5), Rung::DestListens, Verified::Hash(Algorithm::Blake3))
        };
        let refused = Failure::new(Kind::Refused, "no").said("553").hint("ask").about(About::TakenOver);
        let given_up = Failure::new(Kind::Temporary, "away").about(About::GivenUp);
        let files = [
            file(1, Ok(copy.clone())),
            file(2, Err(refused.clone())),
            file(3, Err(Failure::interrupted())),
            file(4, Err(given_up)),
        ];
        let mut results = SharedResults { undeleted_part: Some(refused.clone()), ..SharedResults::default() };
        results.note(&files, &[]);
        let back = SharedResults::read(&serde_json::to_string(&results).unwrap());
        assert_eq!(back.undeleted_part, results.undeleted_part);
        let of_older = SharedResults::read(r#"{"files":[],"kept":[],"has_lost_session":false}"#);
        assert!(of_older.undeleted_part.is_none() && !of_older.has_lost_session);
        let unreadable = SharedResults::read("");
        assert!(unreadable.has_lost_session && unreadable.files.is_empty() && !back.has_lost_session);
        let back: Vec<_> = back.files.into_iter().map(|file| (file.item.number, file.result)).collect();
        assert_eq!(back, [(1, Ok(FileCopy { session: None, ..copy })), (2, Err(refused))]);
    }
}
