//! The connection on its thread: opened, opened again after a loss, and asked.

use super::super::{OwnedValue, Result, StoreError};
use super::pipeline::{
    FoundRows, Prepared, Ready, Select, TransactionLock, Write, Writes, arrays_of, ask_all, borrowed,
    lock_and_write, together, values_of,
};
use super::statement::{Translated, for_many, translate};
use super::stream::{Tls, connect};
use super::{CHANNEL, LockKey, NAMES};
use crate::journal::password::Password;
use crate::journal::url::{PostgresUrl, SslMode};
use ftp_io::connection::Connection;
use ftp_io::lock::Lock;
use std::collections::{BTreeSet, HashMap};
use std::future::{Future, poll_fn};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, config};

/// How a database is reached.
#[derive(Clone, Debug)]
pub(in crate::journal) struct Parameters {
    /// Where it is, and whose it is.
    pub(in crate::journal) url: PostgresUrl,
    /// The password of the user; `None` if none is known.
    pub(in crate::journal) password: Option<Password>,
}

/// What is asked of the thread.
#[derive(Debug)]
pub(super) struct Request {
    /// The transaction gets this lock before it.
    pub(super) lock: Option<TransactionLock>,
    /// What is carried out before it.
    pub(super) before: Vec<Write>,
    pub(super) work: Work,
    pub(super) reply: SyncSender<Result<Answer>>,
}

/// What the connection does.
#[derive(Debug)]
pub(super) enum Work {
    /// A statement that returns no rows.
    Execute { statement: String, values: Vec<OwnedValue> },
    /// Questions, which are asked together.
    Query(Vec<Select>),
    /// Statements without values.
    Batch(String),
    /// The transaction ends, and its results stay: they are on the disk then, if it has any. With `notifies`, those who listen are told.
    Commit { has_changed: bool, notifies: bool },
    /// The transaction is given up.
    RollBack,
    /// A lock is taken if nobody has it.
    Lock(LockKey),
    /// It is released.
    Unlock(LockKey),
    /// From now on this one is told what other connections notify.
    Listen(Arc<Notify>),
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// What each question has found.
    pub(super) rows: Vec<FoundRows>,
    /// The number of rows that were written or deleted, or of locks that were taken.
    pub(super) changed: u64,
    /// When a transaction has got a lock with it, in seconds since 1970.
    pub(super) time: Option<u64>,
}

/// Answers requests until nobody can ask any more.
pub(super) fn serve(parameters: Parameters, mut requests: UnboundedReceiver<Request>) {
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async move {
        let mut session = Session::new(parameters);
        while let Some(request) = requests.recv().await {
            let Request { lock, before, work, reply } = request;
            let _ = reply.send(session.perform(lock, before, work).await);
        }
    });
}

/// The connection, and what belongs to it.
struct Session {
    parameters: Parameters,
    /// `None` before the first request, and after a loss.
    client: Option<Client>,
    statements: HashMap<String, Prepared>,
    /// The locks that the connection has.
    locks: BTreeSet<LockKey>,
    /// Whether a transaction has begun and not ended: it is lost with the connection.
    is_in_transaction: bool,
    notifications: Arc<Mutex<Notifications>>,
}

/// Who is told what other connections notify.
#[derive(Default)]
struct Notifications {
    heard: Option<Arc<Notify>>,
    /// The process that the server has for this connection, or had for the last one; 0 before the first.
    backend: i32,
}

/// Keeps a connection going until it ends.
fn attend<S, T>(mut connection: tokio_postgres::Connection<S, T>, notifications: Arc<Mutex<Notifications>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    drop(tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            let notifications = notifications.locked();
            if let (AsyncMessage::Notification(one), Some(heard)) = (message, &notifications.heard)
                && one.process_id() != notifications.backend
            {
                heard.notify_one();
            }
        }
    }));
}

impl Session {
    fn new(parameters: Parameters) -> Self {
        let (statements, locks) = (HashMap::new(), BTreeSet::new());
        let (client, notifications) = (None, Arc::default());
        Self { parameters, client, statements, locks, is_in_transaction: false, notifications }
    }

