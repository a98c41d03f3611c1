//! What to do with a certificate that nobody vouches for: the value of `--trust`.

use std::str::FromStr;

/// What to do with a certificate that nobody vouches for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnUnknown {
    /// Ask the person at the terminal. Without a terminal it is refused.
    #[default]
    Ask,
    /// Accept it, keep it, and say so.
    Keep,
    /// Refuse it, also at a terminal.
    Refuse,
}

impl OnUnknown {
    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Keep => "new",
            Self::Refuse => "known",
        }
    }
}

impl FromStr for OnUnknown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ask" => Ok(Self::Ask),
            "new" => Ok(Self::Keep),
            "known" => Ok(Self::Refuse),
            _ => Err("write \"ask\", \"new\" or \"known\""),
        }
    }
}
