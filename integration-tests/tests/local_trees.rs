//! Trees of this host that are copied while somebody who may write in them exchanges their directories.

use integration_tests::site::{Server, Site, names_below};
use integration_tests::user::{User, user};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const FILES: usize = 150;
const OWN: &str = "of the tree";
const SECRET: &str = "the secret ";

/// A tree with many files in one directory, and a directory of somebody else with the same names.
fn attacked(user: User) -> User {
    let home = user.home().to_owned();
    for directory in ["tree/sub", "victim"] {
        fs::create_dir_all(home.join(directory)).unwrap();
    }
    for number in 0..FILES {
        fs::write(home.join(format!("tree/sub/{number}")), OWN).unwrap();
        fs::write(home.join(format!("victim/{number}")), SECRET).unwrap();
    }
    symlink(home.join("victim"), home.join("link")).unwrap();
    user
}

/// Exchanges the directory with the link for as long as `running` runs.
fn exchanging<T>(home: &Path, running: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let exchange = || {
                let (link, directory) = (home.join("link"), home.join("tree/sub"));
                renameat_with(CWD, link, CWD, directory, RenameFlags::EXCHANGE).unwrap();
            };
            while !is_over.load(Relaxed) {
                exchange();
                std::thread::yield_now();
            }
        });
        let ran = running();
        is_over.store(true, Relaxed);
        ran
    })
}

fn target() -> Server {
    Site::new("target").at("127.0.0.3").directory("t").start()
}

#[test]
fn nothing_is_copied_from_where_a_link_leads_that_takes_the_place_of_a_directory() {
    for words in [
        &["copy", "-r", "--links", "skip"][..],
        &["copy", "-r"],
        &["move", "-r"],
        &["sync"],
        &["sync", "--links", "skip", "--compare", "hash"],
    ] {
        let to = target();
        let user = attacked(user()).args(words).args(["--retries", "0", "tree/", &to.url("t")]);
        let home = user.home().to_owned();
        let run = exchanging(&home, || user.run());
        for name in names_below(&to.path("t")).iter().filter(|name| !name.ends_with('/')) {
            assert_eq!(fs::read_to_string(to.path("t").join(name)).unwrap(), OWN, "{words:?} {name}: {run}");
        }
        // The directory is where it was, or where the link was. What belongs to somebody else is all there.
        assert_eq!(names_below(&home.join("victim")).len(), FILES, "{words:?}: {run}");
    }
}
