//! Attempts through a relay. Besides the lines of the other attempts:
//!
//! | line | meaning |
//! |---|---|
//! | `! join 192.0.2.1:40001 listen` | the relay is to connect to the source there and to listen for the destination |
//! | `ready`, `ready 203.0.113.9:50001 -` | the relay answers with the addresses at which it listens for each end |
//! | `flows` | both connections are open |
//! | `passed` | both have ended in order |
//! | `join broken` | the relay has refused or closed the join |
//! | `lost` | the relay is gone |
//! | `! cut` | the relay is to reset both |

mod order;
mod rescue;
mod security;

use super::*;
use Posture::{Active, Passive};

/// What an attempt begins with: two servers of today.
struct Scene {
    transfer: Transfer,
    postures: Postures,
    tls: DataTls,
    source: Party,
    destination: Party,
}

fn scene(source: Posture, destination: Posture) -> Scene {
    Scene {
        transfer: plain().transfer,
        postures: Postures { source, destination },
        tls: DataTls::Clear,
        source: party(SITE1, "EPSV"),
        destination: party(SITE2, "EPSV"),
    }
}

impl Scene {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Both know RNDZ, and there is a secret.
    fn proven(self) -> Self {
        self.with(|scene| {
            scene.transfer.secret = Some(RendezvousSecret::new([7; 32]));
            scene.source = party(SITE1, "EPSV RNDZ");
            scene.destination = party(SITE2, "EPSV RNDZ");
        })
    }

    fn play(self, script: &str) -> Play {
        let Self { transfer, postures, tls, source, destination } = self;
        let roles = RelayRoles { postures, tls };
        let dialects = [source.dialect, destination.dialect];
        let attempt = Attempt::relayed(transfer, roles, source, destination, timeouts(), Moment::START);
        Play::new(attempt, dialects).play(script)
    }
}

/// Both listen and the relay has connected to them, up to the first transfer command.
const BOTH_PASSIVE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    src: EPSV
    dst< 200 image
    dst: EPSV
    src< 229 listening (|||40001|)
    dst< 229 listening (|||40002|)
    ! join 192.0.2.1:40001 192.0.2.2:40002
    ready
    dst: STOR b
";

/// The relay listens for both.
const BOTH_ACTIVE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    dst< 200 image
    ! join listen listen
    ready 203.0.113.9:50001 203.0.113.9:50002
    src: PORT 203,0,113,9,195,81
    dst: PORT 203,0,113,9,195,82
    dst< 200 ok
    src< 200 ok
    src: RETR a
";

/// The destination listens.
const DESTINATION_PASSIVE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    dst< 200 image
    dst: EPSV
    dst< 229 listening (|||40002|)
    ! join listen 192.0.2.2:40002
    ready 203.0.113.9:50001 -
    src: PORT 203,0,113,9,195,81
    src< 200 ok
    dst: STOR b
";

/// The source listens.
const SOURCE_PASSIVE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    src: EPSV
    dst< 200 image
    src< 229 listening (|||40001|)
    ! join 192.0.2.1:40001 listen
    ready - 203.0.113.9:50002
    dst: PORT 203,0,113,9,195,82
    dst< 200 ok
    src: RETR a
";

/// Both orders of the transfer commands: with a destination that has its connection already, and without.
const STOR_FIRST: &str = "dst< 150 go\n src: RETR a\n src< 150 go\n flows\n";
const RETR_FIRST: &str = "src< 150 go\n dst: STOR b\n dst< 150 go\n flows\n";
/// Both report a complete file.
const DONE: &str = "src< 226 sent\n dst< 226 stored\n = moved 226 226\n";

/// All four combinations, with what comes before the data.
fn combinations() -> [(Scene, String); 4] {
    [
        (scene(Passive, Passive), format!("{BOTH_PASSIVE}{STOR_FIRST}")),
        (scene(Active, Passive), format!("{DESTINATION_PASSIVE}{STOR_FIRST}")),
        (scene(Active, Active), format!("{BOTH_ACTIVE}{RETR_FIRST}")),
        (scene(Passive, Active), format!("{SOURCE_PASSIVE}{RETR_FIRST}")),
    ]
}
