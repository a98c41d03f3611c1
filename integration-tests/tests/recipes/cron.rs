//! Lines of a crontab, read and run as cron does it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What cron runs for a line.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// The command, for `sh -c`.
    pub(super) command: String,
    /// What it reads.
    input: String,
}

impl Entry {
    /// Runs it as cron does: with few variables, in the home directory, without a terminal. The program is in `bin`, as a
    /// package has it in `/usr/bin`.
    pub(super) fn run(&self, home: &Path, bin: &Path) -> Output {
        // Another session has no terminal that could be asked for a password.
        let mut command = Command::new("setsid");
        command.args(["--wait", "/bin/sh", "-c", &self.command]).current_dir(home).env_clear();
        command.env("HOME", home).env("LOGNAME", "ann").env("SHELL", "/bin/sh");
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The command may end before it has read anything.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        child.wait_with_output().unwrap()
    }
}

/// The entries of a crontab. Lines with variables, comments and empty ones are none.
pub(super) fn entries(crontab: &str) -> Vec<Entry> {
    let is_time = |field: &str| field.bytes().all(|byte| byte.is_ascii_digit() || b"*/,-".contains(&byte));
    let lines = crontab.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut found = Vec::new();
    for line in lines {
        let first = line.split_whitespace().next().unwrap_or_default();
        if !is_time(first) {
            assert!(first.contains('='), "{line} is neither an entry nor a variable");
            continue;
        }
        let mut rest = line;
        for _ in 0..5 {
            let (field, behind) = rest.split_once(char::is_whitespace).unwrap();
            assert!(is_time(field), "{line}: {field}");
            rest = behind.trim_start();
        }
        found.push(entry(rest));
    }
    found
}

/// An unescaped `%` is the end of a line: the first one ends the command, and what follows is read by it.
fn entry(text: &str) -> Entry {
    let mut lines = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'%') => {
                letters.next();
                lines.last_mut().unwrap().push('%');
            }
            '%' => lines.push(String::new()),
            letter => lines.last_mut().unwrap().push(letter),
        }
    }
    let command = lines.remove(0);
    let input = if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" };
    Entry { command, input }
}

#[test]
fn a_crontab_is_read_as_cron_reads_it() {
    let found = entries(
        "# every night\nMAILTO=ann\n\n17 2 * * *  a \"$(date +\\%F)\" \\x\n*/10 1-5 * * 1,2 b%one%two\n",
    );
    let entry = |command: &str, input: &str| Entry { command: command.into(), input: input.into() };
    assert_eq!(found, [entry("a \"$(date +%F)\" \\x", ""), entry("b", "one\ntwo\n")]);
}
