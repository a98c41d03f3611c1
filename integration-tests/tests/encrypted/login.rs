//! Logins by the certificate of the client.

use super::{Raw, TlsClient};
use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::certificate::Certificate;
use integration_tests::foreign::{Desk, Tool};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::socket::until;
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

/// The hash of "secret"; made by openssl.
const SECRET: &str = "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA";

/// A server that knows certificates.
struct Place {
    server: Server,
    secrets: TempDir,
    /// The certificate by which "alone" logs in, and which "both" needs beside the password.
    known: Certificate,
}

fn certificate() -> Certificate {
    Certificate::of("127.0.0.1".parse().unwrap())
}

fn place() -> Place {
    let (secrets, known) = (tempfile::tempdir().unwrap(), certificate());
    let config = secrets.path().join("server.toml");
    write(&config, &users(&known));
    let site = Site::new("certificates").tls().file("a.bin", sample(100_000));
    let server = site.args(["--config", config.to_str().unwrap()]).start();
    Place { server, secrets, known }
}

fn users(known: &Certificate) -> String {
    let certificate = known.fingerprint();
    format!(
        "[limits]\nrefusal-delay = \"1ms\"\n\
         [[users]]\nname = \"alone\"\ncertificates = {certificate:?}\n\
         [[users]]\nname = \"both\"\ncertificates = {certificate:?}\npassword-hash = '{SECRET}'\n\
         [[users]]\nname = \"late\"\ncertificates = {certificate:?}\nexpires = 2020-01-01\n"
    )
}

fn write(path: &std::path::Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A session inside TLS with this client, explicit or implicit.
fn inside(server: &Server, client: &TlsClient, implicit: bool) -> Raw {
    if implicit {
        return Raw::connect_tls(server.implicit(), client);
    }
    let mut raw = server.connect(Rfc959);
    raw.begin_tls(client);
    raw
}

#[test]
fn f01_a_certificate_logs_in_alone_or_beside_a_password_and_others_need_none() {
    let Place { server, known, .. } = place();
    let client = TlsClient::showing(&known);
    for implicit in [false, true] {
        let mut alone = inside(&server, &client, implicit);
        alone.ask("USER alone", "232");
        alone.ask("PWD", "257");
        alone.ask("PASS not needed", "202");
        alone.ask("USER both", "331");
        alone.ask("PWD", "530");
        alone.ask("PASS secret", "230");
        alone.ask("PWD", "257");
    }
    let mut ann = inside(&server, &TlsClient::new(), false);
    ann.login(USER, PASSWORD);
    let mut ann = inside(&server, &client, false);
    ann.login(USER, PASSWORD);
}

#[test]
fn every_cause_of_a_refusal_sounds_like_a_wrong_password() {
    let Place { server, known, .. } = place();
    let refused = |client: Option<&TlsClient>, name: &str, password: &str| {
        let mut raw = match client {
            Some(client) => inside(&server, client, false),
            None => server.connect(Rfc959),
        };
        let user = raw.ask(&format!("USER {name}"), "331").text();
        (user, raw.ask(&format!("PASS {password}"), "530").text())
    };
    let (known, other) = (TlsClient::showing(&known), TlsClient::showing(&certificate()));
    let wrong = refused(None, "nobody", "secret");
    for (client, name, password) in [
        (None, "alone", "secret"),
        (None, "both", "secret"),
        (Some(&TlsClient::new()), "alone", "secret"),
        (Some(&TlsClient::new()), "both", "secret"),
        (Some(&other), "alone", ""),
        (Some(&other), "both", "secret"),
        (Some(&known), "both", "wrong"),
        (Some(&known), "late", "secret"),
        (Some(&known), USER, "wrong"),
    ] {
        assert_eq!(refused(client, name, password), wrong, "{name}");
    }
    for reason in ["the client has shown no certificate of the account", "the account has expired"] {
        server.running.logs(reason);
    }
}

#[test]
fn sighup_reads_certificates_again() {
    let Place { server, secrets, known } = place();
    let next = certificate();
    let (old, new) = (TlsClient::showing(&known), TlsClient::showing(&next));
    inside(&server, &new, false).ask("USER alone", "331");
    write(&secrets.path().join("server.toml"), &users(&next));
    server.running.signal(Signal::HUP);
    until("the new certificate logs in", || {
        inside(&server, &new, false).ask("USER alone", "331|232").code == 232
    });
    inside(&server, &old, false).ask("USER alone", "331");
}

#[test]
fn curl_logs_in_by_its_certificate() {
    let curl = or_skip!(Tool::debian("curl", &["curl"], "bin/curl"));
    let Place { server, known, .. } = place();
    let desk = Desk::new();
    desk.put("client.pem", [known.pem.as_str(), known.key_pem.as_str()].concat());
    let at = server.address(Rfc959);
    let common = ["-sS", "--insecure", "--ssl-reqd", "--max-time", "60", "-o", "copy", "--user"];
    for (user, cert, fine) in [
        ("alone:", true, true),
        ("both:secret", true, true),
        ("alone:", false, false),
        ("both:secret", false, false),
        ("both:wrong", true, false),
    ] {
        let shown: &[&str] = if cert { &["--cert", "client.pem"] } else { &[] };
        let url = format!("ftp://{at}/a.bin");
        let run = desk.try_run(&curl, &[&common[..], &[user], shown, &[&url]].concat(), "");
        assert_eq!(run.code, Some(if fine { 0 } else { 67 }), "{user}: {}", run.stderr);
    }
    assert_eq!(desk.bytes("copy"), sample(100_000));
}

/// Logs in by a certificate alone, then by both, and fetches a file each time.
const FTPLIB: &str = r#"
import ftplib, io, ssl, sys
host, port = sys.argv[1:]
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context = ssl._create_unverified_context()
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain("client.pem")
    for user, password in ("alone", ""), ("both", "secret"):
        ftp = ftplib.FTP_TLS(context=context)
        ftp.connect(host, int(port), timeout=60)
        ftp.login(user, password)
        ftp.prot_p()
        got = io.BytesIO()
        ftp.retrbinary("RETR a.bin", got.write)
        assert got.getvalue() == open("content", "rb").read()
        ftp.quit()
"#;

#[test]
fn ftplib_logs_in_by_its_certificate() {
    let python = or_skip!(Tool::plain_python());
    let Place { server, known, .. } = place();
    let desk = Desk::new();
    desk.put("client.pem", [known.pem.as_str(), known.key_pem.as_str()].concat());
    desk.put("content", sample(100_000));
    let at = server.address(Rfc959);
    desk.run(&python, &["-c", FTPLIB, &at.ip().to_string(), &at.port().to_string()]);
}
