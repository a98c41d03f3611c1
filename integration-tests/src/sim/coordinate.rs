//! A coordinator who copies several files over the same sessions, line by line: MODE B with one data connection for
//! all of them, symmetric opening, and transfers that may outlive their control connections.

use super::conduct::{Batch, Piece};
use super::conversation::{Line, Said};
use super::course::{Stage, login, name};
use super::user::Phase as UserPhase;
use super::world::{Event, World};
use super::{Pair, SIDES};
use ftp_proto::dialect::Dialect;
use ftp_proto::rendezvous::RendezvousSecret;
use ftp_proto::reply::Meaning;
use ftp_proto::transfer::{Opening, Side};
use std::time::Duration;

impl World {
    /// The files are put where they belong, and both sessions begin.
    pub(super) fn begin_batch(&mut self, batch: &Batch) {
        self.user.phase = UserPhase::Over;
        for (number, piece) in batch.files.iter().enumerate() {
            let file = self.random.bytes(piece.length().unwrap_or(0));
            if piece.length().is_some() {
                self.hosts.source.disk.put(&name(Side::Source, number), file.clone());
            }
            if let (0, Some(old)) = (number % 2, self.scenario.old) {
                let old = self.random.bytes(old);
                self.hosts.destination.disk.put(&name(Side::Destination, number), old);
            }
            if matches!(piece, Piece::Refused(_)) {
                self.hosts.destination.disk.refuse(&name(Side::Destination, number));
            }
        }
        self.first_disk = self.hosts.destination.disk.clone();
        self.course.todo = (0..batch.files.len()).collect();
        self.arm();
        for side in SIDES {
            self.course.talks.at_mut(side).waiting.push_back(Line::Greeting);
            self.greet(side);
        }
    }

    /// A control connection has ended.
    pub(super) fn server_is_lost(&mut self, side: Side) {
        let talk = self.course.talks.at_mut(side);
        if std::mem::replace(&mut talk.over, true) {
            return;
        }
        let open: Vec<Line> = talk.waiting.drain(..).collect();
        self.say(side, "-- closed".to_owned());
        self.user_closes(side);
        for line in open {
            if let Line::Transfer(number) = line {
                self.file_ends(side, number, false);
            }
        }
        self.course.failed = true;
        self.next_stage();
    }

    /// A server has answered.
    pub(super) fn batch_hears(&mut self, side: Side, said: &Said) {
        let dialect = *self.scenario.dialect.at(side);
        let good = said.code < 400;
        match said.to {
            Line::Greeting => {
                let mut lines = login(&self.scenario, side);
                if self.scenario.batch().cloned().is_some_and(|batch| batch.block) {
                    lines.push("MODE B".to_owned());
                }
                for line in lines {
                    self.tell(side, &line, Line::Set);
                }
            }
            Line::Port => {
                *self.course.ports.at_mut(side) = port_in(&said.text).filter(|_| good);
                self.course.failed |= !good;
            }
            Line::Set => self.course.failed |= !good && self.course.stage != Stage::Login,
            Line::Detach(number) => self.tell_of_file(side, number),
            Line::Transfer(number) => {
                let whole = [Meaning::Transferred, Meaning::TransferredKept];
                self.file_ends(side, number, whole.iter().any(|what| what.code(dialect).0 == said.code));
            }
            Line::Noop if said.code != Meaning::Okay.code(dialect).0 && !self.links.at(side).harmed => {
                self.violation(format!("a session is out of step: NOOP was answered {}", said.text));
            }
            Line::Abort | Line::Ask { .. } | Line::Noop | Line::Quit => {}
        }
        self.next_stage();
    }

