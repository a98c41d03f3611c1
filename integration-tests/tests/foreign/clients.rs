//! Other people's command line clients with our server: each lists, uploads, downloads, resumes, renames
//! and deletes, passive and active, names with blanks and beyond ASCII, as far as it can at all.

use integration_tests::foreign::{Desk, Tool};
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, USER, sample};
use std::net::SocketAddr;

use ftp_proto::dialect::Dialect;

/// A name with a blank, letters beyond ASCII, and a sign that shells and URLs mind.
const NAME: &str = "two \u{17c}\u{f3}\u{142}w's.bin";
/// The same in a URL.
const ENCODED: &str = "two%20%C5%BC%C3%B3%C5%82w%27s.bin";
/// Bytes of the file that is there.
const SIZE: usize = 200_000;
/// Bytes that an interrupted transfer has brought.
const PART: usize = 70_000;

/// A server with one file in a directory, and the address of its listener.
fn server() -> (Server, SocketAddr) {
    let server = Site::new("clients").file(&format!("d/{NAME}"), sample(SIZE)).start();
    let address = server.address(Dialect::Rfc959);
    (server, address)
}

/// The first half of an upload is there.
fn half_uploaded(server: &Server, name: &str) {
    std::fs::write(server.path(name), &sample(SIZE)[..PART]).unwrap();
}

#[test]
fn curl_does_everything_passive_and_active() {
    let curl = or_skip!(Tool::debian("curl", &["curl"], "bin/curl"));
    let user = format!("{USER}:{PASSWORD}");
    for mode in [&["--ftp-pasv"][..], &["--disable-epsv"], &["-P", "-"], &["-P", "-", "--disable-eprt"]] {
        let (server, at) = server();
        let desk = Desk::new();
        let run = |args: &[&str]| {
            let common = ["-sS", "--show-error", "--user", &user, "--max-time", "60"];
            desk.run(&curl, &[&common, mode, args].concat())
        };
        let url = |path: &str| format!("ftp://{at}/{path}");
        let listed = run(&[&url("d/")]);
        assert!(listed.contains(NAME) && listed.contains(&SIZE.to_string()), "{mode:?}: {listed}");
        assert_eq!(run(&["-l", &url("d/")]).trim(), NAME);
        run(&["-o", "copy", &url(&format!("d/{ENCODED}"))]);
        assert_eq!(desk.bytes("copy"), sample(SIZE));
        desk.put("copy", &sample(SIZE)[..PART]);
        run(&["-C", "-", "-o", "copy", &url(&format!("d/{ENCODED}"))]);
        assert_eq!(desk.bytes("copy"), sample(SIZE), "{mode:?} resumed");
        run(&["--ftp-create-dirs", "-T", "copy", &url("new/up%20\u{142}.bin")]);
        assert_eq!(server.bytes("new/up \u{142}.bin"), sample(SIZE));
        half_uploaded(&server, "half.bin");
        run(&["-C", "-", "-T", "copy", &url("half.bin")]);
        assert_eq!(server.bytes("half.bin"), sample(SIZE), "{mode:?} resumed upload");
        // E14: REST comes before the PASV or PORT and the TYPE of the upload.
        half_uploaded(&server, "half.bin");
        desk.put("second", &sample(SIZE)[PART..]);
        run(&["-Q", &format!("REST {PART}"), "-T", "second", &url("half.bin")]);
        assert_eq!(server.bytes("half.bin"), sample(SIZE), "{mode:?} resumed upload after REST");
        run(&["-Q", "RNFR half.bin", "-Q", "RNTO full name.bin", "-Q", "DELE new/up \u{142}.bin", &url("")]);
        assert_eq!(server.names(), ["d/", &format!("d/{NAME}"), "full name.bin", "new/"]);
        assert_eq!(run(&["-r", "10-19", &url("full%20name.bin"), "-o", "range"]), "");
        assert_eq!(desk.bytes("range"), &sample(SIZE)[10..20]);
        let missing = desk.try_run(&curl, &["-sS", "--user", &user, &url("d/none")], "");
        assert_eq!(missing.code, Some(78), "{missing:?}");
        let denied = desk.try_run(&curl, &["-sS", "--user", "ann:wrong", &url("d/")], "");
        assert_eq!(denied.code, Some(67), "{denied:?}");
    }
}

