//! Writing the lines of listings, for a server.

use super::date::{HALF_A_YEAR, MONTHS};
use super::{CivilTime, Entry, Kind, Owner, When, civil};

/// Returns one line of MLSD or MLST without CR LF: those facts of `wanted` (in lower case; `None` means
/// [`FACTS`]) that the entry has, a blank, and the name. A value with a blank or `;` would end its fact
/// (RFC 3659 section 7.2), so such a fact is left out.
pub fn facts_line(entry: &Entry, wanted: Option<&[String]>) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL);
    write_facts_line(&mut line, entry, wanted);
    line
}

/// Appends to `line` what [`facts_line`] returns. A directory may have a million lines, so each fact is
/// written where it stays.
pub fn write_facts_line(line: &mut Vec<u8>, entry: &Entry, wanted: Option<&[String]>) {
    let mut facts = Facts { line, wanted };
    facts.add("type", |line| write_kind(line, entry));
    if let Some(size) = entry.size {
        facts.add("size", |line| write_number(line, size, (0, b'0')));
    }
    if let Some(modified) = entry.exactly_modified().map(civil).filter(|time| (0..=9999).contains(&time.year))
    {
        facts.add("modify", |line| write_time(line, modified));
    }
    facts.add_text("perm", entry.perm.as_deref());
    facts.add_text("unique", entry.unique.as_deref());
    if let Some(version) = entry.version {
        facts.add("X.version", |line| write_hex(line, version));
    }
    if let Some(mode) = entry.mode {
        let octal = [9, 6, 3, 0].map(|shift: u32| digit((mode >> shift & 7).into()));
        facts.add("UNIX.mode", |line| line.extend_from_slice(&octal));
    }
    if let Some(Owner { user, group }) = entry.owner.filter(|_| wanted.is_some()) {
        facts.add("UNIX.owner", |line| write_number(line, user.into(), (0, b'0')));
        facts.add("UNIX.group", |line| write_number(line, group.into(), (0, b'0')));
    }
    line.push(b' ');
    line.extend_from_slice(entry.name.as_bytes());
}

/// The facts of a line.
struct Facts<'a> {
    line: &'a mut Vec<u8>,
    /// The names of the facts to write, in lower case; `None` for [`FACTS`].
    wanted: Option<&'a [String]>,
}

impl Facts<'_> {
    /// Adds a fact if it is wanted. What `write` writes has no blank, `;` or control character.
    fn add(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let is_wanted = |wanted: &[String]| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        if self.wanted.is_none_or(is_wanted) {
            self.line.extend_from_slice(name.as_bytes());
            self.line.push(b'=');
            write(self.line);
            self.line.push(b';');
        }
    }

    /// Adds a fact that is known and fits between its `=` and its `;`.
    fn add_text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| fits(value)) {
            self.add(name, |line| line.extend_from_slice(value.as_bytes()));
        }
    }
}

/// Whether a value ends where its fact ends.
fn fits(value: &str) -> bool {
    // Nearly all values are of such bytes, and they are looked at faster than characters.
    value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
        || !value.contains(|c: char| c == ';' || c == ' ' || c.is_control())
}

/// Bytes of a usual line.
const USUAL: usize = 160;

/// The names of the facts that [`facts_line`] writes unless others are wanted, as in FEAT.
pub const FACTS: &[&str] = &["type", "size", "modify", "perm", "unique", "X.version", "UNIX.mode"];

/// The names of those that it writes only if they are wanted: numbers that mean something on the host of the server
/// alone.
pub const SELDOM: &[&str] = &["UNIX.owner", "UNIX.group"];

/// Writes a number in hexadecimal digits without leading zeros.
fn write_hex(line: &mut Vec<u8>, number: u64) {
    let digits = number.checked_ilog2().map_or(1, |bits| bits / 4 + 1);
    line.extend((0..digits).rev().map(|position| hex_digit(number >> (4 * position) & 0xf)));
}

/// Writes the fact `type` (RFC 3659 section 7.5.1). That of a symbolic link ends with its target, unless
/// the target would end the fact.
fn write_kind(line: &mut Vec<u8>, entry: &Entry) {
    let word = match entry.kind {
        Kind::File => "file",
        Kind::Directory => "dir",
        Kind::Current => "cdir",
        Kind::Parent => "pdir",
        Kind::Link => "OS.unix=slink:",
        Kind::Other => "OS.unix=special",
    };
    line.extend_from_slice(word.as_bytes());
    let target = entry.target.as_deref().filter(|_| entry.kind == Kind::Link);
    let target = target.and_then(|target| std::str::from_utf8(target).ok()).filter(|target| fits(target));
    line.extend_from_slice(target.unwrap_or_default().as_bytes());
}

/// Returns one line of `ls -l` without CR LF. Dates are in UTC; those more than six months away from
/// `now` have a year instead of a time.
pub fn list_line(entry: &Entry, now: When) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL);
    write_list_line(&mut line, entry, now);
    line
}

/// Appends to `line` what [`list_line`] returns.
pub fn write_list_line(line: &mut Vec<u8>, entry: &Entry, now: When) {
    let (letter, usual) = match entry.kind {
        Kind::File => (b'-', 0o644),
        Kind::Directory | Kind::Current | Kind::Parent => (b'd', 0o755),
        Kind::Link => (b'l', 0o777),
        Kind::Other => (b's', 0o600),
    };
    line.push(letter);
    line.extend_from_slice(&rights(entry.mode.unwrap_or(usual)));
    line.extend_from_slice(b"   1 ftp      ftp      ");
    write_number(line, entry.size.unwrap_or(0), (12, b' '));
    line.push(b' ');
    write_list_date(line, entry.modified.unwrap_or(When(0)), now);
    line.push(b' ');
    line.extend_from_slice(entry.name.as_bytes());
    if let Some(target) = &entry.target {
        line.extend_from_slice(b" -> ");
        line.extend_from_slice(target);
    }
}

