//! The last events of a queue, for those who follow them.

use super::fleet::{EventLine, EventStream, FeedItem, FleetEvent};
use ftp_io::lock::Lock;
use futures_util::stream::unfold;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// The last events. Whoever follows them gets each once, and is told if some are gone.
#[derive(Debug, Default)]
pub struct EventLog {
    state: Mutex<State>,
    /// Wakes those who follow.
    pushed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Arc<FleetEvent>>,
    /// About how many bytes they take.
    size: usize,
    /// The number of the last event.
    last: u64,
}

impl EventLog {
    /// No event yet. The first one has the number after this one.
    pub fn after(last: u64) -> Self {
        Self { state: Mutex::new(State { last, ..State::default() }), ..Self::default() }
    }

    /// Adds an event of a job.
    pub fn push(&self, job: Arc<str>, owner: Arc<str>, line: EventLine) {
        let mut state = self.state.locked();
        state.last += 1;
        state.size += line.size();
        let number = state.last;
        state.events.push_back(Arc::new(FleetEvent { number, job, owner, line }));
        while state.events.len() > MOST_EVENTS || state.size > MOST_BYTES {
            state.size -= state.events.pop_front().map_or(state.size, |oldest| oldest.line.size());
        }
        drop(state);
        self.pushed.send_replace(());
    }

    /// The number of those who follow the events.
    pub fn followers(&self) -> usize {
        self.pushed.receiver_count()
    }

    /// The events after this one, and all that come. Without `since` only those that come.
    pub fn follow(self: &Arc<Self>, since: Option<u64>) -> EventStream {
        let next = since.unwrap_or_else(|| self.state.locked().last).saturating_add(1);
        let follower = (Arc::clone(self), self.pushed.subscribe(), next);
        Box::pin(unfold(follower, async |(log, mut pushed, next)| {
            loop {
                let item = log.state.locked().next(next);
                let last = match &item {
                    Some(FeedItem::Event(event)) => event.number,
                    Some(FeedItem::Reset(last)) => *last,
                    None => {
                        pushed.changed().await.ok()?;
                        continue;
                    }
                };
                return Some((item?, (log, pushed, last + 1)));
            }
        }))
    }
}

impl State {
    /// The next event for a reader; `Reset` if it is there no longer, or never was.
    fn next(&self, next: u64) -> Option<FeedItem> {
        let first = self.events.front().map_or(self.last + 1, |first| first.number);
        if next < first || next > self.last.saturating_add(1) {
            return Some(FeedItem::Reset(self.last));
        }
        let at = usize::try_from(next - first).ok()?;
        self.events.get(at).map(|event| FeedItem::Event(Arc::clone(event)))
    }
}

/// The largest number of events that a reader may be behind.
pub const MOST_EVENTS: usize = 10_000;
/// About how many bytes these events take at most.
pub const MOST_BYTES: usize = 16 << 20;
