//! From the bytes of a file to those on the connection: digest, line ends of TYPE A, blocks of MODE B,
//! compression of MODE Z.

use std::borrow::Cow;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use ftp_proto::coding::{BlockCodes, ToWire};

use super::burst::Step;
use super::data::Detached;
use super::outcome::{Coding, CopyEnd, Encoding, Format};
use crate::hash::Digester;

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
        match connection.write(self.wire.get(self.sent..).unwrap_or_default()) {
            Ok(sent) => {
                self.sent += sent;
                Step::Moved(sent)
            }
            Err(error) => Step::failed(error),
        }
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
