//! The real programs in one process on a virtual clock.

use integration_tests::world::World;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Runs `work` on a thread with room for what is not optimised.
fn with_room(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(32 << 20).spawn(work).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn contents(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_tree_is_copied_between_two_servers() {
    with_room(|| {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let at = |name: &str| {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let (one, two, states) = (at("one"), at("two"), [at("s1"), at("s2"), at("s3")]);
        fs::create_dir(one.join("tree")).unwrap();
        for number in 0..20 {
            fs::write(one.join(format!("tree/{number}")), vec![number; usize::from(number) * 3000]).unwrap();
        }
        let mut world = World::new(1);
        let (source, destination, user) = (world.host("one"), world.host("two"), world.host("user"));
        world.serve(source, &one, &states[0]);
        world.serve(destination, &two, &states[1]);
        world.run(user, &["copy", "-r", "-v", "ftp://ann:pw@one/tree/", "ftp://ann:pw@two/tree/"], &states[2]);
        let mut steps = 0;
        let end = loop {
            world.step();
            steps += 1;
            if let Some(end) = world.ended(user) {
                break end;
            }
            assert!(world.now() < Duration::from_secs(3600), "it does not end");
        };
        eprintln!("{steps} steps, {:?}", world.now());
        assert_eq!(end, 0);
        assert_eq!(contents(&one), contents(&two));
    });
}
