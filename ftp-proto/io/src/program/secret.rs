//! Keeps passwords out of texts and of the argument list.
//!
//! Every user who lists processes sees their arguments. A program that finds a password among its own
//! therefore starts itself again with a list that shows none. The whole list travels in a file in
//! memory that only the new image of the program has open.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use zeroize::Zeroizing;

/// Returns the text with `***` for the password of each URL.
///
/// A URL with mistakes counts too. After `://`, whatever stands between a colon and the last `@` before the
/// next blank is taken for a password. In a word without `://`, so is whatever stands between a colon and an
/// `@` after it, unless the word is written as a path (`/...`, `./...`, `../...`).
///
/// ```
/// use ftp_io::program::secret::without_passwords;
///
/// let text = "unrecognized subcommand 'ftp://bob:s3cret@h/a'";
/// assert_eq!(without_passwords(text), "unrecognized subcommand 'ftp://bob:***@h/a'");
/// ```
pub fn without_passwords(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(masked).collect()
}

/// The same for one word of a command line, in which a password may have blanks. A URL that has no host is no exception:
/// what stands behind its first colon is no port, and may be a password.
///
/// ```
/// use ftp_io::program::secret::without_password;
///
/// assert_eq!(without_password("ftp://bob:s3 cret@h/a"), "ftp://bob:***@h/a");
/// assert_eq!(without_password("ftp://bob:s3cret"), "ftp://bob:***");
/// ```
pub fn without_password(word: &str) -> Cow<'_, str> {
    let masked = masked(word);
    if masked != word {
        return masked;
    }
    let Some((scheme, rest)) = word.find("://").and_then(|at| word.split_at_checked(at + 3)) else {
        return masked;
    };
    // The colons of an IPv6 address stand in brackets.
    let behind_address = rest.find(']').filter(|_| rest.starts_with('[')).unwrap_or(0);
    let colon = rest.get(behind_address..).and_then(|rest| rest.find(':')).map(|at| behind_address + at);
    let Some((host, behind)) = colon.and_then(|at| rest.split_at_checked(at)) else { return masked };
    let port = behind.trim_start_matches(':').split(['/', '?', '#']).next().unwrap_or_default();
    let is_path = host.contains('/');
    let is_port = port.len() <= LONGEST_PORT && port.bytes().all(|digit| digit.is_ascii_digit());
    if is_path || is_port { masked } else { format!("{scheme}{host}:***").into() }
}

/// The number of digits of the largest port.
const LONGEST_PORT: usize = 5;

/// A word without the password that it may contain.
fn masked(word: &str) -> Cow<'_, str> {
    let (scheme, rest) = match word.find("://").and_then(|at| word.split_at_checked(at + 3)) {
        Some(parts) => parts,
        None if is_path(word) => return word.into(),
        None => ("", word),
    };
    // A query may have one, too: `postgres://ann@h/d?password=secret`.
    if let Some((before, value)) =
        word.split_once("password=").filter(|(before, _)| before.ends_with(['?', '&']))
    {
        let end = value.find(['&', '\'', '"']).unwrap_or(value.trim_end().len());
        let rest = value.get(end..).unwrap_or_default();
        return format!("{}password=***{rest}", masked(before)).into();
    }
    let Some((login, host)) = rest.rsplit_once('@') else { return word.into() };
    match login.split_once(':') {
        // `ann@host:2121/a@b` has a port, and no password.
        Some((user, _)) if !scheme.is_empty() || !user.contains('@') => {
            format!("{scheme}{user}:***@{host}").into()
        }
        Some(_) | None => word.into(),
    }
}

/// Whether a word, perhaps in quotes, begins like a path of this host.
fn is_path(word: &str) -> bool {
    let word = word.trim_start_matches(['\'', '"']);
    word.starts_with('/') || word.starts_with("./") || word.starts_with("../")
}

/// Returns the arguments of this process, its passwords included.
///
/// `conceal` gets the arguments and returns the list that may be shown, or `None` if it may be shown
/// as it is. Unless it is `None` this process is replaced, and the call does not return.
///
/// # Errors
///
/// The program cannot be started again, for instance because there is no `/proc`. The argument list
/// still shows what `conceal` wanted to hide.
pub fn arguments(conceal: impl FnOnce(&[OsString]) -> Option<Vec<OsString>>) -> io::Result<Vec<OsString>> {
    if let Some(descriptor) = handed_over() {
        return receive(&descriptor);
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    match conceal(&given) {
        Some(shown) => Err(start_again(&given, &shown)),
        None => Ok(given),
    }
}

/// The number of the descriptor that the former image of this process has left. Other processes that
/// inherit the variable have another id.
fn handed_over() -> Option<String> {
    let variable = std::env::var(VARIABLE).ok()?;
    let (process, descriptor) = variable.split_once(':')?;
    let is_number = descriptor.bytes().all(|byte| byte.is_ascii_digit());
    (process.parse() == Ok(std::process::id()) && is_number).then(|| descriptor.to_owned())
}

/// Replaces this process; only a failure comes back.
fn start_again(given: &[OsString], shown: &[OsString]) -> io::Error {
    let start = || -> io::Result<io::Error> {
        let mut file = file()?;
        file.write_all(&pack(given))?;
        file.rewind()?;
        // Without this check the new image might find no arguments.
        File::open(path(&file.as_raw_fd().to_string()))?;
        let mut again = Command::new(std::env::current_exe()?);
        if let Some((name, arguments)) = shown.split_first() {
            again.arg0(name).args(arguments);
        }
        Ok(again.env(VARIABLE, format!("{}:{}", std::process::id(), file.as_raw_fd())).exec())
    };
    start().unwrap_or_else(|error| error)
}

/// A file without a name that stays open in the new image.
#[cfg(target_os = "linux")]
fn file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(memfd_create("arguments", MemfdFlags::empty())?.into())
}

