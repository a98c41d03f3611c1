//! The log: one line per event on standard error, as text or as JSON. A reader of the log that is
//! slow or gone costs lines, never the service: they are written by a thread of their own.

use std::io::{self, IsTerminal, Write, stderr};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt;

use crate::config::{Log, LogFormat};

/// Keeps the log alive; dropping it writes what waits, as far as somebody takes it.
#[derive(Debug)]
pub struct Writing {
    lines: SyncSender<Message>,
    finished: Receiver<()>,
}

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    Last,
}

/// Puts whole lines in the queue of the thread that writes them.
#[derive(Clone, Debug)]
struct Lines(SyncSender<Message>);

/// Starts the log of this process.
pub fn start(log: &Log) -> Writing {
    let (writing, lines) = queue(stderr());
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let events = fmt()
        .with_writer(move || lines.clone())
        .with_max_level(log.level)
        .with_target(false)
        .log_internal_errors(false);
    // A second start in one process keeps the first log.
    let _ = match log.format {
        LogFormat::Text => tracing::subscriber::set_global_default(events.with_ansi(colour).finish()),
        LogFormat::Json => {
            let events = events.json().flatten_event(true).with_span_list(false);
            tracing::subscriber::set_global_default(events.finish())
        }
    };
    writing
}

fn queue(mut out: impl Write + Send + 'static) -> (Writing, Lines) {
    let (lines, queued) = sync_channel(WAITING);
    let (finish, finished) = sync_channel(1);
    std::thread::spawn(move || {
        while let Ok(Message::Line(line)) = queued.recv() {
            // Nobody reads the log: nobody can be told.
            let _ = out.write_all(&line);
        }
        let _ = finish.send(());
    });
    (Writing { lines: lines.clone(), finished }, Lines(lines))
}

impl Write for Lines {
    /// The subscriber writes each event in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(Message::Line(line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.lines.try_send(Message::Last).is_ok() {
            let _ = self.finished.recv_timeout(LAST_LINES);
        }
    }
}

/// Lines in the queue; more are lost.
const WAITING: usize = 1_024;
/// What a slow reader of the log can delay the end.
const LAST_LINES: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn every_line_is_written_before_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (writing, mut lines) = queue(writer);
        lines.write_all(b"one\n").unwrap();
        lines.write_all(b"two\n").unwrap();
        drop(writing);
        let mut text = String::new();
        io::Read::read_to_string(&mut reader, &mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    /// Takes nothing until it is allowed to.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_stops_nobody() {
        let (allow, stuck) = mpsc::channel();
        let (writing, mut lines) = queue(Stuck(stuck));
        for _ in 0..10 * WAITING {
            lines.write_all(b"line\n").unwrap();
        }
        drop(allow);
        drop(writing);
    }

    #[test]
    fn a_log_that_is_closed_stops_nobody() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (writing, mut lines) = queue(writer);
        lines.write_all(b"line\n").unwrap();
        drop(writing);
    }
}
