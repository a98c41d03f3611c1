//! A row that was read.

use super::Result;
use super::value::{FromValue, OTHER_TYPE, Value};

/// A row, as the driver of its database has it.
#[derive(Debug)]
pub(in crate::journal) enum Row<'a> {
    /// A row of SQLite.
    Sqlite(&'a rusqlite::Row<'a>),
    /// A row of PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(&'a [super::OwnedValue]),
}

impl<'a> Row<'a> {
    /// The number of its columns.
    pub(in crate::journal) fn width(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.as_ref().column_count(),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.len(),
        }
    }

    /// The value of a column. The first one has the number 0.
    pub(in crate::journal) fn value(&self, column: usize) -> Result<Value<'a>> {
        match self {
            Self::Sqlite(row) => super::sqlite::value(row.get_ref(column)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(row) => row.get(column).map(super::OwnedValue::borrowed).ok_or(OTHER_TYPE),
        }
    }

    /// The value of a column as a type of Rust.
    pub(in crate::journal) fn get<T: FromValue<'a>>(&self, column: usize) -> Result<T> {
        T::from_value(self.value(column)?).ok_or(OTHER_TYPE)
    }
}
