//! Events, and the threads that print them: for people, for programs, for the trace.
//!
//! Everything that a verb has to say goes through one queue, and the dialogue with the servers through another one. Both
//! are bounded (`queue`).

mod bar;
mod change;
mod event;
mod human;
mod jobs;
mod json;
mod progress;
mod queue;
mod ranges;
mod receipt;
mod routes;
mod sentence;
mod teller;

pub(crate) use change::several;
pub use change::{Change, Checked, FileDigest, Label, ShownToken, SiteShown, VerbSummary, Verdict};
pub use event::{
    Cause, Event, FailedFiles, FileProgress, ForgottenSite, Form, LeftOutEvents, ListedEntry, Receipts,
    Summary, SummaryDetails, THIS_HOST, Topic, TreeEntry, WithheldDeletions,
};
pub(crate) use jobs::command_line;
pub use progress::{Finding, FoundFiles, JobProgress, LastFile};
pub use ranges::{RangeProgress, SharedProgress};
pub(crate) use receipt::{about, destination, failed_alike};

use crate::failure::{Failure, Kind, Result};
use crate::outcome::FailedItem;
use ftp_io::program::output;
use ftp_io::simulated;
use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use ftp_proto::wire::counted;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

/// Where a verb says what happens. Clones speak to the same reporter.
#[derive(Clone, Debug)]
pub struct Events {
    shown: queue::Sender,
    /// Where the dialogue with the servers goes, if somebody wants it.
    dialogue: Option<queue::Sender>,
    /// The range of a file whose progress this is, if its others move as well.
    range: Option<RangeProgress>,
}

impl Events {
    /// The same for a range of a file: its progress is told with that of the others, and the path of the file by whoever moves
    /// its first range.
    #[must_use]
    pub fn of_range(&self, range: RangeProgress) -> Self {
        Self { range: Some(range), ..self.clone() }
    }

    /// Whether [`Event::Dialogue`] goes anywhere. A tree of small files has millions of lines, so that none is made for
    /// nothing.
    pub const fn traces(&self) -> bool {
        self.dialogue.is_some()
    }

    /// Says it and goes on at once. If too much waits for a reader already, it is left out and counted. Only what there
    /// is once in a run, as the summary, is never left out.
    pub fn say(&self, event: Event) {
        let event = match (event, &self.range) {
            (Event::Progress(told), Some(range)) => Event::Progress(range.of_file(told)),
            (Event::Path { .. }, Some(range)) if !range.is_first => return,
            (event, _) => event,
        };
        let to =
            if matches!(event, Event::Dialogue { .. }) { self.dialogue.as_ref() } else { Some(&self.shown) };
        if let Some(to) = to {
            to.say(event);
        }
    }

    /// Says what somebody has asked for, as the entries of a listing: it waits for its reader, and is never left out.
    pub async fn deliver(&self, event: Event) {
        self.shown.deliver(event).await;
    }

