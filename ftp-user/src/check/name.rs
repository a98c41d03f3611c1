//! Names from listings are checked, because a server could name a path outside the directory. Pure.

use ftp_proto::wire::PathName;

/// Why a name from a listing is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// It would leave the directory.
    #[error("the name would lead out of its directory")]
    Path,
    /// A control connection would not carry it as it is (RFC 854).
    #[error("the name contains a carriage return, which FTP cannot carry")]
    CarriageReturn,
}

/// Whether a name from a listing can name a file in its directory.
pub(crate) fn usable(name: &PathName) -> Result<(), Unusable> {
    let bytes = name.as_bytes();
    if bytes.contains(&b'/') || matches!(bytes, b"." | b"..") {
        Err(Unusable::Path)
    } else if bytes.contains(&b'\r') {
        Err(Unusable::CarriageReturn)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let check = |name: &[u8], expect| assert_eq!(usable(&PathName::from_wire(name).unwrap()), expect);
        check(b"a b-\"c\".txt", Ok(()));
        check("é".as_bytes(), Ok(()));
        check(b"\xff\xfe", Ok(()));
        check(b"..", Err(Unusable::Path));
        check(b".", Err(Unusable::Path));
        check(b"../x", Err(Unusable::Path));
        check(b"/etc/passwd", Err(Unusable::Path));
        check(b"a\rb", Err(Unusable::CarriageReturn));
        check(b"a\tb", Ok(()));
        check(b"a\x1b[2J\x7f", Ok(()));
    }
}
