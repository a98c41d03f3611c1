//! With which command a digest is asked for: HASH of the draft, or an older one.

use super::Command;
use super::digests::XDigest;
use crate::wire::PathName;

/// The command with which a server computes one algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DigestCommand {
    /// OPTS HASH selects the algorithm, and HASH computes it.
    Hash,
    /// A command that computes only this algorithm.
    X(XDigest),
}

impl DigestCommand {
    /// Returns the command that asks for the digest of a file.
    pub fn with(self, path: &PathName) -> Command {
        match self {
            Self::Hash => Command::Hash(path.clone()),
            Self::X(digest) => Command::XDigest(digest, path.clone(), None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn each_command_is_sent_as_its_verb_and_the_name() {
        let line = |x: XDigest, name: &str| {
            DigestCommand::X(x).with(&PathName::from_user(name).unwrap()).to_line(Dialect::Rfc959)
        };
        for x in XDigest::ALL {
            assert_eq!(line(x, "a/b"), format!("{} a/b\r\n", x.verb().name()).as_bytes());
            assert_eq!(XDigest::named(&x.verb().name().to_lowercase()), Some(x));
        }
        assert_eq!(line(XDigest::Xcrc, "a 1 2"), b"XCRC \"a 1 2\"\r\n");
        assert_eq!(line(XDigest::Xcrc, "a \"b\""), b"XCRC a \"b\"\r\n");
        assert_eq!(XDigest::named("HASH"), None);
        assert_eq!(XDigest::named("MMD5"), None);
    }
}
