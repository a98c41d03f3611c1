//! Listings: by which command, what a listing may show in place of the directory, and what of it is certain. Names as a server
//! shows and keeps them: `?` for what it cannot print, blanks that it drops, and letters beyond ASCII.

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
    /// The command that lists a directory so; `None` is the current one. `hides_dot_names`: see
    /// [`hides_dot_names`](crate::feature::Capabilities::hides_dot_names).
    pub const fn command(self, directory: Option<PathName>, hides_dot_names: bool) -> Command {
        match (self, hides_dot_names) {
            (Self::Mlsd, _) => Command::Mlsd(directory),
            (Self::List, false) => Command::List(directory),
            (Self::List, true) => Command::ListAll(directory),
            (Self::Nlst, false) => Command::Nlst(directory),
            (Self::Nlst, true) => Command::NlstAll(directory),
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

/// The number of entries that are held back.
const MOST_HELD: usize = 10_000;

/// Hands entries over, but holds them back for as long as they may be those of another directory. vsftpd answers LIST of a
/// directory that it cannot enter with the directory itself. Some servers do not look at the argument and list the current
/// directory (simple-ftpd), which shows the first name of every path that begins there.
pub struct EntriesInDoubt<'a> {
    /// The last name of the directory.
    last: Option<PathName>,
    /// The first name of its path, unless the server is known to look at the argument.
    first: Option<PathName>,
    each: &'a mut (dyn FnMut(Entry) + Send),
    seen: usize,
    may_be_itself: bool,
    shows_first: bool,
    held: Vec<Entry>,
}

/// What the entries of a listing are.
#[derive(Debug)]
pub enum Shown {
    /// Those of the directory, or none. They were handed over.
    Inside,
    /// Perhaps the directory itself.
    Itself(Vec<Entry>),
    /// Perhaps those of the current directory. `true` if some were handed over.
    Beside(bool),
}

impl<'a> EntriesInDoubt<'a> {
    /// No entry has come yet of a directory with these names.
    pub fn of(
        last: Option<PathName>,
        first: Option<PathName>,
        each: &'a mut (dyn FnMut(Entry) + Send),
    ) -> Self {
        Self { last, first, each, seen: 0, may_be_itself: false, shows_first: false, held: Vec::new() }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: Entry) {
        self.seen += 1;
        self.shows_first |= self.first.as_ref() == Some(&entry.name);
        self.may_be_itself =
            self.seen == 1 && entry.kind == Kind::Directory && self.last.as_ref() == Some(&entry.name);
        if self.may_be_itself || self.first.is_some() && self.seen <= MOST_HELD {
            return self.held.push(entry);
        }
        // What the current directory holds is listed again, from inside.
        if !self.shows_first {
            self.hand_over();
            (self.each)(entry);
        }
    }

    /// No other entry comes.
    pub fn end(mut self) -> Shown {
        if self.shows_first {
            return Shown::Beside(self.held.is_empty());
        }
        if self.may_be_itself {
            return Shown::Itself(self.held);
        }
        self.hand_over();
        Shown::Inside
    }

    fn hand_over(&mut self) {
        self.held.drain(..).for_each(&mut *self.each);
    }
}

/// The first name of a path that begins at the current directory, if a listing of that one shows it as it is: many servers
/// leave out names that begin with a dot, and show others for letters beyond ASCII.
pub fn first_shown_name(path: &PathName) -> Option<PathName> {
    let name = path.as_bytes().split(|byte| *byte == b'/').next()?;
    let is_shown = name.first().is_some_and(|first| *first != b'.') && name.is_ascii();
    if is_shown { PathName::from_user(name).ok() } else { None }
}

/// Whether a row shows a directory, if there is no other row of its name. `shows_dot_names`: the server was told to show all names.
pub fn is_certain_directory(entry: &Entry, shows_dot_names: bool) -> bool {
    let is_real = entry.kind == Kind::Directory && entry.mode.is_some();
    // Many servers leave such names out of LIST. The only row of one may be the end of the name of a file.
    let may_be_hidden = !shows_dot_names && entry.name.as_bytes().starts_with(b".");
    // The row of a link with this name would have only what stands before the arrow.
    is_real && !may_be_hidden && !has_arrow(&entry.name)
}

/// Whether MLST tells of a directory that it can be read or written as a file, and nothing that can be done with a directory. With
/// `ShowSymlinks off`, ProFTPD describes a symbolic link to a directory so, and its LIST shows it as a directory.
pub fn has_rights_of_file(entry: &Entry) -> bool {
    // RFC 3659 section 7.5.5: these are for files alone, and those for directories.
    let is_of_file = |perm: &str| perm.contains(['a', 'r', 'w']) && !perm.contains(['c', 'e', 'l', 'm', 'p']);
    entry.kind == Kind::Directory && entry.perm.as_deref().is_some_and(is_of_file)
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

/// The names of a directory as NLST has sent them, to look up which one a listing has shown.
#[derive(Debug)]
pub struct NamesByNlst<'a> {
    exact: HashMap<&'a [u8], &'a PathName>,
    /// Names with letters that a server may show as `?`, by what it shows; `None` if several look the same.
    shown: HashMap<Vec<u8>, Option<&'a PathName>>,
}

impl<'a> NamesByNlst<'a> {
    /// Takes the names that NLST has sent.
    pub fn new(names: &'a [PathName]) -> Self {
        let exact = names.iter().map(|name| (name.as_bytes(), name)).collect();
        let mut shown: HashMap<_, Option<&PathName>> = HashMap::new();
        for name in names.iter().filter(|name| !name.as_bytes().iter().all(is_printable)) {
            for mask in masks(name.as_bytes()) {
                let found = shown.entry(mask).or_insert(Some(name));
                *found = found.filter(|same| *same == name);
            }
        }
        Self { exact, shown }
    }

    /// Returns the only name that this server would show like this, with so many blanks before it beside the one that
    /// separates it. Returns `None` if `shown` is itself a name, or if several names look the same.
    pub fn meant(&self, shown: &PathName, blanks: usize) -> Option<&'a PathName> {
        if blanks > 0 {
            let whole = [vec![b' '; blanks], shown.as_bytes().to_vec()].concat();
            if let Some(name) = self.exact.get(whole.as_slice()) {
                return Some(name);
            }
        }
        if self.exact.contains_key(shown.as_bytes()) {
            return None;
        }
        self.shown.get(shown.as_bytes()).copied().flatten()
    }
}

