//! How the bytes of a file travel: the line ends of TYPE A, one piece of the file after another, and the
//! blocks of MODE B, and the stream of a group of files (PACK). TYPE I and TYPE L 8 change nothing.
//!
//! The blocks of MODE B have at most 65,535 bytes, each behind a header of a descriptor and a count (RFC 354
//! III.C, RFC 959 3.4.2). The end of the file is told, so a connection that breaks is never taken for it.
//!
//! The stream of PACK is small files one behind the other:
//!
//! ```text
//! each file in the order of the command:   0                                   it was left out
//!                                          1 <length: 8 bytes> <its bytes>     it is here
//! ```
//!
//! The last file ends the stream. Lengths are big endian, and are those that the command has told.

use crate::dialect::Dialect;

/// Translates local line ends (LF) to those of TYPE A (CR LF). An LF that already follows a CR stays as
/// it is, even if the CR ended the previous piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct ToWire {
    after_cr: bool,
}

/// Translates the line ends of TYPE A (CR LF) to local ones (LF). A CR without an LF stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct FromWire {
    held_cr: bool,
}

impl ToWire {
    /// Appends the translated `piece` to `out`.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &byte in piece {
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(byte);
            self.after_cr = byte == b'\r';
        }
    }
}

impl FromWire {
    /// Appends the translated `piece` to `out`. A CR at its end is held back until the next piece.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        for &byte in piece {
            if self.held_cr && byte != b'\n' {
                out.push(b'\r');
            }
            self.held_cr = byte == b'\r';
            if !self.held_cr {
                out.push(byte);
            }
        }
    }

    /// Appends what was held back. Call this at the end of the file: a CR at its end belongs to it.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(b'\r');
        }
    }
}

/// The descriptors of a dialect. Those of 1973 are numbers, those of today are bits (E13).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockCodes {
    end_of_file: u8,
    marker: u8,
    /// All bits that a descriptor can have, or the highest number.
    known: u8,
    are_bits: bool,
}

impl BlockCodes {
    /// Returns the descriptors of `dialect`.
    pub const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Rfc354 => Self { end_of_file: 2, marker: 4, known: 4, are_bits: false },
            Dialect::Rfc959 => Self { end_of_file: 64, marker: 16, known: 0xf0, are_bits: true },
        }
    }

    const fn is_known(self, descriptor: u8) -> bool {
        if self.are_bits { descriptor & !self.known == 0 } else { descriptor <= self.known }
    }

    const fn has(self, descriptor: u8, code: u8) -> bool {
        if self.are_bits { descriptor & code != 0 } else { descriptor == code }
    }

    /// Appends `piece` to `out` as blocks, and after the last piece the block that ends the file.
    pub fn write(self, piece: &[u8], last: bool, out: &mut Vec<u8>) {
        for block in piece.chunks(usize::from(u16::MAX)) {
            let count = u16::try_from(block.len()).unwrap_or(u16::MAX).to_be_bytes();
            out.push(0);
            out.extend_from_slice(&count);
            out.extend_from_slice(block);
        }
        if last {
            out.extend_from_slice(&[self.end_of_file, 0, 0]);
        }
    }
}

/// Takes blocks apart. Restart markers are skipped, because this end restarts by bytes; the ends of
/// records mean nothing in STRU F.
#[derive(Clone, Debug)]
pub struct BlockReader {
    codes: BlockCodes,
    /// The part of a header that has come.
    header: Vec<u8>,
    /// The block that is being read: its descriptor, and how many of its bytes are to come.
    block: Option<(u8, usize)>,
    /// How many bytes have come since the last byte of the file.
    idle: usize,
    ended: bool,
}

/// Maximum number of bytes between two bytes of the file, in headers and markers: empty blocks without an end would
/// look like a transfer that moves.
const MOST_IDLE: usize = 256 * 1024;

/// Bytes of a header.
const HEADER: usize = 3;

/// The bytes are no blocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotBlocks;

impl BlockReader {
    /// Creates a reader of a new file.
    pub const fn new(codes: BlockCodes) -> Self {
        Self { codes, header: Vec::new(), block: None, idle: 0, ended: false }
    }

