//! A running server, and a client that speaks to it line by line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Says why this test cannot run here, past the capture of test output.
pub(crate) fn say_skipped(why: &str) {
    let line = format!("skipped: {}: {why}\n", std::thread::current().name().unwrap_or("a test"));
    drop(std::io::stderr().write_all(line.as_bytes()));
}

pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) ready: Vec<String>,
    pub(crate) root: tempfile::TempDir,
}

impl Server {
    /// Starts with a root of its own and waits for as many ready lines as there are listeners.
    pub(crate) fn start(options: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let listeners = options.matches("--listen").count() + options.matches("--metrics").count();
        Self::with(command(options).stderr(Stdio::piped()), root, listeners)
    }

    /// Starts with this root, by a command that lacks nothing else, and waits for so many ready lines.
    pub(crate) fn with(command: &mut Command, root: tempfile::TempDir, listeners: usize) -> Self {
        let mut child = command.arg("--root").arg(root.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = (0..listeners).map(|_| lines.next().expect("a ready line").unwrap()).collect();
        Self { child, ready, root }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for a line of the log that contains `words`. The end of the log is a failure.
    pub(crate) fn logs(&mut self, words: &str) {
        // A buffer of one byte reads nothing of the next line.
        let log = BufReader::with_capacity(1, self.child.stderr.as_mut().unwrap());
        for line in log.lines() {
            if line.unwrap().contains(words) {
                return;
            }
        }
        panic!("the log ends without {words:?}");
    }

    pub(crate) fn stop(mut self, signal: Signal) -> (ExitStatus, String) {
        self.signal(signal);
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }

    /// What a file of the root holds.
    pub(crate) fn file(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.root.path().join(name)).ok()
    }

    pub(crate) fn address(&self, line: usize) -> SocketAddr {
        self.ready[line].split(' ').nth(2).unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks again and again for what nothing announces, for a minute.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    const PAUSE: Duration = Duration::from_millis(10);
    for _ in 0..6_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::park_timeout(PAUSE);
    }
    panic!("never: {what}");
}

pub(crate) fn command(options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ftp-server"));
    command.args(options.split_whitespace()).env_remove("NOTIFY_SOCKET");
    // Only a test that names a state directory has one that lasts.
    command.env_remove("HOME").env_remove("XDG_STATE_HOME").env_remove("STATE_DIRECTORY");
    command
}

/// A control connection.
pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    /// Connects, without a word.
    pub(crate) fn connect(server: &Server) -> Self {
        Self::on(TcpStream::connect(server.address(0)).unwrap())
    }

    /// A client on a connection that is there already.
    pub(crate) fn on(stream: TcpStream) -> Self {
        // Longer than anything may take: a server that says nothing fails the test, not the run.
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    /// Connects and logs in as `ann`.
    pub(crate) fn login(server: &Server) -> Self {
        Self::connect(server).logged_in()
    }

    /// The same, ready to move files as they are.
    pub(crate) fn login_for_files(server: &Server) -> Self {
        let mut client = Self::login(server);
        client.say("TYPE I", "200");
        client
    }

    /// Is greeted and logs in as `ann`.
    pub(crate) fn logged_in(self) -> Self {
        self.tries("ann", "secret", "230")
    }

    /// Is greeted and tries to log in; the reply to the password has this code.
    pub(crate) fn tries(mut self, user: &str, password: &str, code: &str) -> Self {
        self.expect("220");
        self.say(&format!("USER {user}"), "331");
        self.say(&format!("PASS {password}"), code);
        self
    }

    /// Whether nothing has come that was not read.
    #[cfg(feature = "pam")]
    pub(crate) fn is_quiet(&mut self) -> bool {
        let stream = self.reader.get_ref();
        stream.set_nonblocking(true).unwrap();
        let quiet = self.reader.buffer().is_empty() && stream.peek(&mut [0]).is_err();
        stream.set_nonblocking(false).unwrap();
        quiet
    }

    /// One line of a reply; empty at the end of the connection.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line
    }

    /// The next reply, which has this code.
    pub(crate) fn expect(&mut self, code: &str) -> String {
        let line = self.line();
        assert!(line.starts_with(&format!("{code} ")), "{code} expected: {line}");
        line
    }

    /// What carries the commands.
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        self.reader.get_mut()
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        let stream = socket2::Socket::from(self.reader.into_inner());
        stream.set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub(crate) fn send(&mut self, command: &str) {
        self.reader.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
    }

    pub(crate) fn say(&mut self, command: &str, code: &str) -> String {
        self.send(command);
        self.expect(code)
    }

    /// Enters passive mode; gives the data port.
    pub(crate) fn passive(&mut self, server: &Server) -> SocketAddr {
        let reply = self.say("EPSV", "229");
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        SocketAddr::new(server.address(0).ip(), port)
    }

    /// Starts a transfer in passive mode; gives the data connection.
    pub(crate) fn transfer(&mut self, server: &Server, command: &str) -> TcpStream {
        let port = self.passive(server);
        let data = TcpStream::connect(port).unwrap();
        self.say(command, "150");
        data
    }

    /// Stores a file of seven bytes with this command.
    pub(crate) fn store(&mut self, server: &Server, command: &str) {
        let mut data = self.transfer(server, command);
        data.write_all(b"content").unwrap();
        drop(data);
        self.expect("226");
    }
}