/// What a listing has shown that may be another name: which names are of interest to [`NamesByNlst::meant`].
#[derive(Debug)]
pub struct UnclearNames(HashSet<Vec<u8>>);

impl UnclearNames {
    /// Takes the names that a listing has shown.
    pub fn new<'a>(shown: impl Iterator<Item = &'a PathName>) -> Self {
        Self(shown.map(|name| without_blanks(name.as_bytes()).to_vec()).collect())
    }

    /// Whether a name may be what one of them means, or one of them itself.
    pub fn may_be(&self, name: &PathName) -> bool {
        let has = |name: &[u8]| self.0.contains(without_blanks(name));
        let is_masked = !name.as_bytes().iter().all(is_printable);
        has(name.as_bytes()) || (is_masked && masks(name.as_bytes()).iter().any(|mask| has(mask)))
    }
}

/// A name without the blanks at its beginning.
fn without_blanks(name: &[u8]) -> &[u8] {
    let blanks = name.iter().take_while(|byte| **byte == b' ').count();
    name.get(blanks..).unwrap_or_default()
}

const fn is_printable(byte: &u8) -> bool {
    byte.is_ascii_graphic() || *byte == b' '
}

/// How servers show a name: `?` for each byte that is no printable ASCII, for each such letter, or for each control
/// character.
fn masks(name: &[u8]) -> [Vec<u8>; 3] {
    let bytes = name.iter().map(|byte| if is_printable(byte) { *byte } else { b'?' }).collect();
    let text = String::from_utf8_lossy(name);
    let masked = |is_shown: fn(char) -> bool| -> Vec<u8> {
        text.chars()
            .map(|letter| if is_shown(letter) { letter } else { '?' })
            .collect::<String>()
            .into_bytes()
    };
    let letters = masked(|letter| letter.is_ascii() && !letter.is_ascii_control());
    [bytes, letters, masked(|letter| !letter.is_control())]
}

