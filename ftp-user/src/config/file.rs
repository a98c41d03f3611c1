//! Which file holds the settings, and reading it.

use super::{MakeKeys, Settings, parse};
use crate::failure::{Failure, words};
use ftp_io::named_file::{LARGEST_SETTINGS, NamedFile, Readable, is_in_other_hands};
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Reads the settings: of the file that was named, else of the usual one, which need not be there. `keys` makes the keys
/// of `[defaults]`, which is not looked at without it.
pub fn load(named: Option<&Path>, keys: Option<MakeKeys>) -> Result<Settings, Failure> {
    find(named, |name| std::env::var_os(name)).map_or_else(|| Ok(Settings::default()), |file| file.read(keys))
}

/// The file of the settings: the one that was named, else the usual one; `None` if there is no home directory.
pub fn settings_file(named: Option<&Path>) -> Option<PathBuf> {
    find(named, |name| std::env::var_os(name)).map(|file| file.path)
}

/// Where settings may be.
#[derive(PartialEq, Eq, Debug)]
struct SettingsFile {
    path: PathBuf,
    /// Whether somebody has named it: then it must be there.
    is_named: bool,
}

/// `--config`, else `FTP_USER_CONFIG`, else the usual place below the home directory.
fn find(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<SettingsFile> {
    let variable = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(|| variable("FTP_USER_CONFIG")) {
        return Some(SettingsFile { path, is_named: true });
    }
    // A relative XDG_CONFIG_HOME is invalid and is ignored (XDG Base Directory Specification).
    let own = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let own = own.or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(SettingsFile { path: own.join("ftp-user/config.toml"), is_named: false })
}

impl SettingsFile {
    /// The settings, if nobody else could write them, and nobody else could read a password in them.
    fn read(&self, keys: Option<MakeKeys>) -> Result<Settings, Failure> {
        let path = self.path.display();
        let cannot = |why: &str| {
            Failure::usage(format!("cannot read the settings {path}: {why}"))
                .hint("name another file with --config")
        };
        let file = match NamedFile::open(&self.path, Readable::File) {
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_named => {
                return Ok(Settings::default());
            }
            opened => opened.map_err(|error| cannot(&words(&error)))?,
        };
        let facts = file.facts().clone();
        let bytes = file.read(LARGEST_SETTINGS).map_err(|error| cannot(&words(&error)))?;
        let text = str::from_utf8(&bytes).map_err(|_| cannot("it is not UTF-8"))?;
        refuse_other_hands(&self.path, &facts)?;
        let settings = parse(text, &self.path, keys)?;
        if facts.is_file() && facts.mode() & 0o077 != 0 && settings.has_secrets() {
            let what = format!("others may read the settings {path}, and a proxy in them has a password");
            return Err(Failure::usage(what).hint(format!("chmod 600 {path}")));
        }
        Ok(settings)
    }
}

/// Refuses settings that another user than this one and root owns or may write: settings name programs that are run,
/// passwords, and certificates that are trusted.
pub(super) fn refuse_other_hands(path: &Path, facts: &Metadata) -> Result<(), Failure> {
    let own = rustix::process::geteuid().as_raw();
    if facts.is_file() && is_in_other_hands(facts.uid(), facts.mode(), own) {
        let what = format!("others own the settings {} or may write them", path.display());
        return Err(Failure::usage(what).hint("make them yours alone: chown them, and chmod 600"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_proxy;
    use super::*;
    use std::collections::HashMap;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_named_file_comes_before_the_usual_one() {
        let check = |named: Option<&str>, variables: &[(&str, &str)], expect: Option<SettingsFile>| {
            let variables: HashMap<&str, &str> = variables.iter().copied().collect();
            let found = find(named.map(Path::new), |name| variables.get(name).map(OsString::from));
            assert_eq!(found, expect, "{named:?} {variables:?}");
        };
        let all = [("FTP_USER_CONFIG", "env.toml"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/ann")];
        let named = |path: &str| Some(SettingsFile { path: path.into(), is_named: true });
        let usual = |path: &str| Some(SettingsFile { path: path.into(), is_named: false });
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
        let read = |is_named| SettingsFile { path: path.clone(), is_named }.read(None);
        assert_eq!(read(false), Ok(Settings::default()));
        let failure = read(true).unwrap_err();
        assert!(failure.to_string().contains("config.toml"), "{failure}");
        std::fs::write(&path, "# nothing yet\n").unwrap();
        assert_eq!(read(true), Ok(Settings::default()));
    }
    #[test]
    fn settings_in_other_hands_are_refused_and_a_proxy_password_is_for_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        let read = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            SettingsFile { path: path.clone(), is_named: true }.read(Some(with_proxy))
        };
        let site = "[sites.lab]\nurl = \"ftp://ann@h/\"\npassword-command = \"x\"\n";
        for mode in [0o666, 0o620, 0o602] {
            let failure = read(site, mode).unwrap_err().to_string();
            assert!(failure.contains("others own the settings"), "{mode:o}: {failure}");
        }
        for mode in [0o600, 0o644] {
            assert!(read(site, mode).is_ok(), "{mode:o}");
        }
        let of_site = "[sites.lab]\nurl = \"ftp://ann@h/\"\nproxy = \"socks5://u:s3cret@h:1\"\n";
        for text in ["[defaults]\nproxy = \"socks5://u:s3cret@h:1\"\n", of_site] {
            let failure = read(text, 0o644).unwrap_err().to_string();
            assert!(failure.contains("others may read") && !failure.contains("s3cret"), "{failure}");
            assert!(read(text, 0o600).is_ok(), "{text}");
        }
        assert!(read("[defaults]\nproxy = \"socks5://h:1\"\n", 0o644).is_ok());
        assert!(SettingsFile { path: "/dev/null".into(), is_named: true }.read(None).is_ok());
    }
}
