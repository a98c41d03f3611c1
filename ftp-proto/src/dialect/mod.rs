//! The two dialects of FTP. A session speaks one of them, because the same first digit of a reply can
//! mean opposite things in the other (dialect-1973 section 4). A server's listener decides the dialect;
//! a client learns it from the greeting.

/// The two dialects of FTP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Dialect {
    /// The FTP of 1973: RFC 354, 385, 414, 438, 454 and 478. The greeting is 300, and 250 announces that
    /// a transfer starts.
    Rfc354,
    /// The FTP of RFC 959 and its extensions. The greeting is 220, and 150 announces that a transfer
    /// starts.
    #[default]
    Rfc959,
}
