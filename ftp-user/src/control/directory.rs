//! What a directory holds: its listing, and where that has only names, what each of them is. Names that LIST cannot show
//! are settled by NLST.

use super::listing::{Each, Form, Listing};
use super::masked_names::{Names, with_blanks};
use super::session::Session;
use crate::failure::Failure;
use crate::place;
use ftp_proto::listing::Entry;
use ftp_proto::reply::Blame;
use ftp_proto::wire::PathName;

impl Session {
    /// Lists a directory; `None` is the login directory.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed. A listing that is larger than the context allows is a failure.
    pub async fn list(&mut self, directory: Option<&PathName>) -> Result<Listing, Failure> {
        match self.listed(directory).await? {
            (Form::Nlst, listing) => self.look_at(directory, listing).await,
            (Form::List, listing) => self.settle(directory, listing).await,
            (Form::Mlsd, listing) => Ok(listing),
        }
    }

    /// Lists a directory and hands over its entries, by MLSD as they come. What is returned has none. If this fails, some
    /// may have been handed over.
    ///
    /// # Errors
    ///
    /// Why it cannot be listed. A listing that is larger than the context allows is a failure.
    pub async fn list_each(
        &mut self,
        directory: Option<&PathName>,
        each: Each<'_>,
    ) -> Result<Listing, Failure> {
        if self.capabilities.mlst.is_some() && self.manners.no_listings.is_none() {
            match self.list_argument(Form::Mlsd, directory.cloned(), (directory, Some(&mut *each))).await {
                Ok(listing) => return Ok(listing),
                Err((Blame::Unsupported, _)) => {}
                Err((_, failure)) => return Err(failure),
            }
        }
        let mut listing = self.list(directory).await?;
        std::mem::take(&mut listing.entries).into_iter().for_each(each);
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
        if self.capabilities.mlst.is_some() {
            return Ok(None); // MLSD shows names as they are
        }
        let names = self.names(directory).await?;
        Ok(with_blanks(&names, shown).cloned())
    }

    /// The names of a directory, as they are; none if the server does not tell them.
    async fn names(&mut self, directory: Option<&PathName>) -> Result<Vec<PathName>, Failure> {
        match self.list_as(Form::Nlst, directory).await {
            Ok(listing) => Ok(listing.entries.into_iter().map(|entry| entry.name).collect()),
            Err((_, failure)) if self.is_over() => Err(failure),
            Err(_) => Ok(Vec::new()),
        }
    }

    /// Some servers show `?` for what they cannot print, and blanks before a name may belong to it. What NLST does not
    /// settle stays as it was shown.
    async fn settle(
        &mut self,
        directory: Option<&PathName>,
        mut listing: Listing,
    ) -> Result<Listing, Failure> {
        let is_unclear = |entry: &Entry| entry.blanks > 0 || entry.name.as_bytes().contains(&b'?');
        if !listing.entries.iter().any(is_unclear) {
            return Ok(listing);
        }
        let names = self.names(directory).await?;
        let names = Names::new(&names);
        for entry in listing.entries.iter_mut().filter(|entry| is_unclear(entry)) {
            if let Some(name) = names.meant(&entry.name, entry.blanks) {
                entry.name = name.clone();
            }
        }
        Ok(listing)
    }

    /// Asks what each name is, since a list of names does not say it.
    async fn look_at(&mut self, directory: Option<&PathName>, names: Listing) -> Result<Listing, Failure> {
        let mut entries = Vec::new();
        for Entry { name, .. } in names.entries {
            if let Some(found) = self.entry(&place::join(directory, &name)).await? {
                entries.push(Entry { name, ..found });
            }
        }
        Ok(Listing { entries, ..names })
    }
}
