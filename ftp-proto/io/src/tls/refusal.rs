//! Why a handshake has failed.

use std::{fmt, io};

use ftp_proto::calendar::{CivilTime, When, civil};
use ftp_proto::wire::Fingerprint;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, Error};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The certificate is not trusted.
    #[error("the certificate {fingerprint} is not trusted: {why}")]
    Untrusted {
        /// The fingerprint of the certificate.
        fingerprint: Fingerprint,
        /// What is wrong with it.
        why: Doubt,
    },
    /// The server shows another certificate than the one that was kept from an earlier session.
    #[error("the certificate was {kept} and is {fingerprint} now")]
    Changed {
        /// The fingerprint of the certificate that was kept.
        kept: Fingerprint,
        /// The fingerprint of the certificate that it shows now.
        fingerprint: Fingerprint,
        /// What the roots say against the new one; `None` if they vouch for it.
        why: Option<Doubt>,
    },
    /// The server shows another certificate than before.
    #[error("the server shows another certificate than on its control connection, {0}")]
    Another(Fingerprint),
    /// The other end does not speak TLS: what it sent is not a TLS record.
    #[error("the other end does not speak TLS")]
    NotTls,
    /// The two have no version of TLS, or no cipher, in common.
    #[error("no version of TLS, or no cipher, in common: {0}")]
    NothingInCommon(io::Error),
    /// The server demands a certificate of its client (RFC 8446 section 6.2).
    #[error("the server demands a certificate of its client")]
    CertificateDemanded,
    /// The handshake failed, or the connection failed.
    #[error("TLS failed: {0}")]
    Failed(io::Error),
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(error) => {
                let kind = error.kind();
                Self::new(kind, Refusal::Failed(error))
            }
            Refusal::Untrusted { .. } | Refusal::Changed { .. } | Refusal::Another(_) => Self::other(refusal),
            Refusal::NothingInCommon(_) | Refusal::NotTls | Refusal::CertificateDemanded => {
                Self::new(io::ErrorKind::InvalidData, refusal)
            }
        }
    }
}

/// Why a certificate is not trusted. `Display` has the words for people; what to do about it depends on the
/// program.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Doubt {
    /// No authority that this host knows has signed it.
    UnknownIssuer,
    /// It has expired; the time of its end, if it is known.
    Expired(Option<When>),
    /// It is not valid yet; the time of its beginning, if it is known.
    NotYet(Option<When>),
    /// It is for these hosts, and not for the one that was asked for.
    OtherHost(Vec<String>),
    /// It is the certificate of an authority, which no server may show as its own (RFC 5280 section 4.2.1.9).
    Authority,
    /// It is not one of the certificates that were named.
    NotPinned,
    /// Anything else, in the words of the library.
    Other(String),
}

impl Doubt {
    /// Reads what rustls says about a certificate.
    #[allow(clippy::wildcard_enum_match_arm, reason = "the errors are not ours")]
    pub(super) fn of(error: &Error) -> Self {
        let Error::InvalidCertificate(certificate) = error else { return Self::Other(error.to_string()) };
        match certificate {
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired(when(*not_after)),
            CertificateError::NotValidYet => Self::NotYet(None),
            CertificateError::NotValidYetContext { not_before, .. } => Self::NotYet(when(*not_before)),
            CertificateError::NotValidForName => Self::OtherHost(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => Self::OtherHost(names(presented)),
            CertificateError::ApplicationVerificationFailure => Self::NotPinned,
            CertificateError::Other(other) => match other.0.downcast_ref::<webpki::Error>() {
                Some(webpki::Error::CaUsedAsEndEntity) => Self::Authority,
                Some(webpki::Error::UnsupportedCertVersion) => {
                    Self::Other("its format is older than version 3".to_owned())
                }
                Some(_) | None => Self::Other(other.to_string()),
            },
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str("no authority that this host trusts has signed it"),
            Self::Expired(None) => f.write_str("it has expired"),
            Self::Expired(Some(when)) => write!(f, "it expired on {}", day(*when)),
            Self::NotYet(None) => f.write_str("it is not valid yet"),
            Self::NotYet(Some(when)) => write!(f, "it is not valid before {}", day(*when)),
            Self::OtherHost(names) if names.is_empty() => f.write_str("it is for another host"),
            Self::OtherHost(names) => write!(f, "it is for another host: {}", names.join(", ")),
            Self::Authority => f.write_str("it is the certificate of an authority, and not that of a server"),
            Self::NotPinned => f.write_str("it is not one of the pinned certificates"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

fn when(time: UnixTime) -> Option<When> {
    i64::try_from(time.as_secs()).ok().map(When)
}

fn day(when: When) -> String {
    let CivilTime { year, month, day, .. } = civil(when);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The first names in a certificate, as far as they are letters, digits and what else names have. Anybody can write
/// anything into a certificate.
fn names(presented: &[String]) -> Vec<String> {
    // webpki writes DnsName("a.example") and IpAddress(192.0.2.1).
    let bare = |text: &String| {
        let inner = text.split_once('(').map_or(text.as_str(), |(_, inner)| inner.trim_end_matches(')'));
        let inner = inner.trim_matches('"');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_*:".contains(&byte);
        (!inner.is_empty() && inner.len() <= 255 && inner.bytes().all(plain)).then(|| inner.to_owned())
    };
    presented.iter().filter_map(bare).take(SHOWN).collect()
}

/// The largest number of names that are shown.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_certificate_are_shown_if_they_are_names() {
        let check = |presented: &[&str], expect: &[&str]| {
            let presented: Vec<String> = presented.iter().map(|&name| name.to_owned()).collect();
            assert_eq!(names(&presented), expect);
        };
        check(&["DnsName(\"a.example\")", "IpAddress(192.0.2.1)"], &["a.example", "192.0.2.1"]);
        check(&["IpAddress(2001:db8::1)", "*.example"], &["2001:db8::1", "*.example"]);
        check(&["DnsName(\"a\u{1b}[2J\")", "", "a b"], &[]);
        check(&["a", "b", "c", "d"], &["a", "b", "c"]);
    }

    #[test]
    fn a_day_is_written_as_people_compare_it() {
        assert_eq!(Doubt::Expired(Some(When(951_782_400))).to_string(), "it expired on 2000-02-29");
        assert_eq!(Doubt::NotYet(Some(When(0))).to_string(), "it is not valid before 1970-01-01");
    }
}
