//! What the program does besides serving: `check-config`, `who`, `kick` and `hash-password`.

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use ftp_io::os_error::words;
use ftp_io::program::terminal::Silence;
use ftp_io::program::{args, output, privileges};
use zeroize::Zeroizing;

use super::{Cli, Exit, PROGRAM, parse};
use crate::auth::PasswordHash;
use crate::config::{Config, File, Options};
use crate::operate::live::{self, Request};
use crate::operate::usual_state;

/// Checks the configuration file `path` as a start with it would, as the user of `run-as` if this process may
/// become that user. Warnings go to standard error, and standard output says `ok` if there is no mistake. What the file `against` has and this one has not is a mistake.
///
/// # Errors
/// A line for each mistake.
pub fn check(path: &Path, against: Option<&Path>) -> Result<(), Exit> {
    let read = || -> Result<(Config, File), Exit> {
        let file = File::read(path).map_err(|mistakes| Exit::Checked(mistakes.lines().collect()))?;
        let words = std::iter::once(OsString::from("ftp-server")).chain(file.words(&Default::default()));
        let cli = args::parse::<Cli>(words).map_err(Exit::Rejected)?;
        let config = compile(*cli.options, &file).map_err(Exit::Checked)?;
        Ok((config, file))
    };
    let (config, file) = read()?;
    // Before the rights of root are given up.
    let old = against.map(File::read).transpose();
    let old = old.map_err(|mistakes| Exit::Checked(mistakes.lines().collect()))?;
    let found = if let Some(user) = config.run_as.clone()
        && privileges::is_root()
        && privileges::may_run_as(&user).is_ok()
    {
        become_user(&user)?;
        read().and_then(|(config, file)| inspect(&config, &file)).map_err(|exit| exit.as_user(&user))
    } else {
        inspect(&config, &file)
    };
    found?.iter().for_each(|warning| output::complain(PROGRAM, format_args!("warning: {warning}")));
    let lost = old.map_or_else(Vec::new, |old| file.lost_since(&old));
    if !lost.is_empty() {
        return Err(Exit::Checked(lost));
    }
    Ok(output::print(format!("{}: ok\n", path.display()).as_bytes()).map_err(anyhow::Error::from)?)
}

/// Gives root up.
///
/// # Errors
/// This process cannot go on as `user`.
pub fn become_user(user: &str) -> Result<(), Exit> {
    let failed = |error| anyhow!("cannot go on as the user {user:?} of run-as: {}", words(&error));
    Ok(privileges::run_as(user).map_err(failed)?)
}

/// Looks at everything that the configuration names. Returns a line for each warning.
///
/// # Errors
/// A line for each mistake.
pub fn inspect(config: &Config, file: &File) -> Result<Vec<String>, Exit> {
    let found = config.inspect();
    if found.errors.is_empty() {
        return Ok(found.warnings.iter().map(|warning| file.warned(warning)).collect());
    }
    Err(Exit::Checked(found.errors.iter().flat_map(|error| file.located(error)).collect()))
}

/// What the command line and the file that it names mean now.
///
/// # Errors
/// A line for each mistake.
pub fn again(arguments: &[OsString]) -> Result<(Config, File), Vec<String>> {
    let (cli, file) = parse(arguments.to_vec()).map_err(Exit::into_lines)?;
    Ok((compile(*cli.options, &file)?, file))
}

/// What the options mean together with the file.
///
/// # Errors
/// A line for each mistake, with its place if it is about an option of the file.
pub fn compile(options: Options, file: &File) -> Result<Config, Vec<String>> {
    Config::compile(options, file)
        .map_err(|errors| errors.iter().flat_map(|error| file.located(error)).collect())
}

/// Asks the server that holds the state directory, and prints its answer.
///
/// # Errors
/// No server answers there, or it refuses.
pub fn ask(state: Option<PathBuf>, request: Request) -> anyhow::Result<()> {
    let state = state.or_else(usual_state).context("the state directory is unknown: name it with --state")?;
    let answer = live::ask(&state, request).map_err(|error| {
        let (state, words) = (state.display(), words(&error));
        // The socket is there, and the server that has opened it is gone.
        let what_to_do = match error.kind() == ErrorKind::ConnectionRefused {
            true => "the server that used this state directory was killed; start it again",
            false => "name the state directory of the server with --state",
        };
        anyhow!("no server answers in {state}: {words}; {what_to_do}")
    })?;
    match answer {
        Ok(text) => Ok(output::print(shown(request, text, std::io::stdout().is_terminal()).as_bytes())?),
        Err(why) => bail!(why),
    }
}

/// What is printed of an answer: people get a heading, and scripts the sessions alone.
fn shown(request: Request, text: String, to_people: bool) -> String {
    if request != Request::Who || !to_people {
        return text;
    }
    let sessions = if text.is_empty() { "no sessions\n" } else { &text };
    format!("{HEADING}{sessions}")
}

/// Reads a password and prints its hash.
///
/// # Errors
/// There is no password, the two that were typed differ, or nothing can be read or printed.
pub fn print_hash() -> anyhow::Result<()> {
    let password = if std::io::stdin().is_terminal() { typed()? } else { piped()? };
    ensure!(!password.is_empty(), "there is no password: type one, or give one on standard input");
    let hash = PasswordHash::of(&password)?;
    Ok(output::print(format!("{}\n", hash.text()).as_bytes())?)
}

/// The first line of standard input.
fn piped() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    std::io::stdin().take(LIMIT).read_to_end(&mut bytes).context("cannot read the password")?;
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(Zeroizing::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

/// A password that is typed twice, without echo.
fn typed() -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let _silence = Silence::begin(std::io::stdin()).context("cannot silence the terminal")?;
    let first = asked("Password: ")?;
    let second = asked("Again: ")?;
    ensure!(first == second, "the two passwords differ: nothing was hashed");
    Ok(first)
}

fn asked(prompt: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    eprint!("{prompt}");
    std::io::stderr().flush().ok();
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    eprintln!();
    Ok(Zeroizing::new(line.trim_end_matches(['\n', '\r']).as_bytes().to_vec()))
}

/// What stands above the sessions on a terminal.
const HEADING: &str = "ID CLIENT \"USER\" SECONDS \"LAST COMMAND\"\n";
/// Bytes that are read of standard input.
const LIMIT: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_have_a_heading_for_people_and_none_for_scripts() {
        let line = "1 192.0.2.7:5000 \"ann\" 3 \"NOOP\"\n";
        let who = |text: &str, to_people| shown(Request::Who, text.to_owned(), to_people);
        assert_eq!(who(line, true), format!("{HEADING}{line}"));
        assert_eq!(who("", true), format!("{HEADING}no sessions\n"));
        assert_eq!((who(line, false), who("", false)), (line.to_owned(), String::new()));
        assert_eq!(shown(Request::Kick(1), "ended\n".to_owned(), true), "ended\n");
        // A word of the heading for each word of a line, as the quotes have it.
        let words =
            |line: &str| line.split('"').map(|part| part.split_whitespace().count()).collect::<Vec<_>>();
        assert_eq!(words(HEADING).len(), words(line).len());
    }
}
