//! What is at many paths of one directory: by questions for many files whether they are what they were, where the server takes
//! them; what is left by a question for each, or of copies by one listing where most of the directory is asked for.

use crate::context::Context;
use crate::endpoint::{Host, files};
use crate::failure::Result;
use crate::job::Item;
use crate::job::retry::facts;
use crate::place;
use crate::session::Facts;
use ftp_io::lock::Lock;
use ftp_proto::command::FileToSend;
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::{FileName, PathName};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// About how many names the directories of the destination have. The workers of a move share it.
#[derive(Clone, Debug, Default)]
pub(in crate::job) struct DirectorySizes(Arc<Mutex<HashMap<Option<PathName>, usize>>>);

impl DirectorySizes {
    /// Notes a file that was found, and that gets a copy.
    pub(in crate::job) fn note_found(&self, item: &Item) {
        let mut sizes = self.0.locked();
        if sizes.len() > MOST_DIRECTORIES {
            sizes.clear();
        }
        *sizes.entry(place::parent(&item.destination)).or_default() += 1;
    }

    /// Whether a directory is listed for so many of its names.
    fn is_listed_for(&self, directory: &Option<PathName>, names: usize) -> bool {
        let known = self.0.locked().get(directory).copied();
        names >= FEWEST && known.is_some_and(|size| size <= names.saturating_mul(WORTH))
    }

    /// Notes how many names a listing has shown.
    fn note_listed(&self, directory: Option<PathName>, names: usize) {
        self.0.locked().insert(directory, names);
    }
}

/// A path that is looked at, and what is expected there.
#[derive(Clone, Debug)]
pub(super) struct ExpectedFile {
    pub(super) path: PathName,
    pub(super) facts: Facts,
}

impl ExpectedFile {
    /// How a server is asked whether it is there, if all that is expected can be said.
    pub(super) fn described(&self) -> Option<FileToSend> {
        let Facts { kind, size, modified, .. } = &self.facts;
        let size = u32::try_from((*size)?).ok().filter(|_| *kind == Kind::File)?;
        let name = FileName::from_wire(place::base_name(&self.path)?.as_bytes())?;
        let file = FileToSend { size, modified: *modified, unique: self.facts.exact_identity(), name };
        file.is_whole().then_some(file)
    }
}

/// What is at each of these places in one directory, or why nobody can tell. With `sizes`, a listing may answer for copies. Without
/// them each source is asked for by itself, so that no answer is older than its question.
pub(super) async fn look_at_files(
    context: &Context,
    host: &mut Host,
    files: &[ExpectedFile],
    sizes: Option<&DirectorySizes>,
) -> Vec<Result<Option<Facts>>> {
    let mut seen = unchanged(context, host, files).await;
    let directory = files.first().and_then(|file| place::parent(&file.path));
    let unseen = seen.iter().filter(|seen| seen.is_none()).count();
    if let Some(sizes) = sizes.filter(|sizes| sizes.is_listed_for(&directory, unseen))
        && host.lists_facts()
    {
        let listed = listed(context, host, directory, sizes).await;
        for (file, seen) in files.iter().zip(&mut seen).filter(|(_, seen)| seen.is_none()) {
            *seen = place::base_name(&file.path).and_then(|name| listed.get(&name)).cloned();
        }
    }
    let unseen = files.iter().zip(&seen).filter(|(_, seen)| seen.is_none());
    let unseen: Vec<PathName> = unseen.map(|(file, _)| file.path.clone()).collect();
    let mut asked = match unseen.is_empty() {
        true => Vec::new(),
        false => files::facts_of_all(context, host, &unseen).await,
    }
    .into_iter();
    let mut all = Vec::with_capacity(files.len());
    for (file, seen) in files.iter().zip(seen) {
        all.push(match seen {
            Some(seen) => Ok(Some(seen)),
            None => match asked.next() {
                Some(answer) => answer,
                None => facts(context, host, &file.path).await,
            },
        });
    }
    all
}

/// What is at each of these paths of one directory, if the host says that it is what is expected.
async fn unchanged(context: &Context, host: &mut Host, files: &[ExpectedFile]) -> Vec<Option<Facts>> {
    let mut seen = vec![None; files.len()];
    let Some(directory) = files.first().and_then(|file| place::parent(&file.path)) else { return seen };
    let described = files.iter().zip(&mut seen).filter_map(|(file, seen)| {
        let described = file.described()?;
        Some(((file, seen), described))
    });
    let (places, described): (Vec<_>, Vec<FileToSend>) = described.unzip();
    if described.is_empty() {
        return seen;
    }
    let same = files::are_same(context, host, &directory, &described).await;
    for ((file, seen), is_same) in places.into_iter().zip(same) {
        *seen = is_same.then(|| file.facts.clone());
    }
    seen
}

/// The files that the listing of a directory shows with everything that is known of them.
async fn listed(
    context: &Context,
    host: &mut Host,
    directory: Option<PathName>,
    sizes: &DirectorySizes,
) -> HashMap<PathName, Facts> {
    let (mut files, mut names) = (HashMap::new(), 0);
    let mut note = |entry: Entry| {
        names += 1;
        let is_whole = entry.kind == Kind::File && entry.size.is_some() && entry.exactly_modified().is_some();
        // A name that is shown twice says nothing.
        if is_whole && files.insert(entry.name.clone(), Facts::from(&entry)).is_some() {
            files.remove(&entry.name);
        }
    };
    let path = directory.clone().unwrap_or_else(PathName::here);
    let listing = files::list_each(context, host, &path, &mut note).await;
    if listing.is_err() {
        (files, names) = (HashMap::new(), usize::MAX);
    }
    sizes.note_listed(directory, names);
    files
}

/// How many directories are remembered.
const MOST_DIRECTORIES: usize = 32_768;
/// The smallest number of names for which a directory is listed: a listing takes some commands.
const FEWEST: usize = 8;
/// A line of a listing takes so much less than a command and its reply.
const WORTH: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_listed_if_much_of_it_is_asked_for() {
        let sizes = DirectorySizes::default();
        let directory = PathName::from_user("d").ok();
        assert!(!sizes.is_listed_for(&directory, 100), "nothing is known");
        (0..100).for_each(|number| sizes.note_found(&Item::of_both(number, &format!("d/{number}"))));
        for (names, expect) in [(1, false), (16, false), (17, true), (100, true)] {
            assert_eq!(sizes.is_listed_for(&directory, names), expect, "{names}");
        }
        // It has many others.
        sizes.note_listed(directory.clone(), 100_000);
        assert!(!sizes.is_listed_for(&directory, 100));
    }
}
