//! Directories that a server is told to make at once. Pure.

use super::visits::Visit;
use crate::place;
use ftp_proto::wire::PathName;

/// Which of these directories can be made at once, by their paths at the destination, where `root` is that of the tree.
/// `is_lost`: a directory above it could not be made. What is in another one of them waits until that one is known to be apart
/// from others.
pub(super) fn makeable(
    visits: &[Visit],
    root: &PathName,
    is_lost: impl Fn(&PathName) -> bool,
) -> Vec<PathName> {
    let mut paths: Vec<PathName> = Vec::with_capacity(visits.len());
    for visit in visits {
        let Visit::Directory(path, _) = visit else { continue };
        let is_in_another = |path: &PathName| place::parent(path).is_some_and(|above| paths.contains(&above));
        let path = Some(path).filter(|path| !is_lost(path)).map(|path| place::join(Some(root), path));
        paths.extend(path.filter(|path| !is_in_another(path)));
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::file::times::Attributes;

    #[test]
    fn a_directory_in_another_one_or_in_a_lost_one_is_not_made_at_once() {
        let name = |text: &str| PathName::from_user(text).unwrap();
        let visits = |paths: &[&str]| -> Vec<Visit> {
            paths.iter().map(|path| Visit::Directory(name(path), Attributes::default())).collect()
        };
        for (found, expect) in [
            (&["a", "b"][..], &["t/a", "t/b"][..]),
            (&["a", "a/b", "c"], &["t/a", "t/c"]),
            // One of them may be refused where both are one. The one that is refused is looked at alone.
            (&["a", "A"], &["t/a", "t/A"]),
            // The deeper one waits for its own parent only.
            (&["x/a", "x/a/b", "x/c"], &["t/x/a", "t/x/c"]),
            (&["lost/a", "a"], &["t/a"]),
        ] {
            let is_lost = |path: &PathName| path.as_bytes().starts_with(b"lost/");
            let expect: Vec<PathName> = expect.iter().map(|path| name(path)).collect();
            assert_eq!(makeable(&visits(found), &name("t"), is_lost), expect, "{found:?}");
        }
    }
}
