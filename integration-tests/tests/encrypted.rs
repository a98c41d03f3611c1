//! TLS of the server, with real processes.

use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, user};

const SIZE: usize = 3_000_000;

fn copy(server: &Server, from: &str, to: &str) -> Run {
    user()
        .args(["copy", "--retries", "0", "--timeout", "20s", "--json", "--pin", &server.pin(), from, to])
        .file("up.bin", sample(SIZE))
        .run()
}

#[test]
fn f01_our_user_agent_copies_inside_tls_explicit_and_implicit() {
    let server = Site::new("private").tls().file("a.bin", sample(SIZE)).start();
    for url in [Server::explicit_url, Server::implicit_url] {
        let down = copy(&server, &url(&server, "a.bin"), "b.bin").exits(0);
        assert!(down.bytes("b.bin") == sample(SIZE));
        assert!(down.stdout.last().unwrap().contains(r#""protection":"private""#), "{down}");
        copy(&server, "up.bin", &url(&server, "up.bin")).exits(0);
        assert!(server.bytes("up.bin") == sample(SIZE));
        std::fs::remove_file(server.path("up.bin")).unwrap();
    }
}
