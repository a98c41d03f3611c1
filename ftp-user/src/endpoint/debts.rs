//! Files that a job has left at a server, and that are deleted before its run ends.

use crate::failure::{About, Failure, Kind};
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

impl Debt {
    /// Why the file may still be there, if a later run can delete it. After an interruption (`was_stopped`) nothing was tried, so
    /// a later run can.
    pub fn to_pay_later(&self, was_stopped: bool) -> Option<Failure> {
        if was_stopped {
            return Some(Failure::interrupted());
        }
        let passes = |why: &&Failure| why.about == About::NoAnswer || why.kind == Kind::Temporary;
        let why = self.why.as_ref().filter(passes)?.clone();
        Some(why.during(format!("{} may still be there", self.path.display())))
    }
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
    fn a_later_run_deletes_what_had_no_answer_and_what_an_interruption_has_left() {
        let unseen = |why| Debt { why, ..debt("a") };
        let refused = unseen(Some(Failure::new(Kind::Refused, "no")));
        let earlier = unseen(Some(Failure::new(Kind::Other, "an earlier run has not seen it deleted")));
        let later = |debt: &Debt, was_stopped| debt.to_pay_later(was_stopped).map(|why| why.kind);
        assert_eq!(later(&debt("a"), false), Some(Kind::Temporary));
        for debt in [refused, earlier, unseen(None)] {
            assert_eq!(later(&debt, false), None, "{debt:?}");
            assert_eq!(later(&debt, true), Some(Kind::Interrupted), "{debt:?}");
        }
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
