//! TLS of the server, with real processes.

#[path = "encrypted/control.rs"]
mod control;
#[path = "encrypted/data.rs"]
mod data;
#[path = "encrypted/login.rs"]
mod login;
#[path = "encrypted/third_party.rs"]
mod third_party;

use ftp_proto::dialect::Dialect;
use integration_tests::raw::Raw;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use integration_tests::tls_client::TlsClient;
use integration_tests::user::{Run, user};

const SIZE: usize = 3_000_000;

fn server() -> Server {
    Site::new("private").tls().file("a.bin", sample(SIZE)).start()
}

/// A session inside TLS with private data connections.
pub(crate) fn private(server: &Server, client: &TlsClient) -> Raw {
    let mut raw = server.connect(Dialect::Rfc959);
    raw.begin_tls(client);
    raw.login(USER, PASSWORD);
    raw.ask("PBSZ 0", "200");
    raw.ask("PROT P", "200");
    raw.ask("TYPE I", "200");
    raw
}

fn copy(server: &Server, from: &str, to: &str) -> Run {
    user()
        .args(["copy", "--retries", "0", "--timeout", "20s", "--json", "--pin", &server.pin(), from, to])
        .file("up.bin", sample(SIZE))
        .run()
}

#[test]
fn f01_our_user_agent_copies_inside_tls_explicit_and_implicit() {
    let server = server();
    for url in [Server::explicit_url, Server::implicit_url] {
        let down = copy(&server, &url(&server, "a.bin"), "b.bin").exits(0);
        assert!(down.bytes("b.bin") == sample(SIZE));
        assert!(down.stdout.last().unwrap().contains(r#""protection":"private""#), "{down}");
        copy(&server, "up.bin", &url(&server, "up.bin")).exits(0);
        assert!(server.bytes("up.bin") == sample(SIZE));
        std::fs::remove_file(server.path("up.bin")).unwrap();
    }
}
