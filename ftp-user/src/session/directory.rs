//! What a directory holds: its listing, and where that has only names, what each of them is. Names that LIST cannot show
//! are settled by NLST.

use super::connection::Session;
use super::listing::{Each, Listing};
use crate::failure::Failure;
use crate::place;
use ftp_proto::listing::Entry;
use ftp_proto::manners::{Form, NamesByNlst, UnclearNames, with_blanks};
use ftp_proto::wire::PathName;

impl Session {
    /// Lists a directory; `None` is the login directory.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed. A listing that is larger than the context allows is a failure.
    pub async fn list(&mut self, directory: Option<&PathName>) -> Result<Listing, Failure> {
        let mut entries = Vec::new();
        let (form, listing) = self.listed(directory, &mut |_, entry| entries.push(entry)).await?;
        match form {
            Form::Mlsd => {}
            Form::List => self.settle(directory, &mut entries).await?,
            Form::Nlst => {
                let names = std::mem::take(&mut entries);
                self.look_at(directory, names, &mut |entry| entries.push(entry)).await?;
            }
        }
        Ok(Listing { entries, ..listing })
    }

    /// Lists a directory and hands over its entries as they come, but names that have to be asked for at the end. What is
    /// returned has none. If this fails, some may have been handed over.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed. A listing that is larger than the context allows is a failure.
    pub async fn list_each(
        &mut self,
        directory: Option<&PathName>,
        each: Each<'_>,
    ) -> Result<Listing, Failure> {
        let mut unsettled = Vec::new();
        let mut sort = |form, entry| match form {
            Form::Mlsd => each(entry),
            Form::List if !is_unclear(&entry) => each(entry),
            Form::List | Form::Nlst => unsettled.push(entry),
        };
        let (form, listing) = self.listed(directory, &mut sort).await?;
        match form {
            Form::Mlsd => {}
            Form::List => {
                self.settle(directory, &mut unsettled).await?;
                unsettled.into_iter().for_each(each);
            }
            Form::Nlst => self.look_at(directory, unsettled, each).await?,
        }
        Ok(listing)
    }

    /// The name of a file that is not there under the name that LIST has shown: some servers drop leading blanks there.
    /// `None` if NLST does not settle it.
    ///
    /// # Errors
    ///
    /// Fails if the session is lost.
    pub async fn name_with_blanks(
        &mut self,
        directory: Option<&PathName>,
        shown: &PathName,
    ) -> Result<Option<PathName>, Failure> {
        if self.manners.capabilities.mlst.is_some() {
            return Ok(None); // MLSD shows names as they are
        }
        let is_like_it = |name: &PathName| name.as_bytes().trim_ascii_start() == shown.as_bytes();
        let names = self.names(directory, is_like_it).await?;
        Ok(with_blanks(&names, shown).cloned())
    }

    /// The names of a directory that are of interest, as they are; none if the server does not tell them.
    async fn names(
        &mut self,
        directory: Option<&PathName>,
        is_of_interest: impl Fn(&PathName) -> bool + Send + Sync,
    ) -> Result<Vec<PathName>, Failure> {
        let mut names = Vec::new();
        let mut take = |entry: Entry| {
            if is_of_interest(&entry.name) {
                names.push(entry.name);
            }
        };
        match self.list_as(Form::Nlst, directory, &mut take).await {
            Ok(_) => Ok(names),
            Err((_, failure)) if self.is_over() => Err(failure),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Some servers show `?` for what they cannot print, and blanks before a name may belong to it. What NLST does not
    /// settle stays as it was shown.
    async fn settle(&mut self, directory: Option<&PathName>, entries: &mut [Entry]) -> Result<(), Failure> {
        if !entries.iter().any(is_unclear) {
            return Ok(());
        }
        let unclear = entries.iter().filter(|entry| is_unclear(entry));
        let shown = UnclearNames::new(unclear.map(|entry| &entry.name));
        let names = self.names(directory, |name| shown.may_be(name)).await?;
        let names = NamesByNlst::new(&names);
        for entry in entries.iter_mut().filter(|entry| is_unclear(entry)) {
            if let Some(name) = names.meant(&entry.name, entry.blanks) {
                entry.name = name.clone();
            }
        }
        Ok(())
    }

    /// Asks what each name is, since a list of names does not say it.
    async fn look_at(
        &mut self,
        directory: Option<&PathName>,
        names: Vec<Entry>,
        each: Each<'_>,
    ) -> Result<(), Failure> {
        for Entry { name, .. } in names {
            if let Some(found) = self.entry(&place::join(directory, &name)).await? {
                each(Entry { name, ..found });
            }
        }
        Ok(())
    }
}

/// Whether NLST may show another name.
fn is_unclear(entry: &Entry) -> bool {
    entry.blanks > 0 || entry.name.as_bytes().contains(&b'?')
}