/// The only one of these names that is `shown` with blanks before it: some servers drop leading blanks in LIST.
pub fn with_blanks<'a>(names: &'a [PathName], shown: &PathName) -> Option<&'a PathName> {
    let is_meant =
        |name: &&PathName| name != &shown && name.as_bytes().trim_ascii_start() == shown.as_bytes();
    let mut meant = names.iter().filter(is_meant);
    meant.next().filter(|_| meant.next().is_none())
}

/// Whether a server was seen to keep names beyond ASCII. Some drop such bytes from command lines. A command reaches another
/// file there than the one named, and MLST of the name finds that file as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeptNames {
    non_ascii: bool,
    /// The same for names that are no UTF-8. A server that keeps UTF-8 may replace other bytes.
    other_bytes: bool,
}

impl KeptNames {
    /// Whether such names were seen to be kept, so that this one need not be looked for.
    pub fn keeps(&self, path: &PathName) -> bool {
        path.as_bytes().is_ascii() || (self.has_kept(path) && !has_iac(path.as_bytes()))
    }

    /// Whether the server has kept a name like this one.
    pub fn has_kept(&self, path: &PathName) -> bool {
        if str::from_utf8(path.as_bytes()).is_ok() { self.non_ascii } else { self.other_bytes }
    }

    /// Notes that the server has kept a name like this one.
    pub fn note_kept(&mut self, path: &PathName) {
        match str::from_utf8(path.as_bytes()) {
            Ok(_) => self.non_ascii = true,
            Err(_) => self.other_bytes = true,
        }
    }

    /// How the server shows the path that it was asked for.
    pub fn compare(&mut self, asked: &PathName, shown: &PathName) -> ShownName {
        let found = compare(asked.as_bytes(), shown.as_bytes());
        if found == ShownName::Kept {
            self.note_kept(asked);
        }
        found
    }
}

/// How a server shows a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShownName {
    /// The name is unchanged.
    Kept,
    /// It is another name.
    Changed,
    /// Too little of the name is shown.
    Unclear,
}

/// Compares the last names of two paths, as far as both go.
fn compare(asked: &[u8], shown: &[u8]) -> ShownName {
    let names = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/').rev().filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (asked, shown) = (names(asked), names(shown));
    let mut pairs = asked.iter().zip(&shown).filter(|(asked, _)| !asked.is_ascii()).peekable();
    if pairs.peek().is_none() {
        return ShownName::Unclear;
    }
    if pairs.all(|(asked, shown)| is_alike(asked, shown)) { ShownName::Kept } else { ShownName::Changed }
}

/// Whether a name is shown whole. A server may show it in another encoding, but then it has non-ASCII letters
/// between the same ASCII letters. A name with IAC is shown as it is: a server that does not know Telnet (RFC 854) has
/// stored that byte twice.
pub fn is_alike(asked: &[u8], shown: &[u8]) -> bool {
    let ascii = |name: &[u8]| name.iter().copied().filter(u8::is_ascii).collect::<Vec<_>>();
    asked == shown
        || (!has_iac(asked)
            && !is_replaced(asked, shown)
            && !shown.is_ascii()
            && ascii(asked).eq_ignore_ascii_case(&ascii(shown)))
}

/// Whether a name is shown with the letter that stands for bytes which a server could not read. Several names may look
/// like that, and the server may have stored them so.
fn is_replaced(asked: &[u8], shown: &[u8]) -> bool {
    let has_mark = |name: &[u8]| name.windows(MARK.len()).any(|letter| letter == MARK);
    has_mark(shown) && !has_mark(asked)
}

/// U+FFFD in UTF-8.
const MARK: &[u8] = "\u{fffd}".as_bytes();

