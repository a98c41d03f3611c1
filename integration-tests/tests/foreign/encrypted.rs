//! Other people's clients with our server inside TLS: explicit and implicit, TLS 1.2 and 1.3. Each lists,
//! uploads, downloads, resumes both, and goes on after an abort, as far as it can at all.

use integration_tests::foreign::{Desk, Tool};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use std::net::SocketAddr;

use ftp_proto::dialect::Dialect;

const SIZE: usize = 200_000;
const PART: usize = 70_000;

fn server() -> Server {
    Site::new("clients").tls().file("d/a.bin", sample(SIZE)).start()
}

/// The explicit and the implicit listener.
fn listeners(server: &Server) -> [(SocketAddr, bool); 2] {
    [(server.address(Dialect::Rfc959), false), (server.implicit(), true)]
}

fn half_uploaded(server: &Server) {
    std::fs::write(server.path("up.bin"), &sample(SIZE)[..PART]).unwrap();
}

#[test]
fn curl_does_everything_inside_tls() {
    let curl = or_skip!(Tool::debian("curl", &["curl"], "bin/curl"));
    let user = format!("{USER}:{PASSWORD}");
    let server = server();
    for (at, implicit) in listeners(&server) {
        // curl 7.87 and 7.88 never begin TLS on a data connection that they accept (-P; curl issue 10666).
        for mode in [&["--tls-max", "1.2"][..], &["--tlsv1.3"], &["--disable-epsv"]] {
            let desk = Desk::new();
            let scheme = if implicit { "ftps" } else { "ftp" };
            let url = |path: &str| format!("{scheme}://{at}/{path}");
            let common = ["-sS", "--insecure", "--ssl-reqd", "--user", &user, "--max-time", "60"];
            let run = |args: &[&str]| desk.run(&curl, &[&common, mode, args].concat());
            assert!(run(&[&url("d/")]).contains("a.bin"), "{mode:?}");
            run(&["-o", "copy", &url("d/a.bin")]);
            assert!(desk.bytes("copy") == sample(SIZE), "{mode:?}");
            desk.put("copy", &sample(SIZE)[..PART]);
            run(&["-C", "-", "-o", "copy", &url("d/a.bin")]);
            assert!(desk.bytes("copy") == sample(SIZE), "{mode:?} resumed");
            run(&["-T", "copy", &url("up.bin")]);
            assert!(server.bytes("up.bin") == sample(SIZE), "{mode:?}");
            half_uploaded(&server);
            run(&["-C", "-", "-T", "copy", &url("up.bin")]);
            assert!(server.bytes("up.bin") == sample(SIZE), "{mode:?} resumed upload");
            run(&["-o", "copy", &url("d/a.bin"), "-o", "again", &url("d/a.bin")]);
            run(&["-Q", "-DELE /up.bin", &url("d/")]);
            assert!(desk.bytes("again") == sample(SIZE), "{mode:?} two on one connection");
            assert_eq!(server.names(), ["d/", "d/a.bin"]);
        }
    }
}

#[test]
fn lftp_does_everything_inside_tls() {
    let lftp = or_skip!(Tool::debian("lftp", &["lftp"], "bin/lftp"));
    let server = server();
    for (at, implicit) in listeners(&server) {
        let scheme = if implicit { "ftps" } else { "ftp" };
        for passive in ["on", "off"] {
            let desk = Desk::new();
            let open = format!(
                "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; \
                 set ftp:ssl-protect-list yes; set ftp:passive-mode {passive}; set net:max-retries 1; \
                 set net:timeout 30; set cmd:fail-exit yes; open -u {USER},{PASSWORD} {scheme}://{at}; "
            );
            let run = |script: &str| desk.run(&lftp, &["--norc", "-c", &format!("{open}{script}")]);
            assert!(run("ls d").contains("a.bin"), "{passive}");
            desk.put("part", &sample(SIZE)[..PART]);
            run("get d/a.bin -o copy; get -c d/a.bin -o part; put copy -o up.bin; mv up.bin d/up.bin");
            assert!(desk.bytes("copy") == sample(SIZE) && desk.bytes("part") == sample(SIZE));
            assert!(server.bytes("d/up.bin") == sample(SIZE));
            half_uploaded(&server);
            run("put -c copy -o up.bin");
            assert!(server.bytes("up.bin") == sample(SIZE));
            run("rm up.bin d/up.bin");
            assert_eq!(server.names(), ["d/", "d/a.bin"]);
        }
    }
}

/// Python's FTP_TLS. It begins TLS on a data connection when it has read 150, and resumes the session of
/// the control connection only if it is told to.
const FTPLIB: &str = r#"
import ftplib, io, socket, ssl, sys
host, port, user, password, kind, version, reuse = sys.argv[1:]
content = open("content", "rb").read()

