//! Servers that do not give a copy the name of a file that exists, whatever they say: what they say is not believed before
//! the name was looked at.

use ftp_proto::dialect::Dialect;
use integration_tests::liar::{Liar, Lie};
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::user::{Run, user};
use std::fs::{self, File};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What a server tells of a file beside its size.
const WITH_UNIQUE: &str = " MLST type*;size*;modify*;unique*;\r\n";
const WITH_DIGEST: &str = " HASH SHA-256*\r\n";
const WITH_NEITHER: &str = "";

/// The size of both files.
const SIZE: usize = 3000;

/// A source, and a destination with an old file of the same size and time.
struct Scene {
    from: Server,
    to: Server,
    liar: Liar,
    /// What it has heard that renames or deletes.
    heard: Arc<Mutex<Vec<String>>>,
}

fn old() -> Vec<u8> {
    vec![b'o'; SIZE]
}

/// What does not get the name `b.bin`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refused {
    /// Anything, while something has the name.
    WhileTaken,
    /// A part of a file.
    Part,
    /// Anything.
    All,
}

/// A destination that announces these facts. It does not give the name `b.bin`, and says `says` to it.
fn scene(announced: &'static str, refused: Refused, says: &'static str) -> Scene {
    let from = Site::new("source").file("a.bin", sample(SIZE)).start();
    let to = Site::new("destination").at("127.0.0.3").file("b.bin", old()).start();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for file in [from.path("a.bin"), to.path("b.bin")] {
        File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
    }
    let (taken, heard) = (to.path("b.bin"), Arc::<Mutex<Vec<String>>>::default());
    let lies = Arc::<Mutex<usize>>::default();
    let (told, noted) = (Arc::clone(&lies), Arc::clone(&heard));
    let is_part = Mutex::new(false);
    let liar = Liar::between(
        to.address(Dialect::Rfc959),
        move |command| {
            if ["RNFR ", "RNTO ", "DELE "].iter().any(|verb| command.starts_with(verb)) {
                noted.lock().unwrap().push(command.to_owned());
            }
            if let Some(name) = command.strip_prefix("RNFR ") {
                *is_part.lock().unwrap() = name.ends_with(".part");
            }
            let is_refused = match refused {
                Refused::WhileTaken => taken.exists(),
                Refused::Part => *is_part.lock().unwrap(),
                Refused::All => true,
            };
            let lies = command == "RNTO b.bin" && is_refused;
            lies.then(|| {
                *told.lock().unwrap() += 1;
                "NOOP".to_owned()
            })
        },
        move |command, _| match command {
            "FEAT" => Lie::Says(format!("211-Features\r\n SIZE\r\n MDTM\r\n MFMT\r\n{announced}211 End")),
            "RNTO b.bin" if *lies.lock().unwrap() > 0 => {
                *lies.lock().unwrap() -= 1;
                Lie::Says(says.to_owned())
            }
            _ => Lie::None,
        },
    );
    Scene { from, to, liar, heard }
}

impl Scene {
    fn run(&self, verb: &str, more: &[&str]) -> Run {
        let netrc = format!(
            "machine 127.0.0.2 login ann password {PASSWORD}\nmachine 127.0.0.3 login ann password {PASSWORD}\n"
        );
        let run = user().private_file(".netrc", netrc).args(["--json", "--retries", "0", verb]);
        let run = run.args(["--overwrite", "always", "--path", "user"]).args(more);
        run.args([self.from.url("a.bin"), self.liar.url("b.bin")]).run()
    }

    /// The new file has the name, and nothing else is there.
    fn is_new(&self, run: &Run) {
        assert_eq!(self.to.names(), ["b.bin"], "{run}");
        assert!(self.to.bytes("b.bin") == sample(SIZE), "{run}");
    }

    /// The old file has its name, nothing else is there, and the source is there.
    fn is_old(&self, run: &Run) {
        assert_eq!(self.to.names(), ["b.bin"], "{run}");
        assert!(self.to.bytes("b.bin") == old() && self.from.bytes("a.bin") == sample(SIZE), "{run}");
    }
}

#[test]
fn n8_an_old_file_that_stays_after_a_positive_reply_is_renamed_aside() {
    for announced in [WITH_UNIQUE, WITH_DIGEST, WITH_NEITHER] {
        for verb in ["copy", "move"] {
            let scene = scene(announced, Refused::WhileTaken, "250 renamed");
            let run = scene.run(verb, &[]).exits(0);
            scene.is_new(&run);
            assert_eq!(scene.from.names().is_empty(), verb == "move", "{announced}: {run}");
        }
    }
}

#[test]
fn n8_no_success_is_told_and_no_source_deleted_if_nothing_gets_the_name() {
    for announced in [WITH_UNIQUE, WITH_DIGEST, WITH_NEITHER] {
        for verb in ["copy", "move"] {
            let scene = scene(announced, Refused::Part, "250 renamed");
            let run = scene.run(verb, &[]).exits(7);
            scene.is_old(&run);
            assert_eq!(run.summary()["files"], 0, "{announced}: {run}");
        }
    }
}

#[test]
fn n8_an_old_file_that_does_not_get_its_name_back_is_told() {
    for announced in [WITH_UNIQUE, WITH_DIGEST, WITH_NEITHER] {
        let scene = scene(announced, Refused::All, "250 renamed");
        let run = scene.run("move", &[]).exits(7);
        let names = scene.to.names();
        assert!(names.len() == 1 && names[0].ends_with(".ftp-user.old"), "{names:?}: {run}");
        assert!(scene.to.bytes(&names[0]) == old() && scene.from.bytes("a.bin") == sample(SIZE), "{run}");
        assert!(run.warnings().iter().any(|text| text.contains(&names[0])), "{run}");
    }
}

