//! What is said and not shown yet. It is bounded: a reader that does not read fills no memory and holds up no job.
//!
//! | what is said | at the bound |
//! |---|---|
//! | what there is once in a run: the summary, causes, a detached file | is kept all the same |
//! | what somebody has asked for: a listing, receipts, a plan | whoever says it waits until it is read |
//! | what happens meanwhile: progress, files, failures, warnings, the dialogue | is left out and counted, until half of the rest was read; then one event says so |

use super::event::{Event, FileProgress, LeftOutEvents};
use crate::failure::Failure;
use crate::outcome::{FailedItem, FileCopy};
use ftp_io::lock::Lock;
use std::sync::mpsc::{self, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::sync::Notify;

/// Where events are said. Clones speak into the same queue.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    events: mpsc::Sender<QueuedEvent>,
    backlog: Arc<Backlog>,
}

/// Where events are read.
#[derive(Debug)]
pub(super) struct Receiver {
    events: mpsc::Receiver<QueuedEvent>,
    backlog: Arc<Backlog>,
    /// Something was read since the last wait.
    is_awake: bool,
}

/// An event, and the memory that it takes.
type QueuedEvent = (Event, usize);

/// How full the queue is.
#[derive(Debug)]
struct Backlog {
    state: Mutex<State>,
    /// Something was read.
    was_read: Notify,
    /// The largest number of bytes that wait.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// The bytes that wait.
    held: usize,
    /// What was left out since the queue was full.
    left_out: Option<LeftOutEvents>,
    /// The reader is gone.
    is_over: bool,
}

/// A queue with room for so many bytes.
pub(super) fn queue(most: usize) -> (Sender, Receiver) {
    let (sender, receiver) = mpsc::channel();
    let backlog = Arc::new(Backlog { state: Mutex::default(), was_read: Notify::new(), most });
    let sender = Sender { events: sender, backlog: Arc::clone(&backlog) };
    (sender, Receiver { events: receiver, backlog, is_awake: false })
}

impl Sender {
    /// Says it, or leaves it out.
    pub(super) fn say(&self, event: Event) {
        let mut state = self.backlog.state.locked();
        let weight = weight(&event);
        let bytes = event.size();
        let has_room = match &state.left_out {
            None => state.held.saturating_add(bytes) <= self.backlog.most,
            Some(_) => state.held <= self.backlog.most / 2,
        };
        if has_room || weight.is_none() {
            self.put(&mut state, event, bytes);
        } else {
            state.left_out.get_or_insert_default().add(&event);
        }
    }

    /// Says it as soon as there is room. What is only said may take the other half.
    pub(super) async fn deliver(&self, event: Event) {
        let weight = event.size();
        loop {
            let was_read = self.backlog.was_read.notified();
            tokio::pin!(was_read);
            was_read.as_mut().enable();
            {
                let mut state = self.backlog.state.locked();
                let has_room = state.held == 0 || state.held.saturating_add(weight) <= self.backlog.most / 2;
                if has_room || state.is_over {
                    return self.put(&mut state, event, weight);
                }
            }
            was_read.await;
        }
    }

    /// Puts it behind what was said before. Nobody listening is no failure: the program is ending.
    fn put(&self, state: &mut State, event: Event, weight: usize) {
        if let Some(left_out) = state.left_out.take() {
            let _ = self.events.send((Event::LeftOut(left_out), 0));
        }
        state.held = state.held.saturating_add(weight);
        let _ = self.events.send((event, weight));
    }
}

impl Receiver {
    /// Waits until nothing more will be said.
    pub(super) fn last_said(&self) -> impl Future<Output = ()> + use<> {
        let backlog = Arc::downgrade(&self.backlog);
        async move {
            // The receiver itself is the one that stays.
            while backlog.strong_count() > 1 {
                tokio::time::sleep(REST).await;
            }
        }
    }

