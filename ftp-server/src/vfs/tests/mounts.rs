//! Several directories as one tree.

use super::*;

/// A root with `in` and `deep` that holds `mount`, and another directory.
struct Mounted {
    root: tempfile::TempDir,
    other: tempfile::TempDir,
    view: View,
}

fn mounted() -> Mounted {
    let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in ["in", "deep"] {
        fs::create_dir(root.path().join(dir)).unwrap();
    }
    fs::write(root.path().join("in/hidden"), "hidden").unwrap();
    fs::write(root.path().join("file"), "root").unwrap();
    fs::write(other.path().join("file"), "other").unwrap();
    symlink("..", other.path().join("up")).unwrap();
    let roots = Roots::default();
    let open = |dir: &tempfile::TempDir| roots.open(dir.path()).unwrap();
    let tree = roots.tree(open(&root)).mount(&name("/in"), open(&other)).unwrap();
    let tree = tree.mount(&name("/deep/mount"), open(&other)).unwrap();
    let access = Access::everywhere(Rights::READ_ONLY).beneath(name("/in"), Rights::ALL);
    Mounted { view: View::new(&Arc::new(tree), &access), root, other }
}

#[test]
fn a_mount_hides_what_the_root_has_there() {
    let site = mounted();
    assert_eq!(fetch(&site.view, "/in/file").as_deref(), Ok("other"));
    assert_eq!(fetch(&site.view, "/deep/mount/file").as_deref(), Ok("other"));
    assert_eq!(fetch(&site.view, "/file").as_deref(), Ok("root"));
    assert_eq!(fetch(&site.view, "/in/hidden"), Err(FileFailure::NotFound));
    assert_eq!(listed(&site.view, "/"), ["deep", "file", "in"]);
    assert_eq!(listed(&site.view, "/deep"), ["mount"]);
    assert_eq!(listed(&site.view, "/in"), ["file", "up"]);
}

#[test]
fn nobody_leaves_a_mount() {
    let site = mounted();
    assert!(fetch(&site.view, "/in/up/file").is_err());
    let enter = |path: &str| site.view.answer(&FileAsk::Enter(name(path)));
    assert!(enter("/in/up").is_err());
    assert_eq!((enter("/in"), enter("/deep/mount")), (DONE, DONE));
}

#[test]
fn a_mount_and_what_holds_one_stay_where_they_are() {
    let site = mounted();
    for path in ["/in", "/deep", "/deep/mount"] {
        assert_eq!(
            site.view.answer(&FileAsk::RemoveDirectory(name(path))),
            Err(FileFailure::Denied),
            "{path}"
        );
        assert_eq!(site.view.answer(&FileAsk::RenameFrom(name(path))), Err(FileFailure::Denied), "{path}");
        assert_eq!(site.view.answer(&FileAsk::MakeDirectory(name(path))), Err(FileFailure::Exists), "{path}");
    }
    assert_eq!(site.view.answer(&rename("/in/file", "/moved")), Err(FileFailure::OtherRoot));
    assert_eq!(
        site.view.answer(&rename("/in/file", "/deep/mount/moved")),
        DONE,
        "both mounts are one directory"
    );
    assert!(site.other.path().join("moved").exists() && site.root.path().join("file").exists());
}

#[test]
fn facts_of_a_mount_have_the_rights_there() {
    let site = mounted();
    let entries = entries(&site.view, "/");
    let perm = |path: &str| entries.iter().find(|entry| entry.name.display() == path).unwrap().perm.clone();
    assert_eq!(perm("in").as_deref(), Some("celmp"));
    assert_eq!(perm("deep").as_deref(), Some("el"));
    let Ok(FileAnswer::Entry(facts)) = site.view.answer(&FileAsk::Facts(name("/in"))) else {
        panic!("no facts")
    };
    assert_eq!(facts.perm.as_deref(), Some("celmp"));
}

#[test]
fn the_root_cannot_be_a_mount() {
    let dir = tempfile::tempdir().unwrap();
    let roots = Roots::default();
    let root = roots.open(dir.path()).unwrap();
    assert!(Arc::ptr_eq(&root, &roots.open(&dir.path().join(".")).unwrap()), "opened once");
    assert_eq!(roots.tree(Arc::clone(&root)).mount(&name("/"), root).err(), Some(FileFailure::BadName));
}
