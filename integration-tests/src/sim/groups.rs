//! A coordinator who copies small files in groups (PACK): its machine, drained.

use super::user::Phase;
use super::world::World;
use ftp_proto::transfer::batch::{BatchEnd, BatchOutput};

impl World {
    pub(super) fn drain_groups(&mut self) -> bool {
        let mut busy = false;
        while let Some(batch) = &mut self.user.groups.batch {
            match batch.poll() {
                BatchOutput::Command(side, command) => self.command(side, command),
                BatchOutput::Join { source, destination } => self.join_at_relay(source, destination),
                BatchOutput::Begins(_) => {}
                BatchOutput::Ended(number, end) => self.small_file_ended(number, end),
                BatchOutput::Close(side) => {
                    self.say(side, "-- closed".to_owned());
                    *self.user.usable.at_mut(side) = false;
                    self.hang_up(side);
                }
                BatchOutput::Done => self.groups_are_over(),
                BatchOutput::Wait(wake) => {
                    self.user.attempt_wake = wake;
                    if wake.is_none() {
                        self.violation("a batch waits without a timer".to_owned());
                    }
                    return busy;
                }
            }
            busy = true;
        }
        busy
    }

    fn small_file_ended(&mut self, number: usize, end: BatchEnd) {
        self.say_both(&format!("== file {number}: {end:?}"));
        let has_ended = self.user.groups.ends.get_mut(number).and_then(|place| place.replace(end)).is_some();
        if has_ended {
            self.violation(format!("file {number} has ended twice"));
        }
        // What is true of it must be true now.
        if let Some(groups) = self.scenario.groups().cloned() {
            self.judge_small(number, &groups);
        }
    }

    fn groups_are_over(&mut self) {
        self.user.groups.batch = None;
        self.user.attempt_wake = None;
        self.drop_data();
        self.cut_at_relay();
        self.disarm();
        self.noop(Phase::Noop);
    }
}
