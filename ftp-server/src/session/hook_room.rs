//! What a command takes for the hooks after its uploads, and the one line that the log has for those of a group.

use std::sync::{Arc, Mutex, PoisonError};

use ftp_io::lock::Lock;
use ftp_proto::wire::PathName;

use super::shared::Shared;
use crate::limits::HookRoom;
use crate::operate::audit::Record;
use crate::operate::hook::HookFailure;

/// What a command has for the hooks after its uploads.
#[derive(Debug)]
pub(super) struct HookedCommand {
    pub(super) places: HookRoom,
    /// The hooks of a group tell their failures together.
    pub(super) group: Option<Arc<GroupFailures>>,
}

/// The hooks of one group that have failed. When the last hook has ended, the log has one line for all of them.
pub(super) struct GroupFailures {
    shared: Arc<Shared>,
    user: Option<Vec<u8>>,
    failed: Mutex<Failed>,
}

/// Files of a group whose hooks have failed, and why the first one has.
#[derive(Default)]
struct Failed {
    paths: Vec<PathName>,
    why: Option<HookFailure>,
}

impl GroupFailures {
    /// No hook has failed yet.
    pub(super) fn new(shared: Arc<Shared>, user: Option<Vec<u8>>) -> Self {
        Self { shared, user, failed: Mutex::default() }
    }

    /// The hook after this file has failed.
    pub(super) fn add(&self, path: PathName, why: HookFailure) {
        let mut failed = self.failed.locked();
        failed.paths.push(path);
        failed.why.get_or_insert(why);
    }
}

impl Drop for GroupFailures {
    fn drop(&mut self) {
        let Failed { paths, why } =
            std::mem::take(self.failed.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(why) = &why {
            self.shared.record_of(self.user.as_deref(), &Record::GroupHooksFailed { paths: &paths, why });
        }
    }
}

impl std::fmt::Debug for GroupFailures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupFailures").field("user", &self.user).finish_non_exhaustive()
    }
}