    /// Waits no longer than `time` for the next event and has it shown. It counts until it was shown.
    ///
    /// # Errors
    ///
    /// Nothing was said in that time, or no more will be said.
    pub(super) fn next_within<T>(
        &mut self,
        time: Duration,
        show: impl FnOnce(Event) -> T,
    ) -> Result<T, RecvTimeoutError> {
        let mut found = self.events.try_recv();
        let mut left = time;
        // A reader that has just read something sleeps a little before it waits to be woken: where much is said, to be woken for
        // each event takes more time than to show it.
        if found == Err(TryRecvError::Empty) && std::mem::take(&mut self.is_awake) {
            let nap = NAP.min(time);
            thread::sleep(nap);
            found = self.events.try_recv();
            left = time.saturating_sub(nap);
        }
        let (event, weight) = match found {
            Ok(held) => held,
            Err(TryRecvError::Empty) => self.events.recv_timeout(left)?,
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
        };
        self.is_awake = true;
        let shown = show(event);
        self.backlog.state.locked().held -= weight;
        self.backlog.was_read.notify_waiters();
        Ok(shown)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.backlog.state.locked().is_over = true;
        self.backlog.was_read.notify_waiters();
    }
}

impl LeftOutEvents {
    /// Counts an event that is left out.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is counted")]
    fn add(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::File(outcome) => {
                self.files += 1;
                match &outcome.copy {
                    Ok(copy) => {
                        self.bytes = self.bytes.saturating_add(copy.size.unwrap_or(0));
                        self.moved = self.moved.saturating_add(copy.bytes_moved());
                    }
                    Err(_) => self.failed += 1,
                }
            }
            Event::Failed(_) => self.failed += 1,
            Event::Found(found) => self.found = Some(*found),
            _ => {}
        }
    }
}

impl Event {
    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        weight(self).unwrap_or(SMALL)
    }
}

/// The memory that an event takes, in bytes: its texts, and a little more. `None`: there are few of its kind in a run, and nothing
/// else says the same, so it is kept.
#[expect(clippy::wildcard_enum_match_arm, reason = "there are few of the others")]
fn weight(event: &Event) -> Option<usize> {
    let texts = match event {
        Event::Plan { source, dest, .. } => source.len() + dest.len(),
        Event::File(outcome) if outcome.is_detached() => return None,
        Event::File(outcome) => {
            // Servers choose how long the identity of a file is.
            let identity = |copy: &FileCopy| copy.source.as_ref()?.unique.as_ref().map(String::len);
            let texts = outcome.copy.as_ref().map_or_else(weight_of, |copy| identity(copy).unwrap_or(0));
            outcome.source.len() + outcome.dest.len() + texts
        }
        Event::Path { why, account, .. } => {
            why.len() + account.as_ref().map_or(0, |account| account.tried.len() * SMALL)
        }
        Event::Progress(FileProgress { source, .. }) | Event::Arrived { source, .. } => source.len(),
        Event::Failed(FailedItem { source, dest, failure }) => source.len() + dest.len() + weight_of(failure),
        Event::Warning { message } | Event::Notice { message } => message.len(),
        Event::Repeated { site, why, message, .. } => {
            site.len() + why.as_ref().map_or(0, String::len) + message.len()
        }
        Event::Heading { place, .. } => place.len(),
        Event::Listed(listed) => listed.place.len() + listed.entry.name.as_bytes().len(),
        Event::Drawn(drawn) => drawn.branches.len() + 2 * drawn.shown.len(),
        Event::Changed(change) => change.place.len() + change.dest.as_ref().map_or(0, String::len),
        Event::Hashed(hashed) => hashed.place.len() + hashed.path.as_bytes().len() + SMALL,
        Event::Receipt(_, item, _) => item.place.source.len() + item.place.path.len(),
        Event::Dialogue { title, line, .. } => title.len() + line.len(),
        Event::Found(_) | Event::Together { .. } | Event::Jobs { .. } => 0,
        _ => return None,
    };
    Some(texts + SMALL)
}

/// The memory that the words of a failure take, in bytes.
fn weight_of(failure: &Failure) -> usize {
    [&failure.said, &failure.hint].into_iter().flatten().map(String::len).sum::<usize>() + failure.what.len()
}

