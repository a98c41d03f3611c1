//! Statements that are sent without waiting for those before them.

use super::super::value::OTHER_TYPE;
use super::super::{GONE, OwnedValue, Result, Value};
use super::convert::{Parameter, array, parameter, values as values_of_row};
use super::{LockKey, NOW};
use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::task::Poll;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

/// A statement that returns no rows.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) statement: String,
    pub(super) values: Vec<OwnedValue>,
    /// How many rows have to change, if that is known.
    pub(super) rows: Option<u64>,
}

/// A lock that a transaction keeps until it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransactionLock {
    pub(super) key: LockKey,
    /// Whether the transaction begins with it.
    pub(super) begins: bool,
}

/// A statement that returns rows, with each of these values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Select {
    pub(super) statement: String,
    pub(super) all: Vec<Vec<OwnedValue>>,
}

/// The rows that a question has found, each with the index of the values to which it belongs.
pub(super) type FoundRows = Vec<(usize, Vec<OwnedValue>)>;

/// A statement that the server knows.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) statement: Statement,
    /// Which value each of its parameters has.
    pub(super) values: Vec<usize>,
}

/// A statement that can be sent.
pub(super) struct Ready {
    pub(super) statement: Statement,
    pub(super) values: Vec<Parameter>,
    /// For how many rows of values it is carried out.
    pub(super) times: u64,
}

/// Statements with one text: the server carries them out together if it can.
pub(super) struct Writes {
    pub(super) statement: String,
    pub(super) all: Vec<Vec<OwnedValue>>,
    /// How many rows have to change for each of them, if that is known.
    pub(super) rows: Option<u64>,
}

/// The values of a statement, as the server gets them.
pub(super) fn values_of(prepared: &Prepared, given: &[OwnedValue]) -> Result<Vec<Parameter>> {
    let value = |index: &usize| given.get(*index).unwrap_or(&OwnedValue::Null);
    let kinds = prepared.statement.params().iter();
    kinds.zip(&prepared.values).map(|(kind, index)| parameter(value(index), kind)).collect()
}

/// The same for many rows of values: an array for each parameter.
pub(super) fn arrays_of(prepared: &Prepared, all: &[Vec<OwnedValue>]) -> Result<Vec<Parameter>> {
    let array = |(kind, index): (&Type, &usize)| {
        array(all.iter().map(|given| given.get(*index).map_or(Value::Null, OwnedValue::borrowed)), kind)
    };
    prepared.statement.params().iter().zip(&prepared.values).map(array).collect()
}

