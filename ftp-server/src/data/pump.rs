//! One transfer: opens what was prepared, moves its bytes, and finishes the file or the group of files (PACK).

use std::fs::File;
use std::io::Seek;
use std::sync::{Arc, OnceLock};

use ftp_io::copy::{
    self, Coding, CopyEnd, CopyReport, Encoded, Encoding, Format, KeptConnection, Meter, ReceiptProgress,
    Sink,
};
use ftp_io::os_error::words;
use ftp_io::tls::Data;
use ftp_proto::coding::BlockCodes;
use ftp_proto::command::{DataType, Mode};
use ftp_proto::digest::Digest;
use ftp_proto::listing::When;
use ftp_proto::server::CloseNotify;
use ftp_proto::server::ask::{Carried, End, FileFailure, ListStyle, TransferTerms};
use ftp_proto::wire::ByteRange;

use super::list::Lines;
use crate::vfs::{
    Completeness, CountedFile, Durability, GroupStream, GroupTarget, GroupWriter, HeldGroup, Listing,
    PreparedTransfer, Upload, io_failure,
};

/// A file or directory that is open for its transfer over a connection.
#[derive(Debug)]
pub enum OpenTransfer {
    /// A file to send.
    Send {
        /// Open for reading.
        file: File,
        /// Which part of it.
        range: ByteRange,
        /// All of that part, if it is small.
        whole: Option<Vec<u8>>,
        /// Counts the file until it is closed.
        counted: Option<CountedFile>,
        /// The connection that takes it.
        data: Data,
    },
    /// A file to receive. Some of it may have come already.
    Receive(Box<Arriving>),
    /// A listing to send.
    List {
        /// Open for listing.
        listing: Listing,
        /// How the lines look.
        style: ListStyle,
        /// The connection that takes it.
        data: Data,
    },
    /// A group of small files to send.
    SendGroup {
        /// The files as a stream.
        stream: GroupStream,
        /// The connection that takes it.
        data: Data,
    },
    /// A group of small files to receive. Some of it may have come already.
    ReceiveGroup(Box<ArrivingGroup>),
    /// A file that had come as soon as it was open.
    Received(Pumped),
}

/// A file that is open for writing.
#[derive(Debug)]
pub struct Arriving {
    receipt: copy::Receipt,
    last: Last,
}

/// Opens what was prepared, for its transfer over `data`. For STOR and APPE this is the first thing that changes the
/// disk. What a peer has sent already is received at once.
///
/// # Errors
/// The file cannot be opened or made. The connection is reset.
pub fn begin(
    prepared: PreparedTransfer,
    data: Data,
    terms: TransferTerms,
    durability: Durability,
    (meter, doubt): (&Meter, Doubt),
) -> Result<OpenTransfer, FileFailure> {
    match prepared {
        PreparedTransfer::Send { file, range, whole, counted } => {
            Ok(OpenTransfer::Send { file, range, whole, counted, data })
        }
        PreparedTransfer::List { listing, style } => Ok(OpenTransfer::List { listing, style, data }),
        PreparedTransfer::SendGroup(source) => Ok(OpenTransfer::SendGroup { stream: source.stream(), data }),
        PreparedTransfer::ReceiveGroup(target) => begin_group(target, data, terms, durability, meter),
        PreparedTransfer::Receive(target) => {
            let limit = target.limit();
            let (upload, mut file) = target.begin(terms.partial)?;
            let mut upload = upload.durable(durability);
            upload.stop_with_name(meter);
            if terms.close_notify == CloseNotify::Optional {
                data.may_end_silently();
            }
            let first = file.stream_position().unwrap_or(0);
            let sink = Sink::with_budget(file, upload.take_budget());
            let receipt = copy::Receipt::new(data, sink, Format { limit, ..format(&terms) });
            let last = Last { upload, terms, first, limit, doubt };
            Ok(match receipt.take_ready(meter) {
                ReceiptProgress::Ended(moved, file) => OpenTransfer::Received(last.finish(moved, file)),
                ReceiptProgress::More(receipt) => OpenTransfer::Receive(Box::new(Arriving { receipt, last })),
            })
        }
    }
}

