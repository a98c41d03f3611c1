//! Whom a client trusts: the roots of this host, roots of a file, certificates by name, or anybody.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::fingerprint::Fingerprint;

/// Whom a client trusts. Clones share what was read.
#[derive(Clone, Debug, Default)]
pub struct Trust(Arc<Whom>);

#[derive(Debug)]
pub(super) enum Whom {
    /// Who shows a certificate that the roots of this host, or these, vouch for.
    Known { more: Vec<CertificateDer<'static>>, judge: OnceLock<Option<Arc<WebPkiServerVerifier>>> },
    /// Who shows one of these certificates, and nobody else.
    Pinned(Vec<Fingerprint>),
    /// Anybody.
    Anybody,
}

impl Default for Whom {
    fn default() -> Self {
        Self::Known { more: Vec::new(), judge: OnceLock::new() }
    }
}

impl Trust {
    /// Servers that the roots of this host vouch for, or those of a PEM file.
    pub fn known(more: Option<&Path>) -> io::Result<Self> {
        let mut certificates = Vec::new();
        if let Some(path) = more {
            for certificate in CertificateDer::pem_slice_iter(&fs::read(path)?) {
                let bad = |error| io::Error::new(ErrorKind::InvalidData, format!("not PEM: {error:?}"));
                certificates.push(certificate.map_err(bad)?);
            }
            if RootCertStore::empty().add_parsable_certificates(certificates.clone()).0 == 0 {
                return Err(io::Error::new(ErrorKind::InvalidData, "there is no certificate in it"));
            }
        }
        Ok(Self(Arc::new(Whom::Known { more: certificates, judge: OnceLock::new() })))
    }

    /// Servers that show one of these certificates, and no others.
    pub fn pinned(pins: impl IntoIterator<Item = Fingerprint>) -> Self {
        Self(Arc::new(Whom::Pinned(pins.into_iter().collect())))
    }

    /// Everybody: whoever is between can read and change everything.
    pub fn anybody() -> Self {
        Self(Arc::new(Whom::Anybody))
    }

    pub(super) fn whom(&self) -> &Whom {
        &self.0
    }
}

impl Whom {
    /// Who judges chains by their roots; `None` where there is not one root.
    pub(super) fn judge(&self) -> Option<&dyn ServerCertVerifier> {
        let Self::Known { more, judge } = self else { return None };
        let judge = judge.get_or_init(|| {
            let mut roots = RootCertStore::empty();
            // What cannot be read vouches for nobody.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots.add_parsable_certificates(more.iter().cloned());
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()
        });
        judge.as_ref().map(|judge| &**judge as &dyn ServerCertVerifier)
    }
}

/// Never the default of the process.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
