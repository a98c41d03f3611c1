//! Whose certificates are good: `--trust`, `--ca`, `--pin`, `--insecure`.

use crate::failure::{Failure, Kind};
use clap::{Args, ValueEnum};
use ftp_io::tls::{Fingerprint, Trust};
use std::path::PathBuf;

/// The options about certificates, for every verb.
#[derive(Args, Debug)]
pub(super) struct TrustArgs {
    /// What to do with an unknown certificate (known: refuse it)
    #[arg(long, global = true, value_enum, default_value_t = Unknown::Known, value_name = "HOW")]
    trust: Unknown,
    /// Roots (PEM) besides those of this host
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Accept this certificate and no other, SHA256: and 64 hexadecimal digits; once for each server
    #[arg(long, global = true, value_name = "SHA256:HEX", conflicts_with = "ca")]
    pin: Vec<Fingerprint>,
    /// Accept any certificate: anyone between can read and change everything
    #[arg(long, global = true, conflicts_with_all = ["ca", "pin"])]
    insecure: bool,
}

/// The values of `--trust`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Unknown {
    Known,
    #[value(hide = true)]
    Ask,
    #[value(hide = true)]
    New,
}

impl TrustArgs {
    /// Whom to trust. A file of roots is read now.
    pub(super) fn whom(&self) -> Result<Trust, Failure> {
        match self.trust {
            Unknown::Known => {}
            Unknown::Ask | Unknown::New => {
                return Err(Failure::usage("only --trust known is built in yet")
                    .hint("--pin SHA256:HEX accepts the certificate of a server"));
            }
        }
        if self.insecure {
            return Ok(Trust::anybody());
        }
        if !self.pin.is_empty() {
            return Ok(Trust::pinned(self.pin.iter().copied()));
        }
        Trust::known(self.ca.as_deref()).map_err(|error| {
            let file = self.ca.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
            Failure::new(Kind::Usage, format!("cannot read the roots in {file}: {error}"))
                .hint("--ca names a file with certificates in PEM")
        })
    }
}