    /// Says the plan of a file. It is what a dry run was asked for; a copy waits for no reader.
    pub async fn plan(&self, plan: Event, is_dry: bool) {
        if is_dry { self.deliver(plan).await } else { self.say(plan) }
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

/// The threads that print the events: their readers may keep them waiting, and nobody else waits for them.
/// [`Reporter::finish`] waits until everything is printed.
#[derive(Debug)]
pub struct Reporter {
    shown: JoinHandle<io::Result<()>>,
    dialogue: Option<JoinHandle<io::Result<()>>>,
}

impl Reporter {
    /// Starts to tell. The dialogue goes to `trace`, if there is one.
    pub fn start(style: Style, trace: Option<File>) -> (Events, Self) {
        let (shown, events) = queue::queue(MOST_UNREAD);
        let told = read(events, move |events| teller::tell(events, style));
        let (dialogue, traced) = trace
            .map(|file| {
                let (dialogue, lines) = queue::queue(MOST_UNREAD);
                (dialogue, read(lines, |lines| write_down(lines, file)))
            })
            .unzip();
        (Events { shown, dialogue, range: None }, Self { shown: told, dialogue: traced })
    }

    /// Waits for the end of all events: every [`Events`] must have been dropped. A reader that went
    /// away (broken pipe) is no failure.
    ///
    /// # Errors
    ///
    /// The report or the trace could not be written.
    pub async fn finish(self) -> Result<()> {
        let mut told = ended(self.shown).await;
        if let Some(dialogue) = self.dialogue {
            told = told.and(ended(dialogue).await);
        }
        match told {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::of_this_host("the report could not be written", &error).as_kind(Kind::Other))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Has a thread read what is said. On a host of a simulation it is read when nothing more will be said.
fn read(
    said: queue::Receiver,
    tell: impl FnOnce(queue::Receiver) -> io::Result<()> + Send + 'static,
) -> JoinHandle<io::Result<()>> {
    if simulated::host().is_none() {
        return spawn_blocking(move || tell(said));
    }
    let last_said = said.last_said();
    tokio::spawn(async {
        last_said.await;
        tell(said)
    })
}

async fn ended(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.await.map_err(io::Error::other).and_then(|told| told)
}

/// Writes the dialogue.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is said there")]
fn write_down(mut lines: queue::Receiver, file: File) -> io::Result<()> {
    let mut trace = Trace { out: BufWriter::new(file), titles: [None, None] };
    let mut write = |event| match event {
        Event::Dialogue { side, title, at, line } => trace.line(side, &title, at, &line),
        Event::LeftOut(left_out) => trace.left_out(left_out.events),
        _ => Ok(()),
    };
    while let Ok(written) = lines.next_within(Duration::MAX, &mut write) {
        written?;
    }
    trace.out.flush()
}

/// The largest number of bytes that wait for one reader.
const MOST_UNREAD: usize = 16 << 20;

/// How events are shown.
#[derive(Clone, Debug)]
pub struct Style {
    /// One JSON object per line instead of words.
    pub json: bool,
    /// Where everything goes.
    pub output: Output,
    /// Only failures are shown.
    pub quiet: bool,
    /// Every file and every path is shown.
    pub verbose: bool,
    /// Colour is used.
    pub color: bool,
    /// Where results are shown.
    pub screen: Screen,
    /// A progress bar is drawn.
    pub progress: bool,
    /// The numbers that `--json` shows.
    pub exits: Exits,
}

/// Where events are written.
#[derive(Clone, Debug)]
pub enum Output {
    /// Results to standard output.
    Standard,
    /// Everything to standard error, since standard output receives a file.
    Error,
    /// To nobody outside: a listener of this program hears everything.
    Listener(Listener),
}

/// Who hears within this program what a run says. It is called on a thread that may wait. Clones are the same listener.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(RunMessage) + Send + Sync>);

/// What a run says.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are events")]
pub enum RunMessage {
    /// Something has happened.
    Event {
        /// The event itself.
        event: Event,
        /// How far the run is, if the event has changed that.
        progress: Option<JobProgress>,
        /// The numbers that its line shows.
        exits: Exits,
    },
    /// Nothing has happened for a while.
    Progress {
        /// How far the run is.
        progress: JobProgress,
        /// The file of the last event.
        last: LastFile,
    },
}

impl RunMessage {
    /// Its object of `--json`, on one line, if it has one.
    ///
    /// # Errors
    ///
    /// It cannot be written as JSON.
    pub fn line(&self) -> io::Result<Option<String>> {
        match self {
            Self::Event { event, progress, exits } => json::text(event, progress.as_ref(), *exits),
            Self::Progress { progress, last } => json::progress_text(last, progress).map(Some),
        }
    }

    /// What has happened, if something has.
    pub const fn event(&self) -> Option<&Event> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Progress { .. } => None,
        }
    }

    /// How far the run is, if that has changed.
    pub const fn progress(&self) -> Option<&JobProgress> {
        match self {
            Self::Event { progress, .. } => progress.as_ref(),
            Self::Progress { progress, .. } => Some(progress),
        }
    }
}

impl Listener {
    /// Everything is told to `hear`.
    pub fn new(hear: impl Fn(RunMessage) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    fn hear(&self, said: RunMessage) {
        (self.0)(said);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The object of `--json` of an event that is about no run, on one line; `None` if it has none.
pub fn line_of(event: &Event) -> Option<String> {
    let exits = Exits { of_kind: |_| 1, partly: 1 };
    json::text(event, None, exits).ok().flatten()
}

/// What a line about a failure begins with.
pub const fn complaint(color: bool) -> &'static str {
    if color { "\x1b[31mftp-user:\x1b[0m" } else { "ftp-user:" }
}

/// The exit status that the command line gives to what has happened.
#[derive(Clone, Copy, Debug)]
pub struct Exits {
    /// That of a kind of failure.
    pub of_kind: fn(Kind) -> u8,
    /// That of a run that has not done all of what it was asked for.
    pub partly: u8,
}

/// What can be shown at standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Screen {
    /// How many characters a line has room for.
    pub columns: usize,
    /// Whether more than ASCII can be shown.
    pub unicode: bool,
    /// Colour is used.
    pub color: bool,
}

impl Style {
    /// The `failed` event of a whole run, on one line; `None` without `--json`, or if a listener gets the events.
    pub fn line_of_failure(&self, failure: &Failure) -> Option<String> {
        if !self.json || matches!(self.output, Output::Listener(_)) {
            return None;
        }
        let failed = FailedItem { source: String::new(), dest: String::new(), failure: failure.clone() };
        json::text(&Event::Failed(failed), None, self.exits).ok().flatten()
    }

    /// Where results go.
    pub fn output(&self) -> Box<dyn Write> {
        match &self.output {
            Output::Standard => Box::new(output::out()),
            Output::Error => Box::new(output::err()),
            Output::Listener(_) => Box::new(io::sink()),
        }
    }
}

/// Writes the dialogue to a file.
#[derive(Debug)]
pub(super) struct Trace<W: Write> {
    out: W,
    titles: [Option<String>; 2],
}

impl<W: Write> Trace<W> {
    /// Writes one line in its column; a new server in a column is announced there.
    pub(super) fn line(&mut self, side: Side, title: &str, at: Moment, line: &str) -> io::Result<()> {
        let [source, destination] = &mut self.titles;
        let known = match side {
            Side::Source => source,
            Side::Destination => destination,
        };
        if known.as_deref() != Some(title) {
            *known = Some(title.to_owned());
            self.put(side, None, &format!("== {title}"))?;
        }
        self.put(side, Some(at), line)?;
        self.out.flush()
    }

    /// Says that so many lines are left out.
    pub(super) fn left_out(&mut self, lines: u64) -> io::Result<()> {
        let lines = counted(lines, "line");
        self.put(Side::Source, None, &format!("== {lines} left out: this file was too slow"))?;
        self.out.flush()
    }

    fn put(&mut self, side: Side, at: Option<Moment>, line: &str) -> io::Result<()> {
        let mut time = at.map_or_else(String::new, |at| format!("{:.3}", at.since_start().as_secs_f64()));
        for piece in pieces(line) {
            match side {
                Side::Source => writeln!(self.out, "{time:>9} {piece:<WIDTH$} |")?,
                Side::Destination => writeln!(self.out, "{time:>9} {:<WIDTH$} | {piece}", "")?,
            }
            time.clear();
        }
        Ok(())
    }
}

/// A line cut to the width of a column; what follows is indented.
fn pieces(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let (first, rest) = letters.split_at(WIDTH.min(letters.len()));
    let rest = rest.chunks(WIDTH - INDENT.len()).map(|piece| format!("{INDENT}{}", String::from_iter(piece)));
    std::iter::once(first.iter().collect()).chain(rest).collect()
}

const INDENT: &str = "    ";
const WIDTH: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    impl Style {
        /// JSON without progress, for tests that do not look at it.
        pub(crate) fn for_tests() -> Self {
            Self {
                json: true,
                output: Output::Standard,
                quiet: true,
                verbose: false,
                color: false,
                screen: Screen { columns: 80, unicode: true, color: false },
                progress: false,
                exits: Exits { of_kind: |_| 1, partly: 1 },
            }
        }
    }

    #[test]
    fn the_two_servers_stand_side_by_side() {
        let mut trace = Trace { out: Vec::new(), titles: [None, None] };
        let at = Moment::START + Duration::from_millis(12);
        trace.line(Side::Source, "a:21", at, "> TYPE I").unwrap();
        trace.line(Side::Destination, "b:21", at, "< 200 Okay").unwrap();
        let blank = " ".repeat(60);
        let pad = |text: &str| format!("{text:<60}");
        assert_eq!(
            String::from_utf8(trace.out).unwrap(),
            format!(
                "          {} |\n    0.012 {} |\n          {blank} | == b:21\n    0.012 {blank} | < 200 Okay\n",
                pad("== a:21"),
                pad("> TYPE I"),
            )
        );
    }

    #[test]
    fn a_long_line_goes_on_below() {
        let lines = pieces(&"x".repeat(100));
        assert_eq!(lines, ["x".repeat(60), format!("    {}", "x".repeat(40))]);
    }
}
