//! The digest of a file, in parts, so that a long file keeps no other session waiting.

use ftp_io::copy::Meter;
use ftp_io::hash::{self, Digester};
use ftp_proto::digest::{Algorithm, Digest};
use ftp_proto::server::ask::{FileAnswer, FileFailure};
use ftp_proto::wire::ByteRange;
use tokio::task::spawn_blocking;

use crate::limits::Turn;
use crate::vfs::{Subject, io_failure};

/// The digest of a file that does not change meanwhile, a part at a time, each when it has its turn.
/// Dropping the future stops the work.
pub(super) async fn digest<W: Future<Output = Turn>>(
    subject: Subject,
    (algorithm, range): (Algorithm, ByteRange),
    turn: impl Fn() -> W,
) -> Result<FileAnswer, FileFailure> {
    struct StopOnDrop(Meter);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    let work = StopOnDrop(Meter::default());
    let (mut file, limit) = subject.part(range)?;
    let (mut digester, mut length) = (Digester::new(algorithm), 0);
    loop {
        let part = DIGESTED_AT_ONCE.min(limit - length);
        let _turn = turn().await;
        let digested = hash::digest_part(digester, file, part, &work.0).await;
        let taken;
        hash::DigestedPart { digester, file, taken } = digested.map_err(|error| io_failure(&error))?;
        length += taken;
        if taken < part || length == limit {
            break;
        }
    }
    let hex = digester.hex();
    spawn_blocking(move || subject.unchanged()).await.unwrap_or(Err(FileFailure::Other))?;
    let range = ByteRange { first: range.first, length: Some(length) };
    Ok(FileAnswer::Digest(Digest { algorithm, hex }, range))
}

/// Bytes of a file that are digested in one turn: a fraction of a second.
const DIGESTED_AT_ONCE: u64 = 64 * 1024 * 1024;
