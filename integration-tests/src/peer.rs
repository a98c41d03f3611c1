//! A scripted FTP server: other people's, deaf, late, lying or closing ones, driven by a text.
//!
//! ```text
//! greet 220 fake ready                                 the greeting; without it nothing is said
//! USER: 331 password please                            VERB: actions, separated by " ; "
//! once RETR: hang                                      a rule that holds for one command only
//! unrenamed SIZE *.part: 213 5                         a rule that does not hold for a name that RNFR and RNTO have taken away
//! RETR missing*: 550 no such file                      with the start or a glob of the argument
//! PASV: listen ; 227 Entering Passive Mode ({commas})
//! PORT: target ; 200 noted
//! RETR: 150 opening ; dial ; data 1000 ; end ; 226 done
//! *: 502 not here                                      everything else
//! style bytes                                         replies in segments of one byte (`bare`: with bare LF)
//! ```
//! The first rule that fits is taken. Actions: a reply (starts with a digit; `\r\n` for more lines),
//! `listen`, `target` (remembers the argument of PORT, EPRT or SOCK), `dial`, `accept`, `data N`, `data M..N`,
//! `text LINES`, `flood TEXT` (that text again and again as data, until nobody reads it; `{kib}` is 1 KiB), `pause MILLISECONDS` (says nothing; ends
//! when the client says something or hangs up), `drain`, `end` and `reset-data` (the data connection), `unlisten`, `close`, `reset`, `hang` (the
//! control connection; `cut` ends it and goes on with the transfer), `die` (the whole server: all connections, now and later, are closed without a word),
//! `endless TEXT` (that line again and again on the control connection), `await VERB` (obeys commands until that one is answered), `until LINE` (until any
//! session was told this). In replies `{mib}` is 1 MiB of text, `{port}` is the listening port, `{commas}` it in 227's form (`{blanks}`
//! with blanks, `{nowhere}` without a host), `{sock}` the data socket of this end, `{stored}` the bytes drained last, `{ended}` how
//! that ended: `in order` or `reset`. `enter` (or `enter PATH`) makes the argument of CWD (or that path) the `{directory}` of PWD.

use crate::socket::WATCHDOG;
use crate::{site, socket};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Rules of a server of RFC 959 with PASV and PORT, nothing newer, that lets foreign hosts in. A
/// test puts its own rules before them.
pub const MODERN: &str = "\
greet 220 fake ready
USER: 331 password
PASS: 230 in
SYST: 215 UNIX Type: L8
FEAT: 211-Features\\r\\n SIZE\\r\\n211 End
TYPE: 200 type
MODE: 200 mode
STRU: 200 stru
NOOP: 200 noop
PWD: 257 \"{directory}\"
unrenamed SIZE *.ftp-user.part: 213 {stored}
SIZE *.ftp-user.part: 550 no such file
PASV: listen ; 227 Entering Passive Mode ({commas})
PORT: unlisten ; target ; 200 noted
RETR: 150 opening ; connection ; data 1000 ; end ; 226 sent
STOR: 150 opening ; connection ; drain ; 226 stored
APPE: 150 opening ; connection ; drain ; 226 appended
RNFR: 350 to
RNTO: 250 renamed
DELE: 250 deleted
ABOR: 226 nothing to abort
QUIT: 221 bye ; close
*: 502 not here
";

/// The directory that `ftp-user` tries to enter to find out whether CWD is honest.
const NO_DIRECTORY: &str = ".ftp-user.no-such-directory";

/// Rules of a server of 1973 that knows SOCK and LSTN.
pub const OLD: &str = "\
greet 300 fake ready
USER: 330 password
PASS: 230 in
TYPE: 200 type
BYTE: 200 byte
MODE: 200 mode
STRU: 200 stru
NOOP: 200 noop
HELP: 200-SOCK\\r\\n LSTN R;S\\r\\n200 end
LSTN: listen ; 255 SOCK {port}
SOCK: target ; 255 SOCK {sock}
RETR: 250 started ; connection ; data 1000 ; end ; 257 sent
STOR: 250 started ; connection ; drain ; 257 stored
APPE: 250 started ; connection ; drain ; 257 appended
RNFR: 200 to
RNTO: 253 renamed
DELE: 254 deleted
ABOR: 202 nothing
BYE: 231 bye ; close
*: 506 not here
";

