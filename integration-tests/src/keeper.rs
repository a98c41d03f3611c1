//! A real server that renames to no name that is taken, as many servers of other people. It can fail at any command that
//! renames or deletes: before it obeys or afterwards, with a connection that ends or one that hangs.

use crate::liar::{Liar, Lie};
use crate::site::{Server, Site};
use ftp_proto::dialect::Dialect;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What becomes of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is obeyed and answered.
    Obeyed,
    /// The control connection ends, and nothing was done.
    LostBefore,
    /// It is done, and the control connection ends without a reply.
    LostAfter,
    /// Nothing is done, and nothing is said any more.
    HangsBefore,
    /// It is done, and nothing is said any more.
    HangsAfter,
    /// It is done and answered, and of the new file seven bytes are left.
    Truncated,
}

/// What comes of a command that is not answered as the real server does.
#[derive(Debug)]
enum Answer {
    /// This is said.
    Lie(Lie),
    /// The reply is passed on, and before that the file that the command names loses all but seven bytes.
    Truncates,
}

/// A real server that renames to no name that is taken.
#[derive(Debug)]
pub struct NoOverwriteServer {
    server: Server,
    liar: Liar,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    directory: PathBuf,
    /// The next command with this beginning and this end meets that.
    next: Mutex<Option<(String, String, Fate)>>,
    /// The commands that are not answered as the real server does: others may have been sent before their replies.
    lies: Mutex<Vec<(String, Answer)>>,
    /// The commands that rename or delete.
    seen: Mutex<Vec<String>>,
    /// Whether a fate has come true.
    is_met: AtomicBool,
    /// Whether each connection ends at once after that.
    is_away: AtomicBool,
}

impl NoOverwriteServer {
    /// It stands before a server at `site`, and tells only the features of a server of other people.
    pub fn start(site: Site) -> Self {
        let server = site.start();
        let plan = Arc::new(Plan {
            directory: server.path(""),
            next: Mutex::default(),
            lies: Mutex::default(),
            seen: Mutex::default(),
            is_met: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
        });
        let (hears, says) = (Arc::clone(&plan), Arc::clone(&plan));
        let address = server.address(Dialect::Rfc959);
        let liar = Liar::between(
            address,
            move |command| hears.hears(command),
            move |command, _| match command {
                "" if says.is_away.load(Ordering::Relaxed) && says.is_met.load(Ordering::Relaxed) => {
                    Lie::Closes
                }
                "FEAT" => Lie::Says("211-Features\r\n SIZE\r\n MDTM\r\n REST STREAM\r\n211 End".to_owned()),
                _ => says.says(command),
            },
        );
        Self { server, liar, plan }
    }

    /// The next command that begins with `verb` and whose argument ends with `end` meets this.
    pub fn meets(&self, verb: &str, end: &str, fate: Fate) {
        *self.plan.next.lock().unwrap() = Some((verb.to_owned(), end.to_owned(), fate));
        self.plan.is_met.store(false, Ordering::Relaxed);
    }

    /// Whether that has come true.
    pub fn has_met(&self) -> bool {
        self.plan.is_met.load(Ordering::Relaxed)
    }

    /// As soon as that has come true, no new connection reaches the server until it is back.
    pub fn goes_away(&self, is_away: bool) {
        self.plan.is_away.store(is_away, Ordering::Relaxed);
    }

    /// The commands that rename or delete, since the last question.
    pub fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.plan.seen.lock().unwrap())
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        self.liar.url(path)
    }

    /// The address of its host.
    pub fn ip(&self) -> IpAddr {
        self.server.ip()
    }

    /// The names of all that it has.
    pub fn names(&self) -> Vec<String> {
        self.server.names()
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        self.server.bytes(path)
    }

    /// The place of a file.
    pub fn path(&self, path: &str) -> PathBuf {
        self.server.path(path)
    }
}

impl Plan {
    /// What the real server hears in the place of a command.
    fn hears(&self, command: &str) -> Option<String> {
        let (verb, argument) = command.split_once(' ')?;
        if !["RNFR", "RNTO", "DELE"].contains(&verb) {
            return None;
        }
        self.seen.lock().unwrap().push(command.to_owned());
        if verb == "RNTO" && self.at(argument).exists() {
            return Some(self.refuses(command, Lie::Says("550 path already exists".to_owned())));
        }
        let fate = {
            let mut next = self.next.lock().unwrap();
            let meets =
                |(begin, end, _): &mut (String, String, Fate)| *begin == verb && argument.ends_with(&*end);
            next.take_if(meets).map_or(Fate::Obeyed, |(.., fate)| fate)
        };
        let told = match fate {
            Fate::Obeyed => return None,
            Fate::LostBefore => Some(self.refuses(command, Lie::Closes)),
            Fate::HangsBefore => Some(self.refuses(command, Lie::Silence)),
            Fate::LostAfter => self.obeys(command, Answer::Lie(Lie::Closes)),
            Fate::HangsAfter => self.obeys(command, Answer::Lie(Lie::Silence)),
            Fate::Truncated => self.obeys(command, Answer::Truncates),
        };
        self.is_met.store(true, Ordering::Relaxed);
        told
    }

    /// The real server does nothing, and this is said.
    fn refuses(&self, command: &str, lie: Lie) -> String {
        self.lies.lock().unwrap().push((command.to_owned(), Answer::Lie(lie)));
        "NOOP".to_owned()
    }

    /// The real server does what it hears, and this comes of it.
    fn obeys(&self, command: &str, answer: Answer) -> Option<String> {
        self.lies.lock().unwrap().push((command.to_owned(), answer));
        None
    }

    /// What is said in the place of the reply to a command.
    fn says(&self, command: &str) -> Lie {
        let answer = {
            let mut lies = self.lies.lock().unwrap();
            let place = lies.iter().position(|(told, _)| told == command);
            place.map(|place| lies.remove(place).1)
        };
        match answer {
            None => Lie::None,
            Some(Answer::Lie(lie)) => lie,
            Some(Answer::Truncates) => {
                let (_, path) = command.split_once(' ').unwrap();
                fs::File::options().write(true).open(self.at(path)).unwrap().set_len(7).unwrap();
                Lie::None
            }
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.directory.join(Path::new(path.trim_start_matches('/')))
    }
}
