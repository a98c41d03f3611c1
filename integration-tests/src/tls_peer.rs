//! A server that speaks TLS after AUTH, and whose data connections end as a test wants: in order, cut
//! short, or with somebody else's certificate. Whatever it does, it says 226, but for one of them.

use crate::certificate::Certificate;
use crate::socket;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{ALL_VERSIONS, ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// How it ends what it sends.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sends {
    /// All of it, then close_notify.
    InOrder,
    /// Half of it, then an orderly end of TCP alone.
    Cut,
    /// Half of it, then close_notify, and 426.
    Half,
    /// All of it, but it shows another certificate than on its control connection.
    AsAnother,
    /// The same, and then it closes the control connection.
    AsAnotherAndGone,
    /// All of it, then close_notify. It speaks TLS 1.3 only, and gives tickets at the login alone (ProFTPD).
    WithoutTickets,
    /// All of it, then close_notify. What it was sent it calls stored when somebody has asked so many times how much that is.
    WhenAsked(usize),
}

/// How the next data connection comes about.
enum Meeting {
    Listens(TcpListener),
    Connects(SocketAddr),
}

impl Meeting {
    /// What PORT names.
    fn port(line: &str) -> Option<Self> {
        let fields: Vec<u8> =
            line.strip_prefix("PORT ")?.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let [a, b, c, d, high, low] = fields[..] else { return None };
        Some(Self::Connects(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low])))))
    }

    /// What EPSV, PASV or PORT arranges, and its reply.
    fn arranged(line: &str, at: IpAddr) -> Option<(Self, String)> {
        if line.starts_with("PORT") {
            return Some((Self::port(line)?, "200 fine".to_owned()));
        }
        let open = socket::listen(&at.to_string(), 0);
        let port = open.local_addr().ok()?.port();
        let reply = if line.starts_with("EPSV") {
            format!("229 here (|||{port}|)")
        } else {
            format!("227 here ({},{},{})", at.to_string().replace('.', ","), port >> 8, port & 255)
        };
        Some((Self::Listens(open), reply))
    }

    fn stream(self, ip: IpAddr) -> TcpStream {
        match self {
            Self::Listens(listener) => socket::accept(&listener).0,
            Self::Connects(to) => socket::connect(SocketAddr::new(ip, 0), to),
        }
    }
}

/// A data connection.
enum Data {
    Clear(TcpStream),
    Private(Box<Stream>),
}

