//! Whether a directory is where its name says. Its server tells its path without symbolic links. Pure.

use crate::place;
use ftp_proto::wire::PathName;

/// What speaks against the deletion of a place whose own path is `real`, if something does. `above` is the own path of the
/// directory in which it was named, and `login` the login directory, as far as they are known.
pub(crate) fn against(
    place: &PathName,
    (above, login): (Option<&PathName>, Option<&PathName>),
    real: &PathName,
) -> Option<String> {
    if real.names().next().is_none() {
        return Some("is the root of the server".to_owned());
    }
    if login.is_some_and(|login| login.is_at_or_below(real)) {
        return Some(format!("is {}: the login directory, or contains it", real.display()));
    }
    let (above, name) = (above?, place::base_name(place)?);
    // Paths of other systems are not put together like this.
    let is_elsewhere = above.is_absolute() && real.relative_to(above).as_ref() != Some(&name);
    is_elsewhere.then(|| format!("is a symbolic link to {}", real.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathName {
        PathName::from_user(text).unwrap()
    }

    #[test]
    fn a_place_that_is_a_link_or_contains_the_login_directory_is_not_deleted() {
        let check = |place: &str, above: Option<&str>, real: &str, expect: Option<&str>| {
            let (above, login) = (above.map(path), path("/users/ann"));
            let found = against(&path(place), (above.as_ref(), Some(&login)), &path(real));
            let is_right = match (&found, expect) {
                (Some(found), Some(expect)) => found.contains(expect),
                (found, expect) => found.is_none() && expect.is_none(),
            };
            assert!(is_right, "{place} {above:?} {real}: {found:?}");
        };
        check("/pub/tree", Some("/pub"), "/pub/tree", None);
        check("tree", Some("/users/ann"), "/users/ann/tree", None);
        // Another link on the way was named.
        check("/alias/tree", Some("/pub"), "/pub/tree", None);
        check("/pub/tree", None, "/elsewhere/tree", None);
        check("/pub/tree", Some("C:\\pub"), "C:\\pub\\tree", None);
        // Most servers tell capital letters from small ones.
        check("/pub/tree", Some("/pub"), "/pub/TREE", Some("symbolic link to /pub/TREE"));
        check("/pub/tree", Some("/pub"), "/victim", Some("symbolic link to /victim"));
        check("/pub/tree", Some("/pub"), "/users/ann", Some("login directory"));
        check("/pub/tree", None, "/users", Some("login directory"));
        check("/pub/tree", Some("/pub"), "/", Some("root of the server"));
    }
}
