//! What a directory holds: its listing, and where that has only names, what each of them is.

use super::listing::{Form, Listing};
use super::session::Session;
use crate::failure::Failure;
use crate::place;
use ftp_proto::listing::Entry;
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
            (Form::Mlsd | Form::List, listing) => Ok(listing),
        }
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
