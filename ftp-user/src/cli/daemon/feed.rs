//! What happens to the jobs of a daemon: their events go to the log of those who follow them, and it is known how far the jobs
//! are that run.

use super::metrics::DaemonCounters;
use crate::failure::{About, Failure, Kind};
use crate::id::JobId;
use crate::ladder::Rung;
use crate::outcome::{FailedItem, FileOutcome, Protection};
use crate::queue::StoredProgress;
use crate::report::{Event, JobProgress, RunMessage, about};
use crate::web::event_log::EventLog;
use crate::web::fleet::EventLine;
use crate::web::view::{PairView, RatePoint, Time, now};
use ftp_io::clock::since_1970;
use ftp_io::lock::Lock;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

/// What the jobs of a daemon say, and how far they are.
#[derive(Debug)]
pub(super) struct Feed {
    /// The name of the worker, which each event has.
    worker: Arc<str>,
    /// What was counted.
    pub(super) counted: DaemonCounters,
    /// The events of its queue.
    pub(super) log: Arc<EventLog>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    runs: BTreeMap<JobId, RunOfJob>,
    pairs: BTreeMap<[String; 2], SeenPair>,
}

/// A job whose run is heard.
#[derive(Debug)]
pub(super) struct HeardJob {
    id: JobId,
    /// The same as a text, which its events share.
    id_text: Arc<str>,
    owner: Arc<str>,
    /// The servers of its source and its destination.
    ends: [String; 2],
}

impl HeardJob {
    /// A job with this owner, between these servers.
    pub(super) fn new(id: JobId, owner: &str, ends: [String; 2]) -> Self {
        Self { id, id_text: id.to_string().into(), owner: owner.into(), ends }
    }
}

/// The last route that was seen between two servers, and its rate.
#[derive(Clone, Copy, Debug)]
struct SeenPair {
    rung: Rung,
    protection: Protection,
    rate: Option<u64>,
    seen: Time,
}

/// How far the last run of a job has come.
#[derive(Clone, Debug, Default)]
pub(super) struct RunOfJob {
    /// How far it is.
    pub(super) progress: StoredProgress,
    /// The path of its bytes.
    pub(super) route: Option<RouteOfRun>,
    /// Its rate over time.
    pub(super) rates: Curve,
    /// The bytes of the files that are under way, by their sources; of many only some.
    pub(super) moving: HashMap<String, u64>,
    /// How many files have failed in it.
    failed: u64,
    /// The first thing that has failed.
    pub(super) failure: Option<String>,
    /// If nothing has failed but places that other jobs have claimed: the first of these jobs, and its place.
    pub(super) claimed: Option<(JobId, String)>,
    /// When it began, so that the oldest can be forgotten.
    begun: u64,
}

/// The path that the bytes of a run take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct RouteOfRun {
    /// The rung of its candidate.
    pub(super) rung: Rung,
    /// The relay on it.
    pub(super) relay: Option<String>,
    /// What protects the bytes.
    pub(super) protection: Protection,
}

/// A rate over time. If it gets long, every second point goes, and later ones are further apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    /// Its points, oldest first.
    pub(super) points: Vec<RatePoint>,
    /// The seconds between two points.
    spacing: i64,
}

impl Curve {
    fn add(&mut self, at: Time, rate: u64) {
        let is_due = |last: &RatePoint| at.as_second() - last.at.as_second() >= self.spacing.max(1);
        if !self.points.last().is_none_or(is_due) {
            return;
        }
        self.points.push(RatePoint { at, rate });
        if self.points.len() >= MOST_POINTS {
            self.points = self.points.iter().copied().step_by(2).collect();
            self.spacing = self.spacing.max(1) * 2;
        }
    }
}

impl Feed {
    /// No event yet. Numbers are larger than those of a daemon before this one.
    pub(super) fn new(worker: String) -> Self {
        let last = u64::try_from(since_1970().as_micros()).unwrap_or(0);
        let log = Arc::new(EventLog::after(last));
        Self { worker: worker.into(), counted: DaemonCounters::default(), log, state: Mutex::default() }
    }

