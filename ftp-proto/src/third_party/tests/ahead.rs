//! Commands that are sent before the replies to those before them.

use super::*;

#[test]
fn t14_a_server_that_takes_commands_ahead_gets_its_settings_together() {
    // A server that takes commands ahead gets its settings together with what follows them.
    let ahead = "SOCK LSTN RNDZ EPSV AHEAD";
    case(party(SITE1, ahead), party(SITE2, ahead)).with(|_, roles| roles.filter = true).proven().play(
        "dst: TYPE I
         dst: RNDZ ***
         dst: LSTN R
         src: TYPE I
         src: RNDZ ***
         dst< 200 ok
         dst< 200 ok
         src< 200 ok
         dst< 255 SOCK 40002
         dst: SOCK 192.0.2.1,0
         src: SOCK 192.0.2.2,40002
         src< 200 ok
         src< 255 SOCK 40003
         dst< 255 SOCK 40002
         src: RETR a
         dst: STOR b",
    );
    // A listener that may have opened behind a refusal is closed.
    case(party(SITE1, ahead), party(SITE2, ahead)).proven().play(
        "dst: TYPE I
         dst: RNDZ ***
         dst: LSTN R
         src: TYPE I
         src: RNDZ ***
         src< 200 ok
         src< 200 ok
         dst< 200 ok
         dst< 504 no
         dst! abort
         dst. aborted
         = dst RNDZ: 504, Unsupported",
    );
}
