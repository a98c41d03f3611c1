//! TLS between two servers: one is TLS client, each verifies the certificate of the other, and no byte travels in
//! clear.

use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, User, user};

const SIZE: usize = 1_000_003;

/// A run that trusts these servers and nobody else.
fn copy(servers: [&Server; 2]) -> User {
    let pins = servers.iter().flat_map(|server| ["--pin".to_owned(), server.pin()]);
    user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "10s"]).args(pins)
}

fn pair(args: &[&'static str]) -> (Server, Server) {
    let site = |name, at| Site::new(name).at(at).tls().args(args.iter().copied());
    let files = site("source", "127.0.0.2").file("a.bin", sample(SIZE)).file("b.bin", sample(SIZE));
    (files.file("tree/c.bin", sample(SIZE)).start(), site("destination", "127.0.0.3").start())
}

/// How the copy went: path, rung, protection.
fn summary(run: &Run) -> [String; 3] {
    let summary = run.summary();
    ["path", "rung", "protection"].map(|key| summary[key].as_str().unwrap_or_default().to_owned())
}

#[test]
fn f07_our_servers_exchange_files_inside_tls_by_explicit_and_implicit_tls() {
    let (one, two) = pair(&["--require-tls"]);
    for (from, to) in [
        (one.explicit_url("a.bin"), two.explicit_url("a.bin")),
        (one.implicit_url("b.bin"), two.implicit_url("b.bin")),
        (one.implicit_url("a.bin"), two.explicit_url("c.bin")),
    ] {
        let run = copy([&one, &two]).args([from, to]).run().exits(0);
        assert_eq!(summary(&run), ["direct", "dest-listens", "private"], "{run}\n{}", run.text("trace.txt"));
        let trace = run.text("trace.txt");
        assert_eq!(trace.matches("> SSCN ON").count(), 1, "{trace}");
        assert_eq!(trace.matches("> PINC SHA-256").count(), 2, "{trace}");
        assert!(trace.contains("proven-by=rndz") && !trace.contains("> PROT C"), "{trace}");
    }
    for name in ["a.bin", "b.bin", "c.bin"] {
        assert!(two.bytes(name) == sample(SIZE), "{name}");
    }
}

#[test]
fn h23_many_files_are_told_of_tls_once_and_a_listing_is_this_programs_own() {
    let (one, two) = pair(&["--tls-session-reuse", "required"]);
    let run = copy([&one, &two])
        .args(["-r", &one.explicit_url("a.bin"), &one.explicit_url("b.bin"), &one.explicit_url("tree")])
        .args([two.explicit_url("")])
        .run()
        .exits(0);
    assert_eq!(summary(&run), ["direct", "dest-listens", "private"], "{run}\n{}", run.text("trace.txt"));
    assert_eq!(two.names(), one.names());
    let trace = run.text("trace.txt");
    // The walk of the tree takes the session that has sent the two files, and the one that follows is told as well.
    assert_eq!(trace.matches("> PINC SHA-256").count(), 3, "{trace}");
}

#[test]
fn h24_where_one_control_connection_is_in_clear_nothing_goes_from_server_to_server() {
    let one = Site::new("clear").at("127.0.0.4").file("a.bin", sample(SIZE)).start();
    let two = Site::new("destination").at("127.0.0.3").tls().start();
    let run = user()
        .args(["copy", "--retries", "0", "--pin", &two.pin(), "--path", "direct"])
        .args([&one.url("a.bin"), &two.explicit_url("a.bin")])
        .run();
    run.exits(6).says("only one of the two control connections runs TLS");
    assert_eq!(two.names(), [""; 0]);
}
