//! Quotas: what is counted, and that nothing exceeds them.

use super::*;
use crate::vfs::quota::{Amount, Quota, RootQuota, SharedCounts};
use ftp_io::copy::Budget;
use std::io::Write;
use std::sync::Barrier;

/// A root whose user may store so much; it holds `old` of 10 bytes and the directory `dir` at first.
struct Limited {
    dir: tempfile::TempDir,
    tree: Arc<Tree>,
}

fn limited(bytes: Option<u64>, files: Option<u64>) -> Limited {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("old"), "0123456789").unwrap();
    fs::create_dir(dir.path().join("dir")).unwrap();
    symlink("old", dir.path().join("dir/link")).unwrap();
    let roots = Roots::default();
    let tree = roots
        .tree(roots.open(dir.path()).unwrap())
        .limited(QuotaLimits { bytes, files, file_bytes: None })
        .unwrap();
    Limited { dir, tree: Arc::new(tree) }
}

impl Limited {
    fn view(&self) -> View {
        View::new(&self.tree, &Access::everywhere(Rights::ALL))
    }

    fn held(&self) -> (u64, u64) {
        let held = self.tree.held().unwrap();
        (held.bytes, held.files)
    }

    fn begin(&self, path: &str, intent: Intent) -> Result<(Upload, File, Box<dyn Budget>), FileFailure> {
        let (prepared, _) = self.view().prepare(&name(path), &intent)?;
        let PreparedTransfer::Receive(target) = prepared else { panic!("not prepared for receiving") };
        let (mut upload, file) = target.begin(Partial::Publish)?;
        let budget = upload.take_budget().unwrap();
        Ok((upload, file, budget))
    }

    /// Stores as a copy does: the budget is asked before each write.
    fn store(
        &self,
        path: &str,
        intent: Intent,
        bytes: usize,
        received: Completeness,
    ) -> Result<(), FileFailure> {
        let (upload, mut file, mut budget) = self.begin(path, intent)?;
        let mut left = bytes;
        while left > 0 {
            let piece = left.min(7);
            if let Err(error) = budget.take(piece as u64) {
                upload.finish(file, Completeness::Failed).result?;
                return Err(io_failure(&error));
            }
            file.write_all(&vec![b'x'; piece]).unwrap();
            left -= piece;
        }
        upload.finish(file, received).result
    }

    fn ask(&self, ask: FileAsk) -> Result<FileAnswer, FileFailure> {
        self.view().answer(&ask)
    }

    /// What a new count finds.
    fn counted(&self) -> (u64, u64) {
        let roots = Roots::default();
        let limits = QuotaLimits { bytes: Some(0), ..QuotaLimits::default() };
        let held = roots.tree(roots.open(self.dir.path()).unwrap()).limited(limits).unwrap().held().unwrap();
        (held.bytes, held.files)
    }
}

#[test]
fn what_is_there_is_counted_once_and_every_change_afterwards() {
    let site = limited(Some(1_000), Some(100));
    let check = |expect: (u64, u64)| {
        assert_eq!(site.held(), expect);
        assert_eq!(site.counted(), expect, "a new count finds the same");
    };
    check((10, 3));
    site.store("/new", Intent::Replace, 100, Completeness::Whole).unwrap();
    check((110, 4));
    site.store("/new", Intent::Replace, 50, Completeness::Whole).unwrap();
    check((60, 4));
    site.store("/new", Intent::Append, 5, Completeness::Whole).unwrap();
    check((65, 4));
    site.store("/appended", Intent::Append, 5, Completeness::Whole).unwrap();
    check((70, 5));
    site.store("/new", write_at(10), 20, Completeness::Whole).unwrap();
    check((70, 5));
    site.store("/new", write_at(50), 20, Completeness::Whole).unwrap();
    check((85, 5));
    site.store("/broken", Intent::Replace, 30, Completeness::Broken).unwrap();
    check((115, 6));
    site.store("/new", Intent::Replace, 30, Completeness::Broken).unwrap();
    check((115, 6));
    assert_eq!(site.ask(rename("/new", "/broken")), DONE);
    check((85, 5));
    assert_eq!(site.ask(rename("/broken", "/broken")), DONE);
    assert_eq!(site.ask(FileAsk::MakeDirectory(name("/made"))), DONE);
    assert!(site.ask(FileAsk::MakeDirectory(name("/made"))).is_err());
    check((85, 6));
    assert_eq!(site.ask(FileAsk::RemoveDirectory(name("/made"))), DONE);
    assert!(site.ask(FileAsk::RemoveDirectory(name("/made"))).is_err());
    assert_eq!(site.ask(FileAsk::Remove(name("/old"))), DONE);
    assert_eq!(site.ask(FileAsk::Remove(name("/dir/link"))), DONE);
    check((75, 3));
    let (upload, file, mut budget) = site.begin("/dropped", Intent::Replace).unwrap();
    budget.take(100).unwrap();
    assert_eq!(site.held(), (175, 4), "a file counts while it arrives");
    drop((upload, file, budget));
    check((75, 3));
}

