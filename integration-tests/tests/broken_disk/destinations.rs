//! A disk of the destination fails: nothing is deleted there on a guess, no source of a move goes for a copy that nobody can
//! see, and nothing goes that cannot be kept in a backup directory.

use super::deletions::shown;
use super::source::{SERVERS, Source};
use integration_tests::beside::each_of;
use integration_tests::broken_disk::{Fault, Part};
use integration_tests::foreign::Kind;
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, names_below};
use integration_tests::user::{Run, user};

#[test]
fn any_server_as_a_destination_over_a_broken_disk_costs_nothing() {
    each_of(&SERVERS, |kind| fails_everywhere(*kind));
}

/// Files that both ends have, each with its name as its content.
const FILES: [&str; 4] = ["a", "d/1", "d/2", "e/3"];
/// Files that only the destination has.
const GONE: [&str; 2] = ["d/gone", "e/gone"];
const PARTS: [Part; 4] = [Part::Name, Part::Opening, Part::Reading, Part::Inside];
const CLASSES: [&str; 4] = ["ENOENT", "EACCES", "EIO", "ESTALE"];

struct Trial {
    to: Source,
    wrong: Vec<String>,
}

fn fails_everywhere(kind: Option<Kind>) {
    let to = or_skip!(Source::start(kind));
    let mut trial = Trial { to, wrong: Vec::new() };
    trial.nothing_fails();
    for error in CLASSES {
        for part in PARTS {
            trial.mirrored(part, error);
        }
        for part in [Part::Name, Part::Inside, Part::Content] {
            trial.moved(part, error);
        }
        trial.backed_up(error);
    }
    let (name, wrong) = (trial.to.name(), trial.wrong.join("\n\n"));
    assert!(wrong.is_empty(), "{name}: {} cases\n\n{wrong}", trial.wrong.len());
}

impl Trial {
    /// A source with the files, and the destination with them and with more.
    fn prepare(&self) -> Server {
        let disk = &self.to.disk;
        disk.fails(&[]);
        disk.clear();
        for file in FILES.iter().chain(&GONE) {
            disk.file(&format!("s/{file}"), file);
        }
        FILES.iter().fold(Site::new("source"), |site, file| site.file(&format!("s/{file}"), file)).start()
    }

    fn run(&self, words: &[&str], from: &Server) -> Run {
        let waits = ["--json", "--retries", "0", "--timeout", "10s", "--trace", "trace.txt"];
        user().args(words).args(waits).args([from.url("s/"), self.to.url("s/")]).run()
    }

    /// Notes what is wrong unless the destination has these files and the source all that it had.
    fn judge(&mut self, case: &str, run: &Run, from: &Server, stay: &[&str]) {
        let (there, left) = (self.to.disk.names(), names_below(&from.path("s")));
        let lost: Vec<_> = stay.iter().filter(|file| !there.contains(&format!("s/{file}"))).collect();
        let taken: Vec<_> = FILES.iter().filter(|&&file| !left.contains(&file.to_owned())).collect();
        if !lost.is_empty() || !taken.is_empty() || run.code() == Some(0) {
            let code = run.code();
            self.wrong.push(format!(
                "{case}: exit {code:?}, lost there {lost:?}, taken here {taken:?}\n{}",
                shown(run)
            ));
        }
    }

    /// Where nothing fails, all of this does what it is for.
    fn nothing_fails(&mut self) {
        let from = self.prepare();
        ["b/d", "b/e"].into_iter().for_each(|directory| self.to.disk.directory(directory));
        let backup = self.to.url("b");
        let run =
            self.run(&["sync", "--delete", "--compare", "size", "--backup-dir", &backup], &from).exits(0);
        let names = self.to.disk.names();
        assert!(names.contains(&"b/d/gone".to_owned()) && !names.contains(&"s/d/gone".to_owned()), "{run}");
        let from = self.prepare();
        self.run(&["sync", "--delete", "--compare", "size"], &from).exits(0);
        assert!(!self.to.disk.names().iter().any(|name| name.ends_with("gone")), "{run}");
        if self.to.is_own() {
            let run = self.run(&["move", "-r"], &from).exits(0);
            assert_eq!(names_below(&from.path("s")), [""; 0], "{run}");
        }
    }

    /// What the source has stays, and so does what is in a directory that could not be seen.
    fn mirrored(&mut self, part: Part, error: &str) {
        if error == "ENOENT" && part != Part::Opening {
            return; // the disk calls them missing, and the end of a listing is its end
        }
        let from = self.prepare();
        self.to.disk.fails(&[Fault::new("s/d", part, error)]);
        let run = self.run(&["sync", "--delete", "--compare", "size"], &from);
        let stay = ["a", "d/1", "d/2", "e/3"];
        self.judge(&format!("sync, {part:?} of DEST fails with {error}"), &run, &from, &stay);
    }

    /// The copies are there already, and nobody can look at them or read them: the sources of a move stay.
    fn moved(&mut self, part: Part, error: &str) {
        let from = self.prepare();
        let faults = if part == Part::Inside {
            ["s", "s/d", "s/e"].map(|path| Fault::new(path, part, error)).to_vec()
        } else {
            FILES.map(|file| Fault::new(&format!("s/{file}"), part, error)).to_vec()
        };
        self.to.disk.fails(&faults);
        let run = self.run(&["move", "-r"], &from);
        let all = [&FILES[..], &GONE[..]].concat();
        self.judge(&format!("move, {part:?} of DEST fails with {error}"), &run, &from, &all);
    }

    /// What cannot be kept in the backup directory is not deleted.
    fn backed_up(&mut self, error: &str) {
        let from = self.prepare();
        for directory in ["b/d", "b/e"] {
            self.to.disk.directory(directory);
        }
        self.to.disk.fails(&[Fault::new("b/d", Part::Name, error)]);
        let backup = self.to.url("b");
        let words = ["sync", "--delete", "--compare", "size", "--backup-dir", &backup];
        let run = self.run(&words, &from);
        let stay = [&FILES[..], &["d/gone"]].concat();
        self.judge(&format!("sync, the backup directory fails with {error}"), &run, &from, &stay);
    }
}
