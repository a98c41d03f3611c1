//! The certificate of one server: verified once, and the same ever after.

use std::sync::{Mutex, PoisonError};

use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::refusal::Refusal;
use super::signatures::check_signatures;
use super::trust::{Policy, Trust};
use crate::crypto::provider;
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
    /// The certificate that was not accepted, and why.
    bad: Option<(Fingerprint, Error)>,
    /// Another certificate that was shown after one was accepted.
    another: Option<Fingerprint>,
}

impl Verifier {
    pub(super) fn new(trust: Trust) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Self { trust, algorithms, shown: Mutex::default() }
    }

    /// The refusal by which a handshake has just failed, if it was a refusal.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (fingerprint, why) = shown.bad.take()?;
        Some(match shown.good {
            Some(_) => {
                shown.another = Some(fingerprint);
                Refusal::Another(fingerprint)
            }
            None => Refusal::Untrusted { fingerprint, why: words(&why) },
        })
    }

    /// The certificate that was accepted.
    pub(super) fn accepted(&self) -> Option<Fingerprint> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).good
    }

    /// The other certificate that the server has shown, if it did.
    pub(super) fn another(&self) -> Option<Fingerprint> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).another
    }

    fn judge(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        match self.trust.policy() {
            Policy::Anybody => Ok(()),
            Policy::Pinned(pins) if pins.contains(&Fingerprint::of(end_entity)) => Ok(()),
            Policy::Pinned(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            policy @ Policy::Known { .. } => {
                let judge = policy.judge().ok_or(CertificateError::UnknownIssuer)?;
                judge.verify_server_cert(end_entity, intermediates, name, ocsp, now).map(drop)
            }
        }
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
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = match shown.good {
            Some(good) if good == fingerprint => Ok(()),
            Some(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            None => self.judge(end_entity, intermediates, name, ocsp, now),
        };
        match verdict {
            Ok(()) => {
                shown.good = Some(fingerprint);
                Ok(ServerCertVerified::assertion())
            }
            Err(error) => {
                shown.bad = Some((fingerprint, error.clone()));
                Err(error)
            }
        }
    }

    check_signatures!();
}

/// What is wrong with a certificate, for people.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors are not ours")]
fn words(error: &Error) -> String {
    let Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        CertificateError::UnknownIssuer => "no authority that this host trusts has signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another host".to_owned()
        }
        CertificateError::ApplicationVerificationFailure => {
            "it is not one of the pinned certificates".to_owned()
        }
        other => other.to_string(),
    }
}