    /// The next stage, once all has been answered.
    fn next_stage(&mut self) {
        let Some(batch) = self.scenario.batch().cloned() else { return };
        if SIDES.into_iter().any(|side| !self.course.talks.at(side).waiting.is_empty()) {
            return;
        }
        let lost = SIDES.into_iter().any(|side| self.course.talks.at(side).over);
        let next = match self.course.stage {
            Stage::Quit => return,
            Stage::Noop => Stage::Quit,
            Stage::Files if !self.round_is_over(&batch) => return,
            Stage::Files => self.end_round(&batch),
            _ if lost => Stage::Noop,
            Stage::Meet | Stage::Point | Stage::Filter if self.course.failed => self.end_round(&batch),
            Stage::Login => Stage::Meet,
            Stage::Meet => Stage::Point,
            Stage::Point => Stage::Filter,
            Stage::Filter => Stage::Files,
        };
        self.course.stage = next;
        match next {
            Stage::Login => {}
            Stage::Meet => self.meet(&batch),
            Stage::Point => self.point(&batch),
            Stage::Filter => self.filter(&batch),
            Stage::Files => self.begin_files(),
            Stage::Noop => SIDES.into_iter().for_each(|side| self.tell(side, "NOOP", Line::Noop)),
            Stage::Quit => SIDES.into_iter().for_each(|side| self.tell(side, "QUIT", Line::Quit)),
        }
        // A stage without a line is over at once.
        if next != Stage::Files {
            self.next_stage();
        }
    }

    /// A secret for both ends, and a port of each end that listens.
    fn meet(&mut self, batch: &Batch) {
        self.course.rounds += 1;
        self.course.failed = false;
        self.course.ports = Pair::default();
        let secret: [u8; 32] = self.random.array();
        for side in SIDES {
            if self.scenario.rendezvous {
                let mut secret = secret;
                if self.has(super::scenario::Obstacle::WrongSecret(side)) {
                    secret[0] ^= 1;
                }
                self.hosts.at_mut(side).secret = Some(RendezvousSecret::new(secret));
                let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
                self.tell(side, &format!("RNDZ {hex}"), Line::Set);
            }
            if batch.symmetric {
                self.tell(side, "RSYM ON", Line::Set);
                self.tell(side, "GSOC", Line::Port);
            }
        }
        if !batch.symmetric {
            let passive = self.scenario.roles.passive;
            let line = match (self.scenario.roles.opening, passive) {
                (Opening::Lstn, Side::Source) => "LSTN S",
                (Opening::Lstn, Side::Destination) => "LSTN R",
                (Opening::Pasv | Opening::Epsv | Opening::Symmetric, _) => "EPSV",
            };
            self.tell(passive, line, Line::Port);
        }
    }

    /// Each end that connects is told where to.
    fn point(&mut self, batch: &Batch) {
        for side in SIDES {
            if batch.symmetric || side != self.scenario.roles.passive {
                self.point_at_peer(side, Line::Port);
            }
        }
    }

    /// The end that listens is told who alone may come.
    fn filter(&mut self, batch: &Batch) {
        if !batch.symmetric && self.scenario.roles.filter {
            let active = self.scenario.roles.passive.other();
            // A proof may come from any port: the active end does not always bind the port that it has told.
            if self.course.ports.at(active).is_some() {
                self.point_at_peer(self.scenario.roles.passive, Line::Set);
            }
        }
    }

    fn point_at_peer(&mut self, side: Side, what: Line) {
        let Some(port) = *self.course.ports.at(side.other()) else {
            self.course.failed = true;
            return;
        };
        let host = self.address(side.other());
        self.tell(side, &format!("SOCK {host},{port}"), what);
    }

    fn begin_files(&mut self) {
        self.course.told = Pair::default();
        self.course.results.clear();
        for side in SIDES {
            self.schedule_within(Duration::from_secs(2), Event::Script(side));
        }
    }

