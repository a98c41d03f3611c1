//! Which files of the destination an earlier run of the job has begun and not ended.

use crate::context::Context;
use crate::endpoint::Host;
use crate::job::claims::names::{named_below, site_of};
use ftp_proto::wire::PathName;
use std::collections::HashSet;

/// The names of these files below the destination. They are compared even if they look the same: so each gets its end in the
/// journal, and what is left of a part goes.
#[derive(Clone, Debug, Default)]
pub(super) struct BegunFiles(HashSet<Vec<u8>>);

impl BegunFiles {
    /// Asks the journal. `top` is the destination.
    pub(super) async fn below(context: &Context, host: &Host, top: &PathName) -> Self {
        if !context.run.job_journal.is_resumed() {
            return Self::default();
        }
        let (site, forms) = (site_of(host), named_below(host, top));
        let open = context.run.job_journal.open_files().await.into_iter();
        let here = open.filter(|item| item.place.site == site);
        Self(
            here.filter_map(|item| forms.iter().find_map(|form| form.path_below(&item.place.path))).collect(),
        )
    }

    /// Whether it is one of them.
    pub(super) fn has(&self, path: &PathName) -> bool {
        self.0.contains(path.as_bytes())
    }
}

#[cfg(test)]
impl BegunFiles {
    /// The files with these names.
    pub(super) fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| name.as_bytes().to_vec()).collect())
    }
}
