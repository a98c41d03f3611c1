//! Where the bytes of one direction are between two connections: in a pipe that the kernel fills and
//! drains (splice), or in memory where splice does not work or must not be used.

use std::io;

use sha2::{Digest, Sha256};

#[cfg(target_os = "linux")]
use super::pipe::{Pipe, PipeFill, is_refused};
#[cfg(target_os = "linux")]
use super::pool::Pipes;
use crate::connection::Connection;

/// The bytes of one direction between two connections.
///
/// It is filled only when it is empty. So only the first connection can make filling wait, the pace of
/// the second is that of the first, and the end is not seen before everything has gone.
#[derive(Debug)]
pub(super) struct Transit {
    /// Where pipes come from; `None` if bytes are copied.
    #[cfg(target_os = "linux")]
    pipes: Option<Pipes>,
    #[cfg(target_os = "linux")]
    pipe: Option<Pipe>,
    /// How many bytes are copied at once while the pool has no pipe.
    #[cfg(target_os = "linux")]
    without_pipe: usize,
    buffer: Buffer,
}

/// Bytes in memory.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many of `bytes` were filled, and how many of these have gone.
    filled: usize,
    gone: usize,
    size: usize,
    /// Keeps its memory while it waits.
    kept: bool,
    digest: Option<Sha256>,
}

impl Transit {
    /// Bytes are copied through a buffer of `size` bytes that goes back to the system while nothing
    /// comes.
    pub(super) const fn copied(size: usize) -> Self {
        let buffer = Buffer { bytes: Vec::new(), filled: 0, gone: 0, size, kept: false, digest: None };
        Self {
            #[cfg(target_os = "linux")]
            pipes: None,
            #[cfg(target_os = "linux")]
            pipe: None,
            #[cfg(target_os = "linux")]
            without_pipe: size,
            buffer,
        }
    }

    /// Bytes pass a pipe of the pool while there is one. While there is none, at most `without_pipe` bytes are copied
    /// at once.
    #[cfg(target_os = "linux")]
    pub(super) fn spliced(mut self, pipes: Pipes, without_pipe: usize) -> Self {
        (self.pipes, self.without_pipe) = (Some(pipes), without_pipe);
        self
    }

    /// Bytes are copied: the kernel must not see them as they are.
    pub(super) fn without_pipes(mut self) -> Self {
        #[cfg(target_os = "linux")]
        {
            self.pipes = None;
        }
        self
    }

    /// Computes the SHA-256 of everything that passes.
    pub(super) fn digested(mut self) -> Self {
        self.buffer.digest = Some(Sha256::new());
        self
    }

    /// The buffer keeps its memory while nothing comes.
    pub(super) fn kept(mut self) -> Self {
        self.buffer.kept = true;
        self
    }

    /// The SHA-256 of everything that has passed, 64 lower-case hexadecimal digits, if it was computed.
    pub(super) fn sha256(&mut self) -> Option<String> {
        self.buffer.digest.take().map(crate::hash::hex)
    }

    /// Takes what the connection has, at most `limit` bytes; 0 is its end. Everything before has gone.
    pub(super) fn fill(&mut self, from: &Connection, limit: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Some(pipes) = &self.pipes
            && let Some(pipe) = self.pipe.take().or_else(|| pipes.take())
        {
            match pipe.take_from(from.socket(), limit) {
                PipeFill::Bytes(taken) => {
                    self.pipe = Some(pipe);
                    return Ok(taken);
                }
                PipeFill::End => {
                    pipes.give(pipe);
                    return Ok(0);
                }
                PipeFill::Nothing(error) => {
                    pipes.give(pipe);
                    return Err(error.into());
                }
                PipeFill::Refused => {
                    pipes.give(pipe);
                    self.pipes = None;
                }
                PipeFill::Broken(error) => {
                    pipes.lose(pipe);
                    return Err(error.into());
                }
            }
        }
        #[cfg(target_os = "linux")]
        if self.pipes.is_some() {
            return self.buffer.fill(from, limit.min(self.without_pipe));
        }
        self.buffer.fill(from, limit)
    }

    /// Gives the connection some of the `left` bytes.
    pub(super) fn drain(&mut self, to: &Connection, left: usize) -> io::Result<usize> {
        #[cfg(target_os = "linux")]
        if let Some(pipe) = &mut self.pipe {
            match pipe.give_to(to.socket(), left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Err(error) if is_refused(error) => {
                    pipe.take(left, &mut self.buffer.bytes)?;
                    (self.buffer.filled, self.buffer.gone) = (left, 0);
                    if let (Some(pipes), Some(pipe)) = (self.pipes.take(), self.pipe.take()) {
                        pipes.give(pipe);
                    }
                }
                given => return Ok(given?),
            }
        }
        self.buffer.drain(to)
    }
}

impl Buffer {
    fn fill(&mut self, from: &Connection, limit: usize) -> io::Result<usize> {
        (self.filled, self.gone) = (0, 0);
        let most = self.size.min(limit);
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        let room = self.bytes.get_mut(..most).unwrap_or_default();
        match from.read_now(room) {
            Ok(count) => self.filled = count,
            Err(error) => {
                if !self.kept {
                    self.bytes = Vec::new();
                }
                return Err(error);
            }
        }
        if let Some(digest) = &mut self.digest {
            digest.update(self.bytes.get(..self.filled).unwrap_or_default());
        }
        Ok(self.filled)
    }

    fn drain(&mut self, to: &Connection) -> io::Result<usize> {
        let sent = to.write_now(self.bytes.get(self.gone..self.filled).unwrap_or_default())?;
        self.gone += sent;
        Ok(sent)
    }
}

#[cfg(test)]
impl Transit {
    pub(super) fn computes_digest(&self) -> bool {
        self.buffer.digest.is_some()
    }
}

/// What is in the pipe is lost with it.
#[cfg(target_os = "linux")]
impl Drop for Transit {
    fn drop(&mut self) {
        if let (Some(pipes), Some(pipe)) = (&self.pipes, self.pipe.take()) {
            pipes.lose(pipe);
        }
    }
}
