//! `ftp-user` at a pseudo-terminal, which `script` of util-linux provides.

use crate::binary::Program;
use crate::foreign::Skipped;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Runs `ftp-user` with `arguments`, words of the shell, for a person who types `answers`. What the run keeps is in
/// `state`. Returns what the person sees, and the exit code.
///
/// # Errors
///
/// This machine has no `script`.
pub fn at_a_terminal(state: &Path, arguments: &str, answers: &str) -> Result<(String, Option<i32>), Skipped> {
    ended(start(state, arguments)?, answers)
}

/// The same with `NO_COLOR` in the environment, for a person who types nothing.
///
/// # Errors
///
/// This machine has no `script`.
pub fn at_a_terminal_without_colour(state: &Path, arguments: &str) -> Result<(String, Option<i32>), Skipped> {
    ended(spawn(script(state, arguments, None).env("NO_COLOR", "1"))?, "")
}

/// The same at a terminal with so many columns in the locale C, for a person who types nothing.
///
/// # Errors
///
/// This machine has no `script`.
pub fn at_a_terminal_of(
    columns: u16,
    state: &Path,
    arguments: &str,
) -> Result<(String, Option<i32>), Skipped> {
    ended(spawn(script(state, arguments, Some(columns)).env("LC_ALL", "C"))?, "")
}

fn ended(mut child: Child, answers: &str) -> Result<(String, Option<i32>), Skipped> {
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(answers.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    drop(stdin);
    Ok((String::from_utf8_lossy(&ended.stdout).into_owned(), ended.status.code()))
}

/// The same for a person who types `answer` when `question` is there, and not before: what is typed earlier is shown.
///
/// # Errors
///
/// This machine has no `script`.
pub fn answering(
    state: &Path,
    arguments: &str,
    question: &str,
    answer: &str,
) -> Result<(String, Option<i32>), Skipped> {
    let mut child = start(state, arguments)?;
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut byte) = (Vec::new(), [0]);
    while !shown.ends_with(question.as_bytes()) && stdout.read(&mut byte).unwrap() == 1 {
        shown.push(byte[0]);
    }
    stdin.write_all(answer.as_bytes()).unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    let status = child.wait().unwrap();
    drop(stdin);
    Ok((String::from_utf8_lossy(&shown).into_owned(), status.code()))
}

fn start(state: &Path, arguments: &str) -> Result<Child, Skipped> {
    spawn(&mut script(state, arguments, None))
}

fn spawn(command: &mut Command) -> Result<Child, Skipped> {
    command.spawn().map_err(|_| Skipped("there is no script(1)".into()))
}

fn script(state: &Path, arguments: &str, columns: Option<u16>) -> Command {
    let program = Program::User.path();
    let columns = columns.map_or_else(String::new, |columns| format!("stty rows 24 columns {columns}; "));
    let typed =
        format!("{columns}exec {} --retries 0 --state {} {arguments}", program.display(), state.display());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
    command.env("HOME", state).env("TERM", "xterm").env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a program at a pseudo-terminal has shown so far.
pub fn screen_of(mut stdout: ChildStdout) -> Arc<Mutex<String>> {
    let screen = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&screen);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = stdout.read(&mut bytes) {
            shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    });
    screen
}

/// A run at a pseudo-terminal, and the person who types there.
#[derive(Debug)]
pub struct Person {
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<String>>,
}

impl Person {
    /// Starts `ftp-user` with `arguments`, words of the shell, in the directory `home`.
    ///
    /// # Errors
    ///
    /// This machine has no `script`.
    pub fn start(home: &Path, arguments: &str) -> Result<Self, Skipped> {
        let program = Program::User.path();
        let typed = format!("stty rows 40 columns 200; exec {} {arguments}", program.display());
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
        command.env("HOME", home).env("TERM", "xterm").current_dir(home);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|_| Skipped("there is no script(1)".into()))?;
        let (keys, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let screen = screen_of(stdout);
        Ok(Self { child, keys, screen })
    }

    /// Types these keys.
    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// What was shown so far.
    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Waits until these words have been shown so many times.
    pub fn sees(&self, words: &str, times: usize) {
        crate::socket::until(words, || self.screen().matches(words).count() >= times);
    }

    /// Waits for the end of the run, and returns its exit code.
    pub fn end(mut self) -> Option<i32> {
        let mut ended = None;
        crate::socket::until("the end of the run", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        ended.and_then(|status| status.code())
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("---- the screen ----\n{}", self.screen());
        }
    }
}