impl Data {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(bytes),
            Self::Private(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(piece),
            Self::Private(stream) => stream.read(piece),
        }
    }

    /// Ends it in order.
    fn end(&mut self) {
        if let Self::Private(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}

/// A server that runs until the test ends.
#[derive(Debug)]
pub struct TlsPeer {
    address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
    sends: Sends,
    heard: Arc<Mutex<Vec<String>>>,
}

/// How it answers AUTH.
#[derive(Debug)]
struct Shown {
    /// What it says to AUTH.
    answer: String,
    pin: String,
    own: Arc<ServerConfig>,
    /// For data connections; it resumes the sessions of `own`.
    data: Arc<ServerConfig>,
}

impl Shown {
    fn new(certificate: &Certificate, sends: Sends) -> Self {
        let own = config(certificate, sends);
        let mut data = (*own).clone();
        if sends == Sends::WithoutTickets {
            data.send_tls13_tickets = 0;
        }
        Self { answer: "234 go ahead".to_owned(), pin: certificate.fingerprint(), own, data: Arc::new(data) }
    }
}

/// What one control connection needs.
#[derive(Clone)]
struct Rules {
    sends: Sends,
    content: Arc<Vec<u8>>,
    shown: Arc<Mutex<Shown>>,
    data: Arc<ServerConfig>,
    another: Arc<ServerConfig>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl TlsPeer {
    /// Starts one at `ip` whose every file has this content.
    pub fn start(ip: &str, sends: Sends, content: &[u8]) -> Self {
        let listener = socket::listen(ip, 0);
        let address = listener.local_addr().unwrap();
        let [certificate, other] = [(); 2].map(|()| Certificate::of(address.ip()));
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let shown = Shown::new(&certificate, sends);
        let data = Arc::clone(&shown.data);
        let shown = Arc::new(Mutex::new(shown));
        let rules = Rules {
            sends,
            content: Arc::new(content.to_vec()),
            shown: Arc::clone(&shown),
            data,
            another: config(&other, sends),
            heard: Arc::clone(&heard),
        };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let rules = rules.clone();
                // A client that goes away ends its own thread only.
                thread::spawn(move || serve(stream, &rules));
            }
        });
        Self { address, shown, sends, heard }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("ftpes://ann:pw@{}/{path}", self.address)
    }

    /// The same by `ftp://`: TLS only because it is offered.
    pub fn clear_url(&self, path: &str) -> String {
        format!("ftp://ann:pw@{}/{path}", self.address)
    }

    /// Where it listens, `host:port`.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it shows this certificate.
    pub fn show(&self, certificate: &Certificate) {
        *self.shown.lock().unwrap() = Shown::new(certificate, self.sends);
    }

    /// From now on it says this to AUTH, and goes on in clear.
    pub fn answers_auth(&self, answer: &str) {
        answer.clone_into(&mut self.shown.lock().unwrap().answer);
    }

    /// The fingerprint of its certificate.
    pub fn pin(&self) -> String {
        self.shown.lock().unwrap().pin.clone()
    }

    /// The commands that it has heard, and how data that it was sent have ended: `data: close_notify`,
    /// `data: cut`, `data: reset`, in clear `data: end`, and how many bytes they were.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn config(certificate: &Certificate, sends: Sends) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from(certificate.der.clone())];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key_der.clone()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = if sends == Sends::WithoutTickets { &[&TLS13][..] } else { ALL_VERSIONS };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn tls(stream: TcpStream, config: &Arc<ServerConfig>) -> Stream {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream)
}

fn serve(mut stream: TcpStream, rules: &Rules) -> Option<()> {
    let mut rules = rules.clone();
    stream.write_all(b"220 ready\r\n").ok()?;
    let mut line = String::new();
    BufReader::with_capacity(1, &stream).read_line(&mut line).ok()?;
    rules.note(line.trim_end());
    if line.trim_end() != "AUTH TLS" {
        return stream.write_all(b"530 TLS first\r\n").ok();
    }
    let (own, data) = {
        let shown = rules.shown.lock().unwrap();
        stream.write_all(format!("{}\r\n", shown.answer).as_bytes()).ok()?;
        if !shown.answer.starts_with("234") {
            // Whoever goes on in clear is heard, and gets no further.
            drop(shown);
            let mut line = String::new();
            BufReader::with_capacity(1, &stream).read_line(&mut line).ok()?;
            rules.note(line.trim_end());
            return stream.write_all(b"421 TLS first\r\n").ok();
        }
        (Arc::clone(&shown.own), Arc::clone(&shown.data))
    };
    rules.data = data;
    let (mut meeting, mut is_private) = (None, true);
    let at = stream.local_addr().ok()?.ip();
    let mut control = BufReader::new(tls(stream, &own));
    loop {
        let mut line = String::new();
        if control.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        rules.note(line);
        let verb = line.split(' ').next().unwrap_or_default();
        let reply = match verb {
            "USER" => "331 password".to_owned(),
            "PASS" => "230 in".to_owned(),
            "FEAT" => "211-Features\r\n SIZE\r\n EPSV\r\n211 End".to_owned(),
            "PROT" => {
                is_private = line != "PROT C";
                "200 fine".to_owned()
            }
            "TYPE" | "PBSZ" | "NOOP" => "200 fine".to_owned(),
            "PWD" => "257 \"/\"".to_owned(),
            "SIZE" => rules.size(line),
            "EPSV" | "PASV" | "PORT" => {
                let (arranged, reply) = Meeting::arranged(line, at)?;
                meeting = Some(arranged);
                reply
            }
            "RETR" | "LIST" => {
                say(&mut control, "150 opening")?;
                rules.send(meeting.take()?.stream(at), is_private, verb == "LIST");
                if rules.sends == Sends::AsAnotherAndGone {
                    return None;
                }
                if rules.sends == Sends::Half { "426 disk trouble" } else { "226 all sent" }.to_owned()
            }
            "STOR" => {
                say(&mut control, "150 opening")?;
                rules.receive(meeting.take()?.stream(at), is_private);
                "226 all stored".to_owned()
            }
            "RNFR" => "350 to".to_owned(),
            "RNTO" | "DELE" | "CWD" => "250 done".to_owned(),
            "ABOR" => "226 nothing to abort".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            _ => "502 not here".to_owned(),
        };
        say(&mut control, &reply)?;
    }
}

