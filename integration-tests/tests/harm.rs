//! Nobody harms another: whatever one client does, bob's commands go on, and no file is damaged.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::disk::SmallDisk;
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::{connect, drain};

/// The address that bob comes from.
const BOBS: &str = "127.0.0.9";

fn site(name: &str) -> Site {
    Site::new(name).user("bob:bob")
}

/// The innocent user.
struct Bob(Raw);

impl Bob {
    fn login(server: &Server) -> Self {
        let mut raw = server.connect_from(BOBS.parse().unwrap(), Rfc959);
        raw.login("bob", "bob");
        raw.ask("TYPE I", "200");
        Self(raw)
    }

    /// His commands about files, listings and transfers have the outcome that they always have.
    fn goes_on(&mut self, server: &Server) {
        let Self(raw) = self;
        raw.ask("NOOP", "200");
        raw.ask("MKD bobs", "257");
        assert_eq!(self.store(server, "bobs/file", b"content"), 226);
        let Self(raw) = self;
        raw.ask("SIZE bobs/file", "213");
        assert_eq!(self.fetch(server, "RETR bobs/file"), b"content");
        assert_eq!(self.fetch(server, "NLST bobs"), b"bobs/file\r\n");
        let Self(raw) = self;
        raw.ask("DELE bobs/file", "250");
        raw.ask("RMD bobs", "250");
        Self::login(server).0.ask("QUIT", "221");
    }

    fn store(&mut self, server: &Server, name: &str, bytes: &[u8]) -> u16 {
        let mut data = passive(&mut self.0, server);
        self.0.ask(&format!("STOR {name}"), "150");
        // A server whose disk is full closes in the middle.
        drop(data.write_all(bytes));
        drop(data);
        self.0.reply().code
    }

    fn fetch(&mut self, server: &Server, command: &str) -> Vec<u8> {
        let data = passive(&mut self.0, server);
        self.0.ask(command, "150");
        let bytes = drain(data);
        self.0.expect("226");
        bytes
    }
}

/// A data connection to the port that the server opens.
fn passive(raw: &mut Raw, server: &Server) -> std::net::TcpStream {
    let from: IpAddr = raw.local().ip();
    let port = raw.ask("EPSV", "229").port();
    connect(SocketAddr::new(from, 0), SocketAddr::new(server.ip(), port))
}

#[test]
fn e15_what_fills_the_disk_is_removed_so_that_others_can_store_again() {
    let Some(disk) = SmallDisk::mount("e15_what_fills_the_disk") else { return };
    let server = site("full").start_in(disk.path().to_path_buf());
    let mut bob = Bob::login(&server);
    let mut ann = server.login(Rfc959);
    ann.ask("TYPE I", "200");
    let mut data = passive(&mut ann, &server);
    ann.ask("STOR fill", "150");
    drop(data.write_all(&sample(64 << 20)));
    ann.expect("552");
    assert_eq!(server.names(), [""; 0]);
    bob.goes_on(&server);
}

#[test]
fn a_name_that_no_listing_can_show_cannot_be_made() {
    let server = site("shared").directory("pub").file("pub/ok", "").start();
    let mut ann = server.login(Rfc959);
    // CR travels as CR NUL.
    ann.ask("MKD pub/x\r\0y", "553");
    ann.ask("RNFR pub/ok", "350");
    ann.ask("RNTO pub/x\r\0y", "553");
    ann.ask("EPSV", "229");
    ann.ask("STOR pub/x\r\0y", "553");
    let mut bob = Bob::login(&server);
    assert_eq!(bob.fetch(&server, "NLST pub"), b"pub/ok\r\n");
    bob.0.ask("DELE pub/ok", "250");
    bob.0.ask("RMD pub", "250");
}