/// Groups statements that differ only in their values and begin with different numbers, so that no row is changed twice. A statement joins
/// an earlier group only if every group after that one writes another table from values alone: their order does not matter then.
pub(super) fn together(writes: Vec<Write>) -> Vec<Writes> {
    let mut groups = Vec::<(Writes, HashSet<i64>)>::new();
    for Write { statement, values, rows } in writes {
        let key = match values.first() {
            Some(OwnedValue::Integer(key)) => Some(*key),
            Some(OwnedValue::Null | OwnedValue::Text(_) | OwnedValue::Blob(_)) | None => None,
        };
        let is_independent_of = |group: &Writes| {
            let tables = written_table(&statement).zip(written_table(&group.statement));
            tables.is_some_and(|(one, other)| one != other)
        };
        let last = groups.iter_mut().rev().find(|(group, _)| !is_independent_of(group));
        match last.filter(|(group, _)| group.statement == statement && group.rows == rows) {
            Some((group, keys)) if key.is_some_and(|key| !keys.contains(&key)) => {
                keys.extend(key);
                group.all.push(values);
            }
            Some(_) | None => {
                groups.push((Writes { statement, all: vec![values], rows }, key.into_iter().collect()));
            }
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

/// The table into which a statement writes given values; `None` if it does anything else.
fn written_table(statement: &str) -> Option<&str> {
    let (table, rest) = statement.strip_prefix("INSERT INTO ")?.split_once(' ')?;
    (!rest.contains("SELECT")).then_some(table)
}

pub(super) fn borrowed(values: &[Parameter]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| &**value as _).collect()
}

/// Gets this lock for the transaction, if one is given, and carries out the writes, all sent at once. Returns the time at which it has
/// got the lock; `None` if it was only tried, and somebody else has it. The server refuses what follows a transaction that cannot have its
/// lock otherwise.
pub(super) async fn lock_and_write(
    client: &Client,
    lock: Option<TransactionLock>,
    writes: Vec<(Ready, Option<u64>)>,
) -> Result<Option<u64>> {
    let lock = async {
        let Some(TransactionLock { key, begins }) = lock else { return Ok(None) };
        let begin = if begins { BEGIN } else { "" };
        let parameters = key.parameters();
        let lock = match key {
            LockKey::Taker => format!("{begin}{NOW} WHERE pg_try_advisory_xact_lock({parameters})"),
            LockKey::Job(_) | LockKey::Daemon | LockKey::Tables | LockKey::Writer | LockKey::Name(_) => {
                format!("{begin}SELECT pg_advisory_xact_lock({parameters}); {NOW}")
            }
        };
        let answers = client.simple_query(&lock).await?;
        let time = answers.iter().rev().find_map(|answer| {
            let SimpleQueryMessage::Row(row) = answer else { return None };
            row.get(0)?.parse().ok()
        });
        Ok(time)
    };
    tokio::try_join!(biased; lock, write_all(client, writes)).map(|(time, ())| time)
}

/// Carries statements out in their order, each sent without waiting for those before it. The first failure ends it.
async fn write_all(client: &Client, writes: Vec<(Ready, Option<u64>)>) -> Result<()> {
    let write = |(Ready { statement, values, times }, rows): (Ready, Option<u64>)| async move {
        let changed = client.execute(&statement, &borrowed(&values)).await?;
        if rows.is_some_and(|rows| rows * times != changed) { Err(GONE) } else { Ok(()) }
    };
    at_once(writes.into_iter().map(write)).await.map(drop)
}

/// Runs all of these at the same time. They begin in their order, so they are sent in it. The first failure ends it.
async fn at_once<T>(all: impl Iterator<Item = impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    let mut running: Vec<_> = all.map(|work| (Box::pin(work), None)).collect();
    poll_fn(|cx| {
        let mut is_waiting = false;
        for (work, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            match work.as_mut().poll(cx) {
                Poll::Pending => is_waiting = true,
                Poll::Ready(Ok(of_work)) => *done = Some(of_work),
                Poll::Ready(Err(bad)) => return Poll::Ready(Err(bad)),
            }
        }
        if is_waiting {
            return Poll::Pending;
        }
        Poll::Ready(Ok(running.iter_mut().filter_map(|(_, done)| done.take()).collect()))
    })
    .await
}

/// Asks everything, all sent at once.
pub(super) async fn ask_all(client: &Client, asked: Vec<Vec<Ready>>) -> Result<Vec<FoundRows>> {
    at_once(asked.into_iter().map(|one| ask_one(client, one))).await
}

async fn ask_one(client: &Client, asked: Vec<Ready>) -> Result<FoundRows> {
    let mut found = FoundRows::new();
    for (number, Ready { statement, values, times }) in asked.into_iter().enumerate() {
        for row in client.query(&statement, &borrowed(&values)).await? {
            let mut values = values_of_row(&row)?;
            if times == 1 {
                found.push((number, values));
                continue;
            }
            // The server counts from 1.
            let OwnedValue::Integer(number) = values.remove(0) else { return Err(OTHER_TYPE) };
            found.push((usize::try_from(number - 1).map_err(|_| OTHER_TYPE)?, values));
        }
    }
    Ok(found)
}

/// Begins a transaction whose commit does not wait for the disk, since it would keep the lock of all rows until then.
const BEGIN: &str = "BEGIN; SET LOCAL synchronous_commit = off; ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_go_together_unless_their_order_matters() {
        let [a, b] = ["a", "b"].map(|table| format!("INSERT INTO {table} (id) VALUES (?1)"));
        let (delete, ask) =
            ("DELETE FROM a WHERE id = ?1", "INSERT INTO b (id) SELECT id FROM a WHERE id = ?1");
        let (a, b) = (a.as_str(), b.as_str());
        for (given, expect) in [
            (vec![(a, 1), (b, 1), (a, 2), (b, 2)], vec![(a, vec![1, 2]), (b, vec![1, 2])]),
            (vec![(a, 1), (b, 1), (a, 1), (a, 2)], vec![(a, vec![1]), (b, vec![1]), (a, vec![1, 2])]),
            (vec![(a, 1), (delete, 1), (a, 2)], vec![(a, vec![1]), (delete, vec![1]), (a, vec![2])]),
            (vec![(a, 1), (ask, 1), (a, 2)], vec![(a, vec![1]), (ask, vec![1]), (a, vec![2])]),
            (vec![(b, 1), (ask, 1), (b, 2)], vec![(b, vec![1]), (ask, vec![1]), (b, vec![2])]),
            (vec![(delete, 1), (delete, 2)], vec![(delete, vec![1, 2])]),
        ] {
            let write = |(statement, key): &(&str, i64)| Write {
                statement: (*statement).to_owned(),
                values: vec![OwnedValue::Integer(*key)],
                rows: None,
            };
            let found = together(given.iter().map(write).collect());
            let found: Vec<_> = found.into_iter().map(|of| (of.statement, of.all)).collect();
            let rows = |keys: Vec<i64>| keys.into_iter().map(|key| vec![OwnedValue::Integer(key)]).collect();
            let expect: Vec<(String, Vec<Vec<OwnedValue>>)> =
                expect.into_iter().map(|(statement, keys)| (statement.to_owned(), rows(keys))).collect();
            assert_eq!(found, expect, "{given:?}");
        }
    }
}
