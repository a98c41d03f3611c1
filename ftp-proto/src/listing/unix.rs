//! `ls -l` lines are read, where a server has no MLSD.

use super::write::MONTHS;
use super::{Entry, Kind, When, when};
use crate::wire::PathName;

/// Parses one line of a UNIX listing; `None` for `total n` and what is no entry.
///
/// The date is taken where it names its year: without it neither year nor zone is known. Blanks
/// before a name are lost here, as `ls` may add some.
///
/// ```
/// use ftp_proto::listing::{Kind, parse_unix};
///
/// let entry = parse_unix(b"lrwxrwxrwx 1 root root 7 Apr 22 2024 bin -> usr/bin").unwrap();
/// assert_eq!((entry.kind, entry.name.as_bytes()), (Kind::Link, &b"bin"[..]));
/// ```
pub fn parse_unix(line: &[u8]) -> Option<Entry> {
    let mut words = Words { rest: line };
    let (kind, mode) = rights(words.next()?)?;
    words.next()?; // links
    let (size, modified) = size_and_date(&mut words)?;
    let rest = words.rest.trim_ascii_start();
    let name = match kind {
        Kind::Link => memchr::memmem::find(rest, b" -> ").and_then(|at| rest.get(..at)).unwrap_or(rest),
        Kind::File | Kind::Directory | Kind::Current | Kind::Parent | Kind::Other => rest,
    };
    let kind = match (kind, name) {
        (Kind::Directory, b".") => Kind::Current,
        (Kind::Directory, b"..") => Kind::Parent,
        (_, _) => kind,
    };
    let name = PathName::from_user(name).ok()?;
    Some(Entry { name, kind, size, modified, mode: Some(mode), perm: None, unique: None })
}

/// The words of a line; what follows the last one taken is kept as it is.
#[derive(Clone, Copy)]
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_ascii_start();
        let end = text.iter().position(|o| *o == b' ').unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        // A word that is no UTF-8 is an owner's name: nothing is read from it.
        if word.is_empty() { None } else { Some(std::str::from_utf8(word).unwrap_or("?")) }
    }
}

/// `drwxr-xr-x`, with `+`, `.` or `@` behind.
fn rights(word: &str) -> Option<(Kind, u32)> {
    let (letter, rights) = word.split_at_checked(1)?;
    let kind = match letter {
        "-" => Kind::File,
        "d" => Kind::Directory,
        "l" => Kind::Link,
        "b" | "c" | "p" | "s" => Kind::Other,
        _ => return None,
    };
    let rights = rights.trim_end_matches(['+', '.', '@']);
    if rights.len() != 9 {
        return None;
    }
    let mut mode = 0;
    for (shift, right) in (0..9).rev().zip(rights.chars()) {
        let special = 0o1000 << (shift / 3);
        mode |= match right {
            '-' => 0,
            'r' | 'w' | 'x' => 1 << shift,
            's' | 't' => 1 << shift | special,
            'S' | 'T' => special,
            _ => return None,
        };
    }
    Some((kind, mode))
}

/// Skips owner and group, of which either may be missing, up to a size with a date behind it.
fn size_and_date(words: &mut Words<'_>) -> Option<(Option<u64>, Option<When>)> {
    // At most owner, group, and the major number of a device, before the size.
    for _ in 0..4 {
        let word = words.next()?;
        let size = if word.bytes().all(|o| o.is_ascii_digit()) { word.parse().ok() } else { None };
        if size.is_none() {
            continue;
        }
        let mut ahead = *words;
        if let Some(modified) = date(&mut ahead) {
            *words = ahead;
            return Some((size, modified));
        }
    }
    None
}

/// `Nov 20 10:20`, `Nov 20 2026`, `20 Nov 2026`, `2026-11-20 10:20[:30[.5]] [+0100]`; the inner
/// value where it names the year.
fn date(words: &mut Words<'_>) -> Option<Option<When>> {
    let first = words.next()?;
    if let Some((year, rest)) = first.split_once('-') {
        let (month, day) = rest.split_once('-')?;
        let (hour, minute) = clock(words.next()?)?;
        let mut ahead = *words;
        if ahead.next().is_some_and(is_zone) {
            *words = ahead;
        }
        return Some(Some(when(number(year)?.into(), number(month)?, number(day)?, hour, minute, 0)?));
    }
    let second = words.next()?;
    let (month, day) = match (month(first), month(second)) {
        (Some(month), _) => (month, number(second)?),
        (None, Some(month)) => (month, number(first)?),
        (None, None) => return None,
    };
    let third = words.next()?;
    if clock(third).is_some() {
        return if (1..=31).contains(&day) { Some(None) } else { None };
    }
    let year = number(third).filter(|year| (1900..=9999).contains(year))?;
    when(year.into(), month, day, 0, 0, 0).map(Some)
}