    /// The next transfer command, if that server may have another one.
    pub(super) fn feed(&mut self, side: Side) {
        let Some(batch) = self.scenario.batch().cloned() else { return };
        let course = &self.course;
        let is_transfer = |line: &Line| matches!(line, Line::Transfer(_) | Line::Detach(_));
        let open = course.talks.at(side).waiting.iter().filter(|line| is_transfer(line)).count();
        let last = if batch.block { course.todo.len() } else { 1 };
        let told = *course.told.at(side);
        if course.stage != Stage::Files || course.failed || told >= last || open >= batch.ahead {
            return;
        }
        // A first RETR that fails leaves its target to the next one, but the other server waits with its first STOR.
        // So nothing follows the first file before both servers have called it whole. In 1973 both ends keep their
        // sockets: without RNDZ a RETR that fails leaves them to the next one at any time (decision 21).
        let forgets = self.scenario.rendezvous || self.scenario.dialect.both(|of| *of == Dialect::Rfc959);
        let whole = course.results.values().any(|said| said.both(|whole| *whole == Some(true)));
        let stands = whole && (open == 0 || forgets);
        let Some(number) = course.todo.get(told).copied().filter(|_| told == 0 || stands) else { return };
        *self.course.told.at_mut(side) += 1;
        match batch.detach {
            Some(time) => self.tell(side, &format!("DETA {}", time.as_secs()), Line::Detach(number)),
            None => self.tell_of_file(side, number),
        }
        let pause = self.random.pick([0, 1, 300, 4_000]);
        self.schedule_within(Duration::from_millis(pause), Event::Script(side));
    }

    fn tell_of_file(&mut self, side: Side, number: usize) {
        let verb = match side {
            Side::Source => "RETR",
            Side::Destination => "STOR",
        };
        let length = self
            .scenario
            .batch()
            .cloned()
            .and_then(|batch| Some((batch.allocates, batch.files.get(number)?.length()?)));
        if let (Side::Destination, Some((true, length))) = (side, length) {
            self.tell(side, &format!("ALLO {length}"), Line::Set);
        }
        let path = name(side, number);
        let path = String::from_utf8_lossy(path.as_bytes()).into_owned();
        self.tell(side, &format!("{verb} {path}"), Line::Transfer(number));
    }

    fn file_ends(&mut self, side: Side, number: usize, whole: bool) {
        *self.course.results.entry(number).or_default().at_mut(side) = Some(whole);
        if !whole && !std::mem::replace(&mut self.course.failed, true) {
            self.end_the_other(side.other());
        }
        let pause = self.random.pick([0, 1, 300, 4_000]);
        self.schedule_within(Duration::from_millis(pause), Event::Script(side));
        self.schedule_within(Duration::from_millis(pause), Event::Script(side.other()));
    }

    /// One end of a file has failed: the other one need not wait. Where commands are ahead, or where a transfer may
    /// go on alone, the servers' own timers end it.
    fn end_the_other(&mut self, side: Side) {
        let alone =
            self.scenario.batch().cloned().is_some_and(|batch| batch.ahead > 1 || batch.detach.is_some());
        if !alone && self.course.talks.at(side).waiting.iter().any(|line| matches!(line, Line::Transfer(_))) {
            self.tell(side, "ABOR", Line::Abort);
        }
    }

    /// Whether nothing more is to come of the files that were begun, and none follows.
    fn round_is_over(&self, batch: &Batch) -> bool {
        let last = if batch.block { self.course.todo.len() } else { self.course.todo.len().min(1) };
        self.course.failed || self.course.told.both(|told| *told >= last)
    }

    /// Both servers have said what became of the files. Returns what follows.
    fn end_round(&mut self, batch: &Batch) -> Stage {
        let results = std::mem::take(&mut self.course.results);
        for (number, said) in &results {
            let piece = batch.files.get(*number).copied().unwrap_or(Piece::Missing);
            if said.both(|whole| *whole == Some(true)) {
                self.judge_copy(*number, piece);
                self.course.copied.insert(*number);
                self.course.todo.retain(|other| other != number);
            } else if !piece.is_good() {
                self.course.todo.retain(|other| other != number);
            }
        }
        let lost = SIDES.into_iter().any(|side| self.course.talks.at(side).over);
        let most = 2 * batch.files.len() + 2;
        if lost || self.course.todo.is_empty() || self.course.rounds >= most {
            Stage::Noop
        } else {
            Stage::Meet
        }
    }
}

/// The port in a reply to LSTN, GSOC or SOCK (255), or to EPSV (229; 255 in 1973).
fn port_in(text: &str) -> Option<u16> {
    let digits = match text.split_once("|||") {
        Some((_, port)) => port.split('|').next()?,
        None => text
            .split_whitespace()
            .find_map(|word| word.parse::<u16>().ok().map(|_| word).filter(|_| word.len() > 3))?,
    };
    digits.parse().ok()
}
