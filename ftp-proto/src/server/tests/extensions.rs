//! DGST, RATE, PROB, MODE Z.

use super::Harness;
use super::harness::{FOREIGN, OWN, both, modern, old, open_to_all, seconds};
use crate::command::{Direction, Mode};
use crate::dialect::Dialect;
use crate::digest::{Algorithm, Digest};
use crate::server::ask::{End, Intent};
use crate::wire::ByteRange;

#[test]
fn dgst_puts_the_digest_into_the_final_reply() {
    let mut h = modern();
    assert_eq!(h.say("DGST sha-256"), ["200 SHA-256"]);
    h.own_host_connects_for("RETR a");
    assert_eq!(h.terms.and_then(|terms| terms.digest), Some(Algorithm::Sha256));
    let digest = Digest { algorithm: Algorithm::Sha256, hex: "ab".repeat(32) };
    let replies = h.finish_digested(995, (digest, ByteRange { first: 5, length: Some(995) }));
    let digest = format!("226-Digest SHA-256 5+995 {}", "ab".repeat(32));
    assert_eq!(replies, [digest.as_str(), "226-Bytes 995", "226 Transfer complete."]);

    // It stays until OFF, and a listing has none.
    h.own_host_connects_for("LIST");
    assert_eq!(h.terms.and_then(|terms| terms.digest), None);
    assert_eq!(h.finish(5, End::WHOLE_FILE), ["226 Transfer complete."]);
    h.say("DGST BLAKE3");
    h.own_host_connects_for("STOR c");
    assert_eq!(h.terms.and_then(|terms| terms.digest), Some(Algorithm::Blake3));
    let replies = h.finish(7, End::Broken("gone".to_owned()));
    assert!(replies.len() == 1 && replies[0].starts_with("426 "), "{replies:?}");
    h.check("DGST OFF", &["200"]);
    h.own_host_connects_for("RETR a");
    assert_eq!(h.terms.and_then(|terms| terms.digest), None);
}

#[test]
fn dgst_needs_bytes_as_they_are_and_a_known_algorithm() {
    let mut h = modern();
    h.check("DGST CRC-37", &["504"]);
    h.check("DGST", &["501"]);
    h.check("DGST CRC32C", &["200"]);
    h.say("TYPE A");
    h.check("RETR a", &["504"]);
    h.say("TYPE I");
    h.log_in();
    h.own_host_connects_for("RETR a");
    assert_eq!(h.terms.and_then(|terms| terms.digest), None, "USER ends it");
    // A client of 1973 would take each line for a reply.
    let mut h = old();
    h.check("DGST SHA-256", &["506"]);
    assert!(!h.say("HELP").iter().any(|line| line.contains(" DGST SHA")));
}

#[test]
fn a_foreign_peer_is_told_with_the_digest() {
    let mut h = open_to_all(Dialect::Rfc959);
    h.say("DGST SHA-256");
    let port = h.port("LSTN R");
    h.say(&format!("SOCK {FOREIGN},5000"));
    h.say("STOR c");
    h.arrive(port, &format!("{FOREIGN}:5000"));
    h.take();
    let digest = Digest { algorithm: Algorithm::Sha256, hex: "cd".repeat(32) };
    let replies = h.finish_digested(0, (digest, ByteRange { first: 0, length: Some(0) }));
    let starts = ["226-Digest SHA-256 0+0 cd", "226-Peer ", "226-Strangers-refused 0", "226-Bytes 0", "226 "];
    assert_eq!(replies.len(), starts.len(), "{replies:?}");
    for (reply, start) in replies.iter().zip(starts) {
        assert!(reply.starts_with(start), "{reply}");
    }
}

#[test]
fn rate_and_mode_z_hold_for_the_next_transfers() {
    for mut h in both() {
        h.check("RATE 1000", &["200"]);
        h.check("MODE Z", &["200"]);
        for _ in 0..2 {
            h.own_host_connects_for("RETR a");
            let terms = h.terms.unwrap();
            assert_eq!((terms.rate.map(|rate| rate.bytes.get()), terms.mode), (Some(1000), Mode::Deflate));
            h.finish(5, End::WHOLE_FILE);
        }
        h.check("RATE OFF", &["200"]);
        h.check("MODE S", &["200"]);
        h.own_host_connects_for("RETR a");
        let terms = h.terms.unwrap();
        assert_eq!((terms.rate, terms.mode), (None, Mode::Stream));
    }
    let mut h = modern();
    h.check("RATE 0", &["501"]);
    h.check("MODE E", &["504"]);
    h.check("OPTS MODE Z LEVEL 6", &["200"]);
}

#[test]
fn mode_z_is_offered_only_after_the_login() {
    for (mut h, asks) in [(old(), "HELP"), (modern(), "FEAT")] {
        let offers = |h: &mut Harness| h.say(asks).iter().any(|line| line == " MODE Z");
        assert!(offers(&mut h));
        h.check("REIN", &["300/220"]);
        assert!(!offers(&mut h));
    }
}

#[test]
fn prob_obtains_a_connection_and_ends_it_with_a_reset() {
    for mut h in both() {
        let code = h.code("200/225");
        let port = h.port("PASV");
        h.did();
        h.check("PROB S", &[]);
        let conn = h.arrive(port, &format!("{OWN}:5000"));
        assert_eq!(h.take(), [format!("{code} Data connection opened; nothing moved")]);
        assert_eq!(
            h.did(),
            [format!("drop {}", conn.0), format!("unlisten {port}"), format!("release {port}")]
        );
        assert_eq!(h.intent, None, "no file was looked at");
    }
    let mut h = modern();
    h.check("PROB R", &["425"]);
    h.check("PROB X", &["501"]);
}

#[test]
fn prob_proves_its_connection_with_the_flag_of_its_own() {
    let mut h = modern();
    h.say(&format!("RNDZ {}", "07".repeat(32)));
    let port = h.port("LSTN R");
    h.say("PROB R");
    // A peer that really sends a file has another hello, and is a stranger.
    let sender = h.arrive(port, &format!("{FOREIGN}:5000"));
    assert_eq!(h.written[&sender][8], 1, "bit 0 of the flags");
    let mut hello = h.written[&sender].clone();
    (hello[8], hello[20]) = (0, !hello[20]);
    h.bytes(sender, &hello);
    assert!(!h.open.contains(&sender) && h.take().is_empty());
    let conn = h.arrive(port, &format!("{FOREIGN}:5001"));
    h.prove(conn, [7; 32], Direction::Send);
    assert_eq!(h.take(), ["225 Data connection proven; nothing moved"]);
    assert!(!h.open.contains(&conn));
}

#[test]
fn prob_fails_and_ends_as_a_transfer_does() {
    let mut h = modern();
    h.say("PASV");
    h.check("PROB S", &[]);
    h.check("STAT", &["211-", "211"]);
    h.check("ABOR", &["426", "226"]);
    h.say("PASV");
    h.check("PROB S", &[]);
    h.pass(seconds(61));
    assert!(h.take()[0].starts_with("425 "));
    h.say(&format!("PORT {},156,68", OWN.replace('.', ",")));
    h.check("PROB R", &[]);
    h.connected();
    assert!(h.take()[0].starts_with("225 "));
    // REST was for the next transfer command, and that was PROB.
    h.say("REST 9");
    h.check("PROB R", &[]);
    h.connected();
    h.take();
    h.say("PASV");
    h.say("RETR a");
    assert_eq!(h.intent, Some(Intent::Send { range: ByteRange::WHOLE }));
}