/// What is left to do when a file has arrived.
#[derive(Debug)]
struct Last {
    upload: Upload,
    terms: TransferTerms,
    /// Where the first byte stands in the file.
    first: u64,
    /// How many bytes there may be.
    limit: Option<u64>,
    doubt: Doubt,
}

impl Last {
    /// Gives the file its final name, or removes it. This may block.
    fn finish(self, moved: CopyReport, file: File) -> Pumped {
        let Self { upload, terms, first, limit, doubt } = self;
        let is_worthless = matches!(&moved.end, CopyEnd::Broken(error) if copy::is_bad_coding(error));
        let mut pumped = doubt.judge(ended(moved, &terms, first));
        if limit.is_some() && pumped.end == End::Failed(FileFailure::TooLarge) {
            pumped.end = End::Failed(FileFailure::BeyondRange);
        }
        if pumped.end == End::Stopped && upload.is_unnamed() {
            pumped.end = End::Failed(FileFailure::Changed);
        }
        let received = match pumped.end {
            End::Whole(_) => Completeness::Whole,
            End::Broken(_) if is_worthless => Completeness::Failed,
            End::Broken(_) | End::Stopped => Completeness::Broken,
            End::Failed(_) => Completeness::Failed,
        };
        // E24: the reply comes after the file has its final name, and is on stable storage if it has to be.
        let finished = upload.finish(file, received);
        pumped.stored = finished.has_name && pumped.bytes > 0;
        match finished.result {
            Err(failure) if received == Completeness::Whole => {
                Pumped { end: End::Failed(failure), kept: None, ..pumped }
            }
            Ok(()) | Err(_) => pumped,
        }
    }
}

/// Whether the client of a transfer has gone, so that the end of its file is doubtful. Clones are the same
/// handle.
#[derive(Clone, Debug, Default)]
pub struct Doubt(Arc<OnceLock<Option<u64>>>);

impl Doubt {
    /// The client has gone: the file is whole only if it has `unless` bytes.
    pub fn set(&self, unless: Option<u64>) {
        // The client goes once.
        let _ = self.0.set(unless);
    }

    /// What a transfer has moved, as far as it can be trusted.
    fn judge(&self, pumped: Pumped) -> Pumped {
        match self.0.get() {
            Some(unless) if pumped.end.is_whole() && *unless != Some(pumped.bytes) => {
                let end = End::Broken("the client had gone, so the file may not be whole".to_owned());
                Pumped { end, kept: None, ..pumped }
            }
            Some(_) | None => pumped,
        }
    }
}

/// Moves bytes until the file or the connection ends or `meter` is stopped, and finishes the file.
pub async fn pump(begun: OpenTransfer, terms: TransferTerms, today: When, meter: Meter) -> Pumped {
    let format = format(&terms);
    match begun {
        OpenTransfer::Send { file, range, whole, counted, data } => {
            // Compression takes a processor for long enough to need a thread of its own.
            let moved = match whole.filter(|_| format.encoding != Encoding::Zlib) {
                Some(bytes) => copy::send_whole(&bytes, data, format, &meter).await,
                None => {
                    let format = Format { limit: range.length, ..format };
                    copy::send(file, range.first, data, format, &meter).await
                }
            };
            drop(counted);
            ended(moved, &terms, range.first)
        }
        OpenTransfer::List { listing, style, data } => {
            let lines = Lines::new(listing, style, today);
            let lines = Encoded::new(lines, format.encoding);
            let (moved, lines) = copy::send_pieces(lines, data, format.keep, &meter).await;
            let lines = lines.into_inner();
            let pumped = ended(moved, &terms, 0).with(Carried::Listing { omitted: lines.omitted() });
            match lines.is_incomplete() && pumped.end.is_whole() {
                true => Pumped { end: End::Failed(FileFailure::Incomplete), ..pumped },
                false => pumped,
            }
        }
        OpenTransfer::Receive(arriving) => {
            let Arriving { receipt, last } = *arriving;
            let (pumped, kept) = receipt.receive(&meter, |moved, file| last.finish(moved, file)).await;
            let kept = kept.filter(|_| pumped.end.is_whole());
            Pumped { kept, ..pumped }
        }
        OpenTransfer::SendGroup { stream, data } => send_group(stream, data, &terms, &meter).await,
        OpenTransfer::ReceiveGroup(group) => receive_group(*group, &meter).await,
        OpenTransfer::Received(pumped) => pumped,
    }
}

