//! The digest of a file that is being sent, computed beside the transfer.
//!
//! The kernel may send a file without showing it to this program (sendfile), so its digest needs a second
//! look at the file. A second thread takes it, close behind the transfer, while the pages are still in the
//! caches of the processors. It works only while there is something to catch up with, so a slow peer holds no
//! thread; and if no second thread may be had, the transfer's own thread does the work.
//!
//! If somebody changes the file between the two looks, the digest is not that of the bytes that were sent.
//! Then the other end finds that they differ, and such a copy is not taken for a good one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use ftp_proto::digest::Algorithm;
use tokio::task::spawn_blocking;

use super::second::Second;
use crate::hash::Digester;
use crate::meter::Meter;

/// The digest of what a transfer has sent of a file.
#[derive(Debug)]
pub(super) struct Follower {
    shared: Arc<Shared>,
    meter: Meter,
    /// Where the transfer began.
    from: u64,
}

/// What the transfer and the second thread share.
#[derive(Debug)]
struct Shared {
    file: Arc<File>,
    progress: Mutex<Progress>,
    /// There is progress, or the second thread has done everything.
    advanced: Condvar,
    /// The thread that catches up holds it.
    digest: Mutex<Digest>,
}

#[derive(Debug)]
struct Progress {
    /// Where the digest is.
    at: u64,
    /// Where the transfer is.
    sent: u64,
    second: Second,
    /// Why the digest cannot be made.
    failed: Option<io::Error>,
}

#[derive(Debug)]
struct Digest {
    digester: Digester,
    buffer: Vec<u8>,
}

impl Follower {
    /// Begins the digest of a transfer of `file` from `from` on.
    pub(super) fn new(algorithm: Algorithm, file: &Arc<File>, from: u64, meter: &Meter) -> Self {
        let shared = Shared {
            file: Arc::clone(file),
            progress: Mutex::new(Progress { at: from, sent: from, second: Second::Rests, failed: None }),
            advanced: Condvar::new(),
            digest: Mutex::new(Digest { digester: Digester::new(algorithm), buffer: Vec::new() }),
        };
        Self { shared: Arc::new(shared), meter: meter.clone(), from }
    }

    /// The transfer has come to `sent`. This returns at once, unless the digest is too far behind.
    pub(super) fn moved(&self, sent: u64) {
        let mut progress = self.shared.progress();
        progress.sent = sent;
        while progress.behind() > MOST && progress.second.has_begun() {
            progress = self.shared.wait(progress);
        }
        if progress.behind() < ENOUGH || progress.second != Second::Rests {
            return;
        }
        match if progress.behind() > MOST { None } else { self.meter.try_pass() } {
            Some(pass) => {
                progress.second = Second::Asked;
                let shared = Arc::clone(&self.shared);
                drop(spawn_blocking(move || {
                    let _pass = pass;
                    if shared.progress().second.begin() {
                        shared.catch_up(PIECE);
                    }
                }));
            }
            None => {
                drop(progress);
                self.shared.catch_up(PIECE);
            }
        }
    }

    /// The digest of everything that was sent, and the number of its bytes.
    ///
    /// # Errors
    ///
    /// The file could not be read, or has become shorter.
    pub(super) fn finish(self) -> io::Result<(String, u64)> {
        let mut progress = self.shared.progress();
        while progress.second.has_begun() {
            progress = self.shared.wait(progress);
        }
        drop(progress);
        self.shared.catch_up(1);
        let mut progress = self.shared.progress();
        if let Some(error) = progress.failed.take() {
            return Err(error);
        }
        let count = progress.at.saturating_sub(self.from);
        drop(progress);
        let digest = self.shared.digest();
        Ok((digest.digester.clone().hex(), count))
    }
}

impl Progress {
    fn behind(&self) -> u64 {
        if self.failed.is_some() { 0 } else { self.sent.saturating_sub(self.at) }
    }
}

