//! How the kind and the time of a listed entry are written.

use ftp_proto::listing::{Kind, Precision, When, civil};

/// What an entry is, in one word.
pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory | Kind::Current | Kind::Parent => "directory",
        Kind::Link => "link",
        Kind::Other => "other",
    }
}

/// Writes a moment as `2026-11-20T09:20:14Z`.
pub(super) fn date(when: When) -> String {
    let (year, month, day, hour, minute, second) = civil(when);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A time as far as it is known: no `Z` where the zone is the server's own.
pub(super) fn moment(when: When, precision: Precision) -> String {
    let mut text = date(when);
    match precision {
        Precision::Exact => {}
        Precision::Minute => text.truncate(text.len().saturating_sub(":00Z".len())),
        Precision::Day => text.truncate(text.len().saturating_sub("T00:00:00Z".len())),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_utc() {
        assert_eq!(date(When(0)), "1970-01-01T00:00:00Z");
        assert_eq!(moment(When(0), Precision::Exact), "1970-01-01T00:00:00Z");
        assert_eq!(moment(When(0), Precision::Minute), "1970-01-01T00:00");
        assert_eq!(moment(When(0), Precision::Day), "1970-01-01");
    }
}
