//! Questions to the person at the controlling terminal.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write, stderr, stdin};
use std::os::fd::AsFd;
use std::thread;

use ftp_proto::wire::Secret;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::simulated;

/// The controlling terminal of this process.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// Opens it. Returns `None` if there is none, or if neither standard error nor standard input is a terminal. A simulated host has
    /// none.
    pub fn open() -> Option<Self> {
        if simulated::host().is_some() || !stderr().is_terminal() && !stdin().is_terminal() {
            return None;
        }
        File::options().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Asks until the answer is `yes`, `y`, `no` or `n`, but only a few times. No answer means no.
    ///
    /// `question` must not have control characters. A caller that no longer wants to know drops the future; then the
    /// thread takes nothing that is typed later.
    pub async fn confirm(self, question: String) -> bool {
        let answer = self.ask(move |input, terminal| confirm(&question, BufReader::new(input), terminal));
        answer.await.unwrap_or(false)
    }

    /// Asks for one line of text. Returns `None` if nothing is typed.
    ///
    /// `question` must not have control characters. The thread that reads the answer ends with the process.
    pub async fn line(self, question: String) -> Option<String> {
        self.ask(move |input, terminal| line(&question, BufReader::new(input), terminal)).await.flatten()
    }

    /// Asks for a secret: what is typed is not shown. Returns `None` if nothing is typed.
    ///
    /// `question` must not have control characters. If the future is dropped, the terminal shows again what is typed;
    /// the thread that reads the answer ends with the process.
    pub async fn secret(self, question: String) -> Option<Secret> {
        let silence = Silence::begin(self.0.try_clone().ok()?).ok()?;
        let answer = self.ask(move |input, terminal| secret(&question, input, terminal)).await.flatten();
        drop(silence);
        answer
    }

    /// Has `ask` put a question, on a thread of its own. Returns `None` if the terminal fails.
    async fn ask<T: Send + 'static>(
        self,
        ask: impl FnOnce(Awaited<'_, io::Result<T>>, &File) -> io::Result<T> + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || {
            let Self(terminal) = self;
            let answer = ask(Awaited { terminal: &terminal, answer: &sender }, &terminal);
            let _ = sender.send(answer);
        });
        receiver.await.ok()?.ok()
    }
}

/// What is typed for as long as somebody waits for the answer. A program that goes on without it, as a shell does behind
/// Ctrl-C, gets the next line itself.
struct Awaited<'a, T> {
    terminal: &'a File,
    answer: &'a oneshot::Sender<T>,
}

impl<T> Read for Awaited<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.answer.is_closed() {
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody waits for the answer"));
            }
            let mut ready = [PollFd::new(self.terminal, PollFlags::IN)];
            match poll(&mut ready, Some(&LOOK)) {
                Ok(0) | Err(Errno::INTR) => {}
                // Where a terminal cannot be polled, it is read.
                Ok(_) | Err(_) if !self.answer.is_closed() => return (&mut &*self.terminal).read(buffer),
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// While this exists the terminal does not show what is typed.
#[derive(Debug)]
pub struct Silence<T: AsFd> {
    terminal: T,
    before: Termios,
}

impl<T: AsFd> Silence<T> {
    /// Silences the terminal.
    ///
    /// # Errors
    ///
    /// It is no terminal, or does not take the setting.
    pub fn begin(terminal: T) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Drain, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for Silence<T> {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// Reads one line, byte by byte, so that no buffer keeps it.
fn secret(question: &str, mut input: impl Read, mut output: impl Write) -> io::Result<Option<Secret>> {
    write!(output, "{question}")?;
    output.flush()?;
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_SECRET));
    let mut byte = Zeroizing::new([0]);
    while line.len() < LONGEST_SECRET && input.read(byte.as_mut())? == 1 && *byte != [b'\n'] {
        line.extend_from_slice(byte.as_ref());
    }
    writeln!(output)?;
    Ok(Some(Secret::new(line.as_slice())).filter(|secret| !secret.expose().is_empty()))
}

fn line(question: &str, mut input: impl BufRead, mut output: impl Write) -> io::Result<Option<String>> {
    write!(output, "{question}")?;
    output.flush()?;
    let mut answer = String::new();
    input.by_ref().take(LONGEST).read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(Some(answer.to_owned()).filter(|answer| !answer.is_empty()))
}

fn confirm(question: &str, mut input: impl BufRead, mut output: impl Write) -> io::Result<bool> {
    write!(output, "{question} (yes/no) ")?;
    for _ in 0..TRIES {
        output.flush()?;
        let mut answer = String::new();
        if input.by_ref().take(LONGEST).read_line(&mut answer)? == 0 {
            return Ok(false);
        }
        match answer.trim().to_ascii_lowercase().as_str() {
            "yes" | "y" => return Ok(true),
            "no" | "n" => return Ok(false),
            _ => write!(output, "please type yes or no: ")?,
        }
    }
    writeln!(output)?;
    Ok(false)
}

/// How soon it is noticed that the caller does not wait for an answer any more.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How often the question is asked.
const TRIES: usize = 3;
/// The longest answer in bytes that is read at once.
const LONGEST: u64 = 1024;
/// The longest secret in bytes.
const LONGEST_SECRET: usize = 1023;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_a_consent() {
        let check = |typed: &str, expect: bool| {
            let mut shown = Vec::new();
            assert_eq!(confirm("Go on?", typed.as_bytes(), &mut shown).unwrap(), expect, "{typed:?}");
            assert!(shown.starts_with(b"Go on? (yes/no) "), "{typed:?}");
        };
        check("yes\n", true);
        check(" YES \n", true);
        check("y\n", true);
        check("Y\n", true);
        check("ja\nyes\n", true);
        check("no\nyes\n", false);
        check("n\nyes\n", false);
        check("ye\n\nok\nyes\n", false);
        check("", false);
        check(&"yes".repeat(2000), false);
    }

    #[test]
    fn a_line_is_what_was_typed_without_blanks_around_it() {
        for (typed, expect) in
            [(" ftp://h/ \nx\n", Some("ftp://h/")), ("\n", None), ("", None), ("x", Some("x"))]
        {
            assert_eq!(
                line("Where? ", typed.as_bytes(), Vec::new()).unwrap().as_deref(),
                expect,
                "{typed:?}"
            );
        }
    }

    #[test]
    fn a_secret_is_one_line_and_is_not_shown() {
        let check = |typed: &[u8], expect: Option<&[u8]>| {
            let mut shown = Vec::new();
            let answer = secret("Password: ", typed, &mut shown).unwrap();
            assert_eq!(answer.as_ref().map(Secret::expose), expect, "{typed:?}");
            assert_eq!(shown, b"Password: \n");
        };
        check(b" s3cret \nnext\n", Some(b" s3cret "));
        check(b"\xff", Some(b"\xff"));
        check(b"\n", None);
        check(b"", None);
    }
}
