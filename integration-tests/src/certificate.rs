//! A certificate of a server's own, signed by nobody else.

use rcgen::{CertificateParams, KeyPair, SanType};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// The same, PEM.
    pub pem: String,
    /// The key, DER (PKCS #8).
    pub key_der: Vec<u8>,
    /// The same, PEM.
    pub key_pem: String,
}

impl Certificate {
    /// For a server at this address, signed with its own key.
    pub fn of(ip: IpAddr) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress(ip)];
        let made = params.self_signed(&key).unwrap();
        Self {
            der: made.der().to_vec(),
            pem: made.pem(),
            key_der: key.serialize_der(),
            key_pem: key.serialize_pem(),
        }
    }

    /// `SHA256:` and the digest of the certificate.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(&self.der);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("SHA256:{hex}")
    }
}
