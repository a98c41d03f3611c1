//! What is answered without a wait for a disk is what a wait would bring.

use super::*;
use crate::vfs::root::is_of_this_host;

/// Everything that `/` has for these tests.
fn filled(site: &Site) {
    site.file("small", "content");
    site.file("empty", "");
    site.file("large", &"x".repeat(100_000));
    site.dir("dir");
    site.file("dir/inside", "inside");
    site.link("link", "dir/inside");
    site.link("out", "../secret");
    site.fifo("fifo");
}

const PATHS: [&str; 12] = [
    "/",
    "/small",
    "/small/",
    "/empty",
    "/large",
    "/dir",
    "/dir/",
    "/dir/inside",
    "/link",
    "/out",
    "/fifo",
    "/gone",
];

#[test]
fn what_is_cached_is_answered_as_a_visit_to_the_disk_would() {
    for site in Site::both() {
        filled(&site);
        let view = site.view();
        for path in PATHS {
            for ask in [FileAsk::Facts(name(path)), FileAsk::RenameFrom(name(path))] {
                // The kernel knows the path afterwards.
                let visited = view.answer(&ask);
                if let Some(cached) = view.answer_cached(&ask) {
                    assert_eq!(Ok(cached), visited, "{ask:?}");
                }
            }
            for range in [
                ByteRange::WHOLE,
                ByteRange { first: 3, length: Some(2) },
                ByteRange { first: 9, length: None },
            ] {
                let intent = Intent::Send { range };
                let visited = view.prepare(&name(path), &intent);
                let Some(cached) = view.prepare_cached(&name(path), &intent) else { continue };
                let (PreparedTransfer::Send { whole: Some(bytes), .. }, size) = cached else {
                    panic!("{path}")
                };
                let Ok((PreparedTransfer::Send { whole: Some(expect), .. }, right)) = visited else {
                    panic!("{path}")
                };
                assert_eq!((bytes, size), (expect, right), "{path} {range:?}");
            }
        }
    }
}

#[test]
fn a_small_file_that_was_read_before_needs_no_thread_and_others_do() {
    let site = Site::new();
    if !is_of_this_host(File::open(site.path("")).unwrap()) {
        return say_skipped("the temporary directory is on another host");
    }
    filled(&site);
    let view = site.view();
    let intent = Intent::Send { range: ByteRange::WHOLE };
    // The kernel may drop what it has read.
    let is_cached = |path: &str| {
        (0..10).any(|_| {
            drop(view.prepare(&name(path), &intent));
            view.prepare_cached(&name(path), &intent).is_some()
        })
    };
    assert_eq!(PATHS.map(is_cached).map(u8::from), [0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]);
    let facts = |path: &str| view.answer_cached(&FileAsk::Facts(name(path))).is_some();
    assert!(facts("/small") && facts("/dir") && facts("/") && !facts("/out") && !facts("/gone"));
    let renames = |path: &str| view.answer_cached(&FileAsk::RenameFrom(name(path))).is_some();
    assert!(renames("/small") && renames("/out") && !renames("/gone") && !renames("/"));
}
