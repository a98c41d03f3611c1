//! What people type or write into files for `ftp-user` and `ftp-server`: places, `.netrc`, settings,
//! users.

use super::input::choice;
use ftp_proto::wire::PathName;
use ftp_server::auth::User;
use ftp_user::config;
use ftp_user::place::{Netrc, Place, base_name, join, parent, sibling};
use std::path::Path;

/// A place as somebody typed it.
///
/// What is sent to a server contains no line end, the place can be typed again from what is shown of
/// it, and a message about a place that cannot be read does not repeat its password.
pub fn places(data: &[u8]) {
    match Place::parse(data) {
        Ok(Place::Remote(remote)) => {
            assert_ne!(remote.site.port, 0, "nobody listens on port 0");
            let sent = [remote.site.user.as_deref(), remote.path.name.as_ref().map(PathName::as_bytes)];
            for bytes in sent.into_iter().flatten() {
                assert!(
                    !bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
                    "{}",
                    bytes.escape_ascii()
                );
            }
            if let Some(name) = &remote.path.name {
                names(name);
            }
            let shown = format!("ftp://{}{}", remote.site.authority(), remote.path);
            let Ok(Place::Remote(again)) = Place::parse(shown.as_bytes()) else {
                panic!("not a place: {shown}")
            };
            assert_eq!(again.site.host, remote.site.host, "{shown}");
        }
        Ok(Place::Local(_)) => {}
        Err(error) => {
            let error = error.to_string();
            assert!(!error.contains(['\r', '\n', '\0']), "{error:?}");
            if let Some(password) = password(data) {
                assert!(!error.contains(&password), "{password} stands in {error}");
            }
        }
    }
}

/// What stands between the first colon and the last `@` of a URL's authority, if it is long enough and
/// odd enough not to occur in a message by chance, and stands nowhere else.
pub(super) fn password(data: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let (_, rest) = text.split_once("://")?;
    let (login, _) = rest.split('/').next()?.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    let odd = password.len() >= 6 && password.bytes().any(|byte| byte.is_ascii_digit());
    let is_elsewhere = text.matches(password).count() > 1 || decoded(text).matches(password).count() > 1;
    (odd && !is_elsewhere).then(|| password.to_owned())
}

/// The text with the bytes that `%` and two hexadecimal digits stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.as_bytes());
        let digits = after.get(..2).filter(|digits| !digits.starts_with('+'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(b'%'));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A path taken apart and put together again is the same path.
fn names(path: &PathName) {
    if let Some(name) = base_name(path) {
        assert!(!name.as_bytes().contains(&b'/'), "{name:?}");
        if !path.as_bytes().ends_with(b"/") {
            let again = join(parent(path).as_ref(), &name);
            let slashes = |path: &PathName| path.as_bytes().windows(2).filter(|two| two == b"//").count();
            assert!(again == *path || slashes(path) > 0, "{path:?} becomes {again:?}");
            assert_eq!(sibling(path, &name), again);
        }
    }
}

/// The files that people write: the settings of `ftp-user`, `.netrc`, and a line of a users file.
///
/// A settings file is read whole or refused with the line of every mistake.
pub fn settings(data: &[u8]) {
    let (choice, data) = choice(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    match choice % 3 {
        0 => match config::parse(text, Path::new("/etc/ftp-user.toml"), Some(ftp_user::cli::default_keys)) {
            Ok(settings) => {
                let relays = settings.relays;
                let names: Vec<&str> = relays.iter().map(|relay| relay.name.as_str()).collect();
                assert!((1..).zip(&names).all(|(next, name)| !names[next..].contains(name)), "{names:?}");
                assert!(relays.iter().all(|relay| relay.token_file.is_absolute()));
            }
            Err(error) => assert!(error.to_string().contains(":1:") || text.contains('\n'), "{error}"),
        },
        1 => {
            let _ = Netrc::parse(text).find("ftp.example", None);
        }
        _ => {
            if let Ok(user) = User::with_password_or_hash(data) {
                assert!(!user.name.is_empty() && !user.name.contains(&b':'), "{user:?}");
            }
        }
    }
}
