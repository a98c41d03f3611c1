//! TLS of other people's servers under `ftp://`: taken where it is there, remembered, and never given up in silence.

use integration_tests::beside::each_of;
use integration_tests::foreign::{Begin, Foreign, ForeignServer, Kind, Skipped};
use integration_tests::or_skip;
use integration_tests::site::sample;
use integration_tests::user::{Run, user};
use std::path::Path;

const SIZE: usize = 70_000;

/// A server with one file.
fn server(kind: Kind) -> Foreign {
    Foreign::new(kind).file("a.bin", sample(SIZE))
}

/// A download under `ftp://` with this state directory.
fn copy(server: &ForeignServer, state: &Path) -> Run {
    let patience = ["--retries", "0", "--timeout", "10s", "--state", state.to_str().unwrap()];
    let run = user().args(["copy", "--json"]).args(patience);
    run.args([server.clear_url("a.bin"), "b.bin".to_owned()]).run()
}

/// It ends well, protected so.
fn copies(server: &ForeignServer, state: &Path, protection: &str) -> Run {
    let run = copy(server, state);
    assert_eq!(run.code(), Some(0), "{run}\n{}", server.said());
    assert_eq!(run.summary()["protection"], protection, "{run}\n{}", server.said());
    assert!(run.bytes("b.bin") == sample(SIZE), "{run}");
    run
}

fn offered_required_and_absent(kind: Kind) -> Result<(), Skipped> {
    let state = tempfile::tempdir().unwrap();
    let required = server(kind).tls(Begin::Explicit).start()?;
    copies(&required, state.path(), "private").says("accepted and not verified");
    // Offered: taken, with a warning the first time.
    let offering = server(kind).offers_tls().start()?;
    copies(&offering, state.path(), "private").says("accepted and not verified");
    copies(&offering, state.path(), "private").never_says("accepted and not verified");
    // The same site without TLS is not used until it is forgotten.
    let at = offering.address();
    drop(offering);
    let clear = server(kind).at(&at.ip().to_string()).port(at.port()).start()?;
    let refused = copy(&clear, state.path()).exits(11).says("has offered TLS before");
    assert!(!refused.names().contains(&"b.bin".to_owned()), "{refused}");
    let forget =
        user().args(["sites", "forget", &format!("ftp://{at}/"), "--state", state.path().to_str().unwrap()]);
    forget.run().exits(0);
    // Absent: in clear, which is said.
    copies(&clear, state.path(), "clear").says("offers no TLS");
    Ok(())
}

#[test]
fn h24_servers_with_tls_offered_required_and_absent() {
    each_of(&[Kind::Vsftpd, Kind::Proftpd, Kind::PureFtpd], |kind| {
        or_skip!(offered_required_and_absent(*kind));
    });
}
