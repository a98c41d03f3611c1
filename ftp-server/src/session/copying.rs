//! The copy of a file within the server, in parts, so that a long file keeps no other session waiting.

use ftp_io::copy::Meter;
use ftp_proto::server::ask::FileFailure;
use tokio::task::spawn_blocking;

use crate::limits::Turn;
use crate::vfs::{Copying, Progress};

/// Copies a file, a part at a time, each when it has its turn, and gives the copy its name. Returns how many bytes it has.
/// Stopping `meter`, or dropping the future, ends the work, and what was made is removed.
pub(super) async fn copy<W: Future<Output = Turn>>(
    mut copying: Copying,
    meter: Meter,
    turn: impl Fn() -> W,
) -> Result<u64, FileFailure> {
    struct StopOnDrop(Meter);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    let stop = StopOnDrop(meter.clone());
    loop {
        let turn = tokio::select! {
            biased;
            () = meter.stopped() => None,
            turn = turn() => Some(turn),
        };
        let meter = meter.clone();
        let work = move || {
            let step = turn.map_or(Err(FileFailure::Stopped), |_turn| copying.step(&meter));
            // What was made is removed here, on a thread that may block.
            step.map(|step| (copying, step))
        };
        let step;
        (copying, step) = spawn_blocking(work).await.unwrap_or(Err(FileFailure::Other))?;
        if step == Progress::Whole {
            break;
        }
    }
    let finished = spawn_blocking(move || copying.finish()).await.unwrap_or(Err(FileFailure::Other));
    drop(stop);
    finished
}
