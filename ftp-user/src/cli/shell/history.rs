//! The lines of earlier runs: a file of the state directory that is its user's alone. A line with a secret is not kept.

use super::super::conceal::without_passwords;
use crate::place::Names;
use crate::state::StateFile;
use std::ffi::OsString;
use std::path::PathBuf;

/// The lines that are kept.
#[derive(Clone, Debug)]
pub(super) struct History {
    file: StateFile,
    /// What this run has read and added.
    lines: Vec<String>,
}

impl History {
    /// The lines of the state directory. Second, why they cannot be read.
    pub(super) fn read(state: Option<PathBuf>) -> (Self, Option<String>) {
        let file = StateFile::at(state, "shell-history.json");
        let (lines, why) = match file.read::<Vec<String>>() {
            Ok(lines) => (lines, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        (Self { file, lines: last(lines) }, why)
    }

    /// The lines, the oldest first.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Keeps a line, unless it may have a secret, begins with a blank, or repeats the last one. Returns whether it is kept.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words. The line is known to this run all the same.
    pub(super) fn add(&mut self, line: &str, sites: &Names) -> Result<bool, String> {
        let repeats = self.lines.last().is_some_and(|last| last == line);
        if line.starts_with(char::is_whitespace) || line.is_empty() || repeats || has_secret(line, sites) {
            return Ok(false);
        }
        if line.len() > LONGEST {
            return Ok(false);
        }
        self.lines.push(line.to_owned());
        self.lines = last(std::mem::take(&mut self.lines));
        self.file.update(|all: &mut Vec<String>| {
            all.push(line.to_owned());
            *all = last(std::mem::take(all));
            true
        })?;
        Ok(true)
    }
}

/// Whether a line may have a password: in a URL, also in one with a mistake, or as `--user NAME:PASSWORD`.
fn has_secret(line: &str, sites: &Names) -> bool {
    let words: Vec<OsString> = match crate::shell::split(line) {
        Ok(line) => line.words.into_iter().map(|word| word.text.into()).collect(),
        // What cannot be read is judged by its blanks.
        Err(_) => line.split_whitespace().map(OsString::from).collect(),
    };
    let names_user = words.iter().any(|word| {
        let word = word.to_string_lossy();
        word == "--user" || word.starts_with("--user=") || word.contains("ASSWORD=")
    });
    names_user || without_passwords(&words, |word| sites.has_site_of(word)) != words
}

/// The last lines, as many as are kept.
fn last(mut lines: Vec<String>) -> Vec<String> {
    let surplus = lines.len().saturating_sub(MOST_LINES);
    lines.drain(..surplus);
    lines
}

/// The largest number of lines.
const MOST_LINES: usize = 1000;
/// The length of the longest line that is kept, in bytes.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn lines_are_kept_for_their_user_and_none_with_a_secret() {
        let home = tempfile::tempdir().unwrap();
        let state = home.path().join("state");
        let (mut history, why) = History::read(Some(state.clone()));
        assert_eq!(why, None);
        let sites = Names::default();
        for (line, is_kept) in [
            ("ls lab:", true),
            ("ls lab:", false),
            (" ls lab:x", false),
            ("", false),
            ("ls ftp://ann:s3cret@h/", false),
            ("copy 'ftp://ann:s3cret@h/a b' x", false),
            ("ls ftp//ann:s3cret@h/ 'open", false),
            ("ls ann:s3cret@h", false),
            ("sites add x --user ann:s3cret", false),
            ("ls --proxy socks5://u:s3cret@h:1 lab:", false),
            ("ls ftp://ann@h:2121/a", true),
        ] {
            assert_eq!(history.add(line, &sites), Ok(is_kept), "{line}");
        }
        let (again, _) = History::read(Some(state.clone()));
        assert_eq!(again.lines(), ["ls lab:", "ls ftp://ann@h:2121/a"]);
        let file = state.join("shell-history.json");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(file).unwrap().contains("s3cret"));
    }

    #[test]
    fn the_number_of_lines_is_bounded() {
        let lines = (0..2 * MOST_LINES).map(|number| number.to_string()).collect();
        let lines = last(lines);
        assert_eq!((lines.len(), lines[0].as_str()), (MOST_LINES, MOST_LINES.to_string().as_str()));
        let (mut history, _) = History::read(None);
        assert_eq!(history.add(&"x".repeat(LONGEST + 1), &Names::default()), Ok(false));
    }
}
