//! Which digests a server computes, and with which command.

use super::Capabilities;
use crate::command::{DigestCommand, XDigest};
use crate::digest::Algorithm;

impl Capabilities {
    /// Returns the command with which this server computes `algorithm`. HASH is preferred, because its
    /// answer names the algorithm.
    ///
    /// ```
    /// use ftp_proto::command::{DigestCommand, XDigest};
    /// use ftp_proto::digest::Algorithm;
    /// use ftp_proto::feature::Capabilities;
    ///
    /// let capabilities = Capabilities { x_digests: vec![XDigest::Xmd5], ..Capabilities::default() };
    /// assert_eq!(capabilities.digest_command(Algorithm::Md5), Some(DigestCommand::X(XDigest::Xmd5)));
    /// assert_eq!(capabilities.digest_command(Algorithm::Sha256), None);
    /// ```
    pub fn digest_command(&self, algorithm: Algorithm) -> Option<DigestCommand> {
        if self.hash.contains(&algorithm) {
            return Some(DigestCommand::Hash);
        }
        let computes = |x: &XDigest| x.algorithm() == algorithm && self.x_digests.contains(x);
        XDigest::ALL.into_iter().find(computes).map(DigestCommand::X)
    }

    /// Returns the algorithms that this server computes of a part of a file: by HASH after RANG (draft-bryan-ftp-range).
    /// Whether it minds RANG is only seen in its answer.
    pub fn part_algorithms(&self) -> Vec<Algorithm> {
        if self.has_line(RANG) { self.hash.clone() } else { Vec::new() }
    }

    /// Notes that HASH was seen to ignore RANG.
    pub fn no_parts(&mut self) {
        self.others.retain(|line| !line.eq_ignore_ascii_case(RANG));
    }

    /// Returns the algorithms that this server computes with any command.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        Algorithm::ALL.into_iter().filter(|algorithm| self.digest_command(*algorithm).is_some()).collect()
    }
}

/// The line of FEAT that tells of RANG.
const RANG: &str = "RANG STREAM";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::best_common;

    fn server(hash: &[Algorithm], x_digests: &[XDigest]) -> Capabilities {
        Capabilities { hash: hash.to_vec(), x_digests: x_digests.to_vec(), ..Capabilities::default() }
    }

    #[test]
    fn h22_two_servers_share_a_digest_though_their_commands_differ() {
        use Algorithm::{Crc32, Md5, Sha1, Sha256};
        let check = |one: &Capabilities, two: &Capabilities, expect| {
            assert_eq!(best_common(&one.algorithms(), &two.algorithms()), expect);
            assert_eq!(best_common(&two.algorithms(), &one.algorithms()), expect);
        };
        let ours = server(&[Sha256], &[]);
        check(&ours, &server(&[], &[XDigest::Xmd5, XDigest::Xsha256]), Some(Sha256));
        check(&server(&[Sha1, Md5], &[]), &server(&[], &[XDigest::Xcrc, XDigest::Xsha]), Some(Sha1));
        check(&server(&[], &[XDigest::Md5]), &server(&[], &[XDigest::Xmd5, XDigest::Xcrc]), Some(Md5));
        check(&server(&[], &[XDigest::Xcrc]), &server(&[Crc32], &[]), Some(Crc32));
        check(&ours, &server(&[], &[XDigest::Xmd5]), None);
        check(&ours, &server(&[], &[]), None);
    }

    #[test]
    fn h21_parts_need_rang_and_hash_and_a_server_that_minds_rang() {
        let mut both = server(&[Algorithm::Sha256], &[XDigest::Xmd5]);
        assert_eq!(both.part_algorithms(), []);
        both.others = vec!["MDTM".to_owned(), "rang stream".to_owned()];
        assert_eq!(both.part_algorithms(), [Algorithm::Sha256]);
        both.no_parts();
        assert_eq!((both.part_algorithms(), both.others.len()), (Vec::new(), 1));
    }

    #[test]
    fn h22_hash_is_preferred_and_xsha1_to_xsha() {
        let both = server(&[Algorithm::Sha1], &[XDigest::Xsha, XDigest::Xsha1]);
        assert_eq!(both.digest_command(Algorithm::Sha1), Some(DigestCommand::Hash));
        let x = server(&[], &[XDigest::Xsha, XDigest::Xsha1]);
        assert_eq!(x.digest_command(Algorithm::Sha1), Some(DigestCommand::X(XDigest::Xsha1)));
    }
}
