//! The two directions of a session's link: a task that reads and a task that writes.

use std::time::Duration;

use ftp_io::link::Link;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::TlsStream;

use super::event::Event;

/// The writing side of the link. It ends when this is closed or dropped.
#[derive(Debug)]
pub(super) struct Writer {
    /// Frames that are to be sent; `None` once the user agent has fallen behind.
    frames: Option<mpsc::Sender<Vec<u8>>>,
    task: JoinHandle<()>,
    reading: AbortHandle,
}

/// The user agent has not taken what was sent to it for long: it counts as gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Behind;

impl Writer {
    /// Starts to read and write; what comes is reported to `events`.
    pub(super) fn start(link: Link, events: mpsc::Sender<Event>) -> Self {
        let (stream, early) = link.into_stream();
        let (read, write) = split(stream);
        let (frames, queued) = mpsc::channel(MAX_UNSENT);
        let reading = tokio::spawn(read_link(read, early, events)).abort_handle();
        Self { frames: Some(frames), task: tokio::spawn(write_link(write, queued)), reading }
    }

    /// Queues a frame. Nothing is sent any more after [`Behind`].
    pub(super) fn send(&mut self, frame: Vec<u8>) -> Result<(), Behind> {
        match &self.frames {
            Some(frames) if frames.try_send(frame).is_err() => {
                self.frames = None;
                Err(Behind)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Sends what is queued, if the user agent takes it soon, and closes the link.
    pub(super) async fn close(mut self) {
        self.frames = None;
        let _ = tokio::time::timeout(LAST_FRAMES, &mut self.task).await;
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
        self.reading.abort();
    }
}

async fn read_link(mut read: ReadHalf<TlsStream<TcpStream>>, early: Vec<u8>, events: mpsc::Sender<Event>) {
    let mut room = early;
    loop {
        if !room.is_empty() && events.send(Event::Bytes(std::mem::take(&mut room))).await.is_err() {
            return;
        }
        room.resize(ROOM, 0);
        match read.read(&mut room).await {
            Ok(count @ 1..) => room.truncate(count),
            Ok(0) | Err(_) => break,
        }
    }
    // The session may have ended before the link.
    let _ = events.send(Event::Lost).await;
}

async fn write_link(mut write: WriteHalf<TlsStream<TcpStream>>, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if write.write_all(&frame).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
    // If the other end has gone, nobody needs to know.
    let _ = write.shutdown().await;
}

/// Frames that the user agent has not taken yet.
const MAX_UNSENT: usize = 1_024;
/// Bytes of the link that are read at once.
const ROOM: usize = 16 * 1024;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);
