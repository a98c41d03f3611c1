//! The stream of PACK: small files one behind the other.
//!
//! ```text
//! each file in the order of the command:   0                                   it was left out
//!                                          1 <length: 8 bytes> <its bytes>     it is here
//! ```
//!
//! The last file ends the stream. Lengths are big endian, and are those that the command has told.

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

    /// A file, or `None` if it was left out.
    type Sent = Option<Vec<u8>>;

    /// What a reader of `sizes` finds, if the stream comes in pieces of `size`: the files, and whether that was all.
    fn read(sizes: &[u32], stream: &[u8], size: usize) -> Result<(Vec<Sent>, bool), NotPack> {
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
            assert_eq!(read(&[5, 7, 0, 2, 1, 0], &stream, size), Ok((expect.clone(), true)), "{size}");
        }
    }

    #[test]
    fn a_stream_that_stops_anywhere_has_not_ended() {
        let whole = stream(&[Some(b"ab"), None, Some(b"c")]);
        for length in 1..whole.len() {
            let (_, ended) = read(&[2, 9, 1], &whole[..length], 3).unwrap();
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
                assert_eq!(read(sizes, &stream, size), Err(NotPack), "{stream:?}");
            }
        }
    }
}
