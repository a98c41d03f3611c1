//! What programs of several hosts remember together of servers: documents in the database of the journal. Each is a text with a name.
//!
//! Whoever asks is about to open a session, and cannot go on without the answer. The wait has an end, and no thread of the scheduler
//! spends it.

use super::failure::{JournalFailure, Result};
use super::handle::Journal;
use super::queue::Queue;
use super::sql::{Sql, StoreError};
use super::table::MEMORY;
use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::simulated;
use ftp_proto::timer::Moment;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// A connection, once it was made. One that is lost makes itself again.
type Connection = Arc<Mutex<Option<Queue>>>;

/// The documents in the database of a journal. Clones share their connections, which the first questions make.
#[derive(Clone, Debug)]
pub struct SharedDocuments {
    journal: Journal,
    /// For what is read, which waits for nobody who writes.
    reads: Connection,
    /// For what is changed.
    changes: Connection,
    /// When somebody has waited in vain for the last time.
    silent_since: Arc<Mutex<Option<Moment>>>,
    clock: Clock,
    /// How long an answer may take.
    patience: Duration,
}

impl SharedDocuments {
    /// The documents beside the jobs of this journal.
    pub fn of(journal: Journal) -> Self {
        let (reads, changes, silent_since) = Default::default();
        Self { journal, reads, changes, silent_since, clock: Clock::start(), patience: PATIENCE }
    }

    /// The document of this name; `None` if there is none. Nobody who writes is waited for.
    ///
    /// # Errors
    ///
    /// The database cannot be read, or does not answer in time.
    pub fn read(&self, name: &'static str) -> Result<Option<String>> {
        self.ask(&self.reads, move |queue| queue.read(|store| find(&store.sql, name)))
    }

    /// Puts a document in the place of the one that was read. Returns whether that was done: another program may have been quicker.
    ///
    /// # Errors
    ///
    /// The database cannot be written, or does not answer in time. In the latter case it may be done all the same.
    pub fn replace(&self, name: &'static str, before: Option<String>, after: String) -> Result<bool> {
        self.ask(&self.changes, move |queue| {
            queue.write(|store| {
                let is_same = find(&store.sql, name)? == before;
                if is_same {
                    MEMORY.replace(&store.sql, &[name.into(), (&after).into()])?;
                }
                Ok(is_same)
            })
        })
    }

    /// Has a thread of its own do the work, and waits for it.
    fn ask<T: Send + 'static>(
        &self,
        connection: &Connection,
        work: impl FnOnce(&Queue) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // On a host of a simulation, whoever asks does the work.
        if simulated::host().is_some() {
            return connected(&self.journal, connection).and_then(|queue| work(&queue));
        }
        let silent_since = *self.silent_since.locked();
        if silent_since.is_some_and(|since| self.clock.now().since(since) < PAUSE_AFTER_SILENCE) {
            return Err(JournalFailure::Slow);
        }
        let (reply, answer) = sync_channel(1);
        let (journal, connection) = (self.journal.clone(), Arc::clone(connection));
        let asks = move || {
            // Nobody may wait any more.
            let _ = reply.send(connected(&journal, &connection).and_then(|queue| work(&queue)));
        };
        let answered = match thread::Builder::new().name("memory".to_owned()).spawn(asks) {
            Ok(_) => wait_aside(|| answer.recv_timeout(self.patience).ok()),
            Err(_) => None,
        };
        answered.unwrap_or_else(|| {
            *self.silent_since.locked() = Some(self.clock.now());
            Err(JournalFailure::Slow)
        })
    }
}

/// The connection, which is made if there is none.
fn connected(journal: &Journal, connection: &Connection) -> Result<Queue> {
    let mut connection = connection.locked();
    match &*connection {
        Some(queue) => Ok(queue.clone()),
        None => Ok(connection.insert(journal.queue()?).clone()),
    }
}

fn find(sql: &Sql, name: &str) -> Result<Option<String>, StoreError> {
    Ok(MEMORY.find(sql, "name = ?1", &[name.into()], |row| row.get(1))?.pop())
}

