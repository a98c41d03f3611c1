//! Addresses from which named accounts have logged in, kept in the state directory, so that they are preferred
//! in a flood of logins also after a start of the server. One line for each: the address, the time at which it
//! is forgotten, in seconds since 1970, and the name of the account in hexadecimal digits.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_proto::listing::When;
use tokio::task::spawn_blocking;

use super::list::List;
use crate::limits::{KnownAddress, Logins};

/// Takes up the addresses that were kept in the directory `state`. A file that cannot be understood is told
/// and set aside.
pub fn restore(state: &Path, logins: &Logins) {
    let Some(text) = KNOWN.read(state) else { return };
    match parse(&text, Clock::today()) {
        Ok(known) => known.iter().for_each(|known| logins.know(known)),
        Err(line) => KNOWN.set_aside(state, &format!("line {line} is not an address, a time and an account")),
    }
}

/// Writes the addresses whenever there is another one, at most every ten seconds. Never returns.
pub async fn keep(state: PathBuf, logins: Arc<Logins>) {
    loop {
        logins.learned().await;
        tokio::time::sleep(SAVE_INTERVAL).await;
        save(state.clone(), Arc::clone(&logins)).await;
    }
}

/// Writes the addresses that are known now. A failure stands in the log.
pub async fn save(state: PathBuf, logins: Arc<Logins>) {
    let work = move || {
        let known = logins.known();
        // Without a list there is no file.
        let is_needed = !known.is_empty() || KNOWN.file(&state).exists();
        if is_needed { KNOWN.write(&state, &format(known, Clock::today())) } else { io::Result::Ok(()) }
    };
    if let Ok(Err(error)) = spawn_blocking(work).await {
        tracing::warn!(error = words(&error), "the addresses of users who have logged in cannot be kept");
    }
}

/// The addresses that are forgotten first come first, so that each account's latest one is its latest again.
fn format(mut known: Vec<KnownAddress>, now: When) -> String {
    known.sort_by_key(|known| known.time);
    let mut text = String::new();
    for KnownAddress { account, host, time } in &known {
        let until = now.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        // Writing to a text does not fail.
        let _ = write!(text, "{host} {until} ");
        for byte in account {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

/// The addresses that are not forgotten yet. The error is the number of the first line that is none.
fn parse(text: &str, now: When) -> Result<Vec<KnownAddress>, usize> {
    let mut all = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or(number);
        let host = word()?.parse().map_err(|_| number)?;
        let until: i64 = word()?.parse().map_err(|_| number)?;
        let account = from_hex(word()?).ok_or(number)?;
        let left = u64::try_from(until.saturating_sub(now.0)).unwrap_or(0);
        if left > 0 {
            all.push(KnownAddress { account, host, time: Duration::from_secs(left) });
        }
    }
    Ok(all)
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| if let [high, low] = pair { Some(digit(*high)? << 4 | digit(*low)?) } else { None })
        .collect()
}

/// More bytes than the largest number of known addresses needs.
const KNOWN: List = List { name: "known-addresses", limit: 16 * 1024 * 1024 };
/// The time in which more of them may become known before they are written.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::shared::guard::Settings;
    use std::fs;
    use std::net::IpAddr;

    fn known(account: &[u8], host: &str, seconds: u64) -> KnownAddress {
        let (account, time) = (account.to_vec(), Duration::from_secs(seconds));
        KnownAddress { account, host: host.parse().unwrap(), time }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_over_is_forgotten() {
        let now = When(1_000);
        let all = vec![known(b"bob", "192.0.2.7", 90), known(b"a \xff\n", "2001:db8::", 60)];
        let text = format(all.clone(), now);
        assert_eq!(text, "2001:db8:: 1060 6120ff0a\n192.0.2.7 1090 626f62\n");
        assert_eq!(parse(&text, now), Ok(vec![all[1].clone(), all[0].clone()]));
        assert_eq!(parse(&text, When(1_060)), Ok(vec![known(b"bob", "192.0.2.7", 30)]));
        for (broken, line) in [
            ("192.0.2.7 5\n", 1),
            ("192.0.2.7 5 61\n\n", 2),
            ("a 5 61\n", 1),
            ("192.0.2.7 x 61\n", 1),
            ("192.0.2.7 5 6\n", 1),
            ("192.0.2.7 5 6g\n", 1),
        ] {
            assert_eq!(parse(broken, now), Err(line), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn what_one_server_has_kept_the_next_one_takes_up() {
        let state = tempfile::tempdir().unwrap();
        let logins = || Logins::new(Settings::default(), Clock::start());
        let (bob, eve): (IpAddr, IpAddr) = ("2001:db8::7".parse().unwrap(), [192, 0, 2, 1].into());
        save(state.path().to_owned(), logins()).await;
        assert!(!KNOWN.file(state.path()).exists(), "there is nothing to keep");
        let first = logins();
        first.know(&known(b"bob", "2001:db8::1", 1_000_000_000));
        save(state.path().to_owned(), first).await;
        let second = logins();
        restore(state.path(), &second);
        assert!(second.prefers(bob) && !second.prefers(eve));
        assert!(second.known()[0].time <= Settings::default().known, "for no longer than it may be");
        let off = Logins::new(Settings { known: Duration::ZERO, ..Settings::default() }, Clock::start());
        restore(state.path(), &off);
        assert!(!off.prefers(bob));
        save(state.path().to_owned(), off).await;
        assert_eq!(fs::read(KNOWN.file(state.path())).unwrap(), b"", "what was kept is forgotten");
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let state = tempfile::tempdir().unwrap();
        let logins = Logins::new(Settings::default(), Clock::start());
        restore(state.path(), &logins);
        fs::write(KNOWN.file(state.path()), b"192.0.2.7 99999999999 zz\n").unwrap();
        restore(state.path(), &logins);
        assert!(logins.known().is_empty() && !KNOWN.file(state.path()).exists());
        assert!(state.path().join("known-addresses.broken").exists());
    }
}
