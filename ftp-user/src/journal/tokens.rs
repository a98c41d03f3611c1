//! Tokens in the journal.

use super::queue::{Queue, now};
use super::store::JournalFailure;
use super::table::{StoreError, TOKENS, number};
use crate::queue::{Scope, Token};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

/// The tokens of the store in which a queue is.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a>(&'a Queue);

impl<'a> Tokens<'a> {
    /// The tokens beside this queue.
    pub const fn of(queue: &'a Queue) -> Self {
        Self(queue)
    }

    /// Adds a token. Returns whether it was added: a token that is valid has its name alone.
    ///
    /// # Errors
    ///
    /// The journal cannot be written, or has as many as it may have.
    pub fn insert(self, token: &Token) -> Result<bool, JournalFailure> {
        self.0.with(|store| {
            store.durably(|store| {
                store.sql.execute("DELETE FROM tokens WHERE expires <= ?1", [now().cast_signed()])?;
                let known = find(&store.sql)?;
                if known.iter().any(|known| known.name == token.name) {
                    return Ok(Ok(false));
                }
                if known.len() as u64 >= MOST {
                    return Ok(Err(JournalFailure::Full { path: store.path.clone(), most: MOST }));
                }
                save(&store.sql, token).map(|()| Ok(true))
            })?
        })
    }

    /// All tokens, the oldest first. Some may have expired.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn all(self) -> Result<Vec<Token>, JournalFailure> {
        self.0.with(|store| find(&store.sql).map_err(|bad| store.failure(bad)))
    }

    /// Removes the token of this name. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn remove(self, name: &str) -> Result<bool, JournalFailure> {
        self.0.with(|store| {
            store.durably(|store| Ok(store.sql.execute("DELETE FROM tokens WHERE name = ?1", [name])? > 0))
        })
    }
}

fn find(sql: &Connection) -> Result<Vec<Token>, StoreError> {
    TOKENS.find(sql, "1 ORDER BY created, id", [], read)
}

fn read(row: &Row<'_>) -> Result<Token, StoreError> {
    let strange = || StoreError::Row("a token cannot be read".into());
    Ok(Token {
        name: row.get(1)?,
        scope: Scope::numbered(row.get(2)?).ok_or_else(strange)?,
        digest: row.get::<_, Vec<u8>>(3)?.try_into().map_err(|_| strange())?,
        created: row.get::<_, i64>(4)?.cast_unsigned(),
        expires: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
    })
}

fn save(sql: &Connection, token: &Token) -> Result<(), StoreError> {
    let id: i64 = sql.query_row("SELECT coalesce(max(id), 0) + 1 FROM tokens", [], |row| row.get(0))?;
    let values = [
        ValueRef::Integer(id),
        ValueRef::Text(token.name.as_bytes()),
        ValueRef::Integer(token.scope.number()),
        ValueRef::Blob(&token.digest),
        ValueRef::Integer(token.created.cast_signed()),
        number(token.expires),
    ];
    TOKENS.replace(sql, &values)
}

/// The largest number of tokens.
const MOST: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::store::Store;

    #[test]
    fn a_name_belongs_to_one_valid_token() {
        let home = tempfile::tempdir().unwrap();
        let queue = Queue::of(Store::open_for_tests(home.path()).unwrap());
        let tokens = Tokens::of(&queue);
        let token = |digest, expires| Token {
            name: "ann".to_owned(),
            scope: Scope::Submit,
            digest: [digest; 32],
            created: 5,
            expires,
        };
        assert!(tokens.insert(&token(1, Some(now() + 60))).unwrap());
        assert!(!tokens.insert(&token(2, None)).unwrap());
        assert_eq!(tokens.all().unwrap().len(), 1);
        assert!(tokens.remove("ann").unwrap() && !tokens.remove("ann").unwrap());
        assert!(tokens.insert(&token(3, Some(now()))).unwrap());
        assert!(tokens.insert(&token(4, None)).unwrap(), "the one before has expired");
        assert_eq!(tokens.all().unwrap(), [token(4, None)]);
    }
}
