//! TLS of other people's servers: a certificate of their own, signed by nobody else, and what their
//! configurations say so that nothing goes in clear.

use super::{Foreign, Kind};
use rcgen::{CertificateParams, KeyPair, SanType};
use sha2::{Digest, Sha256};
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Begin {
    /// After AUTH.
    Explicit,
    /// With the first octet.
    Implicit,
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
        let hex: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("SHA256:{hex}")
    }
}

/// The scheme of its URLs.
impl Begin {
    pub(super) const fn scheme(self) -> &'static str {
        match self {
            Self::Explicit => "ftpes",
            Self::Implicit => "ftps",
        }
    }
}

impl Foreign {
    /// With a certificate: nothing in clear, neither logins nor data, and every data connection has to
    /// resume the session of its control connection where the server can demand that (I02).
    pub fn tls(mut self, begin: Begin) -> Self {
        let certificate = Certificate::of(self.ip);
        let file = self.state.path().join("server.pem");
        fs::write(&file, format!("{}{}", certificate.key_pem, certificate.pem)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let lines = lines(self.kind, begin, &file, &self.state.path().join("tls.log"));
        self.tls = Some((begin, certificate));
        self.extra(&lines)
    }
}

fn lines(kind: Kind, begin: Begin, certificate: &Path, log: &Path) -> String {
    let (certificate, log) = (certificate.display(), log.display());
    match kind {
        // Its user is the anonymous one. require_ssl_reuse is YES by default.
        Kind::Vsftpd => {
            let implicit = if begin == Begin::Implicit { "YES" } else { "NO" };
            format!(
                "ssl_enable=YES\nimplicit_ssl={implicit}\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\n\
                 force_anon_data_ssl=YES\nrsa_cert_file={certificate}\nssl_ciphers=HIGH\ndebug_ssl=YES"
            )
        }
        // It demands resumption unless TLSOptions NoSessionReuseRequired.
        Kind::Proftpd => {
            let implicit = if begin == Begin::Implicit { "TLSOptions UseImplicitSSL\n" } else { "" };
            format!(
                "LoadModule mod_tls.c\nTLSEngine on\nTLSRequired on\n{implicit}TLSLog {log}\n\
                 TLSECCertificateFile {certificate}\nTLSECCertificateKeyFile {certificate}"
            )
        }
        // It demands TLS for data, but no resumption.
        Kind::PureFtpd => format!("-Y 3 -2 {certificate}"),
        Kind::Pyftpdlib | Kind::Globus => panic!("{}: TLS is not prepared here", kind.name()),
    }
}
