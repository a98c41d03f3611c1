//! What is moved, and what is counted meanwhile.

use crate::ladder::Allowed;
use crate::report::Passage;
use ftp_io::copy::Digest;
use ftp_proto::reply::Blame;
use ftp_proto::third_party::Store;
use ftp_proto::wire::PathName;

/// What is to be moved where.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    /// How reports call it.
    pub(crate) name: &'a str,
    /// Its path at the source.
    pub(crate) source: &'a PathName,
    /// The final name, for people.
    pub(crate) target: &'a PathName,
    /// Where it is stored.
    pub(crate) stored: &'a PathName,
    /// STOR or APPE.
    pub(crate) store: Store,
    /// Its size, where known.
    pub(crate) size: Option<u64>,
    /// Octets at the destination before: what APPE appends to, or what STOR goes on with.
    pub(crate) before: u64,
    /// Whether the next try may go on where this one breaks off.
    pub(crate) keeps: bool,
    /// Which ways it may go.
    pub(crate) allowed: Allowed,
    /// Whether its octets are looked at where they pass this host.
    pub(crate) look: Digest,
}

impl Load<'_> {
    /// The octets of the source that are not moved, since they are at the destination already.
    pub(crate) const fn skips(&self) -> u64 {
        match self.store {
            Store::Replace => self.before,
            Store::Append => 0,
        }
    }

    /// Whether a refusal, which is one for `blame`, may be one to go on in the middle: servers say so
    /// as late as at the transfer command (ProFTPD's 451).
    pub(crate) const fn may_refuse_to_go_on(&self, blame: Blame) -> bool {
        self.skips() > 0
            && match blame {
                Blame::File | Blame::Busy | Blame::Unsupported | Blame::Peer => true,
                Blame::Missing | Blame::Space | Blame::Login | Blame::Path => false,
            }
    }
}

/// What is known of all attempts so far.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) attempts: u32,
    pub(crate) touched: bool,
    pub(crate) octets: u64,
    pub(crate) sha256: Option<String>,
    pub(crate) passage: Option<Passage>,
    pub(crate) refused: bool,
}
