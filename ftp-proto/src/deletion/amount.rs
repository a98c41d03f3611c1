//! How much would be deleted. A disk that is not mounted, or was exchanged, looks like a directory that somebody has emptied:
//! somebody has to agree.

use crate::wire::PathName;
use std::collections::HashMap;

/// How many files a directory of the destination has, with everything below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Amount {
    /// The files that it has.
    pub files: u64,
    /// Those of them that would go.
    pub going: u64,
}

impl Amount {
    /// Whether somebody has to agree: more than half of the files would go, and more than 20.
    ///
    /// ```
    /// use ftp_proto::deletion::Amount;
    ///
    /// assert!(Amount { files: 50, going: 26 }.needs_consent());
    /// assert!(!Amount { files: 50, going: 25 }.needs_consent());
    /// assert!(!Amount { files: 20, going: 20 }.needs_consent());
    /// ```
    pub const fn needs_consent(self) -> bool {
        self.going > FEW && self.going > self.files / 2
    }
}

/// Up to so many files need no consent, however few a directory has.
const FEW: u64 = 20;

/// Counts the names of the destination, directory by directory. The names come in their order: each directory right before
/// what is in it.
#[derive(Clone, Debug)]
pub struct AmountTally {
    /// The directory of the last name, and those above it. The first one is the destination itself.
    open: Vec<(Option<PathName>, Amount)>,
    large: LargeDeletions,
}

impl Default for AmountTally {
    fn default() -> Self {
        Self { open: vec![(None, Amount::default())], large: LargeDeletions::default() }
    }
}

impl AmountTally {
    /// Counts a directory.
    pub fn directory(&mut self, path: &PathName) {
        self.leave(Some(path));
        self.open.push((Some(path.clone()), Amount::default()));
    }

    /// Counts a file, or what else is no directory. `goes` says whether only the destination has it.
    pub fn file(&mut self, path: &PathName, goes: bool) {
        self.leave(Some(path));
        if let Some((_, amount)) = self.open.last_mut() {
            amount.files += 1;
            amount.going += u64::from(goes);
        }
    }

    /// The directories from which so much would go that somebody has to agree.
    pub fn finish(mut self) -> LargeDeletions {
        self.leave(None);
        if let Some((_, amount)) = self.open.pop() {
            self.large.note(None, amount);
        }
        self.large
    }

    /// Closes the directories in which `next` is not.
    fn leave(&mut self, next: Option<&PathName>) {
        let is_in = |directory: &PathName| next.is_some_and(|next| next.is_below(directory));
        while let Some((Some(directory), amount)) =
            self.open.pop_if(|(directory, _)| directory.as_ref().is_some_and(|open| !is_in(open)))
        {
            if let Some((_, above)) = self.open.last_mut() {
                above.files += amount.files;
                above.going += amount.going;
            }
            self.large.note(Some(directory), amount);
        }
    }
}

/// The directories of the destination from which so much would go that somebody has to agree.
#[derive(Clone, Debug, Default)]
pub struct LargeDeletions {
    root: Option<Amount>,
    directories: HashMap<PathName, Amount>,
}

impl LargeDeletions {
    fn note(&mut self, directory: Option<PathName>, amount: Amount) {
        if !amount.needs_consent() {
            return;
        }
        match directory {
            Some(directory) => {
                self.directories.insert(directory, amount);
            }
            None => self.root = Some(amount),
        }
    }

    /// A file does not go after all: it was renamed, or it is kept for another reason.
    pub fn stays(&mut self, path: &PathName) {
        let less = |amount: &mut Amount| amount.going = amount.going.saturating_sub(1);
        self.root.iter_mut().for_each(less);
        for directory in directories_above(path) {
            self.directories.get_mut(&directory).into_iter().for_each(less);
        }
    }

    /// The topmost directory that keeps what only the destination has at `path`, and how much would go from it; `None` for the
    /// directory is the destination itself.
    pub fn keeper(&self, path: &PathName) -> Option<(Option<PathName>, Amount)> {
        let root = self.root.filter(|amount| amount.needs_consent());
        if let Some(amount) = root {
            return Some((None, amount));
        }
        if self.directories.is_empty() {
            return None;
        }
        let mut above = directories_above(path);
        above.find_map(|directory| {
            let amount = self.directories.get(&directory).filter(|amount| amount.needs_consent())?;
            Some((Some(directory), *amount))
        })
    }
}

/// The directories above `path`, the topmost one first.
fn directories_above(path: &PathName) -> impl Iterator<Item = PathName> {
    let bytes = path.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0);
    ends.filter_map(|(at, _)| PathName::from_wire(bytes.get(..at)?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    /// A tally of directories, each with the number of files that stay and of those that go.
    fn tally(directories: &[(&str, usize, usize)]) -> LargeDeletions {
        let mut tally = AmountTally::default();
        for (directory, staying, going) in directories {
            if !directory.is_empty() {
                tally.directory(&path(directory));
            }
            for number in 0..staying + going {
                let name = format!("{directory}/f{number}");
                tally.file(&path(name.trim_start_matches('/')), number >= *staying);
            }
        }
        tally.finish()
    }

    fn keeper(large: &LargeDeletions, at: &str) -> Option<String> {
        large.keeper(&path(at)).map(|(directory, _)| directory.map_or(".".to_owned(), |path| path.display()))
    }

    #[test]
    fn more_than_half_and_more_than_twenty_need_consent_in_any_directory() {
        for (directories, at, expect) in [
            (&[("d", 0, 20)][..], "d/f1", None),
            (&[("", 100, 0), ("d", 0, 21)], "d/f1", Some("d")),
            (&[("", 0, 0), ("d", 0, 21)], "d/f1", Some(".")),
            (&[("", 100, 0), ("d", 21, 21)], "d/f30", None),
            // With everything below it: neither part alone is much.
            (&[("", 100, 0), ("d", 0, 11), ("d/e", 0, 11)], "d/e/f1", Some("d")),
            (&[("", 100, 0), ("d", 40, 0), ("d/e", 0, 30)], "d/e/f1", Some("d/e")),
            (&[("", 100, 0), ("d", 40, 1), ("d/e", 0, 30)], "d/f40", None),
            (&[("", 100, 0), ("d", 0, 30), ("dd", 1, 1)], "dd/f1", None),
        ] {
            assert_eq!(keeper(&tally(directories), at).as_deref(), expect, "{directories:?} {at}");
        }
    }

    #[test]
    fn what_stays_after_all_is_not_counted() {
        let mut large = tally(&[("", 100, 0), ("d", 0, 22), ("e", 0, 22)]);
        large.stays(&path("d/f0"));
        assert_eq!(keeper(&large, "d/f1").as_deref(), Some("d"));
        large.stays(&path("d/f1"));
        assert_eq!(keeper(&large, "d/f2"), None);
        assert_eq!(keeper(&large, "e/f2").as_deref(), Some("e"));
    }
}
