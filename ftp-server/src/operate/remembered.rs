//! Addresses that the server remembers over its starts, in two lists of the state directory: those that are banned, and those
//! from which named accounts have logged in, so that they are preferred in a flood of logins also after a start. A line has
//! the address, and the time at which the ban ends or the address is forgotten, in seconds since 1970; a known address also
//! has the name of the account in hexadecimal digits.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::blocking;
use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_proto::listing::When;
use ftp_proto::wire::{hex, of_hex};

use crate::limits::{KnownAddress, Logins};

/// Takes up the bans that were kept in the directory `state`. None of them lasts longer than `longest` from
/// now. A file that cannot be understood is told and set aside.
pub fn restore_bans(state: &Path, logins: &Logins, longest: Duration) {
    let Some(text) = BANS.read(state) else { return };
    match parse_bans(&text, Clock::today(), longest) {
        Ok(bans) => bans.iter().for_each(|(from, time)| logins.ban(*from, *time)),
        Err(line) => BANS.set_aside(state, &format!("line {line} is not an address and a time")),
    }
}

/// Takes up the known addresses in the same way.
pub fn restore_known(state: &Path, logins: &Logins) {
    let Some(text) = KNOWN.read(state) else { return };
    match parse_known(&text, Clock::today()) {
        Ok(known) => known.iter().for_each(|known| logins.know(known)),
        Err(line) => KNOWN.set_aside(state, &format!("line {line} is not an address, a time and an account")),
    }
}

/// Writes the bans whenever there is another one, at most once a second. Never returns.
pub async fn keep_bans(state: PathBuf, logins: Arc<Logins>) {
    loop {
        logins.banned().await;
        save_bans(state.clone(), Arc::clone(&logins)).await;
        tokio::time::sleep(BANS_INTERVAL).await;
    }
}

/// Writes the known addresses whenever there is another one, at most every ten seconds. Never returns.
pub async fn keep_known(state: PathBuf, logins: Arc<Logins>) {
    loop {
        logins.learned().await;
        tokio::time::sleep(KNOWN_INTERVAL).await;
        save_known(state.clone(), Arc::clone(&logins)).await;
    }
}

/// Writes the bans that hold now. A failure stands in the log.
pub async fn save_bans(state: PathBuf, logins: Arc<Logins>) {
    let work = move || BANS.write(&state, &format_bans(&logins.bans(), Clock::today()));
    if let Ok(Err(error)) = blocking::spawn(work).await {
        tracing::warn!(error = words(&error), "the bans of addresses cannot be kept");
    }
}

/// Writes the addresses that are known now. A failure stands in the log.
pub async fn save_known(state: PathBuf, logins: Arc<Logins>) {
    let work = move || {
        let known = logins.known();
        // Without a list there is no file.
        let is_needed = !known.is_empty() || KNOWN.file(&state).exists();
        if is_needed { KNOWN.write(&state, &format_known(known, Clock::today())) } else { Ok(()) }
    };
    if let Ok(Err(error)) = blocking::spawn(work).await {
        tracing::warn!(error = words(&error), "the addresses of users who have logged in cannot be kept");
    }
}

fn format_bans(bans: &[(IpAddr, Duration)], now: When) -> String {
    bans.iter().map(|(from, time)| format!("{from} {}\n", until(now, *time))).collect()
}

/// The addresses that are forgotten first come first, so that each account's latest one is its latest again.
fn format_known(mut known: Vec<KnownAddress>, now: When) -> String {
    known.sort_by_key(|known| known.time);
    let line = |KnownAddress { account, host, time }: &KnownAddress| {
        format!("{host} {} {}\n", until(now, *time), hex(account))
    };
    known.iter().map(line).collect()
}

