//! The file of tokens. It is a secret, so only its owner may read it.
//!
//! A relay's file holds one line for each identity that may come; a user's file holds only its own token.

use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ftp_proto::relay::token::{Token, TokenError};

use crate::named_file::{NamedFile, Readable};
use crate::os_error::words;

/// Why there is no token. The text never contains anything secret of the file.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file is not there, or this user may not open it.
    #[error("cannot open the token file {0}: {words}", words = words(.1))]
    Open(PathBuf, io::Error),
    /// The file cannot be read.
    #[error("cannot read the token file {0}: {words}", words = words(.1))]
    Read(PathBuf, io::Error),
    /// Its mode lets others read or write it.
    #[error("others may read the token file {0}; chmod 600 {0}")]
    Others(PathBuf),
    /// Its owner says which user agents may come.
    #[error("another user owns the token file {0}: use one of your own")]
    Owner(PathBuf),
    /// A line is not a token.
    #[error("{0} line {1}: {2}")]
    Line(PathBuf, usize, TokenError),
    /// Two tokens have the same name.
    #[error("{0} line {1}: the name {2} is used twice")]
    Twice(PathBuf, usize, String),
    /// There is no token in it.
    #[error("the token file {0} holds no token; make one: ftp-relay-agent token > {0}")]
    Empty(PathBuf),
    /// There is no token in it any more, and nothing says that this is meant.
    #[error("the token file {0} holds no token any more; if nobody is to come in, write the line \"# none\"")]
    Emptied(PathBuf),
    /// It is a relay's file where a user's is needed.
    #[error("the token file {0} holds {1} tokens; a user's file holds only its own")]
    Several(PathBuf, usize),
}

/// Reads all tokens of the file. Empty lines and those that begin with `#` are skipped.
///
/// # Errors
///
/// [`TokenFileError`] says what is wrong with the file, and in which line.
pub fn read(path: &Path) -> Result<Vec<Token>, TokenFileError> {
    let (tokens, _) = read_lines(path)?;
    if tokens.is_empty() { Err(TokenFileError::Empty(path.to_owned())) } else { Ok(tokens) }
}

/// Reads all tokens of a file that was read before. There may be none any more if it has the line `# none`: all of them were
/// withdrawn. A file without it may be one that somebody is about to write.
///
/// # Errors
///
/// As for [`read`], with [`TokenFileError::Emptied`] in place of [`TokenFileError::Empty`].
pub fn read_again(path: &Path) -> Result<Vec<Token>, TokenFileError> {
    match read_lines(path)? {
        (tokens, false) if tokens.is_empty() => Err(TokenFileError::Emptied(path.to_owned())),
        (tokens, _) => Ok(tokens),
    }
}

/// The tokens of the file, and whether a line says that there are none.
fn read_lines(path: &Path) -> Result<(Vec<Token>, bool), TokenFileError> {
    let named = || path.to_owned();
    let file = NamedFile::open(path, Readable::File).map_err(|error| TokenFileError::Open(named(), error))?;
    if file.is_of_another_user() {
        return Err(TokenFileError::Owner(named()));
    }
    if file.facts().permissions().mode() & OTHERS != 0 {
        return Err(TokenFileError::Others(named()));
    }
    let bytes = file.read(LIMIT).map_err(|error| TokenFileError::Read(named(), error))?;
    let not_text =
        |_| TokenFileError::Read(named(), io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"));
    let text = str::from_utf8(&bytes).map_err(not_text)?;
    let says_none = text.lines().any(|line| line.trim() == NONE);
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let token = Token::parse(line).map_err(|error| TokenFileError::Line(named(), number, error))?;
        if tokens.iter().any(|known| known.name() == token.name()) {
            return Err(TokenFileError::Twice(named(), number, token.name().to_owned()));
        }
        tokens.push(token);
    }
    Ok((tokens, says_none))
}

/// Reads the only token of a user's file.
///
/// # Errors
///
/// As for [`read`]; [`TokenFileError::Several`] if there are more tokens.
pub fn read_own(path: &Path) -> Result<Token, TokenFileError> {
    let mut tokens = read(path)?;
    match (tokens.len(), tokens.pop()) {
        (1, Some(token)) => Ok(token),
        (count, _) => Err(TokenFileError::Several(path.to_owned(), count)),
    }
}

/// The line that says that no token is meant to be there.
const NONE: &str = "# none";
/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// Maximum size of the file in bytes.
const LIMIT: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};

    fn with(text: &str, mode: u32, check: impl FnOnce(&Path)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens");
        write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        check(&path);
    }

    fn check(text: &str, mode: u32, expected: Result<&[&str], &str>) {
        with(text, mode, |path| match (read(path), expected) {
            (Ok(tokens), Ok(names)) => assert_eq!(tokens.iter().map(Token::name).collect::<Vec<_>>(), names),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{text}: {found:?}"),
        });
    }

    fn line(name: &str) -> String {
        Token::new(name, None, [7; 32]).unwrap().line().to_string()
    }

    #[test]
    fn a_token_file_is_its_owners_and_holds_tokens() {
        let (one, two) = (line("one"), line("two"));
        check(&format!("# ours\n\n{one}\n  {two}  \n"), 0o600, Ok(&["one", "two"]));
        check(&one, 0o400, Ok(&["one"]));
        check(&one, 0o640, Err("chmod 600"));
        check(&one, 0o604, Err("chmod 600"));
        check("# nothing\n", 0o600, Err("holds no token"));
        check(&format!("{one}\n{one}"), 0o600, Err("line 2: the name one is used twice"));
        check(&format!("{one}\nfrt1.x"), 0o600, Err("line 2"));
    }

    #[test]
    fn a_file_that_was_emptied_withdraws_its_tokens_only_if_it_says_so() {
        for text in ["", "\n\n", "# withdrawn\n", "# none of these\n"] {
            with(text, 0o600, |path| {
                assert!(matches!(read_again(path), Err(TokenFileError::Emptied(_))), "{text:?}");
            });
        }
        with("# all of them were withdrawn\n# none\n", 0o600, |path| {
            assert!(read_again(path).unwrap().is_empty());
            assert!(matches!(read(path), Err(TokenFileError::Empty(_))));
        });
        with(&line("one"), 0o600, |path| assert_eq!(read_again(path).unwrap().len(), 1));
    }

    #[test]
    fn a_users_file_holds_one_token() {
        with(&format!("# mine\n{}\n", line("one")), 0o600, |path| {
            assert_eq!(read_own(path).unwrap().name(), "one");
        });
        with(&format!("{}\n{}\n", line("one"), line("two")), 0o600, |path| {
            let said = read_own(path).unwrap_err().to_string();
            assert!(said.contains("holds 2 tokens"), "{said}");
        });
        with(&line("one"), 0o644, |path| {
            assert!(matches!(read_own(path), Err(TokenFileError::Others(_))));
        });
    }

    #[test]
    fn a_damaged_token_is_not_shown() {
        let line = line("one");
        with(&format!("{line}x"), 0o600, |path| {
            let said = read(path).unwrap_err().to_string();
            assert!(!said.contains(&line[10..20]), "{said}");
        });
    }
}
