//! The store of several hosts: a PostgreSQL database.
//!
//! What a state directory has beside its tables is not needed here: the locks of jobs are locks of connections, and the server keeps
//! what was committed.

use super::failure::{JournalFailure, StoreName};
use super::job_row::JobRow;
use super::sql::{LockKey, Parameters, PostgresConnection, Result, Sql, StoreError};
use super::table::{DEFINITIONS, NEWEST, VERSION, add_commit};

/// Connects to a database. Whoever comes first makes its tables. The name in messages has its host, and no secrets.
pub(super) fn open(parameters: Parameters) -> Result<(StoreName, Sql), JournalFailure> {
    let store = StoreName::Database(parameters.url.to_string());
    let failure = |bad| JournalFailure::of(store.clone(), bad);
    let sql = PostgresConnection::open(parameters).map(Sql::from).map_err(failure)?;
    let found = match version(&sql).map_err(failure)? {
        0 => make_tables(&sql).map_err(failure)?,
        found => found,
    };
    if found < VERSION {
        return Err(JournalFailure::Unreleased { store, found });
    }
    if found > NEWEST {
        return Err(JournalFailure::Newer { store, found, known: VERSION });
    }
    Ok((store, sql))
}

/// The version of the tables; 0 if there are none.
fn version(sql: &Sql) -> Result<i64> {
    let encoding = sql.one("SELECT current_setting('server_encoding')", &[], |row| row.get::<String>(0))?;
    if encoding != "UTF8" {
        return Err(StoreError::Database(format!(
            "its encoding is {encoding}, and has to be UTF8: make another one (createdb --encoding UTF8 --template template0)"
        )));
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'ftp_user' AND tablename = 'version'";
    if sql.number(tables, &[])? == 0 {
        return Ok(0);
    }
    sql.number("SELECT number FROM version WHERE id = 1", &[])
}

/// Makes the tables, unless somebody else has done so meanwhile. Returns their version.
fn make_tables(sql: &Sql) -> Result<i64> {
    let make = || {
        sql.begin()?;
        sql.postgres()?.lock_until_commit(LockKey::Tables)?;
        let found = version(sql)?;
        if found != 0 {
            sql.roll_back();
            return Ok(found);
        }
        // An administrator may have made it for a user who may not.
        if sql.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'ftp_user'", &[])? == 0 {
            sql.run_all("CREATE SCHEMA ftp_user;")?;
        }
        sql.run_all(MAKE_VERSION)?;
        sql.run_all(DEFINITIONS)?;
        sql.execute("INSERT INTO version (id, number) VALUES (1, ?1)", &[VERSION.into()])?;
        add_commit(sql)?;
        // Nobody has written a job: this only proves that the tables can be read.
        JobRow::all_and_damaged(sql)?;
        sql.commit(true)?;
        Ok(VERSION)
    };
    make().inspect_err(|_| sql.roll_back())
}

