//! A line leaves for a server.

use super::conversation::Line;
use super::world::World;
use ftp_proto::transfer::Side;

impl World {
    /// A line leaves.
    pub(super) fn tell(&mut self, side: Side, line: &str, what: Line) {
        if self.course.talks.at(side).over {
            return;
        }
        self.say(side, format!("> {line}"));
        self.course.talks.at_mut(side).waiting.push_back(what);
        self.user_sends(side, format!("{line}\r\n").into_bytes());
    }
}
