//! The file of tokens. It is a secret, so only its owner may read it.
//!
//! A relay's file holds one line for each identity that may come, that of an agent at a hub also its own; a user's file
//! holds only its own token.

use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ftp_proto::relay::token::{Holder, Token, TokenError};

use crate::named_file::{NamedFile, Readable};
use crate::os_error::words;
use crate::quoting::for_shell;

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
    #[error("others may read the token file {0}; chmod 600 {file}", file = for_shell(.0))]
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
    #[error(
        "the token file {0} holds no token; make one: ftp-relay-agent token > {file}; if nobody is to come in, write the line \"# none\"; for a hub, use the lines that ftp-relay-agent token --for-hub prints",
        file = for_shell(.0)
    )]
    Empty(PathBuf),
    /// It has the token of an agent where only users come.
    #[error(
        "{1} in the token file {0} is the token of an agent: its host alone has it, and the hub what token --for-hub prints; a user has another one (ftp-relay-agent token)"
    )]
    Agent(PathBuf, String),
    /// It has what only a hub needs.
    #[error(
        "{1} in the token file {0} is a line of token --for-hub: it belongs to the hub alone; take the token from which it was made"
    )]
    Hub(PathBuf, String),
    /// There must be one token of an agent in it.
    #[error(
        "the token file {0} has to hold one token of an agent, beside those of its users, and holds {1}; make one: ftp-relay-agent token --for-agent GROUP"
    )]
    NotOne(PathBuf, &'static str),
    /// It is a relay's file where a user's is needed.
    #[error("the token file {0} holds {1} tokens; a user's file holds only its own")]
    Several(PathBuf, usize),
}

/// What the file of an agent at a hub has.
#[derive(Clone, Debug)]
pub struct OfAgent {
    /// The token of the agent.
    pub own: Token,
    /// The tokens of those who may use it. In older set-ups, the same token.
    pub users: Vec<Token>,
}

/// Reads all tokens of the file, which may be a hub's. Empty lines and those that begin with `#` are skipped. A file without tokens has the line
/// `# none`; without it, somebody may be about to write it.
///
/// # Errors
///
/// [`TokenFileError`] says what is wrong with the file, and in which line.
pub fn read(path: &Path) -> Result<Vec<Token>, TokenFileError> {
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
    if tokens.is_empty() && !says_none { Err(TokenFileError::Empty(named())) } else { Ok(tokens) }
}

/// Reads the tokens of a file that is not a hub's.
///
/// # Errors
///
/// As for [`read`]; [`TokenFileError::Hub`] if one of them is a hub's.
pub fn read_tokens(path: &Path) -> Result<Vec<Token>, TokenFileError> {
    let tokens = read(path)?;
    match tokens.iter().find(|token| token.is_of_hub()) {
        Some(token) => Err(TokenFileError::Hub(path.to_owned(), token.name().to_owned())),
        None => Ok(tokens),
    }
}

/// Reads the tokens of a relay's file: those of its users.
///
/// # Errors
///
/// As for [`read`]; [`TokenFileError::Agent`] if one of them is that of an agent.
pub fn read_users(path: &Path) -> Result<Vec<Token>, TokenFileError> {
    let tokens = read_tokens(path)?;
    match tokens.iter().find(|token| token.is_of_agent()) {
        Some(token) => Err(TokenFileError::Agent(path.to_owned(), token.name().to_owned())),
        None => Ok(tokens),
    }
}

/// Reads the file of an agent at a hub: its own token, and those of its users. The only token of an older file is both.
///
/// # Errors
///
/// As for [`read`]; [`TokenFileError::NotOne`] if it is not clear which token is that of the agent.
pub fn read_of_agent(path: &Path) -> Result<OfAgent, TokenFileError> {
    let (agents, users): (Vec<Token>, Vec<Token>) =
        read_tokens(path)?.into_iter().partition(Token::is_of_agent);
    match (agents.as_slice(), users.as_slice()) {
        ([own], _) => Ok(OfAgent { own: own.clone(), users }),
        ([], [only]) if *only.holder() == Holder::Anybody => Ok(OfAgent { own: only.clone(), users }),
        ([], _) => Err(TokenFileError::NotOne(path.to_owned(), "none")),
        ([..], _) => Err(TokenFileError::NotOne(path.to_owned(), "several")),
    }
}

/// Reads the only token of a user's file.
///
/// # Errors
///
/// As for [`read_users`]; [`TokenFileError::Several`] if there is not one token.
pub fn read_own(path: &Path) -> Result<Token, TokenFileError> {
    let mut tokens = read_users(path)?;
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
    fn a_file_without_tokens_says_that_there_are_none() {
        for text in ["", "\n\n", "# withdrawn\n", "# none of these\n"] {
            with(text, 0o600, |path| {
                assert!(matches!(read(path), Err(TokenFileError::Empty(_))), "{text:?}")
            });
        }
        with("# all of them were withdrawn\n# none\n", 0o600, |path| {
            assert!(read(path).unwrap().is_empty());
            assert!(matches!(read_own(path), Err(TokenFileError::Several(_, 0))));
        });
    }

    #[test]
    fn r62_the_file_of_an_agent_has_its_own_token_and_those_of_its_users() {
        let of = |name: &str, holder| {
            let token = Token::new(name, None, [7; 32]).and_then(|token| token.with_holder(holder));
            token.unwrap().line().to_string()
        };
        let group = || "site".to_owned();
        let (agent, user) = (of("edge", Holder::AgentOf(group())), of("ann", Holder::UserOf(group())));
        let read_as = |lines: &[&str]| {
            let mut told = String::new();
            with(&lines.join("\n"), 0o600, |path| {
                told = match read_of_agent(path) {
                    Ok(OfAgent { own, users }) => format!("{}: {}", own.name(), users.len()),
                    Err(error) => error.to_string(),
                };
            });
            told
        };
        assert_eq!(read_as(&[&user, &agent, &line("bob")]), "edge: 2");
        assert_eq!(read_as(&[&agent]), "edge: 0");
        assert_eq!(read_as(&[&line("one")]), "one: 1", "an older set-up");
        assert!(read_as(&[&user]).contains("holds none; make one"));
        assert!(read_as(&[&line("one"), &line("two")]).contains("holds none; make one"));
        assert!(read_as(&[&agent, &of("far", Holder::AgentOf(group()))]).contains("holds several"));
        let of_hub = Token::parse(&user).unwrap().for_hub().line().to_string();
        assert!(read_as(&[&agent, &of_hub]).contains("ann in the token file"), "a line of the hub's file");
        with(&of_hub, 0o600, |path| {
            assert!(read(path).unwrap()[0].is_of_hub());
            assert!(matches!(read_users(path), Err(TokenFileError::Hub(..))));
            assert!(matches!(read_own(path), Err(TokenFileError::Hub(..))));
        });
        with(&agent, 0o600, |path| {
            assert!(matches!(read_users(path), Err(TokenFileError::Agent(..))));
            assert!(matches!(read_own(path), Err(TokenFileError::Agent(..))));
        });
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
