//! Files move: read from a disk and sent, received and written.

use super::group::IncomingGroup;
use super::moving::{Framing, Moving, State};
use super::scenario::Sabotage;
use super::wire::Owner;
use super::world::{Event, World};
use ftp_proto::command::{DataType, Direction};
use ftp_proto::server::ask::{Answer, Carried, End, Ending, FileFailure, Ticket};
use ftp_proto::transfer::Side;
use ftp_proto::wire::TransferId;

impl World {
    pub(super) fn begin_move(&mut self, side: Side, ticket: Ticket, moving: Moving, data_type: DataType) {
        let (conn, end) = moving.conn;
        if !matches!(data_type, DataType::Image | DataType::Local8) {
            self.violation("a file moves as text".to_owned());
        }
        if self.scenario.probes {
            self.violation("a probe moves a file".to_owned());
        }
        self.moves = true;
        if let Err(why) = self.may_move(side, conn, end) {
            self.violation(format!("a file moves without leave: {why}"));
        }
        let verb = match moving.prepared.intent.direction() {
            Direction::Send => "sends",
            Direction::Receive => "receives",
        };
        self.say(side, format!("   {verb} the file"));
        if self.scenario.batch().is_some() {
            self.judge_connections();
        }
        if let Some(id) = moving.detach {
            self.shared.borrow_mut().detached.begins(side, id, ticket);
            let path = String::from_utf8_lossy(moving.prepared.path.as_bytes()).into_owned();
            let number = path.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse().ok();
            self.hosts.at_mut(side).may_go_on = Some((ticket, number));
        }
        self.wire.end_mut(conn, end).moving = Some(ticket);
        self.hosts.at_mut(side).moves.insert(ticket, moving);
        self.schedule_within(self.scenario.delays.answer, Event::Pump(side, ticket));
    }

    /// The move goes on as far as it can now. `true` when it has only been opened: its machine is told,
    /// and it goes on at once.
    pub(super) fn pump(&mut self, side: Side, ticket: Ticket) -> bool {
        if self.hosts.at(side).is_gone() {
            return false;
        }
        let Some(moving) = self.hosts.at_mut(side).moves.get_mut(&ticket) else { return false };
        match moving.state {
            State::Opening => return self.open(side, ticket),
            State::Sending { .. } => self.send_on(side, ticket),
            State::Receiving(_) | State::ReceivingGroup(_) => self.receive_on(side, ticket),
        }
        false
    }

    /// The machine stops a move.
    pub(super) fn stop(&mut self, side: Side, ticket: Ticket) {
        if self.hosts.at(side).moves.contains_key(&ticket) {
            self.finish(side, ticket, End::Stopped, Ending::Reset);
        }
    }

    fn open(&mut self, side: Side, ticket: Ticket) -> bool {
        let write_over = self.scenario.sabotage == Some(Sabotage::WriteOver);
        let host = self.hosts.at_mut(side);
        let Some(moving) = host.moves.get_mut(&ticket) else { return false };
        let opened = match moving.prepared.intent.direction() {
            Direction::Send => match host.groups.read(&host.disk, &moving.prepared) {
                Some((file, outcomes)) => {
                    moving.sent = Some(outcomes);
                    Ok(State::Sending { file, at: 0 })
                }
                None => host.disk.read(&moving.prepared).map(|file| State::Sending { file, at: 0 }),
            },
            Direction::Receive if moving.prepared.intent.is_group() => {
                IncomingGroup::new(&moving.prepared).map(State::ReceivingGroup).ok_or(FileFailure::Other)
            }
            Direction::Receive => {
                if write_over {
                    host.disk.put(&moving.prepared.path, Vec::new());
                }
                host.disk.create(&moving.prepared, moving.partial).map(State::Receiving)
            }
        };
        match opened {
            Ok(state) => {
                moving.state = state;
                true
            }
            Err(failure) => {
                self.finish(side, ticket, End::Failed(failure), Ending::Reset);
                false
            }
        }
    }

    fn send_on(&mut self, side: Side, ticket: Ticket) {
        let most = 1 + self.random.length(8_191);
        let Some(moving) = self.hosts.at_mut(side).moves.get_mut(&ticket) else { return };
        let (conn, end) = moving.conn;
        let State::Sending { file, at } = &mut moving.state else { return };
        if self.wire.end(conn, end).over == Some(Ending::Reset) {
            return self.finish(side, ticket, End::Broken("connection reset".to_owned()), Ending::Reset);
        }
        let rest = file.get(*at..).unwrap_or_default();
        let piece = rest.get(..most).unwrap_or(rest).to_vec();
        let last = piece.is_empty();
        *at += piece.len();
        moving.moved += piece.len() as u64;
        let wire = match moving.framing {
            Framing::Stream => piece,
            Framing::Block { codes, .. } => {
                let mut wire = Vec::new();
                codes.write(&piece, last, &mut wire);
                wire
            }
        };
        self.send_data(conn, end, wire);
        if last {
            return self.finish(side, ticket, End::WHOLE_FILE, Ending::Close);
        }
        self.schedule_within(self.pace(), Event::Pump(side, ticket));
    }

