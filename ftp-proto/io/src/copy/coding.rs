//! Between the bytes of a file and those on the connection: line ends of TYPE A, blocks of MODE B, compression of MODE Z,
//! digest, limit.

use std::borrow::Cow;
use std::io::{self, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use ftp_proto::coding::{BlockCodes, BlockReader, FromWire, NotBlocks, ToWire};
use rustix::io::Errno;

use super::burst::Step;
use super::data::Detached;
use super::receive::{Receiver, Sink};
use super::{Coding, CopyEnd, Encoding, Format};
use crate::hash::Digester;

/// What happens to bytes before they stand in the file.
#[derive(Debug)]
pub(super) struct Decoder {
    reader: Option<ModeReader>,
    coding: Option<FromWire>,
    digest: Option<(Digester, u64)>,
    /// How many bytes may still be written.
    left: u64,
    /// Why the last piece could not be taken. Its bytes are counted before that is told.
    refused: Option<CodingError>,
}

/// Why bytes could not be taken.
#[derive(Debug)]
enum CodingError {
    /// They are not what the other end should send.
    Stream(io::Error),
    /// The file does not take them.
    File(io::Error),
}

impl Decoder {
    pub(super) fn new(format: &Format) -> Self {
        Self {
            reader: ModeReader::new(format.encoding),
            coding: (format.coding == Coding::Ascii).then(FromWire::default),
            digest: format.digest.map(|algorithm| (Digester::new(algorithm), 0)),
            left: format.limit.unwrap_or(u64::MAX),
            refused: None,
        }
    }

    /// The digest of what was written, and the number of its bytes.
    pub(super) fn digest(self) -> Option<(String, u64)> {
        self.digest.map(|(digester, count)| (digester.hex(), count))
    }

    /// Takes what `read` brings, at most so many bytes; nothing at the end of the connection.
    pub(super) fn step<'a, S: Receiver>(
        &mut self,
        sink: &mut Sink<S>,
        usual: usize,
        read: impl FnOnce(usize) -> io::Result<&'a [u8]>,
    ) -> Step {
        if let Some(refused) = self.refused.take() {
            return Step::Ended(refused.into());
        }
        // Behind the last block comes the next file, or nothing, and the other end may keep the connection.
        let read = match self.wanted() {
            Some(0) => Ok(&[][..]),
            wanted => read(usual.min(wanted.unwrap_or(usual))),
        };
        let taken = match read {
            Ok([]) => self.end(sink).map(|()| Step::Ended(CopyEnd::Whole)),
            Ok(piece) => {
                self.refused = self.take(piece, sink).err();
                return Step::Moved(piece.len());
            }
            Err(error) => return Step::failed(error),
        };
        taken.unwrap_or_else(|refused| Step::Ended(refused.into()))
    }

    /// How many bytes may be taken from the connection, so that the next file stays there; 0 if this file has
    /// told its end. `None` if the connection carries nothing else.
    const fn wanted(&self) -> Option<usize> {
        match &self.reader {
            Some(ModeReader::Block(reader, _)) => Some(reader.wanted()),
            Some(ModeReader::Zlib(_)) | None => None,
        }
    }

    fn take<S: Receiver>(&mut self, piece: &[u8], sink: &mut Sink<S>) -> Result<(), CodingError> {
        let Some(mut reader) = self.reader.take() else { return self.write(piece, sink) };
        let mut rest = piece;
        let done = loop {
            match reader.decode(&mut rest) {
                Ok([]) => break Ok(()),
                Ok(unpacked) => {
                    let unpacked = unpacked.to_vec();
                    if let Err(refused) = self.write(&unpacked, sink) {
                        break Err(refused);
                    }
                }
                Err(error) => break Err(CodingError::Stream(error)),
            }
        };
        self.reader = Some(reader);
        done
    }

    fn write<S: Receiver>(&mut self, piece: &[u8], sink: &mut Sink<S>) -> Result<(), CodingError> {
        let mut local = Vec::new();
        let piece = match &mut self.coding {
            Some(coding) => {
                coding.push(piece, &mut local);
                local.as_slice()
            }
            None => piece,
        };
        self.store(piece, sink)
    }

    fn store<S: Receiver>(&mut self, piece: &[u8], sink: &mut Sink<S>) -> Result<(), CodingError> {
        let too_much = || CodingError::File(Errno::FBIG.into());
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(too_much)?;
        if let Some((digester, count)) = &mut self.digest {
            digester.update(piece);
            *count += piece.len() as u64;
        }
        sink.write(piece).map_err(CodingError::File)
    }

    fn end<S: Receiver>(&mut self, sink: &mut Sink<S>) -> Result<(), CodingError> {
        if self.reader.as_ref().is_some_and(|reader| !reader.has_ended()) {
            return Err(CodingError::Stream(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut local = Vec::new();
        if let Some(coding) = &mut self.coding {
            coding.finish(&mut local);
        }
        self.store(&local, sink)
    }
}

/// Takes apart what the connection carries, a bounded piece at a time.
#[derive(Debug)]
enum ModeReader {
    Block(BlockReader, Vec<u8>),
    Zlib(Box<Inflater>),
}

impl ModeReader {
    fn new(encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::None => None,
            Encoding::Block(codes) => Some(Self::Block(BlockReader::new(codes), Vec::new())),
            Encoding::Zlib => Some(Self::Zlib(Box::new(Inflater::new()))),
        }
    }

    /// Returns the next bytes that follow from `encoded`, which is shortened by what was used up; nothing
    /// if more is needed for that.
    fn decode(&mut self, encoded: &mut &[u8]) -> io::Result<&[u8]> {
        match self {
            Self::Zlib(stream) => stream.decode(encoded),
            Self::Block(reader, room) => {
                let data =
                    reader.next(encoded).map_err(|NotBlocks| invalid("these are no blocks of MODE B"))?;
                room.clear();
                room.extend_from_slice(data);
                Ok(room)
            }
        }
    }

    const fn has_ended(&self) -> bool {
        match self {
            Self::Block(reader, _) => reader.has_ended(),
            Self::Zlib(stream) => stream.ended,
        }
    }
}

/// Takes a zlib stream apart.
#[derive(Debug)]
struct Inflater {
    stream: Decompress,
    ended: bool,
    room: Vec<u8>,
}

impl Inflater {
    fn new() -> Self {
        Self { stream: Decompress::new(true), ended: false, room: vec![0; ROOM] }
    }

    /// Returns the next bytes that follow from `encoded`, which is shortened by what was used up; nothing
    /// if more is needed for that.
    fn decode(&mut self, encoded: &mut &[u8]) -> io::Result<&[u8]> {
        if self.ended {
            return if encoded.is_empty() { Ok(&[]) } else { Err(invalid(BYTES_AFTER_END)) };
        }
        let (taken, made) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(encoded, &mut self.room, FlushDecompress::None);
        let status = status.map_err(|_| invalid("the compressed data are damaged"))?;
        let used = usize::try_from(self.stream.total_in() - taken).unwrap_or(usize::MAX);
        *encoded = encoded.get(used..).unwrap_or_default();
        self.ended = status == Status::StreamEnd;
        let total = self.stream.total_out();
        if total > INFLATE_FREE_BYTES && total / self.stream.total_in().max(1) > RATIO {
            return Err(invalid("the compressed data become too large"));
        }
        let length = usize::try_from(total - made).unwrap_or(0);
        if length == 0 && !encoded.is_empty() {
            return Err(invalid(if self.ended {
                BYTES_AFTER_END
            } else {
                "the compressed data make no progress"
            }));
        }
        Ok(self.room.get(..length).unwrap_or_default())
    }
}

/// The bytes on the connection are not what the mode of the transfer says, or become too many: nothing of them
/// is worth keeping.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0}")]
struct BadCoding(&'static str);

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, BadCoding(why))
}

/// Whether a copy broke because what came is not what the mode of the transfer says (MODE Z, MODE B), or unpacks
/// to too much.
pub fn is_bad_coding(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<BadCoding>())
}

