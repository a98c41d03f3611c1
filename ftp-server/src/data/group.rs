//! Groups of small files over a data connection (PACK).

use ftp_io::copy::{self, Encoded, Meter, Ready, Sink};
use ftp_io::tls::Data;
use ftp_proto::server::CloseNotify;
use ftp_proto::server::ask::{Carried, End, FileFailure, TransferTerms};

use super::pumped::{Pumped, ended, format};
use crate::vfs::{Durability, GroupStream, GroupTarget, GroupWriter};

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

/// Makes the temporary directory of a group, and receives at once what the peer has sent already.
pub(super) fn begin(
    target: GroupTarget,
    data: Data,
    terms: TransferTerms,
    durability: Durability,
    meter: &Meter,
) -> Result<Arrived, FileFailure> {
    let writer = target.begin(durability)?;
    if terms.close_notify == CloseNotify::Optional {
        data.may_end_silently();
    }
    let receipt = copy::Receipt::new(data, Sink::with_budget(writer, None), format(&terms));
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
    let kept = kept.filter(|_| pumped.end.is_whole());
    Pumped { kept, ..pumped }
}

/// The stream has ended: the group is held if it is whole, and removed if not.
fn finish(pumped: Pumped, writer: GroupWriter) -> Pumped {
    if !pumped.end.is_whole() {
        return pumped;
    }
    match writer.finish() {
        Ok((group, outcomes)) => {
            Pumped { group: Some(Box::new(group)), ..pumped.with(Carried::Group(outcomes)) }
        }
        Err(failure) => Pumped { end: End::Failed(failure), kept: None, ..pumped },
    }
}

/// Sends a group.
pub(super) async fn send(stream: GroupStream, data: Data, terms: &TransferTerms, meter: &Meter) -> Pumped {
    let format = format(terms);
    let stream = Encoded::new(stream, format.encoding);
    let (moved, stream) = copy::send_pieces(stream, data, format.keep, meter).await;
    ended(moved, terms, 0).with(Carried::Group(stream.into_inner().into_outcomes()))
}