    fn receive_on(&mut self, side: Side, ticket: Ticket) {
        let host = self.hosts.at_mut(side);
        let Some(moving) = host.moves.get_mut(&ticket) else { return };
        let this = self.wire.end_mut(moving.conn.0, moving.conn.1);
        let Ok((bytes, whole)) = moving.framing.take(&mut this.inbox) else {
            return self.finish(side, ticket, End::Broken("no blocks".to_owned()), Ending::Reset);
        };
        let over = this.over;
        moving.moved += bytes.len() as u64;
        let is_block = !matches!(moving.framing, Framing::Stream);
        let written = match &mut moving.state {
            State::Receiving(incoming) => host.disk.write(incoming, &bytes),
            State::ReceivingGroup(group) => group.write(&bytes, host.disk.space),
            State::Opening | State::Sending { .. } => return,
        };
        if let Err(failure) = written {
            return self.finish(side, ticket, End::Failed(failure), Ending::Reset);
        }
        if whole {
            if self.scenario.sabotage == Some(Sabotage::LoseBehind) {
                this.inbox.clear();
            }
            return self.finish(side, ticket, End::WHOLE_FILE, Ending::Close);
        }
        let believes = self.scenario.sabotage == Some(Sabotage::EndIsEnd);
        match over {
            None => {}
            Some(_) if is_block && !believes => {
                self.finish(side, ticket, End::Broken("the end of no file".to_owned()), Ending::Reset);
            }
            // E10: the peer's orderly end is the end of the file, anything else is not.
            Some(Ending::Close) => self.finish(side, ticket, End::WHOLE_FILE, Ending::Close),
            Some(Ending::Reset) => {
                self.finish(side, ticket, End::Broken("connection reset".to_owned()), Ending::Reset);
            }
        }
    }

    fn finish(&mut self, side: Side, ticket: Ticket, end: End, how: Ending) {
        let host = self.hosts.at_mut(side);
        let Some(moving) = host.moves.remove(&ticket) else { return };
        let believes = self.scenario.sabotage == Some(Sabotage::NoDoubt);
        let end = match (end, moving.doubt) {
            (End::Whole(_), Some(unless)) if unless != Some(moving.moved) && !believes => {
                End::Broken("the client had gone".to_owned())
            }
            (end, _) => end,
        };
        let end = match (moving.state, end) {
            (State::Receiving(incoming), end) => {
                match end {
                    End::Whole(_) => host.disk.finish(incoming),
                    End::Broken(_) | End::Stopped | End::Failed(_) => host.disk.give_up(incoming),
                }
                end
            }
            (State::ReceivingGroup(group), End::Whole(_)) => match host.groups.hold(&mut host.disk, group) {
                Ok(outcomes) => End::Whole(Carried::Group(outcomes)),
                Err(failure) => End::Failed(failure),
            },
            (State::Sending { .. }, End::Whole(carried)) => {
                End::Whole(moving.sent.map_or(carried, Carried::Group))
            }
            (State::Opening | State::Sending { .. } | State::ReceivingGroup(_), end) => end,
        };
        let what = match &end {
            End::Whole(_) => "whole",
            End::Broken(_) => "broken",
            End::Stopped => "stopped",
            End::Failed(FileFailure::NoSpace) => "no space",
            End::Failed(_) => "failed",
        };
        self.say(side, format!("   moved {} bytes, {what}", moving.moved));
        self.detached_ends(side, moving.detach, moving.moved, &end);
        let (conn, this) = moving.conn;
        self.wire.end_mut(conn, this).moving = None;
        let kept = end.is_whole() && moving.framing.keeps();
        if let (true, Owner::Server(_, id)) = (kept, self.wire.end(conn, this).owner) {
            self.hosts.at_mut(side).keeping.insert(ticket, id);
        } else {
            self.close_end(conn, this, if end.is_whole() { how } else { Ending::Reset });
        }
        let answer = Answer::Moved { bytes: moving.moved, kept, end };
        self.schedule_within(self.scenario.delays.answer, Event::Answer(side, ticket, answer));
    }

    /// A transfer that may outlive its control connection has ended.
    fn detached_ends(&mut self, side: Side, id: Option<TransferId>, moved: u64, end: &End) {
        let Some(id) = id else { return };
        let why = match end {
            End::Whole(_) => None,
            End::Broken(_) => Some("the data connection broke"),
            End::Stopped => Some("it was stopped"),
            End::Failed(_) => Some("the file failed"),
        };
        self.shared.borrow_mut().detached.ends(side, id, moved, why);
        let host = self.hosts.at_mut(side);
        if let (Some(alone), None) = (host.alone, why) {
            host.told_whole = alone.file;
        }
    }
}
