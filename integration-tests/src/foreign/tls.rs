//! TLS of other people's servers: what their configurations say so that nothing goes in clear.

use super::kind::Kind;
use std::path::Path;

/// When TLS begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Begin {
    /// After AUTH has been accepted.
    Explicit,
    /// With the first byte.
    Implicit,
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

/// The lines of a configuration with which nothing goes in clear.
pub(super) fn lines(kind: Kind, begin: Begin, certificate: &Path, log: &Path) -> String {
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
        // It demands TLS for everything, but no resumption. Its script takes the certificate.
        Kind::Pyftpdlib => certificate.to_string(),
        // So does that of aioftp, which begins TLS with the first byte.
        Kind::Aioftp if begin == Begin::Implicit => certificate.to_string(),
        Kind::Globus
        | Kind::Inetutils
        | Kind::Netkit
        | Kind::Aioftp
        | Kind::Twisted
        | Kind::FtpSrv
        | Kind::Nodeftpd
        | Kind::Libunftp
        | Kind::Rclone
        | Kind::Tcllib
        | Kind::Zope
        | Kind::SimpleFtpd
        | Kind::ThinFtp
        | Kind::Copyparty
        | Kind::PythonFtpServer
        | Kind::FtpProxy
        | Kind::ProftpdProxy => panic!("{}: TLS is not prepared here", kind.name()),
    }
}

/// The lines of a configuration with which TLS is there for those who ask for it.
pub(super) fn offering(kind: Kind, certificate: &Path, log: &Path) -> String {
    let demanding = lines(kind, Begin::Explicit, certificate, log);
    if kind == Kind::Vsftpd {
        return ["logins", "data"].iter().fold(demanding, |lines, what| {
            lines.replace(&format!("force_anon_{what}_ssl=YES"), &format!("force_anon_{what}_ssl=NO"))
        });
    }
    if kind == Kind::Proftpd {
        return demanding.replace("TLSRequired on", "TLSRequired off");
    }
    assert!(kind == Kind::PureFtpd, "{}: an offer of TLS is not prepared here", kind.name());
    demanding.replace("-Y 3", "-Y 1")
}