    /// Returns whether the file has ended.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns how many bytes belong to the file in any case: the rest of the block that is being read and the
    /// header behind it. Whoever reads no more from a connection leaves the next file where it is. 0 if the file
    /// has ended.
    ///
    /// ```
    /// use ftp_proto::coding::{BlockCodes, BlockReader};
    /// use ftp_proto::dialect::Dialect;
    ///
    /// let mut reader = BlockReader::new(BlockCodes::of(Dialect::Rfc959));
    /// assert_eq!(reader.wanted(), 3);
    /// reader.next(&mut [0, 0, 5].as_slice())?;
    /// assert_eq!(reader.wanted(), 5 + 3);
    /// reader.next(&mut b"bytes".as_slice())?;
    /// assert_eq!(reader.wanted(), 3);
    /// # Ok::<(), ftp_proto::coding::NotBlocks>(())
    /// ```
    pub const fn wanted(&self) -> usize {
        match self.block {
            _ if self.ended => 0,
            Some((descriptor, left)) if self.codes.has(descriptor, self.codes.end_of_file) => left,
            Some((_, left)) => left + HEADER,
            None => HEADER - self.header.len(),
        }
    }

    /// Returns the next bytes of the file in `wire`, which is shortened by what was used up; nothing if
    /// more must come first.
    ///
    /// # Errors
    ///
    /// A descriptor is unknown, bytes follow the end of the file, or too many bytes come between two bytes of the file.
    ///
    /// ```
    /// use ftp_proto::coding::{BlockCodes, BlockReader};
    /// use ftp_proto::dialect::Dialect;
    ///
    /// let codes = BlockCodes::of(Dialect::Rfc959);
    /// let mut wire = Vec::new();
    /// codes.write(b"a file", true, &mut wire);
    /// let (mut reader, mut rest) = (BlockReader::new(codes), wire.as_slice());
    /// assert_eq!(reader.next(&mut rest), Ok(&b"a file"[..]));
    /// assert_eq!(reader.next(&mut rest), Ok(&b""[..]));
    /// assert!(reader.has_ended());
    /// ```
    pub fn next<'a>(&mut self, wire: &mut &'a [u8]) -> Result<&'a [u8], NotBlocks> {
        while !wire.is_empty() {
            let Some((descriptor, left)) = self.block else {
                self.header(wire)?;
                continue;
            };
            let (data, rest) = wire.split_at_checked(left).unwrap_or((*wire, &[]));
            *wire = rest;
            self.idle += data.len();
            self.block = Some((descriptor, left - data.len()));
            self.close();
            if !data.is_empty() && !self.codes.has(descriptor, self.codes.marker) {
                self.idle = 0;
                return Ok(data);
            }
        }
        Ok(&[])
    }

    fn header(&mut self, wire: &mut &[u8]) -> Result<(), NotBlocks> {
        let Some((&byte, rest)) = wire.split_first() else { return Ok(()) };
        if self.ended {
            return Err(NotBlocks);
        }
        *wire = rest;
        self.header.push(byte);
        self.idle += 1;
        if self.idle > MOST_IDLE {
            return Err(NotBlocks);
        }
        if let [descriptor, high, low] = *self.header {
            self.header.clear();
            if !self.codes.is_known(descriptor) {
                return Err(NotBlocks);
            }
            self.block = Some((descriptor, usize::from(u16::from_be_bytes([high, low]))));
            self.close();
        }
        Ok(())
    }

    /// Ends a block of which nothing is to come, and with it the file if the block says so.
    fn close(&mut self) {
        if let Some((descriptor, 0)) = self.block {
            self.block = None;
            self.ended = self.codes.has(descriptor, self.codes.end_of_file);
        }
    }
}

/// Takes the stream of a group apart.
#[derive(Clone, Debug)]
pub struct PackReader {
    /// The sizes of the files that are still to come, the next one last.
    sizes: Vec<u32>,
    at: StreamPosition,
}

/// Where in the stream a reader is.
#[derive(Clone, Copy, Debug)]
enum StreamPosition {
    /// Before the byte that begins a file.
    Start,
    /// In the length of a file: so many bytes of it have come.
    Length([u8; LENGTH], usize),
    /// In a file: so many bytes are still to come.
    Body(u32),
}

