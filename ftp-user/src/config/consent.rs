//! Whether data may pass a relay: the value of `--relay-consent`.

use std::str::FromStr;

/// Whether data may pass a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Consent {
    /// No relay at all.
    Never,
    /// Each relay for which the person at the terminal says yes. Without a terminal it means [`Never`](Self::Never).
    Ask,
    /// Those of the command line and of the settings.
    #[default]
    Own,
    /// Any that is known. So far these are the own ones.
    Any,
}

impl FromStr for Consent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" => Ok(Self::Never),
            "ask" => Ok(Self::Ask),
            "own" => Ok(Self::Own),
            "any" => Ok(Self::Any),
            _ => Err("write \"never\", \"ask\", \"own\" or \"any\""),
        }
    }
}