impl Shared {
    /// Digests what was sent so far, piece by piece, as long as there are at least `least` bytes. BLAKE3 takes
    /// whole pieces faster than other ones.
    fn catch_up(&self, least: usize) {
        let mut digest = self.digest();
        let Digest { digester, buffer } = &mut *digest;
        loop {
            let mut progress = self.progress();
            let (at, behind) = (progress.at, usize::try_from(progress.behind()).unwrap_or(PIECE));
            if behind < least {
                progress.second = Second::Rests;
                self.advanced.notify_all();
                // A transfer that waits keeps no buffer.
                *buffer = Vec::new();
                return;
            }
            drop(progress);
            buffer.resize(PIECE, 0);
            let read = read(&self.file, buffer.get_mut(..behind.min(PIECE)).unwrap_or_default(), at);
            let mut count = 0;
            let read = read.map(|read| {
                count = read;
                digester.update(buffer.get(..read).unwrap_or_default());
            });
            let mut progress = self.progress();
            progress.at += count as u64;
            if let Err(error) = read {
                progress.failed = Some(error);
            }
            self.advanced.notify_all();
        }
    }

    fn wait<'a>(&self, progress: MutexGuard<'a, Progress>) -> MutexGuard<'a, Progress> {
        self.advanced.wait(progress).unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self) -> MutexGuard<'_, Digest> {
        self.digest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads some bytes at `at`; there are some.
fn read(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(room, at) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, super::SHORTER)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Bytes that are read at once: they stay in a processor's own cache until they are digested.
const PIECE: usize = 128 * 1024;
/// How far the digest has to be behind before a thread begins to catch up.
const ENOUGH: u64 = 1024 * 1024;
/// How far it may be behind while a thread catches up. Then the transfer waits.
const MOST: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::{Gate, Pass};
    use std::io::Write;
    use std::pin::Pin;

    fn file_of(size: usize) -> (Arc<File>, Vec<u8>) {
        let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&content).unwrap();
        (Arc::new(file), content)
    }

    fn expected(content: &[u8]) -> (String, u64) {
        let mut digester = Digester::new(Algorithm::Blake3);
        digester.update(content);
        (digester.hex(), content.len() as u64)
    }

    /// Nobody may have a second thread.
    #[derive(Debug)]
    struct Shut;

    impl Gate for Shut {
        fn pass(&self) -> Pin<Box<dyn Future<Output = Pass> + Send + '_>> {
            Box::pin(std::future::pending())
        }

        fn try_pass(&self) -> Option<Pass> {
            None
        }
    }

    fn meters() -> [Meter; 2] {
        [Meter::default(), Meter::gated(Vec::new(), Arc::new(Shut))]
    }

    #[tokio::test]
    async fn the_digest_is_that_of_what_was_sent_however_it_was_sent_and_whoever_computes_it() {
        let (file, content) = file_of(20_000_000);
        for meter in meters() {
            for step in [1_000_003, 10_000_000, 131_072] {
                let follower = Follower::new(Algorithm::Blake3, &file, 5, &meter);
                let sent = (5..15_000_000).step_by(step).chain([15_000_000]);
                sent.for_each(|sent| follower.moved(sent as u64));
                assert_eq!(follower.finish().unwrap(), expected(&content[5..15_000_000]), "{step}");
            }
        }
    }

    #[tokio::test]
    async fn the_transfer_does_not_run_away_from_its_digest() {
        let (file, _) = file_of(2 << 20);
        file.set_len(64 << 20).unwrap();
        let follower = Follower::new(Algorithm::Sha256, &file, 0, &Meter::default());
        for sent in (1..64).map(|mib| mib << 20) {
            follower.moved(sent);
            let progress = follower.shared.progress();
            assert!(progress.behind() <= MOST, "{progress:?}");
        }
    }

    #[tokio::test]
    async fn a_file_that_has_become_shorter_has_no_digest() {
        let (file, _) = file_of(3_000_000);
        for meter in meters() {
            let follower = Follower::new(Algorithm::Blake3, &file, 0, &meter);
            follower.moved(3_000_001);
            assert_eq!(follower.finish().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn work_that_no_thread_begins_is_done_by_the_transfer() {
        let (file, content) = file_of(20_000_000);
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (block, blocked) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || blocked.recv());
        let _inside = runtime.enter();
        let follower = Follower::new(Algorithm::Blake3, &file, 0, &Meter::default());
        (0..=20).for_each(|sent| follower.moved(sent * 1_000_000));
        assert_eq!(follower.finish().unwrap(), expected(&content));
        drop(block);
    }
}