/// What stands next in the stream of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackPiece<'a> {
    /// The next file was left out.
    Unsent,
    /// The next file begins.
    Begin,
    /// Bytes of it, at least one.
    Bytes(&'a [u8]),
    /// It has ended.
    End,
}

/// What came is not the stream of the group: another length than that of the command, another byte than 0 or 1 before a
/// file, or something behind the last file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is not the stream of the group (PACK)")]
pub struct NotPack;

impl PackReader {
    /// Creates a reader of files with these sizes.
    pub fn new(sizes: impl IntoIterator<Item = u32>) -> Self {
        let mut sizes: Vec<u32> = sizes.into_iter().collect();
        sizes.reverse();
        Self { sizes, at: StreamPosition::Start }
    }

    /// Returns what follows from `stream`, which is shortened by what was used up; `None` if more is needed for that.
    ///
    /// # Errors
    ///
    /// This is not the stream of the group. Nothing of the group can be used then.
    ///
    /// ```
    /// use ftp_proto::coding::{PackPiece, PackReader, write_pack_head};
    ///
    /// let mut stream = Vec::new();
    /// write_pack_head(2, &mut stream);
    /// stream.extend(b"ab");
    /// let (mut reader, mut rest) = (PackReader::new([2]), stream.as_slice());
    /// assert_eq!(reader.next(&mut rest), Ok(Some(PackPiece::Begin)));
    /// assert_eq!(reader.next(&mut rest), Ok(Some(PackPiece::Bytes(b"ab"))));
    /// assert_eq!(reader.next(&mut rest), Ok(Some(PackPiece::End)));
    /// assert_eq!(reader.next(&mut rest), Ok(None));
    /// assert!(reader.has_ended());
    /// ```
    pub fn next<'a>(&mut self, stream: &mut &'a [u8]) -> Result<Option<PackPiece<'a>>, NotPack> {
        loop {
            match &mut self.at {
                StreamPosition::Body(0) => {
                    self.at = StreamPosition::Start;
                    self.sizes.pop();
                    return Ok(Some(PackPiece::End));
                }
                StreamPosition::Body(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(stream.len());
                    if count == 0 {
                        return Ok(None);
                    }
                    let (bytes, rest) = stream.split_at(count);
                    *stream = rest;
                    *left -= u32::try_from(count).unwrap_or(*left);
                    return Ok(Some(PackPiece::Bytes(bytes)));
                }
                StreamPosition::Start => {
                    let Some((byte, rest)) = stream.split_first() else { return Ok(None) };
                    if self.sizes.is_empty() {
                        return Err(NotPack);
                    }
                    *stream = rest;
                    match *byte {
                        UNSENT => {
                            self.sizes.pop();
                            return Ok(Some(PackPiece::Unsent));
                        }
                        FILE => self.at = StreamPosition::Length([0; LENGTH], 0),
                        _ => return Err(NotPack),
                    }
                }
                StreamPosition::Length(digits, have) => {
                    let Some((byte, rest)) = stream.split_first() else { return Ok(None) };
                    *stream = rest;
                    if let Some(place) = digits.get_mut(*have) {
                        *place = *byte;
                    }
                    *have += 1;
                    if *have == LENGTH {
                        let (length, size) = (u64::from_be_bytes(*digits), self.sizes.last());
                        let size = size.copied().filter(|size| u64::from(*size) == length);
                        self.at = StreamPosition::Body(size.ok_or(NotPack)?);
                        return Ok(Some(PackPiece::Begin));
                    }
                }
            }
        }
    }

    /// Returns whether all files have come to their ends.
    pub const fn has_ended(&self) -> bool {
        self.sizes.is_empty()
    }
}

/// Appends what stands before the bytes of a file with this length.
pub fn write_pack_head(length: u32, stream: &mut Vec<u8>) {
    stream.push(FILE);
    stream.extend_from_slice(&u64::from(length).to_be_bytes());
}

/// Appends what stands in the place of a file that is left out.
pub fn write_unsent(stream: &mut Vec<u8>) {
    stream.push(UNSENT);
}

