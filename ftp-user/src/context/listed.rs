//! What verbs have listed on their way, for whoever completes names. Pure.

use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps what directories of servers held that a verb has listed, if somebody wants it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ListedDirectories(Option<Arc<Mutex<Vec<ListedDirectory>>>>);

/// What a directory of a server held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedDirectory {
    /// The place that was asked for.
    pub place: String,
    /// The path of the directory below it; `None` is the place itself.
    pub below: Option<PathName>,
    /// Names, and whether each is that of a directory.
    pub names: Vec<(PathName, bool)>,
    /// Whether there may be more.
    pub is_cut: bool,
}

impl ListedDirectories {
    /// Keeps them until they are taken.
    pub fn wanted() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes what a directory held. What does not fit any more is left out.
    pub fn note(&self, place: &str, below: Option<&PathName>, entries: &[Entry], is_incomplete: bool) {
        let Some(kept) = &self.0 else { return };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = kept.iter().map(|listed| listed.names.len()).sum();
        if kept.len() >= MOST_DIRECTORIES || held >= MOST_NAMES {
            return;
        }
        let room = MOST_OF_ONE.min(MOST_NAMES - held);
        let names = entries.iter().take(room);
        kept.push(ListedDirectory {
            place: place.to_owned(),
            below: below.cloned(),
            names: names.map(|entry| (entry.name.clone(), matches!(entry.kind, Kind::Directory))).collect(),
            is_cut: is_incomplete || entries.len() > room,
        });
    }

    /// Takes what was noted.
    pub fn take(&self) -> Vec<ListedDirectory> {
        let kept = self.0.as_ref().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default()
    }
}

/// The largest number of directories that one verb notes.
const MOST_DIRECTORIES: usize = 256;
/// The largest number of names of all of them.
const MOST_NAMES: usize = 20_000;
/// The largest number of names of one directory.
const MOST_OF_ONE: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: usize) -> Vec<Entry> {
        let name = |number: usize| PathName::from_user(format!("n{number}")).unwrap();
        (0..count).map(|number| Entry::new(name(number), Kind::File)).collect()
    }

    #[test]
    fn what_is_noted_has_bounds_and_says_what_is_cut() {
        let listed = ListedDirectories::wanted();
        for _ in 0..4 {
            listed.note("lab:pub", None, &entries(MOST_OF_ONE + 1), false);
        }
        let kept = listed.take();
        let sizes: Vec<usize> = kept.iter().map(|listed| listed.names.len()).collect();
        assert_eq!(sizes, [MOST_OF_ONE, MOST_OF_ONE]);
        assert!(kept.iter().all(|listed| listed.is_cut));
        for _ in 0..2 * MOST_DIRECTORIES {
            listed.note("lab:pub", None, &entries(1), false);
        }
        assert_eq!(listed.take().len(), MOST_DIRECTORIES);
        assert!(listed.take().is_empty(), "it was taken");
        let nobody = ListedDirectories::default();
        nobody.note("lab:pub", None, &entries(1), false);
        assert!(nobody.take().is_empty());
    }
}
