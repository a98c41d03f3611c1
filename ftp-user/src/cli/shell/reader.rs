//! Reads lines from the person at the terminal: completion, the lines of earlier runs, and signals.

use super::super::conceal::without_passwords;
use super::super::{generate, signals};
use super::known::{Knowledge, SharedKnowledge};
use crate::failure::Result;
use crate::place::Names;
use crate::shell::{CompletionInput, CompletionPlaces, Offer, Vocabulary, complete_line};
use crate::state::StateFile;
use ftp_io::clock::since_1970;
use ftp_io::signal::StopRequest;
use ftp_proto::wire::misleads;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::{Completer, Pair, longest_common_prefix};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io};
use tokio::sync::watch;

/// Reads the lines of a person.
pub(super) struct Reader {
    /// It is away while it waits for keys.
    editor: Option<Editor<Keys, MemHistory>>,
    /// How the terminal was before.
    before: Option<Termios>,
}

impl Reader {
    /// Prepares the terminal. `lines` are those of earlier runs.
    pub(super) fn start(
        known: SharedKnowledge,
        vocabulary: Arc<Vocabulary>,
        state: Option<PathBuf>,
        lines: Vec<String>,
    ) -> rustyline::Result<Self> {
        let before = tcgetattr(io::stdin()).ok();
        let config = Config::builder().auto_add_history(false).completion_type(CompletionType::List).build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        editor.set_helper(Some(Keys { known, vocabulary, state }));
        let mut reader = Self { editor: Some(editor), before };
        lines.into_iter().for_each(|line| reader.keep(line));
        Ok(reader)
    }

    /// Reads the next line, on a thread that may wait for keys.
    ///
    /// # Errors
    ///
    /// No line was typed: Ctrl-C gives it up, and Ctrl-D is an end, as is a terminal that is gone. Or the terminal cannot be read.
    pub(super) async fn line(&mut self, prompt: String) -> rustyline::Result<String> {
        let Some(mut editor) = self.editor.take() else { return Err(ReadlineError::Eof) };
        let reading = tokio::task::spawn_blocking(move || {
            let typed = editor.readline(&prompt);
            (editor, typed)
        });
        let Ok((editor, typed)) = reading.await else { return Err(ReadlineError::Eof) };
        self.editor = Some(editor);
        typed
    }

    /// Lets the arrow keys find a line.
    pub(super) fn keep(&mut self, line: String) {
        let _ = self.editor.as_mut().map(|editor| editor.add_history_entry(line));
    }

    /// Gives the terminal back as it was. The thread may still wait for a key; it ends with the process.
    pub(super) fn give_back(&self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// What the keys mean.
struct Keys {
    known: SharedKnowledge,
    vocabulary: Arc<Vocabulary>,
    /// Where the journal is.
    state: Option<PathBuf>,
}

impl Helper for Keys {}
impl Highlighter for Keys {}
impl Validator for Keys {}

impl Hinter for Keys {
    type Hint = String;
}

impl Completer for Keys {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..cursor).unwrap_or(line);
        let (at, found) = {
            let mut known = self.known.lock();
            let Knowledge { scope, cache, .. } = &mut *known;
            let vocabulary = &self.vocabulary;
            let places = CompletionPlaces { scope, cache, here: &names_here, now: since_1970().as_secs() };
            let jobs = |verb: &str| generate::jobs(self.state.as_deref(), verb);
            let jobs = |verb: &str| jobs(verb).into_iter().map(|job| job.text).collect();
            complete_line(before, &mut CompletionInput { vocabulary, places, jobs: &jobs })
        };
        for directory in &found.wanted {
            self.known.want(directory.clone());
        }
        Ok((at, pairs(found)))
    }
}

/// The words of a completion as the editor shows and inserts them: a single word is inserted, and of several what all begin
/// with. The next Tab shows them.
fn pairs(found: Offer) -> Vec<Pair> {
    let is_several = found.words.len() > 1;
    let common = common(&found.words);
    let pair = |word: String| Pair {
        display: word.trim_end().to_owned(),
        replacement: if is_several { common.clone() } else { word },
    };
    let mut pairs: Vec<Pair> = found.words.into_iter().map(pair).collect();
    if found.is_cut && is_several {
        pairs.push(Pair { display: "(and more)".to_owned(), replacement: common });
    }
    pairs
}

/// What all of these words begin with, without half a quoted character.
fn common(words: &[String]) -> String {
    let common = longest_common_prefix(words).unwrap_or_default();
    let backslashes = common.len() - common.trim_end_matches('\\').len();
    common.get(..common.len() - backslashes % 2).unwrap_or_default().to_owned()
}

/// The names in a directory of this host, those of directories with a `/` at their end. Names that a terminal would act on
/// are left out.
pub(super) fn names_here(directory: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let names = entries.take(MOST_HERE).filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let is_directory = entry.path().is_dir();
        let is_plain = !name.chars().any(misleads);
        is_plain.then(|| if is_directory { format!("{name}/") } else { name })
    });
    names.collect()
}