/// The byte of a file that was left out.
const UNSENT: u8 = 0;
/// The byte before a file.
const FILE: u8 = 1;
/// How many bytes a length has.
const LENGTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Rfc354, Rfc959};

    /// Every way to cut the text into two pieces gives the same bytes.
    #[test]
    fn line_ends_are_right_at_every_buffer_border() {
        let text = b"a\nb\r\nc\rd\n\n\r";
        let wire = b"a\r\nb\r\nc\rd\r\n\r\n\r";
        let local = b"a\nb\nc\rd\n\n\r";
        for cut in 0..=text.len() {
            let (mut to, mut out) = (ToWire::default(), Vec::new());
            to.push(&text[..cut], &mut out);
            to.push(&text[cut..], &mut out);
            assert_eq!(out, wire, "cut at {cut}");
        }
        for cut in 0..=wire.len() {
            let (mut from, mut out) = (FromWire::default(), Vec::new());
            from.push(&wire[..cut], &mut out);
            from.push(&wire[cut..], &mut out);
            from.finish(&mut out);
            assert_eq!(out, local, "cut at {cut}");
        }
    }

    fn read(dialect: Dialect, wire: &[u8], step: usize) -> Result<(Vec<u8>, bool), NotBlocks> {
        let (mut reader, mut file) = (BlockReader::new(BlockCodes::of(dialect)), Vec::new());
        for mut piece in wire.chunks(step) {
            loop {
                match reader.next(&mut piece)? {
                    [] => break,
                    data => file.extend_from_slice(data),
                }
            }
        }
        Ok((file, reader.has_ended()))
    }

    #[test]
    fn e13_the_descriptors_are_numbers_in_1973_and_bits_today() {
        for (dialect, end) in [(Rfc354, 2), (Rfc959, 64)] {
            let mut wire = Vec::new();
            BlockCodes::of(dialect).write(b"abc", false, &mut wire);
            BlockCodes::of(dialect).write(b"", true, &mut wire);
            assert_eq!(wire, [&[0, 0, 3][..], b"abc", &[end, 0, 0]].concat());
            for step in 1..=wire.len() {
                assert_eq!(read(dialect, &wire, step), Ok((b"abc".to_vec(), true)), "{step}");
            }
            assert_eq!(read(dialect, &wire[..6], 10), Ok((b"abc".to_vec(), false)));
            assert_eq!(read(dialect, &[&wire[..], b"x"].concat(), 100), Err(NotBlocks));
        }
    }

    #[test]
    fn e13_markers_are_skipped_and_the_last_block_may_hold_bytes() {
        let today = [&[16, 0, 2][..], b"m1", &[128, 0, 1], b"a", &[32 | 64, 0, 2], b"bc"].concat();
        assert_eq!(read(Rfc959, &today, 1), Ok((b"abc".to_vec(), true)));
        let old = [&[4, 0, 2][..], b"m1", &[1, 0, 1], b"a", &[3, 0, 0], &[2, 0, 2], b"bc"].concat();
        assert_eq!(read(Rfc354, &old, 2), Ok((b"abc".to_vec(), true)));
        assert_eq!(read(Rfc354, &[64, 0, 0], 3), Err(NotBlocks));
        assert_eq!(read(Rfc959, &[2, 0, 0], 3), Err(NotBlocks));
    }

    /// Whoever reads as many bytes as are wanted takes nothing of the next file.
    #[test]
    fn e12_two_files_on_one_connection_are_read_apart() {
        for dialect in [Rfc354, Rfc959] {
            let codes = BlockCodes::of(dialect);
            let mut wire = Vec::new();
            codes.write(&[7; 100_000], true, &mut wire);
            codes.write(b"", true, &mut wire);
            wire.extend([&[codes.marker, 0, 1][..], b"m", &[codes.end_of_file, 0, 3], b"end"].concat());
            let mut rest = wire.as_slice();
            for expect in [vec![7; 100_000], Vec::new(), b"end".to_vec()] {
                let (mut reader, mut file) = (BlockReader::new(codes), Vec::new());
                while !reader.has_ended() {
                    let (mut piece, behind) = rest.split_at(reader.wanted());
                    rest = behind;
                    while !piece.is_empty() {
                        file.extend_from_slice(reader.next(&mut piece).unwrap());
                    }
                }
                assert!(file == expect, "{dialect:?}");
                assert_eq!(reader.wanted(), 0);
            }
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn blocks_without_a_byte_of_the_file_have_an_end() {
        for dialect in [Rfc354, Rfc959] {
            let codes = BlockCodes::of(dialect);
            let marker = [&[codes.marker, 0, 5][..], b"mark!"].concat();
            for idle in [&[0, 0, 0][..], &marker] {
                // Some of them between two bytes of the file are no reason to stop, however many there are in all.
                let some = [idle.repeat(20_000), vec![0, 0, 1, 7]].concat();
                let wire = [some.repeat(10), vec![codes.end_of_file, 0, 0]].concat();
                assert_eq!(read(dialect, &wire, 4_096), Ok((vec![7; 10], true)));
                assert_eq!(read(dialect, &idle.repeat(100_000), 4_096), Err(NotBlocks));
            }
        }
    }

    #[test]
    fn long_pieces_become_several_blocks() {
        let content = vec![7; 200_000];
        let mut wire = Vec::new();
        BlockCodes::of(Rfc959).write(&content, true, &mut wire);
        assert_eq!(wire.len(), content.len() + 4 * 3 + 3);
        assert_eq!(read(Rfc959, &wire, 4_096), Ok((content, true)));
    }

    /// A file, or `None` if it was left out.
    type Sent = Option<Vec<u8>>;

    /// What a reader of `sizes` finds, if the stream comes in pieces of `size`: the files, and whether that was all.
    fn read_pack(sizes: &[u32], stream: &[u8], size: usize) -> Result<(Vec<Sent>, bool), NotPack> {
        let mut reader = PackReader::new(sizes.iter().copied());
        let (mut files, mut open) = (Vec::new(), None::<Vec<u8>>);
        for mut piece in stream.chunks(size) {
            while let Some(next) = reader.next(&mut piece)? {
                match next {
                    PackPiece::Unsent => files.push(None),
                    PackPiece::Begin => assert_eq!(open.replace(Vec::new()), None),
                    PackPiece::Bytes(bytes) => open.as_mut().unwrap().extend_from_slice(bytes),
                    PackPiece::End => files.push(open.take()),
                }
            }
            assert!(piece.is_empty());
        }
        Ok((files, reader.has_ended()))
    }

    fn stream(files: &[Option<&[u8]>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for file in files {
            match file {
                Some(bytes) => {
                    write_pack_head(u32::try_from(bytes.len()).unwrap(), &mut stream);
                    stream.extend_from_slice(bytes);
                }
                None => write_unsent(&mut stream),
            }
        }
        stream
    }

    #[test]
    fn files_are_read_as_they_were_written_however_they_come() {
        let files = [Some(&b"first"[..]), None, Some(b""), Some(b"\0\x01"), None, Some(b"")];
        let stream = stream(&files);
        let expect: Vec<Option<Vec<u8>>> = files.iter().map(|file| file.map(<[u8]>::to_vec)).collect();
        for size in 1..=stream.len() {
            assert_eq!(read_pack(&[5, 7, 0, 2, 1, 0], &stream, size), Ok((expect.clone(), true)), "{size}");
        }
    }

    #[test]
    fn a_stream_that_stops_anywhere_has_not_ended() {
        let whole = stream(&[Some(b"ab"), None, Some(b"c")]);
        for length in 1..whole.len() {
            let (_, ended) = read_pack(&[2, 9, 1], &whole[..length], 3).unwrap();
            assert!(!ended, "{length}");
        }
    }

    #[test]
    fn what_is_no_stream_of_the_group_is_refused() {
        for (sizes, stream) in [
            (&[2][..], stream(&[Some(b"abc")])),
            (&[2], stream(&[Some(b"a")])),
            (&[2], stream(&[Some(b"ab"), None])),
            (&[2], stream(&[None, Some(b"")])),
            (&[2], [stream(&[Some(b"ab")]), vec![7]].concat()),
            (&[2], vec![2]),
            (&[2], vec![1, 255, 255, 255, 255, 255, 255, 255, 255]),
            (&[], vec![0]),
        ] {
            for size in [1, stream.len()] {
                assert_eq!(read_pack(sizes, &stream, size), Err(NotPack), "{stream:?}");
            }
        }
    }
}
