//! Which file holds the settings, and reading it.

use super::{Settings, parse};
use crate::failure::{Failure, words};
use ftp_io::named_file::{self, LARGEST_SETTINGS};
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Reads the settings: of the file that was named, else of the usual one, which need not be there.
pub fn load(named: Option<&Path>) -> Result<Settings, Failure> {
    find(named, |name| std::env::var_os(name)).map_or_else(|| Ok(Settings::default()), |place| place.read())
}

/// The file of the settings: the one that was named, else the usual one; `None` if there is no home directory.
pub fn settings_file(named: Option<&Path>) -> Option<PathBuf> {
    find(named, |name| std::env::var_os(name)).map(|place| match place {
        Place::Named(path) | Place::Usual(path) => path,
    })
}

/// Where settings may be.
#[derive(PartialEq, Eq, Debug)]
enum Place {
    /// Somebody has named it: it must be there.
    Named(PathBuf),
    /// Nobody has named one: the usual file, if it exists.
    Usual(PathBuf),
}

/// `--config`, else `FTP_USER_CONFIG`, else the usual place below the home directory.
fn find(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<Place> {
    let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = named.map(Path::to_owned).or_else(|| variable("FTP_USER_CONFIG")) {
        return Some(Place::Named(named));
    }
    // A relative XDG_CONFIG_HOME is invalid and is ignored (XDG Base Directory Specification).
    let own = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let own = own.or_else(|| variable("HOME").map(|home| home.join(".config")));
    own.map(|directory| Place::Usual(directory.join("ftp-user/config.toml")))
}

impl Place {
    fn read(&self) -> Result<Settings, Failure> {
        let (Self::Named(path) | Self::Usual(path)) = self;
        match (text(path), self) {
            (Ok(text), _) => parse(&text, path),
            (Err(error), Self::Usual(_)) if error.kind() == ErrorKind::NotFound => Ok(Settings::default()),
            (Err(error), Self::Named(_) | Self::Usual(_)) => {
                let failure =
                    Failure::usage(format!("cannot read the settings {}: {}", path.display(), words(&error)));
                Err(failure.hint("name another file with --config"))
            }
        }
    }
}

fn text(path: &Path) -> io::Result<String> {
    let bytes = named_file::read(path, LARGEST_SETTINGS)?;
    let text =
        str::from_utf8(&bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_named_file_comes_before_the_usual_one() {
        let check = |named: Option<&str>, variables: &[(&str, &str)], expect: Option<Place>| {
            let variables: HashMap<&str, &str> = variables.iter().copied().collect();
            let found = find(named.map(Path::new), |name| variables.get(name).map(OsString::from));
            assert_eq!(found, expect, "{named:?} {variables:?}");
        };
        let all = [("FTP_USER_CONFIG", "env.toml"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/ann")];
        let named = |path: &str| Some(Place::Named(path.into()));
        let usual = |path: &str| Some(Place::Usual(path.into()));
        check(Some("mine.toml"), &all, named("mine.toml"));
        check(None, &all, named("env.toml"));
        check(None, &all[1..], usual("/xdg/ftp-user/config.toml"));
        check(None, &all[2..], usual("/ann/.config/ftp-user/config.toml"));
        check(None, &[("FTP_USER_CONFIG", ""), all[2]], usual("/ann/.config/ftp-user/config.toml"));
        check(None, &[("XDG_CONFIG_HOME", "xdg"), all[2]], usual("/ann/.config/ftp-user/config.toml"));
        check(None, &[], None);
    }

    #[test]
    fn only_a_named_file_must_be_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        assert_eq!(Place::Usual(path.clone()).read(), Ok(Settings::default()));
        let failure = Place::Named(path.clone()).read().unwrap_err();
        assert!(failure.to_string().contains("config.toml"), "{failure}");
        std::fs::write(&path, "# nothing yet\n").unwrap();
        assert_eq!(Place::Named(path).read(), Ok(Settings::default()));
    }
}