#[test]
fn a_part_that_several_write_counts_with_its_size_until_the_last_has_ended() {
    let site = limited(Some(1_000), None);
    let range = |first, last| Intent::WriteRange { range: ByteRange::through(first, last).unwrap() };
    let part = "/.1.ftp-user.part";
    let write = |intent, bytes: u64| {
        let (upload, file, mut budget) = site.begin(part, intent).unwrap();
        budget.take(bytes).unwrap();
        (&file).write_all(&vec![7; usize::try_from(bytes).unwrap()]).unwrap();
        (upload, file)
    };
    let (late, late_file) = write(range(500, 599), 100);
    assert_eq!(site.held(), (610, 4), "holes count");
    let (early, early_file) = write(range(0, 99), 100);
    assert_eq!(site.held(), (610, 4));
    late.finish(late_file, Completeness::Whole).result.unwrap();
    assert_eq!((site.held(), site.counted()), ((610, 4), (610, 4)));
    let (_, _, mut beyond) = site.begin(part, range(900, 999)).unwrap();
    assert_eq!(io_failure(&beyond.take(100).unwrap_err()), FileFailure::QuotaBytes);
    drop(beyond);
    early.finish(early_file, Completeness::Whole).result.unwrap();
    assert_eq!((site.held(), site.counted()), ((610, 4), (610, 4)));
    assert_eq!(site.ask(FileAsk::Remove(name(part))), DONE);
    assert_eq!(site.held(), (10, 3));
}

#[test]
fn a_quota_of_bytes_is_exact() {
    let site = limited(Some(100), None);
    site.store("/full", Intent::Replace, 90, Completeness::Whole).unwrap();
    assert_eq!(site.held().0, 100);
    assert_eq!(site.store("/more", Intent::Replace, 1, Completeness::Whole), Err(FileFailure::QuotaBytes));
    assert_eq!(site.store("/full", Intent::Append, 1, Completeness::Whole), Err(FileFailure::QuotaBytes));
    assert_eq!(
        site.store("/full", Intent::Replace, 1, Completeness::Whole),
        Err(FileFailure::QuotaBytes),
        "both exist"
    );
    site.store("/full", write_at(80), 10, Completeness::Whole).unwrap();
    assert_eq!((site.held().0, site.counted().0), (100, 100));
    assert!(!site.dir.path().join("more").exists());
    assert_eq!(site.ask(FileAsk::Remove(name("/full"))), DONE);
    site.store("/more", Intent::Replace, 90, Completeness::Whole).unwrap();
}

#[test]
fn a_quota_of_files_is_exact() {
    let site = limited(None, Some(4));
    assert_eq!(site.ask(FileAsk::MakeDirectory(name("/made"))), DONE);
    assert_eq!(site.ask(FileAsk::MakeDirectory(name("/more"))), Err(FileFailure::QuotaFiles));
    assert_eq!(site.store("/more", Intent::Replace, 1, Completeness::Whole), Err(FileFailure::QuotaFiles));
    assert_eq!(site.store("/more", Intent::Append, 1, Completeness::Whole), Err(FileFailure::QuotaFiles));
    site.store("/old", Intent::Append, 1, Completeness::Whole).unwrap();
    assert_eq!(site.held(), (11, 4));
}

