//! Standard input and output as ends of a copy.

/// Where a file goes that is written as it comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sink {
    /// To standard output.
    Output,
    /// Nowhere: to `/dev/null`.
    Null,
}

impl Sink {
    /// How reports call it.
    pub(in crate::job) const fn name(self) -> &'static str {
        match self {
            Self::Output => NAME,
            Self::Null => NULL,
        }
    }
}

/// What takes everything and keeps nothing.
pub const NULL: &str = "/dev/null";
/// How reports call standard input and output.
pub(in crate::job) const NAME: &str = "-";
