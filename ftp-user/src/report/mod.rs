//! Events, and the task that prints them: for people, for programs, for the trace.
//!
//! Everything that a verb has to say goes through one channel; one task reads it as a stream.

mod bar;
mod entry;
mod event;
mod found;
mod gauge;
mod human;
mod job;
mod json;
mod overall;
mod pace;
mod past;
mod receipt;
mod style;
mod topic;
mod trace;

pub use event::{Cause, Event, Forgotten, Form, Listed, Progress, Receipts, Summary, Survey};
pub use found::{Finding, Found};
pub use style::Style;
pub use topic::{THIS_HOST, Topic};

use crate::failure::{Failure, Kind};
use crate::id::Origin;
use ftp_io::clock::Clock;
use overall::Overall;
use std::io::{self, Write};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};

/// Where a verb says what happens. Clones speak to the same reporter.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::UnboundedSender<Record>,
    origin: Origin,
    /// Whether somebody wants the dialogue with the servers.
    traces: bool,
}

/// An event, and what it is about.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// The job, file or attempt.
    pub origin: Origin,
    /// What has happened.
    pub event: Event,
}

impl Events {
    /// The same events, said to be about `origin`.
    #[must_use]
    pub fn about(&self, origin: Origin) -> Self {
        Self { sender: self.sender.clone(), origin, traces: self.traces }
    }

    /// Whether [`Event::Dialogue`] goes anywhere. A tree of small files has millions of lines, so that none is made for
    /// nothing.
    pub const fn traces(&self) -> bool {
        self.traces
    }

    /// What the events are said to be about.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Says it. Nobody listening is no failure: the program is ending.
    pub fn say(&self, event: Event) {
        let _ = self.sender.send(Record { origin: self.origin, event });
    }

    /// Says a notice: `-v` shows it to people, and `--json` as a warning.
    pub fn notice(&self, text: impl Into<String>) {
        self.say(Event::Notice { message: text.into() });
    }

    /// Says a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.say(Event::Warning { message: text.into() });
    }

    /// Says a warning that many files may cause. People see the first one of each topic and site, and the number of the
    /// others at the end.
    pub fn warn_of(&self, topic: Topic, site: impl Into<String>, text: impl Into<String>) {
        self.say(Event::Repeated { topic, site: site.into(), why: None, message: text.into() });
    }
}

/// The task that prints the events. [`Reporter::finish`] waits until everything is printed.
#[derive(Debug)]
pub struct Reporter(JoinHandle<io::Result<()>>);

impl Reporter {
    /// Starts to tell. The dialogue goes to `trace`, if there is one.
    pub fn start(style: Style, trace: Option<std::fs::File>) -> (Events, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let stream = UnboundedReceiverStream::new(receiver);
        let events = Events { sender, origin: Origin::Run, traces: trace.is_some() };
        (events, Self(tokio::spawn(tell(stream, style, trace))))
    }

    /// Waits for the end of all events: every [`Events`] must have been dropped. A reader that went
    /// away (broken pipe) is no failure.
    pub async fn finish(self) -> Result<(), Failure> {
        let told = self.0.await.map_err(io::Error::other).and_then(|told| told);
        match told {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Kind::Other, format!("the report could not be written: {error}")))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

async fn tell(
    mut events: impl Stream<Item = Record> + Unpin,
    style: Style,
    trace: Option<std::fs::File>,
) -> io::Result<()> {
    let mut trace = trace.map(trace::Trace::new);
    let mut human = human::Human::new(style);
    let (mut overall, clock) = (Overall::default(), Clock::start());
    let started = clock.now();
    let mut json = json::Json::new(style.exit_of);
    // A reader that went away must not stop the trace, nor the transfer.
    let mut told = Ok(());
    while let Some(Record { event, .. }) = events.next().await {
        if let (Event::Dialogue { side, title, at, line }, Some(trace)) = (&event, &mut trace) {
            trace.line(*side, title, *at, line)?;
        }
        if told.is_ok() {
            let at = clock.now().since(started);
            let shown = overall.take(&event, at).then(|| overall.shown());
            told = if style.json {
                json.tell(&event, shown.as_ref(), at, &mut style.output())
            } else {
                human.tell(&event).map(|()| {
                    if let Some(shown) = &shown {
                        human.progress(&event, shown, at);
                    }
                })
            };
        }
    }
    if let Some(trace) = &mut trace {
        trace.finish()?;
    }
    told.and_then(|()| style.output().flush())
}
