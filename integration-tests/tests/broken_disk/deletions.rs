//! What is deleted, and what is called whole, while a disk of the source fails.

use super::source::{SERVERS, Source};
use integration_tests::beside::each_of;
use integration_tests::broken_disk::{ERRORS, Fault, Part};
use integration_tests::foreign::Kind;
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, names_below};
use integration_tests::user::{Run, user};
use std::fs;
use std::time::{Duration, SystemTime};

#[test]
fn a_broken_disk_at_any_server_costs_no_mirror_a_name() {
    each_of(&SERVERS, |kind| tries_everything(*kind));
}

fn tries_everything(kind: Option<Kind>) {
    let source = or_skip!(Source::start(kind));
    let mut trial = Trial { mirror: Site::new("mirror").at("127.0.0.3").start(), source, wrong: Vec::new() };
    trial.parts_of_the_source_fail();
    trial.all_of_the_source_fails();
    trial.it_fails_from_the_moment_of_the_deletion_on();
    trial.nothing_fails();
    trial.a_mount_point_has_lost_its_disk();
    trial.a_tree_is_copied();
    trial.a_tree_is_removed();
    let (name, wrong) = (trial.source.name(), trial.wrong.join("\n\n"));
    assert!(wrong.is_empty(), "{name}: {} cases\n\n{wrong}", trial.wrong.len());
}

/// The files of a mirror that the source does not have, in directories that do not fail.
const GONE: [&str; 3] = ["ok/gone", "ok/gone-dir/1", "empty/gone"];

/// What can fail of a directory.
const PARTS: [Part; 4] = [Part::Name, Part::Opening, Part::Reading, Part::Inside];

/// One error of each kind that servers tell apart: missing, denied, a name that is not allowed, and all others.
const CLASSES: [&str; 4] = ["ENOENT", "EACCES", "ELOOP", "ESTALE"];

struct Trial {
    source: Source,
    mirror: Server,
    /// What was not as it must be.
    wrong: Vec<String>,
}

impl Trial {
    /// The source has these files and nothing fails; `s` of the mirror has the same, and more.
    fn prepare(&self, files: &[String], more: &[String]) {
        let disk = &self.source.disk;
        disk.fails(&[]);
        disk.clear();
        disk.directory("s/empty");
        let mirror = self.mirror.path("s");
        drop(fs::remove_dir_all(&mirror));
        for file in files {
            disk.file(&format!("s/{file}"), file);
        }
        for file in files.iter().chain(more) {
            let path = mirror.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        }
    }

    fn sync(&self, more: &[&str]) -> Run {
        let words = ["sync", "--delete", "--json", "--retries", "0", "--timeout", "10s", "--compare", "size"];
        let places = [self.source.url("s"), self.mirror.url("s")];
        user().args(words).args(["--trace", "trace.txt"]).args(more).args(places).run()
    }

    /// The files of the mirror.
    fn kept(&self) -> Vec<String> {
        let mut names = names_below(&self.mirror.path("s"));
        names.retain(|name| !name.ends_with('/'));
        names
    }

    /// After `run` the mirror has these files, and not those. `exits` are the exit codes that fit.
    fn judge(&mut self, case: &str, run: &Run, files: Files<'_>, exits: &[i32]) {
        let kept = self.kept();
        let lost: Vec<_> = files.stay.iter().filter(|&file| !kept.contains(file)).collect();
        let left: Vec<_> = files.go.iter().filter(|&file| kept.contains(file)).collect();
        let code = run.code().unwrap_or(-1);
        let told = exits.contains(&code);
        if !lost.is_empty() || !left.is_empty() || !told {
            let why = format!("lost: {lost:?}; not deleted: {left:?}; exit {code}, not one of {exits:?}");
            self.wrong.push(format!("{case}: {why}\n{}", shown(run)));
        }
    }