/// Whether a name has the byte that begins a command of Telnet.
fn has_iac(name: &[u8]) -> bool {
    name.contains(&0xff)
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
    fn entries_that_may_be_those_of_another_directory_are_held_back() {
        use Kind::{Directory, File};
        let name = |text: &str| PathName::from_user(text).unwrap();
        let check = |first: Option<&str>, entries: &[(&str, Kind)], expect: &str| {
            let mut handed = Vec::new();
            let mut each = |entry: Entry| handed.push(entry.name);
            let mut doubtful = EntriesInDoubt::of(Some(name("d")), first.map(name), &mut each);
            entries.iter().for_each(|(text, kind)| doubtful.take(Entry::new(name(text), *kind)));
            let shown = match doubtful.end() {
                Shown::Inside => "inside",
                Shown::Itself(held) => {
                    assert_eq!(held.len(), 1);
                    "itself"
                }
                Shown::Beside(false) => "beside",
                Shown::Beside(true) => "beside, too late",
            };
            assert_eq!(shown, expect, "{first:?} {}", entries.len());
            let all: Vec<_> = entries.iter().map(|(text, _)| name(text)).collect();
            if expect == "inside" {
                assert_eq!(handed, all, "in their order");
            } else if expect != "beside, too late" {
                assert_eq!(handed, []);
            }
        };
        for first in [None, Some("t")] {
            check(first, &[("d", Directory)], "itself");
            check(first, &[("d", File)], "inside");
            check(first, &[("e", Directory)], "inside");
            check(first, &[("d", Directory), ("f", File)], "inside");
            check(first, &[("f", File), ("d", Directory)], "inside");
            check(first, &[], "inside");
        }
        let rows = [("a", File), ("t", Directory), ("z", File)];
        check(None, &rows, "inside");
        check(Some("t"), &rows, "beside");
        check(Some("d"), &[("d", Directory)], "beside");
        let many = vec![("a", File); MOST_HELD];
        check(Some("t"), &[&many[..], &rows].concat(), "beside, too late");
        check(Some("t"), &[&rows, &many[..]].concat(), "beside");
        check(Some("t"), &[&many[..], &many].concat(), "inside");
    }

    #[test]
    fn the_first_name_of_a_path_is_looked_for_only_if_a_listing_shows_it() {
        let check = |path: &str, expect: Option<&str>| {
            let found = first_shown_name(&PathName::from_user(path).unwrap());
            assert_eq!(found, expect.map(|name| PathName::from_user(name).unwrap()), "{path}");
        };
        check("a", Some("a"));
        check("a/b/c", Some("a"));
        for path in ["/a/b", ".a/b", "../a", "./a", "\u{17c}/b"] {
            check(path, None);
        }
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
            ("d", Some(0o755), [true, true]),
            ("d", None, [false, false]),
            (".d", Some(0o755), [false, true]),
            ("x -> y", Some(0o755), [false, false]),
        ] {
            let found =
                [false, true].map(|shows_dot_names| is_certain_directory(&row(name, mode), shows_dot_names));
            assert_eq!(found, expect, "{name} {mode:?}");
        }
    }

    #[test]
    fn a_directory_with_the_rights_of_a_file_may_be_a_link() {
        for (kind, perm, expect) in [
            (Kind::Directory, Some("adfrw"), true),
            (Kind::Directory, Some("r"), true),
            (Kind::Directory, Some("flcdmpe"), false),
            (Kind::Directory, Some("adfrwelcmp"), false),
            (Kind::Directory, Some(""), false),
            (Kind::Directory, None, false),
            (Kind::File, Some("adfrw"), false),
        ] {
            let perm = perm.map(str::to_owned);
            let entry = Entry { perm: perm.clone(), ..Entry::new(PathName::from_user("d").unwrap(), kind) };
            assert_eq!(has_rights_of_file(&entry), expect, "{kind:?} {perm:?}");
        }
    }

    #[test]
    fn a_name_with_an_arrow_may_be_a_link() {
        for (name, expect) in [("x -> y", true), ("x->y", false), ("x", false)] {
            assert_eq!(has_arrow(&PathName::from_user(name).unwrap()), expect, "{name}");
        }
    }

    fn names(all: &[&str]) -> Vec<PathName> {
        all.iter().map(|name| PathName::from_user(*name).unwrap()).collect()
    }

    /// What is meant among all names, and so among those of interest alone.
    fn meant(all: &[PathName], shown: &PathName, blanks: usize) -> Option<String> {
        let interest = UnclearNames::new([shown].into_iter());
        let few: Vec<PathName> = all.iter().filter(|name| interest.may_be(name)).cloned().collect();
        let meant = |names: &[PathName]| NamesByNlst::new(names).meant(shown, blanks).map(PathName::display);
        assert_eq!(meant(&few), meant(all), "{few:?} of {all:?}: {shown:?}");
        meant(all)
    }

    #[test]
    fn names_that_nothing_shown_can_mean_are_of_no_interest() {
        let shown = names(&["?w", "x", " y"]);
        let interest = UnclearNames::new(shown.iter());
        for (name, expect) in [
            ("?w", true),
            ("żw", true),
            ("  ów", true),
            ("aw", false),
            ("x", true),
            ("  x", true),
            ("xx", false),
            ("y", true),
            ("ż", false),
        ] {
            assert_eq!(interest.may_be(&PathName::from_user(name).unwrap()), expect, "{name}");
        }
    }

    #[test]
    fn a_question_mark_is_settled_by_the_names_themselves() {
        let check = |all: &[&str], shown: &str, expect: Option<&str>| {
            let (all, shown) = (names(all), PathName::from_user(shown).unwrap());
            assert_eq!(meant(&all, &shown, 0).as_deref(), expect, "{all:?} {shown:?}");
        };
        check(&["żw", "a"], "??w", Some("żw"));
        check(&["żw", "a"], "?w", Some("żw"));
        check(&["żw", "a?b"], "a?b", None);
        check(&["żw", "ów"], "?w", None);
        check(&["żw", "?w"], "?w", None);
        check(&["aw"], "?w", None);
    }

    #[test]
    fn blanks_before_a_name_are_settled_by_the_names_themselves() {
        let check = |all: &[&str], shown: &str, blanks, expect: Option<&str>| {
            let (all, shown) = (names(all), PathName::from_user(shown).unwrap());
            assert_eq!(meant(&all, &shown, blanks).as_deref(), expect, "{all:?} {shown:?}");
        };
        check(&["x", " x"], "x", 1, Some(" x"));
        check(&["x", " x"], "x", 0, None);
        check(&["x", "y"], "x", 4, None);
        check(&[], "x", 1, None);
    }

    #[test]
    fn a_dropped_blank_is_settled_by_the_names_themselves() {
        let check = |all: &[&str], shown: &str, expect: Option<&str>| {
            let (all, shown) = (names(all), PathName::from_user(shown).unwrap());
            assert_eq!(
                with_blanks(&all, &shown).map(|name| name.display()).as_deref(),
                expect,
                "{all:?} {shown:?}"
            );
        };
        check(&[" x", "y"], "x", Some(" x"));
        check(&["  x", "y"], "x", Some("  x"));
        check(&[" x", "  x"], "x", None);
        check(&["x", "y"], "x", None);
    }

    #[test]
    fn h25_a_name_is_kept_or_it_is_another_one() {
        let check = |asked: &str, shown: &[u8], expect| {
            assert_eq!(compare(asked.as_bytes(), shown), expect, "{asked} {shown:?}");
        };
        check("ż.txt", "/srv/ż.txt".as_bytes(), ShownName::Kept);
        check("ż.txt", b".txt", ShownName::Changed);
        check("ż.txt", b"??.txt", ShownName::Changed);
        check("é.txt", b"\xe9.txt", ShownName::Kept);
        check("é.txt", b"\xe9.doc", ShownName::Changed);
        check("ż/a.txt", b"/srv/a.txt", ShownName::Changed);
        check("ż/a.txt", b"a.txt", ShownName::Unclear);
        check("a.txt", b"b.txt", ShownName::Unclear);
        check("é\u{fffd}", "é\u{fffd}".as_bytes(), ShownName::Kept);
        assert_eq!(compare(b"uml\xfc", "uml\u{fffd}".as_bytes()), ShownName::Changed);
        assert_eq!(compare(b"uml\xfc", "umlü".as_bytes()), ShownName::Kept);
    }
}
