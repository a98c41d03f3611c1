//! From the bytes on the connection to those of a file: decompression of MODE Z, line ends of TYPE A,
//! digest, limit.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};
use ftp_proto::coding::{BlockReader, FromWire, NotBlocks};
use rustix::io::Errno;

use super::burst::Step;
use super::outcome::{Coding, CopyEnd, Encoding, Format};
use super::sink::{Receiver, Sink};
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
    refused: Option<Refused>,
}

/// Why bytes could not be taken.
#[derive(Debug)]
enum Refused {
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

    fn take<S: Receiver>(&mut self, piece: &[u8], sink: &mut Sink<S>) -> Result<(), Refused> {
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
                Err(error) => break Err(Refused::Stream(error)),
            }
        };
        self.reader = Some(reader);
        done
    }

    fn write<S: Receiver>(&mut self, piece: &[u8], sink: &mut Sink<S>) -> Result<(), Refused> {
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

    fn store<S: Receiver>(&mut self, piece: &[u8], sink: &mut Sink<S>) -> Result<(), Refused> {
        let too_much = || Refused::File(Errno::FBIG.into());
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(too_much)?;
        if let Some((digester, count)) = &mut self.digest {
            digester.update(piece);
            *count += piece.len() as u64;
        }
        sink.write(piece).map_err(Refused::File)
    }

    fn end<S: Receiver>(&mut self, sink: &mut Sink<S>) -> Result<(), Refused> {
        if self.reader.as_ref().is_some_and(|reader| !reader.has_ended()) {
            return Err(Refused::Stream(io::ErrorKind::UnexpectedEof.into()));
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

impl From<Refused> for CopyEnd {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Stream(error) => Self::Broken(error),
            Refused::File(error) => Self::File(error),
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