/// One row says which tables there are.
const MAKE_VERSION: &str = "CREATE TABLE version (id INTEGER PRIMARY KEY, number INTEGER NOT NULL);";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;
    use crate::journal::leases::wait_for_any;
    use crate::journal::queue;
    use crate::journal::record::JobStart;
    use crate::journal::store::Store;
    use crate::journal::table::{QUEUE, RUNS, counters};
    use crate::journal::{DaemonRefusal, DatabaseHost, PostgresUrl, SslMode};
    use crate::queue::Entry;
    use std::future::Future;
    use std::io::{self, Write};
    use std::net::Shutdown;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Waker};
    use tempfile::TempDir;
    use tokio::sync::Notify;

    const JOB: JobId = JobId::new(7);

    /// A directory for which a database of the server for tests stands; `None` if there is no server.
    fn home_of_database() -> Option<TempDir> {
        if std::env::var_os("FTP_USER_TEST_POSTGRES").is_some() {
            return Some(tempfile::tempdir().unwrap());
        }
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let skipped = format!("skipped: {name}: FTP_USER_TEST_POSTGRES names no server\n");
        drop(io::stderr().write_all(skipped.as_bytes()));
        None
    }

    fn open(home: &Path) -> Store {
        Store::open_for_tests(home).unwrap()
    }

    /// Ends all other connections to the database.
    fn end_others(store: &Store) {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid != pg_backend_pid()";
        store.sql.run_all(end).unwrap();
        let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid != pg_backend_pid()";
        while store.sql.number(left, &[]).unwrap() > 0 {
            std::thread::yield_now();
        }
    }

    /// Does nothing that stays, until the connection is there again.
    fn wait_for_connection(store: &Store) {
        let ask = |store: &Store| store.sql.number("SELECT 1", &[]);
        let found = (0..100).find(|_| store.durably(ask).is_ok());
        assert!(found.is_some(), "it stays away: {:?}", store.durably(ask));
    }

    #[test]
    fn a_job_has_one_carrier_over_all_connections() {
        let Some(home) = home_of_database() else { return };
        let (one, two) = (open(home.path()), open(home.path()));
        let lock = one.lock(JOB).unwrap();
        for store in [&one, &two] {
            let refused = store.lock(JOB).unwrap_err();
            assert_eq!(refused, JournalFailure::Held { job: JOB, process: None });
            assert!(store.is_held(JOB).unwrap() && !store.is_held(JobId::new(8)).unwrap());
        }
        let large = JobId::new(u64::MAX - 5);
        let other = two.lock(large).unwrap();
        assert!(one.is_held(large).unwrap());
        drop(other);
        assert!(!one.is_held(large).unwrap());
        // The lock outlives its store, and not the other way round.
        drop(one);
        assert!(two.is_held(JOB).unwrap());
        drop(lock);
        assert!(!two.is_held(JOB).unwrap());
        let daemon = two.lock_daemon("two").unwrap().unwrap();
        // Several daemons share the jobs, each with a name of its own.
        let other = open(home.path());
        assert!(other.lock_daemon("other").unwrap().is_ok());
        assert_eq!(other.lock_daemon("two").unwrap().unwrap_err(), DaemonRefusal::HasName);
        drop(other);
        assert!(!takes_alone(&open(home.path())));
        drop(daemon);
        assert!(takes_alone(&two));
        let refused = open(home.path()).lock_daemon("two").unwrap().unwrap_err();
        assert_eq!(refused, DaemonRefusal::HasDaemon(None));
    }

    /// Takes the lock of the queue as a daemon of the first version with databases does, which shares it with nobody.
    fn takes_alone(store: &Store) -> bool {
        store
            .sql
            .number("SELECT CAST(CAST(pg_try_advisory_lock(1179930709, 2) AS INTEGER) AS BIGINT)", &[])
            .unwrap()
            == 1
    }

    #[test]
    fn a_connection_that_is_lost_is_made_again_with_the_lock_of_the_queue() {
        let Some(home) = home_of_database() else { return };
        let (one, two) = (open(home.path()), open(home.path()));
        let lock = one.lock_daemon("one").unwrap().unwrap();
        let before = counters(&two.sql).unwrap().commits;
        // In the middle of a transaction: all of it is lost, and the failure names the database.
        let failed = one.durably(|store| {
            RUNS.replace(&store.sql, &[1_i64.into(), "x".into()])?;
            end_others(&two);
            RUNS.replace(&store.sql, &[2_i64.into(), "y".into()])
        });
        let failed = failed.unwrap_err();
        assert!(matches!(failed, JournalFailure::Unusable { .. }), "{failed}");
        assert!(failed.to_string().contains("postgres://tester@"), "{failed}");
        assert_eq!(
            (counters(&two.sql).unwrap().commits, two.sql.number("SELECT count(*) FROM runs", &[]).unwrap()),
            (before, 0)
        );
        wait_for_connection(&one);
        assert!(two.has_daemon().unwrap());
        one.durably(|store| RUNS.replace(&store.sql, &[1_i64.into(), "x".into()])).unwrap();
        // Another process is quicker.
        end_others(&two);
        assert!(takes_alone(&two));
        let why = (0..100).find_map(|_| one.durably(|store| store.sql.number("SELECT 1", &[])).err());
        let why = [why, one.durably(|store| store.sql.number("SELECT 1", &[])).err()].map(Option::unwrap);
        assert!(why[1].to_string().contains("has taken the lock"), "{why:?}");
        two.sql.run_all("SELECT pg_advisory_unlock(1179930709, 2)").unwrap();
        wait_for_connection(&one);
        drop(lock);
        assert!(!two.has_daemon().unwrap());
    }

    /// Changes a job of the queue.
    fn change(store: &Store) {
        store.durably(|store| queue::save(&store.sql, JOB, &Entry::default())).unwrap();
    }

    #[test]
    fn one_connection_looks_at_a_time_and_nobody_waits_for_it() {
        let Some(home) = home_of_database() else { return };
        let (one, two) = (open(home.path()), open(home.path()));
        let look = |store: &Store, found| store.look_and_write(|_| Ok(found), |_, found: u8| Ok(found));
        let found = one.look_and_write(
            |_| {
                assert_eq!(look(&two, Some(1)), Ok(None), "it finds nothing");
                // Whoever looks keeps nobody from writing.
                change(&two);
                Ok(Some(2))
            },
            |_, found| Ok(found),
        );
        assert_eq!(found, Ok(Some(2)));
        assert_eq!(look(&two, None), Ok(None));
        assert_eq!(look(&one, Some(3)), Ok(Some(3)), "a look that finds nothing ends at once");
        one.look_and_write(|_| Err::<Option<()>, _>(StoreError::Database("x".to_owned())), |_, ()| Ok(()))
            .unwrap_err();
        assert_eq!(look(&two, Some(4)), Ok(Some(4)), "and so does one that fails");
    }

    /// A job would begin and end the slower the more jobs wait. A new database has no statistics of its tables, and those of an idle one
    /// have no open job.
    #[test]
    fn the_first_jobs_of_groups_and_those_that_wait_for_one_are_found_without_the_others() {
        let Some(home) = home_of_database() else { return };
        let store = open(home.path());
        check_plans(&store, "new");
        let ended = Entry { ended: Some(1), exit: Some(0), ..Entry::default() };
        let save_all =
            |store: &Store| (1..=2000).try_for_each(|job| queue::save(&store.sql, JobId::new(job), &ended));
        store.durably(save_all).unwrap();
        store.sql.run_all("ANALYZE queue").unwrap();
        check_plans(&store, "idle");
    }

    fn check_plans(store: &Store, prefix: &str) {
        let of_group = QUEUE.select(&queue::of_group());
        for (number, (ask, types, values, index)) in [
            (QUEUE.select(&wait_for_any(2)), "BIGINT, BIGINT", "1, 2", "queue_behind"),
            (of_group, "BIGINT, BIGINT, BIGINT, BIGINT", "9, 7, 8, 0", "queue_groups"),
            (queue::ask_for_heads(), "BIGINT", "9", "queue_groups"),
        ]
        .into_iter()
        .enumerate()
        {
            let ask = ask.replace('?', "$");
            store.sql.execute(&format!("PREPARE {prefix}{number} ({types}) AS {ask}"), &[]).unwrap();
            let explain = format!("EXPLAIN EXECUTE {prefix}{number} ({values})");
            let plan: Vec<String> = store.sql.all(&explain, &[], |row| row.get(0)).unwrap();
            // A whole index is no better than the whole table. Heads are sorted after they were found.
            let steps =
                plan.iter().enumerate().filter(|(_, line)| line.contains("Scan") && line.contains("queue"));
            for (at, step) in steps {
                let has_condition = plan.get(at + 1).is_some_and(|line| line.contains("Cond:"));
                let is_first_of_all =
                    plan.get(at.saturating_sub(1)).is_some_and(|line| line.contains("Limit"));
                assert!(has_condition || is_first_of_all, "{step}: {plan:#?}");
            }
            let is_of_index = |line: &String| line.contains(&format!("{index} ")) || line.ends_with(index);
            assert!(plan.iter().any(is_of_index), "{plan:#?}");
            let is_sorted = plan.iter().any(|line| line.contains("Sort"));
            assert!(!is_sorted || ask.contains("heads"), "{plan:#?}");
        }
    }

    /// Waits until this one was told.
    fn hear(heard: &Notify) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(heard.notified());
    }

    #[test]
    fn what_others_change_is_heard_also_after_the_connection_was_lost() {
        let Some(home) = home_of_database() else { return };
        let (one, two, heard) = (open(home.path()), open(home.path()), Arc::new(Notify::new()));
        one.sql.listen(Arc::clone(&heard)).unwrap();
        change(&two);
        hear(&heard);
        // What it changes itself it knows. The answer comes after the notification would have.
        change(&one);
        one.sql.number("SELECT 1", &[]).unwrap();
        let mut next = Box::pin(heard.notified());
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(next);
        end_others(&two);
        change(&two);
        wait_for_connection(&one);
        hear(&heard);
        change(&two);
        hear(&heard);
    }

    /// Stands between a client and the server, in this directory, until the client is cut off; the server does not notice that.
    fn proxy(server: PathBuf, directory: &Path) -> (PathBuf, impl FnMut()) {
        let at = directory.join(server.file_name().unwrap());
        let listener = UnixListener::bind(&at).unwrap();
        let streams: Arc<Mutex<Vec<[UnixStream; 2]>>> = Arc::default();
        let opened = Arc::clone(&streams);
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let there = UnixStream::connect(&server).unwrap();
                for [mut from, mut to] in
                    [[&client, &there], [&there, &client]].map(|way| way.map(|end| end.try_clone().unwrap()))
                {
                    std::thread::spawn(move || io::copy(&mut from, &mut to));
                }
                opened.lock().unwrap().push([client, there]);
            }
        });
        (at, move || {
            for [client, _] in &*streams.lock().unwrap() {
                client.shutdown(Shutdown::Both).unwrap();
            }
        })
    }

    #[test]
    fn a_daemon_that_was_cut_off_has_its_name_again_although_the_server_has_not_noticed() {
        let Some(home) = home_of_database() else { return };
        let between = tempfile::tempdir().unwrap();
        let mut parameters =
            Parameters::for_tests(&std::env::var("FTP_USER_TEST_POSTGRES").unwrap(), home.path());
        let DatabaseHost::Directory(directory) = &parameters.url.host else { panic!("it has a socket") };
        let socket = directory.join(format!(".s.PGSQL.{}", parameters.url.port));
        let two = Store::connect(parameters.clone()).unwrap();
        let (_, mut cut) = proxy(socket, between.path());
        parameters.url.host = DatabaseHost::Directory(between.path().to_owned());
        let one = Store::connect(parameters).unwrap();
        let lock = one.lock_daemon("one").unwrap().unwrap();
        let process = || one.sql.number("SELECT pg_backend_pid()", &[]);
        let before = process().unwrap();
        cut();
        // The server has both connections now.
        let after = (0..100).find_map(|_| process().ok().filter(|after| *after != before));
        assert!(after.is_some(), "{:?}", process());
        assert_eq!(two.lock_daemon("one").unwrap().unwrap_err(), DaemonRefusal::HasName);
        drop(lock);
        assert!(two.lock_daemon("one").unwrap().is_ok());
    }

    #[test]
    fn a_job_is_lost_with_its_connection() {
        let Some(home) = home_of_database() else { return };
        let (one, two) = (open(home.path()), open(home.path()));
        let lock = one.lock(JOB).unwrap();
        one.check_job(JOB, None).unwrap();
        two.check_job(JOB, None).unwrap_err();
        end_others(&two);
        for _ in 0..3 {
            one.durably(|store| store.sql.number("SELECT 1", &[])).unwrap_err();
        }
        let other = two.lock(JOB).unwrap();
        drop(lock);
        wait_for_connection(&one);
        one.check_job(JOB, None).unwrap_err();
        drop(other);
    }

    #[test]
    fn tables_of_a_newer_version_are_left_alone() {
        let Some(home) = home_of_database() else { return };
        let store = open(home.path());
        let set =
            |number: i64| store.sql.execute("UPDATE version SET number = ?1", &[number.into()]).unwrap();
        set(NEWEST);
        drop(open(home.path()));
        set(NEWEST + 1);
        let refused = Store::open_for_tests(home.path()).unwrap_err();
        let is_newer =
            matches!(refused, JournalFailure::Newer { found, known: VERSION, .. } if found == NEWEST + 1);
        assert!(is_newer && refused.to_string().contains("postgres://"), "{refused}");
    }

    #[test]
    fn writers_of_several_connections_wait_for_each_other() {
        let Some(home) = home_of_database() else { return };
        let before = counters(&open(home.path()).sql).unwrap().commits;
        std::thread::scope(|scope| {
            for writer in 0..4_u64 {
                let home = home.path();
                scope.spawn(move || {
                    let store = open(home);
                    for number in 0..10 {
                        let id = JobId::new(writer * 100 + number + 1);
                        drop(store.start(&JobStart::for_tests(id, &format!("copy {id} b"))).unwrap());
                    }
                });
            }
        });
        let store = open(home.path());
        assert_eq!(counters(&store.sql).unwrap().commits, before + 40);
        assert_eq!(store.sql.number("SELECT count(DISTINCT begun) FROM jobs", &[]).unwrap(), 40);
    }

    #[test]
    fn what_was_written_is_on_the_disk_when_the_call_returns() {
        let Some(home) = home_of_database() else { return };
        let store = open(home.path());
        // How much of its log the server has on the disk, or has written at all.
        let log = |which: &str| {
            let ask = format!("SELECT CAST(pg_current_wal_{which}_lsn() - CAST('0/0' AS pg_lsn) AS BIGINT)");
            store.sql.number(&ask, &[])
        };
        for number in 0..20_i64 {
            let written = store.durably(|store| {
                RUNS.replace(&store.sql, &[number.into(), "x".into()])?;
                log("insert")
            });
            assert!(log("flush").unwrap() >= written.unwrap(), "round {number}");
        }
    }

    #[test]
    fn a_transaction_uses_indexes_and_compiles_no_plan() {
        let Some(home) = home_of_database() else { return };
        let store = open(home.path());
        for name in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"] {
            let ask = "SELECT count(*) FROM pg_settings WHERE name = ?1 AND setting = 'off'";
            let found = store.durably(|store| store.sql.number(ask, &[name.into()])).unwrap();
            assert_eq!((found, name), (1, name));
        }
    }

    #[test]
    fn a_text_with_nul_is_read_as_it_was_written() {
        let Some(home) = home_of_database() else { return };
        let store = open(home.path());
        let text = "a\0b\u{1}c\u{2}ä";
        store.durably(|store| RUNS.replace(&store.sql, &[1_i64.into(), text.into()])).unwrap();
        let found =
            RUNS.find(&store.sql, "account = ?1", &[text.into()], |row| row.get::<String>(1)).unwrap();
        assert_eq!(found, [text]);
    }

    #[test]
    fn a_server_that_is_not_there_is_named_without_the_password() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("password");
        std::fs::write(&file, "secret").unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).unwrap();
        let (user, database) = ("ann".to_owned(), "jobs".to_owned());
        let host = DatabaseHost::Directory(home.path().to_owned());
        let url = PostgresUrl { user, host, port: 5432, database, ssl: SslMode::default(), roots: None };
        let password = Some(crate::journal::Password::of_file(&file).unwrap());
        let refused = super::open(Parameters { url, password }).unwrap_err();
        assert!(matches!(refused, JournalFailure::Unusable { .. }), "{refused}");
        assert!(
            refused.to_string().contains("postgres://ann@%2F") && !format!("{refused:?}").contains("secret")
        );
        assert!(refused.hint().contains("check that the server runs"));
    }
}