#[test]
fn a_file_that_is_removed_while_it_is_written_in_place_gives_everything_back() {
    let site = limited(Some(1_000), None);
    let (upload, mut file, mut budget) = site.begin("/old", Intent::Append).unwrap();
    budget.take(90).unwrap();
    file.write_all(&[b'x'; 50]).unwrap();
    assert_eq!(site.ask(FileAsk::Remove(name("/old"))), DONE);
    assert!(budget.take(1).is_err(), "what has no name grows no more");
    drop(budget);
    assert_eq!(site.held(), (100, 2), "the system has its bytes until it is closed");
    assert_eq!(upload.finish(file, Completeness::Whole).result, Err(FileFailure::Changed));
    assert_eq!(site.held(), (0, 2));
    let _ = site.store("/old", Intent::Append, 5, Completeness::Whole);
    assert_eq!(site.held(), site.counted());
}

#[test]
fn files_that_are_removed_while_they_arrive_count_until_their_transfers_have_ended() {
    let site = limited(Some(1_000), None);
    let (upload, mut file, mut budget) = site.begin("/old", Intent::Append).unwrap();
    budget.take(900).unwrap();
    file.write_all(&[b'x'; 900]).unwrap();
    assert_eq!(site.ask(FileAsk::Remove(name("/old"))), DONE);
    assert_eq!(site.store("/more", Intent::Replace, 200, Completeness::Whole), Err(FileFailure::QuotaBytes));
    // The transfer is given up, in whichever order its parts go.
    for takes_budget_first in [true, false] {
        let (other, mut second, mut other_budget) = site.begin("/more", Intent::Append).unwrap();
        other_budget.take(50).unwrap();
        second.write_all(&[b'x'; 50]).unwrap();
        assert_eq!(site.ask(FileAsk::Remove(name("/more"))), DONE);
        let before = site.held().0;
        if takes_budget_first {
            drop((other_budget, other, second));
        } else {
            drop((other, second, other_budget));
        }
        assert_eq!(site.held().0, before - 50);
    }
    drop(budget);
    assert_eq!(site.held().0, 910, "the upload holds the file until it is closed");
    drop((upload, file));
    assert_eq!(site.held(), site.counted());
    site.store("/more", Intent::Append, 200, Completeness::Whole).unwrap();
    assert_eq!(site.held(), site.counted());
}

#[test]
fn a_transfer_is_stopped_when_its_file_loses_its_last_name() {
    let site = limited(Some(1_000), None);
    fs::hard_link(site.dir.path().join("old"), site.dir.path().join("dir/second")).unwrap();
    let (upload, mut file, mut budget) = site.begin("/old", Intent::Append).unwrap();
    let meter = ftp_io::copy::Meter::default();
    upload.stop_with_name(&meter);
    budget.take(90).unwrap();
    file.write_all(&[b'x'; 90]).unwrap();
    assert_eq!(site.ask(FileAsk::Remove(name("/dir/second"))), DONE);
    assert!(!meter.is_stopped() && !upload.is_unnamed());
    assert_eq!(site.ask(FileAsk::Remove(name("/old"))), DONE);
    assert!(meter.is_stopped() && upload.is_unnamed());
    let late = ftp_io::copy::Meter::default();
    upload.stop_with_name(&late);
    assert!(late.is_stopped(), "the name had gone before");
}

#[test]
fn each_name_of_a_file_counts_before_and_after_it_has_grown() {
    for removed_while_it_grows in [false, true] {
        let site = limited(Some(1_000), None);
        fs::hard_link(site.dir.path().join("old"), site.dir.path().join("dir/second")).unwrap();
        let roots = Roots::default();
        let limits = QuotaLimits { bytes: Some(1_000), ..QuotaLimits::default() };
        let tree = roots.tree(roots.open(site.dir.path()).unwrap()).limited(limits).unwrap();
        let site = Limited { tree: Arc::new(tree), ..site };
        let before = site.counted();
        let (upload, mut file, mut budget) = site.begin("/old", Intent::Append).unwrap();
        budget.take(90).unwrap();
        file.write_all(&[b'x'; 90]).unwrap();
        assert_eq!(site.held().0, before.0 + 90);
        let remove = || assert_eq!(site.ask(FileAsk::Remove(name("/dir/second"))), DONE);
        if removed_while_it_grows {
            remove();
        }
        drop(budget);
        upload.finish(file, Completeness::Whole).result.unwrap();
        assert_eq!(site.held(), site.counted());
        if !removed_while_it_grows {
            remove();
        }
        assert_eq!(site.held(), site.counted());
        assert_eq!(site.ask(FileAsk::Remove(name("/old"))), DONE);
        assert_eq!(site.held(), (0, 2));
    }
}

