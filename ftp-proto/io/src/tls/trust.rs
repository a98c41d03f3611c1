//! The servers that a client trusts: by the roots of this host, by roots of a file, by fingerprint, or all. The certificate
//! of one server is verified once, and is the same ever after.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use ftp_proto::wire::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
};

use super::refusal::{Doubt, Refusal};
use crate::crypto::provider;
use crate::lock::Lock;
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
enum Policy {
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
}

/// How many authorities this host trusts, and what went wrong where they are kept.
pub fn roots_of_host() -> (usize, Vec<String>) {
    let loaded = rustls_native_certs::load_native_certs();
    let (count, _) = RootCertStore::empty().add_parsable_certificates(loaded.certs);
    (count, loaded.errors.iter().map(ToString::to_string).collect())
}

impl Policy {
    /// Verifies chains by their roots; `None` if there is no root at all.
    fn judge(&self) -> Option<&dyn ServerCertVerifier> {
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

/// Verifies the certificate of a control connection, and holds the data connections to it.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    shown: Mutex<ShownCertificate>,
}

#[derive(Debug, Default)]
struct ShownCertificate {
    /// The certificate that was accepted.
    good: Option<Fingerprint>,
    /// Why it would not have been accepted, if it was admitted.
    doubt: Option<Doubt>,
    /// The certificate that was not accepted, and why.
    bad: Option<(Fingerprint, Objection)>,
    /// Another certificate that was shown after one was accepted.
    another: Option<Fingerprint>,
}

/// Why a certificate is not accepted.
#[derive(Debug)]
enum Objection {
    /// It is not trusted.
    Doubt(Doubt),
    /// Another one was kept from an earlier session. What the roots say against this one.
    Kept(Fingerprint, Option<Doubt>),
    /// Another one was shown before.
    Another,
}

impl Verifier {
    pub(super) fn new(trust: Trust) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Self { trust, algorithms, shown: Mutex::default() }
    }

    /// The refusal by which a handshake has just failed, if it was a refusal.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let mut shown = self.shown.locked();
        let (fingerprint, objection) = shown.bad.take()?;
        Some(match objection {
            Objection::Another => {
                shown.another = Some(fingerprint);
                Refusal::Another(fingerprint)
            }
            Objection::Kept(kept, why) => Refusal::Changed { kept, fingerprint, why },
            Objection::Doubt(why) => Refusal::Untrusted { fingerprint, why },
        })
    }

    /// Why the certificate that was accepted would not have been, if it was only admitted.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        self.shown.locked().doubt.clone()
    }

    /// The certificate that was accepted.
    pub(super) fn accepted(&self) -> Option<Fingerprint> {
        self.shown.locked().good
    }

    /// The other certificate that the server has shown, if it did.
    pub(super) fn another(&self) -> Option<Fingerprint> {
        self.shown.locked().another
    }

    /// Judges the first certificate. Returns why it would not be accepted, if it is only admitted.
    fn judge(&self, shown: &Leaf<'_>) -> Result<Option<Doubt>, Objection> {
        let fingerprint = shown.fingerprint;
        let by_roots = || match self.trust.policy.judge() {
            Some(judge) => shown.judged(judge).map_err(|error| Doubt::of(&error)),
            None => Err(Doubt::UnknownIssuer),
        };
        match (&*self.trust.policy, self.trust.kept) {
            (Policy::Anybody, _) => Ok(None),
            (Policy::Pinned(pins), _) if pins.contains(&fingerprint) => Ok(None),
            (Policy::Pinned(_), _) => Err(Objection::Doubt(Doubt::NotPinned)),
            (Policy::Roots { .. }, Some(kept)) if kept == fingerprint => Ok(None),
            (Policy::Roots { .. }, Some(kept)) => Err(Objection::Kept(kept, by_roots().err())),
            (Policy::Roots { .. }, None) => match by_roots() {
                Ok(()) => Ok(None),
                Err(doubt) if self.trust.admits => Ok(Some(doubt)),
                Err(doubt) => Err(Objection::Doubt(doubt)),
            },
        }
    }
}

/// A certificate, and what came with it.
struct Leaf<'a> {
    fingerprint: Fingerprint,
    certificate: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    name: &'a ServerName<'a>,
    ocsp: &'a [u8],
    now: UnixTime,
}

impl Leaf<'_> {
    fn judged(&self, judge: &dyn ServerCertVerifier) -> Result<(), Error> {
        judge
            .verify_server_cert(self.certificate, self.intermediates, self.name, self.ocsp, self.now)
            .map(drop)
    }
}

/// Implements the checks of signatures that rustls asks every verifier for, with its field `algorithms`. They are the same for
/// clients and servers.
macro_rules! check_signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls12_signature(message, leaf, signature, &self.algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            leaf: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls13_signature(message, leaf, signature, &self.algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.algorithms.supported_schemes()
        }
    };
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let fingerprint = Fingerprint::of(end_entity);
        let mut shown = self.shown.locked();
        let verdict = match shown.good {
            Some(good) if good == fingerprint => return Ok(ServerCertVerified::assertion()),
            Some(_) => Err(Objection::Another),
            None => {
                let certificate = end_entity;
                self.judge(&Leaf { fingerprint, certificate, intermediates, name, ocsp, now })
            }
        };
        match verdict {
            Ok(doubt) => {
                shown.good = Some(fingerprint);
                shown.doubt = doubt;
                Ok(ServerCertVerified::assertion())
            }
            Err(objection) => {
                let error = match &objection {
                    Objection::Doubt(Doubt::UnknownIssuer) => CertificateError::UnknownIssuer,
                    Objection::Doubt(Doubt::Expired(_)) => CertificateError::Expired,
                    Objection::Doubt(_) | Objection::Kept(..) | Objection::Another => {
                        CertificateError::ApplicationVerificationFailure
                    }
                };
                shown.bad = Some((fingerprint, objection));
                Err(error.into())
            }
        }
    }

    check_signatures!();
}

/// Accepts every certificate that can be read, from any issuer, whatever it is for and however old
/// it is, but only from the holder of its key. Its user compares the fingerprint afterwards.
#[derive(Debug)]
pub(super) struct AnyKey {
    algorithms: WebPkiSupportedAlgorithms,
    /// Whether a server demands a certificate, or only asks for one.
    demands: bool,
}

impl AnyKey {
    /// A server with it demands a certificate.
    pub(super) fn required() -> Self {
        Self { algorithms: provider().signature_verification_algorithms, demands: true }
    }

    /// A server with it asks for a certificate, and goes on without one.
    pub(super) fn optional() -> Self {
        Self { demands: false, ..Self::required() }
    }
}

impl ClientCertVerifier for AnyKey {
    fn client_auth_mandatory(&self) -> bool {
        self.demands
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        ParsedCertificate::try_from(leaf).map(|_| ClientCertVerified::assertion())
    }

    check_signatures!();
}
