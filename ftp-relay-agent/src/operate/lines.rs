//! Whether what a token carries has lines of its own.

use super::record::Carried;

/// Whether a tunnel, join or call has lines of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lines {
    /// It has: one for its beginning, one for its end.
    Own,
    /// Its token has no line left for it: it is counted. It has one for its end if it carries much.
    OnlyCounted,
}

impl Lines {
    pub(super) const fn of(due: Option<u64>) -> Self {
        if due.is_some() { Self::Own } else { Self::OnlyCounted }
    }

    /// Whether the end has a line. What has carried much always has one: the traffic itself bounds such lines, and a large
    /// file is not hidden by many small ones.
    pub(super) const fn include_end(self, carried: &Carried) -> bool {
        match self {
            Self::Own => true,
            Self::OnlyCounted => carried.a_to_b.saturating_add(carried.b_to_a) >= MUCH,
        }
    }
}

/// So many bytes are worth a line of their own: it has less than a thousandth of them.
const MUCH: u64 = 1 << 20;
