//! The stream of a group of files, and what a server says of each file (PACK).

use super::input::{choice, pieces};
use ftp_proto::coding::{NotPack, PackPiece, PackReader, write_pack_head, write_unsent};
use ftp_proto::digest::Algorithm;
use ftp_proto::reply::file_outcomes;

/// The largest number of files of a group under test.
const FILES: u8 = 8;

/// The sizes of a few files and a stream: the pieces in which it arrives make no difference, a group is whole only if all
/// of its files have come with their sizes, and it is the one stream that says so.
///
/// The same bytes as lines of a reply: what was read of a file is written and read again.
pub fn groups(data: &[u8]) {
    lines(data);
    let (first, data) = choice(data);
    let (count, data) = choice(data);
    let count = usize::from(count % (FILES + 1)).min(data.len());
    let (sizes, stream) = data.split_at(count);
    let sizes: Vec<u32> = sizes.iter().map(|size| u32::from(*size)).collect();
    let found = read(&sizes, std::iter::once(stream));
    assert_eq!(read(&sizes, pieces(stream, first)), found, "the pieces make a difference");
    let Ok((files, true)) = found else { return };
    assert_eq!(files.len(), sizes.len(), "a whole group has every file");
    let mut written = Vec::new();
    for (file, size) in files.iter().zip(&sizes) {
        match file {
            Some(bytes) => {
                assert_eq!(u32::try_from(bytes.len()), Ok(*size), "a file has its size");
                write_pack_head(*size, &mut written);
                written.extend_from_slice(bytes);
            }
            None => write_unsent(&mut written),
        }
    }
    assert_eq!(written, stream, "two streams are one group");
}

/// The content of a file that has come, or `None` for one that was left out.
type File = Option<Vec<u8>>;

/// The files that have come, and whether that was all.
fn read<'a>(sizes: &[u32], pieces: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<File>, bool), NotPack> {
    let mut reader = PackReader::new(sizes.iter().copied());
    let (mut files, mut open) = (Vec::new(), Vec::new());
    for mut piece in pieces {
        while let Some(next) = reader.next(&mut piece)? {
            match next {
                PackPiece::Unsent => files.push(None),
                PackPiece::Begin => assert!(open.is_empty(), "a file begins in another one"),
                PackPiece::Bytes(bytes) => {
                    assert!(!bytes.is_empty());
                    open.extend_from_slice(bytes);
                }
                PackPiece::End => files.push(Some(std::mem::take(&mut open))),
            }
        }
        assert!(piece.is_empty(), "bytes are left");
    }
    Ok((files, reader.has_ended()))
}

fn lines(data: &[u8]) {
    let lines: Vec<Vec<u8>> = data.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let Some(files) = file_outcomes(&lines, Algorithm::Crc32, lines.len()) else { return };
    let mut written: Vec<Vec<u8>> = (1..)
        .zip(&files)
        .filter_map(|(number, file)| Some(file.as_ref()?.line(number).into_bytes()))
        .collect();
    written.push(b"End".to_vec());
    assert_eq!(file_outcomes(&written, Algorithm::Crc32, lines.len()), Some(files), "{written:?}");
}
