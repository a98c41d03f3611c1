//! Groups of small files over a data connection (PACK).

use ftp_io::copy::{self, Format, Meter, Packed, Ready, Sink};
use ftp_io::tls::Data;
use ftp_proto::digest::Algorithm;
use ftp_proto::server::CloseNotify;
use ftp_proto::server::ask::{End, FileFailure, TransferTerms};

use super::pumped::{Pumped, ended, format};
use crate::vfs::{Durability, GroupWriter, PackStream, PackTarget};

/// A group that is received. Some of it may have come already.
#[derive(Debug)]
pub struct ArrivingGroup {
    receipt: copy::Receipt<GroupWriter>,
    terms: TransferTerms,
}

/// What has come of a group when its directory was made.
#[derive(Debug)]
pub(super) enum Arrived {
    /// All of it, or the transfer has ended before.
    All(Box<Pumped>),
    /// There may be more to come.
    Some(Box<ArrivingGroup>),
}

/// The digest of each file. The machine refuses PACK without DGST.
pub(super) fn algorithm(terms: &TransferTerms) -> Algorithm {
    terms.digest.unwrap_or(Algorithm::Sha256)
}

/// Makes the temporary directory of a group, and receives at once what the peer has sent already.
pub(super) fn begin(
    target: PackTarget,
    data: Data,
    terms: TransferTerms,
    (durability, meter): (Durability, &Meter),
) -> Result<Arrived, FileFailure> {
    let writer = target.begin(algorithm(&terms), durability)?;
    if terms.close_notify == CloseNotify::Optional {
        data.may_end_silently();
    }
    // The files have digests of their own.
    let format = Format { digest: None, ..format(&terms) };
    let receipt = copy::Receipt::new(data, Sink::with_budget(writer, None), format);
    Ok(match receipt.take_ready(meter) {
        Ready::Ended(moved, writer) => Arrived::All(Box::new(finish(ended(moved, &terms, 0), writer))),
        Ready::More(receipt) => Arrived::Some(Box::new(ArrivingGroup { receipt, terms })),
    })
}

/// Receives the rest of a group.
pub(super) async fn receive(group: ArrivingGroup, meter: &Meter) -> Pumped {
    let ArrivingGroup { receipt, terms } = group;
    let done = move |moved, writer| finish(ended(moved, &terms, 0), writer);
    let (pumped, kept) = receipt.receive(meter, done).await;
    let kept = kept.filter(|_| pumped.end == End::Whole);
    Pumped { kept, ..pumped }
}

/// The stream has ended: the group is held if it is whole, and removed if not.
fn finish(pumped: Pumped, writer: GroupWriter) -> Pumped {
    if pumped.end != End::Whole {
        return pumped;
    }
    match writer.finish() {
        Ok((number, group, packed)) => Pumped { packed, group: Some((number, Box::new(group))), ..pumped },
        Err(failure) => Pumped { end: End::Failed(failure), kept: None, ..pumped },
    }
}

/// Sends a group.
pub(super) async fn send(stream: PackStream, data: Data, terms: &TransferTerms, meter: &Meter) -> Pumped {
    let format = format(terms);
    let stream = Packed::new(stream, format.packing);
    let (moved, stream) = copy::send_pieces(stream, data, format.keep, meter).await;
    let pumped = ended(moved, terms, 0);
    let whole = pumped.end == End::Whole;
    Pumped { packed: if whole { stream.into_inner().into_packed() } else { Vec::new() }, ..pumped }
}
