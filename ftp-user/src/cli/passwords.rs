//! Passwords that no URL and no `.netrc` has: from a file, a program or the environment, or from the person at the terminal.

use super::places::{locations, meant_as_site, private_file};
use crate::context::{Cancel, Context};
use crate::failure::{Failure, Kind, Result, words};
use crate::place::{Location, PasswordSource, Place, Site, demands_tls};
use ftp_io::lock::Lock;
use ftp_io::named_file::Readable;
use ftp_io::program::terminal::Terminal;
use ftp_proto::wire::Secret;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// Where the password comes from that no URL and no `.netrc` has.
#[derive(Clone, Debug)]
pub(super) struct Passwords {
    /// The file of `--password-file`.
    pub(super) file: Option<PathBuf>,
    /// What [`VARIABLE`] holds.
    pub(super) variable: Option<Secret>,
    /// What ends a question.
    pub(super) cancel: Cancel,
    /// Whether a person at the terminal may be asked. What was answered before is known all the same.
    pub(super) asks: bool,
    /// Whether the file was typed for this command alone. Then it is read in any case: a mistake in it is told, and also that it
    /// is not needed.
    pub(super) is_typed: bool,
    /// Whether only the destination is logged in at, since a job is shown or given up. A password that is there still serves the
    /// one server that lacks its own.
    pub(super) only_destination: bool,
    /// What was answered before, and where what is answered now comes.
    pub(super) answers: Answers,
    /// What the sites of the settings have told.
    pub(super) revealed: Answers,
}

/// The order in which places stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// The destination is the last one.
    DestinationLast,
    /// Each source is followed by its own destination.
    Pairs,
}

impl Order {
    /// Whether the place with this index, of so many, is a destination.
    const fn is_destination(self, index: usize, of: usize) -> bool {
        match self {
            Self::DestinationLast => index + 1 == of,
            Self::Pairs => index % 2 == 1,
        }
    }
}

/// What a person has answered, so that nobody is asked twice. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(Arc<Mutex<Vec<TypedPassword>>>);

/// A server with its user, and the password if there is one.
type TypedPassword = (Site, Option<Secret>);

impl Answers {
    /// What was answered for the first server like this; the outer `None` if nobody was asked.
    fn find(&self, is_it: impl Fn(&Site) -> bool) -> Option<Option<Secret>> {
        self.0.locked().iter().find(|(known, _)| is_it(known)).map(|(_, answer)| answer.clone())
    }

    fn note(&self, site: &Site, answer: Option<Secret>) {
        self.0.locked().push((site.clone(), answer));
    }
}

impl Passwords {
    /// The file, if one was named, comes before the environment.
    pub(super) fn new(file: Option<PathBuf>, variable: Option<&OsStr>, cancel: Cancel) -> Self {
        let variable = variable.filter(|value| !value.is_empty());
        let variable = variable.map(|value| Secret::new(value.as_bytes()));
        let (answers, revealed) = (Answers::default(), Answers::default());
        let (asks, is_typed, only_destination) = (true, false, false);
        Self { file, variable, cancel, asks, is_typed, only_destination, answers, revealed }
    }

    /// Reads places: all of them with their passwords, before anything is sent to a server. What the pins demand of these
    /// servers is set in `context`.
    ///
    /// # Errors
    ///
    /// A place cannot be used, a file with secrets cannot be read, or one password is there for several servers.
    pub(super) async fn locations(&self, context: &mut Context, typed: &[OsString]) -> Result<Vec<Location>> {
        self.locations_with(context, typed, None).await
    }

    /// The same with this password for the places that lack theirs.
    pub(super) async fn locations_with(
        &self,
        context: &mut Context,
        places: &[OsString],
        password: Option<Secret>,
    ) -> Result<Vec<Location>> {
        let mut locations = locations(places, &context.settings.named)?;
        let meant = |(number, text)| meant_as_site(number, text, &context.settings.named);
        places.iter().enumerate().filter_map(meant).for_each(|warning| context.run.events.warn(warning));
        if let Some(password) = password {
            let lacking = lacking(&locations);
            fill(&mut locations, &lacking, &password);
        }
        self.complete(context, locations, Order::DestinationLast).await
    }

    /// Asks for the passwords that these places lack, before anything else is done with them.
    pub(super) async fn ask_ahead(&self, mut locations: Vec<Location>) -> Result<()> {
        let lacking = lacking(&locations);
        self.ask(&mut locations, &lacking).await
    }