#[test]
fn lftp_does_everything_passive_and_active() {
    let lftp = or_skip!(Tool::debian("lftp", &["lftp"], "bin/lftp"));
    for passive in ["on", "off"] {
        let (server, at) = server();
        let desk = Desk::new();
        let run = |script: &str| {
            let open = format!(
                "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; set ftp:passive-mode {passive}; \
                 open -u {USER},{PASSWORD} ftp://{at}; "
            );
            desk.run(&lftp, &["--norc", "-c", &format!("{open}{script}")])
        };
        let listed = run("cls -s --block-size=1 d/");
        assert!(listed.contains(NAME) && listed.contains(&SIZE.to_string()), "{listed}");
        assert!(run("ls d").contains(NAME));
        run(&format!("get \"d/{NAME}\" -o copy"));
        assert_eq!(desk.bytes("copy"), sample(SIZE));
        desk.put("copy", &sample(SIZE)[..PART]);
        run(&format!("get -c \"d/{NAME}\" -o copy"));
        assert_eq!(desk.bytes("copy"), sample(SIZE));
        half_uploaded(&server, "half.bin");
        run("put -c copy -o half.bin");
        assert_eq!(server.bytes("half.bin"), sample(SIZE));
        run("mkdir -p new/deep; put copy -o \"new/deep/up \u{142}.bin\"; mv half.bin \"full name.bin\"");
        assert_eq!(server.bytes("new/deep/up \u{142}.bin"), sample(SIZE));
        run("mirror d here; mirror -R here there; rm -r d; rm \"full name.bin\"");
        assert_eq!(desk.bytes(&format!("here/{NAME}")), sample(SIZE));
        assert_eq!(
            server.names(),
            ["new/", "new/deep/", "new/deep/up \u{142}.bin", "there/", &format!("there/{NAME}")]
        );
        assert_eq!(server.bytes(&format!("there/{NAME}")), sample(SIZE));
    }
}

#[test]
fn lftp_copies_from_one_of_our_servers_to_the_other() {
    let lftp = or_skip!(Tool::debian("lftp", &["lftp"], "bin/lftp"));
    let wide = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
    for listener in ["destination", "source"] {
        let from = Site::new("from").args(wide).file(&format!("d/{NAME}"), sample(SIZE)).file("d/sub/b", "b");
        let (from, to) = (from.start(), Site::new("to").at("127.0.0.3").args(wide).start());
        let desk = Desk::new();
        let script = format!(
            "set net:max-retries 1; set net:timeout 20; set cmd:fail-exit yes; set ftp:use-fxp yes; \
             set ftp:fxp-force yes; set ftp:fxp-passive-source {}; mirror {} {}",
            if listener == "source" { "yes" } else { "no" },
            from.url("d"),
            to.url("copied"),
        );
        desk.run(&lftp, &["--norc", "-c", &script]);
        assert_eq!(to.names(), ["copied/", "copied/sub/", "copied/sub/b", &format!("copied/{NAME}")]);
        assert_eq!(to.bytes(&format!("copied/{NAME}")), sample(SIZE));
        // It went straight: the source's peer was the destination.
        let peer = format!("peer=\"{}:", to.ip());
        from.running.logs(&peer);
    }
}

#[test]
fn wget_downloads_and_resumes_passive_and_active() {
    let wget = or_skip!(Tool::debian("wget", &["wget"], "bin/wget"));
    for mode in [&[][..], &["--no-passive-ftp"]] {
        let (_server, at) = server();
        let desk = Desk::new();
        let (user, password) = (format!("--user={USER}"), format!("--password={PASSWORD}"));
        let common = ["-nv", "--tries=1", "--timeout=30", &user, &password];
        let url = format!("ftp://{at}/d/{ENCODED}");
        desk.run(&wget, &[&common, mode, &["-O", "copy", &url]].concat());
        assert_eq!(desk.bytes("copy"), sample(SIZE));
        desk.put(NAME, &sample(SIZE)[..PART]);
        desk.run(&wget, &[&common, mode, &["-c", "--restrict-file-names=nocontrol", &url]].concat());
        assert_eq!(desk.bytes(NAME), sample(SIZE));
        let all = format!("ftp://{at}/d/");
        desk.run(&wget, &[&common, mode, &["-r", "-nH", "--restrict-file-names=nocontrol", &all]].concat());
        assert_eq!(desk.bytes(&format!("d/{NAME}")), sample(SIZE));
    }
}

