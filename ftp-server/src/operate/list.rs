//! Lists in the state directory: what the server remembers over its starts, a line for each thing.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ftp_io::os_error::words;

/// A file of the state directory that is written as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// The name of the file.
    pub(super) name: &'static str,
    /// Bytes of the largest file that is read.
    pub(super) limit: u64,
}

impl List {
    /// Where it is in the state directory.
    pub(super) fn file(self, state: &Path) -> PathBuf {
        state.join(self.name)
    }

    /// The text of the file; nothing if there is none. One that cannot be read is set aside.
    pub(super) fn read(self, state: &Path) -> Option<String> {
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
    pub(super) fn write(self, state: &Path, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(state)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(self.file(state)).map_err(|error| error.error)?;
        Ok(())
    }

    /// The file cannot be used. It gets another name, and the log says why.
    pub(super) fn set_aside(self, state: &Path, why: &str) {
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