#[cfg(not(target_os = "linux"))]
fn file() -> io::Result<File> {
    use rustix::io::{FdFlags, fcntl_setfd};
    let path = std::env::temp_dir().join(format!("arguments-{}", std::process::id()));
    let file = {
        use std::os::unix::fs::OpenOptionsExt;
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?
    };
    std::fs::remove_file(&path)?;
    fcntl_setfd(&file, FdFlags::empty())?;
    Ok(file)
}

/// Reads the arguments once, and empties the file.
fn receive(descriptor: &str) -> io::Result<Vec<OsString>> {
    let mut text = Zeroizing::new(Vec::new());
    let mut file = OpenOptions::new().read(true).write(true).open(path(descriptor))?;
    file.read_to_end(&mut text)?;
    file.set_len(0)?;
    Ok(unpack(&text))
}

/// An argument cannot contain NUL.
fn pack(arguments: &[OsString]) -> Zeroizing<Vec<u8>> {
    let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
    Zeroizing::new(arguments.join(&0))
}

fn unpack(text: &[u8]) -> Vec<OsString> {
    text.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
}

fn path(descriptor: &str) -> OsString {
    let mut path = OsString::from(DESCRIPTORS);
    path.push(OsStr::new(descriptor));
    path
}

#[cfg(target_os = "linux")]
const DESCRIPTORS: &str = "/proc/self/fd/";
#[cfg(not(target_os = "linux"))]
const DESCRIPTORS: &str = "/dev/fd/";
/// Names the process and the descriptor; it holds no secret.
const VARIABLE: &str = "FTP_ARGUMENTS_FD";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_removed_and_nothing_else() {
        let check = |text: &str, expect: &str| assert_eq!(without_passwords(text), expect, "{text}");
        check("no URL", "no URL");
        check("ftp://h:21/a b@c", "ftp://h:21/a b@c");
        check("ftp://bob@h/a", "ftp://bob@h/a");
        check("'ftp://bob:s3c/re@t@h:21/a' x", "'ftp://bob:***@h:21/a' x");
        check("ftp://a:1@h ftps://b:2@i", "ftp://a:***@h ftps://b:***@i");
        check("'postgres://a@h/d?password=s3c&x=1' for", "'postgres://a@h/d?password=***&x=1' for");
        check("postgres://a:1@h/d?password=s3c", "postgres://a:***@h/d?password=***");
        check("://:@", "://:***@");
        check("ftp://a:1@h,ftps://b:2@i", "ftp://a:***@i");
        check("line\nftp://a:1@h\tb", "line\nftp://a:***@h\tb");
    }

    #[test]
    fn the_password_of_a_mistyped_url_is_removed_too() {
        let check = |text: &str, expect: &str| assert_eq!(without_passwords(text), expect, "{text}");
        check("cannot open ftp//ann:s3cret@h/a: no", "cannot open ftp//ann:***@h/a: no");
        check("ftp:/ann:s3cret@h/a", "ftp:***@h/a");
        check("unexpected argument 'ann:s3c@ret@h'", "unexpected argument 'ann:***@h'");
        check("the user ann@h:2121/a@b said: c@d", "the user ann@h:2121/a@b said: c@d");
        check("./a:b@c '/d:e@f' ../g:h@i", "./a:b@c '/d:e@f' ../g:h@i");
    }

    #[test]
    fn a_word_of_a_command_line_is_no_exception_because_of_its_blanks() {
        let check = |text: &str, expect: &str| assert_eq!(without_password(text), expect, "{text}");
        check("ftp://ann:s3c ret@h/x", "ftp://ann:***@h/x");
        check("ftp://ann:s3c\nret@h/x", "ftp://ann:***@h/x");
        check("ann:s3c ret@h", "ann:***@h");
        check("ftp://ann:s3cret", "ftp://ann:***");
        check("ftp://ann:s3c/ret", "ftp://ann:***");
        check("ftp://ann:123456", "ftp://ann:***");
        for plain in [
            "ftp://h/a:b",
            "ftp://h:2121/a",
            "ftp://h:",
            "ftp://[::1]/a",
            "ftp://[::1]:21",
            "auto",
            "a:b",
            "./a:b@c",
        ] {
            check(plain, plain);
        }
        check("ftp://[::1]:s3cret", "ftp://[::1]:***");
    }

    #[test]
    fn arguments_come_back_as_they_were() {
        let check = |arguments: &[&str]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(unpack(&pack(&arguments)), arguments);
        };
        check(&["program", "copy", "ftp://a:x=y@h/", "b"]);
        check(&["program", "", "--user", "a b\nc"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_handed_over_can_be_read_once() {
        let mut file = file().unwrap();
        file.write_all(b"program\0--user\0ann:secret").unwrap();
        file.rewind().unwrap();
        let descriptor = file.as_raw_fd().to_string();
        assert_eq!(receive(&descriptor).unwrap(), ["program", "--user", "ann:secret"]);
        assert_eq!(receive(&descriptor).unwrap(), [""]);
    }
}