#[test]
fn a_refusal_in_any_words_to_rename_to_a_name_that_is_taken_is_answered_by_renaming_the_old_file_aside() {
    for announced in [WITH_UNIQUE, WITH_DIGEST, WITH_NEITHER] {
        for says in [
            "500 'RNTO': command not understood",
            "501 bad argument",
            "502 not implemented",
            "504 not for that parameter",
            "550 File exists",
            "553 Rename failed",
            "451 local error in processing",
            "450 file busy",
        ] {
            let scene = scene(announced, Refused::WhileTaken, says);
            let run = scene.run("copy", &[]).exits(0);
            scene.is_new(&run);
        }
    }
}

#[test]
fn an_old_file_is_renamed_aside_first_only_where_the_server_cannot_show_which_file_has_the_name() {
    for (announced, more, is_first) in [
        (WITH_UNIQUE, &[][..], false),
        (WITH_DIGEST, &[], false),
        (WITH_DIGEST, &["--verify", "size"], true),
        (WITH_NEITHER, &[], true),
    ] {
        // It renames to no name that something has, so whatever is sent first fails or is the name aside.
        let scene = scene(announced, Refused::WhileTaken, "250 renamed");
        let run = scene.run("copy", more).exits(0);
        scene.is_new(&run);
        let heard = scene.heard.lock().unwrap().clone();
        let first = heard.iter().find(|line| line.starts_with("RNTO ")).unwrap();
        assert_eq!(first.ends_with(".ftp-user.old"), is_first, "{announced} {more:?}: {heard:?}\n{run}");
    }
}

#[test]
fn a_copy_to_a_free_name_is_renamed_once() {
    let scene = scene(WITH_NEITHER, Refused::WhileTaken, "250 renamed");
    fs::remove_file(scene.to.path("b.bin")).unwrap();
    let run = scene.run("copy", &[]).exits(0);
    scene.is_new(&run);
    let heard = scene.heard.lock().unwrap().clone();
    assert_eq!(heard.iter().filter(|line| line.starts_with("RNTO ")).count(), 1, "{heard:?}\n{run}");
}

/// A destination that renames everything, and says this to RNTO.
fn that_refuses_what_it_does(announced: &'static str, says: &'static str) -> Scene {
    let Scene { from, to, heard, .. } = scene(announced, Refused::Part, "");
    let liar = Liar::between(
        to.address(Dialect::Rfc959),
        |_| None,
        move |command, _| match command.split(' ').next() {
            Some("RNTO") => Lie::Says(says.to_owned()),
            Some("FEAT") => {
                Lie::Says(format!("211-Features\r\n SIZE\r\n MDTM\r\n MFMT\r\n{announced}211 End"))
            }
            Some(_) | None => Lie::None,
        },
    );
    Scene { from, to, liar, heard }
}

/// A server that says 202 has done nothing, or what it was asked for: the names show it.
#[test]
fn a_file_that_was_renamed_although_the_server_calls_that_superfluous_has_its_name() {
    for announced in [WITH_UNIQUE, WITH_DIGEST, WITH_NEITHER] {
        for verb in ["copy", "move"] {
            let scene = that_refuses_what_it_does(announced, "202 superfluous");
            let run = scene.run(verb, &[]).exits(0);
            scene.is_new(&run);
        }
    }
}

#[test]
fn n8_no_old_file_is_hidden_where_a_server_refuses_what_it_does() {
    for announced in [WITH_UNIQUE, WITH_DIGEST, WITH_NEITHER] {
        for says in ["550 no", "451 not now"] {
            let scene = that_refuses_what_it_does(announced, says);
            let run = scene.run("move", &[]);
            let (bytes, names) = (scene.to.bytes("b.bin"), scene.to.names());
            assert!(bytes == sample(SIZE) || bytes == old(), "{says} {announced}: {run}");
            assert!(scene.from.bytes("a.bin") == sample(SIZE), "{says} {announced}: {run}");
            let is_told = |name: &String| run.warnings().iter().any(|text| text.contains(name.as_str()));
            assert!(names.iter().all(|name| name == "b.bin" || is_told(name)), "{names:?}: {run}");
        }
    }
}

/// The part stays, or is lost: then the size shows that the file with the name is another one.
#[test]
fn n8_a_file_that_gets_a_free_name_before_the_new_one_stays() {
    for (verb, is_lost) in [("copy", false), ("move", false), ("move", true)] {
        let Scene { from, to, heard, .. } = scene(WITH_NEITHER, Refused::Part, "");
        let (name, directory) = (to.path("b.bin"), to.path(""));
        fs::remove_file(&name).unwrap();
        let other = if is_lost { vec![b'o'; SIZE + 1] } else { old() };
        let content = other.clone();
        let appears = move |command: &str| {
            (command == "RNTO b.bin").then(|| {
                let parts = fs::read_dir(&directory).unwrap().filter(|_| is_lost);
                parts.for_each(|part| fs::remove_file(part.unwrap().path()).unwrap());
                fs::write(&name, &content).unwrap();
                "NOOP".to_owned()
            })
        };
        let refuses = |command: &str, _: &str| match command {
            "RNTO b.bin" => Lie::Says("553 exists".to_owned()),
            _ => Lie::None,
        };
        let scene =
            Scene { liar: Liar::between(to.address(Dialect::Rfc959), appears, refuses), from, to, heard };
        let run = scene.run(verb, &[]).exits(4);
        assert!(scene.to.bytes("b.bin") == other && scene.from.bytes("a.bin") == sample(SIZE), "{run}");
        assert_eq!(scene.to.names(), ["b.bin"], "{run}");
    }
}