    /// A run of a job begins: nothing of the one before counts.
    pub(super) fn begin(&self, job: JobId) {
        let mut state = self.state.locked();
        let begun = since_1970().as_secs();
        state.runs.insert(job, RunOfJob { begun, ..RunOfJob::default() });
        if state.runs.len() > MOST_RUNS
            && let Some(oldest) = state.runs.iter().min_by_key(|(_, run)| run.begun).map(|(job, _)| *job)
        {
            state.runs.remove(&oldest);
        }
    }

    /// A run of a job has said something.
    pub(super) fn hear(&self, job: &HeardJob, said: RunMessage) {
        self.note(job, &said);
        let (id, worker) = (job.id, Arc::clone(&self.worker));
        let line = move |said: &RunMessage| {
            said.line().ok().flatten().map(|line| with_job(&line, id, Some(&worker)))
        };
        // Lines are made outside the lock. A tree has many files, and often nobody follows.
        let line = if let Some(event @ Event::File(_)) = said.event() {
            EventLine::lazy(event.size(), move || line(&said).unwrap_or_default())
        } else {
            let Some(line) = line(&said) else { return };
            EventLine::ready(line)
        };
        self.log.push(Arc::clone(&job.id_text), Arc::clone(&job.owner), line);
    }

    /// Notes what a run of a job has said: how far it is, its route, and what is counted.
    fn note(&self, HeardJob { id, ends, .. }: &HeardJob, said: &RunMessage) {
        let mut state = self.state.locked();
        let state = &mut *state;
        if let Some(run) = state.runs.get_mut(id) {
            run.hear(said);
            if let Some(RouteOfRun { rung, protection, .. }) = run.route {
                let pair = SeenPair { rung, protection, rate: run.progress.rate, seen: now() };
                if let Some(known) = state.pairs.get_mut(ends) {
                    *known = pair;
                } else if state.pairs.len() < MOST_PAIRS {
                    state.pairs.insert(ends.clone(), pair);
                }
            }
        }
        if let Some(Event::File(outcome)) = said.event() {
            self.counted.file(state.pairs.get_key_value(ends).map(|(ends, _)| ends), outcome);
        }
    }

    /// A job has changed. `line` is its object.
    pub(super) fn tell(&self, job: JobId, owner: &str, line: &str) {
        self.tell_of(&self.worker, job, owner, line);
    }

    /// A job that another worker carries has come so far.
    pub(super) fn tell_progress(&self, job: JobId, owner: &str, worker: &str, progress: &StoredProgress) {
        let StoredProgress { files, of, bytes, total, rate, remaining } = progress;
        let line = json!({
            "event": "progress", "job_bytes": bytes, "job_total": total, "files": files, "of": of, "rate": rate,
            "remaining": remaining,
        });
        self.tell_of(worker, job, owner, &line.to_string());
    }

    /// Tells what a worker says of a job.
    fn tell_of(&self, worker: &str, job: JobId, owner: &str, line: &str) {
        let line = EventLine::ready(with_job(line, job, Some(worker)));
        self.log.push(job.to_string().into(), owner.into(), line);
    }

    /// How far the last run of a job is, if this daemon has carried it lately.
    pub(super) fn progress(&self, job: JobId) -> Option<StoredProgress> {
        self.state.locked().runs.get(&job).map(|run| run.progress.clone())
    }

    /// The last run of a job, if this daemon has carried it lately.
    pub(super) fn run(&self, job: JobId) -> Option<RunOfJob> {
        self.state.locked().runs.get(&job).cloned()
    }

    /// What was seen of pairs since the start.
    pub(super) fn pairs(&self) -> Vec<PairView> {
        let view = |([source, dest], pair): (&[String; 2], &SeenPair)| PairView {
            source: source.clone(),
            dest: dest.clone(),
            path: Some(pair.rung.path().to_owned()),
            rung: Some(pair.rung.name().to_owned()),
            protection: Some(pair.protection.name().to_owned()),
            rate: pair.rate,
            seen: Some(pair.seen),
            ..PairView::default()
        };
        self.state.locked().pairs.iter().map(view).collect()
    }
}

