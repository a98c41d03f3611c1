//! Writing the lines of listings, for a server.

use std::fmt::{Display, Write};

use super::date::{HALF_A_YEAR, MONTHS};
use super::{Entry, Kind, When, civil, facts_time};

/// Returns one line of MLSD or MLST without CR LF: those facts of `wanted` (in lower case; `None` means
/// all) that the entry has, a blank, and the name. A value with a blank or `;` would end its fact
/// (RFC 3659 section 7.2), so such a fact is left out.
pub fn facts_line(entry: &Entry, wanted: Option<&[String]>) -> Vec<u8> {
    let mut facts = Facts { line: String::with_capacity(USUAL), wanted };
    facts.add("type", Some(kind(entry)));
    facts.add("size", entry.size);
    facts.add("modify", entry.exactly_modified().and_then(facts_time));
    facts.add("perm", entry.perm.as_deref());
    facts.add("unique", entry.unique.as_deref());
    facts.add("UNIX.mode", entry.mode.map(|mode| format!("{:04o}", mode & 0o7777)));
    let mut line = facts.line.into_bytes();
    line.push(b' ');
    line.extend_from_slice(entry.name.as_bytes());
    line
}

/// The facts of a line. A directory may have a million lines, so a fact is written where it stays.
struct Facts<'a> {
    line: String,
    /// The names of the facts to write, in lower case; `None` for all of them.
    wanted: Option<&'a [String]>,
}

impl Facts<'_> {
    /// Adds a fact that is known, wanted, and fits between its `=` and its `;`.
    fn add(&mut self, name: &str, value: Option<impl Display>) {
        let Some(value) = value else { return };
        if self.wanted.is_some_and(|wanted| !wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))) {
            return;
        }
        let before = self.line.len();
        self.line.extend([name, "="]);
        let start = self.line.len();
        // Writing to a String does not fail.
        let _ = write!(self.line, "{value}");
        let fits = |value: &str| !value.contains(|c: char| c == ';' || c == ' ' || c.is_control());
        if self.line.get(start..).is_some_and(fits) {
            self.line.push(';');
        } else {
            self.line.truncate(before);
        }
    }
}

/// Bytes of a usual line.
const USUAL: usize = 160;

/// The names of the facts that [`facts_line`] can write, as in FEAT.
pub const FACTS: &[&str] = &["type", "size", "modify", "perm", "unique", "UNIX.mode"];

/// Returns the fact `type` (RFC 3659 section 7.5.1). That of a symbolic link ends with its target, unless
/// the target would end the fact.
fn kind(entry: &Entry) -> String {
    let word = match entry.kind {
        Kind::File => "file",
        Kind::Directory => "dir",
        Kind::Current => "cdir",
        Kind::Parent => "pdir",
        Kind::Link => "OS.unix=slink:",
        Kind::Other => "OS.unix=special",
    };
    let target = entry.target.as_deref().filter(|_| entry.kind == Kind::Link);
    let target = target.and_then(|target| std::str::from_utf8(target).ok());
    let fits = |target: &&str| !target.contains(|c: char| c == ';' || c == ' ' || c.is_control());
    format!("{word}{}", target.filter(fits).unwrap_or_default())
}

/// Returns one line of `ls -l` without CR LF. Dates are in UTC; those more than six months away from
/// `now` have a year instead of a time.
pub fn list_line(entry: &Entry, now: When) -> Vec<u8> {
    let (letter, usual) = match entry.kind {
        Kind::File => ('-', 0o644),
        Kind::Directory | Kind::Current | Kind::Parent => ('d', 0o755),
        Kind::Link => ('l', 0o777),
        Kind::Other => ('s', 0o600),
    };
    let rights = rights(entry.mode.unwrap_or(usual));
    let size = entry.size.unwrap_or(0);
    let date = list_date(entry.modified.unwrap_or(When(0)), now);
    let line = format!("{letter}{rights}   1 ftp      ftp      {size:>12} {date} ");
    let arrow: &[u8] = if entry.target.is_some() { b" -> " } else { b"" };
    let target = entry.target.as_deref().unwrap_or_default();
    [line.as_bytes(), entry.name.as_bytes(), arrow, target].concat()
}

