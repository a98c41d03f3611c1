//! The log: one line for each event on standard error, as text or as JSON.
//!
//! A thread of its own writes the lines. If the reader of standard error is slow or gone, lines are
//! lost, and the program goes on. Lost lines are counted; the next line that can be written says how
//! many there were.
//!
//! No other line takes the room of those with the target [`KEPT`]: they have a share of their own, and a session that writes many
//! lines waits for the log before the next one ([`Backlog`]).

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write, stderr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::Duration;

use ftp_proto::wire::misleads;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::output;
use crate::lock::Lock;

/// How the log is written.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// Text for people to read
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// What the log shows: this level and the more important ones.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Level {
    /// No line at all
    Off,
    /// Failures of the program itself
    Error,
    /// Warnings: refusals and failures of peers
    Warn,
    /// Also logins and transfers
    #[default]
    Info,
    /// Also commands and replies
    Debug,
    /// Everything that is logged
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// Keeps the log alive. Dropping it writes the lines that are still queued, for at most a second.
#[derive(Debug)]
#[must_use = "the log ends when this is dropped"]
pub struct Log {
    queue: Queue,
    finished: Receiver<()>,
}

/// How many lines the log has lost so far. Clones count the same log.
#[derive(Clone, Debug, Default)]
pub struct LostLines(Arc<AtomicU64>);

impl LostLines {
    /// Lines that were lost since the start.
    pub fn lines(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, lines: u64) {
        self.0.fetch_add(lines, Ordering::Relaxed);
    }
}

/// The target of events whose lines are kept, whatever else is written. No line shows it.
pub const KEPT: &str = "kept";

/// How many lines wait to be written. Clones tell of the same log.
#[derive(Clone, Debug, Default)]
pub struct Backlog(Arc<BacklogState>);

#[derive(Debug, Default)]
struct BacklogState {
    lines: AtomicUsize,
    bytes: AtomicUsize,
    /// Lines that the thread that writes them has taken so far.
    taken: AtomicU64,
    /// It has taken none for so long that no session waits for it.
    is_stuck: AtomicBool,
}

impl Backlog {
    /// Whether so many lines wait that a session that has written one waits, too, before the next one.
    pub fn is_behind(&self) -> bool {
        self.0.lines.load(Ordering::Relaxed) > BEHIND && !self.0.is_stuck.load(Ordering::Relaxed)
    }

    /// Waits until fewer lines wait. A reader that takes nothing at all is not waited for.
    pub async fn caught_up(&self) {
        let (mut taken, mut still) = (self.taken(), Duration::ZERO);
        while self.is_behind() {
            tokio::time::sleep(FULL).await;
            let now = self.taken();
            still = if now == taken { still.saturating_add(FULL) } else { Duration::ZERO };
            taken = now;
            if still >= STUCK {
                self.0.is_stuck.store(true, Ordering::Relaxed);
            }
        }
    }

    fn taken(&self) -> u64 {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Counts a line, if there is room for it, and returns how many waited before it.
    fn add(&self, length: usize, kept: bool) -> Option<usize> {
        let BacklogState { lines, bytes, .. } = &*self.0;
        let has_room = if kept {
            bytes.load(Ordering::Relaxed).saturating_add(length) <= MAX_BYTES
        } else {
            lines.load(Ordering::Relaxed) < QUEUED
        };
        has_room.then(|| {
            bytes.fetch_add(length, Ordering::Relaxed);
            lines.fetch_add(1, Ordering::Relaxed)
        })
    }

    /// A line waits no longer.
    fn remove(&self, length: usize) {
        self.0.bytes.fetch_sub(length, Ordering::Relaxed);
        self.0.lines.fetch_sub(1, Ordering::Relaxed);
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        self.0.is_stuck.store(false, Ordering::Relaxed);
    }
}

impl Log {
    /// How many lines it has lost.
    pub fn lost(&self) -> LostLines {
        self.queue.all_lost.clone()
    }

    /// How many lines wait to be written.
    pub fn backlog(&self) -> Backlog {
        self.queue.backlog.clone()
    }
}

/// Starts the log of this process on standard error.
///
/// # Errors
///
/// The system refuses the thread that writes the lines.
pub fn start(format: Format, level: Level) -> io::Result<Log> {
    let style = Style { format, coloured: output::is_coloured() };
    let (log, queue) = open(stderr(), style)?;
    // A second start in one process keeps the first log.
    let _ = tracing::dispatcher::set_global_default(style.dispatch(level.into(), queue));
    Ok(log)
}

/// How an event becomes a line.
#[derive(Clone, Copy, Debug)]
struct Style {
    format: Format,
    coloured: bool,
}

impl Style {
    fn dispatch(
        self,
        level: LevelFilter,
        out: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
    ) -> Dispatch {
        let events = tracing_subscriber::fmt()
            .with_writer(out)
            .with_max_level(level)
            .with_target(false)
            .log_internal_errors(false);
        match self.format {
            Format::Text => events.with_ansi(self.coloured).finish().into(),
            Format::Json => events.json().flatten_event(true).with_span_list(false).finish().into(),
        }
    }

