//! What a server says to a user who does without an attempt.

use super::conduct::Conduct;
use super::world::World;
use ftp_proto::transfer::Side;

impl World {
    /// What a server says, or the end of its connection.
    pub(super) fn reader_hears(&mut self, side: Side, piece: Option<&[u8]>) {
        let Some(bytes) = piece else { return self.server_is_lost(side) };
        if self.course.talks.at(side).over {
            return;
        }
        let dialect = *self.scenario.dialect.at(side);
        self.course.talks.at_mut(side).hears(bytes);
        while let Some(next) = self.course.talks.at_mut(side).next(dialect) {
            match next {
                Err(why) => self.violation(why),
                Ok(said) => {
                    self.say(side, format!("< {}", said.text.replace("\r\n", " | ")));
                    if matches!(self.scenario.conduct, Conduct::Asks(_)) {
                        self.asker_hears(side, &said);
                    } else {
                        self.batch_hears(side, &said);
                    }
                }
            }
        }
    }
}