/// How long what is said may wait for more, so that both are read together.
const NAP: Duration = Duration::from_millis(2);
/// How often a simulation looks whether more will be said.
const REST: Duration = Duration::from_millis(100);
/// The memory of an event without its texts, in bytes.
const SMALL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Rung;
    use crate::outcome::{FileOutcome, Verified};
    use ftp_proto::listing::{Facts, Kind};

    fn file(number: usize) -> Event {
        let copy = FileCopy { before: 4, ..FileCopy::moved(Some(10), Rung::Local, Verified::None) };
        let (source, dest) = (format!("{number:08}"), String::new());
        Event::File(Box::new(FileOutcome { source, dest, copy: Ok(copy) }))
    }

    /// The next event; `None` if there are no more.
    fn next(receiver: &mut Receiver) -> Option<Event> {
        receiver.next_within(Duration::MAX, |event| event).ok()
    }

    fn warning() -> Event {
        Event::Warning { message: "late".to_owned() }
    }

    #[test]
    fn what_nobody_reads_is_left_out_and_counted_until_half_of_the_rest_was_read() {
        let one = weight(&file(0)).unwrap();
        let (sender, mut receiver) = queue(10 * one);
        (0..1_000).for_each(|number| sender.say(file(number)));
        assert_eq!(sender.backlog.state.locked().held, 10 * one, "no more than the bound");
        let mut next = || next(&mut receiver);
        for number in 0..4 {
            assert_eq!(next(), Some(file(number)));
        }
        sender.say(warning());
        let left_out =
            LeftOutEvents { events: 991, files: 990, failed: 0, bytes: 9_900, moved: 5_940, found: None };
        assert_eq!(
            sender.backlog.state.locked().left_out,
            Some(left_out.clone()),
            "nothing more before half was read"
        );
        assert_eq!(next(), Some(file(4)));
        sender.say(warning());
        for number in 5..10 {
            assert_eq!(next(), Some(file(number)));
        }
        assert_eq!(next(), Some(Event::LeftOut(left_out)));
        assert_eq!(next(), Some(warning()));
        assert_eq!(sender.backlog.state.locked().held, 0);
    }

    #[test]
    fn what_servers_have_sent_counts() {
        let sent = Some("x".repeat(15_000));
        let source = Facts { unique: sent.clone(), ..Facts::of_kind(Kind::File) };
        let copied = FileCopy { source: Some(source), ..FileCopy::default() };
        let failed =
            Failure { said: sent.clone(), hint: sent, ..Failure::new(crate::failure::Kind::Refused, "no") };
        for (copy, size) in [(Ok(copied), 15_000), (Err(failed), 30_000)] {
            let outcome = FileOutcome { source: "a".to_owned(), dest: "b".to_owned(), copy };
            assert!(Event::File(Box::new(outcome)).size() > size);
        }
    }

    #[test]
    fn what_there_is_once_is_never_left_out() {
        let (sender, mut receiver) = queue(weight(&file(0)).unwrap());
        (0..3).for_each(|number| sender.say(file(number)));
        let causes = Event::Causes(Vec::new());
        sender.say(causes.clone());
        let mut next = || next(&mut receiver);
        assert_eq!(next(), Some(file(0)));
        assert!(matches!(next(), Some(Event::LeftOut(LeftOutEvents { events: 2, .. }))));
        assert_eq!(next(), Some(causes));
    }

    #[tokio::test]
    async fn what_somebody_has_asked_for_waits_for_its_reader() {
        let (sender, mut receiver) = queue(4 * weight(&file(0)).unwrap());
        let says = tokio::spawn(async move {
            for number in 0..1_000 {
                sender.deliver(file(number)).await;
            }
        });
        let reads =
            tokio::task::spawn_blocking(move || (0..).map_while(|_| next(&mut receiver)).collect::<Vec<_>>());
        says.await.unwrap();
        let read = reads.await.unwrap();
        assert_eq!(read, (0..1_000).map(file).collect::<Vec<_>>());
    }

    #[test]
    fn a_reader_waits_no_longer_than_it_wants() {
        let (sender, mut receiver) = queue(1_000_000);
        assert_eq!(receiver.next_within(Duration::ZERO, |_| ()), Err(RecvTimeoutError::Timeout));
        sender.say(warning());
        assert_eq!(receiver.next_within(Duration::MAX, |event| event), Ok(warning()));
        drop(sender);
        assert_eq!(receiver.next_within(Duration::MAX, |_| ()), Err(RecvTimeoutError::Disconnected));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_reader_that_is_gone() {
        let (sender, receiver) = queue(1);
        sender.deliver(file(0)).await;
        let waits = tokio::spawn(async move { sender.deliver(file(1)).await });
        drop(receiver);
        waits.await.unwrap();
    }
}