    async fn perform(
        &mut self,
        lock: Option<TransactionLock>,
        before: Vec<Write>,
        work: Work,
    ) -> Result<Answer> {
        let is_end = matches!(work, Work::Commit { .. } | Work::RollBack);
        let was_in_transaction = self.is_in_transaction;
        self.is_in_transaction = (was_in_transaction || lock.is_some()) && !is_end;
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.client = None;
            if let Work::Unlock(key) = work {
                self.locks.remove(&key);
                return Ok(Answer::default());
            }
            if matches!(work, Work::RollBack) {
                return Ok(Answer::default());
            }
            if was_in_transaction {
                return Err(StoreError::Database(LOST.to_owned()));
            }
            self.connect().await?;
        }
        let Ok(done) = tokio::time::timeout(LONGEST, self.carry_out(lock, before, work)).await else {
            // Whatever it answers now belongs to no request.
            self.client = None;
            return Err(StoreError::Database("it does not answer".to_owned()));
        };
        done
    }

    /// Carries out the statements and then the work. A question goes to the server together with them, and so does the end of the
    /// transaction, which the server refuses if one of them has failed.
    async fn carry_out(
        &mut self,
        mut lock: Option<TransactionLock>,
        before: Vec<Write>,
        work: Work,
    ) -> Result<Answer> {
        let mut writes = Vec::with_capacity(before.len());
        for Writes { statement, all, rows } in together(before) {
            writes.extend(self.ready(&statement, &all).await?.into_iter().map(|ready| (ready, rows)));
        }
        let go_together = match work {
            Work::Query(_) => true,
            // Only this side knows how many rows have to change.
            Work::Commit { .. } => writes.iter().all(|(_, rows)| rows.is_none()),
            Work::Execute { .. }
            | Work::Batch(_)
            | Work::RollBack
            | Work::Lock(_)
            | Work::Unlock(_)
            | Work::Listen(_) => false,
        };
        let mut time = None;
        if !go_together {
            time = lock_and_write(self.client()?, lock.take(), std::mem::take(&mut writes)).await?;
        }
        let answer = match work {
            Work::Execute { statement, values } => self.execute(statement, &values).await,
            Work::Query(questions) => {
                let mut asked = Vec::with_capacity(questions.len());
                for Select { statement, all } in questions {
                    asked.push(self.ready(&statement, &all).await?);
                }
                let client = self.client()?;
                let started = lock_and_write(client, lock, writes);
                let (time, rows) = tokio::try_join!(biased; started, ask_all(client, asked))?;
                Ok(Answer { rows, time, ..Answer::default() })
            }
            Work::Batch(statements) => self.batch(&statements).await,
            // COMMIT alone would roll back a failed transaction without an error. The statement before it reports the failure.
            Work::Commit { has_changed, notifies } => {
                let first = if notifies { format!("NOTIFY {CHANNEL}") } else { "SELECT 1".to_owned() };
                let wait = if has_changed { WAIT_FOR_DISK } else { "" };
                let end = format!("{first}; COMMIT; {wait}");
                let started = lock_and_write(self.client()?, lock, writes);
                tokio::try_join!(biased; started, self.batch(&end)).map(|(_, ended)| ended)
            }
            Work::RollBack => self.batch("ROLLBACK").await,
            Work::Lock(key) => self.lock(key).await,
            Work::Unlock(key) => {
                self.locks.remove(&key);
                let suffix = key.suffix();
                self.batch(&format!("SELECT pg_advisory_unlock{suffix}({})", key.parameters())).await
            }
            Work::Listen(heard) => {
                self.notifications.locked().heard = Some(heard);
                self.batch(&format!("LISTEN {CHANNEL}")).await
            }
        }?;
        Ok(Answer { time: time.or(answer.time), ..answer })
    }

    fn client(&self) -> Result<&Client> {
        self.client.as_ref().ok_or_else(|| StoreError::Database("there is no connection to it".to_owned()))
    }

    async fn batch(&self, statements: &str) -> Result<Answer> {
        if !statements.is_empty() {
            self.client()?.batch_execute(statements).await?;
        }
        Ok(Answer::default())
    }

    async fn execute(&mut self, statement: String, values: &[OwnedValue]) -> Result<Answer> {
        let prepared = self.prepared(&statement, || translate(&statement)).await?;
        let values = values_of(&prepared, values)?;
        let changed = self.client()?.execute(&prepared.statement, &borrowed(&values)).await?;
        Ok(Answer { changed, ..Answer::default() })
    }

    /// The statement with all of these values: once if the server can do that, or else with each of them.
    async fn ready(&mut self, statement: &str, all: &[Vec<OwnedValue>]) -> Result<Vec<Ready>> {
        let prepared = self.prepared(statement, || translate(statement)).await?;
        if all.len() > 1
            && let Some(text) = for_many(statement, prepared.statement.params())
        {
            let translated = || Translated { text: text.clone(), values: prepared.values.clone() };
            let Prepared { statement, .. } = self.prepared(&text, translated).await?;
            let (values, times) = (arrays_of(&prepared, all)?, all.len() as u64);
            return Ok(vec![Ready { statement, values, times }]);
        }
        let ready = |values: &Vec<OwnedValue>| {
            let (statement, values) = (prepared.statement.clone(), values_of(&prepared, values)?);
            Ok(Ready { statement, values, times: 1 })
        };
        all.iter().map(ready).collect()
    }

    async fn prepared(
        &mut self,
        statement: &str,
        translate: impl FnOnce() -> Translated,
    ) -> Result<Prepared> {
        if let Some(known) = self.statements.get(statement) {
            return Ok(known.clone());
        }
        let Translated { text, values } = translate();
        let prepared = Prepared { statement: self.client()?.prepare(&text).await?, values };
        if self.statements.len() >= STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// Takes a lock. The server would let this connection take its own lock again.
    async fn lock(&mut self, key: LockKey) -> Result<Answer> {
        let is_free = !self.locks.contains(&key) && try_lock(self.client()?, key).await?;
        if is_free {
            self.locks.insert(key);
        }
        Ok(Answer { changed: is_free.into(), ..Answer::default() })
    }

    /// Connects. Of the locks that were lost with the connection before, those of the queue and of the name are taken again. A job
    /// is lost with its lock: another process may have carried it meanwhile.
    async fn connect(&mut self) -> Result<()> {
        self.statements.clear();
        if self.locks.iter().any(|key| matches!(key, LockKey::Job(_))) {
            return Err(StoreError::Database(LOST.to_owned()));
        }
        let client = within(open(&self.parameters, &self.notifications)).await?;
        within(async { Ok(client.batch_execute(SETTINGS).await?) }).await?;
        let (backend, may_emit) = within(async {
            let row = client.query_one(WHO_AM_I, &[]).await?;
            Ok((row.try_get(0)?, row.try_get::<_, Option<bool>>(1)?))
        })
        .await?;
        if may_emit != Some(true) {
            let why = "its user may not execute pg_logical_emit_message, by which a commit waits for the disk: GRANT EXECUTE ON FUNCTION pg_logical_emit_message(boolean, text, text) TO that user";
            return Err(StoreError::Database(why.to_owned()));
        }
        let last = self.notifications.locked().backend;
        for key in &self.locks {
            if !within(lock_again(&client, *key, last)).await? {
                let why = "the connection to it was lost, and another process has taken the lock meanwhile";
                return Err(StoreError::Database(why.to_owned()));
            }
        }
        self.notifications.locked().backend = backend;
        let heard = self.notifications.locked().heard.clone();
        if let Some(heard) = heard {
            within(async { Ok(client.batch_execute(&format!("LISTEN {CHANNEL}")).await?) }).await?;
            // Something may have been notified meanwhile.
            heard.notify_one();
        }
        self.client = Some(client);
        Ok(())
    }
}