    /// Gives places the passwords that they lack.
    ///
    /// # Errors
    ///
    /// A file with secrets cannot be read, or one password is there for several servers.
    pub(super) async fn complete(
        &self,
        context: &mut Context,
        mut locations: Vec<Location>,
        order: Order,
    ) -> Result<Vec<Location>> {
        context.settle(locations.iter().filter_map(Location::site))?;
        // A site with certificates of its own is none of those for which others were named.
        let others = locations.iter().filter(|location| !location.site().is_some_and(Site::has_pins));
        context.settings.demands_tls = demands_tls(context.settings.trust.pins(), others);
        let of = locations.len();
        let is_needed = |index| !self.only_destination || order.is_destination(index, of);
        for (index, location) in locations.iter_mut().enumerate() {
            if let Place::Remote(remote) = &mut location.place
                && is_needed(index)
            {
                self.reveal(&mut remote.site).await?;
            }
        }
        let needed = locations.iter().enumerate().filter(|(index, _)| is_needed(*index));
        let lacking = lacking(needed.map(|(_, location)| location));
        let typed = if self.is_typed { self.of_file()? } else { None };
        if lacking.is_empty() {
            if let Some((_, file)) = typed {
                context.run.events.warn(format!("the password of {file} is not used: {UNUSED}"));
            }
            return Ok(locations);
        }
        match typed.map_or_else(|| self.given(), |typed| Ok(Some(typed)))? {
            Some((password, from)) => {
                // Nobody knows for which of them it is, although not all of them are logged in at.
                if let [first, second, ..] = self::lacking(&locations).as_slice() {
                    let what = format!("{from} has one password, and {first} and {second} lack theirs");
                    let into_netrc = "write the passwords into ~/.netrc";
                    let hint = if self.only_destination { OF_DESTINATION } else { into_netrc };
                    return Err(Failure::usage(what).hint(hint));
                }
                fill(&mut locations, &lacking, &password);
            }
            None => self.ask(&mut locations, &lacking).await?,
        }
        context.run.sites_without_password = self::lacking(&locations);
        Ok(locations)
    }

    /// Gives a site the password that the settings name for it. A program that writes it is run once.
    async fn reveal(&self, site: &mut Site) -> Result<()> {
        if site.password.is_some() {
            return Ok(());
        }
        let Some(source) = site.password_source() else { return Ok(()) };
        // Two sites of one login may name two passwords, and one of them may be wrong.
        let is_known = |known: &Site| known.is_same(site) && known.password_source() == Some(source);
        site.password = match self.revealed.find(is_known) {
            Some(known) => known,
            None => {
                let found = Some(password(source, site, &self.cancel).await?);
                self.revealed.note(site, found.clone());
                found
            }
        };
        Ok(())
    }

    /// The password of the file or of the environment, and where it is.
    fn given(&self) -> Result<Option<(Secret, String)>> {
        if let Some(given) = self.of_file()? {
            return Ok(Some(given));
        }
        let Some(password) = &self.variable else { return Ok(None) };
        check(password, VARIABLE)?;
        Ok(Some((password.clone(), VARIABLE.to_owned())))
    }

    /// The password of the file, and its name.
    fn of_file(&self) -> Result<Option<(Secret, String)>> {
        let Some(path) = &self.file else { return Ok(None) };
        Ok(Some((of_typed_file(path, "--password-file")?, path.display().to_string())))
    }

    /// Asks the person at the terminal, if there is one, for one password after the other. A server whose password
    /// stays unknown may need none.
    async fn ask(&self, locations: &mut [Location], lacking: &[Site]) -> Result<()> {
        for site in lacking {
            let answer = match self.answers.find(|known| known.is_same(site)) {
                Some(known) => known,
                None if !self.asks => continue,
                None => {
                    let Some(terminal) = Terminal::open() else { return Ok(()) };
                    let user = String::from_utf8_lossy(site.login()).escape_debug().to_string();
                    let question = format!("Password of {user} at {}: ", site.authority());
                    let answer = self.cancel.unless_cancelled(terminal.secret(question)).await?;
                    self.answers.note(site, answer.clone());
                    answer
                }
            };
            if let Some(password) = answer {
                fill(locations, std::slice::from_ref(site), &password);
            }
        }
        Ok(())
    }
}

/// The servers that have a user and no password, each once.
pub(super) fn lacking<'a>(locations: impl IntoIterator<Item = &'a Location>) -> Vec<Site> {
    let mut lacking: Vec<Site> = Vec::new();
    for site in locations.into_iter().filter_map(Location::site).filter(|site| site.lacks_password()) {
        if !lacking.iter().any(|known| known.is_same(site)) {
            lacking.push(site.clone());
        }
    }
    lacking
}

/// Gives the password to these servers.
fn fill(locations: &mut [Location], sites: &[Site], password: &Secret) {
    for location in locations {
        if let Place::Remote(remote) = &mut location.place
            && remote.site.lacks_password()
            && sites.iter().any(|site| site.is_same(&remote.site))
        {
            remote.site.password = Some(password.clone());
        }
    }
}