#[test]
fn ncftp_does_its_part_passive_and_active() {
    let ncftp = or_skip!(Tool::debian("ncftp", &["ncftp"], "bin/ncftpget"));
    let (put, list) = (ncftp.other("bin/ncftpput"), ncftp.other("bin/ncftpls"));
    for mode in ["-F", "-E"] {
        let (server, at) = server();
        let desk = Desk::new();
        let (host, port) = (at.ip().to_string(), at.port().to_string());
        let common = [mode, "-u", USER, "-p", PASSWORD, "-P", &port, "-V", "-t", "30", "-r", "1"];
        let plain = [mode, "-u", USER, "-p", PASSWORD, "-P", &port, "-t", "30", "-r", "1"];
        assert!(desk.run(&list, &[&plain[..], &[&format!("ftp://{host}/d/")]].concat()).contains(NAME));
        desk.run(&ncftp, &[&common[..], &[&host, ".", &format!("d/{NAME}")]].concat());
        assert_eq!(desk.bytes(NAME), sample(SIZE));
        desk.put(NAME, &sample(SIZE)[..PART]);
        desk.run(&ncftp, &[&common[..], &["-z", &host, ".", &format!("d/{NAME}")]].concat());
        assert_eq!(desk.bytes(NAME), sample(SIZE));
        desk.run(&put, &[&common[..], &["-m", &host, "new/deep", NAME]].concat());
        assert_eq!(server.bytes(&format!("new/deep/{NAME}")), sample(SIZE));
        // -DD deletes what has been downloaded.
        desk.run(&ncftp, &[&common[..], &["-DD", &host, ".", &format!("new/deep/{NAME}")]].concat());
        assert_eq!(server.names(), ["d/", &format!("d/{NAME}"), "new/", "new/deep/"]);
    }
}

#[test]
fn tnftp_does_everything_passive_and_active() {
    let tnftp = or_skip!(Tool::debian("tnftp", &["tnftp"], "bin/tnftp"));
    for mode in ["-p", "-A"] {
        let (server, at) = server();
        let desk = Desk::new();
        desk.put("copy", &sample(SIZE)[..PART]);
        desk.put("up", sample(SIZE));
        let script = format!(
            "user {USER} {PASSWORD}\nbinary\nls d listing\nget \"d/{NAME}\" whole\nreget \"d/{NAME}\" copy\n\
             mkdir new\nput up \"new/up \u{142}.bin\"\nput up gone\nrename \"new/up \u{142}.bin\" \"full name.bin\"\n\
             delete gone\nrmdir new\nbye\n"
        );
        let (host, port) = (at.ip().to_string(), at.port().to_string());
        let said = desk.run_with(&tnftp, &[mode, "-n", "-i", "-v", "-V", &host, &port], &script);
        assert!(String::from_utf8(desk.bytes("listing")).unwrap().contains(NAME), "{said}");
        assert_eq!(desk.bytes("whole"), sample(SIZE), "{said}");
        assert_eq!(desk.bytes("copy"), sample(SIZE), "{said}");
        assert_eq!(server.names(), ["d/", &format!("d/{NAME}"), "full name.bin"], "{said}");
        assert_eq!(server.bytes("full name.bin"), sample(SIZE));
    }
}

#[test]
fn rclone_does_everything() {
    let rclone = or_skip!(Tool::debian("rclone", &["rclone"], "bin/rclone"));
    let (server, at) = server();
    let desk = Desk::new();
    let password = desk.run(&rclone, &["obscure", PASSWORD]);
    let site = format!(":ftp,host={},port={},user={USER},pass={}:", at.ip(), at.port(), password.trim());
    let run = |args: &[&str]| desk.run(&rclone, &[&["--retries", "1", "--config", ""], args].concat());
    assert_eq!(run(&["lsf", "-R", "--format", "ps", &site]), format!("d/;-1\nd/{NAME};{SIZE}\n"));
    run(&["copy", &format!("{site}d"), "here"]);
    assert_eq!(desk.bytes(&format!("here/{NAME}")), sample(SIZE));
    run(&["copyto", &format!("here/{NAME}"), &format!("{site}new/deep/up \u{142}.bin")]);
    assert_eq!(server.bytes("new/deep/up \u{142}.bin"), sample(SIZE));
    run(&["moveto", &format!("{site}new/deep/up \u{142}.bin"), &format!("{site}full name.bin")]);
    run(&["sync", "here", &format!("{site}mirror")]);
    run(&["check", "--size-only", "here", &format!("{site}mirror")]);
    assert_ne!(run(&["cat", "--offset", "10", "--count", "5", &format!("{site}full name.bin")]), "");
    run(&["purge", &format!("{site}mirror")]);
    run(&["deletefile", &format!("{site}full name.bin")]);
    assert_eq!(server.names(), ["d/", &format!("d/{NAME}"), "new/", "new/deep/"]);
}
