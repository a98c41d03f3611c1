//! How many transactions have changed the journal, as a row of its own. Each of them adds one, so that a database which has
//! lost its last ones is known by its number ([`Mark`](super::mark::Mark)).

use super::checksum::{Bad, check, insert, insertion};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Creates the table of version 4. It has one row.
pub(super) const COMMITS_OF_JOURNAL: &str = "
CREATE TABLE commits (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, sum INTEGER NOT NULL);
";

/// The first version of the tables that has this one.
pub(super) const SINCE: i64 = 4;

/// The number of transactions.
pub(super) fn commits(sql: &Connection) -> Result<u64, Bad> {
    let mut statement =
        sql.prepare_cached(&format!("SELECT {COLUMNS}, sum FROM commits WHERE id = {ROW}"))?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(0) };
    check(row, "commits", WIDTH)?;
    Ok(row.get::<_, i64>(1)?.cast_unsigned())
}

/// Adds the transaction that is under way. Returns their number.
pub(super) fn add_commit(sql: &Connection) -> Result<u64, Bad> {
    let number = commits(sql)? + 1;
    let values = [ValueRef::Integer(ROW), ValueRef::Integer(number.cast_signed())];
    insert(sql, &insertion("commits", COLUMNS, WIDTH), &values)?;
    Ok(number)
}

/// The columns of the table.
const COLUMNS: &str = "id, number";
/// The number of these columns.
const WIDTH: usize = 2;
/// The key of the only row.
const ROW: i64 = 1;
