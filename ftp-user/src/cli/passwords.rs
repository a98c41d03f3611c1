//! Passwords that no URL and no `.netrc` has: from a file, from the environment, or from the person at the terminal.

use super::places::{locations, private_file};
use crate::context::{Cancel, Context};
use crate::failure::Failure;
use crate::place::{Location, Place, Site, demands_tls};
use ftp_io::named_file::Readable;
use ftp_io::program::terminal::Terminal;
use ftp_proto::wire::Secret;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the password comes from that no URL and no `.netrc` has.
#[derive(Debug)]
pub(super) struct Passwords {
    /// The file of `--password-file`.
    file: Option<PathBuf>,
    /// What [`VARIABLE`] holds.
    variable: Option<Secret>,
    cancel: Cancel,
    /// Whether a person at the terminal may be asked.
    asks: bool,
}

impl Passwords {
    /// The file, if one was named, comes before the environment.
    pub(super) fn new(file: Option<PathBuf>, variable: Option<&OsStr>, cancel: Cancel) -> Self {
        let variable = variable.filter(|value| !value.is_empty());
        Self { file, variable: variable.map(|value| Secret::new(value.as_bytes())), cancel, asks: true }
    }

    /// The same; nobody is asked.
    pub(super) fn unasked(self) -> Self {
        Self { asks: false, ..self }
    }

    /// Reads places: all of them with their passwords, before anything is sent to a server. What the pins demand of these
    /// servers is set in `context`.
    ///
    /// # Errors
    ///
    /// A place cannot be used, a file with secrets cannot be read, or one password is there for several servers.
    pub(super) async fn locations(
        &self,
        context: &mut Context,
        places: &[OsString],
    ) -> Result<Vec<Location>, Failure> {
        self.complete(context, locations(places)?).await
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
    ) -> Result<Vec<Location>, Failure> {
        context.demands_tls = demands_tls(context.trust.pins(), locations.iter());
        let lacking = lacking(&locations);
        if lacking.is_empty() {
            return Ok(locations);
        }
        match self.given()? {
            Some((password, from)) => {
                if let [first, second, ..] = lacking.as_slice() {
                    return Err(Failure::usage(format!(
                        "{from} has one password, and {first} and {second} lack theirs"
                    ))
                    .hint("write the passwords into ~/.netrc"));
                }
                fill(&mut locations, &lacking, &password);
            }
            None if self.asks => self.ask(&mut locations, &lacking).await?,
            None => {}
        }
        context.lacking = self::lacking(&locations).len();
        Ok(locations)
    }

    /// The password of the file or of the environment, and where it is.
    fn given(&self) -> Result<Option<(Secret, String)>, Failure> {
        if let Some(path) = &self.file {
            return Ok(Some((read(path)?, path.display().to_string())));
        }
        let Some(password) = &self.variable else { return Ok(None) };
        check(password, VARIABLE)?;
        Ok(Some((password.clone(), VARIABLE.to_owned())))
    }

    /// Asks the person at the terminal, if there is one, for one password after the other. A server whose password
    /// stays unknown may need none.
    async fn ask(&self, locations: &mut [Location], lacking: &[Site]) -> Result<(), Failure> {
        for site in lacking {
            let Some(terminal) = Terminal::open() else { return Ok(()) };
            let user = String::from_utf8_lossy(site.login()).escape_debug().to_string();
            let question = format!("Password of {user} at {}: ", site.authority());
            let answer = tokio::select! {
                () = self.cancel.cancelled() => return Err(Failure::interrupted()),
                answer = terminal.secret(question) => answer,
            };
            if let Some(password) = answer {
                fill(locations, std::slice::from_ref(site), &password);
            }
        }
        Ok(())
    }
}

