//! Which FTP a session speaks. One session speaks one dialect (dialect-1973 section 4: a first
//! digit can mean opposite things), decided by the listener, for the user agent by the greeting.

/// The two families of FTP.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Dialect {
    /// 1973: RFC 354, 385, 414, 438, 454, 478. Greeting 300, a transfer starts with 250.
    Rfc354,
    /// RFC 959 and what was built on it. Greeting 220, a transfer starts with 150.
    Rfc959,
}
