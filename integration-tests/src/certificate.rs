//! A certificate of a server's own, signed by nobody else.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, SanType};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// What is good or bad about a certificate, apart from who has signed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing is bad about it.
    Good,
    /// It expired on 2001-01-01.
    Expired,
    /// It is not valid before 4000-01-01.
    NotYet,
    /// It is for elsewhere.example.
    OtherHost,
    /// It is the certificate of an authority, as openssl makes it unless it is told otherwise.
    Authority,
}

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
        Self::made(ip, Kind::Good)
    }

    /// The same of another kind.
    pub fn made(ip: IpAddr, kind: Kind) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![SanType::IpAddress(ip)];
        match kind {
            Kind::Good => {}
            Kind::Expired => params.not_after = rcgen::date_time_ymd(2001, 1, 1),
            Kind::NotYet => params.not_before = rcgen::date_time_ymd(4000, 1, 1),
            Kind::OtherHost => {
                params.subject_alt_names = vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
            }
            Kind::Authority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        }
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