#[derive(Debug)]
struct Rule {
    once: bool,
    /// Whether it holds only for names that have not been renamed.
    unrenamed: bool,
    used: bool,
    verb: String,
    argument: Option<String>,
    actions: Vec<String>,
}

impl Rule {
    fn parse(line: &str) -> Self {
        let (once, line) = line.strip_prefix("once ").map_or((false, line), |rest| (true, rest));
        let (unrenamed, line) = line.strip_prefix("unrenamed ").map_or((false, line), |rest| (true, rest));
        let (head, actions) = line.split_once(':').unwrap_or_else(|| panic!("no rule: {line}"));
        let (verb, argument) = head.split_once(' ').map_or((head, None), |(verb, arg)| (verb, Some(arg)));
        let actions = actions.split(" ; ").map(|action| action.trim().to_owned()).collect();
        Self {
            once,
            unrenamed,
            used: false,
            verb: verb.into(),
            argument: argument.map(String::from),
            actions,
        }
    }

    fn fits(&self, verb: &str, argument: &str, renamed: &HashSet<String>) -> bool {
        let is_over = (self.once && self.used) || (self.unrenamed && renamed.contains(argument));
        !is_over
            && (self.verb == "*" || self.verb.eq_ignore_ascii_case(verb))
            && self.argument.as_deref().is_none_or(|glob| match glob.split_once('*') {
                Some((start, end)) => argument.starts_with(start) && argument.ends_with(end),
                None => argument == glob,
            })
    }
}

/// What all control connections of a peer share.
#[derive(Debug, Default)]
struct Shared {
    rules: Mutex<Vec<Rule>>,
    greeting: Vec<String>,
    style: String,
    seen: Mutex<Vec<(usize, String)>>,
    news: Condvar,
    dead: AtomicBool,
    /// Files that had this name and were renamed.
    renamed: Mutex<HashSet<String>>,
}

/// A scripted server that runs until it is dropped.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Peer {
    /// Starts one at `ip`. Rules of `script` come before those of `base`.
    pub fn start(ip: &str, script: &str, base: &str) -> Self {
        let listener = socket::listen(ip, 0);
        let address = listener.local_addr().unwrap();
        // The user agent finds out whether CWD says 250 to everything.
        let honest = if script.contains(NO_DIRECTORY) {
            String::new()
        } else {
            format!("CWD {NO_DIRECTORY}: 550 no such directory")
        };
        let lines = || {
            let lines = honest.lines().chain(script.lines()).chain(base.lines());
            lines.map(str::trim).filter(|line| !line.is_empty())
        };
        let greeting = lines().find_map(|line| line.strip_prefix("greet ")).unwrap_or("hang");
        let style = lines().find_map(|line| line.strip_prefix("style ")).unwrap_or_default().into();
        let rules = lines().filter(|line| !line.starts_with("greet ") && !line.starts_with("style "));
        let shared = Arc::new(Shared {
            rules: Mutex::new(rules.map(Rule::parse).collect()),
            style,
            greeting: greeting.split(" ; ").map(String::from).collect(),
            ..Shared::default()
        });
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&all);
                shared.saw("connected");
                if shared.dead.load(Ordering::SeqCst) {
                    shared.saw("closed here");
                    continue;
                }
                thread::spawn(move || {
                    let end = Session::new(stream, Arc::clone(&shared)).run();
                    shared.saw(if end.is_some() { "disconnected" } else { "closed here" });
                });
            }
        });
        Self { address, shared }
    }

    /// From now on these rules come before all others.
    pub fn changes(&self, script: &str) {
        let mut rules: Vec<Rule> = script.lines().map(Rule::parse).collect();
        let mut known = self.shared.rules.lock().unwrap();
        rules.append(&mut known);
        *known = rules;
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("ftp://{}:{}@{}/{path}", site::USER, site::PASSWORD.replace(':', "%3A"), self.address)
    }

    /// Where it listens.
    pub const fn ip(&self) -> IpAddr {
        self.address.ip()
    }

    /// The command lines it has seen so far, and `connected`, `disconnected`, `closed here`.
    pub fn seen(&self) -> Vec<String> {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter().map(|(_, line)| line.clone()).filter(|line| !line.starts_with("> ")).collect()
    }

    /// When the first line that starts with `start` passed, in an order that all peers share.
    /// Replies start with `> `.
    pub fn moment(&self, start: &str) -> usize {
        let seen = self.shared.seen.lock().unwrap();
        let found = seen.iter().find(|(_, line)| line.starts_with(start));
        found.unwrap_or_else(|| panic!("{start} was never seen, only {seen:#?}")).0
    }

    /// Those that start with one of these verbs.
    pub fn seen_of(&self, verbs: &[&str]) -> Vec<String> {
        let verb = |line: &String| line.split(' ').next().unwrap_or_default().to_uppercase();
        self.seen().into_iter().filter(|line| verbs.contains(&verb(line).as_str())).collect()
    }

    /// Waits until every control connection has ended, by either end.
    pub fn wait_for_the_end_of_all(&self) {
        let count = |seen: &[(usize, String)], what: &[&str]| {
            seen.iter().filter(|(_, line)| what.contains(&line.as_str())).count()
        };
        let seen = self.shared.seen.lock().unwrap();
        let open = |seen: &mut Vec<(usize, String)>| {
            count(seen, &["connected"]) > count(seen, &["disconnected", "closed here"])
        };
        let (seen, waited) = self.shared.news.wait_timeout_while(seen, WATCHDOG, open).unwrap();
        assert!(!waited.timed_out(), "a session is still held: {seen:#?}");
    }

    /// Adds a line to what was seen, for a script that waits for it (`until`).
    pub fn note(&self, line: &str) {
        self.shared.saw(line);
    }

    /// Waits until a line that starts with `start` was seen.
    pub fn wait_for(&self, start: &str) {
        self.shared.wait_for(start);
    }
}