/// Waits on this thread. If it is one of a scheduler of several, the others take over what it would have done.
fn wait_aside<T>(waits: impl FnOnce() -> T) -> T {
    let scheduler = Handle::try_current();
    if scheduler.is_ok_and(|scheduler| scheduler.runtime_flavor() == RuntimeFlavor::MultiThread) {
        block_in_place(waits)
    } else {
        waits()
    }
}

/// How long an answer may take, with a new connection if there is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long nobody waits again after that.
const PAUSE_AFTER_SILENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::Store;
    use std::path::Path;
    use std::sync::mpsc::channel;
    use tokio::runtime::Builder;

    impl SharedDocuments {
        /// The documents of a database that stands for a directory.
        pub(crate) fn for_tests(directory: &Path) -> Self {
            let queue = Queue::of(Store::open_for_tests(directory).unwrap());
            let connection: Connection = Arc::new(Mutex::new(Some(queue)));
            let (reads, changes) = (Arc::clone(&connection), connection);
            Self { reads, changes, ..Self::of(Journal::default()) }
        }

        /// Those of a database that cannot be reached.
        pub(crate) fn away_for_tests() -> Self {
            Self::of(Journal::at(Some("/dev/null/away".into()), |_| None))
        }

        /// Writes a text that nobody has written so.
        pub(crate) fn damage_for_tests(&self, name: &'static str, text: &str) {
            let before = self.read(name).unwrap();
            assert!(self.replace(name, before, text.to_owned()).unwrap());
        }
    }

    #[test]
    fn a_document_is_replaced_by_whoever_has_seen_the_last_one() {
        let home = tempfile::tempdir().unwrap();
        let [one, two] = [(); 2].map(|()| SharedDocuments::for_tests(home.path()));
        assert_eq!(one.read("x"), Ok(None));
        assert_eq!(one.replace("x", None, "[1]".to_owned()), Ok(true));
        assert_eq!(two.replace("x", None, "[2]".to_owned()), Ok(false));
        assert_eq!(two.read("x"), Ok(Some("[1]".to_owned())));
        assert_eq!(two.replace("x", two.read("x").unwrap(), "[2]".to_owned()), Ok(true));
        assert_eq!([one.read("x"), one.read("y")], [Ok(Some("[2]".to_owned())), Ok(None)]);
    }

    #[test]
    fn a_document_that_has_changed_on_the_disk_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let memory = SharedDocuments::for_tests(home.path());
        assert_eq!(memory.replace("x", None, "[1]".to_owned()), Ok(true));
        let store = Store::open_for_tests(home.path()).unwrap();
        store.sql.execute("UPDATE memory SET value = '[2]'", &[]).unwrap();
        assert!(matches!(memory.read("x"), Err(JournalFailure::Damaged { .. })));
        let replaced = memory.replace("x", Some("[2]".to_owned()), "[3]".to_owned());
        assert!(matches!(replaced, Err(JournalFailure::Damaged { .. })));
    }

    #[test]
    fn whoever_waits_in_vain_keeps_nobody_else_waiting() {
        let home = tempfile::tempdir().unwrap();
        let memory = SharedDocuments {
            patience: Duration::from_millis(500),
            ..SharedDocuments::for_tests(home.path())
        };
        // Somebody has the connection, as if the database did not answer.
        let connection = Arc::clone(&memory.reads);
        let held = connection.locked();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (asks, (began, begun)) = (memory.clone(), channel());
        let asked = runtime.spawn(async move {
            began.send(()).unwrap();
            asks.read("x")
        });
        begun.recv().unwrap();
        // The only thread of the scheduler waits, and others do its work.
        runtime.block_on(runtime.spawn(async {})).unwrap();
        assert!(!asked.is_finished());
        assert_eq!(runtime.block_on(asked).unwrap(), Err(JournalFailure::Slow));
        let began = memory.clock.now();
        assert_eq!(memory.read("x"), Err(JournalFailure::Slow));
        assert!(memory.clock.now().since(began) < memory.patience, "it is not waited for again at once");
        drop(held);
        *memory.silent_since.locked() = None;
        assert_eq!(memory.read("x"), Ok(None));
    }
}
