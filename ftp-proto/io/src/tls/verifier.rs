//! The certificate of one server: verified once, and the same ever after.

use std::sync::Mutex;

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::doubt::Doubt;
use super::refusal::Refusal;
use super::signatures::check_signatures;
use super::trust::{Policy, Trust};
use crate::crypto::provider;
use crate::lock::Lock;
use ftp_proto::wire::Fingerprint;

/// Verifies the certificate of a control connection, and holds the data connections to it.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
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
        let by_roots = || match self.trust.policy().judge() {
            Some(judge) => shown.judged(judge).map_err(|error| Doubt::of(&error)),
            None => Err(Doubt::UnknownIssuer),
        };
        match (self.trust.policy(), self.trust.kept()) {
            (Policy::Anybody, _) => Ok(None),
            (Policy::Pinned(pins), _) if pins.contains(&fingerprint) => Ok(None),
            (Policy::Pinned(_), _) => Err(Objection::Doubt(Doubt::NotPinned)),
            (Policy::Roots { .. }, Some(kept)) if kept == fingerprint => Ok(None),
            (Policy::Roots { .. }, Some(kept)) => Err(Objection::Kept(kept, by_roots().err())),
            (Policy::Roots { .. }, None) => match by_roots() {
                Ok(()) => Ok(None),
                Err(doubt) if self.trust.admits() => Ok(Some(doubt)),
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
