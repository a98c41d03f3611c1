//! Reading the lines of MLSD and MLST (RFC 3659 section 7).

use super::row::Row;
use super::{Entry, Kind, Precision, parse_time};
use crate::wire::PathName;

/// Parses `fact=value;fact=value; name`. The names of facts and the values of `type` may be in any case;
/// exactly one blank separates the facts from the name. Returns `None` if the line does not have this
/// form or the name cannot be one.
///
/// A blank before the facts is accepted, because MLST adds one in its reply.
///
/// ```
/// use ftp_proto::listing::{Kind, parse_facts};
///
/// let entry = parse_facts(b"type=file;size=4294967297; a name").unwrap();
/// assert_eq!((entry.kind, entry.size), (Kind::File, Some(4294967297)));
/// assert_eq!(entry.name.as_bytes(), b"a name");
/// ```
pub fn parse_facts(line: &[u8]) -> Option<Entry> {
    let entry = |line| {
        let row = row(line)?;
        PathName::from_user(row.name).ok().map(|name| row.entry(name))
    };
    match line.strip_prefix(b" ") {
        Some(rest) => entry(rest).or_else(|| entry(line)),
        None => entry(line),
    }
}

/// Reads a line of MLSD without checking its name.
pub(super) fn row(line: &[u8]) -> Option<Row<'_>> {
    let blank = line.iter().position(|o| *o == b' ')?;
    let (facts, name) = line.split_at_checked(blank)?;
    let mut row = Row::new(name.strip_prefix(b" ")?, Kind::Other); // until the type says more
    let facts = std::str::from_utf8(facts).ok()?;
    for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
        let (fact, value) = fact.split_once('=')?;
        match fact.to_ascii_lowercase().as_str() {
            "type" => row.kind = kind(&value.to_ascii_lowercase()),
            "size" => row.size = value.parse().ok(),
            "modify" => row.modified = parse_time(value).map(|when| (when, Precision::Exact)),
            "perm" => row.perm = Some(value.to_ascii_lowercase()),
            "unique" => row.unique = Some(value.to_owned()),
            "x.version" => row.version = u64::from_str_radix(value, 16).ok(),
            "unix.mode" => row.mode = u32::from_str_radix(value, 8).ok().map(|mode| mode & 0o7777),
            _ => {} // RFC 3659 7.5: unknown facts are legal
        }
    }
    Some(row)
}

/// Reads the fact `type` (RFC 3659 section 7.5.1), and links as servers write them:
/// `OS.unix=slink:target`, `OS.unix=symlink`.
fn kind(value: &str) -> Kind {
    match value {
        "file" => Kind::File,
        "dir" => Kind::Directory,
        "cdir" => Kind::Current,
        "pdir" => Kind::Parent,
        _ if value.starts_with("os.unix=slink") || value.starts_with("os.unix=symlink") => Kind::Link,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::when;
    use super::*;

    fn parse(line: &str) -> Entry {
        parse_facts(line.as_bytes()).unwrap()
    }

    #[test]
    fn e20_facts_are_read_in_any_case_and_the_name_as_it_is() {
        let entry = parse(
            "Type=File;SIZE=4294967297;modify=20261120102030.123;Perm=ADFRW;unique=8U1;UNIX.mode=0640;x.y=z;  a ; b ",
        );
        assert_eq!(entry.kind, Kind::File);
        assert_eq!(entry.size, Some(4_294_967_297));
        assert_eq!(entry.modified, when(2026, 11, 20, 10, 20, 30));
        assert_eq!(entry.perm.as_deref(), Some("adfrw"));
        assert_eq!(entry.unique.as_deref(), Some("8U1"));
        assert_eq!(entry.mode, Some(0o640));
        assert_eq!(entry.name.as_bytes(), b" a ; b ");
    }

    #[test]
    fn kinds_of_entries_are_distinguished() {
        for (value, kind) in [
            ("dir", Kind::Directory),
            ("cdir", Kind::Current),
            ("pdir", Kind::Parent),
            ("OS.unix=slink:/target", Kind::Link),
            ("OS.UNIX=symlink", Kind::Link),
            ("OS.unix=chr-13/29", Kind::Other),
        ] {
            assert_eq!(parse(&format!("type={value}; x")).kind, kind, "{value}");
        }
        assert_eq!(parse(" type=file; x").kind, Kind::File); // as on a line of MLST
        assert_eq!(parse(" x y").name.as_bytes(), b"x y"); // no facts at all are legal
        assert_eq!(parse("type=file x").kind, Kind::File); // without the last semicolon
    }

    #[test]
    fn malformed_facts_are_refused() {
        for line in
            ["", " ", "total 12", "type=file;", "type=file; ", "type; x", "drwxr-xr-x 2 a b 1 Jan 1 2020 x"]
        {
            assert_eq!(parse_facts(line.as_bytes()), None, "{line}");
        }
        for line in [&b"type=file; a\rb"[..], b"type=file; a\nb", b"type=file; a\0b", b"\xff=x; a"] {
            assert_eq!(parse_facts(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn values_that_cannot_be_are_unknown() {
        let entry = parse("type=file;size=-1;modify=20261399000000;unix.mode=9; x");
        assert_eq!((entry.size, entry.modified, entry.mode), (None, None, None));
        assert_eq!(parse("size=18446744073709551616; x").size, None);
    }
}
