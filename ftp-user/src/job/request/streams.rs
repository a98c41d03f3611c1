//! How many data connections one file has.

use serde::{Deserialize, Serialize};
use std::num::NonZero;

/// How many data connections a large file has at the same time, each with sessions of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streams {
    /// As many as make it faster, at most 4.
    Auto,
    /// This many, if the servers permit it and the file is large enough.
    Exactly(NonZero<u8>),
}

impl Streams {
    /// The largest number: an `ftp-server` permits no more writers of one file.
    pub const MOST: u8 = 16;

    /// The largest number that may be used.
    pub const fn most(self) -> NonZero<u8> {
        match self {
            Self::Auto => MOST_STREAMS_OF_AUTO,
            Self::Exactly(number) => number,
        }
    }
}

impl Default for Streams {
    fn default() -> Self {
        Self::Exactly(NonZero::<u8>::MIN)
    }
}

/// The largest number of data connections of a file that is found by measurement.
const MOST_STREAMS_OF_AUTO: NonZero<u8> = NonZero::new(4).unwrap();
