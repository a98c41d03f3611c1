//! Shows events to people or programs as they come, and how far the job is, also while nothing happens.

use super::bar::Due;
use super::event::Event;
use super::human::Human;
use super::json;
use super::progress::{JobProgress, RunProgress};
use super::queue::{self, NextEvent};
use super::{Listener, Output, RunMessage, Style};
use ftp_io::clock::Clock;
use ftp_proto::timer::Moment;
use std::io::{self, Write};
use std::time::Duration;

/// Shows all events but those of the dialogue.
pub(super) fn tell(mut events: queue::Receiver, style: Style) -> io::Result<()> {
    let mut teller = Teller::new(style.clone());
    loop {
        match events.next_within(teller.wait(), |event| teller.take(&event)) {
            NextEvent::Shown(()) => {}
            NextEvent::Silence => teller.silence(),
            NextEvent::End => return teller.told.and_then(|()| style.output().flush()),
        }
    }
}

/// Where events are shown.
#[derive(Debug)]
enum Reader {
    Person(Box<Human>),
    Program,
    Listener(Listener),
}

/// What shows events.
#[derive(Debug)]
struct Teller {
    style: Style,
    reader: Reader,
    overall: RunProgress,
    /// When it is told how far the job is; `None` if it is not.
    due: Option<Due>,
    /// Whether files are being copied, and not only counted.
    has_begun: bool,
    clock: Clock,
    started: Moment,
    /// A reader that went away does not stop the job.
    told: io::Result<()>,
}

impl Teller {
    fn new(style: Style) -> Self {
        let (reader, due) = match &style.output {
            Output::Listener(listener) => (Reader::Listener(listener.clone()), Some(Due::EVENT)),
            Output::Standard | Output::Error if style.json => (Reader::Program, Some(Due::EVENT)),
            Output::Standard | Output::Error => {
                let human = Human::new(style.clone());
                let due = human.due();
                (Reader::Person(Box::new(human)), due)
            }
        };
        let clock = Clock::start();
        let started = clock.now();
        Self {
            style,
            reader,
            overall: RunProgress::default(),
            due,
            has_begun: false,
            clock,
            started,
            told: Ok(()),
        }
    }

    /// The time since the first event.
    fn at(&self) -> Duration {
        self.clock.now().since(self.started)
    }

    /// How long the next event may take before it is told how far the job is.
    fn wait(&self) -> Duration {
        let is_awaited = self.told.is_ok() && self.has_begun && self.overall.is_under_way();
        self.due.filter(|_| is_awaited).map_or(Duration::MAX, |due| due.rest(self.at()))
    }

    fn take(&mut self, event: &Event) {
        if self.told.is_err() {
            return;
        }
        let at = self.at();
        let shown = self.overall.take(event, at).then(|| self.overall.shown(at));
        self.has_begun |= shown.is_some() && !matches!(event, Event::Found(_));
        self.told = match &mut self.reader {
            Reader::Person(human) => human.tell(event),
            Reader::Program => json::tell(event, shown.as_ref(), self.style.exits, &mut self.style.output()),
            Reader::Listener(listener) => json::text(event, shown.as_ref(), self.style.exits).map(|line| {
                let line = line.as_deref();
                listener.hear(RunMessage { event: Some(event), line, progress: shown.as_ref() });
            }),
        };
        let Some(shown) = shown.filter(|_| self.told.is_ok() && self.has_begun) else { return };
        match (&self.reader, event, &mut self.due) {
            // Its line has told it.
            (Reader::Program | Reader::Listener(_), Event::Progress(_), Some(due)) => due.told(at),
            (Reader::Program | Reader::Listener(_), _, Some(due))
                if !(is_of_many(event, &shown) && due.is_due(at)) => {}
            (Reader::Person(human), _, Some(due)) if !human.is_drawn() && !due.is_due(at) => {}
            (_, _, Some(_)) => self.progress(&shown, at),
            (_, _, None) => {}
        }
    }

    /// Nothing has happened for a while.
    fn silence(&mut self) {
        let at = self.at();
        self.overall.saw(at);
        self.progress(&self.overall.shown(at), at);
    }

    /// Tells how far the job is.
    fn progress(&mut self, shown: &JobProgress, at: Duration) {
        match &mut self.reader {
            Reader::Person(human) => {
                human.progress(shown, self.overall.last().map(|last| last.source.as_str()));
            }
            Reader::Program => {
                let last = self.overall.last();
                let tell = |last| json::tell_progress(last, shown, &mut self.style.output());
                self.told = last.map_or(Ok(()), tell);
            }
            Reader::Listener(listener) => {
                let line = self.overall.last().map(|last| json::progress_text(last, shown)).transpose();
                self.told = line.map(|line| {
                    listener.hear(RunMessage { event: None, line: line.as_deref(), progress: Some(shown) });
                });
            }
        }
        if let Some(due) = &mut self.due {
            due.told(at);
        }
    }
}

/// Whether an event is about one of several files that has no line of its own about its progress.
const fn is_of_many(event: &Event, shown: &JobProgress) -> bool {
    let is_small = matches!(event, Event::File(_) | Event::Arrived { .. } | Event::Together { .. });
    is_small && shown.of > 1
}
