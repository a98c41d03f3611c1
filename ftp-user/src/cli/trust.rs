//! Whose certificates are good: `--trust`, `--ca`, `--pin`, `--insecure`.

use crate::config::OnUnknown;
use crate::failure::{Failure, Kind};
use clap::{Args, ValueEnum};
use ftp_io::tls::{Fingerprint, Trust};
use std::path::PathBuf;

/// The options about certificates, for every verb.
#[derive(Args, Debug)]
pub(super) struct TrustArgs {
    /// What to do with a certificate of ftpes:// or ftps:// that nobody vouches for: ask at the terminal, accept and
    /// keep it (new), or refuse it (known); default: [defaults] trust of the settings, else ask, which refuses it
    /// without a terminal
    #[arg(long, global = true, value_enum, value_name = "HOW")]
    trust: Option<How>,
    /// Roots (PEM) besides those of this host
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Accept this certificate and no other, SHA256: and 64 hexadecimal digits; once for each server
    #[arg(long, global = true, value_name = "SHA256:HEX", conflicts_with = "ca")]
    pin: Vec<Fingerprint>,
    /// Use ftp:// servers in clear, also where they offer TLS: for servers whose TLS does not work
    #[arg(long, global = true)]
    pub(super) no_tls: bool,
    /// Accept any certificate: anyone between can read and change everything
    #[arg(long, global = true, conflicts_with_all = ["ca", "pin"])]
    insecure: bool,
}

/// The values of `--trust`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum How {
    Ask,
    New,
    Known,
}

impl TrustArgs {
    /// What to do with unknown certificates. `default` is what the settings say.
    pub(super) fn unknown(&self, default: Option<OnUnknown>) -> OnUnknown {
        let typed = self.trust.map(|how| match how {
            How::Ask => OnUnknown::Ask,
            How::New => OnUnknown::Keep,
            How::Known => OnUnknown::Refuse,
        });
        typed.or(default).unwrap_or_default()
    }

    /// Whom to trust. A file of roots is read now.
    pub(super) fn whom(&self) -> Result<Trust, Failure> {
        if self.insecure {
            return Ok(Trust::anybody());
        }
        if !self.pin.is_empty() {
            return Ok(Trust::pinned(self.pin.iter().copied()));
        }
        Trust::by_roots(self.ca.as_deref()).map_err(|error| {
            let file = self.ca.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
            Failure::new(Kind::Usage, format!("cannot read the roots in {file}: {error}"))
                .hint("--ca names a file with certificates in PEM")
        })
    }
}
