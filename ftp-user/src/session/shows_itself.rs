//! A listing that may show the directory itself in place of what it holds: vsftpd answers LIST of a directory that it cannot
//! enter so. Pure.

use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;

/// Hands entries over, but holds back the first one for as long as it may be the directory itself.
pub(super) struct FirstEntry<'a> {
    /// The last name of the directory.
    name: Option<PathName>,
    each: &'a mut (dyn FnMut(Entry) + Send),
    seen: u64,
    held: Option<Entry>,
}

impl<'a> FirstEntry<'a> {
    /// No entry has come yet of a directory of that name.
    pub(super) fn of(name: Option<PathName>, each: &'a mut (dyn FnMut(Entry) + Send)) -> Self {
        Self { name, each, seen: 0, held: None }
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, entry: Entry) {
        self.seen += 1;
        if self.seen == 1 && entry.kind == Kind::Directory && Some(&entry.name) == self.name.as_ref() {
            self.held = Some(entry);
            return;
        }
        self.hand_over();
        (self.each)(entry);
    }

    /// Whether one is held back: there was no other one.
    pub(super) const fn may_be_itself(&self) -> bool {
        self.held.is_some()
    }

    /// What was held back.
    pub(super) fn held(self) -> Option<Entry> {
        self.held
    }

    /// Hands over what was held back: it is something in the directory.
    fn hand_over(&mut self) {
        if let Some(held) = self.held.take() {
            (self.each)(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_and_only_entry_may_be_the_directory_itself() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let check = |entries: &[(&str, Kind)], is_held: bool| {
            let mut handed = Vec::new();
            let mut each = |entry: Entry| handed.push(entry.name);
            let mut first = FirstEntry::of(Some(name("d")), &mut each);
            entries.iter().for_each(|(text, kind)| first.take(Entry::new(name(text), *kind)));
            assert_eq!(first.may_be_itself(), is_held, "{entries:?}");
            first.hand_over();
            let all: Vec<_> = entries.iter().map(|(text, _)| name(text)).collect();
            assert_eq!(handed, all, "in their order");
        };
        use Kind::{Directory, File};
        check(&[("d", Directory)], true);
        check(&[("d", File)], false);
        check(&[("e", Directory)], false);
        check(&[("d", Directory), ("f", File)], false);
        check(&[("f", File), ("d", Directory)], false);
        check(&[], false);
    }
}
