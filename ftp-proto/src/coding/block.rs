//! MODE B: blocks of at most 65,535 bytes, each behind a header of a descriptor and a count (RFC 354
//! III.C, RFC 959 3.4.2). The end of the file is told, so a connection that breaks is never taken for it.

use crate::dialect::Dialect;

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

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{Rfc354, Rfc959};

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
}
