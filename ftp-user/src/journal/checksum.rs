//! The checksum of a row, which stands after its other columns.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use std::borrow::Cow;

/// Why a row cannot be used.
#[derive(Debug)]
pub(super) enum Bad {
    /// The database says so.
    Sql(rusqlite::Error),
    /// It is not what was written.
    Row(Cow<'static, str>),
}

impl From<rusqlite::Error> for Bad {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// A row that this run has written is not there any more.
pub(super) const GONE: Bad = Bad::Row(Cow::Borrowed("a row of this run is gone"));

/// Writes a row, and its sum after its other columns.
pub(super) fn replace(
    sql: &Connection,
    table: &str,
    columns: &str,
    values: &[ValueRef<'_>],
) -> Result<(), Bad> {
    insert(sql, &insertion(table, columns, values.len()), values).map(drop)
}

/// The statement that writes a row of so many columns, and its sum after them, in the place of the one that is there.
pub(super) fn insertion(table: &str, columns: &str, number: usize) -> String {
    addition(table, columns, number).replacen("INSERT", "INSERT OR REPLACE", 1)
}

/// The same for a new row: nothing is looked for that it would replace.
pub(super) fn addition(table: &str, columns: &str, number: usize) -> String {
    let marks = vec!["?"; number + 1].join(", ");
    format!("INSERT INTO {table} ({columns}, sum) VALUES ({marks})")
}

/// Writes a row by the statement of [`insertion`] or [`addition`]. Returns its sum.
pub(super) fn insert(sql: &Connection, statement: &str, values: &[ValueRef<'_>]) -> Result<i64, Bad> {
    let sum = sum(values.iter().copied());
    let values = values.iter().copied().chain([ValueRef::Integer(sum)]).map(ToSqlOutput::Borrowed);
    sql.prepare_cached(statement)?.execute(params_from_iter(values))?;
    Ok(sum)
}

/// Checks the sum of a row, which stands after its other columns.
pub(super) fn check(row: &Row<'_>, table: &str, columns: usize) -> Result<(), Bad> {
    let values = (0..columns).map(|index| row.get_ref(index)).collect::<Result<Vec<_>, _>>()?;
    if row.get::<_, i64>(columns)? == sum(values) {
        Ok(())
    } else {
        // The number may be what has changed: it only helps a person who looks.
        let number: i64 = row.get(0)?;
        Err(Bad::Row(format!("the checksum of row {number} of the table {table} does not fit").into()))
    }
}

/// The sum of the other columns of a row.
pub(super) fn sum<'a>(values: impl IntoIterator<Item = ValueRef<'a>>) -> i64 {
    // One call for the whole row costs less than one for each piece.
    let mut row = Vec::with_capacity(512);
    let mut add = |kind: u8, bytes: &[u8]| {
        row.push(kind);
        row.extend_from_slice(&bytes.len().to_le_bytes());
        row.extend_from_slice(bytes);
    };
    for value in values {
        match value {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_le_bytes()),
            ValueRef::Real(number) => add(2, &number.to_le_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(bytes) => add(4, bytes),
        }
    }
    i64::from(crc32fast::hash(&row))
}

/// A text that may be missing.
pub(super) fn text(text: Option<&str>) -> ValueRef<'_> {
    text.map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()))
}
