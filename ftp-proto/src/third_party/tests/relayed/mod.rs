//! Attempts that a relay joins, in the language of the other attempts and these lines:
//!
//! | line | meaning |
//! |---|---|
//! | `! join 192.0.2.1:40001 listen` | the relay is to dial the source there, and to listen for the destination |
//! | `ready`, `ready 203.0.113.9:50001 -` | the relay answers: where it listens for the source, the destination |
//! | `flows` | both connections stand |
//! | `passed` | both have ended in order |
//! | `src. broken`, `join broken` | that connection has failed; the join has |
//! | `lost` | the relay has gone |
//! | `! cut` | the relay is to reset both |

mod order;
mod rescue;

use super::super::relayed::{self, Junction, Posture, Postures, Relayed};
use super::carrier::{Carrier, Play, Told, timeouts};
use super::*;
use Posture::{Active, Passive};

fn junction(junction: Junction) -> String {
    match junction {
        Junction::Dial(at) => at.to_string(),
        Junction::Listen => "listen".into(),
    }
}

impl Carrier for Relayed {
    fn next(&mut self) -> Result<Output, String> {
        match self.poll() {
            relayed::Output::Control(output) => Ok(output),
            relayed::Output::Join { source, destination } => {
                Err(format!("! join {} {}", junction(source), junction(destination)))
            }
            relayed::Output::Cut => Err("! cut".into()),
        }
    }

    fn hear(&mut self, now: Moment, told: Told<'_>) {
        match told {
            Told::Reply(side, heard) => self.reply(now, side, heard),
            Told::Aborted(side) => self.aborted(now, side),
            Told::Ended(side, failure) => self.ended(now, side, failure),
            Told::Cancel => self.cancel(now),
            Told::Time => self.timeout(now),
            Told::Other(side, "broken") => self.broken(now, Some(side), "reset".into()),
            Told::Other(_, "join broken") => self.broken(now, None, "limit".into()),
            Told::Other(_, "flows") => self.flows(now),
            Told::Other(_, "passed") => self.passed(now),
            Told::Other(_, "lost") => self.relay_lost(now, "gone".into()),
            Told::Other(_, line) => {
                let mut at = line.strip_prefix("ready").unwrap().split_whitespace();
                let mut address = || at.next().and_then(|text| text.parse().ok());
                self.ready(now, address(), address());
            }
        }
    }
}

/// What an attempt begins with: two of today's servers.
struct Scene {
    job: Job,
    postures: Postures,
    source: Party,
    destination: Party,
}

fn scene(source: Posture, destination: Posture) -> Scene {
    Scene {
        job: plain().job,
        postures: Postures { source, destination },
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
            scene.job.secret = Some(RendezvousSecret::new([7; 32]));
            scene.source = party(SITE1, "EPSV RNDZ");
            scene.destination = party(SITE2, "EPSV RNDZ");
        })
    }

    fn play(self, script: &str) -> Play<Relayed> {
        let Self { job, postures, source, destination } = self;
        let dialects = [source.dialect, destination.dialect];
        let machine = Relayed::new(job, postures, source, destination, timeouts(), Moment::START);
        Play::new(machine, dialects).play(script)
    }
}

/// Both listen and the relay has dialled them, up to the first transfer command.
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

/// The order of those whose destination has its connection already, and of the others.
const STOR_FIRST: &str = "dst< 150 go\n src: RETR a\n src< 150 go\n flows\n";
const RETR_FIRST: &str = "src< 150 go\n dst: STOR b\n dst< 150 go\n flows\n";
/// Both say that it was all.
const DONE: &str = "src< 226 sent\n dst< 226 stored\n = moved 226 226\n";

/// The four ways with what comes before the octets.
fn ways() -> [(Scene, String); 4] {
    [
        (scene(Passive, Passive), format!("{BOTH_PASSIVE}{STOR_FIRST}")),
        (scene(Active, Passive), format!("{DESTINATION_PASSIVE}{STOR_FIRST}")),
        (scene(Active, Active), format!("{BOTH_ACTIVE}{RETR_FIRST}")),
        (scene(Passive, Active), format!("{SOURCE_PASSIVE}{RETR_FIRST}")),
    ]
}
