//! What was given a name beyond ASCII has it: the server shows it.

use super::facts::from_reply;
use super::kept::{changed, is_alike};
use super::session::Session;
use crate::failure::Failure;
use crate::place;
use ftp_proto::command::Command;
use ftp_proto::wire::PathName;

impl Session {
    /// What was given the name `path` has it: the server shows it, by MLST or in a listing. Only
    /// names beyond ASCII need that, and the first of them answers for all others of the session.
    pub async fn confirm(&mut self, path: &PathName) -> Result<(), Failure> {
        if self.kept || path.as_bytes().is_ascii() {
            return Ok(());
        }
        if self.capabilities.mlst.is_some() {
            let answer = self.ask(Command::Mlst(Some(path.clone()))).await?;
            if let Some(entry) = from_reply(&answer.reply).filter(|_| answer.is_done()) {
                self.believe(path, &entry.name)?;
            }
        }
        let Some((directory, name)) = beyond_ascii(path).filter(|_| !self.kept) else { return Ok(()) };
        let listing = self.list(directory.as_ref()).await?;
        let shows = |name: &PathName| {
            listing.entries.iter().any(|entry| is_alike(name.as_bytes(), entry.name.as_bytes()))
        };
        if shows(&name) {
            self.kept = true;
            return Ok(());
        }
        Err(changed(path, &format!("{} does not list it", self.title)))
    }
}

/// The first name of a path that is beyond ASCII, and its directory.
fn beyond_ascii(path: &PathName) -> Option<(Option<PathName>, PathName)> {
    let (mut found, mut here) = (None, Some(path.clone()));
    while let Some(path) = here {
        let above = place::parent(&path).filter(|above| *above != path);
        if let Some(name) = place::base_name(&path).filter(|name| !name.as_bytes().is_ascii()) {
            found = Some((above.clone(), name));
        }
        here = above;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_beyond_ascii_is_looked_for_in_its_directory() {
        let check = |path: &str, expect: Option<(Option<&str>, &str)>| {
            let found = beyond_ascii(&PathName::from_user(path).unwrap());
            let found = found.map(|(directory, name)| (directory.map(|d| d.display()), name.display()));
            let expect = expect.map(|(directory, name)| (directory.map(str::to_owned), name.to_owned()));
            assert_eq!(found, expect, "{path}");
        };
        check("ż", Some((None, "ż")));
        check("/ż", Some((Some("/"), "ż")));
        check("d/ż/ó/a", Some((Some("d"), "ż")));
        check("/d/a", None);
    }
}
