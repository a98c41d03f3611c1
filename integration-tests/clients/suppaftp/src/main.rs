//! suppaftp, with rustls. Its arguments are the steps; the environment says the rest.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::env::var;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use suppaftp::types::FileType;
use suppaftp::{FtpStream, ImplFtpStream, Mode, RustlsConnector, RustlsFtpStream, TlsStream};

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let at = format!("{}:{}", var("FTP_HOST")?, var("FTP_PORT")?);
    match var("FTP_TLS")?.as_str() {
        "clear" => run(FtpStream::connect(at)?),
        "explicit" => run(RustlsFtpStream::connect(at)?.into_secure(connector()?, &var("FTP_HOST")?)?),
        _ => run(RustlsFtpStream::connect_secure_implicit(at, connector()?, &var("FTP_HOST")?)?),
    }
}

fn run<T: TlsStream>(mut ftp: ImplFtpStream<T>) -> Done {
    ftp.login(var("FTP_LOGIN")?, var("FTP_PASSWORD")?)?;
    if var("FTP_MODE")? == "active" {
        ftp = ftp.active_mode(Duration::from_secs(60));
    } else {
        ftp.set_mode(Mode::ExtendedPassive);
    }
    ftp.transfer_type(FileType::Binary)?;
    for step in std::env::args().skip(1) {
        println!("{step}");
        take(&mut ftp, &step)?;
    }
    Ok(ftp.quit()?)
}

fn take<T: TlsStream>(ftp: &mut ImplFtpStream<T>, step: &str) -> Done {
    let content = std::fs::read("content")?;
    match step {
        "list" => {
            let names = [ftp.nlst(Some("d"))?, ftp.list(Some("d"))?, ftp.mlsd(Some("d"))?].concat();
            std::fs::write("listing", names.join("\n"))?;
        }
        "download" => get(ftp, "d/a.bin", File::create("whole")?)?,
        "resume-download" => {
            ftp.resume_transfer(70_000)?;
            get(ftp, "d/a.bin", OpenOptions::new().append(true).open("part")?)?;
        }
        "upload" => drop(ftp.put_file("up.bin", &mut content.as_slice())?),
        "resume-upload" => drop(ftp.append_file("half.bin", &mut &content[70_000..])?),
        "rename" => ftp.rename("old.bin", "new.bin")?,
        "delete" => ftp.rm("gone.bin")?,
        "abort" => {
            let mut data = ftp.retr_as_stream("big.bin")?;
            data.read_exact(&mut [0; 1000])?;
            ftp.abort(data)?;
            get(ftp, "d/a.bin", File::create("after")?)?;
        }
        _ => return Err(step.into()),
    }
    Ok(())
}

fn get<T: TlsStream>(ftp: &mut ImplFtpStream<T>, path: &str, mut file: impl Write) -> Done {
    ftp.retr(path, |data| io::copy(data, &mut file).map_err(suppaftp::FtpError::ConnectionError))?;
    Ok(())
}

fn connector() -> Result<RustlsConnector, Box<dyn std::error::Error>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let version =
        if var("FTP_TLS_VERSION")? == "1.2" { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    Ok(RustlsConnector::from(Arc::new(config)))
}

/// Accepts every certificate: the tests are about the dialogue.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