    /// Each error at a part of the source of its own, all in one run: what fails stays, deletions elsewhere go on.
    fn parts_of_the_source_fail(&mut self) {
        for (types, parts) in [(true, &PARTS[..]), (false, &PARTS[..1])] {
            self.source.disk.tells_types(types);
            for &part in parts {
                // Enough that never more than half seems to be missing.
                let mut files: Vec<String> = (0..80).map(|number| format!("other/{number}")).collect();
                files.extend(strings(&["ok/stays", "z"]));
                let mut faults = Vec::new();
                let mut asked = files.clone();
                for (error, _) in ERRORS {
                    let directory = format!("{error}/d");
                    let own: Vec<_> = (1..5).map(|number| format!("{directory}/{number}")).collect();
                    files.extend(own.clone());
                    faults.push(Fault::new(&format!("s/{directory}"), part, error));
                    let mut all = own;
                    if part == Part::Name {
                        // A file as well.
                        files.push(format!("{error}/x"));
                        all.push(format!("{error}/x"));
                        faults.push(Fault::new(&format!("s/{error}/x"), part, error));
                    }
                    // A name that the disk itself calls missing is missing.
                    if error != "ENOENT" || matches!(part, Part::Opening | Part::Reading) {
                        asked.extend(all);
                    }
                }
                let gone = strings(&GONE);
                self.prepare(&files, &gone);
                self.source.disk.fails(&faults);
                let run = self.sync(&[]);
                let case = format!("sync, {part:?} fails, types told: {types}");
                self.judge(&case, &run, Files { stay: &asked, go: &gone }, &[9]);
            }
        }
        self.source.disk.tells_types(true);
    }

    /// The whole source fails: nothing goes, whatever the error is.
    fn all_of_the_source_fails(&mut self) {
        let all = ERRORS.map(|(error, _)| ("s", Part::Name, error));
        let more = ["EIO", "ENOENT"].map(|error| {
            let parts = [("", Part::Name), ("s", Part::Opening), ("s", Part::Reading), ("s", Part::Inside)];
            parts.map(|(path, part)| (path, part, error))
        });
        for (path, part, error) in all.into_iter().chain(more.into_iter().flatten()) {
            if part == Part::Inside && error == "ENOENT" {
                continue; // the disk calls them missing
            }
            let (files, gone) = (strings(&["a", "b", "d/1", "d/2"]), strings(&["gone", "d/gone"]));
            self.prepare(&files, &gone);
            self.source.disk.fails(&[Fault::new(path, part, error)]);
            let run = self.sync(&[]);
            let case = format!("sync, {path:?} {part:?} fails with {error}");
            // What a listing that broke off shows does not fail, and below it deletions go on.
            self.judge(&case, &run, Files { stay: &files, go: &[] }, &[1, 3, 4, 5, 9]);
        }
    }

    /// The walk is done, and then it fails.
    fn it_fails_from_the_moment_of_the_deletion_on(&mut self) {
        let all = ERRORS.map(|(error, _)| ("s/ok", error));
        for (path, error) in
            all.into_iter().chain([("s", "ENOENT"), ("s", "EIO"), ("", "ENOENT"), ("", "EIO")])
        {
            let (files, gone) = (strings(&["a", "ok/1", "ok/d/2"]), strings(&["ok/gone", "ok/old"]));
            self.prepare(&files, &gone);
            let fault = Fault::new(path, Part::Name, error).once_missed_in("s/ok");
            self.source.disk.fails(&[fault]);
            let run = self.sync(&[]);
            let case = format!("sync, {path:?} fails with {error} from the deletion on");
            if error == "ENOENT" {
                // The names are missing, and the disk says so.
                self.judge(&case, &run, Files { stay: &files, go: &[] }, &[0, 9]);
            } else {
                let all = [files, gone].concat();
                self.judge(&case, &run, Files { stay: &all, go: &[] }, &[9]);
            }
        }
    }