impl RunOfJob {
    fn hear(&mut self, said: &RunMessage) {
        if let Some(event) = said.event() {
            if let Event::File(outcome) = event {
                self.moving.remove(&outcome.source);
                let is_failed = |failure: &Failure| failure.kind != Kind::Interrupted;
                self.failed += u64::from(outcome.copy.as_ref().is_err_and(is_failed));
            }
            self.take(event);
        }
        if let Some(JobProgress { files, of, more, bytes, total, rate, remaining }) = said.progress() {
            let rate = rate.map(|rate| rate as u64);
            self.progress = StoredProgress {
                // Those that have failed have ended, and are not done.
                files: files.saturating_sub(self.failed),
                of: (!more).then_some(*of),
                bytes: *bytes,
                total: *total,
                rate,
                remaining: remaining.map(|time| time.as_secs()),
            };
            if let Some(rate) = rate {
                self.rates.add(now(), rate);
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "no other event says it")]
    fn take(&mut self, event: &Event) {
        let failed = match event {
            Event::Path { route, relay, protection, .. } => {
                let relay = relay.clone();
                self.route = Some(RouteOfRun { rung: *route, relay, protection: *protection });
                return;
            }
            Event::Progress(progress) => {
                if self.moving.len() < MOST_MOVING || self.moving.contains_key(&progress.source) {
                    self.moving.insert(progress.source.clone(), progress.bytes);
                }
                return;
            }
            Event::File(outcome) => match &**outcome {
                FileOutcome { source, copy: Err(failure), .. } => (source, failure),
                FileOutcome { copy: Ok(_), .. } => return,
            },
            Event::Failed(failed) => (&failed.source, &failed.failure),
            Event::Causes(causes) => {
                let claims = causes.iter().map(|cause| claim(cause.first.first()?));
                self.claimed =
                    claims.collect::<Option<Vec<_>>>().and_then(|claims| claims.into_iter().next());
                return;
            }
            _ => return,
        };
        let (source, failure) = failed;
        self.failure.get_or_insert_with(|| about(source, &failure.to_string()));
    }
}

/// The job that has claimed the destination of what has failed, if that is why, and the destination.
fn claim(failed: &FailedItem) -> Option<(JobId, String)> {
    let About::Claimed(job) = failed.failure.about else { return None };
    Some((job, failed.dest.clone()))
}

/// An object on one line, with `job` and `worker` at its end.
pub(in crate::cli) fn with_job(line: &str, job: JobId, worker: Option<&str>) -> String {
    let object = line.strip_suffix('}').unwrap_or(line);
    let mut text = String::with_capacity(line.len() + ROOM_FOR_MEMBERS);
    text.push_str(object);
    // A receipt has it already.
    if !object.contains(",\"job\":") {
        // Writing to a string never fails.
        let _ = write!(text, ",\"job\":\"{job}\"");
    }
    let _ = write!(text, ",\"worker\":{}}}", json!(worker));
    text
}

/// Room for both members that [`with_job`] adds, in bytes.
const ROOM_FOR_MEMBERS: usize = 96;
/// The largest number of jobs of which it is known how far their last run came.
const MOST_RUNS: usize = 256;
/// The largest number of pairs that are remembered.
const MOST_PAIRS: usize = 1_000;
/// The largest number of files of a run that are known to be under way.
const MOST_MOVING: usize = 256;
/// The largest number of points of a curve.
const MOST_POINTS: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::FileCopy;
    use crate::queue::moment;
    use crate::report::{Exits, LastFile};
    use crate::web::event_log::{MOST_BYTES, MOST_EVENTS};
    use crate::web::fleet::{EventStream, FeedItem};
    use ftp_proto::listing::{self, Facts};
    use futures_util::FutureExt;
    use tokio_stream::StreamExt;

    /// The length of an identity that a server makes up.
    const LONG: usize = 15_000;

    fn read(follower: &mut EventStream) -> Option<FeedItem> {
        follower.next().now_or_never().flatten()
    }