fn say(control: &mut BufReader<Stream>, reply: &str) -> Option<()> {
    control.get_mut().write_all(format!("{reply}\r\n").as_bytes()).ok()?;
    control.get_mut().flush().ok()
}

impl Rules {
    fn note(&self, line: &str) {
        self.heard.lock().unwrap().push(line.to_owned());
    }

    /// The reply to this SIZE.
    fn size(&self, line: &str) -> String {
        match line {
            _ if self.has_renamed(line) => "550 no such file".to_owned(),
            _ if line.contains(".ftp-user.part") => format!("213 {}", self.stored()),
            _ if line.ends_with(".bin") => format!("213 {}", self.content.len()),
            _ => "502 not here".to_owned(),
        }
    }

    /// Whether the last renaming of the name in this SIZE gave its file another one.
    fn has_renamed(&self, size: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        let [from, to] = ["RNFR", "RNTO"].map(|verb| size.replacen("SIZE", verb, 1));
        heard.iter().rev().find(|line| [&from, &to].contains(line)) == Some(&from)
    }

    fn stored(&self) -> usize {
        let heard = self.heard.lock().unwrap();
        let last = heard.iter().rev().find_map(|line| line.strip_prefix("data: "));
        last.and_then(|line| line.split(' ').nth(1)).and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// A data connection.
    fn data(stream: TcpStream, is_private: bool, config: &Arc<ServerConfig>) -> Data {
        if is_private { Data::Private(Box::new(tls(stream, config))) } else { Data::Clear(stream) }
    }

    fn send(&self, stream: TcpStream, is_private: bool, listing: bool) {
        let is_another = matches!(self.sends, Sends::AsAnother | Sends::AsAnotherAndGone);
        let mut data = Self::data(stream, is_private, if is_another { &self.another } else { &self.data });
        let listed =
            b"-rw-r--r-- 1 ann ann 5 Nov 20 2026 a.bin\r\n-rw-r--r-- 1 ann ann 5 Nov 20 2026 b.bin\r\n";
        let content = if listing { &listed[..] } else { &self.content };
        let count = match self.sends {
            Sends::Cut | Sends::Half => content.len() / 2,
            Sends::InOrder
            | Sends::AsAnother
            | Sends::AsAnotherAndGone
            | Sends::WithoutTickets
            | Sends::WhenAsked(_) => content.len(),
        };
        // Whoever does not want it says so by closing.
        if data.write(&content[..count]).is_ok() && self.sends != Sends::Cut {
            data.end();
        }
    }

    fn receive(&self, stream: TcpStream, is_private: bool) {
        let mut data = Self::data(stream, is_private, &self.data);
        let (mut count, mut piece) = (0, vec![0; 65_536]);
        let how = loop {
            match data.read(&mut piece) {
                Ok(0) if !is_private => break "end",
                Ok(0) => break "close_notify",
                Ok(read) => count += read,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break "cut",
                Err(_) => break "reset",
            }
        };
        let before = self.heard.lock().unwrap().len();
        self.note(&format!("data: {how} {count}"));
        let is_asked = |line: &String| line.starts_with("SIZE ") && line.ends_with(".part");
        if let Sends::WhenAsked(times) = self.sends {
            socket::until("somebody asks how much it has", || {
                self.heard.lock().unwrap()[before..].iter().filter(|line| is_asked(line)).count() >= times
            });
        }
    }
}
