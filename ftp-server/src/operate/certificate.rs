//! The certificates of the server: those of the operator, or one that it makes itself and keeps.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use ftp_io::blocking;
use ftp_io::os_error::words;
use ftp_io::tls::{Files, Identity};
use rcgen::{CertificateParams, DnType, KeyPair};

use super::state::{State, is_below};

/// The certificates of files. None of them may be below `root`, where users could read the key.
///
/// # Errors
/// A file cannot be used; the text says which and why.
pub fn from_files(files: &[Files], root: &Path) -> Result<Identity, anyhow::Error> {
    for Files { key, .. } in files {
        if is_below(key, root) {
            bail!("{} is below the root {}: users could read the key", key.display(), root.display());
        }
    }
    Identity::read(files.to_vec()).context("cannot use the certificate")
}

/// The certificate of the state directory, made now if there is none.
///
/// # Errors
/// It can neither be read nor made.
pub fn self_signed(state: &State) -> Result<Identity, anyhow::Error> {
    let path = state.directory().join("self-signed.pem");
    if !path.exists() {
        make(&path).with_context(|| format!("cannot make the certificate {}", path.display()))?;
    }
    let files = Files { certificate: path.clone(), key: path };
    let identity = Identity::read(vec![files]).context("cannot use the self-signed certificate")?;
    for fingerprint in identity.fingerprints() {
        tracing::info!(%fingerprint, kept = !state.is_temporary(), "self-signed certificate");
    }
    Ok(identity)
}

/// Makes a key and a certificate, in one file that only this user can read.
fn make(path: &Path) -> Result<(), anyhow::Error> {
    let key = KeyPair::generate()?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut params = CertificateParams::new(vec![host.clone()])
        .or_else(|_| CertificateParams::new(vec!["localhost".to_owned()]))?;
    params.distinguished_name.push(DnType::CommonName, host);
    let certificate = params.self_signed(&key)?;
    let directory = path.parent().context("it has no directory")?;
    let mut file =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(directory)?;
    file.write_all(key.serialize_pem().as_bytes())?;
    file.write_all(certificate.pem().as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Looks `every` so often whether the files of the certificates have changed, and then reads them again. Never
/// returns.
pub async fn watch(identity: Arc<Identity>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let identity = Arc::clone(&identity);
        match blocking::spawn(move || identity.refresh()).await {
            Ok(Ok(true)) => tracing::info!("the certificates were read again"),
            Ok(Err(error)) => {
                tracing::error!(
                    error = words(&error),
                    "the new certificate cannot be used, the old one stays"
                );
            }
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}

/// How often the files are looked at.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn new_files_are_noticed_without_a_word() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("one.pem");
        make(&path).unwrap();
        let files = Files { certificate: path.clone(), key: path.clone() };
        let identity = Arc::new(Identity::read(vec![files]).unwrap());
        let first = identity.fingerprints();
        let watching = tokio::spawn(watch(Arc::clone(&identity), Duration::from_millis(1)));
        make(&path).unwrap();
        let renewed = async {
            while identity.fingerprints() == first {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), renewed).await.expect("the files are read again");
        watching.abort();
    }

    #[test]
    fn the_certificate_is_kept_and_nobody_else_reads_its_key() {
        let (home, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = home.path().join("self-signed.pem");
        let state = || State::open(Some(home.path()), &[root.path()]).unwrap();
        let first = self_signed(&state()).unwrap().fingerprints();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Identity::read(vec![Files { certificate: path.clone(), key: path.clone() }]).unwrap();
        assert_eq!(again.fingerprints(), first);
        assert_eq!(first.len(), 1);
    }

    #[test]
    fn a_key_below_the_root_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key.pem");
        make(&path).unwrap();
        let files = [Files { certificate: path.clone(), key: path }];
        assert!(from_files(&files, root.path()).unwrap_err().to_string().contains("below the root"));
    }
}
