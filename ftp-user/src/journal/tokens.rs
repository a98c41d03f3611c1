//! Tokens in the journal.

use super::failure::JournalFailure;
use super::queue::Queue;
use super::sql::{Result, Row, Sql, StoreError};
use super::table::{DamagedRow, TOKENS};
use crate::queue::{Scope, Token};

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
        self.0.write(|store| {
            store.sql.execute("DELETE FROM tokens WHERE expires <= ?1", &[store.sql.now()?.into()])?;
            // Those whose rows are damaged count, too.
            let count = "SELECT count(*), count(CASE WHEN name = ?1 THEN 1 END) FROM tokens";
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let (all, of_name): (u64, u64) = store.sql.one(count, &[(&token.name).into()], read)?;
            if of_name > 0 {
                return Ok(Ok(false));
            }
            if all >= MOST {
                return Ok(Err(store.full(MOST)));
            }
            save(&store.sql, token)?;
            store.sql.notify().map(|()| Ok(true))
        })?
    }

    /// All tokens, the oldest first, and what is wrong with those that cannot be read, which grant nothing. Some may have expired.
    ///
    /// # Errors
    ///
    /// The journal cannot be read.
    pub fn all(self) -> Result<(Vec<Token>, Vec<JournalFailure>), JournalFailure> {
        self.0.read(|store| {
            let (all, damaged) = find(&store.sql)?;
            Ok((all, damaged.into_iter().map(|(_, bad)| store.failure(bad)).collect()))
        })
    }

    /// Removes the token of this name. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn remove(self, name: &str) -> Result<bool, JournalFailure> {
        let delete = "DELETE FROM tokens WHERE name = ?1";
        self.0.write(|store| {
            let has_changed = store.sql.execute(delete, &[name.into()])? > 0;
            if has_changed {
                store.sql.notify()?;
            }
            Ok(has_changed)
        })
    }
}

fn find(sql: &Sql) -> Result<(Vec<Token>, Vec<DamagedRow>)> {
    TOKENS.find_whole(sql, "TRUE ORDER BY created, id", &[], read)
}

fn read(row: &Row<'_>) -> Result<Token> {
    let strange = || StoreError::Row("a token cannot be read".into());
    Ok(Token {
        name: row.get(1)?,
        scope: Scope::numbered(row.get(2)?).ok_or_else(strange)?,
        digest: row.get::<Vec<u8>>(3)?.try_into().map_err(|_| strange())?,
        created: row.get(4)?,
        expires: row.get(5)?,
    })
}

fn save(sql: &Sql, token: &Token) -> Result<()> {
    let id = sql.number("SELECT coalesce(max(id), 0) + 1 FROM tokens", &[])?;
    let values = [
        id.into(),
        (&token.name).into(),
        token.scope.number().into(),
        token.digest.as_slice().into(),
        token.created.into(),
        token.expires.into(),
    ];
    TOKENS.replace(sql, &values)
}

/// The largest number of tokens.
const MOST: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, digest: u8, expires: Option<u64>) -> Token {
        Token { name: name.to_owned(), scope: Scope::Submit, digest: [digest; 32], created: 5, expires }
    }

    #[test]
    fn a_name_belongs_to_one_valid_token() {
        let (_home, queue) = Queue::for_tests();
        let tokens = Tokens::of(&queue);
        let token = |digest, expires| token("ann", digest, expires);
        assert!(tokens.insert(&token(1, Some(ftp_io::clock::since_1970().as_secs() + 60))).unwrap());
        assert!(!tokens.insert(&token(2, None)).unwrap());
        assert_eq!(tokens.all().unwrap().0.len(), 1);
        assert!(tokens.remove("ann").unwrap() && !tokens.remove("ann").unwrap());
        assert!(tokens.insert(&token(3, Some(ftp_io::clock::since_1970().as_secs()))).unwrap());
        assert!(tokens.insert(&token(4, None)).unwrap(), "the one before has expired");
        assert_eq!(tokens.all().unwrap(), (vec![token(4, None)], Vec::new()));
    }

    #[test]
    fn a_damaged_token_grants_nothing_and_keeps_nobody_from_the_others() {
        let (_home, queue) = Queue::for_tests();
        let tokens = Tokens::of(&queue);
        let token = |name: &str, digest| token(name, digest, None);
        assert!(tokens.insert(&token("ann", 1)).unwrap() && tokens.insert(&token("bob", 2)).unwrap());
        queue.change_for_tests("UPDATE tokens SET scope = 2 WHERE name = 'ann'", &[]);
        let (all, damaged) = tokens.all().unwrap();
        assert_eq!((all, damaged.len()), (vec![token("bob", 2)], 1));
        assert!(!tokens.insert(&token("ann", 3)).unwrap(), "its name is taken");
        assert!(tokens.insert(&token("eve", 3)).unwrap() && tokens.remove("ann").unwrap());
    }
}
