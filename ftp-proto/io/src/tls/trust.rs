//! The servers that a client trusts: by the roots of this host, by roots of a file, by fingerprint, or all.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use ftp_proto::wire::Fingerprint;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::crypto::provider;
use crate::named_file::{self, LARGEST_SETTINGS};

/// The servers that a client trusts. Clones share the roots that were read.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    policy: Arc<Policy>,
    /// The only certificate that is good, where roots would decide otherwise.
    kept: Option<Fingerprint>,
    /// Whether a server that no root vouches for is admitted.
    admits: bool,
}

#[derive(Debug)]
pub(super) enum Policy {
    /// Servers with a certificate that the roots of this host, or these, vouch for.
    Roots { more: Vec<CertificateDer<'static>>, judge: OnceLock<Option<Arc<WebPkiServerVerifier>>> },
    /// Servers with one of these certificates, and no others.
    Pinned(Vec<Fingerprint>),
    /// Any server there is.
    Anybody,
}

impl Default for Policy {
    fn default() -> Self {
        Self::Roots { more: Vec::new(), judge: OnceLock::new() }
    }
}

impl Trust {
    /// Trusts servers that the roots of this host vouch for, or the roots of the PEM file `more`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or contains no certificate.
    pub fn by_roots(more: Option<&Path>) -> io::Result<Self> {
        let mut certificates = Vec::new();
        if let Some(path) = more {
            certificates = read(path)?;
        }
        Ok(Self::by(Policy::Roots { more: certificates, judge: OnceLock::new() }))
    }

    /// Trusts servers that show one of these certificates, and no others.
    pub fn pinned(pins: impl IntoIterator<Item = Fingerprint>) -> Self {
        Self::by(Policy::Pinned(pins.into_iter().collect()))
    }

    /// The same trust towards a server for which a person has named this PEM file of roots. Where certificates are pinned,
    /// they alone are good.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or contains no certificate.
    pub fn with_roots(&self, file: &Path) -> io::Result<Self> {
        let mut certificates = read(file)?;
        match &*self.policy {
            Policy::Pinned(_) => return Ok(self.clone()),
            Policy::Roots { more, .. } => certificates.extend(more.iter().cloned()),
            Policy::Anybody => {}
        }
        Ok(Self::by(Policy::Roots { more: certificates, judge: OnceLock::new() }))
    }

    /// Trusts every server. A host in between can read and change everything.
    pub fn anybody() -> Self {
        Self::by(Policy::Anybody)
    }

    /// Whether roots decide. Otherwise somebody has named the certificates, or trusts every server.
    pub fn is_by_roots(&self) -> bool {
        matches!(*self.policy, Policy::Roots { .. })
    }

    /// How many certificates are named as the only good ones.
    pub fn pins(&self) -> usize {
        match &*self.policy {
            Policy::Pinned(pins) => pins.iter().collect::<HashSet<_>>().len(),
            Policy::Roots { .. } | Policy::Anybody => 0,
        }
    }

    /// The same trust towards a server whose certificate was kept from an earlier session: where roots decide, the
    /// server must show this one, even if a root vouches for another.
    #[must_use]
    pub fn with_kept(mut self, certificate: Fingerprint) -> Self {
        self.kept = Some(certificate);
        self
    }

    /// The same trust, but where roots decide and none vouches for the server, it is admitted all the same.
    /// [`Client::doubt`](super::Client::doubt) then tells why it would not have been.
    #[must_use]
    pub fn admitting(mut self) -> Self {
        self.admits = true;
        self
    }

    fn by(policy: Policy) -> Self {
        Self { policy: Arc::new(policy), kept: None, admits: false }
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(super) const fn kept(&self) -> Option<Fingerprint> {
        self.kept
    }

    pub(super) const fn admits(&self) -> bool {
        self.admits
    }
}

/// How many authorities this host trusts, and what went wrong where they are kept.
pub fn roots_of_host() -> (usize, Vec<String>) {
    let loaded = rustls_native_certs::load_native_certs();
    let (count, _) = RootCertStore::empty().add_parsable_certificates(loaded.certs);
    (count, loaded.errors.iter().map(ToString::to_string).collect())
}

impl Policy {
    /// Verifies chains by their roots; `None` if there is no root at all.
    pub(super) fn judge(&self) -> Option<&dyn ServerCertVerifier> {
        let Self::Roots { more, judge } = self else { return None };
        let judge = judge.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            // A root that cannot be read vouches for no server.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(more.iter().cloned());
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()
        });
        judge.as_ref().map(|judge| &**judge as &dyn ServerCertVerifier)
    }
}

/// The certificates of a PEM file.
fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&named_file::read(path, LARGEST_SETTINGS)?) {
        let bad = |error| io::Error::new(ErrorKind::InvalidData, format!("not PEM: {error:?}"));
        certificates.push(certificate.map_err(bad)?);
    }
    if RootCertStore::empty().add_parsable_certificates(certificates.clone()).0 == 0 {
        return Err(io::Error::new(ErrorKind::InvalidData, "there is no certificate in it"));
    }
    Ok(certificates)
}

/// The authorities of a PEM file, and no others.
pub(super) fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read(path)?);
    Ok(roots)
}
