//! What the second thread of a transfer is doing.

/// What the second thread of a transfer is doing. A transfer does not wait for one that has not begun,
/// because the transfers that wait may have all threads. A transfer that needs its work does it instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Second {
    /// There is nothing to do.
    #[default]
    Rests,
    /// It was asked for. It finds out when it begins whether it is still wanted.
    Asked,
    /// It works, and will say when it has done everything.
    Works,
}

impl Second {
    /// A thread begins. Returns whether there is work for it.
    pub(super) fn begin(&mut self) -> bool {
        let is_wanted = *self == Self::Asked;
        if is_wanted {
            *self = Self::Works;
        }
        is_wanted
    }

    /// The transfer that asked for a thread does its work now, unless it has begun. Returns whether it has.
    pub(super) fn has_begun(&mut self) -> bool {
        let works = *self == Self::Works;
        if !works {
            *self = Self::Rests;
        }
        works
    }
}
