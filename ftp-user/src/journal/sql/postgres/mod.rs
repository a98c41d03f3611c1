//! The driver of PostgreSQL: a thread owns the connection, and whoever asks waits for its answer. So it works from every thread,
//! whether a runtime runs there or not.
//!
//! | file | what |
//! |---|---|
//! | `session` | the connection on its thread: opened, opened again after a loss, and asked |
//! | `pipeline` | statements that are sent without waiting for those before them |
//! | `stream` | sockets and TLS of it |
//! | `statement` | statements as PostgreSQL wants them |
//! | `convert` | values of rows, to the server and back |

mod convert;
mod pipeline;
mod session;
mod statement;
mod stream;

pub(in crate::journal) use session::Parameters;

use super::{Driver, EachRow, EachRowOf, OwnedValue, Result, Row, StoreError, Value};
use crate::id::JobId;
use crate::queue::Lease;
use pipeline::{FoundRows, Select, TransactionLock, Write};
use session::{Answer, Request, Work};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A connection to a database.
#[derive(Debug)]
pub(in crate::journal) struct PostgresConnection {
    requests: Requests,
    changes: Cell<u64>,
    /// What the server gets of the transaction together with the next question; `None` outside of a transaction.
    unsent: RefCell<Option<UnsentWork>>,
    /// When the transaction that goes on has got its last lock, in seconds since 1970, if the server has told that.
    begun: Cell<Option<u64>>,
    /// What is sent together with the next question.
    ahead: RefCell<QuestionsAhead>,
}

/// Questions that are sent before they are asked.
#[derive(Debug, Default)]
struct QuestionsAhead {
    /// Whether questions are only recorded.
    is_recording: bool,
    questions: Vec<Select>,
    /// Those that were sent, and the answers.
    answers: Vec<(Select, FoundRows)>,
}

/// What has been asked for in a transaction, and not sent.
#[derive(Debug, Default)]
struct UnsentWork {
    /// Whether the server knows of the transaction.
    has_begun: bool,
    /// The lock that it needs before the next question.
    lock: Option<LockKey>,
    /// Whether those who listen are told of it when it ends.
    notifies: bool,
    writes: Vec<Write>,
}

/// Asks the thread of a connection. The connection is closed when the last of them is gone.
#[derive(Clone, Debug)]
struct Requests(UnboundedSender<Request>);

/// What an advisory lock is for. All of them belong to one database.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::journal) enum LockKey {
    /// A job: whoever has it carries the job.
    Job(JobId),
    /// The queue: all that carry jobs of it have it together.
    Daemon,
    /// The tables: whoever has it makes or changes them.
    Tables,
    /// The rows: whoever has it writes them.
    Writer,
    /// Whoever has it looks for jobs to take.
    Taker,
    /// A name of a worker, by its checksum: the worker of this name has it.
    Name(u32),
}

/// A lock of a connection. Dropping it releases it, and so does the end of the connection.
#[derive(Debug)]
pub(in crate::journal) struct SessionLock {
    requests: Requests,
    key: LockKey,
}

impl LockKey {
    /// The end of the names of its functions: several connections may have the lock of the queue together.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Daemon => "_shared",
            Self::Job(_) | Self::Tables | Self::Writer | Self::Taker | Self::Name(_) => "",
        }
    }

    /// The parameters of the functions of advisory locks. A job has a number of 64 bits, everything else two of 32 bits: those
    /// never meet.
    fn parameters(self) -> String {
        let own = |number: i32| format!("{OWN}, {number}");
        match self {
            Self::Job(job) => job.number().cast_signed().to_string(),
            Self::Writer => own(WRITER),
            Self::Taker => own(TAKER),
            Self::Daemon => own(DAEMON),
            Self::Tables => own(TABLES),
            Self::Name(number) => format!("{NAMES}, {}", number.cast_signed()),
        }
    }
}

impl Requests {
    fn ask(&self, work: Work) -> Result<Answer> {
        self.ask_after(None, Vec::new(), work)
    }