    /// What the source surely lacks goes.
    fn nothing_fails(&mut self) {
        let (files, gone) = (strings(&["a", "ok/stays", "d/1"]), strings(&GONE));
        self.prepare(&files, &gone);
        let run = self.sync(&[]);
        self.judge("sync, nothing fails", &run, Files { stay: &files, go: &gone }, &[0]);
    }

    /// A directory with many names in the mirror is empty, or has one other file.
    fn a_mount_point_has_lost_its_disk(&mut self) {
        let many: Vec<String> = (0..50).map(|number| format!("m/{number}")).collect();
        let others: Vec<String> = (0..60).map(|number| format!("other/{number}")).collect();
        let gone = strings(&["other/gone"]);
        for foreign in [None, Some("s/m/foreign")] {
            self.prepare(&others, &[many.clone(), gone.clone()].concat());
            match foreign {
                Some(file) => self.source.disk.file(file, "not ours"),
                None => self.source.disk.directory("s/m"),
            }
            let stay = [many.clone(), others.clone()].concat();
            let run = self.sync(&[]);
            let case = format!("sync, m is no longer mounted, {foreign:?} in it");
            self.judge(&case, &run, Files { stay: &stay, go: &gone }, &[9]);
            // Its owner has emptied it.
            let run = self.sync(&["--yes"]);
            self.judge(&format!("{case}, --yes"), &run, Files { stay: &others, go: &many }, &[0]);
        }
    }

    /// A copy of a tree of which a part could not be seen is not called whole, where the server tells.
    fn a_tree_is_copied(&mut self) {
        for part in PARTS {
            if !self.source.is_own() && part != Part::Opening {
                continue; // their listings leave out names that cannot be looked at, and say that they are whole
            }
            for error in CLASSES {
                if error == "ENOENT" && part != Part::Opening {
                    continue;
                }
                self.prepare(&strings(&["a", "d/1", "d/2", "e/3"]), &[]);
                drop(fs::remove_dir_all(self.mirror.path("s")));
                self.source.disk.fails(&[Fault::new("s/d", part, error)]);
                let words = ["copy", "-r", "--json", "--retries", "0", "--timeout", "10s"];
                let run = user().args(words).args([self.source.url("s"), self.mirror.url("s")]).run();
                let stay = strings(&["a", "e/3"]);
                let case = format!("copy -r, {part:?} fails with {error}");
                self.judge(&case, &run, Files { stay: &stay, go: &[] }, &[9]);
            }
        }
    }

    /// What cannot be listed, or looked at, is not removed.
    fn a_tree_is_removed(&mut self) {
        for part in PARTS {
            for error in CLASSES {
                if error == "ENOENT" && part != Part::Opening {
                    continue;
                }
                self.prepare(&strings(&["a", "d/1", "d/2", "e/3"]), &[]);
                self.source.disk.fails(&[Fault::new("s/d", part, error)]);
                let run = user().args(["rm", "-r", "--yes", "--retries", "0", &self.source.url("s")]).run();
                let left = self.source.disk.names();
                let stay = left.contains(&"s/d/2".to_owned());
                let goes = ["s/a", "s/e/3"].iter().all(|&name| !left.contains(&name.to_owned()));
                if !stay || !goes || run.code() != Some(9) {
                    let shown = shown(&run);
                    self.wrong.push(format!(
                        "rm -r, {part:?} fails with {error}: exit {:?}, left: {left:?}\n{shown}",
                        run.code()
                    ));
                }
            }
        }
    }
}

/// Which files of a mirror must be there and which must not.
#[derive(Clone, Copy)]
struct Files<'a> {
    stay: &'a [String],
    go: &'a [String],
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// All of a run, if a person wants to see it (`FTP_SHOWN`): there may be many.
pub(super) fn shown(run: &Run) -> String {
    if std::env::var_os("FTP_SHOWN").is_none() {
        return String::new();
    }
    let trace = fs::read(run.home().join("trace.txt")).unwrap_or_default();
    format!("{run}\n{}", String::from_utf8_lossy(&trace))
}
