//! What must hold for several files and for transfers that outlive their control connection.

use super::SIDES;
use super::conduct::{Batch, Piece};
use super::course::name;
use super::detached::Alone;
use super::scenario::{Fault, Obstacle};
use super::wire::Owner;
use super::world::{Event, World};
use ftp_proto::transfer::Side;

impl World {
    /// Both servers have called a file whole.
    pub(super) fn judge_copy(&mut self, number: usize, piece: Piece) {
        let sent = self.hosts.source.disk.get(&name(Side::Source, number)).map(<[u8]>::to_vec);
        let stored = self.hosts.destination.disk.get(&name(Side::Destination, number)).map(<[u8]>::to_vec);
        if !piece.is_good() {
            self.violation(format!("file {number} has moved, though it must not"));
        } else if sent != stored {
            self.violation(format!("file {number} is called whole by both servers and is not"));
        }
    }

    /// The control connection has gone, and the session has not. It may go on only where DETA let it, with bytes on
    /// their way, or for the answer to a question that changes files.
    pub(super) fn goes_on_alone(&mut self, side: Side) {
        let now = self.now;
        let host = self.hosts.at_mut(side);
        if host.session.awaits_last_answer() {
            host.awaits_since = Some(now);
            return self.say(side, "   waits for its last answer".to_owned());
        }
        let Some((_, file)) = host.may_go_on.filter(|_| host.session.is_detached()) else {
            return self.violation("A24: a server session goes on without its control connection".to_owned());
        };
        host.alone = Some(Alone { since: now, file });
        self.say(side, "   goes on alone".to_owned());
    }

    /// A session that went on alone has ended, or its time is over.
    pub(super) fn alone_is_over(&mut self, side: Side) {
        let awaits = self.hosts.at(side).awaits_since.map(|since| self.now.since(since));
        // What was asked just before may be told in two answers.
        let longest = self.scenario.delays.answer * 2;
        if let Some(took) = awaits.filter(|took| *took > longest) {
            self.violation(format!("a session waits {took:?} for its last answer, and may for {longest:?}"));
        }
        let Some(alone) = self.hosts.at(side).alone else { return };
        // Its last move is stopped first.
        let most = self.scenario.batch().and_then(|batch| batch.detach).unwrap_or_default()
            + self.scenario.delays.answer;
        let took = self.now.since(alone.since);
        if took > most {
            self.violation(format!("a transfer goes on alone for {took:?}, and may for {most:?}"));
        }
    }

    /// A file moves between the two servers: over the one connection that there is.
    pub(super) fn judge_connections(&mut self) {
        let is_server = |owner| matches!(owner, Owner::Server(..));
        let both = |ends: &[super::wire::End; 2]| {
            ends.iter().all(|end| is_server(end.owner) && !end.shut && end.over.is_none())
        };
        if self.wire.conns.iter().filter(|ends| both(ends)).count() > 1 {
            self.violation("there is a second connection between the servers".to_owned());
        }
    }

    /// When all is over.
    pub(super) fn judge_batch(&mut self, batch: &Batch) {
        for (number, piece) in batch.files.iter().enumerate() {
            let path = name(Side::Destination, number);
            let stored = self.hosts.destination.disk.get(&path).map(<[u8]>::to_vec);
            let old = self.first_disk.get(&path).map(<[u8]>::to_vec);
            let sent = self.hosts.source.disk.get(&name(Side::Source, number)).map(<[u8]>::to_vec);
            let begins = |stored: &Vec<u8>| sent.as_ref().is_some_and(|sent| sent.starts_with(stored));
            // In stream mode in clear, the end of a process looks like the end of the file.
            let cut_short = self.may_be_cut_short(batch);
            let bearable = stored == old
                || (piece.is_good() && stored == sent)
                || ((old.is_none() || cut_short) && stored.as_ref().is_some_and(begins))
                // A file that the source lacks may have begun, empty, at the destination.
                || ((old.is_none() || cut_short) && sent.is_none() && stored.as_ref().is_none_or(Vec::is_empty));
            if !bearable {
                let what = "neither the old file nor the beginning of the new one";
                self.violation(format!("file {number} of the destination is {what}"));
            }
            if piece.is_good() && self.must_copy_all() && !self.course.copied.contains(&number) {
                self.violation(format!("file {number} has not moved, though nothing was wrong"));
            }
        }
        let needed = if batch.block { 1 } else { batch.files.len() };
        if self.must_copy_all()
            && batch.files.iter().all(|piece| piece.is_good())
            && self.course.rounds > needed
        {
            self.violation("a file had to be copied again, though nothing was wrong".to_owned());
        }
        self.judge_detached(batch);
        // An end whose server has not yet heard of it is reset when it does.
        let unheard = |place| {
            let connects = |event: &Event| matches!(event, Event::Connected(_, at) if *at == place);
            self.queue.iter().any(|due| connects(&due.0.event))
        };
        let held = self.wire.open_ends(|owner| matches!(owner, Owner::Server(..)));
        if held.into_iter().any(|place| !unheard(place)) {
            self.violation("a server still holds a data connection".to_owned());
        }
    }

    /// Whether nothing stands in the way of any good file.
    fn must_copy_all(&self) -> bool {
        let scenario = &self.scenario;
        let allowed = scenario.is_allowed() && scenario.obstacles.is_empty();
        allowed && scenario.faults.is_empty() && scenario.delays.are_quick()
    }

    /// What the servers tell of transfers that may go on alone is true, and a transfer that only lost its control
    /// connections arrives.
    fn judge_detached(&mut self, batch: &Batch) {
        let [source, destination] = SIDES.map(|side| self.hosts.at(side).alone.and_then(|alone| alone.file));
        let only_cut = self.scenario.faults.iter().all(|(_, fault)| matches!(fault, Fault::CutControl(_)));
        let long = batch.detach.is_some_and(|time| time.as_secs() >= 3_600);
        let trusted = batch.block || self.scenario.tls.is_some() || batch.allocates;
        let calm = only_cut && long && trusted && self.scenario.delays.are_quick();
        let Some(number) = destination else { return };
        let obstacles = self.scenario.obstacles.iter().any(|what| !matches!(what, Obstacle::NoPort(_)));
        let path = name(Side::Destination, number);
        let stored = self.hosts.destination.disk.get(&path).map(<[u8]>::to_vec);
        let sent = self.hosts.source.disk.get(&name(Side::Source, number)).map(<[u8]>::to_vec);
        let ended = self.hosts.destination.stopped_by_others || self.hosts.source.stopped_by_others;
        if source == destination && calm && !obstacles && !ended && stored != sent {
            self.violation(format!("file {number} has lost its control connections and has not arrived"));
        }
        if self.hosts.destination.told_whole == Some(number)
            && stored != sent
            && !self.may_be_cut_short(batch)
        {
            self.violation(format!("file {number} is believed to be complete and is not"));
        }
    }

    /// Whether the end of a process that sends looks like the end of its file: in stream mode in clear. A server
    /// whose client has gone does not believe it, if the file comes from the client's own host.
    fn may_be_cut_short(&self, batch: &Batch) -> bool {
        let looks_whole = self.hosts.source.has_crashed() && !batch.block && self.scenario.tls.is_none();
        let doubts = self.hosts.destination.alone.is_some() && self.scenario.is_own(Side::Destination);
        looks_whole && !doubts
    }
}