/// The time after `time` from `now` on.
fn until(now: When, time: Duration) -> i64 {
    now.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

/// The bans that are not over, each with the time that is left. The error is the number of the first line
/// that is none.
fn parse_bans(text: &str, now: When, longest: Duration) -> Result<Vec<(IpAddr, Duration)>, usize> {
    parse(text, now, |from, time, rest| rest.is_none().then(|| (from, time.min(longest))))
}

/// The addresses that are not forgotten yet, in the same way.
fn parse_known(text: &str, now: When) -> Result<Vec<KnownAddress>, usize> {
    parse(text, now, |host, time, account| {
        Some(KnownAddress { account: of_hex(account?.as_bytes())?, host, time })
    })
}

/// What `entry` makes of the address of each line, the time that is left, and the next word. What is over is left out.
fn parse<T>(
    text: &str,
    now: When,
    entry: impl Fn(IpAddr, Duration, Option<&str>) -> Option<T>,
) -> Result<Vec<T>, usize> {
    let mut all = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(number);
        let host = word()?.parse().map_err(|_| number)?;
        let until: i64 = word()?.parse().map_err(|_| number)?;
        let left = u64::try_from(until.saturating_sub(now.0)).unwrap_or(0);
        let entry = entry(host, Duration::from_secs(left), words.next()).ok_or(number)?;
        if left > 0 {
            all.push(entry);
        }
    }
    Ok(all)
}

/// A file of the state directory that is written as a whole.
#[derive(Clone, Copy, Debug)]
struct List {
    /// The name of the file.
    name: &'static str,
    /// Bytes of the largest file that is read.
    limit: u64,
}

impl List {
    /// Where it is in the state directory.
    fn file(self, state: &Path) -> PathBuf {
        state.join(self.name)
    }

    /// The text of the file; nothing if there is none. One that cannot be read is set aside.
    fn read(self, state: &Path) -> Option<String> {
        match self.try_read(state) {
            Ok(text) => Some(text),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    self.set_aside(state, &words(&error));
                }
                None
            }
        }
    }

    fn try_read(self, state: &Path) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.file(state))?.take(self.limit + 1).read_to_string(&mut text)?;
        let fits = u64::try_from(text.len()).is_ok_and(|length| length <= self.limit);
        if fits { Ok(text) } else { Err(io::Error::other("it is too large")) }
    }

    /// The new file replaces the old one at once, whenever the server is killed.
    ///
    /// # Errors
    /// It cannot be written. The old one stays.
    fn write(self, state: &Path, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(state)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.file(state)).map_err(|error| error.error)?;
        Ok(())
    }

    /// The file cannot be used. It gets another name, and the log says why.
    fn set_aside(self, state: &Path, why: &str) {
        let path = self.file(state);
        let aside = path.with_extension("broken");
        let moved = fs::rename(&path, &aside);
        let path = path.display();
        match moved {
            Ok(()) => tracing::warn!("{path} cannot be used: {why}; it is {} now", aside.display()),
            Err(error) => {
                tracing::warn!("{path} cannot be used: {why}; it cannot be set aside: {}", words(&error));
            }
        }
    }
}

