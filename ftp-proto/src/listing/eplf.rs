//! Reading the Easily Parsed LIST Format: `+i8388621.48594,m825718503,r,s280,<TAB>name`.

use super::row::{Row, number};
use super::{Kind, Precision, When};

/// Reads one line: facts between commas, then a tab and the name.
pub(super) fn row(line: &[u8]) -> Option<Row<'_>> {
    let rest = line.strip_prefix(b"+")?;
    let tab = rest.iter().position(|o| *o == b'\t')?;
    let (facts, name) = rest.split_at_checked(tab)?;
    let name = name.strip_prefix(b"\t")?;
    if name.is_empty() {
        return None;
    }
    let mut row = Row::new(name, Kind::Other);
    for fact in std::str::from_utf8(facts).ok()?.split(',') {
        match fact.split_at_checked(1) {
            Some(("/", "")) => row.kind = Kind::Directory,
            Some(("r", "")) => row.kind = Kind::File,
            Some(("s", size)) => row.size = number(size),
            Some(("m", seconds)) => row.modified = number(seconds).map(|at| (When(at), Precision::Exact)),
            Some(("i", unique)) => row.unique = Some(unique.to_owned()),
            Some(("u", mode)) => row.mode = permissions(mode),
            Some((_, _)) | None => {} // facts that are not known are skipped, as EPLF asks
        }
    }
    Some(row)
}

/// Reads permissions such as `up644`.
fn permissions(mode: &str) -> Option<u32> {
    u32::from_str_radix(mode.strip_prefix('p')?, 8).ok().map(|mode| mode & 0o7777)
}
