//! What to do with a certificate that nobody vouches for: the value of `--trust`.

use std::str::FromStr;

/// What to do with a certificate that nobody vouches for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Unknown {
    /// Ask the person at the terminal. Without a terminal it is refused.
    #[default]
    Ask,
    /// Accept it, keep it, and say so.
    New,
    /// Refuse it, also at a terminal.
    Known,
}

impl FromStr for Unknown {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ask" => Ok(Self::Ask),
            "new" => Ok(Self::New),
            "known" => Ok(Self::Known),
            _ => Err("write \"ask\", \"new\" or \"known\""),
        }
    }
}