impl Shared {
    fn wait_for(&self, start: &str) {
        let seen = self.seen.lock().unwrap();
        let missing = |seen: &mut Vec<(usize, String)>| !seen.iter().any(|(_, line)| line.starts_with(start));
        let (seen, waited) = self.news.wait_timeout_while(seen, WATCHDOG, missing).unwrap();
        assert!(!waited.timed_out(), "{start} was never seen, only {seen:#?}");
    }

    /// What the rule says to a command.
    fn actions(&self, verb: &str, argument: &str) -> Vec<String> {
        let (mut rules, renamed) = (self.rules.lock().unwrap(), self.renamed.lock().unwrap());
        let rule = rules.iter_mut().find(|rule| rule.fits(verb, argument, &renamed));
        rule.map_or_else(Vec::new, |rule| {
            rule.used = true;
            rule.actions.clone()
        })
    }

    /// A file has another name.
    fn renames(&self, from: &str, to: &str) {
        let mut renamed = self.renamed.lock().unwrap();
        renamed.insert(from.to_owned());
        renamed.remove(to);
    }

    fn saw(&self, line: &str) {
        static ORDER: AtomicUsize = AtomicUsize::new(0);
        let mut seen = self.seen.lock().unwrap();
        seen.push((ORDER.fetch_add(1, Ordering::SeqCst), line.into()));
        self.news.notify_all();
    }
}

/// One control connection.
struct Session {
    shared: Arc<Shared>,
    control: BufReader<TcpStream>,
    listener: Option<TcpListener>,
    reserved: Option<SocketAddr>,
    target: Option<SocketAddr>,
    data: Option<TcpStream>,
    stored: usize,
    ended: &'static str,
    directory: String,
    /// The argument of the last RNFR.
    renaming: String,
}

/// The session goes on after an action.
struct Continue;

impl Session {
    fn new(control: TcpStream, shared: Arc<Shared>) -> Self {
        let control = BufReader::new(control);
        Self {
            shared,
            control,
            listener: None,
            reserved: None,
            target: None,
            data: None,
            stored: 0,
            ended: "not",
            directory: "/".to_owned(),
            renaming: String::new(),
        }
    }

    /// Until the other end leaves (`Some`), or this one does.
    fn run(mut self) -> Option<Continue> {
        let shared = Arc::clone(&self.shared);
        for action in &shared.greeting {
            self.act(action, "")?;
        }
        loop {
            match self.obey()? {
                Some(_) => {}
                None => return Some(Continue),
            }
        }
    }

