//! How a client talks to the server: in clear or inside TLS, and who connects for data.

use super::super::tls::Begin;

/// A version of TLS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// TLS 1.2 alone.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

impl Version {
    /// Its number, as the scripts get it.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// Who connects for data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// The client connects: PASV or EPSV.
    Passive,
    /// The server connects: PORT or EPRT.
    Active,
}

impl Mode {
    /// Its name, as the scripts get it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Active => "active",
        }
    }
}

/// One setting of the matrix.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Setting {
    /// When TLS begins and which version it is; `None` is in clear.
    pub tls: Option<(Begin, Version)>,
    /// Who connects for data.
    pub mode: Mode,
}

impl Setting {
    /// The columns of the matrix: in clear, then every way to begin TLS with every version.
    pub const TLS: [Option<(Begin, Version)>; 5] = [
        None,
        Some((Begin::Explicit, Version::Tls12)),
        Some((Begin::Explicit, Version::Tls13)),
        Some((Begin::Implicit, Version::Tls12)),
        Some((Begin::Implicit, Version::Tls13)),
    ];

    /// All settings of the matrix, column by column.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::TLS.into_iter().flat_map(|tls| [Mode::Passive, Mode::Active].map(|mode| Self { tls, mode }))
    }

    /// The version of TLS, if there is TLS.
    pub fn version(self) -> Option<Version> {
        self.tls.map(|(_, version)| version)
    }

    /// The word of the scripts for how TLS begins.
    pub const fn protection(self) -> &'static str {
        match self.tls {
            None => "clear",
            Some((Begin::Explicit, _)) => "explicit",
            Some((Begin::Implicit, _)) => "implicit",
        }
    }
}