/// More bytes than the largest number of bans needs.
const BANS: List = List { name: "bans", limit: 8 * 1024 * 1024 };
/// More bytes than the largest number of known addresses needs.
const KNOWN: List = List { name: "known-addresses", limit: 16 * 1024 * 1024 };
/// The pause between two files of bans.
const BANS_INTERVAL: Duration = Duration::from_secs(1);
/// The time in which more addresses may become known before they are written.
const KNOWN_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::shared::guard::{Ban, Settings};

    const HOUR: Duration = Duration::from_secs(3600);

    fn banning() -> Arc<Logins> {
        let ban = Some(Ban { after: 1, time: HOUR });
        Logins::new(Settings { ban, ..Settings::default() }, Clock::start())
    }

    #[test]
    fn bans_that_are_over_are_forgotten_and_none_lasts_too_long() {
        let now = When(1_000);
        let text = format_bans(&[([192, 0, 2, 7].into(), Duration::from_secs(60))], now);
        assert_eq!(text, "192.0.2.7 1060\n");
        let text = text + "2001:db8:: 9000\n192.0.2.8 1000\n192.0.2.9 -5\n";
        let expect =
            [(IpAddr::from([192, 0, 2, 7]), Duration::from_secs(60)), ("2001:db8::".parse().unwrap(), HOUR)];
        assert_eq!(parse_bans(&text, now, HOUR), Ok(expect.to_vec()));
        for (broken, line) in [("192.0.2.7\n", 1), ("192.0.2.7 5\n\n", 2), ("a 5\n", 1), ("192.0.2.7 x\n", 1)]
        {
            assert_eq!(parse_bans(broken, now, HOUR), Err(line), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn bans_that_one_server_has_kept_the_next_one_takes_up() {
        let state = tempfile::tempdir().unwrap();
        let (first, second) = (banning(), banning());
        let (eve, ann): (IpAddr, IpAddr) = ("2001:db8::7".parse().unwrap(), [192, 0, 2, 1].into());
        first.ban(eve, HOUR);
        save_bans(state.path().to_owned(), Arc::clone(&first)).await;
        restore_bans(state.path(), &second, HOUR);
        assert!(second.banned_for(eve).is_some() && second.banned_for(ann).is_none());
    }

    #[test]
    fn a_broken_list_of_bans_is_set_aside() {
        let state = tempfile::tempdir().unwrap();
        restore_bans(state.path(), &banning(), HOUR);
        fs::write(BANS.file(state.path()), b"192.0.2.7 99999999999\n\xff").unwrap();
        let logins = banning();
        restore_bans(state.path(), &logins, HOUR);
        assert_eq!(logins.bans(), []);
        assert!(!BANS.file(state.path()).exists());
        assert!(state.path().join("bans.broken").exists());
    }

    fn known(account: &[u8], host: &str, seconds: u64) -> KnownAddress {
        let (account, time) = (account.to_vec(), Duration::from_secs(seconds));
        KnownAddress { account, host: host.parse().unwrap(), time }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_over_is_forgotten() {
        let now = When(1_000);
        let all = vec![known(b"bob", "192.0.2.7", 90), known(b"a \xff\n", "2001:db8::", 60)];
        let text = format_known(all.clone(), now);
        assert_eq!(text, "2001:db8:: 1060 6120ff0a\n192.0.2.7 1090 626f62\n");
        assert_eq!(parse_known(&text, now), Ok(vec![all[1].clone(), all[0].clone()]));
        assert_eq!(parse_known(&text, When(1_060)), Ok(vec![known(b"bob", "192.0.2.7", 30)]));
        for (broken, line) in [
            ("192.0.2.7 5\n", 1),
            ("192.0.2.7 5 61\n\n", 2),
            ("a 5 61\n", 1),
            ("192.0.2.7 x 61\n", 1),
            ("192.0.2.7 5 6\n", 1),
            ("192.0.2.7 5 6g\n", 1),
        ] {
            assert_eq!(parse_known(broken, now), Err(line), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn known_addresses_that_one_server_has_kept_the_next_one_takes_up() {
        let state = tempfile::tempdir().unwrap();
        let logins = || Logins::new(Settings::default(), Clock::start());
        let (bob, eve): (IpAddr, IpAddr) = ("2001:db8::7".parse().unwrap(), [192, 0, 2, 1].into());
        save_known(state.path().to_owned(), logins()).await;
        assert!(!KNOWN.file(state.path()).exists(), "there is nothing to keep");
        let first = logins();
        first.know(&known(b"bob", "2001:db8::1", 1_000_000_000));
        save_known(state.path().to_owned(), first).await;
        let second = logins();
        restore_known(state.path(), &second);
        assert!(second.prefers(bob) && !second.prefers(eve));
        assert!(second.known()[0].time <= Settings::default().known, "for no longer than it may be");
        let off = Logins::new(Settings { known: Duration::ZERO, ..Settings::default() }, Clock::start());
        restore_known(state.path(), &off);
        assert!(!off.prefers(bob));
        save_known(state.path().to_owned(), off).await;
        assert_eq!(fs::read(KNOWN.file(state.path())).unwrap(), b"", "what was kept is forgotten");
    }

    #[test]
    fn a_broken_list_of_known_addresses_is_set_aside() {
        let state = tempfile::tempdir().unwrap();
        let logins = Logins::new(Settings::default(), Clock::start());
        restore_known(state.path(), &logins);
        fs::write(KNOWN.file(state.path()), b"192.0.2.7 99999999999 zz\n").unwrap();
        restore_known(state.path(), &logins);
        assert!(logins.known().is_empty() && !KNOWN.file(state.path()).exists());
        assert!(state.path().join("known-addresses.broken").exists());
    }
}
