//! What the transfers of one copy have in common.

use crate::job::file::attempts::StartPoint;
use crate::job::item::Item;
use crate::job::request::options::Options;
use crate::route::{Assignment, Ends};
use crate::session::Facts;
use ftp_io::copy::Digest;
use ftp_proto::digest::Algorithm;
use ftp_proto::transfer::Store;

/// What a transfer to the part of a copy is to move, and which digests are computed meanwhile.
pub(super) fn assignment(
    ends: &Ends,
    item: &Item,
    options: Options,
    (start, source): (&StartPoint, &Facts),
    (digest, look): (Option<Algorithm>, Digest),
) -> Assignment {
    Assignment {
        name: ends.source.show(&item.source),
        source: item.source.clone(),
        seen: source.unique.clone(),
        target: item.destination.clone(),
        stored: start.part.stored.clone(),
        store: Store::Replace,
        size: source.size,
        before: start.at,
        until: None,
        continued: start.continued,
        probes: false,
        detaches: options.detach,
        allowed: options.allowed,
        look,
        slowest: None,
        digest,
    }
}
