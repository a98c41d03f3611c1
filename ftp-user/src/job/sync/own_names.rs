//! Names below the destination that this program needs itself: its settings, its secrets and its state. They stay.

use crate::context::Context;
use crate::endpoint::{Host, local_path};
use crate::report::several;
use ftp_proto::wire::PathName;

/// The names that stay. By default there are none.
#[derive(Debug, Default)]
pub(super) struct OwnNames {
    count: u64,
    /// The first of them, and to what it belongs.
    first: Option<(PathName, &'static str)>,
}

impl OwnNames {
    /// Whether this program needs what is at `path` of this host. Then it is counted.
    pub(super) fn has(&mut self, context: &Context, path: PathName) -> bool {
        let Some(what) = context.run.own_files.needs(local_path(&path)) else { return false };
        self.count += 1;
        self.first.get_or_insert((path, what));
        true
    }

    /// Tells that names stay.
    pub(super) fn tell(&self, context: &Context, host: &Host) {
        let Some((first, what)) = &self.first else { return };
        let (names, first) = (several(self.count, "name"), host.show(first));
        context.run.events.warn(format!(
            "not deleted: {names} that ftp-user needs itself; the first is {first}, which belongs to {what}"
        ));
    }
}
