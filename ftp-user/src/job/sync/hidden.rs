//! Names that only the destination shows: before one is deleted, the source is asked whether it has it all the same. Servers
//! hide names (vsftpd those that begin with a dot), and some cut their listings without a word.

use super::named::Named;
use crate::context::Context;
use crate::endpoint::{self, Host};
use crate::failure::{About, Failure, Kind};
use crate::job::retrying::outage::asked;
use crate::job::tree::is_below;
use crate::place;
use crate::report::several;
use ftp_proto::wire::PathName;

/// What the source was asked for.
#[derive(Debug)]
pub(super) struct Hidden {
    /// Where the source is.
    root: PathName,
    /// The last directory that was asked for, and whether the source lacks it, with all that is in it.
    last: Option<(PathName, bool)>,
    /// The number of names that stay.
    stay: u64,
    /// The first of them.
    first: Option<PathName>,
}

impl Hidden {
    /// Nothing was asked for yet.
    pub(super) const fn at(root: PathName) -> Self {
        Self { root, last: None, stay: 0, first: None }
    }

    /// Whether the source lacks a name that its listing has not shown. Directories come right before what is in them.
    ///
    /// # Errors
    ///
    /// The source was given up, or somebody has asked the program to stop.
    pub(super) async fn lacks(
        &mut self,
        context: &Context,
        host: &mut Host,
        named: &Named,
    ) -> Result<bool, Failure> {
        let lacks = match self.known(&named.path) {
            Some(lacks) => lacks,
            None => {
                let path = place::join(Some(&self.root), &named.path);
                match asked(context, host, async |host| endpoint::has(context, host, &path).await).await {
                    Ok(has) => has == Some(false),
                    Err(failure) if ends_all(&failure) => return Err(failure),
                    Err(_) => false,
                }
            }
        };
        self.learn(named, lacks);
        Ok(lacks)
    }

    /// Tells that names stay.
    pub(super) fn tell(&self, context: &Context, host: &Host) {
        let Some(first) = &self.first else { return };
        let first = host.show(&place::join(Some(&self.root), first));
        let names = several(self.stay, "name");
        context.events.warn(format!(
            "not deleted: {names} that no listing of the source shows, but that the source has when it is asked, or does not say that it lacks; the first is {first}; its server may hide names or cut its listings"
        ));
    }

    fn known(&self, path: &PathName) -> Option<bool> {
        let (directory, lacks) = self.last.as_ref()?;
        is_below(directory, path).then_some(*lacks)
    }

    fn learn(&mut self, named: &Named, lacks: bool) {
        if named.is_directory() && self.known(&named.path).is_none() {
            self.last = Some((named.path.clone(), lacks));
        }
        if !lacks {
            self.stay += 1;
            self.first.get_or_insert_with(|| named.path.clone());
        }
    }
}

/// Whether nothing more is deleted after such a failure.
pub(super) fn ends_all(failure: &Failure) -> bool {
    failure.kind == Kind::Interrupted || failure.about == About::GivenUp
}
