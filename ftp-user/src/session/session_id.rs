//! The numbers of sessions. What a server tells counts in its session only.

pub use ftp_proto::deletion::SessionId;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of the last session.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A number that no other session of this process has. A session that is opened later has a larger one.
pub(super) fn next() -> SessionId {
    SessionId::new(LAST.fetch_add(1, Ordering::SeqCst) + 1)
}

/// The number of the session that was opened last; smaller than all others if none was.
pub fn newest_session() -> SessionId {
    SessionId::new(LAST.load(Ordering::SeqCst))
}