#[test]
fn a_file_that_is_removed_while_it_is_sent_counts_until_it_is_closed() {
    let site = limited(Some(50_000), None);
    site.store("/large", Intent::Replace, 40_000, Completeness::Whole).unwrap();
    let held = site.held().0;
    let send = Intent::Send { range: ByteRange::WHOLE };
    let first = site.view().prepare(&name("/large"), &send).unwrap();
    let second = site.view().prepare(&name("/large"), &send).unwrap();
    assert_eq!(site.ask(FileAsk::Remove(name("/large"))), DONE);
    assert_eq!(site.held().0, held);
    assert_eq!(
        site.store("/large", Intent::Replace, 40_000, Completeness::Whole),
        Err(FileFailure::QuotaBytes)
    );
    drop(first);
    assert_eq!(site.held().0, held);
    drop(second);
    assert_eq!(site.held(), site.counted());
    site.store("/large", Intent::Replace, 40_000, Completeness::Whole).unwrap();
    // A file that is replaced has lost its name as well; one that is renamed has not.
    let third = site.view().prepare(&name("/large"), &send).unwrap();
    assert_eq!(site.ask(rename("/large", "/other")), DONE);
    drop(third);
    assert_eq!(site.held(), site.counted());
    let fourth = site.view().prepare(&name("/other"), &send).unwrap();
    assert_eq!(site.ask(rename("/old", "/other")), DONE);
    assert_eq!(site.held().0, 40_010);
    drop(fourth);
    assert_eq!(site.held(), site.counted());
}

#[test]
fn uploads_at_the_same_time_never_exceed_a_quota() {
    let site = limited(Some(1_010), Some(1_000));
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (site, start) = (&site, &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..40 {
                    let path = format!("/file{}", (thread + round) % 5);
                    let intent = if round % 3 == 0 { Intent::Append } else { Intent::Replace };
                    let received = if round % 4 == 0 { Completeness::Broken } else { Completeness::Whole };
                    // Another writer, or the quota, may refuse it.
                    let _ = site.store(&path, intent, 150, received);
                    assert!(site.held().0 <= 1_010, "{:?}", site.held());
                    if round % 5 == 0 {
                        let _ = site.ask(FileAsk::Remove(name(&path)));
                    }
                    if round % 7 == 0 {
                        let to = name("/renamed");
                        let _ = site.ask(FileAsk::Rename { from: name(&path), is: None, to });
                    }
                }
            });
        }
    });
    assert_eq!(site.held(), site.counted(), "nothing is lost");
}

/// A name that is made between the look at a target and its replacement would be lost from the counts.
#[test]
fn nothing_is_removed_while_a_name_is_made() {
    let counts = Arc::new(SharedCounts::default());
    counts.open((1, 1), Amount::default());
    let books = RootQuota::new(&counts, (1, 1), &Quota::default());
    let under_the_lock = || {
        assert!(counts.is_locked());
        Ok::<_, FileFailure>(())
    };
    books.add_name(under_the_lock).unwrap();
    books.change_name(under_the_lock).unwrap();
    books.remove_name(|| under_the_lock().map(|()| None), under_the_lock).unwrap();
    assert!(!counts.is_locked());
}

#[test]
fn a_copy_within_the_server_is_counted_as_an_upload() {
    let site = limited(Some(35), Some(100));
    let copy = |from: &str, to: &str| -> Result<u64, FileFailure> {
        let mut copying = site.view().copying(&name(from), &name(to), Durability::Cached)?;
        copying.step(&ftp_io::copy::Meter::default())?;
        copying.finish()
    };
    let (bytes, files) = site.held();
    assert_eq!(copy("/old", "/a"), Ok(10));
    assert_eq!(copy("/old", "/b"), Ok(10));
    assert_eq!(site.held(), (bytes + 20, files + 2));
    assert_eq!(copy("/old", "/c"), Err(FileFailure::QuotaBytes));
    // For a moment there are two.
    assert_eq!(copy("/old", "/b"), Err(FileFailure::QuotaBytes));
    assert_eq!(site.held(), (bytes + 20, files + 2), "what did not fit is not counted");
    assert_eq!(site.held(), site.counted());
    let full = limited(None, Some(3));
    assert!(full.view().copying(&name("/old"), &name("/a"), Durability::Cached).is_err());
    assert_eq!(full.held(), full.counted());
}
