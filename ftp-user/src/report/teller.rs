//! Shows events to people or programs as they come, and how far the job is, also while nothing happens.

use super::bar::Due;
use super::event::Event;
use super::human::Human;
use super::progress::{JobProgress, RunProgress};
use super::queue;
use super::{Output, RunMessage, Style};
use ftp_io::clock::Clock;
use ftp_proto::timer::Moment;
use std::io::{self, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Shows all events but those of the dialogue.
pub(super) fn tell(mut events: queue::Receiver, style: Style) -> io::Result<()> {
    let mut teller = Teller::new(style.clone());
    loop {
        match events.next_within(teller.wait(), |event| teller.take(event)) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout) => teller.silence(),
            Err(RecvTimeoutError::Disconnected) => return teller.told.and_then(|()| style.output().flush()),
        }
    }
}

/// What shows events.
#[derive(Debug)]
struct Teller {
    style: Style,
    /// Shows them to a person; `None` if a program reads them.
    human: Option<Human>,
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
        let is_for_program = style.json || matches!(style.output, Output::Listener(_));
        let human = (!is_for_program).then(|| Human::new(style.clone()));
        let due = human.as_ref().map_or(Some(Due::EVENT), Human::due);
        let clock = Clock::start();
        let started = clock.now();
        Self {
            style,
            human,
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

    fn take(&mut self, event: Event) {
        // People are told on standard error what has failed, also when nobody reads the results any more.
        let is_complaint = self.human.is_some() && matches!(event, Event::Causes(_) | Event::Withheld(_));
        if self.told.is_err() && !is_complaint {
            return;
        }
        let at = self.at();
        let shown = self.overall.take(&event, at).then(|| self.overall.shown(at));
        self.has_begun |= shown.is_some() && !matches!(event, Event::Found(_));
        let is_progress = matches!(event, Event::Progress(_));
        let is_of_many = shown.as_ref().is_some_and(|shown| is_of_many(&event, shown));
        let told = match &mut self.human {
            Some(human) => human.tell(&event),
            None => self.say(RunMessage::Event { event, progress: shown, exits: self.style.exits }),
        };
        self.told = std::mem::replace(&mut self.told, Ok(())).and(told);
        let Some(shown) = shown.filter(|_| self.told.is_ok() && self.has_begun) else { return };
        match (&self.human, &mut self.due) {
            (None, Some(due)) if is_progress => due.told(at),
            (None, Some(due)) if !(is_of_many && due.is_due(at)) => {}
            (Some(human), Some(due)) if !human.is_drawn() && !due.is_due(at) => {}
            (_, Some(_)) => self.progress(&shown, at),
            (_, None) => {}
        }
    }

    /// Nothing has happened for a while.
    fn silence(&mut self) {
        let at = self.at();
        self.overall.saw(at);
        let shown = self.overall.shown(at);
        self.progress(&shown, at);
    }

    /// Hands a whole line to the program that reads, or the message to a listener.
    fn say(&self, said: RunMessage) -> io::Result<()> {
        if let Output::Listener(listener) = &self.style.output {
            listener.hear(said);
            return Ok(());
        }
        let Some(line) = said.line()? else { return Ok(()) };
        let mut out = self.style.output();
        out.write_all((line + "\n").as_bytes())?;
        out.flush()
    }

    fn progress(&mut self, shown: &JobProgress, at: Duration) {
        let last = self.overall.last();
        match &mut self.human {
            Some(human) => human.progress(shown, last.map(|last| last.source.as_str())),
            None => {
                if let Some(last) = last {
                    self.told = self.say(RunMessage::Progress { progress: *shown, last: last.clone() });
                }
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
