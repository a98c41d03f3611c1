//! The symbolic links of a move, and the files that they lead to: such a file stays until the links to it have gone, so that
//! no link leads nowhere before its copy is made and verified.

use super::portion::CopiedFile;
use crate::failure::{Failure, Kind};
use crate::job::Item;
use crate::session::Facts;
use ftp_io::lock::Lock;
use ftp_proto::listing::When;
use ftp_proto::wire::PathName;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// The symbolic links that were found, by the file to which they lead. The workers of a move share it.
#[derive(Clone, Debug, Default)]
pub(in crate::job) struct MovedLinks(Arc<Mutex<HashMap<FileKey, LinksToFile>>>);

/// What tells a file from the others of its host: its identity, or its size and time if its host tells none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum FileKey {
    Identity(String),
    Looks(Option<u64>, Option<When>),
}

impl FileKey {
    fn of(facts: &Facts) -> Self {
        match &facts.unique {
            Some(unique) => Self::Identity(unique.clone()),
            None => Self::Looks(facts.size, facts.modified),
        }
    }
}

/// The symbolic links that lead to one file.
#[derive(Debug, Default)]
struct LinksToFile {
    /// Those that are still there.
    there: HashSet<PathName>,
    /// Whether this run deletes one of them, or has deleted it.
    is_deleted: bool,
}

impl MovedLinks {
    /// Notes a file that was found, if it is a symbolic link.
    pub(in crate::job) fn note_found(&self, item: &Item) {
        if let Some(target) = &item.leads_to {
            let mut links = self.0.locked();
            links.entry(FileKey::of(target)).or_default().there.insert(item.source.clone());
        }
    }

    /// Whether none was found.
    pub(in crate::job) fn is_empty(&self) -> bool {
        self.0.locked().is_empty()
    }

    /// Notes that symbolic links are about to be deleted: from now on another worker may find that one on its way is gone.
    pub(super) fn note_deleting(&self, files: &[CopiedFile]) {
        let mut links = self.0.locked();
        for target in files.iter().filter_map(|copied| copied.leads_to.as_ref()) {
            links.entry(FileKey::of(target)).or_default().is_deleted = true;
        }
    }

    /// Notes that the source of a file was deleted.
    pub(super) fn note_deleted(&self, copied: &CopiedFile) {
        if let Some(target) = &copied.leads_to
            && let Some(links) = self.0.locked().get_mut(&FileKey::of(target))
        {
            links.there.remove(&copied.source);
        }
    }

    /// Whether this symbolic link may lead nowhere now because this run deletes another one on its way.
    pub(super) fn may_be_cut(&self, copied: &CopiedFile) -> bool {
        let links = self.0.locked();
        let of = |target| links.get(&FileKey::of(target)).is_some_and(|links| links.is_deleted);
        copied.leads_to.as_ref().is_some_and(of)
    }

    /// Why a file stays for now: a symbolic link leads to it that is still there.
    pub(super) fn keeps(&self, copied: &CopiedFile) -> Option<Failure> {
        if copied.leads_to.is_some() {
            return None;
        }
        let links = self.0.locked();
        let link = links.get(&FileKey::of(copied.source_before()))?.there.iter().min()?;
        let what = format!("it stays, because the symbolic link {} to it was not moved", link.display());
        Some(Failure::new(Kind::Unverified, what).hint("move the link again, or delete it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::moving::portion::tests::copied_with;
    use ftp_proto::listing;

    fn facts(unique: Option<&str>, size: u64) -> Facts {
        let unique = unique.map(str::to_owned);
        Facts { size: Some(size), unique, ..Facts::of_kind(listing::Kind::File) }
    }

    fn link(path: &str, target: Facts) -> Item {
        Item { leads_to: Some(target), ..Item::of_both(1, path) }
    }

    #[test]
    fn a_file_stays_until_all_links_to_it_are_deleted() {
        for identity in [Some("8g1"), None] {
            let links = MovedLinks::default();
            let target = || facts(identity, 5);
            let file = copied_with(&Item::of_both(3, "t/file"), target());
            let other = copied_with(&Item::of_both(4, "t/other"), facts(identity.map(|_| "8g2"), 6));
            assert!(links.keeps(&file).is_none(), "no link leads to it");
            let (one, two) = (link("t/one", target()), link("t/two", target()));
            [&one, &two].into_iter().for_each(|link| links.note_found(link));
            links.note_found(&Item::of_both(3, "t/file"));
            let (one, two) = (copied_with(&one, target()), copied_with(&two, target()));
            assert!(!links.may_be_cut(&two));
            let one = [one];
            links.note_deleting(&one);
            assert!(links.may_be_cut(&two) && !links.may_be_cut(&file));
            let [one] = one;
            links.note_deleted(&one);
            let why = links.keeps(&file).unwrap().what;
            assert!(why.contains("the symbolic link t/two to it"), "{why}");
            assert!(links.keeps(&other).is_none() && links.keeps(&two).is_none());
            links.note_deleted(&two);
            assert!(links.keeps(&file).is_none());
        }
    }
}
