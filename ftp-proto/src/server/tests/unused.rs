//! What nobody uses any more is given back.

use super::harness::{both, seconds};

/// The simulator found a listener that outlived its ABOR when the file was still being looked at.
#[test]
fn d13_abor_while_the_file_is_looked_at_ends_pasv() {
    for opening in ["PASV", "EPSV"] {
        for mut h in both() {
            let port = h.port(opening);
            h.answers_files = false;
            h.say("STOR b");
            assert_eq!(h.say("ABOR").len(), 2);
            assert!(!h.listens(port), "{opening}");
        }
    }
}

/// A file error keeps PASV (dialect-1973 16.12); a session that is kept alive with NOOP must not
/// keep the port for ever.
#[test]
fn c22_pasv_that_a_file_error_left_is_closed_after_the_idle_limit() {
    for mut h in both() {
        let port = h.port("PASV");
        h.say("RETR missing");
        h.pass(seconds(200));
        h.say("NOOP");
        assert!(h.listens(port));
        h.pass(seconds(150));
        h.say("NOOP");
        assert!(!h.listens(port));
    }
}
