//! Tests of the log.

use std::io::Read;

use super::*;

const TEXT: Style = Style { format: Format::Text, coloured: false };

#[test]
fn every_line_is_written_before_the_end_and_without_characters_that_mislead() {
    let (mut reader, writer) = io::pipe().unwrap();
    let (log, mut queue) = open(writer, TEXT).unwrap();
    for line in ["one\n", "a\u{200b}b\n", "two\n"] {
        queue.write_all(line.as_bytes()).unwrap();
    }
    drop(log);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\na\\u{200b}b\ntwo\n");
}

/// Does with each line what the test says, and keeps what was written.
struct Scripted {
    allow: Receiver<io::Result<()>>,
    written: LineBuffer,
}

impl Write for Scripted {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        // Without a script everything is taken.
        self.allow.recv().unwrap_or(Ok(()))?;
        self.written.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A log whose reader is scripted, and what it has read when the log ends.
fn scripted(style: Style) -> (Sender<io::Result<()>>, Log, Queue, impl Fn() -> Vec<String>) {
    let (script, allow) = channel();
    let written = LineBuffer::default();
    let (log, queue) = open(Scripted { allow, written: written.clone() }, style).unwrap();
    let read = move || {
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    (script, log, queue, read)
}

const FLOOD: usize = 10 * QUEUED;

/// Fills the queue while the reader holds the first line.
fn flood(queue: &mut Queue) {
    queue.write_all(b"line\n").unwrap();
    all_taken(queue);
    for _ in 1..FLOOD {
        queue.write_all(b"line\n").unwrap();
    }
}

/// Waits until the thread that writes the lines has taken each of them.
fn all_taken(queue: &Queue) {
    while queue.backlog.0.lines.load(Ordering::Relaxed) > 0 {
        std::thread::yield_now();
    }
}

/// How many lost lines these lines of the log tell of.
fn told_lost(lines: &[String]) -> usize {
    let lost = |line: &String| line.split_once("lines=").map(|(_, lost)| lost.parse::<usize>().unwrap());
    lines.iter().filter_map(lost).sum()
}

#[test]
fn a_log_that_nobody_reads_blocks_nobody_and_counts_what_it_loses() {
    let (script, log, mut queue, read) = scripted(TEXT);
    flood(&mut queue);
    // The reader comes back, and takes all that is queued.
    drop(script);
    all_taken(&queue);
    let counted = log.lost();
    queue.write_all(b"next\n").unwrap();
    drop(log);
    let lines = read();
    let [.., told, next] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(next, "next");
    assert!(told.contains("WARN"), "{told}");
    let written = lines.iter().filter(|line| *line == "line").count();
    assert_eq!(written, QUEUED + 1);
    let told = told_lost(&lines);
    assert_eq!(written + told, FLOOD);
    assert_eq!(counted.lines(), u64::try_from(told).unwrap());
}

#[test]
fn what_is_kept_finds_room_in_a_full_queue() {
    let (script, log, mut queue, read) = scripted(TEXT);
    flood(&mut queue);
    tracing::dispatcher::with_default(&TEXT.dispatch(LevelFilter::INFO, queue), || {
        tracing::info!("displaced");
        tracing::info!(target: KEPT, "received");
        tracing::info!("displaced");
        tracing::info!(target: KEPT, "changed");
    });
    let counted = log.lost();
    drop(script);
    drop(log);
    let lines = read();
    let has = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((has("received"), has("changed"), has("displaced"), has(KEPT)), (1, 1, 0, 0));
    assert_eq!(counted.lines(), u64::try_from(told_lost(&lines)).unwrap());
}

#[tokio::test]
async fn whoever_writes_waits_for_a_slow_reader_and_for_none_that_is_stuck() {
    let (script, log, mut queue, _) = scripted(TEXT);
    let backlog = log.backlog();
    assert!(!backlog.is_behind());
    flood(&mut queue);
    assert!(backlog.is_behind());
    // Nobody reads.
    backlog.caught_up().await;
    assert!(!backlog.is_behind());
    // One line is read: it is not stuck, and then reads on.
    script.send(Ok(())).unwrap();
    while !backlog.is_behind() {
        tokio::task::yield_now().await;
    }
    drop(script);
    backlog.caught_up().await;
    assert!(backlog.0.lines.load(Ordering::Relaxed) <= BEHIND);
}

#[test]
fn a_queue_that_is_full_at_the_end_is_written_whole() {
    let (script, log, mut queue, read) = scripted(TEXT);
    flood(&mut queue);
    // The reader comes back when the program ends.
    let back = std::thread::spawn(move || drop(script));
    let counted = log.lost();
    drop(log);
    back.join().unwrap();
    let lines = read();
    let written = lines.iter().filter(|line| *line == "line").count();
    assert_eq!(written + told_lost(&lines), FLOOD);
    assert_eq!(counted.lines(), u64::try_from(told_lost(&lines)).unwrap());
}

#[test]
fn lines_that_a_closed_standard_error_refuses_are_counted() {
    let (script, log, mut queue, read) = scripted(Style { format: Format::Json, coloured: false });
    // The second line, and the first notice of the loss before the third, and the third itself.
    for answer in [Ok(()), Err(ErrorKind::BrokenPipe), Err(ErrorKind::BrokenPipe), Err(ErrorKind::BrokenPipe)]
    {
        script.send(answer.map_err(io::Error::from)).unwrap();
    }
    drop(script);
    for line in ["one\n", "two\n", "three\n", "four\n"] {
        queue.write_all(line.as_bytes()).unwrap();
    }
    drop(log);
    let lines = read();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!((lines[0].as_str(), lines[2].as_str()), ("one", "four"));
    assert!(lines[1].contains("\"level\":\"WARN\"") && lines[1].contains("\"lines\":2"), "{lines:?}");
}

/// What is read of a log with one line, the first write of which fails so.
fn after(failure: ErrorKind) -> Vec<String> {
    let (script, log, mut queue, read) = scripted(TEXT);
    script.send(Err(failure.into())).unwrap();
    drop(script);
    queue.write_all(b"line\n").unwrap();
    drop(log);
    read()
}

#[test]
fn a_loss_at_the_end_is_told_and_a_full_pipe_that_does_not_block_is_waited_for() {
    let lines = after(ErrorKind::BrokenPipe);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].ends_with("lines=1"), "{lines:?}");
    assert_eq!(after(ErrorKind::WouldBlock), ["line"]);
}

#[test]
fn what_misleads_is_escaped_as_the_format_has_it() {
    let line = "user=\"a\u{200b}\u{3164}b\u{1d173}\" \u{e9}\u{4e2d}\u{301}\n";
    for (is_json, expect) in [
        (false, "user=\"a\\u{200b}\\u{3164}b\\u{1d173}\" \u{e9}\u{4e2d}\u{301}\n"),
        (true, "user=\"a\\u200b\\u3164b\\ud834\\udd73\" \u{e9}\u{4e2d}\u{301}\n"),
    ] {
        assert_eq!(String::from_utf8(readable(line.as_bytes(), is_json).into_owned()).unwrap(), expect);
    }
    let coloured = b"\x1b[33m WARN\x1b[0m plain\n";
    assert_eq!(*readable(coloured, false), *coloured);
}
