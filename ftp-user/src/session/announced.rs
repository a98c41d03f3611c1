//! How much may come of a file whose size was told.

use super::connection::Session;
use crate::failure::{Failure, Kind};
use ftp_proto::wire::counted;

/// How many bytes may come if `announced` are to come. A file may grow while it is read, but a server that sends without
/// an end must not fill the disk of this host, or of another one.
pub fn most(announced: Option<u64>) -> u64 {
    announced.map_or(u64::MAX, |announced| announced.saturating_mul(2).saturating_add(GROWTH))
}

impl Session {
    /// The failure if more has come of a file of `size` bytes. The copy cannot be right.
    pub fn sends_too_much(&self, size: u64) -> Failure {
        let (role, title, size) = (self.role.name(), &self.title, counted(size, "byte"));
        let why = format!("the {role} {title} sends more than the {size} that it announced");
        Failure::new(Kind::Unverified, why).hint("check the file at the server")
    }
}

/// Bytes by which any file may grow while it is read.
const GROWTH: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_grow_and_has_an_end() {
        assert_eq!(most(None), u64::MAX);
        assert_eq!(most(Some(0)), GROWTH);
        assert_eq!(most(Some(5)), 10 + GROWTH);
        assert_eq!(most(Some(u64::MAX)), u64::MAX);
    }
}