fn month(word: &str) -> Option<u32> {
    MONTHS.iter().zip(1..).find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, number)| number)
}

fn clock(word: &str) -> Option<(u32, u32)> {
    let (hour, rest) = word.split_once(':')?;
    let minute = rest.split_once(':').map_or(rest, |(minute, _)| minute);
    let (hour, minute) = (number(hour)?, number(minute)?);
    if hour < 24 && minute < 60 { Some((hour, minute)) } else { None }
}

fn is_zone(word: &str) -> bool {
    word.len() == 5 && word.starts_with(['+', '-']) && word.bytes().skip(1).all(|o| o.is_ascii_digit())
}

fn number(word: &str) -> Option<u32> {
    if word.bytes().all(|o| o.is_ascii_digit()) { word.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, name: &str, kind: Kind, size: u64, modified: Option<When>) {
        let entry = parse_unix(line.as_bytes()).unwrap_or_else(|| panic!("no entry: {line}"));
        assert_eq!(entry.name.as_bytes(), name.as_bytes(), "{line}");
        assert_eq!((entry.kind, entry.size, entry.modified), (kind, Some(size), modified), "{line}");
    }

    #[test]
    fn listings_of_real_servers_are_read() {
        let y2024 = when(2024, 4, 22, 0, 0, 0);
        check(
            "-rw-r--r--    1 0        0        4294967297 Nov 20 10:20 big",
            "big",
            Kind::File,
            4294967297,
            None,
        );
        check(
            "drwxr-xr-x   2 ftp      ftp          4096 Apr 22  2024 a dir ",
            "a dir ",
            Kind::Directory,
            4096,
            y2024,
        );
        check("-rw-r--r--+ 1 me staff 12 22 Apr 2024 x", "x", Kind::File, 12, y2024);
        check("-rw-r--r-- 1 me 12 Apr 22 2024 12 Apr 22 2024", "12 Apr 22 2024", Kind::File, 12, y2024);
        check("-rw-r--r-- 1 May 5 12 Apr 22 2024 x", "x", Kind::File, 12, y2024);
        check("lrwxrwxrwx 1 root root 7 Apr 22 2024 a -> b -> c", "a", Kind::Link, 7, y2024);
        check("crw-rw-rw- 1 root root 1, 3 Apr 22 2024 null", "null", Kind::Other, 3, y2024);
        let minute = when(2024, 4, 22, 10, 20, 0);
        check("-rw-r--r-- 1 me us 5 2024-04-22 10:20 x", "x", Kind::File, 5, minute);
        check("-rw-r--r-- 1 me us 5 2024-04-22 10:20:30.5 +0200 x", "x", Kind::File, 5, minute);
        check("drwxr-xr-x 2 a b 1 Apr 22 2024 .", ".", Kind::Current, 1, y2024);
        check("drwxr-xr-x 2 a b 1 Apr 22 2024 ..", "..", Kind::Parent, 1, y2024);
    }

    #[test]
    fn rights_become_bits() {
        assert_eq!(rights("-rwsr-x--T"), Some((Kind::File, 0o5750)));
        assert_eq!(rights("drwxrwsr-t."), Some((Kind::Directory, 0o3775)));
        assert_eq!(rights("-rwxrwxrw"), None);
        assert_eq!(rights("?rwxrwxrwx"), None);
    }

    #[test]
    fn what_is_no_entry_is_none() {
        for line in [
            "",
            "total 12",
            "-rw-r--r--",
            "-rw-r--r-- 1 me us 5 Apr 22 2024",
            "-rw-r--r-- 1 me us 5 Apr 22 2024 ",
            "-rw-r--r-- 1 me us 5 Foo 22 2024 x",
            "-rw-r--r-- 1 me us 5 Apr 32 2024 x",
            "-rw-r--r-- 1 me us 5 Apr 22 2024 a\rb",
            "type=file; x",
            "07-12-24 10:20AM <DIR> x",
        ] {
            assert_eq!(parse_unix(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn our_own_lines_are_read_back() {
        let line = b"-rw-r-----   1 ftp      ftp        4294967297 Nov 20  2026 a b";
        let entry = parse_unix(line).unwrap();
        assert_eq!(super::super::list_line(&entry, When(0)), line);
    }
}