/// Formats permissions as `rwxr-x--T`.
fn rights(mode: u32) -> [u8; 9] {
    let set = |bit: u32, letter: u8| if mode & bit == 0 { b'-' } else { letter };
    let last = |bit: u32, special: u32, both: u8, bare: u8| match (mode & bit != 0, mode & special != 0) {
        (false, false) => b'-',
        (true, false) => b'x',
        (true, true) => both,
        (false, true) => bare,
    };
    [
        set(0o400, b'r'),
        set(0o200, b'w'),
        last(0o100, 0o4000, b's', b'S'),
        set(0o040, b'r'),
        set(0o020, b'w'),
        last(0o010, 0o2000, b's', b'S'),
        set(0o004, b'r'),
        set(0o002, b'w'),
        last(0o001, 0o1000, b't', b'T'),
    ]
}

fn write_list_date(line: &mut Vec<u8>, moment: When, now: When) {
    let CivilTime { year, month, day, hour, minute, .. } = civil(moment);
    let month = MONTHS.iter().zip(1..).find(|(_, number)| *number == month).map_or("Jan", |(name, _)| *name);
    line.extend_from_slice(month.as_bytes());
    line.push(b' ');
    write_number(line, day.into(), (2, b' '));
    line.push(b' ');
    let age = now.0.saturating_sub(moment.0);
    if (0..HALF_A_YEAR).contains(&age) {
        write_number(line, hour.into(), (2, b'0'));
        line.push(b':');
        write_number(line, minute.into(), (2, b'0'));
    } else {
        line.push(b' ');
        match u64::try_from(year) {
            Ok(year) => write_number(line, year, (4, b'0')),
            Err(_) => line.extend_from_slice(format!("{year:04}").as_bytes()),
        }
    }
}

/// Writes `YYYYMMDDHHMMSS`; the year has four digits.
fn write_time(line: &mut Vec<u8>, time: CivilTime) {
    let CivilTime { year, month, day, hour, minute, second } = time;
    write_number(line, year.unsigned_abs(), (4, b'0'));
    let two = |part: u32| [digit(u64::from(part) / 10 % 10), digit(u64::from(part) % 10)];
    line.extend_from_slice([month, day, hour, minute, second].map(two).as_flattened());
}

/// Writes a decimal number, behind as many `fill` as it takes for `width` bytes.
fn write_number(line: &mut Vec<u8>, number: u64, (width, fill): (usize, u8)) {
    let (mut digits, mut left, mut first) = ([0; 20], number, 20);
    for place in digits.iter_mut().rev() {
        *place = digit(left % 10);
        left /= 10;
        first -= 1;
        if left == 0 {
            break;
        }
    }
    let digits = digits.get(first..).unwrap_or_default();
    line.extend(std::iter::repeat_n(fill, width.saturating_sub(digits.len())));
    line.extend_from_slice(digits);
}

/// The hexadecimal digit of a number below 16.
fn hex_digit(number: u64) -> u8 {
    if number < 10 { digit(number) } else { digit(number - 10) + (b'a' - b'0') }
}

/// The digit of a number below 10.
fn digit(number: u64) -> u8 {
    u8::try_from(number).map_or(b'0', |number| b'0' + number)
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
            owner: Some(Owner { user: 1000, group: 0 }),
            perm: Some("adfrw".into()),
            unique: Some("8U1".into()),
            version: Some(0xa0_31),
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
            b"type=file;size=4294967297;modify=20261120102030;perm=adfrw;unique=8U1;X.version=a031;UNIX.mode=0640;  a b"
        );
        let wanted = ["unix.mode".to_owned(), "size".to_owned()];
        assert_eq!(facts_line(&entry("x"), Some(&wanted)), b"size=4294967297;UNIX.mode=0640; x");
        let seldom = ["unix.owner".to_owned(), "unix.group".to_owned()];
        assert_eq!(facts_line(&entry("x"), Some(&seldom)), b"UNIX.owner=1000;UNIX.group=0; x");
        assert_eq!(facts_line(&entry("x"), Some(&seldom[1..])), b"UNIX.group=0; x");
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
        assert_eq!(&rights(0o755), b"rwxr-xr-x");
        assert_eq!(&rights(0o7755), b"rwsr-sr-t");
        assert_eq!(&rights(0o7000), b"--S--S--T");
        assert_eq!(&rights(0), b"---------");
    }

    #[test]
    fn numbers_are_filled_up_and_never_cut() {
        let number = |number, width, fill| {
            let mut line = b"|".to_vec();
            write_number(&mut line, number, (width, fill));
            String::from_utf8(line).unwrap()
        };
        assert_eq!(number(0, 0, b'0'), "|0");
        assert_eq!(number(7, 2, b'0'), "|07");
        assert_eq!(number(1_234, 2, b' '), "|1234");
        assert_eq!(number(90, 12, b' '), "|          90");
        assert_eq!(number(u64::MAX, 4, b'0'), "|18446744073709551615");
    }

    #[test]
    fn a_year_that_facts_cannot_carry_is_left_out_of_them_and_shown_in_lists() {
        for (seconds, year) in [(-62_167_219_201, "-001"), (253_402_300_800, "10000")] {
            let entry = Entry { modified: Some(When(seconds)), ..Entry::new(entry("x").name, Kind::File) };
            assert_eq!(facts_line(&entry, None), b"type=file; x");
            let line = String::from_utf8(list_line(&entry, When(0))).unwrap();
            assert!(line.ends_with(&format!("  {year} x")), "{line}");
        }
    }
}
