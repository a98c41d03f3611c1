//! What this program needs itself: its settings, the secrets beside them, and its state directory. No job and no verb
//! deletes or renames them, whatever was typed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of this program. By default there are none. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct OwnFiles {
    places: Arc<[OwnPlace]>,
}

/// A file or a directory of this program.
#[derive(Clone, PartialEq, Eq, Debug)]
struct OwnPlace {
    path: PathBuf,
    what: &'static str,
}

impl OwnFiles {
    /// The files of a run with these settings, secrets and state.
    pub fn new(settings: Option<&Path>, secrets: Option<&Path>, state: Option<&Path>) -> Self {
        let mut places = Vec::new();
        for (path, what) in [(settings, "the settings"), (secrets, "the secrets"), (state, "the state")] {
            let Some(path) = path else { continue };
            // A link to a file is needed as well as the file.
            for path in [resolved(path), path.canonicalize().unwrap_or_else(|_| resolved(path))] {
                let place = OwnPlace { path, what };
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        Self { places: places.into() }
    }

    /// What this program would lack without `path`: it is one of its files, or in a directory of it.
    pub fn needs(&self, path: &Path) -> Option<&'static str> {
        self.find(path, |own, path| path.starts_with(own))
    }

    /// What this program would lack without the tree at `path`: it needs that place itself, or something in it.
    pub fn needs_of_tree(&self, path: &Path) -> Option<&'static str> {
        let is_in = |own: &Path, path: &Path| own.starts_with(path) && own.symlink_metadata().is_ok();
        self.find(path, |own, path| path.starts_with(own) || is_in(own, path))
    }

    fn find(&self, path: &Path, is_of: impl Fn(&Path, &Path) -> bool) -> Option<&'static str> {
        if self.places.is_empty() {
            return None;
        }
        let path = resolved(path);
        self.places.iter().find(|place| is_of(&place.path, &path)).map(|place| place.what)
    }
}

/// An absolute path without symbolic links above its last name, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return path.canonicalize().unwrap_or(path);
    };
    match above.canonicalize() {
        Ok(above) => above.join(name),
        Err(_) => resolved(above).join(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_the_program_needs_is_known_by_every_path() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for directory in ["config/ftp-user/secrets", "dots", "state/ftp-user", "other"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        fs::write(at("dots/config.toml"), "").unwrap();
        symlink("../../dots/config.toml", at("config/ftp-user/config.toml")).unwrap();
        symlink("state", at("alias")).unwrap();
        let (settings, secrets) = (at("config/ftp-user/config.toml"), at("config/ftp-user/secrets"));
        let (state, later) = (at("alias/ftp-user"), at("later/ftp-user"));
        let own = OwnFiles::new(Some(&settings), Some(&secrets), Some(&state));
        for (path, needs, of_tree) in [
            ("config/ftp-user/config.toml", Some("the settings"), Some("the settings")),
            ("dots/config.toml", Some("the settings"), Some("the settings")),
            ("dots", None, Some("the settings")),
            ("config/ftp-user/secrets/lab", Some("the secrets"), Some("the secrets")),
            ("config", None, Some("the settings")),
            ("state/ftp-user/journal.db", Some("the state"), Some("the state")),
            ("alias/ftp-user/journal.db", Some("the state"), Some("the state")),
            ("other/../state/ftp-user", Some("the state"), Some("the state")),
            ("state", None, Some("the state")),
            // The link goes, and the state stays.
            ("alias", None, None),
            ("other", None, None),
            ("state/ftp-user.old", None, None),
            ("missing/file", None, None),
        ] {
            assert_eq!((own.needs(&at(path)), own.needs_of_tree(&at(path))), (needs, of_tree), "{path}");
        }
        assert_eq!(own.needs_of_tree(Path::new("/")), Some("the settings"));
        // What is not there yet is known when it is made, and nobody lacks it before.
        let own = OwnFiles::new(None, None, Some(&later));
        assert_eq!(own.needs_of_tree(home.path()), None);
        fs::create_dir_all(&later).unwrap();
        assert_eq!(own.needs(&at("later/ftp-user/journal.db")), Some("the state"));
        assert_eq!(own.needs_of_tree(home.path()), Some("the state"));
        assert_eq!(OwnFiles::default().needs_of_tree(Path::new("/")), None);
    }
}