    #[test]
    fn a_reader_gets_each_event_once_and_is_told_if_some_are_gone() {
        let feed = Feed::new("w\"1".to_owned());
        let mut early = feed.log.follow(None);
        assert!(read(&mut early).is_none());
        for number in 0..3 {
            feed.tell(JobId::new(number), "ann", "{\"event\":\"job\"}");
        }
        let Some(FeedItem::Event(first)) = read(&mut early) else { panic!() };
        assert_eq!(first.line.to_string(), r#"{"event":"job","job":"0000000000000000","worker":"w\"1"}"#);
        let mut late = feed.log.follow(Some(first.number));
        let Some(FeedItem::Event(second)) = read(&mut late) else { panic!() };
        assert_eq!(second.number, first.number + 1);
        for _ in 0..MOST_EVENTS {
            feed.tell(JobId::new(9), "ann", "{\"event\":\"job\"}");
        }
        let Some(FeedItem::Reset(last)) = read(&mut late) else { panic!() };
        assert!(read(&mut late).is_none());
        feed.tell(JobId::new(9), "ann", "{}");
        assert!(matches!(read(&mut late), Some(FeedItem::Event(event)) if event.number == last + 1));
        let mut of_later_daemon = feed.log.follow(Some(last + 1_000));
        assert!(matches!(read(&mut of_later_daemon), Some(FeedItem::Reset(_))));
    }

    #[test]
    fn what_servers_have_sent_of_files_takes_no_more_memory_than_there_is_for_events() {
        let feed = Feed::new("w".to_owned());
        let mut reader = feed.log.follow(None);
        let ends = ["one", "two"].map(str::to_owned);
        let job = HeardJob::new(JobId::new(1), "ann", ends);
        let most = MOST_BYTES / LONG;
        for _ in 0..2 * most {
            let source = Facts { unique: Some("x".repeat(LONG)), ..Facts::of_kind(listing::Kind::File) };
            let copy = Ok(FileCopy { source: Some(source), ..FileCopy::default() });
            let outcome = FileOutcome { source: "a".to_owned(), dest: "b".to_owned(), copy };
            let (event, exits) = (Event::File(Box::new(outcome)), Exits { of_kind: |_| 1, partly: 1 });
            feed.hear(&job, RunMessage::Event { event, progress: None, exits });
        }
        let Some(FeedItem::Reset(last)) = read(&mut reader) else { panic!() };
        let after = |number| read(&mut feed.log.follow(Some(number)));
        assert!(matches!(after(last - most as u64), Some(FeedItem::Reset(_))), "fewer are kept");
        let Some(FeedItem::Event(event)) = after(last - 1) else { panic!() };
        let line: serde_json::Value = serde_json::from_str(&event.line.to_string()).unwrap();
        assert_eq!(
            (&line["event"], &line["source"], &line["worker"]),
            (&json!("file"), &json!("a"), &json!("w"))
        );
    }

    #[test]
    fn a_file_that_has_failed_has_ended_and_is_not_done() {
        let mut run = RunOfJob::default();
        let progress = |files| JobProgress { files, of: 9, ..JobProgress::default() };
        let failed = |kind| {
            let copy = Err(Failure::new(kind, "no"));
            Event::File(Box::new(FileOutcome { source: "a".to_owned(), dest: "b".to_owned(), copy }))
        };
        run.hear(&RunMessage::Progress { progress: progress(2), last: LastFile::default() });
        let exits = Exits { of_kind: |_| 1, partly: 1 };
        // One that was interrupted has not ended.
        for event in [Kind::Refused, Kind::Interrupted].map(failed) {
            run.hear(&RunMessage::Event { event, progress: Some(progress(3)), exits });
        }
        assert_eq!((run.progress.files, run.progress.of), (2, Some(9)));
    }

    #[test]
    fn a_curve_stays_short_and_keeps_its_beginning() {
        let mut curve = Curve::default();
        for second in 0..10_000 {
            curve.add(moment(second), second);
        }
        let points = curve.points;
        assert!((MOST_POINTS / 2..MOST_POINTS).contains(&points.len()), "{}", points.len());
        assert_eq!(points[0].rate, 0);
        assert!(points.last().unwrap().rate > 9_000);
    }
}
