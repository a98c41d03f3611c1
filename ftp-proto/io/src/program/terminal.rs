//! Questions to the person at the controlling terminal.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write, stderr};
use std::thread;

use tokio::sync::oneshot;

/// The controlling terminal of this process.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// Opens it. Returns `None` if there is none, or if standard error is not a terminal.
    pub fn open() -> Option<Self> {
        if !stderr().is_terminal() {
            return None;
        }
        File::options().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Asks until the answer is `yes` or `no`, but only a few times. No answer means no.
    ///
    /// `question` must not have control characters. The thread that reads the answer ends with the process, so a
    /// caller that no longer wants to know drops the future.
    pub async fn confirm(self, question: String) -> bool {
        let (sender, receiver) = oneshot::channel();
        thread::spawn(move || {
            let Self(terminal) = self;
            let input = BufReader::new(&terminal);
            let _ = sender.send(confirm(&question, input, &terminal).unwrap_or(false));
        });
        receiver.await.unwrap_or(false)
    }
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
            "yes" => return Ok(true),
            "no" => return Ok(false),
            _ => write!(output, "please type yes or no: ")?,
        }
    }
    writeln!(output)?;
    Ok(false)
}

/// How often the question is asked.
const TRIES: usize = 3;
/// The longest answer in bytes that is read at once.
const LONGEST: u64 = 1024;

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
        check("y\nyes\n", true);
        check("no\nyes\n", false);
        check("y\n\nok\nyes\n", false);
        check("", false);
        check(&"yes".repeat(2000), false);
    }
}