impl From<CodingError> for CopyEnd {
    fn from(refused: CodingError) -> Self {
        match refused {
            CodingError::Stream(error) => Self::Broken(error),
            CodingError::File(error) => Self::File(error),
        }
    }
}

/// The error of a stream with bytes after its end.
const BYTES_AFTER_END: &str = "there are bytes behind the end of the compressed data";
/// Bytes that are unpacked at once.
const ROOM: usize = 64 * 1024;
/// Bytes that may be unpacked whatever their ratio is.
const INFLATE_FREE_BYTES: u64 = 64 * 1024 * 1024;
/// How many bytes one compressed byte may become beyond that. Data that somebody wanted to keep rarely
/// shrink so much; a zlib bomb reaches 1,000.
const RATIO: u64 = 200;

/// What is encoded and not yet sent.
#[derive(Debug)]
pub(super) struct Encoder {
    digest: Option<(Digester, u64)>,
    coding: Option<ToWire>,
    writer: Option<ModeWriter>,
    wire: Vec<u8>,
    sent: usize,
    /// The file has ended; what is in `wire` is the last.
    ended: bool,
}

/// A whole file as it goes out.
pub(super) struct EncodedFile<'a> {
    pub(super) wire: Cow<'a, [u8]>,
    /// What [`Encoder::digest`] returns.
    pub(super) digest: Option<(String, u64)>,
}

