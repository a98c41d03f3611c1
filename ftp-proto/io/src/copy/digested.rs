//! A file that is digested on its way to a connection.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use ftp_proto::digest::Algorithm;

use super::burst::Step;
use super::data::Detached;
use super::outcome::CopyEnd;
use crate::hash::Digester;

/// The digest of a file that is read once, into a buffer from which it is digested and sent.
#[derive(Debug)]
pub(super) struct Digested {
    digester: Digester,
    /// How many bytes were digested.
    count: u64,
    /// How many of them were not sent yet.
    ahead: usize,
}

impl Digested {
    /// Begins the digest of what is sent.
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self { digester: Digester::new(algorithm), count: 0, ahead: 0 }
    }

    /// The digest, and the number of its bytes.
    pub(super) fn finish(self) -> (String, u64) {
        (self.digester.hex(), self.count)
    }

    /// Sends what was digested; if all of it has gone, reads and digests the next piece first. `part` is what of
    /// the file was not sent. At most `most` bytes are sent.
    pub(super) fn step(
        &mut self,
        file: &File,
        (part, most): (&mut Range<u64>, usize),
        connection: &mut Detached,
        buffer: &mut Vec<u8>,
    ) -> Step {
        let rest = match self.rest(file, part, buffer) {
            Ok([]) => return Step::Ended(CopyEnd::Whole),
            Ok(rest) => rest,
            Err(error) => return Step::Ended(CopyEnd::File(error)),
        };
        match connection.write(rest.get(..most).unwrap_or(rest)) {
            Ok(sent) => {
                part.start += sent as u64;
                self.ahead = self.ahead.saturating_sub(sent);
                Step::Moved(sent)
            }
            Err(error) => Step::failed(error),
        }
    }

    /// What was digested and not sent; nothing at the end of the file.
    fn rest<'a>(&mut self, file: &File, part: &Range<u64>, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        if self.ahead == 0 {
            read(file, buffer, part)?;
            self.digester.update(buffer);
            self.ahead = buffer.len();
            self.count += buffer.len() as u64;
        } else if buffer.is_empty() {
            // A transfer that waits keeps no buffer, so the rest of its piece is read again. If it has changed, the
            // digest is not that of what is sent, and the other end finds that they differ.
            buffer.resize(self.ahead, 0);
            match file.read_exact_at(buffer, part.start) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(io::Error::new(error.kind(), super::SHORTER));
                }
                read => read?,
            }
        }
        Ok(buffer.get(buffer.len().saturating_sub(self.ahead)..).unwrap_or_default())
    }
}

/// Makes `buffer` the next piece of the file; it is empty at the end of `part` or of the file.
fn read(file: &File, buffer: &mut Vec<u8>, part: &Range<u64>) -> io::Result<()> {
    let left = part.end.saturating_sub(part.start);
    buffer.resize(usize::try_from(left).unwrap_or(PIECE).min(PIECE), 0);
    loop {
        match file.read_at(buffer, part.start) {
            Ok(read) => {
                buffer.truncate(read);
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Bytes that are read at once. They stay in the processor's own cache until they are digested and sent.
const PIECE: usize = 128 * 1024;
