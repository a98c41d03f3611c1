//! Listings: by which command, what a listing may show in place of the directory, and what of it is certain.

use crate::command::Command;
use crate::listing::{Entry, Kind};
use crate::reply::Reply;
use crate::wire::PathName;
use std::collections::{HashMap, HashSet};

/// The commands that list, best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Facts for programs (RFC 3659).
    Mlsd,
    /// Text for people.
    List,
    /// Names and nothing else.
    Nlst,
}

impl Form {
    /// The command that lists a directory so; `None` is the current one.
    pub const fn command(self, directory: Option<PathName>) -> Command {
        match self {
            Self::Mlsd => Command::Mlsd(directory),
            Self::List => Command::List(directory),
            Self::Nlst => Command::Nlst(directory),
        }
    }
}

/// Whether a server may not take the argument as one name: a shell or `ls` splits it at blanks and takes other letters for
/// patterns and options. A server that does not know Telnet (RFC 854) reads 0xFF twice.
pub fn is_split(path: &[u8]) -> bool {
    let is_special =
        |byte: &u8| byte.is_ascii_control() || *byte == 0xff || b" *?[]{}~\\\"'$`;&|<>()".contains(byte);
    path.starts_with(b"-") || path.iter().any(is_special)
}

/// The number in the line `Omitted n` of a final reply: our own server has left out so many names, since FTP
/// cannot carry them.
pub fn omitted(reply: &Reply) -> usize {
    let number = |line: &Vec<u8>| {
        let rest = str::from_utf8(line).ok()?.trim().strip_prefix("Omitted ")?;
        rest.split_whitespace().next()?.parse().ok()
    };
    reply.lines.iter().find_map(number).unwrap_or(0)
}

/// Hands entries over, but holds back the first one for as long as it may be the directory itself: vsftpd answers LIST of a
/// directory that it cannot enter so.
pub struct FirstEntry<'a> {
    /// The last name of the directory.
    name: Option<PathName>,
    each: &'a mut (dyn FnMut(Entry) + Send),
    seen: u64,
    held: Option<Entry>,
}

impl<'a> FirstEntry<'a> {
    /// No entry has come yet of a directory of that name.
    pub fn of(name: Option<PathName>, each: &'a mut (dyn FnMut(Entry) + Send)) -> Self {
        Self { name, each, seen: 0, held: None }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: Entry) {
        self.seen += 1;
        if self.seen == 1 && entry.kind == Kind::Directory && Some(&entry.name) == self.name.as_ref() {
            self.held = Some(entry);
            return;
        }
        self.hand_over();
        (self.each)(entry);
    }

    /// Whether one is held back: there was no other one.
    pub const fn may_be_itself(&self) -> bool {
        self.held.is_some()
    }

    /// What was held back.
    pub fn held(self) -> Option<Entry> {
        self.held
    }

    /// Hands over what was held back: it is something in the directory.
    fn hand_over(&mut self) {
        if let Some(held) = self.held.take() {
            (self.each)(held);
        }
    }
}

/// Whether a row shows a directory, if there is no other row of its name.
pub fn is_certain_directory(entry: &Entry) -> bool {
    let is_real = entry.kind == Kind::Directory && entry.mode.is_some();
    // Many servers leave such names out of LIST. The only row of one may be the end of the name of a file.
    let may_be_hidden = entry.name.as_bytes().starts_with(b".");
    // The row of a link with this name would have only what stands before the arrow.
    is_real && !may_be_hidden && !has_arrow(&entry.name)
}

fn has_arrow(name: &PathName) -> bool {
    name.as_bytes().windows(ARROW.len()).any(|part| part == ARROW)
}

/// What stands between a symbolic link and where it leads to.
const ARROW: &[u8] = b" -> ";

/// The rows of a listing, by name. A name with a line break can hold a row of another name, and so say of that one what its
/// owner likes.
#[derive(Debug, Default)]
pub struct CertainRows {
    /// Whether the only row of a name shows what is looked for.
    of_name: HashMap<PathName, bool>,
}

impl CertainRows {
    /// Notes a row, and whether it shows what is looked for.
    pub fn note(&mut self, name: PathName, shows_it: bool) {
        self.of_name.entry(name).and_modify(|is_certain| *is_certain = false).or_insert(shows_it);
    }

    /// The names of which nothing else is shown. There is none if the listing `is_incomplete`.
    pub fn certain(self, is_incomplete: bool) -> HashSet<PathName> {
        if is_incomplete {
            return HashSet::new();
        }
        self.of_name.into_iter().filter(|(_, is_certain)| *is_certain).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::reply::Meaning;

    #[test]
    fn names_that_a_server_may_not_take_as_one_are_known() {
        for (path, expect) in [
            (&b"pub/d"[..], false),
            ("pub/\u{e9}".as_bytes(), false),
            (b"uml\xfc", false),
            (b"-la", true),
            (b"a b", true),
            (b"a[1]", true),
            (b"tab\there", true),
            (b"pub/\xffd", true),
        ] {
            assert_eq!(is_split(path), expect, "{path:?}");
        }
    }

    #[test]
    fn the_names_that_a_server_left_out_are_counted() {
        let check = |lines: &[&str], expect| {
            let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            let reply = Reply { code: Meaning::Transferred.code(Dialect::Rfc959), lines };
            assert_eq!(omitted(&reply), expect, "{reply:?}");
        };
        check(&["Omitted 3", "Closing data connection"], 3);
        check(&[" Omitted 12 names", "done"], 12);
        check(&["done"], 0);
        check(&["Omitted", "Omitted many"], 0);
    }

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

    #[test]
    fn a_name_counts_only_if_one_row_of_a_whole_listing_has_it() {
        let found = |is_incomplete| {
            let mut rows = CertainRows::default();
            for (name, shows_it) in
                [("d", true), ("x", false), ("x", true), ("y", true), ("y", true), ("file", false)]
            {
                rows.note(PathName::from_user(name).unwrap(), shows_it);
            }
            let certain = rows.certain(is_incomplete);
            certain.iter().map(PathName::display).collect::<Vec<_>>()
        };
        assert_eq!(found(false), ["d"]);
        assert!(found(true).is_empty());
    }

    #[test]
    fn the_row_of_a_dot_name_shows_no_directory_for_certain() {
        let row = |name: &str, mode| Entry {
            mode,
            ..Entry::new(PathName::from_user(name).unwrap(), Kind::Directory)
        };
        for (name, mode, expect) in [
            ("d", Some(0o755), true),
            ("d", None, false),
            (".d", Some(0o755), false),
            ("x -> y", Some(0o755), false),
        ] {
            assert_eq!(is_certain_directory(&row(name, mode)), expect, "{name} {mode:?}");
        }
    }

    #[test]
    fn a_name_with_an_arrow_may_be_a_link() {
        for (name, expect) in [("x -> y", true), ("x->y", false), ("x", false)] {
            assert_eq!(has_arrow(&PathName::from_user(name).unwrap()), expect, "{name}");
        }
    }
}
