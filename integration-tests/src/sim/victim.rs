//! What a victim notices of a transfer command, and how the command may fail.

use super::world::World;
use ftp_proto::policy::Foreign;
use ftp_proto::server::ask::Ticket;
use ftp_proto::transfer::Side;
use std::time::Duration;

/// Hello and proof: all that anybody may hear who has not proven himself.
pub(super) const RENDEZVOUS: usize = 64;
/// When a failure that is hidden is told.
const UNIFORM: Duration = Duration::from_secs(15);
const UNIFORM_TEXT: &str = "No proven data connection";

impl World {
    /// A server has connected to a victim.
    pub(super) fn victim_connected(&mut self, side: Side, attempt: Ticket, conn: usize) {
        let deeds = &mut self.hosts.at_mut(side).deeds;
        let command = deeds.attempts.get(&attempt).copied().unwrap_or_default();
        deeds.conns.insert(conn, command);
        let (connections, _) = deeds.counts.entry(command).or_default();
        *connections += 1;
        if *connections > 1 {
            self.violation("a victim gets a second connection for one command".to_owned());
        }
        if *self.scenario.foreign.at(side) == Foreign::Never {
            self.violation("a victim is connected although foreign hosts are never allowed".to_owned());
        }
    }

    /// Bytes have reached the other end of a data connection. It may be a victim.
    pub(super) fn victim_hears(&mut self, conn: usize, bytes: usize) {
        for side in super::SIDES {
            let deeds = &mut self.hosts.at_mut(side).deeds;
            let Some(command) = deeds.conns.get(&conn) else { continue };
            let (_, heard) = deeds.counts.entry(*command).or_default();
            *heard += bytes;
            if *heard > RENDEZVOUS {
                let heard = *heard;
                self.violation(format!("a victim hears {heard} bytes of one command"));
            }
        }
    }

    /// A server replies. A failure that must be hidden comes in the same words at the same time.
    pub(super) fn judge_replies(&mut self, side: Side, bytes: &[u8]) {
        let deeds = &mut self.hosts.at_mut(side).deeds;
        if deeds.failed != Some(self.now) || !std::mem::take(&mut deeds.hidden) {
            return;
        }
        let after = self.now.since(deeds.since);
        // The first reply is that of the command; others may follow in the same moment.
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().next().unwrap_or_default().to_owned();
        let fails = line.starts_with("425") || line.starts_with("454");
        if fails && (after != UNIFORM || !line.ends_with(UNIFORM_TEXT)) {
            self.violation(format!("a hidden failure is told after {after:?}: {line}"));
        }
    }
}