/// Whether [`VARIABLE`] holds a password.
pub(super) fn is_in_environment() -> bool {
    ftp_io::simulated::variable(VARIABLE).is_some_and(|password| !password.is_empty())
}

/// What to do if one password is there and several servers lack theirs, of which only the destination is logged in at.
const OF_DESTINATION: &str = "write the password of the destination into ~/.netrc, or name it in its site; at a terminal cancel asks for it";
/// Why a password file is not used.
const UNUSED: &str =
    "no server lacks its password; one in the URL, of the site or in ~/.netrc comes before --password-file";
/// The password of the environment.
pub(super) const VARIABLE: &str = "FTP_USER_PASSWORD";

pub(super) async fn password(source: &PasswordSource, site: &Site, cancel: &Cancel) -> Result<Secret> {
    match source {
        PasswordSource::File(path) => of_file(path, &format!("password-file of {site}")),
        PasswordSource::Command(words) => of_program(words, site, cancel).await,
    }
}

/// The first line that a program writes. It may ask at the terminal. If this run ends, so does the program.
async fn of_program(command: &[String], site: &Site, cancel: &Cancel) -> Result<Secret> {
    let from = format!("password-command of {site}");
    let failed = |why: String| {
        Failure::new(Kind::Refused, format!("{from} failed")).said(why).hint("run the program by hand")
    };
    let (program, arguments) = command.split_first().ok_or_else(|| failed("it is empty".to_owned()))?;
    let child = Command::new(program)
        .args(arguments)
        // The password of another server is none of its business.
        .env_remove(VARIABLE)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(|error| failed(format!("{program}: {}", words(&error))))?;
    let output = child.stdout.take().ok_or_else(|| failed("it has no output".to_owned()))?;
    let line = match cancel.unless_cancelled(timeout(PATIENCE, first_line(output))).await? {
        Ok(line) => line.map_err(|error| failed(words(&error)))?,
        Err(_) => return Err(failed(format!("it wrote nothing within {} s", PATIENCE.as_secs()))),
    };
    // It has closed its output, or more than 1 MiB has followed its line: a program that goes on is not waited for.
    let status = timeout(LAST_PATIENCE, child.wait()).await.ok();
    let status = status.transpose().map_err(|error| failed(words(&error)))?;
    if let Some(status) = status.filter(|status| !status.success()) {
        return Err(failed(format!("it ended with {status}")));
    }
    let password = Secret::new(line.as_slice());
    check(&password, &from).map_err(|failure| failure.as_kind(Kind::Refused))?;
    Ok(password)
}

/// The first line of what a program writes, without its end. No buffer but this one keeps it.
async fn first_line(mut output: ChildStdout) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8]);
    while output.read(byte.as_mut()).await? == 1 && *byte != [b'\n'] {
        if line.len() == LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is too long"));
        }
        line.extend_from_slice(byte.as_ref());
    }
    if line.ends_with(b"\r") {
        line.pop();
    }
    // What follows, such as the other lines of `pass show`, is read so that the program can write it.
    let _ = tokio::io::copy(&mut output.take(MOST_IGNORED), &mut tokio::io::sink()).await;
    Ok(line)
}

/// How long a program may take: it may ask a person for a passphrase.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a program that has written its line may take to end.
const LAST_PATIENCE: Duration = Duration::from_secs(2);
/// The longest password in bytes.
const LONGEST: usize = 4096;
/// Bytes behind the password that are read.
const MOST_IGNORED: u64 = 1 << 20;

/// The password in the first and only line of a file; `named_by` says who has named it.
pub(super) fn of_file(path: &Path, named_by: &str) -> Result<Secret> {
    let name = path.display().to_string();
    let bytes = private_file(path, Readable::FileOrPipe)?.ok_or_else(|| {
        Failure::usage(format!("there is no file {name}")).hint(format!("{named_by} names it"))
    })?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let password = Secret::new(line.strip_suffix(b"\r").unwrap_or(line));
    check(&password, &name)?;
    Ok(password)
}

/// The same of a file that an option names.
pub(super) fn of_typed_file(path: &Path, option: &str) -> Result<Secret> {
    of_file(path, option)
        .map_err(|failure| failure.as_kind(Kind::Usage).during(format!("{option} cannot be used")))
}

/// Refuses what no FTP command can carry. `from` says where it is.
pub(super) fn check(password: &Secret, from: &str) -> Result<()> {
    let bytes = password.expose();
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{from} is empty")));
    }
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(Failure::usage(format!("{from} contains CR, LF or NUL"))
            .hint("write the password or token alone, on one line"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