/// Waits for the server no longer than for any answer.
async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| StoreError::Database("it does not answer".to_owned());
    tokio::time::timeout(LONGEST_CONNECT, work).await.map_err(late)?
}

async fn try_lock(client: &Client, key: LockKey) -> Result<bool> {
    let suffix = key.suffix();
    let ask = format!("SELECT pg_try_advisory_lock{suffix}({})", key.parameters());
    let row = client.query_one(&ask, &[]).await?;
    Ok(row.try_get(0)?)
}

/// Takes a lock that was lost with the connection before. A server that was cut off may still have the process of that connection,
/// `last`, with the lock of a name, and is told to end it.
async fn lock_again(client: &Client, key: LockKey, last: i32) -> Result<bool> {
    let is_locked = try_lock(client, key).await?;
    let LockKey::Name(number) = key else { return Ok(is_locked) };
    if is_locked {
        return Ok(true);
    }
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = $1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND CAST(classid AS BIGINT) = {NAMES} AND CAST(objid AS BIGINT) = {number}"
    );
    if client.query(&end, &[&last]).await?.is_empty() {
        return Ok(false);
    }
    // The caller sets an end to this.
    while !try_lock(client, key).await? {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(true)
}

/// Connects to the server. A server that refuses TLS, or fails in it, is asked again without if the mode permits that.
async fn open(parameters: &Parameters, notifications: &Arc<Mutex<Notifications>>) -> Result<Client> {
    let url = &parameters.url;
    let mode = url.ssl;
    if mode == SslMode::Disable || url.host.is_directory() {
        return begin(parameters, config::SslMode::Disable, notifications).await;
    }
    let strict = if mode == SslMode::Prefer { config::SslMode::Prefer } else { config::SslMode::Require };
    match begin(parameters, strict, notifications).await {
        Err(_) if mode == SslMode::Prefer => begin(parameters, config::SslMode::Disable, notifications).await,
        done => done,
    }
}