    /// Obeys one command, and says which; `Some(None)` when the other end has left.
    fn obey(&mut self) -> Option<Option<String>> {
        let shared = Arc::clone(&self.shared);
        let mut line = Vec::new();
        if self.control.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return Some(None);
        }
        if shared.dead.load(Ordering::SeqCst) {
            return None;
        }
        // A Synch before ABOR is Telnet, not part of the verb.
        line.retain(|byte| *byte < 0x80);
        let line = String::from_utf8(line).unwrap().trim_end_matches(['\r', '\n']).to_owned();
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let actions = shared.actions(verb, argument);
        shared.saw(&line);
        match verb {
            "RNFR" => argument.clone_into(&mut self.renaming),
            "RNTO" if actions.iter().any(|action| action.starts_with("25")) => {
                shared.renames(&self.renaming, argument);
            }
            _ => {}
        }
        for action in actions {
            self.act(&action, argument)?;
        }
        Some(Some(verb.to_uppercase()))
    }

    fn ip(&self) -> IpAddr {
        self.control.get_ref().local_addr().unwrap().ip()
    }

    /// Says nothing for this time, or until the client says something or hangs up.
    fn stays_silent(&self, at_most: Duration) {
        if self.control.buffer().is_empty() {
            let mut client =
                [rustix::event::PollFd::new(self.control.get_ref(), rustix::event::PollFlags::IN)];
            let at_most = rustix::event::Timespec::try_from(at_most).unwrap();
            rustix::event::poll(&mut client, Some(&at_most)).unwrap();
        }
    }

    /// Does one action; `None` ends the session.
    fn act(&mut self, action: &str, argument: &str) -> Option<Continue> {
        let (word, count) = action.split_once(' ').unwrap_or((action, ""));
        match word {
            "listen" => self.listener = Some(socket::listen(&self.ip().to_string(), 0)),
            "unlisten" => self.listener = None,
            "enter" => {
                let path = if count.is_empty() { argument } else { count };
                self.directory = format!("/{}", path.trim_start_matches('/'));
            }
            "target" => self.target = Some(target(argument)),
            "accept" => self.data = Some(self.accept()?),
            "dial" => {
                let from = self.reserved.unwrap_or(SocketAddr::new(self.ip(), 0));
                self.data = socket::try_connect(from, self.target.unwrap()).ok();
            }
            // Whichever way was set up last.
            "connection" => return self.act(if self.listener.is_some() { "accept" } else { "dial" }, ""),
            "data" => {
                let (from, to) = count.split_once("..").unwrap_or(("0", count));
                let bytes = site::sample(to.parse().unwrap());
                self.data.as_mut().map(|data| data.write_all(&bytes[from.parse::<usize>().unwrap()..]));
            }
            "text" => {
                let lines = count.replace("\\r\\n", "\r\n").replace("\\r", "\r").replace("\\n", "\n");
                self.data.as_mut().map(|data| data.write_all(lines.as_bytes()));
            }
            "flood" => {
                let line = count.replace("\\r\\n", "\r\n").replace("{kib}", &"x".repeat(1 << 10)).repeat(64);
                while self.data.as_mut().is_some_and(|data| data.write_all(line.as_bytes()).is_ok()) {}
            }
            "endless" => {
                let lines = format!("{count}\r\n").repeat(64);
                while self.control.get_mut().write_all(lines.as_bytes()).is_ok() {}
                return None;
            }
            "drain" => {
                let mut bytes = Vec::new();
                if let Some(data) = &mut self.data {
                    let whole = data.read_to_end(&mut bytes).is_ok();
                    self.ended = if whole { "in order" } else { "reset" };
                }
                self.stored = bytes.len();
            }
            "end" => (self.data, self.listener, self.reserved) = (None, None, None),
            "reset-data" => socket::reset(self.data.take()?),
            "silent" => {}
            "await" => while self.obey()?? != count {},
            "until" => self.shared.wait_for(count),
            // A script asks for a slow server; no assertion depends on the time.
            "pause" => self.stays_silent(Duration::from_millis(count.parse().unwrap())),
            "close" => return None,
            "cut" => drop(self.control.get_ref().shutdown(Shutdown::Both)),
            "die" => {
                self.shared.dead.store(true, Ordering::SeqCst);
                return None;
            }
            "reset" => {
                socket::reset(self.control.get_ref().try_clone().unwrap());
                return None;
            }
            // Deaf: reads nothing more, answers nothing, until the other end has gone.
            "hang" => {
                drop(self.control.read_to_end(&mut Vec::new()));
                return None;
            }
            _ if word.starts_with(|c: char| c.is_ascii_digit()) => {
                let reply = self.fill(action).replace("\\r\\n", "\r\n");
                self.shared.saw(&format!("> {reply}"));
                self.reply(&format!("{}\r\n", reply.replace("{mib}", &"x".repeat(1 << 20))))?;
            }
            // A reply that is none.
            "say" => self.control.get_mut().write_all(format!("{count}\r\n").as_bytes()).ok()?,
            _ => panic!("unknown action {action:?}"),
        }
        Some(Continue)
    }

    /// Sends a reply as this server does.
    fn reply(&mut self, reply: &str) -> Option<Continue> {
        let control = self.control.get_mut();
        match self.shared.style.as_str() {
            "bytes" => {
                control.set_nodelay(true).ok()?;
                reply.as_bytes().chunks(1).try_for_each(|byte| control.write_all(byte))
            }
            "bare" => control.write_all(reply.replace("\r\n", "\n").as_bytes()),
            _ => control.write_all(reply.as_bytes()),
        }
        .ok()?;
        Some(Continue)
    }

    /// Deaf to commands until the peer comes; `None` when the other end of the control connection
    /// leaves before.
    fn accept(&self) -> Option<TcpStream> {
        use rustix::event::{PollFd, PollFlags, poll};
        let listener = self.listener.as_ref()?;
        let mut waits =
            [PollFd::new(listener, PollFlags::IN), PollFd::new(self.control.get_ref(), PollFlags::RDHUP)];
        poll(&mut waits, None).ok()?;
        let [arrived, left] = waits.map(|wait| !wait.revents().is_empty());
        (arrived || !left).then(|| socket::accept(listener).0)
    }

    fn fill(&mut self, reply: &str) -> String {
        let mut reply = reply.replace("{stored}", &self.stored.to_string()).replace("{ended}", self.ended);
        reply = reply.replace("{directory}", &self.directory);
        let listening = self.listener.as_ref().map(|listener| listener.local_addr().unwrap());
        if reply.contains("{sock}") && listening.is_none() && self.reserved.is_none() {
            self.reserved = Some(SocketAddr::new(self.ip(), socket::free_port(&self.ip().to_string())));
        }
        if let Some(own) = listening.or(self.reserved) {
            let (high, low) = (own.port() / 256, own.port() % 256);
            let commas = format!("{},{high},{low}", own.ip().to_string().replace('.', ","));
            reply = reply.replace("{port}", &own.port().to_string());
            reply = reply.replace("{sock}", &own.port().to_string()).replace("{commas}", &commas);
            reply = reply.replace("{nowhere}", &format!("0,0,0,0,{high},{low}"));
            reply = reply.replace("{blanks}", &commas.replace(',', " , "));
        }
        reply
    }
}

/// The address that PORT, EPRT or SOCK names.
fn target(argument: &str) -> SocketAddr {
    if let Some(rest) = argument.strip_prefix('|') {
        let mut fields = rest.split('|').skip(1);
        let ip: IpAddr = fields.next().unwrap().parse().unwrap();
        return SocketAddr::new(ip, fields.next().unwrap().parse().unwrap());
    }
    let fields: Vec<&str> = argument.split(',').collect();
    match fields[..] {
        [host, port] => {
            let number: Result<u32, _> = host.parse();
            let literal = || host.trim_matches(['[', ']']).parse().unwrap();
            let ip = number.map_or_else(|_| literal(), |number| IpAddr::V4(number.into()));
            SocketAddr::new(ip, port.trim().parse().unwrap())
        }
        [a, b, c, d, high, low] => {
            let port = high.parse::<u16>().unwrap() * 256 + low.parse::<u16>().unwrap();
            SocketAddr::new(format!("{a}.{b}.{c}.{d}").parse().unwrap(), port)
        }
        _ => panic!("not an address: {argument}"),
    }
}
