//! Bans of addresses, kept in the state directory, so that they outlive the server. One line for each: the
//! address, and the time at which the ban ends, in seconds since 1970.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::os_error::words;
use ftp_proto::listing::When;
use tokio::task::spawn_blocking;

use super::list::List;
use crate::limits::Logins;

/// Takes up the bans that were kept in the directory `state`. None of them lasts longer than `longest` from
/// now. A file that cannot be understood is told and set aside.
pub fn restore(state: &Path, logins: &Logins, longest: Duration) {
    let Some(text) = BANS.read(state) else { return };
    match parse(&text, Clock::today(), longest) {
        Ok(bans) => bans.iter().for_each(|(from, time)| logins.ban(*from, *time)),
        Err(line) => BANS.set_aside(state, &format!("line {line} is not an address and a time")),
    }
}

/// Writes the bans whenever there is another one, at most once a second. Never returns.
pub async fn keep(state: PathBuf, logins: Arc<Logins>) {
    loop {
        logins.banned().await;
        save(state.clone(), Arc::clone(&logins)).await;
        tokio::time::sleep(SAVE_INTERVAL).await;
    }
}

/// Writes the bans that hold now. A failure stands in the log.
pub async fn save(state: PathBuf, logins: Arc<Logins>) {
    let written = spawn_blocking(move || BANS.write(&state, &format(&logins.bans(), Clock::today()))).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(error = words(&error), "the bans of addresses cannot be kept");
    }
}

fn format(bans: &[(IpAddr, Duration)], now: When) -> String {
    let mut text = String::new();
    for (from, time) in bans {
        let until = now.0.saturating_add(i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{from} {until}");
    }
    text
}

/// The bans that are not over, each with the time that is left. The error is the number of the first line
/// that is none.
fn parse(text: &str, now: When, longest: Duration) -> Result<Vec<(IpAddr, Duration)>, usize> {
    let mut bans = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let (from, until) = line.split_once(' ').ok_or(number)?;
        let from: IpAddr = from.parse().map_err(|_| number)?;
        let until: i64 = until.parse().map_err(|_| number)?;
        let left = u64::try_from(until.saturating_sub(now.0)).unwrap_or(0);
        if left > 0 {
            bans.push((from, Duration::from_secs(left).min(longest)));
        }
    }
    Ok(bans)
}

/// More bytes than the largest number of bans needs.
const BANS: List = List { name: "bans", limit: 8 * 1024 * 1024 };
/// The pause between two files.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::shared::guard::{Ban, Settings};
    use std::fs;

    const HOUR: Duration = Duration::from_secs(3600);

    fn logins() -> Arc<Logins> {
        let ban = Some(Ban { after: 1, time: HOUR });
        Logins::new(Settings { ban, ..Settings::default() }, Clock::start())
    }

    #[test]
    fn bans_that_are_over_are_forgotten_and_none_lasts_too_long() {
        let now = When(1_000);
        let text = format(&[([192, 0, 2, 7].into(), Duration::from_secs(60))], now);
        assert_eq!(text, "192.0.2.7 1060\n");
        let text = text + "2001:db8:: 9000\n192.0.2.8 1000\n192.0.2.9 -5\n";
        let expect =
            [(IpAddr::from([192, 0, 2, 7]), Duration::from_secs(60)), ("2001:db8::".parse().unwrap(), HOUR)];
        assert_eq!(parse(&text, now, HOUR), Ok(expect.to_vec()));
        for (broken, line) in [("192.0.2.7\n", 1), ("192.0.2.7 5\n\n", 2), ("a 5\n", 1), ("192.0.2.7 x\n", 1)]
        {
            assert_eq!(parse(broken, now, HOUR), Err(line), "{broken:?}");
        }
    }

    #[tokio::test]
    async fn what_one_server_has_kept_the_next_one_takes_up() {
        let state = tempfile::tempdir().unwrap();
        let (first, second) = (logins(), logins());
        let (eve, ann): (IpAddr, IpAddr) = ("2001:db8::7".parse().unwrap(), [192, 0, 2, 1].into());
        first.ban(eve, HOUR);
        save(state.path().to_owned(), Arc::clone(&first)).await;
        restore(state.path(), &second, HOUR);
        assert!(second.banned_for(eve).is_some() && second.banned_for(ann).is_none());
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let state = tempfile::tempdir().unwrap();
        restore(state.path(), &logins(), HOUR);
        fs::write(BANS.file(state.path()), b"192.0.2.7 99999999999\n\xff").unwrap();
        let logins = logins();
        restore(state.path(), &logins, HOUR);
        assert_eq!(logins.bans(), []);
        assert!(!BANS.file(state.path()).exists());
        assert!(state.path().join("bans.broken").exists());
    }
}