/// The servers that have a user and no password, each once.
fn lacking(locations: &[Location]) -> Vec<Site> {
    let mut lacking: Vec<Site> = Vec::new();
    for location in locations {
        if let Place::Remote(remote) = &location.place
            && remote.site.lacks_password()
            && !lacking.iter().any(|site| site.is_same(&remote.site))
        {
            lacking.push(remote.site.clone());
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

/// The password in the first and only line of a file.
fn read(path: &Path) -> Result<Secret, Failure> {
    let name = path.display().to_string();
    let bytes = private_file(path, Readable::FileOrPipe)?
        .ok_or_else(|| Failure::usage(format!("there is no file {name}")).hint("--password-file names it"))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let password = Secret::new(line.strip_suffix(b"\r").unwrap_or(line));
    check(&password, &name)?;
    Ok(password)
}

/// Refuses what no FTP command can carry. `from` says where it is.
fn check(password: &Secret, from: &str) -> Result<(), Failure> {
    let bytes = password.expose();
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{from} holds no password")));
    }
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(Failure::usage(format!("the password in {from} contains CR, LF or NUL"))
            .hint("a password is one line"));
    }
    Ok(())
}

/// The password of the environment.
pub(super) const VARIABLE: &str = "FTP_USER_PASSWORD";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    async fn found(
        file: Option<PathBuf>,
        variable: Option<&str>,
        places: &str,
    ) -> Result<Vec<String>, Failure> {
        let passwords = Passwords::new(file, variable.map(OsStr::new), Cancel::never());
        let places: Vec<OsString> = places.split_whitespace().map(OsString::from).collect();
        let locations = passwords.locations(&mut Context::for_tests(Cancel::never()), &places).await?;
        let password = |location: &Location| match &location.place {
            Place::Remote(remote) => {
                let password = remote.site.password.as_ref().map_or(&b"-"[..], Secret::expose);
                String::from_utf8_lossy(password).into_owned()
            }
            Place::Local(_) => "local".to_owned(),
        };
        Ok(locations.iter().map(password).collect())
    }

    #[tokio::test]
    async fn the_one_server_that_lacks_a_password_gets_it() {
        let check = async |places: &str, expect: &[&str]| {
            assert_eq!(found(None, Some("s3cret"), places).await.unwrap(), expect, "{places}");
        };
        check("ftp://ann@h/a ./b", &["s3cret", "local"]).await;
        check("ftp://ann@h/a ftp://bob:own@i/b", &["s3cret", "own"]).await;
        check("ftp://ann@h/a ftp://ann@H:21/b", &["s3cret", "s3cret"]).await;
        check("ftp://ann@h/a ftp://i/b", &["s3cret", "-"]).await;
        check("ftp://ann:@h/a ./b", &["", "local"]).await;
    }

    #[tokio::test]
    async fn two_servers_that_lack_a_password_are_a_usage_error() {
        for places in ["ftp://ann@h/a ftp://ann@i/b", "ftp://ann@h/a ftp://bob@h/b"] {
            let failure = found(None, Some("s3cret"), places).await.unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
            let words = failure.to_string();
            assert!(
                words.contains(VARIABLE) && words.contains("ann@h") && !words.contains("s3cret"),
                "{words}"
            );
        }
    }

    #[tokio::test]
    async fn a_password_file_is_private_has_one_line_and_comes_before_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let check = async |bytes: &[u8], mode: u32, expect: Result<&str, &str>| {
            write(&path, bytes).unwrap();
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            match (found(Some(path.clone()), Some("other"), "ftp://ann@h/a").await, expect) {
                (Ok(found), Ok(expect)) => assert_eq!(found, [expect]),
                (Err(failure), Err(expect)) => {
                    assert_eq!(failure.kind, Kind::Usage, "{failure}");
                    let words = failure.to_string();
                    assert!(words.contains(expect) && !words.contains("s3cret"), "{words}");
                }
                (found, expect) => panic!("{found:?}, not {expect:?}"),
            }
        };
        check(b"s3cret\n", 0o600, Ok("s3cret")).await;
        check(b" s3 cret ", 0o400, Ok(" s3 cret ")).await;
        check(b"s3cret\r\n", 0o600, Ok("s3cret")).await;
        check(b"s3cret\n", 0o640, Err("chmod 600")).await;
        check(b"s3cret\nmore\n", 0o600, Err("one line")).await;
        check(b"\n", 0o600, Err("holds no password")).await;
        std::fs::remove_file(&path).unwrap();
        let failure = found(Some(path.clone()), None, "ftp://ann@h/a").await.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage, "{failure}");
        // No server lacks a password, so the file need not exist.
        assert!(found(Some(path), None, "ftp://ann:own@h/a").await.is_ok());
    }
}
