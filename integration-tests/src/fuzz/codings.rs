//! The codings of a data connection: lines of TYPE A and blocks of MODE B.

use super::input::{choice, pieces};
use ftp_proto::coding::{BlockCodes, BlockReader, FromWire, NotBlocks, ToWire};
use ftp_proto::dialect::Dialect;

/// The bytes of a data connection: the pieces in which they arrive make no difference, and what was written is read again.
pub fn codings(data: &[u8]) {
    let (first, data) = choice(data);
    lines(data, first);
    for dialect in [Dialect::Rfc354, Dialect::Rfc959] {
        blocks(BlockCodes::of(dialect), data, first);
    }
}

/// Lines of TYPE A.
fn lines(data: &[u8], first: u8) {
    let local = from_wire(std::iter::once(data));
    assert_eq!(from_wire(pieces(data, first)), local, "the pieces make a difference");
    let wire = to_wire(std::iter::once(data));
    assert_eq!(to_wire(pieces(data, first)), wire, "the pieces make a difference");
    // A file that has CR LF already keeps it on the way out, and gets LF on the way in.
    assert_eq!(from_wire(std::iter::once(&*wire)), local, "what was sent is not what was meant");
}

fn from_wire<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut coding, mut out) = (FromWire::default(), Vec::new());
    pieces.for_each(|piece| coding.push(piece, &mut out));
    coding.finish(&mut out);
    out
}

fn to_wire<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut coding, mut out) = (ToWire::default(), Vec::new());
    pieces.for_each(|piece| coding.push(piece, &mut out));
    out
}

/// Blocks of MODE B.
fn blocks(codes: BlockCodes, data: &[u8], first: u8) {
    let found = read(codes, std::iter::once(data));
    assert_eq!(read(codes, pieces(data, first)), found, "the pieces make a difference");
    let mut wire = Vec::new();
    pieces(data, first).for_each(|piece| codes.write(piece, false, &mut wire));
    codes.write(&[], true, &mut wire);
    assert_eq!(read(codes, std::iter::once(&*wire)), Ok((data.to_vec(), true)), "what was written is read");
}

/// The bytes of the file, and whether it has ended. What was read before an error does not count.
fn read<'a>(codes: BlockCodes, pieces: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<u8>, bool), NotBlocks> {
    let (mut reader, mut file) = (BlockReader::new(codes), Vec::new());
    for mut piece in pieces {
        while !piece.is_empty() {
            let before = piece.len();
            let wanted = reader.wanted();
            let bytes = reader.next(&mut piece)?;
            assert!(piece.len() < before, "something is used up");
            assert!(reader.has_ended() || wanted > 0, "a file that has not ended wants more");
            file.extend_from_slice(bytes);
        }
    }
    Ok((file, reader.has_ended()))
}