    /// Gets a lock for the transaction, which begins with it if none goes on, has these statements carried out, and then the work.
    fn ask_after(&self, lock: Option<TransactionLock>, before: Vec<Write>, work: Work) -> Result<Answer> {
        let gone = || StoreError::Database("the thread of its connection has ended".to_owned());
        let (reply, answer) = sync_channel(1);
        self.0.send(Request { lock, before, work, reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl PostgresConnection {
    /// Connects to a database.
    pub(in crate::journal) fn open(parameters: Parameters) -> Result<Self> {
        let (requests, asked) = unbounded_channel();
        let serve = move || session::serve(parameters, asked);
        let thread = thread::Builder::new().name("postgres".to_owned()).spawn(serve);
        thread.map_err(|error| StoreError::Database(error.to_string()))?;
        let requests = Requests(requests);
        requests.ask(Work::Batch(String::new()))?;
        let (changes, unsent, begun, ahead) = Default::default();
        Ok(Self { requests, changes, unsent, begun, ahead })
    }

    /// Asks, after what was not sent yet.
    fn ask(&self, work: Work) -> Result<Answer> {
        let (lock, before) = match &mut *self.unsent.borrow_mut() {
            Some(unsent) => {
                let begins = !std::mem::replace(&mut unsent.has_begun, true);
                let lock = unsent.lock.take().map(|key| TransactionLock { key, begins });
                (lock, std::mem::take(&mut unsent.writes))
            }
            None => (None, Vec::new()),
        };
        let answer = self.requests.ask_after(lock, before, work)?;
        if lock.is_some() {
            self.begun.set(answer.time);
        }
        Ok(answer)
    }

    /// The rows that a question finds. Recorded ones are sent with it.
    fn answer(&self, question: Select) -> Result<FoundRows> {
        let mut ahead = self.ahead.borrow_mut();
        if ahead.is_recording {
            ahead.questions.push(question);
            return Ok(FoundRows::new());
        }
        if let Some(at) = ahead.answers.iter().position(|(known, _)| *known == question) {
            return Ok(ahead.answers.swap_remove(at).1);
        }
        let questions = std::mem::take(&mut ahead.questions);
        let all = [&[question][..], &questions].concat();
        let mut found = self.ask(Work::Query(all))?.rows.into_iter();
        let first = found.next().unwrap_or_default();
        ahead.answers.extend(questions.into_iter().zip(found));
        Ok(first)
    }

    /// Forgets the transaction. Returns whether the server knows of it.
    fn forget_transaction(&self) -> bool {
        self.begun.set(None);
        self.ahead.take();
        self.unsent.take().is_some_and(|unsent| unsent.has_begun)
    }

    /// Writes before the next question or the end of the transaction. So many rows have to change, if that is known.
    fn write_rows(&self, statement: &str, values: &[Value<'_>], rows: Option<u64>) -> Result<()> {
        self.changes.set(self.changes.get().saturating_add(1));
        self.ahead.borrow_mut().answers.clear();
        let write = Write { statement: statement.to_owned(), values: owned(values), rows };
        match &mut *self.unsent.borrow_mut() {
            Some(unsent) => {
                unsent.writes.push(write);
                if unsent.writes.len() < MOST_UNSENT {
                    return Ok(());
                }
            }
            None => return self.requests.ask_after(None, vec![write], Work::Batch(String::new())).map(drop),
        }
        self.ask(Work::Batch(String::new())).map(drop)
    }

    /// Waits for a lock that the transaction keeps until it ends.
    pub(in crate::journal) fn lock_until_commit(&self, key: LockKey) -> Result<()> {
        self.run_all(&format!("SELECT pg_advisory_xact_lock({})", key.parameters()))
    }

    /// Takes a lock, which this connection keeps. `None`: somebody has it, which may be this connection.
    pub(in crate::journal) fn lock(&self, key: LockKey) -> Result<Option<SessionLock>> {
        let taken = self.requests.ask(Work::Lock(key))?.changed > 0;
        Ok(taken.then(|| SessionLock { requests: self.requests.clone(), key }))
    }

    /// Ends the connection that has the lock of a job of which somebody else has this lease, and waits until it has ended, as long as
    /// that takes a server that is well.
    pub(in crate::journal) fn end_holder(&self, lease: Lease) -> Result<()> {
        let Lease { job, worker, fence, part: _ } = lease;
        let end = IS_LOCKED.replacen(
            "SELECT 1",
            "SELECT CAST(CAST(pg_terminate_backend(pid) AS INTEGER) AS BIGINT)",
            1,
        ) + " AND EXISTS (SELECT 1 FROM leases WHERE job = ?4 AND worker = ?5 AND fence = ?6)";
        let [form, above, below] = key_of(job);
        let values = [form, above, below, job.into(), worker.into(), fence.into()];
        self.query(&end, &values, &mut |_| Ok(()))?;
        for _ in 0..LOOKS {
            if !self.is_locked(job)? {
                break;
            }
            self.run_all("SELECT pg_sleep(0.02)")?;
        }
        Ok(())
    }

    /// Whether a connection has the lock of a job.
    pub(in crate::journal) fn is_locked(&self, job: JobId) -> Result<bool> {
        self.finds(IS_LOCKED, &key_of(job))
    }

    /// Whether this connection has the lock of a job.
    pub(in crate::journal) fn has_own_lock(&self, job: JobId) -> Result<bool> {
        self.finds(&format!("{IS_LOCKED} AND pid = pg_backend_pid()"), &key_of(job))
    }

    /// Whether a connection has the lock of whoever carries the queue.
    pub(in crate::journal) fn has_daemon(&self) -> Result<bool> {
        let key = [TWO_NUMBERS, OWN.unsigned_abs().into(), DAEMON.unsigned_abs().into()];
        self.finds(IS_LOCKED, &key.map(Value::from))
    }

    /// Whether a question finds a row.
    fn finds(&self, ask: &str, values: &[Value<'_>]) -> Result<bool> {
        let mut finds = false;
        self.query(ask, values, &mut |_| {
            finds = true;
            Ok(())
        })?;
        Ok(finds)
    }
}

impl Driver for PostgresConnection {
    fn write(&self, statement: &str, values: &[Value<'_>]) -> Result<()> {
        self.write_rows(statement, values, None)
    }

    fn write_one(&self, statement: &str, values: &[Value<'_>]) -> Result<()> {
        self.write_rows(statement, values, Some(1))
    }

    fn execute(&self, statement: &str, values: &[Value<'_>]) -> Result<u64> {
        let work = Work::Execute { statement: statement.to_owned(), values: owned(values) };
        self.ahead.borrow_mut().answers.clear();
        let changed = self.ask(work)?.changed;
        self.changes.set(self.changes.get().saturating_add(changed));
        Ok(changed)
    }

    fn query(&self, statement: &str, values: &[Value<'_>], each: EachRow<'_>) -> Result<()> {
        self.query_each(statement, &[values], &mut |_, row| each(row))
    }

    fn query_each(&self, statement: &str, all: &[&[Value<'_>]], each: EachRowOf<'_>) -> Result<()> {
        let all = all.iter().map(|values| owned(values)).collect();
        let found = self.answer(Select { statement: statement.to_owned(), all })?;
        found.iter().try_for_each(|(number, row)| each(*number, &Row::Postgres(row)))
    }

    fn record_questions(&self, work: &mut dyn FnMut()) {
        self.ahead.borrow_mut().is_recording = true;
        work();
        self.ahead.borrow_mut().is_recording = false;
    }

    fn run_all(&self, statements: &str) -> Result<()> {
        self.ahead.borrow_mut().answers.clear();
        self.ask(Work::Batch(statement::table(statements))).map(drop)
    }

    /// All of a transaction has one time.
    fn now(&self) -> Result<u64> {
        let driver: &dyn Driver = self;
        match self.begun.get() {
            Some(begun) => Ok(begun),
            None => driver.one(NOW, &[], |row| row.get(0)),
        }
    }

    fn notify(&self) -> Result<()> {
        match &mut *self.unsent.borrow_mut() {
            Some(unsent) => unsent.notifies = true,
            None => self.requests.ask(Work::Batch(format!("NOTIFY {CHANNEL}"))).map(drop)?,
        }
        Ok(())
    }

    fn listen(&self, heard: Arc<Notify>) -> Result<()> {
        self.requests.ask(Work::Listen(heard)).map(drop)
    }

    /// Whoever writes has the lock of all rows until the transaction ends, as in SQLite: keys, the number of the last change and
    /// claims are found with statements that see each other's results only then. The lock is gone before the disk has been waited for.
    /// The server hears of the transaction together with its first question.
    fn begin(&self) -> Result<()> {
        self.ahead.borrow_mut().answers.clear();
        self.unsent.borrow_mut().get_or_insert_default().lock = Some(LockKey::Writer);
        Ok(())
    }

    /// The look and what comes of it are one transaction. Most looks do not get the lock, so it is tried before in a statement alone,
    /// after which the server gives it back.
    fn begin_look(&self) -> Result<bool> {
        let ask = format!("SELECT 1 WHERE pg_try_advisory_xact_lock({})", LockKey::Taker.parameters());
        if !self.finds(&ask, &[])? {
            return Ok(false);
        }
        *self.unsent.borrow_mut() = Some(UnsentWork { lock: Some(LockKey::Taker), ..UnsentWork::default() });
        self.ask(Work::Batch(String::new()))?;
        Ok(self.begun.get().is_some())
    }

    fn commit(&self, has_changed: bool) -> Result<()> {
        let notifies = self.unsent.borrow().as_ref().is_some_and(|unsent| unsent.notifies);
        self.ask(Work::Commit { has_changed, notifies })?;
        self.forget_transaction();
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        self.requests.ask(Work::Batch(session::WAIT_FOR_DISK.to_owned())).map(drop)
    }

    fn roll_back(&self) {
        if self.forget_transaction() {
            let _ = self.ask(Work::RollBack);
        }
    }

    fn order_of_paths(&self) -> &'static str {
        "substr(path, 1, 1024), path"
    }

    fn changes(&self) -> u64 {
        self.changes.get()
    }
}

fn owned(values: &[Value<'_>]) -> Vec<OwnedValue> {
    values.iter().copied().map(OwnedValue::from).collect()
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        // If the connection is lost, so is the lock.
        let _ = self.requests.ask(Work::Unlock(self.key));
    }
}

/// The first half of the keys of locks that are not those of jobs: `FTPU` in ASCII.
const OWN: i32 = 0x4654_5055;
/// The first half of the keys of names.
const NAMES: i32 = OWN + 1;
/// The second halves of the keys that begin with `OWN`: of whoever writes, carries the queue, makes the tables, or looks
/// for jobs.
const WRITER: i32 = 1;
const DAEMON: i32 = 2;
const TABLES: i32 = 3;
const TAKER: i32 = 4;
/// The channel of notifications.
const CHANNEL: &str = "ftp_user";
/// Asks for the time, in seconds since 1970.
const NOW: &str = "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT)";
/// The largest number of statements that wait for the next question.
const MOST_UNSENT: usize = 2048;
/// How often the server is asked whether a connection has ended.
const LOOKS: u32 = 100;
/// How the server notes a key of one number of 64 bits, and one of two numbers of 32.
const ONE_NUMBER: u64 = 1;
const TWO_NUMBERS: u64 = 2;
/// Asks for a lock by the form of its key and the two halves.
const IS_LOCKED: &str = "
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND CAST(objsubid AS BIGINT) = ?1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND CAST(classid AS BIGINT) = ?2 AND CAST(objid AS BIGINT) = ?3";

/// The form of the key of a job, and its two halves.
fn key_of(job: JobId) -> [Value<'static>; 3] {
    [ONE_NUMBER, job.number() >> 32, job.number() & u64::from(u32::MAX)].map(Value::from)
}
