//! The certificates of the server, and the state directory where it keeps what it needs again.

use std::sync::Arc;

use anyhow::bail;
use ftp_io::tls::Identity;

use crate::config::{Certificates, Config};
use crate::operate::{State, certificate, is_below};

/// The certificates, and the state directory, which a server without anything to keep may lack.
pub(super) fn open(config: &Config) -> Result<(Option<Arc<Identity>>, Option<State>), anyhow::Error> {
    let open = || State::open(config.state.as_deref(), &config.root);
    let state = match &config.certificates {
        Some(Certificates::SelfSigned) => Some(open()?),
        Some(Certificates::Files(_)) | None if config.state.is_some() => Some(open()?),
        Some(Certificates::Files(_)) | None => {
            State::open_usual(&config.root).filter(|state| !is_visible(state, config))
        }
    };
    let identity = match (&config.certificates, &state) {
        (Some(Certificates::Files(files)), _) => Some(certificate::from_files(files, &config.root)?),
        (Some(Certificates::SelfSigned), Some(state)) => Some(certificate::self_signed(state)?),
        (Some(Certificates::SelfSigned), None) | (None, _) => None,
    };
    if state.as_ref().is_some_and(|state| is_visible(state, config)) {
        bail!("the state directory is below a root: name another one with --state");
    }
    Ok((identity.map(Arc::new), state))
}

/// Whether users could see the state directory, which has been told then.
fn is_visible(state: &State, config: &Config) -> bool {
    let directory = state.directory();
    let root = config.roots().find(|root| is_below(directory, root));
    root.inspect(|root| {
        let (directory, root) = (directory.display(), root.display());
        tracing::warn!("the state directory {directory} is below the root {root}, where users could read it");
    })
    .is_some()
}
