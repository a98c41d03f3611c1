//! MODE B, MODE Z, RATE and large offsets, where a fixture would not do.

#[path = "modes/kept.rs"]
mod kept;
#[path = "modes/pack.rs"]
mod pack;

use ftp_proto::dialect::Dialect::{Rfc354, Rfc959};
use integration_tests::raw::Raw;
use integration_tests::site::{Server, Site, sample};
use integration_tests::socket::drain;
use std::io::{Read, Write};
use std::net::TcpStream;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

#[test]
fn mode_z_carries_files_and_listings_as_one_zlib_stream() {
    let mut content = sample(300_000);
    content.extend([b'x'; 300_000]);
    for dialect in [Rfc354, Rfc959] {
        let server = Site::new("mode-z").file("a.bin", &content).start();
        let mut raw = server.login_binary(dialect);
        raw.ask("MODE Z", "200");
        let wire = raw.fetch("LSTN S", "RETR a.bin");
        assert!(wire.len() < 320_000, "{} bytes", wire.len());
        assert!(unpacked(&wire) == content, "bytes differ");
        assert_eq!(unpacked(&raw.fetch("LSTN S", "NLST")), b"a.bin\r\n");
        raw.store("LSTN R", "STOR b.bin", &deflated(&content));
        assert!(server.bytes("b.bin") == content, "bytes differ");
    }
}

#[test]
fn a_compressed_upload_that_is_cut_or_a_bomb_replaces_nothing() {
    let server = Site::new("bomb").file("a.bin", "old").start();
    let mut raw = server.login_binary(Rfc959);
    raw.ask("MODE Z", "200");
    let whole = deflated(&sample(100_000));
    let bomb = deflated(&vec![0; 200 << 20]);
    for stream in [&whole[..whole.len() - 1], &bomb] {
        let mut connection = raw.open("LSTN R");
        raw.send("STOR a.bin");
        raw.expect("150|125");
        // The server may have closed it before all was sent.
        let _ = connection.write_all(stream);
        drop(connection);
        raw.expect("426");
        assert_eq!(server.bytes("a.bin"), b"old");
    }
    // Of a bomb to a new name nothing is kept, and the reply counts what has come.
    let mut connection = raw.open("LSTN R");
    raw.send("STOR new");
    raw.expect("150|125");
    let _ = connection.write_all(&bomb);
    drop(connection);
    let said = raw.expect("426").text();
    assert!(said.contains("bytes") && !said.contains(" 0 bytes"), "{said}");
    assert_eq!(server.names(), ["a.bin"]);
    raw.ask("NOOP", "200");
}

#[test]
fn e14_rest_and_rang_count_beyond_4_gib() {
    const BEYOND: u64 = (1 << 32) + 5;
    let server = Site::new("beyond").file("a.bin", "").start();
    let file = std::fs::OpenOptions::new().write(true).open(server.path("a.bin")).unwrap();
    file.set_len(BEYOND).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"the end", BEYOND).unwrap();
    let mut raw = server.login_binary(Rfc959);
    assert_eq!(raw.ask("SIZE a.bin", "213").text(), (BEYOND + 7).to_string());
    for command in [format!("REST {BEYOND}"), format!("RANG {BEYOND} {}", BEYOND + 100)] {
        let connection = raw.open("LSTN S");
        raw.ask(&command, "350");
        raw.send("RETR a.bin");
        raw.expect("150|125");
        assert_eq!(drain(connection), b"the end");
        raw.expect("226");
    }
    raw.ask(&format!("RANG {BEYOND} {}", BEYOND + 2), "350");
    let digest = raw.ask("HASH a.bin", "213").text();
    assert!(digest.starts_with(&format!("SHA-256 {BEYOND}-{} ", BEYOND + 2)), "{digest}");
    let mut connection = raw.open("LSTN R");
    raw.ask(&format!("REST {}", BEYOND + 4), "350");
    raw.send("STOR a.bin");
    raw.expect("150|125");
    connection.write_all(b"END").unwrap();
    drop(connection);
    raw.expect("226");
    let mut last = [0; 7];
    let file = std::fs::File::open(server.path("a.bin")).unwrap();
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut last, BEYOND).unwrap();
    assert_eq!(&last, b"the END");
}

#[test]
fn a_rate_lets_abor_and_stat_through() {
    let server = Site::new("rate").file("a.bin", sample(1 << 20)).start();
    let mut raw = server.login_binary(Rfc959);
    raw.ask("RATE 1000", "200");
    let mut connection = raw.open("LSTN S");
    raw.send("RETR a.bin");
    raw.expect("150|125");
    connection.read_exact(&mut [0; 100]).unwrap();
    raw.ask("STAT", "211");
    raw.ask("ABOR", "426");
    raw.expect("226");
    raw.ask("NOOP", "200");
}

#[test]
fn e13_mode_b_has_the_headers_of_its_dialect() {
    for (dialect, end) in [(Rfc354, 2), (Rfc959, 64)] {
        let server = Site::new("mode-b").file("a.txt", "hello").start();
        let mut raw = server.login_binary(dialect);
        raw.ask("MODE B", "200");
        let connection = raw.open("LSTN S");
        raw.send("RETR a.txt");
        raw.expect("250/150|125");
        raw.expect("252/250");
        // What changes how data travel closes the connection.
        raw.ask("MODE B", "200");
        assert_eq!(drain(connection), [b"\0\0\x05hello".as_slice(), &[end, 0, 0]].concat());

        // The end of the file is a block, so the connection may stay.
        let mut connection = raw.open("LSTN R");
        raw.send("STOR b.txt");
        raw.expect("250/150|125");
        connection.write_all(&[b"\0\0\x03abc".as_slice(), &[end, 0, 1], b"d"].concat()).unwrap();
        raw.expect("252/250");
        assert_eq!(server.bytes("b.txt"), b"abcd");

        // A connection that ends before that block has not brought the file.
        let mut connection = raw.open("LSTN R");
        raw.send("STOR b.txt");
        raw.expect("250/150|125");
        connection.write_all(b"\0\0\x03new").unwrap();
        drop(connection);
        raw.expect("452/426");
        assert_eq!(server.bytes("b.txt"), b"abcd");
    }
}