/// Names of a directory of this host that are read for a completion, at most.
const MOST_HERE: usize = 2000;

/// The lines that are kept.
#[derive(Clone, Debug)]
pub(super) struct History {
    file: StateFile,
    /// What this run has read and added, the oldest first.
    pub(super) lines: Vec<String>,
}

impl History {
    /// The lines of the state directory. Second, why they cannot be read.
    pub(super) fn read(state: Option<PathBuf>) -> (Self, Option<String>) {
        let file = StateFile::at(state, "shell-history.json");
        let read = file.read::<Vec<String>>();
        let why = read.as_ref().err().cloned();
        (Self { file, lines: last(read.unwrap_or_default()) }, why)
    }

    /// Keeps a line, unless it may have a secret, begins with a blank, or repeats the last one. Returns whether it is kept.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words. The line is known to this run all the same.
    pub(super) fn add(&mut self, line: &str, sites: &Names) -> Result<bool, String> {
        let repeats = self.lines.last().is_some_and(|last| last == line);
        let can_be_kept = (1..=LONGEST).contains(&line.len()) && !line.starts_with(char::is_whitespace);
        if !can_be_kept || repeats || has_secret(line, sites) {
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

/// Listens for signals. Each of them is a change of the value, which says whether the shell should end.
#[derive(Clone, Debug)]
pub(super) struct Signals(watch::Receiver<bool>);

impl Signals {
    /// Starts to listen.
    pub(super) fn start() -> Result<Self> {
        let mut stop = signals()?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let asked = stop.next().await;
                sender.send_modify(|is_end| *is_end |= asked == StopRequest::End);
            }
        });
        Ok(Self(receiver))
    }

    pub(super) fn is_end(&self) -> bool {
        *self.0.borrow()
    }

    /// Forgets what was heard: it was about an earlier command. A wish to end is never forgotten.
    pub(super) fn forget(&mut self) {
        self.0.mark_unchanged();
        if self.is_end() {
            self.0.mark_changed();
        }
    }

    /// Returns at the next signal, and says whether the shell should end.
    pub(super) async fn next(&mut self) -> bool {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        *self.0.borrow_and_update()
    }

    /// Returns when the shell should end.
    pub(super) async fn end(&mut self) {
        while !self.is_end() {
            self.next().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_all_words_begin_with_is_inserted_and_a_list_that_is_cut_says_so() {
        let words = ["lab:abc", "lab:abd"].map(str::to_owned).to_vec();
        let found = Offer { words: words.clone(), wanted: Vec::new(), is_cut: true };
        let shown: Vec<_> = pairs(found).into_iter().map(|pair| (pair.display, pair.replacement)).collect();
        let expect = ["lab:abc", "lab:abd", "(and more)"].map(|word| (word.to_owned(), "lab:ab".to_owned()));
        assert_eq!(shown, expect);
        let one = Offer { words: vec!["ls ".to_owned()], ..Offer::default() };
        let [only] = pairs(one).try_into().unwrap_or_else(|_| panic!("one word"));
        assert_eq!((only.display.as_str(), only.replacement.as_str()), ("ls", "ls "));
        assert_eq!(common(&words), "lab:ab");
        assert_eq!(
            common(&["a\\ b", "a\\&c"].map(str::to_owned)),
            "a",
            "the backslash belongs to what follows"
        );
        assert_eq!(common(&["a\\\\b", "a\\\\c"].map(str::to_owned)), "a\\\\", "a name with a backslash");
        assert_eq!(common(&["a".to_owned(), "ab".to_owned()]), "a");
    }

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
        assert_eq!(again.lines, ["ls lab:", "ls ftp://ann@h:2121/a"]);
        let file = state.join("shell-history.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!fs::read_to_string(file).unwrap().contains("s3cret"));
    }

    #[test]
    fn the_number_of_lines_is_bounded() {
        let lines = (0..2 * MOST_LINES).map(|number| number.to_string()).collect();
        let lines = last(lines);
        assert_eq!((lines.len(), lines[0].as_str()), (MOST_LINES, MOST_LINES.to_string().as_str()));
        let (mut history, _) = History::read(None);
        assert_eq!(history.add(&"x".repeat(LONGEST + 1), &Names::default()), Ok(false));
    }

    #[test]
    fn an_interruption_of_an_earlier_command_is_forgotten_and_a_wish_to_end_is_not() {
        let (sender, receiver) = watch::channel(false);
        let mut signals = Signals(receiver);
        sender.send_modify(|_| {});
        signals.forget();
        assert_eq!(signals.next().now_or_never(), None);
        // It comes between two commands: before the second one begins.
        sender.send_modify(|is_end| *is_end = true);
        signals.forget();
        assert_eq!(signals.next().now_or_never(), Some(true));
    }
}
