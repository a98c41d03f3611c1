//! What is kept between runs as one JSON value: in a file of the state directory or, if the jobs are in a database that several hosts
//! share, in a row of that.

use super::file::StateFile;
use crate::failure::{Failure, Kind, Result};
use crate::journal::SharedDocuments;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// A value that is kept between runs. Clones are the same one. The default one is kept nowhere.
#[derive(Clone, Debug)]
pub(super) enum Document {
    /// In a file of this host.
    File(StateFile),
    /// In a database.
    Row(DocumentRow),
}

/// A row of a database.
#[derive(Clone, Debug)]
pub(super) struct DocumentRow {
    pub(super) memory: SharedDocuments,
    pub(super) name: &'static str,
    /// Whether trust rests on it. Then nothing goes on if it is damaged; else a new one begins.
    pub(super) holds_trust: bool,
}

impl Default for Document {
    fn default() -> Self {
        Self::File(StateFile::default())
    }
}

impl Document {
    /// The value; the default one if there is none.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, or must not be believed. A database may be away: then nothing is known.
    pub(super) fn read<T: DeserializeOwned + Default>(&self) -> Result<T> {
        match self {
            Self::File(file) => file.read().map_err(of_this_host),
            Self::Row(row) => row.value(row.memory.read(row.name)?.as_deref()),
        }
    }

    /// Changes the value. No other run changes it meanwhile: in a database `change` gets what another one has written, and is asked
    /// again. It is written only if `change` returns `true`.
    ///
    /// # Errors
    ///
    /// Why it cannot be read or written.
    pub(super) fn update<T: DeserializeOwned + Serialize + Default>(
        &self,
        change: impl FnMut(&mut T) -> bool,
    ) -> Result<()> {
        match self {
            Self::File(file) => file.update(change).map_err(of_this_host),
            Self::Row(row) => row.update(change),
        }
    }
}

impl DocumentRow {
    fn value<T: DeserializeOwned + Default>(&self, text: Option<&str>) -> Result<T> {
        text.map_or_else(
            || Ok(T::default()),
            |text| serde_json::from_str(text).map_err(|why| self.damaged(why)),
        )
    }

    fn damaged(&self, why: impl Display) -> Failure {
        let what = format!("the row {} in the database of the jobs is damaged ({why})", self.name);
        Failure::new(Kind::Other, what).hint("restore the database from a backup")
    }

    fn update<T: DeserializeOwned + Serialize + Default>(
        &self,
        mut change: impl FnMut(&mut T) -> bool,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let before = self.memory.read(self.name)?;
            let mut value = match self.value(before.as_deref()) {
                Err(why) if self.holds_trust => return Err(why),
                read => read.unwrap_or_default(),
            };
            if !change(&mut value) {
                return Ok(());
            }
            let after = serde_json::to_string(&value).map_err(|why| self.damaged(why))?;
            if self.memory.replace(self.name, before, after)? {
                return Ok(());
            }
        }
        let what = format!(
            "other programs change the row {} in the database of the jobs again and again",
            self.name
        );
        Err(Failure::new(Kind::Temporary, what).hint("try again"))
    }
}

/// What a file of this host has said.
pub(super) fn of_this_host(why: String) -> Failure {
    Failure::new(Kind::Other, why)
}

/// How often a change is tried. Each time another program has made one.
const TRIES: u32 = 100;