/// Formats permissions as `rwxr-x--T`.
fn rights(mode: u32) -> String {
    let mut text = String::with_capacity(9);
    for (shift, special, set, bare) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (false, false) => '-',
            (true, false) => 'x',
            (true, true) => set,
            (false, true) => bare,
        });
    }
    text
}

fn list_date(moment: When, now: When) -> String {
    let (year, month, day, hour, minute, _) = civil(moment);
    let month = MONTHS.iter().zip(1..).find(|(_, number)| *number == month).map_or("Jan", |(name, _)| *name);
    let age = now.0.saturating_sub(moment.0);
    if (0..HALF_A_YEAR).contains(&age) {
        format!("{month} {day:>2} {hour:02}:{minute:02}")
    } else {
        format!("{month} {day:>2}  {year:04}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::when;
    use super::*;
    use crate::wire::PathName;

    fn entry(name: &str) -> Entry {
        Entry {
            size: Some(4_294_967_297),
            modified: when(2026, 11, 20, 10, 20, 30),
            mode: Some(0o640),
            perm: Some("adfrw".into()),
            unique: Some("8U1".into()),
            ..Entry::new(PathName::from_wire(name).unwrap(), Kind::File)
        }
    }

    #[test]
    fn a_value_that_would_end_its_fact_is_left_out() {
        for unique in ["a b", "a;type=dir", "a\r\nb"] {
            let entry = Entry { unique: Some(unique.to_owned()), ..Entry::new(entry("x").name, Kind::File) };
            assert_eq!(facts_line(&entry, None), b"type=file; x", "{unique:?}");
        }
    }

    #[test]
    fn e20_a_line_of_mlsd_is_facts_a_blank_and_the_name() {
        assert_eq!(
            facts_line(&entry(" a b"), None),
            b"type=file;size=4294967297;modify=20261120102030;perm=adfrw;unique=8U1;UNIX.mode=0640;  a b"
        );
        let wanted = ["unix.mode".to_owned(), "size".to_owned()];
        assert_eq!(facts_line(&entry("x"), Some(&wanted)), b"size=4294967297;UNIX.mode=0640; x");
        assert_eq!(facts_line(&entry("x"), Some(&[])), b" x");
    }

    #[test]
    fn a_line_of_list_shows_the_time_or_the_year() {
        let list = |now| String::from_utf8(list_line(&entry("a b"), now)).unwrap();
        let now = when(2026, 11, 21, 0, 0, 0).unwrap();
        let start = "-rw-r-----   1 ftp      ftp        4294967297 Nov 20 ";
        assert_eq!(list(now), format!("{start}10:20 a b"));
        assert_eq!(list(when(2027, 11, 21, 0, 0, 0).unwrap()), format!("{start} 2026 a b"));
        assert_eq!(list(When(0)), format!("{start} 2026 a b"), "what lies ahead has its year");
    }

    #[test]
    fn a_link_shows_where_it_leads() {
        let link = |target: Option<&str>| Entry {
            target: target.map(|target| target.as_bytes().to_vec()),
            mode: Some(0o777),
            ..Entry::new(entry("x").name, Kind::Link)
        };
        for (target, shown) in
            [(Some("dir/a"), "dir/a"), (Some("a b"), ""), (Some("a;b"), ""), (Some("a\nb"), ""), (None, "")]
        {
            let line = String::from_utf8(facts_line(&link(target), None)).unwrap();
            assert_eq!(line, format!("type=OS.unix=slink:{shown};UNIX.mode=0777; x"));
        }
        let line = String::from_utf8(list_line(&link(Some("dir/a b")), When(0))).unwrap();
        assert!(line.starts_with("lrwxrwxrwx ") && line.ends_with(" x -> dir/a b"), "{line}");
    }

    #[test]
    fn rights_are_shown_with_their_special_bits() {
        assert_eq!(rights(0o755), "rwxr-xr-x");
        assert_eq!(rights(0o7755), "rwsr-sr-t");
        assert_eq!(rights(0o7000), "--S--S--T");
        assert_eq!(rights(0), "---------");
    }
}
