//! Attempts through the user agent with a server that only a relay reaches: the relay connects or listens in its place. The
//! lines are those of `through`.

use super::through::{BOTH_PASV, known};
use super::*;

#[test]
fn r55_a_relay_is_waited_for_where_it_connects_and_where_it_listens() {
    let relay = KnownPostures { listener: Listener::Relay, closed: None };
    let connecting = || {
        let both = known(party(SITE1, ""), party(SITE2, ""), [relay, KnownPostures::default()]);
        both.play(BOTH_PASV).play(
            "src< 227 Entering Passive Mode (192,0,2,1,156,65)
             src! connect 192.0.2.1:40001
             dst< 227 Entering Passive Mode (192,0,2,2,156,66)
             dst! connect 192.0.2.2:40002
             dst. connected
             wait 19",
        )
    };
    for closed in ["src. unconnected", "wait 1"] {
        let turned = "src! listen\nwait 19\nsrc. listening\nsrc: PORT 203,0,113,9,195,81";
        let play = connecting().all(&[closed, turned]).play(
            "src< 200 ok
             src: RETR a
             src. arrived 192.0.2.1:20
             src< 150 opening
             dst: STOR b
             dst< 150 opening
             ! copy",
        );
        assert_eq!(play.attempt.failed_postures().len(), 1);
    }
}