/// What a transfer has moved.
#[derive(Debug)]
pub struct Pumped {
    /// How many bytes of the file or listing have moved.
    pub bytes: u64,
    /// Whether bytes of it stand under the name of a file now, whole or not.
    pub stored: bool,
    /// A group that was received, and is whole.
    pub group: Option<Box<HeldGroup>>,
    /// The connection, if it stays open for the next file.
    pub kept: Option<KeptConnection>,
    /// How the transfer ended.
    pub end: End,
}

impl Pumped {
    /// The same, which has carried this if it is whole.
    fn with(self, carried: Carried) -> Self {
        if self.end.is_whole() { Self { end: End::Whole(carried), ..self } } else { self }
    }
}

/// What a copy of a file from `first` on means for the machine.
fn ended(moved: CopyReport, terms: &TransferTerms, first: u64) -> Pumped {
    let end = match moved.end {
        CopyEnd::Whole => {
            let digest = terms.digest.zip(moved.digest).map(|(algorithm, (hex, count))| {
                (Digest { algorithm, hex }, ByteRange { first, length: Some(count) })
            });
            End::Whole(Carried::File(digest))
        }
        CopyEnd::Broken(error) => End::Broken(words(&error)),
        CopyEnd::Stopped => End::Stopped,
        CopyEnd::File(error) => End::Failed(io_failure(&error)),
    };
    Pumped { bytes: moved.bytes, stored: false, group: None, kept: moved.kept, end }
}

/// How a file crosses the connection.
fn format(terms: &TransferTerms) -> Format {
    let coding = match terms.data_type {
        DataType::Ascii => Coding::Ascii,
        DataType::Image | DataType::Local8 | DataType::Unserved => Coding::Image,
    };
    let encoding = match terms.mode {
        Mode::Stream | Mode::Unserved(_) => Encoding::None,
        Mode::Block => Encoding::Block(BlockCodes::of(terms.dialect)),
        Mode::Deflate => Encoding::Zlib,
    };
    let keep = terms.keep && matches!(encoding, Encoding::Block(_));
    Format { coding, encoding, keep, digest: terms.digest, limit: None }
}

/// A group that is received. Some of it may have come already.
#[derive(Debug)]
pub struct ArrivingGroup {
    receipt: copy::Receipt<GroupWriter>,
    terms: TransferTerms,
}

/// Makes the temporary directory of a group, and receives at once what the peer has sent already.
fn begin_group(
    target: GroupTarget,
    data: Data,
    terms: TransferTerms,
    durability: Durability,
    meter: &Meter,
) -> Result<OpenTransfer, FileFailure> {
    let writer = target.begin(durability)?;
    if terms.close_notify == CloseNotify::Optional {
        data.may_end_silently();
    }
    let receipt = copy::Receipt::new(data, Sink::with_budget(writer, None), format(&terms));
    Ok(match receipt.take_ready(meter) {
        ReceiptProgress::Ended(moved, writer) => {
            OpenTransfer::Received(finish_group(ended(moved, &terms, 0), writer))
        }
        ReceiptProgress::More(receipt) => {
            OpenTransfer::ReceiveGroup(Box::new(ArrivingGroup { receipt, terms }))
        }
    })
}

/// Receives the rest of a group.
async fn receive_group(group: ArrivingGroup, meter: &Meter) -> Pumped {
    let ArrivingGroup { receipt, terms } = group;
    let done = move |moved, writer| finish_group(ended(moved, &terms, 0), writer);
    let (pumped, kept) = receipt.receive(meter, done).await;
    let kept = kept.filter(|_| pumped.end.is_whole());
    Pumped { kept, ..pumped }
}

/// The stream has ended: the group is held if it is whole, and removed if not.
fn finish_group(pumped: Pumped, writer: GroupWriter) -> Pumped {
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
async fn send_group(stream: GroupStream, data: Data, terms: &TransferTerms, meter: &Meter) -> Pumped {
    let format = format(terms);
    let stream = Encoded::new(stream, format.encoding);
    let (moved, stream) = copy::send_pieces(stream, data, format.keep, meter).await;
    ended(moved, terms, 0).with(Carried::Group(stream.into_inner().into_outcomes()))
}