class Client(ftplib.FTP_TLS):
    resumed = []

    def connect(self, *args, **kwargs):
        if kind == "explicit":
            return super().connect(*args, **kwargs)
        self.sock = self.context.wrap_socket(socket.create_connection((host, int(port)), 60))
        self.af, self.host, self.timeout = self.sock.family, host, 60
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:
            session = self.sock.session if reuse == "reuse" else None
            conn = self.context.wrap_socket(conn, session=session)
            self.resumed.append(conn.session_reused)
            # OpenSSL forgets a ticket of TLS 1.2 when a new one comes: a data connection gives none.
            assert session is None or version != "TLSv1_2" or conn.session.id == session.id
        return conn, size

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
ftp = Client(context=context, timeout=60, encoding="utf-8")
ftp.connect(host, int(port))
ftp.login(user, password)
ftp.prot_p()
assert "a.bin" in "".join(ftp.nlst("d"))
assert [n for n, f in ftp.mlsd("d", ["type"]) if f["type"] == "file"] == ["a.bin"]
for passive in [True, False]:
    ftp.set_pasv(passive)
    got = io.BytesIO()
    ftp.retrbinary("RETR d/a.bin", got.write)
    assert got.getvalue() == content
    got = io.BytesIO()
    ftp.retrbinary("RETR d/a.bin", got.write, rest=70000)
    assert got.getvalue() == content[70000:]
    ftp.storbinary("STOR up.bin", io.BytesIO(content[:70000]))
    ftp.storbinary("STOR up.bin", io.BytesIO(content[70000:]), rest=70000)
    assert ftp.size("up.bin") == len(content)
    conn, size = ftp.ntransfercmd("RETR d/a.bin")
    conn.recv(10)
    conn.close()
    try:
        ftp.voidresp()
    except ftplib.all_errors:
        pass
    assert ftp.voidcmd("NOOP").startswith("200")
assert all(again == (reuse == "reuse") for again in ftp.resumed), ftp.resumed
ftp.quit()
"#;

#[test]
fn ftplib_does_everything_inside_tls_and_resumes_its_session() {
    let python = or_skip!(Tool::plain_python());
    let demanding = Site::new("demanding")
        .tls()
        .args(["--tls-session-reuse", "required"])
        .file("d/a.bin", sample(SIZE))
        .start();
    let lenient = server();
    for (server, reuse) in [(&demanding, "reuse"), (&lenient, "anew")] {
        for (at, implicit) in listeners(server) {
            for version in ["TLSv1_2", "TLSv1_3"] {
                let desk = Desk::new();
                desk.put("content", sample(SIZE));
                desk.put("script.py", FTPLIB);
                let kind = if implicit { "implicit" } else { "explicit" };
                let (host, port) = (at.ip().to_string(), at.port().to_string());
                desk.run(&python, &["script.py", &host, &port, USER, PASSWORD, kind, version, reuse]);
                assert!(server.bytes("up.bin") == sample(SIZE));
            }
        }
    }
}

#[test]
fn openssl_talks_to_both_listeners() {
    let openssl = or_skip!(Tool::debian("openssl", &["openssl"], "bin/openssl"));
    let server = server();
    for (at, implicit) in listeners(&server) {
        for version in ["-tls1_2", "-tls1_3"] {
            let at = at.to_string();
            let start: &[&str] = if implicit { &[] } else { &["-starttls", "ftp"] };
            let args = [&["s_client", "-connect", &at, version, "-quiet", "-crlf"][..], start].concat();
            let run = Desk::new().try_run(&openssl, &args, "NOOP\nQUIT\n");
            assert!(run.stdout.contains("200 NOOP done") && run.stdout.contains("221"), "{run:?}");
        }
    }
}

#[test]
fn where_client_authorities_are_named_only_their_clients_come_in() {
    let curl = or_skip!(Tool::debian("curl", &["curl"], "bin/curl"));
    let own = integration_tests::certificate::Certificate::of("127.0.0.1".parse().unwrap());
    let desk = Desk::new();
    desk.put("client.pem", own.pem.clone() + &own.key_pem);
    let authority = desk.path("client.pem");
    let site = Site::new("clients").tls().args(["--tls-client-ca", authority.to_str().unwrap()]);
    let server = site.file("d/a.bin", sample(SIZE)).start();
    let user = format!("{USER}:{PASSWORD}");
    let url = format!("ftps://{}/d/a.bin", server.implicit());
    let common = ["-sS", "--insecure", "--user", &user, "--max-time", "30", "-o", "copy", &url];
    assert_ne!(desk.try_run(&curl, &common, "").code, Some(0));
    desk.run(&curl, &[&["--cert", "client.pem"][..], &common].concat());
    assert!(desk.bytes("copy") == sample(SIZE));
}
