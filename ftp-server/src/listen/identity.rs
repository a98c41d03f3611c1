//! The certificates of the server, and its state directory.

use std::path::Path;
use std::sync::Arc;

use ftp_io::tls::Identity;

use crate::config::{Certificates, Config};
use crate::operate::{State, certificate};

/// The certificates, and the state directory, which a server without anything to keep may lack.
pub(super) fn open(config: &Config) -> Result<(Option<Arc<Identity>>, Option<State>), anyhow::Error> {
    let roots: Vec<&Path> = config.roots().collect();
    let open = || State::open(config.state.as_deref(), &roots);
    let state = match &config.certificates {
        Some(Certificates::SelfSigned) => Some(open()?),
        Some(Certificates::Files(_)) | None if config.state.is_some() => Some(open()?),
        Some(Certificates::Files(_)) | None => State::open_usual(&roots),
    };
    let identity = match (&config.certificates, &state) {
        (Some(Certificates::Files(files)), _) => Some(certificate::from_files(files, &config.root)?),
        (Some(Certificates::SelfSigned), Some(state)) => Some(certificate::self_signed(state)?),
        (Some(Certificates::SelfSigned), None) | (None, _) => None,
    };
    Ok((identity.map(Arc::new), state))
}
