//! What the options say about TLS.

use ftp_io::tls::Files;
use ftp_proto::server::{CloseNotify, Reuse};

use super::error::ConfigError;
use super::raw::{SessionReuse, UploadEnd};
use super::{Certificates, Options};

/// Where the certificates come from, if there are any.
pub(super) fn certificates(options: &Options, errors: &mut Vec<ConfigError>) -> Option<Certificates> {
    let Options { tls_cert, tls_key, tls_self_signed, .. } = options;
    if tls_cert.len() != tls_key.len() {
        errors.push(ConfigError::KeyMissing);
    }
    if *tls_self_signed && !tls_cert.is_empty() {
        errors.push(ConfigError::TwoCertificates);
    }
    if options.require_tls && !options.listen_1973.is_empty() {
        errors.push(ConfigError::ClearListener);
    }
    if *tls_self_signed {
        return Some(Certificates::SelfSigned);
    }
    if tls_cert.is_empty() {
        let wanted = [
            ("listen-tls", !options.listen_tls.is_empty()),
            ("require-tls", options.require_tls),
            ("tls-client-ca", options.tls_client_ca.is_some()),
        ];
        let wanted = wanted.into_iter().filter(|(_, wanted)| *wanted);
        errors.extend(wanted.map(|(option, _)| ConfigError::NoCertificate(option)));
        return None;
    }
    let pairs = tls_cert.iter().zip(tls_key);
    let files = pairs.map(|(certificate, key)| Files { certificate: certificate.clone(), key: key.clone() });
    Some(Certificates::Files(files.collect()))
}

pub(super) const fn close_notify(options: &Options) -> CloseNotify {
    match options.tls_close_notify {
        Some(UploadEnd::Required) | None => CloseNotify::Required,
        Some(UploadEnd::Optional) => CloseNotify::Optional,
    }
}

pub(super) const fn reuse(options: &Options) -> Reuse {
    match options.tls_session_reuse {
        Some(SessionReuse::Required) => Reuse::Required,
        Some(SessionReuse::Preferred) | None => Reuse::Preferred,
        Some(SessionReuse::Off) => Reuse::Off,
    }
}