    /// The line that says how many lines were lost.
    fn lost(self, lines: u64) -> Vec<u8> {
        let line = LineBuffer::default();
        let out = line.clone();
        tracing::dispatcher::with_default(&self.dispatch(LevelFilter::WARN, move || out.clone()), || {
            tracing::warn!(lines, "log lines were lost because standard error did not take them");
        });
        std::mem::take(&mut line.0.locked())
    }
}

/// One line in memory.
#[derive(Clone, Default)]
struct LineBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for LineBuffer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.locked().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Queues whole lines for the thread that writes them. Clones share everything.
#[derive(Clone, Debug)]
struct Queue {
    messages: Sender<Message>,
    /// What is queued.
    backlog: Backlog,
    /// Whether what is written here is kept.
    kept: bool,
    /// The thread that writes them.
    writer: Thread,
    /// Lines that found the queue full and that no message has told of yet.
    lost: Arc<AtomicU64>,
    /// All lines that were lost, also by the writer.
    all_lost: LostLines,
}

#[derive(Debug)]
enum Message {
    Line {
        text: Vec<u8>,
        /// Lines that were lost just before this one.
        lost: u64,
    },
    Last,
}

impl Write for Queue {
    /// The subscriber writes each event in one piece. This never waits.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let waiting = self.backlog.add(text.len(), self.kept);
        let lost = if waiting.is_some() { self.lost.swap(0, Ordering::Relaxed) } else { 0 };
        let line = || Message::Line { text: text.to_vec(), lost };
        if waiting.is_none_or(|_| self.messages.send(line()).is_err()) {
            self.lost.fetch_add(lost.saturating_add(1), Ordering::Relaxed);
            self.all_lost.add(1);
        } else if waiting == Some(MANY) {
            self.writer.unpark();
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self {
        Self { kept: event.target() == KEPT, ..self.clone() }
    }
}

fn open(out: impl Write + Send + 'static, style: Style) -> io::Result<(Log, Queue)> {
    let (messages, queued) = channel();
    let (finish, finished) = sync_channel(1);
    let (lost, all_lost, backlog) = (Arc::<AtomicU64>::default(), LostLines::default(), Backlog::default());
    let mut writer = Writer { out, style, lost: 0, all_lost: all_lost.clone() };
    let (full, left) = (Arc::clone(&lost), backlog.clone());
    let work = move || {
        let mut next = queued.recv().ok();
        while let Some(Message::Line { text, lost }) = next {
            left.remove(text.len());
            writer.lost = writer.lost.saturating_add(lost);
            writer.line(&text);
            next = queued.try_recv().ok().or_else(|| {
                // Whoever queues a line meanwhile need not wake this thread, unless there are many of them.
                std::thread::park_timeout(REST);
                queued.recv().ok()
            });
        }
        writer.lost = writer.lost.saturating_add(full.swap(0, Ordering::Relaxed));
        writer.tell_lost();
        // `Log` no longer waits if this took too long.
        let _ = finish.send(());
    };
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(work)?.thread().clone();
    let queue = Queue { messages, backlog, kept: false, writer, lost, all_lost };
    Ok((Log { queue: queue.clone(), finished }, queue))
}

/// The end of the queue: may wait, because it has a thread of its own.
struct Writer<W> {
    out: W,
    style: Style,
    /// Lines that could not be written and that no line has told of yet.
    lost: u64,
    all_lost: LostLines,
}

impl<W: Write> Writer<W> {
    fn line(&mut self, text: &[u8]) {
        self.tell_lost();
        if self.write(&readable(text, self.style.format == Format::Json)).is_err() {
            self.lost = self.lost.saturating_add(1);
            self.all_lost.add(1);
        }
    }

    fn tell_lost(&mut self) {
        if self.lost > 0 && self.write(&self.style.lost(self.lost)).is_ok() {
            self.lost = 0;
        }
    }

    /// Writes everything. A full pipe is waited for also where it does not block.
    fn write(&mut self, mut text: &[u8]) -> io::Result<()> {
        while !text.is_empty() {
            match self.out.write(text) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => text = text.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(FULL),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.queue.messages.send(Message::Last).is_ok() {
            self.queue.writer.unpark();
            let _ = self.finished.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// How many lines may be queued so that one more is taken that is not kept.
const QUEUED: usize = 1_024;
/// Beyond so many queued lines a session that has written one waits.
const BEHIND: usize = QUEUED / 2;
/// How many bytes may be queued with a line that is kept. Each session adds one such line while the log is behind.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// A reader that has taken nothing for this long is not waited for.
const STUCK: Duration = Duration::from_secs(1);
/// How long the thread that writes the lines rests when there is none, unless there are [`MANY`] before.
const REST: Duration = Duration::from_millis(10);
/// Queued lines that end its rest: before the queue is full, it has some time to begin.
const MANY: usize = QUEUED / 4;
/// How long to wait before a full pipe that does not block, or a log that is behind, is looked at again.
const FULL: Duration = Duration::from_millis(20);
/// How long a slow reader of the log can delay the end of the program.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A line without characters that a terminal or an editor would act on, or show nothing for. The colours of the log itself are
/// ASCII and stay. `is_json`: the line is JSON, and the characters are in strings of it.
pub(super) fn readable(line: &[u8], is_json: bool) -> Cow<'_, [u8]> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len());
    for c in String::from_utf8_lossy(line).chars() {
        if c.is_ascii() || !misleads(c) {
            shown.push(c);
        } else if is_json {
            let mut units = [0; 2];
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    Cow::Owned(shown.into_bytes())
}

#[cfg(test)]
mod tests;
