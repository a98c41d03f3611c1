//! The numbers of a daemon, as Prometheus reads them.

use crate::failure::Kind;
use crate::outcome::FileOutcome;
use crate::queue::QueueState;
use ftp_io::program::metrics::{self, Counters, Gauge, Gauges, Label, Registry};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a daemon has counted since its start.
#[derive(Debug)]
pub(super) struct DaemonCounters {
    registry: Registry,
    ended: Counters<1>,
    files: Counters<2>,
    bytes: Counters<3>,
}

/// What is true now.
#[derive(Clone, Debug, Default)]
pub(super) struct DaemonGauges {
    /// The jobs of the queue by their states.
    pub(super) jobs: BTreeMap<&'static str, u64>,
    /// How many are carried at the same time at most.
    pub(super) parallel: usize,
    /// For how long the job that has waited longest could have begun, in seconds.
    pub(super) longest_wait: u64,
    /// Who follows the events.
    pub(super) followers: usize,
    /// Whether the store can be used.
    pub(super) has_store: bool,
    /// Whether no job begins any more.
    pub(super) is_draining: bool,
}

impl Default for DaemonCounters {
    fn default() -> Self {
        let mut registry = metrics::registry(PREFIX, "The version of ftp-user", env!("CARGO_PKG_VERSION"));
        let about = "Jobs that have ended after a run by this daemon, by their state";
        let ended: Counters<1> = metrics::metric(&mut registry, "jobs_ended", about);
        let about = "Files that have ended in a run by this daemon, by their result and path";
        let files: Counters<2> = metrics::metric(&mut registry, "files", about);
        // Those that count from 0 on can be compared with later ones.
        for state in QueueState::ALL.into_iter().filter(|state| state.has_ended()) {
            drop(ended.get_or_create(&[("state", state.name().into())]));
        }
        for (result, path) in [("done", "direct"), ("done", "relay"), ("done", "user"), ("failed", "none")] {
            drop(files.get_or_create(&[("result", result.into()), ("path", path.into())]));
        }
        let about = "Bytes that have arrived, by the servers of the pair and the path";
        let bytes = metrics::metric(&mut registry, "bytes", about);
        Self { registry, ended, files, bytes }
    }
}

impl DaemonCounters {
    /// A job has ended.
    pub(super) fn job(&self, state: QueueState) {
        metrics::count(&self.ended, [("state", state.name().into())]);
    }

    /// A file of a job between these servers has ended. Without the servers its bytes count for `other` ones.
    pub(super) fn file(&self, ends: Option<&[String; 2]>, outcome: &FileOutcome) {
        let (result, path, bytes) = match &outcome.copy {
            // It has not ended.
            Err(failure) if failure.kind == Kind::Interrupted => return,
            Err(_) => ("failed", "none", 0),
            Ok(copy) => match copy.moved_by() {
                Some(rung) => ("done", rung.path(), copy.bytes_moved()),
                None => ("skipped", "none", 0),
            },
        };
        metrics::count(&self.files, [("result", result.into()), ("path", path.into())]);
        if bytes > 0 {
            let server = |at: usize| -> Cow<'static, str> {
                ends.map_or("other".into(), |ends| ends.get(at).cloned().unwrap_or_default().into())
            };
            let labels: [Label; 3] = [("source", server(0)), ("dest", server(1)), ("path", path.into())];
            metrics::add(&self.bytes.get_or_create(&labels), bytes);
        }
    }

    pub(super) fn page(&self, now: &DaemonGauges) -> String {
        let mut registry = metrics::registry_of_now(PREFIX);
        let jobs: Gauges<1> = metrics::metric(&mut registry, "jobs", "Jobs of the queue by their state");
        for (state, count) in &now.jobs {
            let gauge = jobs.get_or_create(&[("state", (*state).into())]);
            metrics::set(&gauge, usize::try_from(*count).unwrap_or(usize::MAX));
        }
        let seconds = usize::try_from(now.longest_wait).unwrap_or(usize::MAX);
        for (name, about, value) in [
            ("parallel", "The largest number of jobs that are carried at the same time", now.parallel),
            ("longest_wait_seconds", "How long the oldest job has waited that may begin", seconds),
            ("followers", "Those who follow the events", now.followers),
            ("store_available", "Whether the store can be used", usize::from(now.has_store)),
            ("draining", "Whether no job begins any more", usize::from(now.is_draining)),
        ] {
            let gauge: Gauge = metrics::metric(&mut registry, name, about);
            metrics::set(&gauge, value);
        }
        metrics::page(&self.registry, &registry)
    }
}

/// What each name begins with.
const PREFIX: &str = "ftp_user";
