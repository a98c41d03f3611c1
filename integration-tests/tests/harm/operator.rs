//! What users give to the programs of the operator: `who` and `kick`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ftp_proto::dialect::Dialect::Rfc959;
use integration_tests::socket::until;

use super::{Bob, site};
use std::io::Write;

#[test]
fn who_and_kick_are_for_the_user_of_the_server_alone_and_names_of_users_change_no_line() {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    let state = tempfile::tempdir().unwrap();
    let server = site("who").args(["--state", state.path().to_str().unwrap()]).start();
    let mut bob = Bob::login(&server);
    let sockets: Vec<_> = fs::read_dir(state.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| std::os::unix::fs::FileTypeExt::is_socket(&entry.file_type().unwrap()))
        .collect();
    assert_eq!(sockets.len(), 1);
    for path in [state.path().to_path_buf(), sockets[0].path()] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
    // A name that nobody has, and that would end a line or move the cursor.
    let mut raw = server.connect(Rfc959);
    raw.send_bytes(b"USER x\x1b[2J\xe2\x80\xae\r\n");
    raw.reply();
    let ask = |request: &[u8]| {
        let mut stream = UnixStream::connect(sockets[0].path()).unwrap();
        drop(stream.write_all(request));
        // A request without an end is given up.
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut said = Vec::new();
        // One that is too long is closed before it is read to its end: that may be a reset.
        drop(stream.read_to_end(&mut said));
        String::from_utf8(said).unwrap()
    };
    let who = ask(b"who\n");
    assert!(who.lines().count() >= 2 && !who.contains(['\u{1b}', '\u{202e}']), "{who}");
    for noise in
        [b"kick -1\n".as_slice(), b"kick 99999999999999999999\n", b"who", &[b'x'; 100_000], b"\n", b""]
    {
        ask(noise);
    }
    // Clients that say nothing keep no operator waiting.
    let silent: Vec<_> = (0..64).map(|_| UnixStream::connect(sockets[0].path()).unwrap()).collect();
    until("who answers again", || ask(b"who\n").lines().count() >= 2);
    drop(silent);
    bob.goes_on(&server);
}
