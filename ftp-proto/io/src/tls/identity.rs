//! The certificates of a server: read from files, chosen by the name that a client asks for, and read
//! again when the files change.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use ftp_proto::wire::Fingerprint;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use zeroize::Zeroizing;

use crate::crypto::provider;
use crate::lock::Lock;
use crate::named_file::{self, LARGEST_SETTINGS};
use crate::os_error::words;
use crate::quoting::for_shell;

/// A certificate and its key, as files (PEM). One file may hold both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files {
    /// The certificate, and the chain up to a root behind it.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why a certificate is not valid at some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// Its last day is over.
    Expired,
    /// Its first day has not come.
    NotYet,
}

/// The certificates of a server. Sessions that have begun keep those that they have shown.
#[derive(Debug)]
pub struct Identity {
    files: Vec<Files>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    certificates: Arc<Certificates>,
    /// How the files looked when they were read.
    seen: Vec<Stamp>,
}

/// The certificates that were read at one time.
#[derive(Debug)]
pub(super) struct Certificates(Vec<Arc<CertifiedKey>>);

/// What changes when a file is replaced or written.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Identity {
    /// Reads certificates from files. The first one is shown to clients that ask for no name, or for one
    /// that no certificate has.
    ///
    /// # Errors
    ///
    /// A file cannot be read, is not PEM, a key does not belong to its certificate, or others may read a key.
    /// The text says which.
    pub fn read(files: Vec<Files>) -> io::Result<Self> {
        let current = Current { seen: stamps(&files), certificates: Arc::new(Certificates::read(&files)?) };
        Ok(Self { files, current: Mutex::new(current) })
    }

    /// The fingerprints of the certificates, in the order of their files.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let leaves = |certificates: &Certificates| {
            let leaves = certificates.0.iter().filter_map(|key| key.end_entity_cert().ok());
            leaves.map(|leaf| Fingerprint::of(leaf)).collect()
        };
        leaves(&self.certificates())
    }

    /// The files whose certificates are not valid now, and why: every client that looks at the time refuses
    /// them.
    pub fn not_valid_now(&self) -> Vec<(PathBuf, Validity)> {
        let file = |(index, why)| Some((self.files.get::<usize>(index)?.certificate.clone(), why));
        invalid(&self.certificates(), UnixTime::now()).filter_map(file).collect()
    }

    /// Reads the files again if they look different from the last time. Returns whether they did. Call
    /// this on a thread that may block.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]. The certificates that were read before stay, and the same files are not tried
    /// again.
    pub fn refresh(&self) -> io::Result<bool> {
        let seen = stamps(&self.files);
        if self.current.locked().seen == seen {
            return Ok(false);
        }
        self.current.locked().seen = seen;
        self.reload().map(|()| true)
    }

    /// Reads the files again.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]. The certificates that were read before stay.
    pub fn reload(&self) -> io::Result<()> {
        let seen = stamps(&self.files);
        let certificates = Arc::new(Certificates::read(&self.files)?);
        *self.current.locked() = Current { certificates, seen };
        Ok(())
    }

    pub(super) fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.current.locked().certificates)
    }
}

impl Certificates {
    fn read(files: &[Files]) -> io::Result<Self> {
        let read =
            files.iter().map(|files| certified(files).map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        if read.is_empty() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "there is no certificate"));
        }
        Ok(Self(read))
    }

    /// The certificate for a client that asks for `name`.
    pub(super) fn of(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let has_name = |key: &&Arc<CertifiedKey>| {
            let leaf = key.end_entity_cert().ok().and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
            leaf.zip(name.as_ref()).is_some_and(|(leaf, name)| verify_server_name(&leaf, name).is_ok())
        };
        self.0.iter().find(has_name).or_else(|| self.0.first())
    }
}

fn certified(files: &Files) -> io::Result<CertifiedKey> {
    let Files { certificate, key } = files;
    let chain = bytes(certificate)?;
    let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| bad(certificate, format_args!("not PEM: {error}")))?;
    if chain.is_empty() {
        return Err(bad(certificate, "there is no certificate in it"));
    }
    let pem = key_bytes(key)?;
    let private = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| bad(key, no_key(&pem)))?;
    CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            bad(key, format_args!("it is not the key of {}", certificate.display()))
        } else if matches!(error, rustls::Error::InvalidCertificate(_)) {
            bad(certificate, format_args!("TLS cannot use this certificate: {error}"))
        } else {
            bad(key, format_args!("TLS cannot use this key: {error}"))
        }
    })
}

/// Why there is no key in `pem` that could be used.
fn no_key(pem: &[u8]) -> &'static str {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    if pem.windows(ENCRYPTED.len()).any(|piece| piece == ENCRYPTED) {
        "the private key is encrypted; write it without a passphrase, as openssl pkey -in FILE does"
    } else {
        "there is no private key in it (PEM)"
    }
}

/// The bytes of a private key. The group of its file may read it, because services share keys by a group.
fn key_bytes(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let pem = bytes(path)?;
    let mode = fs::metadata(path).map_or(0, |facts| facts.permissions().mode());
    if mode & NOT_OF_KEYS != 0 {
        let what = "it holds a private key, and others may read or write it; chmod 600";
        return Err(bad(path, format_args!("{what} {}", for_shell(path))));
    }
    Ok(pem)
}

/// The first certificate of each file that is not valid at `now`, and why.
fn invalid(certificates: &Certificates, now: UnixTime) -> impl Iterator<Item = (usize, Validity)> + '_ {
    let judge = move |key: &CertifiedKey| {
        let leaf = key.end_entity_cert().ok()?;
        let leaf = ParsedCertificate::try_from(leaf).ok()?;
        // Without any root the search for one ends in an error; the time is judged before.
        let all = provider().signature_verification_algorithms.all;
        let judged = verify_server_cert_signed_by_trust_anchor(&leaf, &RootCertStore::empty(), &[], now, all);
        match judged {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => Some(Validity::Expired),
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            )) => Some(Validity::NotYet),
            Ok(()) | Err(_) => None,
        }
    };
    certificates.0.iter().enumerate().filter_map(move |(index, key)| Some((index, judge(key)?)))
}

/// The permission bits that a file with a private key must not have.
const NOT_OF_KEYS: u32 = 0o027;

fn bytes(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    named_file::read(path, LARGEST_SETTINGS).map_err(|error| bad_kind(error.kind(), path, words(&error)))
}

fn bad(path: &Path, what: impl std::fmt::Display) -> io::Error {
    bad_kind(ErrorKind::InvalidData, path, what)
}

fn bad_kind(kind: ErrorKind, path: &Path, what: impl std::fmt::Display) -> io::Error {
    io::Error::new(kind, format!("{}: {what}", path.display()))
}

fn stamps(files: &[Files]) -> Vec<Stamp> {
    let paths = files.iter().flat_map(|files| [&files.certificate, &files.key]);
    paths.map(|path| fs::metadata(path).and_then(|m| Ok((m.modified()?, m.len(), m.ino()))).ok()).collect()
}