impl Encoder {
    pub(super) fn new(format: &Format) -> Self {
        Self {
            digest: format.digest.map(|algorithm| (Digester::new(algorithm), 0)),
            coding: (format.coding == Coding::Ascii).then(ToWire::default),
            writer: ModeWriter::new(format.encoding),
            wire: Vec::new(),
            sent: 0,
            ended: false,
        }
    }

    /// The digest of what was read, and the number of its bytes.
    pub(super) fn digest(self) -> Option<(String, u64)> {
        self.digest.map(|(digester, count)| (digester.hex(), count))
    }

    /// Sends what is encoded; if all of it has gone, encodes what `next` reads: at most so many bytes,
    /// none at the end of the file.
    pub(super) fn step<'a>(
        &mut self,
        connection: &mut Detached,
        usual: usize,
        next: impl FnOnce(usize) -> io::Result<&'a [u8]>,
    ) -> Step {
        if self.sent == self.wire.len() {
            if self.ended {
                return Step::Ended(CopyEnd::Whole);
            }
            self.sent = 0;
            self.wire.clear();
            let encoded = next(usual).and_then(|piece| self.encode(piece));
            if let Err(error) = encoded {
                return Step::Ended(CopyEnd::File(error));
            }
            if self.wire.is_empty() {
                return Step::Moved(0);
            }
        }
        let written = connection.write(self.wire.get(self.sent..).unwrap_or_default());
        Step::sent(written, |sent| self.sent += sent)
    }

    /// Encodes a whole file.
    pub(super) fn encode_whole(mut self, bytes: &[u8]) -> io::Result<EncodedFile<'_>> {
        if self.coding.is_none() && self.writer.is_none() {
            if let Some((digester, count)) = &mut self.digest {
                digester.update(bytes);
                *count += bytes.len() as u64;
            }
            return Ok(EncodedFile { wire: bytes.into(), digest: self.digest() });
        }
        let mut wire = Vec::new();
        // Nothing is the end of the file.
        let pieces = [bytes, &[]];
        for piece in pieces.iter().skip(usize::from(bytes.is_empty())) {
            self.encode(piece)?;
            wire.append(&mut self.wire);
        }
        Ok(EncodedFile { wire: wire.into(), digest: self.digest() })
    }

    fn encode(&mut self, piece: &[u8]) -> io::Result<()> {
        if let Some((digester, count)) = &mut self.digest {
            digester.update(piece);
            *count += piece.len() as u64;
        }
        self.ended = piece.is_empty();
        let coded = match &mut self.coding {
            Some(coding) => {
                coding.push(piece, &mut self.wire);
                if self.writer.is_none() {
                    return Ok(());
                }
                std::mem::take(&mut self.wire)
            }
            None => piece.to_vec(),
        };
        match &mut self.writer {
            Some(writer) => writer.encode(&coded, self.ended, &mut self.wire),
            None => {
                self.wire = coded;
                Ok(())
            }
        }
    }
}

/// Puts bytes into the form in which the connection carries them.
#[derive(Debug)]
pub(super) enum ModeWriter {
    Block(BlockCodes),
    Zlib(Box<ZlibEncoder<Vec<u8>>>),
}

impl ModeWriter {
    /// The writer for `encoding`; `None` if the connection carries bytes as they are.
    pub(super) fn new(encoding: Encoding) -> Option<Self> {
        match encoding {
            Encoding::None => None,
            Encoding::Block(codes) => Some(Self::Block(codes)),
            Encoding::Zlib => Some(Self::Zlib(Box::new(ZlibEncoder::new(Vec::new(), Compression::fast())))),
        }
    }

    /// Appends to `out` what goes out after `piece`, to the end if that is the last one.
    pub(super) fn encode(&mut self, piece: &[u8], last: bool, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Block(codes) => codes.write(piece, last, out),
            Self::Zlib(stream) => {
                stream.write_all(piece)?;
                if last {
                    stream.try_finish()?;
                }
                out.append(stream.get_mut());
            }
        }
        Ok(())
    }
}
