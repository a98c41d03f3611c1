//! Files that a job has left at a server, and that are deleted before its run ends.

use crate::failure::Failure;
use ftp_io::lock::Lock;
use ftp_proto::wire::PathName;
use std::sync::Mutex;

/// A file that has to be deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Debt {
    /// Its name at the site.
    pub path: PathName,
    /// Why it could not be deleted. `None`: the server had no such file, and it may still come.
    pub why: Option<Failure>,
    /// Whether the server may still execute the command that makes it, because nobody has seen the end of that command.
    pub may_come: bool,
}

/// The files of one site that have to be deleted before the run ends.
#[derive(Debug, Default)]
pub struct Debts(Mutex<Vec<Debt>>);

impl Debts {
    /// Adds a file. Returns the file if there are `MOST` of them already.
    pub fn add(&self, debt: Debt) -> Option<Debt> {
        let mut debts = self.0.locked();
        debts.retain(|other| other.path != debt.path);
        if debts.len() >= MOST {
            return Some(debt);
        }
        debts.push(debt);
        None
    }

    /// Whether the file has to be deleted.
    pub fn have(&self, path: &PathName) -> bool {
        self.0.locked().iter().any(|debt| debt.path == *path)
    }

    /// Forgets one: the file is deleted.
    pub fn paid(&self, path: &PathName) {
        self.0.locked().retain(|debt| debt.path != *path);
    }

    /// Takes all of them.
    pub fn take(&self) -> Vec<Debt> {
        std::mem::take(&mut self.0.locked())
    }
}

/// The largest number of files of one site. A server that deletes nothing is not asked without end.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    fn debt(name: &str) -> Debt {
        let why = Some(Failure::new(Kind::Temporary, "busy"));
        Debt { path: PathName::from_user(name).unwrap(), why, may_come: false }
    }

    #[test]
    fn what_is_paid_or_taken_is_owed_no_more() {
        let debts = Debts::default();
        for name in ["a", "b", "a"] {
            assert_eq!(debts.add(debt(name)), None);
        }
        debts.paid(&debt("b").path);
        assert!(debts.have(&debt("a").path) && !debts.have(&debt("b").path));
        assert_eq!(debts.take(), [debt("a")]);
        assert_eq!(debts.take(), []);
    }

    #[test]
    fn there_is_a_bound() {
        let debts = Debts::default();
        for number in 0..MOST {
            assert_eq!(debts.add(debt(&number.to_string())), None);
        }
        assert_eq!(debts.add(debt("one more")), Some(debt("one more")));
    }
}