async fn begin(
    parameters: &Parameters,
    mode: config::SslMode,
    notifications: &Arc<Mutex<Notifications>>,
) -> Result<Client> {
    let url = &parameters.url;
    let refused = |error: std::io::Error| StoreError::Database(ftp_io::os_error::words(&error));
    let stream: Connection = connect(parameters).await.map_err(refused)?;
    let mut config = Config::new();
    config.user(&url.user).dbname(&url.database).application_name("ftp-user").ssl_mode(mode);
    if let Some(password) = &parameters.password {
        config.password(password.bytes());
    }
    if mode == config::SslMode::Disable {
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        attend(connection, Arc::clone(notifications));
        return Ok(client);
    }
    let tls = Tls::new(url.ssl, &url.host, url.roots.as_deref()).map_err(refused)?;
    let (client, connection) = config.connect_raw(stream, tls).await?;
    attend(connection, Arc::clone(notifications));
    Ok(client)
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let damage = [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED];
        if let Some(said) = error.as_db_error() {
            let text = said.message().to_owned();
            return if damage.contains(said.code()) { Self::Damaged(text) } else { Self::Database(text) };
        }
        if error.is_closed() {
            return Self::Database(LOST.to_owned());
        }
        // The library says what it did, and its cause says what came of that.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::Database(format!("{error}{}", cause.unwrap_or_default()))
    }
}

const LOST: &str = "the connection to it was lost";
/// Waits for the disk after the commit, when others have the lock of all rows already. The server writes its log in order: when this
/// transaction of its own is there, so is everything that was committed before. It has to write something, and is the smallest that
/// does. One sync serves all connections that wait.
pub(super) const WAIT_FOR_DISK: &str = "SELECT pg_logical_emit_message(true, 'ftp-user', CAST('' AS TEXT))";
/// Asks for the process of the connection, and whether its user may carry out [`WAIT_FOR_DISK`].
const WHO_AM_I: &str =
    "SELECT pg_backend_pid(), (SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc
    WHERE proname = 'pg_logical_emit_message')";
/// What holds for every connection. A statement outside of a transaction returns when it is on the disk, as a commit does after
/// [`WAIT_FOR_DISK`]. A host that vanishes keeps its locks no longer than some 30 seconds, and a process that was stopped in a
/// transaction keeps others from writing for less than they wait. Statements find their rows by indexes: the server plans a statement
/// once and keeps the plan, and one that it has made while a table was small would read all of the table when it is large. A table that
/// has no index for a statement counts as so large then that the server would compile the plan (`jit`), which takes a hundred times as
/// long as to carry it out. A transaction sees what others have committed while it waited for its lock, whatever the default of the
/// database is.
const SETTINGS: &str = "
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET default_transaction_isolation = 'read committed'; SET synchronous_commit = on;
    SET search_path = ftp_user; SET client_min_messages = error;
    SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '8s';
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4;";
/// How long an answer may take: longer than the server lets a statement run.
const LONGEST: Duration = Duration::from_secs(40);
/// The same for each step of a connection that is opened.
const LONGEST_CONNECT: Duration = Duration::from_secs(10);
/// The pause before a lock is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// The number of statements that are kept prepared.
const STATEMENTS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::sql::{Driver, PostgresConnection};

    impl Parameters {
        /// A database of the server at `url` that stands for a directory. It is made if it is not there.
        pub(in crate::journal) fn for_tests(url: &str, directory: &std::path::Path) -> Self {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut number = DefaultHasher::new();
            directory.hash(&mut number);
            let Ok(crate::journal::StoreUrl::Postgres(mut url)) = url.parse() else {
                panic!("it is not a server: {url}")
            };
            let admin = Self { url: url.clone(), password: None };
            url.database = format!("test_{:016x}", number.finish());
            let create = format!("CREATE DATABASE {} TEMPLATE template0", url.database);
            // It may be there.
            let _ = PostgresConnection::open(admin).unwrap().run_all(&create);
            Self { url, password: None }
        }
    }
}
